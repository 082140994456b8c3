/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See ledger.h. A walk over all entries for each sighting: there are a thousand at most, and
 * repeats are counted before they come here. */
#include "gateway/ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

struct ledger *ledger_new(void)
{
    return calloc(1, sizeof(struct ledger));
}

struct ledger *ledger_free(struct ledger *ledger)
{
    for (unsigned i = 0; ledger && i < ledger->count; i++)
        free(ledger->entries[i]);
    free(ledger);
    return NULL;
}

struct ledger *ledger_copy(const struct ledger *ledger)
{
    _cleanup_(ledger_freep) struct ledger *copy = ledger_new();
    for (unsigned i = 0; copy && i < ledger->count; i++) {
        struct ledger_entry *entry = malloc(sizeof *entry);
        if (!entry)
            return NULL;
        *entry = *ledger->entries[i];
        copy->entries[copy->count++] = entry;
    }
    return TAKE_PTR(copy);
}

static bool same_connector(const struct ledger_entry *entry, const struct ledger_sighting *sighting)
{
    return entry->seen.direction == sighting->direction &&
           strcmp(entry->seen.connector, sighting->connector) == 0;
}

static struct ledger_entry *find(const struct ledger *ledger, const struct ledger_sighting *wanted)
{
    for (unsigned i = 0; i < ledger->count; i++) {
        struct ledger_entry *entry = ledger->entries[i];
        if (strcmp(entry->seen.record.fingerprint, wanted->record.fingerprint) == 0 &&
            same_connector(entry, wanted))
            return entry;
    }
    return NULL;
}

static bool pair_is_known(const struct ledger *ledger, const struct ledger_sighting *sighting)
{
    for (unsigned i = 0; i < ledger->count; i++)
        if (same_connector(ledger->entries[i], sighting) &&
            strcmp(ledger->entries[i]->seen.record.pair, sighting->record.pair) == 0)
            return true;
    return false;
}

/* --- room --- */

static bool goes_before(const struct ledger_entry *a, const struct ledger_entry *b)
{
    if (a->ever_accepted != b->ever_accepted)
        return !a->ever_accepted;
    return a->seen.last < b->seen.last;
}

/* `connector` NULL: of all. */
static void drop_one(struct ledger *ledger, const struct ledger_sighting *connector)
{
    unsigned found = ledger->count;
    for (unsigned i = 0; i < ledger->count; i++) {
        if (connector && !same_connector(ledger->entries[i], connector))
            continue;
        if (found == ledger->count || goes_before(ledger->entries[i], ledger->entries[found]))
            found = i;
    }
    if (found == ledger->count)
        return;
    free(ledger->entries[found]);
    memmove(ledger->entries + found, ledger->entries + found + 1,
            (ledger->count - found - 1) * sizeof(struct ledger_entry *));
    ledger->count--;
}

static void make_room(struct ledger *ledger, const struct ledger_sighting *sighting)
{
    unsigned of_connector = 0;
    for (unsigned i = 0; i < ledger->count; i++)
        of_connector += same_connector(ledger->entries[i], sighting);
    if (of_connector >= LEDGER_CONNECTOR_MAXIMUM)
        drop_one(ledger, sighting);
    if (ledger->count >= LEDGER_MAXIMUM)
        drop_one(ledger, NULL);
}

/* --- taking --- */

static void update(struct ledger_entry *entry, const struct ledger_sighting *sighting)
{
    time_t first = entry->seen.first;
    uint64_t count = entry->seen.count + sighting->count;
    entry->seen = *sighting;
    entry->seen.first = first;
    entry->seen.count = count;
    entry->ever_accepted |= sighting->verdict != LEDGER_REFUSED;
}

struct ledger_entry *ledger_take(struct ledger *ledger, const struct ledger_sighting *sighting,
                                 bool *ret_new_pair)
{
    struct ledger_entry *entry = find(ledger, sighting);
    *ret_new_pair = false;
    ledger->dirty = true;
    if (entry) {
        ledger->urgent |= entry->seen.verdict != sighting->verdict;
        update(entry, sighting);
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->seen = *sighting;
    entry->ever_accepted = sighting->verdict != LEDGER_REFUSED;
    *ret_new_pair = !pair_is_known(ledger, sighting);
    make_room(ledger, sighting);
    ledger->urgent = true;
    ledger->entries[ledger->count++] = entry;
    return entry;
}

/* --- expiry --- */

int ledger_days_left(const struct ledger_entry *entry, time_t now)
{
    time_t left = entry->seen.record.not_after - now;
    time_t days = left / LEDGER_DAY - (left < 0 && left % LEDGER_DAY);
    return days > 36500 ? 36500 : days < -36500 ? -36500 : (int)days;
}

static bool is_successor(const struct ledger_entry *other, const struct ledger_entry *entry)
{
    return other != entry && same_connector(other, &entry->seen) &&
           other->seen.verdict != LEDGER_REFUSED && other->seen.last >= entry->seen.last &&
           other->seen.record.not_after > entry->seen.record.not_after &&
           strcmp(other->seen.record.subject, entry->seen.record.subject) == 0;
}

bool ledger_is_expiring(const struct ledger *ledger, const struct ledger_entry *entry, time_t now)
{
    if (entry->seen.verdict == LEDGER_REFUSED || entry->seen.record.not_after <= now ||
        ledger_days_left(entry, now) >= LEDGER_EXPIRING_DAYS)
        return false;
    for (unsigned i = 0; i < ledger->count; i++)
        if (is_successor(ledger->entries[i], entry))
            return false;
    return true;
}
