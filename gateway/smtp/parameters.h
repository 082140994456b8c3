/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The parameters of MAIL and RCPT: taken one by one as they come from a client, and written again
 * for a next hop. RFC 1870, 3030, 3461, 6152, 6531, 8689; XOORG is Exchange's.
 *
 * Pure functions, any thread. Each value is bounded and of printable ASCII; xtext is taken only
 * where what it stands for is printable too, so that nobody who decodes it finds a line end. */
#ifndef POSTERN_GATEWAY_SMTP_PARAMETERS_H
#define POSTERN_GATEWAY_SMTP_PARAMETERS_H

#include "gateway/smtp/command.h"

/* `text` is "NAME" or "NAME=value", without a space. A parameter that comes twice is wrong. */
enum smtp_syntax smtp_mail_parameter(const char *text, size_t length, struct smtp_mail *mail);
enum smtp_syntax smtp_rcpt_parameter(const char *text, size_t length,
                                     struct smtp_recipient *recipient);

enum {
    SMTP_MAIL_PARAMETERS_MAXIMUM = 640, /* all of them, with the NUL */
    SMTP_RCPT_PARAMETERS_MAXIMUM = 640
};

/* Those that were given and are wanted (enum smtp_parameter), each with a space in front, ended by
 * NUL; the room given is one of the maxima above. */
void smtp_mail_parameters(const struct smtp_mail *mail, unsigned wanted,
                          char text[SMTP_MAIL_PARAMETERS_MAXIMUM]);
void smtp_rcpt_parameters(const struct smtp_recipient *recipient, unsigned wanted,
                          char text[SMTP_RCPT_PARAMETERS_MAXIMUM]);

/* RFC 3461 4: xtext whose every character is printable ASCII, also behind a "+". */
bool smtp_xtext_is_valid(const char *text, size_t length);

/* One to twenty digits; what is larger than 64 bits can hold is as large as they can. */
bool smtp_parse_number(const char *text, size_t length, uint64_t *ret);

#endif
