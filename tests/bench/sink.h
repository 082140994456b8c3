/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What bench-sink's two files share: the settings, which stand still once the workers run, and the
 * workers. A worker's counters are written by its own thread alone and read by the main thread at
 * any time. */
#ifndef POSTERN_TESTS_BENCH_SINK_H
#define POSTERN_TESTS_BENCH_SINK_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct sink_counters {
    atomic_uint_fast64_t connections, closed, full_handshakes, resumed_handshakes,
        failed_handshakes, messages, messages_plain, bytes, last_message_ns;
};

struct sink_settings {
    int listener; /* non-blocking */
    SSL_CTX *tls;
    bool plain_too; /* mail is taken without TLS as well */
};

struct sink_worker {
    const struct sink_settings *settings;
    pthread_t thread;
    int epoll;
    char *input; /* SINK_INPUT_BYTES */
    struct sink_counters counters;
} __attribute__((aligned(64)));

enum { SINK_INPUT_BYTES = 256 * 1024 };

/* A worker's thread: serves the listener and its own connections until the process ends. Its epoll
 * descriptor watches the listener already, with a NULL data pointer. */
void *sink_worker_run(void *worker);

#endif
