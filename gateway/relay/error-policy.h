/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * ErrorPolicies of an outbound connector: what a refusal becomes on its way back to the sender. Any
 * thread. */
#ifndef POSTERN_GATEWAY_ERROR_POLICY_H
#define POSTERN_GATEWAY_ERROR_POLICY_H

#include "connectors/model.h"
#include "gateway/smtp/reply.h"

enum error_source { ERROR_FROM_DNS, ERROR_FROM_NEXT_HOP };

/* The reply to give: `reply` itself, or another in *room, and then the log has both. The code and
 * an enhanced status at the front change their first digit, and nothing else does. 421 stays, for
 * it is about the connection. */
const struct smtp_reply *error_policy_apply(const struct conn_outbound *outbound,
                                            enum error_source source, const char *host,
                                            const struct smtp_reply *reply,
                                            struct smtp_reply *room);

#endif
