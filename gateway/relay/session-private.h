/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What session.c (connection), commands.c (verbs) and transaction.c (one message) share of a session.
 * For these files alone. */
#ifndef POSTERN_GATEWAY_SESSION_PRIVATE_H
#define POSTERN_GATEWAY_SESSION_PRIVATE_H

#include "connectors/select.h"
#include "gateway/net/stream.h"
#include "gateway/relay/courier.h"
#include "gateway/relay/limits.h"
#include "gateway/relay/session.h"
#include "gateway/relay/tls.h"
#include "gateway/smtp/chunk.h"
#include "gateway/smtp/command.h"
#include "gateway/smtp/data.h"
#include "gateway/smtp/firewall.h"
#include "gateway/smtp/hidden-dot.h"
#include "gateway/smtp/reply.h"
#include "pki/base/log.h"

enum session_state {
    SESSION_PROXY,     /* a balancer is to say for whom it connects */
    SESSION_COMMAND,   /* the next line is a command */
    SESSION_WAITING,   /* for the courier's answer; input rests */
    SESSION_AUTHENTICATION, /* the next line answers a 334 */
    SESSION_DATA,      /* message data */
    SESSION_CHUNK,     /* message data of a length known beforehand: BDAT */
    SESSION_HANDSHAKE,
    SESSION_LINGERING  /* the last reply is out; input is thrown away until the client closes */
};

struct transaction;
struct counter;

/* Where a session is counted, beside the gateway's total. */
enum session_count {
    SESSION_COUNT_SOURCE,           /* its address, at the gateway */
    SESSION_COUNT_CONNECTOR,        /* the connector that admitted it */
    SESSION_COUNT_CONNECTOR_SOURCE, /* its address there */
    SESSION_COUNTS
};

struct session {
    struct stream stream;
    struct worker *worker;
    struct snapshot *snapshot;
    struct session *next, **link; /* in the worker's list */
    struct loop_timer timer;
    struct buffer input; /* read and not consumed yet */
    enum session_state state;
    bool busy, dead;       /* in a callback; to be freed at its end */
    bool esmtp;            /* said EHLO */
    bool skipping_line;    /* a command line past the maximum goes by */
    bool closing;          /* close when what is written has gone out */
    bool draining;         /* no further transaction */
    bool lenient;          /* a connector for this address says LenientSyntax */
    unsigned errors, messages;
    unsigned junk; /* commands since the last message */
    int64_t started;
    int64_t line_since; /* when the first byte of an unfinished command came; 0: there is none */
    struct limits_pace pace;
    struct counter *counted[SESSION_COUNTS];
    const struct conn_inbound *likely;  /* by the address; NULL: none takes it */
    const struct conn_inbound *inbound; /* that admitted a sender last; NULL: none yet */
    struct sockaddr_storage local;      /* our side's address */
    struct sockaddr_storage address;    /* the client's, also behind a balancer */
    char peer[64];         /* "192.0.2.1" */
    char balancer[64];     /* through which it came; "": none */
    bool greeted, implicit_tls;
    char id[24];
    char *hello;           /* what EHLO or HELO said; NULL before */
    const struct snapshot_server *server; /* the TLS to offer; NULL: none */
    struct authentication *authentication; /* under way, or NULL */
    bool authenticated;
    const struct conn_credentials *credentials; /* proved, of the snapshot; NULL: none */
    struct transaction *transaction; /* from MAIL on */
    struct {
        uint64_t left; /* bytes still to come */
        bool last;
        const char *refused; /* thrown away; then this is the reply, with its code in front */
    } chunk; /* at SESSION_CHUNK */
};

/* One message on its way, from MAIL to its reply. */
struct transaction {
    struct session *session;
    struct courier_client client;
    struct courier *courier; /* from the first recipient with a route on */
    const struct conn_inbound *inbound;
    const struct conn_outbound *outbound;
    struct smtp_mail mail;
    char domain[SMTP_DOMAIN_MAXIMUM + 1]; /* of the first recipient with a route */
    struct buffer recipients; /* accepted, "<a>, <b>", for the log */
    char last_recipient[SMTP_PATH_MAXIMUM + 1];
    unsigned accepted, asked_for; /* recipients: by the next hop, and of it */
    bool too_many;
    enum { ASKED_RECIPIENT, ASKED_DATA, ASKED_MESSAGE } asked;
    struct smtp_data_decoder decoder;
    bool chunked;  /* comes by BDAT */
    struct smtp_chunk_lines lines; /* then */
    struct smtp_header_watch header;
    struct smtp_firewall firewall;
    bool names_organization; /* X-OriginatorOrg, or XOORG, which the connector admits */
    struct smtp_hidden_dot hidden_dot;
    uint64_t size; /* bytes of the message as it came, without our Received */
    bool failed;   /* the courier takes no more, or the message is refused: the rest is thrown away */
    bool refused;  /* by us, with this: */
    bool close_after; /* framing cannot be trusted any more */
    struct smtp_reply *refusal;
    char id[40];
    int64_t started, data_started, data_ended;
};

/* session.c */
/* Around everything that may end the session: it is freed by the outermost end. */
bool session_begin(struct session *session);
void session_end(struct session *session, bool outermost);
void session_reply(struct session *session, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void session_send(struct session *session, const struct smtp_reply *reply);
/* Closes once what is written is out, reading and throwing away what still comes for a while. */
void session_finish(struct session *session);
/* The client has said its last word: closes as soon as the reply is out, with nothing to wait for. */
void session_say_goodbye(struct session *session);
/* Closes now. */
void session_abort(struct session *session);
void session_resume(struct session *session); /* go on reading */
/* The courier has answered and the reply is written: on to the next command, or to the end. */
void session_answered(struct session *session);
void session_log(const struct session *session, struct log *log); /* fields of the client's side */

/* What we are called to this client: Fqdn of its connector, else HostName. */
const char *session_name(const struct session *session);

/* proxied.c: what a balancer says first, once it is whole. */
void session_take_proxy(struct session *session);

/* session.c, once the client is known: greets, or begins TLS. */
void session_open_up(struct session *session);
void session_describe_peer(struct session *session);

/* authentication.c */
void session_authenticate(struct session *session, const char *arguments, size_t length);
void session_take_response(struct session *session, const char *line, size_t length);
bool session_offers_passwords(const struct session *session);
bool session_offers_external(const struct session *session);
void session_end_authentication(struct session *session); /* bears none */

/* commands.c */
void session_command(struct session *session, const char *line, size_t length);

/* transaction.c */
void transaction_mail(struct session *session, const char *arguments, size_t length);
void transaction_rcpt(struct session *session, const char *arguments, size_t length);
void transaction_data(struct session *session);
/* Message data; returns the bytes taken. */
size_t transaction_take(struct session *session, const char *bytes, size_t length);
bool transaction_wants_data(const struct session *session);
void transaction_end(struct session *session); /* bears none */

/* The message will not be delivered: the connection to the next hop is broken off at once, and what
 * still comes is thrown away up to its end. */
void transaction_refuse(struct transaction *transaction, bool close_after, int code,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* content.c: what is in the message, on its way from decoder to encoder */
void content_begin(struct transaction *transaction);
int content_take(void *transaction, const char *bytes, size_t length);
void content_end(struct transaction *transaction);
void content_violation(struct transaction *transaction, enum smtp_data_result result);
/* OriginatorOrganizations at MAIL, with what XOORG says (NULL: nothing). False: refused, the reply is
 * written. */
bool content_admits_organization(struct session *session, const struct conn_inbound *inbound,
                                 const char *xoorg);
void transaction_message_ended(struct transaction *transaction);
/* The message will not be delivered, and this is why; its rest is thrown away. */
void transaction_keep_refusal(struct transaction *transaction, const struct smtp_reply *reply);

/* chunks.c: BDAT */
void chunks_bdat(struct session *session, const char *arguments, size_t length);
size_t chunks_take(struct session *session, const char *bytes, size_t length);
void chunks_begin(struct session *session); /* the next hop is ready for them */
void chunks_refused(struct transaction *transaction, const struct smtp_reply *reply);

/* offers.c: what we offer, and to whom. */
void offers_say(struct session *session);
/* Replies and returns false when MAIL has a parameter that was not offered. */
bool offers_admit(struct session *session, const struct smtp_mail *mail);
/* XOORG is taken from a peer that proved itself to a connector with CloudServicesMailEnabled; with
 * NULL: to any that it may turn out to come by. */
bool offers_xoorg(const struct session *session, const struct conn_inbound *inbound);

/* received.c: our line on top, with its CRLF, into `text`; returns the length. */
size_t received_line(const struct session *session, const struct transaction *transaction,
                     char *text, size_t size);

/* report.c */
void report_message(const struct transaction *transaction, const struct smtp_reply *reply);
void report_broken_off(const struct transaction *transaction);
void report_sender_refused(const struct session *session, const struct smtp_mail *mail,
                           const struct conn_inbound *closest, enum conn_condition condition);
/* ReportOnly let a client's certificate pass that is not the expected one. */
void report_sender_reported(const struct session *session, const struct conn_inbound *inbound);
void report_recipient_refused(const struct transaction *transaction,
                              const struct smtp_reply *reply);
void report_violation(const struct session *session, const char *what);

#endif
