/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Directories that are watched: a chain that an ACME or EST client drops there goes the way of cert
 * rotate. See certificates-private.h.
 *
 * inotify says when to look, and a slow timer looks anyway; the looking itself (cert-scan.c) is a
 * job of the offload pool, to which the list of directories belongs while it runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "gateway/daemon/cert-scan.h"
#include "pki/base/log.h"

enum {
    SCAN_MILLISECONDS = 60000,
    SETTLE_MILLISECONDS = 500, /* a file that is still the same after that is complete */
    BUSY_MILLISECONDS = 1000
};
static const uint32_t events_wanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

static void look(struct certificates *certificates);

static void fired(struct loop_timer *timer)
{
    look(container_of(timer, struct certificates, scan));
}

static void look_in(struct certificates *certificates, int64_t milliseconds)
{
    (void)loop_set_timer(certificates->daemon->loop, &certificates->scan, milliseconds, fired);
}

/* What happened is of no matter: something did. */
static void something_happened(struct loop_watch *watch, uint32_t events)
{
    struct certificates *certificates = container_of(watch, struct certificates, inotify);
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    (void)events;
    while (read(watch->fd, buffer, sizeof buffer) > 0)
        continue;
    look_in(certificates, SETTLE_MILLISECONDS);
}

/* --- a file that was found --- */

struct watch_asker {
    struct cert_asker asker;
    struct certificates *certificates;
    char directory[CERT_PATH_MAXIMUM];
    struct cert_file file;
};

static struct cert_watch *find_watch(struct certificates *certificates, const char *directory)
{
    for (size_t i = 0; i < certificates->watch_count; i++)
        if (strcmp(certificates->watches[i].directory, directory) == 0)
            return &certificates->watches[i];
    return NULL;
}

/* Whatever came of it, this very file is not taken again; only one that could not be tried for now.
 */
static void rotated(struct cert_asker *base, int result, const struct error *error)
{
    struct watch_asker *asker = container_of(base, struct watch_asker, asker);
    struct certificates *certificates = asker->certificates;
    struct cert_watch *watch = find_watch(certificates, asker->directory);
    bool again = result < 0 && error->code == EX_TEMPFAIL;
    if (watch && !again)
        cert_watch_mark(watch, &asker->file);
    free(asker);
    if (!certificates->closing)
        look_in(certificates, again ? SCAN_MILLISECONDS : SETTLE_MILLISECONDS);
}

static struct watch_asker *asker_of(struct cert_scan *scan)
{
    struct watch_asker *asker = calloc(1, sizeof *asker);
    if (!asker)
        return NULL;
    asker->asker.done = rotated;
    asker->certificates = scan->certificates;
    asker->file = scan->file;
    snprintf(asker->directory, sizeof asker->directory, "%s", scan->found->directory);
    return asker;
}

/* False: not now. */
static bool rotate(struct cert_scan *scan)
{
    struct cert_change *change = NULL;
    struct error error;
    struct watch_asker *asker = asker_of(scan);
    if (!asker || cert_change_new(scan->certificates, &cert_verb_rotate, scan->found->certificate,
                                  &change, &error) < 0) {
        free(asker);
        return false;
    }
    change->asker = &asker->asker;
    change->chain = TAKE_PTR(scan->chain);
    change->length = scan->length;
    snprintf(change->from, sizeof change->from, "%.200s/%.50s", scan->found->directory,
             scan->file.name);
    cert_change_begin(change);
    return true;
}

/* --- looking --- */

static void scanned(struct offload_job *job)
{
    struct cert_scan *scan = container_of(job, struct cert_scan, job);
    struct certificates *certificates = scan->certificates;
    bool again = scan->unsettled, begun = false;
    certificates->scanning = NULL;
    if (scan->reconfigure)
        cert_watch_configured(certificates);
    else if (scan->found)
        begun = rotate(scan);
    if (!scan->reconfigure && !begun)
        look_in(certificates, scan->found ? BUSY_MILLISECONDS
                              : again     ? SETTLE_MILLISECONDS
                                          : SCAN_MILLISECONDS);
    cert_scan_free(scan);
}

/* A directory that is not there yet, or was made anew, is added as soon as it is. */
static void add_to_inotify(struct certificates *certificates)
{
    for (size_t i = 0; i < certificates->watch_count && certificates->inotify.fd >= 0; i++)
        (void)inotify_add_watch(certificates->inotify.fd, certificates->watches[i].directory,
                                events_wanted);
}

static void look(struct certificates *certificates)
{
    struct daemon *daemon = certificates->daemon;
    if (!certificates->watch_count || certificates->scanning || daemon->stop)
        return;
    add_to_inotify(certificates);
    struct cert_scan *scan = certificates->change ? NULL : cert_scan_new(certificates);
    if (scan &&
        offload_submit(daemon->offload, daemon->loop, &scan->job, cert_scan_run, scanned) == 0) {
        certificates->scanning = scan;
        return;
    }
    cert_scan_free(scan);
    look_in(certificates, BUSY_MILLISECONDS);
}

/* --- configuration --- */

static void stop_watching(struct certificates *certificates)
{
    if (certificates->inotify.fd >= 0) {
        loop_remove(certificates->daemon->loop, &certificates->inotify);
        close(certificates->inotify.fd);
    }
    certificates->inotify.fd = -1;
}

static void start_watching(struct certificates *certificates)
{
    struct log log;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && loop_add(certificates->daemon->loop, &certificates->inotify, fd, EPOLLIN,
                            something_happened) == 0)
        return;
    log_event(&log, LOG_EVENT_CERTIFICATE_WATCH,
              "Watched directories are looked at once a minute only: inotify says \"%s\"",
              strerror(errno));
    log_text(&log, "cure", "raise fs.inotify.max_user_instances with sysctl");
    log_end(&log);
    if (fd >= 0)
        close(fd);
    certificates->inotify.fd = -1;
}

static size_t count_wanted(const struct conn_config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->certificate_count; i++)
        count += config->certificates[i].watch != NULL;
    return count;
}

/* What was seen in a directory that is still watched stays seen. */
static bool fill_watch(struct certificates *certificates, struct cert_watch *watch,
                       const struct conn_certificate *certificate)
{
    struct cert_watch *old = find_watch(certificates, certificate->watch);
    watch->directory = strdup(certificate->watch);
    watch->certificate = strdup(certificate->name);
    if (!watch->directory || !watch->certificate)
        return false;
    if (old && strcmp(old->certificate, certificate->name) == 0) {
        watch->files = TAKE_PTR(old->files);
        watch->file_count = old->file_count;
        watch->missing = old->missing;
        old->file_count = 0;
    }
    return true;
}

static void free_watches(struct cert_watch *watches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(watches[i].directory);
        free(watches[i].certificate);
        free(watches[i].files);
    }
    free(watches);
}

void cert_watch_configured(struct certificates *certificates)
{
    const struct conn_config *config = certificates->daemon->snapshot->config;
    if (certificates->scanning) {
        certificates->scanning->reconfigure = true;
        return;
    }
    size_t wanted = count_wanted(config), count = 0;
    struct cert_watch *watches = calloc(wanted + 1, sizeof *watches);
    for (size_t i = 0; watches && i < config->certificate_count; i++)
        if (config->certificates[i].watch &&
            fill_watch(certificates, &watches[count], &config->certificates[i]))
            count++;
    free_watches(certificates->watches, certificates->watch_count);
    certificates->watches = watches;
    certificates->watch_count = watches ? count : 0;
    stop_watching(certificates);
    if (certificates->watch_count) {
        start_watching(certificates);
        look_in(certificates, 0);
    }
}

void cert_watch_free(struct certificates *certificates)
{
    stop_watching(certificates);
    cert_scan_free(certificates->scanning);
    certificates->scanning = NULL;
    free_watches(certificates->watches, certificates->watch_count);
    loop_cancel_timer(certificates->daemon->loop, &certificates->scan);
}
