/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Tokens, signers and administrators that fail: what comes back by itself, and what is never tried
 * twice. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki/base/clock.h"
#include "tests/pki/test-token-setup.h"

TCase *fault_cases(void);

static struct pki_signer *signer;
static struct pki_key *key;

static void open_faulty(enum test_key type, unsigned timeout, unsigned sessions)
{
    struct pki_key_source source = test_faulty(type);
    source.timeout = timeout;
    source.sessions = sessions;
    signer = test_signer();
    key = test_open(signer, &source, type);
}

static void close_all(void)
{
    key = pki_key_unref(key);
    signer = pki_signer_free(signer);
}

static struct pki_key_status key_status(struct pki_signer_status *status)
{
    struct pki_key_status keys[1] = {0};
    pki_signer_status(signer, status, keys, 1);
    return keys[0];
}

/* Check's own limit ends a wait in vain. */
static void await_starts(struct pki_signer_status *status, uint64_t starts)
{
    for (key_status(status); status->starts < starts; key_status(status))
        usleep(10000);
    ck_assert_uint_eq(status->starts, starts);
}

/* --- the PIN ---------------------------------------------------------------------------------- */

static int open_with_pin(const char *pin, bool wait, struct error *error)
{
    struct pki_key_source source = test_faulty(TEST_P256);
    if (pin)
        test_write("pin", pin);
    return pki_key_open(signer, &source, test_keys[TEST_P256], wait, &key, error);
}

START_TEST(a_refused_pin_is_tried_once)
{
    struct error error;
    signer = test_signer();
    for (int attempt = 0; attempt < 3; attempt++) {
        ck_assert_int_eq(open_with_pin(attempt ? NULL : "wrong", true, &error), -EX_CONFIG);
        ck_assert_ptr_nonnull(strstr(error.what, attempt ? "refused" : "CKR_PIN_INCORRECT"));
    }
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    close_all();
}
END_TEST

START_TEST(a_refused_pin_is_not_tried_by_a_new_signer)
{
    struct error error;
    struct pki_signer_status status;
    signer = test_signer();
    ck_assert_int_eq(open_with_pin("wrong", true, &error), -EX_CONFIG);
    pki_signer_status(signer, &status, NULL, 0);
    ck_assert_int_eq(kill(status.pid, SIGKILL), 0);
    await_starts(&status, 2);
    ck_assert_int_eq(open_with_pin(NULL, true, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "refused this PIN before"));
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    close_all();
}
END_TEST

static void ignore_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                         const char *text)
{
    (void)context, (void)kind, (void)logged_in, (void)uri, (void)text;
}

/* Looking through the token logs in as well; whoever was refused, nobody tries it again. */
START_TEST(a_refused_pin_is_not_tried_by_looking_through)
{
    struct error error;
    struct pki_signer_status status;
    struct pki_key_source source = test_faulty(TEST_P256);
    signer = test_signer();
    test_write("pin", "wrong");
    if (_i)
        ck_assert_int_eq(open_with_pin(NULL, true, &error), -EX_CONFIG);
    else
        ck_assert_int_eq(pki_token_list(signer, &source, ignore_found, NULL, &error), -EX_CONFIG);
    pki_signer_status(signer, &status, NULL, 0);
    ck_assert_int_eq(kill(status.pid, SIGKILL), 0);
    await_starts(&status, 2);
    ck_assert_int_eq(pki_token_list(signer, &source, ignore_found, NULL, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "refused this PIN before"));
    ck_assert_int_eq(open_with_pin(NULL, true, &error), -EX_CONFIG);
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    close_all();
}
END_TEST

START_TEST(a_pin_file_written_again_with_the_same_pin_is_not_tried)
{
    struct error error;
    signer = test_signer();
    ck_assert_int_eq(open_with_pin("wrong", true, &error), -EX_CONFIG);
    ck_assert_int_eq(open_with_pin("wrong\n", true, &error), -EX_CONFIG);
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    close_all();
}
END_TEST

START_TEST(a_new_pin_is_tried)
{
    struct error error;
    signer = test_signer();
    ck_assert_int_eq(open_with_pin("wrong", true, &error), -EX_CONFIG);
    ck_assert_int_eq(open_with_pin(TEST_PIN, true, &error), 0);
    ck_assert_uint_eq(test_size("orders/logins"), 2);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    close_all();
}
END_TEST

START_TEST(the_last_try_is_left_alone)
{
    struct error error;
    test_order("final-try", "");
    signer = test_signer();
    ck_assert_int_eq(open_with_pin(NULL, true, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "last try"));
    ck_assert_uint_eq(test_size("orders/logins"), 0);
    close_all();
}
END_TEST

START_TEST(one_login_serves_all_keys_and_sessions)
{
    struct error error;
    struct pki_key_source source = test_faulty(TEST_RSA);
    open_faulty(TEST_P256, 0, 4);
    struct pki_key *other = test_open(signer, &source, TEST_RSA);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
        ck_assert_int_eq(test_sign(other, TEST_RSA, PKI_RSA_PSS_SHA256, &error), 0);
    }
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    ck_assert_uint_eq(test_size("orders/starts"), 1);
    pki_key_unref(other);
    close_all();
}
END_TEST

START_TEST(a_key_may_want_its_pin_before_each_signature)
{
    struct error error;
    test_order("ask-always", "");
    open_faulty(TEST_P256, 0, 1);
    size_t before = test_size("orders/logins");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    ck_assert_uint_eq(test_size("orders/logins"), before + 2);
    close_all();
}
END_TEST

/* --- mechanisms and sessions ------------------------------------------------------------------ */

START_TEST(without_pss_the_padding_is_made_here)
{
    struct error error;
    test_order("no-pss", "");
    open_faulty(TEST_RSA, 0, 0);
    ck_assert_uint_eq(key->algorithms, pki_algorithms_of(test_keys[TEST_RSA]));
    for (unsigned i = PKI_RSA_PSS_SHA256; i <= PKI_RSA_PSS_SHA512; i++)
        ck_assert_int_eq(test_sign(key, TEST_RSA, i, &error), 0);
    close_all();
}
END_TEST

START_TEST(without_both_the_administrator_is_told)
{
    struct pki_signer_status status;
    test_order("no-pss", "");
    test_order("no-raw", "");
    open_faulty(TEST_RSA, 0, 0);
    ck_assert_uint_eq(key->algorithms, 1u << PKI_RSA_PKCS1_SHA256 | 1u << PKI_RSA_PKCS1_SHA384 |
                                           1u << PKI_RSA_PKCS1_SHA512 |
                                           1u << PKI_RSA_PKCS1_MD5_SHA1);
    ck_assert_str_eq(key_status(&status).last_error,
                     "this token cannot do TLS 1.3 with an RSA key");
    ck_assert_str_eq(key_status(&status).cure, "use an EC key, or cap at TLS 1.2");
    close_all();
}
END_TEST

/* Some do so in FIPS mode, and not always with the code that says it. */
START_TEST(a_token_that_refuses_the_old_algorithms_serves_the_others)
{
    struct error error;
    struct pki_signer_status status;
    enum test_key type = _i ? TEST_RSA : TEST_P256;
    uint32_t old = 1u << (_i ? PKI_RSA_PKCS1_MD5_SHA1 : PKI_ECDSA_SHA1);
    test_order("no-old", "");
    open_faulty(type, 0, 0);
    ck_assert_uint_eq(key->algorithms, pki_algorithms_of(test_keys[type]) & ~old);
    ck_assert_int_eq(test_sign(key, type, test_first(type), &error), 0);
    ck_assert_str_eq(key_status(&status).last_error, "");
    ck_assert_uint_eq(key_status(&status).recoveries, 0);
    close_all();
}
END_TEST

static void *sign_ten(void *failures)
{
    struct error error;
    for (int i = 0; i < 10; i++)
        if (test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error) < 0)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int sign_in_threads(unsigned count)
{
    pthread_t threads[16];
    int failures = 0;
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_ten, &failures), 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return failures;
}

START_TEST(a_token_with_one_session_serves_many_threads)
{
    test_order("one-session", "");
    open_faulty(TEST_P256, 0, 4);
    ck_assert_int_eq(sign_in_threads(8), 0);
    close_all();
}
END_TEST

START_TEST(a_wrong_signature_is_never_given_out)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 1);
    test_order("wrong", "1");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    ck_assert_uint_eq(key_status(&status).recoveries, 1);
    close_all();
}
END_TEST

/* A bit that turns while the key is proved anew, and not when it is used. */
START_TEST(an_accident_in_a_proof_costs_no_algorithm)
{
    static const enum test_key types[] = {TEST_RSA, TEST_P256, TEST_ED25519};
    enum test_key type = types[_i];
    struct error error;
    open_faulty(type, 0, 1);
    uint32_t before = pki_key_algorithms(key);
    test_order("wrong", "2"); /* the first of the two that recover it */
    ck_assert_int_eq(test_sign(key, type, test_first(type), &error), 0);
    ck_assert_uint_eq(test_size("orders/wrong"), 0);
    ck_assert_uint_eq(pki_key_algorithms(key), before);
    close_all();
}
END_TEST

/* --- recovery --------------------------------------------------------------------------------- */

static const struct loss {
    const char *order, *code;
    size_t starts; /* C_Initialize, in all */
} losses[] = {
    {"lost-session", "0xb3", 1},  /* CKR_SESSION_HANDLE_INVALID */
    {"lost-session", "0xb0", 1},  /* CKR_SESSION_CLOSED */
    {"lost-session", "0x101", 1}, /* CKR_USER_NOT_LOGGED_IN */
    {"lost-session", "0x60", 1},  /* CKR_KEY_HANDLE_INVALID */
    {"lost-session", "0x82", 1},  /* CKR_OBJECT_HANDLE_INVALID */
    {"lost-session", "0x5", 1},   /* CKR_GENERAL_ERROR */
    {"lost-module", "0x30", 2},   /* CKR_DEVICE_ERROR */
    {"lost-module", "0xe0", 2},   /* CKR_TOKEN_NOT_PRESENT */
    {"lost-module", "0x190", 2},  /* CKR_CRYPTOKI_NOT_INITIALIZED */
    {"lost-module", "0x32", 2},   /* CKR_DEVICE_REMOVED */
};

START_TEST(a_lost_token_costs_no_signature)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 2);
    test_order(losses[_i].order, losses[_i].code);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    struct pki_key_status now = key_status(&status);
    ck_assert_uint_eq(now.recoveries, 1);
    ck_assert_uint_eq(now.errors, 0);
    ck_assert_uint_eq(status.starts, 1);
    ck_assert_uint_eq(test_size("orders/starts"), losses[_i].starts);
    close_all();
}
END_TEST

/* Every code that means "lost", from the first and the third call on of every function that a
 * signature goes through. The signature is there, or its failure is one to try again; either way
 * the key comes back. */
static const char *const lost_codes[] = {
    "0xb0",  /* CKR_SESSION_CLOSED */
    "0xb1",  /* CKR_SESSION_COUNT */
    "0xb3",  /* CKR_SESSION_HANDLE_INVALID */
    "0x30",  /* CKR_DEVICE_ERROR */
    "0x31",  /* CKR_DEVICE_MEMORY */
    "0x32",  /* CKR_DEVICE_REMOVED */
    "0xe0",  /* CKR_TOKEN_NOT_PRESENT */
    "0x101", /* CKR_USER_NOT_LOGGED_IN */
    "0x82",  /* CKR_OBJECT_HANDLE_INVALID */
    "0x60",  /* CKR_KEY_HANDLE_INVALID */
    "0x190", /* CKR_CRYPTOKI_NOT_INITIALIZED */
    "0x5",   /* CKR_GENERAL_ERROR */
};
static const char *const lost_calls[] = {"C_SignInit", "C_Sign"};

START_TEST(every_loss_at_the_nth_call_costs_no_signature)
{
    struct error error;
    struct pki_signer_status status;
    char order[64];
    size_t code = (size_t)_i % ARRAY_SIZE(lost_codes);
    const char *call = lost_calls[(size_t)_i / ARRAY_SIZE(lost_codes)];
    open_faulty(TEST_P256, 0, 1);
    for (unsigned n = 1; n <= 3; n++) {
        snprintf(order, sizeof order, "%s %s %u", call, lost_codes[code], n);
        test_order("fail", order);
        for (unsigned i = 1; i <= n; i++)
            ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
        ck_assert_uint_eq(test_size("orders/fail"), 0);
        ck_assert_uint_eq(key_status(&status).recoveries, n);
    }
    ck_assert_uint_eq(key_status(&status).errors, 0);
    ck_assert_uint_eq(key_status(&status).steps[PKI_RECOVERY_SESSION], 3);
    ck_assert_uint_eq(status.starts, 1);
    close_all();
}
END_TEST

static void count_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                        const char *text)
{
    unsigned *found = context;
    (void)logged_in, (void)uri, (void)text;
    found[kind]++;
}

/* Looking through the token recovers it, and tells each thing once. */
START_TEST(a_lost_token_is_looked_through)
{
    static const char *const orders[][2] = {
        {"lost-session", "0xb3"}, {"lost-module", "0x30"}, {"fail", "C_FindObjectsInit 0x30 2"}};
    struct error error;
    struct pki_signer_status status;
    struct pki_key_source source = test_faulty(TEST_P256);
    open_faulty(TEST_P256, 0, 1);
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        unsigned found[PKI_FOUND_END] = {0};
        test_order(orders[i][0], orders[i][1]);
        ck_assert_int_eq(pki_token_list(signer, &source, count_found, found, &error), 0);
        ck_assert_uint_eq(found[PKI_FOUND_TOKEN], 1);
        ck_assert_uint_eq(found[PKI_FOUND_KEY], TEST_KEYS);
        ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    }
    key_status(&status);
    ck_assert_uint_eq(status.starts, 1);
    close_all();
}
END_TEST

/* A Token in the configuration whose keys nobody uses. */
START_TEST(a_token_without_open_keys_is_looked_through)
{
    unsigned found[PKI_FOUND_END] = {0};
    struct error error;
    struct pki_key_source source = test_faulty(TEST_P256);
    signer = test_signer();
    ck_assert_int_eq(pki_token_list(signer, &source, count_found, found, &error), 0);
    ck_assert_uint_eq(found[PKI_FOUND_TOKEN], 1);
    ck_assert_uint_eq(found[PKI_FOUND_KEY], TEST_KEYS);
    close_all();
}
END_TEST

/* What fails while the token is recovered itself. */
static const char *const broken_ladders[] = {
    "C_OpenSession 0x30 1",     "C_Login 0x30 1",           "C_Login 0x5 1",
    "C_FindObjectsInit 0xb3 1", "C_FindObjectsInit 0x30 1", "C_Initialize 0x5 1"};

START_TEST(a_loss_within_the_recovery_is_recovered)
{
    open_faulty(TEST_P256, 0, 1);
    test_order("fail", broken_ladders[_i]);
    test_order("lost-session", "0xb3");
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    close_all();
}
END_TEST

START_TEST(a_module_that_only_a_new_process_mends_gets_one)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 2);
    test_order("lost-process", "0x30");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    struct pki_key_status now = key_status(&status);
    ck_assert_uint_eq(status.starts, 2);
    ck_assert_uint_eq(now.steps[PKI_RECOVERY_PROCESS], 1);
    ck_assert_uint_gt(now.steps[PKI_RECOVERY_MODULE], 0);
    ck_assert_uint_gt(now.steps[PKI_RECOVERY_SESSION], 0);
    close_all();
}
END_TEST

/* The rung above all others would take the keys of every other token with it. */
START_TEST(a_process_in_which_another_key_works_is_left_alone)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 1);
    struct pki_key_source source = test_faulty(TEST_P384);
    struct pki_key *other = test_open(signer, &source, TEST_P384);
    pki_signer_status(signer, &status, NULL, 0);
    test_order("fail", "C_SignInit 0x30 0");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    usleep(2500000); /* longer than the first wait for a new process */
    pki_signer_status(signer, &status, NULL, 0);
    ck_assert_uint_eq(status.starts, 1);
    test_withdraw("fail");
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    ck_assert_int_eq(test_sign(other, TEST_P384, PKI_ECDSA_SHA384, &error), 0);
    pki_key_unref(other);
    close_all();
}
END_TEST

START_TEST(a_lost_key_comes_back_without_being_asked)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 1);
    test_order("fail", "C_SignInit 0x30 0");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_uint_eq(pki_key_algorithms(key), 0);
    ck_assert(!key_status(&status).ready);
    test_withdraw("fail");
    while (!key_status(&status).ready)
        usleep(10000);
    ck_assert_uint_ne(pki_key_algorithms(key), 0);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    close_all();
}
END_TEST

/* A handle that means another key after a reset is seen by its signature, and found anew. */
START_TEST(keys_swapped_behind_their_handles_are_found_again)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 1);
    for (uint64_t i = 1; i <= 3; i++) {
        test_order("swap", "1");
        ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
        ck_assert_uint_eq(test_size("orders/swap"), 0);
        ck_assert_uint_eq(key_status(&status).steps[PKI_RECOVERY_SESSION], i);
    }
    ck_assert_uint_eq(status.starts, 1);
    close_all();
}
END_TEST

/* And once more while it is proved anew: `wrong` 6 are the signature and all of its first proof. */
START_TEST(a_proof_that_fails_whole_is_made_again)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 0, 1);
    test_order("wrong", "6");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    ck_assert_uint_eq(test_size("orders/wrong"), 0);
    ck_assert_uint_eq(key_status(&status).errors, 0);
    ck_assert_uint_eq(pki_key_algorithms(key), pki_algorithms_of(test_keys[TEST_P256]));
    close_all();
}
END_TEST

/* A replacement that can do less: what TLS offers follows what it proved. */
START_TEST(what_a_recovery_no_longer_proves_is_not_offered)
{
    struct error error;
    uint32_t pss = 1u << PKI_RSA_PSS_SHA256 | 1u << PKI_RSA_PSS_SHA384 | 1u << PKI_RSA_PSS_SHA512;
    open_faulty(TEST_RSA, 0, 1);
    ck_assert_uint_eq(pki_key_algorithms(key), pki_algorithms_of(test_keys[TEST_RSA]));
    test_order("no-pss", "");
    test_order("no-raw", "");
    test_order("lost-session", "0xb3");
    ck_assert_int_eq(test_sign(key, TEST_RSA, PKI_RSA_PKCS1_SHA256, &error), 0);
    ck_assert_uint_eq(pki_key_algorithms(key), pki_algorithms_of(test_keys[TEST_RSA]) & ~pss);
    test_withdraw("no-pss");
    test_order("lost-session", "0xb3");
    ck_assert_int_eq(test_sign(key, TEST_RSA, PKI_RSA_PKCS1_SHA256, &error), 0);
    ck_assert_uint_eq(pki_key_algorithms(key), pki_algorithms_of(test_keys[TEST_RSA]));
    close_all();
}
END_TEST

START_TEST(a_signature_that_cannot_be_made_any_more_tells_what_can)
{
    struct error error;
    open_faulty(TEST_RSA, 0, 1);
    test_order("no-pss", "");
    test_order("no-raw", "");
    test_order("lost-session", "0xb3");
    ck_assert_int_eq(test_sign(key, TEST_RSA, PKI_RSA_PSS_SHA256, &error), -EX_CONFIG);
    ck_assert_uint_eq(pki_key_algorithms(key) & 1u << PKI_RSA_PSS_SHA256, 0);
    ck_assert_int_eq(test_sign(key, TEST_RSA, PKI_RSA_PKCS1_SHA256, &error), 0);
    close_all();
}
END_TEST

START_TEST(a_signer_writes_no_core)
{
    struct pki_signer_status status;
    char path[64], line[256];
    bool found = false;
    signer = test_signer();
    pki_signer_status(signer, &status, NULL, 0);
    snprintf(path, sizeof path, "/proc/%d/limits", status.pid);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, "Max core file size        0                    0 ", 49) == 0;
    fclose(file);
    ck_assert(found);
    close_all();
}
END_TEST

START_TEST(a_token_lost_under_many_threads_comes_back)
{
    int failures = 0;
    pthread_t threads[8];
    open_faulty(TEST_P256, 0, 4);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_ten, &failures), 0);
    usleep(5000);
    test_order("lost-module", "0x30");
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    close_all();
}
END_TEST

START_TEST(a_killed_signer_is_started_again)
{
    struct error error;
    struct pki_signer_status status;
    int failures = 0;
    pthread_t threads[8];
    open_faulty(TEST_P256, 0, 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_ten, &failures), 0);
    key_status(&status);
    ck_assert_int_eq(kill(status.pid, SIGKILL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL); /* nobody waits for ever */
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    struct pki_key_status now = key_status(&status);
    ck_assert_uint_eq(status.starts, 2);
    ck_assert(now.ready);
    close_all();
}
END_TEST

/* Opening a key has more steps than a signature, and yet one that hangs is seen after its time-out.
 */
START_TEST(a_module_that_hangs_in_a_proof_is_seen_as_soon)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 1500, 0);
    test_order("hang", "");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    await_starts(&status, 2);
    int64_t begun = clock_milliseconds();
    await_starts(&status, 3);
    ck_assert_int_lt(clock_milliseconds() - begun, 1500 * 3); /* and not 4 time-outs */
    test_withdraw("hang");
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    close_all();
}
END_TEST

/* Four signatures of 600 ms to prove it, with a second for each step. */
START_TEST(a_key_that_is_slow_to_prove_is_opened)
{
    struct error error;
    struct pki_signer_status status;
    test_order("slow", "600");
    open_faulty(TEST_P256, 1000, 1);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    ck_assert_uint_eq(key_status(&status).signatures, 1);
    ck_assert_uint_eq(status.starts, 1);
    close_all();
}
END_TEST

START_TEST(a_hung_module_costs_its_signer_and_nobody_more)
{
    struct error error;
    struct pki_signer_status status;
    open_faulty(TEST_P256, 1000, 0);
    test_order("hang", "");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    test_withdraw("hang");
    await_starts(&status, 2);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    close_all();
}
END_TEST

/* 8 threads of 10 signatures, 300 ms each, one at a time, with a second for each: most are late,
 * and all of them are told so, but the signer is not to blame. */
START_TEST(a_slow_token_is_not_taken_for_a_hung_one)
{
    struct pki_signer_status status;
    open_faulty(TEST_P256, 1000, 1);
    test_order("slow", "");
    ck_assert_int_gt(sign_in_threads(8), 0);
    test_withdraw("slow");
    struct pki_key_status now = key_status(&status);
    ck_assert_uint_gt(now.signatures, 0);
    ck_assert_uint_eq(status.starts, 1);
    close_all();
}
END_TEST

/* --- waiting for a token ---------------------------------------------------------------------- */

START_TEST(a_key_that_comes_late_becomes_ready)
{
    struct error error;
    char text[4096];
    struct pki_key_source source = {.key = test_path("late.pem")};
    signer = test_signer();
    ck_assert_int_eq(pki_key_open(signer, &source, test_keys[TEST_P256], true, &key, &error), 0);
    ck_assert_uint_eq(key->algorithms, 0);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_ptr_nonnull(strstr(error.what, "Cannot read"));
    FILE *file = fopen(test_path("p256.pem"), "re");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    test_write("late.new", text);
    ck_assert_int_eq(rename(test_path("late.new"), test_path("late.pem")), 0);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    ck_assert_uint_ne(pki_key_algorithms(key), 0);
    close_all();
}
END_TEST

/* The token's folder is away when the module is initialised, and comes back. */
START_TEST(a_token_that_comes_late_becomes_ready)
{
    struct error error;
    struct pki_key_source source = test_faulty(TEST_P256);
    ck_assert_int_eq(rename(test_path("tokens"), test_path("away")), 0);
    ck_assert_int_eq(system("mkdir \"$POSTERN_TEST_TOKEN/../tokens\""), 0);
    signer = test_signer();
    int result = pki_key_open(signer, &source, test_keys[TEST_P256], true, &key, &error);
    rmdir(test_path("tokens"));
    int back = rename(test_path("away"), test_path("tokens"));
    ck_assert_int_eq(back, 0);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    close_all();
}
END_TEST

/* --- a remote token: SoftHSM behind `p11-kit server`, as a network HSM stands ------------------
 */

static pid_t start_server(void)
{
    char *arguments[] = {"p11-kit",
                         "server",
                         "--foreground",
                         "--name",
                         (char *)(uintptr_t)test_path("remote"),
                         "--provider",
                         (char *)(uintptr_t)test_softhsm(),
                         "pkcs11:",
                         NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    unlink(test_path("remote"));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ck_assert_int_eq(posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments, environ),
                     0);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    while (access(test_path("remote"), F_OK) < 0)
        usleep(10000);
    return pid;
}

/* The server has a child for each connection, which dies with its group. */
static void stop_server(pid_t pid)
{
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(a_remote_token_that_restarts_comes_back)
{
    struct error error;
    char address[500];
    struct pki_signer_status status;
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_P256);
    pid_t server = start_server();
    snprintf(address, sizeof address, "unix:path=%s", test_path("remote"));
    setenv("P11_KIT_SERVER_ADDRESS", address, 1);
    source.module = "p11-kit-client.so";
    signer = test_signer();
    key = test_open(signer, &source, TEST_P256);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    stop_server(server);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    server = start_server();
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    ck_assert_uint_gt(key_status(&status).recoveries, 0);
    ck_assert_uint_eq(status.starts, 1);
    close_all();
    stop_server(server);
}
END_TEST

/* --- stopping --------------------------------------------------------------------------------- */

static void *sign_once(void *result)
{
    struct error error;
    *(int *)result = test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error);
    return NULL;
}

/* A minute for each signature, and nobody waits for it: neither who waits already nor who comes. */
START_TEST(nobody_waits_for_a_signer_that_was_told_to_stop)
{
    struct error error;
    struct pki_signer_status status;
    struct pki_key_source source = test_faulty(TEST_P384);
    pthread_t thread;
    int result = 0;
    int64_t begun = clock_milliseconds();
    open_faulty(TEST_P256, 60000, 1);
    test_order("hang", "");
    ck_assert_int_eq(pthread_create(&thread, NULL, sign_once, &result), 0);
    do {
        usleep(10000);
        pki_signer_status(signer, &status, NULL, 0);
    } while (!status.waiting);
    pki_signer_stop(signer);
    pthread_join(thread, NULL);
    ck_assert_int_eq(result, -EX_TEMPFAIL);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_ptr_nonnull(strstr(error.what, "stopping"));
    struct pki_key *other = NULL;
    ck_assert_int_eq(pki_key_open(signer, &source, test_keys[TEST_P384], false, &other, &error),
                     -EX_TEMPFAIL);
    close_all();
    ck_assert_int_lt(clock_milliseconds() - begun, 40000);
}
END_TEST

/* One in the token's hands (or about to be), 256 behind it, and the others are refused at once. */
enum { HURRIED = 300, REFUSED = HURRIED - 257 };

static void *sign_and_tell(void *refused)
{
    struct error error;
    if (test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error) < 0 &&
        strstr(error.what, "256 signatures wait for the token already"))
        __atomic_add_fetch((unsigned *)refused, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

START_TEST(a_full_queue_answers_at_once)
{
    pthread_t threads[HURRIED];
    struct pki_signer_status status;
    unsigned refused = 0;
    open_faulty(TEST_P256, 60000, 1);
    test_order("hang", "");
    for (size_t i = 0; i < HURRIED; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_and_tell, &refused), 0);
    while (__atomic_load_n(&refused, __ATOMIC_SEQ_CST) < REFUSED)
        usleep(10000); /* Check's own limit is less than the minute of the others */
    ck_assert(key_status(&status).ready);
    ck_assert_uint_ge(status.waiting, HURRIED - REFUSED - 1);
    ck_assert_uint_eq(status.starts, 1);
    pki_signer_stop(signer);
    for (size_t i = 0; i < HURRIED; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_le(refused, REFUSED + 1);
    close_all();
}
END_TEST

TCase *fault_cases(void)
{
    TCase *tcase = tcase_create("faults");
    tcase_add_test(tcase, a_refused_pin_is_tried_once);
    tcase_add_test(tcase, a_refused_pin_is_not_tried_by_a_new_signer);
    tcase_add_loop_test(tcase, a_refused_pin_is_not_tried_by_looking_through, 0, 2);
    tcase_add_test(tcase, a_pin_file_written_again_with_the_same_pin_is_not_tried);
    tcase_add_test(tcase, a_new_pin_is_tried);
    tcase_add_test(tcase, the_last_try_is_left_alone);
    tcase_add_test(tcase, one_login_serves_all_keys_and_sessions);
    tcase_add_test(tcase, a_key_may_want_its_pin_before_each_signature);
    tcase_add_test(tcase, without_pss_the_padding_is_made_here);
    tcase_add_test(tcase, without_both_the_administrator_is_told);
    tcase_add_loop_test(tcase, a_token_that_refuses_the_old_algorithms_serves_the_others, 0, 2);
    tcase_add_test(tcase, a_token_with_one_session_serves_many_threads);
    tcase_add_test(tcase, a_wrong_signature_is_never_given_out);
    tcase_add_loop_test(tcase, an_accident_in_a_proof_costs_no_algorithm, 0, 3);
    tcase_add_loop_test(tcase, a_lost_token_costs_no_signature, 0, (int)ARRAY_SIZE(losses));
    tcase_add_loop_test(tcase, every_loss_at_the_nth_call_costs_no_signature, 0,
                        (int)(ARRAY_SIZE(lost_codes) * ARRAY_SIZE(lost_calls)));
    tcase_add_test(tcase, a_token_without_open_keys_is_looked_through);
    tcase_add_test(tcase, a_lost_token_is_looked_through);
    tcase_add_loop_test(tcase, a_loss_within_the_recovery_is_recovered, 0,
                        (int)ARRAY_SIZE(broken_ladders));
    tcase_add_test(tcase, a_module_that_only_a_new_process_mends_gets_one);
    tcase_add_test(tcase, a_process_in_which_another_key_works_is_left_alone);
    tcase_add_test(tcase, a_lost_key_comes_back_without_being_asked);
    tcase_add_test(tcase, keys_swapped_behind_their_handles_are_found_again);
    tcase_add_test(tcase, a_proof_that_fails_whole_is_made_again);
    tcase_add_test(tcase, what_a_recovery_no_longer_proves_is_not_offered);
    tcase_add_test(tcase, a_signature_that_cannot_be_made_any_more_tells_what_can);
    tcase_add_test(tcase, a_signer_writes_no_core);
    tcase_add_test(tcase, a_token_lost_under_many_threads_comes_back);
    tcase_add_test(tcase, a_killed_signer_is_started_again);
    tcase_add_test(tcase, a_hung_module_costs_its_signer_and_nobody_more);
    tcase_add_test(tcase, a_module_that_hangs_in_a_proof_is_seen_as_soon);
    tcase_add_test(tcase, a_key_that_is_slow_to_prove_is_opened);
    tcase_add_test(tcase, a_slow_token_is_not_taken_for_a_hung_one);
    tcase_add_test(tcase, a_key_that_comes_late_becomes_ready);
    tcase_add_test(tcase, a_token_that_comes_late_becomes_ready);
    tcase_add_test(tcase, a_remote_token_that_restarts_comes_back);
    tcase_add_test(tcase, nobody_waits_for_a_signer_that_was_told_to_stop);
    tcase_add_test(tcase, a_full_queue_answers_at_once);
    return tcase;
}
