/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h: what the address ranges of inbound connectors have in common. Ranges are sorted by
 * their first addresses, and one walk then meets every range with those before it that reach
 * furthest, so that each range that overlaps any is found, though not each of the others with it.
 */
#include <string.h>

#include "connectors/advice.h"

struct span {
    const struct conn_inbound *inbound;
    const struct conn_range *range;
};

static int compare(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, sizeof *a);
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *first = a, *second = b;
    int result = compare(&first->range->first, &second->range->first);
    if (result == 0)
        result = -compare(&first->range->last, &second->range->last);
    if (result == 0)
        result = first->inbound->index < second->inbound->index ? -1 : 1;
    return result;
}

static void advise(struct conn_reader *reader, const struct span *a, const struct span *b,
                   bool *told)
{
    const struct span *first = a->inbound->index < b->inbound->index ? a : b;
    const struct span *second = first == a ? b : a;
    char mine[CONN_RANGE_TEXT_MAXIMUM], theirs[CONN_RANGE_TEXT_MAXIMUM];
    struct error error;
    if (told[second->inbound->index] || !first->inbound->name)
        return;
    told[second->inbound->index] = true;
    error_set(&error, EX_CONFIG,
              "SenderIPAddresses %s overlaps %s of the connector '%s' (%s), which is tried first",
              conn_range_text(second->range, mine, sizeof mine),
              conn_range_text(first->range, theirs, sizeof theirs), first->inbound->name,
              first->inbound->place.file);
    error_cure(&error, "give each address to one connector, or see with posternctl inbound explain "
                       "that the order of files is as it is meant");
    conn_advise(reader, &second->inbound->place, true, &error);
}

/* The two ranges, of two connectors, that reach furthest so far. */
struct reach {
    const struct span *far, *next;
};

static bool goes_beyond(const struct span *a, const struct span *b)
{
    return !b || compare(&a->range->last, &b->range->last) > 0;
}

static void extend(struct reach *reach, const struct span *span)
{
    if (goes_beyond(span, reach->far)) {
        if (reach->far && reach->far->inbound != span->inbound)
            reach->next = reach->far;
        reach->far = span;
    } else if (span->inbound != reach->far->inbound && goes_beyond(span, reach->next)) {
        reach->next = span;
    }
}

static void find_overlaps(struct conn_reader *reader, const struct span *spans, size_t count,
                          bool *told)
{
    struct reach reach = {0};
    for (size_t i = 0; i < count; i++) {
        const struct span *span = &spans[i], *other = reach.far;
        if (other && other->inbound == span->inbound)
            other = reach.next;
        if (other && compare(&span->range->first, &other->range->last) <= 0)
            advise(reader, other, span, told);
        extend(&reach, span);
    }
}

static bool is_four(const struct span *span)
{
    return IN6_IS_ADDR_V4MAPPED(&span->range->first);
}

/* IPv4 lies amid IPv6 in this order, and no range takes both: each is looked at by itself. */
static void find_overlaps_of_each(struct conn_reader *reader, const struct span *spans,
                                  size_t count, struct span *part, bool *told)
{
    for (unsigned family = 0; family < 2; family++) {
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            if (is_four(&spans[i]) == !family)
                part[used++] = spans[i];
        find_overlaps(reader, part, used, told);
    }
}

void conn_advise_on_ranges(struct conn_reader *reader)
{
    const struct conn_config *config = reader->config;
    size_t count = 0;
    for (size_t i = 0; i < config->inbound_count; i++)
        count += config->inbound[i].enabled ? config->inbound[i].range_count : 0;
    _cleanup_free_ struct span *spans = calloc(count + 1, sizeof *spans);
    _cleanup_free_ struct span *part = calloc(count + 1, sizeof *part);
    _cleanup_free_ bool *told = calloc(config->inbound_count + 1, sizeof *told);
    if (!spans || !part || !told)
        return; /* nothing depends on advice */
    count = 0;
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        for (size_t j = 0; inbound->enabled && j < inbound->range_count; j++)
            spans[count++] = (struct span){inbound, &inbound->ranges[j]};
    }
    if (count)
        qsort(spans, count, sizeof *spans, compare_spans);
    find_overlaps_of_each(reader, spans, count, part, told);
}

/* --- every address --- */

static bool add_one(struct in6_addr *address)
{
    for (unsigned i = sizeof address->s6_addr; i-- > 0;)
        if (++address->s6_addr[i])
            return true;
    return false;
}

/* From the first address that is wanted on, each sorted range moves the first that is missing. */
static bool have_all(const struct span *spans, size_t count, const struct conn_range *wanted)
{
    struct in6_addr missing = wanted->first;
    for (size_t i = 0; i < count; i++) {
        const struct conn_range *range = spans[i].range;
        if (IN6_IS_ADDR_V4MAPPED(&range->first) != IN6_IS_ADDR_V4MAPPED(&wanted->first) ||
            compare(&range->last, &missing) < 0)
            continue;
        if (compare(&range->first, &missing) > 0)
            return false;
        if (compare(&range->last, &wanted->last) >= 0)
            return true;
        missing = range->last;
        add_one(&missing);
    }
    return false;
}

bool conn_ranges_have_all(const struct conn_inbound *inbound)
{
    static const struct conn_range
        four = {.first = {.s6_addr = {[10] = 0xff, [11] = 0xff}},
                .last = {.s6_addr = {[10] = 0xff, [11] = 0xff, 0xff, 0xff, 0xff, 0xff}}},
        six = {.first = {.s6_addr = {0x20}},
               .last = {.s6_addr = {0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}};
    _cleanup_free_ struct span *spans = calloc(inbound->range_count + 1, sizeof *spans);
    if (!spans)
        return false;
    for (size_t i = 0; i < inbound->range_count; i++)
        spans[i] = (struct span){inbound, &inbound->ranges[i]};
    qsort(spans, inbound->range_count, sizeof *spans, compare_spans);
    return have_all(spans, inbound->range_count, &four) ||
           have_all(spans, inbound->range_count, &six);
}
