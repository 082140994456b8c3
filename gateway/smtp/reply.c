/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See reply.h. */
#include "gateway/smtp/reply.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void smtp_reply_start(struct smtp_reply_parser *parser)
{
    parser->reply.code = 0;
    parser->reply.length = 0;
    parser->reply.text[0] = '\0';
    parser->lines = 0;
    parser->complete = false;
    parser->line_length = 0;
}

static void add_text(struct smtp_reply *reply, bool first, const char *text, size_t length)
{
    if (!first && reply->length < sizeof reply->text - 1)
        reply->text[reply->length++] = '\n';
    for (size_t i = 0; i < length && reply->length < sizeof reply->text - 1; i++)
        reply->text[reply->length++] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    reply->text[reply->length] = '\0';
}

/* One line without its line end: three digits, then nothing, '-' or ' '. */
static int take_line(struct smtp_reply_parser *parser)
{
    const char *line = parser->line;
    size_t length = parser->line_length;
    parser->line_length = 0;
    if (length < 3 || line[0] < '2' || line[0] > '5' || !isdigit((unsigned char)line[1]) ||
        !isdigit((unsigned char)line[2]))
        return -1;
    int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (length > 3 && line[3] != '-' && line[3] != ' ')
        return -1;
    if (parser->reply.code && parser->reply.code != code)
        return -1;
    if (++parser->lines > SMTP_REPLY_LINES_MAXIMUM)
        return -1;
    parser->reply.code = code;
    add_text(&parser->reply, parser->lines == 1, length > 4 ? line + 4 : "", length > 4 ? length - 4 : 0);
    parser->complete = length == 3 || line[3] == ' ';
    return parser->complete;
}

int smtp_reply_feed(struct smtp_reply_parser *parser, const char *bytes, size_t length,
                    size_t *taken)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            /* RFC 5321 2.3.8: a line ends with CR LF, from a server as from a client. */
            if (!parser->line_length || parser->line[--parser->line_length] != '\r') {
                *taken = i;
                return -1;
            }
            int result = take_line(parser);
            if (result != 0) {
                *taken = i + 1;
                return result;
            }
        } else if (parser->line_length < sizeof parser->line) {
            parser->line[parser->line_length++] = bytes[i];
        } else {
            *taken = i;
            return -1;
        }
    }
    *taken = length;
    return 0;
}

void smtp_reply_set_list(struct smtp_reply *reply, int code, const char *format, va_list arguments)
{
    int length = vsnprintf(reply->text, sizeof reply->text, format, arguments);
    reply->code = code;
    reply->length = length < 0 ? 0 : (size_t)length;
    if (reply->length >= sizeof reply->text)
        reply->length = sizeof reply->text - 1;
    reply->text[reply->length] = '\0';
    for (size_t i = 0; i < reply->length; i++)
        if (reply->text[i] < 0x20 || reply->text[i] >= 0x7f)
            reply->text[i] = '?';
}

void smtp_reply_set(struct smtp_reply *reply, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    smtp_reply_set_list(reply, code, format, arguments);
    va_end(arguments);
}

/* RFC 5321 4.5.3.1.5: a reply line has at most 512 bytes, code and CRLF included. */
enum { LINE_TEXT_MAXIMUM = 506 };

size_t smtp_reply_format(const struct smtp_reply *reply, char *text, size_t size)
{
    size_t used = 0;
    const char *at = reply->text;
    for (;;) {
        size_t length = strcspn(at, "\n");
        bool cut = length > LINE_TEXT_MAXIMUM;
        if (cut)
            length = LINE_TEXT_MAXIMUM;
        bool last = !cut && at[length] == '\0';
        if (size - used < length + 7)
            return used;
        text[used++] = (char)('0' + reply->code / 100 % 10);
        text[used++] = (char)('0' + reply->code / 10 % 10);
        text[used++] = (char)('0' + reply->code % 10);
        text[used++] = last ? ' ' : '-';
        memcpy(text + used, at, length);
        used += length;
        text[used++] = '\r';
        text[used++] = '\n';
        text[used] = '\0';
        if (last)
            return used;
        at += length + !cut;
    }
}
