/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See explain.h. */
#include "connectors/explain.h"

#include <stdio.h>
#include <string.h>

#include "connectors/conditions.h"
#include "connectors/restrict.h"

/* Last of all: whatever connector takes the client, a partner's domain comes from that partner. */
static bool tell_restriction(const struct conn_config *config, const struct conn_client *client,
                             conn_take_condition *take, void *context)
{
    char why[CONN_WHY_MAXIMUM];
    enum conn_condition condition;
    const struct conn_inbound *partner = conn_inbound_restricts(config, client, &condition);
    if (!partner)
        return false;
    snprintf(why, sizeof why, "%s: mail of %s comes only from the %s that it names (550 5.7.51)",
             condition == CONN_CONDITION_ADDRESS ? "RestrictDomainsToIPAddresses is true"
                                                 : "RestrictDomainsToCertificate is true",
             client->sender_domain,
             condition == CONN_CONDITION_ADDRESS ? "addresses" : "certificate");
    take(context, partner, "restricted", false, why);
    return true;
}

const struct conn_inbound *conn_inbound_explain(const struct conn_config *config,
                                                const struct conn_client *client,
                                                conn_take_condition *take, void *context)
{
    char why[CONN_WHY_MAXIMUM], room[CONN_DOMAIN_ROOM];
    struct conn_client known = *client;
    const char *ascii = conn_domain_ascii(client->sender_domain, room);
    if (ascii)
        known.sender_domain = ascii;
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        bool holds = inbound->enabled;
        if (!inbound->enabled)
            take(context, inbound, NULL, false, "Enabled is false");
        for (size_t j = 0; holds && j < conn_rule_count; j++) {
            const struct conn_rule *rule = &conn_rules[j];
            holds = rule->holds(inbound, &known);
            why[0] = '\0';
            rule->explain(inbound, &known, holds, why, sizeof why);
            take(context, inbound, conn_condition_name(rule->condition), holds, why);
        }
    }
    return tell_restriction(config, &known, take, context)
               ? NULL
               : conn_inbound_choose(config, client, NULL, NULL);
}

/* --- outbound --- */

static const char *const standing_names[] = {
    [CONN_STANDING_CHOSEN] = "chosen",       [CONN_STANDING_DISABLED] = "disabled",
    [CONN_STANDING_TEST_MODE] = "test-mode", [CONN_STANDING_CENTRALIZED] = "centralized",
    [CONN_STANDING_SCOPE] = "scope",         [CONN_STANDING_DOMAIN] = "domain",
    [CONN_STANDING_UNSCOPED] = "unscoped",   [CONN_STANDING_FARTHER] = "farther",
    [CONN_STANDING_COST] = "cost",           [CONN_STANDING_ORDER] = "order",
};

const char *conn_standing_name(enum conn_standing standing)
{
    return standing_names[standing];
}

struct question {
    const struct conn_config *config;
    const struct conn_inbound *inbound;
    const char *domain;
    bool any; /* somebody was chosen: */
    struct conn_claim chosen;
};

/* The best claim of one connector. */
struct best {
    const char *domain;
    bool any;
    struct conn_claim claim;
};

static int consider(void *context, const struct conn_claim *claim)
{
    struct best *best = context;
    if (conn_claim_holds(claim, best->domain) &&
        (!best->any || conn_claim_compare(claim, &best->claim) < 0)) {
        best->any = true;
        best->claim = *claim;
    }
    return 0;
}

static bool is_centralized(const struct conn_claim *claim)
{
    return strcmp(claim->element, "RouteAllMessagesViaOnPremises") == 0;
}

static enum conn_standing standing_of(const struct question *question,
                                      const struct conn_outbound *outbound, struct best *best)
{
    const struct conn_claim *chosen = &question->chosen;
    if (!outbound->enabled)
        return CONN_STANDING_DISABLED;
    if (outbound->test_mode)
        return CONN_STANDING_TEST_MODE;
    if (outbound->scope_count && !conn_scope_names(question->config, outbound, question->inbound))
        return CONN_STANDING_SCOPE;
    if (question->any && is_centralized(chosen)) {
        best->any = chosen->outbound == outbound;
        best->claim = *chosen;
        return best->any ? CONN_STANDING_CHOSEN : CONN_STANDING_CENTRALIZED;
    }
    conn_claims_of(question->config, outbound, consider, best);
    if (!best->any)
        return CONN_STANDING_DOMAIN;
    if (chosen->outbound == outbound)
        return CONN_STANDING_CHOSEN;
    if (!outbound->scope_count && chosen->outbound->scope_count)
        return CONN_STANDING_UNSCOPED;
    if (best->claim.exact != chosen->exact ||
        (!chosen->exact && best->claim.length != chosen->length))
        return CONN_STANDING_FARTHER;
    return best->claim.cost != chosen->cost ? CONN_STANDING_COST : CONN_STANDING_ORDER;
}

static void word_standing(const struct question *question, enum conn_standing standing,
                          const struct conn_claim *own, char *text, size_t size)
{
    const struct conn_claim *chosen = &question->chosen;
    const char *name = question->any ? chosen->outbound->name : "";
    switch (standing) {
    case CONN_STANDING_CHOSEN:
        snprintf(text, size, "%s takes it by %s, at cost %u; %s%s", own->element, own->pattern,
                 own->cost,
                 own->outbound->scope_count ? "its InboundConnectors names "
                                            : "it is for every inbound connector",
                 own->outbound->scope_count ? question->inbound->name : "");
        break;
    case CONN_STANDING_DISABLED:
        snprintf(text, size, "Enabled is false");
        break;
    case CONN_STANDING_TEST_MODE:
        snprintf(text, size, "TestMode is true: mail goes as it would without this connector");
        break;
    case CONN_STANDING_CENTRALIZED:
        snprintf(text, size, "RouteAllMessagesViaOnPremises of %s takes all mail of %s", name,
                 question->inbound->name);
        break;
    case CONN_STANDING_SCOPE:
        snprintf(text, size, "its InboundConnectors does not name %s", question->inbound->name);
        break;
    case CONN_STANDING_DOMAIN:
        snprintf(text, size, "none of its domains takes it");
        break;
    case CONN_STANDING_UNSCOPED:
        snprintf(text, size,
                 "%s takes it by %s, but %s is meant for mail of %s, and this one for that of all",
                 own->element, own->pattern, name, question->inbound->name);
        break;
    case CONN_STANDING_FARTHER:
        snprintf(text, size, "%s takes it by %s, but %s of %s is nearer", own->element,
                 own->pattern, chosen->pattern, name);
        break;
    case CONN_STANDING_COST:
        snprintf(text, size, "%s takes it by %s at cost %u, but %s has cost %u", own->element,
                 own->pattern, own->cost, name, chosen->cost);
        break;
    case CONN_STANDING_ORDER:
        snprintf(text, size, "%s takes it by %s at cost %u, but the file of %s comes first",
                 own->element, own->pattern, own->cost, name);
        break;
    }
}

const struct conn_outbound *conn_outbound_explain(const struct conn_config *config,
                                                  const struct conn_inbound *inbound,
                                                  const char *domain, conn_take_standing *take,
                                                  void *context)
{
    char room[CONN_DOMAIN_ROOM], why[CONN_WHY_MAXIMUM];
    const char *ascii = conn_domain_ascii(domain, room);
    struct question question = {.config = config, .inbound = inbound, .domain = ascii ? ascii : ""};
    question.any = conn_outbound_claim(config, inbound, question.domain, &question.chosen);
    for (size_t i = 0; i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        struct best best = {.domain = question.domain};
        enum conn_standing standing = standing_of(&question, outbound, &best);
        word_standing(&question, standing, &best.claim, why, sizeof why);
        take(context, outbound, standing, best.any ? &best.claim : NULL, why);
    }
    return question.any ? question.chosen.outbound : NULL;
}
