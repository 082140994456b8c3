/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMTP commands as they come from a client: RFC 5321 4.1 with the parameters of RFC 1870 (SIZE) and
 * RFC 6152 (BODY).
 *
 * Pure functions over a line without its CRLF; no state, any thread. Nothing that is accepted here holds
 * a control character, so that what is accepted can be put into commands, headers and replies. */
#ifndef POSTERN_GATEWAY_SMTP_COMMAND_H
#define POSTERN_GATEWAY_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMTP_COMMAND_MAXIMUM = 2048, /* bytes of a command line, CRLF included; RFC 5321 4.5.3.1.4 wants
                                    512 and room for what extensions add */
    SMTP_PATH_MAXIMUM = 320,     /* 64 + 1 + 255 (4.5.3.1) */
    SMTP_DOMAIN_MAXIMUM = 255
};

enum smtp_verb {
    SMTP_UNKNOWN,
    SMTP_EHLO,
    SMTP_HELO,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
    SMTP_VRFY,
    SMTP_HELP,
    SMTP_STARTTLS,
    SMTP_AUTH,
    SMTP_FOREIGN /* HTTP and the like: someone talks another protocol at us */
};

/* The verb, and where its arguments begin (spaces skipped, trailing spaces cut off). */
enum smtp_verb smtp_verb(const char *line, size_t length, const char **arguments,
                         size_t *arguments_length);

/* The argument of EHLO or HELO: a domain or an address literal, without control characters or spaces. */
bool smtp_hello_is_valid(const char *text, size_t length);

enum smtp_body { SMTP_BODY_NONE, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };

/* An address as between the angle brackets, source route removed. */
struct smtp_path {
    char address[SMTP_PATH_MAXIMUM + 1];    /* "" for the null sender */
    char domain[SMTP_DOMAIN_MAXIMUM + 1];   /* lower case; "" when there is none */
};

struct smtp_mail {
    struct smtp_path path;
    bool has_size;
    uint64_t size; /* RFC 1870; saturated */
    enum smtp_body body;
};

enum smtp_syntax {
    SMTP_SYNTAX_OK,
    SMTP_SYNTAX_WRONG,     /* 501 5.5.4 */
    SMTP_SYNTAX_ADDRESS,   /* 501 5.1.7 (sender), 501 5.1.3 (recipient) */
    SMTP_SYNTAX_PARAMETER, /* 555 5.5.4: a parameter that we did not offer */
};

enum smtp_syntax smtp_parse_mail(const char *arguments, size_t length, struct smtp_mail *ret);
enum smtp_syntax smtp_parse_rcpt(const char *arguments, size_t length, struct smtp_path *ret);

#endif
