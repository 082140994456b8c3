/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is worth remembering of a certificate that the other side presented: plain text and numbers,
 * a value that may be copied, kept and written down. Pure functions, any thread. */
#ifndef POSTERN_PKI_PEER_RECORD_H
#define POSTERN_PKI_PEER_RECORD_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pki/base/error.h"

struct pki_peer_record {
    char subject[512], issuer[512]; /* RFC 4514; the issuer is the one named in the certificate */
    bool cut;                       /* one of the two was too long, and is not whole */
    char serial[64];
    char fingerprint[65]; /* SHA-256 over the certificate, hex */
    char spki[65];        /* SHA-256 over its SubjectPublicKeyInfo, hex: stays when a key is kept */
    char pair[65];        /* SHA-256 over the DER of subject and issuer, hex: tells pairs apart */
    char names[256];      /* DNS names of the SAN, with spaces */
    char eku[160];        /* extended key usages, with spaces; empty: the extension is not there */
    time_t not_before, not_after;
};

/* EX_OSERR, EX_DATAERR (a date that cannot be read). */
int pki_peer_record_make(X509 *certificate, struct pki_peer_record *ret, struct error *error);

/* "<Peer><Subject>…</Subject><Issuer>…</Issuer></Peer>", which accepts the pair; always ended.
 * Returns its length, or 0 when it cannot be written (names too long, or both empty). */
size_t pki_peer_record_xml(const struct pki_peer_record *record, char *text, size_t size);

#endif
