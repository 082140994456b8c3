/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread, one loop, the sessions it accepted and the connections it keeps to next hops.
 *
 * Nothing of a worker is touched from outside its thread but by loop_post(), except the counters, which
 * anyone may read. Sessions, couriers, hops and the pool belong to one worker from birth to death and
 * need no locks. */
#ifndef POSTERN_GATEWAY_WORKER_H
#define POSTERN_GATEWAY_WORKER_H

#include <stdatomic.h>
#include <stdint.h>

#include "gateway/net/loop.h"
#include "gateway/net/offload.h"
#include "gateway/net/resolver.h"
#include "gateway/relay/snapshot.h"

enum { WORKER_SCRATCH = 64 * 1024 };

/* Since start. Written by one thread, read by any: relaxed atomics. */
#define WORKER_COUNTERS(X)                                                                         \
    X(sessions_total)                                                                              \
    X(sessions_refused)                                                                            \
    X(messages_accepted)                                                                           \
    X(messages_deferred)                                                                           \
    X(messages_rejected)                                                                           \
    X(messages_broken_off)                                                                         \
    X(bytes)                                                                                       \
    X(handshakes_in)                                                                               \
    X(handshakes_in_resumed)                                                                       \
    X(hops_dialed)                                                                                 \
    X(hops_failed)                                                                                 \
    X(hops_resumed)                                                                                \
    X(hops_reused)                                                                                 \
    X(peers_refused)

struct worker_counters {
#define WORKER_COUNTER(name) _Atomic uint64_t name;
    WORKER_COUNTERS(WORKER_COUNTER)
#undef WORKER_COUNTER
    _Atomic int64_t sessions_open, hops_idle, hops_open;
};
#define WORKER_COUNT(worker, name)                                                                 \
    atomic_fetch_add_explicit(&(worker)->counters.name, 1, memory_order_relaxed)
#define WORKER_ADD(worker, name, number)                                                           \
    atomic_fetch_add_explicit(&(worker)->counters.name, (number), memory_order_relaxed)

struct session;
struct pool;
struct trial;
struct sightings;

struct worker {
    unsigned index;
    struct loop *loop;
    struct offload *offload;
    struct resolver *resolver;
    struct pool *pool;
    struct trial *trials; /* of connectors in TestMode (trial.h) */
    struct sightings *sightings; /* for the ledger; borrowed, NULL: nobody keeps one */
    struct snapshot *snapshot; /* for new sessions */
    struct session *sessions;  /* all that are open */
    struct worker_listener *listeners;
    size_t listener_count;
    struct loop_timer accept_pause;
    bool draining;
    bool sessions_limit_reached; /* the next session is refused; set before it is accepted */
    void (*drained)(struct worker *worker); /* on its own thread, once no session is left */
    void *drained_context;
    struct worker_counters counters;
    uint64_t serial;                        /* of session ids */
    char scratch[WORKER_SCRATCH];           /* what a stream was just read into */
};

/* Takes a reference of the snapshot. `listeners` are shared descriptors, which stay the caller's. */
int worker_new(struct worker **ret, unsigned index, struct offload *offload,
               struct snapshot *snapshot, const int *listeners, size_t listener_count,
               struct error *error);
/* After its thread has ended. */
struct worker *worker_free(struct worker *worker);

/* On the worker's thread (worker_new() does it once before there is one): */
int worker_set_listeners(struct worker *worker, const int *listeners, size_t count); /* -ENOMEM */
void worker_set_snapshot(struct worker *worker, struct snapshot *snapshot); /* takes a reference */
/* This Certificate of postern.xml is another one now: no session made with it is resumed any more. */
void worker_forget_identity(struct worker *worker, const char *certificate);
void worker_drain(struct worker *worker);   /* accept no more; idle sessions are told 421 */
void worker_cut_off(struct worker *worker); /* closes what is left */
void worker_session_ended(struct worker *worker);

#endif
