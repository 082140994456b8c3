/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Another server's reply in our mouth: its code, its words and its lines, with who spoke in front.
 * Pure function, any thread. */
#ifndef POSTERN_GATEWAY_SMTP_QUOTE_H
#define POSTERN_GATEWAY_SMTP_QUOTE_H

#include "gateway/smtp/reply.h"

/* "5.1.1 No such user" of mail1.contoso.com becomes "5.1.1 [mail1.contoso.com] No such user", in
 * every line. A line without an enhanced status (RFC 2034) gets that of the line before it, the
 * first one "x.0.0". What does not fit is cut. `to` and `from` are different. */
void smtp_reply_quote(struct smtp_reply *to, const struct smtp_reply *from, const char *speaker);

#endif
