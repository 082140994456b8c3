/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One judgement while it is made: peer.c leads it, peer-path.c finds ways to an anchor,
 * peer-chain.c has OpenSSL verify one, peer-profile.c, peer-form.c, peer-strength.c and
 * peer-revocation.c look for what OpenSSL lets pass, peer-words.c explains.
 *
 * It lives on the stack of pki_peer_judge(). Inside pki/ only. */
#ifndef POSTERN_PKI_PEER_PRIVATE_H
#define POSTERN_PKI_PEER_PRIVATE_H

#include "pki/peer.h"
#include "pki/pem.h"

enum {
    PKI_DEPTH_MAXIMUM = 10,            /* CAs between leaf and anchor */
    PKI_EXTENSIONS_MAXIMUM = 64,       /* in one certificate */
    PKI_COMPARISONS_MAXIMUM = 1 << 16, /* of a certificate's names with one CA's constraints */
};

/* What is wrong with a certificate: an error of OpenSSL's, or words of our own. */
struct pki_fault {
    int code;          /* X509_V_OK: none */
    const char *words; /* for code X509_V_ERR_APPLICATION_VERIFICATION: "has …", constant text */
    int depth;
    X509 *certificate; /* counted; may be NULL */
};

/* A way from the leaf to an anchor, and the first fault of each check that was found on it. */
struct pki_path {
    pki_x509_stack *chain; /* counted */
    time_t now;            /* of the judgement */
    bool common_name;      /* of the policy */
    struct pki_fault faults[PKI_CHECK_END];
    bool revocation_unknown;
    char revocation[256];
};

struct pki_judgement {
    const struct pki_peer_policy *policy;
    const struct pki_peer_evidence *evidence;
    X509 *leaf;
    time_t now; /* never 0 */
    struct pki_peer_verdict *verdict;
    struct pki_path path; /* the best there is; without a chain when none reaches an anchor */
    unsigned comparisons; /* of names with constraints, in all paths so far */
};

/* A position in a path. */
struct pki_place {
    X509 *certificate;
    int depth;
    bool leaf, anchor; /* both where a certificate is its own anchor */
};

void pki_path_clear(struct pki_path *path);

/* Remembers the first fault of a check. */
void pki_path_fault(struct pki_path *path, enum pki_check check, int code, const char *words,
                    const struct pki_place *place);

/* peer-path.c: calls `use` with each way to an anchor, the likeliest first, until it returns true
 * or the bounds are reached. `path` is borrowed. */
typedef bool pki_use_path(struct pki_judgement *judgement, X509 *const *path, int length);
void pki_each_path(struct pki_judgement *judgement, pki_use_path *use);

/* peer-chain.c: fills judgement->path, whatever is wrong with it. */
void pki_judge_paths(struct pki_judgement *judgement);

/* Each looks at one certificate of a path, and adds its faults. */
void pki_judge_profile(struct pki_path *path, const struct pki_place *place);
void pki_judge_form(struct pki_path *path, const struct pki_place *place);
void pki_judge_strength(struct pki_path *path, const struct pki_place *place);

/* peer-policy.c: true when the policies were judged here, and OpenSSL must not be asked. */
bool pki_judge_policies(struct pki_path *path);

/* peer-form.c: false when name constraints and names are too many to be compared. */
bool pki_judge_constraints(struct pki_judgement *judgement, struct pki_path *path);

/* peer-usage.c, peer-revocation.c, peer-staple.c */
void pki_judge_usage(const struct pki_judgement *judgement, struct pki_path *path);
bool pki_path_fits_server(const struct pki_path *path);
void pki_judge_revocation(const struct pki_judgement *judgement, struct pki_path *path);

enum pki_status {
    PKI_STATUS_UNKNOWN, /* there is nothing about it that may be believed */
    PKI_STATUS_GOOD,
    PKI_STATUS_REVOKED,
    PKI_STATUS_BAD_STAPLE /* what was stapled is not what it should be */
};
/* `*ret_words`: constant text that says why, for what is neither good nor revoked. */
enum pki_status pki_staple_status(const struct pki_peer_evidence *evidence, X509 *issuer,
                                  time_t now, const char **ret_words);

/* The preferred name syntax of RFC 1034 3.5, as RFC 1123 2.1 has it: no underscore, no dot behind,
 * and no number for the last label, or it would be an address. */
bool pki_is_host(const char *bytes, size_t length);
bool pki_is_label(const char *bytes, size_t length); /* a part between its dots */

/* peer-name.c: words for what is wrong, or NULL. */
const char *pki_judge_common_name(X509 *leaf, bool common_name);
bool pki_common_name_is_host(X509 *leaf); /* any CN of the subject */
bool pki_leaf_has_name(X509 *leaf, const char *wanted, bool common_name);

/* True for a signature algorithm that stands for at least 112 bits and is no SHA-1. */
bool pki_signature_is_strong(int nid);
/* The same of a whole AlgorithmIdentifier, the parameters of RSASSA-PSS among it. */
bool pki_algorithm_is_strong(const X509_ALGOR *algorithm);

/* peer-words.c, peer-words-pairs.c: fill the verdict's texts. */
void pki_reason(struct pki_judgement *judgement, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pki_cure(struct pki_judgement *judgement, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "The certificate CN=… (issued by CN=…, serial …, valid until …) ": every reason begins with it.
 */
void pki_introduce(struct pki_judgement *judgement);
/* A fault of the path, in our words or in OpenSSL's. */
void pki_explain_fault(struct pki_judgement *judgement, enum pki_check check);
void pki_describe_certificate(struct pki_judgement *judgement);
void pki_explain_presented(struct pki_judgement *judgement);
void pki_explain_chain(struct pki_judgement *judgement);
void pki_explain_dates(struct pki_judgement *judgement);
void pki_explain_constraints(struct pki_judgement *judgement);
void pki_explain_usage(struct pki_judgement *judgement);
void pki_explain_strength(struct pki_judgement *judgement);
void pki_explain_revocation(struct pki_judgement *judgement);
void pki_explain_name(struct pki_judgement *judgement);
void pki_explain_pair(struct pki_judgement *judgement);

#endif
