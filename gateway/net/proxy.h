/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header in which a load balancer says for whom it connects: the PROXY protocol, versions 1 and
 * 2 (haproxy.org, proxy-protocol.txt of 2020).
 *
 * Pure functions over bytes; no state, any thread. Who may say such a thing is the caller's to
 * know. */
#ifndef POSTERN_GATEWAY_PROXY_H
#define POSTERN_GATEWAY_PROXY_H

#include <stddef.h>
#include <sys/socket.h>

enum {
    PROXY_LINE_MAXIMUM = 107,  /* of version 1, CRLF included (section 2.1) */
    PROXY_BLOCK_MAXIMUM = 4096 /* of version 2, with what it may carry beside the addresses; the
                                  protocol allows 64 KiB, balancers send less than 500 bytes */
};

enum proxy_result {
    PROXY_MORE,    /* it has begun like one; there is more to come */
    PROXY_WRONG,   /* it is none, or one that cannot be read */
    PROXY_LOCAL,   /* the balancer speaks for itself, or cannot say for whom: its own address counts
                    */
    PROXY_ADDRESS, /* it speaks for *ret */
};

/* `*taken` is the header's length when it was read whole; what follows is the client's. */
enum proxy_result proxy_parse(const void *bytes, size_t length, size_t *taken,
                              struct sockaddr_storage *ret);

#endif
