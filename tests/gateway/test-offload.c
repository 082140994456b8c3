/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The pool for work that blocks. The jobs of these tests are held back and let go by a condition,
 * never by time: a pool that does wrong hangs, and is ended by the runner. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/net/offload.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

static struct loop *loop;
static struct offload *offload;
static pthread_t loop_thread; /* who runs the loop: the test itself */

/* What the jobs share, under the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned begun, at_once, most_at_once;
static bool open_gate;
static unsigned done_count, done_expected;

struct test_job {
    struct offload_job job;
    unsigned runs, dones;
};

static void begin(void)
{
    struct error error;
    ck_assert_int_eq(loop_new(&loop, &error), 0);
    ck_assert_int_eq(offload_new(&offload, &error), 0);
    loop_thread = pthread_self();
}

static void end(void)
{
    offload = offload_free(offload);
    loop = loop_free(loop);
}

static unsigned processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 2 ? 2 : (unsigned)count;
}

static void open_the_gate(void)
{
    pthread_mutex_lock(&mutex);
    open_gate = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void wait_until_begun(unsigned count)
{
    pthread_mutex_lock(&mutex);
    while (begun < count)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void enter(struct offload_job *job)
{
    ck_assert(!pthread_equal(pthread_self(), loop_thread));
    container_of(job, struct test_job, job)->runs++;
    pthread_mutex_lock(&mutex);
    begun++;
    if (++at_once > most_at_once)
        most_at_once = at_once;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void leave(void)
{
    pthread_mutex_lock(&mutex);
    at_once--;
    pthread_mutex_unlock(&mutex);
}

static void run_at_once(struct offload_job *job)
{
    enter(job);
    leave();
}

static void wait_at_the_gate(void)
{
    pthread_mutex_lock(&mutex);
    while (!open_gate)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

/* Holds its processor until the gate is open. */
static void run_held(struct offload_job *job)
{
    enter(job);
    wait_at_the_gate();
    leave();
}

/* The same, but says that it waits. */
static void run_waiting(struct offload_job *job)
{
    enter(job);
    offload_wait_begin();
    wait_at_the_gate();
    offload_wait_end();
    leave();
}

static unsigned refused_waits; /* atomic */

static void run_waiting_long(struct offload_job *job)
{
    enter(job);
    if (offload_long_wait_begin()) {
        wait_at_the_gate();
        offload_long_wait_end();
    } else {
        __atomic_add_fetch(&refused_waits, 1, __ATOMIC_RELAXED);
    }
    leave();
}

static void done(struct offload_job *job)
{
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    container_of(job, struct test_job, job)->dones++;
    if (++done_count == done_expected)
        loop_stop(loop);
}

static void done_opens_the_gate(struct offload_job *job)
{
    open_the_gate();
    done(job);
}

static struct test_job *submit(unsigned count, void (*run)(struct offload_job *))
{
    struct test_job *jobs = calloc(count, sizeof *jobs);
    ck_assert_ptr_nonnull(jobs);
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(offload_submit(offload, loop, &jobs[i].job, run, done), 0);
    return jobs;
}

static void expect_once_each(const struct test_job *jobs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(jobs[i].runs, 1);
        ck_assert_uint_eq(jobs[i].dones, 1);
    }
}

START_TEST(test_jobs_are_run_once_and_done_on_their_loop)
{
    done_expected = 1000;
    _cleanup_free_ struct test_job *jobs = submit(1000, run_at_once);
    loop_run(loop);
    expect_once_each(jobs, 1000);
}
END_TEST

static void submit_again(struct offload_job *job)
{
    done(job);
    if (done_count < done_expected)
        ck_assert_int_eq(offload_submit(offload, loop, job, run_at_once, submit_again), 0);
}

START_TEST(test_job_may_be_submitted_again_when_it_is_done)
{
    struct test_job job = {0};
    done_expected = 500;
    ck_assert_int_eq(offload_submit(offload, loop, &job.job, run_at_once, submit_again), 0);
    loop_run(loop);
    ck_assert_uint_eq(job.runs, 500);
}
END_TEST

/* No more run at a time than there are processors, however many there are to do. */
START_TEST(test_as_many_run_at_a_time_as_there_are_processors)
{
    unsigned count = processors() * 3;
    done_expected = count;
    _cleanup_free_ struct test_job *jobs = submit(count, run_held);
    wait_until_begun(processors());
    open_the_gate();
    loop_run(loop);
    expect_once_each(jobs, count);
    ck_assert_uint_le(most_at_once, processors());
}
END_TEST

/* Many times as many jobs wait as there are processors, and one more still gets through: only its
 * being done lets the others go. */
START_TEST(test_jobs_that_wait_let_others_run)
{
    unsigned count = processors() * 8;
    struct test_job last = {0};
    done_expected = count + 1;
    _cleanup_free_ struct test_job *jobs = submit(count, run_waiting);
    ck_assert_int_eq(offload_submit(offload, loop, &last.job, run_at_once, done_opens_the_gate), 0);
    loop_run(loop);
    expect_once_each(jobs, count);
    expect_once_each(&last, 1);
}
END_TEST

/* At most 512 threads: as many wait at a time and no more, and all get their turn in the end. */
START_TEST(test_threads_have_a_maximum)
{
    enum { THREADS = 512, MORE = 40 };
    done_expected = THREADS + MORE;
    _cleanup_free_ struct test_job *jobs = submit(THREADS + MORE, run_waiting);
    wait_until_begun(THREADS);
    pthread_mutex_lock(&mutex);
    ck_assert_uint_eq(at_once, THREADS);
    pthread_mutex_unlock(&mutex);
    open_the_gate();
    loop_run(loop);
    expect_once_each(jobs, THREADS + MORE);
    ck_assert_uint_eq(most_at_once, THREADS);
}
END_TEST

START_TEST(test_full_queue_is_refused)
{
    enum { QUEUE = 4096 };
    struct test_job refused = {0};
    unsigned holders = processors();
    done_expected = holders + QUEUE;
    _cleanup_free_ struct test_job *held = submit(holders, run_held);
    wait_until_begun(holders);
    _cleanup_free_ struct test_job *jobs = submit(QUEUE, run_at_once);
    ck_assert_int_eq(offload_submit(offload, loop, &refused.job, run_at_once, done), -EAGAIN);
    open_the_gate();
    loop_run(loop);
    expect_once_each(held, holders);
    expect_once_each(jobs, QUEUE);
    ck_assert_uint_eq(refused.runs + refused.dones, 0);
}
END_TEST

/* Those that run are waited for: what they touch may be freed afterwards. */
START_TEST(test_pool_is_freed_when_its_jobs_have_ended)
{
    done_expected = 1;
    _cleanup_free_ struct test_job *jobs = submit(20, run_at_once);
    wait_until_begun(1);
    offload = offload_free(offload);
    ck_assert_uint_eq(at_once, 0);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_uint_le(jobs[i].runs, 1);
    loop = loop_free(loop); /* with what was posted to it still unread */
    ck_assert_ptr_null(offload_free(NULL));
}
END_TEST

START_TEST(test_waiting_outside_of_the_pool_is_nothing)
{
    done_expected = 1;
    offload_wait_end();
    offload_wait_begin();
    offload_wait_begin();
    _cleanup_free_ struct test_job *jobs = submit(1, run_at_once);
    loop_run(loop);
    expect_once_each(jobs, 1);
}
END_TEST

/* A token that hangs: those that need it fail, and the others go on. */
START_TEST(test_long_waits_leave_threads_to_others)
{
    enum { LONG = 550, OTHERS = 100, MAXIMUM = 480 };
    done_expected = LONG + OTHERS;
    _cleanup_free_ struct test_job *held = submit(LONG, run_waiting_long);
    wait_until_begun(LONG);
    _cleanup_free_ struct test_job *others = submit(OTHERS, run_at_once);
    wait_until_begun(LONG + OTHERS); /* although the gate is closed */
    open_the_gate();
    loop_run(loop);
    ck_assert_uint_eq(refused_waits, LONG - MAXIMUM);
    expect_once_each(held, LONG);
    expect_once_each(others, OTHERS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offload");
    TCase *tcase = tcase_create("offload");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, test_jobs_are_run_once_and_done_on_their_loop);
    tcase_add_test(tcase, test_job_may_be_submitted_again_when_it_is_done);
    tcase_add_test(tcase, test_as_many_run_at_a_time_as_there_are_processors);
    tcase_add_test(tcase, test_jobs_that_wait_let_others_run);
    tcase_add_test(tcase, test_threads_have_a_maximum);
    tcase_add_test(tcase, test_full_queue_is_refused);
    tcase_add_test(tcase, test_long_waits_leave_threads_to_others);
    tcase_add_test(tcase, test_pool_is_freed_when_its_jobs_have_ended);
    tcase_add_test(tcase, test_waiting_outside_of_the_pool_is_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
