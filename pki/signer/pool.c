/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See pool.h. */
#include "pki/signer/pool.h"

#include <pthread.h>
#include <stdbool.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t posted;
    struct pool_job *first, **last;
    unsigned queued, threads;
    bool ending;
    pthread_t thread[POOL_THREADS_MAXIMUM];
};

static struct pool_job *take_job(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending)
        pthread_cond_wait(&pool->posted, &pool->lock);
    struct pool_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *argument)
{
    struct pool_job *job;
    while ((job = take_job(argument)))
        job->run(job);
    return NULL;
}

int pool_grow(struct pool *pool, unsigned threads, struct error *error)
{
    if (threads > POOL_THREADS_MAXIMUM)
        threads = POOL_THREADS_MAXIMUM;
    for (; pool->threads < threads; pool->threads++) {
        int number = pthread_create(&pool->thread[pool->threads], NULL, work, pool);
        if (number && !pool->threads)
            return error_set_errno(error, EX_OSERR, number, "Cannot start a thread for the token");
        if (number)
            break; /* fewer than asked for is slower, and no failure */
    }
    return 0;
}

int pool_new(struct pool **ret, unsigned threads, struct error *error)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return error_set(error, EX_OSERR, "Out of memory");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->posted, NULL);
    pool->last = &pool->first;
    int result = pool_grow(pool, threads, error);
    if (result < 0)
        pool_free(pool);
    else
        *ret = pool;
    return result;
}

int pool_post(struct pool *pool, struct pool_job *job, struct error *error)
{
    pthread_mutex_lock(&pool->lock);
    bool full = pool->queued >= POOL_QUEUE_MAXIMUM;
    if (!full) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->posted);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!full)
        return 0;
    error_set(error, EX_TEMPFAIL, "%d signatures wait for the token already", POOL_QUEUE_MAXIMUM);
    return error_cure(error, "let the token do more at a time with Sessions, if it can");
}

struct pool *pool_free(struct pool *pool)
{
    if (!pool)
        return NULL;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->posted);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->posted);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return NULL;
}
