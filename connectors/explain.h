/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Why a connector is chosen, and why the others are not: every connector in file order, by the same
 * conditions and the same order of claims that the choice itself goes by. For people; it takes as
 * long as there are connectors. Texts are clauses without their full stops, and live for the call.
 */
#ifndef POSTERN_CONNECTORS_EXPLAIN_H
#define POSTERN_CONNECTORS_EXPLAIN_H

#include "connectors/select.h"

enum { CONN_WHY_MAXIMUM = 1600 };

/* One condition of one connector; the first that does not hold is the last that is told of it. Of a
 * disabled connector one call with `condition` NULL is all. */
typedef void conn_take_condition(void *context, const struct conn_inbound *inbound,
                                 const char *condition, bool holds, const char *why);
/* The choice, as conn_inbound_choose() makes it; NULL: none. */
const struct conn_inbound *conn_inbound_explain(const struct conn_config *config,
                                                const struct conn_client *client,
                                                conn_take_condition *take, void *context);

enum conn_standing {
    CONN_STANDING_CHOSEN,
    CONN_STANDING_DISABLED,
    CONN_STANDING_TEST_MODE,   /* mail goes as it would without it */
    CONN_STANDING_CENTRALIZED, /* the chosen one takes everything, by RouteAllMessagesViaOnPremises
                                */
    CONN_STANDING_SCOPE,       /* InboundConnectors names others */
    CONN_STANDING_DOMAIN,      /* nothing of it takes the domain */
    CONN_STANDING_UNSCOPED, /* it has no scope, and the chosen one's names the inbound connector */
    CONN_STANDING_FARTHER,  /* by a pattern that is less near than the chosen one's */
    CONN_STANDING_COST,
    CONN_STANDING_ORDER /* the chosen one's file comes first */
};
const char *conn_standing_name(enum conn_standing standing); /* "chosen", "domain" … */

/* `claim`: the best of its claims on the domain, NULL where it has none or none that counts. */
typedef void conn_take_standing(void *context, const struct conn_outbound *outbound,
                                enum conn_standing standing, const struct conn_claim *claim,
                                const char *why);
const struct conn_outbound *conn_outbound_explain(const struct conn_config *config,
                                                  const struct conn_inbound *inbound,
                                                  const char *domain, conn_take_standing *take,
                                                  void *context);

#endif
