/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What revocation.c keeps, and peer-revocation.c looks into. Inside pki/ only. */
#ifndef POSTERN_PKI_REVOCATION_PRIVATE_H
#define POSTERN_PKI_REVOCATION_PRIVATE_H

#include "pki/revocation.h"

/* One list. What is constant is filled when it is read. */
struct pki_list {
    X509_CRL *crl;
    const char
        *fault; /* why nothing in it may be believed, constant text; NULL: nothing against it */
    const char
        *limit; /* why it cannot clear a certificate, though it may revoke one; NULL: it can */
    bool only_users, only_authorities; /* of its issuing distribution point */
};

/* All lists of one moment; counted, never changed but for the memory of signatures in it. */
struct pki_lists;

/* The lists as they are now (see revocation.h); NULL: no memory. Each is given back. */
struct pki_lists *pki_lists_get(struct pki_revocation *revocation);
struct pki_lists *pki_lists_unref(struct pki_lists *lists);
DEFINE_CLEANUP(struct pki_lists *, pki_lists_unref)

/* The next list of that issuer from *index on, which is moved behind it; NULL: none is left. */
const struct pki_list *pki_lists_next(const struct pki_lists *lists, const X509_NAME *issuer,
                                      size_t *index);

/* True when `issuer` has signed the list; remembered, for lists are long and handshakes many. */
bool pki_list_is_signed_by(struct pki_lists *lists, const struct pki_list *list, X509 *issuer);

#endif
