/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The daemon: main thread, workers, configuration in force, and what systemd is told.
 *
 * The main thread runs a loop of its own for signals, the control socket, the watchdog and reloads. It
 * never touches a worker but by posting a task to it; workers answer the same way. */
#ifndef POSTERN_GATEWAY_DAEMON_H
#define POSTERN_GATEWAY_DAEMON_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "gateway/control/control.h"
#include "gateway/daemon/listeners.h"
#include "gateway/daemon/peers.h"
#include "gateway/net/loop.h"
#include "gateway/net/offload.h"
#include "gateway/relay/snapshot.h"
#include "gateway/relay/worker.h"

enum { WORKERS_MAXIMUM = 64 };

struct daemon_worker;

struct daemon {
    const char *directory; /* --config */
    const struct pki_signer_options *signer_options;
    struct loop *loop;
    struct offload *offload;
    struct pki_library *library;
    struct pki_signer *signer;
    struct snapshot *snapshot; /* in force */
    struct listeners listeners;
    struct control *control;
    struct peers *peers;
    struct daemon_worker *workers;
    unsigned worker_count;
    struct daemon_reload *reload; /* under way, or NULL */
    struct daemon_stop *stop;     /* under way, or NULL */
    struct certificates *certificates;
    struct control_request *reload_request; /* waits for the change of a certificate to end */
    bool reload_wanted;                     /* the same for SIGHUP */
    struct validation *validations; /* under way: validate.h */
    struct expiry *expiry;          /* what was told of each certificate: expiry.h */
    struct remembered *remembered;  /* the last ones: remembered.h; NULL: no memory */
    time_t started;
    int64_t started_monotonic; /* milliseconds */
    struct loop_watch signals;
    int signal_fd;
    struct loop_timer watchdog, health;
    uint64_t watchdog_milliseconds; /* 0: none asked for */
    bool degraded;
    char reason[256]; /* why it is degraded */
    int exit_code;
};

/* One worker and its thread, and the tasks that pass between it and the main thread. */
struct daemon_worker {
    struct daemon *daemon;
    struct worker *worker;
    struct sightings *sightings;
    pthread_t thread;
    bool running;
    struct loop_task ping, pong;
    bool pinged; /* a ping is on its way */
    struct loop_task take, taken; /* the new configuration */
    struct loop_task drain, quiet, drained, cut_off;
    int take_result;
};

/* Runs until told to stop; returns an exit code. */
int daemon_run(const char *directory, const struct pki_signer_options *signer_options);

/* reload.c: begins a reload for SIGHUP (`request` NULL) or a client, who is answered in any case. */
void daemon_reload(struct daemon *daemon, struct control_request *request);
/* At the end: lets go of a reload that did not come to its own end. */
void daemon_abandon_reload(struct daemon *daemon);
/* A certificate's change has ended: begins the reload that waited for it, if one did. */
void daemon_reload_waiting(struct daemon *daemon);
/* forget.c: this Certificate of postern.xml is another one now, without a new snapshot: no TLS session
 * made with the former is resumed any more, on either side, and no connection that waits is used again
 * (gateway/relay/resumption.h). Main thread; it has happened when the workers come to it, and from then
 * on they take no ticket of a handshake that had begun before. EX_OSERR. */
int daemon_forget_identity(struct daemon *daemon, const char *certificate, struct error *error);
/* stop.c: no new sessions; those in flight finish within DrainTimeOut. */
void daemon_stop(struct daemon *daemon);
/* daemon.c: looks at the keys and tells systemd and the log of a change. */
void daemon_look_after_health(struct daemon *daemon);
void daemon_notify_ready(struct daemon *daemon);
/* commands.c */
extern const struct control_command_entry daemon_commands[];

#endif
