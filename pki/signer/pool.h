/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads that work for one store, behind one queue with a limit.
 *
 * A job is its poster's until pool_post() returned 0, then the pool's until run() is called, then
 * run()'s own. pool_post() never blocks. */
#ifndef POSTERN_PKI_SIGNER_POOL_H
#define POSTERN_PKI_SIGNER_POOL_H

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

struct pool_job {
    struct pool_job *next;
    void (*run)(struct pool_job *job);
};

struct pool;

enum { POOL_THREADS_MAXIMUM = 256, POOL_QUEUE_MAXIMUM = 256 };

int pool_new(struct pool **ret, unsigned threads, struct error *error);
/* More threads when there are fewer than that; fewer they never become. */
int pool_grow(struct pool *pool, unsigned threads, struct error *error);
/* -EX_TEMPFAIL when the queue is full. */
int pool_post(struct pool *pool, struct pool_job *job, struct error *error);
/* Runs what is queued, then joins the threads. */
struct pool *pool_free(struct pool *pool);
DEFINE_CLEANUP(struct pool *, pool_free)

#endif
