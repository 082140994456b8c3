/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The verdict: every way in which a chain can be wrong, what a policy makes of it, and what the
 * administrator is told. */
#include "pki/peer.h"

#include <check.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/names.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

#define USAGE "extendedKeyUsage", "serverAuth,clientAuth"
#define SAN "subjectAltName", "DNS:mail.protection.outlook.com"
#define LEAF_IDS "authorityKeyIdentifier", "keyid:always"
#define CA_IDS "subjectKeyIdentifier", "hash", "authorityKeyIdentifier", "keyid:always"
#define CA_USAGE "keyUsage", "critical,keyCertSign"

/* What a test makes is kept here, and freed when it has passed. */
static struct test_chain chains[2];
static X509_NAME *names[16];
static X509 *extra;
static size_t chain_count, kept_names;

static struct test_chain *fresh(enum test_key key, const char *subject,
                                const char *const *leaf_extensions)
{
    ck_assert_uint_lt(chain_count, ARRAY_SIZE(chains));
    chains[chain_count] = test_chain(key, subject, leaf_extensions);
    return &chains[chain_count++];
}

static X509_NAME *name(const char *text)
{
    struct error error;
    X509_NAME *parsed = NULL;
    ck_assert_msg(pki_name_parse(text, &parsed, &error) == 0, "%s: %s", text, error.what);
    ck_assert_uint_lt(kept_names, ARRAY_SIZE(names));
    names[kept_names++] = parsed;
    return parsed;
}

static void teardown(void)
{
    for (; chain_count > 0; chain_count--)
        test_chain_clear(&chains[chain_count - 1]);
    for (; kept_names > 0; kept_names--)
        X509_NAME_free(names[kept_names - 1]);
    X509_free(extra);
    extra = NULL;
}

static void judge(const struct pki_peer_policy *policy, const struct test_chain *chain, time_t now,
                  struct pki_peer_verdict *verdict)
{
    struct pki_peer_evidence evidence = {.leaf = chain->leaf, .untrusted = chain->untrusted};
    pki_peer_judge(policy, &evidence, now, verdict);
}

/* --- chains, right and wrong --- */

struct kind {
    const char *what;
    enum pki_check failed; /* at PKI_PEER_NAME for a server, with the pair of the right chain */
    const char *reason;    /* words of it */
    void (*make)(struct test_chain *chain); /* changes the right chain */
};

static void replace_leaf(struct test_chain *chain, const struct test_certificate *wanted)
{
    X509_free(chain->leaf);
    chain->leaf = test_certificate(wanted);
}

static void replace_intermediate(struct test_chain *chain, const struct test_certificate *wanted)
{
    X509 *intermediate = test_certificate(wanted);
    sk_X509_set(chain->untrusted, 0, intermediate);
    X509_free(chain->intermediate);
    chain->intermediate = intermediate;
    replace_leaf(chain, &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                                   .key = TEST_P256,
                                                   .issuer = intermediate,
                                                   .issuer_key = wanted->key,
                                                   .extensions = {LEAF_IDS, USAGE, SAN}});
}

static void leave(struct test_chain *chain)
{
    (void)chain;
}

static void make_missing_intermediate(struct test_chain *chain)
{
    sk_X509_zero(chain->untrusted);
}

static void make_self_signed(struct test_chain *chain)
{
    replace_leaf(chain, &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                                   .key = TEST_P256,
                                                   .extensions = {USAGE, SAN}});
}

/* The same names all the way up, and another key at the top. */
static void make_impostor(struct test_chain *chain)
{
    X509 *root = test_certificate(
        &(struct test_certificate){.subject = TEST_ROOT_SUBJECT,
                                   .key = TEST_P256_OTHER,
                                   .extensions = {"basicConstraints", "critical,CA:TRUE", CA_USAGE,
                                                  "subjectKeyIdentifier", "hash"}});
    replace_intermediate(
        chain, &(struct test_certificate){
                   .subject = TEST_ISSUER_SUBJECT,
                   .key = TEST_P256_INTERMEDIATE,
                   .issuer = root,
                   .issuer_key = TEST_P256_OTHER,
                   .extensions = {"basicConstraints", "critical,CA:TRUE", CA_USAGE, CA_IDS}});
    X509_free(root);
}

/* Issued by a key that is not the intermediate's, with its name and key identifier. */
static void make_forged(struct test_chain *chain)
{
    replace_leaf(chain, &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                                   .key = TEST_P256,
                                                   .issuer = chain->intermediate,
                                                   .issuer_key = TEST_P256_OTHER,
                                                   .extensions = {LEAF_IDS, USAGE, SAN}});
}

static void make_leaf(struct test_chain *chain, enum test_key key, long from, long to,
                      const char *usage, const char *alternative, const char *digest)
{
    struct test_certificate wanted = {.subject = TEST_LEAF_SUBJECT,
                                      .key = key,
                                      .issuer = chain->intermediate,
                                      .issuer_key = TEST_P256_INTERMEDIATE,
                                      .from = from,
                                      .to = to,
                                      .extensions = {LEAF_IDS, "subjectAltName", alternative,
                                                     usage ? "extendedKeyUsage" : NULL, usage},
                                      .digest = digest};
    replace_leaf(chain, &wanted);
}

#define RIGHT_SAN "DNS:mail.protection.outlook.com"

static void make_expired(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, -86400, -60, "serverAuth", RIGHT_SAN, NULL);
}

static void make_not_yet_valid(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 3600, 86400, "serverAuth", RIGHT_SAN, NULL);
}

static void make_client_only(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, "clientAuth", RIGHT_SAN, NULL);
}

static void make_any_usage(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, "anyExtendedKeyUsage", RIGHT_SAN, NULL);
}

static void make_without_usage(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, NULL, RIGHT_SAN, NULL);
}

static void make_other_name(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, "serverAuth", "DNS:mail.fabrikam.com", NULL);
}

static void make_address_name(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, "serverAuth", "IP:127.0.0.1", NULL);
}

static void make_weak_key(struct test_chain *chain)
{
    make_leaf(chain, TEST_RSA_1024, 0, 0, "serverAuth", RIGHT_SAN, NULL);
}

static void make_sha1(struct test_chain *chain)
{
    make_leaf(chain, TEST_P256, 0, 0, "serverAuth", RIGHT_SAN, "SHA1");
}

static void make_intermediate(struct test_chain *chain, const char *const *extensions, long from,
                              long to)
{
    struct test_certificate wanted = {.subject = TEST_ISSUER_SUBJECT,
                                      .key = TEST_P256_INTERMEDIATE,
                                      .issuer = chain->root,
                                      .issuer_key = TEST_P256_ROOT,
                                      .from = from,
                                      .to = to};
    for (size_t i = 0; extensions[i]; i++)
        wanted.extensions[i] = extensions[i];
    replace_intermediate(chain, &wanted);
}

#define MAKE_INTERMEDIATE(function, from, to, ...)                                                 \
    static void function(struct test_chain *chain)                                                 \
    {                                                                                              \
        make_intermediate(chain, (const char *const[]){__VA_ARGS__, NULL}, from, to);              \
    }

#define CA "basicConstraints", "critical,CA:TRUE"

MAKE_INTERMEDIATE(make_no_ca, 0, 0, "basicConstraints", "critical,CA:FALSE", CA_IDS)
MAKE_INTERMEDIATE(make_no_constraints, 0, 0, CA_USAGE, CA_IDS)
MAKE_INTERMEDIATE(make_no_cert_sign, 0, 0, CA, "keyUsage", "critical,cRLSign", CA_IDS)
MAKE_INTERMEDIATE(make_not_critical, 0, 0, "basicConstraints", "CA:TRUE", CA_USAGE, CA_IDS)
MAKE_INTERMEDIATE(make_no_key_usage, 0, 0, CA, CA_IDS)
MAKE_INTERMEDIATE(make_expired_ca, -86400, -60, CA, CA_USAGE, CA_IDS)
MAKE_INTERMEDIATE(make_excluded, 0, 0, CA, CA_USAGE, CA_IDS, "nameConstraints",
                  "critical,excluded;DNS:outlook.com")
MAKE_INTERMEDIATE(make_not_permitted, 0, 0, CA, CA_USAGE, CA_IDS, "nameConstraints",
                  "critical,permitted;DNS:contoso.com")
MAKE_INTERMEDIATE(make_permitted, 0, 0, CA, CA_USAGE, CA_IDS, "nameConstraints",
                  "critical,permitted;DNS:outlook.com")
MAKE_INTERMEDIATE(make_client_ca, 0, 0, CA, CA_USAGE, CA_IDS, "extendedKeyUsage", "clientAuth")
MAKE_INTERMEDIATE(make_unknown_critical, 0, 0, CA, CA_USAGE, CA_IDS, "1.2.3.4.5",
                  "critical,ASN1:NULL")

static void make_wildcard_excluded(struct test_chain *chain)
{
    make_intermediate(chain,
                      (const char *const[]){CA, CA_USAGE, CA_IDS, "nameConstraints",
                                            "critical,excluded;DNS:secret.protection.outlook.com",
                                            NULL},
                      0, 0);
    make_leaf(chain, TEST_P256, 0, 0, "serverAuth", RIGHT_SAN ",DNS:*.protection.outlook.com",
              NULL);
}

/* A second intermediate under one whose path length is 0. */
static void make_too_deep(struct test_chain *chain)
{
    X509 *deeper = extra =
        test_certificate(&(struct test_certificate){.subject = "CN=Too deep",
                                                    .key = TEST_P256_OTHER,
                                                    .issuer = chain->intermediate,
                                                    .issuer_key = TEST_P256_INTERMEDIATE,
                                                    .extensions = {CA, CA_USAGE, CA_IDS}});
    sk_X509_push(chain->untrusted, deeper);
    replace_leaf(chain, &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                                   .key = TEST_P256,
                                                   .issuer = deeper,
                                                   .issuer_key = TEST_P256_OTHER,
                                                   .extensions = {LEAF_IDS, USAGE, SAN}});
}

static void make_other_subject(struct test_chain *chain)
{
    replace_leaf(chain,
                 &(struct test_certificate){
                     .subject = "CN=mail.protection.outlook.com, O=Fabrikam \\<& Co\\>, C=US",
                     .key = TEST_P256,
                     .issuer = chain->intermediate,
                     .issuer_key = TEST_P256_INTERMEDIATE,
                     .extensions = {LEAF_IDS, USAGE, SAN}});
}

/* A good chain of another CA that the anchors hold as well. */
static void make_other_issuer(struct test_chain *chain)
{
    X509 *root = test_certificate(
        &(struct test_certificate){.subject = "CN=Other Root, C=US",
                                   .key = TEST_P256_OTHER,
                                   .extensions = {CA, CA_USAGE, "subjectKeyIdentifier", "hash"}});
    X509_STORE_add_cert(chain->anchors, root);
    replace_leaf(chain, &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                                   .key = TEST_P256,
                                                   .issuer = root,
                                                   .issuer_key = TEST_P256_OTHER,
                                                   .extensions = {LEAF_IDS, USAGE, SAN}});
    X509_free(root);
}

static void make_none(struct test_chain *chain)
{
    X509_free(chain->leaf);
    chain->leaf = NULL;
}

static const struct kind kinds[] = {
    {"as it should be", PKI_CHECK_NONE, "", leave},
    {"within its name constraints", PKI_CHECK_NONE, "", make_permitted},
    {"no extended key usage", PKI_CHECK_NONE, "", make_without_usage},
    {"nothing presented", PKI_CHECK_PRESENTED, "no certificate", make_none},
    {"intermediate missing", PKI_CHECK_CHAIN, "missing", make_missing_intermediate},
    {"self-signed", PKI_CHECK_CHAIN, "signed itself", make_self_signed},
    {"another root of the same name", PKI_CHECK_CHAIN, "Test Root G2", make_impostor},
    {"forged signature", PKI_CHECK_CHAIN, "wrong signature", make_forged},
    {"issuer is no CA", PKI_CHECK_CONSTRAINTS, "no CA", make_no_ca},
    {"issuer without basic constraints", PKI_CHECK_CONSTRAINTS, "", make_no_constraints},
    {"issuer may not sign", PKI_CHECK_CONSTRAINTS, "", make_no_cert_sign},
    {"basic constraints not critical", PKI_CHECK_CONSTRAINTS, "rule of RFC 5280",
     make_not_critical},
    {"CA without key usage", PKI_CHECK_CONSTRAINTS, "rule of RFC 5280", make_no_key_usage},
    {"unknown critical extension", PKI_CHECK_CONSTRAINTS, "critical", make_unknown_critical},
    {"path too long", PKI_CHECK_CONSTRAINTS, "path length", make_too_deep},
    {"excluded name", PKI_CHECK_CONSTRAINTS, "exclude", make_excluded},
    {"wildcard reaches an excluded name", PKI_CHECK_CONSTRAINTS, "exclude", make_wildcard_excluded},
    {"name not permitted", PKI_CHECK_CONSTRAINTS, "not permit", make_not_permitted},
    {"weak key", PKI_CHECK_STRENGTH, "too weak a key", make_weak_key},
    {"SHA-1", PKI_CHECK_STRENGTH, "SHA-1", make_sha1},
    {"expired", PKI_CHECK_DATES, "has expired on", make_expired},
    {"not yet valid", PKI_CHECK_DATES, "is not valid before", make_not_yet_valid},
    {"issuer expired", PKI_CHECK_DATES, "stands under CN=DigiCert", make_expired_ca},
    {"for clients only", PKI_CHECK_USAGE, "serverAuth", make_client_only},
    {"any usage", PKI_CHECK_USAGE, "anyExtendedKeyUsage", make_any_usage},
    {"CA for clients only", PKI_CHECK_USAGE, "serverAuth", make_client_ca},
    {"another name", PKI_CHECK_NAME, "mail.fabrikam.com", make_other_name},
    {"no name, only an address", PKI_CHECK_NAME, "no DNS name", make_address_name},
    {"another subject", PKI_CHECK_PAIR, "not the expected one", make_other_subject},
    {"another issuer", PKI_CHECK_PAIR, "another issuer", make_other_issuer},
};

static const char *const right_names[] = {"mail.protection.outlook.com"};

enum { LEVELS = 3, PAIRS = 2, MODES = 2, POLICIES = LEVELS * PAIRS * MODES };

/* What a policy makes of a chain that fails `failed` under the strictest one. */
static bool expect_refusal(enum pki_check failed, enum pki_peer_level level, bool pairs,
                           bool report, bool *reported)
{
    enum pki_peer_level judged = pairs && level == PKI_PEER_ANY ? PKI_PEER_CHAIN : level;
    bool seen = failed != PKI_CHECK_NONE && judged >= PKI_PEER_CHAIN &&
                (failed != PKI_CHECK_NAME || judged == PKI_PEER_NAME) &&
                (failed != PKI_CHECK_PAIR || pairs);
    *reported = seen && pairs && report && (failed == PKI_CHECK_PAIR || level == PKI_PEER_ANY);
    return seen && !*reported;
}

START_TEST(every_policy_refuses_what_it_must)
{
    const struct kind *kind = &kinds[_i / POLICIES];
    enum pki_peer_level level = (enum pki_peer_level)(_i % LEVELS);
    bool pairs = _i / LEVELS % PAIRS, report = _i / (LEVELS * PAIRS) % MODES, reported;
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    kind->make(chain);
    struct pki_peer_pair pair = {name(TEST_LEAF_SUBJECT), name(TEST_ISSUER_SUBJECT)};
    struct pki_peer_policy policy = {.level = level,
                                     .eku = PKI_EKU_SERVER,
                                     .anchors = chain->anchors,
                                     .names = right_names,
                                     .name_count = 1,
                                     .pairs = &pair,
                                     .pair_count = pairs,
                                     .pairs_report_only = report};
    bool refused = expect_refusal(kind->failed, level, pairs, report, &reported);
    judge(&policy, chain, 0, &verdict);
    ck_assert_msg(verdict.accepted == !refused, "%s at level %d: %s", kind->what, level,
                  verdict.reason);
    ck_assert_msg(verdict.would_refuse == reported, "%s", kind->what);
    ck_assert_int_eq(verdict.failed, refused || reported ? kind->failed : PKI_CHECK_NONE);
    ck_assert_msg(!verdict.reason[0] == !(refused || reported), "%s", kind->what);
    ck_assert(!verdict.cure[0] == !verdict.reason[0]);
    if (verdict.reason[0])
        ck_assert_msg(strstr(verdict.reason, kind->reason) != NULL, "%s: %s", kind->what,
                      verdict.reason);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/* --- names --- */

static const struct {
    const char *wanted, *presented;
    bool accepted;
} name_cases[] = {
    {"mail.example.com", "DNS:mail.example.com", true},
    {"mail.example.com", "DNS:MAIL.Example.COM", true},
    {"mail.example.com.", "DNS:mail.example.com", true},
    {"mail.example.com", "DNS:other.example.com,DNS:mail.example.com", true},
    {"mail.example.com", "DNS:*.example.com", true},
    {"mail.example.com", "DNS:other.example.com", false},
    {"mail.example.com", "DNS:example.com", false},
    {"a.mail.example.com", "DNS:*.example.com", false},
    {"example.com", "DNS:*.example.com", false},
    {"mail.example.com", "DNS:m*.example.com", false},
    {"mail.example.com", "DNS:*il.example.com", false},
    {"mail.example.com", "DNS:*", false},
    {"mail.example.com", "DNS:*.com", false},
    {"example.com", "DNS:*.com", false},
    {"mail.example.com", "DNS:*.*.com", false},
    {"mail.example.com", "DNS:mail.*.com", false},
    {"mail.example.com", "DNS:.example.com", false},
    {"mail.example.com", "email:mail.example.com@example.com", false},
    {"mail.example.com", "URI:https://mail.example.com/", false},
    {"127.0.0.1", "IP:127.0.0.1", true},
    {"127.0.0.2", "IP:127.0.0.1", false},
    {"127.0.0.1", "DNS:localhost.example", false},
    {"2001:db8::1", "IP:2001:DB8:0:0::1", true},
    {"xn--mnchen-3ya.example", "DNS:xn--mnchen-3ya.example", true},
    {"xn--mnchen-3ya.example", "DNS:xn--*.example", false},
    {"m\xc3\xbcnchen.example", "DNS:xn--mnchen-3ya.example", false},
    {"*.mx.microsoft", "DNS:*.mx.microsoft", true},
    {"*.mx.microsoft", "DNS:contoso-com.mx.microsoft", true},
    {"*.mx.microsoft", "DNS:a.contoso-com.mx.microsoft", false},
    {"*.mx.microsoft", "DNS:mx.microsoft", false},
    {"*.mx.microsoft", "DNS:*.a.mx.microsoft", false},
    {"*.mx.microsoft", "DNS:mx.microsoft.evil.example", false},
    {"", "DNS:mail.example.com", false},
    {"*", "DNS:mail.example.com", false},
    {"*.", "DNS:mail.example.com", false},
};

static bool judge_name(struct test_chain *chain, const char *wanted,
                       struct pki_peer_verdict *verdict)
{
    struct pki_peer_policy policy = {
        .level = PKI_PEER_NAME, .anchors = chain->anchors, .names = &wanted, .name_count = 1};
    judge(&policy, chain, 0, verdict);
    return verdict->accepted;
}

/* Without a CN, which would have to be one of the names. */
START_TEST(names_compare_as_rfc_9525_says)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    replace_leaf(chain, &(struct test_certificate){.subject = "O=Contoso, C=US",
                                                   .key = TEST_P256,
                                                   .issuer = chain->intermediate,
                                                   .issuer_key = TEST_P256_INTERMEDIATE,
                                                   .extensions = {LEAF_IDS, USAGE, "subjectAltName",
                                                                  name_cases[_i].presented}});
    ck_assert_msg(judge_name(chain, name_cases[_i].wanted, &verdict) == name_cases[_i].accepted,
                  "%s and %s: %s", name_cases[_i].wanted, name_cases[_i].presented, verdict.reason);
    ck_assert(verdict.accepted || verdict.failed == PKI_CHECK_NAME ||
              verdict.failed == PKI_CHECK_CONSTRAINTS);
}
END_TEST

/* CVE-2009-2408: a name with a NUL in its midst. */
START_TEST(a_nul_in_a_name_ends_nothing)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    replace_leaf(
        chain,
        &(struct test_certificate){
            .subject = TEST_LEAF_SUBJECT,
            .key = TEST_P256,
            .issuer = chain->intermediate,
            .issuer_key = TEST_P256_INTERMEDIATE,
            /* [2] "mail.example.com\0.evil.example" */
            .extensions = {
                LEAF_IDS, "subjectAltName",
                "DER:3020821E6D61696C2E6578616D706C652E636F6D002E6576696C2E6578616D706C65"}});
    ck_assert(!judge_name(chain, "mail.example.com", &verdict));
    ck_assert_str_eq(verdict.names, "mail.example.com?.evil.example");
}
END_TEST

START_TEST(the_common_name_never_counts)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT,
                                     (const char *const[]){"extendedKeyUsage", "serverAuth", NULL});
    ck_assert(!judge_name(chain, "mail.protection.outlook.com", &verdict));
    ck_assert_int_eq(verdict.failed, PKI_CHECK_NAME);
    ck_assert_ptr_nonnull(strstr(verdict.cure, "subjectAltName"));
}
END_TEST

/* Where the connector says so, and nothing else is there to go by. */
static const struct {
    const char *subject, *alternative; /* NULL: no SAN */
    bool accepted;
} fallback_cases[] = {
    {"CN=mail.example.com", NULL, true},
    {"CN=MAIL.example.com, O=Contoso", NULL, true},
    {"CN=*.example.com", NULL, true},
    {"CN=mail.example.com", "email:a@example.com", true},
    {"CN=mail.example.com", "DNS:other.example.com", false},
    {"CN=mail.example.com, O=Contoso", "IP:127.0.0.1", false},
    {"CN=other.example.com", NULL, false},
    {"CN=mail.example.com, CN=other.example.com", NULL, false},
    {"CN=mail.example.com\\00.evil.example", NULL, false},
    {"O=mail.example.com", NULL, false},
};

START_TEST(the_common_name_counts_where_the_connector_says_so)
{
    struct pki_peer_verdict verdict;
    static const char *const wanted[] = {"mail.example.com"};
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    replace_leaf(chain, &(struct test_certificate){
                            .subject = fallback_cases[_i].subject,
                            .key = TEST_P256,
                            .issuer = chain->intermediate,
                            .issuer_key = TEST_P256_INTERMEDIATE,
                            .extensions = {LEAF_IDS, USAGE,
                                           fallback_cases[_i].alternative ? "subjectAltName" : NULL,
                                           fallback_cases[_i].alternative}});
    struct pki_peer_policy policy = {.level = PKI_PEER_NAME,
                                     .anchors = chain->anchors,
                                     .names = wanted,
                                     .name_count = 1,
                                     .common_name = true};
    judge(&policy, chain, 0, &verdict);
    ck_assert_msg(verdict.accepted == fallback_cases[_i].accepted, "%s: %s",
                  fallback_cases[_i].subject, verdict.reason);
    policy.common_name = false;
    judge(&policy, chain, 0, &verdict);
    ck_assert(!verdict.accepted);
}
END_TEST

/* The outcomes of all checks: what passed, what failed, what was not reached and not asked. */
START_TEST(each_check_has_its_outcome)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_expired(chain);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = chain->anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_PRESENTED], PKI_OUTCOME_PASSED);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_CHAIN], PKI_OUTCOME_PASSED);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_DATES], PKI_OUTCOME_FAILED);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_CONSTRAINTS], PKI_OUTCOME_NOT_REACHED);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_REVOCATION], PKI_OUTCOME_NOT_ASKED);
    ck_assert_int_eq(verdict.outcomes[PKI_CHECK_NAME], PKI_OUTCOME_NOT_ASKED);
    for (unsigned i = 0; i <= PKI_OUTCOME_FAILED; i++)
        ck_assert_str_ne(pki_outcome_name((enum pki_outcome)i), "unknown");
}
END_TEST

START_TEST(a_name_that_is_wanted_and_not_given_is_refused)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_policy policy = {.level = PKI_PEER_NAME, .anchors = chain->anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert(!verdict.accepted);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_NAME);
}
END_TEST

/* --- usages --- */

static const struct {
    const char *usage; /* NULL: none */
    bool server, client, either;
} usage_cases[] = {
    {"serverAuth", true, false, true},
    {"clientAuth", false, true, true},
    {"serverAuth,clientAuth", true, true, true},
    {NULL, true, true, true},
    {"anyExtendedKeyUsage", false, false, false},
    {"codeSigning", false, false, false},
    {"msSGC", false, false, false},
    {"emailProtection,clientAuth", false, true, true},
};

START_TEST(usages_count_as_the_policy_says)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_leaf(chain, TEST_P256, 0, 0, usage_cases[_i].usage, RIGHT_SAN, NULL);
    const bool expected[] = {[PKI_EKU_SERVER] = usage_cases[_i].server,
                             [PKI_EKU_CLIENT] = usage_cases[_i].client,
                             [PKI_EKU_CLIENT_OR_SERVER] = usage_cases[_i].either};
    for (unsigned eku = 0; eku < 3; eku++) {
        struct pki_peer_policy policy = {
            .level = PKI_PEER_CHAIN, .eku = (enum pki_peer_eku)eku, .anchors = chain->anchors};
        judge(&policy, chain, 0, &verdict);
        ck_assert_msg(verdict.accepted == expected[eku], "%s as %u: %s", usage_cases[_i].usage, eku,
                      verdict.reason);
        ck_assert(verdict.accepted || verdict.failed == PKI_CHECK_USAGE);
    }
}
END_TEST

START_TEST(a_key_usage_that_cannot_sign_is_refused)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain =
        fresh(TEST_P256, TEST_LEAF_SUBJECT,
              (const char *const[]){"keyUsage", "critical,dataEncipherment", NULL});
    struct pki_peer_policy policy = {
        .level = PKI_PEER_CHAIN, .eku = PKI_EKU_CLIENT_OR_SERVER, .anchors = chain->anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_USAGE);
}
END_TEST

START_TEST(a_server_certificate_from_a_client_names_client_eku_as_the_cure)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_leaf(chain, TEST_P256, 0, 0, "serverAuth", RIGHT_SAN, NULL);
    struct pki_peer_policy policy = {
        .level = PKI_PEER_CHAIN, .eku = PKI_EKU_CLIENT, .anchors = chain->anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert_ptr_nonnull(strstr(verdict.cure, "<ClientEku>ClientOrServerAuth</ClientEku>"));
}
END_TEST

/* --- pairs --- */

static const struct {
    const char *subject, *issuer; /* NULL: left out */
    bool accepted;
} pair_cases[] = {
    {TEST_LEAF_SUBJECT, TEST_ISSUER_SUBJECT, true},
    {TEST_LEAF_SUBJECT, NULL, true},
    {NULL, TEST_ISSUER_SUBJECT, true},
    {NULL, TEST_ROOT_SUBJECT, true}, /* any CA of the chain */
    {TEST_LEAF_SUBJECT, TEST_ROOT_SUBJECT, true},
    {NULL, NULL, false},
    {NULL, TEST_LEAF_SUBJECT, false}, /* the leaf is no CA */
    {TEST_ISSUER_SUBJECT, NULL, false},
    {TEST_LEAF_SUBJECT, "CN=Other", false},
    {"CN=mail.protection.outlook.com", NULL, false},
    {"cn=MAIL.protection.outlook.com, o=microsoft  corporation, l=Redmond, s=Washington, c=us",
     NULL, true},
    {"C=US, ST=Washington, L=Redmond, O=Microsoft Corporation, CN=mail.protection.outlook.com",
     NULL, false},
};

static void judge_pairs(struct test_chain *chain, const struct pki_peer_pair *pairs, size_t count,
                        struct pki_peer_verdict *verdict)
{
    struct pki_peer_policy policy = {
        .level = PKI_PEER_CHAIN, .anchors = chain->anchors, .pairs = pairs, .pair_count = count};
    judge(&policy, chain, 0, verdict);
}

START_TEST(subject_and_issuer_compare_as_names)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_pair pair = {pair_cases[_i].subject ? name(pair_cases[_i].subject) : NULL,
                                 pair_cases[_i].issuer ? name(pair_cases[_i].issuer) : NULL};
    judge_pairs(chain, &pair, 1, &verdict);
    ck_assert_msg(verdict.accepted == pair_cases[_i].accepted, "%s", verdict.reason);
}
END_TEST

START_TEST(any_pair_of_the_list_will_do)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_pair pairs[] = {{name("CN=Today"), name(TEST_ISSUER_SUBJECT)},
                                    {name(TEST_LEAF_SUBJECT), name("CN=Yesterday")},
                                    {name(TEST_LEAF_SUBJECT), name(TEST_ROOT_SUBJECT)}};
    judge_pairs(chain, pairs, 3, &verdict);
    ck_assert(verdict.accepted);
    judge_pairs(chain, pairs, 2, &verdict); /* halves of two pairs make no pair */
    ck_assert(!verdict.accepted);
}
END_TEST

START_TEST(a_refused_pair_shows_what_came_and_the_xml_that_would_accept_it)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_other_subject(chain);
    struct pki_peer_pair pair = {name(TEST_LEAF_SUBJECT), name(TEST_ISSUER_SUBJECT)};
    judge_pairs(chain, &pair, 1, &verdict);
    const char *in_reason[] = {"Fabrikam \\<& Co\\>", verdict.serial, verdict.expires,
                               TEST_LEAF_SUBJECT, "issuer " TEST_ISSUER_SUBJECT};
    for (size_t i = 0; i < ARRAY_SIZE(in_reason); i++)
        ck_assert_msg(strstr(verdict.reason, in_reason[i]) != NULL, "%s: %s", in_reason[i],
                      verdict.reason);
    ck_assert_ptr_nonnull(strstr(
        verdict.cure, "<Peer><Subject>CN=mail.protection.outlook.com, O=Fabrikam \\&lt;&amp; "
                      "Co\\&gt;, C=US</Subject><Issuer>" TEST_ISSUER_SUBJECT "</Issuer></Peer>"));
    ck_assert_ptr_nonnull(strstr(verdict.cure, verdict.fingerprint));
    ck_assert_uint_eq(strlen(verdict.fingerprint), 64);
}
END_TEST

START_TEST(the_same_attributes_in_another_order_are_called_so)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_pair pair = {name(pair_cases[ARRAY_SIZE(pair_cases) - 1].subject), NULL};
    judge_pairs(chain, &pair, 1, &verdict);
    ck_assert_ptr_nonnull(strstr(verdict.cure, "another order"));
    ck_assert_ptr_nonnull(strstr(verdict.cure, verdict.fingerprint));
    ck_assert_ptr_nonnull(strstr(verdict.cure, "<Subject>" TEST_LEAF_SUBJECT "</Subject>"));
}
END_TEST

/* --- time, anchors, and what came --- */

START_TEST(the_given_time_is_the_one_that_counts)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = chain->anchors};
    judge(&policy, chain, time(NULL) + 400L * 86400, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_DATES);
    judge(&policy, chain, 86400, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_DATES);
    judge(&policy, chain, time(NULL) + 86400, &verdict);
    ck_assert(verdict.accepted);
}
END_TEST

START_TEST(wrong_dates_do_not_hide_a_wrong_chain)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_forged(chain);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = chain->anchors};
    judge(&policy, chain, time(NULL) + 400L * 86400, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_CHAIN);
}
END_TEST

START_TEST(without_anchors_nothing_is_trusted)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN};
    judge(&policy, chain, 0, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_CHAIN);
    ck_assert_ptr_nonnull(strstr(verdict.cure, "TrustAnchors"));
}
END_TEST

START_TEST(a_self_signed_certificate_may_be_its_own_anchor)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    make_self_signed(chain);
    X509_STORE_add_cert(chain->anchors, chain->leaf);
    struct pki_peer_pair pair = {NULL, name(TEST_LEAF_SUBJECT)};
    judge_pairs(chain, &pair, 1, &verdict);
    ck_assert_msg(verdict.accepted, "%s", verdict.reason);
}
END_TEST

/* RFC 5280 6.1.1 d: an anchor is what the administrator says it is. */
START_TEST(an_intermediate_may_be_an_anchor)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    X509_STORE *anchors = test_anchors(chain->intermediate);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert_msg(verdict.accepted, "%s", verdict.reason);
    X509_STORE_free(anchors);
}
END_TEST

START_TEST(anchors_come_from_a_file_of_many)
{
    struct error error;
    X509_STORE *anchors = NULL;
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct test_chain *other = fresh(TEST_P384, TEST_LEAF_SUBJECT, NULL);
    X509 *both[] = {other->root, chain->root};
    char *path = test_write_pem(both, 2);
    ck_assert_int_eq(pki_anchors_load(path, &anchors, &error), 0);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN, .anchors = anchors};
    judge(&policy, chain, 0, &verdict);
    ck_assert(verdict.accepted);
    test_remove(path);
    path = test_write_pem(NULL, 0);
    ck_assert_int_eq(pki_anchors_load(path, &anchors, &error), -EX_CONFIG);
    ck_assert_str_eq(error.where, path);
    test_remove(path);
    ck_assert_int_eq(pki_anchors_load("/nowhere/at/all", &anchors, &error), -EX_CONFIG);
    ck_assert_int_eq(pki_anchors_load("/dev/zero", &anchors, &error), -EX_CONFIG);
    X509_STORE_free(anchors);
}
END_TEST

/* 64 KiB of subject: no crash, no long wait, and an XML that is whole or not offered. */
START_TEST(a_huge_subject_is_cut_and_its_xml_left_out)
{
    enum { UNITS = 200, EACH = 320 };
    static char text[UNITS * EACH + 8];
    size_t used = 0;
    for (unsigned i = 0; i < UNITS; i++) {
        used += (size_t)sprintf(text + used, "%sO=", i ? "," : "");
        memset(text + used, 'x', EACH - 8);
        used += EACH - 8;
    }
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, text, NULL);
    struct pki_peer_pair pair = {name(TEST_LEAF_SUBJECT), NULL};
    judge_pairs(chain, &pair, 1, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_PAIR);
    ck_assert_ptr_null(strstr(verdict.cure, "<Peer>"));
    ck_assert_str_eq(verdict.subject + strlen(verdict.subject) - 3, "...");
}
END_TEST

START_TEST(what_came_is_described_whatever_the_level)
{
    struct pki_peer_verdict verdict;
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_policy policy = {.level = PKI_PEER_ANY};
    pki_peer_judge(&policy, &(struct pki_peer_evidence){.leaf = chain->leaf}, 0, &verdict);
    ck_assert(verdict.accepted);
    ck_assert_str_eq(verdict.subject, TEST_LEAF_SUBJECT);
    ck_assert_str_eq(verdict.issuer, TEST_ISSUER_SUBJECT);
    ck_assert_str_eq(verdict.names, "mail.protection.outlook.com *.mail.protection.outlook.com");
    ck_assert_uint_eq(strlen(verdict.expires), strlen("2026-01-01T00:00:00Z"));
    ck_assert_str_ne(verdict.serial, "");
}
END_TEST

/* Whatever checks there are: those before the one that failed passed, those after were not reached.
 */
START_TEST(each_check_is_told_as_passed_failed_or_not_reached)
{
    struct test_chain *chain = fresh(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    struct pki_peer_pair pair = {.subject = name("CN=somebody else")};
    const char *wanted[] = {"other.example"};
    struct pki_peer_policy policy = {.level = PKI_PEER_NAME,
                                     .anchors = chain->anchors,
                                     .names = wanted,
                                     .name_count = 1,
                                     .pairs = &pair,
                                     .pair_count = 1};
    struct pki_peer_verdict verdict;
    struct pki_peer_evidence evidence = {.leaf = chain->leaf, .untrusted = chain->untrusted};
    pki_peer_judge(&policy, &evidence, 0, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_NAME);
    for (unsigned i = PKI_CHECK_PRESENTED; i < PKI_CHECK_END; i++) {
        enum pki_outcome outcome = i == PKI_CHECK_REVOCATION ? PKI_OUTCOME_NOT_ASKED
                                   : i < PKI_CHECK_NAME      ? PKI_OUTCOME_PASSED
                                   : i == PKI_CHECK_NAME     ? PKI_OUTCOME_FAILED
                                                             : PKI_OUTCOME_NOT_REACHED;
        ck_assert_int_eq(verdict.outcomes[i], outcome);
    }
    policy = (struct pki_peer_policy){.level = PKI_PEER_ANY};
    evidence.untrusted = NULL;
    pki_peer_judge(&policy, &evidence, 0, &verdict);
    for (unsigned i = PKI_CHECK_PRESENTED; i < PKI_CHECK_END; i++)
        ck_assert_int_eq(verdict.outcomes[i], PKI_OUTCOME_NOT_ASKED);
}
END_TEST

START_TEST(every_check_has_a_name)
{
    for (unsigned i = PKI_CHECK_NONE; i <= PKI_CHECK_PAIR; i++)
        ck_assert_str_ne(pki_check_name((enum pki_check)i), "unknown");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("the verdict on the peer");
    TCase *tests = tcase_create("peer");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_policy_refuses_what_it_must, 0,
                        (int)ARRAY_SIZE(kinds) * POLICIES);
    tcase_add_loop_test(tests, names_compare_as_rfc_9525_says, 0, ARRAY_SIZE(name_cases));
    tcase_add_test(tests, a_nul_in_a_name_ends_nothing);
    tcase_add_test(tests, the_common_name_never_counts);
    tcase_add_loop_test(tests, the_common_name_counts_where_the_connector_says_so, 0,
                        ARRAY_SIZE(fallback_cases));
    tcase_add_test(tests, each_check_has_its_outcome);
    tcase_add_test(tests, a_name_that_is_wanted_and_not_given_is_refused);
    tcase_add_loop_test(tests, usages_count_as_the_policy_says, 0, ARRAY_SIZE(usage_cases));
    tcase_add_test(tests, a_key_usage_that_cannot_sign_is_refused);
    tcase_add_test(tests, a_server_certificate_from_a_client_names_client_eku_as_the_cure);
    tcase_add_loop_test(tests, subject_and_issuer_compare_as_names, 0, ARRAY_SIZE(pair_cases));
    tcase_add_test(tests, any_pair_of_the_list_will_do);
    tcase_add_test(tests, a_refused_pair_shows_what_came_and_the_xml_that_would_accept_it);
    tcase_add_test(tests, the_same_attributes_in_another_order_are_called_so);
    tcase_add_test(tests, the_given_time_is_the_one_that_counts);
    tcase_add_test(tests, wrong_dates_do_not_hide_a_wrong_chain);
    tcase_add_test(tests, without_anchors_nothing_is_trusted);
    tcase_add_test(tests, a_self_signed_certificate_may_be_its_own_anchor);
    tcase_add_test(tests, an_intermediate_may_be_an_anchor);
    tcase_add_test(tests, anchors_come_from_a_file_of_many);
    tcase_add_test(tests, a_huge_subject_is_cut_and_its_xml_left_out);
    tcase_add_test(tests, what_came_is_described_whatever_the_level);
    tcase_add_test(tests, each_check_is_told_as_passed_failed_or_not_reached);
    tcase_add_test(tests, every_check_has_a_name);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
