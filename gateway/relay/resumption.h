/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Resumption never skips a verdict: what a TLS session may be resumed under, and how it is
 * forgotten.
 *
 * A session is bound to a key, a SHA-256 over the connector (which, in which direction), the
 * identity that we show or present, the policy, its trust anchors, and the versions, cipher suites
 * and groups.
 *
 *   As a server the key covers every connector that the client's address may use. It is OpenSSL's
 *   session id context, and a session of another one is not found: a full handshake follows.
 * Sessions are kept in the memory of one SSL_CTX, with the client's whole chain; tickets that carry
 * the state themselves are never given out. The contexts belong to one snapshot, so that every
 * reload empties them. (CVE-2025-23419 is what happens to those who share.)
 *
 *   As a client the pool finds a session by the key of its connector and the host. One whose key is
 * no connector's any more goes at the reload, the others stay.
 *
 * Whichever was resumed, the chain kept in the session is judged again, by the policy in force,
 * today's date and today's CRLs. What is refused then is forgotten, so that the next handshake is a
 * full one.
 *
 * An identity whose certificate or key was changed WITHOUT a new snapshot is to be forgotten by
 * name: daemon_forget_identity() of gateway/daemon/daemon.h does it everywhere. With a new snapshot
 * (a reload, or whatever ends in worker_set_snapshot()) nothing needs to be called: the certificate
 * is in the key. */
#ifndef POSTERN_GATEWAY_RESUMPTION_H
#define POSTERN_GATEWAY_RESUMPTION_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "pki/base/error.h"

struct conn_outbound;
struct snapshot;
struct sockaddr;

struct resumption_key {
    unsigned char bytes[32]; /* SHA-256; as long as a session id context may be */
};

/* While a snapshot is made: the keys of its connectors. EX_OSERR. */
int resumption_make_keys(struct snapshot *snapshot, struct error *error);

/* Binds a connection that was accepted, before its handshake. False: no memory, do not serve it. */
bool resumption_bind(SSL *ssl, const struct snapshot *snapshot, const struct sockaddr *address);

/* True when a connector of this snapshot has the key. */
bool resumption_key_is_known(const struct snapshot *snapshot, const struct resumption_key *key);

static inline bool resumption_key_equal(const struct resumption_key *a,
                                        const struct resumption_key *b)
{
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}

/* The server's side: drops every session made under contexts that show this Certificate of
 * postern.xml (NULL: under any). Any thread. Connections that are open stay open. */
void resumption_forget(const struct snapshot *snapshot, const char *certificate);

#endif
