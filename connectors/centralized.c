/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See centralized.h. That such a connector names its inbound connectors is a rule (rules.c):
 * without them it would send mail of the premises back to them. */
#include "connectors/centralized.h"

static bool names(const struct conn_outbound *outbound, const struct conn_inbound *inbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] == inbound)
            return true;
    return false;
}

const struct conn_outbound *conn_centralized(const struct conn_config *config,
                                             const struct conn_inbound *inbound, bool trial)
{
    for (size_t i = 0; i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        if (outbound->enabled && outbound->route_via_premises && (trial || !outbound->test_mode) &&
            names(outbound, inbound))
            return outbound;
    }
    return NULL;
}
