/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Real handshakes with keys behind the provider: each kind of key, each version, each side, and
 * what happens when the key cannot. */
#include "tests/pki/test-identity-tls.h"
#include "tests/suite.h"

#include <check.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

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

/* Two parties, two contexts, both with their identities. */
struct meeting {
    struct test_party client, server;
    SSL_CTX *client_context, *server_context;
};

static void meet(struct meeting *meeting, enum test_key client, enum test_key server, int version)
{
    test_party_init(&meeting->client, library, client);
    test_party_init(&meeting->server, library, server);
    meeting->client_context = test_client_context(library, version, meeting->server.chain.anchors);
    meeting->server_context = test_server_context(library, version, meeting->client.chain.anchors);
}

static void use(const struct test_party *party, SSL_CTX *context)
{
    struct error error;
    ck_assert_msg(pki_identity_use(party->identity, context, &error) == 0, "%s", error.what);
}

static void meet_and_use(struct meeting *meeting, enum test_key client, enum test_key server,
                         int version)
{
    meet(meeting, client, server, version);
    use(&meeting->client, meeting->client_context);
    use(&meeting->server, meeting->server_context);
}

static void part(struct meeting *meeting)
{
    SSL_CTX_free(meeting->client_context);
    SSL_CTX_free(meeting->server_context);
    test_party_clear(&meeting->client);
    test_party_clear(&meeting->server);
}

static bool shake_hands(struct meeting *meeting)
{
    struct test_ends ends;
    test_ends_init(&ends, meeting->client_context, meeting->server_context, NULL);
    bool done = test_handshake(&ends);
    test_ends_clear(&ends);
    return done;
}

static const struct {
    enum test_key key;
    int version;
    enum pki_algorithm algorithm;
} kinds[] = {
    {TEST_RSA, TLS1_2_VERSION, PKI_RSA_PSS_SHA256}, {TEST_RSA, TLS1_3_VERSION, PKI_RSA_PSS_SHA256},
    {TEST_P256, TLS1_2_VERSION, PKI_ECDSA_SHA256},  {TEST_P256, TLS1_3_VERSION, PKI_ECDSA_SHA256},
    {TEST_P384, TLS1_2_VERSION, PKI_ECDSA_SHA256},  {TEST_P384, TLS1_3_VERSION, PKI_ECDSA_SHA384},
    {TEST_ED25519, TLS1_2_VERSION, PKI_ED25519},    {TEST_ED25519, TLS1_3_VERSION, PKI_ED25519},
};

START_TEST(each_kind_of_key_signs_for_the_client)
{
    struct meeting meeting;
    meet_and_use(&meeting, kinds[_i].key, TEST_P256, kinds[_i].version);
    struct test_ends ends;
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_version(ends.client), kinds[_i].version);
    ck_assert_uint_eq(meeting.client.key->signatures, 1);
    ck_assert_int_eq(meeting.client.key->last, kinds[_i].algorithm);
    X509 *seen = SSL_get1_peer_certificate(ends.server);
    ck_assert_int_eq(X509_cmp(seen, meeting.client.chain.leaf), 0);
    /* the leaf and its intermediate, and the root stays at home */
    ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(ends.server)), 1);
    X509_free(seen);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(each_kind_of_key_signs_for_the_server)
{
    struct meeting meeting;
    meet_and_use(&meeting, TEST_P256, kinds[_i].key, kinds[_i].version);
    struct test_ends ends;
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    ck_assert_uint_eq(meeting.server.key->signatures, 1);
    ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(ends.client)), 2);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(pkcs1_signs_tls_1_2_where_it_is_all_that_was_proved)
{
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_RSA, TLS1_2_VERSION);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA384;
    meeting.server.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA512;
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(shake_hands(&meeting));
    ck_assert_int_eq(meeting.client.key->last, PKI_RSA_PKCS1_SHA384);
    ck_assert_int_eq(meeting.server.key->last, PKI_RSA_PKCS1_SHA512);
    part(&meeting);
}
END_TEST

START_TEST(a_key_without_pss_caps_the_version)
{
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_RSA, TLS1_2_VERSION);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA256;
    SSL_CTX_set_max_proto_version(meeting.client_context, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(meeting.server_context, TLS1_3_VERSION);
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(shake_hands(&meeting));
    ck_assert_int_eq(meeting.client.key->last, PKI_RSA_PKCS1_SHA256);
    part(&meeting);
}
END_TEST

/* A token whose PSS was switched on after the contexts were made; it may be off again too. */
START_TEST(a_key_that_has_pss_later_is_capped_no_longer)
{
    static const struct {
        uint32_t algorithms;
        int version;
    } times[] = {{1u << PKI_RSA_PSS_SHA256, TLS1_3_VERSION},
                 {1u << PKI_RSA_PKCS1_SHA256, TLS1_2_VERSION},
                 {1u << PKI_RSA_PSS_SHA384, TLS1_3_VERSION}};
    struct error error;
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_RSA, TLS1_2_VERSION);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA256;
    meeting.server.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA256;
    SSL_CTX_set_max_proto_version(meeting.client_context, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(meeting.server_context, 0);
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct test_ends ends;
        meeting.client.key->key.algorithms = times[i].algorithms;
        meeting.server.key->key.algorithms = times[i].algorithms;
        test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
        ck_assert_int_eq(pki_identity_prepare(meeting.client.identity, ends.client, &error), 0);
        ck_assert_int_eq(pki_identity_prepare(meeting.server.identity, ends.server, &error), 0);
        ck_assert(test_handshake(&ends));
        ck_assert_int_eq(SSL_version(ends.client), times[i].version);
        test_ends_clear(&ends);
    }
    part(&meeting);
}
END_TEST

/* A maximum that the context was given stays. */
START_TEST(a_key_with_pss_keeps_the_maximum_of_its_context)
{
    struct error error;
    struct meeting meeting;
    struct test_ends ends;
    meet_and_use(&meeting, TEST_RSA, TEST_RSA, TLS1_2_VERSION);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert_int_eq(pki_identity_prepare(meeting.client.identity, ends.client, &error), 0);
    ck_assert_int_eq(pki_identity_prepare(meeting.server.identity, ends.server, &error), 0);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_version(ends.client), TLS1_2_VERSION);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_key_without_pss_is_refused_where_only_tls_1_3_may_be)
{
    struct error error;
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_P256, TLS1_3_VERSION);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PKCS1_SHA256;
    ck_assert_int_eq(pki_identity_use(meeting.client.identity, meeting.client_context, &error),
                     -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "TLS 1.3"));
    part(&meeting);
}
END_TEST

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* --- TLS 1.0 and 1.1, and that what they sign with stays with them --- */

/* As where old devices are let in. The client's certificate is not asked for. */
static void meet_old(struct meeting *meeting, enum test_key server, int minimum)
{
    meet(meeting, TEST_P256, server, minimum);
    SSL_CTX_set_security_level(meeting->client_context, 0);
    SSL_CTX_set_security_level(meeting->server_context, 0);
    SSL_CTX_set_max_proto_version(meeting->server_context, 0);
    SSL_CTX_set_verify(meeting->server_context, SSL_VERIFY_NONE, NULL);
}

static const struct {
    enum test_key key;
    int version;
    enum pki_algorithm algorithm;
} old_kinds[] = {
    {TEST_RSA, TLS1_VERSION, PKI_RSA_PKCS1_MD5_SHA1},
    {TEST_RSA, TLS1_1_VERSION, PKI_RSA_PKCS1_MD5_SHA1},
    {TEST_P256, TLS1_VERSION, PKI_ECDSA_SHA1},
    {TEST_P256, TLS1_1_VERSION, PKI_ECDSA_SHA1},
    {TEST_P384, TLS1_VERSION, PKI_ECDSA_SHA1},
};

START_TEST(old_versions_are_served_where_they_are_allowed)
{
    struct meeting meeting;
    struct test_ends ends;
    meet_old(&meeting, old_kinds[_i].key, old_kinds[_i].version);
    use(&meeting.server, meeting.server_context);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_version(ends.client), old_kinds[_i].version);
    ck_assert_int_eq(meeting.server.key->last, old_kinds[_i].algorithm);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_server_of_old_versions_signs_newer_ones_as_ever)
{
    struct meeting meeting;
    meet_old(&meeting, kinds[_i].key, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(meeting.client_context, kinds[_i].version);
    SSL_CTX_set_min_proto_version(meeting.client_context, kinds[_i].version);
    use(&meeting.server, meeting.server_context);
    ck_assert(shake_hands(&meeting));
    ck_assert(!pki_algorithm_info(meeting.server.key->last)->old);
    part(&meeting);
}
END_TEST

/* Clients that want SHA-1 in TLS 1.2, of servers that would sign with it in 1.0. */
static const struct {
    enum test_key key;
    bool ready; /* the key has proved its algorithms */
    const char *wanted;
} weak_clients[] = {
    {TEST_RSA, true, "RSA+SHA1"},
    {TEST_RSA, false, "RSA+SHA1"},
    {TEST_P256, true, "ECDSA+SHA1"},
    {TEST_P256, false, "ECDSA+SHA1"},
};

START_TEST(sha_1_signs_nothing_in_tls_1_2)
{
    struct meeting meeting;
    meet_old(&meeting, weak_clients[_i].key, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(meeting.client_context, TLS1_2_VERSION);
    SSL_CTX_set_min_proto_version(meeting.client_context, TLS1_2_VERSION);
    ck_assert(SSL_CTX_set1_sigalgs_list(meeting.client_context, weak_clients[_i].wanted));
    if (!weak_clients[_i].ready)
        meeting.server.key->key.algorithms = 0;
    use(&meeting.server, meeting.server_context);
    ck_assert(!shake_hands(&meeting));
    ck_assert_uint_eq(meeting.server.key->signatures, 0);
    part(&meeting);
}
END_TEST

/* ecdsa_sha1 and rsa_pkcs1_sha1, 0x0203 and 0x0201. */
START_TEST(sha_1_is_not_asked_of_the_client_in_tls_1_2)
{
    struct meeting meeting;
    struct test_ends ends;
    unsigned char low = 0, high = 0;
    meet_old(&meeting, TEST_RSA, TLS1_VERSION);
    SSL_CTX_set_verify(meeting.server_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(meeting.client_context, TLS1_2_VERSION);
    SSL_CTX_set_min_proto_version(meeting.client_context, TLS1_2_VERSION);
    meeting.server.key->key.algorithms = _i ? 0 : meeting.server.key->key.algorithms;
    use(&meeting.server, meeting.server_context);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    int count = SSL_get_sigalgs(ends.client, -1, NULL, NULL, NULL, NULL, NULL);
    ck_assert_int_gt(count, 0);
    for (int i = 0; i < count; i++) {
        SSL_get_sigalgs(ends.client, i, NULL, NULL, NULL, &low, &high);
        ck_assert_uint_ne(high, 2);
    }
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

/* Only servers make the old signatures: whoever asks for our certificate has to speak TLS 1.2. */
START_TEST(a_client_proves_itself_in_no_old_version)
{
    struct meeting meeting;
    meet_old(&meeting, TEST_RSA, old_kinds[_i].version);
    SSL_CTX_set_verify(meeting.server_context, SSL_VERIFY_PEER, NULL);
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(!shake_hands(&meeting));
    ck_assert_uint_eq(meeting.client.key->signatures, 0);
    part(&meeting);
}
END_TEST

START_TEST(a_key_with_old_algorithms_alone_is_refused)
{
    struct error error;
    struct meeting meeting;
    meet_old(&meeting, TEST_P256, TLS1_VERSION);
    meeting.server.key->key.algorithms = 1u << PKI_ECDSA_SHA1;
    ck_assert_int_eq(pki_identity_use(meeting.server.identity, meeting.server_context, &error),
                     -EX_CONFIG);
    ck_assert_str_ne(error.cure, "");
    part(&meeting);
}
END_TEST

/* The limit of one side must leave the other's choice alone: an RSA key that proved SHA-512 only
 * meets keys of other kinds. */
START_TEST(our_limits_do_not_narrow_what_the_peer_may_sign_with)
{
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_P256, versions[_i]);
    meeting.client.key->key.algorithms = 1u << PKI_RSA_PSS_SHA512;
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(shake_hands(&meeting));
    ck_assert_int_eq(meeting.client.key->last, PKI_RSA_PSS_SHA512);
    part(&meeting);

    meet(&meeting, TEST_ED25519, TEST_RSA, versions[_i]);
    meeting.server.key->key.algorithms = 1u << PKI_RSA_PSS_SHA512;
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(shake_hands(&meeting));
    ck_assert_int_eq(meeting.server.key->last, PKI_RSA_PSS_SHA512);
    part(&meeting);
}
END_TEST

static const struct {
    int version;
    enum test_key key;
    const char *accepted; /* by a server that demands a certificate, but can do without */
} strangers[] = {
    {TLS1_2_VERSION, TEST_RSA, "ECDSA+SHA256"},
    {TLS1_3_VERSION, TEST_RSA, "ECDSA+SHA256"},
    {TLS1_3_VERSION, TEST_P256, "ecdsa_secp384r1_sha384:rsa_pss_rsae_sha256"},
    {TLS1_2_VERSION, TEST_ED25519, "ECDSA+SHA256:RSA-PSS+SHA256"},
};

START_TEST(no_connection_goes_on_without_the_certificate_asked_for)
{
    struct meeting meeting;
    meet_and_use(&meeting, strangers[_i].key, TEST_P256, strangers[_i].version);
    SSL_CTX_set_verify(meeting.server_context, SSL_VERIFY_PEER, NULL);
    struct error error;
    struct test_ends ends;
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert_int_eq(pki_identity_prepare(meeting.server.identity, ends.server, &error), 0);
    ck_assert(SSL_set1_client_sigalgs_list(ends.server, strangers[_i].accepted));
    pki_library_clear_error();
    ck_assert(!test_handshake(&ends));
    test_ends_clear(&ends);
    ck_assert_ptr_nonnull(pki_library_last_error());
    ck_assert_ptr_nonnull(strstr(pki_library_last_error()->what, "nothing was sent"));
    ck_assert_uint_eq(meeting.client.key->signatures, 0);
    part(&meeting);
}
END_TEST

START_TEST(a_client_that_is_not_asked_sends_nothing_and_goes_on)
{
    struct meeting meeting;
    meet_and_use(&meeting, TEST_P256, TEST_P256, versions[_i]);
    SSL_CTX_set_verify(meeting.server_context, SSL_VERIFY_NONE, NULL);
    ck_assert(shake_hands(&meeting));
    ck_assert_uint_eq(meeting.client.key->signatures, 0);
    part(&meeting);
}
END_TEST

START_TEST(a_key_that_fails_fails_the_handshake_with_its_reason)
{
    struct meeting meeting;
    bool server = _i & 1;
    meet_and_use(&meeting, TEST_RSA, TEST_RSA, versions[_i >> 1]);
    struct test_signing_key *key = server ? meeting.server.key : meeting.client.key;
    key->failing = true;
    pki_library_clear_error();
    ck_assert(!shake_hands(&meeting));
    const struct error *error = pki_library_last_error();
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->code, EX_TEMPFAIL);
    ck_assert_str_eq(error->what, TEST_FAILURE);
    ck_assert_str_ne(error->cure, "");
    key->failing = false;
    ck_assert(shake_hands(&meeting));
    ck_assert_ptr_null(pki_library_last_error());
    part(&meeting);
}
END_TEST

START_TEST(an_identity_whose_token_comes_later_is_used_without_a_new_context)
{
    struct error error;
    struct meeting meeting;
    meet(&meeting, TEST_RSA, TEST_P256, versions[_i]);
    meeting.client.key->key.algorithms = 0;
    meeting.client.key->failing = true;
    use(&meeting.client, meeting.client_context);
    use(&meeting.server, meeting.server_context);
    ck_assert(!shake_hands(&meeting));
    meeting.client.key->failing = false;
    __atomic_store_n(&meeting.client.key->key.algorithms, 1u << PKI_RSA_PSS_SHA384,
                     __ATOMIC_RELEASE);
    struct test_ends ends;
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert_int_eq(pki_identity_prepare(meeting.client.identity, ends.client, &error), 0);
    ck_assert_int_eq(pki_identity_prepare(meeting.server.identity, ends.server, &error), 0);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(meeting.client.key->last, PKI_RSA_PSS_SHA384);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_resumed_session_costs_no_signature)
{
    struct meeting meeting;
    struct test_ends ends;
    meet_and_use(&meeting, TEST_RSA, TEST_RSA, versions[_i]);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    ck_assert(test_handshake(&ends));
    SSL_SESSION *session = SSL_get1_session(ends.client);
    SSL_shutdown(ends.client);
    test_ends_clear(&ends);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, session);
    ck_assert(test_handshake(&ends));
    ck_assert_int_eq(SSL_session_reused(ends.client), 1);
    ck_assert_uint_eq(meeting.client.key->signatures, 1);
    ck_assert_uint_eq(meeting.server.key->signatures, 1);
    SSL_SESSION_free(session);
    test_ends_clear(&ends);
    part(&meeting);
}
END_TEST

START_TEST(a_context_without_a_side_is_refused)
{
    struct error error;
    struct test_party party;
    test_party_init(&party, library, TEST_P256);
    SSL_CTX *context = SSL_CTX_new_ex(pki_library_context(library), NULL, TLS_method());
    ck_assert_int_eq(pki_identity_use(party.identity, context, &error), -EX_SOFTWARE);
    SSL_CTX_free(context);
    test_party_clear(&party);
}
END_TEST

START_TEST(a_connection_keeps_the_identity_that_it_began_with)
{
    struct meeting meeting;
    struct test_ends ends;
    meet_and_use(&meeting, TEST_P256, TEST_P256, TLS1_3_VERSION);
    test_ends_init(&ends, meeting.client_context, meeting.server_context, NULL);
    SSL_CTX_free(meeting.client_context);
    meeting.client.identity = pki_identity_unref(meeting.client.identity);
    ck_assert(test_handshake(&ends));
    test_ends_clear(&ends);
    meeting.client_context = NULL;
    part(&meeting);
}
END_TEST

static unsigned before, after;

static bool room;

static bool count_before(void)
{
    __atomic_add_fetch(&before, 1, __ATOMIC_RELAXED);
    return room;
}

static void count_after(void)
{
    __atomic_add_fetch(&after, 1, __ATOMIC_RELAXED);
}

START_TEST(the_hooks_stand_around_every_signature)
{
    struct meeting meeting;
    room = true;
    pki_library_set_wait_hooks(count_before, count_after);
    meet_and_use(&meeting, TEST_P256, TEST_P256, TLS1_3_VERSION);
    ck_assert(shake_hands(&meeting));
    meeting.client.key->failing = true;
    shake_hands(&meeting);
    ck_assert_uint_eq(before, 4);
    ck_assert_uint_eq(after, 4);
    pki_library_set_wait_hooks(NULL, NULL);
    part(&meeting);
}
END_TEST

START_TEST(a_signature_for_which_there_is_no_room_is_refused_at_once)
{
    struct meeting meeting;
    room = false;
    before = after = 0;
    pki_library_set_wait_hooks(count_before, count_after);
    meet_and_use(&meeting, TEST_P256, TEST_P256, TLS1_3_VERSION);
    ck_assert(!shake_hands(&meeting));
    ck_assert_ptr_nonnull(pki_library_last_error());
    ck_assert_int_eq(pki_library_last_error()->code, EX_TEMPFAIL);
    ck_assert_uint_eq(after, 0);
    ck_assert_uint_eq(meeting.server.key->signatures, 0);
    pki_library_set_wait_hooks(NULL, NULL);
    part(&meeting);
}
END_TEST

/* As if so many others waited at this moment. */
START_TEST(one_more_than_may_wait_for_a_key_is_refused_at_once)
{
    struct meeting meeting;
    meet_and_use(&meeting, TEST_P256, TEST_P256, TLS1_3_VERSION);
    meeting.server.key->key.waiting = PKI_KEY_WAITING_MAXIMUM;
    ck_assert(!shake_hands(&meeting));
    ck_assert_ptr_nonnull(pki_library_last_error());
    ck_assert_int_eq(pki_library_last_error()->code, EX_TEMPFAIL);
    ck_assert_uint_eq(meeting.server.key->key.waiting, PKI_KEY_WAITING_MAXIMUM);
    meeting.server.key->key.waiting--;
    ck_assert(shake_hands(&meeting));
    ck_assert_uint_eq(meeting.server.key->key.waiting, PKI_KEY_WAITING_MAXIMUM - 1);
    part(&meeting);
}
END_TEST

enum { THREADS = 8, ROUNDS = 12 };

static void *shake_many(void *argument)
{
    size_t done = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        done += shake_hands(argument);
    return (void *)done; /* a number, not an address */
}

START_TEST(eight_threads_share_two_identities)
{
    struct meeting meeting;
    pthread_t threads[THREADS];
    size_t done = 0;
    meet_and_use(&meeting, kinds[_i].key, kinds[_i].key, kinds[_i].version);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, shake_many, &meeting), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        done += (size_t)result;
    }
    ck_assert_uint_eq(done, THREADS * ROUNDS);
    ck_assert_uint_eq(meeting.client.key->signatures, THREADS * ROUNDS);
    ck_assert_uint_eq(meeting.server.key->signatures, THREADS * ROUNDS);
    part(&meeting);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("identities in TLS");
    TCase *tests = tcase_create("handshakes");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, each_kind_of_key_signs_for_the_client, 0, ARRAY_SIZE(kinds));
    tcase_add_loop_test(tests, each_kind_of_key_signs_for_the_server, 0, ARRAY_SIZE(kinds));
    tcase_add_test(tests, pkcs1_signs_tls_1_2_where_it_is_all_that_was_proved);
    tcase_add_test(tests, a_key_without_pss_caps_the_version);
    tcase_add_test(tests, a_key_that_has_pss_later_is_capped_no_longer);
    tcase_add_test(tests, a_key_with_pss_keeps_the_maximum_of_its_context);
    tcase_add_test(tests, a_key_without_pss_is_refused_where_only_tls_1_3_may_be);
    tcase_add_loop_test(tests, old_versions_are_served_where_they_are_allowed, 0,
                        ARRAY_SIZE(old_kinds));
    tcase_add_loop_test(tests, a_server_of_old_versions_signs_newer_ones_as_ever, 0,
                        ARRAY_SIZE(kinds));
    tcase_add_loop_test(tests, sha_1_signs_nothing_in_tls_1_2, 0, ARRAY_SIZE(weak_clients));
    tcase_add_loop_test(tests, sha_1_is_not_asked_of_the_client_in_tls_1_2, 0, 2);
    tcase_add_loop_test(tests, a_client_proves_itself_in_no_old_version, 0, 2);
    tcase_add_test(tests, a_key_with_old_algorithms_alone_is_refused);
    tcase_add_loop_test(tests, our_limits_do_not_narrow_what_the_peer_may_sign_with, 0, 2);
    tcase_add_loop_test(tests, no_connection_goes_on_without_the_certificate_asked_for, 0,
                        ARRAY_SIZE(strangers));
    tcase_add_loop_test(tests, a_client_that_is_not_asked_sends_nothing_and_goes_on, 0, 2);
    tcase_add_loop_test(tests, a_key_that_fails_fails_the_handshake_with_its_reason, 0, 4);
    tcase_add_loop_test(tests, an_identity_whose_token_comes_later_is_used_without_a_new_context, 0,
                        2);
    tcase_add_loop_test(tests, a_resumed_session_costs_no_signature, 0, 2);
    tcase_add_test(tests, a_context_without_a_side_is_refused);
    tcase_add_test(tests, a_connection_keeps_the_identity_that_it_began_with);
    tcase_add_test(tests, the_hooks_stand_around_every_signature);
    tcase_add_test(tests, a_signature_for_which_there_is_no_room_is_refused_at_once);
    tcase_add_test(tests, one_more_than_may_wait_for_a_key_is_refused_at_once);
    tcase_add_loop_test(tests, eight_threads_share_two_identities, 0, ARRAY_SIZE(kinds));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
