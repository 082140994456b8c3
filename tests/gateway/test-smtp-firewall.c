/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header firewall: what it takes for a guarded field however it is written, what it lets be,
 * and its bounds. Every case is fed whole, a byte at a time, and cut in two at every place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/firewall.h"
#include "pki/base/buffer.h"
#include "pki/base/cleanup.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buffer passed;
static char organizations[1024];

static int keep(void *context, const char *bytes, size_t length)
{
    (void)context;
    ck_assert_int_eq(buffer_append(&passed, bytes, length), 0);
    return 0;
}

static int note(void *context, const char *organization)
{
    (void)context;
    strcat(strcat(organizations, organization), "|");
    return strcmp(organization, "evil.example") == 0 ? -1 : 0;
}

static struct smtp_firewall begin(bool removes)
{
    struct smtp_firewall firewall = {
        .removes = removes, .size_maximum = 4096, .count_maximum = 20, .originator = note};
    buffer_release(&passed);
    buffer_init(&passed, 1 << 20);
    organizations[0] = '\0';
    smtp_firewall_start(&firewall);
    return firewall;
}

/* Fed in pieces that end at `cut`, or of one byte each (cut 0). */
static int feed(struct smtp_firewall *firewall, const char *message, size_t length, size_t cut)
{
    int result = 0;
    for (size_t at = 0; at < length && result == 0;) {
        size_t size = !cut ? 1 : at < cut && cut < length ? cut - at : length - at;
        _cleanup_free_ char *piece = exact_copy(message + at, size);
        result = smtp_firewall_feed(firewall, piece, size, keep, NULL);
        at += size;
    }
    return result == 0 ? smtp_firewall_end(firewall, keep, NULL) : result;
}

#define ORGANIZATION "X-MS-Exchange-Organization-SCL"
static const struct {
    const char *message;
    size_t length;
    const char *left; /* NULL: all of it */
    unsigned removed;
    const char *names;
} cases[] = {
    {BYTES("Subject: x\r\n\r\nbody\r\n"), NULL, 0, ""},
    {BYTES(ORGANIZATION ": -1\r\nA: b\r\n\r\n"), "A: b\r\n\r\n", 1,
     "x-ms-exchange-organization-scl"},
    {BYTES("A: b\r\n" ORGANIZATION ": -1\r\n\r\nbody\r\n"), "A: b\r\n\r\nbody\r\n", 1, NULL},
    {BYTES("x-ms-exchange-FOREST-y: 1\r\n\r\n"), "\r\n", 1, "x-ms-exchange-forest-y"},
    {BYTES("X-MS-Exchange-CrossPremises-AuthAs: Internal\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-OriginatorOrg: contoso.com\r\n\r\n"), "\r\n", 1, "x-originatororg"},
    /* all its lines go */
    {BYTES(ORGANIZATION ": a\r\n b\r\n\tc\r\nA: b\r\n\r\n"), "A: b\r\n\r\n", 1, NULL},
    {BYTES(ORGANIZATION ": a\r\n \r\n\r\n"), "\r\n", 1, NULL},
    /* odd spacing, folds before the colon, controls and NUL in the name */
    {BYTES("X-OriginatorOrg : c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-OriginatorOrg\t \t: c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-OriginatorOrg\r\n : c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-Originator\r\n Org: c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-MS-Exchange-\r\n\tOrganization-A: c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-MS-Exchange-Org\0anization-A: c\r\n\r\n"), "\r\n", 1, NULL},
    {BYTES("X-MS-\x01"
           "Exchange-\x7fOrganization-A: c\r\n\r\n"),
     "\r\n", 1, NULL},
    {BYTES(" " ORGANIZATION ": first line, folded into ours\r\nA: b\r\n\r\n"), "A: b\r\n\r\n", 1,
     NULL},
    {BYTES(ORGANIZATION "\r\nA: b\r\n\r\n"), "A: b\r\n\r\n", 1, NULL}, /* no colon at all */
    {BYTES(ORGANIZATION "::\r\n\r\n"), "\r\n", 1, NULL},
    /* behind a line that is no field */
    {BYTES("nonsense\r\n" ORGANIZATION ": a\r\n\r\n"), "nonsense\r\n\r\n", 1, NULL},
    {BYTES("A: b\r\n \r\n" ORGANIZATION ": a\r\n\r\n"), "A: b\r\n \r\n\r\n", 1, NULL},
    /* twice, and two kinds */
    {BYTES("X-OriginatorOrg: a\r\nX-OriginatorOrg: b\r\n\r\n"), "\r\n", 2, "x-originatororg"},
    /* no end of header, no end of line */
    {BYTES(ORGANIZATION ": a"), "", 1, NULL},
    {BYTES("X-MS-Exchange-Organization-"), "", 1, NULL},
    /* neighbours, which are nobody's trust */
    {BYTES("X-OriginatorOrganization: c\r\n\r\n"), NULL, 0, ""},
    {BYTES("X-OriginatorOrg2: c\r\n\r\n"), NULL, 0, ""},
    {BYTES("X-MS-Exchange-Organisation-A: c\r\n\r\n"), NULL, 0, ""},
    {BYTES("X-MS-Exchange-AntiSpam-Report: c\r\n\r\n"), NULL, 0, ""},
    {BYTES("X-MS-Exchange-: c\r\n\r\n"), NULL, 0, ""},
    {BYTES("Comment: " ORGANIZATION ": a\r\n\r\n"), NULL, 0, ""},
    {BYTES("Comment: a\r\n " ORGANIZATION ": a\r\n\r\n"), NULL, 0, ""},
    {BYTES("A: b\r\n\r\n" ORGANIZATION ": a\r\n"), NULL, 0, ""},
    {BYTES("\r\n" ORGANIZATION ": a\r\n"), NULL, 0, ""},
    {BYTES("x\r\n"), NULL, 0, ""},
    {BYTES("X-MS\r\nA: b\r\n\r\n"), NULL, 0, ""},
    {BYTES("x"), NULL, 0, ""},
    {BYTES(""), NULL, 0, ""},
};

static void check_case(int number, size_t cut, bool removes)
{
    struct smtp_firewall firewall = begin(removes);
    const char *left = cases[number].left && removes ? cases[number].left : cases[number].message;
    size_t length = left == cases[number].message ? cases[number].length : strlen(left);
    feed(&firewall, cases[number].message, cases[number].length, cut);
    ck_assert_uint_eq(buffer_length(&passed), length);
    ck_assert(length == 0 || memcmp(buffer_bytes(&passed), left, length) == 0);
    ck_assert_uint_eq(firewall.removed, removes ? cases[number].removed : 0);
    ck_assert_uint_eq(firewall.fault, SMTP_FIREWALL_OK);
    if (removes && cases[number].names && *cases[number].names) {
        ck_assert_uint_eq(firewall.name_count, 1);
        ck_assert_str_eq(firewall.names[0], cases[number].names);
    }
}

START_TEST(fields_pass_or_go_however_they_come)
{
    _cleanup_free_ char *message = exact_copy(cases[_i].message, cases[_i].length);
    LLVMFuzzerTestOneInput((const uint8_t *)message, cases[_i].length);
    for (size_t cut = 0; cut <= cases[_i].length; cut++) {
        check_case(_i, cut, true);
        check_case(_i, cut, false);
    }
    buffer_release(&passed);
}
END_TEST

/* Blanks past what is held: what others would read is not known, so it goes in every case. */
START_TEST(a_name_that_is_mostly_blanks_goes)
{
    _cleanup_free_ char *blanks = many(' ', 1000);
    char message[1200];
    for (int removes = 0; removes < 2; removes++) {
        struct smtp_firewall firewall = begin(removes);
        int length = snprintf(message, sizeof message, "X-OriginatorOrg%s: a\r\n\r\n", blanks);
        ck_assert_int_eq(feed(&firewall, message, (size_t)length, 0), 0);
        ck_assert_uint_eq(firewall.removed, 1);
        ck_assert_uint_eq(buffer_length(&passed), 2);
    }
    buffer_release(&passed);
}
END_TEST

START_TEST(a_text_that_begins_with_blanks_stays)
{
    _cleanup_free_ char *blanks = many(' ', 1000);
    struct smtp_firewall firewall = begin(true);
    ck_assert_int_eq(feed(&firewall, blanks, 1000, 0), 0);
    ck_assert_uint_eq(buffer_length(&passed), 1000);
    buffer_release(&passed);
}
END_TEST

static const struct {
    const char *message;
    const char *organizations;
} originators[] = {
    {"A: b\r\n\r\n", ""},
    {"X-OriginatorOrg: Contoso.COM\r\n\r\n", "contoso.com|"},
    {"X-OriginatorOrg:contoso.com\r\n\r\n", "contoso.com|"},
    {"X-OriginatorOrg : \t contoso.com \t\r\n\r\n", "contoso.com|"},
    {"X-OriginatorOrg:\r\n contoso.com\r\n\r\n", "contoso.com|"},
    {"X-OriginatorOrg: contoso.com\r\n evil.example\r\n\r\n", "contoso.com evil.example|"},
    {"X-OriginatorOrg: a.example\r\nX-OriginatorOrg: b.example\r\n\r\n", "a.example|b.example|"},
    {"X-OriginatorOrg: contoso.com", "contoso.com|"},
    {"X-OriginatorOrg:\r\n\r\n", "|"},
    {"A: b\r\n\r\nX-OriginatorOrg: contoso.com\r\n", ""},
};

START_TEST(the_originator_is_read_whether_it_passes_or_not)
{
    for (int removes = 0; removes < 2; removes++) {
        for (size_t cut = 0; cut <= strlen(originators[_i].message); cut++) {
            struct smtp_firewall firewall = begin(removes);
            ck_assert_int_eq(
                feed(&firewall, originators[_i].message, strlen(originators[_i].message), cut), 0);
            ck_assert_str_eq(organizations, originators[_i].organizations);
        }
    }
    buffer_release(&passed);
}
END_TEST

START_TEST(an_originator_that_is_refused_stops_the_message)
{
    struct smtp_firewall firewall = begin(true);
    static const char message[] = "X-OriginatorOrg: evil.example\r\nA: b\r\n\r\nbody\r\n";
    ck_assert_int_eq(feed(&firewall, message, sizeof message - 1, 0), -1);
    ck_assert_uint_eq(buffer_length(&passed), 0);
    buffer_release(&passed);
}
END_TEST

START_TEST(an_originator_too_long_is_none)
{
    _cleanup_free_ char *name = many('a', 300);
    char message[400];
    struct smtp_firewall firewall = begin(true);
    int length = snprintf(message, sizeof message, "X-OriginatorOrg: %s\r\n\r\n", name);
    ck_assert_int_eq(feed(&firewall, message, (size_t)length, 0), 0);
    ck_assert_str_eq(organizations, "|");
    buffer_release(&passed);
}
END_TEST

START_TEST(the_header_is_bounded_in_fields)
{
    for (int fields = 20; fields < 22; fields++) {
        struct smtp_firewall firewall = begin(false);
        int result = 0;
        for (int i = 0; i < fields && result == 0; i++)
            result = smtp_firewall_feed(&firewall, "A: b\r\n c\r\n", 10, keep, NULL);
        ck_assert_int_eq(result, fields == 21 ? -1 : 0);
        ck_assert_uint_eq(firewall.fault, fields == 21 ? SMTP_FIREWALL_TOO_MANY : SMTP_FIREWALL_OK);
    }
    buffer_release(&passed);
}
END_TEST

START_TEST(the_header_is_bounded_in_bytes)
{
    for (size_t size = 4097; size < 4099; size++) { /* the last LF is the body's */
        for (size_t cut = 0; cut < 4097; cut += 1024) {
            _cleanup_free_ char *message = many('a', size);
            struct smtp_firewall firewall = begin(false);
            memcpy(message, "A: ", 3);
            memcpy(message + size - 4, "\r\n\r\n", 4);
            int result = feed(&firewall, message, size, cut);
            ck_assert_int_eq(result, size > 4097 ? -1 : 0);
            ck_assert_uint_eq(firewall.fault,
                              size > 4097 ? SMTP_FIREWALL_TOO_LARGE : SMTP_FIREWALL_OK);
        }
    }
    buffer_release(&passed);
}
END_TEST

/* A text without header is bounded no further than its first line; but nothing guarded slips through
 * behind it. */
START_TEST(a_text_without_header_is_not)
{
    struct smtp_firewall firewall = begin(true);
    static const char end[] = "A: b\r\nX-MS-Exchange-Organization-A: b\r\n\r\n";
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(smtp_firewall_feed(&firewall, "one line\r\n", 10, keep, NULL), 0);
    ck_assert_int_eq(smtp_firewall_feed(&firewall, end, sizeof end - 1, keep, NULL), 0);
    ck_assert(firewall.in_body);
    ck_assert_uint_eq(firewall.removed, 1);
    ck_assert_uint_eq(buffer_length(&passed), 10000 + 8);
    buffer_release(&passed);
}
END_TEST

START_TEST(the_body_is_not)
{
    _cleanup_free_ char *body = many('a', 100000);
    struct smtp_firewall firewall = begin(false);
    ck_assert_int_eq(smtp_firewall_feed(&firewall, "A: b\r\n\r\n", 8, keep, NULL), 0);
    ck_assert_int_eq(smtp_firewall_feed(&firewall, body, 100000, keep, NULL), 0);
    ck_assert_uint_eq(buffer_length(&passed), 100008);
    buffer_release(&passed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("smtp-firewall");
    TCase *tests = tcase_create("firewall");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, fields_pass_or_go_however_they_come, 0,
                        sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, a_name_that_is_mostly_blanks_goes);
    tcase_add_test(tests, a_text_that_begins_with_blanks_stays);
    tcase_add_loop_test(tests, the_originator_is_read_whether_it_passes_or_not, 0,
                        sizeof originators / sizeof originators[0]);
    tcase_add_test(tests, an_originator_that_is_refused_stops_the_message);
    tcase_add_test(tests, an_originator_too_long_is_none);
    tcase_add_test(tests, the_header_is_bounded_in_fields);
    tcase_add_test(tests, the_header_is_bounded_in_bytes);
    tcase_add_test(tests, a_text_without_header_is_not);
    tcase_add_test(tests, the_body_is_not);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
