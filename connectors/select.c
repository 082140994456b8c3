/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See select.h. The conditions themselves stand in conditions.c, who may be chosen in index.c. */
#include "connectors/select.h"

#include <string.h>

#include "connectors/address.h"
#include "connectors/conditions.h"
#include "connectors/uri.h"

bool conn_inbound_takes_address(const struct conn_inbound *inbound, const struct sockaddr *address)
{
    return !inbound->range_count ||
           conn_ranges_take(inbound->ranges, inbound->range_count, address);
}

/* --- inbound --- */

/* Who came furthest; of equals the first in file order. */
struct furthest {
    const struct conn_inbound *inbound;
    enum conn_condition stopped;
};

static void note(struct furthest *furthest, const struct conn_inbound *inbound,
                 enum conn_condition stopped)
{
    if (furthest->inbound && (stopped < furthest->stopped ||
                              (stopped == furthest->stopped && inbound > furthest->inbound)))
        return;
    *furthest = (struct furthest){inbound, stopped};
}

static const struct conn_inbound *choose(const struct conn_config *config,
                                         const struct conn_client *client, unsigned kinds,
                                         unsigned most, struct furthest *furthest)
{
    struct conn_walk walk;
    const struct conn_inbound *inbound;
    conn_walk_begin(&walk, config, client->address, kinds, client->names);
    while (most-- && (inbound = conn_walk_next(&walk))) {
        enum conn_condition obstacle = conn_find_obstacle(inbound, client);
        if (obstacle == CONN_CONDITION_NONE)
            return inbound;
        note(furthest, inbound, obstacle);
    }
    return NULL;
}

static const struct conn_inbound *first_enabled(const struct conn_config *config)
{
    for (size_t i = 0; i < config->inbound_count; i++)
        if (config->inbound[i].enabled)
            return &config->inbound[i];
    return NULL;
}

const struct conn_inbound *conn_inbound_choose(const struct conn_config *config,
                                               const struct conn_client *client,
                                               const struct conn_inbound **closest,
                                               enum conn_condition *condition)
{
    struct furthest furthest = {0};
    char room[CONN_DOMAIN_ROOM];
    struct conn_client known = *client;
    const char *ascii = conn_domain_ascii(client->sender_domain, room);
    if (ascii)
        known.sender_domain = ascii;
    unsigned kinds = client->names ? CONN_WALK_PLAIN | CONN_WALK_BY_NAMES : CONN_WALK_ALL;
    const struct conn_inbound *chosen = choose(config, &known, kinds, UINT32_MAX, &furthest);
    if (chosen)
        return chosen;
    if (client->names) /* none of these admits it: whom the certificate does not name */
        choose(config, &known, CONN_WALK_PROVEN, CONN_CLOSEST_MAXIMUM, &furthest);
    if (!furthest.inbound && (furthest.inbound = first_enabled(config)))
        furthest.stopped = CONN_CONDITION_ADDRESS;
    if (closest)
        *closest = furthest.inbound;
    if (condition)
        *condition = furthest.stopped;
    return NULL;
}

/* --- outbound --- */

/* From the domain itself to "*": the first key that anybody claims, for the nearer key always wins.
 */
static bool find_claim(const struct conn_config *config, const struct conn_inbound *scope,
                       const char *domain, bool trial, struct conn_claim *ret)
{
    char key[CONN_DOMAIN_ROOM + 2];
    if (conn_index_claim(config, domain, scope, trial, ret))
        return true;
    for (const char *dot = strchr(domain, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (dot == domain)
            continue;
        key[0] = '*';
        strcpy(key + 1, dot);
        if (conn_index_claim(config, key, scope, trial, ret))
            return true;
    }
    return conn_index_claim(config, "*", scope, trial, ret);
}

/* With `trial` connectors in TestMode are as good as others. */
static bool find_outbound(const struct conn_config *config, const struct conn_inbound *inbound,
                          const char *domain, bool trial, struct conn_claim *ret)
{
    char room[CONN_DOMAIN_ROOM];
    domain = conn_domain_ascii(domain, room);
    if (!domain || strlen(domain) >= CONN_DOMAIN_ROOM)
        domain = ""; /* no name that could be declared: "*" alone takes it */
    return conn_index_centralized(config, inbound, trial, ret) ||
           find_claim(config, inbound, domain, trial, ret) ||
           find_claim(config, NULL, domain, trial, ret);
}

bool conn_outbound_claim(const struct conn_config *config, const struct conn_inbound *inbound,
                         const char *domain, struct conn_claim *ret)
{
    return find_outbound(config, inbound, domain, false, ret);
}

const struct conn_outbound *conn_outbound_choose(const struct conn_config *config,
                                                 const struct conn_inbound *inbound,
                                                 const char *domain)
{
    struct conn_claim claim;
    return find_outbound(config, inbound, domain, false, &claim) ? claim.outbound : NULL;
}

const struct conn_outbound *conn_outbound_trial(const struct conn_config *config,
                                                const struct conn_inbound *inbound,
                                                const char *domain)
{
    struct conn_claim claim;
    return conn_index_has_trials(config) && find_outbound(config, inbound, domain, true, &claim) &&
                   claim.outbound->test_mode
               ? claim.outbound
               : NULL;
}

const struct conn_token *conn_token_of(const struct conn_config *config, const char *key)
{
    const struct conn_token *best = NULL;
    int most = -1;
    if (!conn_uri_is_pkcs11(key))
        return NULL;
    for (size_t i = 0; i < config->token_count; i++) {
        const char *uri = config->tokens[i].uri;
        int count = uri ? conn_uri_fits(uri, key) : -1;
        if (count > most) {
            most = count;
            best = &config->tokens[i];
        }
    }
    return best;
}
