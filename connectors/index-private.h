/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How the index is kept: index.c makes it, index-inbound.c and index-outbound.c each own a half. */
#ifndef POSTERN_CONNECTORS_INDEX_PRIVATE_H
#define POSTERN_CONNECTORS_INDEX_PRIVATE_H

#include "connectors/index.h"
#include "connectors/map.h"

/* Numbers of connectors, ascending. */
struct conn_numbers {
    uint32_t *items;
    size_t count, room;
};

/* Ranges of addresses as prefixes, each of which knows its connectors. A client's address is looked
 * up once for each length of prefix that there is. */
enum conn_family { CONN_FAMILY_4, CONN_FAMILY_6, CONN_FAMILY_END };
struct conn_prefix_key {
    unsigned char family, length, bytes[16];
};
struct conn_prefix {
    struct conn_prefix_key key;
    struct conn_numbers plain, proven; /* as CONN_WALK_PLAIN, CONN_WALK_PROVEN */
};

struct conn_inbound_index {
    struct conn_map prefixes; /* struct conn_prefix */
    bool lengths[CONN_FAMILY_END][129];
    struct conn_prefix anywhere;     /* connectors that take any address */
    struct conn_map names;           /* of TlsSenderCertificateName: struct conn_numbers */
    struct conn_numbers restricting; /* see conn_index_restricting() */
    struct conn_map parents;         /* the same without their first labels */
};

/* Connectors that claim one key, the best first. With many of them that have a scope, `scoped_by`
 * says for each inbound connector which is the best. */
struct conn_claims {
    struct conn_claim *items;
    size_t count, room;
};
struct conn_scoped_by {
    uint32_t inbound, claim;
};
struct conn_pattern {
    struct conn_claims open, scoped; /* without InboundConnectors, with them */
    struct conn_scoped_by *scoped_by;
    size_t scoped_by_count;
};

struct conn_outbound_index {
    bool trial;                      /* connectors in TestMode are in it too */
    struct conn_numbers centralized; /* connectors with RouteAllMessagesViaOnPremises */
    struct conn_map keys;            /* struct conn_pattern */
    struct conn_map accepted;        /* of AcceptedDomains: no more than that it is one */
    struct conn_pattern
        all_accepted;            /* connectors with AllAcceptedDomains, which claim all of those */
    struct conn_numbers *scopes; /* as config->outbound: the numbers of InboundConnectors */
    size_t scope_count;
};

struct conn_index {
    struct conn_inbound_index inbound;
    struct conn_outbound_index outbound;
    struct conn_outbound_index trial; /* made when a connector is in TestMode */
    bool has_trials;
};

/* At its end, unless it is the last one already. False: no memory. */
bool conn_numbers_add(struct conn_numbers *numbers, size_t number);

bool conn_index_make_inbound(struct conn_inbound_index *index, const struct conn_config *config);
void conn_index_clear_inbound(struct conn_inbound_index *index);
bool conn_index_make_outbound(struct conn_outbound_index *index, const struct conn_config *config);
void conn_index_clear_outbound(struct conn_outbound_index *index);

#endif
