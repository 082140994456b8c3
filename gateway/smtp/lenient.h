/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What old devices write for the arguments of MAIL, RCPT, EHLO and HELO, put as RFC 5321 has it,
 * where a connector says LenientSyntax: no angle brackets, blanks around the colon and within the
 * brackets, tabs, a greeting without a name or with bytes that no name has. Nothing is guessed:
 * what comes out goes through the strict parser. Pure functions, any thread. */
#ifndef POSTERN_GATEWAY_SMTP_LENIENT_H
#define POSTERN_GATEWAY_SMTP_LENIENT_H

#include "gateway/smtp/command.h"

enum { SMTP_LENIENT_MAXIMUM = SMTP_COMMAND_MAXIMUM + 8 };

/* "from : a@b" → "FROM:<a@b>"; `keyword` is "FROM" or "TO". The length of the text, or 0 where
 * there is nothing to be made of it. */
size_t smtp_lenient_path(const char *arguments, size_t length, const char *keyword,
                         char text[SMTP_LENIENT_MAXIMUM]);

/* The first word with '-' for what no name may have; without one `address` in brackets. */
size_t smtp_lenient_hello(const char *arguments, size_t length, const char *address,
                          char text[SMTP_LENIENT_MAXIMUM]);

#endif
