/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See key.h: counting, and the table of algorithms that both processes read. */
#include "pki/key.h"

#include <openssl/core_names.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct pki_algorithm_info algorithms[PKI_ALGORITHM_END] = {
    [PKI_RSA_PKCS1_SHA256] = {"rsa_pkcs1_sha256", PKI_SCHEME_RSA_PKCS1, "SHA256", 32, false},
    [PKI_RSA_PKCS1_SHA384] = {"rsa_pkcs1_sha384", PKI_SCHEME_RSA_PKCS1, "SHA384", 48, false},
    [PKI_RSA_PKCS1_SHA512] = {"rsa_pkcs1_sha512", PKI_SCHEME_RSA_PKCS1, "SHA512", 64, false},
    [PKI_RSA_PSS_SHA256] = {"rsa_pss_rsae_sha256", PKI_SCHEME_RSA_PSS, "SHA256", 32, false},
    [PKI_RSA_PSS_SHA384] = {"rsa_pss_rsae_sha384", PKI_SCHEME_RSA_PSS, "SHA384", 48, false},
    [PKI_RSA_PSS_SHA512] = {"rsa_pss_rsae_sha512", PKI_SCHEME_RSA_PSS, "SHA512", 64, false},
    [PKI_ECDSA_SHA256] = {"ecdsa_sha256", PKI_SCHEME_ECDSA, "SHA256", 32, false},
    [PKI_ECDSA_SHA384] = {"ecdsa_sha384", PKI_SCHEME_ECDSA, "SHA384", 48, false},
    [PKI_ECDSA_SHA512] = {"ecdsa_sha512", PKI_SCHEME_ECDSA, "SHA512", 64, false},
    [PKI_ED25519] = {"ed25519", PKI_SCHEME_EDDSA, NULL, 0, false},
    [PKI_RSA_PKCS1_MD5_SHA1] = {"rsa_pkcs1_md5_sha1", PKI_SCHEME_RSA_PKCS1, "MD5-SHA1", 36, true},
    [PKI_ECDSA_SHA1] = {"ecdsa_sha1", PKI_SCHEME_ECDSA, "SHA1", 20, true},
};

const struct pki_algorithm_info *pki_algorithm_info(enum pki_algorithm algorithm)
{
    unsigned index = algorithm;
    return index < PKI_ALGORITHM_END && algorithms[index].name ? &algorithms[index] : NULL;
}

static const struct {
    const char *type;
    uint32_t schemes; /* bit 1u << enum pki_scheme */
} types[] = {
    {"RSA", 1u << PKI_SCHEME_RSA_PKCS1 | 1u << PKI_SCHEME_RSA_PSS},
    {"EC", 1u << PKI_SCHEME_ECDSA},
    {"ED25519", 1u << PKI_SCHEME_EDDSA},
};

uint32_t pki_algorithms_of(const EVP_PKEY *public_key)
{
    uint32_t found = 0, schemes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (EVP_PKEY_is_a(public_key, types[i].type))
            schemes = types[i].schemes;
    for (unsigned i = 1; i < PKI_ALGORITHM_END; i++)
        if (schemes & 1u << algorithms[i].scheme)
            found |= 1u << i;
    return found;
}

const char *pki_algorithms_text(uint32_t set, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 1; i < PKI_ALGORITHM_END && used < size; i++)
        if (set & 1u << i)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
                                     algorithms[i].name);
    return text;
}

/* NIST's names for curves are those that administrators type. */
static const char *curve_name(const char *group)
{
    static const char *const names[][2] = {
        {"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(group, names[i][0]) == 0)
            return names[i][1];
    return group;
}

const char *pki_key_type_text(const EVP_PKEY *public_key, char *text, size_t size)
{
    char group[64];
    if (EVP_PKEY_is_a(public_key, "RSA"))
        snprintf(text, size, "RSA %d", EVP_PKEY_get_bits(public_key));
    else if (EVP_PKEY_is_a(public_key, "ED25519"))
        snprintf(text, size, "Ed25519");
    else if (EVP_PKEY_is_a(public_key, "EC") &&
             EVP_PKEY_get_utf8_string_param(public_key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                            sizeof group, NULL))
        snprintf(text, size, "EC %s", curve_name(group));
    else
        snprintf(text, size, "another type");
    return text;
}

static const char *const type_names[PKI_KEY_TYPE_END] = {
    [PKI_KEY_RSA_2048] = "rsa:2048", [PKI_KEY_RSA_3072] = "rsa:3072",
    [PKI_KEY_RSA_4096] = "rsa:4096", [PKI_KEY_EC_P256] = "ec:p256",
    [PKI_KEY_EC_P384] = "ec:p384",   [PKI_KEY_ED25519] = "ed25519",
};

const char *pki_key_type_name(enum pki_key_type type)
{
    unsigned index = type;
    return index < PKI_KEY_TYPE_END && type_names[index] ? type_names[index] : "unknown";
}

enum pki_key_type pki_key_type_by_name(const char *name)
{
    for (unsigned i = 1; i < PKI_KEY_TYPE_END; i++)
        if (strcasecmp(name, type_names[i]) == 0)
            return i;
    return 0;
}

enum pki_key_type pki_key_type_like(const EVP_PKEY *public_key)
{
    static const struct {
        const char *text;
        enum pki_key_type type;
    } like[] = {
        {"EC P-256", PKI_KEY_EC_P256}, {"EC P-384", PKI_KEY_EC_P384}, {"Ed25519", PKI_KEY_ED25519}};
    char text[64];
    if (EVP_PKEY_is_a(public_key, "RSA"))
        return EVP_PKEY_get_bits(public_key) > 3072 ? PKI_KEY_RSA_4096 : PKI_KEY_RSA_3072;
    pki_key_type_text(public_key, text, sizeof text);
    for (size_t i = 0; i < ARRAY_SIZE(like); i++)
        if (strcmp(text, like[i].text) == 0)
            return like[i].type;
    return 0;
}

void pki_key_retry(struct pki_key *key)
{
    if (key->operations->retry)
        key->operations->retry(key);
}

struct pki_key *pki_key_ref(struct pki_key *key)
{
    __atomic_add_fetch(&key->references, 1, __ATOMIC_RELAXED);
    return key;
}

struct pki_key *pki_key_unref(struct pki_key *key)
{
    if (key && __atomic_sub_fetch(&key->references, 1, __ATOMIC_ACQ_REL) == 0)
        key->operations->free(key);
    return NULL;
}
