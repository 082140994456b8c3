/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See table.h. Width is counted in characters, which is true for all but East Asian ones. */
#include "gateway/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"

enum { GAP = 2 };

/* The byte after 0xc2 makes U+0080 to U+009f, which terminals take for escape sequences. */
static bool is_c1(const unsigned char *bytes)
{
    return bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] <= 0x9f;
}

static void print_clean(FILE *file, const char *text, bool keep_lines)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (keep_lines && (*at == '\n' || *at == '\t' || (*at == '\r' && at[1] == '\n'))) {
            fputc(*at, file);
        } else if (*at == '\n' || *at == '\t') {
            fputc(' ', file);
        } else if (is_c1(at)) {
            fprintf(file, "\\x%02x", *++at);
        } else if (*at < 0x20 || *at == 0x7f) {
            fprintf(file, "\\x%02x", *at);
        } else {
            fputc(*at, file);
        }
    }
}

void table_text(FILE *file, const char *text)
{
    print_clean(file, text, false);
}

void table_lines(FILE *file, const char *text)
{
    size_t length = strlen(text);
    print_clean(file, text, true);
    if (!length || text[length - 1] != '\n')
        fputc('\n', file);
}

/* Text as it will be printed; NULL when memory is short. The caller frees. */
static char *clean_copy(const char *text)
{
    char *copy = NULL;
    size_t length;
    FILE *file = open_memstream(&copy, &length);
    if (!file)
        return NULL;
    print_clean(file, text, false);
    if (fclose(file) == 0)
        return copy;
    free(copy);
    return NULL;
}

void table_cell(struct table *table, const char *text)
{
    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : 32;
        char **cells = reallocarray(table->cells, room, sizeof *cells);
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->room = room;
    }
    char *copy = clean_copy(text);
    if (copy)
        table->cells[table->count++] = copy;
    else
        table->failed = true;
}

void table_cellf(struct table *table, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text = NULL;
        table->failed = true;
    } else {
        table_cell(table, text);
    }
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t width_of_column(const struct table *table, size_t column)
{
    size_t widest = 0;
    for (size_t i = column; i < table->count; i += table->columns) {
        size_t width = width_of(table->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* The last column is not filled up: no line ends in spaces. */
static void print_cell(FILE *file, const struct table *table, size_t i, size_t width)
{
    fputs(table->cells[i], file);
    if ((i + 1) % table->columns == 0) {
        fputc('\n', file);
        return;
    }
    for (size_t at = width_of(table->cells[i]); at < width + GAP; at++)
        fputc(' ', file);
}

static void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){.columns = table->columns};
}

void table_print(FILE *file, struct table *table)
{
    _cleanup_free_ size_t *widths = calloc(table->columns, sizeof *widths);
    if (!widths || table->failed) {
        fputs("(no memory to show this)\n", file);
        table_clear(table);
        return;
    }
    for (size_t column = 0; column < table->columns; column++)
        widths[column] = width_of_column(table, column);
    for (size_t i = 0; i < table->count; i++)
        print_cell(file, table, i, widths[i % table->columns]);
    table_clear(table);
}
