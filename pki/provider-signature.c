/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of the built-in provider: from OpenSSL's parameters to an enum pki_algorithm.
 *
 * TLS asks for the whole in one call (EVP_DigestSign): the message is hashed here by the default
 * provider, and the digest goes to the key; Ed25519 takes the message as it is. What the list of
 * algorithms does not have (RSA with SHA-1 alone, another salt length) is refused at once, so that
 * TLS looks for something else. That what is for TLS 1.0 and 1.1 is not asked for in a later
 * version is seen to by identity-tls.c. A context belongs to one thread at a time. */
#include "pki/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <string.h>

enum digest {
    DIGEST_NONE,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_MD5_SHA1,
    DIGEST_SHA1
};

static const struct {
    const char *name; /* for OpenSSL */
    int size;         /* bytes */
    enum pki_algorithm pkcs1, pss, ecdsa;
} digests[] = {
    [DIGEST_NONE] = {"", 0, 0, 0, 0},
    [DIGEST_SHA256] = {"SHA256", 32, PKI_RSA_PKCS1_SHA256, PKI_RSA_PSS_SHA256, PKI_ECDSA_SHA256},
    [DIGEST_SHA384] = {"SHA384", 48, PKI_RSA_PKCS1_SHA384, PKI_RSA_PSS_SHA384, PKI_ECDSA_SHA384},
    [DIGEST_SHA512] = {"SHA512", 64, PKI_RSA_PKCS1_SHA512, PKI_RSA_PSS_SHA512, PKI_ECDSA_SHA512},
    [DIGEST_MD5_SHA1] = {"MD5-SHA1", 36, PKI_RSA_PKCS1_MD5_SHA1, 0, 0},
    [DIGEST_SHA1] = {"SHA1", 20, 0, 0, PKI_ECDSA_SHA1},
};

/* OpenSSL has several names for each. */
static const struct {
    const char *name;
    enum digest digest;
} digest_names[] = {
    {"SHA256", DIGEST_SHA256},     {"SHA2-256", DIGEST_SHA256}, {"SHA-256", DIGEST_SHA256},
    {"SHA384", DIGEST_SHA384},     {"SHA2-384", DIGEST_SHA384}, {"SHA-384", DIGEST_SHA384},
    {"SHA512", DIGEST_SHA512},     {"SHA2-512", DIGEST_SHA512}, {"SHA-512", DIGEST_SHA512},
    {"MD5-SHA1", DIGEST_MD5_SHA1}, {"SHA1", DIGEST_SHA1},       {"SHA-1", DIGEST_SHA1},
};

enum { SALT_UNKNOWN = -100 };

struct signature {
    OSSL_LIB_CTX *context;    /* borrowed */
    struct provider_key *key; /* counted */
    enum digest digest;
    int padding; /* RSA_PKCS1_PADDING or RSA_PKCS1_PSS_PADDING */
    int salt;    /* RSA_PSS_SALTLEN_DIGEST or bytes */
};

static void *signature_new(void *context, const char *properties)
{
    (void)properties;
    struct signature *signature = calloc(1, sizeof *signature);
    if (signature)
        signature->context = context;
    return signature;
}

static void signature_free(void *data)
{
    struct signature *signature = data;
    if (signature)
        provider_key_unref(signature->key);
    free(signature);
}

static void *signature_dup(void *data)
{
    const struct signature *from = data;
    struct signature *signature = malloc(sizeof *signature);
    if (!signature)
        return NULL;
    *signature = *from;
    if (signature->key)
        provider_key_ref(signature->key);
    return signature;
}

/* DIGEST_NONE: not one of ours. No failure is kept for the administrator here: TLS probes what the
 * key can do, and goes on with something else. */
static enum digest find_digest(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(digest_names); i++)
        if (strcasecmp(name, digest_names[i].name) == 0)
            return digest_names[i].digest;
    return DIGEST_NONE;
}

/* False: a key of this type makes no signature over this digest. */
static bool set_digest(struct signature *signature, const char *name)
{
    enum digest digest = find_digest(name);
    signature->digest = digest;
    switch (signature->key->type) {
    case PROVIDER_RSA:
        return digests[digest].pkcs1 || digests[digest].pss;
    case PROVIDER_EC:
        return digests[digest].ecdsa;
    default:
        return false;
    }
}

static int take_digest(struct signature *signature, const OSSL_PARAM *param)
{
    const char *name;
    return signature->key && OSSL_PARAM_get_utf8_string_ptr(param, &name) &&
           set_digest(signature, name);
}

/* MGF1 with the signature's own digest is all there is. */
static int check_mgf1(const struct signature *signature, const OSSL_PARAM *param)
{
    const char *name;
    return OSSL_PARAM_get_utf8_string_ptr(param, &name) && signature->digest != DIGEST_NONE &&
           find_digest(name) == signature->digest;
}

static int take_padding(struct signature *signature, const OSSL_PARAM *param)
{
    int padding = 0;
    const char *name;
    if (param->data_type == OSSL_PARAM_UTF8_STRING) {
        if (!OSSL_PARAM_get_utf8_string_ptr(param, &name))
            return 0;
        if (strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
            padding = RSA_PKCS1_PADDING;
        else if (strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
            padding = RSA_PKCS1_PSS_PADDING;
    } else if (!OSSL_PARAM_get_int(param, &padding)) {
        return 0;
    }
    signature->padding = padding;
    return padding == RSA_PKCS1_PADDING || padding == RSA_PKCS1_PSS_PADDING;
}

static int take_salt(struct signature *signature, const OSSL_PARAM *param)
{
    const char *text;
    if (param->data_type != OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_get_int(param, &signature->salt);
    if (!OSSL_PARAM_get_utf8_string_ptr(param, &text))
        return 0;
    if (strcmp(text, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0) {
        signature->salt = RSA_PSS_SALTLEN_DIGEST;
        return 1;
    }
    char *end;
    long salt = strtol(text, &end, 10);
    signature->salt = *text && !*end && salt >= 0 && salt <= 64 ? (int)salt : SALT_UNKNOWN;
    return 1;
}

static int signature_set_params(void *data, const OSSL_PARAM params[])
{
    struct signature *signature = data;
    const OSSL_PARAM *param;
    if (!params)
        return 1;
    if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) &&
        !take_padding(signature, param))
        return 0;
    if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) &&
        !take_salt(signature, param))
        return 0;
    if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST)) &&
        !take_digest(signature, param))
        return 0;
    param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
    return !param || check_mgf1(signature, param);
}

static const OSSL_PARAM *signature_settable_params(void *data, void *provider)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), OSSL_PARAM_END};
    (void)data, (void)provider;
    return settable;
}

static int signature_get_params(void *data, OSSL_PARAM params[])
{
    const struct signature *signature = data;
    OSSL_PARAM *digest = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    OSSL_PARAM *padding = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    return (!digest || OSSL_PARAM_set_utf8_string(digest, digests[signature->digest].name)) &&
           (!padding || OSSL_PARAM_set_int(padding, signature->padding));
}

static const OSSL_PARAM *signature_gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL), OSSL_PARAM_END};
    (void)data, (void)provider;
    return gettable;
}

static int digest_sign_init(void *data, const char *digest, void *key_data,
                            const OSSL_PARAM params[])
{
    struct signature *signature = data;
    struct provider_key *key = key_data;
    if (key) {
        provider_key_ref(key);
        provider_key_unref(signature->key);
        signature->key = key;
    }
    if (!signature->key || !signature->key->key)
        return 0;
    signature->digest = DIGEST_NONE;
    signature->padding = RSA_PKCS1_PADDING;
    signature->salt = RSA_PSS_SALTLEN_DIGEST;
    bool named = digest && *digest;
    if (signature->key->type == PROVIDER_ED25519)
        return !named && signature_set_params(signature, params);
    return set_digest(signature, named ? digest : "SHA256") &&
           signature_set_params(signature, params);
}

/* 0: no such algorithm. */
static enum pki_algorithm choose_algorithm(const struct signature *signature)
{
    enum digest digest = signature->digest;
    if (signature->key->type == PROVIDER_ED25519)
        return digest == DIGEST_NONE ? PKI_ED25519 : 0;
    if (signature->key->type == PROVIDER_EC)
        return digests[digest].ecdsa;
    if (signature->padding == RSA_PKCS1_PADDING)
        return digests[digest].pkcs1;
    if (signature->salt == RSA_PSS_SALTLEN_DIGEST || signature->salt == digests[digest].size)
        return digests[digest].pss;
    return 0;
}

static int sign_message(struct signature *signature, enum pki_algorithm algorithm,
                        unsigned char *bytes, size_t *length, const unsigned char *message,
                        size_t message_length)
{
    struct pki_key *key = signature->key->key;
    if (algorithm == PKI_ED25519) {
        if (message_length > PKI_MESSAGE_MAXIMUM)
            return provider_fail(EX_DATAERR,
                                 "An Ed25519 signature over %zu bytes was wanted; %d are the most",
                                 message_length, PKI_MESSAGE_MAXIMUM);
        return provider_sign(key, algorithm, message, message_length, bytes, length);
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t digest_length = 0;
    if (!EVP_Q_digest(signature->context, digests[signature->digest].name, NULL, message,
                      message_length, digest, &digest_length))
        return provider_fail(EX_SOFTWARE, "The digest %s could not be computed",
                             digests[signature->digest].name);
    return provider_sign(key, algorithm, digest, digest_length, bytes, length);
}

static int digest_sign(void *data, unsigned char *bytes, size_t *length, size_t size,
                       const unsigned char *message, size_t message_length)
{
    struct signature *signature = data;
    if (!signature->key || !signature->key->key)
        return provider_fail(EX_SOFTWARE, "A signature was wanted of a key without private half");
    int needed = EVP_PKEY_get_size(signature->key->public_key);
    if (needed <= 0 || needed > PKI_SIGNATURE_MAXIMUM)
        return provider_fail(EX_CONFIG, "The key makes signatures of %d bytes; %d are the most",
                             needed, PKI_SIGNATURE_MAXIMUM);
    if (!bytes) {
        *length = (size_t)needed;
        return 1;
    }
    enum pki_algorithm algorithm = choose_algorithm(signature);
    if (!algorithm)
        return provider_fail(EX_UNAVAILABLE,
                             "A kind of signature was wanted that Postern does not make");
    if (size < (size_t)needed)
        return provider_fail(EX_SOFTWARE, "There is no room for the signature");
    *length = size;
    return sign_message(signature, algorithm, bytes, length, message, message_length);
}

const OSSL_DISPATCH provider_signature_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))signature_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))signature_free},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))signature_dup},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))digest_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))signature_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))signature_settable_params},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))signature_get_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))signature_gettable_params},
    {0, NULL}};
