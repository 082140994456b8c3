/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Connections to next hops that wait for the next message, and TLS tickets for the next connection.
 *
 * One a worker. A connection is used again only under the connector and snapshot that it was made under,
 * so that a reload leaves nothing of an old policy behind. At most 128 connections wait, the oldest goes
 * first; each waits up to a minute, or until its other side says anything at all. */
#ifndef POSTERN_GATEWAY_POOL_H
#define POSTERN_GATEWAY_POOL_H

#include "gateway/relay/hop.h"

struct pool;

int pool_new(struct pool **ret, struct worker *worker, struct error *error);
struct pool *pool_free(struct pool *pool); /* closes all */

/* A connection that waits for this connector, with the new owner; NULL: none. */
struct hop *pool_take(struct pool *pool, const struct snapshot *snapshot,
                      const struct conn_outbound *outbound, struct hop_owner *owner);
/* Takes the connection over: kept, or closed politely when it has had its number of messages. */
void pool_put(struct pool *pool, struct hop *hop);
/* The connection has something to say or has waited long enough (hop.c calls this). */
void pool_drop(struct pool *pool, struct hop *hop);
/* QUIT was said: keeps the connection until it is answered, for a few seconds. False: too many are. */
bool pool_see_off(struct pool *pool, struct hop *hop);
/* The worker has a new snapshot: connections go, and tickets that no connector of it would make. */
void pool_take_up(struct pool *pool);
void pool_clear(struct pool *pool); /* the end */

/* Tickets of TLS 1.3 are used once, sessions of TLS 1.2 until something newer comes. Each is found only
 * under the resumption key of its connector (resumption.h) and for its host. */
void pool_keep_tickets(struct pool *pool, struct hop *hop);
SSL_SESSION *pool_take_ticket(struct pool *pool, const struct snapshot *snapshot,
                              const struct conn_outbound *outbound, size_t host);
/* The next connections of this connector make full handshakes. */
void pool_forget_connector(struct pool *pool, const struct snapshot *snapshot,
                           const struct conn_outbound *outbound);
/* This Certificate of postern.xml is another one now: connections that wait and tickets of those who
 * present it go, and what tickets come yet of handshakes under way or made before is not kept. */
void pool_forget_identity(struct pool *pool, const char *certificate);
/* For struct tls_peer, when a handshake begins. */
unsigned pool_generation(const struct pool *pool);

#endif
