/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * BDAT (RFC 3030): the argument, and what a chunk may hold, however it is cut. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/chunk.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    bool good, last;
    uint64_t size;
} arguments[] = {
    {"0", true, false, 0},
    {"0 LAST", true, true, 0},
    {"86 last", true, true, 86},
    {"86  LAST", true, true, 86},
    {"2147483648", true, false, UINT64_C(1) << 31},
    {"4294967295", true, false, UINT32_MAX},
    {"4294967296", true, false, UINT64_C(1) << 32},
    {"4294967297 LAST", true, true, (UINT64_C(1) << 32) + 1},
    {"9223372036854775807", true, false, INT64_MAX},
    {"9223372036854775808", false, false, 0},
    {"18446744073709551615", false, false, 0},
    {"18446744073709551616", false, false, 0},
    {"99999999999999999999", false, false, 0},
    {"000000000000000000001", false, false, 0},
    {"", false, false, 0},
    {"LAST", false, false, 0},
    {"-1", false, false, 0},
    {"+1", false, false, 0},
    {"0x10", false, false, 0},
    {"1 LASTLY", false, false, 0},
    {"1 LAS", false, false, 0},
    {"1 2", false, false, 0},
    {"1\tLAST", false, false, 0},
    {"1 LAST LAST", false, false, 0},
};

START_TEST(test_argument_is_judged)
{
    struct smtp_chunk chunk = {77, true};
    size_t length = strlen(arguments[_i].text);
    _cleanup_free_ char *text = exact_copy(arguments[_i].text, length);
    ck_assert_int_eq(smtp_parse_chunk(text, length, &chunk), arguments[_i].good);
    ck_assert(chunk.size == (arguments[_i].good ? arguments[_i].size : 77));
    ck_assert_int_eq(chunk.last, arguments[_i].good ? arguments[_i].last : true);
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    enum smtp_data_result result; /* with that of the end */
} contents[] = {
    {BYTES(""), SMTP_DATA_MORE},
    {BYTES("a"), SMTP_DATA_MORE},
    {BYTES("a\r\n.\r\nb\r\n"), SMTP_DATA_MORE},
    {BYTES("\r\n\r\n"), SMTP_DATA_MORE},
    {BYTES("a\0\xff\r\n"), SMTP_DATA_MORE},
    {BYTES("a\r"), SMTP_DATA_BARE_CR},
    {BYTES("a\rb"), SMTP_DATA_BARE_CR},
    {BYTES("a\r\r\n"), SMTP_DATA_BARE_CR},
    {BYTES("\n"), SMTP_DATA_BARE_LF},
    {BYTES("a\nb"), SMTP_DATA_BARE_LF},
    {BYTES("a\r\n\nb"), SMTP_DATA_BARE_LF},
    {BYTES("a\n.\r\nb"), SMTP_DATA_BARE_LF},
};

START_TEST(test_content_is_judged_however_it_is_cut)
{
    for (size_t step = 1; step <= contents[_i].length + 1; step++) {
        struct smtp_chunk_lines lines = {0};
        enum smtp_data_result result = SMTP_DATA_MORE;
        for (size_t at = 0; result == SMTP_DATA_MORE && at < contents[_i].length; at += step) {
            size_t left = contents[_i].length - at, length = left < step ? left : step;
            _cleanup_free_ char *piece = exact_copy(contents[_i].bytes + at, length);
            result = smtp_chunk_check(&lines, piece, length);
        }
        if (result == SMTP_DATA_MORE)
            result = smtp_chunk_end(&lines);
        ck_assert_int_eq(result, contents[_i].result);
    }
}
END_TEST

START_TEST(test_line_has_a_maximum)
{
    for (size_t more = 0; more < 2; more++) {
        struct smtp_chunk_lines lines = {0};
        _cleanup_free_ char *line = many('x', SMTP_DATA_LINE_MAXIMUM - 2 + more);
        enum smtp_data_result result = SMTP_DATA_MORE;
        for (size_t at = 0; result == SMTP_DATA_MORE && line[at]; at++)
            result = smtp_chunk_check(&lines, line + at, 1);
        ck_assert_int_eq(result, more ? SMTP_DATA_LONG_LINE : SMTP_DATA_MORE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-chunk");
    TCase *tcase = tcase_create("smtp-chunk");
    tcase_add_loop_test(tcase, test_argument_is_judged, 0, ARRAY_SIZE(arguments));
    tcase_add_loop_test(tcase, test_content_is_judged_however_it_is_cut, 0, ARRAY_SIZE(contents));
    tcase_add_test(tcase, test_line_has_a_maximum);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
