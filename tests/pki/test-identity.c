/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Identities from files: what a chain must be, when an open key is shared, and what a missing token
 * means. */
#include "pki/identity.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "pki/identity-private.h"
#include "tests/pki/test-identity-open.h"
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

static int check_chain(X509 *const *certificates, size_t count, char *warning, size_t size,
                       struct error *error)
{
    char *path = test_write_pem(certificates, count);
    int result = pki_chain_check(path, warning, size, error);
    if (result < 0)
        ck_assert_str_eq(error->where, path);
    test_remove(path);
    return result;
}

/* Which certificates, in which order: l(eaf), i(ntermediate), r(oot), o(ther leaf). */
static const struct {
    const char *order;
    int result;
    const char *says; /* in the warning or the error; "": nothing */
} orders[] = {
    {"li", 0, ""},
    {"lir", 0, ""},
    {"l", 0, "the certificate alone"},
    {"", -EX_CONFIG, "no certificate"},
    {"il", -EX_CONFIG, "was not issued by"},
    {"lr", -EX_CONFIG, "was not issued by"},
    {"lri", -EX_CONFIG, "was not issued by"},
    {"loi", -EX_CONFIG, "was not issued by"},
    {"lirr", 0, ""},
    {"lirrrrrrrrrrrr", -EX_CONFIG, "more than 10"},
};

START_TEST(a_chain_is_in_order_from_the_leaf_up)
{
    char warning[512];
    struct error error = {.code = 0};
    struct test_chain chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct test_chain other = test_chain(TEST_P384, "CN=Other", NULL);
    X509 *all[16];
    size_t count = 0;
    for (const char *which = orders[_i].order; *which; which++)
        all[count++] = *which == 'l'   ? chain.leaf
                       : *which == 'i' ? chain.intermediate
                       : *which == 'r' ? chain.root
                                       : other.leaf;
    int result = check_chain(all, count, warning, sizeof warning, &error);
    ck_assert_msg(result == orders[_i].result, "%s: %s", orders[_i].order, error.what);
    const char *said = result < 0 ? error.what : warning;
    if (orders[_i].says[0])
        ck_assert_msg(strstr(said, orders[_i].says) != NULL, "%s: %s", orders[_i].order, said);
    else
        ck_assert_str_eq(said, "");
    ck_assert(result == 0 || error.cure[0] || strstr(error.what, "more than"));
    test_chain_clear(&chain);
    test_chain_clear(&other);
}
END_TEST

static X509 *alone(enum test_key key, long from, long to)
{
    return test_certificate(&(struct test_certificate){
        .subject = "CN=gw.contoso.com", .key = key, .from = from, .to = to});
}

static const struct {
    enum test_key key;
    long from, to;
    int result;
    const char *says;
} singles[] = {
    {TEST_P256, -60, 3600, 0, ""},
    {TEST_P256, -7200, -3600, 0, "has expired on"},
    {TEST_P256, 3600, 7200, -EX_CONFIG, "is not valid before"},
    {TEST_RSA_1024, -60, 3600, -EX_CONFIG, "RSA key of 1024 bits"},
};

START_TEST(dates_and_key_are_checked)
{
    char warning[512];
    struct error error;
    X509 *certificate = alone(singles[_i].key, singles[_i].from, singles[_i].to);
    int result = check_chain(&certificate, 1, warning, sizeof warning, &error);
    ck_assert_int_eq(result, singles[_i].result);
    const char *said = result < 0 ? error.what : warning;
    ck_assert_msg(strstr(said, singles[_i].says) != NULL, "%s", said);
    ck_assert(singles[_i].says[0] || !warning[0]);
    X509_free(certificate);
}
END_TEST

START_TEST(a_warning_fits_any_size)
{
    struct error error;
    X509 *certificate = alone(TEST_P256, -7200, -3600);
    for (size_t size = 1; size < 64; size++) {
        char warning[64];
        memset(warning, 'x', sizeof warning);
        ck_assert_int_eq(check_chain(&certificate, 1, warning, size, &error), 0);
        ck_assert_uint_lt(strlen(warning), size);
    }
    X509_free(certificate);
}
END_TEST

static const struct {
    const char *text;
    const char *says;
} files[] = {
    {"rubbish\n", "no certificate"},
    {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Certificate 1"},
    {"-----BEGIN CERTIFICATE-----\nMIIB", "Certificate 1"},
};

START_TEST(what_is_no_pem_is_refused)
{
    char warning[64], path[] = "/tmp/postern-test-XXXXXX";
    struct error error;
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, files[_i].text, strlen(files[_i].text)) > 0);
    close(fd);
    ck_assert_int_eq(pki_chain_check(path, warning, sizeof warning, &error), -EX_CONFIG);
    ck_assert_msg(strstr(error.what, files[_i].says) != NULL, "%s", error.what);
    ck_assert_str_ne(error.cure, "");
    unlink(path);
}
END_TEST

START_TEST(a_file_that_is_not_there_or_no_file_is_refused)
{
    char warning[64];
    struct error error;
    ck_assert_int_eq(pki_chain_check("/nowhere/chain.pem", warning, sizeof warning, &error),
                     -EX_CONFIG);
    ck_assert_str_eq(error.where, "/nowhere/chain.pem");
    ck_assert_int_eq(pki_chain_check("/tmp", warning, sizeof warning, &error), -EX_CONFIG);
    ck_assert_int_eq(pki_chain_check("/dev/zero", warning, sizeof warning, &error), -EX_CONFIG);
}
END_TEST

/* --- loading --- */

struct fixture {
    struct test_chain chain;
    char *path;
    struct pki_identity_source source;
};

static void fixture_init(struct fixture *fixture, enum test_key key)
{
    fixture->chain = test_chain(key, TEST_LEAF_SUBJECT, NULL);
    X509 *all[] = {fixture->chain.leaf, fixture->chain.intermediate};
    fixture->path = test_write_pem(all, 2);
    fixture->source = (struct pki_identity_source){
        .name = "hybrid",
        .chain = fixture->path,
        .key = {.key = "pkcs11:token=postern;object=hybrid", .token = "pkcs11:token=postern"}};
}

static void fixture_clear(struct fixture *fixture)
{
    test_remove(fixture->path);
    test_chain_clear(&fixture->chain);
}

/* Borrowed. */
static struct pki_key *key_of(const struct pki_identity *identity)
{
    struct pki_key *key = pki_identity_key_ref(identity);
    pki_key_unref(key);
    return key;
}

static struct pki_identity *load(const struct pki_identity_source *source,
                                 struct pki_identity *previous)
{
    struct error error;
    struct pki_identity *identity = NULL;
    int result = pki_identity_load(library, NULL, source, true, previous, &identity, &error);
    ck_assert_msg(result == 0, "%s", error.what);
    return identity;
}

START_TEST(an_identity_has_name_certificate_and_key)
{
    struct fixture fixture;
    fixture_init(&fixture, TEST_P256);
    struct pki_identity *identity = load(&fixture.source, NULL);
    ck_assert_str_eq(pki_identity_name(identity), "hybrid");
    X509 *certificate = pki_identity_certificate_ref(identity);
    struct pki_key *key = pki_identity_key_ref(identity);
    ck_assert_int_eq(X509_cmp(certificate, fixture.chain.leaf), 0);
    ck_assert_uint_ne(key->algorithms, 0);
    X509_free(certificate);
    pki_key_unref(key);
    ck_assert(pki_identity_has_name(identity, "mail.protection.outlook.com"));
    ck_assert(pki_identity_has_name(identity, "contoso-com.Mail.Protection.Outlook.com."));
    ck_assert(!pki_identity_has_name(identity, "outlook.com"));
    pki_identity_unref(pki_identity_ref(identity));
    pki_identity_unref(identity);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(the_same_source_and_public_key_share_the_open_key)
{
    struct fixture fixture, renewed;
    fixture_init(&fixture, TEST_P256);
    fixture_init(&renewed, TEST_P256); /* a new certificate for the same key */
    struct pki_identity *identity = load(&fixture.source, NULL);
    struct pki_identity *next = load(&renewed.source, identity);
    ck_assert_uint_eq(test_opens, 1);
    ck_assert_ptr_eq(key_of(identity), key_of(next));
    pki_identity_unref(identity);
    ck_assert_uint_eq(test_signing_keys_alive(), 1);
    pki_identity_unref(next);
    fixture_clear(&fixture);
    fixture_clear(&renewed);
}
END_TEST

static void change_key(struct pki_identity_source *source)
{
    source->key.key = "pkcs11:token=postern;object=other";
}

static void change_pin(struct pki_identity_source *source)
{
    source->key.pin_source = "/run/credentials/pin";
}

static void change_token(struct pki_identity_source *source)
{
    source->key.token = NULL;
}

static void change_module(struct pki_identity_source *source)
{
    source->key.module = "/usr/lib/vendor.so";
}

static void change_timeout(struct pki_identity_source *source)
{
    source->key.timeout = 1000;
}

static void change_sessions(struct pki_identity_source *source)
{
    source->key.sessions = 1;
}

static void (*const changes[])(struct pki_identity_source *) = {
    change_key, change_pin, change_token, change_module, change_timeout, change_sessions};

START_TEST(another_source_opens_the_key_anew)
{
    struct fixture fixture;
    fixture_init(&fixture, TEST_P256);
    struct pki_identity *identity = load(&fixture.source, NULL);
    changes[_i](&fixture.source);
    struct pki_identity *next = load(&fixture.source, identity);
    ck_assert_uint_eq(test_opens, 2);
    ck_assert_ptr_ne(key_of(identity), key_of(next));
    pki_identity_unref(identity);
    pki_identity_unref(next);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(another_public_key_opens_the_key_anew)
{
    struct fixture fixture, other;
    fixture_init(&fixture, TEST_P256);
    fixture_init(&other, TEST_P384);
    struct pki_identity *identity = load(&fixture.source, NULL);
    struct pki_identity *next = load(&other.source, identity);
    ck_assert_uint_eq(test_opens, 2);
    pki_identity_unref(identity);
    pki_identity_unref(next);
    fixture_clear(&fixture);
    fixture_clear(&other);
}
END_TEST

START_TEST(a_missing_token_is_an_error_or_a_key_that_waits)
{
    struct error error;
    struct fixture fixture;
    struct pki_identity *identity = NULL;
    fixture_init(&fixture, TEST_P256);
    test_token_missing = true;
    ck_assert_int_eq(
        pki_identity_load(library, NULL, &fixture.source, false, NULL, &identity, &error),
        -EX_UNAVAILABLE);
    ck_assert_str_eq(error.where, "hybrid");
    ck_assert_str_eq(error.cure, "plug it in");
    ck_assert_ptr_null(identity);
    identity = load(&fixture.source, NULL);
    ck_assert_uint_eq(key_of(identity)->algorithms, 0);
    pki_identity_unref(identity);
    fixture_clear(&fixture);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("identities");
    TCase *tests = tcase_create("identity");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_chain_is_in_order_from_the_leaf_up, 0, ARRAY_SIZE(orders));
    tcase_add_loop_test(tests, dates_and_key_are_checked, 0, ARRAY_SIZE(singles));
    tcase_add_test(tests, a_warning_fits_any_size);
    tcase_add_loop_test(tests, what_is_no_pem_is_refused, 0, ARRAY_SIZE(files));
    tcase_add_test(tests, a_file_that_is_not_there_or_no_file_is_refused);
    tcase_add_test(tests, an_identity_has_name_certificate_and_key);
    tcase_add_test(tests, the_same_source_and_public_key_share_the_open_key);
    tcase_add_loop_test(tests, another_source_opens_the_key_anew, 0, ARRAY_SIZE(changes));
    tcase_add_test(tests, another_public_key_opens_the_key_anew);
    tcase_add_test(tests, a_missing_token_is_an_error_or_a_key_that_waits);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
