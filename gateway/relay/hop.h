/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A hop: one connection to a next hop, from the name in SmartHosts to the EHLO after TLS.
 *
 * It dials by itself: hosts in order (the connector's, or those of a domain by its MX records), each
 * host's addresses in order, until one answers as the connector
 * demands; or it fails with the reply to give and the reason to log. Once ready it carries commands and
 * replies for its owner, and between transactions it rests in the pool (pool.h) with no owner.
 *
 * Callbacks never come from inside a call of the owner's. After `failed` or `lost` the hop is still the
 * owner's, who ends it with hop_close(). */
#ifndef POSTERN_GATEWAY_HOP_H
#define POSTERN_GATEWAY_HOP_H

#include "gateway/net/stream.h"
#include "gateway/relay/tls.h"
#include "gateway/relay/worker.h"
#include "gateway/smtp/advice.h"
#include "gateway/smtp/capabilities.h"

enum hop_step {
    HOP_ROUTE, /* MX records, with UseMXRecord alone */
    HOP_RESOLVE,
    HOP_CONNECT,
    HOP_GREETING,
    HOP_EHLO,
    HOP_STARTTLS,
    HOP_HANDSHAKE, /* with the verdict at its end */
    HOP_EHLO_TLS,
    HOP_READY
};
const char *hop_step_name(enum hop_step step);

struct hop;

struct hop_owner {
    void (*ready)(struct hop_owner *owner);
    /* No host would do: what to tell the sender. */
    void (*failed)(struct hop_owner *owner, const struct smtp_reply *reply);
    /* One reply came to what was sent. */
    void (*replied)(struct hop_owner *owner, const struct smtp_reply *reply);
    /* The connection broke, talked nonsense or kept silent too long, after ready. */
    void (*lost)(struct hop_owner *owner, const struct error *error);
    /* What was written has gone out but for STREAM_OUT_LOW bytes. May be NULL. */
    void (*drained)(struct hop_owner *owner);
    /* A step of dialing ended: for `outbound validate`. The hop's `heard` and `advice` tell more.
     * May be NULL. */
    void (*step)(struct hop_owner *owner, enum hop_step step, const struct error *error,
                 int64_t milliseconds);
};

enum hop_kind { HOP_NEW, HOP_RESUMED, HOP_POOLED };
const char *hop_kind_name(enum hop_kind kind);

struct hop {
    struct worker *worker;
    struct snapshot *snapshot;
    const struct conn_outbound *outbound;
    struct hop_owner *owner; /* NULL: in the pool */
    enum hop_step step;
    enum hop_kind kind;
    struct stream stream;
    struct loop_timer timer;
    struct resolver_query query;
    struct resolver_answer addresses;
    char *domain;            /* whose mail hosts it goes to; NULL: to SmartHosts */
    struct dns_route *route; /* to them; NULL: not known yet, or to SmartHosts */
    size_t host;             /* in the route, or in outbound->hosts */
    unsigned address; /* in addresses */
    unsigned connection; /* counts the addresses tried */
    bool without_tls; /* Opportunistic, and the handshake failed: once more in the clear */
    bool without_ticket; /* what was resumed is refused by now: once more from the beginning */
    bool said_helo;   /* EHLO was refused: HELO */
    bool begun;       /* the first host was begun */
    bool failed;      /* no host would do */
    bool notified;    /* failed or lost was told */
    bool late;        /* the step ended because nothing came in time */
    bool leaving;     /* QUIT was said; the pool waits for the answer */
    bool follows;     /* the pool knows of a handshake whose ticket may serve here too */
    bool busy, dead;  /* in a callback; closed from inside it */
    int64_t dial_started, dial_deadline, step_started;
    int64_t milliseconds[HOP_READY]; /* each step's, of the host that answered */
    const struct smtp_reply *heard;   /* in step(): the reply that ended it, or NULL */
    const struct smtp_advice *advice; /* what the catalogue says of a refusal while dialing, or NULL */
    SSL_CTX *tls;                        /* see hop_present(); NULL: the connector's */
    const struct pki_identity *identity; /* with it */
    struct smtp_offers offers;
    struct smtp_reply_parser *parser; /* only while replies are awaited */
    unsigned replies_awaited;
    unsigned messages;   /* begun on this connection */
    bool needs_reset;    /* a transaction was given up before its data */
    struct smtp_reply failure; /* the gravest so far while dialing */
    int gravity;
    char address_text[64];
    struct hop *next;    /* in the pool */
};

/* Begins to dial. NULL: out of memory. */
struct hop *hop_dial(struct worker *worker, struct snapshot *snapshot,
                     const struct conn_outbound *outbound, struct hop_owner *owner);
/* Right after hop_dial(): shows another certificate than the connector's own. `tls` was made for it by
 * tls_client_context(), and both stay the owner's until the hop is closed. Such a connection is used
 * for nothing else, and leaves no ticket behind. */
void hop_present(struct hop *hop, SSL_CTX *tls, const struct pki_identity *identity);
/* Right after hop_dial() under a connector with UseMXRecord: the domain (copied) whose mail hosts it
 * goes to. NULL is borne for the others. -ENOMEM. */
int hop_route_to(struct hop *hop, const char *domain);
/* That domain for a recipient, in lower case, in `text`; NULL when the connector has SmartHosts. */
const char *hop_domain_of(const struct conn_outbound *outbound, const char *address, char *text,
                          size_t size);
/* True when it was dialed for this domain, or both are NULL. */
bool hop_goes_to(const struct hop *hop, const char *domain);
/* The owner is done with it. `politely`, where nothing is under way: QUIT is said, and the pool waits a
 * moment for the answer (RFC 5321 4.1.1.10) before it frees the hop. Else it is closed and freed. */
void hop_close(struct hop *hop, bool politely);

/* The event: this next hop did not serve, and why. */
void hop_log_failure(const struct hop *hop, const struct error *error);

/* Sends a command line (without CRLF; bounded by SMTP_COMMAND_MAXIMUM) and expects one reply more.
 * `timeout` in milliseconds counts from now; it is cut to ConnectionInactivityTimeOut. */
void hop_command(struct hop *hop, int64_t timeout, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Bytes of message data: 0, or negative when there is no room or the connection broke. */
int hop_write(struct hop *hop, const char *bytes, size_t length);
void hop_flush(struct hop *hop);
/* One reply more is expected, within `timeout`. */
void hop_expect_reply(struct hop *hop, int64_t timeout);
/* While data goes out: each `timeout` milliseconds without progress are the end. */
void hop_watch_progress(struct hop *hop, int64_t timeout);

/* The host that is tried or was reached; the domain before its hosts are known. */
const char *hop_host(const struct hop *hop);
uint16_t hop_port(const struct hop *hop);

#endif
