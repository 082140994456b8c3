/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See select.h. A walk over all connectors: a gateway has tens of them, not thousands. */
#include "connectors/select.h"

#include <netinet/in.h>
#include <string.h>

#include "connectors/restrict.h"
#include "connectors/suites.h"
#include "connectors/uri.h"

static const char *const condition_names[] = {
    [CONN_CONDITION_NONE] = "none",
    [CONN_CONDITION_ADDRESS] = "address",
    [CONN_CONDITION_BINDING] = "binding",
    [CONN_CONDITION_TLS] = "tls",
    [CONN_CONDITION_TLS_VERSION] = "tls-version",
    [CONN_CONDITION_CIPHER_SUITE] = "cipher-suite",
    [CONN_CONDITION_CERTIFICATE] = "certificate",
    [CONN_CONDITION_SENDER_DOMAIN] = "sender-domain",
};

const char *conn_condition_name(enum conn_condition condition)
{
    return condition_names[condition];
}

/* The address as ranges hold it; false for what is neither IPv4 nor IPv6. */
static bool read_address(const struct sockaddr *address, struct in6_addr *ret)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(ret->s6_addr + 12, &four.sin_addr, sizeof four.sin_addr);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&six, address, sizeof six);
    *ret = six.sin6_addr;
    return true;
}

static bool is_within(const struct conn_range *range, const struct in6_addr *address)
{
    return !IN6_IS_ADDR_V4MAPPED(address) == !IN6_IS_ADDR_V4MAPPED(&range->first) &&
           memcmp(address, &range->first, sizeof *address) >= 0 &&
           memcmp(address, &range->last, sizeof *address) <= 0;
}

bool conn_inbound_takes_address(const struct conn_inbound *inbound, const struct sockaddr *address)
{
    struct in6_addr known;
    if (!inbound->range_count)
        return true;
    if (!read_address(address, &known))
        return false;
    for (size_t i = 0; i < inbound->range_count; i++)
        if (is_within(&inbound->ranges[i], &known))
            return true;
    return false;
}

bool conn_domain_matches(const char *pattern, const char *domain)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    if (strncmp(pattern, "*.", 2) != 0)
        return strcmp(pattern, domain) == 0;
    size_t length = strlen(domain), suffix = strlen(pattern + 1);
    return length > suffix && strcmp(domain + length - suffix, pattern + 1) == 0;
}

static bool takes_certificate(const struct conn_inbound *inbound, const struct conn_client *client)
{
    if (!inbound->sender_certificate_names.count)
        return true;
    const struct pki_peer_verdict *verdict =
        client->verdict ? client->verdict(client->context, inbound) : NULL;
    return verdict && verdict->accepted;
}

/* Connectors that share an address share a handshake, and each is held to its own lists here. */
static bool takes_cipher(const struct conn_tls_lists *lists, const struct conn_client *client)
{
    return conn_tls_lists_have_suite(lists, client->cipher_suite) &&
           conn_tls_lists_have_group(lists, client->group);
}

/* Bounces have no sender; they pass where something better than a domain was proved. */
static bool takes_sender(const struct conn_inbound *inbound, const char *domain)
{
    const struct conn_strings *domains = &inbound->sender_domains;
    if (!domains->count)
        return true;
    if (!*domain)
        return inbound->range_count || inbound->sender_certificate_names.count;
    for (size_t i = 0; i < domains->count; i++)
        if (conn_domain_matches(domains->items[i], domain))
            return true;
    return false;
}

/* The first condition that does not hold, in the order in which they become known. */
static enum conn_condition find_obstacle(const struct conn_inbound *inbound,
                                         const struct conn_client *client)
{
    bool needs_tls = inbound->require_tls || inbound->sender_certificate_names.count;
    if (!conn_inbound_takes_address(inbound, client->address))
        return CONN_CONDITION_ADDRESS;
    if (!conn_inbound_takes_local(inbound, client->local))
        return CONN_CONDITION_BINDING;
    if (needs_tls && !client->tls)
        return CONN_CONDITION_TLS;
    if (client->tls && client->tls_version < inbound->tls_minimum)
        return CONN_CONDITION_TLS_VERSION;
    if (client->tls && !takes_cipher(&inbound->tls_lists, client))
        return CONN_CONDITION_CIPHER_SUITE;
    if (!takes_certificate(inbound, client))
        return CONN_CONDITION_CERTIFICATE;
    if (!takes_sender(inbound, client->sender_domain) ||
        !conn_inbound_associates(inbound, client->sender_domain))
        return CONN_CONDITION_SENDER_DOMAIN;
    return CONN_CONDITION_NONE;
}

const struct conn_inbound *conn_inbound_choose(const struct conn_config *config,
                                               const struct conn_client *client,
                                               const struct conn_inbound **closest,
                                               enum conn_condition *condition)
{
    const struct conn_inbound *furthest = NULL;
    enum conn_condition stopped = CONN_CONDITION_NONE;
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        if (!inbound->enabled)
            continue;
        enum conn_condition obstacle = find_obstacle(inbound, client);
        if (obstacle == CONN_CONDITION_NONE)
            return inbound;
        if (obstacle > stopped) {
            furthest = inbound;
            stopped = obstacle;
        }
    }
    if (closest)
        *closest = furthest;
    if (condition)
        *condition = stopped;
    return NULL;
}

/* How well a connector fits; what stands higher up outweighs all below it. Zero: not at all. */
struct rank {
    unsigned scope; /* 2: it names the inbound connector, 1: it names none */
    unsigned match; /* 3: the domain itself, 2: *.domain, 1: * */
    size_t length;  /* of the pattern */
};

static unsigned rank_scope(const struct conn_outbound *outbound, const struct conn_inbound *inbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] == inbound)
            return 2;
    return outbound->scope_count ? 0 : 1;
}

static bool is_better(const struct rank *a, const struct rank *b)
{
    if (a->scope != b->scope)
        return a->scope > b->scope;
    if (a->match != b->match)
        return a->match > b->match;
    return a->length > b->length;
}

static struct rank rank_domain(const char *pattern, const char *domain, unsigned scope)
{
    if (!conn_domain_matches(pattern, domain))
        return (struct rank){0};
    unsigned match = pattern[0] != '*' ? 3 : pattern[1] ? 2 : 1;
    return (struct rank){.scope = scope, .match = match, .length = strlen(pattern)};
}

const struct conn_outbound *conn_outbound_choose(const struct conn_config *config,
                                                 const struct conn_inbound *inbound,
                                                 const char *domain)
{
    const struct conn_outbound *best = NULL;
    struct rank highest = {0};
    for (size_t i = 0; i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        unsigned scope = outbound->enabled ? rank_scope(outbound, inbound) : 0;
        for (size_t j = 0; scope && j < outbound->recipient_domains.count; j++) {
            struct rank rank = rank_domain(outbound->recipient_domains.items[j], domain, scope);
            if (is_better(&rank, &highest)) {
                highest = rank;
                best = outbound;
            }
        }
    }
    return best;
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
