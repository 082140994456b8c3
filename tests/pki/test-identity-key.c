/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test-identity-key.h. */
#include "tests/pki/test-identity-key.h"

#include <check.h>
#include <openssl/rsa.h>
#include <stdlib.h>

static unsigned alive;

static const EVP_MD *digest_of(enum pki_algorithm algorithm)
{
    switch (algorithm) {
    case PKI_RSA_PKCS1_SHA256:
    case PKI_RSA_PSS_SHA256:
    case PKI_ECDSA_SHA256:
        return EVP_sha256();
    case PKI_RSA_PKCS1_SHA384:
    case PKI_RSA_PSS_SHA384:
    case PKI_ECDSA_SHA384:
        return EVP_sha384();
    case PKI_RSA_PKCS1_MD5_SHA1:
        return EVP_md5_sha1();
    case PKI_ECDSA_SHA1:
        return EVP_sha1();
    default:
        return EVP_sha512();
    }
}

static bool sign_digest(EVP_PKEY *key, enum pki_algorithm algorithm, const uint8_t *data,
                        size_t data_length, uint8_t *signature, size_t *length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool done = context && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, digest_of(algorithm)) == 1;
    if (done && algorithm >= PKI_RSA_PSS_SHA256 && algorithm <= PKI_RSA_PSS_SHA512)
        done = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    done = done && EVP_PKEY_sign(context, signature, length, data, data_length) == 1;
    EVP_PKEY_CTX_free(context);
    return done;
}

static bool sign_message(EVP_PKEY *key, const uint8_t *data, size_t data_length, uint8_t *signature,
                         size_t *length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, length, data, data_length) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static int sign(struct pki_key *key, enum pki_algorithm algorithm, const uint8_t *data,
                size_t data_length, uint8_t *signature, size_t *length, struct error *error)
{
    struct test_signing_key *own = (struct test_signing_key *)key;
    if (own->failing) {
        error_set(error, EX_TEMPFAIL, TEST_FAILURE);
        return error_cure(error, "\"posternctl hsm status\" shows the token");
    }
    __atomic_store_n(&own->last, algorithm, __ATOMIC_RELAXED);
    __atomic_add_fetch(&own->signatures, 1, __ATOMIC_RELAXED);
    bool done =
        algorithm == PKI_ED25519
            ? sign_message(own->private_key, data, data_length, signature, length)
            : sign_digest(own->private_key, algorithm, data, data_length, signature, length);
    return done ? 0 : error_set(error, EX_SOFTWARE, "The test's key cannot sign");
}

static void free_key(struct pki_key *key)
{
    __atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
    free(key);
}

static const struct pki_key_operations operations = {.sign = sign, .free = free_key};

struct test_signing_key *test_signing_key(enum test_key which)
{
    struct test_signing_key *key = calloc(1, sizeof *key);
    ck_assert_ptr_nonnull(key);
    key->key = (struct pki_key){.operations = &operations,
                                .references = 1,
                                .algorithms = pki_algorithms_of(test_key(which))};
    key->private_key = test_key(which);
    __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
    return key;
}

unsigned test_signing_keys_alive(void)
{
    return __atomic_load_n(&alive, __ATOMIC_RELAXED);
}
