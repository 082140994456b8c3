/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ways to an anchor: where the first one is wrong and another right, where they go in circles, and
 * where there are so many that nobody could try them all. */
#include <check.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/peer.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

#define CA "basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign"
#define OWN "subjectKeyIdentifier", "hash"
#define IDS OWN, "authorityKeyIdentifier", "keyid:always"
#define SAN "subjectAltName", "DNS:mail.example.com"

enum { KEPT_MAXIMUM = 128 };

static X509 *kept[KEPT_MAXIMUM];
static size_t kept_count;
static X509_STORE *anchors;
static STACK_OF(X509) * untrusted;

static void setup(void)
{
    anchors = X509_STORE_new();
    untrusted = sk_X509_new_null();
}

static void teardown(void)
{
    for (; kept_count > 0; kept_count--)
        X509_free(kept[kept_count - 1]);
    X509_STORE_free(anchors);
    sk_X509_free(untrusted);
}

static X509 *make(const struct test_certificate *wanted)
{
    ck_assert_uint_lt(kept_count, KEPT_MAXIMUM);
    return kept[kept_count++] = test_certificate(wanted);
}

static X509 *make_root(const char *subject, enum test_key key)
{
    X509 *root =
        make(&(struct test_certificate){.subject = subject, .key = key, .extensions = {CA, OWN}});
    ck_assert(X509_STORE_add_cert(anchors, root));
    return root;
}

static X509 *make_leaf(X509 *issuer, enum test_key key)
{
    return make(&(struct test_certificate){.subject = "O=Leaf",
                                           .key = TEST_P384,
                                           .issuer = issuer,
                                           .issuer_key = key,
                                           .extensions = {IDS, SAN}});
}

static X509 *send(X509 *certificate)
{
    sk_X509_push(untrusted, certificate);
    return certificate;
}

static bool is_accepted(X509 *leaf, struct pki_peer_verdict *verdict)
{
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = anchors};
    struct pki_peer_evidence evidence = {.leaf = leaf, .untrusted = untrusted};
    pki_peer_judge(&policy, &evidence, 0, verdict);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return verdict->accepted;
}

/* One CA, certified by two roots: under the first its leaf is excluded. */
START_TEST(another_way_is_tried_where_constraints_forbid_the_first)
{
    struct pki_peer_verdict verdict;
    X509 *first = make(&(struct test_certificate){
        .subject = "CN=First",
        .key = TEST_P256_ROOT,
        .extensions = {CA, OWN, "nameConstraints", "critical,excluded;DNS:example.com"}});
    X509 *second = make_root("CN=Second", TEST_P256_OTHER);
    ck_assert(X509_STORE_add_cert(anchors, first));
    X509 *bad = send(make(&(struct test_certificate){.subject = "CN=CA",
                                                     .key = TEST_P256_INTERMEDIATE,
                                                     .issuer = first,
                                                     .issuer_key = TEST_P256_ROOT,
                                                     .extensions = {CA, IDS}}));
    X509 *leaf = make_leaf(bad, TEST_P256_INTERMEDIATE);
    ck_assert(!is_accepted(leaf, &verdict));
    ck_assert_int_eq(verdict.failed, PKI_CHECK_CONSTRAINTS);
    send(make(&(struct test_certificate){.subject = "CN=CA",
                                         .key = TEST_P256_INTERMEDIATE,
                                         .issuer = second,
                                         .issuer_key = TEST_P256_OTHER,
                                         .extensions = {CA, IDS}}));
    ck_assert_msg(is_accepted(leaf, &verdict), "%s", verdict.reason);
}
END_TEST

/* The expired cross-certificate of a root that is trusted by now (AddTrust, 2020). */
START_TEST(an_expired_cross_certificate_does_not_stand_in_the_way)
{
    struct pki_peer_verdict verdict;
    X509 *old = make_root("CN=Old", TEST_P256_OTHER);
    X509 *root = make_root("CN=New", TEST_P256_ROOT);
    send(make(&(struct test_certificate){.subject = "CN=New",
                                         .key = TEST_P256_ROOT,
                                         .issuer = old,
                                         .issuer_key = TEST_P256_OTHER,
                                         .from = -86400,
                                         .to = -60,
                                         .extensions = {CA, IDS}}));
    ck_assert_msg(is_accepted(make_leaf(root, TEST_P256_ROOT), &verdict), "%s", verdict.reason);
}
END_TEST

/* Two CAs that have certified each other, and nobody else has. */
START_TEST(a_circle_leads_nowhere)
{
    struct pki_peer_verdict verdict;
    make_root("CN=Root", TEST_P256_ROOT);
    X509 *seed = make(&(struct test_certificate){
        .subject = "CN=One", .key = TEST_P256_OTHER, .extensions = {CA, OWN}});
    X509 *two = send(make(&(struct test_certificate){.subject = "CN=Two",
                                                     .key = TEST_P256_INTERMEDIATE,
                                                     .issuer = seed,
                                                     .issuer_key = TEST_P256_OTHER,
                                                     .extensions = {CA, IDS}}));
    X509 *one = send(make(&(struct test_certificate){.subject = "CN=One",
                                                     .key = TEST_P256_OTHER,
                                                     .issuer = two,
                                                     .issuer_key = TEST_P256_INTERMEDIATE,
                                                     .extensions = {CA, IDS}}));
    ck_assert(!is_accepted(make_leaf(one, TEST_P256_OTHER), &verdict));
    ck_assert_int_eq(verdict.failed, PKI_CHECK_CHAIN);
}
END_TEST

/* Constraints on DNS names: what they mean for a CN, where the SAN has no DNS name. */
static const struct {
    const char *subject;
    bool accepted;
} constrained[] = {
    {"CN=127.0.0.1, O=Contoso", true},
    {"CN=mail.example.com, O=Contoso", true},
    {"CN=mail.contoso.com, O=Contoso", false},
    {"O=Contoso", true},
};

START_TEST(an_address_in_the_cn_is_no_dns_name)
{
    struct pki_peer_verdict verdict;
    X509 *root = make(&(struct test_certificate){
        .subject = "CN=Root",
        .key = TEST_P256_ROOT,
        .extensions = {CA, OWN, "nameConstraints", "critical,permitted;DNS:example.com"}});
    ck_assert(X509_STORE_add_cert(anchors, root));
    X509 *leaf =
        make(&(struct test_certificate){.subject = constrained[_i].subject,
                                        .key = TEST_P384,
                                        .issuer = root,
                                        .issuer_key = TEST_P256_ROOT,
                                        .extensions = {IDS, "subjectAltName", "IP:127.0.0.1"}});
    ck_assert_msg(is_accepted(leaf, &verdict) == constrained[_i].accepted, "%s: %s",
                  constrained[_i].subject, verdict.reason);
}
END_TEST

/* RFC 5280 4.2.1.9: a CA's certificate for itself, with another key, is not counted. */
START_TEST(self_issued_certificates_do_not_count_for_the_path_length)
{
    struct pki_peer_verdict verdict;
    X509 *root = make_root("CN=Root", TEST_P256_ROOT);
    X509 *old = send(make(
        &(struct test_certificate){.subject = "CN=CA",
                                   .key = TEST_P256_OTHER,
                                   .issuer = root,
                                   .issuer_key = TEST_P256_ROOT,
                                   .extensions = {"basicConstraints", "critical,CA:TRUE,pathlen:0",
                                                  "keyUsage", "critical,keyCertSign", IDS}}));
    X509 *new = send(make(&(struct test_certificate){.subject = "CN=CA",
                                                     .key = TEST_P256_INTERMEDIATE,
                                                     .issuer = old,
                                                     .issuer_key = TEST_P256_OTHER,
                                                     .extensions = {CA, IDS}}));
    ck_assert_msg(is_accepted(make_leaf(new, TEST_P256_INTERMEDIATE), &verdict), "%s",
                  verdict.reason);
}
END_TEST

/* Threats C12: under a second of processor time each; the limit here is for slow machines. */
static void expect_short(clock_t begun)
{
    ck_assert_int_lt((clock() - begun) / CLOCKS_PER_SEC, 10);
}

/* A hundred CAs of one name, each the issuer of the next, with one key or with two in turn. */
START_TEST(a_hundred_cas_of_one_name_are_not_tried_for_ever)
{
    struct pki_peer_verdict verdict;
    enum test_key keys[] = {TEST_P256_INTERMEDIATE, _i ? TEST_P256_OTHER : TEST_P256_INTERMEDIATE};
    X509 *above = NULL;
    make_root("CN=Root", TEST_P256_ROOT);
    for (unsigned i = 0; i < 100; i++)
        above = send(make(&(struct test_certificate){.subject = "CN=Pathological CA",
                                                     .key = keys[i % 2],
                                                     .issuer = above,
                                                     .issuer_key = keys[(i + 1) % 2],
                                                     .extensions = {CA}}));
    X509 *leaf = make(&(struct test_certificate){.subject = "O=Leaf",
                                                 .key = TEST_P384,
                                                 .issuer = above,
                                                 .issuer_key = keys[1],
                                                 .extensions = {SAN}});
    clock_t begun = clock();
    ck_assert(!is_accepted(leaf, &verdict));
    expect_short(begun);
}
END_TEST

enum { MANY = 2048, EACH = 15 };

/* "permitted;DNS:t0.test,permitted;DNS:t1.test…" */
static char *list_many(const char *format)
{
    char *text = malloc(MANY * 32 + 16);
    size_t used = 0;
    ck_assert_ptr_nonnull(text);
    used += (size_t)sprintf(text, "%s", *format == 'p' ? "critical" : "DNS:first.test");
    for (unsigned i = 0; i < MANY; i++)
        used += (size_t)sprintf(text + used,
                                *format == 'p' ? ",permitted;DNS:t%u.test" : ",DNS:t%u.test", i);
    return text;
}

START_TEST(names_and_constraints_without_number_are_refused)
{
    struct pki_peer_verdict verdict;
    char *constraints = list_many("p"), *names = list_many("n");
    X509 *root =
        make(&(struct test_certificate){.subject = "CN=Root",
                                        .key = TEST_P256_ROOT,
                                        .extensions = {CA, OWN, "nameConstraints", constraints}});
    ck_assert(X509_STORE_add_cert(anchors, root));
    X509 *leaf = make(&(struct test_certificate){.subject = "O=Leaf",
                                                 .key = TEST_P384,
                                                 .issuer = root,
                                                 .issuer_key = TEST_P256_ROOT,
                                                 .extensions = {IDS, "subjectAltName", names}});
    clock_t begun = clock();
    ck_assert(!is_accepted(leaf, &verdict));
    expect_short(begun);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_CONSTRAINTS);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "too many"));
    free(constraints);
    free(names);
}
END_TEST

/* CVE-2023-0464: a tree of policies that doubles with every certificate. */
START_TEST(policies_that_grow_without_bounds_are_refused_in_time)
{
    struct pki_peer_verdict verdict;
    char policies[EACH * 16 + 16] = "DER:3078", mappings[2048] = "";
    for (unsigned i = 0; i < EACH; i++)
        sprintf(policies + strlen(policies), "300606042A0304%02X", i);
    for (unsigned i = 0; i < EACH / 2; i++)
        sprintf(mappings + strlen(mappings), "%s1.2.3.4.%u:1.2.3.4.%u", i ? "," : "", i, i + 8);
    X509 *above = make_root("CN=Root", TEST_P256_ROOT);
    enum test_key key = TEST_P256_ROOT;
    for (unsigned i = 0; i < 9; i++) {
        char subject[32];
        snprintf(subject, sizeof subject, "CN=CA %u", i);
        above = send(make(&(struct test_certificate){
            .subject = subject,
            .key = TEST_P256_INTERMEDIATE,
            .issuer = above,
            .issuer_key = key,
            .extensions = {CA, IDS, "certificatePolicies", policies, "policyMappings", mappings,
                           "policyConstraints", "critical,requireExplicitPolicy:20"}}));
        key = TEST_P256_INTERMEDIATE;
    }
    clock_t begun = clock();
    (void)is_accepted(make_leaf(above, key), &verdict); /* either way, but soon */
    expect_short(begun);
}
END_TEST

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    Suite *suite = suite_create("ways to an anchor");
    TCase *tests = tcase_create("paths");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, another_way_is_tried_where_constraints_forbid_the_first);
    tcase_add_test(tests, an_expired_cross_certificate_does_not_stand_in_the_way);
    tcase_add_test(tests, a_circle_leads_nowhere);
    tcase_add_loop_test(tests, an_address_in_the_cn_is_no_dns_name, 0, ARRAY_SIZE(constrained));
    tcase_add_test(tests, self_issued_certificates_do_not_count_for_the_path_length);
    tcase_add_loop_test(tests, a_hundred_cas_of_one_name_are_not_tried_for_ever, 0, 2);
    tcase_add_test(tests, names_and_constraints_without_number_are_refused);
    tcase_add_test(tests, policies_that_grow_without_bounds_are_refused_in_time);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
