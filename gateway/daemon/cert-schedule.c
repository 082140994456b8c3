/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Activations that were set for a time. The time is in the store, so that it survives; here it is
 * watched, by the clock on the wall, which may be set meanwhile. See certificates-private.h. */
#include <stdlib.h>
#include <time.h>

#include "gateway/daemon/certificates-private.h"

enum { LOOK_MAXIMUM = 30000, LOOK_SOON = 1000, AGAIN_SECONDS = 60 };

/* An activation that failed for now (a token that is away) is tried again in a minute. */
struct due_asker {
    struct cert_asker asker;
    struct certificates *certificates;
};

static void look_again(struct certificates *certificates, int64_t milliseconds);

static void due_done(struct cert_asker *asker, int result, const struct error *error)
{
    struct due_asker *due = container_of(asker, struct due_asker, asker);
    struct certificates *certificates = due->certificates;
    (void)error;
    free(due);
    certificates->due_pause = result < 0 ? time(NULL) + AGAIN_SECONDS : 0;
}

static void activate_now(struct certificates *certificates, const char *name)
{
    struct cert_change *change = NULL;
    struct error error;
    struct due_asker *due = calloc(1, sizeof *due);
    if (!due || cert_change_new(certificates, &cert_verb_activate, name, &change, &error) < 0) {
        free(due);
        look_again(certificates, LOOK_SOON);
        return;
    }
    *due = (struct due_asker){{due_done}, certificates};
    change->asker = &due->asker;
    change->due = true;
    cert_change_begin(change);
}

static void fired(struct loop_timer *timer)
{
    cert_schedule_look(container_of(timer, struct certificates, due));
}

static void look_again(struct certificates *certificates, int64_t milliseconds)
{
    if (milliseconds > LOOK_MAXIMUM)
        milliseconds = LOOK_MAXIMUM;
    /* Without memory for a timer the next change or reload looks. */
    (void)loop_set_timer(certificates->daemon->loop, &certificates->due, milliseconds, fired);
}

void cert_schedule_look(struct certificates *certificates)
{
    const struct snapshot *snapshot = certificates->daemon->snapshot;
    int64_t now = time(NULL), earliest = 0;
    size_t which = 0;
    if (certificates->daemon->stop || certificates->change)
        return; /* the end of the change looks */
    for (size_t i = 0; i < snapshot->config->certificate_count; i++) {
        int64_t at = pki_rotation_roles(snapshot->rotations[i].rotation).activate_at;
        if (!at || (earliest && at >= earliest))
            continue;
        earliest = at;
        which = i;
    }
    if (!earliest)
        return;
    if (earliest < certificates->due_pause)
        earliest = certificates->due_pause;
    if (earliest > now)
        look_again(certificates, (earliest - now) * 1000);
    else
        activate_now(certificates, snapshot->config->certificates[which].name);
}
