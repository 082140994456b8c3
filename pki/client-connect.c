/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A signer that somebody else starts, one for each connection to a socket. See client.h.
 *
 * Who made the socket is the question: whoever listens gets the text that is to be signed, and
 * could keep mail waiting. The kernel names the one who called listen(): systemd (root), or a
 * supervisor of our own user; nobody else is believed. It does not name the signer behind it, which
 * therefore says its pid itself. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "pki/client.h"

static const char socket_cure[] =
    "start postern-signer.socket, or let --signer-socket name the socket "
    "of another unit with ListenSequentialPacket= and Accept=yes";

static int check_peer(int socket, const char *path, struct error *error)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot see who listens for the signer");
    if (peer.uid == 0 || peer.uid == geteuid())
        return 0;
    error_set(error, EX_NOPERM,
              "The signer's socket is refused: user %u listens there, neither root nor our own",
              (unsigned)peer.uid);
    error_where(error, "%s", path);
    return error_cure(error, "find out what process %d is; systemd makes this socket as root",
                      (int)peer.pid);
}

/* With SOCK_NONBLOCK a full backlog is an error, and no wait. */
static int connect_to(const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(error, EX_USAGE, "The path of the signer's socket is longer than %zu bytes",
                  sizeof address.sun_path - 1);
        return error_where(error, "%s", path);
    }
    strcpy(address.sun_path, path);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot make a socket for the signer");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return TAKE_FD(fd);
    int number = errno;
    error_set_errno(error, number == EAGAIN ? EX_TEMPFAIL : EX_UNAVAILABLE, number,
                    "Cannot connect to the signer");
    error_where(error, "%s", path);
    return error_cure(error, "%s",
                      number == EACCES || number == EPERM
                          ? "let SocketUser= in postern-signer.socket be the user of posternd"
                          : socket_cure);
}

int process_connect(const char *path, int *ret_socket, struct error *error)
{
    _cleanup_close_ int fd = connect_to(path, error);
    if (fd < 0)
        return fd;
    int result = check_peer(fd, path, error);
    if (result == 0)
        *ret_socket = TAKE_FD(fd);
    return result;
}
