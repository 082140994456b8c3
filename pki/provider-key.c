/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Key management of the built-in provider: a public key of OpenSSL's own, and a handle to the rest.
 *
 * Whatever concerns the public half is passed on to the EVP_PKEY from the certificate, which
 * belongs to the default provider. The private half can be neither exported nor imported: a request
 * for it must fail, or OpenSSL would try to sign with half a key in the default provider. Any
 * thread. */
#include "pki/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

static const char *const type_names[] = {
    [PROVIDER_RSA] = "RSA", [PROVIDER_EC] = "EC", [PROVIDER_ED25519] = "ED25519"};

struct provider_key *provider_key_ref(struct provider_key *key)
{
    __atomic_add_fetch(&key->references, 1, __ATOMIC_RELAXED);
    return key;
}

struct provider_key *provider_key_unref(struct provider_key *key)
{
    if (!key || __atomic_sub_fetch(&key->references, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    EVP_PKEY_free(key->public_key);
    pki_key_unref(key->key);
    free(key);
    return NULL;
}

static void *key_new(OSSL_LIB_CTX *context, enum provider_key_type type)
{
    struct provider_key *key = calloc(1, sizeof *key);
    if (!key)
        return NULL;
    key->references = 1;
    key->type = type;
    key->context = context;
    return key;
}

static void *rsa_new(void *context)
{
    return key_new(context, PROVIDER_RSA);
}

static void *ec_new(void *context)
{
    return key_new(context, PROVIDER_EC);
}

static void *ed25519_new(void *context)
{
    return key_new(context, PROVIDER_ED25519);
}

static void key_free(void *data)
{
    provider_key_unref(data);
}

static void *key_dup(const void *data, int selection)
{
    const struct provider_key *from = data;
    struct provider_key *key = key_new(from->context, from->type);
    if (!key || !from->public_key)
        return key;
    if (!EVP_PKEY_up_ref(from->public_key))
        return provider_key_unref(key);
    key->public_key = from->public_key;
    if (from->key && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
        key->key = pki_key_ref(from->key);
    return key;
}

static int key_has(const void *data, int selection)
{
    const struct provider_key *key = data;
    if (!key)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !key->key)
        return 0;
    return !(selection & ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->public_key != NULL;
}

static int key_match(const void *one, const void *other, int selection)
{
    const struct provider_key *a = one, *b = other;
    if (!a || !b || a->type != b->type || !a->public_key || !b->public_key)
        return 0;
    if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
        return EVP_PKEY_eq(a->public_key, b->public_key) == 1;
    return EVP_PKEY_parameters_eq(a->public_key, b->public_key) == 1;
}

/* The way in for library.c. The type was checked there, and is again. */
static int take_material(struct provider_key *key, const OSSL_PARAM *param)
{
    const struct provider_key_material *material;
    if (param->data_type != OSSL_PARAM_OCTET_STRING || param->data_size != sizeof material)
        return 0;
    memcpy(&material, param->data, sizeof material);
    if (!EVP_PKEY_is_a(material->public_key, type_names[key->type]) ||
        !EVP_PKEY_up_ref(material->public_key))
        return 0;
    key->public_key = material->public_key;
    key->key = pki_key_ref(material->key);
    return 1;
}

/* A public key that OpenSSL brings, to compare it with one of ours: the default provider reads it.
 */
static int import_public(struct provider_key *key, int selection, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(key->context, type_names[key->type], "provider!=" PROVIDER_NAME);
    int done = context && EVP_PKEY_fromdata_init(context) == 1 &&
               EVP_PKEY_fromdata(context, &key->public_key, selection, (OSSL_PARAM *)params) == 1;
    EVP_PKEY_CTX_free(context);
    return done;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct provider_key *key = data;
    if (!key || key->public_key)
        return 0; /* filled once, then immutable: another thread may read it */
    const OSSL_PARAM *material = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_MATERIAL);
    if (material)
        return take_material(key, material);
    return import_public(key, selection & ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY, params);
}

struct export
{
    OSSL_CALLBACK *callback;
    void *argument;
};

static int pass_on(const OSSL_PARAM params[], void *argument)
{
    const struct export *export = argument;
    return export->callback(params, export->argument);
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument)
{
    const struct provider_key *key = data;
    if (!key || !key->public_key || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
        return 0;
    struct export export = {callback, argument};
    return EVP_PKEY_export(key->public_key, selection, pass_on, &export);
}

/* One list for every type: the default provider, which does the reading, takes what is its own. */
static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(PROVIDER_PARAM_MATERIAL, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                       OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_END};
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) ? types : NULL;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct provider_key *key = data;
    return key && key->public_key && EVP_PKEY_get_params(key->public_key, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END};
    (void)provider;
    return gettable;
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : operation == OSSL_OP_KEYEXCH ? "ECDH" : "EC";
}

static const char *ed25519_operation(int operation)
{
    (void)operation;
    return "ED25519";
}

#define KEY_FUNCTIONS(type)                                                                        \
    const OSSL_DISPATCH provider_##type##_key_functions[] = {                                      \
        {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))type##_new},                                       \
        {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},                                        \
        {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))key_dup},                                          \
        {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},                                          \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},                                      \
        {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},                                    \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_types},                               \
        {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},                                    \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_types},                               \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},                            \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable_params},                  \
        {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))type##_operation},                \
        {0, NULL}}

KEY_FUNCTIONS(rsa);
KEY_FUNCTIONS(ec);
KEY_FUNCTIONS(ed25519);
