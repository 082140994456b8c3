/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See restrict.h. */
#include "connectors/restrict.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "connectors/address.h"
#include "connectors/index.h"

/* --- Bindings --- */

static bool read_place(const struct sockaddr *address, struct in6_addr *ret, in_port_t *ret_port)
{
    struct sockaddr_in place; /* the port stands at the same place in both families */
    if (!address || !conn_address_read(address, ret))
        return false;
    memcpy(&place, address, sizeof place);
    *ret_port = place.sin_port;
    return true;
}

static bool is_any(const struct in6_addr *address)
{
    static const struct in6_addr four = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    return IN6_IS_ADDR_UNSPECIFIED(address) || memcmp(address, &four, sizeof four) == 0;
}

static bool covers(const struct conn_binding *binding, const struct in6_addr *local, in_port_t port)
{
    struct in6_addr own;
    in_port_t own_port;
    if (!read_place((const struct sockaddr *)&binding->socket_address, &own, &own_port) ||
        own_port != port)
        return false;
    if (memcmp(&own, local, sizeof own) == 0)
        return true;
    /* [::] takes IPv4 too where the system lets it. */
    return is_any(&own) && (IN6_IS_ADDR_UNSPECIFIED(&own) || IN6_IS_ADDR_V4MAPPED(local));
}

bool conn_inbound_takes_local(const struct conn_inbound *inbound, const struct sockaddr *local)
{
    struct in6_addr address;
    in_port_t port;
    if (!inbound->binding_count)
        return true;
    if (!read_place(local, &address, &port))
        return false;
    for (size_t i = 0; i < inbound->binding_count; i++)
        if (covers(&inbound->bindings[i], &address, port))
            return true;
    return false;
}

const struct conn_inbound *conn_inbound_likely(const struct conn_config *config,
                                               const struct sockaddr *address,
                                               const struct sockaddr *local)
{
    const struct conn_inbound *inbound, *likely = NULL;
    struct conn_walk walk;
    conn_walk_begin(&walk, config, address, CONN_WALK_ALL, NULL);
    while ((inbound = conn_walk_next(&walk))) {
        if (!conn_inbound_takes_local(inbound, local))
            continue;
        if (inbound->range_count)
            return inbound;
        if (!likely)
            likely = inbound;
    }
    return likely;
}

bool conn_inbound_any_lenient(const struct conn_config *config, const struct sockaddr *address,
                              const struct sockaddr *local)
{
    const struct conn_inbound *inbound;
    struct conn_walk walk;
    conn_walk_begin(&walk, config, address, CONN_WALK_ALL, NULL);
    while ((inbound = conn_walk_next(&walk)))
        if (inbound->lenient_syntax && conn_inbound_takes_local(inbound, local))
            return true;
    return false;
}

uint64_t conn_inbound_largest(const struct conn_config *config, const struct sockaddr *address,
                              const struct sockaddr *local)
{
    const struct conn_inbound *inbound;
    struct conn_walk walk;
    uint64_t largest = 0;
    conn_walk_begin(&walk, config, address, CONN_WALK_ALL, NULL);
    while ((inbound = conn_walk_next(&walk)))
        if (inbound->limits.message_size > largest && conn_inbound_takes_local(inbound, local))
            largest = inbound->limits.message_size;
    return largest ? largest : config->limits.message_size;
}

/* --- domains --- */

static bool names_domain(const struct conn_strings *domains, const char *domain)
{
    for (size_t i = 0; i < domains->count; i++)
        if (conn_domain_matches(domains->items[i], domain))
            return true;
    return false;
}

bool conn_inbound_associates(const struct conn_inbound *inbound, const char *sender_domain)
{
    return !inbound->associated_domains.count || !*sender_domain ||
           names_domain(&inbound->associated_domains, sender_domain);
}

/* --- one organisation, on both sides --- */

bool conn_inbound_admits_organization(const struct conn_inbound *inbound, const char *organization)
{
    const struct conn_strings *names = &inbound->originator_organizations;
    if (!names->count || !organization)
        return true;
    for (size_t i = 0; i < names->count; i++)
        if (strcasecmp(names->items[i], organization) == 0)
            return true;
    return false;
}

bool conn_passes_trust(const struct conn_inbound *inbound, const struct conn_outbound *outbound)
{
    return inbound->cloud_services_mail && outbound->cloud_services_mail &&
           (inbound->range_count || inbound->sender_certificate_names.count) &&
           outbound->tls_settings >= CONN_TLS_CERTIFICATE_VALIDATION;
}

bool conn_is_internal(const struct conn_config *config, const struct conn_inbound *inbound,
                      const char *sender_domain)
{
    return inbound->treat_as_internal && inbound->connector_type == CONN_TYPE_ON_PREMISES &&
           *sender_domain && names_domain(&config->accepted_domains, sender_domain);
}

/* --- RestrictDomainsTo… --- */

static bool proves(const struct conn_inbound *inbound, const struct conn_client *client)
{
    const struct pki_peer_verdict *verdict =
        client->verdict ? client->verdict(client->context, inbound) : NULL;
    return verdict && verdict->accepted;
}

static enum conn_condition find_breach(const struct conn_inbound *inbound,
                                       const struct conn_client *client)
{
    if (inbound->restrict_to_addresses && inbound->range_count &&
        !conn_inbound_takes_address(inbound, client->address))
        return CONN_CONDITION_ADDRESS;
    if (inbound->restrict_to_certificate && inbound->sender_certificate_names.count &&
        !proves(inbound, client))
        return CONN_CONDITION_CERTIFICATE;
    return CONN_CONDITION_NONE;
}

const struct conn_inbound *conn_inbound_restricts(const struct conn_config *config,
                                                  const struct conn_client *client,
                                                  enum conn_condition *condition)
{
    const struct conn_inbound *found = NULL, *inbound;
    char room[CONN_DOMAIN_ROOM];
    const char *domain = conn_domain_ascii(client->sender_domain, room);
    for (size_t i = 0; domain && *domain && (inbound = conn_index_restricting(config, i)); i++) {
        if (!names_domain(&inbound->sender_domains, domain))
            continue;
        enum conn_condition breach = find_breach(inbound, client);
        if (breach == CONN_CONDITION_NONE)
            return NULL;
        if (!found) {
            found = inbound;
            *condition = breach;
        }
    }
    return found;
}
