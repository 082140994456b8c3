/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Starting, the main loop, health and the watchdog. See daemon.h. */
#include "config.h"

#include "gateway/daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/daemon/certificates.h"
#include "gateway/daemon/expiry.h"
#include "gateway/daemon/hsm.h"
#include "gateway/daemon/problems.h"
#include "gateway/daemon/remembered.h"
#include "gateway/daemon/validate.h"
#include "gateway/relay/tls.h"
#include "pki/base/clock.h"
#include "pki/base/log.h"

enum { HEALTH_MILLISECONDS = 1000, KEYS_SHOWN = 64 };

/* --- health --- */

/* The first key that is not ready makes us degraded, and says why. */
static bool find_trouble(struct daemon *daemon, char *reason, size_t size)
{
    struct pki_key_status *keys = calloc(KEYS_SHOWN, sizeof *keys);
    struct pki_signer_status status;
    bool found = false;
    if (!keys)
        return false;
    unsigned count = pki_signer_status(daemon->signer, &status, keys, KEYS_SHOWN);
    for (unsigned i = 0; i < count && i < KEYS_SHOWN && !found; i++) {
        found = !keys[i].ready;
        if (found)
            snprintf(reason, size, "the key of certificate %s is not available%s: %.150s",
                     hsm_certificate_of(daemon->snapshot, keys[i].key),
                     keys[i].places > 1 ? " in one of its places" : "", keys[i].last_error);
    }
    free(keys);
    return found;
}

void daemon_notify_ready(struct daemon *daemon)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s%s, configuration %llu",
               daemon->degraded ? "Degraded: " : "Mail flows", daemon->degraded ? daemon->reason : "",
               (unsigned long long)daemon->snapshot->generation);
}

void daemon_look_after_health(struct daemon *daemon)
{
    char reason[sizeof daemon->reason] = "";
    bool degraded = find_trouble(daemon, reason, sizeof reason);
    if (degraded == daemon->degraded && strcmp(reason, daemon->reason) == 0)
        return;
    daemon->degraded = degraded;
    snprintf(daemon->reason, sizeof daemon->reason, "%s", reason);
    if (!daemon->stop && !daemon->reload)
        daemon_notify_ready(daemon);
}

static void check_health(struct loop_timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, health);
    daemon_look_after_health(daemon);
    expiry_look(daemon);
    loop_set_timer(daemon->loop, timer, HEALTH_MILLISECONDS, check_health);
}

/* --- watchdog: told only while every worker answers --- */

static void answer_ping(struct loop_task *task)
{
    struct daemon_worker *worker = container_of(task, struct daemon_worker, ping);
    loop_post(worker->daemon->loop, &worker->pong);
}

static void take_pong(struct loop_task *task)
{
    container_of(task, struct daemon_worker, pong)->pinged = false;
}

static void feed_watchdog(struct loop_timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, watchdog);
    bool all_answered = true;
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        struct daemon_worker *worker = &daemon->workers[i];
        all_answered &= !worker->pinged;
        if (worker->pinged)
            continue;
        worker->pinged = true;
        worker->ping.run = answer_ping;
        worker->pong.run = take_pong;
        loop_post(worker->worker->loop, &worker->ping);
    }
    if (all_answered)
        sd_notify(0, "WATCHDOG=1");
    loop_set_timer(daemon->loop, timer, (int64_t)daemon->watchdog_milliseconds / 3, feed_watchdog);
}

static void start_watchdog(struct daemon *daemon)
{
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0)
        return;
    daemon->watchdog_milliseconds = microseconds / 1000;
    loop_set_timer(daemon->loop, &daemon->watchdog, 0, feed_watchdog);
}

/* --- signals --- */

static void take_signal(struct loop_watch *watch, uint32_t events)
{
    struct daemon *daemon = container_of(watch, struct daemon, signals);
    struct signalfd_siginfo info;
    (void)events;
    while (read(daemon->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            daemon_reload(daemon, NULL);
        else
            daemon_stop(daemon);
    }
}

/* Blocked before any thread is made, so that every thread inherits it. */
static int catch_signals(struct daemon *daemon, struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (daemon->signal_fd < 0 || loop_add(daemon->loop, &daemon->signals, daemon->signal_fd,
                                          EPOLLIN, take_signal) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot watch for signals");
    return 0;
}

/* --- starting --- */

static int load(struct daemon *daemon, struct error *error)
{
    struct conn_problems problems = {0};
    int result = snapshot_load(daemon->library, daemon->signer, daemon->directory, NULL,
                               &daemon->snapshot, &problems, error);
    problems_log(&problems);
    conn_problems_clear(&problems);
    if (result == 0)
        snapshot_settle(daemon->snapshot);
    return result;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    char name[16];
    snprintf(name, sizeof name, "worker-%u", worker->index);
    pthread_setname_np(pthread_self(), name);
    loop_run(worker->loop);
    return NULL;
}

static unsigned how_many_workers(const struct conn_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = config->workers ? config->workers : processors < 1 ? 1 : (unsigned)processors;
    return count > WORKERS_MAXIMUM ? WORKERS_MAXIMUM : count;
}

static int start_workers(struct daemon *daemon, struct error *error)
{
    int fds[LISTENERS_MAXIMUM];
    unsigned listening = listeners_descriptors(&daemon->listeners, fds);
    unsigned count = how_many_workers(daemon->snapshot->config);
    daemon->workers = calloc(count, sizeof *daemon->workers);
    if (!daemon->workers)
        return error_set(error, EX_OSERR, "Out of memory");
    for (unsigned i = 0; i < count; i++) {
        struct daemon_worker *worker = &daemon->workers[i];
        worker->daemon = daemon;
        int result = worker_new(&worker->worker, i, daemon->offload, daemon->snapshot, fds,
                                listening, error);
        if (result < 0)
            return result;
        daemon->worker_count++;
        result = sightings_new(&worker->sightings, worker->worker->loop, daemon->loop,
                               peers_receive, daemon->peers, error);
        if (result < 0)
            return result;
        worker->worker->sightings = worker->sightings;
    }
    for (unsigned i = 0; i < count; i++) {
        struct daemon_worker *worker = &daemon->workers[i];
        int number = pthread_create(&worker->thread, NULL, run_worker, worker->worker);
        if (number)
            return error_set_errno(error, EX_OSERR, number, "Cannot start a thread");
        worker->running = true;
    }
    return 0;
}

/* As many descriptors as we may have: each session and each connection to a next hop is one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* less is borne: accept() says so in the log */
    }
}

static int start(struct daemon *daemon, struct error *error)
{
    struct listeners inherited = {.count = 0};
    int result;
    if ((result = loop_new(&daemon->loop, error)) < 0 ||
        (result = catch_signals(daemon, error)) < 0 ||
        (result = listeners_inherit(&inherited, error)) < 0 ||
        (result = offload_new(&daemon->offload, error)) < 0 || (result = tls_init(error)) < 0 ||
        (result = pki_library_new(&daemon->library, error)) < 0)
        return result;
    pki_library_set_wait_hooks(offload_long_wait_begin, offload_long_wait_end);
    if ((result = pki_signer_new(&daemon->signer, daemon->signer_options, error)) < 0 ||
        (result = load(daemon, error)) < 0 ||
        (result = certificates_new(&daemon->certificates, daemon, error)) < 0 ||
        (result = listeners_open(&inherited, daemon->snapshot->config, &daemon->listeners,
                                 error)) < 0 ||
        (result = control_new(&daemon->control, daemon->loop,
                              daemon->snapshot->config->control_socket, daemon_commands, daemon,
                              error)) < 0 ||
        (result = peers_new(&daemon->peers, daemon, error)) < 0)
        return result;
    remembered_load(daemon);
    return start_workers(daemon, error);
}

static void log_started(const struct daemon *daemon)
{
    struct log log;
    for (unsigned i = 0; i < daemon->listeners.count; i++) {
        log_event(&log, LOG_EVENT_LISTENING, "Listening on %s", daemon->listeners.items[i].text);
        log_text(&log, "address", daemon->listeners.items[i].text);
        log_end(&log);
    }
    log_event(&log, LOG_EVENT_STARTED, "posternd %s serves %s", PACKAGE_VERSION,
              daemon->snapshot->config->host_name);
    log_text(&log, "version", PACKAGE_VERSION);
    log_text(&log, "directory", daemon->directory);
    log_number(&log, "workers", daemon->worker_count);
    log_number(&log, "inbound-connectors", (int64_t)daemon->snapshot->config->inbound_count);
    log_number(&log, "outbound-connectors", (int64_t)daemon->snapshot->config->outbound_count);
    log_end(&log);
}

/* What was begun for a client and is not done is told so, now that no other thread is left. */
static void end_commands(struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->worker_count; i++)
        loop_run_posted(daemon->workers[i].worker->loop);
    if (daemon->loop)
        loop_run_posted(daemon->loop);
    daemon_abandon_reload(daemon);
    validate_abandon(daemon);
}

/* Workers first: after their threads and the pool's have ended, nobody else is left. */
static void free_daemon(struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->worker_count; i++)
        if (daemon->workers[i].running)
            loop_stop(daemon->workers[i].worker->loop);
    for (unsigned i = 0; i < daemon->worker_count; i++)
        if (daemon->workers[i].running)
            pthread_join(daemon->workers[i].thread, NULL);
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        daemon->workers[i].worker->drained = NULL;
        worker_cut_off(daemon->workers[i].worker);
    }
    certificates_stop(daemon->certificates);
    validate_cut_off(daemon);
    if (daemon->signer)
        pki_signer_stop(daemon->signer); /* or the pool would wait for its signatures */
    daemon->offload = offload_free(daemon->offload);
    end_commands(daemon);
    remembered_free(daemon);
    certificates_free(daemon->certificates);
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        daemon->workers[i].worker->sightings = NULL;
        sightings_free(daemon->workers[i].sightings);
    }
    peers_free(daemon->peers);
    for (unsigned i = 0; i < daemon->worker_count; i++)
        worker_free(daemon->workers[i].worker);
    control_free(daemon->control);
    listeners_close(&daemon->listeners, NULL);
    snapshot_unref(daemon->snapshot);
    pki_signer_free(daemon->signer);
    pki_library_free(daemon->library);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
    loop_free(daemon->loop);
    free(daemon->workers);
    free(daemon->expiry);
    free(daemon->stop);
}

static int fail(const struct error *error)
{
    char text[1400];
    struct log log;
    log_event(&log, LOG_EVENT_CONFIG_ERROR, "posternd cannot start: %s", error->what);
    log_error(&log, error);
    log_end(&log);
    sd_notifyf(0, "STATUS=%s", error_text(error, text, sizeof text));
    return error->code;
}

int daemon_run(const char *directory, const struct pki_signer_options *signer_options)
{
    struct daemon daemon = {.directory = directory,
                            .signer_options = signer_options,
                            .signal_fd = -1,
                            .started = time(NULL),
                            .started_monotonic = clock_milliseconds()};
    struct error error;
    int code = EX_OK;
    raise_descriptor_limit();
    if (start(&daemon, &error) < 0) {
        code = fail(&error);
    } else {
        log_started(&daemon);
        expiry_loaded(&daemon);
        daemon_look_after_health(&daemon);
        daemon_notify_ready(&daemon);
        certificates_configured(daemon.certificates);
        start_watchdog(&daemon);
        loop_set_timer(daemon.loop, &daemon.health, HEALTH_MILLISECONDS, check_health);
        loop_run(daemon.loop);
        code = daemon.exit_code;
    }
    free_daemon(&daemon);
    return code;
}
