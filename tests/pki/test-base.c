/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What every room stands on: buffers with a maximum, errors that keep what was said first, and log
 * lines that nothing from outside can forge. Log lines are caught on a socket that keeps writes
 * apart. */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pki/base/buffer.h"
#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/base/log.h"
#include "tests/suite.h"

/* A reserve that no machine has memory for must come back as a failure here too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* --- buffer --- */

static struct buffer buffer;

static void expect_held(const char *text)
{
    ck_assert_uint_eq(buffer_length(&buffer), strlen(text));
    if (*text)
        ck_assert_mem_eq(buffer_bytes(&buffer), text, strlen(text));
}

START_TEST(test_new_buffer_holds_no_memory)
{
    buffer_init(&buffer, 100);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    ck_assert_ptr_null(buffer.memory);
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_bytes_come_out_as_they_went_in)
{
    buffer_init(&buffer, 100);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    ck_assert_int_eq(buffer_print(&buffer, "%s-%d", "de", 7), 0);
    expect_held("abcde-7");
    buffer_consume(&buffer, 2);
    expect_held("cde-7");
    buffer_consume(&buffer, 5);
    expect_held("");
    buffer_release(&buffer);
}
END_TEST

static const size_t maxima[] = {0, 1, 10, 255, 256, 257, 1000, 5000};

/* The maximum can be reached to the byte, and not passed; what fails adds nothing. */
START_TEST(test_maximum_is_kept)
{
    size_t maximum = maxima[_i];
    buffer_init(&buffer, maximum);
    for (size_t i = 0; i < maximum; i++)
        ck_assert_int_eq(buffer_append(&buffer, "x", 1), 0);
    ck_assert_int_eq(buffer_append(&buffer, "y", 1), -EMSGSIZE);
    ck_assert_int_eq(buffer_print(&buffer, "y"), -EMSGSIZE);
    ck_assert_ptr_null(buffer_reserve(&buffer, 1));
    ck_assert_int_eq(buffer_append(&buffer, "", 0), 0);
    ck_assert_uint_eq(buffer_length(&buffer), maximum);
    ck_assert_uint_le(buffer.size, maximum);
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_what_is_too_long_at_once_is_refused)
{
    buffer_init(&buffer, maxima[_i]);
    _cleanup_free_ char *bytes = calloc(1, maxima[_i] + 1);
    ck_assert_int_eq(buffer_append(&buffer, bytes, maxima[_i] + 1), -EMSGSIZE);
    ck_assert_int_eq(buffer_append(&buffer, bytes, SIZE_MAX), -EMSGSIZE);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    ck_assert_int_eq(buffer_append(&buffer, bytes, maxima[_i]), 0);
    buffer_release(&buffer);
}
END_TEST

/* Room that was given back at the front is used again: never more than the maximum, however much
 * has gone through. */
START_TEST(test_consumed_room_is_used_again)
{
    unsigned char next_in = 0, next_out = 0;
    buffer_init(&buffer, 300);
    for (int round = 0; round < 10000; round++) {
        char bytes[7];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)next_in++;
        ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), 0);
        if (buffer_length(&buffer) <= 280)
            continue;
        for (int i = 0; i < 100; i++) {
            ck_assert_uint_eq((unsigned char)buffer_bytes(&buffer)[0], next_out);
            next_out++;
            buffer_consume(&buffer, 1);
        }
    }
    ck_assert_uint_le(buffer.size, 300);
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_reserved_room_can_be_filled)
{
    buffer_init(&buffer, 10000);
    ck_assert_int_eq(buffer_append(&buffer, "ab", 2), 0);
    for (int i = 0; i < 9; i++) {
        char *room = buffer_reserve(&buffer, 1000);
        ck_assert_ptr_nonnull(room);
        memset(room, 'c', 1000);
        buffer_extend(&buffer, 1000);
    }
    ck_assert_uint_eq(buffer_length(&buffer), 9002);
    ck_assert_mem_eq(buffer_bytes(&buffer), "abcc", 4);
    ck_assert_int_eq(buffer_bytes(&buffer)[9001], 'c');
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_reserved_room_not_filled_is_not_held)
{
    buffer_init(&buffer, 100);
    ck_assert_ptr_nonnull(buffer_reserve(&buffer, 100));
    buffer_extend(&buffer, 0);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_lack_of_memory_is_told_and_harms_nothing)
{
    buffer_init(&buffer, SIZE_MAX);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    ck_assert_ptr_null(buffer_reserve(&buffer, SIZE_MAX / 4));
    expect_held("abc");
    ck_assert_int_eq(buffer_append(&buffer, "d", 1), 0);
    expect_held("abcd");
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_print_past_its_own_limit_is_refused)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    buffer_init(&buffer, 10000);
    ck_assert_int_eq(buffer_print(&buffer, "%s", text), -EMSGSIZE);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    ck_assert_int_eq(buffer_print(&buffer, "%.2047s", text), 0);
    ck_assert_uint_eq(buffer_length(&buffer), 2047);
    buffer_release(&buffer);
}
END_TEST

START_TEST(test_released_buffer_may_be_used_again)
{
    buffer_init(&buffer, 5);
    ck_assert_int_eq(buffer_append(&buffer, "abcde", 5), 0);
    buffer_release(&buffer);
    buffer_release(&buffer);
    expect_held("");
    ck_assert_int_eq(buffer_append(&buffer, "fghij", 5), 0);
    ck_assert_int_eq(buffer_append(&buffer, "k", 1), -EMSGSIZE);
    buffer_release(&buffer);
}
END_TEST

/* --- error --- */

static struct error error;
static char long_text[2000];

START_TEST(test_error_is_set)
{
    memset(&error, 'x', sizeof error); /* it needs no initialisation */
    ck_assert_int_eq(error_set(&error, EX_CONFIG, "No %s of %d", "key", 3), -EX_CONFIG);
    ck_assert_int_eq(error.code, EX_CONFIG);
    ck_assert_str_eq(error.what, "No key of 3");
    ck_assert_str_eq(error.where, "");
    ck_assert_str_eq(error.cure, "");
}
END_TEST

START_TEST(test_errno_is_told_in_words)
{
    char expected[200];
    snprintf(expected, sizeof expected, "Cannot open x: %s", strerror(ENOENT));
    ck_assert_int_eq(error_set_errno(&error, EX_OSERR, ENOENT, "Cannot open %s", "x"), -EX_OSERR);
    ck_assert_str_eq(error.what, expected);
}
END_TEST

START_TEST(test_inner_where_and_cure_are_kept)
{
    error_set(&error, EX_IOERR, "It failed");
    ck_assert_int_eq(error_where(&error, "inner:%d", 1), -EX_IOERR);
    ck_assert_int_eq(error_cure(&error, "do %s", "this"), -EX_IOERR);
    ck_assert_int_eq(error_where(&error, "outer"), -EX_IOERR);
    ck_assert_int_eq(error_cure(&error, "do that"), -EX_IOERR);
    ck_assert_str_eq(error.where, "inner:1");
    ck_assert_str_eq(error.cure, "do this");
}
END_TEST

START_TEST(test_error_set_anew_forgets_the_old)
{
    error_set(&error, EX_IOERR, "One");
    error_where(&error, "there");
    error_cure(&error, "that");
    error_set(&error, EX_CONFIG, "Two");
    ck_assert_str_eq(error.where, "");
    error_where(&error, "here");
    error_set_errno(&error, EX_CONFIG, EACCES, "Three");
    ck_assert_str_eq(error.where, "");
    ck_assert_str_eq(error.cure, "");
}
END_TEST

START_TEST(test_text_that_is_too_long_is_cut)
{
    error_set(&error, EX_IOERR, "%s", long_text);
    error_where(&error, "%s", long_text);
    error_cure(&error, "%s", long_text);
    ck_assert_uint_eq(strlen(error.what), sizeof error.what - 1);
    ck_assert_uint_eq(strlen(error.where), sizeof error.where - 1);
    ck_assert_uint_eq(strlen(error.cure), sizeof error.cure - 1);
    error_set_errno(&error, EX_IOERR, ENOENT, "%s", long_text);
    ck_assert_uint_eq(strlen(error.what), sizeof error.what - 1);
}
END_TEST

static const struct {
    const char *what, *where, *cure, *text;
} texts[] = {
    {"It failed", "", "", "It failed"},
    {"It failed", "x:1", "", "It failed (x:1)"},
    {"It failed", "", "run it", "It failed. Try: run it"},
    {"It failed", "x:1", "run it", "It failed (x:1). Try: run it"},
};

/* Into memory of every size up to enough: always ended by NUL, and the beginning of the whole. */
START_TEST(test_error_text_is_cut_to_its_room)
{
    error_set(&error, EX_IOERR, "%s", texts[_i].what);
    if (*texts[_i].where)
        error_where(&error, "%s", texts[_i].where);
    if (*texts[_i].cure)
        error_cure(&error, "%s", texts[_i].cure);
    size_t whole = strlen(texts[_i].text);
    for (size_t size = 1; size <= whole + 2; size++) {
        _cleanup_free_ char *text = malloc(size);
        ck_assert_ptr_nonnull(text);
        ck_assert_ptr_eq(error_text(&error, text, size), text);
        ck_assert_uint_eq(strlen(text), size - 1 < whole ? size - 1 : whole);
        ck_assert_mem_eq(text, texts[_i].text, strlen(text));
    }
}
END_TEST

/* --- log --- */

static int caught; /* reading end: one packet a write */
static char line[4 * LOG_TEXT_MAXIMUM];

static void catch_stderr(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_ge(dup2(pair[1], STDERR_FILENO), 0);
    close(pair[1]);
    caught = pair[0];
    unsetenv("JOURNAL_STREAM");
    log_open("test", LOG_INFO);
}

static void let_stderr_go(void)
{
    close(caught);
}

/* The next write to stderr into `line`; false when there is none. */
static bool next_line(void)
{
    ssize_t length = recv(caught, line, sizeof line - 1, MSG_DONTWAIT);
    if (length < 0)
        return false;
    line[length] = '\0';
    ck_assert_uint_eq(strlen(line), (size_t)length); /* no NUL in it */
    return true;
}

/* One event with one field. */
static void log_one(const char *bytes, size_t length)
{
    struct log log;
    log_event(&log, LOG_EVENT_MESSAGE, "Said");
    log_bytes(&log, "field", bytes, length);
    log_end(&log);
}

START_TEST(test_event_is_one_line_and_one_write)
{
    struct log log;
    log_event(&log, LOG_EVENT_PEER_REFUSED, "Not %s", "expected");
    log_text(&log, "connector", "To cloud");
    log_number(&log, "milliseconds", -12);
    log_format(&log, "two-words", "%d/%d", 1, 2);
    log_text(&log, "nothing", NULL);
    log_end(&log);
    ck_assert(next_line());
    ck_assert_ptr_nonnull(strstr(line, " level=error program=test event=peer-refused "
                                       "msg=\"Not expected\" connector=\"To cloud\" "
                                       "milliseconds=-12 two-words=1/2\n"));
    ck_assert_int_eq(strncmp(line, "time=", 5), 0);
    ck_assert(!next_line());
}
END_TEST

START_TEST(test_error_is_logged_with_where_and_cure)
{
    struct log log;
    error_set(&error, EX_IOERR, "It failed");
    error_where(&error, "x:1");
    error_cure(&error, "mend it");
    log_event(&log, LOG_EVENT_MESSAGE, "m");
    log_error(&log, &error);
    log_end(&log);
    ck_assert(next_line());
    ck_assert_ptr_nonnull(strstr(line, " error=\"It failed\" where=x:1 cure=\"mend it\"\n"));
}
END_TEST

START_TEST(test_event_below_the_level_is_not_written)
{
    struct log log;
    log_event(&log, LOG_EVENT_DEBUG, "m");
    log_text(&log, "field", "value");
    log_end(&log);
    ck_assert(!next_line());
}
END_TEST

/* What comes from outside, and how it stands in the line. */
static const struct {
    const char *bytes;
    size_t length;
    const char *shown;
} values[] = {
#define VALUE(bytes, shown)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, shown                                                            \
    }
    VALUE("plain", "plain"),
    VALUE("", "\"\""),
    VALUE("two words", "\"two words\""),
    VALUE("a=b", "\"a=b\""),
    VALUE("a\"b", "\"a\\\"b\""),
    VALUE("\"", "\"\\\"\""),
    VALUE("\" event=forged x=\"", "\"\\\" event=forged x=\\\"\""),
    VALUE("a\\b", "a\\\\b"),
    VALUE("a\\\"", "\"a\\\\\\\"\""),
    VALUE("a\nb", "a\\x0ab"),
    VALUE("a\r\nlevel=crit", "\"a\\x0d\\x0alevel=crit\""),
    VALUE("a\0b", "a\\x00b"),
    VALUE("\x1b[2J", "\\x1b[2J"),
    VALUE("\t\x01\x1f\x7f", "\\x09\\x01\\x1f\\x7f"),
    VALUE("gr\xc3\xbc\xff", "gr\\xc3\\xbc\\xff"),
    VALUE("\xe2\x80\xa8", "\\xe2\\x80\\xa8"),
    VALUE("%s%n", "%s%n"),
};

START_TEST(test_value_is_escaped)
{
    char expected[200];
    log_one(values[_i].bytes, values[_i].length);
    ck_assert(next_line());
    snprintf(expected, sizeof expected, " field=%s\n", values[_i].shown);
    size_t length = strlen(line), tail = strlen(expected);
    ck_assert_uint_gt(length, tail);
    ck_assert_str_eq(line + length - tail, expected);
}
END_TEST

START_TEST(test_message_is_escaped)
{
    struct log log;
    log_event(&log, LOG_EVENT_MESSAGE, "From %s", "a\nb\x1b\"=");
    log_end(&log);
    ck_assert(next_line());
    ck_assert_ptr_nonnull(strstr(line, " msg=\"From a\\x0ab\\x1b\\\"=\"\n"));
}
END_TEST

START_TEST(test_any_byte_leaves_one_printable_line)
{
    char byte = (char)_i;
    log_one(&byte, 1);
    ck_assert(next_line());
    size_t length = strlen(line);
    ck_assert_int_eq(line[length - 1], '\n');
    for (size_t i = 0; i + 1 < length; i++)
        ck_assert(line[i] >= ' ' && line[i] < 0x7f);
    ck_assert(!next_line());
}
END_TEST

/* Bytes that become longer the most: in the log, in the line, in both. */
static const char fillers[] = "x\"\x01\\=\xff ";

START_TEST(test_long_value_is_cut_and_its_line_is_whole)
{
    static char bytes[4 * LOG_TEXT_MAXIMUM];
    memset(bytes, fillers[_i], sizeof bytes);
    log_one(bytes, sizeof bytes);
    ck_assert(next_line());
    size_t length = strlen(line);
    ck_assert_int_eq(line[length - 1], '\n');
    ck_assert_ptr_eq(strchr(line, '\n'), line + length - 1);
    ck_assert_uint_le(length, 2 * LOG_TEXT_MAXIMUM);
    ck_assert_uint_ge(length, LOG_TEXT_MAXIMUM - 256);
    ck_assert(!next_line());
}
END_TEST

START_TEST(test_long_message_is_cut)
{
    struct log log;
    log_event(&log, LOG_EVENT_MESSAGE, "%s", long_text);
    log_format(&log, "field", "%s", long_text);
    log_text(&log, "last", "here");
    log_end(&log);
    ck_assert(next_line());
    ck_assert_ptr_nonnull(strstr(line, " last=here\n"));
    ck_assert_uint_lt(strlen(line), 2 * 1024 + 200);
}
END_TEST

/* The message is a field too, and the last place is kept to say how many were dropped. */
START_TEST(test_fields_past_the_limit_are_dropped)
{
    struct log log;
    unsigned fields = 0;
    log_event(&log, LOG_EVENT_MESSAGE, "m");
    for (int i = 0; i < LOG_FIELDS_MAXIMUM + 10; i++)
        log_number(&log, "counted", i);
    ck_assert_uint_eq(log.dropped, 12);
    log_end(&log);
    ck_assert(next_line());
    for (const char *at = line; (at = strstr(at, " counted=")); at++)
        fields++;
    ck_assert_uint_eq(fields, LOG_FIELDS_MAXIMUM - 2);
    ck_assert_ptr_nonnull(strstr(line, " dropped=12"));
    ck_assert(!next_line());
}
END_TEST

START_TEST(test_fields_past_the_room_are_dropped)
{
    static char bytes[1000];
    struct log log;
    memset(bytes, 'x', sizeof bytes);
    log_event(&log, LOG_EVENT_MESSAGE, "m");
    for (int i = 0; i < 20; i++)
        log_bytes(&log, "field", bytes, sizeof bytes);
    ck_assert_uint_gt(log.dropped, 12);
    ck_assert_uint_lt(log.dropped, 16);
    log_end(&log);
    ck_assert(next_line());
}
END_TEST

static TCase *buffer_tests(void)
{
    TCase *tcase = tcase_create("buffer");
    tcase_add_test(tcase, test_new_buffer_holds_no_memory);
    tcase_add_test(tcase, test_bytes_come_out_as_they_went_in);
    tcase_add_loop_test(tcase, test_maximum_is_kept, 0, ARRAY_SIZE(maxima));
    tcase_add_loop_test(tcase, test_what_is_too_long_at_once_is_refused, 0, ARRAY_SIZE(maxima));
    tcase_add_test(tcase, test_consumed_room_is_used_again);
    tcase_add_test(tcase, test_reserved_room_can_be_filled);
    tcase_add_test(tcase, test_reserved_room_not_filled_is_not_held);
    tcase_add_test(tcase, test_lack_of_memory_is_told_and_harms_nothing);
    tcase_add_test(tcase, test_print_past_its_own_limit_is_refused);
    tcase_add_test(tcase, test_released_buffer_may_be_used_again);
    return tcase;
}

static TCase *error_tests(void)
{
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, test_error_is_set);
    tcase_add_test(tcase, test_errno_is_told_in_words);
    tcase_add_test(tcase, test_inner_where_and_cure_are_kept);
    tcase_add_test(tcase, test_error_set_anew_forgets_the_old);
    tcase_add_test(tcase, test_text_that_is_too_long_is_cut);
    tcase_add_loop_test(tcase, test_error_text_is_cut_to_its_room, 0, ARRAY_SIZE(texts));
    return tcase;
}

static TCase *log_tests(void)
{
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, catch_stderr, let_stderr_go);
    tcase_add_test(tcase, test_event_is_one_line_and_one_write);
    tcase_add_test(tcase, test_error_is_logged_with_where_and_cure);
    tcase_add_test(tcase, test_event_below_the_level_is_not_written);
    tcase_add_loop_test(tcase, test_value_is_escaped, 0, ARRAY_SIZE(values));
    tcase_add_test(tcase, test_message_is_escaped);
    tcase_add_loop_test(tcase, test_any_byte_leaves_one_printable_line, 0, 256);
    tcase_add_loop_test(tcase, test_long_value_is_cut_and_its_line_is_whole, 0,
                        (int)sizeof fillers - 1);
    tcase_add_test(tcase, test_long_message_is_cut);
    tcase_add_test(tcase, test_fields_past_the_limit_are_dropped);
    tcase_add_test(tcase, test_fields_past_the_room_are_dropped);
    return tcase;
}

int main(void)
{
    memset(long_text, 'u', sizeof long_text - 1);
    Suite *suite = suite_create("base");
    suite_add_tcase(suite, buffer_tests());
    suite_add_tcase(suite, error_tests());
    suite_add_tcase(suite, log_tests());
    return run_suite(suite);
}
