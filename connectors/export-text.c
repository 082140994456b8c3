/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See export.h: strings and comments of PowerShell (about_Quoting_Rules). */
#include <stdbool.h>
#include <string.h>

#include "connectors/export.h"
#include "connectors/utf8.h"

static bool is_plain(unsigned char byte)
{
    return byte >= ' ' && byte < 0x7f;
}

/* The character of `length` bytes that conn_utf8_length() has taken. */
static unsigned point_of(const char *text, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned point = (unsigned char)text[0] & masks[length];
    for (size_t i = 1; i < length; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    return point;
}

static void put_run(FILE *stream, const char *text, size_t length)
{
    fputc('\'', stream);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'')
            fputc('\'', stream);
        fputc(text[i], stream);
    }
    fputc('\'', stream);
}

static void put_number(FILE *stream, unsigned point)
{
    if (point > 0xffff)
        fprintf(stream, " + [char]::ConvertFromUtf32(0x%06x)", point);
    else
        fprintf(stream, " + [char]0x%04x", point);
}

void conn_export_quote(FILE *stream, const char *text)
{
    size_t length = strlen(text), at = 0;
    while (at < length && is_plain((unsigned char)text[at]))
        at++;
    if (at == length)
        return put_run(stream, text, length);
    /* A string first, so that + joins. */
    fputc('(', stream);
    put_run(stream, text, at);
    while (at < length) {
        size_t run = 0, size;
        while (at + run < length && is_plain((unsigned char)text[at + run]))
            run++;
        if (run) {
            fputs(" + ", stream);
            put_run(stream, text + at, run);
            at += run;
            continue;
        }
        size = conn_utf8_length(text + at, length - at);
        put_number(stream, size ? point_of(text + at, size) : 0xfffd);
        at += size ? size : 1;
    }
    fputc(')', stream);
}

void conn_export_comment(FILE *stream, const char *text)
{
    for (; *text; text++)
        if (is_plain((unsigned char)*text))
            fputc(*text, stream);
        else if (((unsigned char)*text & 0xc0) != 0x80)
            fputc('?', stream);
}
