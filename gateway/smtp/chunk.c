/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See chunk.h. */
#include "gateway/smtp/chunk.h"

#include <string.h>
#include <strings.h>

#include "gateway/smtp/parameters.h"

bool smtp_parse_chunk(const char *arguments, size_t length, struct smtp_chunk *ret)
{
    const char *space = length ? memchr(arguments, ' ', length) : NULL;
    size_t digits = space ? (size_t)(space - arguments) : length;
    struct smtp_chunk chunk = {.last = space != NULL};
    if (!smtp_parse_number(arguments, digits, &chunk.size) || chunk.size > INT64_MAX)
        return false;
    if (space) {
        const char *word = space;
        while (word < arguments + length && *word == ' ')
            word++;
        if (arguments + length - word != 4 || strncasecmp(word, "LAST", 4) != 0)
            return false;
    }
    *ret = chunk;
    return true;
}

/* From `at` to the next CR or LF, or the end. */
static size_t span(const char *at, size_t length)
{
    const char *newline = memchr(at, '\n', length);
    size_t run = newline ? (size_t)(newline - at) : length;
    const char *cr = memchr(at, '\r', run);
    return cr ? (size_t)(cr - at) : run;
}

enum smtp_data_result smtp_chunk_check(struct smtp_chunk_lines *lines, const char *bytes,
                                       size_t length)
{
    const char *at = bytes, *end = bytes + length;
    while (at < end) {
        if (lines->after_cr) {
            if (*at != '\n')
                return SMTP_DATA_BARE_CR;
            at++;
            *lines = (struct smtp_chunk_lines){0};
            continue;
        }
        size_t run = span(at, (size_t)(end - at));
        at += run;
        lines->line_length += run;
        if (lines->line_length > SMTP_DATA_LINE_MAXIMUM - 2)
            return SMTP_DATA_LONG_LINE;
        if (at == end)
            break;
        if (*at++ == '\n')
            return SMTP_DATA_BARE_LF;
        lines->after_cr = true;
    }
    return SMTP_DATA_MORE;
}

enum smtp_data_result smtp_chunk_end(const struct smtp_chunk_lines *lines)
{
    return lines->after_cr ? SMTP_DATA_BARE_CR : SMTP_DATA_MORE;
}
