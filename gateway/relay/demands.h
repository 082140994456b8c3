/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a message demands of the next hop, and what of its envelope may go there. Pure looks at a
 * hop that is ready; on its worker. */
#ifndef POSTERN_GATEWAY_DEMANDS_H
#define POSTERN_GATEWAY_DEMANDS_H

#include "gateway/relay/hop.h"
#include "gateway/smtp/parameters.h"

/* False when this hop cannot keep what was asked of us; then `ret` is the reply that the RFC has
 * for it.
 */
bool demands_are_met(const struct hop *hop, const struct smtp_mail *mail, struct smtp_reply *ret);

/* The parameters (enum smtp_parameter) that this hop understands and may see. */
unsigned demands_passed_on(const struct hop *hop);

#endif
