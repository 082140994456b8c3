/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered of a certificate, and the digest that tells policies apart. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/names.h"
#include "pki/peer-record.h"
#include "pki/peer.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

#define SAN "subjectAltName", "DNS:mail.example.com,DNS:*.example.com"
#define BOTH "extendedKeyUsage", "serverAuth,clientAuth,1.2.3.4"

static struct pki_peer_record record_of(const char *subject, const char *const *extensions)
{
    struct test_certificate wanted = {.subject = subject, .key = TEST_P256};
    struct pki_peer_record record;
    struct error error;
    for (size_t i = 0; extensions && extensions[i]; i++)
        wanted.extensions[i] = extensions[i];
    X509 *certificate = test_certificate(&wanted);
    ck_assert_msg(pki_peer_record_make(certificate, &record, &error) == 0, "%s", error.what);
    X509_free(certificate);
    return record;
}

START_TEST(test_a_certificate_is_described)
{
    const char *extensions[] = {SAN, BOTH, NULL};
    struct pki_peer_record record = record_of("CN=mail.example.com, O=Example, C=US", extensions);
    ck_assert_str_eq(record.subject, "CN=mail.example.com, O=Example, C=US");
    ck_assert_str_eq(record.issuer, record.subject);
    ck_assert_str_eq(record.names, "mail.example.com *.example.com");
    ck_assert_str_eq(record.eku, "serverAuth clientAuth 1.2.3.4");
    ck_assert_uint_eq(strlen(record.fingerprint), 64);
    ck_assert_uint_eq(strlen(record.spki), 64);
    ck_assert(!record.cut);
    ck_assert_int_eq(record.not_after - record.not_before, 11 * 24 * 60 * 60);
}
END_TEST

START_TEST(test_without_extensions_there_is_nothing_of_them)
{
    struct pki_peer_record record = record_of("CN=x", NULL);
    ck_assert_str_eq(record.names, "");
    ck_assert_str_eq(record.eku, "");
}
END_TEST

START_TEST(test_key_and_pair_stay_when_a_certificate_is_renewed)
{
    const char *extensions[] = {SAN, NULL};
    struct pki_peer_record one = record_of("CN=x", NULL), two = record_of("CN=x", extensions),
                           other = record_of("CN=y", NULL);
    ck_assert_str_ne(one.fingerprint, two.fingerprint);
    ck_assert_str_eq(one.spki, two.spki);
    ck_assert_str_eq(one.pair, two.pair);
    ck_assert_str_ne(one.pair, other.pair);
}
END_TEST

/* What is offered reads back as the names that came. */
static const char *const subjects[] = {
    "CN=mail.example.com, O=Example, C=US", "CN=a\\, b, O=Trust & Co",
    "CN=\\<S\\>x\\<I\\>, O=\\\"quoted\\\"", "CN=\\ leading and trailing\\ ",
    "CN=\xc3\xbc\xc3\x9f, O=\xe2\x82\xac",  "CN=x+OU=y, O=z",
};

static char *between(const char *text, const char *start, const char *end)
{
    const char *from = strstr(text, start);
    ck_assert_ptr_nonnull(from);
    from += strlen(start);
    const char *to = strstr(from, end);
    ck_assert_ptr_nonnull(to);
    char *copy = strndup(from, (size_t)(to - from)), *write = copy;
    for (const char *at = copy; *at;) { /* unescape */
        const char *entity = strncmp(at, "&amp;", 5) == 0  ? "&amp;"
                             : strncmp(at, "&lt;", 4) == 0 ? "&lt;"
                             : strncmp(at, "&gt;", 4) == 0 ? "&gt;"
                                                           : NULL;
        *write++ = !entity ? *at : entity[1] == 'a' ? '&' : entity[1] == 'l' ? '<' : '>';
        at += entity ? strlen(entity) : 1;
    }
    *write = '\0';
    return copy;
}

START_TEST(test_the_xml_names_what_came)
{
    struct pki_peer_record record = record_of(subjects[_i], NULL);
    X509_NAME *came = NULL, *offered = NULL;
    struct error error;
    char xml[1400];
    ck_assert_uint_eq(pki_peer_record_xml(&record, xml, sizeof xml), strlen(xml));
    char *text = between(xml, "<Peer><Subject>", "</Subject><Issuer>");
    ck_assert_int_eq(pki_name_parse(subjects[_i], &came, &error), 0);
    ck_assert_msg(pki_name_parse(text, &offered, &error) == 0, "%s: %s", text, error.what);
    ck_assert(pki_name_equal(came, offered));
    X509_NAME_free(came);
    X509_NAME_free(offered);
    free(text);
}
END_TEST

START_TEST(test_no_xml_that_would_accept_something_else)
{
    char subject[700] = "CN=", xml[1400];
    memset(subject + 3, 'x', 60);
    for (int i = 0; i < 9; i++)
        strcat(subject, ",OU=0123456789012345678901234567890123456789012345678901234567890");
    struct pki_peer_record record = record_of(subject, NULL);
    ck_assert(record.cut);
    ck_assert_uint_eq(pki_peer_record_xml(&record, xml, sizeof xml), 0);
    record = record_of("", NULL);
    ck_assert_uint_eq(pki_peer_record_xml(&record, xml, sizeof xml), 0);
    record = record_of("CN=x", NULL);
    ck_assert_uint_eq(pki_peer_record_xml(&record, xml, 20), 0);
    ck_assert_str_eq(xml, "");
}
END_TEST

/* --- the digest of a policy --- */

static const char *const names[] = {"a.example", "b.example"};
static const char *const joined[] = {"a.exampleb.example"};

struct fixture {
    struct test_chain chain;
    X509_NAME *one, *two;
    struct pki_peer_pair pairs[2];
    struct pki_peer_policy policy;
};

static struct fixture fixture(void)
{
    struct fixture made = {.chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL)};
    struct error error;
    ck_assert_int_eq(pki_name_parse("CN=one", &made.one, &error), 0);
    ck_assert_int_eq(pki_name_parse("CN=two", &made.two, &error), 0);
    made.pairs[0] = (struct pki_peer_pair){made.one, made.two};
    made.pairs[1] = (struct pki_peer_pair){made.two, NULL};
    made.policy = (struct pki_peer_policy){.level = PKI_PEER_NAME,
                                           .eku = PKI_EKU_SERVER,
                                           .anchors = made.chain.anchors,
                                           .names = names,
                                           .name_count = 2,
                                           .pair_count = 1};
    return made;
}

static void clear(struct fixture *made)
{
    if (made->policy.anchors != made->chain.anchors)
        X509_STORE_free(made->policy.anchors);
    X509_NAME_free(made->one);
    X509_NAME_free(made->two);
    test_chain_clear(&made->chain);
}

static void change_nothing(struct fixture *made)
{
    (void)made;
}

static void change_level(struct fixture *made)
{
    made->policy.level = PKI_PEER_CHAIN;
}

static void change_eku(struct fixture *made)
{
    made->policy.eku = PKI_EKU_CLIENT_OR_SERVER;
}

static void change_anchors(struct fixture *made)
{
    made->policy.anchors = test_anchors(made->chain.intermediate);
}

static void drop_anchors(struct fixture *made)
{
    made->policy.anchors = NULL;
}

static void add_anchor(struct fixture *made)
{
    ck_assert_int_eq(X509_STORE_add_cert(made->chain.anchors, made->chain.intermediate), 1);
}

static void drop_name(struct fixture *made)
{
    made->policy.name_count = 1;
}

static void join_names(struct fixture *made)
{
    made->policy.names = joined;
    made->policy.name_count = 1;
}

static void add_pair(struct fixture *made)
{
    made->policy.pair_count = 2;
}

static void drop_pairs(struct fixture *made)
{
    made->policy.pair_count = 0;
}

static void swap_pair(struct fixture *made)
{
    made->pairs[0] = (struct pki_peer_pair){made->two, made->one};
}

static void drop_issuer(struct fixture *made)
{
    made->pairs[0].issuer = NULL;
}

static void report_only(struct fixture *made)
{
    made->policy.pairs_report_only = true;
}

static void (*const changes[])(struct fixture *) = {
    change_nothing, change_level, change_eku, change_anchors, drop_anchors, add_anchor,  drop_name,
    join_names,     add_pair,     drop_pairs, swap_pair,      drop_issuer,  report_only,
};

START_TEST(test_whatever_decides_is_in_the_digest)
{
    struct fixture made = fixture();
    unsigned char before[32], after[32];
    struct error error;
    made.policy.pairs = made.pairs;
    ck_assert_int_eq(pki_peer_policy_digest(&made.policy, before, &error), 0);
    changes[_i](&made);
    ck_assert_int_eq(pki_peer_policy_digest(&made.policy, after, &error), 0);
    ck_assert_int_eq(memcmp(before, after, sizeof before) == 0, _i == 0);
    clear(&made);
}
END_TEST

START_TEST(test_the_order_of_anchors_does_not_count)
{
    struct fixture made = fixture();
    unsigned char one[32], two[32];
    struct error error;
    made.policy.pairs = made.pairs;
    made.policy.anchors = test_anchors(made.chain.root);
    X509_STORE_add_cert(made.policy.anchors, made.chain.intermediate);
    ck_assert_int_eq(pki_peer_policy_digest(&made.policy, one, &error), 0);
    X509_STORE_free(made.policy.anchors);
    made.policy.anchors = test_anchors(made.chain.intermediate);
    X509_STORE_add_cert(made.policy.anchors, made.chain.root);
    ck_assert_int_eq(pki_peer_policy_digest(&made.policy, two, &error), 0);
    ck_assert_mem_eq(one, two, sizeof one);
    clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer-record");
    TCase *tests = tcase_create("peer-record");
    tcase_set_timeout(tests, 120);
    test_key(TEST_P256);
    test_key(TEST_P256_ROOT);
    test_key(TEST_P256_INTERMEDIATE);
    tcase_add_test(tests, test_a_certificate_is_described);
    tcase_add_test(tests, test_without_extensions_there_is_nothing_of_them);
    tcase_add_test(tests, test_key_and_pair_stay_when_a_certificate_is_renewed);
    tcase_add_loop_test(tests, test_the_xml_names_what_came, 0, ARRAY_SIZE(subjects));
    tcase_add_test(tests, test_no_xml_that_would_accept_something_else);
    tcase_add_loop_test(tests, test_whatever_decides_is_in_the_digest, 0, ARRAY_SIZE(changes));
    tcase_add_test(tests, test_the_order_of_anchors_does_not_count);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
