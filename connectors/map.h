/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A hash table from bytes to a pointer, that grows and from which nothing is taken out.
 *
 * Keys are not copied and must outlive the table. What is told about who may ask it at once is that
 * of a constant table: any thread, once nobody adds any more. */
#ifndef POSTERN_CONNECTORS_MAP_H
#define POSTERN_CONNECTORS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/cleanup.h"

struct conn_map_entry {
    const void *key; /* NULL: free */
    size_t length;
    uint64_t hash;
    void *value;
};

struct conn_map {
    struct conn_map_entry *entries; /* a power of two of them, at least half of them free */
    size_t room, count;
    bool fold; /* keys are ASCII, and capitals do not count; set it before the first key */
};

/* The value's place, made (NULL in it) when the key is new; NULL: no memory. Until the next call.
 */
void **conn_map_add(struct conn_map *map, const void *key, size_t length);
/* NULL: it is not there. */
void *conn_map_find(const struct conn_map *map, const void *key, size_t length);
void conn_map_clear(struct conn_map *map); /* the values are the caller's */

#endif
