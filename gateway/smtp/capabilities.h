/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a next hop's reply to EHLO offers (RFC 5321 4.1.1.1). Pure functions, any thread. */
#ifndef POSTERN_GATEWAY_SMTP_CAPABILITIES_H
#define POSTERN_GATEWAY_SMTP_CAPABILITIES_H

#include "gateway/smtp/reply.h"

struct smtp_offers {
    bool starttls, pipelining, size, eight_bit_mime, enhanced_status_codes;
    unsigned long long size_maximum; /* 0: none named */
    bool chunking, binary_mime;      /* RFC 3030 */
    bool smtputf8;                   /* RFC 6531 */
    bool dsn;                        /* RFC 3461 */
    bool requiretls;                 /* RFC 8689 */
    bool xoorg;                      /* Exchange's */
    /* RFC 9422 (LIMITS); 0: none named */
    unsigned rcpt_maximum;        /* recipients a transaction */
    unsigned mail_maximum;        /* transactions a connection */
    unsigned rcpt_domain_maximum; /* domains of the recipients of a transaction */
};
void smtp_offers_parse(const struct smtp_reply *reply, struct smtp_offers *ret);

#endif
