/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The event loop: each test builds one, lets callbacks write down what happens, and stops it from
 * the last of them. Nothing is measured in time but that what is due later comes later. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/net/loop.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

static struct loop *loop;
static char story[256]; /* a letter for each thing that happened */

static void note(char letter)
{
    size_t length = strlen(story);
    ck_assert_uint_lt(length, sizeof story - 1);
    story[length] = letter;
}

static void begin(void)
{
    struct error error;
    memset(story, 0, sizeof story);
    ck_assert_int_eq(loop_new(&loop, &error), 0);
}

static void end(void)
{
    loop = loop_free(loop);
}

/* --- timers --- */

struct named_timer {
    struct loop_timer timer;
    char name;
    int64_t delay;
};

static void fired(struct loop_timer *timer)
{
    struct named_timer *named = container_of(timer, struct named_timer, timer);
    ck_assert_int_le(timer->due, loop_now(loop));
    ck_assert_uint_eq(timer->position, 0);
    note(named->name);
    if (named->name == '.')
        loop_stop(loop);
}

static void set(struct named_timer *named)
{
    ck_assert_int_eq(loop_set_timer(loop, &named->timer, named->delay, fired), 0);
}

/* Delays in the order in which they are set, and the order in which they must fire. */
static const struct {
    struct named_timer timers[6];
    const char *story;
} orders[] = {
    {{{{0}, '.', 0}}, "."},
    {{{{0}, 'a', 1}, {{0}, 'b', 2}, {{0}, 'c', 3}, {{0}, '.', 4}}, "abc."},
    {{{{0}, '.', 4}, {{0}, 'c', 3}, {{0}, 'b', 2}, {{0}, 'a', 1}}, "abc."},
    {{{{0}, 'b', 2}, {{0}, '.', 9}, {{0}, 'a', 1}, {{0}, 'd', 8}, {{0}, 'c', 3}}, "abcd."},
    {{{{0}, 'b', 0}, {{0}, '.', 1}, {{0}, 'a', -5}}, "ab."}, /* what is late comes first */
};

START_TEST(test_timers_fire_in_order)
{
    struct named_timer timers[6];
    memcpy(timers, orders[_i].timers, sizeof timers);
    for (size_t i = 0; i < ARRAY_SIZE(timers) && timers[i].name; i++)
        set(&timers[i]);
    loop_run(loop);
    ck_assert_str_eq(story, orders[_i].story);
}
END_TEST

/* More than the heap has room for at first, in random order, a third cancelled, a third moved. */
static struct loop_timer many_timers[1000];
static int64_t last_due;
static unsigned fired_count;

static void fired_in_order(struct loop_timer *timer)
{
    ck_assert_int_ge(timer->due, last_due);
    last_due = timer->due;
    fired_count++;
}

START_TEST(test_many_timers_fire_in_order)
{
    struct named_timer last = {.name = '.', .delay = 50};
    size_t count = ARRAY_SIZE(many_timers);
    srandom(1);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(loop_set_timer(loop, &many_timers[i], random() % 40, fired_in_order), 0);
    for (size_t i = 0; i < count; i += 3)
        loop_cancel_timer(loop, &many_timers[i]);
    for (size_t i = 1; i < count; i += 3)
        ck_assert_int_eq(loop_set_timer(loop, &many_timers[i], random() % 40, fired_in_order), 0);
    set(&last);
    loop_run(loop);
    ck_assert_uint_eq(fired_count, count - (count + 2) / 3);
}
END_TEST

START_TEST(test_cancelled_timer_does_not_fire)
{
    struct named_timer a = {.name = 'a', .delay = 0}, last = {.name = '.', .delay = 2};
    set(&a);
    set(&last);
    loop_cancel_timer(loop, &a.timer);
    loop_cancel_timer(loop, &a.timer); /* bears one that is not set */
    loop_run(loop);
    ck_assert_str_eq(story, ".");
}
END_TEST

START_TEST(test_timer_set_again_is_moved)
{
    struct named_timer a = {.name = 'a', .delay = 0}, b = {.name = 'b', .delay = 2},
                       last = {.name = '.', .delay = 6};
    set(&a);
    set(&b);
    set(&last);
    a.delay = 4;
    set(&a);
    loop_run(loop);
    ck_assert_str_eq(story, "ba.");
}
END_TEST

static struct named_timer other, last_timer;

/* From here on, so that the loop may have been held up before. */
static void set_last(void)
{
    last_timer = (struct named_timer){.timer = last_timer.timer, .name = '.', .delay = 9};
    set(&last_timer);
}

static void cancel_other(struct loop_timer *timer)
{
    (void)timer;
    note('c');
    loop_cancel_timer(loop, &other.timer);
}

static void move_other(struct loop_timer *timer)
{
    (void)timer;
    note('m');
    other.delay = 4;
    set(&other);
    set_last();
}

static void set_itself(struct loop_timer *timer)
{
    note('s');
    if (strlen(story) < 4)
        ck_assert_int_eq(loop_set_timer(loop, timer, 1, set_itself), 0);
    set_last();
}

static void cancel_itself(struct loop_timer *timer)
{
    note('c');
    loop_cancel_timer(loop, timer);
}

static const struct {
    void (*first)(struct loop_timer *timer);
    const char *story;
} inside[] = {
    {cancel_other, "c."},
    {move_other, "mo."},
    {set_itself, "osss."},
    {cancel_itself, "co."},
};

/* All are due at once, `first` before `other`; but what sets itself anew comes behind it. */
START_TEST(test_timers_are_changed_inside_of_callbacks)
{
    struct loop_timer first = {0};
    other = (struct named_timer){.name = 'o', .delay = -1};
    set_last();
    set(&other);
    ck_assert_int_eq(
        loop_set_timer(loop, &first, inside[_i].first == set_itself ? 0 : -2, inside[_i].first), 0);
    loop_run(loop);
    ck_assert_str_eq(story, inside[_i].story);
}
END_TEST

/* --- descriptors --- */

struct end {
    struct loop_watch watch;
    int pair[2];
    char name;
    struct end *victim; /* whom it removes */
};

static void open_end(struct end *end, char name, struct end *victim,
                     void (*ready)(struct loop_watch *, uint32_t))
{
    memset(end, 0, sizeof *end);
    end->name = name;
    end->victim = victim;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, end->pair),
                     0);
    ck_assert_int_eq(loop_add(loop, &end->watch, end->pair[0], EPOLLIN, ready), 0);
}

static void close_end(struct end *end)
{
    loop_remove(loop, &end->watch);
    close(end->pair[0]);
    close(end->pair[1]);
}

static void push(const struct end *end)
{
    ck_assert_int_eq(write(end->pair[1], "x", 1), 1);
}

static void take_byte(struct loop_watch *watch, uint32_t events)
{
    struct end *end = container_of(watch, struct end, watch);
    char byte;
    ck_assert(events & EPOLLIN);
    ck_assert_int_eq(read(watch->fd, &byte, 1), 1);
    note(end->name);
    if (end->victim)
        loop_remove(loop, &end->victim->watch);
}

static void take_byte_and_stop(struct loop_watch *watch, uint32_t events)
{
    take_byte(watch, events);
    loop_stop(loop);
}

START_TEST(test_ready_descriptor_is_told)
{
    struct end a;
    open_end(&a, 'a', NULL, take_byte_and_stop);
    push(&a);
    loop_run(loop);
    ck_assert_str_eq(story, "a");
    close_end(&a);
}
END_TEST

/* Both are ready in one batch, and whichever comes first removes the other: only one is called. */
START_TEST(test_watch_removed_in_its_batch_is_not_called)
{
    struct end a, b;
    open_end(&a, 'x', &b, take_byte);
    open_end(&b, 'x', &a, take_byte);
    push(&a);
    push(&b);
    struct named_timer last = {.name = '.', .delay = 5};
    set(&last);
    loop_run(loop);
    ck_assert_str_eq(story, "x.");
    close_end(&a);
    close_end(&b);
}
END_TEST

/* As a session does that ends another: the other's memory is gone before its event comes. */
static struct end *to_free[2];

static void free_the_other(struct loop_watch *watch, uint32_t events)
{
    struct end *self = container_of(watch, struct end, watch);
    struct end **victim = to_free[0] == self ? &to_free[1] : &to_free[0];
    take_byte(watch, events);
    if (*victim) {
        close_end(*victim);
        free(*victim);
        *victim = NULL;
    }
}

START_TEST(test_watch_freed_in_its_batch_is_not_touched)
{
    struct named_timer last = {.name = '.', .delay = 5};
    for (int i = 0; i < 2; i++) {
        to_free[i] = malloc(sizeof *to_free[i]);
        ck_assert_ptr_nonnull(to_free[i]);
        open_end(to_free[i], 'x', NULL, free_the_other);
    }
    push(to_free[0]);
    push(to_free[1]);
    set(&last);
    loop_run(loop);
    ck_assert_str_eq(story, "x.");
    for (int i = 0; i < 2; i++)
        if (to_free[i]) {
            close_end(to_free[i]);
            free(to_free[i]);
        }
}
END_TEST

static void remove_itself(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    note('r'); /* and leaves the byte where it is, so that it would be told again */
    loop_remove(loop, watch);
}

START_TEST(test_watch_may_remove_itself)
{
    struct end a;
    struct named_timer last = {.name = '.', .delay = 5};
    open_end(&a, 'a', NULL, remove_itself);
    push(&a);
    set(&last);
    loop_run(loop);
    ck_assert_str_eq(story, "r.");
    loop_remove(loop, &a.watch); /* bears one that is not added */
    close_end(&a);
}
END_TEST

START_TEST(test_changed_events_are_watched)
{
    struct end a;
    struct named_timer last = {.name = '.', .delay = 5};
    open_end(&a, 'a', NULL, take_byte);
    push(&a);
    ck_assert_int_eq(loop_change(loop, &a.watch, 0), 0);
    set(&last);
    loop_run(loop);
    ck_assert_str_eq(story, ".");
    close_end(&a);
}
END_TEST

START_TEST(test_bad_descriptor_is_refused)
{
    struct loop_watch watch = {0};
    ck_assert_int_eq(loop_add(loop, &watch, -1, EPOLLIN, take_byte), -EBADF);
}
END_TEST

static void take_byte_of_many(struct loop_watch *watch, uint32_t events)
{
    take_byte(watch, events);
    if (strlen(story) == 150)
        loop_stop(loop);
}

/* More are ready than one batch holds: none is lost. */
START_TEST(test_more_than_a_batch_is_told)
{
    static struct end ends[150];
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        open_end(&ends[i], 'x', NULL, take_byte_of_many);
        push(&ends[i]);
    }
    loop_run(loop);
    ck_assert_uint_eq(strlen(story), ARRAY_SIZE(ends));
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        close_end(&ends[i]);
}
END_TEST

/* --- work from other threads --- */

enum { POSTERS = 4, POSTS = 2000 };

struct numbered_task {
    struct loop_task task;
    int poster, number;
};

static struct numbered_task *posted[POSTERS];
static int next_number[POSTERS], run_count;

static void run_numbered(struct loop_task *task)
{
    struct numbered_task *numbered = container_of(task, struct numbered_task, task);
    ck_assert_int_eq(numbered->number, next_number[numbered->poster]++);
    if (++run_count == POSTERS * POSTS)
        loop_stop(loop);
}

static void *post_many(void *argument)
{
    struct numbered_task *tasks = argument;
    for (int i = 0; i < POSTS; i++)
        loop_post(loop, &tasks[i].task);
    return NULL;
}

/* Four threads post while the loop runs. */
START_TEST(test_posted_tasks_run_once_each_in_order)
{
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posted[i] = calloc(POSTS, sizeof *posted[i]);
        ck_assert_ptr_nonnull(posted[i]);
        for (int j = 0; j < POSTS; j++)
            posted[i][j] = (struct numbered_task){{.run = run_numbered}, i, j};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_many, posted[i]), 0);
    }
    loop_run(loop);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(next_number[i], POSTS);
        free(posted[i]);
    }
}
END_TEST

static struct loop_task second_task;

static void stop_by_task(struct loop_task *task)
{
    (void)task;
    note('2');
    loop_stop(loop);
}

/* run() may free its task, and post. */
static void free_and_post(struct loop_task *task)
{
    free(task);
    note('1');
    second_task.run = stop_by_task;
    loop_post(loop, &second_task);
}

START_TEST(test_task_may_be_freed_and_may_post)
{
    struct loop_task *task = calloc(1, sizeof *task);
    ck_assert_ptr_nonnull(task);
    task->run = free_and_post;
    loop_post(loop, task);
    loop_run(loop);
    ck_assert_str_eq(story, "12");
}
END_TEST

/* --- stopping --- */

static void *stop_loop(void *argument)
{
    loop_stop(argument);
    return NULL;
}

START_TEST(test_another_thread_stops_a_loop_that_sleeps)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_loop, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_stop_before_run_is_not_lost)
{
    loop_stop(loop);
    loop_run(loop);
}
END_TEST

START_TEST(test_loop_is_freed_with_timers_and_watches_in_it)
{
    struct end a;
    struct named_timer timer = {.name = 'a', .delay = 100000};
    open_end(&a, 'a', NULL, take_byte);
    set(&timer);
    loop = loop_free(loop);
    ck_assert_ptr_null(loop_free(NULL));
    close(a.pair[0]);
    close(a.pair[1]);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, test_timers_fire_in_order, 0, ARRAY_SIZE(orders));
    tcase_add_test(tcase, test_many_timers_fire_in_order);
    tcase_add_test(tcase, test_cancelled_timer_does_not_fire);
    tcase_add_test(tcase, test_timer_set_again_is_moved);
    tcase_add_loop_test(tcase, test_timers_are_changed_inside_of_callbacks, 0, ARRAY_SIZE(inside));
    tcase_add_test(tcase, test_ready_descriptor_is_told);
    tcase_add_test(tcase, test_watch_removed_in_its_batch_is_not_called);
    tcase_add_test(tcase, test_watch_freed_in_its_batch_is_not_touched);
    tcase_add_test(tcase, test_watch_may_remove_itself);
    tcase_add_test(tcase, test_changed_events_are_watched);
    tcase_add_test(tcase, test_bad_descriptor_is_refused);
    tcase_add_test(tcase, test_more_than_a_batch_is_told);
    tcase_add_test(tcase, test_posted_tasks_run_once_each_in_order);
    tcase_add_test(tcase, test_task_may_be_freed_and_may_post);
    tcase_add_test(tcase, test_another_thread_stops_a_loop_that_sleeps);
    tcase_add_test(tcase, test_stop_before_run_is_not_lost);
    tcase_add_test(tcase, test_loop_is_freed_with_timers_and_watches_in_it);
}

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");
    tcase_set_timeout(tcase, 60);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
