/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The chain of the other side: to an anchor, by RFC 5280; its dates and its usages apart.
 *
 * Verification goes on past wrong dates, so that they are told from what is worse, and OpenSSL
 * still prefers the valid one of two issuers with one name. */
#include <openssl/err.h>
#include <string.h>

#include "pki/peer-private.h"

enum {
    SECURITY_LEVEL =
        2, /* 112 bits: no RSA under 2048, no SHA-1; see SSL_CTX_set_security_level(3) */
    DEPTH_MAXIMUM = 10 /* CAs between leaf and anchor */
};

DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)
DEFINE_CLEANUP(NAME_CONSTRAINTS *, NAME_CONSTRAINTS_free)

static void set_fault(struct pki_fault *fault, int code, int depth, X509 *certificate)
{
    if (fault->code != X509_V_OK)
        return;
    fault->code = code;
    fault->depth = depth;
    if (certificate && X509_up_ref(certificate))
        fault->certificate = certificate;
}

/* OpenSSL calls this for every error; 1 lets it go on. */
static int on_error(int passed, X509_STORE_CTX *context)
{
    struct pki_judgement *judgement = X509_STORE_CTX_get_app_data(context);
    int code = X509_STORE_CTX_get_error(context);
    if (passed)
        return 1;
    bool dates = code == X509_V_ERR_CERT_NOT_YET_VALID || code == X509_V_ERR_CERT_HAS_EXPIRED;
    set_fault(dates ? &judgement->dates_fault : &judgement->chain_fault, code,
              X509_STORE_CTX_get_error_depth(context), X509_STORE_CTX_get_current_cert(context));
    return dates;
}

static bool verify(struct pki_judgement *judgement)
{
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!context || !X509_STORE_CTX_init(context, judgement->policy->anchors, judgement->leaf,
                                         judgement->untrusted))
        return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_depth(param, DEPTH_MAXIMUM);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    if (judgement->now)
        X509_VERIFY_PARAM_set_time(param, judgement->now);
    X509_STORE_CTX_set_verify_cb(context, on_error);
    if (!X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) ||
        !X509_STORE_CTX_set_app_data(context, judgement) || X509_verify_cert(context) != 1)
        return false;
    judgement->chain = X509_STORE_CTX_get1_chain(context);
    return judgement->chain != NULL;
}

/* True when the wildcard's one label can be filled in so that the name falls into the subtree. */
static bool wildcard_reaches(const char *name, size_t length, const char *subtree,
                             size_t subtree_length)
{
    if (subtree_length && subtree[0] == '.')
        subtree++, subtree_length--;
    const char *dot = memchr(subtree, '.', subtree_length);
    if (length < 3 || name[0] != '*' || name[1] != '.' || !dot)
        return false;
    size_t rest = subtree_length - (size_t)(dot - subtree);
    return rest == length - 1 && strncasecmp(dot, name + 1, rest) == 0;
}

static bool excludes(const GENERAL_SUBTREE *subtree, const GENERAL_NAME *name)
{
    if (subtree->base->type != GEN_DNS || name->type != GEN_DNS)
        return false;
    return wildcard_reaches((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                            (size_t)ASN1_STRING_length(name->d.dNSName),
                            (const char *)ASN1_STRING_get0_data(subtree->base->d.dNSName),
                            (size_t)ASN1_STRING_length(subtree->base->d.dNSName));
}

/* OpenSSL compares a wildcard with an excluded subtree as if `*` were a label like others, so that
 * *.example.com passes where secret.example.com is excluded (the class of CVE-2025-61727). */
static bool wildcard_is_excluded(X509 *ca, const GENERAL_NAMES *names)
{
    enum { COMPARISONS_MAXIMUM = 1 << 16 };
    _cleanup_(NAME_CONSTRAINTS_freep) NAME_CONSTRAINTS *constraints =
        X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    if (!constraints || !constraints->excludedSubtrees)
        return false;
    int subtrees = sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);
    int count = sk_GENERAL_NAME_num(names);
    if (count > 0 && subtrees > COMPARISONS_MAXIMUM / count)
        return true;
    for (int i = 0; i < subtrees; i++)
        for (int j = 0; j < count; j++)
            if (excludes(sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, i),
                         sk_GENERAL_NAME_value(names, j)))
                return true;
    return false;
}

static bool wildcards_are_allowed(struct pki_judgement *judgement)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(judgement->leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 1; names && i < sk_X509_num(judgement->chain); i++)
        if (wildcard_is_excluded(sk_X509_value(judgement->chain, i), names)) {
            set_fault(&judgement->chain_fault, X509_V_ERR_EXCLUDED_VIOLATION, 0, judgement->leaf);
            return false;
        }
    return true;
}

bool pki_judge_chain(struct pki_judgement *judgement)
{
    bool passed =
        judgement->policy->anchors && verify(judgement) && wildcards_are_allowed(judgement);
    if (!passed)
        set_fault(&judgement->chain_fault, X509_V_ERR_UNSPECIFIED, 0, judgement->leaf);
    return passed;
}

bool pki_judge_dates(struct pki_judgement *judgement)
{
    return judgement->dates_fault.code == X509_V_OK;
}

/* The whole chain for one purpose. OpenSSL would take Netscape's and Microsoft's old usages for
 * serverAuth: the leaf must name the usage itself when it names any. */
static bool fits(const struct pki_judgement *judgement, int purpose, uint32_t usage)
{
    for (int i = 0; i < sk_X509_num(judgement->chain); i++)
        if (X509_check_purpose(sk_X509_value(judgement->chain, i), purpose, i > 0) != 1)
            return false;
    return !(X509_get_extension_flags(judgement->leaf) & EXFLAG_XKUSAGE) ||
           (X509_get_extended_key_usage(judgement->leaf) & usage);
}

bool pki_judge_usage(struct pki_judgement *judgement)
{
    enum pki_peer_eku eku = judgement->policy->eku;
    if (eku != PKI_EKU_CLIENT && fits(judgement, X509_PURPOSE_SSL_SERVER, XKU_SSL_SERVER))
        return true;
    return eku != PKI_EKU_SERVER && fits(judgement, X509_PURPOSE_SSL_CLIENT, XKU_SSL_CLIENT);
}
