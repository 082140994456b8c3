/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What identity.c, identity-chain.c and identity-tls.c share, and a test needs: an identity from a
 * key that is open already. Inside pki/ only. */
#ifndef POSTERN_PKI_IDENTITY_PRIVATE_H
#define POSTERN_PKI_IDENTITY_PRIVATE_H

#include <pthread.h>
#include <stdint.h>

#include "pki/identity.h"
#include "pki/pem.h"

/* The chain as it will be sent: the leaf, and what stands between it and the root. */
struct pki_chain {
    X509 *leaf;
    pki_x509_stack *intermediates;
};

/* One certificate with its chain and key: immutable, counted. */
struct pki_version {
    unsigned references; /* atomic */
    uint64_t serial;     /* counts the versions of this process, from 1 */
    char *source;        /* the key's sources as one text, to tell whether others are the same */
    struct pki_chain chain;
    struct pki_key *key; /* counted; its algorithms are read atomically whenever they are needed */
    EVP_PKEY *pair;      /* the key as OpenSSL sees it */
};
struct pki_version *pki_version_unref(struct pki_version *version);
DEFINE_CLEANUP(struct pki_version *, pki_version_unref)

/* Which version is in force: what changes of an identity. Counted by the identity and by every
 * connection that was prepared with it. */
struct pki_slot {
    unsigned references;  /* atomic */
    pthread_mutex_t lock; /* of the pointer, held no longer than it takes to count */
    struct pki_version *version;
};
struct pki_slot *pki_slot_unref(struct pki_slot *slot);
struct pki_version *pki_slot_version(struct pki_slot *slot); /* in force, counted */

struct pki_identity {
    unsigned references; /* atomic */
    char *name;
    struct pki_slot *slot;
};

void pki_chain_clear(struct pki_chain *chain);
int pki_chain_read(const char *path, OSSL_LIB_CTX *context, struct pki_chain *ret, char *warning,
                   size_t size, struct error *error);

/* identity-tls.c: sets what the version's key may sign with. */
int pki_version_limit(const struct pki_version *version, SSL *connection, struct error *error);
/* True when one may take the other's place without other limits. */
bool pki_version_suits(const struct pki_version *version, const struct pki_version *other);
/* 1 when our key can make a signature that the server takes, else 0 with the reason kept. */
int pki_connection_suits_request(SSL *connection);

/* Takes a reference on `key`. The source is copied. */
int pki_identity_from_key(struct pki_library *library, const struct pki_identity_source *source,
                          struct pki_key *key, struct pki_identity **ret, struct error *error);

#endif
