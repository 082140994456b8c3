/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What systemd does with a socket that has Accept=yes, in this process: for each connection to
 * `path` the stand-in calls `serve` on a thread of its own, which gets the connection and closes
 * it. */
#ifndef POSTERN_TESTS_SIGNER_SOCKET_H
#define POSTERN_TESTS_SIGNER_SOCKET_H

#include <pthread.h>
#include <sys/types.h>

#include "pki/signer.h"

enum { STAND_IN_MAXIMUM = 64 };

struct stand_in {
    const char *path;
    void (*serve)(struct stand_in *stand_in, int socket, unsigned number);
    unsigned argument; /* the test's */
    pid_t pids[STAND_IN_MAXIMUM];
    unsigned accepted; /* atomic */
    int listener;
    pthread_t thread;
};

/* Listens in the test's folder. */
void stand_in_begin(struct stand_in *stand_in);
/* No connection is taken any more, and all threads have ended. */
void stand_in_end(struct stand_in *stand_in);
/* A `serve` that starts postern-signer, as systemd would, and remembers its pid. */
void stand_in_start_signer(struct stand_in *stand_in, int socket, unsigned number);

struct pki_signer *stand_in_connect(const struct stand_in *stand_in);

#endif
