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

/* A connection that waits for this connector, with the new owner; NULL: none. `domain`: see
 * hop_domain_of(). */
struct hop *pool_take(struct pool *pool, const struct snapshot *snapshot,
                      const struct conn_outbound *outbound, const char *domain,
                      struct hop_owner *owner);
/* Takes the connection over: kept, or closed politely when it has had its number of messages. */
void pool_put(struct pool *pool, struct hop *hop);
/* The connection has something to say or has waited long enough (hop.c calls this). */
void pool_drop(struct pool *pool, struct hop *hop);
/* QUIT was said: keeps the connection until it is answered, for a few seconds. False: too many are. */
bool pool_see_off(struct pool *pool, struct hop *hop);
/* The worker has a new snapshot: connections go, and tickets that no connector of it would make. */
void pool_take_up(struct pool *pool);
void pool_clear(struct pool *pool); /* the end */

/* Each ticket is found only under the resumption key of its connector (resumption.h) and for its host.
 * One of TLS 1.3 is used once when there are others, and the last one until something newer comes, as a
 * session of TLS 1.2 is: RFC 8446 C.4 asks for once so that nobody on the way can tell two connections
 * from one client, and a gateway has one address and one certificate anyway. */
void pool_keep_tickets(struct pool *pool, struct hop *hop);
SSL_SESSION *pool_take_ticket(struct pool *pool, const struct snapshot *snapshot,
                              const struct conn_outbound *outbound, const char *host, uint16_t port);
/* The next connections of this connector make full handshakes. */
void pool_forget_connector(struct pool *pool, const struct snapshot *snapshot,
                           const struct conn_outbound *outbound);
/* This Certificate of postern.xml is another one now: connections that wait and tickets of those who
 * present it go, and what tickets come yet of handshakes under way or made before is not kept. */
void pool_forget_identity(struct pool *pool, const char *certificate);
/* For struct tls_peer, when a handshake begins. */
unsigned pool_generation(const struct pool *pool);

/* Without a ticket only the first handshake with a host costs a signature: those that would begin
 * beside it follow, for the ticket that it brings. False: this hop goes first. True: its timer fires
 * when the leader's connection stands or has failed, or after three seconds. */
bool pool_follow(struct pool *pool, struct hop *hop);
/* This hop leads or follows no more (bears any hop): its followers go on. */
void pool_settle(struct pool *pool, struct hop *hop);

#endif
