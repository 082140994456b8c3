/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The PROXY protocol: what is taken, and what is not, whole and a byte at a time. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/net/proxy.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\x00\x02\x01\xc0\x00\x02\x19\xdc\x04\x00\x19"
#define SIX                                                                                        \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x19"         \
    "\xdc\x04\x00\x19"

static const struct {
    const char *bytes;
    size_t length;
    enum proxy_result result;
    size_t taken;
    const char *address; /* "192.0.2.1 56324" */
} headers[] = {
    /* Version 1. */
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\r\n"), PROXY_ADDRESS, 42, "192.0.2.1 56324"},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\r\nEHLO x\r\n"), PROXY_ADDRESS, 42,
     "192.0.2.1 56324"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), PROXY_ADDRESS, 56,
     "255.255.255.255 65535"},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::19 56324 25\r\n"), PROXY_ADDRESS, 46,
     "2001:db8::7 56324"},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     PROXY_ADDRESS, 104, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 0 0\r\n"), PROXY_ADDRESS, 37, "192.0.2.1 0"},
    {BYTES("PROXY UNKNOWN\r\n"), PROXY_LOCAL, 15, NULL},
    {BYTES("PROXY UNKNOWN ffff:: ffff:: 1 2\r\n"), PROXY_LOCAL, 33, NULL},
    {BYTES(""), PROXY_MORE, 0, NULL},
    {BYTES("P"), PROXY_MORE, 0, NULL},
    {BYTES("PROXY"), PROXY_MORE, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\r"), PROXY_MORE, 0, NULL},
    {BYTES("EHLO x\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("proxy TCP4 192.0.2.1 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY \r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY UNKNOWNS\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4  192.0.2.1 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25 \r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25 26\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.256 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.256 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 2001:db8::7 2001:db8::19 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP6 192.0.2.1 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 65536 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 056 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 -1 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 +1 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 \r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY UDP4 192.0.2.1 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.25 56324 25\r\n"), PROXY_WRONG, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\r\r\n"), PROXY_WRONG, 0, NULL},
    /* Version 2. */
    {BYTES(SIGNATURE "\x21\x11\x00\x0c" FOUR), PROXY_ADDRESS, 28, "192.0.2.1 56324"},
    {BYTES(SIGNATURE "\x21\x11\x00\x0c" FOUR "EHLO"), PROXY_ADDRESS, 28, "192.0.2.1 56324"},
    {BYTES(SIGNATURE "\x21\x11\x00\x10" FOUR "\x04\x00\x01\x00"), PROXY_ADDRESS, 32,
     "192.0.2.1 56324"},
    {BYTES(SIGNATURE "\x21\x21\x00\x24" SIX), PROXY_ADDRESS, 52, "2001:db8::7 56324"},
    {BYTES(SIGNATURE "\x20\x00\x00\x00"), PROXY_LOCAL, 16, NULL},
    {BYTES(SIGNATURE "\x20\x11\x00\x0c" FOUR), PROXY_LOCAL, 28, NULL},
    {BYTES(SIGNATURE "\x21\x00\x00\x00"), PROXY_LOCAL, 16, NULL},
    {BYTES(SIGNATURE "\x21\x11\x00"), PROXY_MORE, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0"), PROXY_MORE, 0, NULL},
    {BYTES("\r\n\r\n"), PROXY_MORE, 0, NULL},
    {BYTES("\r\n\r\n\0\r\nQUIT\r"), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x11\x11\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x31\x11\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x22\x11\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x12\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x31\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc0\x00\x02\x19\xdc\x04\x00"), PROXY_WRONG,
     0, NULL},
    {BYTES(SIGNATURE "\x21\x21\x00\x0c" FOUR), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\xff\xff"), PROXY_WRONG, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\x0f\xf1"), PROXY_WRONG, 0, NULL}, /* one more than the most */
};

static void show(const struct sockaddr_storage *address, char text[80])
{
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET)
        snprintf(text, 80, "%s %u", inet_ntop(AF_INET, &four->sin_addr, host, sizeof host),
                 ntohs(four->sin_port));
    else
        snprintf(text, 80, "%s %u", inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host),
                 ntohs(six->sin6_port));
}

START_TEST(test_header_is_read)
{
    struct sockaddr_storage address;
    size_t taken = 0;
    char text[80];
    /* Of exactly its length, so that a byte too far is seen by the sanitizer. */
    _cleanup_free_ char *bytes = exact_copy(headers[_i].bytes, headers[_i].length);
    memset(&address, 0x55, sizeof address);
    enum proxy_result result = proxy_parse(bytes, headers[_i].length, &taken, &address);
    ck_assert_int_eq(result, headers[_i].result);
    ck_assert_uint_eq(taken, headers[_i].taken);
    if (headers[_i].address) {
        show(&address, text);
        ck_assert_str_eq(text, headers[_i].address);
    } else {
        ck_assert_uint_eq(((unsigned char *)&address)[0], 0x55);
    }
}
END_TEST

/* It is never judged too early: each beginning of a good one asks for more. */
START_TEST(test_beginning_asks_for_more)
{
    struct sockaddr_storage address;
    size_t taken = 0;
    if (headers[_i].result != PROXY_ADDRESS && headers[_i].result != PROXY_LOCAL)
        return;
    for (size_t length = 0; length < headers[_i].taken; length++)
        ck_assert_int_eq(proxy_parse(headers[_i].bytes, length, &taken, &address), PROXY_MORE);
}
END_TEST

START_TEST(test_line_has_a_maximum)
{
    struct sockaddr_storage address;
    size_t taken = 0;
    char line[200];
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    ck_assert_int_eq(proxy_parse(line, PROXY_LINE_MAXIMUM - 1, &taken, &address), PROXY_MORE);
    ck_assert_int_eq(proxy_parse(line, PROXY_LINE_MAXIMUM, &taken, &address), PROXY_WRONG);
    memcpy(line + PROXY_LINE_MAXIMUM - 2, "\r\n", 2);
    ck_assert_int_eq(proxy_parse(line, sizeof line, &taken, &address), PROXY_LOCAL);
    ck_assert_uint_eq(taken, PROXY_LINE_MAXIMUM);
}
END_TEST

START_TEST(test_fuzzers_corpus_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/proxy"), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proxy");
    TCase *tcase = tcase_create("proxy");
    tcase_add_loop_test(tcase, test_header_is_read, 0, ARRAY_SIZE(headers));
    tcase_add_loop_test(tcase, test_beginning_asks_for_more, 0, ARRAY_SIZE(headers));
    tcase_add_test(tcase, test_line_has_a_maximum);
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
