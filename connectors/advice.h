/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What only a look at the whole configuration shows: what is legal and foolish (warnings), and the
 * open relay that nobody asked for (an error). At the end of loading, once the index is there; the
 * loading thread. */
#ifndef POSTERN_CONNECTORS_ADVICE_H
#define POSTERN_CONNECTORS_ADVICE_H

#include "connectors/read.h"

void conn_give_advice(struct conn_reader *reader);

/* The parts: one connector by itself (advice.c), and those that stand in each other's way. */
void conn_advise_on_ranges(struct conn_reader *reader); /* advice-ranges.c */
void conn_advise_on_order(struct conn_reader *reader);  /* advice-order.c */

/* True when the ranges together have every IPv4 address, or every one of the global unicast
 * addresses of IPv6 (2000::/3). */
bool conn_ranges_have_all(const struct conn_inbound *inbound);

/* True when mail of this connector may go to "*"; *claim says by which outbound connector. */
struct conn_claim;
bool conn_relays_anywhere(const struct conn_config *config, const struct conn_inbound *inbound,
                          struct conn_claim *claim);

/* A problem at the line where the connector begins. */
void conn_advise(struct conn_reader *reader, const struct conn_place *place, bool warning,
                 const struct error *error);

#endif
