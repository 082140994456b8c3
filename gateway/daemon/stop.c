/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stopping: no new sessions, those in flight finish within DrainTimeOut, then whatever is left is cut
 * off. A second signal cuts off at once. */
#include "gateway/daemon/daemon.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "pki/base/log.h"

struct daemon_stop {
    struct daemon *daemon;
    struct loop_timer limit;
    unsigned listening; /* workers that may accept still */
    unsigned waiting;   /* workers with sessions left */
    bool cutting_off;
};

static void stopped(struct daemon *daemon)
{
    struct log log;
    log_event(&log, LOG_EVENT_STOPPED, daemon->stop->cutting_off
                                           ? "Stopped; sessions that took too long were cut off"
                                           : "Stopped; every session had ended");
    log_end(&log);
    loop_stop(daemon->loop);
}

/* --- between the threads --- */

static void worker_is_drained(struct loop_task *task)
{
    struct daemon_worker *worker = container_of(task, struct daemon_worker, drained);
    struct daemon *daemon = worker->daemon;
    if (--daemon->stop->waiting == 0)
        stopped(daemon);
}

/* Closed once no worker watches them, so that who comes now is refused and does not wait in vain. */
static void worker_is_quiet(struct loop_task *task)
{
    struct daemon *daemon = container_of(task, struct daemon_worker, quiet)->daemon;
    if (--daemon->stop->listening == 0)
        listeners_close(&daemon->listeners, NULL);
}

static void drained(struct worker *worker)
{
    struct daemon_worker *entry = worker->drained_context;
    entry->drained.run = worker_is_drained;
    loop_post(entry->daemon->loop, &entry->drained);
}

static void drain(struct loop_task *task)
{
    struct daemon_worker *worker = container_of(task, struct daemon_worker, drain);
    worker->worker->drained = drained;
    worker->worker->drained_context = worker;
    worker_drain(worker->worker);
    worker->quiet.run = worker_is_quiet;
    loop_post(worker->daemon->loop, &worker->quiet);
}

static void cut_off(struct loop_task *task)
{
    worker_cut_off(container_of(task, struct daemon_worker, cut_off)->worker);
}

static void time_is_up(struct loop_timer *timer)
{
    struct daemon_stop *stop = container_of(timer, struct daemon_stop, limit);
    struct daemon *daemon = stop->daemon;
    if (stop->cutting_off)
        return;
    stop->cutting_off = true;
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        daemon->workers[i].cut_off.run = cut_off;
        loop_post(daemon->workers[i].worker->loop, &daemon->workers[i].cut_off);
    }
}

void daemon_stop(struct daemon *daemon)
{
    unsigned limit = daemon->snapshot->config->drain_timeout;
    struct log log;
    if (daemon->stop) {
        time_is_up(&daemon->stop->limit);
        return;
    }
    daemon->stop = calloc(1, sizeof *daemon->stop);
    if (!daemon->stop) {
        loop_stop(daemon->loop);
        return;
    }
    daemon->stop->daemon = daemon;
    daemon->stop->listening = daemon->stop->waiting = daemon->worker_count;
    sd_notify(0, "STOPPING=1\nSTATUS=Waiting for sessions in flight");
    log_event(&log, LOG_EVENT_STOPPING, "Stopping: no new sessions, those in flight have %u s",
              limit / 1000);
    log_end(&log);
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        daemon->workers[i].drain.run = drain;
        loop_post(daemon->workers[i].worker->loop, &daemon->workers[i].drain);
    }
    loop_set_timer(daemon->loop, &daemon->stop->limit, limit, time_is_up);
}
