/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The next hop's replies as we pass them on. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/quote.h"
#include "tests/suite.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    int code;
    const char *text, *quoted;
} quotes[] = {
    {550, "5.1.1 No such user", "5.1.1 [mx.example] No such user"},
    {250, "Ok", "2.0.0 [mx.example] Ok"},
    {450, "", "4.0.0 [mx.example] "},
    {450, "4.4.317 Cannot connect", "4.4.317 [mx.example] Cannot connect"},
    {554, "5.7.1 Not this\nand why\n5.7.2 Or this",
     "5.7.1 [mx.example] Not this\n5.7.1 [mx.example] and why\n5.7.2 [mx.example] Or this"},
    {250, "2.0.0", "2.0.0 [mx.example] "},
    /* not of the reply's class, or no status at all */
    {550, "2.0.0 Well", "5.0.0 [mx.example] 2.0.0 Well"},
    {550, "5.1234.1 Well", "5.0.0 [mx.example] 5.1234.1 Well"},
    {550, "5.1.1x Well", "5.0.0 [mx.example] 5.1.1x Well"},
    {550, "5.1 Well", "5.0.0 [mx.example] 5.1 Well"},
    {550, "5. Well", "5.0.0 [mx.example] 5. Well"},
};

START_TEST(test_reply_is_quoted)
{
    struct smtp_reply from, to;
    memset(&to, 'x', sizeof to);
    from.code = quotes[_i].code;
    from.length = strlen(quotes[_i].text);
    strcpy(from.text, quotes[_i].text);
    smtp_reply_quote(&to, &from, "mx.example");
    ck_assert_int_eq(to.code, quotes[_i].code);
    ck_assert_str_eq(to.text, quotes[_i].quoted);
    ck_assert_uint_eq(to.length, strlen(to.text));
}
END_TEST

START_TEST(test_what_does_not_fit_is_cut)
{
    struct smtp_reply from = {.code = 550}, to;
    from.length = sizeof from.text - 1;
    for (size_t i = 0; i < from.length; i++)
        from.text[i] = i % 3 == 2 ? '\n' : 'a';
    from.text[from.length] = '\0';
    smtp_reply_quote(&to, &from, "mx.example");
    ck_assert_uint_eq(to.length, sizeof to.text - 1);
    ck_assert_uint_eq(strlen(to.text), to.length);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-quote");
    TCase *tcase = tcase_create("smtp-quote");
    tcase_add_loop_test(tcase, test_reply_is_quoted, 0, ARRAY_SIZE(quotes));
    tcase_add_test(tcase, test_what_does_not_fit_is_cut);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
