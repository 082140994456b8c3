/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a refusal of a next hop most likely means, and what to do about it: the catalogue.
 *
 * Replies of Exchange Online first, then what Postfix and other servers say. Pure functions over
 * constant text, any thread. Sources: Microsoft's "Email non-delivery reports and SMTP errors in
 * Exchange Online", the Exchange team's blog, RFC 3463 and RFC 5321. */
#ifndef POSTERN_GATEWAY_SMTP_ADVICE_H
#define POSTERN_GATEWAY_SMTP_ADVICE_H

#include "gateway/smtp/reply.h"

/* Sentences without their full stops; both always there. At most SMTP_ADVICE_MAXIMUM bytes each,
 * the NUL included, so that a struct error holds the cure. */
struct smtp_advice {
    const char *cause, *cure;
    bool identity; /* it is about who we are: our certificate did not come, or was not taken */
};
enum { SMTP_ADVICE_MAXIMUM = 384 };

/* By code, enhanced status (RFC 3463, at the front of the text) and words. NULL: it was accepted,
 * or the catalogue does not know it. */
const struct smtp_advice *smtp_advice(const struct smtp_reply *reply);

/* The enhanced status at the front of the reply's text, "5.7.64"; "" when there is none. */
const char *smtp_enhanced_status(const struct smtp_reply *reply, char *text, size_t size);

#endif
