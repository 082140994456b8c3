/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which sessions the pool and the servers' caches keep, and which they forget. The snapshot is
 * built by hand: one certificate, an inbound connector for each of two addresses, and three
 * outbound connectors. End to end the same is shown by tests/e2e. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "gateway/relay/hop.h"
#include "gateway/relay/pool.h"
#include "gateway/relay/resumption.h"
#include "pki/identity-private.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

static struct test_chain chain;
static struct pki_version version;
static struct pki_slot slot;
static struct pki_identity identity;
static struct conn_certificate certificate = {.name = (char *)"hybrid"};
static struct conn_host hosts[] = {{(char *)"a.example", 25}, {(char *)"b.example", 25}};
static struct conn_outbound outbound[3];
static struct conn_inbound inbound[2];
static struct conn_range ranges[2];
static struct conn_config config;
static struct pki_library *library;
static unsigned suites[] = {0, 3}, groups[] = {0};

static struct pki_identity *identities[] = {&identity};

/* Connectors 0 and 1 present the certificate, 2 does not. */
static void fill_config(void)
{
    static const char *const names[] = {"one", "two", "bare"};
    for (size_t i = 0; i < 3; i++)
        outbound[i] = (struct conn_outbound){.name = (char *)names[i],
                                             .index = i,
                                             .enabled = true,
                                             .hosts = hosts,
                                             .host_count = 2,
                                             .tls_minimum = CONN_TLS_1_2,
                                             .tls_lists = {suites, 2, groups, 1},
                                             .certificate = i < 2 ? &certificate : NULL};
    for (size_t i = 0; i < 2; i++) {
        ranges[i].first.s6_addr[10] = ranges[i].first.s6_addr[11] = 0xff;
        ranges[i].first.s6_addr[12] = 127;
        ranges[i].first.s6_addr[15] = (uint8_t)(2 + i);
        ranges[i].last = ranges[i].first;
        inbound[i] = (struct conn_inbound){.name = (char *)(i ? "b" : "a"),
                                           .index = i,
                                           .enabled = true,
                                           .ranges = &ranges[i],
                                           .range_count = 1,
                                           .tls_minimum = CONN_TLS_1_2,
                                           .tls_lists = {suites, 2, groups, 1}};
    }
    config = (struct conn_config){.certificates = &certificate,
                                  .certificate_count = 1,
                                  .inbound = inbound,
                                  .inbound_count = 2,
                                  .outbound = outbound,
                                  .outbound_count = 3};
}

static struct snapshot *make_snapshot(void)
{
    struct error error;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    snapshot->references = 1000; /* never freed by what it is lent to */
    snapshot->config = &config;
    snapshot->identities = identities;
    snapshot->outbound = calloc(3, sizeof *snapshot->outbound);
    snapshot->inbound = calloc(2, sizeof *snapshot->inbound);
    snapshot->inbound_keys = calloc(2, sizeof *snapshot->inbound_keys);
    for (size_t i = 0; i < 3; i++) {
        snapshot->outbound[i].policy.level = PKI_PEER_ANY;
        snapshot->outbound[i].identity = i < 2 ? &identity : NULL;
        ck_assert_int_eq(tls_client_context(library, NULL, CONN_TLS_1_2, &outbound[i].tls_lists,
                                            &snapshot->outbound[i].tls, &error),
                         0);
    }
    ck_assert_int_eq(resumption_make_keys(snapshot, &error), 0);
    return snapshot;
}

static struct snapshot *free_made(struct snapshot *snapshot)
{
    for (size_t i = 0; i < 3; i++)
        SSL_CTX_free(snapshot->outbound[i].tls);
    for (size_t i = 0; i < snapshot->server_count; i++)
        SSL_CTX_free(snapshot->servers[i].tls);
    free(snapshot->servers);
    free(snapshot->outbound);
    free(snapshot->inbound);
    free(snapshot->inbound_keys);
    free(snapshot);
    return NULL;
}

static struct snapshot *snapshot;
static struct worker *worker;
static struct loop *main_loop;
static struct daemon_worker daemon_worker;
static struct daemon gateway;

static void begin(void)
{
    struct error error;
    chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    version = (struct pki_version){.references = 1, .serial = 1, .chain.leaf = chain.leaf};
    slot = (struct pki_slot){
        .references = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .version = &version};
    identity = (struct pki_identity){.references = 1, .name = certificate.name, .slot = &slot};
    fill_config();
    ck_assert_int_eq(tls_init(&error), 0);
    ck_assert_int_eq(pki_library_new(&library, &error), 0);
    snapshot = make_snapshot();
    worker = calloc(1, sizeof *worker);
    worker->snapshot = snapshot;
    ck_assert_int_eq(loop_new(&worker->loop, &error), 0);
    ck_assert_int_eq(loop_new(&main_loop, &error), 0);
    ck_assert_int_eq(pool_new(&worker->pool, worker, &error), 0);
    daemon_worker = (struct daemon_worker){.daemon = &gateway, .worker = worker};
    gateway = (struct daemon){.loop = main_loop, .workers = &daemon_worker, .worker_count = 1};
}

static void end(void)
{
    pool_free(worker->pool);
    loop_free(worker->loop);
    loop_free(main_loop);
    free(worker);
    snapshot = free_made(snapshot);
    pki_library_free(library);
    test_chain_clear(&chain);
}

/* --- towards next hops --- */

/* As pki_identity_prepare() would have bound it to the version in force. */
static void make_it_the_identitys(SSL_SESSION *session)
{
    const unsigned char bound[8 + 32] = {[7] = 1 /* the serial */};
    unsigned char text[32];
    EVP_Digest(bound, sizeof bound, text, NULL, EVP_sha256(), NULL);
    SSL_SESSION_set1_id_context(session, text, sizeof text);
}

/* As if a handshake of this connector had brought a ticket. */
static void keep(struct snapshot *under, size_t connector, size_t host, bool before_a_change)
{
    struct hop hop = {
        .worker = worker, .snapshot = under, .outbound = &outbound[connector], .host = host};
    const struct snapshot_outbound *way = &under->outbound[connector];
    /* Without the identity: this one has no key that could be asked what it can. */
    hop.stream.ssl = tls_connect(way, way->tls, NULL, under, "a.example", NULL);
    ck_assert_ptr_nonnull(hop.stream.ssl);
    struct tls_peer *peer = tls_peer(hop.stream.ssl);
    SSL_SESSION *session = SSL_SESSION_new();
    SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION);
    make_it_the_identitys(session);
    peer->tickets[0] = session;
    peer->ticket_count = 1;
    peer->generation = pool_generation(worker->pool) - before_a_change;
    pool_keep_tickets(worker->pool, &hop);
    SSL_free(hop.stream.ssl);
}

static bool has(const struct snapshot *under, size_t connector, size_t host)
{
    SSL_SESSION *session = pool_take_ticket(
        worker->pool, under, &outbound[connector], outbound[connector].hosts[host].name,
        outbound[connector].hosts[host].port);
    SSL_SESSION_free(session);
    return session;
}

START_TEST(test_a_ticket_serves_its_connector_and_host_alone)
{
    keep(snapshot, 0, 0, false);
    ck_assert(has(snapshot, 0, 0));
    ck_assert(!has(snapshot, 0, 1));
    ck_assert(!has(snapshot, 1, 0));
    ck_assert(!has(snapshot, 2, 0));
}
END_TEST

START_TEST(test_a_snapshot_that_changes_nothing_leaves_it)
{
    keep(snapshot, 0, 0, false);
    struct snapshot *second = make_snapshot();
    worker->snapshot = second;
    pool_take_up(worker->pool);
    ck_assert(has(second, 0, 0));
    worker->snapshot = snapshot;
    pool_take_up(worker->pool);
    free_made(second);
}
END_TEST

static const char *const names[] = {"a.example"};

static void change_minimum(void)
{
    outbound[0].tls_minimum = CONN_TLS_1_3;
}

static void change_settings(void)
{
    outbound[0].tls_settings = CONN_TLS_ENCRYPTION_ONLY;
}

static void change_suites(void)
{
    outbound[0].tls_lists.suite_count = 1;
}

static void change_groups(void)
{
    static unsigned others[] = {1};
    outbound[0].tls_lists.groups = others;
}

static void change_name(void)
{
    outbound[0].name = (char *)"other";
}

/* Also what a rotation does: the same Certificate, with another certificate in it. */
static void change_certificate(void)
{
    version.chain.leaf = chain.intermediate;
}

static void (*const changes[])(void) = {change_minimum, change_settings, change_suites,
                                        change_groups,  change_name,     change_certificate};

START_TEST(test_a_change_of_its_connector_empties_it_and_no_other)
{
    keep(snapshot, 0, 0, false);
    keep(snapshot, 2, 0, false);
    changes[_i]();
    struct snapshot *second = make_snapshot();
    worker->snapshot = second;
    pool_take_up(worker->pool);
    ck_assert(!has(second, 0, 0));
    ck_assert(has(second, 2, 0));
    /* What a handshake under the old one brings yet is not kept. */
    keep(snapshot, 0, 0, false);
    ck_assert(!has(second, 0, 0) && !has(snapshot, 0, 0));
    worker->snapshot = snapshot;
    free_made(second);
}
END_TEST

START_TEST(test_the_policy_is_in_the_key)
{
    struct error error;
    struct resumption_key before = snapshot->outbound[0].resumption;
    snapshot->outbound[0].policy.names = names;
    snapshot->outbound[0].policy.name_count = 1;
    ck_assert_int_eq(resumption_make_keys(snapshot, &error), 0);
    ck_assert(!resumption_key_equal(&before, &snapshot->outbound[0].resumption));
    before = snapshot->inbound_keys[0];
    snapshot->inbound[0].pairs_report_only = true;
    ck_assert_int_eq(resumption_make_keys(snapshot, &error), 0);
    ck_assert(!resumption_key_equal(&before, &snapshot->inbound_keys[0]));
}
END_TEST

START_TEST(test_a_connector_can_be_forgotten)
{
    keep(snapshot, 0, 0, false);
    keep(snapshot, 0, 1, false);
    keep(snapshot, 1, 0, false);
    pool_forget_connector(worker->pool, snapshot, &outbound[0]);
    ck_assert(!has(snapshot, 0, 0) && !has(snapshot, 0, 1));
    ck_assert(has(snapshot, 1, 0));
}
END_TEST

/* --- an identity that is another one now --- */

static void forget(const char *name)
{
    struct error error;
    ck_assert_int_eq(daemon_forget_identity(&gateway, name, &error), 0);
    loop_run_posted(worker->loop);
}

START_TEST(test_who_presents_a_forgotten_identity_resumes_no_more)
{
    for (size_t i = 0; i < 3; i++)
        keep(snapshot, i, 0, false);
    forget("other");
    ck_assert(has(snapshot, 0, 0) && has(snapshot, 1, 0) && has(snapshot, 2, 0));
    forget("hybrid");
    ck_assert(!has(snapshot, 0, 0) && !has(snapshot, 1, 0));
    ck_assert(has(snapshot, 2, 0));
    keep(snapshot, 0, 0, true); /* its handshake had begun before */
    ck_assert(!has(snapshot, 0, 0));
    keep(snapshot, 0, 0, false);
    ck_assert(has(snapshot, 0, 0));
}
END_TEST

/* --- as a server --- */

static SSL_CTX *server_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(context, chain.leaf), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, test_key(TEST_P256)), 1);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    return context;
}

static SSL *accept_from(SSL_CTX *context, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    SSL *ssl = SSL_new(context);
    ck_assert_int_eq(inet_pton(AF_INET, text, &address.sin_addr), 1);
    ck_assert(resumption_bind(ssl, snapshot, (struct sockaddr *)&address));
    return ssl;
}

/* A handshake of both ends in memory; true when it was resumed. *session is what the client has. */
static bool shake_hands(SSL_CTX *context, const char *from, SSL_SESSION **session)
{
    SSL_CTX *ours = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ours, TLS1_2_VERSION);
    SSL *server = accept_from(context, from), *client = SSL_new(ours);
    BIO *one, *two;
    BIO_new_bio_pair(&one, 0, &two, 0);
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, two, two);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (*session)
        SSL_set_session(client, *session);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    ck_assert(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    bool resumed = SSL_session_reused(server);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(client);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ours);
    return resumed;
}

START_TEST(test_an_address_of_other_connectors_does_not_find_it)
{
    SSL_CTX *context = server_context();
    SSL_SESSION *session = NULL;
    ck_assert(!shake_hands(context, "127.0.0.2", &session));
    ck_assert(shake_hands(context, "127.0.0.2", &session));
    ck_assert(!shake_hands(context, "127.0.0.3", &session));
    ck_assert(shake_hands(context, "127.0.0.3", &session));
    ck_assert(!shake_hands(context, "127.0.0.9", &session));
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
}
END_TEST

START_TEST(test_a_servers_sessions_are_forgotten_with_its_identity)
{
    SSL_SESSION *session = NULL;
    snapshot->servers = calloc(1, sizeof *snapshot->servers);
    snapshot->server_count = 1;
    snapshot->servers[0] = (struct snapshot_server){.identity = &identity, .tls = server_context()};
    ck_assert(!shake_hands(snapshot->servers[0].tls, "127.0.0.2", &session));
    forget("other");
    ck_assert(shake_hands(snapshot->servers[0].tls, "127.0.0.2", &session));
    forget("hybrid");
    ck_assert(!shake_hands(snapshot->servers[0].tls, "127.0.0.2", &session));
    SSL_SESSION_free(session);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resumption");
    TCase *tests = tcase_create("resumption");
    tcase_set_timeout(tests, 120);
    test_key(TEST_P256);
    test_key(TEST_P256_ROOT);
    test_key(TEST_P256_INTERMEDIATE);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, test_a_ticket_serves_its_connector_and_host_alone);
    tcase_add_test(tests, test_a_snapshot_that_changes_nothing_leaves_it);
    tcase_add_loop_test(tests, test_a_change_of_its_connector_empties_it_and_no_other, 0,
                        ARRAY_SIZE(changes));
    tcase_add_test(tests, test_the_policy_is_in_the_key);
    tcase_add_test(tests, test_a_connector_can_be_forgotten);
    tcase_add_test(tests, test_who_presents_a_forgotten_identity_resumes_no_more);
    tcase_add_test(tests, test_an_address_of_other_connectors_does_not_find_it);
    tcase_add_test(tests, test_a_servers_sessions_are_forgotten_with_its_identity);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
