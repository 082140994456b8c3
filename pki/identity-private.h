/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What identity.c, identity-chain.c and identity-tls.c share, and a test needs: an identity from a
 * key that is open already. Inside pki/ only. */
#ifndef POSTERN_PKI_IDENTITY_PRIVATE_H
#define POSTERN_PKI_IDENTITY_PRIVATE_H

#include "pki/identity.h"
#include "pki/pem.h"

/* The chain as it will be sent: the leaf, and what stands between it and the root. */
struct pki_chain {
    X509 *leaf;
    pki_x509_stack *intermediates;
};

struct pki_identity {
    unsigned references; /* atomic */
    char *name;
    char *source; /* the key's sources as one text, to tell whether others are the same */
    struct pki_chain chain;
    struct pki_key *key; /* counted; its algorithms are read atomically whenever they are needed */
    EVP_PKEY *pair;      /* the key as OpenSSL sees it */
};

void pki_chain_clear(struct pki_chain *chain);
int pki_chain_read(const char *path, OSSL_LIB_CTX *context, struct pki_chain *ret, char *warning,
                   size_t size, struct error *error);

/* Takes a reference on `key`. The source is copied. */
int pki_identity_from_key(struct pki_library *library, const struct pki_identity_source *source,
                          struct pki_key *key, struct pki_identity **ret, struct error *error);

#endif
