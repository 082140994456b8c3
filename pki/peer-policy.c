/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Certificate policies (RFC 5280 6.1), in the one case that OpenSSL must not be asked about.
 *
 * A certificate with policy constraints and without policies makes OpenSSL 3.0 lose what it read of
 * the constraints, once a certificate: a stranger could do that at every handshake. The case is
 * simple, though: from that certificate on there is no valid policy, so that all is well just when
 * none is required to the end. Everything else OpenSSL evaluates, with X509_V_FLAG_POLICY_CHECK. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "pki/peer-private.h"

static bool has(const X509 *certificate, int nid)
{
    return X509_get_ext_by_NID(certificate, nid, -1) >= 0;
}

/* requireExplicitPolicy, or -1. What cannot be read is refused elsewhere. */
static long required_after(X509 *certificate)
{
    POLICY_CONSTRAINTS *constraints =
        X509_get_ext_d2i(certificate, NID_policy_constraints, NULL, NULL);
    long after = constraints && constraints->requireExplicitPolicy
                     ? ASN1_INTEGER_get(constraints->requireExplicitPolicy)
                     : -1;
    POLICY_CONSTRAINTS_free(constraints);
    ERR_clear_error();
    return after;
}

/* 6.1.4 h and i, 6.1.5 a and b: whether the count has come down to 0 by the leaf. */
static bool is_required(const struct pki_path *path)
{
    int below = sk_X509_num(path->chain) - 1; /* certificates below the anchor */
    long left = below + 1;
    for (int i = below - 1; i >= 0; i--) {
        X509 *certificate = sk_X509_value(path->chain, i);
        bool self_issued = X509_get_extension_flags(certificate) & EXFLAG_SI;
        if (left > 0 && (i == 0 || !self_issued))
            left--;
        long after = required_after(certificate);
        if (after >= 0 && after < left && (i > 0 || after == 0))
            left = after;
    }
    return left == 0;
}

bool pki_judge_policies(struct pki_path *path)
{
    for (int i = 0; i + 1 < sk_X509_num(path->chain); i++) {
        X509 *certificate = sk_X509_value(path->chain, i);
        struct pki_place place = {.certificate = certificate, .depth = i};
        if (!has(certificate, NID_policy_constraints) || has(certificate, NID_certificate_policies))
            continue;
        if (is_required(path))
            pki_path_fault(path, PKI_CHECK_CONSTRAINTS, X509_V_ERR_NO_EXPLICIT_POLICY, NULL,
                           &place);
        return true;
    }
    return false;
}
