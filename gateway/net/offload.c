/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See offload.h. Threads are made when a job finds none idle and stay for the life of the pool; each
 * has a small stack, for nothing in here recurses. */
#include "gateway/net/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    THREADS_MAXIMUM = 512,
    LONG_WAITS_MAXIMUM = 480,
    JOBS_MAXIMUM = 4096,
    STACK_SIZE = 512 * 1024
};

struct offload {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct offload_job *first, **last;
    unsigned waiting_jobs;
    unsigned threads, idle; /* idle: in pthread_cond_wait */
    unsigned running;       /* running and not blocked */
    unsigned long_waits;    /* of those that are blocked */
    unsigned processors;
    bool stop;
    pthread_t ids[THREADS_MAXIMUM];
};

static _Thread_local struct offload *own_pool;

static struct offload_job *take_job(struct offload *offload)
{
    struct offload_job *job = offload->first;
    offload->first = job->next;
    if (!offload->first)
        offload->last = &offload->first;
    offload->waiting_jobs--;
    return job;
}

static void run_job(struct loop_task *task)
{
    struct offload_job *job = container_of(task, struct offload_job, task);
    job->done(job);
}

static void find_thread(struct offload *offload);

static void *work(void *argument)
{
    struct offload *offload = own_pool = argument;
    pthread_setname_np(pthread_self(), "offload");
    pthread_mutex_lock(&offload->mutex);
    while (!offload->stop) {
        if (!offload->first || offload->running >= offload->processors) {
            offload->idle++;
            pthread_cond_wait(&offload->work, &offload->mutex);
            offload->idle--;
            continue;
        }
        struct offload_job *job = take_job(offload);
        offload->running++;
        find_thread(offload); /* one signal may have been meant for two jobs */
        pthread_mutex_unlock(&offload->mutex);
        job->run(job);
        job->task.run = run_job;
        loop_post(job->loop, &job->task);
        pthread_mutex_lock(&offload->mutex);
        offload->running--;
    }
    pthread_mutex_unlock(&offload->mutex);
    return NULL;
}

/* With the mutex held: sees to it that a waiting job finds a thread, if one may run now. */
static void find_thread(struct offload *offload)
{
    if (!offload->first || offload->running >= offload->processors)
        return;
    if (offload->idle) {
        pthread_cond_signal(&offload->work);
        return;
    }
    if (offload->threads >= THREADS_MAXIMUM)
        return;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (pthread_create(&offload->ids[offload->threads], &attributes, work, offload) == 0)
        offload->threads++;
    pthread_attr_destroy(&attributes);
}

int offload_new(struct offload **ret, struct error *error)
{
    struct offload *offload = calloc(1, sizeof *offload);
    if (!offload)
        return error_set(error, EX_OSERR, "Out of memory");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    offload->processors = processors < 2 ? 2 : (unsigned)processors;
    offload->last = &offload->first;
    pthread_mutex_init(&offload->mutex, NULL);
    pthread_cond_init(&offload->work, NULL);
    *ret = offload;
    return 0;
}

struct offload *offload_free(struct offload *offload)
{
    if (!offload)
        return NULL;
    pthread_mutex_lock(&offload->mutex);
    offload->stop = true;
    pthread_cond_broadcast(&offload->work);
    pthread_mutex_unlock(&offload->mutex);
    for (unsigned i = 0; i < offload->threads; i++)
        pthread_join(offload->ids[i], NULL);
    /* Their owners have to let go of what they hold. */
    while (offload->first) {
        struct offload_job *job = take_job(offload);
        job->task.run = run_job;
        loop_post(job->loop, &job->task);
    }
    pthread_cond_destroy(&offload->work);
    pthread_mutex_destroy(&offload->mutex);
    free(offload);
    return NULL;
}

int offload_submit(struct offload *offload, struct loop *loop, struct offload_job *job,
                   void (*run)(struct offload_job *), void (*done)(struct offload_job *))
{
    int result = 0;
    *job = (struct offload_job){.run = run, .done = done, .loop = loop};
    pthread_mutex_lock(&offload->mutex);
    if (offload->waiting_jobs >= JOBS_MAXIMUM) {
        result = -EAGAIN;
    } else {
        *offload->last = job;
        offload->last = &job->next;
        offload->waiting_jobs++;
        find_thread(offload);
    }
    /* No thread at all could be made: nobody would ever take the job. */
    if (result == 0 && !offload->threads) {
        take_job(offload);
        result = -EAGAIN;
    }
    pthread_mutex_unlock(&offload->mutex);
    return result;
}

static bool begin_wait(bool is_long)
{
    struct offload *offload = own_pool;
    if (!offload)
        return true;
    pthread_mutex_lock(&offload->mutex);
    bool may = !is_long || offload->long_waits < LONG_WAITS_MAXIMUM;
    if (may) {
        offload->running--;
        offload->long_waits += is_long;
        find_thread(offload);
    }
    pthread_mutex_unlock(&offload->mutex);
    return may;
}

static void end_wait(bool is_long)
{
    struct offload *offload = own_pool;
    if (!offload)
        return;
    pthread_mutex_lock(&offload->mutex);
    offload->running++;
    offload->long_waits -= is_long;
    pthread_mutex_unlock(&offload->mutex);
}

void offload_wait_begin(void)
{
    begin_wait(false);
}

void offload_wait_end(void)
{
    end_wait(false);
}

bool offload_long_wait_begin(void)
{
    return begin_wait(true);
}

void offload_long_wait_end(void)
{
    end_wait(true);
}
