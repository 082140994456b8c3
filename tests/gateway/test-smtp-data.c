/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Message data (RFC 5321 2.3.8, 4.5.2): where it ends and, above all, where it does not; the dots;
 * the pieces it comes in; and the header that goes by. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/data.h"
#include "gateway/smtp/hidden-dot.h"
#include "pki/base/buffer.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

static struct buffer message; /* what the sink has been given */

static int keep(void *context, const char *bytes, size_t length)
{
    (void)context;
    ck_assert_int_eq(buffer_append(&message, bytes, length), 0);
    return 0;
}

static void begin(void)
{
    buffer_init(&message, 1 << 22);
}

static void end(void)
{
    buffer_release(&message);
}

/* --- decoding --- */

/* `rest`: bytes at the end that are not taken. The message is told where there is no error. */
static const struct {
    const char *wire;
    size_t length;
    enum smtp_data_result result;
    size_t rest;
    const char *message;
} cases[] = {
    {BYTES("a\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a\r\n"},
    {BYTES("a\r\nb\r\n\r\nc\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a\r\nb\r\n\r\nc\r\n"},
    {BYTES(".\r\n"), SMTP_DATA_FINISHED, 0, ""},
    {BYTES("\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "\r\n"},
    {BYTES("a\r\n.\r\nQUIT\r\n"), SMTP_DATA_FINISHED, 6, "a\r\n"},
    {BYTES("a\r\n.\r\n.\r\n"), SMTP_DATA_FINISHED, 3, "a\r\n"},
    /* 4.5.2: a dot in front of a line is taken away */
    {BYTES("..\r\n.\r\n"), SMTP_DATA_FINISHED, 0, ".\r\n"},
    {BYTES("..a\r\n.\r\n"), SMTP_DATA_FINISHED, 0, ".a\r\n"},
    {BYTES("...\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "..\r\n"},
    {BYTES("a\r\n..\r\n..\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a\r\n.\r\n.\r\n"},
    {BYTES(".a\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a\r\n"},
    {BYTES(". \r\n.\r\n"), SMTP_DATA_FINISHED, 0, " \r\n"},
    {BYTES("a.\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a.\r\n"},
    {BYTES("a.b\r\n..\r\nc.\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "a.b\r\n.\r\nc.\r\n"},
    /* any byte but CR and LF is the message's own affair */
    {BYTES("\t\x01\x7f\x80\xff\x1b\r\n.\r\n"), SMTP_DATA_FINISHED, 0, "\t\x01\x7f\x80\xff\x1b\r\n"},
    /* not ended */
    {BYTES(""), SMTP_DATA_MORE, 0, ""},
    {BYTES("a"), SMTP_DATA_MORE, 0, "a"},
    {BYTES("a\r\n"), SMTP_DATA_MORE, 0, "a\r\n"},
    {BYTES("a\r"), SMTP_DATA_MORE, 0, "a"},
    {BYTES("a\r\n."), SMTP_DATA_MORE, 0, "a\r\n"},
    {BYTES("a\r\n.\r"), SMTP_DATA_MORE, 0, "a\r\n"},
    {BYTES("a\r\n.."), SMTP_DATA_MORE, 0, "a\r\n."},
    {BYTES("a\r\n..\r"), SMTP_DATA_MORE, 0, "a\r\n."},
    {BYTES("."), SMTP_DATA_MORE, 0, ""},
    {BYTES(".\r"), SMTP_DATA_MORE, 0, ""},
    {BYTES("\r"), SMTP_DATA_MORE, 0, ""},
    /* a LF alone: it is taken, and nothing behind it */
    {BYTES("\n"), SMTP_DATA_BARE_LF, 0, NULL},
    {BYTES("a\nb\r\n.\r\n"), SMTP_DATA_BARE_LF, 6, NULL},
    {BYTES("a\r\n\nb\r\n"), SMTP_DATA_BARE_LF, 3, NULL},
    {BYTES("..\n"), SMTP_DATA_BARE_LF, 0, NULL},
    /* a CR alone: what follows it is not taken */
    {BYTES("a\rb\r\n.\r\n"), SMTP_DATA_BARE_CR, 6, NULL},
    {BYTES("\rb"), SMTP_DATA_BARE_CR, 1, NULL},
    {BYTES("a\r\r\n"), SMTP_DATA_BARE_CR, 2, NULL},
    {BYTES("..\rb"), SMTP_DATA_BARE_CR, 1, NULL},
    {BYTES("a\r\0\n"), SMTP_DATA_BARE_CR, 2, NULL},
    /* every false end of data known from elsewhere (CVE-2023-51764, -51765, -51766 and others) */
    {BYTES("a\n.\nb\r\n"), SMTP_DATA_BARE_LF, 5, NULL},
    {BYTES("a\n.\r\nb\r\n"), SMTP_DATA_BARE_LF, 6, NULL},
    {BYTES("a\r\n.\nb\r\n"), SMTP_DATA_BARE_LF, 3, NULL},
    {BYTES("a\r.\rb\r\n"), SMTP_DATA_BARE_CR, 5, NULL},
    {BYTES("a\r.\r\nb\r\n"), SMTP_DATA_BARE_CR, 6, NULL},
    {BYTES("a\r\n.\rb\r\n"), SMTP_DATA_BARE_CR, 3, NULL},
    {BYTES("a\r\n.\r\r\nb"), SMTP_DATA_BARE_CR, 3, NULL},
    {BYTES("a\r\r\n.\r\nb"), SMTP_DATA_BARE_CR, 6, NULL},
    {BYTES("a\r\r\n.\r\r\n"), SMTP_DATA_BARE_CR, 6, NULL},
    {BYTES("a\r.\nb\r\n"), SMTP_DATA_BARE_CR, 5, NULL},
    {BYTES("a\n.\rb\r\n"), SMTP_DATA_BARE_LF, 5, NULL},
    {BYTES("a\n\r.\r\nb"), SMTP_DATA_BARE_LF, 5, NULL},
    {BYTES("a\r\n.\0\r\nb\r\n"), SMTP_DATA_MORE, 0, NULL},
    {BYTES("a\r\n\0.\r\nb\r\n"), SMTP_DATA_MORE, 0, NULL},
    {BYTES("a\r\n .\r\nb\r\n"), SMTP_DATA_MORE, 0, "a\r\n .\r\nb\r\n"},
    {BYTES("a\r\n. \r\nb\r\n"), SMTP_DATA_MORE, 0, "a\r\n \r\nb\r\n"},
    {BYTES("a\r\n..\r\nb\r\n"), SMTP_DATA_MORE, 0, "a\r\n.\r\nb\r\n"},
    {BYTES("a\\r\\n.\\r\\nb\r\n"), SMTP_DATA_MORE, 0, "a\\r\\n.\\r\\nb\r\n"},
};

static struct smtp_data_decoder decoder;

/* One piece of case `number`, in memory of its own size; what was taken is added. */
static enum smtp_data_result feed(int number, size_t from, size_t to, size_t *all_taken)
{
    size_t taken = 99999;
    _cleanup_free_ char *piece = exact_copy(cases[number].wire + from, to - from);
    enum smtp_data_result result = smtp_data_decode(&decoder, piece, to - from, &taken, keep, NULL);
    ck_assert_uint_le(taken, to - from);
    if (result == SMTP_DATA_MORE)
        ck_assert_uint_eq(taken, to - from);
    *all_taken += taken;
    return result;
}

static void expect_outcome(int number, enum smtp_data_result result, size_t taken)
{
    const char *expected = cases[number].message;
    ck_assert_int_eq(result, cases[number].result);
    ck_assert_uint_eq(taken, cases[number].length - cases[number].rest);
    if (!expected)
        return;
    ck_assert_uint_eq(buffer_length(&message), strlen(expected));
    if (*expected)
        ck_assert_mem_eq(buffer_bytes(&message), expected, strlen(expected));
}

START_TEST(test_data_is_decoded_at_once)
{
    size_t taken = 0;
    smtp_data_start(&decoder);
    enum smtp_data_result result = feed(_i, 0, cases[_i].length, &taken);
    expect_outcome(_i, result, taken);
}
END_TEST

START_TEST(test_data_is_decoded_a_byte_at_a_time)
{
    size_t taken = 0;
    enum smtp_data_result result = SMTP_DATA_MORE;
    smtp_data_start(&decoder);
    for (size_t at = 0; result == SMTP_DATA_MORE && at < cases[_i].length; at++)
        result = feed(_i, at, at + 1, &taken);
    expect_outcome(_i, result, taken);
}
END_TEST

START_TEST(test_data_cut_anywhere_is_the_same)
{
    for (size_t cut = 0; cut <= cases[_i].length; cut++) {
        size_t taken = 0;
        buffer_release(&message);
        smtp_data_start(&decoder);
        enum smtp_data_result result = feed(_i, 0, cut, &taken);
        if (result == SMTP_DATA_MORE)
            result = feed(_i, cut, cases[_i].length, &taken);
        expect_outcome(_i, result, taken);
    }
}
END_TEST

START_TEST(test_data_cut_twice_anywhere_is_the_same)
{
    size_t length = cases[_i].length;
    for (size_t first = 0; first <= length; first++)
        for (size_t second = first; second <= length; second++) {
            size_t taken = 0;
            buffer_release(&message);
            smtp_data_start(&decoder);
            enum smtp_data_result result = feed(_i, 0, first, &taken);
            if (result == SMTP_DATA_MORE)
                result = feed(_i, first, second, &taken);
            if (result == SMTP_DATA_MORE)
                result = feed(_i, second, length, &taken);
            expect_outcome(_i, result, taken);
        }
}
END_TEST

START_TEST(test_nul_is_part_of_the_message)
{
    size_t taken;
    smtp_data_start(&decoder);
    ck_assert_int_eq(smtp_data_decode(&decoder, "a\0.\0\r\n\0\r\n.\r\n", 12, &taken, keep, NULL),
                     SMTP_DATA_FINISHED);
    ck_assert_uint_eq(buffer_length(&message), 9);
    ck_assert_mem_eq(buffer_bytes(&message), "a\0.\0\r\n\0\r\n", 9);
}
END_TEST

START_TEST(test_nothing_is_taken_behind_the_end)
{
    size_t taken = 7;
    smtp_data_start(&decoder);
    smtp_data_decode(&decoder, ".\r\n", 3, &taken, keep, NULL);
    ck_assert_int_eq(smtp_data_decode(&decoder, "QUIT\r\n", 6, &taken, keep, NULL),
                     SMTP_DATA_FINISHED);
    ck_assert_uint_eq(taken, 0);
    ck_assert_uint_eq(buffer_length(&message), 0);
}
END_TEST

static int refuse(void *context, const char *bytes, size_t length)
{
    (void)bytes, (void)length;
    ++*(int *)context;
    return -1;
}

START_TEST(test_sink_that_refuses_is_not_asked_again)
{
    size_t taken;
    int calls = 0;
    smtp_data_start(&decoder);
    smtp_data_decode(&decoder, "a\r\n..b\r\n..c\r\n", 13, &taken, refuse, &calls);
    ck_assert_int_eq(calls, 1);
}
END_TEST

/* --- going on after an error --- */

/* Wire bytes whose first error is followed by more; the end must be found where it is, and nowhere
 * else: `rest` bytes stand behind it. */
static const struct {
    const char *wire;
    size_t length, rest;
} discards[] = {
    {BYTES("a\nb\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\rb\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\n.\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\n.\r\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\r\n.\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\r.\rMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\r\n.\rMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\r.\r\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\r\n.\r\r\nMAIL FROM:<x>\r\n.\r\nQUIT\r\n"), 6},
    {BYTES("a\n\n\n\r\r\r\n..\r\n.\r\nQUIT\r\n"), 6},
};

/* Feeds pieces, errors or not, until the end; how many bytes that took, 0 if there is no end. */
static size_t discard(const char *wire, size_t length, size_t piece)
{
    size_t at = 0;
    smtp_data_start(&decoder);
    for (unsigned turns = 0; at < length && turns < length * 3; turns++) {
        size_t taken, count = length - at < piece ? length - at : piece;
        enum smtp_data_result result =
            smtp_data_decode(&decoder, wire + at, count, &taken, NULL, NULL);
        at += taken;
        if (result == SMTP_DATA_FINISHED)
            return at;
    }
    return 0;
}

START_TEST(test_end_is_found_behind_an_error)
{
    for (size_t piece = 1; piece <= discards[_i].length; piece++)
        ck_assert_uint_eq(discard(discards[_i].wire, discards[_i].length, piece),
                          discards[_i].length - discards[_i].rest);
}
END_TEST

START_TEST(test_end_is_found_behind_a_long_line)
{
    size_t length = 3 * SMTP_DATA_LINE_MAXIMUM;
    _cleanup_free_ char *wire = many('x', length + 11);
    memcpy(wire + length, "\r\n.\r\nQUIT\r\n", 11);
    static const size_t pieces[] = {1, 7, 4096, SMTP_DATA_LINE_MAXIMUM, 1 << 20};
    ck_assert_uint_eq(discard(wire, length + 11, pieces[_i]), length + 5);
}
END_TEST

/* --- long lines --- */

static const struct {
    const char *before; /* stands before the x's */
    size_t length;      /* of the line, CRLF included, a stuffed dot not */
    enum smtp_data_result result;
} long_lines[] = {
    {"", SMTP_DATA_LINE_MAXIMUM - 1, SMTP_DATA_FINISHED},
    {"", SMTP_DATA_LINE_MAXIMUM, SMTP_DATA_FINISHED},
    {"", SMTP_DATA_LINE_MAXIMUM + 1, SMTP_DATA_LONG_LINE},
    {"", SMTP_DATA_LINE_MAXIMUM * 4, SMTP_DATA_LONG_LINE},
    {".", SMTP_DATA_LINE_MAXIMUM, SMTP_DATA_FINISHED},
    {".", SMTP_DATA_LINE_MAXIMUM + 1, SMTP_DATA_LONG_LINE},
    /* the lines before do not count */
    {"a\r\n", SMTP_DATA_LINE_MAXIMUM, SMTP_DATA_FINISHED},
    {"a\r\n", SMTP_DATA_LINE_MAXIMUM + 1, SMTP_DATA_LONG_LINE},
    {"..\r\n.", SMTP_DATA_LINE_MAXIMUM, SMTP_DATA_FINISHED},
};

static enum smtp_data_result decode_in_pieces(const char *wire, size_t length, size_t piece)
{
    enum smtp_data_result result = SMTP_DATA_MORE;
    smtp_data_start(&decoder);
    for (size_t at = 0, taken; result == SMTP_DATA_MORE && at < length; at += taken)
        result = smtp_data_decode(&decoder, wire + at, length - at < piece ? length - at : piece,
                                  &taken, keep, NULL);
    return result;
}

START_TEST(test_long_line_is_judged)
{
    size_t before = strlen(long_lines[_i].before), length = before + long_lines[_i].length + 3;
    _cleanup_free_ char *wire = many('x', length);
    memcpy(wire, long_lines[_i].before, before);
    memcpy(wire + length - 5, "\r\n.\r\n", 5);
    static const size_t pieces[] = {1, 1000, SMTP_DATA_LINE_MAXIMUM - 1, SMTP_DATA_LINE_MAXIMUM,
                                    1 << 20};
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        ck_assert_int_eq(decode_in_pieces(wire, length, pieces[i]), long_lines[_i].result);
}
END_TEST

/* --- encoding --- */

static const struct {
    const char *message, *wire; /* end mark included */
} encoded[] = {
    {"", ".\r\n"},
    {"a\r\n", "a\r\n.\r\n"},
    {".\r\n", "..\r\n.\r\n"},
    {"..\r\n", "...\r\n.\r\n"},
    {".a\r\n", "..a\r\n.\r\n"},
    {"a.\r\n", "a.\r\n.\r\n"},
    {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
    {".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n.\r\n"},
    {"\r\n\r\n", "\r\n\r\n.\r\n"},
    /* without a last line end one is added */
    {"a", "a\r\n.\r\n"},
    {".", "..\r\n.\r\n"},
    {"a\r\n.", "a\r\n..\r\n.\r\n"},
};

static void encode_in_pieces(const char *bytes, size_t length, size_t piece)
{
    struct smtp_data_encoder encoder;
    smtp_data_encode_start(&encoder);
    for (size_t at = 0; at < length; at += piece) {
        size_t count = length - at < piece ? length - at : piece;
        _cleanup_free_ char *exact = exact_copy(bytes + at, count);
        ck_assert_int_eq(smtp_data_encode(&encoder, exact, count, keep, NULL), 0);
    }
    const char *mark = smtp_data_end(&encoder);
    keep(NULL, mark, strlen(mark));
}

START_TEST(test_message_is_encoded)
{
    size_t length = strlen(encoded[_i].message);
    for (size_t piece = 1; piece <= length + 1; piece++) {
        buffer_release(&message);
        encode_in_pieces(encoded[_i].message, length, piece);
        ck_assert_uint_eq(buffer_length(&message), strlen(encoded[_i].wire));
        ck_assert_mem_eq(buffer_bytes(&message), encoded[_i].wire, strlen(encoded[_i].wire));
    }
}
END_TEST

START_TEST(test_empty_piece_changes_nothing)
{
    struct smtp_data_encoder encoder;
    smtp_data_encode_start(&encoder);
    ck_assert_int_eq(smtp_data_encode(&encoder, "a\r\n", 3, keep, NULL), 0);
    ck_assert_int_eq(smtp_data_encode(&encoder, "", 0, keep, NULL), 0);
    ck_assert_int_eq(smtp_data_encode(&encoder, ".\r\n", 3, keep, NULL), 0);
    ck_assert_uint_eq(buffer_length(&message), 7);
    ck_assert_mem_eq(buffer_bytes(&message), "a\r\n..\r\n", 7);
}
END_TEST

static int refuse_later(void *context, const char *bytes, size_t length)
{
    (void)bytes, (void)length;
    return --*(int *)context < 0 ? -5 : 0;
}

/* Refused at the first call, the second and so on, until there are no more. */
START_TEST(test_encoder_tells_what_its_sink_says)
{
    struct smtp_data_encoder encoder;
    int calls = _i;
    smtp_data_encode_start(&encoder);
    ck_assert_int_eq(smtp_data_encode(&encoder, "a\r\n.b\r\n", 7, refuse_later, &calls),
                     _i < 3 ? -5 : 0);
}
END_TEST

/* --- there and back --- */

static unsigned random_state;

static unsigned next_random(unsigned below)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % below;
}

/* A message of random lines, rich in dots; returns its length. */
static size_t random_message(unsigned seed, char *text, size_t size)
{
    static const char letters[] = "..a b\t\0\x80";
    size_t length = 0;
    random_state = seed;
    for (unsigned lines = next_random(20); lines && length + 20 < size; lines--) {
        for (unsigned i = next_random(12); i; i--)
            text[length++] = letters[next_random(sizeof letters - 1)];
        text[length++] = '\r';
        text[length++] = '\n';
    }
    return length;
}

START_TEST(test_what_is_encoded_is_decoded_as_it_was)
{
    char text[2048];
    size_t length = random_message((unsigned)_i, text, sizeof text);
    encode_in_pieces(text, length, 1 + next_random(9));
    struct buffer wire = message;
    buffer_init(&message, 1 << 22);
    ck_assert_int_eq(
        decode_in_pieces(buffer_bytes(&wire), buffer_length(&wire), 1 + next_random(9)),
        SMTP_DATA_FINISHED);
    ck_assert_uint_eq(buffer_length(&message), length);
    if (length)
        ck_assert_mem_eq(buffer_bytes(&message), text, length);
    buffer_release(&wire);
}
END_TEST

START_TEST(test_what_is_decoded_is_encoded_as_it_was)
{
    char text[2048];
    size_t length = random_message((unsigned)_i + 1000, text, sizeof text);
    encode_in_pieces(text, length, 5);
    struct buffer wire = message, decoded;
    buffer_init(&message, 1 << 22);
    decode_in_pieces(buffer_bytes(&wire), buffer_length(&wire), 1 + next_random(9));
    decoded = message;
    buffer_init(&message, 1 << 22);
    encode_in_pieces(buffer_bytes(&decoded), buffer_length(&decoded), 1 + next_random(9));
    ck_assert_uint_eq(buffer_length(&message), buffer_length(&wire));
    ck_assert_mem_eq(buffer_bytes(&message), buffer_bytes(&wire), buffer_length(&wire));
    buffer_release(&wire);
    buffer_release(&decoded);
}
END_TEST

/* --- the header watch --- */

static const struct {
    const char *message;
    unsigned received;
    bool in_body;
} headers[] = {
    {"", 0, false},
    {"Received: a\r\n", 1, false},
    {"Received:a\r\n", 1, false},
    {"Received:", 1, false},
    {"Received", 0, false},
    {"Received\r\n", 0, false},
    {"RECEIVED: a\r\nreceived: b\r\nrEcEiVeD: c\r\n", 3, false},
    {"Received: a\r\nSubject: b\r\nReceived: c\r\n\r\nText\r\n", 2, true},
    /* folded: still one field, whatever the further lines say */
    {"Received: a\r\n Received: b\r\n\tReceived: c\r\n\r\n", 1, true},
    {"Subject: a\r\n Received: b\r\n\r\n", 0, true},
    {"Received:\r\n from a\r\n by b\r\n\r\n", 1, true},
    /* a space before the colon is old, but seen (RFC 5322 4.5) */
    {"Received : a\r\nReceived   : b\r\n\r\n", 2, true},
    {"Received x: a\r\n\r\n", 0, true},
    {"Rec eived: a\r\n\r\n", 0, true},
    {" Received: a\r\n\r\n", 0, true},
    /* other names */
    {"X-Received: a\r\nReceivedx: b\r\nReceived-SPF: c\r\nReceive: d\r\n\r\n", 0, true},
    {"Subject: Received: a\r\n\r\n", 0, true},
    {"RReceived: a\r\n\r\n", 0, true},
    /* the body is not looked at */
    {"\r\nReceived: a\r\n", 0, true},
    {"Received: a\r\n\r\nReceived: b\r\n\r\nReceived: c\r\n", 1, true},
    {"Subject: a\r\n\r\n\r\nReceived: b\r\n", 0, true},
    {"Received: a\r\n \r\nReceived: b\r\n\r\n", 2, true},
};

START_TEST(test_received_fields_are_counted)
{
    size_t length = strlen(headers[_i].message);
    for (size_t piece = 1; piece <= length + 1; piece++) {
        struct smtp_header_watch watch;
        smtp_header_start(&watch);
        for (size_t at = 0; at < length; at += piece) {
            size_t count = length - at < piece ? length - at : piece;
            _cleanup_free_ char *exact = exact_copy(headers[_i].message + at, count);
            smtp_header_feed(&watch, exact, count);
        }
        ck_assert_uint_eq(watch.received, headers[_i].received);
        ck_assert_int_eq(watch.in_body, headers[_i].in_body);
    }
}
END_TEST

START_TEST(test_many_received_fields_are_counted)
{
    struct smtp_header_watch watch;
    smtp_header_start(&watch);
    for (int i = 0; i < 1000; i++)
        smtp_header_feed(&watch, "Received: from a\r\n\tby b\r\n", 25);
    ck_assert_uint_eq(watch.received, 1000);
}
END_TEST

/* --- dots hidden among NUL octets --- */

static const struct {
    const char *text;
    size_t length;
    bool hidden;
} dots[] = {
    {BYTES("a\r\n\0.\r\n"), true},
    {BYTES("\0.\r\n"), true},
    {BYTES("a\r\n\0\0.\0\r\n"), true},
    {BYTES("a\0\r\n\0.\r\nb\r\n"), true},
    {BYTES("a\r\n.\0\r\n"), false}, /* this one is stuffed */
    {BYTES("a\r\n.\r\n"), false},
    {BYTES("a\0.\r\n"), false},
    {BYTES("a\r\n\0..\r\n"), false},
    {BYTES("a\r\n\0.b\r\n"), false},
    {BYTES("a\r\n\0 .\r\n"), false},
    {BYTES("\0\r\n.\r\n\0\r\n"), false},
    {BYTES(""), false},
};

START_TEST(test_dot_hidden_among_nuls_is_seen)
{
    for (size_t cut = 0; cut <= dots[_i].length; cut++) {
        struct smtp_hidden_dot watch = {0}, slow = {0};
        bool seen = smtp_hidden_dot_feed(&watch, dots[_i].text, cut) ||
                    smtp_hidden_dot_feed(&watch, dots[_i].text + cut, dots[_i].length - cut);
        ck_assert_int_eq(seen, dots[_i].hidden);
        seen = false;
        for (size_t i = 0; i < dots[_i].length && !seen; i++)
            seen = smtp_hidden_dot_feed(&slow, dots[_i].text + i, 1);
        ck_assert_int_eq(seen, dots[_i].hidden);
    }
}
END_TEST

START_TEST(test_fuzzers_corpus_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/smtp-data"), 10);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, test_data_is_decoded_at_once, 0, ARRAY_SIZE(cases));
    tcase_add_loop_test(tcase, test_data_is_decoded_a_byte_at_a_time, 0, ARRAY_SIZE(cases));
    tcase_add_loop_test(tcase, test_data_cut_anywhere_is_the_same, 0, ARRAY_SIZE(cases));
    tcase_add_loop_test(tcase, test_data_cut_twice_anywhere_is_the_same, 0, ARRAY_SIZE(cases));
    tcase_add_test(tcase, test_nul_is_part_of_the_message);
    tcase_add_test(tcase, test_nothing_is_taken_behind_the_end);
    tcase_add_test(tcase, test_sink_that_refuses_is_not_asked_again);
    tcase_add_loop_test(tcase, test_end_is_found_behind_an_error, 0, ARRAY_SIZE(discards));
    tcase_add_loop_test(tcase, test_end_is_found_behind_a_long_line, 0, 5);
    tcase_add_loop_test(tcase, test_long_line_is_judged, 0, ARRAY_SIZE(long_lines));
    tcase_add_loop_test(tcase, test_dot_hidden_among_nuls_is_seen, 0, ARRAY_SIZE(dots));
    tcase_add_loop_test(tcase, test_message_is_encoded, 0, ARRAY_SIZE(encoded));
    tcase_add_test(tcase, test_empty_piece_changes_nothing);
    tcase_add_loop_test(tcase, test_encoder_tells_what_its_sink_says, 0, 4);
    tcase_add_loop_test(tcase, test_what_is_encoded_is_decoded_as_it_was, 0, 200);
    tcase_add_loop_test(tcase, test_what_is_decoded_is_encoded_as_it_was, 0, 200);
    tcase_add_loop_test(tcase, test_received_fields_are_counted, 0, ARRAY_SIZE(headers));
    tcase_add_test(tcase, test_many_received_fields_are_counted);
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
}

int main(void)
{
    Suite *suite = suite_create("smtp-data");
    TCase *tcase = tcase_create("smtp-data");
    tcase_set_timeout(tcase, 60);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
