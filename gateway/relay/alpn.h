/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a client says it wants to speak inside TLS (RFC 7301). Mail servers say nothing, or "smtp".
 * A client that names other protocols alone, a browser most likely, was led to the wrong port: its
 * handshake is refused with the alert no_application_protocol, so that no request of one protocol
 * is ever answered in another under our certificate (ALPACA, CVE-2021-3618). Exim and nginx do the
 * same.
 *
 * On the thread that does the handshake; no state. */
#ifndef POSTERN_GATEWAY_RELAY_ALPN_H
#define POSTERN_GATEWAY_RELAY_ALPN_H

#include <openssl/ssl.h>

void alpn_use_in_context(SSL_CTX *context);

#endif
