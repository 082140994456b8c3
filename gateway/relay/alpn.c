/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See alpn.h. */
#include "gateway/relay/alpn.h"

/* As they go over the wire: each with its length in front. "esmtp" is what Exim's manual offers
 * too; IANA has neither. */
static const unsigned char ours[] = "\x04smtp\x05"
                                    "esmtp";

static int select_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *argument)
{
    unsigned char *name;
    (void)ssl, (void)argument;
    if (SSL_select_next_proto(&name, ret_length, ours, sizeof ours - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

void alpn_use_in_context(SSL_CTX *context)
{
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
}
