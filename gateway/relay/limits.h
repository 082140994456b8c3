/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What bounds a client: how many sessions, how long, how fast, how many messages and mistakes. The
 * gateway's bounds hold until a connector has admitted the sender, that connector's from then on.
 * Whatever is hit is logged (limit-reached) and counted. On the session's thread. */
#ifndef POSTERN_GATEWAY_LIMITS_H
#define POSTERN_GATEWAY_LIMITS_H

#include "connectors/model.h"

struct session;
struct transaction;
struct smtp_reply;

/* A client's sending of message data: bytes since the window began. */
struct limits_pace {
    int64_t since;
    uint64_t bytes;
};
enum { LIMITS_PACE_MILLISECONDS = 10000 }; /* over which MinimumTransferRate is measured */

const struct conn_limits *limits_of(const struct session *session);

/* The client's address is known: false when it has too many sessions; the reply is written. */
bool limits_admit_source(struct session *session);
/* `inbound` admits a sender: its sessions, the size told, the rate. False: refused, the reply is
 * written, and the session may be over. */
bool limits_admit(struct session *session, const struct conn_inbound *inbound, uint64_t size);
void limits_release(struct session *session); /* at the session's end */

/* The largest message that a connector for this client takes, for EHLO. */
uint64_t limits_size_offered(const struct session *session);

/* One more mistake, one more command that is not a message's: may end the session. */
void session_count_error(struct session *session);
void limits_count_junk(struct session *session);

/* Milliseconds to the next moment at which limits_overdue() may have something to say. */
int64_t limits_wait(struct session *session);
/* True with the last words to the client in *reply; false: it may go on. */
bool limits_overdue(struct session *session, struct smtp_reply *reply);
void limits_data_begins(struct session *session);
void limits_data_came(struct session *session, size_t bytes);

/* For limits that others check. */
void limits_reached(const struct session *session, const char *limit);

#endif
