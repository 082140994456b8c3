/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns, and text from outside made fit for a terminal.
 *
 * What posternd tells may hold what a stranger sent: no control character of it, in C0 or C1, ever
 * reaches the terminal. One thread. */
#ifndef POSTERN_GATEWAY_CTL_TABLE_H
#define POSTERN_GATEWAY_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Prints UTF-8 text; tabs and line ends become spaces, other control characters \xNN. */
void table_text(FILE *file, const char *text);
/* The same, but tabs and line ends stay, as in a patch, and there is one at the end. */
void table_lines(FILE *file, const char *text);

/* Cells are added one after the other, row by row. A value in its owner, zeroed but for `columns`.
 */
struct table {
    size_t columns;
    char **cells;
    size_t count, room;
    bool failed; /* memory was short: nothing will be printed but that */
};

void table_cell(struct table *table, const char *text);
void table_cellf(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints the rows, columns as wide as their widest cell, and frees the cells. */
void table_print(FILE *file, struct table *table);

#endif
