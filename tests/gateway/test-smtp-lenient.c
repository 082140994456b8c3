/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is forgiven where a connector says so: the arguments of old devices, and line ends that are
 * not CRLF, which must never become an end of data. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/data.h"
#include "gateway/smtp/lenient.h"
#include "pki/base/buffer.h"
#include "tests/suite.h"

/* --- arguments --- */

static const struct {
    const char *arguments, *keyword, *text; /* "" where nothing is made of it */
} paths[] = {
    {"FROM:a@b.example", "FROM", "FROM:<a@b.example>"},
    {"FROM: a@b.example", "FROM", "FROM:<a@b.example>"},
    {"from : <a@b.example>", "FROM", "FROM:<a@b.example>"},
    {"FROM\t:\ta@b.example\tSIZE=5", "FROM", "FROM:<a@b.example> SIZE=5"},
    {"FROM:< a@b.example > BODY=8BITMIME", "FROM", "FROM:<a@b.example> BODY=8BITMIME"},
    {"FROM:<>", "FROM", "FROM:<>"},
    {"FROM: < >", "FROM", "FROM:<>"},
    {"TO: a@b.example ", "TO", "TO:<a@b.example>"},
    {"TO:a@b>c", "TO", "TO:<a@b>c>"}, /* and the strict parser says no */
    {"FROM:", "FROM", ""},
    {"FROM a@b.example", "FROM", ""},
    {"TO:a@b.example", "FROM", ""},
    {"", "FROM", ""},
};

START_TEST(a_path_is_put_as_the_rfc_has_it)
{
    char text[SMTP_LENIENT_MAXIMUM];
    size_t length = smtp_lenient_path(paths[_i].arguments, strlen(paths[_i].arguments),
                                      paths[_i].keyword, text);
    ck_assert_uint_eq(length, strlen(paths[_i].text));
    ck_assert_mem_eq(text, paths[_i].text, length);
}
END_TEST

START_TEST(the_longest_line_fits)
{
    static char arguments[SMTP_COMMAND_MAXIMUM], text[SMTP_LENIENT_MAXIMUM];
    memset(arguments, 'a', sizeof arguments);
    memcpy(arguments, "FROM:", 5);
    ck_assert_uint_eq(smtp_lenient_path(arguments, sizeof arguments, "FROM", text),
                      sizeof arguments + 2);
}
END_TEST

static const struct {
    const char *arguments, *address, *text;
} hellos[] = {
    {"printer", "192.0.2.1", "printer"},
    {"my_printer", "192.0.2.1", "my_printer"},
    {"192.0.2.7", "192.0.2.1", "192.0.2.7"},
    {"", "192.0.2.1", "[192.0.2.1]"},
    {"  ", "2001:db8::1", "[IPv6:2001:db8::1]"},
    {"floor 3", "192.0.2.1", "floor"},
    {"(floor;\x01\xff)", "192.0.2.1", "-floor----"},
};

START_TEST(a_greeting_becomes_a_name)
{
    char text[SMTP_LENIENT_MAXIMUM];
    size_t length = smtp_lenient_hello(hellos[_i].arguments, strlen(hellos[_i].arguments),
                                       hellos[_i].address, text);
    ck_assert_uint_eq(length, strlen(hellos[_i].text));
    ck_assert_mem_eq(text, hellos[_i].text, length);
    ck_assert(smtp_hello_is_valid(text, length));
}
END_TEST

/* --- line ends --- */

enum { WIRE_MAXIMUM = 7 };

struct output {
    char bytes[64];
    size_t length;
};

static int keep(void *context, const char *bytes, size_t length)
{
    struct output *output = context;
    ck_assert_uint_le(length, sizeof output->bytes - output->length);
    memcpy(output->bytes + output->length, bytes, length);
    output->length += length;
    return 0;
}

static enum smtp_data_result decode(const char *wire, size_t length, size_t step, bool normalizes,
                                    struct output *output, size_t *taken)
{
    struct smtp_data_decoder decoder;
    enum smtp_data_result result = SMTP_DATA_MORE;
    smtp_data_start(&decoder);
    decoder.normalizes = normalizes;
    *output = (struct output){.length = 0};
    *taken = 0;
    while (result == SMTP_DATA_MORE && *taken < length) {
        size_t piece = step < length - *taken ? step : length - *taken, one = 0;
        result = smtp_data_decode(&decoder, wire + *taken, piece, &one, keep, output);
        *taken += one;
    }
    return result;
}

static const struct {
    const char *wire, *message;
} normalized[] = {
    {"a\nb\r\n.\r\n", "a\r\nb\r\n"},           {"a\rb\r\n.\r\n", "a\r\nb\r\n"},
    {"a\r\r\nb\r\n.\r\n", "a\r\nb\r\n"},       {"a\n\nb\r\n.\r\n", "a\r\n\r\nb\r\n"},
    {"a\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},   {"a\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
    {"a\r.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"}, {"a\n..\r\n.\r\n", "a\r\n..\r\n"},
    {"a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n"},  {"a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\n\r\nb\r\n"},
};

START_TEST(a_cr_or_lf_alone_becomes_a_line_end)
{
    for (size_t step = 1; step <= 32; step++) {
        struct output output;
        size_t taken, length = strlen(normalized[_i].wire);
        ck_assert_int_eq(decode(normalized[_i].wire, length, step, true, &output, &taken),
                         SMTP_DATA_FINISHED);
        ck_assert_uint_eq(taken, length);
        ck_assert_uint_eq(output.length, strlen(normalized[_i].message));
        ck_assert_mem_eq(output.bytes, normalized[_i].message, output.length);
    }
}
END_TEST

/* Where CRLF.CRLF is, and nowhere else, is the end; a client's first line begins behind a CRLF. */
static size_t find_end(const char *wire, size_t length)
{
    if (length >= 3 && memcmp(wire, ".\r\n", 3) == 0)
        return 3;
    for (size_t at = 0; at + 5 <= length; at++)
        if (memcmp(wire + at, "\r\n.\r\n", 5) == 0)
            return at + 5;
    return 0;
}

static void check_lines(const struct output *output, bool finished)
{
    for (size_t i = 0; i < output->length; i++) {
        if (output->bytes[i] == '\n')
            ck_assert(i > 0 && output->bytes[i - 1] == '\r');
        if (output->bytes[i] == '\r')
            ck_assert(i + 1 < output->length ? output->bytes[i + 1] == '\n' : !finished);
    }
}

/* What the next hop is sent, read strictly: the same message, and its end at the end. */
static void check_framed_anew(const struct output *message)
{
    struct smtp_data_encoder encoder;
    struct output wire = {.length = 0}, again;
    size_t taken;
    smtp_data_encode_start(&encoder);
    smtp_data_encode(&encoder, message->bytes, message->length, keep, &wire);
    const char *end = smtp_data_end(&encoder);
    keep(&wire, end, strlen(end));
    ck_assert_int_eq(decode(wire.bytes, wire.length, sizeof wire.bytes, false, &again, &taken),
                     SMTP_DATA_FINISHED);
    ck_assert_uint_eq(taken, wire.length);
    ck_assert_uint_ge(again.length, message->length);
    ck_assert_mem_eq(again.bytes, message->bytes, message->length);
}

static void check_wire(const char *wire, size_t length)
{
    struct output whole, bytewise;
    size_t taken, taken_bytewise, end = find_end(wire, length);
    enum smtp_data_result result = decode(wire, length, length, true, &whole, &taken);
    ck_assert_int_eq(result, end ? SMTP_DATA_FINISHED : SMTP_DATA_MORE);
    ck_assert_uint_eq(taken, end ? end : length);
    ck_assert_int_eq(decode(wire, length, 1, true, &bytewise, &taken_bytewise), result);
    ck_assert_uint_eq(taken, taken_bytewise);
    ck_assert_uint_eq(whole.length, bytewise.length);
    ck_assert_mem_eq(whole.bytes, bytewise.bytes, whole.length);
    check_lines(&whole, end != 0);
    if (end)
        check_framed_anew(&whole);
}

START_TEST(no_mixture_of_line_ends_and_dots_makes_a_false_end)
{
    static const char alphabet[] = "\r\n.a";
    char wire[WIRE_MAXIMUM];
    for (size_t length = 1; length <= WIRE_MAXIMUM; length++) {
        for (unsigned number = 0; number < 1u << (2 * length); number++) {
            for (size_t i = 0; i < length; i++)
                wire[i] = alphabet[number >> (2 * i) & 3];
            check_wire(wire, length);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-lenient");
    TCase *tests = tcase_create("lenient");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_path_is_put_as_the_rfc_has_it, 0, sizeof paths / sizeof paths[0]);
    tcase_add_test(tests, the_longest_line_fits);
    tcase_add_loop_test(tests, a_greeting_becomes_a_name, 0, sizeof hellos / sizeof hellos[0]);
    tcase_add_loop_test(tests, a_cr_or_lf_alone_becomes_a_line_end, 0,
                        sizeof normalized / sizeof normalized[0]);
    tcase_add_test(tests, no_mixture_of_line_ends_and_dots_makes_a_false_end);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
