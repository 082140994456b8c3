/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See map.h. Open addressing, and FNV-1a with its bits stirred: keys are the administrator's own,
 * so that nobody outside can choose keys that collide. */
#include "connectors/map.h"

#include <string.h>
#include <strings.h>

enum { ROOM_FIRST = 64 };

static unsigned char fold(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

static uint64_t hash_of(const struct conn_map *map, const void *key, size_t length)
{
    const unsigned char *bytes = key;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (map->fold ? fold(bytes[i]) : bytes[i])) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

static bool is_key(const struct conn_map *map, const struct conn_map_entry *entry, const void *key,
                   size_t length)
{
    if (entry->length != length)
        return false;
    return map->fold ? strncasecmp(entry->key, key, length) == 0
                     : memcmp(entry->key, key, length) == 0;
}

/* The entry with the key, or the free one where it belongs. */
static struct conn_map_entry *find_entry(const struct conn_map *map, uint64_t hash, const void *key,
                                         size_t length)
{
    for (size_t at = hash & (map->room - 1);; at = (at + 1) & (map->room - 1)) {
        struct conn_map_entry *entry = &map->entries[at];
        if (!entry->key || (entry->hash == hash && is_key(map, entry, key, length)))
            return entry;
    }
}

static bool grow(struct conn_map *map)
{
    struct conn_map grown = {
        .room = map->room ? map->room * 2 : ROOM_FIRST, .count = map->count, .fold = map->fold};
    grown.entries = calloc(grown.room, sizeof *grown.entries);
    if (!grown.entries)
        return false;
    for (size_t i = 0; i < map->room; i++) {
        const struct conn_map_entry *entry = &map->entries[i];
        if (entry->key)
            *find_entry(&grown, entry->hash, entry->key, entry->length) = *entry;
    }
    free(map->entries);
    *map = grown;
    return true;
}

void **conn_map_add(struct conn_map *map, const void *key, size_t length)
{
    if (map->count * 2 >= map->room && !grow(map))
        return NULL;
    uint64_t hash = hash_of(map, key, length);
    struct conn_map_entry *entry = find_entry(map, hash, key, length);
    if (!entry->key) {
        *entry = (struct conn_map_entry){.key = key, .length = length, .hash = hash};
        map->count++;
    }
    return &entry->value;
}

void *conn_map_find(const struct conn_map *map, const void *key, size_t length)
{
    if (!map->room)
        return NULL;
    return find_entry(map, hash_of(map, key, length), key, length)->value;
}

void conn_map_clear(struct conn_map *map)
{
    free(map->entries);
    *map = (struct conn_map){.fold = map->fold};
}
