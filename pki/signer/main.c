/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * postern-signer: the one process that holds keys, PINs and the vendor's module.
 *
 * posternd starts it with its end of a SOCK_SEQPACKET pair as descriptor 3, or systemd with a
 * connection that posternd made to a socket with Accept=yes (sd_listen_fds). It serves that one
 * connection and ends when it closes, within two seconds also while a module hangs. Threads: the
 * first one reads requests (server.c); each store has a pool (pool.c) whose threads do everything
 * that may block, and answer. Nothing here forks. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <p11-kit/p11-kit.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "pki/base/cleanup.h"
#include "pki/base/log.h"
#include "pki/signer/pin.h"
#include "pki/signer/server.h"

enum { SOCKET = 3 };

static const char usage[] =
    "Usage: postern-signer [--log-level N]\n"
    "\n"
    "Holds Postern's private keys and signs with them, for the posternd at the other\n"
    "end of descriptor 3. posternd starts it, or systemd with postern-signer.socket;\n"
    "there is no need to do so by hand. See postern-signer(8).\n"
    "\n"
    "  --log-level N   the least important message that is logged, 0 to 7 (default 6)\n"
    "  --version       print the version and end\n"
    "  --help          print this and end\n";

/* Memory with PINs and keys in it is not written to disk, nor read by a process of the same user.
 * LeakSanitizer reads its own process in just that way, so a build with it stays readable. */
static void hide_memory(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* The p11-kit client raises SIGPIPE when its server dies. A signer that posternd started lives as
 * long as posternd's end of the socket: while posternd finishes its sessions, a SIGTERM for the
 * whole service must not take the keys away. */
static void ignore_signals(bool child)
{
    signal(SIGPIPE, SIG_IGN);
    if (!child)
        return;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

/* The exit status, or -1 to go on. */
static int read_options(int argc, char **argv, int *level)
{
    static const struct option options[] = {{"log-level", required_argument, NULL, 'l'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        char *end = NULL;
        if (option == 'v')
            return puts("postern-signer " PACKAGE_VERSION) < 0 ? EX_IOERR : 0;
        if (option == 'h')
            return fputs(usage, stdout) < 0 ? EX_IOERR : 0;
        long number = option == 'l' ? strtol(optarg, &end, 10) : -1;
        if (!end || end == optarg || *end || number < 0 || number > 7)
            return fputs(usage, stderr), EX_USAGE;
        *level = (int)number;
    }
    return optind < argc ? fputs(usage, stderr), EX_USAGE : -1;
}

static int find_socket(bool *child, struct error *error)
{
    int handed = sd_listen_fds(1), type = 0, listening = 0;
    socklen_t size = sizeof type;
    *child = handed <= 0;
    if (getsockopt(SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
        error_set(error, EX_USAGE, "Descriptor 3 is not a socket to posternd");
        return error_cure(error, "let posternd start this program, or systemd with a socket that "
                                 "has ListenSequentialPacket= and Accept=yes");
    }
    size = sizeof listening;
    if (getsockopt(SOCKET, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening) {
        error_set(error, EX_USAGE, "Descriptor 3 listens, and a connection was expected");
        return error_cure(error, "write Accept=yes into the socket's unit: each token has a signer "
                                 "of its own");
    }
    fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
    return SOCKET;
}

static int report(const struct error *error)
{
    struct log log;
    log_event(&log, LOG_EVENT_INTERNAL, "The signer ends: %s", error->what);
    log_error(&log, error);
    log_end(&log);
    return error->code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    hide_memory();
    int level = LOG_INFO, status = read_options(argc, argv, &level);
    bool child;
    struct error error;
    if (status >= 0)
        return status;
    log_open("postern-signer", level);
    p11_kit_be_quiet(); /* it would write to stderr past the log */
    int fd = find_socket(&child, &error);
    if (fd < 0)
        return report(&error);
    ignore_signals(child);
    pin_keep_refusals(getenv("STATE_DIRECTORY"));
    return server_run(fd, &error) < 0 ? report(&error) : 0;
}
