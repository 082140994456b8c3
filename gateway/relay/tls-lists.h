/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Cipher suites and groups put to use: a connector's own towards its next hop, and towards a client
 * those of every connector that its address may use, for which one it will be is not known yet at
 * the handshake. At MAIL each is held to its own (connectors/select.h). */
#ifndef POSTERN_GATEWAY_TLS_LISTS_H
#define POSTERN_GATEWAY_TLS_LISTS_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "connectors/model.h"

enum { TLS_SUITES_MAXIMUM = 32, TLS_GROUPS_MAXIMUM = 16 };

/* Lists in their own memory; `lists` points into it. A value on the stack, not to be copied. */
struct tls_union {
    struct conn_tls_lists lists;
    unsigned suites[TLS_SUITES_MAXIMUM], groups[TLS_GROUPS_MAXIMUM];
};

/* What a connector with this lowest version has that declares no lists. */
void tls_union_defaults(struct tls_union *ret, enum conn_tls_version minimum);
/* The lists of all enabled inbound connectors that take this address: the first one's order counts.
 */
void tls_union_of(struct tls_union *ret, const struct conn_config *config,
                  const struct sockaddr *address);

/* False: OpenSSL refuses them; its error queue says more. */
bool tls_lists_use_in_context(const struct conn_tls_lists *lists, SSL_CTX *context);

/* Before the handshake with a client whose context was made for `minimum`. False: no memory. */
bool tls_lists_use(SSL *ssl, const struct conn_config *config, const struct sockaddr *address,
                   enum conn_tls_version minimum);

#endif
