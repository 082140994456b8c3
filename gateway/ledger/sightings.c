/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See sightings.h. Two batches take turns: one is filled by the worker, the other is under way, at
 * the main thread, or has come back. `filling` and `away` belong to the worker; a batch belongs to
 * whoever has it. */
#include "gateway/ledger/sightings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct loop_task task;
    struct sightings *owner;
    struct ledger_sighting *items[SIGHTINGS_MAXIMUM];
    unsigned count;
    uint64_t dropped;
};

struct sightings {
    struct loop *from, *to;
    sightings_receive *receive;
    void *context;
    struct loop_timer timer;
    bool timer_set;
    struct batch batches[2];
    struct batch *filling; /* one of the two */
    bool away;             /* the other is with the main thread */
};

const char *ledger_direction_name(enum ledger_direction direction)
{
    static const char *const names[] = {"inbound", "outbound"};
    return names[direction];
}

const char *ledger_verdict_name(enum ledger_verdict verdict)
{
    static const char *const names[] = {"accepted", "reported", "refused"};
    return names[verdict];
}

int sightings_new(struct sightings **ret, struct loop *from, struct loop *to,
                  sightings_receive *receive, void *context, struct error *error)
{
    struct sightings *sightings = calloc(1, sizeof *sightings);
    if (!sightings)
        return error_set(error, EX_OSERR, "Out of memory");
    sightings->from = from;
    sightings->to = to;
    sightings->receive = receive;
    sightings->context = context;
    sightings->batches[0].owner = sightings->batches[1].owner = sightings;
    sightings->filling = &sightings->batches[0];
    *ret = sightings;
    return 0;
}

/* --- handing over --- */

static void hand_over(struct batch *batch)
{
    struct sightings *sightings = batch->owner;
    if (!batch->count && !batch->dropped)
        return;
    for (unsigned i = 0; i < batch->count; i++) {
        sightings->receive(sightings->context, batch->items[i], 0);
        free(batch->items[i]);
    }
    batch->count = 0;
    sightings->receive(sightings->context, NULL, batch->dropped);
    batch->dropped = 0;
}

static void schedule(struct sightings *sightings);

static void came_back(struct loop_task *task)
{
    struct sightings *sightings = container_of(task, struct batch, task)->owner;
    sightings->away = false;
    if (sightings->filling->count || sightings->filling->dropped)
        schedule(sightings);
}

static void arrived(struct loop_task *task)
{
    struct batch *batch = container_of(task, struct batch, task);
    hand_over(batch);
    batch->task.run = came_back;
    loop_post(batch->owner->from, &batch->task);
}

static void send(struct loop_timer *timer)
{
    struct sightings *sightings = container_of(timer, struct sightings, timer);
    struct batch *batch = sightings->filling;
    sightings->timer_set = false;
    if (sightings->away)
        return; /* came_back() sees to it */
    sightings->filling = &sightings->batches[batch == &sightings->batches[0]];
    sightings->away = true;
    batch->task.run = arrived;
    loop_post(sightings->to, &batch->task);
}

/* Without memory for a timer the next sighting tries again. */
static void schedule(struct sightings *sightings)
{
    if (!sightings->timer_set && !sightings->away)
        sightings->timer_set =
            loop_set_timer(sightings->from, &sightings->timer, SIGHTINGS_MILLISECONDS, send) == 0;
}

struct sightings *sightings_free(struct sightings *sightings)
{
    if (!sightings)
        return NULL;
    struct batch *other = &sightings->batches[sightings->filling == &sightings->batches[0]];
    loop_cancel_timer(sightings->from, &sightings->timer);
    hand_over(other); /* the older one; empty when it had arrived */
    hand_over(sightings->filling);
    free(sightings);
    return NULL;
}

/* --- noting --- */

static enum ledger_verdict kind_of(const struct pki_peer_verdict *verdict)
{
    return !verdict->accepted      ? LEDGER_REFUSED
           : verdict->would_refuse ? LEDGER_REPORTED
                                   : LEDGER_ACCEPTED;
}

static enum pki_check rule_of(const struct pki_peer_policy *policy,
                              const struct pki_peer_verdict *verdict)
{
    if (verdict->failed != PKI_CHECK_NONE)
        return verdict->failed;
    if (policy->pair_count)
        return PKI_CHECK_PAIR;
    return policy->level == PKI_PEER_NAME    ? PKI_CHECK_NAME
           : policy->level == PKI_PEER_CHAIN ? PKI_CHECK_CHAIN
                                             : PKI_CHECK_NONE;
}

static bool is_same(const struct ledger_sighting *sighting, const struct ledger_sighting *wanted)
{
    return sighting->direction == wanted->direction && sighting->verdict == wanted->verdict &&
           sighting->rule == wanted->rule &&
           strcmp(sighting->record.fingerprint, wanted->record.fingerprint) == 0 &&
           strcmp(sighting->connector, wanted->connector) == 0;
}

static struct ledger_sighting *find(struct batch *batch, const struct ledger_sighting *wanted)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (is_same(batch->items[i], wanted))
            return batch->items[i];
    return NULL;
}

static bool add(struct batch *batch, const struct ledger_sighting *sighting, X509 *certificate)
{
    struct error error;
    struct ledger_sighting *item = batch->count < SIGHTINGS_MAXIMUM ? malloc(sizeof *item) : NULL;
    if (!item)
        return false;
    *item = *sighting;
    if (pki_peer_record_make(certificate, &item->record, &error) < 0) {
        free(item);
        return false;
    }
    batch->items[batch->count++] = item;
    return true;
}

void sightings_note(struct sightings *sightings, enum ledger_direction direction,
                    const char *connector, const struct pki_peer_policy *policy,
                    const struct pki_peer_verdict *verdict, X509 *certificate, const char *place)
{
    if (!sightings || !certificate)
        return;
    struct ledger_sighting sighting = {.direction = direction, .verdict = kind_of(verdict)};
    sighting.rule = rule_of(policy, verdict);
    snprintf(sighting.connector, sizeof sighting.connector, "%s", connector);
    snprintf(sighting.record.fingerprint, sizeof sighting.record.fingerprint, "%s",
             verdict->fingerprint);
    sighting.last = time(NULL);
    struct ledger_sighting *known = find(sightings->filling, &sighting);
    if (known) {
        known->count++;
        known->last = sighting.last;
        return;
    }
    sighting.first = sighting.last;
    sighting.count = 1;
    sighting.pair_decides =
        (verdict->failed == PKI_CHECK_NONE || verdict->failed == PKI_CHECK_PAIR) &&
        (policy->pair_count || policy->level >= PKI_PEER_CHAIN);
    snprintf(sighting.place, sizeof sighting.place, "%s", place);
    snprintf(sighting.reason, sizeof sighting.reason, "%.511s", verdict->reason);
    snprintf(sighting.cure, sizeof sighting.cure, "%.1023s", verdict->cure);
    if (!add(sightings->filling, &sighting, certificate))
        sightings->filling->dropped++;
    schedule(sightings);
}
