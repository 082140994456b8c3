/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See library.h. The order is what makes it work: the default provider first, then the built-in
 * one, then the default properties. Without these, TLS 1.2 would look for its own algorithms in the
 * built-in provider too, and find "no shared cipher". */
#include "pki/library.h"

#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdio.h>

#include "pki/provider.h"

struct pki_library {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *standard, *postern;
};

static _Thread_local struct error last_error;
static _Thread_local bool failed;
static bool (*wait_before)(void);
static void (*wait_after)(void);

/* OpenSSL's own words for the newest thing that went wrong on this thread. */
static const char *openssl_reason(char *text, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(text, size, "%s", reason ? reason : "no reason given");
    ERR_clear_error();
    return text;
}

static int load_providers(struct pki_library *library)
{
    library->context = OSSL_LIB_CTX_new();
    if (!library->context)
        return 0;
    library->standard = OSSL_PROVIDER_load(library->context, "default");
    if (!library->standard ||
        !OSSL_PROVIDER_add_builtin(library->context, PROVIDER_NAME, provider_initialize))
        return 0;
    library->postern = OSSL_PROVIDER_load(library->context, PROVIDER_NAME);
    return library->postern &&
           EVP_set_default_properties(library->context, "?provider!=" PROVIDER_NAME);
}

int pki_library_new(struct pki_library **ret, struct error *error)
{
    char reason[128];
    _cleanup_(pki_library_freep) struct pki_library *library = calloc(1, sizeof *library);
    if (!library)
        return error_set(error, EX_OSERR, "There is no memory for the TLS library");
    if (!load_providers(library)) {
        error_set(error, EX_UNAVAILABLE, "OpenSSL does not start: %s",
                  openssl_reason(reason, sizeof reason));
        return error_cure(error, "\"openssl list -providers\" shows whether OpenSSL's default "
                                 "provider can be loaded");
    }
    *ret = TAKE_PTR(library);
    return 0;
}

struct pki_library *pki_library_free(struct pki_library *library)
{
    if (!library)
        return NULL;
    if (library->postern)
        OSSL_PROVIDER_unload(library->postern);
    if (library->standard)
        OSSL_PROVIDER_unload(library->standard);
    OSSL_LIB_CTX_free(library->context);
    free(library);
    return NULL;
}

OSSL_LIB_CTX *pki_library_context(struct pki_library *library)
{
    return library->context;
}

/* The name that both OpenSSL and the built-in provider have for the type, or NULL. */
static const char *key_type(const EVP_PKEY *key)
{
    static const char *const types[] = {"RSA", "EC", "ED25519"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (EVP_PKEY_is_a(key, types[i]))
            return types[i];
    return NULL;
}

int pki_library_private_key(struct pki_library *library, EVP_PKEY *public_key, struct pki_key *key,
                            EVP_PKEY **ret, struct error *error)
{
    char reason[128];
    const char *type = key_type(public_key);
    if (!type) {
        error_set(error, EX_CONFIG, "Keys of type %s cannot be used",
                  EVP_PKEY_get0_type_name(public_key));
        return error_cure(error, "use a certificate for an RSA, EC (P-256, P-384) or Ed25519 key");
    }
    struct provider_key_material material = {public_key, key};
    const struct provider_key_material *address = &material;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(PROVIDER_PARAM_MATERIAL, &address, sizeof address),
        OSSL_PARAM_construct_end()};
    EVP_PKEY *pair = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library->context, type, PROVIDER_PROPERTIES);
    bool made = context && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &pair, EVP_PKEY_KEYPAIR, params) == 1;
    EVP_PKEY_CTX_free(context);
    if (!made)
        return error_set(error, EX_SOFTWARE, "OpenSSL does not take the %s key: %s", type,
                         openssl_reason(reason, sizeof reason));
    *ret = pair;
    return 0;
}

const struct error *pki_library_last_error(void)
{
    return failed ? &last_error : NULL;
}

void pki_library_clear_error(void)
{
    failed = false;
}

void pki_library_set_wait_hooks(bool (*before)(void), void (*after)(void))
{
    wait_before = before;
    wait_after = after;
}

/* Also leaves a trace in OpenSSL's own queue, so that the handshake ends with SSL_ERROR_SSL. */
static int keep_failure(void)
{
    failed = true;
    ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "%s", last_error.what);
    return 0;
}

int provider_fail(int code, const char *format, ...)
{
    char what[sizeof last_error.what];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    error_set(&last_error, code, "%s", what);
    return keep_failure();
}

/* False: too many wait already. */
static bool begin_wait(struct pki_key *key)
{
    if (__atomic_add_fetch(&key->waiting, 1, __ATOMIC_RELAXED) <= PKI_KEY_WAITING_MAXIMUM &&
        (!wait_before || wait_before()))
        return true;
    __atomic_sub_fetch(&key->waiting, 1, __ATOMIC_RELAXED);
    error_set(&last_error, EX_TEMPFAIL, "As many handshakes as may wait for a signature already");
    error_cure(&last_error, "see with posternctl hsm status how long the token takes; let it do "
                            "more at a time with Sessions, if it can");
    return false;
}

static void end_wait(struct pki_key *key)
{
    if (wait_after)
        wait_after();
    __atomic_sub_fetch(&key->waiting, 1, __ATOMIC_RELAXED);
}

int provider_sign(struct pki_key *key, enum pki_algorithm algorithm, const uint8_t *data,
                  size_t data_length, uint8_t *signature, size_t *length)
{
    size_t room = *length;
    failed = false;
    if (!begin_wait(key))
        return keep_failure();
    int result =
        key->operations->sign(key, algorithm, data, data_length, signature, length, &last_error);
    end_wait(key);
    if (result < 0)
        return keep_failure();
    if (*length == 0 || *length > room)
        return provider_fail(EX_SOFTWARE,
                             "The key made a signature of %zu bytes where %zu were room", *length,
                             room);
    return 1;
}
