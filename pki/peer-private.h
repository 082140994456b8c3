/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One judgement while it is made: peer.c leads it, peer-chain.c verifies, peer-words.c explains.
 *
 * It lives on the stack of pki_peer_judge(). Inside pki/ only. */
#ifndef POSTERN_PKI_PEER_PRIVATE_H
#define POSTERN_PKI_PEER_PRIVATE_H

#include "pki/peer.h"
#include "pki/pem.h"

/* A verification error and the certificate it is about. */
struct pki_fault {
    int code; /* X509_V_OK: none */
    int depth;
    X509 *certificate; /* counted; may be NULL */
};

struct pki_judgement {
    const struct pki_peer_policy *policy;
    X509 *leaf;
    STACK_OF(X509) * untrusted;
    time_t now;
    struct pki_peer_verdict *verdict;
    pki_x509_stack *chain; /* from the leaf to the anchor, once it was verified */
    struct pki_fault chain_fault, dates_fault;
};

/* peer-chain.c: each true when the check was passed. The first fills both faults. */
bool pki_judge_chain(struct pki_judgement *judgement);
bool pki_judge_dates(struct pki_judgement *judgement);
bool pki_judge_usage(struct pki_judgement *judgement);

/* peer-words.c: fill the verdict's texts. */
void pki_describe_certificate(struct pki_judgement *judgement);
void pki_explain_presented(struct pki_judgement *judgement);
void pki_explain_chain(struct pki_judgement *judgement);
void pki_explain_dates(struct pki_judgement *judgement);
void pki_explain_usage(struct pki_judgement *judgement);
void pki_explain_name(struct pki_judgement *judgement);
void pki_explain_pair(struct pki_judgement *judgement);

#endif
