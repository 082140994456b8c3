/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and ranges of them, compared. Pure functions, any thread. */
#ifndef POSTERN_CONNECTORS_ADDRESS_H
#define POSTERN_CONNECTORS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "connectors/model.h"

/* Family, address and port; false for what is neither IPv4 nor IPv6. */
bool conn_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The address as ranges hold it; false for what is neither IPv4 nor IPv6. */
bool conn_address_read(const struct sockaddr *address, struct in6_addr *ret);

/* True when one of the ranges has the address, as conn_address_read() has it. */
bool conn_ranges_have(const struct conn_range *ranges, size_t count,
                      const struct in6_addr *address);

/* True when the address is in one of the ranges; none takes nobody. */
bool conn_ranges_take(const struct conn_range *ranges, size_t count,
                      const struct sockaddr *address);

#endif
