/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The commands of a client, as RFC 5321 4.1.1 and 4.1.2 have them. Every line stands in memory of
 * its own size, so that AddressSanitizer sees whoever reads past it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/command.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

/* --- verbs --- */

static const struct {
    const char *line;
    size_t length;
    enum smtp_verb verb;
    const char *arguments;
} verbs[] = {
    {BYTES("EHLO mail.example"), SMTP_EHLO, "mail.example"},
    {BYTES("HELO mail.example"), SMTP_HELO, "mail.example"},
    {BYTES("MAIL FROM:<a@b.example> SIZE=1"), SMTP_MAIL, "FROM:<a@b.example> SIZE=1"},
    {BYTES("RCPT TO:<a@b.example>"), SMTP_RCPT, "TO:<a@b.example>"},
    {BYTES("DATA"), SMTP_DATA, ""},
    {BYTES("RSET"), SMTP_RSET, ""},
    {BYTES("NOOP"), SMTP_NOOP, ""},
    {BYTES("NOOP any thing"), SMTP_NOOP, "any thing"},
    {BYTES("QUIT"), SMTP_QUIT, ""},
    {BYTES("VRFY someone"), SMTP_VRFY, "someone"},
    {BYTES("HELP"), SMTP_HELP, ""},
    {BYTES("STARTTLS"), SMTP_STARTTLS, ""},
    /* 2.4: verbs in any case */
    {BYTES("quit"), SMTP_QUIT, ""},
    {BYTES("sTaRtTlS"), SMTP_STARTTLS, ""},
    {BYTES("Mail From:<>"), SMTP_MAIL, "From:<>"},
    /* spaces around the arguments are not theirs */
    {BYTES("DATA   "), SMTP_DATA, ""},
    {BYTES("EHLO   a.example   "), SMTP_EHLO, "a.example"},
    {BYTES("NOOP  a  b "), SMTP_NOOP, "a  b"},
    /* what is no verb of ours */
    {BYTES(""), SMTP_UNKNOWN, ""},
    {BYTES(" "), SMTP_UNKNOWN, ""},
    {BYTES(" QUIT"), SMTP_UNKNOWN, "QUIT"},
    {BYTES("EHL"), SMTP_UNKNOWN, ""},
    {BYTES("EHLOX"), SMTP_UNKNOWN, ""},
    {BYTES("DATADATA"), SMTP_UNKNOWN, ""},
    {BYTES("STARTTLSS"), SMTP_UNKNOWN, ""},
    {BYTES("DATA\0"), SMTP_UNKNOWN, ""},
    {BYTES("DATA\r"), SMTP_UNKNOWN, ""},
    {BYTES("MAIL\tFROM:<>"), SMTP_UNKNOWN, ""},
    {BYTES("\0\0\0\0"), SMTP_UNKNOWN, ""},
    {BYTES("\xd0\x95HLO x"), SMTP_UNKNOWN, "x"},
    {BYTES("BDAT 18446744073709551615 LAST"), SMTP_BDAT, "18446744073709551615 LAST"},
    {BYTES("AUTH PLAIN"), SMTP_AUTH, "PLAIN"},
    {BYTES("XCLIENT NAME=a"), SMTP_UNKNOWN, "NAME=a"},
    /* other protocols */
    {BYTES("GET / HTTP/1.1"), SMTP_FOREIGN, "/ HTTP/1.1"},
    {BYTES("POST / HTTP/1.1"), SMTP_FOREIGN, "/ HTTP/1.1"},
    {BYTES("PUT /a HTTP/1.0"), SMTP_FOREIGN, "/a HTTP/1.0"},
    {BYTES("HEAD / HTTP/1.1"), SMTP_FOREIGN, "/ HTTP/1.1"},
    {BYTES("CONNECT a:25 HTTP/1.1"), SMTP_FOREIGN, "a:25 HTTP/1.1"},
    {BYTES("OPTIONS * HTTP/1.1"), SMTP_FOREIGN, "* HTTP/1.1"},
    {BYTES("PRI * HTTP/2.0"), SMTP_FOREIGN, "* HTTP/2.0"},
    {BYTES("Host: a.example"), SMTP_FOREIGN, "a.example"},
    {BYTES("User-Agent: curl"), SMTP_FOREIGN, "curl"},
};

START_TEST(test_verb_and_arguments_are_told)
{
    const char *arguments = NULL;
    size_t length = 99;
    _cleanup_free_ char *line = exact_copy(verbs[_i].line, verbs[_i].length);
    ck_assert_int_eq(smtp_verb(line, verbs[_i].length, &arguments, &length), verbs[_i].verb);
    ck_assert_uint_eq(length, strlen(verbs[_i].arguments));
    ck_assert_mem_eq(arguments, verbs[_i].arguments, length);
    ck_assert(arguments >= line && arguments + length <= line + verbs[_i].length);
}
END_TEST

/* --- EHLO's argument --- */

static const struct {
    const char *text;
    size_t length;
    bool valid;
} hellos[] = {
    {BYTES("mail.example.com"), true},
    {BYTES("localhost"), true},
    {BYTES("under_score.example"), true},
    {BYTES("[192.0.2.1]"), true},
    {BYTES("[IPv6:2001:db8::1]"), true},
    {BYTES(""), false},
    {BYTES("two words"), false},
    {BYTES("a\tb"), false},
    {BYTES("a\rb"), false},
    {BYTES("a\nb"), false},
    {BYTES("a\0b"), false},
    {BYTES("\0"), false},
    {BYTES("a\x7f"), false},
    {BYTES("a\x1b[2J"), false},
    {BYTES("m\xc3\xbcller.example"), false},
    {BYTES("a(comment)"), false},
    {BYTES("<a>"), false},
    {BYTES("a@b"), false},
    {BYTES("a;b"), false},
    {BYTES("a,b"), false},
    {BYTES("a\\b"), false},
    {BYTES("a\"b"), false},
};

START_TEST(test_hello_argument_is_judged)
{
    _cleanup_free_ char *text = exact_copy(hellos[_i].text, hellos[_i].length);
    ck_assert_int_eq(smtp_hello_is_valid(text, hellos[_i].length), hellos[_i].valid);
}
END_TEST

/* 4.5.3.1.2: a domain has at most 255 octets. */
START_TEST(test_hello_argument_has_a_maximum)
{
    _cleanup_free_ char *longest = many('a', 255), *longer = many('a', 256);
    ck_assert(smtp_hello_is_valid(longest, 255));
    ck_assert(!smtp_hello_is_valid(longer, 256));
}
END_TEST

/* --- paths --- */

/* What stands between the brackets, and what it is as a recipient. */
static const struct {
    const char *path;
    size_t length;
    enum smtp_syntax result;
    const char *address, *domain;
} paths[] = {
    {BYTES("a@b.example"), SMTP_SYNTAX_OK, "a@b.example", "b.example"},
    {BYTES("a@b"), SMTP_SYNTAX_OK, "a@b", "b"},
    {BYTES("a.b.c@d.example"), SMTP_SYNTAX_OK, "a.b.c@d.example", "d.example"},
    {BYTES("Alice@Example.COM"), SMTP_SYNTAX_OK, "Alice@Example.COM", "example.com"},
    {BYTES("1@2.example"), SMTP_SYNTAX_OK, "1@2.example", "2.example"},
    {BYTES("a@1and1.example"), SMTP_SYNTAX_OK, "a@1and1.example", "1and1.example"},
    {BYTES("a@x--y.example"), SMTP_SYNTAX_OK, "a@x--y.example", "x--y.example"},
    {BYTES("a@under_score.example"), SMTP_SYNTAX_OK, "a@under_score.example",
     "under_score.example"},
    {BYTES("!#$%&'*+-/=?^_`{|}~@b.example"), SMTP_SYNTAX_OK, "!#$%&'*+-/=?^_`{|}~@b.example",
     "b.example"},
    /* Quoted-string of 4.1.2: qtextSMTP and quoted-pairSMTP */
    {BYTES("\"a\"@b.example"), SMTP_SYNTAX_OK, "\"a\"@b.example", "b.example"},
    {BYTES("\"\"@b.example"), SMTP_SYNTAX_OK, "\"\"@b.example", "b.example"},
    {BYTES("\"a b\"@b.example"), SMTP_SYNTAX_OK, "\"a b\"@b.example", "b.example"},
    {BYTES("\"a@c>\"@b.example"), SMTP_SYNTAX_OK, "\"a@c>\"@b.example", "b.example"},
    {BYTES("\"a\\\"b\"@b.example"), SMTP_SYNTAX_OK, "\"a\\\"b\"@b.example", "b.example"},
    {BYTES("\"a\\\\\"@b.example"), SMTP_SYNTAX_OK, "\"a\\\\\"@b.example", "b.example"},
    {BYTES("\"a\\ b\"@b.example"), SMTP_SYNTAX_OK, "\"a\\ b\"@b.example", "b.example"},
    {BYTES("\"a"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\""), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"\\"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\\\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\"b@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\"b\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\tb\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\\\tb\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\rb\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\nb\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\0b\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\\\0b\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"a\x7f\"@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\"\xc3\xa4\"@b.example"), SMTP_SYNTAX_OK, "\"\xc3\xa4\"@b.example", "b.example"},
    /* source routes: taken and dropped (appendix C) */
    {BYTES("@one.example:a@b.example"), SMTP_SYNTAX_OK, "a@b.example", "b.example"},
    {BYTES("@one.example,@two.example:a@b.example"), SMTP_SYNTAX_OK, "a@b.example", "b.example"},
    {BYTES("@[192.0.2.1]:a@b.example"), SMTP_SYNTAX_OK, "a@b.example", "b.example"},
    {BYTES("@one.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("@one.example:"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("@one.example,"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("@:a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("@one.example @two.example:a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("one.example:a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* address literals (4.1.3) */
    {BYTES("a@[192.0.2.1]"), SMTP_SYNTAX_OK, "a@[192.0.2.1]", "[192.0.2.1]"},
    {BYTES("a@[255.255.255.255]"), SMTP_SYNTAX_OK, "a@[255.255.255.255]", "[255.255.255.255]"},
    {BYTES("a@[IPv6:2001:db8::1]"), SMTP_SYNTAX_OK, "a@[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]"},
    {BYTES("a@[ipV6:::]"), SMTP_SYNTAX_OK, "a@[ipV6:::]", "[ipv6:::]"},
    {BYTES("a@[IPv6:2001:DB8::192.0.2.1]"), SMTP_SYNTAX_OK, "a@[IPv6:2001:DB8::192.0.2.1]",
     "[ipv6:2001:db8::192.0.2.1]"},
    {BYTES("a@[192.0.2.256]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[192.0.2]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[192.0.2.1.5]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@["), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[192.0.2.1"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@192.0.2.1]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[192.0.2.1]x"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[2001:db8::1]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[IPv6:]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[IPv6:1:2:3]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[IPv6:1::2::3]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[IPv7:1::2]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[x-tag:something]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[ 192.0.2.1]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@[IPv6:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]"),
     SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* 4.5.1: postmaster needs no domain, in any case of letters; nobody else does without */
    {BYTES("postmaster"), SMTP_SYNTAX_OK, "postmaster", ""},
    {BYTES("PostMaster"), SMTP_SYNTAX_OK, "PostMaster", ""},
    {BYTES("postmaster@b.example"), SMTP_SYNTAX_OK, "postmaster@b.example", "b.example"},
    {BYTES("postmaster@"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* a NUL is a byte of no set, and a route goes on with '@' behind each ',' */
    {BYTES("bob@[192.0.2.1\0x.y]"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("@a.example,bob@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* 4.5.3.1.1: the quotes count among the 64 */
    {BYTES("\"12345678901234567890123456789012345678901234567890123456789012\"@b.example"),
     SMTP_SYNTAX_OK, "\"12345678901234567890123456789012345678901234567890123456789012\"@b.example",
     "b.example"},
    {BYTES("\"123456789012345678901234567890123456789012345678901234567890123\"@b.example"),
     SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("postmasters"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("root"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES(""), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* local parts and domains that are none */
    {BYTES("@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a b@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES(" a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example "), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b@c.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a(comment)@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a,b@c.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a;b@c.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\\b@c.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("<a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b..example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example."), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@-b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b-.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example-"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b!c.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.ex/ample"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* control characters, NUL and bytes past ASCII: nowhere */
    {BYTES("a\0@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\0"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b\0.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example\0"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\r@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\n@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\t@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\x1b[2J@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a\x7f@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b\x7f.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    /* RFC 6531: UTF-8 that is one */
    {BYTES("\xc3\xa4@b.example"), SMTP_SYNTAX_OK, "\xc3\xa4@b.example", "b.example"},
    {BYTES("a@\xc3\xa4.example"), SMTP_SYNTAX_OK, "a@\xc3\xa4.example", "\xc3\xa4.example"},
    {BYTES("\xf0\x9f\x93\xae@b.example"), SMTP_SYNTAX_OK, "\xf0\x9f\x93\xae@b.example", "b.example"},
    {BYTES("\xc3@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xa4@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xc0\xaf@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xc2\x85@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xe0\x80\x8a@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xed\xa0\x80@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("\xf4\x90\x80\x80@b.example"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example\xe2\x80"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
    {BYTES("a@b.example\r\nDATA"), SMTP_SYNTAX_ADDRESS, NULL, NULL},
};

/* "TO:<path>" or the like, around a path that may hold NUL. */
static char *arguments_around(const char *before, const char *path, size_t path_length,
                              const char *behind, size_t *ret_length)
{
    size_t first = strlen(before), last = strlen(behind);
    char *text = malloc(first + path_length + last);
    ck_assert_ptr_nonnull(text);
    memcpy(text, before, first);
    memcpy(text + first, path, path_length);
    memcpy(text + first + path_length, behind, last);
    *ret_length = first + path_length + last;
    return text;
}

START_TEST(test_path_is_judged_in_rcpt)
{
    struct smtp_recipient recipient;
    size_t length;
    _cleanup_free_ char *text =
        arguments_around("TO:<", paths[_i].path, paths[_i].length, ">", &length);
    ck_assert_int_eq(smtp_parse_recipient(text, length, &recipient), paths[_i].result);
    if (paths[_i].result == SMTP_SYNTAX_OK) {
        ck_assert_str_eq(recipient.path.address, paths[_i].address);
        ck_assert_str_eq(recipient.path.domain, paths[_i].domain);
    }
}
END_TEST

/* The same, but for the null sender, and for postmaster, who has a domain when he writes. */
START_TEST(test_path_is_judged_in_mail)
{
    struct smtp_mail mail;
    size_t length;
    if (!paths[_i].length || (paths[_i].domain && !*paths[_i].domain))
        return;
    _cleanup_free_ char *text =
        arguments_around("FROM:<", paths[_i].path, paths[_i].length, ">", &length);
    ck_assert_int_eq(smtp_parse_mail(text, length, &mail), paths[_i].result);
    if (paths[_i].result == SMTP_SYNTAX_OK) {
        ck_assert_str_eq(mail.path.address, paths[_i].address);
        ck_assert_str_eq(mail.path.domain, paths[_i].domain);
    }
}
END_TEST

START_TEST(test_path_cut_short_is_never_taken)
{
    struct smtp_path path;
    size_t length;
    _cleanup_free_ char *text =
        arguments_around("TO:<", paths[_i].path, paths[_i].length, ">", &length);
    for (size_t shorter = 0; shorter < 4 + paths[_i].length; shorter++) {
        if (shorter && text[shorter - 1] == '>')
            continue; /* whole, with something behind it */
        _cleanup_free_ char *cut = exact_copy(text, shorter);
        ck_assert_int_ne(smtp_parse_rcpt(cut, shorter, &path), SMTP_SYNTAX_OK);
    }
}
END_TEST

/* --- keywords in front of the path --- */

static const struct {
    const char *arguments;
    enum smtp_syntax result;
} keywords[] = {
    {"TO:<a@b.example>", SMTP_SYNTAX_OK},
    {"to:<a@b.example>", SMTP_SYNTAX_OK},
    {"TO: <a@b.example>", SMTP_SYNTAX_OK},
    {"TO:   <a@b.example>", SMTP_SYNTAX_OK},
    {"", SMTP_SYNTAX_WRONG},
    {"T", SMTP_SYNTAX_WRONG},
    {"TO", SMTP_SYNTAX_WRONG},
    {"TO:", SMTP_SYNTAX_WRONG},
    {"TO: ", SMTP_SYNTAX_WRONG},
    {"TO :<a@b.example>", SMTP_SYNTAX_WRONG},
    {"TO<a@b.example>", SMTP_SYNTAX_WRONG},
    {"TO:\t<a@b.example>", SMTP_SYNTAX_WRONG},
    {"TO:a@b.example", SMTP_SYNTAX_WRONG},
    {"TO:(c)<a@b.example>", SMTP_SYNTAX_WRONG},
    {"FROM:<a@b.example>", SMTP_SYNTAX_WRONG},
    {"<a@b.example>", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example", SMTP_SYNTAX_ADDRESS},
    {"TO:<", SMTP_SYNTAX_ADDRESS},
    {"TO:<>", SMTP_SYNTAX_ADDRESS}, /* only a sender may be nobody */
    {"TO:<<a@b.example>>", SMTP_SYNTAX_ADDRESS},
    {"TO:<a@b.example>>", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example>x", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example><c@d.example>", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example>,<c@d.example>", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example> NOTIFY=NEVER", SMTP_SYNTAX_PARAMETER},
    {"TO:<a@b.example> ORCPT=rfc822;a+0Ab", SMTP_SYNTAX_WRONG},
    {"TO:<a@b.example> SIZE=1", SMTP_SYNTAX_PARAMETER},
    {"TO:<a@b.example> x", SMTP_SYNTAX_PARAMETER},
};

START_TEST(test_rcpt_arguments_are_judged)
{
    struct smtp_path path;
    size_t length = strlen(keywords[_i].arguments);
    _cleanup_free_ char *text = exact_copy(keywords[_i].arguments, length);
    ck_assert_int_eq(smtp_parse_rcpt(text, length, &path), keywords[_i].result);
}
END_TEST

/* --- lengths (4.5.3.1) --- */

/* A domain of `length` bytes in labels of 63 and less. */
static char *long_domain(size_t length)
{
    char *text = many('d', length);
    for (size_t at = 63; at + 1 < length; at += 64)
        text[at] = '.';
    return text;
}

static const struct {
    size_t local, domain;
    bool quoted;
    enum smtp_syntax result;
} lengths[] = {
    {1, 1, false, SMTP_SYNTAX_OK},         {64, 9, false, SMTP_SYNTAX_OK},
    {65, 9, false, SMTP_SYNTAX_ADDRESS},   {1000, 9, false, SMTP_SYNTAX_ADDRESS},
    {64, 9, true, SMTP_SYNTAX_OK},         {67, 9, true, SMTP_SYNTAX_ADDRESS},
    {1000, 9, true, SMTP_SYNTAX_ADDRESS},  {1, 255, false, SMTP_SYNTAX_OK},
    {1, 256, false, SMTP_SYNTAX_ADDRESS},  {1, 1500, false, SMTP_SYNTAX_ADDRESS},
    {64, 255, false, SMTP_SYNTAX_OK}, /* SMTP_PATH_MAXIMUM */
    {64, 255, true, SMTP_SYNTAX_OK},       {65, 255, false, SMTP_SYNTAX_ADDRESS},
    {64, 256, false, SMTP_SYNTAX_ADDRESS},
};

START_TEST(test_long_path_is_judged)
{
    struct smtp_path path;
    char text[4096];
    _cleanup_free_ char *local = many('l', lengths[_i].local);
    _cleanup_free_ char *domain = long_domain(lengths[_i].domain);
    if (lengths[_i].quoted)
        local[0] = local[lengths[_i].local - 1] = '"';
    int length = snprintf(text, sizeof text, "TO:<%s@%s>", local, domain);
    _cleanup_free_ char *exact = exact_copy(text, (size_t)length);
    ck_assert_int_eq(smtp_parse_rcpt(exact, (size_t)length, &path), lengths[_i].result);
    if (lengths[_i].result == SMTP_SYNTAX_OK) {
        ck_assert_str_eq(path.domain, domain);
        ck_assert_uint_eq(strlen(path.address), lengths[_i].local + 1 + lengths[_i].domain);
    }
}
END_TEST

/* RFC 1035 2.3.4: a label has at most 63 octets. */
START_TEST(test_long_label_is_refused)
{
    struct smtp_path path;
    char text[256];
    _cleanup_free_ char *longest = many('a', 63), *longer = many('a', 64);
    int length = snprintf(text, sizeof text, "TO:<a@%s.example>", longest);
    ck_assert_int_eq(smtp_parse_rcpt(text, (size_t)length, &path), SMTP_SYNTAX_OK);
    length = snprintf(text, sizeof text, "TO:<a@%s.example>", longer);
    ck_assert_int_eq(smtp_parse_rcpt(text, (size_t)length, &path), SMTP_SYNTAX_ADDRESS);
}
END_TEST

/* A source route has no place in the address, however long it is. */
START_TEST(test_long_source_route_is_borne)
{
    struct smtp_path path;
    char text[2048];
    _cleanup_free_ char *domain = long_domain(255);
    int length = snprintf(text, sizeof text, "TO:<@%s,@%s,@%s,@%s:a@b.example>", domain, domain,
                          domain, domain);
    ck_assert_int_eq(smtp_parse_rcpt(text, (size_t)length, &path), SMTP_SYNTAX_OK);
    ck_assert_str_eq(path.address, "a@b.example");
}
END_TEST

/* --- the parameters of MAIL --- */

#define FROM "FROM:<a@b.example>"

static const struct {
    const char *arguments;
    size_t length;
    enum smtp_syntax result;
    bool has_size;
    uint64_t size;
    enum smtp_body body;
} mails[] = {
    {BYTES("FROM:<>"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_NONE},
    {BYTES("from: <>"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_NONE},
    {BYTES("FROM:<> SIZE=5"), SMTP_SYNTAX_OK, true, 5, SMTP_BODY_NONE},
    {BYTES("FROM:< >"), SMTP_SYNTAX_ADDRESS, false, 0, SMTP_BODY_NONE},
    {BYTES("FROM:"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES("FROM"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES("TO:<a@b.example>"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_NONE},
    /* RFC 1870: one to twenty digits; more than 64 bits hold is as much as they hold */
    {BYTES(FROM " SIZE=0"), SMTP_SYNTAX_OK, true, 0, SMTP_BODY_NONE},
    {BYTES(FROM " size=1024"), SMTP_SYNTAX_OK, true, 1024, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=00000000000000000001"), SMTP_SYNTAX_OK, true, 1, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=2147483647"), SMTP_SYNTAX_OK, true, 2147483647, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=2147483648"), SMTP_SYNTAX_OK, true, 2147483648, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=2147483649"), SMTP_SYNTAX_OK, true, 2147483649, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=4294967295"), SMTP_SYNTAX_OK, true, 4294967295, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=4294967296"), SMTP_SYNTAX_OK, true, 4294967296, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=4294967297"), SMTP_SYNTAX_OK, true, 4294967297, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=9223372036854775807"), SMTP_SYNTAX_OK, true, INT64_MAX, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=9223372036854775808"), SMTP_SYNTAX_OK, true, UINT64_C(1) << 63,
     SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=9223372036854775809"), SMTP_SYNTAX_OK, true, (UINT64_C(1) << 63) + 1,
     SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=18446744073709551614"), SMTP_SYNTAX_OK, true, UINT64_MAX - 1,
     SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=18446744073709551615"), SMTP_SYNTAX_OK, true, UINT64_MAX, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=18446744073709551616"), SMTP_SYNTAX_OK, true, UINT64_MAX, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=18446744073709551617"), SMTP_SYNTAX_OK, true, UINT64_MAX, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=99999999999999999999"), SMTP_SYNTAX_OK, true, UINT64_MAX, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=184467440737095516160"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=000000000000000000001"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE="), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=-1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=+1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=0x10"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1k"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE==1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE= 1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1 SIZE=1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=0 size=0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    /* RFC 6152 */
    {BYTES(FROM " BODY=7BIT"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_7BIT},
    {BYTES(FROM " BODY=8BITMIME"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_8BITMIME},
    {BYTES(FROM " body=8bitmime"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_8BITMIME},
    {BYTES(FROM " BODY=8BITMIME SIZE=7"), SMTP_SYNTAX_OK, true, 7, SMTP_BODY_8BITMIME},
    {BYTES(FROM "   SIZE=7   BODY=7BIT"), SMTP_SYNTAX_OK, true, 7, SMTP_BODY_7BIT},
    {BYTES(FROM " BODY=BINARYMIME"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_BINARYMIME},
    {BYTES(FROM " BODY=8BITMIMEX"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY=8BIT"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY="), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY=7BIT BODY=7BIT"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY=7BIT BODY=8BITMIME"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    /* 4.1.1.11: what was not offered */
    {BYTES(FROM " AUTH=<>"), SMTP_SYNTAX_OK, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1 X=2"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " =1"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZEX=1"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZ=1"), SMTP_SYNTAX_PARAMETER, false, 0, SMTP_BODY_NONE},
    /* what parts them is a space */
    {BYTES(FROM "SIZE=1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM "\tSIZE=1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1\tBODY=7BIT"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " \tSIZE=1"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1\r"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=1\0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " SIZE=\0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " \0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM "\0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY=7BIT\x7f"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
    {BYTES(FROM " BODY=7BIT\xa0"), SMTP_SYNTAX_WRONG, false, 0, SMTP_BODY_NONE},
};

START_TEST(test_mail_arguments_are_judged)
{
    struct smtp_mail mail;
    _cleanup_free_ char *text = exact_copy(mails[_i].arguments, mails[_i].length);
    ck_assert_int_eq(smtp_parse_mail(text, mails[_i].length, &mail), mails[_i].result);
    if (mails[_i].result == SMTP_SYNTAX_OK) {
        ck_assert_int_eq(mail.has_size, mails[_i].has_size);
        ck_assert(mail.size == mails[_i].size);
        ck_assert_int_eq(mail.body, mails[_i].body);
    }
}
END_TEST

START_TEST(test_null_sender_is_empty)
{
    struct smtp_mail mail;
    memset(&mail, 'x', sizeof mail);
    ck_assert_int_eq(smtp_parse_mail("FROM:<>", 7, &mail), SMTP_SYNTAX_OK);
    ck_assert_str_eq(mail.path.address, "");
    ck_assert_str_eq(mail.path.domain, "");
    ck_assert(!mail.has_size);
}
END_TEST

/* --- whatever comes --- */

/* Every byte at every place of an argument: nothing that is taken holds what cannot be sent on. */
START_TEST(test_any_byte_anywhere_is_borne)
{
    static const char whole[] = "TO:<@r.example:\"a b\"@c-d.example>";
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        _cleanup_free_ char *text = exact_copy(whole, sizeof whole - 1);
        text[at] = (char)_i;
        struct smtp_path path;
        if (smtp_parse_rcpt(text, sizeof whole - 1, &path) != SMTP_SYNTAX_OK)
            continue;
        for (const char *byte = path.address; *byte; byte++)
            ck_assert(*byte >= ' ' && *byte < 0x7f);
        ck_assert_uint_ge(strlen(path.address), sizeof "\"a b\"@c.example" - 1);
    }
}
END_TEST

START_TEST(test_fuzzers_corpus_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/smtp-command"), 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-command");
    TCase *tcase = tcase_create("smtp-command");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_verb_and_arguments_are_told, 0, ARRAY_SIZE(verbs));
    tcase_add_loop_test(tcase, test_hello_argument_is_judged, 0, ARRAY_SIZE(hellos));
    tcase_add_test(tcase, test_hello_argument_has_a_maximum);
    tcase_add_loop_test(tcase, test_path_is_judged_in_rcpt, 0, ARRAY_SIZE(paths));
    tcase_add_loop_test(tcase, test_path_is_judged_in_mail, 0, ARRAY_SIZE(paths));
    tcase_add_loop_test(tcase, test_path_cut_short_is_never_taken, 0, ARRAY_SIZE(paths));
    tcase_add_loop_test(tcase, test_rcpt_arguments_are_judged, 0, ARRAY_SIZE(keywords));
    tcase_add_loop_test(tcase, test_long_path_is_judged, 0, ARRAY_SIZE(lengths));
    tcase_add_test(tcase, test_long_label_is_refused);
    tcase_add_test(tcase, test_long_source_route_is_borne);
    tcase_add_loop_test(tcase, test_mail_arguments_are_judged, 0, ARRAY_SIZE(mails));
    tcase_add_test(tcase, test_null_sender_is_empty);
    tcase_add_loop_test(tcase, test_any_byte_anywhere_is_borne, 0, 256);
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
