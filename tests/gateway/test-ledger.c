/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of what peers presented, its file, and the way to it from a worker. Sightings are made
 * up; the file lies in a folder of the test's own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/ledger/ledger.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

enum { NOW = 1800000000 };

static struct ledger *ledger;

static void begin(void)
{
    ledger = ledger_new();
    ck_assert_ptr_nonnull(ledger);
}

static void end(void)
{
    ledger = ledger_free(ledger);
}

static void put_number(char *text, size_t size, unsigned number)
{
    snprintf(text, size, "%064X", number);
}

/* The certificate `number`, whose pair is number / 10. */
static struct ledger_sighting sighting(const char *connector, unsigned number, time_t at)
{
    struct ledger_sighting made = {
        .direction = LEDGER_OUTBOUND, .first = at, .last = at, .count = 1};
    snprintf(made.connector, sizeof made.connector, "%s", connector);
    put_number(made.record.fingerprint, sizeof made.record.fingerprint, number);
    put_number(made.record.spki, sizeof made.record.spki, number);
    put_number(made.record.pair, sizeof made.record.pair, number / 10);
    snprintf(made.record.subject, sizeof made.record.subject, "CN=%u", number / 10);
    made.record.not_before = NOW - LEDGER_DAY;
    made.record.not_after = NOW + 30 * LEDGER_DAY;
    return made;
}

static struct ledger_entry *take(struct ledger_sighting one, bool *new_pair)
{
    bool unused;
    struct ledger_entry *entry = ledger_take(ledger, &one, new_pair ? new_pair : &unused);
    ck_assert_ptr_nonnull(entry);
    return entry;
}

static bool is_there(const char *connector, unsigned number)
{
    char fingerprint[65];
    put_number(fingerprint, sizeof fingerprint, number);
    for (unsigned i = 0; i < ledger->count; i++)
        if (strcmp(ledger->entries[i]->seen.record.fingerprint, fingerprint) == 0 &&
            strcmp(ledger->entries[i]->seen.connector, connector) == 0)
            return true;
    return false;
}

START_TEST(test_repeats_are_counted)
{
    struct ledger_sighting again = sighting("tenant", 1, NOW + 50);
    again.count = 7;
    take(sighting("tenant", 1, NOW), NULL);
    struct ledger_entry *entry = take(again, NULL);
    ck_assert_uint_eq(ledger->count, 1);
    ck_assert_uint_eq(entry->seen.count, 8);
    ck_assert_int_eq(entry->seen.first, NOW);
    ck_assert_int_eq(entry->seen.last, NOW + 50);
}
END_TEST

START_TEST(test_a_pair_is_new_once_a_connector_and_direction)
{
    bool new_pair;
    take(sighting("tenant", 1, NOW), &new_pair);
    ck_assert(new_pair);
    take(sighting("tenant", 1, NOW), &new_pair);
    ck_assert(!new_pair);
    take(sighting("tenant", 2, NOW), &new_pair);
    ck_assert(!new_pair);
    take(sighting("tenant", 11, NOW), &new_pair);
    ck_assert(new_pair);
    take(sighting("premises", 1, NOW), &new_pair);
    ck_assert(new_pair);
    struct ledger_sighting other = sighting("tenant", 1, NOW);
    other.direction = LEDGER_INBOUND;
    take(other, &new_pair);
    ck_assert(new_pair);
    ck_assert_uint_eq(ledger->count, 5);
}
END_TEST

START_TEST(test_the_last_verdict_counts)
{
    struct ledger_sighting refused = sighting("tenant", 1, NOW + 1);
    refused.verdict = LEDGER_REFUSED;
    refused.rule = PKI_CHECK_DATES;
    take(sighting("tenant", 1, NOW), NULL);
    ledger->urgent = false;
    struct ledger_entry *entry = take(refused, NULL);
    ck_assert_int_eq(entry->seen.verdict, LEDGER_REFUSED);
    ck_assert(entry->ever_accepted && ledger->urgent);
}
END_TEST

START_TEST(test_a_connector_has_a_bound_and_the_oldest_goes)
{
    for (unsigned i = 0; i < LEDGER_CONNECTOR_MAXIMUM; i++)
        take(sighting("tenant", i, NOW + (i == 5 ? -10 : (time_t)i)), NULL);
    take(sighting("other", 1, NOW - 100), NULL);
    take(sighting("tenant", 9999, NOW + 5000), NULL);
    ck_assert_uint_eq(ledger->count, LEDGER_CONNECTOR_MAXIMUM + 1);
    ck_assert(!is_there("tenant", 5) && is_there("tenant", 0) && is_there("tenant", 9999));
    ck_assert(is_there("other", 1));
}
END_TEST

START_TEST(test_all_together_have_a_bound)
{
    char name[32];
    for (unsigned i = 0; i < LEDGER_MAXIMUM + 3; i++) {
        snprintf(name, sizeof name, "connector-%u", i % 8);
        take(sighting(name, i, NOW + (time_t)i), NULL);
    }
    ck_assert_uint_eq(ledger->count, LEDGER_MAXIMUM);
    ck_assert(!is_there("connector-0", 0) && !is_there("connector-2", 2));
    ck_assert(is_there("connector-3", 3));
}
END_TEST

START_TEST(test_strangers_do_not_make_us_forget_who_we_know)
{
    take(sighting("cloud", 1, NOW - 1000), NULL);
    for (unsigned i = 10; i < 3 * LEDGER_CONNECTOR_MAXIMUM; i++) {
        struct ledger_sighting stranger = sighting("cloud", i, NOW + (time_t)i);
        stranger.verdict = LEDGER_REFUSED;
        take(stranger, NULL);
    }
    ck_assert_uint_eq(ledger->count, LEDGER_CONNECTOR_MAXIMUM);
    ck_assert(is_there("cloud", 1));
}
END_TEST

static const struct {
    time_t left;
    enum ledger_verdict verdict;
    int days;
    bool expiring;
} dates[] = {
    {14 * LEDGER_DAY, LEDGER_ACCEPTED, 14, false},
    {14 * LEDGER_DAY - 1, LEDGER_ACCEPTED, 13, true},
    {1, LEDGER_ACCEPTED, 0, true},
    {0, LEDGER_ACCEPTED, 0, false},
    {-1, LEDGER_ACCEPTED, -1, false},
    {-LEDGER_DAY, LEDGER_ACCEPTED, -1, false},
    {-LEDGER_DAY - 1, LEDGER_ACCEPTED, -2, false},
    {LEDGER_DAY, LEDGER_REPORTED, 1, true},
    {LEDGER_DAY, LEDGER_REFUSED, 1, false},
};

START_TEST(test_dates)
{
    struct ledger_sighting one = sighting("tenant", 1, NOW);
    one.record.not_after = NOW + dates[_i].left;
    one.verdict = dates[_i].verdict;
    struct ledger_entry *entry = take(one, NULL);
    ck_assert_int_eq(ledger_days_left(entry, NOW), dates[_i].days);
    ck_assert_int_eq(ledger_is_expiring(ledger, entry, NOW), dates[_i].expiring);
}
END_TEST

START_TEST(test_a_successor_ends_the_warning_while_the_old_one_is_not_seen_again)
{
    struct ledger_sighting old = sighting("tenant", 1, NOW - 10);
    old.record.not_after = NOW + LEDGER_DAY;
    struct ledger_entry *entry = take(old, NULL);
    take(sighting("elsewhere", 2, NOW), NULL);
    take(sighting("tenant", 11, NOW), NULL); /* another subject */
    ck_assert(ledger_is_expiring(ledger, entry, NOW));
    take(sighting("tenant", 2, NOW), NULL);
    ck_assert(!ledger_is_expiring(ledger, entry, NOW));
    old.last = NOW + 5;
    entry = take(old, NULL);
    ck_assert(ledger_is_expiring(ledger, entry, NOW));
}
END_TEST

/* --- the file --- */

static char folder[64], path[96];

static void begin_file(void)
{
    begin();
    snprintf(folder, sizeof folder, "/tmp/postern-ledger-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state/peers.json", folder);
}

static void end_file(void)
{
    char other[128];
    end();
    snprintf(other, sizeof other, "%s.set-aside", path);
    unlink(other);
    unlink(path);
    snprintf(other, sizeof other, "%s/state", folder);
    rmdir(other);
    rmdir(folder);
}

static void fill(void)
{
    struct ledger_sighting one = sighting("tenant", 1, NOW);
    one.verdict = LEDGER_REPORTED;
    one.rule = PKI_CHECK_PAIR;
    one.pair_decides = true;
    snprintf(one.reason, sizeof one.reason, "He said \"\xc3\xbc\", and \x01 \xff ended in \xc3");
    snprintf(one.place, sizeof one.place, "mail.example.com 192.0.2.1");
    take(one, NULL)->expiry_named = NOW + 3;
    take(sighting("premises", 22, NOW + 9), NULL);
}

START_TEST(test_what_is_written_is_read)
{
    struct error error;
    struct stat status;
    fill();
    ck_assert_msg(ledger_write(ledger, path, &error) == 0, "%s", error.what);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    struct ledger *read = ledger_new();
    ck_assert_msg(ledger_read(read, path, &error) == 0, "%s", error.what);
    ck_assert_uint_eq(read->count, 2);
    const struct ledger_entry *was = ledger->entries[0], *is = read->entries[0];
    ck_assert_str_eq(is->seen.connector, "tenant");
    ck_assert_str_eq(is->seen.record.fingerprint, was->seen.record.fingerprint);
    ck_assert_str_eq(is->seen.record.subject, was->seen.record.subject);
    ck_assert_str_eq(is->seen.place, was->seen.place);
    ck_assert_int_eq(is->seen.verdict, LEDGER_REPORTED);
    ck_assert_int_eq(is->seen.rule, PKI_CHECK_PAIR);
    ck_assert(is->seen.pair_decides && is->ever_accepted);
    ck_assert_int_eq(is->seen.first, NOW);
    ck_assert_int_eq(is->expiry_named, NOW + 3);
    ck_assert_int_eq(is->seen.record.not_after, was->seen.record.not_after);
    ck_assert_ptr_nonnull(strstr(is->seen.reason, "\xc3\xbc"));
    /* And once more, which is the same file. */
    ck_assert_int_eq(ledger_write(read, path, &error), 0);
    ledger_free(read);
}
END_TEST

START_TEST(test_no_file_is_an_empty_ledger)
{
    struct error error;
    ck_assert_int_eq(ledger_read(ledger, path, &error), 0);
    ck_assert_uint_eq(ledger->count, 0);
}
END_TEST

static char *slurp(size_t *length)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char *text = malloc(65536);
    *length = fread(text, 1, 65535, file);
    text[*length] = '\0';
    fclose(file);
    return text;
}

static void spill(const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

/* Every byte of it changed, and every end, is found out, and nothing is read. */
START_TEST(test_a_file_that_is_not_as_we_wrote_it_is_set_aside)
{
    struct error error;
    size_t length;
    char aside[128];
    fill();
    ck_assert_int_eq(ledger_write(ledger, path, &error), 0);
    char *text = slurp(&length);
    snprintf(aside, sizeof aside, "%s.set-aside", path);
    for (size_t i = 0; i + 1 < length; i += 3) {
        struct ledger *read = ledger_new();
        if (i % 2)
            spill(text, i);
        else if (text[i] == ' ' || text[i] == '\n')
            goto next; /* spaces between do not matter */
        else {
            text[i] ^= 1;
            spill(text, length);
            text[i] ^= 1;
        }
        ck_assert_msg(ledger_read(read, path, &error) == -EX_DATAERR, "at %zu", i);
        ck_assert_uint_eq(read->count, 0);
        ck_assert_int_eq(access(path, F_OK), -1);
        ck_assert_int_eq(access(aside, F_OK), 0);
    next:
        ledger_free(read);
    }
    free(text);
}
END_TEST

START_TEST(test_a_link_or_a_folder_in_its_place_is_no_file)
{
    struct error error;
    char other[128];
    fill();
    ck_assert_int_eq(ledger_write(ledger, path, &error), 0);
    snprintf(other, sizeof other, "%s.real", path);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink(other, path), 0);
    struct ledger *read = ledger_new();
    ck_assert_int_eq(ledger_read(read, path, &error), -EX_DATAERR);
    ck_assert_uint_eq(read->count, 0);
    ledger_free(read);
    unlink(other);
}
END_TEST

START_TEST(test_a_folder_that_is_not_there_is_told_with_a_cure)
{
    struct error error;
    ck_assert_int_eq(ledger_write(ledger, "/proc/none/state/peers.json", &error), -EX_IOERR);
    ck_assert_ptr_nonnull(strstr(error.what, "/proc/none/state"));
    ck_assert_str_ne(error.cure, "");
}
END_TEST

/* --- from a worker --- */

static struct loop *worker, *keeper;
static unsigned received, batches;
static uint64_t handshakes, dropped_in_all;
static char connectors[8][8];

static void receive(void *context, const struct ledger_sighting *one, uint64_t dropped)
{
    (void)context;
    if (!one) {
        batches++;
        dropped_in_all += dropped;
        if (handshakes + dropped_in_all >= 1000) {
            loop_stop(worker);
            loop_stop(keeper);
        }
        return;
    }
    if (received < 8)
        snprintf(connectors[received], sizeof connectors[0], "%.7s", one->connector);
    received++;
    handshakes += one->count;
}

static struct sightings *sightings;
static struct test_chain chain;
static struct pki_peer_record leaf;
static unsigned distinct; /* connectors, to which one peer presents itself */
static struct loop_task note_task;

static void note(unsigned which)
{
    struct pki_peer_policy policy = {.level = PKI_PEER_CHAIN};
    struct pki_peer_verdict verdict = {.accepted = true};
    char connector[16];
    memcpy(verdict.fingerprint, leaf.fingerprint, sizeof verdict.fingerprint);
    snprintf(connector, sizeof connector, "c%u", which);
    sightings_note(sightings, LEDGER_OUTBOUND, connector, &policy, &verdict, chain.leaf, "here");
}

static void note_all(struct loop_task *task)
{
    (void)task;
    for (unsigned i = 0; i < 1000; i++)
        note(i % distinct);
}

static void *run_worker(void *argument)
{
    loop_run(argument);
    return NULL;
}

static void set_up(unsigned kinds)
{
    struct error error;
    distinct = kinds;
    chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    ck_assert_int_eq(pki_peer_record_make(chain.leaf, &leaf, &error), 0);
    ck_assert_int_eq(loop_new(&worker, &error), 0);
    ck_assert_int_eq(loop_new(&keeper, &error), 0);
    ck_assert_int_eq(sightings_new(&sightings, worker, keeper, receive, NULL, &error), 0);
}

static void take_down(void)
{
    sightings_free(sightings);
    loop_free(worker);
    loop_free(keeper);
    test_chain_clear(&chain);
}

START_TEST(test_a_thousand_handshakes_of_one_peer_are_one_message)
{
    pthread_t thread;
    set_up(1);
    note_task.run = note_all;
    loop_post(worker, &note_task);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_worker, worker), 0);
    loop_run(keeper);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(received, 1);
    ck_assert_uint_eq(batches, 1);
    ck_assert_uint_eq(handshakes, 1000);
    take_down();
}
END_TEST

START_TEST(test_more_peers_than_there_is_room_for_are_counted)
{
    pthread_t thread;
    set_up(1000);
    note_task.run = note_all;
    loop_post(worker, &note_task);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_worker, worker), 0);
    loop_run(keeper);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(received, SIGHTINGS_MAXIMUM);
    ck_assert_uint_eq(dropped_in_all, 1000 - SIGHTINGS_MAXIMUM);
    take_down();
}
END_TEST

/* At the end of the program: one batch is under way, the next has begun, and no loop runs any more.
 */
START_TEST(test_nothing_is_lost_at_the_end)
{
    set_up(4);
    note(0);
    note(1);
    loop_run_posted(worker);
    note(2);
    take_down();
    ck_assert_uint_eq(received, 3);
    ck_assert_str_eq(connectors[0], "c0");
    ck_assert_str_eq(connectors[2], "c2");
}
END_TEST

START_TEST(test_who_keeps_no_ledger_is_told_nothing)
{
    chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    sightings = NULL;
    note(1);
    test_chain_clear(&chain);
}
END_TEST

static TCase *make_case(const char *name, void (*before)(void), void (*after)(void))
{
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 120);
    if (before)
        tcase_add_checked_fixture(tests, before, after);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *entries = make_case("entries", begin, end);
    TCase *file = make_case("file", begin_file, end_file), *way = make_case("way", NULL, NULL);
    test_key(TEST_P256);
    test_key(TEST_P256_ROOT);
    test_key(TEST_P256_INTERMEDIATE);
    tcase_add_test(entries, test_repeats_are_counted);
    tcase_add_test(entries, test_a_pair_is_new_once_a_connector_and_direction);
    tcase_add_test(entries, test_the_last_verdict_counts);
    tcase_add_test(entries, test_a_connector_has_a_bound_and_the_oldest_goes);
    tcase_add_test(entries, test_all_together_have_a_bound);
    tcase_add_test(entries, test_strangers_do_not_make_us_forget_who_we_know);
    tcase_add_loop_test(entries, test_dates, 0, ARRAY_SIZE(dates));
    tcase_add_test(entries, test_a_successor_ends_the_warning_while_the_old_one_is_not_seen_again);
    tcase_add_test(file, test_what_is_written_is_read);
    tcase_add_test(file, test_no_file_is_an_empty_ledger);
    tcase_add_test(file, test_a_file_that_is_not_as_we_wrote_it_is_set_aside);
    tcase_add_test(file, test_a_link_or_a_folder_in_its_place_is_no_file);
    tcase_add_test(file, test_a_folder_that_is_not_there_is_told_with_a_cure);
    tcase_add_test(way, test_a_thousand_handshakes_of_one_peer_are_one_message);
    tcase_add_test(way, test_more_peers_than_there_is_room_for_are_counted);
    tcase_add_test(way, test_nothing_is_lost_at_the_end);
    tcase_add_test(way, test_who_keeps_no_ledger_is_told_nothing);
    suite_add_tcase(suite, entries);
    suite_add_tcase(suite, file);
    suite_add_tcase(suite, way);
    return run_suite(suite);
}
