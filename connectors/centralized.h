/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Centralized mail transport (Exchange's RouteAllMessagesViaOnPremises): one connector to the
 * premises takes every recipient of what came in through the inbound connectors that it names,
 * whatever other outbound connectors say. Pure, any thread. */
#ifndef POSTERN_CONNECTORS_CENTRALIZED_H
#define POSTERN_CONNECTORS_CENTRALIZED_H

#include "connectors/model.h"

/* The first enabled connector of that kind for this inbound connector; with `trial` those in
 * TestMode count too. NULL: there is none, and domains decide. */
const struct conn_outbound *conn_centralized(const struct conn_config *config,
                                             const struct conn_inbound *inbound, bool trial);

#endif
