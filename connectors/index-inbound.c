/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See index.h: the inbound half. A range becomes the prefixes that make it up, at most 254 of them;
 * those of one address are its own first bits, so that there are at most as many as it has bits.
 * Each prefix has its connectors in the order of files, and a walk merges these lists. */
#include <string.h>

#include "connectors/address.h"
#include "connectors/index-private.h"

typedef unsigned __int128 conn_bits;

static conn_bits read_bits(const struct in6_addr *address)
{
    conn_bits bits = 0;
    for (unsigned i = 0; i < sizeof address->s6_addr; i++)
        bits = bits << 8 | address->s6_addr[i];
    return bits;
}

/* With zeroes behind the prefix. */
static struct conn_prefix_key key_of(enum conn_family family, conn_bits bits, unsigned length)
{
    struct conn_prefix_key key = {.family = (unsigned char)family, .length = (unsigned char)length};
    if (length < 128)
        bits = length ? bits >> (128 - length) << (128 - length) : 0;
    for (unsigned i = 0; i < sizeof key.bytes; i++)
        key.bytes[i] = (unsigned char)(bits >> (120 - 8 * i));
    return key;
}

static enum conn_family family_of(const struct in6_addr *address)
{
    return IN6_IS_ADDR_V4MAPPED(address) ? CONN_FAMILY_4 : CONN_FAMILY_6;
}

static struct conn_numbers *numbers_of(struct conn_prefix *prefix,
                                       const struct conn_inbound *inbound)
{
    return inbound->sender_certificate_names.count ? &prefix->proven : &prefix->plain;
}

static bool add_prefix(struct conn_inbound_index *index, const struct conn_prefix_key *key,
                       const struct conn_inbound *inbound)
{
    struct conn_prefix *prefix = conn_map_find(&index->prefixes, key, sizeof *key);
    if (!prefix) {
        prefix = calloc(1, sizeof *prefix);
        if (!prefix)
            return false;
        prefix->key = *key;
        void **place = conn_map_add(&index->prefixes, &prefix->key, sizeof prefix->key);
        if (!place) {
            free(prefix);
            return false;
        }
        *place = prefix;
        index->lengths[key->family][key->length] = true;
    }
    return conn_numbers_add(numbers_of(prefix, inbound), inbound->index);
}

/* From the first address on, always the largest prefix that begins there and does not end behind
 * the last one. */
static bool add_range(struct conn_inbound_index *index, const struct conn_range *range,
                      const struct conn_inbound *inbound)
{
    conn_bits first = read_bits(&range->first), last = read_bits(&range->last);
    enum conn_family family = family_of(&range->first);
    while (first <= last) {
        unsigned free_bits = 0;
        conn_bits rest = 0; /* what the prefix takes beyond its first address */
        while (free_bits < 128 && !(first >> free_bits & 1) && first + (rest << 1 | 1) <= last) {
            rest = rest << 1 | 1;
            free_bits++;
        }
        struct conn_prefix_key key = key_of(family, first, 128 - free_bits);
        if (!add_prefix(index, &key, inbound))
            return false;
        if (first + rest == ~(conn_bits)0)
            break;
        first += rest + 1;
    }
    return true;
}

static bool add_number(struct conn_map *map, const char *key, size_t number)
{
    void **place = conn_map_add(map, key, strlen(key));
    if (!place)
        return false;
    if (!*place && !(*place = calloc(1, sizeof(struct conn_numbers))))
        return false;
    return conn_numbers_add(*place, number);
}

static bool add_names(struct conn_inbound_index *index, const struct conn_inbound *inbound)
{
    const struct conn_strings *names = &inbound->sender_certificate_names;
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i], *parent = name ? strchr(name, '.') : NULL;
        if (name && !add_number(&index->names, name, inbound->index))
            return false;
        if (parent && !add_number(&index->parents, parent + 1, inbound->index))
            return false;
    }
    return true;
}

static bool restricts(const struct conn_inbound *inbound)
{
    return inbound->enabled && inbound->connector_type == CONN_TYPE_PARTNER &&
           (inbound->restrict_to_addresses || inbound->restrict_to_certificate);
}

bool conn_index_make_inbound(struct conn_inbound_index *index, const struct conn_config *config)
{
    index->names.fold = index->parents.fold = true;
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        bool done = true;
        if (!inbound->enabled)
            continue;
        if (!inbound->range_count)
            done = conn_numbers_add(numbers_of(&index->anywhere, inbound), i);
        for (size_t j = 0; done && j < inbound->range_count; j++)
            done = add_range(index, &inbound->ranges[j], inbound);
        if (done && restricts(inbound))
            done = conn_numbers_add(&index->restricting, i);
        if (!done || !add_names(index, inbound))
            return false;
    }
    return true;
}

static void clear_numbers(struct conn_map *map)
{
    for (size_t i = 0; i < map->room; i++) {
        struct conn_numbers *numbers = map->entries[i].value;
        if (numbers)
            free(numbers->items);
        free(numbers);
    }
    conn_map_clear(map);
}

static void clear_prefix(struct conn_prefix *prefix)
{
    free(prefix->plain.items);
    free(prefix->proven.items);
}

void conn_index_clear_inbound(struct conn_inbound_index *index)
{
    for (size_t i = 0; i < index->prefixes.room; i++) {
        struct conn_prefix *prefix = index->prefixes.entries[i].value;
        if (prefix)
            clear_prefix(prefix);
        free(prefix);
    }
    conn_map_clear(&index->prefixes);
    clear_prefix(&index->anywhere);
    clear_numbers(&index->names);
    clear_numbers(&index->parents);
    free(index->restricting.items);
}

/* --- RestrictDomainsTo… --- */

const struct conn_inbound *conn_index_restricting(const struct conn_config *config, size_t i)
{
    if (config->index) {
        const struct conn_numbers *numbers = &config->index->inbound.restricting;
        return i < numbers->count ? &config->inbound[numbers->items[i]] : NULL;
    }
    for (size_t at = 0; at < config->inbound_count; at++)
        if (restricts(&config->inbound[at]) && i-- == 0)
            return &config->inbound[at];
    return NULL;
}

/* --- walks --- */

static void follow(struct conn_walk *walk, const struct conn_numbers *numbers)
{
    if (numbers && numbers->count)
        walk->cursors[walk->count++] =
            (struct conn_cursor){numbers->items, numbers->items + numbers->count};
}

static void follow_prefix(struct conn_walk *walk, const struct conn_prefix *prefix)
{
    if (prefix && walk->kinds & CONN_WALK_PLAIN)
        follow(walk, &prefix->plain);
    if (prefix && walk->kinds & CONN_WALK_PROVEN)
        follow(walk, &prefix->proven);
}

static void follow_address(struct conn_walk *walk, const struct conn_inbound_index *index)
{
    enum conn_family family = family_of(&walk->address);
    conn_bits bits = read_bits(&walk->address);
    follow_prefix(walk, &index->anywhere);
    for (unsigned length = 0; walk->known && length <= 128; length++) {
        if (!index->lengths[family][length])
            continue;
        struct conn_prefix_key key = key_of(family, bits, length);
        follow_prefix(walk, conn_map_find(&index->prefixes, &key, sizeof key));
    }
}

/* "mail.contoso.com" is meant by that name and by *.contoso.com; "*.contoso.com" by every name with
 * one label before contoso.com. */
static void follow_name(struct conn_walk *walk, const struct conn_inbound_index *index,
                        const char *name)
{
    char pattern[260];
    size_t length = strlen(name);
    const char *parent = strchr(name, '.');
    if (length >= sizeof pattern - 2)
        return;
    follow(walk, conn_map_find(&index->names, name, length));
    if (!parent)
        return;
    if (strncmp(name, "*.", 2) == 0) {
        follow(walk, conn_map_find(&index->parents, parent + 1, strlen(parent + 1)));
        return;
    }
    pattern[0] = '*';
    strcpy(pattern + 1, parent);
    follow(walk, conn_map_find(&index->names, pattern, strlen(pattern)));
}

void conn_walk_begin(struct conn_walk *walk, const struct conn_config *config,
                     const struct sockaddr *address, unsigned kinds, const struct conn_names *names)
{
    if (kinds & CONN_WALK_BY_NAMES && names->count > CONN_NAMES_MAXIMUM)
        kinds |= CONN_WALK_PROVEN;
    if (kinds & CONN_WALK_PROVEN)
        kinds &= ~(unsigned)CONN_WALK_BY_NAMES;
    walk->config = config;
    walk->kinds = kinds;
    walk->count = 0;
    walk->linear = 0;
    walk->address = (struct in6_addr){0};
    walk->known = conn_address_read(address, &walk->address);
    if (!config->index)
        return;
    follow_address(walk, &config->index->inbound);
    for (size_t i = 0; kinds & CONN_WALK_BY_NAMES && i < names->count; i++)
        follow_name(walk, &config->index->inbound, names->items[i]);
}

static bool is_of_kind(const struct conn_walk *walk, const struct conn_inbound *inbound)
{
    return walk->kinds &
           (inbound->sender_certificate_names.count ? CONN_WALK_PROVEN | CONN_WALK_BY_NAMES
                                                    : CONN_WALK_PLAIN);
}

static bool takes(const struct conn_walk *walk, const struct conn_inbound *inbound)
{
    return !inbound->range_count ||
           (walk->known && conn_ranges_have(inbound->ranges, inbound->range_count, &walk->address));
}

static const struct conn_inbound *next_linear(struct conn_walk *walk)
{
    while (walk->linear < walk->config->inbound_count) {
        const struct conn_inbound *inbound = &walk->config->inbound[walk->linear++];
        if (inbound->enabled && is_of_kind(walk, inbound) && takes(walk, inbound))
            return inbound;
    }
    return NULL;
}

/* The lowest number that any cursor stands at; every cursor goes past it. */
static bool take_lowest(struct conn_walk *walk, uint32_t *ret)
{
    uint32_t lowest = UINT32_MAX;
    for (size_t i = 0; i < walk->count; i++)
        if (*walk->cursors[i].at < lowest)
            lowest = *walk->cursors[i].at;
    for (size_t i = 0; i < walk->count;) {
        struct conn_cursor *cursor = &walk->cursors[i];
        if (*cursor->at == lowest && ++cursor->at == cursor->end)
            *cursor = walk->cursors[--walk->count];
        else
            i++;
    }
    *ret = lowest;
    return lowest != UINT32_MAX;
}

const struct conn_inbound *conn_walk_next(struct conn_walk *walk)
{
    uint32_t number;
    if (!walk->config->index)
        return next_linear(walk);
    while (take_lowest(walk, &number)) {
        const struct conn_inbound *inbound = &walk->config->inbound[number];
        if (takes(walk, inbound)) /* those found by a name may not */
            return inbound;
    }
    return NULL;
}
