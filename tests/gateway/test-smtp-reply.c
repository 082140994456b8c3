/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Replies, as they come from a next hop and as they go to a client (RFC 5321 4.2). Each case is fed
 * a byte at a time and cut in two at every place; each piece stands in memory of its own size. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/capabilities.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

/* --- parsing --- */

/* `rest`: the bytes that are not taken, of those that follow a whole reply. */
static const struct {
    const char *bytes;
    size_t length;
    int result;
    int code;
    const char *text;
    size_t rest;
} replies[] = {
    {BYTES("250 OK\r\n"), 1, 250, "OK", 0},
    {BYTES("220 mail.example.com ESMTP\r\n"), 1, 220, "mail.example.com ESMTP", 0},
    {BYTES("200 a\r\n"), 1, 200, "a", 0},
    {BYTES("354 go on\r\n"), 1, 354, "go on", 0},
    {BYTES("421 4.3.2 going\r\n"), 1, 421, "4.3.2 going", 0},
    {BYTES("599 a\r\n"), 1, 599, "a", 0},
    /* several lines */
    {BYTES("250-one\r\n250 two\r\n"), 1, 250, "one\ntwo", 0},
    {BYTES("250-one\r\n250-\r\n250 three\r\n"), 1, 250, "one\n\nthree", 0},
    {BYTES("550-5.1.1 one\r\n550-5.1.1 two\r\n550 5.1.1 three\r\n"), 1, 550,
     "5.1.1 one\n5.1.1 two\n5.1.1 three", 0},
    /* 4.2: the text may be missing, and the space before it */
    {BYTES("250\r\n"), 1, 250, "", 0},
    {BYTES("250 \r\n"), 1, 250, "", 0},
    {BYTES("250-one\r\n250\r\n"), 1, 250, "one\n", 0},
    {BYTES("250-one\r\n250 \r\n"), 1, 250, "one\n", 0},
    {BYTES("250  two spaces\r\n"), 1, 250, " two spaces", 0},
    {BYTES("250 -a\r\n"), 1, 250, "-a", 0},
    {BYTES("250 250 a\r\n"), 1, 250, "250 a", 0},
    /* not taken: what comes behind */
    {BYTES("250 one\r\n250 two\r\n"), 1, 250, "one", 9},
    {BYTES("220 go\r\nx"), 1, 220, "go", 1},
    {BYTES("250-one\r\n250 two\r\n\r\n"), 1, 250, "one\ntwo", 2},
    /* what may not reach a log or a client */
    {BYTES("550 a\0b\r\n"), 1, 550, "a?b", 0},
    {BYTES("550 \0\r\n"), 1, 550, "?", 0},
    {BYTES("550 a\tb\r\n"), 1, 550, "a?b", 0},
    {BYTES("550 \x1b[31m\x07\x7f\r\n"), 1, 550, "?[31m??", 0},
    {BYTES("550 a\rb\r\n"), 1, 550, "a?b", 0},
    {BYTES("550 a\r\r\n"), 1, 550, "a?", 0},
    {BYTES("550 gr\xc3\xbc\xc3\x9f\r\n"), 1, 550, "gr????", 0},
    {BYTES("550 \x80\xff\r\n"), 1, 550, "??", 0},
    /* not whole */
    {BYTES(""), 0, 0, NULL, 0},
    {BYTES("2"), 0, 0, NULL, 0},
    {BYTES("250"), 0, 0, NULL, 0},
    {BYTES("250 OK"), 0, 0, NULL, 0},
    {BYTES("250 OK\r"), 0, 0, NULL, 0},
    {BYTES("250-one\r\n"), 0, 0, NULL, 0},
    {BYTES("250-one\r\n250"), 0, 0, NULL, 0},
    {BYTES("250-\r\n"), 0, 0, NULL, 0},
    /* no code */
    {BYTES("\r\n"), -1, 0, NULL, 0},
    {BYTES("hello\r\n"), -1, 0, NULL, 0},
    {BYTES("25\r\n"), -1, 0, NULL, 0},
    {BYTES("25x OK\r\n"), -1, 0, NULL, 0},
    {BYTES("2x0 OK\r\n"), -1, 0, NULL, 0},
    {BYTES("2\0"
           "0 OK\r\n"),
     -1, 0, NULL, 0},
    {BYTES(" 250 OK\r\n"), -1, 0, NULL, 0},
    {BYTES("-250 OK\r\n"), -1, 0, NULL, 0},
    {BYTES("+25 OK\r\n"), -1, 0, NULL, 0},
    {BYTES("2500 OK\r\n"), -1, 0, NULL, 0},
    {BYTES("250OK\r\n"), -1, 0, NULL, 0},
    {BYTES("250\tOK\r\n"), -1, 0, NULL, 0},
    {BYTES("250\0OK\r\n"), -1, 0, NULL, 0},
    {BYTES("SSH-2.0-x\r\n"), -1, 0, NULL, 0},
    {BYTES("HTTP/1.1 400 Bad\r\n"), -1, 0, NULL, 0},
    {BYTES("250-one\r\n\r\n250 two\r\n"), -1, 0, NULL, 9},
    {BYTES("250-one\r\ntwo\r\n"), -1, 0, NULL, 0},
    /* 4.2.1: the first digit is 2 to 5 */
    {BYTES("000 a\r\n"), -1, 0, NULL, 0},
    {BYTES("100 a\r\n"), -1, 0, NULL, 0},
    {BYTES("199 a\r\n"), -1, 0, NULL, 0},
    {BYTES("600 a\r\n"), -1, 0, NULL, 0},
    {BYTES("999 a\r\n"), -1, 0, NULL, 0},
    /* 4.2.1: every line has the same code */
    {BYTES("250-one\r\n251 two\r\n"), -1, 0, NULL, 0},
    {BYTES("250-one\r\n550 two\r\n"), -1, 0, NULL, 0},
    /* 2.3.8: a line ends with CR LF; the LF that does not is not taken */
    {BYTES("250 OK\n"), -1, 0, NULL, 1},
    {BYTES("\n"), -1, 0, NULL, 1},
    {BYTES("250-one\n250 two\r\n"), -1, 0, NULL, 10},
    {BYTES("250-one\r\n250 two\n"), -1, 0, NULL, 1},
    {BYTES("250 one\r \n"), -1, 0, NULL, 1},
};

static struct smtp_reply_parser parser;

/* One piece of case `number`; what was taken is added. */
static int feed(int number, size_t from, size_t to, size_t *all_taken)
{
    size_t taken = 99999;
    _cleanup_free_ char *piece = exact_copy(replies[number].bytes + from, to - from);
    int result = smtp_reply_feed(&parser, piece, to - from, &taken);
    ck_assert_uint_le(taken, to - from);
    if (result == 0)
        ck_assert_uint_eq(taken, to - from);
    *all_taken += taken;
    return result;
}

static void expect_outcome(int number, int result, size_t taken)
{
    ck_assert_int_eq(result, replies[number].result);
    ck_assert_uint_eq(taken, replies[number].length - replies[number].rest);
    if (result != 1)
        return;
    ck_assert_int_eq(parser.reply.code, replies[number].code);
    ck_assert_str_eq(parser.reply.text, replies[number].text);
    ck_assert_uint_eq(parser.reply.length, strlen(replies[number].text));
}

START_TEST(test_reply_is_taken_at_once)
{
    size_t taken = 0;
    smtp_reply_start(&parser);
    int result = feed(_i, 0, replies[_i].length, &taken);
    expect_outcome(_i, result, taken);
}
END_TEST

START_TEST(test_reply_is_taken_a_byte_at_a_time)
{
    size_t taken = 0;
    int result = 0;
    smtp_reply_start(&parser);
    for (size_t at = 0; result == 0 && at < replies[_i].length; at++)
        result = feed(_i, at, at + 1, &taken);
    expect_outcome(_i, result, taken);
}
END_TEST

START_TEST(test_reply_cut_anywhere_is_the_same)
{
    for (size_t cut = 0; cut <= replies[_i].length; cut++) {
        size_t taken = 0;
        smtp_reply_start(&parser);
        int result = feed(_i, 0, cut, &taken);
        if (result == 0)
            result = feed(_i, cut, replies[_i].length, &taken);
        expect_outcome(_i, result, taken);
    }
}
END_TEST

/* A parser that has been used knows nothing of it when it starts again. */
START_TEST(test_parser_starts_anew)
{
    size_t taken = 0;
    smtp_reply_start(&parser);
    feed(_i, 0, replies[_i].length, &taken);
    smtp_reply_start(&parser);
    ck_assert_int_eq(smtp_reply_feed(&parser, "354 go on\r\n", 11, &taken), 1);
    ck_assert_int_eq(parser.reply.code, 354);
    ck_assert_str_eq(parser.reply.text, "go on");
}
END_TEST

/* --- the parser's limits --- */

/* CR included, LF not. */
START_TEST(test_line_has_a_maximum)
{
    size_t taken;
    _cleanup_free_ char *longest = many('x', SMTP_REPLY_LINE_MAXIMUM + 1);
    memcpy(longest, "250 ", 4);
    memcpy(longest + SMTP_REPLY_LINE_MAXIMUM - 1, "\r\n", 2);
    smtp_reply_start(&parser);
    ck_assert_int_eq(smtp_reply_feed(&parser, longest, SMTP_REPLY_LINE_MAXIMUM + 1, &taken), 1);
    ck_assert_uint_eq(parser.reply.length, SMTP_REPLY_LINE_MAXIMUM - 5);

    _cleanup_free_ char *longer = many('x', SMTP_REPLY_LINE_MAXIMUM + 2);
    memcpy(longer, "250 ", 4);
    memcpy(longer + SMTP_REPLY_LINE_MAXIMUM, "\r\n", 2);
    smtp_reply_start(&parser);
    ck_assert_int_eq(smtp_reply_feed(&parser, longer, SMTP_REPLY_LINE_MAXIMUM + 2, &taken), -1);
}
END_TEST

START_TEST(test_endless_line_is_refused)
{
    size_t taken, fed = 0;
    int result = 0;
    smtp_reply_start(&parser);
    for (; result == 0 && fed < 100000; fed++)
        result = smtp_reply_feed(&parser, "2", 1, &taken);
    ck_assert_int_eq(result, -1);
    ck_assert_uint_eq(fed, SMTP_REPLY_LINE_MAXIMUM + 1);
}
END_TEST

START_TEST(test_endless_lines_are_refused)
{
    size_t taken;
    unsigned lines = 0;
    int result = 0;
    smtp_reply_start(&parser);
    for (; result == 0 && lines < 10000; lines++)
        result = smtp_reply_feed(&parser, "250-x\r\n", 7, &taken);
    ck_assert_int_eq(result, -1);
    ck_assert_uint_eq(lines, SMTP_REPLY_LINES_MAXIMUM + 1);
}
END_TEST

START_TEST(test_as_many_lines_as_may_be_are_taken)
{
    size_t taken;
    smtp_reply_start(&parser);
    for (int line = 1; line < SMTP_REPLY_LINES_MAXIMUM; line++)
        ck_assert_int_eq(smtp_reply_feed(&parser, "250-x\r\n", 7, &taken), 0);
    ck_assert_int_eq(smtp_reply_feed(&parser, "250 x\r\n", 7, &taken), 1);
    ck_assert_uint_eq(parser.reply.length, SMTP_REPLY_LINES_MAXIMUM * 2 - 1);
}
END_TEST

START_TEST(test_text_past_the_maximum_is_cut)
{
    size_t taken;
    _cleanup_free_ char *line = many('x', SMTP_REPLY_LINE_MAXIMUM);
    memcpy(line, "250-", 4);
    memcpy(line + SMTP_REPLY_LINE_MAXIMUM - 2, "\r\n", 2);
    smtp_reply_start(&parser);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(smtp_reply_feed(&parser, line, SMTP_REPLY_LINE_MAXIMUM, &taken), 0);
    ck_assert_int_eq(smtp_reply_feed(&parser, "250 end\r\n", 9, &taken), 1);
    ck_assert_uint_eq(parser.reply.length, SMTP_REPLY_TEXT_MAXIMUM - 1);
    ck_assert_int_eq(parser.reply.text[parser.reply.length], '\0');
    ck_assert_int_eq(parser.reply.text[parser.reply.length - 1], 'x');
}
END_TEST

/* --- replies of our own --- */

START_TEST(test_reply_is_set)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 550, "5.1.1 %s has no %d", "nobody", 7);
    ck_assert_int_eq(reply.code, 550);
    ck_assert_str_eq(reply.text, "5.1.1 nobody has no 7");
    ck_assert_uint_eq(reply.length, strlen(reply.text));
    ck_assert_int_eq(smtp_reply_class(&reply), 5);
}
END_TEST

/* One line, whatever the text from outside in it says. */
START_TEST(test_set_text_holds_no_control_character)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 550, "%s", "a\r\n250 b\t\x1b\x7f\xc3\xa4");
    ck_assert_str_eq(reply.text, "a??250 b?????");
}
END_TEST

START_TEST(test_set_text_is_cut)
{
    struct smtp_reply reply;
    _cleanup_free_ char *text = many('x', SMTP_REPLY_TEXT_MAXIMUM * 2);
    smtp_reply_set(&reply, 550, "%s", text);
    ck_assert_uint_eq(reply.length, SMTP_REPLY_TEXT_MAXIMUM - 1);
    ck_assert_uint_eq(strlen(reply.text), reply.length);
}
END_TEST

/* --- formatting --- */

static struct smtp_reply reply_of(int code, const char *text)
{
    struct smtp_reply reply = {.code = code, .length = strlen(text)};
    ck_assert_uint_lt(reply.length, sizeof reply.text);
    memcpy(reply.text, text, reply.length + 1);
    return reply;
}

static const struct {
    int code;
    const char *text, *formatted;
} formats[] = {
    {250, "OK", "250 OK\r\n"},
    {250, "", "250 \r\n"},
    {354, "End data with <CR><LF>.<CR><LF>", "354 End data with <CR><LF>.<CR><LF>\r\n"},
    {250, "one\ntwo", "250-one\r\n250 two\r\n"},
    {250, "one\n\nthree", "250-one\r\n250-\r\n250 three\r\n"},
    {250, "one\n", "250-one\r\n250 \r\n"},
    {550, "%s%n%d", "550 %s%n%d\r\n"},
};

START_TEST(test_reply_is_formatted)
{
    char text[256];
    struct smtp_reply reply = reply_of(formats[_i].code, formats[_i].text);
    size_t length = smtp_reply_format(&reply, text, sizeof text);
    ck_assert_uint_eq(length, strlen(formats[_i].formatted));
    ck_assert_mem_eq(text, formats[_i].formatted, length);
}
END_TEST

/* Into every size up to enough, in memory of that size: whole lines or none, and never past the
 * end. */
START_TEST(test_small_room_is_not_overrun)
{
    struct smtp_reply reply = reply_of(formats[_i].code, formats[_i].text);
    size_t whole = strlen(formats[_i].formatted);
    for (size_t size = 1; size <= whole + 1; size++) {
        _cleanup_free_ char *text = malloc(size);
        ck_assert_ptr_nonnull(text);
        size_t length = smtp_reply_format(&reply, text, size);
        ck_assert_uint_lt(length, size);
        ck_assert_mem_eq(text, formats[_i].formatted, length);
        ck_assert(length == 0 || text[length - 1] == '\n');
        if (size > whole)
            ck_assert_uint_eq(length, whole);
    }
}
END_TEST

/* Lengths of text in one line, and into how many lines of how many bytes they go (4.5.3.1.5). */
static const struct {
    size_t text;
    unsigned lines;
    size_t last; /* bytes of the last line, code and CRLF included */
} long_texts[] = {
    {505, 1, 511}, {506, 1, 512},  {507, 2, 7},   {1012, 2, 512},
    {1013, 3, 7},  {4048, 8, 512}, {4095, 9, 53},
};

START_TEST(test_long_text_goes_into_lines_of_512)
{
    char text[SMTP_REPLY_TEXT_MAXIMUM * 2];
    _cleanup_free_ char *bytes = many('x', long_texts[_i].text);
    struct smtp_reply reply = reply_of(550, bytes);
    size_t length = smtp_reply_format(&reply, text, sizeof text), line_length = 0, shown = 0;
    unsigned lines = 0;
    for (const char *at = text; at < text + length; at += line_length) {
        const char *end = memchr(at, '\n', (size_t)(text + length - at));
        ck_assert_ptr_nonnull(end);
        line_length = (size_t)(end - at) + 1;
        bool last = at + line_length == text + length;
        ck_assert_uint_le(line_length, 512);
        ck_assert_int_eq(at[3], last ? ' ' : '-');
        ck_assert_mem_eq(end - 1, "\r\n", 2);
        shown += line_length - 6;
        lines++;
    }
    ck_assert_uint_eq(lines, long_texts[_i].lines);
    ck_assert_uint_eq(line_length, long_texts[_i].last);
    ck_assert_uint_eq(shown, long_texts[_i].text);
}
END_TEST

/* Whatever a next hop may say fits into what a session has for it, and is one reply there too. */
START_TEST(test_longest_reply_from_a_next_hop_is_passed_on_whole)
{
    size_t taken;
    char text[SMTP_REPLY_TEXT_MAXIMUM * 2];
    struct smtp_reply_parser again;
    _cleanup_free_ char *line = many('x', 120);
    memcpy(line, "550-", 4);
    memcpy(line + 118, "\r\n", 2);
    smtp_reply_start(&parser);
    for (int i = 1; i < SMTP_REPLY_LINES_MAXIMUM; i++)
        ck_assert_int_eq(smtp_reply_feed(&parser, line, 120, &taken), 0);
    ck_assert_int_eq(smtp_reply_feed(&parser, "550 end\r\n", 9, &taken), 1);
    size_t length = smtp_reply_format(&parser.reply, text, sizeof text);
    smtp_reply_start(&again);
    ck_assert_int_eq(smtp_reply_feed(&again, text, length, &taken), 1);
    ck_assert_uint_eq(taken, length);
    ck_assert_str_eq(again.reply.text, parser.reply.text);
}
END_TEST

/* --- EHLO's offers --- */

static const struct {
    const char *text;
    struct smtp_offers offers;
} offers[] = {
    {"mail.example", {0}},
    {"", {0}},
    {"mail.example\nSTARTTLS", {.starttls = true}},
    {"mail.example\nstarttls", {.starttls = true}},
    {"mail.example\nPIPELINING", {.pipelining = true}},
    {"mail.example\n8BITMIME", {.eight_bit_mime = true}},
    {"mail.example\nENHANCEDSTATUSCODES", {.enhanced_status_codes = true}},
    {"mail.example\nSIZE", {.size = true}},
    {"mail.example\nSIZE 0", {.size = true}},
    {"mail.example\nSIZE 157286400", {.size = true, .size_maximum = 157286400}},
    {"mail.example\nSize 4294967296", {.size = true, .size_maximum = 4294967296}},
    {"mail.example\nSIZE 18446744073709551615", {.size = true, .size_maximum = UINT64_MAX}},
    {"mail.example\nSIZE 99999999999999999999999", {.size = true, .size_maximum = UINT64_MAX}},
    {"mail.example\nSIZE many", {.size = true}},
    {"mail.example\nPIPELINING\nSIZE 5\nSTARTTLS\n8BITMIME\nENHANCEDSTATUSCODES",
     {.starttls = true, .pipelining = true, .size = true, .eight_bit_mime = true,
      .enhanced_status_codes = true, .size_maximum = 5}},
    {"mail.example\n\n\nSTARTTLS\n", {.starttls = true}},
    /* the first line is a greeting */
    {"STARTTLS", {0}},
    {"STARTTLS\nPIPELINING", {.pipelining = true}},
    {"mail.example STARTTLS", {0}},
    /* words that only begin alike, or stand elsewhere: a stripped STARTTLS */
    {"mail.example\nXSTARTTLS", {0}},
    {"mail.example\nSTARTTLSX", {0}},
    {"mail.example\nSTARTTL", {0}},
    {"mail.example\n STARTTLS", {0}},
    {"mail.example\nHELP STARTTLS", {0}},
    {"mail.example\nXXXXXXXA", {0}},
    {"mail.example\nSIZES 5", {0}},
    {"mail.example\nSIZE=5", {0}},
    {"mail.example\n8BITMIMES", {0}},
};

START_TEST(test_offers_are_told)
{
    struct smtp_reply reply = reply_of(250, offers[_i].text);
    struct smtp_offers got, expected = offers[_i].offers;
    memset(&got, 0xff, sizeof got);
    smtp_offers_parse(&reply, &got);
    ck_assert_int_eq(got.starttls, expected.starttls);
    ck_assert_int_eq(got.pipelining, expected.pipelining);
    ck_assert_int_eq(got.size, expected.size);
    ck_assert_int_eq(got.eight_bit_mime, expected.eight_bit_mime);
    ck_assert_int_eq(got.enhanced_status_codes, expected.enhanced_status_codes);
    ck_assert(got.size_maximum == expected.size_maximum);
}
END_TEST

START_TEST(test_fuzzers_corpus_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/smtp-reply"), 10);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_reply_is_taken_at_once, 0, ARRAY_SIZE(replies));
    tcase_add_loop_test(tcase, test_reply_is_taken_a_byte_at_a_time, 0, ARRAY_SIZE(replies));
    tcase_add_loop_test(tcase, test_reply_cut_anywhere_is_the_same, 0, ARRAY_SIZE(replies));
    tcase_add_loop_test(tcase, test_parser_starts_anew, 0, ARRAY_SIZE(replies));
    tcase_add_test(tcase, test_line_has_a_maximum);
    tcase_add_test(tcase, test_endless_line_is_refused);
    tcase_add_test(tcase, test_endless_lines_are_refused);
    tcase_add_test(tcase, test_as_many_lines_as_may_be_are_taken);
    tcase_add_test(tcase, test_text_past_the_maximum_is_cut);
    tcase_add_test(tcase, test_reply_is_set);
    tcase_add_test(tcase, test_set_text_holds_no_control_character);
    tcase_add_test(tcase, test_set_text_is_cut);
    tcase_add_loop_test(tcase, test_reply_is_formatted, 0, ARRAY_SIZE(formats));
    tcase_add_loop_test(tcase, test_small_room_is_not_overrun, 0, ARRAY_SIZE(formats));
    tcase_add_loop_test(tcase, test_long_text_goes_into_lines_of_512, 0, ARRAY_SIZE(long_texts));
    tcase_add_test(tcase, test_longest_reply_from_a_next_hop_is_passed_on_whole);
    tcase_add_loop_test(tcase, test_offers_are_told, 0, ARRAY_SIZE(offers));
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
}

int main(void)
{
    Suite *suite = suite_create("smtp-reply");
    TCase *tcase = tcase_create("smtp-reply");
    tcase_set_timeout(tcase, 60);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
