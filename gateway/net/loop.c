/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See loop.h. Timers are a binary heap of pointers into their owners; posted tasks are a list behind a
 * mutex with an eventfd that is written only when the list was empty. */
#include "gateway/net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pki/base/clock.h"

enum { BATCH = 64 };

struct loop {
    int epoll, wakeup;
    struct loop_watch wakeup_watch;
    atomic_bool stop;
    int64_t now;
    bool firing; /* timers */
    struct epoll_event batch[BATCH];
    int batch_length, batch_position; /* what is being dispatched; loop_remove() blanks entries */
    struct loop_timer **heap;         /* from 1 */
    size_t timers, room;
    pthread_mutex_t mutex; /* of the list */
    struct loop_task *first, **last;
};

void loop_run_posted(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct loop_task *task = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->mutex);
    while (task) {
        struct loop_task *next = task->next; /* run() may free the task */
        task->run(task);
        task = next;
    }
}

static void woken(struct loop_watch *watch, uint32_t events)
{
    struct loop *loop = container_of(watch, struct loop, wakeup_watch);
    uint64_t count;
    (void)events;
    if (read(loop->wakeup, &count, sizeof count) >= 0 || errno == EAGAIN)
        loop_run_posted(loop);
}

int loop_new(struct loop **ret, struct error *error)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return error_set(error, EX_OSERR, "Out of memory");
    loop->last = &loop->first;
    loop->now = clock_milliseconds();
    pthread_mutex_init(&loop->mutex, NULL);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll < 0 || loop->wakeup < 0 ||
        loop_add(loop, &loop->wakeup_watch, loop->wakeup, EPOLLIN, woken) < 0) {
        int number = errno;
        loop_free(loop);
        return error_set_errno(error, EX_OSERR, number, "Could not make an event loop");
    }
    *ret = loop;
    return 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wakeup >= 0)
        close(loop->wakeup);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->heap);
    free(loop);
    return NULL;
}

int64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

/* --- descriptors --- */

int loop_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
             void (*ready)(struct loop_watch *, uint32_t))
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    *watch = (struct loop_watch){.ready = ready, .fd = fd, .events = events};
    return 0;
}

int loop_change(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (watch->events == events)
        return 0;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        return -errno;
    watch->events = events;
    return 0;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
    if (!watch->ready)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    loop_forget(loop, watch);
}

void loop_forget(struct loop *loop, struct loop_watch *watch)
{
    for (int i = loop->batch_position; i < loop->batch_length; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    watch->ready = NULL;
}

/* --- timers --- */

static void place(struct loop *loop, size_t position, struct loop_timer *timer)
{
    loop->heap[position] = timer;
    timer->position = position;
}

static void sift_up(struct loop *loop, size_t position)
{
    struct loop_timer *timer = loop->heap[position];
    for (; position > 1 && loop->heap[position / 2]->due > timer->due; position /= 2)
        place(loop, position, loop->heap[position / 2]);
    place(loop, position, timer);
}

static void sift_down(struct loop *loop, size_t position)
{
    struct loop_timer *timer = loop->heap[position];
    for (size_t child; (child = position * 2) <= loop->timers; position = child) {
        if (child < loop->timers && loop->heap[child + 1]->due < loop->heap[child]->due)
            child++;
        if (loop->heap[child]->due >= timer->due)
            break;
        place(loop, position, loop->heap[child]);
    }
    place(loop, position, timer);
}

static int grow_heap(struct loop *loop)
{
    size_t room = loop->room ? loop->room * 2 : 64;
    struct loop_timer **heap = realloc(loop->heap, room * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    loop->heap = heap;
    loop->room = room;
    return 0;
}

int loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t milliseconds,
                   void (*fired)(struct loop_timer *))
{
    if (!timer->position && loop->timers + 1 >= loop->room && grow_heap(loop) < 0)
        return -ENOMEM;
    timer->fired = fired;
    /* Time stands still while timers fire: what is set to now belongs to the next turn. */
    timer->due = loop->now + (loop->firing && milliseconds < 1 ? 1 : milliseconds);
    if (!timer->position)
        place(loop, ++loop->timers, timer);
    size_t position = timer->position;
    sift_up(loop, position);
    sift_down(loop, timer->position);
    return 0;
}

void loop_cancel_timer(struct loop *loop, struct loop_timer *timer)
{
    size_t position = timer->position;
    if (!position)
        return;
    timer->position = 0;
    struct loop_timer *last = loop->heap[loop->timers--];
    if (last == timer)
        return;
    place(loop, position, last);
    sift_up(loop, position);
    sift_down(loop, last->position);
}

static void fire_due(struct loop *loop)
{
    loop->firing = true;
    while (loop->timers && loop->heap[1]->due <= loop->now) {
        struct loop_timer *timer = loop->heap[1];
        loop_cancel_timer(loop, timer);
        timer->fired(timer);
    }
    loop->firing = false;
}

static int milliseconds_to_wait(const struct loop *loop)
{
    if (!loop->timers)
        return -1;
    int64_t left = loop->heap[1]->due - loop->now;
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* --- running --- */

void loop_run(struct loop *loop)
{
    while (!atomic_load(&loop->stop)) {
        loop->now = clock_milliseconds();
        int count = epoll_wait(loop->epoll, loop->batch, BATCH, milliseconds_to_wait(loop));
        loop->now = clock_milliseconds();
        loop->batch_length = count < 0 ? 0 : count;
        for (loop->batch_position = 0; loop->batch_position < loop->batch_length;) {
            struct epoll_event *event = &loop->batch[loop->batch_position++];
            struct loop_watch *watch = event->data.ptr;
            if (watch && watch->ready)
                watch->ready(watch, event->events);
        }
        fire_due(loop);
    }
}

static void wake(struct loop *loop)
{
    uint64_t one = 1;
    while (write(loop->wakeup, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop, true);
    wake(loop);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&loop->mutex);
    bool was_empty = !loop->first;
    *loop->last = task;
    loop->last = &task->next;
    pthread_mutex_unlock(&loop->mutex);
    if (was_empty)
        wake(loop);
}
