/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See worker.h. */
#include "gateway/relay/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connectors/address.h"
#include "gateway/relay/pool.h"
#include "gateway/relay/session.h"
#include "gateway/relay/trial.h"
#include "pki/base/log.h"

enum { ACCEPT_PAUSE_MILLISECONDS = 200 };

struct worker_listener {
    struct worker *worker;
    struct loop_watch watch;
    struct sockaddr_storage address;
    const struct conn_listener *declared; /* in the worker's snapshot; NULL: systemd's alone */
};

static _Atomic int64_t sessions_everywhere;

static void listen_again(struct loop_timer *timer);

static void stop_listening(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++)
        loop_remove(worker->loop, &worker->listeners[i].watch);
}

/* Out of descriptors or memory: the connection waits in the kernel, and we do not spin on it. */
static void pause_accepting(struct worker *worker, int number)
{
    struct log log;
    log_event(&log, LOG_EVENT_RESOURCES, "Cannot accept connections just now: %s",
              strerror(number));
    log_number(&log, "worker", worker->index);
    log_text(&log, "cure", "raise LimitNOFILE= of the service, or lower MaxInboundConnection");
    log_end(&log);
    stop_listening(worker);
    loop_set_timer(worker->loop, &worker->accept_pause, ACCEPT_PAUSE_MILLISECONDS, listen_again);
}

/* One connection an event, so that the workers share them evenly. */
static void accept_one(struct loop_watch *watch, uint32_t events)
{
    struct worker_listener *listener = container_of(watch, struct worker_listener, watch);
    struct worker *worker = listener->worker;
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    (void)events;
    int fd = accept4(watch->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        int64_t open = atomic_fetch_add_explicit(&sessions_everywhere, 1, memory_order_relaxed);
        worker->sessions_limit_reached = open >= worker->snapshot->config->limits.sessions;
        session_accept(worker, fd, &address, listener->declared);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_accepting(worker, errno);
    }
}

static void watch_listeners(struct worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct worker_listener *listener = &worker->listeners[i];
        if (loop_add(worker->loop, &listener->watch, listener->watch.fd,
                     EPOLLIN | EPOLLEXCLUSIVE, accept_one) < 0)
            pause_accepting(worker, ENOMEM);
    }
}

static void listen_again(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, accept_pause);
    stop_listening(worker);
    if (!worker->draining)
        watch_listeners(worker);
}

static void find_declared(struct worker_listener *listener)
{
    const struct conn_config *config = listener->worker->snapshot->config;
    listener->declared = NULL;
    for (size_t i = 0; i < config->listener_count && !listener->declared; i++)
        if (conn_same_address(&config->listeners[i].socket_address, &listener->address))
            listener->declared = &config->listeners[i];
}

int worker_set_listeners(struct worker *worker, const int *listeners, size_t count)
{
    struct worker_listener *fresh = calloc(count + 1, sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    stop_listening(worker);
    free(worker->listeners);
    worker->listeners = fresh;
    worker->listener_count = count;
    for (size_t i = 0; i < count; i++) {
        fresh[i].worker = worker;
        fresh[i].watch.fd = listeners[i];
        socklen_t length = sizeof fresh[i].address;
        if (getsockname(listeners[i], (struct sockaddr *)&fresh[i].address, &length) < 0)
            fresh[i].address.ss_family = AF_UNSPEC;
        find_declared(&fresh[i]);
    }
    if (!worker->draining)
        watch_listeners(worker);
    return 0;
}

int worker_new(struct worker **ret, unsigned index, struct offload *offload,
               struct snapshot *snapshot, const int *listeners, size_t listener_count,
               struct error *error)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return error_set(error, EX_OSERR, "Out of memory");
    worker->index = index;
    worker->offload = offload;
    worker->snapshot = snapshot_ref(snapshot);
    int result = loop_new(&worker->loop, error);
    if (result == 0)
        result = resolver_new(&worker->resolver, worker->loop, offload, error);
    if (result == 0)
        result = pool_new(&worker->pool, worker, error);
    if (result == 0 && getrandom(&worker->serial, sizeof worker->serial, 0) < 0)
        result = error_set_errno(error, EX_OSERR, errno, "No random numbers");
    if (result == 0 && worker_set_listeners(worker, listeners, listener_count) < 0)
        result = error_set(error, EX_OSERR, "Out of memory");
    if (result < 0) {
        worker_free(worker);
        return result;
    }
    *ret = worker;
    return 0;
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    if (worker->loop) {
        worker->drained = NULL;
        worker_cut_off(worker);
        stop_listening(worker);
    }
    trial_free_all(worker);
    pool_free(worker->pool);
    resolver_free(worker->resolver);
    free(worker->listeners);
    loop_free(worker->loop);
    snapshot_unref(worker->snapshot);
    free(worker);
    return NULL;
}

/* What rests in the pool was made under the old one. Sessions in flight keep theirs. */
void worker_set_snapshot(struct worker *worker, struct snapshot *snapshot)
{
    struct snapshot *old = worker->snapshot;
    worker->snapshot = snapshot_ref(snapshot);
    for (size_t i = 0; i < worker->listener_count; i++)
        find_declared(&worker->listeners[i]);
    pool_take_up(worker->pool);
    resolver_forget(worker->resolver);
    snapshot_unref(old);
}

void worker_forget_identity(struct worker *worker, const char *certificate)
{
    resumption_forget(worker->snapshot, certificate);
    pool_forget_identity(worker->pool, certificate);
}

static void tell_when_drained(struct worker *worker)
{
    if (worker->draining && !worker->sessions && worker->drained) {
        void (*drained)(struct worker *) = worker->drained;
        worker->drained = NULL;
        drained(worker);
    }
}

void worker_session_ended(struct worker *worker)
{
    atomic_fetch_sub_explicit(&sessions_everywhere, 1, memory_order_relaxed);
    tell_when_drained(worker);
}

/* A callback may free its session, and no other. */
static void for_each_session(struct worker *worker, void (*visit)(struct session *session))
{
    for (struct session *session = worker->sessions, *next; session; session = next) {
        next = session_next(session);
        visit(session);
    }
}

void worker_drain(struct worker *worker)
{
    worker->draining = true;
    loop_cancel_timer(worker->loop, &worker->accept_pause);
    stop_listening(worker);
    pool_clear(worker->pool);
    for_each_session(worker, session_drain);
    tell_when_drained(worker);
}

void worker_cut_off(struct worker *worker)
{
    for_each_session(worker, session_cut_off);
}
