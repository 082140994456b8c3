/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * AUTH: mechanisms and what clients answer (RFC 4954, 4616, 4648). */
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/auth.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

static const struct {
    const char *arguments;
    enum smtp_mechanism mechanism;
    const char *response; /* NULL: none */
} commands[] = {
    {"PLAIN", SMTP_AUTH_PLAIN, NULL},
    {"plain", SMTP_AUTH_PLAIN, NULL},
    {"PLAIN AGEAYg==", SMTP_AUTH_PLAIN, "AGEAYg=="},
    {"PLAIN =", SMTP_AUTH_PLAIN, ""},
    {"PLAIN ==", SMTP_AUTH_PLAIN, "=="},
    {"LOGIN", SMTP_AUTH_LOGIN, NULL},
    {"Login YQ==", SMTP_AUTH_LOGIN, "YQ=="},
    {"EXTERNAL =", SMTP_AUTH_EXTERNAL, ""},
    {"", SMTP_AUTH_UNKNOWN, NULL},
    {" PLAIN", SMTP_AUTH_UNKNOWN, "PLAIN"},
    {"PLAINS", SMTP_AUTH_UNKNOWN, NULL},
    {"PLAI", SMTP_AUTH_UNKNOWN, NULL},
    {"CRAM-MD5", SMTP_AUTH_UNKNOWN, NULL},
};

START_TEST(test_command_is_parsed)
{
    const char *response = "untouched";
    size_t length = 99;
    _cleanup_free_ char *bytes = exact_copy(commands[_i].arguments, strlen(commands[_i].arguments));
    ck_assert_int_eq(smtp_auth_parse(bytes, strlen(commands[_i].arguments), &response, &length),
                     commands[_i].mechanism);
    ck_assert_int_eq(response == NULL, commands[_i].response == NULL);
    if (commands[_i].response) {
        ck_assert_uint_eq(length, strlen(commands[_i].response));
        ck_assert(memcmp(response, commands[_i].response, length) == 0);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *user, *password; /* NULL: refused */
} plains[] = {
    {"AGEAYg==", "a", "b"},
    {"YQBhAGI=", "a", "b"}, /* acts as itself */
    {"AHNjYW5uZXIAcyBzOnM=", "scanner", "s s:s"},
    {"AMOkAMO2", "\xc3\xa4", "\xc3\xb6"},
    {"YgBhAGI=", NULL, NULL}, /* acts as somebody else */
    {"YWEAYQBi", NULL, NULL},
    {"AGEA", NULL, NULL}, /* no password */
    {"AABi", NULL, NULL}, /* no user */
    {"AGE=", NULL, NULL},
    {"YQ==", NULL, NULL},
    {"AAAA", NULL, NULL},
    {"AGEAYgBj", NULL, NULL}, /* one part too many */
    {"AGEKAGI=", NULL, NULL}, /* a line feed in the user */
    {"AGEAYg", NULL, NULL},   /* no padding */
    {"AGEAYg=", NULL, NULL},
    {"AGEAYg===", NULL, NULL},
    {"AGEAY===", NULL, NULL},
    {"====", NULL, NULL},
    {"AG=AYg==", NULL, NULL},
    {"AGEA Yg=", NULL, NULL},
    {" AGEAYg=", NULL, NULL},
    {"AGEAY\xc3==", NULL, NULL},
    {"AGE-Yg==", NULL, NULL}, /* of the other alphabet */
    {"", NULL, NULL},
};

START_TEST(test_plain_is_decoded)
{
    struct smtp_auth auth = {.user = "", .password = ""};
    size_t length = strlen(plains[_i].text);
    _cleanup_free_ char *bytes = exact_copy(plains[_i].text, length);
    ck_assert_int_eq(smtp_auth_plain(bytes, length, &auth), plains[_i].user != NULL);
    if (!plains[_i].user)
        return;
    ck_assert_str_eq(auth.user, plains[_i].user);
    ck_assert_str_eq(auth.password, plains[_i].password);
    smtp_auth_clear(&auth);
    ck_assert_int_eq(auth.password[0], 0);
}
END_TEST

START_TEST(test_login_is_decoded)
{
    struct smtp_auth auth;
    ck_assert(smtp_auth_user("c2Nhbm5lcg==", 12, &auth));
    ck_assert_str_eq(auth.user, "scanner");
    ck_assert(smtp_auth_password("czNjcmV0", 8, &auth));
    ck_assert_str_eq(auth.password, "s3cret");
    ck_assert(!smtp_auth_user("", 0, &auth));
    ck_assert(!smtp_auth_password("YQBi", 4, &auth)); /* a NUL */
}
END_TEST

/* 255 bytes are the most for a user, and 511 for a password. */
START_TEST(test_there_is_a_most)
{
    struct smtp_auth auth;
    _cleanup_free_ char *user = many('a', 340); /* 255 bytes */
    _cleanup_free_ char *longer = many('a', 344);
    _cleanup_free_ char *password = many('a', 680);
    _cleanup_free_ char *endless = many('a', 100000);
    ck_assert(smtp_auth_user(user, 340, &auth));
    ck_assert_uint_eq(strlen(auth.user), 255);
    ck_assert(!smtp_auth_user(longer, 344, &auth));
    ck_assert(smtp_auth_password(password, 680, &auth));
    ck_assert(!smtp_auth_password(endless, 684, &auth));
    ck_assert(!smtp_auth_password(endless, 100000, &auth));
}
END_TEST

START_TEST(test_fuzzers_corpus_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/smtp-auth"), 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-auth");
    TCase *tcase = tcase_create("smtp-auth");
    tcase_add_loop_test(tcase, test_command_is_parsed, 0, ARRAY_SIZE(commands));
    tcase_add_loop_test(tcase, test_plain_is_decoded, 0, ARRAY_SIZE(plains));
    tcase_add_test(tcase, test_login_is_decoded);
    tcase_add_test(tcase, test_there_is_a_most);
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
