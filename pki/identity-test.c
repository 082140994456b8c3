/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The self-test before a switch: the key signs, and the certificate verifies. The signer has
 * verified with what it was told; this is done once more here, with what will be presented. Any
 * thread. */
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "pki/identity-private.h"

enum { DATA_LENGTH = 64 };

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* What TLS would like best of what was proved; without that, of what the key's type can. */
static enum pki_algorithm choose_algorithm(const struct pki_version *version)
{
    static const enum pki_algorithm preferred[] = {PKI_RSA_PSS_SHA256, PKI_ECDSA_SHA256,
                                                   PKI_ECDSA_SHA384,   PKI_ECDSA_SHA512,
                                                   PKI_ED25519,        PKI_RSA_PKCS1_SHA256};
    uint32_t proved = pki_key_algorithms(version->key);
    if (!proved)
        proved = pki_algorithms_of(X509_get0_pubkey(version->chain.leaf));
    for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
        if (proved & 1u << preferred[i])
            return preferred[i];
    return PKI_RSA_PKCS1_SHA256;
}

/* In OpenSSL's own context, away from the provider that made the signature. */
static EVP_PKEY *copy_public_key(X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
    const unsigned char *at = der;
    EVP_PKEY *key = length > 0 ? d2i_PUBKEY(NULL, &at, length) : NULL;
    OPENSSL_free(der);
    return key;
}

static bool verifies_digest(EVP_PKEY *key, const struct pki_algorithm_info *info,
                            const uint8_t *data, size_t size, const uint8_t *signature,
                            size_t length)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool pss = info->scheme == PKI_SCHEME_RSA_PSS;
    return context && EVP_PKEY_verify_init(context) == 1 &&
           (info->scheme == PKI_SCHEME_ECDSA ||
            EVP_PKEY_CTX_set_rsa_padding(context,
                                         pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1) &&
           (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1) &&
           EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(info->digest)) == 1 &&
           EVP_PKEY_verify(context, signature, length, data, size) == 1;
}

static bool verifies(X509 *certificate, const struct pki_algorithm_info *info, const uint8_t *data,
                     size_t size, const uint8_t *signature, size_t length)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = copy_public_key(certificate);
    if (!key)
        return false;
    if (info->digest)
        return verifies_digest(key, info, data, size, signature, length);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature, length, data, size) == 1;
}

static int test_version(const struct pki_version *version, struct error *error)
{
    const struct pki_algorithm_info *info = pki_algorithm_info(choose_algorithm(version));
    uint8_t data[DATA_LENGTH], signature[PKI_SIGNATURE_MAXIMUM];
    size_t size = info->digest_length ? info->digest_length : sizeof data;
    size_t length = sizeof signature;
    if (RAND_bytes(data, (int)size) != 1)
        return error_set(error, EX_TEMPFAIL, "There are no random bytes to sign");
    int result = version->key->operations->sign(version->key, choose_algorithm(version), data, size,
                                                signature, &length, error);
    if (result < 0)
        return result;
    bool verified = verifies(version->chain.leaf, info, data, size, signature, length);
    ERR_clear_error();
    if (verified)
        return 0;
    error_set(error, EX_CONFIG, "A signature of the key does not verify with the certificate (%s)",
              info->name);
    return error_cure(error, "see that the key is the one that the certificate was issued for: "
                             "posternctl hsm list");
}

int pki_identity_self_test(const struct pki_identity *identity, struct error *error)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    int result = test_version(version, error);
    return result < 0 ? error_where(error, "%s", identity->name) : 0;
}
