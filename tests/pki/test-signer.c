/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Keys in files and keys on a token pass the same tests, through the real signer process. */
#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki/client.h"
#include "tests/pki/test-token-setup.h"
#include "tests/suite.h"

TCase *fault_cases(void);
TCase *place_cases(void);
TCase *socket_cases(void);
TCase *credential_cases(void);
TCase *hostile_cases(void);

/* A loop test's number as a kind of store and a type of key. */
#define STORE(i) ((enum test_store)((i) / TEST_KEYS))
#define TYPE(i) ((enum test_key)((i) % TEST_KEYS))
enum { COMBINATIONS = TEST_STORES * TEST_KEYS };

START_TEST(every_algorithm_of_the_type_is_proved_and_signs)
{
    struct error error;
    struct pki_key_source source = test_source(STORE(_i), TYPE(_i));
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TYPE(_i));
    ck_assert_uint_ne(key->algorithms, 0);
    ck_assert_uint_eq(key->algorithms, pki_algorithms_of(test_keys[TYPE(_i)]));
    for (unsigned algorithm = 1; algorithm < PKI_ALGORITHM_END; algorithm++)
        if (key->algorithms & 1u << algorithm)
            ck_assert_int_eq(test_sign(key, TYPE(_i), algorithm, &error), 0);
    pki_key_unref(key);
    pki_signer_free(signer);
}
END_TEST

/* RFC 4346 4.7: the two digests bare, where RFC 8017 would have a DigestInfo. */
START_TEST(md5_with_sha_1_is_signed_bare)
{
    struct error error;
    uint8_t digests[36], signature[PKI_SIGNATURE_MAXIMUM], block[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature, block_length = sizeof block;
    struct pki_key_source source = test_source(_i, TEST_RSA);
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TEST_RSA);
    for (size_t i = 0; i < sizeof digests; i++)
        digests[i] = (uint8_t)(i * 7 + 1);
    ck_assert_int_eq(key->operations->sign(key, PKI_RSA_PKCS1_MD5_SHA1, digests, sizeof digests,
                                           signature, &length, &error),
                     0);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(test_keys[TEST_RSA], NULL);
    ck_assert_int_eq(EVP_PKEY_verify_recover_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_verify_recover(context, block, &block_length, signature, length), 1);
    ck_assert_mem_eq(block, digests, sizeof digests);
    ck_assert_uint_eq(block_length, sizeof digests);
    EVP_PKEY_CTX_free(context);
    pki_key_unref(key);
    pki_signer_free(signer);
}
END_TEST

START_TEST(an_algorithm_of_another_type_is_refused)
{
    struct error error;
    uint8_t digest[64] = {0}, signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature;
    struct pki_key_source source = test_source(STORE(_i), TYPE(_i));
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TYPE(_i));
    enum pki_algorithm other = TYPE(_i) == TEST_RSA ? PKI_ECDSA_SHA256 : PKI_RSA_PSS_SHA256;
    ck_assert_int_eq(key->operations->sign(key, other, digest, 32, signature, &length, &error),
                     -EX_CONFIG);
    pki_key_unref(key);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_digest_of_the_wrong_length_is_refused)
{
    struct error error;
    uint8_t digest[64] = {0}, signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature;
    struct pki_key_source source = test_source(_i, TEST_RSA);
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TEST_RSA);
    ck_assert_int_eq(
        key->operations->sign(key, PKI_RSA_PSS_SHA256, digest, 31, signature, &length, &error),
        -EX_DATAERR);
    pki_key_unref(key);
    pki_signer_free(signer);
}
END_TEST

struct crowd {
    struct pki_key *key;
    enum test_key type;
    int failures;
};

static void *sign_often(void *argument)
{
    struct crowd *crowd = argument;
    struct error error;
    for (int i = 0; i < 20; i++)
        if (test_sign(crowd->key, crowd->type, test_first(crowd->type), &error) < 0)
            __atomic_add_fetch(&crowd->failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void run_crowd(struct crowd *crowd)
{
    pthread_t threads[16];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, crowd), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
}

START_TEST(sixteen_threads_sign_at_once)
{
    struct pki_signer_status status;
    struct pki_key_status keys[1];
    struct pki_key_source source = test_source(STORE(_i), TYPE(_i));
    struct pki_signer *signer = test_signer();
    struct crowd crowd = {test_open(signer, &source, TYPE(_i)), TYPE(_i), 0};
    run_crowd(&crowd);
    ck_assert_int_eq(crowd.failures, 0);
    ck_assert_uint_eq(pki_signer_status(signer, &status, keys, 1), 1);
    ck_assert_uint_eq(keys[0].signatures, 320);
    ck_assert_uint_eq(keys[0].errors, 0);
    ck_assert_uint_eq(status.starts, 1);
    ck_assert_uint_eq(status.waiting, 0);
    ck_assert_uint_gt(keys[0].median_microseconds, 0);
    ck_assert_uint_ge(keys[0].p99_microseconds, keys[0].median_microseconds);
    pki_key_unref(crowd.key);
    pki_signer_free(signer);
}
END_TEST

static void expect_failure(const struct pki_key_source *source, EVP_PKEY *public_key, bool wait,
                           int code, const char *what)
{
    struct error error = {0};
    struct pki_key *key = NULL;
    struct pki_signer *signer = test_signer();
    ck_assert_int_eq(pki_key_open(signer, source, public_key, wait, &key, &error), -code);
    ck_assert_ptr_null(key);
    ck_assert_int_eq(error.code, code);
    ck_assert_msg(strstr(error.what, what) != NULL, "\"%s\" is not in \"%s\"", what, error.what);
    ck_assert_msg(error.where[0] && error.cure[0], "no place or no cure: %s", error.what);
    pki_signer_free(signer);
}

START_TEST(a_key_of_another_certificate_is_refused)
{
    struct pki_key_source source = test_source(_i, TEST_RSA);
    expect_failure(&source, test_stranger, true, EX_CONFIG, "does not belong to the certificate");
}
END_TEST

START_TEST(a_key_of_another_type_is_refused)
{
    struct pki_key_source source = test_source(_i, TEST_P256);
    expect_failure(&source, test_stranger, true, EX_CONFIG, "does not belong to the certificate");
}
END_TEST

START_TEST(a_missing_key_is_unavailable)
{
    struct pki_key_source source = test_source(_i, TEST_RSA);
    source.key = _i == TEST_FILE ? test_path("nothing.pem")
                                 : "pkcs11:token=postern-test;object=nothing;type=private";
    expect_failure(&source, test_keys[TEST_RSA], false, EX_UNAVAILABLE, "");
}
END_TEST

START_TEST(a_missing_token_is_unavailable_and_the_others_are_named)
{
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_RSA);
    source.key = "pkcs11:token=elsewhere;object=rsa;type=private";
    source.token = "pkcs11:token=elsewhere";
    expect_failure(&source, test_keys[TEST_RSA], false, EX_UNAVAILABLE, "postern-test");
}
END_TEST

/* What an administrator may name by mistake. */
static const struct bad_source {
    const char *key, *module, *pin_source;
    int code;
    const char *what;
} bad_sources[] = {
    {.key = "/", .code = EX_CONFIG, .what = "a directory"},
    {.key = "file:relative.pem", .code = EX_CONFIG, .what = "cannot be used"},
    {.key = "file:/tmp/%0", .code = EX_CONFIG, .what = "cannot be used"},
    {.key = "/dev/null", .code = EX_CONFIG, .what = "no regular file"},
    {.key = "pkcs11:token=postern-test;nonsense", .code = EX_CONFIG, .what = "URI"},
    {.key = "pkcs11:token=postern-test?pin-value=4711", .code = EX_CONFIG, .what = "a PIN"},
    {.key = "pkcs11:token=postern-test;object=rsa",
     .module = "/nonexistent.so",
     .code = EX_CONFIG,
     .what = "cannot be loaded"},
    {.key = "pkcs11:token=postern-test;object=rsa",
     .pin_source = "/nonexistent-pin",
     .code = EX_UNAVAILABLE,
     .what = "Cannot read"},
    {.key = "pkcs11:token=postern-test;object=rsa",
     .pin_source = "|cat /etc/passwd",
     .code = EX_CONFIG,
     .what = "cannot be used"},
    {.key = "pkcs11:token=postern-test;object=rsa",
     .pin_source = "/dev/zero",
     .code = EX_CONFIG,
     .what = "no regular file"},
};

START_TEST(a_bad_source_is_a_clear_error)
{
    const struct bad_source *bad = &bad_sources[_i];
    struct pki_key_source source = {.key = bad->key,
                                    .module = bad->module ? bad->module : test_softhsm(),
                                    .pin_source =
                                        bad->pin_source ? bad->pin_source : test_path("pin")};
    expect_failure(&source, test_keys[TEST_RSA], false, bad->code, bad->what);
}
END_TEST

START_TEST(an_encrypted_file_is_a_clear_error)
{
    FILE *file = fopen(test_path("encrypted.pem"), "we");
    struct pki_key_source source = {.key = test_path("encrypted.pem")};
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, test_keys[TEST_RSA], EVP_aes_128_cbc(), "pass",
                                               4, NULL, NULL),
                     1);
    fclose(file);
    expect_failure(&source, test_keys[TEST_RSA], false, EX_CONFIG, "encrypted");
}
END_TEST

START_TEST(a_file_without_a_key_is_a_clear_error)
{
    struct pki_key_source source = {.key = test_path("rubbish.pem")};
    test_write("rubbish.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect_failure(&source, test_keys[TEST_RSA], false, EX_CONFIG, "no private key");
}
END_TEST

/* Root reads everything, so that the signer is made to be somebody else: the file is there, and its
 * folder closed. */
START_TEST(an_unreadable_file_is_a_clear_error)
{
    struct pki_key_source source = {.key = test_path("closed.pem/rsa.pem")};
    test_write("closed.pem", "a file where a folder should be");
    expect_failure(&source, test_keys[TEST_RSA], false, EX_CONFIG, "Cannot read");
}
END_TEST

START_TEST(without_a_module_the_registry_is_searched)
{
    struct error error;
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_P256);
    source.module = NULL;
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TEST_P256);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    pki_key_unref(key);
    pki_signer_free(signer);
}
END_TEST

START_TEST(module_and_pin_may_be_named_by_the_uri)
{
    char uri[700];
    struct pki_key_source source = {.key = uri};
    snprintf(uri, sizeof uri,
             "pkcs11:token=postern-test;object=p256;type=private?module-path=%s&pin-source=file:%s",
             test_softhsm(), test_path("pin"));
    struct pki_signer *signer = test_signer();
    pki_key_unref(test_open(signer, &source, TEST_P256));
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_key_is_found_by_its_id)
{
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_P384);
    source.key = "pkcs11:token=postern-test;id=%03";
    struct pki_signer *signer = test_signer();
    pki_key_unref(test_open(signer, &source, TEST_P384));
    pki_signer_free(signer);
}
END_TEST

/* The certificate says which key is meant. */
START_TEST(among_all_keys_of_a_token_the_one_of_the_certificate_is_taken)
{
    struct pki_key_source source = test_source(TEST_TOKEN, _i);
    source.key = "pkcs11:token=postern-test";
    struct pki_signer *signer = test_signer();
    pki_key_unref(test_open(signer, &source, _i));
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_token_with_a_pin_needs_one)
{
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_RSA);
    source.pin_source = NULL;
    expect_failure(&source, test_keys[TEST_RSA], false, EX_UNAVAILABLE, "without a PIN");
}
END_TEST

START_TEST(status_tells_what_the_token_is)
{
    struct pki_signer_status status;
    struct pki_key_status keys[2];
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_RSA);
    struct pki_signer *signer = test_signer();
    struct pki_key *key = test_open(signer, &source, TEST_RSA);
    ck_assert_uint_eq(pki_signer_status(signer, &status, keys, 2), 1);
    ck_assert_int_gt(status.pid, 0);
    ck_assert_uint_eq(status.keys, 1);
    ck_assert(keys[0].ready && keys[0].logged_in);
    ck_assert_str_eq(keys[0].token, "postern-test");
    ck_assert_str_eq(keys[0].type, "RSA 2048");
    ck_assert_ptr_nonnull(strstr(keys[0].algorithms, "rsa_pss_rsae_sha256"));
    ck_assert_ptr_nonnull(strstr(keys[0].algorithms, "rsa_pkcs1_md5_sha1"));
    ck_assert_ptr_nonnull(strstr(keys[0].module, "softhsm"));
    ck_assert_str_eq(keys[0].last_error, "");
    pki_key_unref(key);
    ck_assert_uint_eq(pki_signer_status(signer, &status, keys, 2), 0);
    pki_signer_free(signer);
}
END_TEST

START_TEST(a_signer_that_cannot_be_started_is_an_error)
{
    struct pki_signer *signer = NULL;
    struct error error;
    struct pki_signer_options options = {.program = "/nonexistent/signer"};
    ck_assert_int_eq(pki_signer_new(&signer, &options, &error), -EX_UNAVAILABLE);
    options.program = "/bin/false";
    ck_assert_int_eq(pki_signer_new(&signer, &options, &error), -EX_TEMPFAIL);
    ck_assert_ptr_null(signer);
}
END_TEST

/* --- nonsense to the signer ------------------------------------------------------------------- */

START_TEST(the_signer_ends_in_order_on_nonsense)
{
    int socket = -1, status;
    pid_t pid = 0;
    struct error error;
    uint8_t packet[256];
    ck_assert_int_eq(process_spawn(TEST_SIGNER, 0, &socket, &pid, &error), 0);
    srandom((unsigned)_i);
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = (uint8_t)random();
    ck_assert_int_gt(send(socket, packet, 1 + (size_t)_i * 8, MSG_NOSIGNAL), 0);
    ck_assert(process_wait(pid, 10000, &status));
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EX_PROTOCOL);
    close(socket);
}
END_TEST

START_TEST(the_signer_ends_when_posternd_has_gone)
{
    int socket = -1, status;
    pid_t pid = 0;
    struct error error;
    ck_assert_int_eq(process_spawn(TEST_SIGNER, 0, &socket, &pid, &error), 0);
    close(socket);
    ck_assert(process_wait(pid, 10000, &status));
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static void ask(int socket, const struct pki_wire_message *message, struct pki_wire_message *answer)
{
    static uint8_t packet[PKI_WIRE_MAXIMUM];
    int length = pki_wire_encode(message, packet, sizeof packet);
    ck_assert_int_eq(send(socket, packet, (size_t)length, MSG_NOSIGNAL), length);
    do {
        length = (int)recv(socket, packet, sizeof packet, 0);
        ck_assert_int_gt(length, 0);
        ck_assert_int_eq(pki_wire_decode(packet, (size_t)length, answer), 0);
        ck_assert_uint_eq(answer->id, message->id);
    } while (answer->type == PKI_WIRE_PROGRESS);
}

/* Open, sign, and posternd is gone without a CLOSE: nothing is left behind, and the status is 0. */
START_TEST(after_its_work_the_signer_ends_in_order)
{
    int socket = -1, status;
    pid_t pid = 0;
    struct error error;
    struct pki_wire_message answer;
    uint8_t public_key[512], *end = public_key, digest[32] = {1};
    struct pki_key_source source = test_source(_i, TEST_RSA);
    struct pki_wire_message open = {.type = PKI_WIRE_OPEN,
                                    .id = 11,
                                    .open = {.key = 5,
                                             .sessions = 2,
                                             .timeout = 5000,
                                             .uri = source.key,
                                             .token = source.token,
                                             .module = source.module,
                                             .pin_source = source.pin_source}};
    struct pki_wire_message sign = {
        .type = PKI_WIRE_SIGN, .id = 12, .sign = {5, PKI_RSA_PSS_SHA256, {digest, 32}}};
    int length = i2d_PUBKEY(test_keys[TEST_RSA], &end);
    ck_assert_int_gt(length, 0);
    open.open.public_key = (struct pki_wire_bytes){public_key, (size_t)length};
    ck_assert_int_eq(process_spawn(TEST_SIGNER, 0, &socket, &pid, &error), 0);
    ask(socket, &open, &answer);
    ck_assert_int_eq(answer.type, PKI_WIRE_OPENED);
    ask(socket, &sign, &answer);
    ck_assert_int_eq(answer.type, PKI_WIRE_SIGNED);
    ask(socket, &open, &answer); /* a number that is in use */
    ck_assert_int_eq(answer.type, PKI_WIRE_FAILED);
    sign.sign.key = 6; /* and one that is not */
    ask(socket, &sign, &answer);
    ck_assert_int_eq(answer.type, PKI_WIRE_FAILED);
    close(socket);
    ck_assert(process_wait(pid, 10000, &status));
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static TCase *good_cases(void)
{
    TCase *tcase = tcase_create("good");
    tcase_add_loop_test(tcase, every_algorithm_of_the_type_is_proved_and_signs, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, md5_with_sha_1_is_signed_bare, 0, TEST_STORES);
    tcase_add_loop_test(tcase, an_algorithm_of_another_type_is_refused, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, a_digest_of_the_wrong_length_is_refused, 0, TEST_STORES);
    tcase_add_loop_test(tcase, sixteen_threads_sign_at_once, 0, COMBINATIONS);
    tcase_add_test(tcase, without_a_module_the_registry_is_searched);
    tcase_add_test(tcase, module_and_pin_may_be_named_by_the_uri);
    tcase_add_test(tcase, a_key_is_found_by_its_id);
    tcase_add_loop_test(tcase, among_all_keys_of_a_token_the_one_of_the_certificate_is_taken, 0,
                        TEST_KEYS);
    tcase_add_test(tcase, status_tells_what_the_token_is);
    tcase_add_loop_test(tcase, after_its_work_the_signer_ends_in_order, 0, TEST_STORES);
    return tcase;
}

static TCase *bad_cases(void)
{
    TCase *tcase = tcase_create("bad");
    tcase_add_loop_test(tcase, a_key_of_another_certificate_is_refused, 0, TEST_STORES);
    tcase_add_loop_test(tcase, a_key_of_another_type_is_refused, 0, TEST_STORES);
    tcase_add_loop_test(tcase, a_missing_key_is_unavailable, 0, TEST_STORES);
    tcase_add_test(tcase, a_missing_token_is_unavailable_and_the_others_are_named);
    tcase_add_loop_test(tcase, a_bad_source_is_a_clear_error, 0, (int)ARRAY_SIZE(bad_sources));
    tcase_add_test(tcase, an_encrypted_file_is_a_clear_error);
    tcase_add_test(tcase, a_file_without_a_key_is_a_clear_error);
    tcase_add_test(tcase, an_unreadable_file_is_a_clear_error);
    tcase_add_test(tcase, a_token_with_a_pin_needs_one);
    tcase_add_test(tcase, a_signer_that_cannot_be_started_is_an_error);
    tcase_add_loop_test(tcase, the_signer_ends_in_order_on_nonsense, 0, 8);
    tcase_add_test(tcase, the_signer_ends_when_posternd_has_gone);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("signer");
    TCase *tcases[] = {good_cases(),   bad_cases(),     fault_cases(),     place_cases(),
                       socket_cases(), hostile_cases(), credential_cases()};
    test_setup();
    for (size_t i = 0; i < ARRAY_SIZE(tcases); i++) {
        tcase_set_timeout(tcases[i], 60);
        tcase_add_checked_fixture(tcases[i], test_begin, NULL);
        suite_add_tcase(suite, tcases[i]);
    }
    int failed = run_suite(suite);
    return !test_teardown() || failed;
}
