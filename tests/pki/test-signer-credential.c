/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * PINs that systemd hands to the signer, and refusals that outlive it. The signer has this process'
 * environment, which each test's own process sets. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pki/test-token-setup.h"

TCase *credential_cases(void);

static struct pki_signer *signer;
static struct pki_key *key;

static void give_credential(const char *name, const char *text)
{
    char path[128];
    ck_assert(mkdir(test_path("credentials"), 0700) == 0 ||
              access(test_path("credentials"), F_OK) == 0);
    setenv("CREDENTIALS_DIRECTORY", test_path("credentials"), 1);
    snprintf(path, sizeof path, "credentials/%s", name);
    test_write(path, text);
}

static int open_with(const char *pin_source, struct error *error)
{
    struct pki_key_source source = test_faulty(TEST_P256);
    source.pin_source = pin_source;
    return pki_key_open(signer, &source, test_keys[TEST_P256], false, &key, error);
}

static void close_all(void)
{
    key = pki_key_unref(key);
    signer = pki_signer_free(signer);
}

static const char *const good_sources[] = {
    "credential:hsm-pin",
    "file:/run/credentials/posternd.service/hsm-pin",
    "file:///run/credentials/postern-signer@.service/hsm%2dpin",
    "/run/credentials/posternd.service/hsm-pin",
};

/* A credential belongs to the unit that needs it: a path of posternd's, of which the design has an
 * example, is taken for the signer's own. */
START_TEST(a_credential_is_read_by_whichever_name)
{
    struct error error = {0};
    give_credential("hsm-pin", TEST_PIN "\n");
    signer = test_signer();
    ck_assert_msg(open_with(good_sources[_i], &error) == 0, "%s", error.what);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    close_all();
}
END_TEST

static const struct {
    const char *source;
    int code;
    const char *what;
} bad_sources[] = {
    {"credential:other", EX_UNAVAILABLE, "no credential other"},
    {"/run/credentials/posternd.service/other", EX_UNAVAILABLE, "no credential other"},
    {"/run/credentials/posternd.service/a/hsm-pin", EX_UNAVAILABLE, "Cannot read the file"},
    {"/run/credentials/hsm-pin", EX_UNAVAILABLE, "Cannot read the file"},
    {"/run/elsewhere/posternd.service/hsm-pin", EX_UNAVAILABLE, "Cannot read the file"},
    {"credential:", EX_CONFIG, "no name of a credential"},
    {"credential:..", EX_CONFIG, "no name of a credential"},
    {"credential:../pin", EX_CONFIG, "no name of a credential"},
    {"credential:a b", EX_CONFIG, "no name of a credential"},
};

START_TEST(what_is_no_credential_is_a_clear_error)
{
    struct error error = {0};
    give_credential("hsm-pin", TEST_PIN "\n");
    signer = test_signer();
    ck_assert_int_eq(open_with(bad_sources[_i].source, &error), -bad_sources[_i].code);
    ck_assert_msg(strstr(error.what, bad_sources[_i].what), "%s", error.what);
    ck_assert_str_ne(error.cure, "");
    close_all();
}
END_TEST

START_TEST(without_credentials_the_error_says_where_to_put_one)
{
    struct error error = {0};
    unsetenv("CREDENTIALS_DIRECTORY");
    signer = test_signer();
    ck_assert_int_eq(open_with("credential:hsm-pin", &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.cure, "LoadCredential=hsm-pin"));
    ck_assert_int_eq(open_with("/run/credentials/posternd.service/x", &error), -EX_UNAVAILABLE);
    close_all();
}
END_TEST

/* A new posternd, as after a restart: three of them would lock many a token. */
START_TEST(a_refused_pin_is_not_tried_after_a_restart)
{
    struct error error;
    setenv("STATE_DIRECTORY", test_path("credentials"), 1);
    give_credential("hsm-pin", "wrong\n");
    for (int round = 0; round < 3; round++) {
        give_credential("hsm-pin", "wrong\n"); /* another file each time, as systemd makes it */
        signer = test_signer();
        ck_assert_int_eq(open_with("credential:hsm-pin", &error), -EX_CONFIG);
        ck_assert_ptr_nonnull(strstr(error.what, round ? "refused" : "CKR_PIN_INCORRECT"));
        close_all();
    }
    ck_assert_ptr_nonnull(strstr(error.cure, "refused-pins"));
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    give_credential("hsm-pin", TEST_PIN);
    signer = test_signer();
    ck_assert_int_eq(open_with("credential:hsm-pin", &error), 0);
    close_all();
    ck_assert_uint_eq(test_size("orders/logins"), 2);
}
END_TEST

/* As root nothing is unwritable, but a file is no folder. */
START_TEST(without_a_state_folder_it_serves_all_the_same)
{
    struct error error;
    test_write("no-folder", "");
    setenv("STATE_DIRECTORY", test_path(_i ? "no-folder" : "nothing-at-all"), 1);
    give_credential("hsm-pin", TEST_PIN);
    signer = test_signer();
    ck_assert_int_eq(open_with("credential:hsm-pin", &error), 0);
    close_all();
}
END_TEST

TCase *credential_cases(void)
{
    TCase *tcase = tcase_create("credential");
    tcase_add_loop_test(tcase, a_credential_is_read_by_whichever_name, 0,
                        (int)ARRAY_SIZE(good_sources));
    tcase_add_loop_test(tcase, what_is_no_credential_is_a_clear_error, 0,
                        (int)ARRAY_SIZE(bad_sources));
    tcase_add_test(tcase, without_credentials_the_error_says_where_to_put_one);
    tcase_add_test(tcase, a_refused_pin_is_not_tried_after_a_restart);
    tcase_add_loop_test(tcase, without_a_state_folder_it_serves_all_the_same, 0, 2);
    return tcase;
}
