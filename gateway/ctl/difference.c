/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an edit changed, as diff -u shows it. See edit.h. The lines that both texts begin and end
 * with are alike; what is between is the one hunk. */
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/edit.h"

static size_t line_length(const char *text)
{
    const char *end = strchr(text, '\n');
    return end ? (size_t)(end - text) + 1 : strlen(text);
}

static size_t count_lines(const char *text, const char *end)
{
    size_t lines = 0;
    for (; text < end && *text; text += line_length(text))
        lines++;
    return lines;
}

/* The start of the line `count` lines before `at`. */
static const char *back(const char *text, const char *at, unsigned count)
{
    while (count-- && at > text) {
        at--;
        while (at > text && at[-1] != '\n')
            at--;
    }
    return at;
}

static void put_lines(FILE *stream, char sign, const char *text, const char *end)
{
    while (text < end && *text) {
        size_t length = line_length(text);
        fputc(sign, stream);
        fwrite(text, 1, length, stream);
        if (text[length - 1] != '\n')
            fputs("\n\\ No newline at end of file\n", stream);
        text += length;
    }
}

char *ctl_edit_difference(const char *path, const char *old, const char *fresh)
{
    enum { CONTEXT = 3 };
    char *text = NULL;
    size_t size = 0;
    const char *a = old, *b = fresh, *a_end = old + strlen(old), *b_end = fresh + strlen(fresh);
    while (*a && line_length(a) == line_length(b) && strncmp(a, b, line_length(a)) == 0) {
        size_t length = line_length(a);
        a += length;
        b += length;
    }
    for (const char *x, *y; a_end > a && b_end > b; a_end = x, b_end = y) {
        x = back(a, a_end, 1);
        y = back(b, b_end, 1);
        if (a_end - x != b_end - y || strncmp(x, y, (size_t)(a_end - x)) != 0)
            break;
    }
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    const char *from = back(old, a, CONTEXT), *to = a_end;
    for (unsigned i = 0; i < CONTEXT && *to; i++)
        to += line_length(to);
    size_t first = count_lines(old, from) + 1,
           around = count_lines(from, a) + count_lines(a_end, to);
    fprintf(stream, "--- %s\n+++ %s\n@@ -%zu,%zu +%zu,%zu @@\n", path, path, first,
            around + count_lines(a, a_end), first, around + count_lines(b, b_end));
    put_lines(stream, ' ', from, a);
    put_lines(stream, '-', a, a_end);
    put_lines(stream, '+', b, b_end);
    put_lines(stream, ' ', a_end, to);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}
