/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * bench-sink: the next hop of the benchmark. It speaks SMTP with STARTTLS, demands a client
 * certificate of one CA, accepts every message and forgets it, and counts what came.
 *
 * This file starts the workers (sink-session.c) and writes the counters. The main thread only waits
 * for signals: SIGUSR1 writes the counters as JSON (a new file renamed over the old), SIGTERM and
 * SIGINT write them and leave. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "pki/base/cleanup.h"
#include "tests/bench/sink.h"

enum { THREADS_MAX = 64 };

static struct {
    struct sink_settings settings;
    const char *counters_path;
    uint16_t port;
    size_t threads;
    struct sink_worker workers[THREADS_MAX];
} sink = {.threads = 2, .settings.listener = -1};

/* --- counters --------------------------------------------------------------------------------- */

static uint64_t sum(size_t offset)
{
    uint64_t total = 0;

    for (size_t i = 0; i < sink.threads; i++) {
        char *counters = (char *)&sink.workers[i].counters;

        total += *(atomic_uint_fast64_t *)(void *)(counters + offset);
    }
    return total;
}

static uint64_t latest_message(void)
{
    uint64_t latest = 0;

    for (size_t i = 0; i < sink.threads; i++) {
        uint64_t last = sink.workers[i].counters.last_message_ns;

        latest = last > latest ? last : latest;
    }
    return latest;
}

static void write_counters(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {"connections", offsetof(struct sink_counters, connections)},
        {"closed", offsetof(struct sink_counters, closed)},
        {"full_handshakes", offsetof(struct sink_counters, full_handshakes)},
        {"resumed_handshakes", offsetof(struct sink_counters, resumed_handshakes)},
        {"failed_handshakes", offsetof(struct sink_counters, failed_handshakes)},
        {"messages", offsetof(struct sink_counters, messages)},
        {"messages_plain", offsetof(struct sink_counters, messages_plain)},
        {"bytes", offsetof(struct sink_counters, bytes)},
    };
    static uint64_t serial;
    char temporary[4096];
    FILE *file;

    if (snprintf(temporary, sizeof(temporary), "%s.new", sink.counters_path) >=
        (int)sizeof(temporary))
        errx(EX_USAGE, "%s: the path is too long", sink.counters_path);
    file = fopen(temporary, "we");
    if (!file)
        err(EX_CANTCREAT, "cannot write %s", temporary);
    fprintf(file, "{\"serial\": %" PRIu64 ", \"port\": %u", ++serial, sink.port);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        fprintf(file, ", \"%s\": %" PRIu64, fields[i].name, sum(fields[i].offset));
    fprintf(file, ", \"last_message_ns\": %" PRIu64 "}\n", latest_message());
    if (fclose(file) != 0 || rename(temporary, sink.counters_path) < 0)
        err(EX_IOERR, "cannot write %s", sink.counters_path);
}

/* --- start ------------------------------------------------------------------------------------ */

static void fail_tls(const char *what)
{
    ERR_print_errors_fp(stderr);
    errx(EX_CONFIG, "%s", what);
}

static void set_up_tls(const char *chain, const char *key, const char *client_ca, bool resumption)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, (const unsigned char *)"sink", 4) != 1)
        fail_tls("cannot set up TLS");
    if (SSL_CTX_use_certificate_chain_file(context, chain) != 1)
        fail_tls("--certificate: cannot be read");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fail_tls("--key: cannot be read, or belongs to another certificate");
    if (SSL_CTX_load_verify_locations(context, client_ca, NULL) != 1)
        fail_tls("--client-ca: cannot be read");
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(client_ca));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Whole records in one read, and the buffer given back when it is empty. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 32 * 1024);
    /* Session tickets that are keys to a cache here (by session id in TLS 1.2): a ticket that holds
     * the whole session, the client's certificate in it, costs OpenSSL 3.0 twice the time. */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context,
                                   resumption ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
    if (!resumption)
        SSL_CTX_set_num_tickets(context, 0);
    sink.settings.tls = context;
}

static void set_up_listener(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof(address);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sink.settings.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sink.settings.listener < 0 ||
        setsockopt(sink.settings.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(sink.settings.listener, (struct sockaddr *)&address, length) < 0 ||
        listen(sink.settings.listener, 4096) < 0 ||
        getsockname(sink.settings.listener, (struct sockaddr *)&address, &length) < 0)
        err(EX_OSERR, "cannot listen on 127.0.0.1:%u", port);
    sink.port = ntohs(address.sin_port);
}

static void start_workers(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};

    for (size_t i = 0; i < sink.threads; i++) {
        struct sink_worker *worker = &sink.workers[i];

        worker->settings = &sink.settings;
        worker->input = malloc(SINK_INPUT_BYTES);
        worker->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (!worker->input || worker->epoll < 0 ||
            epoll_ctl(worker->epoll, EPOLL_CTL_ADD, sink.settings.listener, &event) < 0)
            err(EX_OSERR, "cannot set up a worker");
        errno = pthread_create(&worker->thread, NULL, sink_worker_run, worker);
        if (errno != 0)
            err(EX_OSERR, "cannot start a worker");
    }
}

static const char usage[] =
    "usage: bench-sink --certificate CHAIN.pem --key KEY.pem --client-ca CA.pem\n"
    "                  --counters FILE [--port PORT] [--threads N] [--plain-too]\n"
    "                  [--no-resumption]\n"
    "\n"
    "An SMTP sink on 127.0.0.1 that demands STARTTLS with a client certificate. It writes FILE\n"
    "(JSON) once it listens, at SIGUSR1 and when it ends. With --plain-too it takes mail without\n"
    "TLS as well, and counts it apart. With --no-resumption every handshake is a full one.\n";

static unsigned long parse_number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || number < least || number > most)
        errx(EX_USAGE, "%s: a number from %lu to %lu is needed", text, least, most);
    return number;
}

static void parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"certificate", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
        {"client-ca", required_argument, NULL, 'a'},   {"counters", required_argument, NULL, 'o'},
        {"port", required_argument, NULL, 'p'},        {"threads", required_argument, NULL, 't'},
        {"plain-too", no_argument, NULL, 'P'},         {"no-resumption", no_argument, NULL, 'R'},
        {NULL, 0, NULL, 0},
    };
    const char *chain = NULL, *key = NULL, *client_ca = NULL;
    uint16_t port = 0;
    bool resumption = true;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            chain = optarg;
            break;
        case 'k':
            key = optarg;
            break;
        case 'a':
            client_ca = optarg;
            break;
        case 'o':
            sink.counters_path = optarg;
            break;
        case 'p':
            port = (uint16_t)parse_number(optarg, 0, UINT16_MAX);
            break;
        case 't':
            sink.threads = parse_number(optarg, 1, THREADS_MAX);
            break;
        case 'P':
            sink.settings.plain_too = true;
            break;
        case 'R':
            resumption = false;
            break;
        default:
            fputs(usage, stderr);
            exit(EX_USAGE);
        }
    }
    if (!chain || !key || !client_ca || !sink.counters_path || optind != argc) {
        fputs(usage, stderr);
        exit(EX_USAGE);
    }
    set_up_tls(chain, key, client_ca, resumption);
    set_up_listener(port);
}

int main(int argc, char **argv)
{
    sigset_t signals;
    int number;

    parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    start_workers();
    do {
        write_counters();
    } while (sigwait(&signals, &number) == 0 && number == SIGUSR1);
    write_counters();
    return 0;
}
