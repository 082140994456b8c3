/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the workers count together: who shares a row, what makes room, and the bound of the table.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <string.h>

#include "gateway/relay/counters.h"
#include "tests/suite.h"

static struct counters_key key_of(const char *owner, const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    return counters_key(owner, (struct sockaddr *)&address);
}

static const struct {
    const char *a, *b;
    bool same;
} pairs[] = {
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.1", "::ffff:192.0.2.1", true},
    {"2001:db8::1", "2001:db8::ffff:1", true}, /* one /64 */
    {"2001:db8::1", "2001:db8:0:1::1", false},
    {"::", "0.0.0.0", true}, /* nobody's address, either way */
};

START_TEST(an_address_has_its_row)
{
    struct counters_key a = key_of("c", pairs[_i].a), b = key_of("c", pairs[_i].b);
    ck_assert_int_eq(memcmp(&a, &b, sizeof a) == 0, pairs[_i].same);
}
END_TEST

START_TEST(owners_and_all_addresses_have_rows_of_their_own)
{
    struct counters_key all = counters_key("c", NULL), zero = key_of("c", "0.0.0.0");
    struct counters_key other = key_of("d", "0.0.0.0");
    ck_assert_int_ne(memcmp(&all, &zero, sizeof all), 0);
    ck_assert_int_ne(memcmp(&other, &zero, sizeof other), 0);
}
END_TEST

START_TEST(so_many_sessions_and_no_more)
{
    struct counters_key key = key_of("", "192.0.2.1");
    struct counter *one = NULL, *two = NULL, *three = NULL;
    ck_assert_int_eq(counters_enter(&key, 2, &one), COUNTERS_TAKEN);
    ck_assert_int_eq(counters_enter(&key, 2, &two), COUNTERS_TAKEN);
    ck_assert_int_eq(counters_enter(&key, 2, &three), COUNTERS_OVER);
    ck_assert_ptr_null(three);
    counters_leave(one);
    ck_assert_int_eq(counters_enter(&key, 2, &three), COUNTERS_TAKEN);
    counters_leave(two);
    counters_leave(three);
    counters_leave(NULL);
}
END_TEST

START_TEST(messages_make_room_in_their_share_of_a_minute)
{
    struct counters_key key = key_of("", "192.0.2.1");
    int64_t now = 1000000;
    for (int i = 0; i < 6; i++)
        ck_assert(counters_take_message(&key, 6, now));
    ck_assert(!counters_take_message(&key, 6, now));
    ck_assert(!counters_take_message(&key, 6, now + 9999));
    ck_assert(counters_take_message(&key, 6, now + 10000));
    ck_assert(!counters_take_message(&key, 6, now + 10001));
    for (int i = 0; i < 6; i++) /* however long it was away, no more than a minute's worth */
        ck_assert(counters_take_message(&key, 6, now + 3600000));
    ck_assert(!counters_take_message(&key, 6, now + 3600000));
    ck_assert(!counters_take_message(&key, 6, now)); /* a clock behind gives nothing */
}
END_TEST

START_TEST(the_table_is_bounded_and_open_sessions_stay)
{
    struct counters_key kept = key_of("", "192.0.2.1"), key = {.owner = 1};
    struct counter *held = NULL, *again = NULL;
    ck_assert_int_eq(counters_enter(&kept, 1, &held), COUNTERS_TAKEN);
    for (key.high = 0; key.high < COUNTERS_SHARDS * COUNTERS_ROWS * 5 / 4; key.high++)
        ck_assert(counters_take_message(&key, 1, 1000));
    ck_assert_uint_le(counters_rows(), COUNTERS_SHARDS * COUNTERS_ROWS);
    ck_assert_uint_gt(counters_rows(), COUNTERS_SHARDS * COUNTERS_ROWS * 3 / 4);
    ck_assert_int_eq(counters_enter(&kept, 1, &again), COUNTERS_OVER);
    counters_leave(held);
    ck_assert_int_eq(counters_enter(&kept, 1, &again), COUNTERS_TAKEN);
    counters_leave(again);
    counters_forget();
    ck_assert_uint_eq(counters_rows(), 0);
}
END_TEST

static void *come_and_go(void *argument)
{
    struct counters_key key = key_of("", "192.0.2.9");
    unsigned *over = argument;
    for (int i = 0; i < 20000; i++) {
        struct counter *mine = NULL;
        if (counters_enter(&key, 3, &mine) == COUNTERS_TAKEN)
            counters_leave(mine);
        else
            ++*over;
    }
    return NULL;
}

START_TEST(threads_leave_nothing_behind)
{
    pthread_t threads[4];
    unsigned over[4] = {0};
    struct counters_key key = key_of("", "192.0.2.9");
    struct counter *all[3] = {0};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &over[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(counters_enter(&key, 3, &all[i]), COUNTERS_TAKEN);
    for (int i = 0; i < 3; i++)
        counters_leave(all[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("counters");
    TCase *tests = tcase_create("counters");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, NULL, counters_forget);
    tcase_add_loop_test(tests, an_address_has_its_row, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tests, owners_and_all_addresses_have_rows_of_their_own);
    tcase_add_test(tests, so_many_sessions_and_no_more);
    tcase_add_test(tests, messages_make_room_in_their_share_of_a_minute);
    tcase_add_test(tests, the_table_is_bounded_and_open_sessions_stay);
    tcase_add_test(tests, threads_leave_nothing_behind);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
