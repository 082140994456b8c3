/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The file the control socket is, and who may talk through it.
 *
 * Two locks on one door: the mode of the file (0660, owner and group of posternd), which the kernel
 * asks at connect, and the credentials of the peer, which are asked here after accept and hold even
 * when someone has opened the mode. Main thread; nothing is kept between calls. */
#ifndef POSTERN_GATEWAY_CONTROL_SOCKET_H
#define POSTERN_GATEWAY_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "pki/base/error.h"

struct control_socket {
    int fd;                                               /* listening; non-blocking */
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* ended by NUL */
    dev_t device; /* of the file, so that close removes our own */
    ino_t inode;
};

/* Binds and listens. A socket file that nobody answers on is replaced; a live one is EX_CONFIG, and
 * so is anything at `path` that is no socket. The mode is 0660 whatever the umask (which is not
 * touched: it belongs to all threads), and never wider in between. */
int control_socket_open(struct control_socket *ret, const char *path, struct error *error);
/* Closes, and removes the file unless another has taken its place. Bears fd -1. */
void control_socket_close(struct control_socket *socket);

struct control_peer {
    pid_t pid;
    uid_t user;
    gid_t group;
    gid_t *groups; /* supplementary */
    size_t group_count;
};

/* Who connected. The caller frees `groups`. */
int control_peer_read(int fd, struct control_peer *ret, struct error *error);
/* 0 when the peer may command this process; else EX_NOPERM, which is logged too. */
int control_peer_check(int fd, struct error *error);
/* Root, `user` itself, or a member of `group`, by whichever of its groups. */
bool control_peer_allowed(const struct control_peer *peer, uid_t user, gid_t group);

#endif
