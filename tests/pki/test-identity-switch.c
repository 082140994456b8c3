/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an identity presents is switched at one stroke: which handshake presents what, and when. */
#include <check.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/pki/test-identity-tls.h"
#include "tests/suite.h"

static struct pki_library *library;

static void setup(void)
{
    struct error error;
    ck_assert_msg(pki_library_new(&library, &error) == 0, "%s", error.what);
}

static void teardown(void)
{
    library = pki_library_free(library);
    ck_assert_uint_eq(test_signing_keys_alive(), 0);
}

/* Two parties, and what each will be switched to. */
struct meeting {
    struct test_party client, server, next;
    SSL_CTX *client_context, *server_context;
};

static void use(const struct test_party *party, SSL_CTX *context)
{
    struct error error;
    ck_assert_msg(pki_identity_use(party->identity, context, &error) == 0, "%s", error.what);
}

static void meet(struct meeting *meeting, enum test_key old, enum test_key next, int version)
{
    test_party_init(&meeting->client, library, old);
    test_party_init(&meeting->server, library, old);
    test_party_init(&meeting->next, library, next);
    meeting->client_context = test_client_context(library, version, meeting->server.chain.anchors);
    meeting->server_context = test_server_context(library, version, meeting->client.chain.anchors);
    use(&meeting->client, meeting->client_context);
    use(&meeting->server, meeting->server_context);
}

static void part(struct meeting *meeting)
{
    SSL_CTX_free(meeting->client_context);
    SSL_CTX_free(meeting->server_context);
    test_party_clear(&meeting->client);
    test_party_clear(&meeting->server);
    test_party_clear(&meeting->next);
}

static void prepare(struct meeting *meeting, struct test_ends *ends, SSL_SESSION *session)
{
    struct error error;
    test_ends_init(ends, meeting->client_context, meeting->server_context, session);
    ck_assert_msg(pki_identity_prepare(meeting->client.identity, ends->client, &error) == 0, "%s",
                  error.what);
    ck_assert_msg(pki_identity_prepare(meeting->server.identity, ends->server, &error) == 0, "%s",
                  error.what);
}

static void switch_both(struct meeting *meeting)
{
    pki_identity_switch(meeting->client.identity, meeting->next.identity);
    pki_identity_switch(meeting->server.identity, meeting->next.identity);
}

static void expect(SSL *by, const struct test_party *party)
{
    X509 *seen = SSL_get1_peer_certificate(by);
    ck_assert_ptr_nonnull(seen);
    ck_assert_int_eq(X509_cmp(seen, party->chain.leaf), 0);
    X509_free(seen);
}

static const struct {
    enum test_key old, next;
    int version;
} changes[] = {
    {TEST_P256, TEST_P256_OTHER, TLS1_3_VERSION}, {TEST_P256, TEST_P256_OTHER, TLS1_2_VERSION},
    {TEST_RSA, TEST_P256, TLS1_3_VERSION},        {TEST_RSA, TEST_P256, TLS1_2_VERSION},
    {TEST_P256, TEST_RSA, TLS1_3_VERSION},        {TEST_P256, TEST_RSA, TLS1_2_VERSION},
    {TEST_P256, TEST_P384, TLS1_3_VERSION},       {TEST_RSA, TEST_ED25519, TLS1_3_VERSION},
};

START_TEST(contexts_of_before_present_the_new_certificate)
{
    struct meeting meeting;
    struct test_ends ends;
    meet(&meeting, changes[_i].old, changes[_i].next, changes[_i].version);
    switch_both(&meeting);
    prepare(&meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    expect(ends.server, &meeting.next);
    expect(ends.client, &meeting.next);
    ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(ends.server)), 1);
    ck_assert_uint_eq(meeting.client.key->signatures + meeting.server.key->signatures, 0);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(what_was_prepared_before_takes_up_the_new_as_it_begins)
{
    struct meeting meeting;
    struct test_ends ends;
    meet(&meeting, changes[_i].old, changes[_i].next, changes[_i].version);
    prepare(&meeting, &ends, NULL);
    switch_both(&meeting);
    ck_assert(test_handshake(&ends));
    expect(ends.server, &meeting.next);
    expect(ends.client, &meeting.next);
    ck_assert_uint_eq(pki_identity_serial_of(ends.client),
                      pki_identity_serial(meeting.next.identity));
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

/* The client's hello is out; then the identity is switched. */
START_TEST(a_client_changes_as_late_as_the_request_where_it_signs_the_same_way)
{
    struct meeting meeting;
    struct test_ends ends;
    bool same = changes[_i].old == TEST_P256 && changes[_i].next == TEST_P256_OTHER;
    meet(&meeting, changes[_i].old, changes[_i].next, changes[_i].version);
    prepare(&meeting, &ends, NULL);
    ck_assert_int_ne(SSL_do_handshake(ends.client), 1);
    pki_identity_switch(meeting.client.identity, meeting.next.identity);
    ck_assert(test_handshake(&ends));
    expect(ends.server, same ? &meeting.next : &meeting.client);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_key_without_pss_caps_one_connection_and_not_the_next)
{
    struct meeting meeting;
    struct test_ends ends;
    test_party_init(&meeting.client, library, TEST_RSA);
    test_party_init(&meeting.server, library, TEST_P256);
    test_party_init(&meeting.next, library, TEST_P256_OTHER);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA256;
    meeting.client_context = test_client_context(library, 0, meeting.server.chain.anchors);
    meeting.server_context = test_server_context(library, 0, meeting.client.chain.anchors);
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    prepare(&meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_version(ends.client), TLS1_2_VERSION);
    test_ends_clear(&ends);
    pki_identity_switch(meeting.client.identity, meeting.next.identity);
    prepare(&meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_version(ends.client), TLS1_3_VERSION);
    expect(ends.server, &meeting.next);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

static SSL_SESSION *make_session(struct meeting *meeting)
{
    struct test_ends ends;
    prepare(meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    SSL_SESSION *session = SSL_get1_session(ends.client);
    ck_assert(pki_identity_may_resume(meeting->client.identity, session));
    SSL_shutdown(ends.client);
    test_ends_clear(&ends);
    return session;
}

static bool resumes(struct meeting *meeting, SSL_SESSION *session)
{
    struct test_ends ends;
    prepare(meeting, &ends, session);
    ck_assert(test_handshake(&ends));
    bool resumed = SSL_session_reused(ends.client);
    test_ends_clear(&ends);
    return resumed;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(a_session_is_resumed_until_the_client_changes)
{
    struct meeting meeting;
    meet(&meeting, TEST_P256, TEST_P256_OTHER, versions[_i]);
    SSL_SESSION *session = make_session(&meeting);
    ck_assert(resumes(&meeting, session));
    SSL_SESSION_free(session);
    session = make_session(&meeting);
    pki_identity_switch(meeting.client.identity, meeting.next.identity);
    ck_assert(!pki_identity_may_resume(meeting.client.identity, session));
    ck_assert(!resumes(&meeting, session));
    SSL_SESSION_free(session);
    part(&meeting);
}
END_TEST

START_TEST(a_session_is_resumed_until_the_server_changes)
{
    struct meeting meeting;
    meet(&meeting, TEST_P256, TEST_P256_OTHER, versions[_i]);
    SSL_SESSION *session = make_session(&meeting);
    pki_identity_switch(meeting.server.identity, meeting.next.identity);
    ck_assert(!resumes(&meeting, session));
    SSL_SESSION_free(session);
    part(&meeting);
}
END_TEST

START_TEST(a_connection_that_stands_keeps_what_it_began_with)
{
    struct meeting meeting;
    struct test_ends ends;
    char byte = 'x';
    meet(&meeting, TEST_P256, TEST_RSA, TLS1_3_VERSION);
    prepare(&meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    uint64_t serial = pki_identity_serial_of(ends.client);
    switch_both(&meeting);
    ck_assert_uint_eq(pki_identity_serial_of(ends.client), serial);
    ck_assert_uint_ne(pki_identity_serial(meeting.client.identity), serial);
    ck_assert_int_eq(SSL_write(ends.client, &byte, 1), 1);
    ck_assert_int_eq(SSL_read(ends.server, &byte, 1), 1);
    expect(ends.server, &meeting.client);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

/* A key that nobody presents any more is closed, whatever contexts there are. */
START_TEST(what_was_switched_away_from_goes_with_its_last_connection)
{
    struct meeting meeting;
    struct test_ends ends;
    meet(&meeting, TEST_P256, TEST_RSA, TLS1_3_VERSION);
    struct pki_key *old = &meeting.client.key->key;
    prepare(&meeting, &ends, NULL);
    ck_assert(test_handshake(&ends));
    switch_both(&meeting);
    ck_assert_uint_gt(old->references, 1);
    test_ends_clear(&ends);
    ck_assert_uint_eq(old->references, 1); /* the test's own */
    part(&meeting);
}
END_TEST

START_TEST(a_context_may_be_bound_to_another_identity)
{
    struct meeting meeting;
    struct test_ends ends;
    struct error error;
    meet(&meeting, TEST_P256, TEST_RSA, TLS1_3_VERSION);
    ck_assert_int_eq(pki_identity_bind(meeting.next.identity, meeting.client_context, &error), 0);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    expect(ends.server, &meeting.next);
    expect(ends.client, &meeting.server);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_connection_without_identity_has_number_0)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *connection = SSL_new(context);
    ck_assert_uint_eq(pki_identity_serial_of(connection), 0);
    ck_assert_uint_eq(pki_identity_serial_of(NULL), 0);
    SSL_free(connection);
    SSL_CTX_free(context);
}
END_TEST

/* --- the self-test --- */

static const enum test_key kinds[] = {TEST_RSA, TEST_P256, TEST_P384, TEST_ED25519};

START_TEST(the_self_test_signs_and_verifies)
{
    struct error error;
    struct test_party party;
    test_party_init(&party, library, kinds[_i]);
    ck_assert_msg(pki_identity_self_test(party.identity, &error) == 0, "%s", error.what);
    ck_assert_uint_eq(party.key->signatures, 1);
    party.key->failing = true;
    ck_assert_int_eq(pki_identity_self_test(party.identity, &error), -EX_TEMPFAIL);
    ck_assert_str_eq(error.what, TEST_FAILURE);
    test_party_clear(&party);
}
END_TEST

/* A token on which another key came to stand under the name of ours. */
START_TEST(the_self_test_finds_another_key)
{
    struct error error;
    struct test_party party;
    test_party_init(&party, library, TEST_P256);
    party.key->private_key = test_key(TEST_P256_OTHER);
    ck_assert_int_eq(pki_identity_self_test(party.identity, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "does not verify"));
    test_party_clear(&party);
}
END_TEST

/* --- threads --- */

enum { THREADS = 4, SWITCHES = 60 };

struct crowd {
    struct meeting *meeting;
    uint64_t floor; /* atomic: what every handshake that begins now must present at least */
    bool over;      /* atomic */
    unsigned handshakes, failures, stale;
};

static void *shake_hands(void *argument)
{
    struct crowd *crowd = argument;
    while (!__atomic_load_n(&crowd->over, __ATOMIC_ACQUIRE)) {
        struct test_ends ends;
        uint64_t floor = __atomic_load_n(&crowd->floor, __ATOMIC_ACQUIRE);
        prepare(crowd->meeting, &ends, NULL);
        if (!test_handshake(&ends))
            __atomic_add_fetch(&crowd->failures, 1, __ATOMIC_RELAXED);
        else if (pki_identity_serial_of(ends.client) < floor ||
                 pki_identity_serial_of(ends.server) < floor)
            __atomic_add_fetch(&crowd->stale, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&crowd->handshakes, 1, __ATOMIC_RELAXED);
        test_ends_clear(&ends);
    }
    return NULL;
}

/* Each version is loaded anew, so that their numbers rise. */
static void switch_once(struct crowd *crowd, unsigned round)
{
    struct test_party party;
    test_party_init(&party, library,
                    round % 3 == 0   ? TEST_RSA
                    : round % 3 == 1 ? TEST_P256
                                     : TEST_P256_OTHER);
    pki_identity_switch(crowd->meeting->client.identity, party.identity);
    pki_identity_switch(crowd->meeting->server.identity, party.identity);
    __atomic_store_n(&crowd->floor, pki_identity_serial(party.identity), __ATOMIC_RELEASE);
    test_party_clear(&party);
}

static void await_handshakes(const struct crowd *crowd, unsigned count)
{
    while (__atomic_load_n(&crowd->handshakes, __ATOMIC_RELAXED) < count)
        sched_yield();
}

START_TEST(no_handshake_that_begins_after_a_switch_presents_the_old)
{
    struct meeting meeting;
    struct crowd crowd = {.meeting = &meeting};
    pthread_t threads[THREADS];
    meet(&meeting, TEST_P256, TEST_P256, versions[_i]);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, shake_hands, &crowd), 0);
    for (unsigned i = 0; i < SWITCHES; i++) {
        switch_once(&crowd, i);
        await_handshakes(&crowd, 2 * (i + 1));
    }
    __atomic_store_n(&crowd.over, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(crowd.failures, 0);
    ck_assert_uint_eq(crowd.stale, 0);
    ck_assert_uint_ge(crowd.handshakes, 2 * SWITCHES);
    part(&meeting);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("switching an identity");
    TCase *tests = tcase_create("switches");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, contexts_of_before_present_the_new_certificate, 0,
                        ARRAY_SIZE(changes));
    tcase_add_loop_test(tests, what_was_prepared_before_takes_up_the_new_as_it_begins, 0,
                        ARRAY_SIZE(changes));
    tcase_add_loop_test(tests, a_client_changes_as_late_as_the_request_where_it_signs_the_same_way,
                        0, ARRAY_SIZE(changes));
    tcase_add_test(tests, a_key_without_pss_caps_one_connection_and_not_the_next);
    tcase_add_loop_test(tests, a_session_is_resumed_until_the_client_changes, 0, 2);
    tcase_add_loop_test(tests, a_session_is_resumed_until_the_server_changes, 0, 2);
    tcase_add_test(tests, a_connection_that_stands_keeps_what_it_began_with);
    tcase_add_test(tests, what_was_switched_away_from_goes_with_its_last_connection);
    tcase_add_test(tests, a_context_may_be_bound_to_another_identity);
    tcase_add_test(tests, a_connection_without_identity_has_number_0);
    tcase_add_loop_test(tests, the_self_test_signs_and_verifies, 0, ARRAY_SIZE(kinds));
    tcase_add_test(tests, the_self_test_finds_another_key);
    tcase_add_loop_test(tests, no_handshake_that_begins_after_a_switch_presents_the_old, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
