/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where a hop goes: the connector's SmartHosts, or with UseMXRecord the mail hosts of the
 * recipients' domain; and from which address of ours. See hop.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/relay/hop-private.h"

const char *hop_host(const struct hop *hop)
{
    if (hop->route)
        return hop->route->hosts[hop->host].name;
    if (hop->outbound->use_mx_record)
        return hop->domain ? hop->domain : "";
    return hop->outbound->hosts[hop->host].name;
}

uint16_t hop_port(const struct hop *hop)
{
    return hop->outbound->use_mx_record ? (uint16_t)hop->outbound->port
                                        : hop->outbound->hosts[hop->host].port;
}

size_t hop_host_count(const struct hop *hop)
{
    if (hop->outbound->use_mx_record)
        return hop->route ? hop->route->count : 0;
    return hop->outbound->host_count;
}

const char *hop_domain_of(const struct conn_outbound *outbound, const char *address, char *text,
                          size_t size)
{
    const char *at = strrchr(address, '@');
    if (!outbound->use_mx_record)
        return NULL;
    size_t used = 0;
    for (at = at ? at + 1 : ""; at[used] && used + 1 < size; used++)
        text[used] = (char)tolower((unsigned char)at[used]);
    text[used] = '\0';
    return text;
}

int hop_route_to(struct hop *hop, const char *domain)
{
    if (domain && !(hop->domain = strdup(domain)))
        return -ENOMEM;
    return 0;
}

void hop_route_free(struct hop *hop)
{
    free(hop->domain);
    free(hop->route);
}

bool hop_goes_to(const struct hop *hop, const char *domain)
{
    return hop->domain && domain ? strcmp(hop->domain, domain) == 0 : hop->domain == domain;
}

static struct dns_servers servers_of(const struct conn_config *config)
{
    struct dns_servers servers = {0};
    for (size_t i = 0; i < config->dns_server_count && i < DNS_SERVERS_MAXIMUM; i++) {
        const struct conn_binding *server = &config->dns_servers[i];
        if (server->length <= sizeof servers.addresses[0])
            memcpy(&servers.addresses[servers.count++], &server->socket_address, server->length);
    }
    return servers;
}

static void routed(struct resolver_query *query, const struct resolver_answer *answer,
                   const struct error *failure)
{
    struct hop *hop = container_of(query, struct hop, query);
    struct error error;
    if (failure) {
        error = *failure;
        hop_dial_unresolved(hop, answer->outcome, &error);
        return;
    }
    hop->route = malloc(sizeof *hop->route);
    if (!hop->route) {
        error_set(&error, EX_OSERR, "Out of memory");
        hop_dial_unresolved(hop, DNS_TEMPORARY, &error);
        return;
    }
    *hop->route = *answer->route;
    dns_shuffle(hop->route);
    hop_dial_routed(hop);
}

int hop_route_ask(struct hop *hop)
{
    struct dns_servers servers = servers_of(hop->snapshot->config);
    const char *own = hop->outbound->fqdn ? hop->outbound->fqdn : hop->snapshot->config->host_name;
    return resolver_ask_mail(hop->worker->resolver, &hop->query, &servers, own,
                             hop->domain ? hop->domain : "", routed);
}

int hop_route_resolve(struct hop *hop,
                      void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                       const struct error *))
{
    struct resolver *resolver = hop->worker->resolver;
    if (!hop->route)
        return resolver_ask(resolver, &hop->query, hop_host(hop), hop_port(hop), answered);
    struct dns_servers servers = servers_of(hop->snapshot->config);
    return resolver_ask_mail_host(resolver, &hop->query, &servers, hop_host(hop),
                                  hop->route->implicit, hop_port(hop), answered);
}

int hop_bind_source(const struct hop *hop, int fd, int family, struct error *error)
{
    const struct conn_outbound *outbound = hop->outbound;
    int one = 1;
    if (!outbound->source_address_count)
        return 0;
    for (size_t i = 0; i < outbound->source_address_count; i++) {
        const struct conn_binding *source = &outbound->source_addresses[i];
        if (source->socket_address.ss_family != family)
            continue;
        /* The kernel then chooses the port when it knows the other end, and has more of them. */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (const struct sockaddr *)&source->socket_address, source->length) == 0)
            return 0;
        error_set_errno(error, EX_UNAVAILABLE, errno, "Cannot call from SourceIPAddress %s",
                        source->address);
        error_cure(error, "give this machine the address, or mend SourceIPAddress: ip address");
        return -EX_UNAVAILABLE;
    }
    error_set(error, EX_UNAVAILABLE, "Connector %s has no SourceIPAddress for %s", outbound->name,
              family == AF_INET6 ? "IPv6" : "IPv4");
    error_cure(error, "add one, or give the next hop an address of the other kind");
    return -EX_UNAVAILABLE;
}
