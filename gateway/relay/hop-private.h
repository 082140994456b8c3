/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between the two halves of a hop: hop.c carries, hop-dial.c dials. See hop.h. */
#ifndef POSTERN_GATEWAY_HOP_PRIVATE_H
#define POSTERN_GATEWAY_HOP_PRIVATE_H

#include "gateway/relay/hop.h"

/* Milliseconds. The whole of dialing stays below the five minutes that a sender waits for the reply
 * to RCPT. */
enum { HOP_DIAL_MAXIMUM = 270000 };

static inline struct loop *hop_loop(const struct hop *hop)
{
    return hop->worker->loop;
}

/* --- hop.c --- */

void hop_set_timer(struct hop *hop, int64_t milliseconds);
/* Milliseconds, cut to ConnectionInactivityTimeOut. */
int64_t hop_bounded(const struct hop *hop, int64_t timeout);
void hop_on_stream(struct stream *stream);
/* Around everything that may call the owner, who may close the hop: it is freed by the outermost.
 */
bool hop_begin_callback(struct hop *hop);
void hop_end_callback(struct hop *hop, bool outermost);

/* --- hop-dial.c --- */

/* Begins with the host of number hop->host. */
void hop_dial_host(struct hop *hop);
/* The socket has something to say at HOP_CONNECT. True once the connection stands. */
bool hop_dial_connected(struct hop *hop);
/* A reply before HOP_READY. */
void hop_dial_replied(struct hop *hop, const struct smtp_reply *reply);
/* The handshake that this one waited for has arrived, with a ticket or without, or has been waited
 * for long enough. */
void hop_dial_end_following(struct hop *hop);
/* The connection was lost before HOP_READY. */
void hop_dial_broken(struct hop *hop, struct error *error);

/* The domain has hosts: begins with the first. */
void hop_dial_routed(struct hop *hop);
/* The domain or the host does not resolve. */
void hop_dial_unresolved(struct hop *hop, enum dns_outcome outcome, struct error *error);

/* --- hop-route.c --- */

size_t hop_host_count(const struct hop *hop);
/* Asks for the domain's hosts; ends in hop_dial_routed() or hop_dial_unresolved(). */
int hop_route_ask(struct hop *hop);
/* Asks for the addresses of the host. */
int hop_route_resolve(struct hop *hop,
                      void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                       const struct error *));
/* SourceIPAddress, before connect(). */
int hop_bind_source(const struct hop *hop, int fd, int family, struct error *error);
void hop_route_free(struct hop *hop);

/* --- hop-log.c, beside hop_log_failure() --- */

/* The verdict would have refused it, and PeerCertificates says ReportOnly. */
void hop_log_reported(const struct hop *hop, const struct pki_peer_verdict *verdict);
/* Whether it is revoked is not known, and CertificateRevocationCheck is SoftFail. */
void hop_log_unknown_revocation(const struct hop *hop, const struct pki_peer_verdict *verdict);

#endif
