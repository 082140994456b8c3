/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See address.h. */
#include "connectors/address.h"

#include <netinet/in.h>
#include <string.h>

bool conn_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family != AF_INET && a->ss_family != AF_INET6)
        return false;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)a;
        const struct sockaddr_in *y = (const struct sockaddr_in *)b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)b;
    return x->sin6_port == y->sin6_port &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

bool conn_address_read(const struct sockaddr *address, struct in6_addr *ret)
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

bool conn_ranges_have(const struct conn_range *ranges, size_t count, const struct in6_addr *address)
{
    for (size_t i = 0; i < count; i++)
        if (is_within(&ranges[i], address))
            return true;
    return false;
}

bool conn_ranges_take(const struct conn_range *ranges, size_t count, const struct sockaddr *address)
{
    struct in6_addr known;
    return conn_address_read(address, &known) && conn_ranges_have(ranges, count, &known);
}
