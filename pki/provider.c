/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The tables by which OpenSSL finds the built-in provider's algorithms.
 *
 * A provider that is built in shares libcrypto with its library context, so that the context itself
 * serves as the provider's own (provider-base(7), core_get_libctx). Nothing here is ever written
 * after start; any thread reads. */
#include "pki/provider.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

static const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTIES, provider_rsa_key_functions,
     "RSA keys behind the signer"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROVIDER_PROPERTIES, provider_ec_key_functions,
     "EC keys behind the signer"},
    {"ED25519:1.3.101.112", PROVIDER_PROPERTIES, provider_ed25519_key_functions,
     "Ed25519 keys behind the signer"},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTIES, provider_signature_functions,
     "RSA signatures by the signer"},
    {"ECDSA", PROVIDER_PROPERTIES, provider_signature_functions, "ECDSA signatures by the signer"},
    {"ED25519:1.3.101.112", PROVIDER_PROPERTIES, provider_signature_functions,
     "Ed25519 signatures by the signer"},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query_operation(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return key_algorithms;
    if (operation == OSSL_OP_SIGNATURE)
        return signature_algorithms;
    return NULL;
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0), OSSL_PARAM_END};
    (void)provider;
    return gettable;
}

static int get_params(void *provider, OSSL_PARAM params[])
{
    (void)provider;
    OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return (!name || OSSL_PARAM_set_utf8_ptr(name, "Postern")) &&
           (!status || OSSL_PARAM_set_int(status, 1));
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {0, NULL}};

int provider_initialize(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                        const OSSL_DISPATCH **out, void **provider)
{
    OSSL_FUNC_core_get_libctx_fn *get_context = NULL;
    for (; in->function_id; in++)
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            get_context = OSSL_FUNC_core_get_libctx(in);
    if (!get_context)
        return 0;
    *provider = get_context(handle);
    *out = provider_functions;
    return *provider != NULL;
}
