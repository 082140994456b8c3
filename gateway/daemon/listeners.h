/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The sockets that posternd accepts on: those that systemd hands over, and those it opens itself.
 *
 * A Listener of the configuration whose address systemd's socket is bound to uses that socket; other
 * handed-over sockets are listened on as well. Main thread only. */
#ifndef POSTERN_GATEWAY_LISTENERS_H
#define POSTERN_GATEWAY_LISTENERS_H

#include <stdbool.h>

#include "connectors/model.h"
#include "pki/base/error.h"

enum { LISTENERS_MAXIMUM = 64 };

struct listener {
    int fd;
    bool inherited; /* systemd's: never closed */
    struct sockaddr_storage address;
    char text[64];
};

struct listeners {
    struct listener items[LISTENERS_MAXIMUM];
    unsigned count;
};

/* Takes over what systemd passed (sd_listen_fds), once at start. */
int listeners_inherit(struct listeners *listeners, struct error *error);

/* What `config` asks for, into *ret: sockets that `present` has already are shared with it. On failure
 * nothing new stays open. EX_UNAVAILABLE (in use), EX_NOPERM, EX_CONFIG (none at all). */
int listeners_open(const struct listeners *present, const struct conn_config *config,
                   struct listeners *ret, struct error *error);
/* Closes those of `listeners` that `keep` (NULL: nothing) does not share. */
void listeners_close(struct listeners *listeners, const struct listeners *keep);
/* The descriptors, for workers; returns how many. */
unsigned listeners_descriptors(const struct listeners *listeners, int fds[LISTENERS_MAXIMUM]);

#endif
