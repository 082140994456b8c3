/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Revocation: lists right and wrong, soft and hard, files that change, and stapled OCSP responses.
 */
#include <check.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/peer.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

#define DAY 86400L

static struct test_chain chain;

static void setup(void)
{
    chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
}

static void teardown(void)
{
    test_chain_clear(&chain);
}

/* --- lists --- */

struct list {
    X509 *issuer;
    enum test_key key;
    X509 *revoked; /* NULL: nothing */
    long from, to; /* seconds from now; both 0: a day around now */
    const char *digest;
    const char *extensions[8]; /* beside a CRL number */
    bool without_number, version_1, no_end;
};

static void add_extensions(X509_CRL *crl, const struct list *list)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, list->issuer, NULL, NULL, crl, 0);
    const char *const number[] = {"crlNumber", "DER:02010A"};
    for (size_t i = 0; i < 8 && list->extensions[i]; i += 2) {
        X509_EXTENSION *extension =
            X509V3_EXT_nconf(NULL, &context, list->extensions[i], list->extensions[i + 1]);
        ck_assert_msg(extension != NULL, "%s", list->extensions[i + 1]);
        ck_assert(X509_CRL_add_ext(crl, extension, -1));
        X509_EXTENSION_free(extension);
    }
    if (list->without_number || list->version_1)
        return;
    X509_EXTENSION *extension = X509V3_EXT_nconf(NULL, &context, number[0], number[1]);
    ck_assert(extension && X509_CRL_add_ext(crl, extension, -1));
    X509_EXTENSION_free(extension);
}

static void add_revoked(X509_CRL *crl, X509 *certificate)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, -60);
    X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(certificate));
    X509_REVOKED_set_revocationDate(entry, time);
    ck_assert(X509_CRL_add0_revoked(crl, entry));
    ASN1_TIME_free(time);
}

static X509_CRL *make_list(const struct list *list)
{
    X509_CRL *crl = X509_CRL_new();
    bool dated = list->from || list->to;
    ASN1_TIME *from = X509_gmtime_adj(NULL, dated ? list->from : -DAY);
    ASN1_TIME *to = X509_gmtime_adj(NULL, dated ? list->to : DAY);
    X509_CRL_set_version(crl, list->version_1 ? X509_CRL_VERSION_1 : X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(list->issuer));
    X509_CRL_set1_lastUpdate(crl, from);
    if (!list->no_end)
        X509_CRL_set1_nextUpdate(crl, to);
    if (list->revoked)
        add_revoked(crl, list->revoked);
    add_extensions(crl, list);
    ck_assert_int_gt(X509_CRL_sign(crl, test_key(list->key),
                                   EVP_get_digestbyname(list->digest ? list->digest : "SHA256")),
                     0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return crl;
}

/* PEM of one list, or behind what is there. */
static void add_pem(BIO *bio, const struct list *list)
{
    X509_CRL *crl = make_list(list);
    ck_assert(PEM_write_bio_X509_CRL(bio, crl));
    X509_CRL_free(crl);
}

static struct list good_list(X509 *issuer, enum test_key key)
{
    return (struct list){.issuer = issuer, .key = key};
}

static struct pki_revocation *parse(BIO *bio)
{
    char *bytes;
    struct error error;
    struct pki_revocation *revocation = NULL;
    long length = BIO_get_mem_data(bio, &bytes);
    ck_assert_msg(pki_revocation_parse(bytes, (size_t)length, &revocation, &error) == 0, "%s",
                  error.what);
    return revocation;
}

static void judge(enum pki_revocation_check check, struct pki_revocation *lists,
                  struct pki_peer_verdict *verdict)
{
    struct pki_peer_policy policy = {
        .level = PKI_PEER_CHAIN, .anchors = chain.anchors, .revocation = check, .lists = lists};
    struct pki_peer_evidence evidence = {.leaf = chain.leaf, .untrusted = chain.untrusted};
    pki_peer_judge(&policy, &evidence, 0, verdict);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

enum known { GOOD, REVOKED, UNKNOWN };

/* What a list of the leaf's issuer is worth, beside a good one of the root. */
static const struct {
    const char *what;
    enum known known;
    struct list list; /* issuer and key are filled in; revoked: any address means the leaf */
    const char *words;
} cases[] = {
    {"good", GOOD, {.from = 0}, ""},
    {"revoked", REVOKED, {.revoked = (X509 *)1}, ""},
    {"run out", UNKNOWN, {.from = -2 * DAY, .to = -DAY}, "has run out"},
    {"not yet in force", UNKNOWN, {.from = DAY, .to = 2 * DAY}, "not in force yet"},
    {"without an end", UNKNOWN, {.no_end = true}, "the next one"},
    {"revoked by one that has run out",
     REVOKED,
     {.revoked = (X509 *)1, .from = -2 * DAY, .to = -DAY},
     ""},
    {"another key", UNKNOWN, {.key = TEST_P256_OTHER}, "not signed"},
    {"revoked by another key",
     UNKNOWN,
     {.key = TEST_P256_OTHER, .revoked = (X509 *)1},
     "not signed"},
    {"no number", UNKNOWN, {.without_number = true}, "no CRL number"},
    {"critical number",
     UNKNOWN,
     {.without_number = true, .extensions = {"crlNumber", "critical,DER:02010A"}},
     "critical"},
    {"version 1", UNKNOWN, {.version_1 = true}, "version 2"},
    {"SHA-1", UNKNOWN, {.digest = "SHA1"}, "too weak"},
    {"unknown critical extension",
     UNKNOWN,
     {.extensions = {"1.2.3.4", "critical,ASN1:NULL"}},
     "not known"},
    {"for users",
     GOOD,
     {.extensions = {"issuingDistributionPoint", "critical,DER:30038101FF"}},
     ""},
    {"for CAs",
     UNKNOWN,
     {.extensions = {"issuingDistributionPoint", "critical,DER:30038201FF"}},
     "another kind"},
    {"indirect",
     UNKNOWN,
     {.extensions = {"issuingDistributionPoint", "critical,DER:30038401FF"}},
     "indirect"},
    {"for some reasons",
     UNKNOWN,
     {.extensions = {"issuingDistributionPoint", "critical,DER:300483020560"}},
     "some reasons"},
    {"delta", UNKNOWN, {.extensions = {"deltaCRL", "critical,DER:020101"}}, "delta"},
};

START_TEST(a_list_counts_for_what_it_is_worth)
{
    struct pki_peer_verdict soft, hard, none;
    struct list list = cases[_i].list, above = good_list(chain.root, TEST_P256_ROOT);
    list.issuer = chain.intermediate;
    list.key = list.key ? list.key : TEST_P256_INTERMEDIATE;
    list.revoked = list.revoked ? chain.leaf : NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    add_pem(bio, &above);
    add_pem(bio, &list);
    struct pki_revocation *lists = parse(bio);
    judge(PKI_REVOCATION_SOFT_FAIL, lists, &soft);
    judge(PKI_REVOCATION_HARD_FAIL, lists, &hard);
    judge(PKI_REVOCATION_NONE, lists, &none);
    enum known known = cases[_i].known;
    ck_assert_msg(soft.accepted == (known != REVOKED), "%s: %s", cases[_i].what, soft.reason);
    ck_assert_msg(hard.accepted == (known == GOOD), "%s: %s", cases[_i].what, hard.reason);
    ck_assert_msg(soft.revocation_unknown == (known == UNKNOWN), "%s", cases[_i].what);
    ck_assert(none.accepted);
    ck_assert_int_eq(none.outcomes[PKI_CHECK_REVOCATION], PKI_OUTCOME_NOT_ASKED);
    if (known == UNKNOWN) {
        ck_assert_msg(strstr(soft.revocation, cases[_i].words) != NULL, "%s: %s", cases[_i].what,
                      soft.revocation);
        ck_assert_msg(strstr(hard.reason, cases[_i].words) != NULL, "%s", hard.reason);
    }
    ck_assert(hard.accepted || hard.failed == PKI_CHECK_REVOCATION);
    pki_revocation_unref(lists);
    BIO_free(bio);
}
END_TEST

START_TEST(a_revoked_intermediate_is_refused)
{
    struct pki_peer_verdict verdict;
    struct list list = good_list(chain.root, TEST_P256_ROOT);
    BIO *bio = BIO_new(BIO_s_mem());
    list.revoked = chain.intermediate;
    add_pem(bio, &list);
    struct pki_revocation *lists = parse(bio);
    judge(PKI_REVOCATION_SOFT_FAIL, lists, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "DigiCert Cloud Services CA-1"));
    ck_assert_ptr_nonnull(strstr(verdict.reason, "revoked"));
    pki_revocation_unref(lists);
    BIO_free(bio);
}
END_TEST

START_TEST(without_a_list_soft_passes_and_hard_refuses)
{
    struct pki_peer_verdict verdict;
    judge(PKI_REVOCATION_SOFT_FAIL, NULL, &verdict);
    ck_assert(verdict.accepted && verdict.revocation_unknown);
    judge(PKI_REVOCATION_UNWRITTEN, NULL, &verdict);
    ck_assert(verdict.accepted && !verdict.revocation_unknown);
    judge(PKI_REVOCATION_HARD_FAIL, NULL, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    ck_assert_ptr_nonnull(strstr(verdict.cure, "RevocationLists"));
}
END_TEST

START_TEST(a_ca_that_may_not_sign_lists_has_signed_none)
{
    struct pki_peer_verdict verdict;
    X509 *root = test_certificate(&(struct test_certificate){
        .subject = "CN=Root without cRLSign",
        .key = TEST_P256_OTHER,
        .extensions = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign",
                       "subjectKeyIdentifier", "hash"}});
    X509 *leaf = test_certificate(
        &(struct test_certificate){.subject = TEST_LEAF_SUBJECT,
                                   .key = TEST_P256,
                                   .issuer = root,
                                   .issuer_key = TEST_P256_OTHER,
                                   .extensions = {"authorityKeyIdentifier", "keyid:always"}});
    X509_STORE *anchors = test_anchors(root);
    struct list list = good_list(root, TEST_P256_OTHER);
    BIO *bio = BIO_new(BIO_s_mem());
    add_pem(bio, &list);
    struct pki_revocation *lists = parse(bio);
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN,
                                     .anchors = anchors,
                                     .revocation = PKI_REVOCATION_HARD_FAIL,
                                     .lists = lists};
    pki_peer_judge(&policy, &(struct pki_peer_evidence){.leaf = leaf}, 0, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "may not sign lists"));
    pki_revocation_unref(lists);
    BIO_free(bio);
    X509_STORE_free(anchors);
    X509_free(leaf);
    X509_free(root);
}
END_TEST

/* --- files --- */

static char directory[256];

static void write_list(const char *name, const struct list *list)
{
    char path[300], part[310];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(part, sizeof part, "%s.part", path);
    BIO *bio = BIO_new_file(part, "w");
    ck_assert(bio != NULL);
    add_pem(bio, list);
    BIO_free(bio);
    ck_assert_int_eq(rename(part, path), 0);
}

static void write_text(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_file(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static void make_directory(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/postern-lists-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static bool becomes(struct pki_revocation *lists, bool accepted)
{
    struct pki_peer_verdict verdict;
    for (int i = 0; i < 600; i++) {
        judge(PKI_REVOCATION_HARD_FAIL, lists, &verdict);
        if (verdict.accepted == accepted)
            return true;
        usleep(50000);
    }
    return false;
}

START_TEST(lists_are_read_anew_when_they_change)
{
    struct error error;
    struct pki_revocation *lists = NULL;
    struct list above = good_list(chain.root, TEST_P256_ROOT),
                below = good_list(chain.intermediate, TEST_P256_INTERMEDIATE);
    make_directory();
    ck_assert_int_eq(pki_revocation_open(directory, &lists, &error), 0); /* empty will do */
    ck_assert(becomes(lists, false));
    write_list("root.crl", &above);
    write_list("ca.pem", &below);
    ck_assert(becomes(lists, true));
    below.revoked = chain.leaf;
    write_list("ca.pem", &below);
    ck_assert(becomes(lists, false));
    below.revoked = NULL;
    write_list("ca.pem", &below);
    ck_assert(becomes(lists, true));
    write_text("broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    usleep(1500000); /* looked at by now: what was read before stays */
    ck_assert(becomes(lists, true));
    remove_file("broken.crl");
    remove_file("ca.pem");
    ck_assert(becomes(lists, false));
    pki_revocation_unref(lists);
    remove_file("root.crl");
    rmdir(directory);
}
END_TEST

START_TEST(what_is_no_list_is_refused_at_first)
{
    struct error error;
    struct pki_revocation *lists = NULL;
    char path[300];
    make_directory();
    ck_assert_int_eq(pki_revocation_open("/nowhere/at/all", &lists, &error), -EX_CONFIG);
    ck_assert_int_eq(pki_revocation_open("/dev/zero", &lists, &error), -EX_CONFIG);
    write_text("a.crl", "nothing");
    ck_assert_int_eq(pki_revocation_open(directory, &lists, &error), -EX_CONFIG);
    snprintf(path, sizeof path, "%s/a.crl", directory);
    ck_assert_str_eq(error.where, path);
    ck_assert_ptr_nonnull(strstr(error.cure, "openssl crl"));
    ck_assert_int_eq(truncate(path, PKI_REVOCATION_BYTES_MAXIMUM + 1L), 0);
    ck_assert_int_eq(pki_revocation_open(path, &lists, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "64 MB"));
    remove_file("a.crl");
    rmdir(directory);
}
END_TEST

START_TEST(der_is_read_too)
{
    struct error error;
    struct pki_revocation *lists = NULL;
    struct pki_peer_verdict verdict;
    char path[300];
    struct list list = good_list(chain.root, TEST_P256_ROOT);
    list.revoked = chain.intermediate;
    make_directory();
    snprintf(path, sizeof path, "%s/a.crl", directory);
    X509_CRL *crl = make_list(&list);
    BIO *bio = BIO_new_file(path, "w");
    ck_assert(i2d_X509_CRL_bio(bio, crl));
    BIO_free(bio);
    X509_CRL_free(crl);
    ck_assert_int_eq(pki_revocation_open(path, &lists, &error), 0);
    judge(PKI_REVOCATION_SOFT_FAIL, lists, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    pki_revocation_unref(lists);
    remove_file("a.crl");
    rmdir(directory);
}
END_TEST

/* --- staples --- */

struct staple {
    X509 *subject; /* NULL: the leaf */
    int status;
    long from, to; /* both 0: a day around now */
    enum test_key key;
    X509 *signer; /* NULL: the issuer; else a certificate that is sent along */
    bool no_end;
};

static size_t make_staple(const struct staple *wanted, unsigned char **bytes)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    bool dated = wanted->from || wanted->to;
    ASN1_TIME *from = X509_gmtime_adj(NULL, dated ? wanted->from : -DAY);
    ASN1_TIME *to = X509_gmtime_adj(NULL, dated ? wanted->to : DAY);
    ASN1_TIME *revoked = X509_gmtime_adj(NULL, -60);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), wanted->subject ? wanted->subject : chain.leaf,
                                      chain.intermediate);
    ck_assert(OCSP_basic_add1_status(basic, id, wanted->status, 0,
                                     wanted->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL,
                                     from, wanted->no_end ? NULL : to));
    ck_assert(OCSP_basic_sign(basic, wanted->signer ? wanted->signer : chain.intermediate,
                              test_key(wanted->key), EVP_sha256(), NULL,
                              wanted->signer ? 0 : OCSP_NOCERTS));
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    *bytes = NULL;
    int length = i2d_OCSP_RESPONSE(response, bytes);
    ck_assert_int_gt(length, 0);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    ASN1_TIME_free(revoked);
    return (size_t)length;
}

static void judge_staple(const unsigned char *bytes, size_t length, enum pki_revocation_check check,
                         struct pki_peer_verdict *verdict)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct list above = good_list(chain.root, TEST_P256_ROOT);
    add_pem(bio, &above);
    struct pki_revocation *lists = parse(bio);
    struct pki_peer_policy policy = {
        .level = PKI_PEER_CHAIN, .anchors = chain.anchors, .revocation = check, .lists = lists};
    struct pki_peer_evidence evidence = {
        .leaf = chain.leaf, .untrusted = chain.untrusted, .staple = bytes, .staple_length = length};
    pki_peer_judge(&policy, &evidence, 0, verdict);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    pki_revocation_unref(lists);
    BIO_free(bio);
}

enum responder { ISSUER, DELEGATE, WITHOUT_USAGE, OF_ANOTHER };

static const struct {
    const char *what;
    bool soft, hard; /* accepted */
    enum responder responder;
    struct staple staple;
} staples[] = {
    {"good", true, true, ISSUER, {.status = V_OCSP_CERTSTATUS_GOOD}},
    {"revoked", false, false, ISSUER, {.status = V_OCSP_CERTSTATUS_REVOKED}},
    {"unknown", true, false, ISSUER, {.status = V_OCSP_CERTSTATUS_UNKNOWN}},
    {"run out", false, false, ISSUER, {.from = -3 * DAY, .to = -DAY}},
    {"not yet", false, false, ISSUER, {.from = DAY, .to = 2 * DAY}},
    {"no end", false, false, ISSUER, {.no_end = true}},
    {"another key", false, false, ISSUER, {.key = TEST_P256_OTHER}},
    {"by a delegate", true, true, DELEGATE, {.key = TEST_P384}},
    {"by a delegate without the usage", false, false, WITHOUT_USAGE, {.key = TEST_P384}},
    {"by another CA's", false, false, OF_ANOTHER, {.key = TEST_P384}},
};

static X509 *make_responder(enum responder responder)
{
    bool other = responder == OF_ANOTHER;
    if (responder == ISSUER)
        return NULL;
    return test_certificate(&(struct test_certificate){
        .subject = "CN=OCSP Responder",
        .key = TEST_P384,
        .issuer = other ? chain.root : chain.intermediate,
        .issuer_key = other ? TEST_P256_ROOT : TEST_P256_INTERMEDIATE,
        .extensions = {"authorityKeyIdentifier", "keyid:always", "keyUsage",
                       "critical,digitalSignature", "extendedKeyUsage",
                       responder == WITHOUT_USAGE ? "serverAuth" : "OCSPSigning"}});
}

START_TEST(a_staple_is_checked)
{
    struct pki_peer_verdict verdict;
    unsigned char *bytes;
    struct staple staple = staples[_i].staple;
    staple.key = staple.key ? staple.key : TEST_P256_INTERMEDIATE;
    staple.signer = make_responder(staples[_i].responder);
    X509 *forger = NULL;
    if (staple.key == TEST_P256_OTHER) /* a certificate of the issuer's name with that key */
        staple.signer = forger = test_certificate(
            &(struct test_certificate){.subject = TEST_ISSUER_SUBJECT, .key = TEST_P256_OTHER});
    size_t length = make_staple(&staple, &bytes);
    judge_staple(bytes, length, PKI_REVOCATION_SOFT_FAIL, &verdict);
    ck_assert_msg(verdict.accepted == staples[_i].soft, "%s: %s", staples[_i].what, verdict.reason);
    ck_assert(verdict.accepted || verdict.failed == PKI_CHECK_REVOCATION);
    judge_staple(bytes, length, PKI_REVOCATION_HARD_FAIL, &verdict);
    ck_assert_msg(verdict.accepted == staples[_i].hard, "%s: %s", staples[_i].what, verdict.reason);
    judge_staple(bytes, length, PKI_REVOCATION_NONE, &verdict);
    ck_assert(verdict.accepted);
    OPENSSL_free(bytes);
    X509_free(staple.signer);
}
END_TEST

START_TEST(a_staple_for_another_certificate_is_refused)
{
    struct pki_peer_verdict verdict;
    unsigned char *bytes;
    struct staple staple = {.subject = chain.intermediate, .key = TEST_P256_INTERMEDIATE};
    size_t length = make_staple(&staple, &bytes);
    judge_staple(bytes, length, PKI_REVOCATION_SOFT_FAIL, &verdict);
    ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "another certificate"));
    OPENSSL_free(bytes);
}
END_TEST

/* At every byte: what is not whole never passes for an answer, and never crashes. */
START_TEST(a_staple_that_is_cut_is_refused)
{
    struct pki_peer_verdict verdict;
    unsigned char *bytes;
    struct staple staple = {.key = TEST_P256_INTERMEDIATE};
    size_t length = make_staple(&staple, &bytes);
    for (size_t cut = 1; cut < length; cut += 7) {
        judge_staple(bytes, cut, PKI_REVOCATION_SOFT_FAIL, &verdict);
        ck_assert_int_eq(verdict.failed, PKI_CHECK_REVOCATION);
    }
    judge_staple((const unsigned char *)"\x30\x03\x0a\x01\x03", 5, PKI_REVOCATION_SOFT_FAIL,
                 &verdict); /* tryLater */
    ck_assert(verdict.accepted && verdict.revocation_unknown);
    OPENSSL_free(bytes);
}
END_TEST

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    Suite *suite = suite_create("revocation");
    TCase *tests = tcase_create("revocation");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_list_counts_for_what_it_is_worth, 0, ARRAY_SIZE(cases));
    tcase_add_test(tests, a_revoked_intermediate_is_refused);
    tcase_add_test(tests, without_a_list_soft_passes_and_hard_refuses);
    tcase_add_test(tests, a_ca_that_may_not_sign_lists_has_signed_none);
    tcase_add_test(tests, lists_are_read_anew_when_they_change);
    tcase_add_test(tests, what_is_no_list_is_refused_at_first);
    tcase_add_test(tests, der_is_read_too);
    tcase_add_loop_test(tests, a_staple_is_checked, 0, ARRAY_SIZE(staples));
    tcase_add_test(tests, a_staple_for_another_certificate_is_refused);
    tcase_add_test(tests, a_staple_that_is_cut_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
