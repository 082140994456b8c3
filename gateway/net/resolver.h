/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses, off the loop: getaddrinfo() on the offload pool, and for MX records and the
 * addresses of the hosts in them the questions of dns.h.
 *
 * What getaddrinfo() says is kept for a minute by each worker's resolver, what the DNS says as long
 * as it allows (30 seconds to an hour, a lasting refusal for a minute), failures for five seconds;
 * at most 256 names. Belongs to one loop. */
#ifndef POSTERN_GATEWAY_RESOLVER_H
#define POSTERN_GATEWAY_RESOLVER_H

#include <stdint.h>
#include <sys/socket.h>

#include "gateway/net/dns.h"
#include "gateway/net/loop.h"
#include "gateway/net/offload.h"
#include "pki/base/error.h"

enum { RESOLVER_ADDRESSES_MAXIMUM = 8 };

struct resolver_address {
    struct sockaddr_storage address;
    socklen_t length;
};
struct resolver_answer {
    enum dns_outcome outcome;      /* DNS_TEMPORARY for whatever getaddrinfo() says */
    const struct dns_route *route; /* of a domain, for the callback's time; else NULL */
    unsigned count;
    struct resolver_address addresses[RESOLVER_ADDRESSES_MAXIMUM];
};

struct resolver;

int resolver_new(struct resolver **ret, struct loop *loop, struct offload *offload,
                 struct error *error);
struct resolver *resolver_free(struct resolver *resolver);

/* A question lives in its owner until it is answered or cancelled. */
struct resolver_query {
    /* Exactly once unless cancelled, never before resolver_ask() returned. Port is set in every
     * address. An error has no addresses. */
    void (*answered)(struct resolver_query *query, const struct resolver_answer *answer,
                     const struct error *error);
    uint16_t port;
    struct resolver_entry *entry;
    struct resolver_query *next;
};
int resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *name,
                 uint16_t port,
                 void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                  const struct error *));
/* The mail hosts of a domain, in `route`. `servers` and `own` (see dns_mail_hosts()) are copied. */
int resolver_ask_mail(struct resolver *resolver, struct resolver_query *query,
                      const struct dns_servers *servers, const char *own, const char *domain,
                      void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                       const struct error *));
/* The addresses of one of them. `alias`: see dns_addresses(). */
int resolver_ask_mail_host(struct resolver *resolver, struct resolver_query *query,
                           const struct dns_servers *servers, const char *name, bool alias,
                           uint16_t port,
                           void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                            const struct error *));
/* Nothing that is known by now is told any more: there are other servers to ask. */
void resolver_forget(struct resolver *resolver);
void resolver_cancel(struct resolver_query *query); /* bears one that is not asked */

#endif
