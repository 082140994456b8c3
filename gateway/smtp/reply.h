/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMTP replies as they come from a next hop, a byte at a time if need be (RFC 5321 4.2, RFC 2034).
 *
 * The parser holds one reply of bounded size; it does no I/O. */
#ifndef POSTERN_GATEWAY_SMTP_REPLY_H
#define POSTERN_GATEWAY_SMTP_REPLY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    SMTP_REPLY_LINE_MAXIMUM = 1024, /* bytes; RFC 5321 4.5.3.1.5 wants 512 */
    SMTP_REPLY_LINES_MAXIMUM = 64,
    SMTP_REPLY_TEXT_MAXIMUM = 4096
};

struct smtp_reply {
    int code;                           /* 200 … 599; 0: none yet */
    size_t length;
    char text[SMTP_REPLY_TEXT_MAXIMUM]; /* without codes; lines parted by '\n', other control characters
                                           and bytes past ASCII replaced by '?', ended by NUL */
};

struct smtp_reply_parser {
    struct smtp_reply reply;
    unsigned lines;
    bool complete;
    size_t line_length;
    char line[SMTP_REPLY_LINE_MAXIMUM];
};

void smtp_reply_start(struct smtp_reply_parser *parser);

/* Takes bytes up to the end of one reply and says how many it took. Returns 1 when parser->reply is
 * whole, 0 when more is needed, -1 when this is no SMTP reply (text past the maximum is cut, not
 * refused; too many lines are refused). */
int smtp_reply_feed(struct smtp_reply_parser *parser, const char *bytes, size_t length,
                    size_t *taken);

/* A reply is large and mostly empty: only what is in it is copied. */
static inline void smtp_reply_copy(struct smtp_reply *to, const struct smtp_reply *from)
{
    to->code = from->code;
    to->length = from->length;
    memcpy(to->text, from->text, from->length + 1);
}

static inline int smtp_reply_class(const struct smtp_reply *reply)
{
    return reply->code / 100;
}

/* A reply of our own, one line. */
void smtp_reply_set(struct smtp_reply *reply, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void smtp_reply_set_list(struct smtp_reply *reply, int code, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* The reply as it goes to a client, every line with its code and CRLF, into `text`; returns the length,
 * which is never more than size - 1. */
size_t smtp_reply_format(const struct smtp_reply *reply, char *text, size_t size);

#endif
