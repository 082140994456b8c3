/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything that one configuration means at run time: the connectors, identities, anchors and TLS
 * contexts. Built and checked as a whole, immutable, counted; a session and a connection to a next hop
 * keep the one that they began with. Any thread may read it. */
#ifndef POSTERN_GATEWAY_SNAPSHOT_H
#define POSTERN_GATEWAY_SNAPSHOT_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <time.h>

#include "connectors/load.h"
#include "connectors/model.h"
#include "gateway/relay/resumption.h"
#include "pki/identity.h"
#include "pki/peer.h"
#include "pki/rotation.h"

struct snapshot_outbound {
    SSL_CTX *tls;                  /* NULL when TlsSettings is None */
    const struct pki_identity *identity; /* what we present; NULL: nothing */
    struct pki_peer_policy policy; /* the verdict on the next hop's certificate */
    struct resumption_key resumption;
};

/* What a listener shows to a client: a certificate, a lowest version, whether a certificate is asked. */
struct snapshot_server {
    const struct pki_identity *identity;
    enum conn_tls_version minimum;
    bool ask_certificate;
    SSL_CTX *tls;
};

struct snapshot {
    unsigned references; /* atomic */
    uint64_t generation;
    time_t loaded;
    size_t warnings;
    struct conn_config *config;
    struct pki_identity **identities;      /* as config->certificates */
    struct pki_loaded *rotations;          /* as config->certificates: what each has on disk */
    X509_STORE **anchors;                  /* as config->anchors */
    struct pki_revocation **lists;         /* as config->lists */
    struct snapshot_outbound *outbound;    /* as config->outbound */
    struct pki_peer_policy *inbound;       /* as config->inbound: the verdict on a client's certificate */
    struct resumption_key *inbound_keys;   /* as config->inbound */
    struct snapshot_server *servers;
    size_t server_count;
};

/* Reads `directory` and opens what it names. Blocks on the signer: up to its deadline for each key that
 * `previous` does not have open already. At start (`previous` NULL) a token that is not there yet is no
 * failure; at a reload it is. Problems of the files are in `problems` (-EX_CONFIG and no text in
 * `error` but a summary); anything else is in `error`. */
int snapshot_load(struct pki_library *library, struct pki_signer *signer, const char *directory,
                  const struct snapshot *previous, struct snapshot **ret,
                  struct conn_problems *problems, struct error *error);
/* The snapshot comes into force: certificates that it brings are presented from now on, by everybody.
 * Cannot fail; once. */
void snapshot_take_up(struct snapshot *snapshot);
/* Afterwards: what is on disk follows, and the log is told. Blocks on the disk. */
void snapshot_settle(struct snapshot *snapshot);

/* What the steps of a certificate's rotation need to know of this configuration. The texts are the
 * snapshot's. */
struct snapshot_surroundings {
    struct pki_surroundings surroundings;
    struct pki_identity_source source;
    struct pki_key_source others[CONN_KEYS_MAXIMUM - 1];
    struct pki_key_source *tokens;
};
int snapshot_surroundings(const struct snapshot *snapshot, size_t certificate,
                          struct pki_library *library, struct pki_signer *signer,
                          struct snapshot_surroundings *ret, struct error *error); /* EX_OSERR */
void snapshot_surroundings_clear(struct snapshot_surroundings *surroundings);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
struct snapshot *snapshot_unref(struct snapshot *snapshot);

/* What to show a client at this address that came in on `local`, NULL when there is no TLS to offer. */
const struct snapshot_server *snapshot_server(const struct snapshot *snapshot,
                                              const struct sockaddr *address,
                                              const struct sockaddr *local);

#endif
