/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Values of the vocabulary from text: what is taken, as what, and what is refused. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/guess.h"
#include "connectors/uri.h"
#include "connectors/values.h"
#include "tests/suite.h"

enum { REFUSED = -1 };

static const struct {
    const char *text;
    int64_t milliseconds;
} durations[] = {
    {"00:00:30", 30000},
    {"00:10:00", 600000},
    {"23:59:59", 86399000},
    {"1.00:00:00", 86400000},
    {"0:0:5", 5000},
    {"00:00:00.5", 500},
    {"00:00:00.0010000", 1},
    {"10.01:00:00", 867600000},
    {"24:00:00", REFUSED},
    {"00:60:00", REFUSED},
    {"00:00:60", REFUSED},
    {"30", REFUSED},
    {"00:30", REFUSED},
    {"", REFUSED},
    {"-00:00:01", REFUSED},
    {"00:00:01x", REFUSED},
    {"00:00:01.", REFUSED},
    {"1.5:00:00:00", REFUSED},
    {"999999.00:00:00", REFUSED},
    {"00:00:00.12345678", REFUSED},
};

START_TEST(test_duration)
{
    struct error error;
    uint64_t value = 42;
    int result = conn_parse_duration("DrainTimeOut", durations[_i].text, &value, &error);
    if (durations[_i].milliseconds == REFUSED) {
        ck_assert_int_eq(result, -EX_DATAERR);
        ck_assert_uint_eq(value, 42);
    } else {
        ck_assert_int_eq(result, 0);
        ck_assert_uint_eq(value, (uint64_t)durations[_i].milliseconds);
    }
}
END_TEST

static const struct {
    uint64_t milliseconds;
    const char *text;
} shown[] = {
    {0, "00:00:00"},          {30000, "00:00:30"},        {500, "00:00:00.500"},
    {86400000, "1.00:00:00"}, {86399999, "23:59:59.999"},
};

START_TEST(test_duration_is_shown)
{
    char text[CONN_DURATION_TEXT_MAXIMUM];
    ck_assert_str_eq(conn_show_duration(shown[_i].milliseconds, text, sizeof text), shown[_i].text);
}
END_TEST

static const struct {
    const char *text;
    int64_t bytes;
} sizes[] = {
    {"36700160", 36700160},
    {"35 MB", 36700160},
    {"35MB", 36700160},
    {"35 mb", 36700160},
    {"1 KB", 1024},
    {"2 GB", INT64_C(2) << 30},
    {"1 TB", INT64_C(1) << 40},
    {"100 B", 100},
    {"150 MB (157,286,400 bytes)", 157286400},
    {"150 MB (157286400 bytes)", 157286400},
    {"1.001 MB (1,049,600 bytes)", 1049600},
    {"1.5 KB", 1536},
    {"35 MB (1 bytes)", REFUSED},
    {"1.001 MB", REFUSED},
    {"35 XB", REFUSED},
    {"35 M", REFUSED},
    {"MB", REFUSED},
    {"", REFUSED},
    {"-1", REFUSED},
    {"Unlimited", REFUSED},
    {"99999999999 TB", REFUSED},
    {"9999999999999999999999", REFUSED},
    {"18446744073709551616", REFUSED},
    {"35 MB (36,700,160 bytes", REFUSED},
    {"35 MB junk", REFUSED},
};

START_TEST(test_size)
{
    struct error error;
    uint64_t value = 42;
    int result = conn_parse_size("MaxMessageSize", sizes[_i].text, &value, &error);
    if (sizes[_i].bytes == REFUSED) {
        ck_assert_msg(result == -EX_DATAERR, "%s", sizes[_i].text);
        ck_assert_uint_eq(value, 42);
    } else {
        ck_assert_msg(result == 0, "%s", sizes[_i].text);
        ck_assert_uint_eq(value, (uint64_t)sizes[_i].bytes);
    }
}
END_TEST

static const struct {
    const char *text, *first, *last; /* NULL: refused */
} ranges[] = {
    {"10.1.0.5", "::ffff:10.1.0.5", "::ffff:10.1.0.5"},
    {"10.20.0.0/16", "::ffff:10.20.0.0", "::ffff:10.20.255.255"},
    {"10.20.0.1/32", "::ffff:10.20.0.1", "::ffff:10.20.0.1"},
    {"0.0.0.0/0", "::ffff:0.0.0.0", "::ffff:255.255.255.255"},
    {"10.0.0.254/31", "::ffff:10.0.0.254", "::ffff:10.0.0.255"},
    {"10.1.0.5-10.1.0.9", "::ffff:10.1.0.5", "::ffff:10.1.0.9"},
    {"10.1.0.5 - 10.1.0.9", "::ffff:10.1.0.5", "::ffff:10.1.0.9"},
    {"2001:db8::1", "2001:db8::1", "2001:db8::1"},
    {"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2001:db8::1-2001:db8::ff", "2001:db8::1", "2001:db8::ff"},
    {"::ffff:10.1.0.5", "::ffff:10.1.0.5", "::ffff:10.1.0.5"},
    {"10.20.0.0/33", NULL, NULL},
    {"10.20.0.0/", NULL, NULL},
    {"10.20.0.0/-1", NULL, NULL},
    {"10.20.0.0/255.255.0.0", NULL, NULL},
    {"10.20.0.1/16", NULL, NULL},
    {"2001:db8::/129", NULL, NULL},
    {"2001:db8::1/32", NULL, NULL},
    {"10.1.0.9-10.1.0.5", NULL, NULL},
    {"10.1.0.9-2001:db8::1", NULL, NULL},
    {"10.1.0.9-", NULL, NULL},
    {"10.1.0", NULL, NULL},
    {"10.1.0.256", NULL, NULL},
    {"010.1.0.5", NULL, NULL},
    {"10.1.0.5,10.1.0.6", NULL, NULL},
    {"fe80::1%eth0", NULL, NULL},
    {"mail.contoso.com", NULL, NULL},
    {"/", NULL, NULL},
    {"-", NULL, NULL},
    {"", NULL, NULL},
};

START_TEST(test_range)
{
    struct error error;
    struct conn_range range;
    struct in6_addr first, last;
    int result = conn_parse_range("Range", ranges[_i].text, &range, &error);
    if (!ranges[_i].first) {
        ck_assert_msg(result == -EX_DATAERR, "%s", ranges[_i].text);
        return;
    }
    ck_assert_msg(result == 0, "%s", ranges[_i].text);
    ck_assert_int_eq(inet_pton(AF_INET6, ranges[_i].first, &first), 1);
    ck_assert_int_eq(inet_pton(AF_INET6, ranges[_i].last, &last), 1);
    ck_assert_mem_eq(&range.first, &first, sizeof first);
    ck_assert_mem_eq(&range.last, &last, sizeof last);
}
END_TEST

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *text;
    bool pattern, any;
    const char *domain; /* NULL: refused */
} domains[] = {
    {"contoso.com", false, false, "contoso.com"},
    {"CONTOSO.Com", false, false, "contoso.com"},
    {"xn--mnchen-3ya.example", false, false, "xn--mnchen-3ya.example"},
    {"3com.com", false, false, "3com.com"},
    {"localhost", false, false, "localhost"},
    {"_x.contoso.com", false, false, "_x.contoso.com"},
    {LABEL_63 ".com", false, false, LABEL_63 ".com"},
    {"*.contoso.com", true, false, "*.contoso.com"},
    {"*.contoso.com", false, false, NULL},
    {"*", true, true, "*"},
    {"*", true, false, NULL},
    {"*contoso.com", true, true, NULL},
    {"a.*.com", true, true, NULL},
    {"**", true, true, NULL},
    {"*.", true, true, NULL},
    {"*.*", true, true, NULL},
    {"", true, true, NULL},
    {".contoso.com", true, true, NULL},
    {"contoso.com.", true, true, NULL},
    {"contoso..com", true, true, NULL},
    {"-contoso.com", true, true, NULL},
    {"contoso-.com", true, true, NULL},
    {"con toso.com", true, true, NULL},
    {"a" LABEL_63 ".com", true, true, NULL},
    {"m\xc3\xbcnchen.example", true, true, "xn--mnchen-3ya.example"},
    {"M\xc3\x9cNCHEN.Example", true, true, "xn--mnchen-3ya.example"},
    {"mu\xcc\x88nchen.example", true, true, "xn--mnchen-3ya.example"},
    {"*.stra\xc3\x9f" "e.example", true, true, "*.xn--strae-oqa.example"},
    {"*.stra\xc3\x9f" "e.example", false, false, NULL},
    {"m\xc3nchen.example", true, true, NULL},
    {"\xe2\x98\x83*.example", true, true, NULL},
    {"10.1.0.5", true, true, NULL},
    {"user@contoso.com", true, true, NULL},
    {"contoso.com\r\nRCPT", true, true, NULL},
    {"smtp:contoso.com;1", true, true, NULL},
};

START_TEST(test_domain)
{
    struct error error;
    char *domain = NULL;
    int result = conn_parse_domain("Domain", domains[_i].text, domains[_i].pattern, domains[_i].any,
                                   &domain, &error);
    if (!domains[_i].domain) {
        ck_assert_msg(result == -EX_DATAERR, "%s", domains[_i].text);
        ck_assert_ptr_null(domain);
        return;
    }
    ck_assert_msg(result == 0, "%s", domains[_i].text);
    ck_assert_str_eq(domain, domains[_i].domain);
    free(domain);
}
END_TEST

static const struct {
    const char *text, *name; /* NULL: refused */
    unsigned port;
} hosts[] = {
    {"mail.contoso.com", "mail.contoso.com", 25},
    {"Mail.Contoso.com:587", "mail.contoso.com", 587},
    {"10.1.0.5", "10.1.0.5", 25},
    {"10.1.0.5:2525", "10.1.0.5", 2525},
    {"[10.1.0.5]:2525", "10.1.0.5", 2525},
    {"[2001:db8::5]", "2001:db8::5", 25},
    {"[2001:db8::5]:26", "2001:db8::5", 26},
    {"2001:db8::5", "2001:db8::5", 25},
    {"mail.contoso.com:", NULL, 0},
    {"mail.contoso.com:0", NULL, 0},
    {"mail.contoso.com:65536", NULL, 0},
    {"mail.contoso.com:+25", NULL, 0},
    {"mail.contoso.com:25x", NULL, 0},
    {":25", NULL, 0},
    {"", NULL, 0},
    {"[mail.contoso.com]:25", NULL, 0},
    {"[2001:db8::5", NULL, 0},
    {"[2001:db8::5]25", NULL, 0},
    {"10.1.0.500", NULL, 0},
    {"*.contoso.com", NULL, 0},
    {"smtp://mail.contoso.com", NULL, 0},
};

START_TEST(test_host)
{
    struct error error;
    struct conn_host host = {0};
    int result = conn_parse_host("Host", hosts[_i].text, &host, &error);
    if (!hosts[_i].name) {
        ck_assert_msg(result == -EX_DATAERR, "%s", hosts[_i].text);
        return;
    }
    ck_assert_msg(result == 0, "%s", hosts[_i].text);
    ck_assert_str_eq(host.name, hosts[_i].name);
    ck_assert_uint_eq(host.port, hosts[_i].port);
    free(host.name);
}
END_TEST

static const struct {
    const char *text;
    int family; /* 0: refused */
    unsigned port;
} addresses[] = {
    {"0.0.0.0:25", AF_INET, 25},
    {"127.0.0.1", AF_INET, 25},
    {"[::]:2525", AF_INET6, 2525},
    {"[::1]", AF_INET6, 25},
    {"::1", AF_INET6, 25},
    {"127.0.0.1:0", AF_INET, 0},
    {"localhost:25", 0, 0},
    {"*:25", 0, 0},
    {":25", 0, 0},
    {"127.0.0.1:65536", 0, 0},
    {"127.0.0.1:25:26", 0, 0},
    {"", 0, 0},
};

START_TEST(test_address)
{
    struct error error;
    struct sockaddr_storage address;
    struct sockaddr_in four;
    socklen_t length;
    int result = conn_parse_address("Address", addresses[_i].text, &address, &length, &error);
    if (!addresses[_i].family) {
        ck_assert_msg(result == -EX_DATAERR, "%s", addresses[_i].text);
        return;
    }
    ck_assert_msg(result == 0, "%s", addresses[_i].text);
    memcpy(&four, &address, sizeof four); /* the port stands at one place in both families */
    ck_assert_int_eq(address.ss_family, addresses[_i].family);
    ck_assert_uint_eq(ntohs(four.sin_port), addresses[_i].port);
}
END_TEST

static const struct {
    const char *text;
    bool object, good;
} uris[] = {
    {"pkcs11:token=postern", false, true},
    {"PKCS11:token=postern", false, true},
    {"pkcs11:", false, true},
    {"pkcs11:token=two%20words;serial=01%2f", false, true},
    {"pkcs11:token=postern?module-path=/usr/lib/x.so&pin-source=file:/x", false, true},
    {"pkcs11:x-vendor=1", false, true},
    {"pkcs11:token=postern;object=hybrid;type=private;id=%01%02", true, true},
    {"pkcs11:token=postern;object=hybrid", false, false},
    {"token=postern", false, false},
    {"pkcs11:token", false, false},
    {"pkcs11:=x", false, false},
    {"pkcs11:token=a;token=b", false, false},
    {"pkcs11:token=a;;serial=b", false, false},
    {"pkcs11:token=%", false, false},
    {"pkcs11:token=%4", false, false},
    {"pkcs11:token=%4g", false, false},
    {"pkcs11:tokn=a", false, false},
    {"pkcs11:token=a?pin-value=1234", false, false},
    {"pkcs11:token=a;object=b?pin-value=1234", true, false},
    {"pkcs11:token=a?nonsense=1", true, false},
};

START_TEST(test_uri)
{
    struct error error;
    int result = conn_uri_check("Uri", uris[_i].text, uris[_i].object, &error);
    ck_assert_msg((result == 0) == uris[_i].good, "%s", uris[_i].text);
    if (result < 0)
        ck_assert_ptr_null(strstr(error.what, "1234"));
}
END_TEST

static const struct {
    const char *token, *key;
    int count;
} fits[] = {
    {"pkcs11:token=postern", "pkcs11:token=postern;object=hybrid", 1},
    {"pkcs11:token=postern", "pkcs11:object=hybrid;token=postern?module-path=/x", 1},
    {"pkcs11:token=postern;serial=1", "pkcs11:serial=1;object=h;token=postern", 2},
    {"pkcs11:token=two%20words", "pkcs11:token=two words;object=h", 1},
    {"pkcs11:token=%70ostern", "pkcs11:token=postern", 1},
    {"pkcs11:token=%2F", "pkcs11:token=%2f", 1},
    {"pkcs11:", "pkcs11:token=postern", 0},
    {"pkcs11:token=postern?pin-source=/x", "pkcs11:token=postern", 1},
    {"pkcs11:token=postern", "pkcs11:token=Postern", -1},
    {"pkcs11:token=postern", "pkcs11:token=poster", -1},
    {"pkcs11:token=poster", "pkcs11:token=postern", -1},
    {"pkcs11:token=postern", "pkcs11:object=hybrid", -1},
    {"pkcs11:token=postern;serial=1", "pkcs11:token=postern;serial=2", -1},
    {"pkcs11:token=postern", "pkcs11:object=x?token=postern", -1},
    {"pkcs11:token=a%00b", "pkcs11:token=a%00c", -1},
};

START_TEST(test_key_on_token)
{
    ck_assert_int_eq(conn_uri_fits(fits[_i].token, fits[_i].key), fits[_i].count);
}
END_TEST

static const struct {
    const char *text;
    bool good;
} names[] = {
    {"tenant", true},  {"Outbound to Office 365 - 1", true},
    {"a_b.c@d", true}, {"", false},
    {"a(b)", false},   {"a\\b", false},
    {"a\"b", false},   {"a<b", false},
    {"a\nb", false},   {"m\xc3\xbcller", false},
};

START_TEST(test_name)
{
    struct error error;
    ck_assert_msg((conn_check_name("Name", names[_i].text, &error) == 0) == names[_i].good, "%s",
                  names[_i].text);
}
END_TEST

static const struct {
    const char *word, *candidate;
    bool near;
} guesses[] = {
    {"SmartHost", "SmartHosts", true},     {"smarthosts", "SmartHosts", true},
    {"TlsSetings", "TlsSettings", true},   {"x", "SmartHosts", false},
    {"Forced", "DomainValidation", false}, {"", "SmartHosts", false},
};

START_TEST(test_guess)
{
    struct conn_guess guess = {.word = guesses[_i].word};
    conn_guess_consider(&guess, guesses[_i].candidate);
    ck_assert_int_eq(guess.best != NULL, guesses[_i].near);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("values");
    TCase *tests = tcase_create("values");
    tcase_set_timeout(tests, 120); /* against a hang; a loaded machine is slow */
    tcase_add_loop_test(tests, test_duration, 0, ARRAY_SIZE(durations));
    tcase_add_loop_test(tests, test_duration_is_shown, 0, ARRAY_SIZE(shown));
    tcase_add_loop_test(tests, test_size, 0, ARRAY_SIZE(sizes));
    tcase_add_loop_test(tests, test_range, 0, ARRAY_SIZE(ranges));
    tcase_add_loop_test(tests, test_domain, 0, ARRAY_SIZE(domains));
    tcase_add_loop_test(tests, test_host, 0, ARRAY_SIZE(hosts));
    tcase_add_loop_test(tests, test_address, 0, ARRAY_SIZE(addresses));
    tcase_add_loop_test(tests, test_uri, 0, ARRAY_SIZE(uris));
    tcase_add_loop_test(tests, test_key_on_token, 0, ARRAY_SIZE(fits));
    tcase_add_loop_test(tests, test_name, 0, ARRAY_SIZE(names));
    tcase_add_loop_test(tests, test_guess, 0, ARRAY_SIZE(guesses));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
