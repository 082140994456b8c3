/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Certificate requests, signed by every kind of key where it is: on a token, behind the signer. */
#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "pki/names.h"
#include "pki/request.h"
#include "tests/pki/test-token-setup.h"
#include "tests/suite.h"

static struct pki_library *library;
static struct error error;

static X509_REQ *read_request(const char *pem)
{
    BIO *memory = BIO_new_mem_buf(pem, -1);
    X509_REQ *request = PEM_read_bio_X509_REQ(memory, NULL, NULL, NULL);
    BIO_free(memory);
    ck_assert_ptr_nonnull(request);
    return request;
}

static void check_names(X509_REQ *request, const char *const *names, int count)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *found = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    ck_assert_int_eq(sk_GENERAL_NAME_num(found), count);
    for (int i = 0; i < count; i++)
        ck_assert_str_eq(
            (const char *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(found, i)->d.dNSName),
            names[i]);
    GENERAL_NAMES_free(found);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

START_TEST(a_key_on_the_token_signs_a_request)
{
    static const char *const names[] = {"gw.contoso.com", "*.contoso.com"};
    struct pki_request request = {.names = names, .name_count = 2, .usages = true};
    struct pki_key_source source = test_source(TEST_TOKEN, _i);
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, _i);
    X509_NAME *subject = NULL;
    EVP_PKEY *pair = NULL;
    char *pem = NULL, text[100];
    ck_assert_int_eq(pki_name_parse("CN=gw.contoso.com, O=Contoso", &subject, &error), 0);
    request.subject = subject;
    ck_assert_int_eq(pki_library_private_key(library, test_keys[_i], key, &pair, &error), 0);
    int result = pki_request_make(library, &request, pair, pki_key_algorithms(key), &pem, &error);
    ck_assert_msg(result == 0, "%s", result ? error.what : "");
    X509_REQ *made = read_request(pem);
    ck_assert_int_eq(X509_REQ_verify(made, test_keys[_i]), 1);
    ck_assert_str_eq(pki_name_text(X509_REQ_get_subject_name(made), text, sizeof text),
                     "CN=gw.contoso.com, O=Contoso");
    check_names(made, names, 2);
    X509_REQ_free(made);
    X509_NAME_free(subject);
    EVP_PKEY_free(pair);
    pki_key_unref(key);
    pki_signer_free(signer);
    free(pem);
}
END_TEST

static const struct {
    const char *name;
    size_t count;
} wrong[] = {
    {"not a name", 1}, {"", 1},           {"a..b", 1}, {"a.", 1},
    {"*", 1},          {"10.0.0.1/8", 1}, {"a", 0},    {"a", PKI_REQUEST_NAMES_MAXIMUM + 1}};

START_TEST(what_is_no_name_is_refused)
{
    const char *names[PKI_REQUEST_NAMES_MAXIMUM + 1];
    for (size_t i = 0; i < PKI_REQUEST_NAMES_MAXIMUM + 1; i++)
        names[i] = wrong[_i].name;
    const struct pki_request request = {.names = names, .name_count = wrong[_i].count};
    ck_assert_int_eq(pki_request_check(&request, &error), -EX_DATAERR);
    ck_assert(error.what[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tcase = tcase_create("request");
    test_setup();
    if (pki_library_new(&library, &error) < 0)
        return 99;
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, test_begin, NULL);
    tcase_add_loop_test(tcase, a_key_on_the_token_signs_a_request, 0, TEST_KEYS);
    tcase_add_loop_test(tcase, what_is_no_name_is_refused, 0, (int)ARRAY_SIZE(wrong));
    suite_add_tcase(suite, tcase);
    int failed = run_suite(suite);
    pki_library_free(library);
    return !test_teardown() || failed;
}
