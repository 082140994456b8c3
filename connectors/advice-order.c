/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h: connectors whose mail goes to others, and those that can never be chosen. Each
 * looks at a bounded number of others, so that ten thousand connectors cost ten thousand times as
 * much as one and no more; what lies beyond is not told. */
#include <string.h>
#include <strings.h>

#include "connectors/advice.h"
#include "connectors/index.h"
#include "connectors/select.h"

enum { OTHERS_MAXIMUM = 64 };

/* --- inbound: a connector before this one takes all that it would --- */

static bool has_range(const struct conn_inbound *wide, const struct conn_range *range)
{
    for (size_t i = 0; i < wide->range_count; i++) {
        const struct conn_range *one = &wide->ranges[i];
        if (IN6_IS_ADDR_V4MAPPED(&one->first) == IN6_IS_ADDR_V4MAPPED(&range->first) &&
            memcmp(&one->first, &range->first, sizeof one->first) <= 0 &&
            memcmp(&one->last, &range->last, sizeof one->last) >= 0)
            return true;
    }
    return false;
}

static bool has_ranges(const struct conn_inbound *wide, const struct conn_inbound *narrow)
{
    if (!wide->range_count)
        return true;
    for (size_t i = 0; i < narrow->range_count; i++)
        if (!has_range(wide, &narrow->ranges[i]))
            return false;
    return narrow->range_count;
}

static bool has_sender_domains(const struct conn_inbound *wide, const struct conn_inbound *narrow)
{
    const struct conn_strings *all = &wide->sender_domains, *few = &narrow->sender_domains;
    if (!all->count)
        return true;
    for (size_t i = 0; i < few->count; i++) {
        bool found = false;
        for (size_t j = 0; few->items[i] && j < all->count && !found; j++)
            found =
                all->items[j] &&
                (strcmp(all->items[j], few->items[i]) == 0 ||
                 (few->items[i][0] != '*' && conn_domain_matches(all->items[j], few->items[i])));
        if (!found)
            return false;
    }
    return few->count;
}

static bool has_numbers(const unsigned *all, size_t count, const unsigned *few, size_t few_count)
{
    for (size_t i = 0; i < few_count; i++) {
        bool found = false;
        for (size_t j = 0; j < count && !found; j++)
            found = all[j] == few[i];
        if (!found)
            return false;
    }
    return true;
}

static bool has_tls(const struct conn_inbound *wide, const struct conn_inbound *narrow)
{
    const struct conn_tls_lists *all = &wide->tls_lists, *few = &narrow->tls_lists;
    if (wide->require_tls && !narrow->require_tls && !narrow->sender_certificate_names.count &&
        !narrow->credentials)
        return false;
    return wide->tls_minimum <= narrow->tls_minimum &&
           has_numbers(all->suites, all->suite_count, few->suites, few->suite_count) &&
           has_numbers(all->groups, all->group_count, few->groups, few->group_count);
}

/* Everything that `narrow` admits is admitted by `wide`. A certificate that one asks for may be
 * another than the other's, and Bindings may part them: of those nothing is said. */
static bool covers(const struct conn_inbound *wide, const struct conn_inbound *narrow)
{
    return !wide->sender_certificate_names.count && !wide->credentials && !wide->binding_count &&
           !wide->restrict_to_certificate && !wide->restrict_to_addresses &&
           has_ranges(wide, narrow) && has_tls(wide, narrow) && has_sender_domains(wide, narrow);
}

static struct sockaddr_in6 address_of(const struct conn_inbound *inbound)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    if (inbound->range_count)
        address.sin6_addr = inbound->ranges[0].first;
    return address;
}

static void advise_covered(struct conn_reader *reader, const struct conn_inbound *inbound)
{
    struct conn_walk walk;
    struct error error;
    const struct conn_inbound *other;
    struct sockaddr_in6 address = address_of(inbound);
    conn_walk_begin(&walk, reader->config, (const struct sockaddr *)&address, CONN_WALK_PLAIN,
                    NULL);
    for (unsigned i = 0;
         i < OTHERS_MAXIMUM && (other = conn_walk_next(&walk)) && other->index < inbound->index;
         i++) {
        if (!other->name || !covers(other, inbound))
            continue;
        error_set(&error, EX_CONFIG,
                  "This connector can never be chosen: the connector '%s' (%s) is tried first, and "
                  "admits whatever this one would",
                  other->name, other->place.file);
        error_cure(&error,
                   "give this file a name that sorts before the other's, or take one of the "
                   "two out");
        conn_advise(reader, &inbound->place, true, &error);
        return;
    }
}

/* --- outbound --- */

static bool names_disabled_alone(const struct conn_outbound *outbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (!outbound->scope[i] || outbound->scope[i]->enabled)
            return false;
    return outbound->scope_count;
}

static void advise_disabled_scope(struct conn_reader *reader, const struct conn_outbound *outbound)
{
    struct error error;
    error_set(
        &error, EX_CONFIG,
        "This connector can never be chosen: its InboundConnectors names only connectors that "
        "are disabled");
    error_cure(&error, "enable one of them, or name others");
    conn_advise(reader, &outbound->place, true, &error);
}

/* What one connector's claims come to. */
struct standing {
    const struct conn_config *config;
    const struct conn_outbound *outbound;
    struct conn_claim winner, lost; /* the first that it lost, and to whom */
    bool any_lost, any_won;
    unsigned accepted; /* claims of AllAcceptedDomains that were looked at */
};

static void note_winner(struct standing *standing, const struct conn_claim *claim,
                        const struct conn_inbound *inbound)
{
    struct conn_claim best;
    if (!conn_index_claim(standing->config, claim->key, inbound, false, &best))
        return;
    if (best.outbound == claim->outbound) {
        standing->any_won = true;
    } else if (!standing->any_lost) {
        standing->any_lost = true;
        standing->winner = best;
        standing->lost = *claim;
    }
}

static int weigh(void *context, const struct conn_claim *claim)
{
    struct standing *standing = context;
    const struct conn_outbound *outbound = standing->outbound;
    if (!claim->exact && claim->key != claim->pattern)
        return 0; /* the domain itself, beside an address space: who names it should have it */
    if (outbound->all_accepted_domains && strcmp(claim->element, "AllAcceptedDomains") == 0 &&
        standing->accepted++ == OTHERS_MAXIMUM)
        return 1;
    if (!outbound->scope_count)
        note_winner(standing, claim, NULL);
    for (size_t i = 0; i < outbound->scope_count; i++) {
        if (i == OTHERS_MAXIMUM) {
            standing->any_won = true; /* not known: nothing is said */
            break;
        }
        if (outbound->scope[i] && outbound->scope[i]->enabled)
            note_winner(standing, claim, outbound->scope[i]);
    }
    return standing->any_lost && standing->any_won; /* all that will be told is known */
}

static void advise_lost(struct conn_reader *reader, const struct standing *standing)
{
    struct error error;
    const struct conn_outbound *winner = standing->winner.outbound;
    bool cheaper = standing->winner.cost < standing->lost.cost;
    if (!winner->name)
        return;
    error_set(&error, EX_CONFIG,
              "Mail for %s goes to the connector '%s' (%s), which %s; this one does not get it%s",
              standing->lost.pattern, winner->name, winner->place.file,
              cheaper ? "has the lower cost" : "comes first",
              standing->any_won ? "" : ", and can never be chosen");
    error_cure(&error, "take the domain out of one of the two, or give them different "
                       "InboundConnectors");
    conn_advise(reader, &standing->outbound->place, true, &error);
}

static void advise_outbound(struct conn_reader *reader, const struct conn_outbound *outbound)
{
    struct standing standing = {.config = reader->config, .outbound = outbound};
    if (names_disabled_alone(outbound)) {
        advise_disabled_scope(reader, outbound);
        return;
    }
    conn_claims_of(reader->config, outbound, weigh, &standing);
    if (standing.any_lost)
        advise_lost(reader, &standing);
}

void conn_advise_on_order(struct conn_reader *reader)
{
    const struct conn_config *config = reader->config;
    for (size_t i = 0; i < config->inbound_count; i++)
        if (config->inbound[i].enabled)
            advise_covered(reader, &config->inbound[i]);
    for (size_t i = 0; i < config->outbound_count; i++)
        if (config->outbound[i].enabled && !config->outbound[i].test_mode &&
            !config->outbound[i].route_via_premises)
            advise_outbound(reader, &config->outbound[i]);
}
