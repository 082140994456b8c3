/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Keys that are made on a token, and keys that are looked for on one. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/pki/test-token-setup.h"
#include "tests/suite.h"

enum { MANY = 50 };

static struct pki_signer *signer;
static struct error error;

static struct pki_key_source any_key(bool faulty)
{
    struct pki_key_source source =
        faulty ? test_faulty(TEST_P256) : test_source(TEST_TOKEN, TEST_P256);
    source.key = "pkcs11:token=postern-test;type=private";
    return source;
}

static int make(bool faulty, enum pki_key_type type, const char *label, EVP_PKEY **key, char **uri)
{
    const struct pki_key_source source = any_key(faulty);
    const struct pki_key_order order = {.type = type, .label = label};
    return pki_key_generate(signer, &source, &order, key, uri, &error);
}

static void must_work(int result)
{
    char text[1400];
    ck_assert_msg(result == 0, "%s", result ? error_text(&error, text, sizeof text) : "");
}

static void must_say(const char *text)
{
    ck_assert_msg(strstr(error.what, text) != NULL, "\"%s\" is not in \"%s\"", text, error.what);
}

/* --- keys that are made ----------------------------------------------------------------------- */

static const struct {
    enum pki_key_type type;
    const char *text;
    enum pki_algorithm algorithm;
} types[] = {
    {PKI_KEY_RSA_2048, "RSA 2048", PKI_RSA_PSS_SHA256},
    {PKI_KEY_RSA_3072, "RSA 3072", PKI_RSA_PSS_SHA256},
    {PKI_KEY_EC_P256, "EC P-256", PKI_ECDSA_SHA256},
    {PKI_KEY_EC_P384, "EC P-384", PKI_ECDSA_SHA384},
    {PKI_KEY_ED25519, "Ed25519", PKI_ED25519},
};

START_TEST(a_key_that_was_made_signs_by_its_uri)
{
    EVP_PKEY *public_key = NULL;
    char *uri = NULL, label[32], text[64];
    uint8_t data[64] = {1}, signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature;
    size_t size = pki_algorithm_info(types[_i].algorithm)->digest_length;
    struct pki_key *key = NULL;
    struct pki_key_source source = any_key(false);
    size = size ? size : sizeof data;
    signer = test_signer();
    snprintf(label, sizeof label, "made-%d", _i);
    must_work(make(false, types[_i].type, label, &public_key, &uri));
    ck_assert_str_eq(pki_key_type_text(public_key, text, sizeof text), types[_i].text);
    ck_assert_ptr_nonnull(strstr(uri, "token=postern-test"));
    ck_assert_ptr_nonnull(strstr(uri, label));
    ck_assert_ptr_nonnull(strstr(uri, "id="));
    source.key = uri;
    must_work(pki_key_open(signer, &source, public_key, false, &key, &error));
    must_work(
        key->operations->sign(key, types[_i].algorithm, data, size, signature, &length, &error));
    pki_key_unref(key);
    EVP_PKEY_free(public_key);
    free(uri);
    pki_signer_free(signer);
}
END_TEST

static const struct {
    const char *order, *text;
    int code;
} refusals[] = {
    {"C_GenerateKeyPair 0xe2 1", "write-protected: C_GenerateKeyPair: CKR_TOKEN_WRITE_PROTECTED",
     EX_CONFIG},
    {"C_GenerateKeyPair 0xb5 1", "no session that may write", EX_CONFIG},
    {"C_GenerateKeyPair 0x70 1", "does not make keys of this kind", EX_CONFIG},
    {"C_GenerateKeyPair 0x31 1", "no room for another key", EX_UNAVAILABLE},
    {"C_GenerateKeyPair 0x13 1", "refused an attribute", EX_CONFIG},
    {"C_GenerateKeyPair 0xd1 1", "wants other attributes", EX_CONFIG},
    {"C_GenerateKeyPair 0x54 1", "makes no keys at all", EX_CONFIG},
    {"C_GenerateKeyPair 0x30 1", "is not known", EX_TEMPFAIL},
    {"C_GetAttributeValue 0x30 1", "The token has made the key refused, but", EX_SOFTWARE},
};

START_TEST(a_refusal_is_told_in_clear_words_and_never_tried_again)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    signer = test_signer();
    test_order("fail", refusals[_i].order);
    ck_assert_int_eq(make(true, PKI_KEY_EC_P256, "refused", &key, &uri), -refusals[_i].code);
    must_say(refusals[_i].text);
    ck_assert(error.cure[0]);
    ck_assert_uint_eq(test_size("orders/makings"), 1);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_token_that_is_write_protected_is_not_asked)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    signer = test_signer();
    test_order("read-only", "");
    ck_assert_int_eq(make(true, PKI_KEY_EC_P256, "refused", &key, &uri), -EX_CONFIG);
    must_say("write-protected");
    ck_assert_uint_eq(test_size("orders/makings"), 0);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_key_that_could_leave_the_token_is_refused)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    signer = test_signer();
    test_order("extractable", "");
    ck_assert_int_eq(make(true, PKI_KEY_EC_P256, "leaves", &key, &uri), -EX_SOFTWARE);
    must_say("does not say that it is sensitive and not extractable");
    pki_signer_free(signer);
}
END_TEST

/* The second session is the one that may write. */
START_TEST(a_token_lost_before_the_key_is_made_is_tried_again)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    signer = test_signer();
    test_order("fail", "C_OpenSession 0x30 2");
    must_work(make(true, PKI_KEY_EC_P256, "second", &key, &uri));
    ck_assert_uint_eq(test_size("orders/makings"), 1);
    EVP_PKEY_free(key);
    free(uri);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_wrong_pin_makes_no_key)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    test_write("pin", "wrong");
    signer = test_signer();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(make(true, PKI_KEY_EC_P256, "refused", &key, &uri), -EX_CONFIG);
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    ck_assert_uint_eq(test_size("orders/makings"), 0);
    pki_signer_free(signer);
}
END_TEST

/* A key that signs, and another that is made on the same token meanwhile. */
struct work {
    pthread_t thread;
    struct pki_key *key;
    unsigned deadline;
    int result;
    struct error error;
    EVP_PKEY *made;
    char *uri;
};

static void *make_meanwhile(void *argument)
{
    struct work *work = argument;
    struct pki_key_source source = test_faulty(TEST_P256);
    const struct pki_key_order order = {
        .type = PKI_KEY_EC_P256, .label = "meanwhile", .deadline = work->deadline};
    source.timeout = 300;
    source.sessions = 1;
    work->result = pki_key_generate(signer, &source, &order, &work->made, &work->uri, &work->error);
    return NULL;
}

static void begin(struct work *work)
{
    struct pki_key_source source = test_faulty(TEST_P256);
    source.timeout = 300;
    source.sessions = 1;
    signer = test_signer();
    work->key = test_open(signer, &source, TEST_P256);
    ck_assert_int_eq(pthread_create(&work->thread, NULL, make_meanwhile, work), 0);
    while (!test_size("orders/makings"))
        usleep(5000);
}

static void end(struct work *work)
{
    pki_key_unref(work->key);
    EVP_PKEY_free(work->made);
    free(work->uri);
    pki_signer_free(signer);
}

START_TEST(signatures_go_on_while_a_key_is_made_and_a_hang_has_an_end)
{
    struct work work = {.deadline = 2500};
    struct pki_signer_status status;
    test_order("hang-making", "");
    begin(&work);
    for (int i = 0; i < 5; i++)
        must_work(test_sign(work.key, TEST_P256, PKI_ECDSA_SHA256, &error));
    ck_assert_int_eq(pthread_join(work.thread, NULL), 0);
    ck_assert_int_eq(work.result, -EX_TEMPFAIL);
    ck_assert_ptr_nonnull(strstr(work.error.what, "meanwhile all the same is not known"));
    /* The process is killed at that moment or a little later. */
    for (status.starts = 0; status.starts < 2; pki_signer_status(signer, &status, NULL, 0))
        usleep(10000);
    ck_assert_int_eq(test_sign_patiently(work.key, TEST_P256), 0);
    ck_assert_uint_eq(test_size("orders/makings"), 1);
    end(&work);
}
END_TEST

/* Signatures fail for now, and nobody kills the process in the middle of a key. */
START_TEST(a_token_that_does_one_thing_at_a_time_is_no_hang)
{
    struct work work = {0};
    struct pki_signer_status status;
    EVP_PKEY *key = NULL;
    char *uri = NULL;
    const struct pki_key_source source = test_faulty(TEST_P256);
    const struct pki_key_order order = {.type = PKI_KEY_EC_P256, .label = "second"};
    test_order("slow-making", "");
    begin(&work);
    ck_assert_int_eq(pki_key_generate(signer, &source, &order, &key, &uri, &error), -EX_TEMPFAIL);
    must_say("making another key");
    ck_assert_int_eq(test_sign(work.key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_int_eq(pthread_join(work.thread, NULL), 0);
    error = work.error;
    must_work(work.result);
    ck_assert_int_eq(test_sign_patiently(work.key, TEST_P256), 0);
    pki_signer_status(signer, &status, NULL, 0);
    ck_assert_uint_eq(status.starts, 1);
    end(&work);
}
END_TEST

START_TEST(an_order_out_of_bounds_is_refused)
{
    EVP_PKEY *key = NULL;
    char *uri = NULL, label[PKI_LABEL_MAXIMUM + 2];
    struct pki_key_source file = test_source(TEST_FILE, TEST_P256);
    const struct pki_key_order order = {.type = PKI_KEY_EC_P256, .label = "x"};
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    signer = test_signer();
    ck_assert_int_eq(make(false, PKI_KEY_EC_P256, label, &key, &uri), -EX_USAGE);
    ck_assert_int_eq(make(false, PKI_KEY_EC_P256, "", &key, &uri), -EX_USAGE);
    ck_assert_int_eq(make(false, PKI_KEY_TYPE_END, "x", &key, &uri), -EX_USAGE);
    ck_assert_int_eq(pki_key_generate(signer, &file, &order, &key, &uri, &error), -EX_USAGE);
    pki_signer_free(signer);
}
END_TEST

START_TEST(types_have_names_and_names_types)
{
    for (unsigned type = 1; type < PKI_KEY_TYPE_END; type++)
        ck_assert_int_eq(pki_key_type_by_name(pki_key_type_name(type)), type);
    ck_assert_int_eq(pki_key_type_by_name("RSA:3072"), PKI_KEY_RSA_3072);
    ck_assert_int_eq(pki_key_type_by_name("rsa:1024"), 0);
    ck_assert_int_eq(pki_key_type_by_name(""), 0);
    ck_assert_int_eq(pki_key_type_like(test_keys[TEST_RSA]), PKI_KEY_RSA_3072);
    ck_assert_int_eq(pki_key_type_like(test_keys[TEST_P384]), PKI_KEY_EC_P384);
    ck_assert_int_eq(pki_key_type_like(test_keys[TEST_ED25519]), PKI_KEY_ED25519);
}
END_TEST

/* --- keys that are looked for ----------------------------------------------------------------- */

static int find(const struct pki_key_source *sources, size_t count, EVP_PKEY *key, size_t *index,
                char **uri)
{
    return pki_key_find(signer, sources, count, key, index, uri, &error);
}

START_TEST(a_key_is_found_by_its_certificate_alone)
{
    size_t place = 9;
    char *uri = NULL;
    static const char *const labels[TEST_KEYS] = {"object=rsa", "object=p256", "object=p384",
                                                  "object=ed25519"};
    const struct pki_key_source source = any_key(false);
    signer = test_signer();
    must_work(find(&source, 1, test_keys[_i], &place, &uri));
    ck_assert_uint_eq(place, 0);
    ck_assert_ptr_nonnull(strstr(uri, labels[_i]));
    ck_assert_ptr_nonnull(strstr(uri, "id="));
    free(uri);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_key_is_found_in_the_second_place)
{
    size_t place = 9;
    char *uri = NULL;
    const struct pki_key_source sources[] = {any_key(false), test_source(TEST_FILE, TEST_RSA),
                                             test_source(TEST_FILE, TEST_P256)};
    signer = test_signer();
    must_work(find(sources + 1, 2, test_keys[TEST_P256], &place, &uri));
    ck_assert_uint_eq(place, 1);
    ck_assert_str_eq(uri, sources[2].key);
    free(uri);
    ck_assert_int_eq(find(sources, 3, test_stranger, &place, &uri), -EX_CONFIG);
    must_say("in none of the 3 places");
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_place_that_cannot_be_looked_through_is_told_unless_the_key_is_elsewhere)
{
    size_t place = 9;
    char *uri = NULL;
    struct pki_key_source sources[] = {any_key(false), test_source(TEST_FILE, TEST_P256)};
    sources[0].key = sources[0].token = "pkcs11:token=no-such-token";
    signer = test_signer();
    must_work(find(sources, 2, test_keys[TEST_P256], &place, &uri));
    ck_assert_uint_eq(place, 1);
    free(uri);
    ck_assert_int_eq(find(sources, 2, test_keys[TEST_P384], &place, &uri), -EX_UNAVAILABLE);
    must_say("No token fits the URI");
    pki_signer_free(signer);
}
END_TEST

/* Fifty keys of one type and one label, others beside them, and no public halves to be seen. */
START_TEST(the_right_one_of_many_keys_is_found)
{
    EVP_PKEY *keys[MANY] = {NULL};
    char *uris[MANY] = {NULL}, *uri = NULL;
    size_t place = 9;
    const struct pki_key_source source = any_key(true);
    struct pki_key *key = NULL;
    signer = test_signer();
    for (int i = 0; i < MANY; i++)
        must_work(make(true, PKI_KEY_EC_P256, "same", &keys[i], &uris[i]));
    test_order("signings", "");
    must_work(find(&source, 1, keys[MANY - 1], &place, &uri));
    ck_assert_str_eq(uri, uris[MANY - 1]);
    ck_assert_uint_le(test_size("orders/signings"), 4); /* its public half is there */
    free(uri);
    test_order("no-public", "");
    must_work(find(&source, 1, keys[MANY / 2], &place, &uri));
    ck_assert_str_eq(uri, uris[MANY / 2]);
    free(uri);
    must_work(find(&source, 1, test_keys[TEST_RSA], &place, &uri));
    ck_assert_ptr_nonnull(strstr(uri, "object=rsa"));
    free(uri);
    must_work(pki_key_open(signer, &source, keys[1], false, &key, &error));
    pki_key_unref(key);
    ck_assert_int_eq(find(&source, 1, test_stranger, &place, &uri), -EX_CONFIG);
    for (int i = 0; i < MANY; i++) {
        EVP_PKEY_free(keys[i]);
        free(uris[i]);
    }
    pki_signer_free(signer);
}
END_TEST

static void count_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                        const char *text)
{
    unsigned *count = context;
    (void)logged_in, (void)uri, (void)text;
    *count += kind == PKI_FOUND_KEY;
}

/* There is no session yet that a key has asked for. */
START_TEST(a_token_of_which_no_key_is_open_can_be_looked_through)
{
    const struct pki_key_source source = any_key(false);
    unsigned count = 0;
    signer = test_signer();
    must_work(pki_token_list(signer, &source, count_found, &count, &error));
    ck_assert_uint_ge(count, TEST_KEYS);
    pki_signer_free(signer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signer-keys");
    TCase *tcase = tcase_create("keys");
    test_setup();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, test_begin, NULL);
    tcase_add_loop_test(tcase, a_key_that_was_made_signs_by_its_uri, 0, (int)ARRAY_SIZE(types));
    tcase_add_loop_test(tcase, a_refusal_is_told_in_clear_words_and_never_tried_again, 0,
                        (int)ARRAY_SIZE(refusals));
    tcase_add_test(tcase, a_token_that_is_write_protected_is_not_asked);
    tcase_add_test(tcase, a_key_that_could_leave_the_token_is_refused);
    tcase_add_test(tcase, a_token_lost_before_the_key_is_made_is_tried_again);
    tcase_add_test(tcase, a_wrong_pin_makes_no_key);
    tcase_add_test(tcase, signatures_go_on_while_a_key_is_made_and_a_hang_has_an_end);
    tcase_add_test(tcase, a_token_that_does_one_thing_at_a_time_is_no_hang);
    tcase_add_test(tcase, an_order_out_of_bounds_is_refused);
    tcase_add_test(tcase, types_have_names_and_names_types);
    tcase_add_loop_test(tcase, a_key_is_found_by_its_certificate_alone, 0, TEST_KEYS);
    tcase_add_test(tcase, a_key_is_found_in_the_second_place);
    tcase_add_test(tcase,
                   a_place_that_cannot_be_looked_through_is_told_unless_the_key_is_elsewhere);
    tcase_add_test(tcase, a_token_of_which_no_key_is_open_can_be_looked_through);
    tcase_add_test(tcase, the_right_one_of_many_keys_is_found);
    suite_add_tcase(suite, tcase);
    int failed = run_suite(suite);
    return !test_teardown() || failed;
}
