/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses, off the loop: getaddrinfo() on the offload pool.
 *
 * Answers are kept for a minute by each worker's resolver, failures for five seconds, at most 256
 * names. Belongs to one loop. */
#ifndef POSTERN_GATEWAY_RESOLVER_H
#define POSTERN_GATEWAY_RESOLVER_H

#include <stdint.h>
#include <sys/socket.h>

#include "gateway/net/loop.h"
#include "gateway/net/offload.h"
#include "pki/base/error.h"

enum { RESOLVER_ADDRESSES_MAXIMUM = 8 };

struct resolver_address {
    struct sockaddr_storage address;
    socklen_t length;
};
struct resolver_answer {
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
void resolver_cancel(struct resolver_query *query); /* bears one that is not asked */

#endif
