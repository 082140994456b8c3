/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the domain name system that getaddrinfo() cannot ask: which hosts take a domain's
 * mail (RFC 5321 5.1, RFC 7505), and their addresses with how long they may be kept.
 *
 * Blocking, over the C library's resolver, which draws identifiers and ports at random and asks
 * again over TCP where an answer was cut short: for the offload pool alone (resolver.h). No state;
 * any thread. Nothing that comes back holds a byte that a host name may not have. */
#ifndef POSTERN_GATEWAY_DNS_H
#define POSTERN_GATEWAY_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pki/base/error.h"

enum {
    DNS_SERVERS_MAXIMUM = 3,
    DNS_HOSTS_MAXIMUM = 8, /* of a domain: the best ones */
    DNS_NAME_MAXIMUM = 256 /* bytes, the NUL included */
};

/* Whom to ask; none: whom /etc/resolv.conf names. */
struct dns_servers {
    unsigned count;
    union {
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } addresses[DNS_SERVERS_MAXIMUM];
};

enum dns_outcome {
    DNS_FOUND,
    DNS_TEMPORARY, /* no answer, or a server that failed: 451 4.4.3 */
    DNS_NO_DOMAIN, /* NXDOMAIN: 550 5.1.2 */
    DNS_NULL_MX,   /* it takes no mail (RFC 7505): 556 5.1.10 */
    DNS_UNUSABLE   /* an answer that helps nobody: 550 5.4.4 */
};

struct dns_mail_host {
    uint16_t preference;
    char name[DNS_NAME_MAXIMUM]; /* lower case, without a final dot */
};
/* By preference. Who uses it shuffles those of one preference (dns_shuffle). */
struct dns_route {
    unsigned count;
    bool implicit; /* there is no MX: the domain itself (RFC 5321 5.1) */
    struct dns_mail_host hosts[DNS_HOSTS_MAXIMUM];
};

/* `ret` and *ret_seconds (how long it may be kept, from 30 s to an hour) are set when found; else
 * the error says what was wrong. `own` is our own name: it and what is no better are left out, for
 * mail that went there would come back. */
enum dns_outcome dns_mail_hosts(const struct dns_servers *servers, const char *domain,
                                const char *own, struct dns_route *ret, unsigned *ret_seconds,
                                struct error *error);

/* IPv6 before IPv4, at most half of `room` (which is even) each while both have some. An alias is
 * followed with `alias`, else it is none to send mail to (RFC 2181 10.3). Ports are zero. */
enum dns_outcome dns_addresses(const struct dns_servers *servers, const char *name, bool alias,
                               struct sockaddr_storage *ret, unsigned room, unsigned *ret_count,
                               unsigned *ret_seconds, struct error *error);

/* A new order among hosts of one preference. */
void dns_shuffle(struct dns_route *route);

/* True for what may stand in commands and headers as a host's name. */
bool dns_name_is_host(const char *name);

#endif
