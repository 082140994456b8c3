/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The provider by itself: what of a key can be seen, what can be signed, and what cannot. */
#include <check.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "pki/library.h"
#include "pki/provider.h"
#include "tests/pki/test-identity-key.h"
#include "tests/suite.h"

static struct pki_library *library;

static void setup(void)
{
    struct error error;
    ck_assert_msg(pki_library_new(&library, &error) == 0, "%s", error.what);
}

static void teardown(void)
{
    library = pki_library_free(library);
    ck_assert_uint_eq(test_signing_keys_alive(), 0);
}

/* The public half alone, as a certificate would have it. */
static EVP_PKEY *public_half(enum test_key which)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(test_key(which), &der);
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, length);
    OPENSSL_free(der);
    ck_assert_ptr_nonnull(key);
    return key;
}

static EVP_PKEY *make_pair(struct test_signing_key *key, EVP_PKEY *public_key)
{
    struct error error;
    EVP_PKEY *pair = NULL;
    int result = pki_library_private_key(library, public_key, &key->key, &pair, &error);
    ck_assert_msg(result == 0, "%s", error.what);
    return pair;
}

static EVP_PKEY *pair_of(enum test_key which, struct test_signing_key **ret)
{
    EVP_PKEY *public_key = public_half(which);
    struct test_signing_key *key = test_signing_key(which);
    EVP_PKEY *pair = make_pair(key, public_key);
    EVP_PKEY_free(public_key);
    if (ret)
        *ret = key;
    pki_key_unref(&key->key); /* the pair holds it */
    return pair;
}

static const struct {
    enum test_key key;
    const char *type, *digest;
    int padding;
    enum pki_algorithm algorithm; /* 0: refused */
} kinds[] = {
    {TEST_RSA, "RSA", "SHA256", RSA_PKCS1_PADDING, PKI_RSA_PKCS1_SHA256},
    {TEST_RSA, "RSA", "SHA384", RSA_PKCS1_PADDING, PKI_RSA_PKCS1_SHA384},
    {TEST_RSA, "RSA", "SHA512", RSA_PKCS1_PADDING, PKI_RSA_PKCS1_SHA512},
    {TEST_RSA, "RSA", "SHA256", RSA_PKCS1_PSS_PADDING, PKI_RSA_PSS_SHA256},
    {TEST_RSA, "RSA", "SHA384", RSA_PKCS1_PSS_PADDING, PKI_RSA_PSS_SHA384},
    {TEST_RSA, "RSA", "SHA512", RSA_PKCS1_PSS_PADDING, PKI_RSA_PSS_SHA512},
    {TEST_RSA, "RSA", "SHA1", RSA_PKCS1_PADDING, 0},
    {TEST_RSA, "RSA", "MD5-SHA1", RSA_PKCS1_PADDING, PKI_RSA_PKCS1_MD5_SHA1},
    {TEST_RSA, "RSA", "MD5-SHA1", RSA_PKCS1_PSS_PADDING, 0},
    {TEST_RSA, "RSA", "MD5", RSA_PKCS1_PADDING, 0},
    {TEST_RSA, "RSA", "SHA256", RSA_NO_PADDING, 0},
    {TEST_P256, "EC", "SHA256", 0, PKI_ECDSA_SHA256},
    {TEST_P256, "EC", "SHA1", 0, PKI_ECDSA_SHA1},
    {TEST_P256, "EC", "MD5-SHA1", 0, 0},
    {TEST_P384, "EC", "SHA384", 0, PKI_ECDSA_SHA384},
    {TEST_P384, "EC", "SHA512", 0, PKI_ECDSA_SHA512},
    {TEST_P384, "EC", "SHA1", 0, PKI_ECDSA_SHA1},
    {TEST_ED25519, "ED25519", NULL, 0, PKI_ED25519},
    {TEST_ED25519, "ED25519", "SHA512", 0, 0},
    {TEST_ED25519, "ED25519", "SHA1", 0, 0},
};

/* One-shot, as TLS does it; the length of the signature, or 0. */
static size_t sign_with(EVP_PKEY *pair, const char *digest, int padding, const char *message,
                        size_t message_length, unsigned char *signature, size_t size)
{
    EVP_PKEY_CTX *details = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = 0;
    bool done = EVP_DigestSignInit_ex(context, &details, digest, pki_library_context(library), NULL,
                                      pair, NULL) == 1;
    if (done && padding)
        done = EVP_PKEY_CTX_set_rsa_padding(details, padding) == 1;
    if (done && padding == RSA_PKCS1_PSS_PADDING)
        done = EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) == 1;
    const unsigned char *bytes = (const unsigned char *)message;
    done = done && EVP_DigestSign(context, NULL, &length, bytes, message_length) == 1 &&
           length <= size &&
           EVP_DigestSign(context, signature, &length, bytes, message_length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return done ? length : 0;
}

static bool verify_with(EVP_PKEY *key, const char *digest, int padding, const char *message,
                        const unsigned char *signature, size_t length)
{
    EVP_PKEY_CTX *details = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = EVP_DigestVerifyInit_ex(context, &details, digest, NULL, NULL, key, NULL) == 1;
    if (done && padding)
        done = EVP_PKEY_CTX_set_rsa_padding(details, padding) == 1;
    done = done && EVP_DigestVerify(context, signature, length, (const unsigned char *)message,
                                    strlen(message)) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

START_TEST(what_is_signed_verifies_with_the_public_half)
{
    static const char message[] = "to be signed";
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    struct test_signing_key *key;
    EVP_PKEY *public_key = public_half(kinds[_i].key), *pair = pair_of(kinds[_i].key, &key);
    size_t length = sign_with(pair, kinds[_i].digest, kinds[_i].padding, message, strlen(message),
                              signature, sizeof signature);
    if (kinds[_i].algorithm) {
        ck_assert_int_eq(key->last, kinds[_i].algorithm);
        ck_assert(verify_with(public_key, kinds[_i].digest, kinds[_i].padding, message, signature,
                              length));
    } else {
        ck_assert_uint_eq(length, 0);
        ck_assert_uint_eq(key->signatures, 0);
    }
    EVP_PKEY_free(pair);
    EVP_PKEY_free(public_key);
}
END_TEST

START_TEST(the_public_half_is_visible_and_the_private_half_is_not)
{
    EVP_PKEY *public_key = public_half(kinds[_i].key), *pair = pair_of(kinds[_i].key, NULL);
    ck_assert(EVP_PKEY_is_a(pair, kinds[_i].type));
    ck_assert_int_eq(EVP_PKEY_eq(pair, public_key), 1);
    ck_assert_int_eq(EVP_PKEY_eq(public_key, pair), 1);
    ck_assert_int_eq(EVP_PKEY_get_bits(pair), EVP_PKEY_get_bits(public_key));
    ck_assert_int_eq(EVP_PKEY_get_security_bits(pair), EVP_PKEY_get_security_bits(public_key));
    ck_assert_int_eq(EVP_PKEY_get_size(pair), EVP_PKEY_get_size(public_key));
    OSSL_PARAM *params = NULL;
    ck_assert_int_eq(EVP_PKEY_todata(pair, EVP_PKEY_PUBLIC_KEY, &params), 1);
    OSSL_PARAM_free(params);
    params = NULL;
    ck_assert_int_ne(EVP_PKEY_todata(pair, EVP_PKEY_KEYPAIR, &params), 1);
    unsigned char *der = NULL;
    ck_assert_int_le(i2d_PrivateKey(pair, &der), 0);
    ck_assert_ptr_null(der);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(public_key);
}
END_TEST

START_TEST(other_keys_are_not_equal)
{
    EVP_PKEY *pair = pair_of(TEST_P256, NULL), *other = public_half(TEST_P256_OTHER);
    EVP_PKEY *rsa = public_half(TEST_RSA);
    ck_assert_int_ne(EVP_PKEY_eq(pair, other), 1);
    ck_assert_int_ne(EVP_PKEY_eq(other, pair), 1);
    ck_assert_int_ne(EVP_PKEY_eq(pair, rsa), 1);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(other_types_of_key_are_refused)
{
    struct error error;
    EVP_PKEY *pair = NULL, *ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    struct test_signing_key *key = test_signing_key(TEST_P256);
    ck_assert_int_eq(pki_library_private_key(library, ed448, &key->key, &pair, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "ED448"));
    ck_assert_str_ne(error.cure, "");
    pki_key_unref(&key->key);
    EVP_PKEY_free(ed448);
}
END_TEST

START_TEST(a_copied_signature_context_signs_too)
{
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature;
    EVP_PKEY *public_key = public_half(TEST_P256), *pair = pair_of(TEST_P256, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit_ex(context, NULL, "SHA256", pki_library_context(library),
                                           NULL, pair, NULL),
                     1);
    ck_assert_int_eq(EVP_MD_CTX_copy_ex(copy, context), 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    ck_assert_int_eq(EVP_DigestSign(copy, signature, &length, (const unsigned char *)"a", 1), 1);
    EVP_MD_CTX_free(copy);
    ck_assert(verify_with(public_key, "SHA256", 0, "a", signature, length));
    EVP_PKEY_free(public_key);
}
END_TEST

START_TEST(a_copied_key_shares_the_handle)
{
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    EVP_PKEY *pair = pair_of(TEST_P256, NULL), *copy = EVP_PKEY_dup(pair);
    ck_assert_ptr_nonnull(copy);
    EVP_PKEY_free(pair);
    ck_assert_uint_eq(test_signing_keys_alive(), 1);
    ck_assert_uint_gt(sign_with(copy, "SHA256", 0, "a", 1, signature, sizeof signature), 0);
    EVP_PKEY_free(copy);
}
END_TEST

START_TEST(another_salt_than_the_digest_s_length_is_refused)
{
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    static const int salts[] = {0, 20, RSA_PSS_SALTLEN_MAX};
    struct test_signing_key *key;
    EVP_PKEY *pair = pair_of(TEST_RSA, &key);
    for (size_t i = 0; i < ARRAY_SIZE(salts); i++) {
        size_t length = sizeof signature;
        EVP_PKEY_CTX *details;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        ck_assert_int_eq(EVP_DigestSignInit_ex(context, &details, "SHA256",
                                               pki_library_context(library), NULL, pair, NULL),
                         1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(details, salts[i]), 1);
        ck_assert_int_ne(EVP_DigestSign(context, signature, &length, (const unsigned char *)"a", 1),
                         1);
        EVP_MD_CTX_free(context);
    }
    ck_assert_uint_eq(key->signatures, 0);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(a_message_too_long_for_ed25519_is_refused_with_a_reason)
{
    static char message[PKI_MESSAGE_MAXIMUM + 1];
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    EVP_PKEY *pair = pair_of(TEST_ED25519, NULL);
    ck_assert_uint_eq(sign_with(pair, NULL, 0, message, PKI_MESSAGE_MAXIMUM, signature, 1024), 64);
    ck_assert_ptr_null(pki_library_last_error());
    ck_assert_uint_eq(sign_with(pair, NULL, 0, message, sizeof message, signature, 1024), 0);
    ck_assert_ptr_nonnull(pki_library_last_error());
    EVP_PKEY_free(pair);
}
END_TEST

static int sign_too_much(struct pki_key *key, enum pki_algorithm algorithm, const uint8_t *data,
                         size_t data_length, uint8_t *signature, size_t *length,
                         struct error *error)
{
    (void)key, (void)algorithm, (void)data, (void)data_length, (void)signature, (void)error;
    *length += 1;
    return 0;
}

static void free_nothing(struct pki_key *key)
{
    (void)key;
}

START_TEST(a_key_that_claims_too_long_a_signature_is_not_believed)
{
    static const struct pki_key_operations operations = {.sign = sign_too_much,
                                                         .free = free_nothing};
    struct pki_key key = {.operations = &operations, .references = 1, .algorithms = ~0u};
    struct error error;
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    EVP_PKEY *public_key = public_half(TEST_P256), *pair = NULL;
    ck_assert_int_eq(pki_library_private_key(library, public_key, &key, &pair, &error), 0);
    ck_assert_uint_eq(sign_with(pair, "SHA256", 0, "a", 1, signature, sizeof signature), 0);
    ck_assert_int_eq(pki_library_last_error()->code, EX_SOFTWARE);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(public_key);
}
END_TEST

START_TEST(the_last_error_is_forgotten_when_told_or_at_the_next_signature)
{
    unsigned char signature[PKI_SIGNATURE_MAXIMUM];
    struct test_signing_key *key;
    EVP_PKEY *pair = pair_of(TEST_P256, &key);
    for (unsigned told = 0; told < 2; told++) {
        key->failing = true;
        sign_with(pair, "SHA256", 0, "a", 1, signature, sizeof signature);
        ck_assert_str_eq(pki_library_last_error()->what, TEST_FAILURE);
        key->failing = false;
        if (told)
            pki_library_clear_error();
        else
            sign_with(pair, "SHA256", 0, "a", 1, signature, sizeof signature);
        ck_assert_ptr_null(pki_library_last_error());
    }
    EVP_PKEY_free(pair);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("the built-in provider");
    TCase *tests = tcase_create("provider");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_is_signed_verifies_with_the_public_half, 0, ARRAY_SIZE(kinds));
    tcase_add_loop_test(tests, the_public_half_is_visible_and_the_private_half_is_not, 0,
                        ARRAY_SIZE(kinds));
    tcase_add_test(tests, other_keys_are_not_equal);
    tcase_add_test(tests, other_types_of_key_are_refused);
    tcase_add_test(tests, a_copied_signature_context_signs_too);
    tcase_add_test(tests, a_copied_key_shares_the_handle);
    tcase_add_test(tests, another_salt_than_the_digest_s_length_is_refused);
    tcase_add_test(tests, a_message_too_long_for_ed25519_is_refused_with_a_reason);
    tcase_add_test(tests, a_key_that_claims_too_long_a_signature_is_not_believed);
    tcase_add_test(tests, the_last_error_is_forgotten_when_told_or_at_the_next_signature);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
