/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Taking up a new configuration: built and checked as a whole on the offload pool, then handed to every
 * worker; whoever asked is answered when the last of them has it. What is refused changes nothing. */
#include "gateway/daemon/daemon.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "gateway/daemon/certificates.h"
#include "gateway/daemon/expiry.h"
#include "gateway/daemon/problems.h"
#include "pki/base/clock.h"
#include "pki/base/log.h"

struct daemon_reload {
    struct daemon *daemon;
    struct control_request *request; /* NULL: SIGHUP */
    bool again;                      /* SIGHUP came meanwhile */
    struct offload_job job;
    int result;
    struct error error;
    struct conn_problems problems;
    struct snapshot *snapshot;
    struct listeners listeners;
    unsigned waiting; /* workers that have not taken it */
};

void daemon_reload_waiting(struct daemon *daemon)
{
    struct control_request *request = daemon->reload_request;
    bool wanted = daemon->reload_wanted;
    daemon->reload_request = NULL;
    daemon->reload_wanted = false;
    if (request || (wanted && !daemon->stop))
        daemon_reload(daemon, request);
}

/* True when it waits: which certificate is active must not change while a configuration is read. */
static bool wait_for_change(struct daemon *daemon, struct control_request *request)
{
    if (daemon->stop || daemon->reload || !certificates_busy(daemon->certificates) ||
        (request && daemon->reload_request))
        return false;
    if (request)
        daemon->reload_request = request;
    else
        daemon->reload_wanted = true;
    return true;
}

static void end(struct daemon_reload *reload)
{
    struct daemon *daemon = reload->daemon;
    bool again = reload->again;
    daemon->reload = NULL;
    conn_problems_clear(&reload->problems);
    free(reload);
    daemon_look_after_health(daemon);
    daemon_notify_ready(daemon);
    certificates_configured(daemon->certificates);
    if (again && !daemon->stop)
        daemon_reload(daemon, NULL);
}

void daemon_abandon_reload(struct daemon *daemon)
{
    struct daemon_reload *reload = daemon->reload;
    struct error error;
    error_set(&error, EX_TEMPFAIL, "posternd is stopping");
    if (daemon->reload_request)
        control_fail(daemon->reload_request, &error);
    daemon->reload_request = NULL;
    if (!reload)
        return;
    if (reload->request)
        control_fail(reload->request, &error);
    listeners_close(&reload->listeners, &daemon->listeners);
    snapshot_unref(reload->snapshot);
    conn_problems_clear(&reload->problems);
    free(reload);
    daemon->reload = NULL;
}

static void refused(struct daemon_reload *reload)
{
    struct daemon *daemon = reload->daemon;
    struct log log;
    problems_log(&reload->problems);
    log_event(&log, LOG_EVENT_RELOAD_REFUSED,
              "The new configuration is refused; the old one stays in force: %s",
              reload->error.what);
    log_error(&log, &reload->error);
    log_end(&log);
    if (reload->request)
        control_fail_with(reload->request, &reload->error,
                          json_pack("{s:o}", "problems", problems_json(&reload->problems)));
    snapshot_unref(reload->snapshot);
    end(reload);
    sd_notifyf(0, "STATUS=The new configuration was refused; configuration %llu stays in force",
               (unsigned long long)daemon->snapshot->generation);
}

/* These are read once, at start. */
static void warn_of_restart(const struct conn_config *old, const struct conn_config *new)
{
    struct log log;
    bool control = strcmp(old->control_socket, new->control_socket) != 0;
    bool state = strcmp(old->state_directory, new->state_directory) != 0;
    if (!control && !state && old->workers == new->workers)
        return;
    log_event(&log, LOG_EVENT_CONFIG_WARNING, "%s changes only with a restart",
              control ? "The control socket"
              : state ? "The Directory of State"
                      : "The number of workers");
    log_text(&log, "cure", "systemctl restart posternd");
    log_end(&log);
}

static void succeeded(struct daemon_reload *reload)
{
    struct daemon *daemon = reload->daemon;
    struct listeners old = daemon->listeners;
    struct log log;
    daemon->listeners = reload->listeners;
    listeners_close(&old, &daemon->listeners);
    warn_of_restart(daemon->snapshot->config, reload->snapshot->config);
    snapshot_unref(daemon->snapshot);
    daemon->snapshot = reload->snapshot;
    problems_log(&reload->problems);
    log_event(&log, LOG_EVENT_RELOADED, "Configuration %llu is in force",
              (unsigned long long)daemon->snapshot->generation);
    log_number(&log, "generation", (int64_t)daemon->snapshot->generation);
    log_number(&log, "warnings", (int64_t)reload->problems.warnings);
    log_end(&log);
    expiry_loaded(daemon);
    if (reload->request)
        control_answer(reload->request,
                       json_pack("{s:I, s:o}", "generation",
                                 (json_int_t)daemon->snapshot->generation, "warnings",
                                 problems_json(&reload->problems)));
    end(reload);
}

/* --- between the threads --- */

static void settle(struct offload_job *job)
{
    snapshot_settle(container_of(job, struct daemon_reload, job)->snapshot);
}

static void settled(struct offload_job *job)
{
    succeeded(container_of(job, struct daemon_reload, job));
}

static void all_took_it(struct daemon_reload *reload)
{
    struct daemon *daemon = reload->daemon;
    if (offload_submit(daemon->offload, daemon->loop, &reload->job, settle, settled) == 0)
        return;
    /* What is not written down is found again by the next start. */
    succeeded(reload);
}

static void worker_took_it(struct loop_task *task)
{
    struct daemon_worker *worker = container_of(task, struct daemon_worker, taken);
    struct daemon_reload *reload = worker->daemon->reload;
    if (--reload->waiting == 0)
        all_took_it(reload);
}

static void take_it(struct loop_task *task)
{
    struct daemon_worker *worker = container_of(task, struct daemon_worker, take);
    struct daemon_reload *reload = worker->daemon->reload;
    int fds[LISTENERS_MAXIMUM];
    unsigned count = listeners_descriptors(&reload->listeners, fds);
    struct log log;
    worker_set_snapshot(worker->worker, reload->snapshot);
    if (worker_set_listeners(worker->worker, fds, count) < 0) {
        log_event(&log, LOG_EVENT_RESOURCES, "Out of memory: a worker keeps its old listeners");
        log_end(&log);
    }
    worker->taken.run = worker_took_it;
    loop_post(worker->daemon->loop, &worker->taken);
}

static void loaded(struct offload_job *job)
{
    struct daemon_reload *reload = container_of(job, struct daemon_reload, job);
    struct daemon *daemon = reload->daemon;
    if (reload->result == 0 && daemon->stop)
        reload->result = error_set(&reload->error, EX_TEMPFAIL, "posternd is stopping");
    if (reload->result == 0)
        reload->result = listeners_open(&daemon->listeners, reload->snapshot->config,
                                        &reload->listeners, &reload->error);
    if (reload->result < 0) {
        refused(reload);
        return;
    }
    /* From here on it cannot be refused. */
    snapshot_take_up(reload->snapshot);
    reload->waiting = daemon->worker_count;
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        daemon->workers[i].take.run = take_it;
        loop_post(daemon->workers[i].worker->loop, &daemon->workers[i].take);
    }
}

static void load(struct offload_job *job)
{
    struct daemon_reload *reload = container_of(job, struct daemon_reload, job);
    struct daemon *daemon = reload->daemon;
    offload_wait_begin(); /* it may wait for the signer */
    reload->result = snapshot_load(daemon->library, daemon->signer, daemon->directory,
                                   daemon->snapshot, &reload->snapshot, &reload->problems,
                                   &reload->error);
    offload_wait_end();
}

void daemon_reload(struct daemon *daemon, struct control_request *request)
{
    struct error error;
    if (wait_for_change(daemon, request))
        return;
    if (daemon->stop || daemon->reload || certificates_busy(daemon->certificates)) {
        if (daemon->reload && !request)
            daemon->reload->again = true;
        error_set(&error, EX_TEMPFAIL, daemon->stop ? "posternd is stopping"
                                                    : "A reload is under way already");
        error_cure(&error, "say posternctl reload again in a moment");
        if (request)
            control_fail(request, &error);
        return;
    }
    struct daemon_reload *reload = calloc(1, sizeof *reload);
    if (!reload) {
        error_set(&error, EX_OSERR, "Out of memory");
        if (request)
            control_fail(request, &error);
        return;
    }
    reload->daemon = daemon;
    reload->request = request;
    daemon->reload = reload;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration",
               (long long)clock_microseconds());
    if (offload_submit(daemon->offload, daemon->loop, &reload->job, load, loaded) < 0) {
        error_set(&reload->error, EX_TEMPFAIL, "Too much is waiting already");
        refused(reload);
    }
}
