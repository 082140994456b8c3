/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A validation while it runs. validate.c leads it over both threads, validate-mail.c speaks to the
 * next hop once that is ready, validate-words.c makes the JSON that is told. */
#ifndef POSTERN_GATEWAY_VALIDATE_PRIVATE_H
#define POSTERN_GATEWAY_VALIDATE_PRIVATE_H

#include "gateway/daemon/validate.h"
#include "gateway/relay/hop.h"
#include "gateway/smtp/command.h"

/* What is posted to the main thread. */
struct validate_tidings {
    struct loop_task task;
    struct validation *validation;
    json_t *json;
};

/* How the mail part goes on. */
enum validate_line {
    VALIDATE_MAIL,
    VALIDATE_RCPT,
    VALIDATE_RSET,
    VALIDATE_DATA,
    VALIDATE_CONTENT, /* and the final reply */
    VALIDATE_LINE_END
};

/* Why it failed, in a word: the exit status of posternctl hangs on it. */
enum validate_failure {
    VALIDATE_UNREACHABLE,   /* no host, no connection */
    VALIDATE_REFUSED,       /* 5xx */
    VALIDATE_TEMPORARY,     /* 4xx, no answer in time, no signature to be had */
    VALIDATE_PROTOCOL,      /* it does not speak as the connector needs */
    VALIDATE_OUR_IDENTITY,  /* it does not take our certificate, or does not know us by it */
    VALIDATE_THEIR_IDENTITY /* the verdict */
};

/* Of a step that failed. */
struct validate_fault {
    const char *step; /* a constant; NULL: nothing failed */
    enum validate_failure failure;
    char what[640], cause[SMTP_ADVICE_MAXIMUM], cure[1536];
};

struct validation {
    /* main thread */
    struct daemon *daemon;
    struct validation *next; /* of daemon->validations */
    struct validate_client *client;
    bool remember;
    /* fixed from the start on */
    struct worker *worker;
    struct snapshot *snapshot;
    const struct conn_outbound *outbound;
    struct pki_identity *identity; /* counted; NULL: the connector's own */
    SSL_CTX *tls;                  /* for it */
    char sender[SMTP_PATH_MAXIMUM + 1], recipient[SMTP_PATH_MAXIMUM + 1]; /* "": none */
    char domain[DNS_NAME_MAXIMUM]; /* "": the connector has SmartHosts */
    bool send;
    /* the worker's thread */
    bool cancelled; /* set when that has ended */
    struct loop_task begin;
    struct hop_owner owner;
    struct hop *hop;
    enum validate_line line;
    int64_t line_started;
    struct validate_fault fault;
    json_t *peer, *checks, *offers, *reply; /* of the host that was tried last; NULL: not reached */
    struct validate_tidings last;           /* the result: there must be room for it */
};

/* --- validate.c, on the worker's thread --- */

void validate_tell(struct validation *validation, json_t *step);
/* The fault, if any, is in `fault`. Closes the hop. */
void validate_end(struct validation *validation);

/* --- validate-mail.c --- */

void validate_mail_begin(struct validation *validation);
void validate_mail_replied(struct validation *validation, const struct smtp_reply *reply);
void validate_mail_lost(struct validation *validation, const struct error *error);

/* --- validate-faults.c --- */

const char *validate_failure_name(enum validate_failure failure);
const struct smtp_advice *validate_step_advice(enum hop_step step);
/* Of the step that has just failed, or with HOP_READY of the mail part. Never NULL. */
const struct smtp_advice *validate_advise(const struct hop *hop, enum hop_step step,
                                          const struct error *error);
enum validate_failure validate_classify(const struct hop *hop, enum hop_step step,
                                        const struct error *error,
                                        const struct smtp_advice *advice);
/* All text is copied but `step`. */
void validate_set_fault(struct validation *validation, const char *step,
                        enum validate_failure failure, const char *what, const char *cause,
                        const char *cure);

/* --- validate-words.c --- */

/* The steps that a step of dialing is for the administrator. `error`: NULL when it passed. */
void validate_tell_dialing(struct validation *validation, enum hop_step step,
                           const struct error *error, int64_t milliseconds);
/* Without TLS there are steps that never come: says so. */
void validate_tell_clear(struct validation *validation);
void validate_tell_reply(struct validation *validation, const char *step,
                         const struct smtp_reply *reply, bool passed, int64_t milliseconds);
void validate_tell_lost(struct validation *validation, const char *step, const struct error *error,
                        int64_t milliseconds);
json_t *validate_result(const struct validation *validation);

#endif
