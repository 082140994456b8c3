/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The verdict on the certificate of the other side: one place, for both directions.
 *
 * The policy is borrowed for the call. Judging may run on any thread but a worker's: it verifies
 * signatures, and looks whether files with revocation lists have changed. It leaves nothing in
 * OpenSSL's error queue. Checks go in the order of enum pki_check and stop at the first that fails.
 *
 * Where OpenSSL alone would be more lenient than RFC 5280, RFC 9525 or the CA/Browser Forum's
 * baseline requirements, the verdict is the stricter one; the exceptions, and there are no others,
 * stand in postern.xml(5) under CERTIFICATES OF THE OTHER SIDE. */
#ifndef POSTERN_PKI_PEER_H
#define POSTERN_PKI_PEER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pki/base/error.h"
#include "pki/revocation.h"

/* Anchors: a PEM file with one to 2000 certificates. EX_CONFIG: none in it, or unreadable. Each
 * ends a chain, be it signed by itself or not (RFC 5280 6.1.1 d). */
int pki_anchors_load(const char *path, X509_STORE **ret, struct error *error);
int pki_anchors_parse(const char *pem, size_t length, X509_STORE **ret, struct error *error);

/* What a peer would send, from PEM: the leaf, then at most 255 others. EX_DATAERR: a block is there
 * that is no certificate, and no peer that sent it would be accepted. */
struct pki_peer_chain {
    X509 *leaf;
    STACK_OF(X509) * untrusted;
};
int pki_peer_chain_parse(const char *pem, size_t length, struct pki_peer_chain *ret,
                         struct error *error);
void pki_peer_chain_clear(struct pki_peer_chain *chain);

enum pki_peer_level {
    PKI_PEER_ANY,   /* any certificate, or none */
    PKI_PEER_CHAIN, /* chain to an anchor, dates, constraints, usage */
    PKI_PEER_NAME   /* and one of `names` */
};
/* A leaf without the extension may do anything (RFC 5280 4.2.1.12); one with anyExtendedKeyUsage is
 * refused. The CAs of the chain must allow the same usage. */
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
                                 certificate's name being anything. RFC 9525: SAN only. An IP
                                 address is compared with the SAN's IP addresses */
    size_t name_count;
    bool common_name; /* where the SAN has neither DNS name nor IP address, the CN counts for one */
    enum pki_revocation_check revocation; /* wanted from PKI_PEER_CHAIN on */
    struct pki_revocation *lists;         /* may be NULL: then only a stapled response tells */
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
    PKI_CHECK_NONE,        /* nothing failed */
    PKI_CHECK_PRESENTED,   /* a certificate came at all */
    PKI_CHECK_CHAIN,       /* issuers and signatures up to an anchor */
    PKI_CHECK_DATES,       /* of every certificate of the chain */
    PKI_CHECK_CONSTRAINTS, /* basic and name constraints, path length, critical extensions,
                              policies, and the form that RFC 5280 prescribes */
    PKI_CHECK_USAGE,       /* key usage, extended key usage */
    PKI_CHECK_STRENGTH,    /* of keys and signatures */
    PKI_CHECK_REVOCATION,
    PKI_CHECK_NAME,
    PKI_CHECK_PAIR, /* subject and issuer */
    PKI_CHECK_END
};
const char *pki_check_name(enum pki_check check); /* "chain", … "subject-issuer" */

enum pki_outcome {
    PKI_OUTCOME_NOT_REACHED, /* a check before it failed */
    PKI_OUTCOME_NOT_ASKED,   /* the policy does not want it */
    PKI_OUTCOME_PASSED,
    PKI_OUTCOME_FAILED
};
const char *pki_outcome_name(enum pki_outcome outcome); /* "not-reached", "passed", … */

struct pki_peer_verdict {
    bool accepted;         /* what the connection must obey */
    bool would_refuse;     /* ReportOnly: refused under Enforce, and accepted all the same */
    enum pki_check failed; /* the check that failed (or would have), or PKI_CHECK_NONE */
    enum pki_outcome outcomes[PKI_CHECK_END]; /* by check; that of PKI_CHECK_NONE means nothing */
    bool revocation_unknown; /* SoftFail let pass what could not be looked up; `revocation` says why
                              */
    char revocation[256];    /* what is known of revocation; empty when nobody asked */
    char subject[512], issuer[512];   /* RFC 4514, as presented; empty without a certificate */
    char serial[64], fingerprint[65]; /* hex; SHA-256 over DER */
    char expires[32];                 /* RFC 3339 */
    char names[512];                  /* DNS names of the SAN, with spaces */
    char reason[1024]; /* which came and which was expected, in a sentence without its full stop;
                          empty when nothing failed */
    char cure[1536];   /* what to try, with the XML that would accept it where that is the cure */
};

/* What the other side showed. */
struct pki_peer_evidence {
    X509 *leaf;                  /* NULL: no certificate came */
    STACK_OF(X509) * untrusted;  /* what was sent beside it; may be NULL */
    const unsigned char *staple; /* an OCSP response (RFC 6066 8); NULL: none came */
    size_t staple_length;
};
/* `now`: 0 for the present. */
void pki_peer_judge(const struct pki_peer_policy *policy, const struct pki_peer_evidence *evidence,
                    time_t now, struct pki_peer_verdict *verdict);

#endif
