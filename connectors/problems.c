/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See problems.h. */
#include "connectors/problems.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "connectors/utf8.h"

static void release(struct conn_problem *problem)
{
    free(problem->file);
    free(problem->what);
    free(problem->cure);
}

void conn_problems_clear(struct conn_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        release(&problems->items[i]);
    free(problems->items);
    *problems = (struct conn_problems){0};
}

/* Sentences were cut to fit somewhere, perhaps in the middle of a character, and hold pieces of
 * what came from outside; they go to terminals and into JSON. */
static void mend_text(char *text)
{
    for (char *at = text; *at;) {
        size_t length = conn_utf8_length(at, strlen(at));
        bool control = (unsigned char)*at < 0x20 || *at == 0x7f ||
                       ((unsigned char)*at == 0xc2 && (unsigned char)at[1] < 0xa0);
        if (!length || control)
            memset(at, '?', length ? length : 1);
        at += length ? length : 1;
    }
}

static struct conn_problem *make_room(struct conn_problems *problems)
{
    if (problems->count >= CONN_PROBLEMS_MAXIMUM)
        return NULL;
    if (!problems->items)
        problems->items = calloc(CONN_PROBLEMS_MAXIMUM, sizeof *problems->items);
    return problems->items ? &problems->items[problems->count] : NULL;
}

void conn_problems_add(struct conn_problems *problems, bool warning, const char *file, long line,
                       const struct error *error)
{
    if (warning)
        problems->warnings++;
    else
        problems->errors++;
    char what[sizeof error->what + sizeof error->where + 4];
    bool placed = error->where[0] && !strstr(error->what, error->where);
    snprintf(what, sizeof what, "%s%s%s%s", error->what, placed ? " (" : "",
             placed ? error->where : "", placed ? ")" : "");
    struct conn_problem *problem = make_room(problems);
    if (!problem) {
        problems->dropped++;
        return;
    }
    *problem = (struct conn_problem){.warning = warning,
                                     .file = strdup(file),
                                     .line = line < INT_MAX ? (int)line : INT_MAX,
                                     .what = strdup(what),
                                     .cure = strdup(error->cure)};
    if (!problem->file || !problem->what || !problem->cure) {
        release(problem);
        problems->dropped++;
        return;
    }
    mend_text(problem->file);
    mend_text(problem->what);
    mend_text(problem->cure);
    problems->count++;
}

/* Insertion: stable, and the list is short and nearly in order. */
void conn_problems_sort(struct conn_problems *problems, size_t first)
{
    for (size_t i = first + 1; i < problems->count; i++) {
        struct conn_problem moved = problems->items[i];
        size_t at = i;
        for (; at > first && problems->items[at - 1].line > moved.line; at--)
            problems->items[at] = problems->items[at - 1];
        problems->items[at] = moved;
    }
}

/* Twice the file's number; what is none of them has an odd rank, right behind the one before it. */
static size_t rank_file(const struct conn_strings *files, const char *file, size_t before)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->items[i], file) == 0)
            return 2 * i;
    return before | 1;
}

void conn_problems_sort_files(struct conn_problems *problems, const struct conn_strings *files)
{
    size_t ranks[CONN_PROBLEMS_MAXIMUM];
    for (size_t i = 0; i < problems->count; i++) {
        struct conn_problem moved = problems->items[i];
        size_t rank = rank_file(files, moved.file, i ? ranks[i - 1] : 0), at = i;
        for (; at > 0 && (ranks[at - 1] > rank ||
                          (ranks[at - 1] == rank && problems->items[at - 1].line > moved.line));
             at--) {
            problems->items[at] = problems->items[at - 1];
            ranks[at] = ranks[at - 1];
        }
        problems->items[at] = moved;
        ranks[at] = rank;
    }
}
