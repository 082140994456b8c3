/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A path as OpenSSL verifies it by RFC 5280, with everything it has a switch for, and the best of
 * the paths there are.
 *
 * Verification goes on past every fault, so that each check has its own; what the checks of the
 * other files find is added. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/peer-private.h"

enum {
    SECURITY_LEVEL = 2
}; /* 112 bits: no RSA under 2048, no SHA-1; SSL_CTX_set_security_level(3) */

DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

void pki_path_clear(struct pki_path *path)
{
    path->chain = pki_certificates_free(path->chain);
    for (size_t i = 0; i < ARRAY_SIZE(path->faults); i++)
        X509_free(path->faults[i].certificate);
    *path = (struct pki_path){0};
}

void pki_path_fault(struct pki_path *path, enum pki_check check, int code, const char *words,
                    const struct pki_place *place)
{
    struct pki_fault *fault = &path->faults[check];
    if (fault->code != X509_V_OK)
        return;
    *fault = (struct pki_fault){.code = code, .words = words, .depth = place->depth};
    if (place->certificate && X509_up_ref(place->certificate))
        fault->certificate = place->certificate;
}

/* What OpenSSL finds is a fault of the constraints, but for these. */
static const struct {
    int code;
    enum pki_check check;
} checks[] = {
    {X509_V_ERR_UNSPECIFIED, PKI_CHECK_CONSTRAINTS},
    {X509_V_ERR_OUT_OF_MEM, PKI_CHECK_CHAIN},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, PKI_CHECK_CHAIN},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, PKI_CHECK_CHAIN},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, PKI_CHECK_CHAIN},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, PKI_CHECK_CHAIN},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, PKI_CHECK_CHAIN},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, PKI_CHECK_CHAIN},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, PKI_CHECK_CHAIN},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, PKI_CHECK_CHAIN},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, PKI_CHECK_CHAIN},
    {X509_V_ERR_CERT_UNTRUSTED, PKI_CHECK_CHAIN},
    {X509_V_ERR_CERT_REJECTED, PKI_CHECK_CHAIN},
    {X509_V_ERR_CERT_NOT_YET_VALID, PKI_CHECK_DATES},
    {X509_V_ERR_CERT_HAS_EXPIRED, PKI_CHECK_DATES},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, PKI_CHECK_DATES},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, PKI_CHECK_DATES},
    {X509_V_ERR_EE_KEY_TOO_SMALL, PKI_CHECK_STRENGTH},
    {X509_V_ERR_CA_KEY_TOO_SMALL, PKI_CHECK_STRENGTH},
    {X509_V_ERR_CA_MD_TOO_WEAK, PKI_CHECK_STRENGTH},
    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, PKI_CHECK_STRENGTH},
};

static enum pki_check check_of(int code)
{
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (checks[i].code == code)
            return checks[i].check;
    return PKI_CHECK_CONSTRAINTS;
}

/* Anchors of old have no key usage, and RFC 5280 6.1 does not look for it there: an exception. And
 * RFC 5280 4.1.2.5 has the last second still belong to the period. */
static bool is_forgiven(const struct pki_path *path, int code, const struct pki_place *place)
{
    if (code == X509_V_ERR_CERT_HAS_EXPIRED)
        return ASN1_TIME_cmp_time_t(X509_get0_notAfter(place->certificate), path->now) == 0;
    return code == X509_V_ERR_CA_CERT_MISSING_KEY_USAGE &&
           place->depth == sk_X509_num(path->chain) - 1;
}

/* OpenSSL calls this for every error; 1 lets it go on. */
static int on_error(int passed, X509_STORE_CTX *context)
{
    struct pki_path *path = X509_STORE_CTX_get_app_data(context);
    int code = X509_STORE_CTX_get_error(context), depth = X509_STORE_CTX_get_error_depth(context);
    struct pki_place place = {.certificate = X509_STORE_CTX_get_current_cert(context),
                              .depth = depth};
    if (!passed && !is_forgiven(path, code, &place))
        pki_path_fault(path, check_of(code), code, NULL, &place);
    return 1;
}

/* The path is given, and no other must come of it. */
static int is_next(X509_STORE_CTX *context, X509 *certificate, X509 *issuer)
{
    const struct pki_path *path = X509_STORE_CTX_get_app_data(context);
    int last = sk_X509_num(path->chain) - 1;
    for (int i = 0; i < last; i++)
        if (sk_X509_value(path->chain, i) == certificate)
            return sk_X509_value(path->chain, i + 1) == issuer;
    return sk_X509_value(path->chain, last) == certificate && certificate == issuer &&
           X509_self_signed(certificate, 0) == 1;
}

static bool run_openssl(struct pki_path *path, X509_STORE *store)
{
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    int last = sk_X509_num(path->chain) - 1;
    if (!context || !X509_STORE_add_cert(store, sk_X509_value(path->chain, last)))
        return false;
    X509_STORE_set_check_issued(store, is_next);
    if (!X509_STORE_CTX_init(context, store, sk_X509_value(path->chain, 0), path->chain))
        return false;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_depth(param, PKI_DEPTH_MAXIMUM);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(param, path->now);
    /* RFC 5280 6.1.1 c: any policy will do, and where one is required there must be one. */
    X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy));
    /* OpenSSL holds a CN to the constraints on DNS names, and takes an IP address for one. */
    if (!path->common_name && !pki_common_name_is_host(sk_X509_value(path->chain, 0)))
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    X509_STORE_CTX_set_verify_cb(context, on_error);
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN;
    if (!pki_judge_policies(path))
        flags |= X509_V_FLAG_POLICY_CHECK;
    return X509_VERIFY_PARAM_set_flags(param, flags) &&
           X509_STORE_CTX_set_app_data(context, path) && X509_verify_cert(context) == 1;
}

static void verify(const struct pki_judgement *judgement, struct pki_path *path)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    struct pki_place place = {.certificate = judgement->leaf};
    if (!store || !run_openssl(path, store))
        pki_path_fault(path, PKI_CHECK_CHAIN, X509_V_ERR_UNSPECIFIED, NULL, &place);
}

static bool fill_path(struct pki_path *path, X509 *const *certificates, int length)
{
    path->chain = sk_X509_new_reserve(NULL, length);
    for (int i = 0; path->chain && i < length; i++)
        if (!X509_up_ref(certificates[i]) || !sk_X509_push(path->chain, certificates[i]))
            return false;
    return path->chain != NULL;
}

static enum pki_check first_fault(const struct pki_path *path)
{
    for (unsigned check = PKI_CHECK_NONE; check < PKI_CHECK_END; check++)
        if (path->faults[check].code != X509_V_OK)
            return (enum pki_check)check;
    return PKI_CHECK_END;
}

static void judge_certificates(struct pki_path *path)
{
    int count = sk_X509_num(path->chain);
    for (int i = 0; i < count; i++) {
        struct pki_place place = {.certificate = sk_X509_value(path->chain, i),
                                  .depth = i,
                                  .leaf = i == 0,
                                  .anchor = i == count - 1};
        pki_judge_profile(path, &place);
        pki_judge_form(path, &place);
        pki_judge_strength(path, &place);
    }
}

/* Keeps the better of two: what fails later in the order of the checks has come further. */
static bool judge_path(struct pki_judgement *judgement, X509 *const *certificates, int length)
{
    struct pki_path path = {.now = judgement->now, .common_name = judgement->policy->common_name};
    if (!fill_path(&path, certificates, length)) {
        pki_path_clear(&path);
        return true;
    }
    judge_certificates(&path);
    if (pki_judge_constraints(judgement, &path))
        verify(judgement, &path);
    pki_judge_usage(judgement, &path);
    if (first_fault(&path) == PKI_CHECK_END)
        pki_judge_revocation(judgement, &path);
    enum pki_check failed = first_fault(&path);
    if (judgement->path.chain && first_fault(&judgement->path) >= failed) {
        pki_path_clear(&path);
    } else {
        pki_path_clear(&judgement->path);
        judgement->path = path;
    }
    return failed == PKI_CHECK_END;
}

/* Why there is no path: OpenSSL says it well. */
static void find_gap(struct pki_judgement *judgement)
{
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    struct pki_place place = {.certificate = judgement->leaf};
    int code = X509_V_ERR_UNSPECIFIED;
    if (context && X509_STORE_CTX_init(context, judgement->policy->anchors, judgement->leaf,
                                       judgement->evidence->untrusted)) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_depth(param, PKI_DEPTH_MAXIMUM);
        X509_VERIFY_PARAM_set_time(param, judgement->now);
        if (X509_verify_cert(context) != 1) {
            code = X509_STORE_CTX_get_error(context);
            place.certificate = X509_STORE_CTX_get_current_cert(context);
            place.depth = X509_STORE_CTX_get_error_depth(context);
        }
        if (check_of(code) != PKI_CHECK_CHAIN)
            code = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
        pki_path_fault(&judgement->path, PKI_CHECK_CHAIN, code, NULL, &place);
    }
    pki_path_fault(&judgement->path, PKI_CHECK_CHAIN, X509_V_ERR_UNSPECIFIED, NULL, &place);
}

void pki_judge_paths(struct pki_judgement *judgement)
{
    struct pki_place place = {.certificate = judgement->leaf};
    if (judgement->policy->anchors)
        pki_each_path(judgement, judge_path);
    if (judgement->path.chain)
        return;
    if (judgement->policy->anchors)
        find_gap(judgement);
    else
        pki_path_fault(&judgement->path, PKI_CHECK_CHAIN, X509_V_ERR_UNSPECIFIED, NULL, &place);
}
