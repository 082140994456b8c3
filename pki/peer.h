/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The verdict on the certificate of the other side: one place, for both directions.
 *
 * The policy is borrowed for the call; judging allocates only inside OpenSSL, does no I/O, leaves
 * nothing in OpenSSL's error queue, and may run on any thread. Checks go in the order of enum
 * pki_check and stop at the first that fails. A verdict more lenient than RFC 5280
 * (X509_V_FLAG_X509_STRICT) is a bug: there is no exception, for anchors neither. Of the 140-odd
 * roots that distributions ship three do not bear it, all of them long replaced by their owners. */
#ifndef POSTERN_PKI_PEER_H
#define POSTERN_PKI_PEER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pki/base/error.h"

/* Anchors: a PEM file with one to 2000 certificates. EX_CONFIG: none in it, or unreadable. Only
 * what is signed by itself ends a chain; an intermediate in the file helps to build one. */
int pki_anchors_load(const char *path, X509_STORE **ret, struct error *error);

enum pki_peer_level {
    PKI_PEER_ANY,   /* any certificate, or none */
    PKI_PEER_CHAIN, /* chain to an anchor, dates, constraints, usage */
    PKI_PEER_NAME   /* and one of `names` */
};
/* A leaf without the extension may do anything (RFC 5280 4.2.1.12); anyExtendedKeyUsage alone is
 * neither. The CAs of the chain must allow the same usage. */
enum pki_peer_eku { PKI_EKU_SERVER, PKI_EKU_CLIENT, PKI_EKU_CLIENT_OR_SERVER };

/* A subject and issuer that is accepted; either may be NULL (with both NULL the pair accepts
 * nothing). The issuer is compared with every CA of the verified chain, the anchor included. */
struct pki_peer_pair {
    X509_NAME *subject, *issuer;
};

struct pki_peer_policy {
    enum pki_peer_level level;
    enum pki_peer_eku eku;
    X509_STORE *anchors;      /* needed from PKI_PEER_CHAIN on */
    const char *const *names; /* DNS names; "*.example.com" stands for one left-most label of the
                                 certificate's name being anything. RFC 9525: SAN only */
    size_t name_count;
    const struct pki_peer_pair *pairs;
    size_t pair_count;      /* 0: any subject and issuer. Pairs need a chain that holds: with them
                               PKI_PEER_ANY is judged as PKI_PEER_CHAIN */
    bool pairs_report_only; /* PeerCertificates Mode="ReportOnly": never refuses what would be
                               accepted without the pairs */
};

/* SHA-256 (32 bytes) of everything in a policy that decides, the anchors' certificates included:
 * two policies with one digest judge alike at one moment. A TLS session is resumed only under the
 * digest that it was made under, so whoever adds a member to the policy adds it to peer-digest.c.
 * CRLs are no part of it: a resumed session is judged anew, by the CRLs of that moment. EX_OSERR.
 */
int pki_peer_policy_digest(const struct pki_peer_policy *policy, unsigned char *ret_digest,
                           struct error *error);

enum pki_check {
    PKI_CHECK_NONE,      /* nothing failed */
    PKI_CHECK_PRESENTED, /* a certificate came at all */
    PKI_CHECK_CHAIN,     /* to an anchor; signatures, constraints, strictness, key strength */
    PKI_CHECK_DATES,
    PKI_CHECK_USAGE,
    PKI_CHECK_NAME,
    PKI_CHECK_PAIR /* subject and issuer */
};
const char *pki_check_name(enum pki_check check); /* "chain", "dates", … */

struct pki_peer_verdict {
    bool accepted;         /* what the connection must obey */
    bool would_refuse;     /* ReportOnly: refused under Enforce, and accepted all the same */
    enum pki_check failed; /* the check that failed (or would have), or PKI_CHECK_NONE */
    char subject[512], issuer[512];   /* RFC 4514, as presented; empty without a certificate */
    char serial[64], fingerprint[65]; /* hex; SHA-256 over DER */
    char expires[32];                 /* RFC 3339 */
    char names[512];                  /* DNS names of the SAN, with spaces */
    char reason[1024]; /* which came and which was expected, in a sentence without its full stop;
                          empty when nothing failed */
    char cure[1536];   /* what to try, with the XML that would accept it where that is the cure */
};

/* What became of each check, in the order in which they are made. */
enum pki_check_state {
    PKI_CHECK_NOT_ASKED, /* the policy does not want it */
    PKI_CHECK_PASSED,
    PKI_CHECK_FAILED,     /* also when ReportOnly lets it pass */
    PKI_CHECK_NOT_REACHED /* one before it failed */
};
enum { PKI_CHECKS_MAXIMUM = 16 };
struct pki_check_result {
    enum pki_check check;
    enum pki_check_state state;
};
/* All the checks there are, as `policy` wanted them and `verdict` found them; returns how many. */
size_t pki_peer_checks(const struct pki_peer_policy *policy, const struct pki_peer_verdict *verdict,
                       struct pki_check_result results[PKI_CHECKS_MAXIMUM]);

/* `leaf` may be NULL: no certificate came. `untrusted`: what the peer sent beside it, may be NULL.
 * `now`: 0 for the present. */
void pki_peer_judge(const struct pki_peer_policy *policy, X509 *leaf, STACK_OF(X509) * untrusted,
                    time_t now, struct pki_peer_verdict *verdict);

#endif
