/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * validate.h as an interface: a validation can show another certificate than the connector's own,
 * as the test of a next certificate does, and nothing of that is remembered. A real worker dials a
 * small next hop on a thread of this program; keys are PEM files behind the real signer. */
#include "gateway/daemon/validate.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/daemon/remembered.h"
#include "gateway/relay/tls.h"
#include "pki/base/log.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

static char directory[] = "/tmp/postern-validate-XXXXXX";
static struct daemon daemon_under_test;
static struct daemon_worker workers[1];

/* --- a next hop: one connection after the other, TLS with whatever certificate comes --- */

static struct {
    int listener;
    uint16_t port;
    SSL_CTX *tls;
    pthread_t thread;
    char seen[128]; /* the subject that the last client showed; read when it has gone */
    char commands[512];
    bool silent; /* says nothing inside TLS */
} far;

static int take_any(X509_STORE_CTX *store, void *argument)
{
    (void)store, (void)argument;
    return 1;
}

static void say(SSL *ssl, int fd, const char *text)
{
    if (ssl)
        (void)SSL_write(ssl, text, (int)strlen(text));
    else
        (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* One line; false at the end. */
static bool hear(SSL *ssl, int fd, char *line, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = ssl ? SSL_read(ssl, line + used, 1) : recv(fd, line + used, 1, 0);
        if (got != 1)
            return false;
        if (line[used++] == '\n')
            break;
    }
    line[used] = '\0';
    return true;
}

static SSL *begin_tls(int fd)
{
    SSL *ssl = SSL_new(far.tls);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) != 1)
        return ssl;
    X509 *theirs = SSL_get0_peer_certificate(ssl);
    if (theirs)
        X509_NAME_oneline(X509_get_subject_name(theirs), far.seen, sizeof far.seen);
    return ssl;
}

static void serve(int fd)
{
    SSL *ssl = NULL;
    char line[256];
    far.seen[0] = far.commands[0] = '\0';
    say(NULL, fd, "220 far.example ESMTP\r\n");
    while (hear(ssl, fd, line, sizeof line)) {
        strncat(far.commands, line, sizeof far.commands - strlen(far.commands) - 1);
        if (ssl && far.silent)
            continue;
        if (strncmp(line, "EHLO", 4) == 0)
            say(ssl, fd, ssl ? "250 far.example\r\n" : "250-far.example\r\n250 STARTTLS\r\n");
        else if (strncmp(line, "QUIT", 4) == 0)
            break;
        else
            say(ssl, fd, strncmp(line, "STARTTLS", 8) == 0 ? "220 Go\r\n" : "250 2.0.0 Yes\r\n");
        if (strncmp(line, "STARTTLS", 8) == 0)
            ssl = begin_tls(fd);
    }
    SSL_free(ssl);
    close(fd);
}

static void *run_far(void *argument)
{
    int fd;
    (void)argument;
    while ((fd = accept(far.listener, NULL, NULL)) >= 0)
        serve(fd);
    return NULL;
}

static void start_far(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    X509 *certificate = test_certificate(&(struct test_certificate){
        .subject = "CN=far.example", .key = TEST_P256, .issuer_key = TEST_P256});
    far.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(far.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(far.listener, 8), 0);
    getsockname(far.listener, (struct sockaddr *)&address, &length);
    far.port = ntohs(address.sin_port);
    far.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(far.tls, certificate);
    SSL_CTX_use_PrivateKey(far.tls, test_key(TEST_P256));
    SSL_CTX_set_verify(far.tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(far.tls, take_any, NULL);
    SSL_CTX_set_session_id_context(far.tls, (const unsigned char *)"far", 3);
    X509_free(certificate);
    ck_assert_int_eq(pthread_create(&far.thread, NULL, run_far, NULL), 0);
}

static void stop_far(void)
{
    shutdown(far.listener, SHUT_RDWR);
    pthread_join(far.thread, NULL);
    close(far.listener);
    SSL_CTX_free(far.tls);
}

/* --- a configuration with two certificates, of which the connector names the first --- */

static FILE *create(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fchmod(fileno(file), 0600);
    return file;
}

static void write_identity(const char *name, enum test_key key)
{
    char text[64];
    snprintf(text, sizeof text, "CN=%s", name);
    X509 *certificate = test_certificate(
        &(struct test_certificate){.subject = text, .key = key, .issuer_key = key});
    snprintf(text, sizeof text, "%s.pem", name);
    FILE *file = create(text);
    PEM_write_X509(file, certificate);
    fclose(file);
    snprintf(text, sizeof text, "%s.key", name);
    file = create(text);
    PEM_write_PKCS8PrivateKey(file, test_key(key), NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(certificate);
}

static void write_configuration(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/outbound", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/inbound", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_identity("active", TEST_P256);
    write_identity("next", TEST_P256_OTHER);
    FILE *file = create("postern.xml");
    fprintf(file,
            "<Gateway xmlns=\"urn:postern:1\" HostName=\"gw.contoso.com\">"
            "<Listener Address=\"127.0.0.1:1\"/>"
            "<Certificate Name=\"active\"><Chain>active.pem</Chain><Key>active.key</Key>"
            "</Certificate>"
            "<Certificate Name=\"next\"><Chain>next.pem</Chain><Key>next.key</Key></Certificate>"
            "<State Directory=\"%s/state\"/></Gateway>",
            directory);
    fclose(file);
    file = create("outbound/tenant.xml");
    fprintf(file,
            "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"tenant\">"
            "<RecipientDomains><Domain>*</Domain></RecipientDomains>"
            "<SmartHosts><Host>127.0.0.1:%u</Host></SmartHosts>"
            "<TlsSettings>EncryptionOnly</TlsSettings>"
            "<TlsCertificateName>active</TlsCertificateName></OutboundConnector>",
            far.port);
    fclose(file);
}

/* --- as much of posternd as a validation needs --- */

static void *run_worker(void *argument)
{
    loop_run(((struct worker *)argument)->loop);
    return NULL;
}

static void must(int result, const struct error *error)
{
    ck_assert_msg(result == 0, "%s (%s)", error->what, error->where);
}

static void load(struct daemon *daemon)
{
    struct conn_problems problems = {0};
    struct error error;
    int result = snapshot_load(daemon->library, daemon->signer, directory, NULL, &daemon->snapshot,
                               &problems, &error);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "%s:%d: %s\n", problems.items[i].file, problems.items[i].line,
                problems.items[i].what);
    conn_problems_clear(&problems);
    must(result, &error);
}

static void setup(void)
{
    struct daemon *daemon = &daemon_under_test;
    struct pki_signer_options options = {.program = TEST_SIGNER, .log_level = 4};
    struct error error;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    start_far();
    write_configuration();
    must(loop_new(&daemon->loop, &error), &error);
    must(offload_new(&daemon->offload, &error), &error);
    must(tls_init(&error), &error);
    must(pki_library_new(&daemon->library, &error), &error);
    must(pki_signer_new(&daemon->signer, &options, &error), &error);
    load(daemon);
    remembered_load(daemon);
    daemon->workers = workers;
    daemon->worker_count = 1;
    must(worker_new(&workers[0].worker, 0, daemon->offload, daemon->snapshot, NULL, 0, &error),
         &error);
    ck_assert_int_eq(pthread_create(&workers[0].thread, NULL, run_worker, workers[0].worker), 0);
}

static void stop_worker(void)
{
    loop_stop(workers[0].worker->loop);
    pthread_join(workers[0].thread, NULL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* As posternd ends: gateway/daemon/daemon.c. May be called twice. */
static void end_validations(struct daemon *daemon)
{
    worker_cut_off(workers[0].worker);
    validate_cut_off(daemon);
    daemon->offload = offload_free(daemon->offload);
    loop_run_posted(workers[0].worker->loop);
    validate_abandon(daemon);
}

static void teardown(void)
{
    struct daemon *daemon = &daemon_under_test;
    end_validations(daemon);
    remembered_free(daemon);
    worker_free(workers[0].worker);
    snapshot_unref(daemon->snapshot);
    pki_signer_free(daemon->signer);
    pki_library_free(daemon->library);
    loop_free(daemon->loop);
    stop_far();
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- who asks --- */

struct asking {
    struct validate_client client;
    unsigned steps, ends;
    json_t *result;
    int code;
};

static void take_step(struct validate_client *client, json_t *step)
{
    struct asking *asking = container_of(client, struct asking, client);
    ck_assert_uint_eq(asking->ends, 0);
    ck_assert_ptr_nonnull(json_string_value(json_object_get(step, "step")));
    asking->steps++;
    json_decref(step);
}

static void take_end(struct validate_client *client, json_t *result, const struct error *error)
{
    struct asking *asking = container_of(client, struct asking, client);
    asking->ends++;
    asking->result = result;
    asking->code = error ? error->code : 0;
    loop_stop(daemon_under_test.loop);
}

static void give_up(struct loop_timer *timer)
{
    (void)timer;
    ck_abort_msg("the validation does not end");
}

static struct asking validate(struct pki_identity *identity)
{
    struct daemon *daemon = &daemon_under_test;
    struct asking asking = {.client = {take_step, take_end}};
    struct validate_order order = {.outbound = &daemon->snapshot->config->outbound[0],
                                   .identity = identity,
                                   .recipient = "someone@contoso.com"};
    struct loop_timer limit = {0};
    struct error error;
    must(validate_start(daemon, &order, &asking.client, &error), &error);
    loop_set_timer(daemon->loop, &limit, 60000, give_up);
    loop_run(daemon->loop);
    loop_cancel_timer(daemon->loop, &limit);
    ck_assert_uint_eq(asking.ends, 1);
    return asking;
}

static const char *text_of(const struct asking *asking, const char *key)
{
    const char *text = json_string_value(json_object_get(asking->result, key));
    return text ? text : "";
}

START_TEST(another_certificate_is_shown_and_not_remembered)
{
    struct daemon *daemon = &daemon_under_test;
    struct asking asking = validate(daemon->snapshot->identities[1]);
    ck_assert_str_eq(text_of(&asking, "outcome"), "passed");
    ck_assert_str_eq(text_of(&asking, "certificate_sent"), "CN=next");
    ck_assert_uint_ge(asking.steps, 10);
    json_decref(asking.result);
    json_t *remembered = remembered_get(daemon, "tenant");
    ck_assert(json_is_null(remembered));

    /* A loop stops once; nothing was remembered, so that nobody is at work for this one. */
    struct error error;
    loop_free(daemon->loop);
    must(loop_new(&daemon->loop, &error), &error);

    /* Nothing of that connection is used for the next: it shows its own certificate again. */
    asking = validate(NULL);
    ck_assert_str_eq(text_of(&asking, "certificate_sent"), "CN=active");
    ck_assert(json_is_false(json_object_get(asking.result, "resumed")));
    json_decref(asking.result);
    remembered = remembered_get(daemon, "tenant");
    ck_assert_str_eq(json_string_value(json_object_get(remembered, "outcome")), "passed");
    json_decref(remembered);
    stop_worker();
}
END_TEST

/* What the far side saw is read when it has seen the end of the connection. */
START_TEST(the_far_side_sees_that_certificate)
{
    struct asking asking = validate(daemon_under_test.snapshot->identities[1]);
    json_decref(asking.result);
    stop_worker();
    worker_cut_off(workers[0].worker);
    shutdown(far.listener, SHUT_RDWR);
    pthread_join(far.thread, NULL);
    ck_assert_str_eq(far.seen, "/CN=next");
    ck_assert_ptr_nonnull(strstr(far.commands, "RCPT TO:<someone@contoso.com>\r\nRSET\r\nQUIT"));
    ck_assert_int_eq(pthread_create(&far.thread, NULL, run_far, NULL), 0); /* for stop_far() */
}
END_TEST

START_TEST(an_address_that_is_none_is_refused_at_once)
{
    struct asking asking = {.client = {take_step, take_end}};
    struct validate_order order = {.outbound = &daemon_under_test.snapshot->config->outbound[0],
                                   .recipient = "someone@contoso.com\r\nDATA"};
    struct error error;
    ck_assert_int_eq(validate_start(&daemon_under_test, &order, &asking.client, &error), -EX_USAGE);
    ck_assert_uint_eq(asking.ends, 0);
    ck_assert_ptr_null(daemon_under_test.validations);
    stop_worker();
}
END_TEST

/* Also one whose first step has not been taken. */
START_TEST(what_is_under_way_at_the_end_is_ended_and_told)
{
    struct daemon *daemon = &daemon_under_test;
    static struct asking asking[2];
    struct error error;
    far.silent = true;
    for (size_t i = 0; i < 2; i++) {
        struct validate_order order = {.outbound = &daemon->snapshot->config->outbound[0],
                                       .identity = daemon->snapshot->identities[1]};
        if (i == 1)
            stop_worker();
        asking[i].client = (struct validate_client){take_step, take_end};
        must(validate_start(daemon, &order, &asking[i].client, &error), &error);
    }
    end_validations(daemon);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(asking[i].ends, 1);
        ck_assert_int_eq(asking[i].code, EX_TEMPFAIL);
        ck_assert_ptr_null(asking[i].result);
    }
}
END_TEST

int main(void)
{
    log_open("test", LOG_ERR);
    signal(SIGPIPE, SIG_IGN); /* as posternd does */
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    Suite *suite = suite_create("validate");
    TCase *tests = tcase_create("validate");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, another_certificate_is_shown_and_not_remembered);
    tcase_add_test(tests, the_far_side_sees_that_certificate);
    tcase_add_test(tests, an_address_that_is_none_is_refused_at_once);
    tcase_add_test(tests, what_is_under_way_at_the_end_is_ended_and_told);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
