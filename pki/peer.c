/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See peer.h. The checks are a table, in the order of enum pki_check: what it takes to be wanted,
 * what it takes to pass, and who explains a failure. */
#include "pki/peer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "pki/names.h"
#include "pki/peer-private.h"

enum { ANCHORS_MAXIMUM = 2000, CHAIN_MAXIMUM = 256 };

/* Hands the certificates over into a store. */
static int make_store(const pki_x509_stack *certificates, X509_STORE **ret, struct error *error)
{
    _cleanup_(X509_STORE_freep) X509_STORE *anchors = X509_STORE_new();
    bool added = anchors != NULL;
    for (int i = 0; added && i < sk_X509_num(certificates); i++)
        added = X509_STORE_add_cert(anchors, sk_X509_value(certificates, i));
    ERR_clear_error();
    if (!added)
        return error_set(error, EX_OSERR, "There is no memory for trust anchors");
    *ret = TAKE_PTR(anchors);
    return 0;
}

int pki_anchors_load(const char *path, X509_STORE **ret, struct error *error)
{
    _cleanup_(pki_certificates_freep) pki_x509_stack *certificates = NULL;
    int result = pki_certificates_read(path, NULL, ANCHORS_MAXIMUM, &certificates, error);
    return result < 0 ? result : make_store(certificates, ret, error);
}

int pki_anchors_parse(const char *pem, size_t length, X509_STORE **ret, struct error *error)
{
    _cleanup_(pki_certificates_freep) pki_x509_stack *certificates = NULL;
    int result = pki_certificates_parse(pem, length, ANCHORS_MAXIMUM, &certificates, error);
    return result < 0 ? result : make_store(certificates, ret, error);
}

int pki_peer_chain_parse(const char *pem, size_t length, struct pki_peer_chain *ret,
                         struct error *error)
{
    pki_x509_stack *certificates = NULL;
    int result = pki_certificates_parse(pem, length, CHAIN_MAXIMUM, &certificates, error);
    if (result < 0)
        return result;
    ret->leaf = sk_X509_shift(certificates);
    ret->untrusted = certificates;
    return 0;
}

void pki_peer_chain_clear(struct pki_peer_chain *chain)
{
    X509_free(chain->leaf);
    pki_certificates_free(chain->untrusted);
    *chain = (struct pki_peer_chain){0};
}

const char *pki_check_name(enum pki_check check)
{
    static const char *const names[] = {
        [PKI_CHECK_NONE] = "none",
        [PKI_CHECK_PRESENTED] = "presented",
        [PKI_CHECK_CHAIN] = "chain",
        [PKI_CHECK_DATES] = "dates",
        [PKI_CHECK_CONSTRAINTS] = "constraints",
        [PKI_CHECK_USAGE] = "usage",
        [PKI_CHECK_STRENGTH] = "strength",
        [PKI_CHECK_REVOCATION] = "revocation",
        [PKI_CHECK_NAME] = "name",
        [PKI_CHECK_PAIR] = "subject-issuer",
    };
    return (size_t)check < ARRAY_SIZE(names) ? names[check] : "unknown";
}

const char *pki_outcome_name(enum pki_outcome outcome)
{
    static const char *const names[] = {
        [PKI_OUTCOME_NOT_REACHED] = "not-reached",
        [PKI_OUTCOME_NOT_ASKED] = "not-asked",
        [PKI_OUTCOME_PASSED] = "passed",
        [PKI_OUTCOME_FAILED] = "failed",
    };
    return (size_t)outcome < ARRAY_SIZE(names) ? names[outcome] : "unknown";
}

/* --- the checks --- */

static bool judge_presented(struct pki_judgement *judgement)
{
    return judgement->leaf != NULL;
}

static bool has_no_fault(const struct pki_judgement *judgement, enum pki_check check)
{
    return judgement->path.faults[check].code == X509_V_OK;
}

/* The first of those that look at the path: it finds the faults of all. */
static bool judge_chain(struct pki_judgement *judgement)
{
    pki_judge_paths(judgement);
    return has_no_fault(judgement, PKI_CHECK_CHAIN);
}

static bool judge_dates(struct pki_judgement *judgement)
{
    return has_no_fault(judgement, PKI_CHECK_DATES);
}

static bool judge_constraints(struct pki_judgement *judgement)
{
    return has_no_fault(judgement, PKI_CHECK_CONSTRAINTS);
}

static bool judge_usage(struct pki_judgement *judgement)
{
    return has_no_fault(judgement, PKI_CHECK_USAGE);
}

static bool judge_strength(struct pki_judgement *judgement)
{
    return has_no_fault(judgement, PKI_CHECK_STRENGTH);
}

static bool judge_revocation(struct pki_judgement *judgement)
{
    struct pki_peer_verdict *verdict = judgement->verdict;
    bool passed = has_no_fault(judgement, PKI_CHECK_REVOCATION);
    const struct pki_peer_policy *policy = judgement->policy;
    bool quiet = policy->revocation == PKI_REVOCATION_UNWRITTEN && !policy->lists;
    verdict->revocation_unknown = passed && judgement->path.revocation_unknown && !quiet;
    snprintf(verdict->revocation, sizeof verdict->revocation, "%s", judgement->path.revocation);
    return passed;
}

/* CA/Browser Forum 7.1.2.7.8. Without a name to check it may be one: RFC 5280 forbids nothing. */
static const char *find_subscriber_fault(const struct pki_judgement *judgement)
{
    X509 *leaf = judgement->leaf;
    bool ca = X509_get_extension_flags(leaf) & EXFLAG_CA;
    if (ca && sk_X509_num(judgement->path.chain) > 1)
        return "is a CA's";
    return pki_judge_common_name(leaf, judgement->policy->common_name);
}

static bool judge_name(struct pki_judgement *judgement)
{
    const struct pki_peer_policy *policy = judgement->policy;
    struct pki_place place = {.certificate = judgement->leaf, .leaf = true};
    bool found = false;
    for (size_t i = 0; i < policy->name_count && !found; i++)
        found = pki_leaf_has_name(judgement->leaf, policy->names[i], policy->common_name);
    const char *fault = found ? find_subscriber_fault(judgement) : NULL;
    if (fault)
        pki_path_fault(&judgement->path, PKI_CHECK_NAME, X509_V_ERR_APPLICATION_VERIFICATION, fault,
                       &place);
    return found && !fault;
}

/* The leaf's issuer is compared too: a certificate that is its own anchor has no CA above it. */
static bool has_issuer(const struct pki_judgement *judgement, const X509_NAME *issuer)
{
    const pki_x509_stack *chain = judgement->path.chain;
    if (pki_name_equal(issuer, X509_get_issuer_name(judgement->leaf)))
        return true;
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (pki_name_equal(issuer, X509_get_subject_name(sk_X509_value(chain, i))))
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
    {PKI_CHECK_CHAIN, PKI_PEER_CHAIN, judge_chain, pki_explain_chain},
    {PKI_CHECK_DATES, PKI_PEER_CHAIN, judge_dates, pki_explain_dates},
    {PKI_CHECK_CONSTRAINTS, PKI_PEER_CHAIN, judge_constraints, pki_explain_constraints},
    {PKI_CHECK_USAGE, PKI_PEER_CHAIN, judge_usage, pki_explain_usage},
    {PKI_CHECK_STRENGTH, PKI_PEER_CHAIN, judge_strength, pki_explain_strength},
    {PKI_CHECK_REVOCATION, PKI_PEER_CHAIN, judge_revocation, pki_explain_revocation},
    {PKI_CHECK_NAME, PKI_PEER_NAME, judge_name, pki_explain_name},
    {PKI_CHECK_PAIR, PKI_PEER_CHAIN, judge_pair, pki_explain_pair},
};

/* Pairs need a chain that holds. */
static bool is_wanted(const struct pki_peer_policy *policy, size_t index)
{
    enum pki_peer_level level = policy->level;
    enum pki_check check = checks[index].check;
    if (policy->pair_count && level < PKI_PEER_CHAIN)
        level = PKI_PEER_CHAIN;
    return level >= checks[index].from && (check != PKI_CHECK_PAIR || policy->pair_count) &&
           (check != PKI_CHECK_REVOCATION || policy->revocation != PKI_REVOCATION_NONE);
}

static void run_checks(struct pki_judgement *judgement)
{
    struct pki_peer_verdict *verdict = judgement->verdict;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        enum pki_outcome *outcome = &verdict->outcomes[checks[i].check];
        if (!is_wanted(judgement->policy, i))
            *outcome = PKI_OUTCOME_NOT_ASKED;
        else if (verdict->failed != PKI_CHECK_NONE)
            *outcome = PKI_OUTCOME_NOT_REACHED;
        else if (checks[i].passes(judgement))
            *outcome = PKI_OUTCOME_PASSED;
        else {
            *outcome = PKI_OUTCOME_FAILED;
            verdict->failed = checks[i].check;
            checks[i].explain(judgement);
        }
    }
}

/* ReportOnly forgives the pair, and whatever was judged only because there are pairs. */
static bool only_reported(const struct pki_peer_policy *policy, enum pki_check failed)
{
    return policy->pairs_report_only && policy->pair_count &&
           (failed == PKI_CHECK_PAIR || policy->level < PKI_PEER_CHAIN);
}

void pki_peer_judge(const struct pki_peer_policy *policy, const struct pki_peer_evidence *evidence,
                    time_t now, struct pki_peer_verdict *verdict)
{
    struct pki_judgement judgement = {.policy = policy,
                                      .evidence = evidence,
                                      .leaf = evidence->leaf,
                                      .now = now ? now : time(NULL),
                                      .verdict = verdict};
    memset(verdict, 0, sizeof *verdict);
    if (judgement.leaf)
        pki_describe_certificate(&judgement);
    run_checks(&judgement);
    bool failed = verdict->failed != PKI_CHECK_NONE;
    verdict->would_refuse = failed && only_reported(policy, verdict->failed);
    verdict->accepted = !failed || verdict->would_refuse;
    pki_path_clear(&judgement.path);
    ERR_clear_error(); /* or the next SSL_get_error() of this thread would find it */
}
