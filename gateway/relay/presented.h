/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Noting for the ledger what the other side of a handshake presented. On the worker's thread, once
 * the handshake has ended; costs next to nothing and never fails. */
#ifndef POSTERN_GATEWAY_PRESENTED_H
#define POSTERN_GATEWAY_PRESENTED_H

struct hop;
struct session;

/* A next hop, accepted or refused. */
void presented_by_next_hop(const struct hop *hop);
/* A client: for the connectors that accept its certificate, or for all that judged it when none
 * does. */
void presented_by_client(const struct session *session);

#endif
