/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What makes the choice of a connector as quick among ten thousand as among ten.
 *
 * Made once, at the end of loading, and constant from then on: any thread. It belongs to the
 * configuration and points into it. Disabled connectors are not in it. A configuration without an
 * index (as tests make them by hand) is walked from its first connector to its last. Which
 * connector is chosen is select.h's to say; this only finds those that can be. */
#ifndef POSTERN_CONNECTORS_INDEX_H
#define POSTERN_CONNECTORS_INDEX_H

#include <sys/socket.h>

#include "connectors/model.h"
#include "pki/base/error.h"

/* EX_OSERR. */
int conn_index_new(const struct conn_config *config, struct conn_index **ret, struct error *error);
struct conn_index *conn_index_free(struct conn_index *index);

/* --- inbound --- */

/* The names on a client's certificate that a TlsSenderCertificateName can match: DNS names, which
 * may begin with "*.", and the CN; in any case, as they stand there. */
enum { CONN_NAMES_MAXIMUM = 100 }; /* more are not looked up: then every connector is asked */
struct conn_names {
    char **items;
    size_t count;
};

/* Which kinds of connector a walk visits. */
enum {
    CONN_WALK_PLAIN = 1,    /* those that ask for no certificate */
    CONN_WALK_PROVEN = 2,   /* those with TlsSenderCertificateName */
    CONN_WALK_BY_NAMES = 4, /* of these only those whose names can match the certificate */
    CONN_WALK_ALL = CONN_WALK_PLAIN | CONN_WALK_PROVEN
};

struct conn_cursor {
    const uint32_t *at, *end;
};

/* A walk over enabled inbound connectors that take an address, each once, in the order of files.
 * Lives on the caller's stack. */
struct conn_walk {
    const struct conn_config *config;
    struct in6_addr address;
    unsigned kinds;
    bool known; /* the address is IPv4 or IPv6: the ranges of connectors can have it */
    size_t count;
    struct conn_cursor cursors[2 * 130 + 2 * CONN_NAMES_MAXIMUM + 2];
    size_t linear; /* without an index: the next one */
};

/* `names` may be NULL without CONN_WALK_BY_NAMES. */
void conn_walk_begin(struct conn_walk *walk, const struct conn_config *config,
                     const struct sockaddr *address, unsigned kinds,
                     const struct conn_names *names);
const struct conn_inbound *conn_walk_next(struct conn_walk *walk); /* NULL: that was all */

/* The connectors that say RestrictDomainsTo…, enabled and of a Partner, in the order of files: the
 * i-th; NULL: there are no more. */
const struct conn_inbound *conn_index_restricting(const struct conn_config *config, size_t i);

/* --- outbound --- */

/* One pattern of a connector that takes a domain; which is chosen among several is by the members
 * from the first to the last. */
struct conn_claim {
    const struct conn_outbound *outbound;
    const char *pattern; /* as it was written: "*.contoso.com"; the configuration's */
    const char *key; /* what it is found by: the same, or the "contoso.com" that an address space
                        of *.contoso.com takes too */
    const char *element; /* "RecipientDomains", "AddressSpaces", "AllAcceptedDomains",
                            "RouteAllMessagesViaOnPremises" */
    bool exact;          /* the domain itself is named, not a *. above it */
    unsigned length;     /* of the pattern: the longer *. is the nearer */
    unsigned cost;       /* of AddressSpaces; 1 where there is none */
};

/* The better of two claims on one domain, of one scope: less than 0 when it is `a`. */
int conn_claim_compare(const struct conn_claim *a, const struct conn_claim *b);

/* Calls `take` for every claim of a connector, whatever the domain. Stops at, and returns, the
 * first result that is not 0. */
int conn_claims_of(const struct conn_config *config, const struct conn_outbound *outbound,
                   int (*take)(void *context, const struct conn_claim *claim), void *context);
/* True when the claim takes the domain. */
bool conn_claim_holds(const struct conn_claim *claim, const char *domain);

/* True when the connector's InboundConnectors names this one. */
bool conn_scope_names(const struct conn_config *config, const struct conn_outbound *outbound,
                      const struct conn_inbound *inbound);

/* Centralized mail transport (Exchange's RouteAllMessagesViaOnPremises): a connector to the
 * premises that takes every recipient of what came in through the inbound connectors that it names,
 * whatever others say. The first of these; with `trial` those in TestMode count too. False: there
 * is none. */
bool conn_index_centralized(const struct conn_config *config, const struct conn_inbound *inbound,
                            bool trial, struct conn_claim *ret);

/* True when an enabled connector is in TestMode. */
bool conn_index_has_trials(const struct conn_config *config);

/* The best claim on exactly this key ("contoso.com", "*.contoso.com", "*"), of connectors whose
 * scope names `inbound`, or with NULL of those without scope; with `trial` those in TestMode count
 * too. False: there is none. */
bool conn_index_claim(const struct conn_config *config, const char *key,
                      const struct conn_inbound *inbound, bool trial, struct conn_claim *ret);

#endif
