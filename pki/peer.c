/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See peer.h. The checks are a table, in the order of enum pki_check: what it takes to be wanted,
 * what it takes to pass, and who explains a failure. */
#include "pki/peer.h"

#include <openssl/err.h>
#include <string.h>

#include "pki/names.h"
#include "pki/peer-private.h"

enum { ANCHORS_MAXIMUM = 2000 };

int pki_anchors_load(const char *path, X509_STORE **ret, struct error *error)
{
    _cleanup_(pki_certificates_freep) pki_x509_stack *certificates = NULL;
    _cleanup_(X509_STORE_freep) X509_STORE *anchors = X509_STORE_new();
    if (!anchors)
        return error_set(error, EX_OSERR, "There is no memory for trust anchors");
    int result = pki_certificates_read(path, NULL, ANCHORS_MAXIMUM, &certificates, error);
    if (result < 0)
        return result;
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (!X509_STORE_add_cert(anchors, sk_X509_value(certificates, i))) {
            ERR_clear_error();
            return error_set(error, EX_OSERR, "There is no memory for trust anchors");
        }
    *ret = TAKE_PTR(anchors);
    return 0;
}

const char *pki_check_name(enum pki_check check)
{
    static const char *const names[] = {
        [PKI_CHECK_NONE] = "none",   [PKI_CHECK_PRESENTED] = "presented",
        [PKI_CHECK_CHAIN] = "chain", [PKI_CHECK_DATES] = "dates",
        [PKI_CHECK_USAGE] = "usage", [PKI_CHECK_NAME] = "name",
        [PKI_CHECK_PAIR] = "pair",
    };
    return (size_t)check < ARRAY_SIZE(names) ? names[check] : "unknown";
}

static bool judge_presented(struct pki_judgement *judgement)
{
    return judgement->leaf != NULL;
}

static bool judge_name(struct pki_judgement *judgement)
{
    for (size_t i = 0; i < judgement->policy->name_count; i++)
        if (pki_certificate_has_name(judgement->leaf, judgement->policy->names[i]))
            return true;
    return false;
}

/* The leaf's issuer is compared too: a certificate that is its own anchor has no CA above it. */
static bool has_issuer(const struct pki_judgement *judgement, const X509_NAME *issuer)
{
    if (pki_name_equal(issuer, X509_get_issuer_name(judgement->leaf)))
        return true;
    for (int i = 1; i < sk_X509_num(judgement->chain); i++)
        if (pki_name_equal(issuer, X509_get_subject_name(sk_X509_value(judgement->chain, i))))
            return true;
    return false;
}

static bool judge_pair(struct pki_judgement *judgement)
{
    const X509_NAME *subject = X509_get_subject_name(judgement->leaf);
    for (size_t i = 0; i < judgement->policy->pair_count; i++) {
        const struct pki_peer_pair *pair = &judgement->policy->pairs[i];
        if ((pair->subject || pair->issuer) &&
            (!pair->subject || pki_name_equal(pair->subject, subject)) &&
            (!pair->issuer || has_issuer(judgement, pair->issuer)))
            return true;
    }
    return false;
}

static const struct {
    enum pki_check check;
    enum pki_peer_level from; /* the level from which on it is wanted */
    bool (*passes)(struct pki_judgement *judgement);
    void (*explain)(struct pki_judgement *judgement);
} checks[] = {
    {PKI_CHECK_PRESENTED, PKI_PEER_CHAIN, judge_presented, pki_explain_presented},
    {PKI_CHECK_CHAIN, PKI_PEER_CHAIN, pki_judge_chain, pki_explain_chain},
    {PKI_CHECK_DATES, PKI_PEER_CHAIN, pki_judge_dates, pki_explain_dates},
    {PKI_CHECK_USAGE, PKI_PEER_CHAIN, pki_judge_usage, pki_explain_usage},
    {PKI_CHECK_NAME, PKI_PEER_NAME, judge_name, pki_explain_name},
    {PKI_CHECK_PAIR, PKI_PEER_CHAIN, judge_pair, pki_explain_pair},
};

_Static_assert(ARRAY_SIZE(checks) <= PKI_CHECKS_MAXIMUM, "room for every check");

/* Pairs need a chain that holds, whatever the level. */
static bool is_wanted(const struct pki_peer_policy *policy, size_t index)
{
    enum pki_peer_level level = policy->level;
    if (policy->pair_count && level < PKI_PEER_CHAIN)
        level = PKI_PEER_CHAIN;
    return level >= checks[index].from &&
           (checks[index].check != PKI_CHECK_PAIR || policy->pair_count);
}

static void run_checks(struct pki_judgement *judgement)
{
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (is_wanted(judgement->policy, i) && !checks[i].passes(judgement)) {
            judgement->verdict->failed = checks[i].check;
            checks[i].explain(judgement);
            return;
        }
}

size_t pki_peer_checks(const struct pki_peer_policy *policy, const struct pki_peer_verdict *verdict,
                       struct pki_check_result results[PKI_CHECKS_MAXIMUM])
{
    bool failed = false;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        bool here = checks[i].check == verdict->failed;
        results[i] =
            (struct pki_check_result){checks[i].check, !is_wanted(policy, i) ? PKI_CHECK_NOT_ASKED
                                                       : here                ? PKI_CHECK_FAILED
                                                       : failed              ? PKI_CHECK_NOT_REACHED
                                                                             : PKI_CHECK_PASSED};
        failed |= here;
    }
    return ARRAY_SIZE(checks);
}

/* ReportOnly forgives the pair, and whatever was judged only because there are pairs. */
static bool only_reported(const struct pki_peer_policy *policy, enum pki_check failed)
{
    return policy->pairs_report_only && policy->pair_count &&
           (failed == PKI_CHECK_PAIR || policy->level < PKI_PEER_CHAIN);
}

void pki_peer_judge(const struct pki_peer_policy *policy, X509 *leaf, STACK_OF(X509) * untrusted,
                    time_t now, struct pki_peer_verdict *verdict)
{
    struct pki_judgement judgement = {
        .policy = policy, .leaf = leaf, .untrusted = untrusted, .now = now, .verdict = verdict};
    memset(verdict, 0, sizeof *verdict);
    if (leaf)
        pki_describe_certificate(&judgement);
    run_checks(&judgement);
    bool failed = verdict->failed != PKI_CHECK_NONE;
    verdict->would_refuse = failed && only_reported(policy, verdict->failed);
    verdict->accepted = !failed || verdict->would_refuse;
    pki_certificates_free(judgement.chain);
    X509_free(judgement.chain_fault.certificate);
    X509_free(judgement.dates_fault.certificate);
    ERR_clear_error(); /* or the next SSL_get_error() of this thread would find it */
}
