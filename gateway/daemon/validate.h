/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A validation: a hop is dialed as for mail, on a worker, each step is told as it ends, and what
 * was asked for beyond is said: MAIL and RCPT, or a whole test message.
 *
 * Everything here is called, and calls back, on the main thread. */
#ifndef POSTERN_GATEWAY_VALIDATE_H
#define POSTERN_GATEWAY_VALIDATE_H

#include <jansson.h>

#include "gateway/daemon/daemon.h"

/* What to do, and as whom. Borrowed for the call. */
struct validate_order {
    const struct conn_outbound *outbound; /* of the configuration in force */
    struct pki_identity *identity; /* shown instead of the connector's certificate, and then the
                                      outcome is not remembered; NULL: the connector's own */
    const char *recipient;         /* NULL: it ends with what EHLO offers */
    const char *sender;            /* NULL or "": the null sender */
    const char *domain;            /* with UseMXRecord and without recipient: whose mail hosts */
    bool send;                     /* a test message is delivered; else RSET follows RCPT */
};

/* Who asked. In its owner, who keeps it until done() was called, which it is exactly once; also
 * when posternd stops before the end. */
struct validate_client {
    /* A step ended; the object is that of gateway/control/shapes.h, and taken over. May be NULL. */
    void (*step)(struct validate_client *client, json_t *step);
    /* The result, as shapes.h has it, taken over; or NULL and the error that is nobody's but ours.
     * Its "outcome" is "passed" or "failed". */
    void (*done)(struct validate_client *client, json_t *result, const struct error *error);
};

/* Fails at once, and calls nothing back then, without memory (EX_OSERR) or with an address that is
 * none (EX_USAGE), or an identity that cannot serve (EX_CONFIG). */
int validate_start(struct daemon *daemon, const struct validate_order *order,
                   struct validate_client *client, struct error *error);

/* The command of the control socket. */
void validate_outbound(void *context, struct control_request *request, const json_t *arguments);

/* At the end, after the workers' threads: closes what is open, delivers what was told. */
void validate_cut_off(struct daemon *daemon);
/* And after what was posted to the workers has run: ends what is left. */
void validate_abandon(struct daemon *daemon);

#endif
