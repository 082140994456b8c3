/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Certificate revocation lists from a file or a directory, read anew when they change.
 *
 * A struct pki_revocation stands for one path. It is counted, and any thread may use it at any
 * time. Whoever asks for the lists looks first, at most once a second, whether the files are still
 * those that were read (by device, inode, size and times), and reads them when they are not;
 * meanwhile others get the lists as they were. What cannot be read leaves the lists of before in
 * force, and is logged. Not for a worker's thread: it reads files. */
#ifndef POSTERN_PKI_REVOCATION_H
#define POSTERN_PKI_REVOCATION_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

/* CertificateRevocationCheck, in the order of its words. The last is SoftFail that nobody wrote: it
 * does the same, and is silent where there is nothing to look into. */
enum pki_revocation_check {
    PKI_REVOCATION_NONE,
    PKI_REVOCATION_SOFT_FAIL,
    PKI_REVOCATION_HARD_FAIL,
    PKI_REVOCATION_UNWRITTEN
};

/* Hard bounds, of all lists behind one path together. */
enum {
    PKI_REVOCATION_FILES_MAXIMUM = 256,
    PKI_REVOCATION_LISTS_MAXIMUM = 1024,
    PKI_REVOCATION_BYTES_MAXIMUM = 64 << 20
};

struct pki_revocation;

/* A file with one or more CRLs (PEM, or one in DER), or a directory of which every file that ends
 * in .crl or .pem is one. An empty directory will do: lists may come later. EX_CONFIG when the path
 * cannot be read, or holds what is no CRL, or too much of it. */
int pki_revocation_open(const char *path, struct pki_revocation **ret, struct error *error);

/* The same from PEM in memory, which never changes. */
int pki_revocation_parse(const char *pem, size_t length, struct pki_revocation **ret,
                         struct error *error);

struct pki_revocation *pki_revocation_ref(struct pki_revocation *revocation);
struct pki_revocation *pki_revocation_unref(struct pki_revocation *revocation);
DEFINE_CLEANUP(struct pki_revocation *, pki_revocation_unref)

#endif
