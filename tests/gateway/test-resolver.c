/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses. No name server is asked: literal addresses are names too, and a label of more
 * than 63 bytes is no name to any resolver. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/net/resolver.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

#define NO_NAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid"

static struct loop *loop;
static struct offload *offload;
static struct resolver *resolver;
static unsigned answers, answers_expected;

struct question {
    struct resolver_query query;
    unsigned answered;
    bool failed;
    struct resolver_answer answer;
    struct error error;
    struct question *cancels; /* when it is answered */
};

static void begin(void)
{
    struct error error;
    ck_assert_int_eq(loop_new(&loop, &error), 0);
    ck_assert_int_eq(offload_new(&offload, &error), 0);
    ck_assert_int_eq(resolver_new(&resolver, loop, offload, &error), 0);
}

/* In this order: a job that runs has an entry of the resolver. */
static void end(void)
{
    offload = offload_free(offload);
    resolver = resolver_free(resolver);
    loop = loop_free(loop);
}

static void answered(struct resolver_query *query, const struct resolver_answer *answer,
                     const struct error *error)
{
    struct question *question = container_of(query, struct question, query);
    question->answered++;
    question->failed = error;
    question->answer = *answer;
    if (error)
        question->error = *error;
    if (question->cancels)
        resolver_cancel(&question->cancels->query);
    if (++answers == answers_expected)
        loop_stop(loop);
}

static void ask(struct question *question, const char *name, uint16_t port)
{
    ck_assert_int_eq(resolver_ask(resolver, &question->query, name, port, answered), 0);
    ck_assert_uint_eq(question->answered, 0); /* never inside the question */
}

static void expect_address(const struct question *question, const char *address, uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    ck_assert(!question->failed);
    ck_assert_uint_eq(question->answered, 1);
    ck_assert_uint_eq(question->answer.count, 1);
    const struct sockaddr_storage *storage = &question->answer.addresses[0].address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)storage;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)storage;
    bool is_four = storage->ss_family == AF_INET;
    inet_ntop(storage->ss_family, is_four ? (const void *)&four->sin_addr : &six->sin6_addr, text,
              sizeof text);
    ck_assert_str_eq(text, address);
    ck_assert_uint_eq(ntohs(is_four ? four->sin_port : six->sin6_port), port);
    ck_assert_uint_eq(question->answer.addresses[0].length, is_four ? sizeof *four : sizeof *six);
}

static const struct {
    const char *name;
    uint16_t port;
} literals[] = {
    {"127.0.0.1", 25}, {"192.0.2.7", 65535}, {"0.0.0.0", 1}, {"::1", 25}, {"2001:db8::7", 587},
};

START_TEST(test_literal_address_is_its_own_answer)
{
    struct question question = {0};
    answers_expected = 1;
    ask(&question, literals[_i].name, literals[_i].port);
    loop_run(loop);
    expect_address(&question, literals[_i].name, literals[_i].port);
}
END_TEST

START_TEST(test_unknown_name_is_told_with_a_cure)
{
    struct question question = {0};
    answers_expected = 1;
    ask(&question, NO_NAME, 25);
    loop_run(loop);
    ck_assert(question.failed);
    ck_assert_uint_eq(question.answered, 1);
    ck_assert_uint_eq(question.answer.count, 0);
    ck_assert_int_eq(question.error.code, EX_TEMPFAIL);
    ck_assert_ptr_nonnull(strstr(question.error.what, NO_NAME));
    ck_assert_str_ne(question.error.cure, "");
}
END_TEST

/* One look-up, each with its own port. */
START_TEST(test_all_who_ask_alike_are_answered)
{
    struct question questions[5] = {0};
    answers_expected = 5;
    for (unsigned i = 0; i < 5; i++)
        ask(&questions[i], "127.0.0.1", (uint16_t)(100 + i));
    loop_run(loop);
    for (unsigned i = 0; i < 5; i++)
        expect_address(&questions[i], "127.0.0.1", (uint16_t)(100 + i));
}
END_TEST

START_TEST(test_cancelled_question_is_not_answered)
{
    struct question first = {0}, cancelled = {0}, last = {0};
    answers_expected = 2;
    ask(&first, "127.0.0.1", 1);
    ask(&cancelled, "127.0.0.1", 2);
    ask(&last, "127.0.0.1", 3);
    resolver_cancel(&cancelled.query);
    resolver_cancel(&cancelled.query); /* bears one that is not asked */
    loop_run(loop);
    ck_assert_uint_eq(cancelled.answered, 0);
    expect_address(&first, "127.0.0.1", 1);
    expect_address(&last, "127.0.0.1", 3);
}
END_TEST

/* Whoever is answered first cancels the other: a courier that ends another. */
START_TEST(test_question_cancelled_inside_of_an_answer_is_not_answered)
{
    struct question a = {0}, b = {0};
    a.cancels = &b;
    b.cancels = &a;
    answers_expected = 1;
    ask(&a, "127.0.0.1", 1);
    ask(&b, "127.0.0.1", 2);
    loop_run(loop);
    ck_assert_uint_eq(a.answered + b.answered, 1);
}
END_TEST

/* --- answers from memory --- */

static struct question again;
static const char *again_name;
static sem_t go_on;
static unsigned holders_running;

static void hold(struct offload_job *job)
{
    (void)job;
    sem_wait(&go_on);
}

static void released(struct offload_job *job)
{
    (void)job;
    holders_running--;
    if (!holders_running)
        loop_stop(loop);
}

static struct offload_job holders[1024];
static unsigned holder_count;

static void answered_from_memory(struct resolver_query *query, const struct resolver_answer *answer,
                                 const struct error *error)
{
    struct question *question = container_of(query, struct question, query);
    question->answered++;
    question->failed = error;
    question->answer = *answer;
    for (unsigned i = 0; i < holder_count; i++)
        sem_post(&go_on);
}

/* Every processor of the pool is held before it is asked again: only memory can answer. */
static void ask_again(struct resolver_query *query, const struct resolver_answer *answer,
                      const struct error *error)
{
    (void)query, (void)answer, (void)error;
    for (unsigned i = 0; i < holder_count; i++) {
        ck_assert_int_eq(offload_submit(offload, loop, &holders[i], hold, released), 0);
        holders_running++;
    }
    ck_assert_int_eq(resolver_ask(resolver, &again.query, again_name, 587, answered_from_memory),
                     0);
    ck_assert_uint_eq(again.answered, 0);
}

static void ask_twice(const char *name, bool unknown)
{
    struct question first = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    holder_count = processors < 2 ? 2 : (unsigned)processors;
    ck_assert_uint_le(holder_count, ARRAY_SIZE(holders));
    sem_init(&go_on, 0, 0);
    again_name = name;
    ck_assert_int_eq(resolver_ask(resolver, &first.query, name, 25, ask_again), 0);
    loop_run(loop);
    ck_assert_uint_eq(again.answered, 1);
    ck_assert_int_eq(again.failed, unknown);
}

START_TEST(test_known_answer_comes_from_memory)
{
    ask_twice("192.0.2.7", false);
    expect_address(&again, "192.0.2.7", 587);
}
END_TEST

START_TEST(test_known_failure_comes_from_memory)
{
    ask_twice(NO_NAME, true);
    ck_assert_uint_eq(again.answer.count, 0);
}
END_TEST

/* --- limits --- */

START_TEST(test_name_that_is_too_long_is_refused)
{
    struct question question = {0};
    char name[1001];
    memset(name, 'a', 1000);
    name[1000] = '\0';
    ck_assert_int_lt(resolver_ask(resolver, &question.query, name, 25, answered), 0);
    ck_assert_uint_eq(question.answered, 0);
}
END_TEST

static struct question many[600];
static unsigned next_question;

static struct loop_timer rest;

static void ask_next(struct loop_timer *timer);

static void rest_and_ask(struct resolver_query *query, const struct resolver_answer *answer,
                         const struct error *error)
{
    (void)query;
    ck_assert(answer->count == 1 && !error);
    ck_assert_int_eq(loop_set_timer(loop, &rest, 0, ask_next), 0);
}

/* One after the other, more than are kept. */
static void ask_next(struct loop_timer *timer)
{
    char name[32];
    if (next_question == ARRAY_SIZE(many)) {
        loop_stop(loop);
        return;
    }
    snprintf(name, sizeof name, "127.0.%u.%u", next_question / 200, next_question % 200);
    ck_assert_int_eq(resolver_ask(resolver, &many[next_question++].query, name, 25, rest_and_ask),
                     0);
    (void)timer;
}

START_TEST(test_more_names_than_are_kept_are_answered)
{
    ask_next(NULL);
    loop_run(loop);
    ck_assert_uint_eq(next_question, ARRAY_SIZE(many));
}
END_TEST

START_TEST(test_resolver_is_freed_with_questions_in_it)
{
    static struct question questions[3];
    ask(&questions[0], "127.0.0.1", 1);
    ask(&questions[1], "127.0.0.2", 2);
    ask(&questions[2], NO_NAME, 3);
    resolver_cancel(&questions[2].query);
    end();
    ck_assert_ptr_null(resolver_free(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolver");
    TCase *tcase = tcase_create("resolver");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, test_literal_address_is_its_own_answer, 0, ARRAY_SIZE(literals));
    tcase_add_test(tcase, test_unknown_name_is_told_with_a_cure);
    tcase_add_test(tcase, test_all_who_ask_alike_are_answered);
    tcase_add_test(tcase, test_cancelled_question_is_not_answered);
    tcase_add_test(tcase, test_question_cancelled_inside_of_an_answer_is_not_answered);
    tcase_add_test(tcase, test_known_answer_comes_from_memory);
    tcase_add_test(tcase, test_known_failure_comes_from_memory);
    tcase_add_test(tcase, test_name_that_is_too_long_is_refused);
    tcase_add_test(tcase, test_more_names_than_are_kept_are_answered);
    tcase_add_test(tcase, test_resolver_is_freed_with_questions_in_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
