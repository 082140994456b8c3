/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A courier: one transaction with the next hop, over whatever connection serves.
 *
 * It takes a warm connection from the pool or dials. Until the message's data has gone out, a warm
 * connection that turns out dead is replaced by a new one and the transaction is said again, so that
 * the sender notices nothing. The session asks one thing at a time and gets exactly one answer to each,
 * never from inside the call. */
#ifndef POSTERN_GATEWAY_COURIER_H
#define POSTERN_GATEWAY_COURIER_H

#include "gateway/relay/hop.h"
#include "gateway/smtp/command.h"

struct courier;

struct courier_client {
    void (*answered)(struct courier_client *client, const struct smtp_reply *reply);
    void (*drained)(struct courier_client *client);
};

/* What the log says of the way a message went; valid until the courier ends. */
struct courier_report {
    const struct hop *hop; /* NULL: there is none */
    enum hop_kind kind;
    const struct smtp_advice *advice; /* on the next hop's last reply, when that was a refusal */
    int64_t hop_milliseconds;  /* to a ready connection */
    int64_t mail_milliseconds; /* MAIL, RCPT and DATA until 354 */
};

/* NULL: out of memory. `mail` is copied. */
struct courier *courier_new(struct worker *worker, struct snapshot *snapshot,
                            const struct conn_outbound *outbound, const struct smtp_mail *mail,
                            struct courier_client *client);
/* The reply is the next hop's to RCPT, or to MAIL where it refused that; or ours (4xx) when no
 * connection could be had. */
void courier_recipient(struct courier *courier, const struct smtp_recipient *recipient);
/* False when the next hop's LIMITS (RFC 9422) have no room for one more recipient, of this domain. */
bool courier_takes_another(const struct courier *courier, const char *domain);
/* At least one recipient was accepted. The answer is the reply to DATA, or 354
 * without a word where BDAT needs no leave. */
void courier_data(struct courier *courier);
/* The message's own bytes. 0, or negative: it broke, and courier_finish() will say how. */
int courier_write(struct courier *courier, const char *bytes, size_t length);
size_t courier_unsent(const struct courier *courier);
/* What was written may go out now. */
void courier_flush(struct courier *courier);
/* The message is whole; the answer is the reply to it. */
void courier_finish(struct courier *courier);
/* Bytes that the next hop takes of a message, as it said; 0: as many as we do, or not known yet. */
uint64_t courier_size_maximum(const struct courier *courier);

void courier_report(const struct courier *courier, struct courier_report *ret);

/* Ends the transaction: the connection goes back to the pool when nothing of a message has been begun
 * on it or it was finished; else it is broken off, so that the next hop has no whole message. */
void courier_end(struct courier *courier);

#endif
