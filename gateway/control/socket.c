/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See socket.h. */
#include "gateway/control/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/base/cleanup.h"
#include "pki/base/log.h"

enum { SOCKET_MODE = 0660, BACKLOG = 32 };

static int set_address(struct sockaddr_un *address, const char *path, struct error *error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (!length || length >= sizeof address->sun_path) {
        error_set(error, EX_CONFIG, "The path of the control socket has %zu bytes", length);
        error_where(error, "%s", path);
        return error_cure(error, "name a path of 1 to %zu bytes in Control Socket",
                          sizeof address->sun_path - 1);
    }
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

/* What connect() says to the socket file there: 0 somebody listens, else a positive errno. EAGAIN
 * is a full backlog, so somebody listens there too. */
static int knock(const struct sockaddr_un *address)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
        return 0;
    return errno;
}

/* Removes a socket file whose process has gone, and nothing else. */
static int remove_stale(const struct sockaddr_un *address, struct error *error)
{
    const char *path = address->sun_path;
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0
                               : error_set_errno(error, EX_OSERR, errno, "Cannot look at %s", path);
    if (!S_ISSOCK(status.st_mode)) {
        error_set(error, EX_CONFIG, "%s is there already and is no socket", path);
        return error_cure(error, "move it away, or name another path in Control Socket");
    }
    int number = knock(address);
    if (number == 0) {
        error_set(error, EX_CONFIG, "Another posternd answers on the control socket %s", path);
        return error_cure(error,
                          "stop the other one, or give this one a Control Socket of its own");
    }
    if (number == ENOENT)
        return 0;
    if (number != ECONNREFUSED)
        return error_set_errno(error, number == EACCES ? EX_NOPERM : EX_OSERR, number,
                               "Cannot tell whether somebody answers on the control socket %s",
                               path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(error, EX_NOPERM, errno,
                               "Cannot remove the control socket %s that an earlier posternd left",
                               path);
    return 0;
}

static int tell_bind_failure(int number, const char *path, struct error *error)
{
    int code = number == ENOENT || number == ENOTDIR                    ? EX_CONFIG
               : number == EACCES || number == EPERM || number == EROFS ? EX_NOPERM
                                                                        : EX_OSERR;
    error_set_errno(error, code, number, "Cannot make the control socket");
    error_where(error, "%s", path);
    return error_cure(error, "make its folder, writable by the user of posternd (under systemd "
                             "RuntimeDirectory= does so), or name another path in Control Socket");
}

/* The file's mode is the socket's own without what the umask takes away: so it is narrowed before
 * bind() and the umask's share given back after it. */
static int bind_file(int fd, const struct sockaddr_un *address, struct error *error)
{
    const struct sockaddr *generic = (const struct sockaddr *)address;
    if (fchmod(fd, SOCKET_MODE) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot set the mode of the control socket");
    int bound = bind(fd, generic, sizeof *address);
    if (bound < 0 && errno == EADDRINUSE) {
        int result = remove_stale(address, error);
        if (result < 0)
            return result;
        bound = bind(fd, generic, sizeof *address);
    }
    if (bound < 0)
        return tell_bind_failure(errno, address->sun_path, error);
    return 0;
}

int control_socket_open(struct control_socket *ret, const char *path, struct error *error)
{
    struct sockaddr_un address;
    struct stat status;
    int result = set_address(&address, path, error);
    if (result < 0)
        return result;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot make the control socket");
    result = bind_file(fd, &address, error);
    if (result < 0)
        return result;
    if (chmod(path, SOCKET_MODE) < 0 || lstat(path, &status) < 0 || listen(fd, BACKLOG) < 0) {
        error_set_errno(error, EX_OSERR, errno, "Cannot open the control socket %s", path);
        unlink(path);
        return -error->code;
    }
    *ret = (struct control_socket){TAKE_FD(fd), "", status.st_dev, status.st_ino};
    memcpy(ret->path, address.sun_path, sizeof ret->path);
    return 0;
}

void control_socket_close(struct control_socket *socket)
{
    struct stat status;
    if (socket->fd < 0)
        return;
    /* A successor that started meanwhile has put its own file there: that one stays. */
    if (lstat(socket->path, &status) == 0 && status.st_dev == socket->device &&
        status.st_ino == socket->inode)
        unlink(socket->path);
    close(socket->fd);
    socket->fd = -1;
}

/* The supplementary groups. Asking with no room tells how much is needed (socket(7)). */
static int read_groups(int fd, struct control_peer *peer)
{
    socklen_t length = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0 || length == 0)
        return 0;
    if (errno != ERANGE)
        return errno == ENOPROTOOPT ? 0 : -errno; /* no such option: the primary group decides */
    _cleanup_free_ gid_t *groups = malloc(length);
    if (!groups)
        return -ENOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
        return -errno;
    peer->groups = TAKE_PTR(groups);
    peer->group_count = length / sizeof *groups;
    return 0;
}

int control_peer_read(int fd, struct control_peer *ret, struct error *error)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot tell who is at the control socket");
    struct control_peer peer = {credentials.pid, credentials.uid, credentials.gid, NULL, 0};
    int result = read_groups(fd, &peer);
    if (result < 0)
        return error_set_errno(error, EX_OSERR, -result,
                               "Cannot tell the groups of who is at the control socket");
    *ret = peer;
    return 0;
}

bool control_peer_allowed(const struct control_peer *peer, uid_t user, gid_t group)
{
    if (peer->user == 0 || peer->user == user || peer->group == group)
        return true;
    for (size_t i = 0; i < peer->group_count; i++)
        if (peer->groups[i] == group)
            return true;
    return false;
}

static void log_refused(const struct control_peer *peer)
{
    struct log log;
    log_event(&log, LOG_EVENT_CONTROL_REFUSED,
              "User %ld may not use the control socket: not root, and not of our user or group",
              (long)peer->user);
    log_number(&log, "peer-pid", peer->pid);
    log_number(&log, "peer-user", (int64_t)peer->user);
    log_number(&log, "peer-group", (int64_t)peer->group);
    log_end(&log);
}

int control_peer_check(int fd, struct error *error)
{
    struct control_peer peer;
    int result = control_peer_read(fd, &peer, error);
    if (result < 0)
        return result;
    bool allowed = control_peer_allowed(&peer, geteuid(), getegid());
    free(peer.groups);
    if (allowed)
        return 0;
    log_refused(&peer);
    error_set(error, EX_NOPERM, "User %ld may not command this posternd", (long)peer.user);
    return error_cure(error, "as root, as user %ld, or as a member of group %ld", (long)geteuid(),
                      (long)getegid());
}
