/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The parameters of MAIL and RCPT: which are taken, with which values, and how they are written
 * again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/parameters.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* `written`: what goes on when everything may; NULL: the same. */
static const struct {
    const char *parameters;
    enum smtp_syntax result;
    const char *written;
} mails[] = {
    {"SIZE=5 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a REQUIRETLS XOORG=contoso.com", SMTP_SYNTAX_OK,
     NULL},
    {"xoorg=contoso.com smtputf8 ret=hdrs", SMTP_SYNTAX_OK, "SMTPUTF8 RET=HDRS XOORG=contoso.com"},
    {"BODY=binarymime", SMTP_SYNTAX_OK, "BODY=BINARYMIME"},
    {"SMTPUTF8=1", SMTP_SYNTAX_WRONG, NULL},
    {"SMTPUTF8=", SMTP_SYNTAX_WRONG, NULL},
    {"SMTPUTF8 SMTPUTF8", SMTP_SYNTAX_WRONG, NULL},
    {"REQUIRETLS=yes", SMTP_SYNTAX_WRONG, NULL},
    {"RET", SMTP_SYNTAX_WRONG, NULL},
    {"RET=", SMTP_SYNTAX_WRONG, NULL},
    {"RET=FULL RET=FULL", SMTP_SYNTAX_WRONG, NULL},
    {"RET=ALL", SMTP_SYNTAX_WRONG, NULL},
    /* RFC 3461 4.4 */
    {"ENVID=QQ314159", SMTP_SYNTAX_OK, NULL},
    {"ENVID=a+2Bb+3D", SMTP_SYNTAX_OK, NULL},
    {"ENVID=$(id);`id`|x%0a", SMTP_SYNTAX_OK, NULL}, /* text, and nobody's command */
    {"ENVID=", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+0Ab", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+0D", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+00", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+7F", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+C3", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+2b", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+2", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a+", SMTP_SYNTAX_WRONG, NULL},
    {"ENVID=a=b", SMTP_SYNTAX_WRONG, NULL},
    {"XOORG=", SMTP_SYNTAX_WRONG, NULL},
    {"XOORG", SMTP_SYNTAX_WRONG, NULL},
    {"XOORG=a b", SMTP_SYNTAX_PARAMETER, NULL},
    {"XOORG=a;b", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=NEVER", SMTP_SYNTAX_PARAMETER, NULL},
    {"ORCPT=rfc822;a@b", SMTP_SYNTAX_PARAMETER, NULL},
    {"X-ANONYMOUSTLS", SMTP_SYNTAX_PARAMETER, NULL},
};

static const struct {
    const char *parameters;
    enum smtp_syntax result;
    const char *written;
} rcpts[] = {
    {"NOTIFY=NEVER", SMTP_SYNTAX_OK, NULL},
    {"NOTIFY=SUCCESS,FAILURE,DELAY", SMTP_SYNTAX_OK, NULL},
    {"notify=delay,success ORCPT=rfc822;a@b.example", SMTP_SYNTAX_OK,
     "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.example"},
    {"ORCPT=x-local;a+20b", SMTP_SYNTAX_OK, NULL},
    {"NOTIFY", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=NEVER,SUCCESS", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=SUCCESS,SUCCESS", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=SUCCESS,", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=,SUCCESS", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=ALWAYS", SMTP_SYNTAX_WRONG, NULL},
    {"NOTIFY=DELAY NOTIFY=DELAY", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=rfc822", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=rfc822;", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=;a", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=r=c;a", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=rfc822;a+0Ab", SMTP_SYNTAX_WRONG, NULL},
    {"ORCPT=rfc822;a+0D+0Arcpt", SMTP_SYNTAX_WRONG, NULL},
    {"SIZE=1", SMTP_SYNTAX_PARAMETER, NULL},
    {"ENVID=a", SMTP_SYNTAX_PARAMETER, NULL},
};

static void arguments_of(const char *path, const char *parameters, char *text, size_t size)
{
    ck_assert_int_lt(snprintf(text, size, "%s %s", path, parameters), (int)size);
}

START_TEST(test_mail_parameter_is_judged)
{
    struct smtp_mail mail;
    char text[1024], written[SMTP_MAIL_PARAMETERS_MAXIMUM];
    const char *expected = mails[_i].written ? mails[_i].written : mails[_i].parameters;
    arguments_of("FROM:<a@b.example>", mails[_i].parameters, text, sizeof text);
    _cleanup_free_ char *exact = exact_copy(text, strlen(text));
    ck_assert_int_eq(smtp_parse_mail(exact, strlen(text), &mail), mails[_i].result);
    if (mails[_i].result != SMTP_SYNTAX_OK)
        return;
    smtp_mail_parameters(&mail, ~0u, written);
    ck_assert_int_eq(written[0], ' ');
    ck_assert_str_eq(written + 1, expected);
    smtp_mail_parameters(&mail, 0, written);
    ck_assert_str_eq(written, "");
}
END_TEST

START_TEST(test_rcpt_parameter_is_judged)
{
    struct smtp_recipient recipient;
    char text[1024], written[SMTP_RCPT_PARAMETERS_MAXIMUM];
    const char *expected = rcpts[_i].written ? rcpts[_i].written : rcpts[_i].parameters;
    arguments_of("TO:<a@b.example>", rcpts[_i].parameters, text, sizeof text);
    _cleanup_free_ char *exact = exact_copy(text, strlen(text));
    ck_assert_int_eq(smtp_parse_recipient(exact, strlen(text), &recipient), rcpts[_i].result);
    if (rcpts[_i].result != SMTP_SYNTAX_OK)
        return;
    smtp_rcpt_parameters(&recipient, ~0u, written);
    ck_assert_int_eq(written[0], ' ');
    ck_assert_str_eq(written + 1, expected);
}
END_TEST

/* At its maximum each is taken and written whole; one byte more is refused. */
START_TEST(test_lengths_are_bounded)
{
    struct smtp_mail mail = {0};
    struct smtp_recipient recipient = {0};
    char text[1024], written[SMTP_RCPT_PARAMETERS_MAXIMUM];
    for (size_t more = 0; more < 2; more++) {
        enum smtp_syntax result = more ? SMTP_SYNTAX_WRONG : SMTP_SYNTAX_OK;
        _cleanup_free_ char *envid = many('e', SMTP_ENVID_MAXIMUM + more);
        _cleanup_free_ char *orcpt = many('o', SMTP_ORCPT_MAXIMUM - strlen("rfc822;") + more);
        _cleanup_free_ char *xoorg = many('x', SMTP_DOMAIN_MAXIMUM + more);
        int length = snprintf(text, sizeof text, "ENVID=%s", envid);
        mail.given = 0;
        ck_assert_int_eq(smtp_mail_parameter(text, (size_t)length, &mail), result);
        length = snprintf(text, sizeof text, "XOORG=%s", xoorg);
        mail.given = 0;
        ck_assert_int_eq(smtp_mail_parameter(text, (size_t)length, &mail), result);
        length = snprintf(text, sizeof text, "ORCPT=rfc822;%s", orcpt);
        recipient.given = 0;
        ck_assert_int_eq(smtp_rcpt_parameter(text, (size_t)length, &recipient), result);
        if (more)
            continue;
        smtp_rcpt_parameters(&recipient, ~0u, written);
        ck_assert_str_eq(written + 1, text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-parameters");
    TCase *tcase = tcase_create("smtp-parameters");
    tcase_add_loop_test(tcase, test_mail_parameter_is_judged, 0, ARRAY_SIZE(mails));
    tcase_add_loop_test(tcase, test_rcpt_parameter_is_judged, 0, ARRAY_SIZE(rcpts));
    tcase_add_test(tcase, test_lengths_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
