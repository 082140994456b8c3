/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Revocation: each certificate of the path but the anchor, by lists, and the leaf by what the other
 * side has stapled.
 *
 * A list that its CA has signed revokes what stands in it, be the list old or partial. To clear a
 * certificate it must be in force, whole, and meant for that kind of certificate (RFC 5280 6.3.3).
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "pki/names.h"
#include "pki/peer-private.h"
#include "pki/revocation-private.h"

DEFINE_CLEANUP(ISSUING_DIST_POINT *, ISSUING_DIST_POINT_free)
DEFINE_CLEANUP(CRL_DIST_POINTS *, CRL_DIST_POINTS_free)
DEFINE_CLEANUP(AUTHORITY_KEYID *, AUTHORITY_KEYID_free)

struct inquiry {
    struct pki_lists *lists;
    const pki_x509_stack *chain;
    X509 *certificate;
    time_t now;
    const char *words; /* why it is unknown: constant text */
};

/* 6.3.3 f: a CA whose key usage says that it signs no lists has signed none. */
static bool may_sign(X509 *issuer)
{
    return X509_get_key_usage(issuer) & KU_CRL_SIGN; /* all bits without the extension */
}

static bool has_key_of(const X509_CRL *crl, X509 *issuer)
{
    _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *identifier =
        X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    const ASN1_OCTET_STRING *key = X509_get0_subject_key_id(issuer);
    return !identifier || !identifier->keyid || !key ||
           ASN1_OCTET_STRING_cmp(identifier->keyid, key) == 0;
}

static bool share_name(const GENERAL_NAMES *ones, const GENERAL_NAMES *others)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(ones); i++)
        for (int j = 0; j < sk_GENERAL_NAME_num(others); j++)
            if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(ones, i),
                                 sk_GENERAL_NAME_value(others, j)) == 0)
                return true;
    return false;
}

/* 6.3.3 b 2 i: a list for one distribution point is for the certificates that name it. */
static bool shares_point(const X509_CRL *crl, X509 *certificate)
{
    _cleanup_(ISSUING_DIST_POINT_freep) ISSUING_DIST_POINT *scope =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    if (!scope || !scope->distpoint)
        return true;
    _cleanup_(CRL_DIST_POINTS_freep) CRL_DIST_POINTS *points =
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
    if (scope->distpoint->type != 0)
        return false; /* named relative to the issuer: not supported, so it clears nothing */
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        if (point->distpoint && point->distpoint->type == 0 &&
            share_name(scope->distpoint->name.fullname, point->distpoint->name.fullname))
            return true;
    }
    return false;
}

/* NULL when the list can clear the certificate, else why not. */
static const char *find_limit(const struct inquiry *inquiry, const struct pki_list *list)
{
    time_t now = inquiry->now;
    const ASN1_TIME *from = X509_CRL_get0_lastUpdate(list->crl),
                    *to = X509_CRL_get0_nextUpdate(list->crl);
    bool ca = X509_get_extension_flags(inquiry->certificate) & EXFLAG_CA;
    if (list->limit)
        return list->limit;
    if (!to)
        return "does not say when the next one comes";
    if (X509_cmp_time(from, &now) >= 0)
        return "is not in force yet";
    if (ASN1_TIME_cmp_time_t(to, now) < 0)
        return "has run out";
    if ((ca && list->only_users) || (!ca && list->only_authorities))
        return "is for another kind of certificates";
    return shares_point(list->crl, inquiry->certificate) ? NULL
                                                         : "is for another distribution point";
}

static bool is_listed(const struct pki_list *list, X509 *certificate)
{
    X509_REVOKED *entry = NULL;
    int found = X509_CRL_get0_by_cert(list->crl, &entry, certificate);
    return found == 1; /* 2 is removeFromCRL */
}

/* By the key of the CA that it names: as that CA stands in the path, where it may stand twice, with
 * a former key beside the present one. NULL, or why not. */
static const char *find_signer_fault(const struct inquiry *inquiry, const struct pki_list *list)
{
    bool forbidden = false;
    for (int i = 1; i < sk_X509_num(inquiry->chain); i++) {
        X509 *ca = sk_X509_value(inquiry->chain, i);
        if (X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(list->crl)) != 0 ||
            !has_key_of(list->crl, ca))
            continue;
        if (!may_sign(ca))
            forbidden = true;
        else if (pki_list_is_signed_by(inquiry->lists, list, ca))
            return NULL;
    }
    return forbidden ? "comes from a CA that may not sign lists"
                     : "is not signed by the CA that it names";
}

/* What one list says. */
static enum pki_status ask_list(struct inquiry *inquiry, const struct pki_list *list)
{
    inquiry->words = list->fault ? list->fault : find_signer_fault(inquiry, list);
    if (inquiry->words)
        return PKI_STATUS_UNKNOWN;
    if (is_listed(list, inquiry->certificate))
        return PKI_STATUS_REVOKED;
    inquiry->words = find_limit(inquiry, list);
    return inquiry->words ? PKI_STATUS_UNKNOWN : PKI_STATUS_GOOD;
}

/* Revoked by any list is revoked; else good by any is good. */
static enum pki_status ask_lists(struct inquiry *inquiry)
{
    const X509_NAME *name = X509_get_issuer_name(inquiry->certificate);
    const struct pki_list *list;
    enum pki_status status = PKI_STATUS_UNKNOWN;
    const char *words = NULL;
    for (size_t i = 0; (list = pki_lists_next(inquiry->lists, name, &i));) {
        enum pki_status said = ask_list(inquiry, list);
        if (said == PKI_STATUS_REVOKED)
            return said;
        if (said == PKI_STATUS_GOOD)
            status = said;
        words = inquiry->words ? inquiry->words : words;
    }
    inquiry->words = words;
    return status;
}

static void note_unknown(struct pki_path *path, const struct pki_place *place, const char *words,
                         bool listed)
{
    char name[96];
    if (path->revocation_unknown)
        return;
    pki_name_text(X509_get_issuer_name(place->certificate), name, sizeof name);
    path->revocation_unknown = true;
    if (listed)
        snprintf(path->revocation, sizeof path->revocation, "the list of %s %s", name, words);
    else
        snprintf(path->revocation, sizeof path->revocation, "%s %s",
                 words ? words : "there is no list of", words ? "" : name);
}

/* One certificate of the path. */
static void judge_one(const struct pki_judgement *judgement, struct pki_path *path,
                      const struct pki_place *place, struct pki_lists *lists)
{
    struct inquiry inquiry = {.lists = lists,
                              .chain = path->chain,
                              .certificate = place->certificate,
                              .now = judgement->now};
    X509 *issuer = sk_X509_value(path->chain, place->depth + 1);
    const char *staple = NULL;
    enum pki_status stapled =
        place->leaf ? pki_staple_status(judgement->evidence, issuer, judgement->now, &staple)
                    : PKI_STATUS_UNKNOWN;
    if (stapled == PKI_STATUS_BAD_STAPLE) {
        pki_path_fault(path, PKI_CHECK_REVOCATION, X509_V_ERR_APPLICATION_VERIFICATION, staple,
                       place);
        return;
    }
    enum pki_status listed = lists ? ask_lists(&inquiry) : PKI_STATUS_UNKNOWN;
    if (stapled == PKI_STATUS_REVOKED || listed == PKI_STATUS_REVOKED)
        pki_path_fault(path, PKI_CHECK_REVOCATION, X509_V_ERR_CERT_REVOKED, NULL, place);
    else if (stapled != PKI_STATUS_GOOD && listed != PKI_STATUS_GOOD)
        note_unknown(path, place, inquiry.words ? inquiry.words : staple, inquiry.words != NULL);
    if (path->revocation_unknown && judgement->policy->revocation == PKI_REVOCATION_HARD_FAIL)
        pki_path_fault(path, PKI_CHECK_REVOCATION, X509_V_ERR_UNABLE_TO_GET_CRL, NULL, place);
}

void pki_judge_revocation(const struct pki_judgement *judgement, struct pki_path *path)
{
    const struct pki_peer_policy *policy = judgement->policy;
    if (policy->revocation == PKI_REVOCATION_NONE)
        return;
    struct pki_lists *lists = policy->lists ? pki_lists_get(policy->lists) : NULL;
    for (int i = 0; i + 1 < sk_X509_num(path->chain); i++) {
        struct pki_place place = {
            .certificate = sk_X509_value(path->chain, i), .depth = i, .leaf = i == 0};
        judge_one(judgement, path, &place, lists);
    }
    if (!path->revocation_unknown && path->faults[PKI_CHECK_REVOCATION].code == X509_V_OK)
        snprintf(path->revocation, sizeof path->revocation, "no certificate is revoked");
    pki_lists_unref(lists);
    ERR_clear_error();
}
