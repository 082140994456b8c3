/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See peers.h. */
#include "gateway/daemon/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "pki/base/log.h"

enum {
    SAVE_SOON = 3000, /* milliseconds */
    SAVE_LATER = 60000,
    LOOK_AT_DATES = 600000,
    STRANGERS_AT_ONCE = 30, /* events of refused peers; one more every … */
    STRANGERS_SECONDS = 10
};

struct save {
    struct offload_job job;
    struct peers *peers;
    struct ledger *copy;
    int result;
    struct error error;
};

struct peers {
    struct daemon *daemon;
    struct ledger *ledger;
    char *path;
    struct loop_timer save_timer, date_timer;
    struct save *save;    /* under way, or NULL */
    bool unsaved;         /* the last one failed, and it was told */
    unsigned strangers;   /* events left */
    int64_t strangers_at; /* when the next one is added; loop_now() */
    uint64_t untold;      /* events that were left out */
};

const struct ledger *peers_ledger(const struct peers *peers)
{
    return peers->ledger;
}

/* --- telling --- */

static void log_time(struct log *log, const char *field, time_t time)
{
    char text[32];
    struct tm parts;
    if (gmtime_r(&time, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        log_text(log, field, text);
}

static void log_peer(struct log *log, const struct ledger_sighting *seen)
{
    log_text(log, ledger_direction_name(seen->direction), seen->connector);
    log_text(log, "place", seen->place);
    log_text(log, "peer-subject", seen->record.subject);
    log_text(log, "peer-issuer", seen->record.issuer);
    log_text(log, "peer-serial", seen->record.serial);
    log_text(log, "peer-fingerprint", seen->record.fingerprint);
    log_text(log, "peer-spki", seen->record.spki);
    log_text(log, "peer-eku", seen->record.eku);
    log_text(log, "peer-names", seen->record.names);
    log_time(log, "peer-not-before", seen->record.not_before);
    log_time(log, "peer-expires", seen->record.not_after);
}

/* Strangers may come as often as they like, and are told of only so often. */
static bool may_tell(struct peers *peers, const struct ledger_sighting *seen)
{
    int64_t now = loop_now(peers->daemon->loop);
    if (seen->verdict != LEDGER_REFUSED)
        return true;
    while (peers->strangers < STRANGERS_AT_ONCE && now >= peers->strangers_at) {
        peers->strangers++;
        peers->strangers_at += STRANGERS_SECONDS * 1000;
    }
    if (peers->strangers == STRANGERS_AT_ONCE)
        peers->strangers_at = now + STRANGERS_SECONDS * 1000;
    if (peers->strangers) {
        peers->strangers--;
        return true;
    }
    peers->untold++;
    return false;
}

/* With the XML that accepts the pair where it is the pair that decides; else with the verdict's
 * cure. */
static void log_cure(struct log *log, const struct ledger_sighting *seen)
{
    char xml[1400];
    if (!seen->pair_decides) {
        log_text(log, "cure", seen->cure[0] ? seen->cure : NULL);
        return;
    }
    if (pki_peer_record_xml(&seen->record, xml, sizeof xml))
        log_text(log, "xml", xml);
    log_format(log, "cure",
               "when the other side confirms the fingerprint, posternctl peer accept %.16s "
               "--connector %s/%s puts the XML into the connector",
               seen->record.fingerprint, ledger_direction_name(seen->direction), seen->connector);
}

static void tell_new_pair(struct peers *peers, const struct ledger_sighting *seen)
{
    struct log log;
    if (!may_tell(peers, seen))
        return;
    log_event(&log, LOG_EVENT_PEER_NEW,
              "A certificate of a subject and issuer never seen before was presented to the %s "
              "connector %s, and %s",
              ledger_direction_name(seen->direction), seen->connector,
              seen->verdict == LEDGER_REFUSED    ? "refused"
              : seen->verdict == LEDGER_REPORTED ? "passed, for PeerCertificates says ReportOnly"
                                                 : "accepted");
    log_peer(&log, seen);
    log_text(&log, "verdict", ledger_verdict_name(seen->verdict));
    log_text(&log, "check", pki_check_name(seen->rule));
    log_text(&log, "error", seen->reason[0] ? seen->reason : NULL);
    log_cure(&log, seen);
    if (peers->untold)
        log_number(&log, "untold", (int64_t)peers->untold);
    peers->untold = 0;
    log_end(&log);
}

static void tell_expiry(const struct ledger_entry *entry, time_t now)
{
    int days = ledger_days_left(entry, now);
    struct log log;
    log_event(&log, LOG_EVENT_PEER_EXPIRES,
              "The certificate that %s presents to the %s connector %s expires in %d day%s",
              entry->seen.place, ledger_direction_name(entry->seen.direction),
              entry->seen.connector, days, days == 1 ? "" : "s");
    log_peer(&log, &entry->seen);
    log_number(&log, "days", days);
    log_text(&log, "cure",
             "ask the other side for its next certificate; where PeerCertificates would refuse it, "
             "add its subject and issuer before it comes");
    log_end(&log);
}

/* --- dates --- */

static bool is_in_force(const struct peers *peers, const struct ledger_sighting *seen)
{
    const struct conn_config *config = peers->daemon->snapshot->config;
    bool inbound = seen->direction == LEDGER_INBOUND;
    for (size_t i = 0; inbound && i < config->inbound_count; i++)
        if (strcmp(config->inbound[i].name, seen->connector) == 0)
            return config->inbound[i].enabled;
    for (size_t i = 0; !inbound && i < config->outbound_count; i++)
        if (strcmp(config->outbound[i].name, seen->connector) == 0)
            return config->outbound[i].enabled;
    return false;
}

static void schedule_save(struct peers *peers);

static void look_at_dates(struct peers *peers)
{
    time_t now = time(NULL);
    for (unsigned i = 0; i < peers->ledger->count; i++) {
        struct ledger_entry *entry = peers->ledger->entries[i];
        bool today = entry->expiry_named <= now && entry->expiry_named + LEDGER_DAY > now;
        if (today || !ledger_is_expiring(peers->ledger, entry, now) ||
            !is_in_force(peers, &entry->seen))
            continue;
        tell_expiry(entry, now);
        entry->expiry_named = now;
        peers->ledger->dirty = peers->ledger->urgent = true;
    }
    schedule_save(peers);
}

static void dates_due(struct loop_timer *timer)
{
    struct peers *peers = container_of(timer, struct peers, date_timer);
    look_at_dates(peers);
    loop_set_timer(peers->daemon->loop, timer, LOOK_AT_DATES, dates_due);
}

/* --- writing it down --- */

static void tell_unsaved(struct peers *peers, const struct error *error)
{
    struct log log;
    if (peers->unsaved)
        return;
    peers->unsaved = true;
    log_event(&log, LOG_EVENT_PEERS_NOT_KEPT,
              "Which peers were seen cannot be written down, and will be forgotten at the stop");
    log_error(&log, error);
    log_end(&log);
}

static void free_save(struct save *save)
{
    if (save)
        ledger_free(save->copy);
    free(save);
}

static void write_it(struct offload_job *job)
{
    struct save *save = container_of(job, struct save, job);
    offload_wait_begin();
    save->result = ledger_write(save->copy, save->peers->path, &save->error);
    offload_wait_end();
}

static void was_written(struct offload_job *job)
{
    struct save *save = container_of(job, struct save, job);
    struct peers *peers = save->peers;
    peers->save = NULL;
    if (save->result < 0) {
        tell_unsaved(peers, &save->error);
        peers->ledger->dirty = true;
    } else {
        peers->unsaved = false;
    }
    free_save(save);
    schedule_save(peers);
}

static void save_due(struct loop_timer *timer)
{
    struct peers *peers = container_of(timer, struct peers, save_timer);
    struct save *save = calloc(1, sizeof *save);
    if (save)
        save->copy = ledger_copy(peers->ledger);
    if (!save || !save->copy) {
        free_save(save);
        schedule_save(peers);
        return;
    }
    save->peers = peers;
    save->result = -EX_TEMPFAIL; /* until it has run */
    error_set(&save->error, EX_TEMPFAIL, "Too much is waiting already");
    peers->save = save;
    peers->ledger->dirty = peers->ledger->urgent = false;
    if (offload_submit(peers->daemon->offload, peers->daemon->loop, &save->job, write_it,
                       was_written) < 0)
        was_written(&save->job);
}

static void schedule_save(struct peers *peers)
{
    int64_t delay = peers->ledger->urgent && !peers->unsaved ? SAVE_SOON : SAVE_LATER;
    int64_t due = loop_now(peers->daemon->loop) + delay;
    if (!peers->ledger->dirty || peers->save ||
        (peers->save_timer.position && peers->save_timer.due <= due))
        return;
    loop_set_timer(peers->daemon->loop, &peers->save_timer, delay, save_due);
}

/* --- from the workers --- */

void peers_receive(void *context, const struct ledger_sighting *sighting, uint64_t dropped)
{
    struct peers *peers = context;
    bool new_pair = false;
    if (!sighting) {
        peers->untold += dropped;
        look_at_dates(peers);
    } else if (ledger_take(peers->ledger, sighting, &new_pair) && new_pair) {
        tell_new_pair(peers, sighting);
    }
}

/* --- beginning and end --- */

static void read_it(struct peers *peers)
{
    struct error error;
    struct log log;
    if (ledger_read(peers->ledger, peers->path, &error) == 0)
        return;
    log_event(&log, LOG_EVENT_PEERS_SET_ASIDE,
              "The file with the peers seen before is not as posternd wrote it");
    log_error(&log, &error);
    log_end(&log);
}

int peers_new(struct peers **ret, struct daemon *daemon, struct error *error)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers)
        peers->ledger = ledger_new();
    if (!peers || !peers->ledger ||
        asprintf(&peers->path, "%s/peers.json", daemon->snapshot->config->state_directory) < 0) {
        if (peers)
            ledger_free(peers->ledger);
        free(peers);
        return error_set(error, EX_OSERR, "Out of memory");
    }
    peers->daemon = daemon;
    peers->strangers = STRANGERS_AT_ONCE;
    read_it(peers);
    loop_set_timer(daemon->loop, &peers->date_timer, 0, dates_due);
    *ret = peers;
    return 0;
}

struct peers *peers_free(struct peers *peers)
{
    struct error error;
    if (!peers)
        return NULL;
    loop_cancel_timer(peers->daemon->loop, &peers->save_timer);
    loop_cancel_timer(peers->daemon->loop, &peers->date_timer);
    /* A save that had begun has ended by now; whether well, its result says. */
    bool owed = peers->ledger->dirty || (peers->save && peers->save->result < 0);
    if (owed && ledger_write(peers->ledger, peers->path, &error) < 0)
        tell_unsaved(peers, &error);
    free_save(peers->save);
    ledger_free(peers->ledger);
    free(peers->path);
    free(peers);
    return NULL;
}
