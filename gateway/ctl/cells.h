/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Members of what posternd answered, as text for a table: a member that is not there is "-", zero,
 * or false. Inside of show.c and show-hsm.c. */
#ifndef POSTERN_GATEWAY_CTL_CELLS_H
#define POSTERN_GATEWAY_CTL_CELLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "gateway/ctl/table.h"

static inline const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : "-";
}

static inline bool has_text(const json_t *object, const char *key)
{
    return json_string_length(json_object_get(object, key)) > 0;
}

static inline long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static inline const char *yes_or_no(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

static inline const char *plural(long long number)
{
    return number == 1 ? "" : "s";
}

/* The items of a list in one cell: the first few, and how many more. */
static inline void list_cell(struct table *table, const json_t *list, const char *if_empty,
                             size_t shown)
{
    char text[1024] = "";
    size_t count = json_array_size(list), used = 0;
    for (size_t i = 0; i < count && i < shown && used < sizeof text; i++) {
        const char *item = json_string_value(json_array_get(list, i));
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "",
                                 item ? item : "?");
    }
    if (!count)
        table_cell(table, if_empty);
    else if (count > shown)
        table_cellf(table, "%s +%zu", text, count - shown);
    else
        table_cell(table, text);
}

#endif
