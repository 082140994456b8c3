/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMTP commands as they come from a client: RFC 5321 4.1, with addresses of RFC 6531. What may
 * follow an address is in parameters.h.
 *
 * Pure functions over a line without its CRLF; no state, any thread. Nothing that is accepted here
 * holds a control character, so that what is accepted can be put into commands, headers and
 * replies; a path holds bytes past ASCII only as UTF-8, and says so. */
#ifndef POSTERN_GATEWAY_SMTP_COMMAND_H
#define POSTERN_GATEWAY_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMTP_COMMAND_MAXIMUM = 2048, /* bytes of a command line, CRLF included; RFC 5321 4.5.3.1.4 wants
                                    512 and room for what extensions add */
    SMTP_PATH_MAXIMUM = 320,     /* 64 + 1 + 255 (4.5.3.1) */
    SMTP_DOMAIN_MAXIMUM = 255,
    SMTP_ENVID_MAXIMUM = 100, /* RFC 3461 4.4, as it stands on the wire */
    SMTP_ORCPT_MAXIMUM = 500  /* 4.2 */
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
    SMTP_BDAT,
    SMTP_AUTH,
    SMTP_FOREIGN /* HTTP and the like: someone talks another protocol at us */
};

/* The verb, and where its arguments begin (spaces skipped, trailing spaces cut off). */
enum smtp_verb smtp_verb(const char *line, size_t length, const char **arguments,
                         size_t *arguments_length);

/* The argument of EHLO or HELO: a domain or an address literal, without control characters or
 * spaces. */
bool smtp_hello_is_valid(const char *text, size_t length);

enum smtp_body { SMTP_BODY_NONE, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };

/* An address as between the angle brackets, source route removed. */
struct smtp_path {
    char address[SMTP_PATH_MAXIMUM + 1];  /* "" for the null sender */
    char domain[SMTP_DOMAIN_MAXIMUM + 1]; /* lower case; "" when there is none */
    bool utf8;                            /* one of the two holds more than ASCII (RFC 6531 3.3) */
};

/* Parameters as bits: which came, which are offered, which go on. */
enum smtp_parameter {
    SMTP_PARAMETER_SIZE = 1 << 0, /* RFC 1870 */
    SMTP_PARAMETER_BODY = 1 << 1, /* RFC 6152; BINARYMIME: RFC 3030 */
    SMTP_PARAMETER_RET = 1 << 2,  /* RFC 3461, as the next three */
    SMTP_PARAMETER_ENVID = 1 << 3,
    SMTP_PARAMETER_NOTIFY = 1 << 4,
    SMTP_PARAMETER_ORCPT = 1 << 5,
    SMTP_PARAMETER_SMTPUTF8 = 1 << 6,   /* RFC 6531 */
    SMTP_PARAMETER_REQUIRETLS = 1 << 7, /* RFC 8689 */
    SMTP_PARAMETER_AUTH = 1 << 9,       /* RFC 4954; taken, and not kept */
    SMTP_PARAMETER_XOORG = 1 << 8,      /* Exchange: the organisation that a message comes from */
    SMTP_PARAMETERS_DSN =
        SMTP_PARAMETER_RET | SMTP_PARAMETER_ENVID | SMTP_PARAMETER_NOTIFY | SMTP_PARAMETER_ORCPT
};

enum smtp_notify {
    SMTP_NOTIFY_NEVER = 1,
    SMTP_NOTIFY_SUCCESS = 2,
    SMTP_NOTIFY_FAILURE = 4,
    SMTP_NOTIFY_DELAY = 8
};

struct smtp_mail {
    struct smtp_path path;
    bool has_size;
    uint64_t size; /* RFC 1870; saturated */
    enum smtp_body body;
    unsigned given;                     /* enum smtp_parameter */
    bool ret_full;                      /* RET: FULL, else HDRS */
    char envid[SMTP_ENVID_MAXIMUM + 1]; /* xtext, as it came */
    char xoorg[SMTP_DOMAIN_MAXIMUM + 1];
};

struct smtp_recipient {
    struct smtp_path path;
    unsigned given;
    unsigned notify;                    /* enum smtp_notify */
    char orcpt[SMTP_ORCPT_MAXIMUM + 1]; /* "rfc822;" and xtext, as it came */
};

enum smtp_syntax {
    SMTP_SYNTAX_OK,
    SMTP_SYNTAX_WRONG,     /* 501 5.5.4 */
    SMTP_SYNTAX_ADDRESS,   /* 501 5.1.7 (sender), 501 5.1.3 (recipient) */
    SMTP_SYNTAX_PARAMETER, /* 555 5.5.4: a parameter that nobody here knows */
};

enum smtp_syntax smtp_parse_mail(const char *arguments, size_t length, struct smtp_mail *ret);
/* Without parameters, and of ASCII. */
enum smtp_syntax smtp_parse_rcpt(const char *arguments, size_t length, struct smtp_path *ret);
/* With those of RFC 3461. */
enum smtp_syntax smtp_parse_recipient(const char *arguments, size_t length,
                                      struct smtp_recipient *ret);

#endif
