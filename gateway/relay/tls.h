/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * TLS contexts, and what is known of the other side of one TLS connection.
 *
 * A struct tls_peer hangs on its SSL and is freed with it, so that it may be filled on the offload pool
 * even when the connection's owner has gone. Whoever owns the SSL at the moment may read it. */
#ifndef POSTERN_GATEWAY_TLS_H
#define POSTERN_GATEWAY_TLS_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "connectors/index.h"
#include "gateway/relay/snapshot.h"

enum { TLS_TICKETS_MAXIMUM = 4 };

struct tls_inbound_verdict {
    const struct conn_inbound *inbound;
    struct pki_peer_verdict verdict;
};

struct tls_peer {
    struct snapshot *snapshot;
    const struct snapshot_outbound *outbound; /* towards a next hop; NULL on the server's side */
    bool resumed;
    bool presented;                 /* a certificate came */
    X509 *leaf;                     /* it, counted; NULL: none came */
    bool certificate_asked;         /* a next hop asked for ours */
    struct pki_peer_verdict *verdict; /* of the next hop; on the server's side one verdict for show */
    struct sockaddr_storage address;  /* server's side: which connectors to judge for */
    struct conn_names names;          /* server's side: those on the leaf */
    struct tls_inbound_verdict *verdicts; /* server's side: one a connector that asks for names */
    size_t verdict_count;
    SSL_SESSION *tickets[TLS_TICKETS_MAXIMUM];
    unsigned ticket_count;
    unsigned generation; /* of the pool when the connection began: see pool_forget_identity() */
};

/* Once, before any context. */
int tls_init(struct error *error);

/* With the cipher suites and groups that are usual for the lowest version; tls_accept() sets those of the
 * connectors. */
int tls_server_context(struct pki_library *library, struct pki_identity *identity,
                       enum conn_tls_version minimum, bool ask_certificate, SSL_CTX **ret,
                       struct error *error);
/* `identity` may be NULL: nothing to present. */
int tls_client_context(struct pki_library *library, struct pki_identity *identity,
                       enum conn_tls_version minimum, const struct conn_tls_lists *lists,
                       SSL_CTX **ret, struct error *error);

/* An SSL with its tls_peer, ready for stream_handshake(). NULL: out of memory. */
SSL *tls_accept(const struct snapshot_server *server, struct snapshot *snapshot,
                const struct sockaddr *address);
/* `context` and `identity` are `outbound`'s own, or others that go together: what we show. `ticket`
 * (taken over) may be NULL. `name` is sent as SNI unless it is an address. */
SSL *tls_connect(const struct snapshot_outbound *outbound, SSL_CTX *context,
                 const struct pki_identity *identity, struct snapshot *snapshot, const char *name,
                 SSL_SESSION *ticket);

struct tls_peer *tls_peer(const SSL *ssl); /* borrowed; NULL for NULL */

/* For stream_handshake(): the verdicts, also after a resumption. */
int tls_accepted(SSL *ssl, struct error *error);
int tls_connected(SSL *ssl, struct error *error);

/* The verdict on the client under this connector, for conn_client; NULL: none came. */
const struct pki_peer_verdict *tls_inbound_verdict(const struct tls_peer *peer,
                                                   const struct conn_inbound *inbound);

enum conn_tls_version tls_version(const SSL *ssl);
const char *tls_version_name(const SSL *ssl); /* "TLSv1.3" */
unsigned tls_cipher_code(const SSL *ssl); /* 0: none yet */
int tls_group(const SSL *ssl); /* SSL_get_negotiated_group(); 0: none */
const char *tls_cipher_name(const SSL *ssl);  /* as IANA registers it */
/* Of the key exchange, "x25519"; "" when there was none, as in a resumption of TLS 1.2. */
const char *tls_group_name(SSL *ssl);

#endif
