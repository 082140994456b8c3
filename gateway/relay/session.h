/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session: one client, from accept to close (the server's side of RFC 5321).
 *
 * It holds no state that outlives a transaction but what the client said in EHLO; everything about a
 * message is in its transaction (transaction.h) and goes with it. Lives on its worker's thread. */
#ifndef POSTERN_GATEWAY_SESSION_H
#define POSTERN_GATEWAY_SESSION_H

#include <sys/socket.h>

#include "gateway/relay/worker.h"

struct session;

/* Takes the descriptor over and greets, as `listener` (of the worker's snapshot; NULL: one that
 * systemd opened and postern.xml does not name) has it: behind a PROXY header, inside TLS. */
void session_accept(struct worker *worker, int fd, const struct sockaddr_storage *address,
                    const struct conn_listener *listener);
/* No new transaction: says 421 and closes when none is under way, else after it. */
void session_drain(struct session *session);
void session_cut_off(struct session *session);
struct session *session_next(struct session *session);

#endif
