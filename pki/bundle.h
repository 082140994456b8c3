/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A certificate of ours as a CA sends it: read in any form and order, put in order, and judged
 * before it is put to use.
 *
 * A bundle is immutable once read. Any thread; no I/O but pki_bundle_read(); nothing is left in
 * OpenSSL's error queue. */
#ifndef POSTERN_PKI_BUNDLE_H
#define POSTERN_PKI_BUNDLE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/pem.h"

enum {
    PKI_BUNDLE_BYTES_MAXIMUM = 256 * 1024,
    PKI_BUNDLE_CERTIFICATES_MAXIMUM = 32,
};

struct pki_bundle;

/* PEM (certificates and PKCS#7, in any order), one DER certificate, or one DER PKCS#7 (RFC 2315, a
 * .p7b). The leaf is the one certificate that issued none of the others; behind it come those that
 * lead up from it, the root left out (but remembered: see pki_bundle_inspect()). One that stands
 * there twice counts once; one that is no part of the leaf's chain is left out, and a finding.
 * `context` may be NULL.
 *
 * EX_DATAERR with the cure: nothing to be read in it, too large or too many, a private key in it
 * (it must not travel with the certificate), any other PEM block, two leaves. EX_NOINPUT: the file
 * cannot be read. */
int pki_bundle_parse(const void *bytes, size_t length, OSSL_LIB_CTX *context,
                     struct pki_bundle **ret, struct error *error);
int pki_bundle_read(const char *path, OSSL_LIB_CTX *context, struct pki_bundle **ret,
                    struct error *error);
struct pki_bundle *pki_bundle_free(struct pki_bundle *bundle);
DEFINE_CLEANUP(struct pki_bundle *, pki_bundle_free)

X509 *pki_bundle_leaf(const struct pki_bundle *bundle); /* borrowed */
/* Borrowed, in order, without leaf and root; may be empty. */
const pki_x509_stack *pki_bundle_intermediates(const struct pki_bundle *bundle);
/* The chain as it is to be sent, leaf first, as PEM; the caller frees. NULL: no memory. */
char *pki_bundle_pem(const struct pki_bundle *bundle);

/* One thing that was found. `word` is stable, for --json and tests. */
struct pki_finding {
    bool refusal; /* the certificate cannot be used; else a warning */
    const char *word;
    char what[640], cure[384]; /* sentences without their full stop; the cure may be empty */
};
enum { PKI_FINDINGS_MAXIMUM = 24 };
struct pki_inspection {
    struct pki_finding finding[PKI_FINDINGS_MAXIMUM];
    unsigned count, refusals; /* of all; refusals come first */
};

/* Judges a bundle at `now` (0: the present). `present` is the certificate it is to replace, or
 * NULL; `anchors` what a peer is thought to trust (pki_anchors_load()), or NULL.
 *
 * Refusals: "incomplete", "expired", "not-yet-valid" (of any certificate in the chain), "weak-key"
 * (the leaf's: RSA below 2048 bits, a curve other than P-256, P-384, P-521, a type that Postern
 * does not know), "weak-signature" (MD5 or SHA-1 anywhere in the chain below a root),
 * "not-for-clients" (an extended key usage with neither clientAuth nor serverAuth). Warnings:
 * "no-client-auth", "names-changed", "two-thirds-past", "same-key", "not-trusted", "left-out".
 *
 * A chain is complete when what is sent leads to a root, for Exchange Online fetches no
 * intermediates: its last certificate is itself a root, or was issued by a root that the bundle
 * holds or that is among the anchors. Where neither is at hand to tell (no root in the bundle, and
 * no anchors given), it is enough that the leaf's issuer is there; a leaf alone is then refused.
 * With anchors of which none has issued the last certificate, and no root in the bundle, the chain
 * is incomplete; a root in the bundle that is not among the anchors is the warning "not-trusted".
 */
void pki_bundle_inspect(const struct pki_bundle *bundle, X509 *present, X509_STORE *anchors,
                        time_t now, struct pki_inspection *ret);

/* What the other side has of our certificate, and is to change with it: three settings, as text to
 * be pasted. `present` may be NULL. */
struct pki_tenant_side {
    char sender_names[1024];  /* TlsSenderCertificateName: one of these DNS names of the leaf */
    bool sender_name_changes; /* none of the present one's names is in it */
    /* A Send connector's TlsCertificateName, "<I>issuer<S>subject" as Windows writes names; before
     * is empty without `present`. */
    char send_connector_before[2300], send_connector_after[2300];
    char tlsa_before[80], tlsa_after[80]; /* "3 1 1 HEX", RFC 6698: SHA-256 of the public key */
};
void pki_bundle_tenant_side(const struct pki_bundle *bundle, X509 *present,
                            struct pki_tenant_side *ret);
/* The same as lines for people, at most PKI_TENANT_LINES; the number is returned. */
enum { PKI_TENANT_LINES = 8, PKI_TENANT_LINE_SIZE = 2600 };
unsigned pki_tenant_side_lines(const struct pki_tenant_side *side,
                               char lines[][PKI_TENANT_LINE_SIZE]);

/* "3 1 1 HEX" of any certificate's public key. Cut to fit; returns text. */
const char *pki_tlsa_text(X509 *certificate, char *text, size_t size);
/* "<I>issuer<S>subject" as Exchange has it. Cut to fit; returns text. */
const char *pki_exchange_text(X509 *certificate, char *text, size_t size);

#endif
