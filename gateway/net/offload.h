/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Work that would block a loop or hold it up: TLS handshake steps, name look-ups, reading a new
 * configuration.
 *
 * As many jobs run at a time as there are processors, not counting those that wait: a job that is
 * about to block (for a signature, for the resolver) says so with offload_wait_begin(), and another
 * thread takes its place meanwhile. So a slow token holds up those who need it and nobody else. Up to
 * 512 threads exist and 4096 jobs wait; beyond that offload_submit() fails at once. At most 480 of the
 * threads wait for signatures (and 224 for those of one key, see pki/key.h), so that tokens that hang
 * leave some to everybody else. */
#ifndef POSTERN_GATEWAY_OFFLOAD_H
#define POSTERN_GATEWAY_OFFLOAD_H

#include <stdbool.h>

#include "gateway/net/loop.h"
#include "pki/base/error.h"

struct offload;

/* A job lives in its owner, who leaves it and all that run() touches alone between submit and done(). */
struct offload_job {
    void (*run)(struct offload_job *job);  /* on a thread of the pool */
    void (*done)(struct offload_job *job); /* on the loop's thread, by loop_post() */
    struct loop *loop;
    struct loop_task task;
    struct offload_job *next;
};

int offload_new(struct offload **ret, struct error *error);
/* Waits for running jobs. Jobs not begun are handed back to done() without run(). */
struct offload *offload_free(struct offload *offload);

/* -EAGAIN: too much is waiting already. Any thread. */
int offload_submit(struct offload *offload, struct loop *loop, struct offload_job *job,
                   void (*run)(struct offload_job *), void (*done)(struct offload_job *));

/* Around a call that blocks, on a thread of the pool; elsewhere they do nothing. */
void offload_wait_begin(void);
void offload_wait_end(void);

/* The same for a wait that many may be in at once and that may be long: false, at once, when 480 are
 * in one already; then there is nothing to end. */
bool offload_long_wait_begin(void);
void offload_long_wait_end(void);

#endif
