/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The signer as a child process. See client.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pki/base/clock.h"
#include "pki/client.h"

enum { CHILD_SOCKET = 3 };

extern char **environ;

static int make_pair(int *ours, int *theirs, struct error *error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot make a socket for the signer");
    *ours = pair[0];
    /* Out of the way of 0, 1 and 3, which the child fills one after the other. */
    *theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, CHILD_SOCKET + 1);
    int number = errno;
    close(pair[1]);
    if (*theirs >= 0)
        return 0;
    close(pair[0]);
    *ours = -1;
    return error_set_errno(error, EX_OSERR, number, "Cannot make a socket for the signer");
}

/* A process group of its own keeps a terminal's Ctrl-C, meant for posternd, away from it. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
}

static int set_files(posix_spawn_file_actions_t *actions, int socket)
{
    int number = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (!number)
        number = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    if (!number)
        number = posix_spawn_file_actions_adddup2(actions, socket, CHILD_SOCKET);
    /* Nothing else, whatever somebody handed to us without close-on-exec. */
    if (!number)
        number = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_SOCKET + 1);
    return number;
}

/* posix_spawn: this process has threads, and between fork and exec almost nothing is allowed. */
static int spawn(const char *program, int log_level, int socket, pid_t *pid)
{
    char level[16], option[] = "--log-level";
    char *arguments[] = {(char *)(uintptr_t)program, option, level, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    snprintf(level, sizeof level, "%d", log_level);
    int number = posix_spawn_file_actions_init(&actions);
    if (number)
        return number;
    number = posix_spawnattr_init(&attributes);
    if (!number) {
        number = set_attributes(&attributes);
        if (!number)
            number = set_files(&actions, socket);
        if (!number)
            number = posix_spawn(pid, program, &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return number;
}

int process_spawn(const char *program, int log_level, int *ret_socket, pid_t *ret_pid,
                  struct error *error)
{
    _cleanup_close_ int ours = -1, theirs = -1;
    int result = make_pair(&ours, &theirs, error);
    if (result < 0)
        return result;
    int number = spawn(program, log_level, theirs, ret_pid);
    if (number) {
        error_set_errno(error, EX_UNAVAILABLE, number, "Cannot start the signer");
        error_where(error, "%s", program);
        return error_cure(error, "check that postern-signer is installed and may be executed");
    }
    *ret_socket = TAKE_FD(ours);
    return 0;
}

static bool has_ended(pid_t pid, int *status)
{
    pid_t ended = waitpid(pid, status, WNOHANG);
    return ended == pid || (ended < 0 && errno == ECHILD);
}

bool process_wait(pid_t pid, int milliseconds, int *status)
{
    *status = 0;
    if (has_ended(pid, status))
        return true;
    _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int64_t until = clock_milliseconds() + milliseconds, left = milliseconds;
    /* Without a pidfd (an old kernel) this is a wait in small steps. */
    while (left > 0 && !has_ended(pid, status)) {
        poll(&poller, fd >= 0, fd >= 0 ? (int)left : 10);
        left = until - clock_milliseconds();
    }
    return left > 0 || has_ended(pid, status);
}

const char *process_status_text(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
    return text;
}
