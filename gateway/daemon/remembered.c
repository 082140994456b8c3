/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See remembered.h. One write runs at a time; what changes meanwhile is written after it. */
#include "gateway/daemon/remembered.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pki/base/cleanup.h"
#include "pki/base/log.h"
#include "pki/base/synced.h"

enum { FILE_MAXIMUM = 4 * 1024 * 1024 /* bytes */ };
static const char file_name[] = "validations.json";

struct remembered {
    struct daemon *daemon;
    json_t *entries; /* connector → object */
    struct offload_job job;
    bool writing, changed;
    char directory[PATH_MAX]; /* of this write */
    char *text;
    struct error error;
    int result;
};

/* --- the file --- */

/* Whoever reads the file finds the old or the new, whole; and so after a crash. */
static int replace_file(int folder, const char *text)
{
    static const char temporary[] = "validations.json.new";
    _cleanup_close_ int fd =
        openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    int result = write_synced(fd, text);
    if (result == 0 && renameat(folder, temporary, folder, file_name) < 0)
        result = -errno;
    if (result < 0)
        (void)unlinkat(folder, temporary, 0); /* it is in nobody's way */
    else if (fsync(folder) < 0)
        result = -errno;
    return result;
}

/* Without the directory there is nothing to do: what is remembered is kept in memory. */
static int save(const char *directory, const char *text, struct error *error)
{
    _cleanup_close_ int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return 0;
    int result = folder < 0 ? -errno : replace_file(folder, text);
    if (result == 0)
        return 0;
    error_set_errno(error, EX_OSERR, -result, "Cannot write %s/%s", directory, file_name);
    return error_cure(error, "let posternd's user write in %s", directory);
}

static void log_failure(const struct error *error)
{
    struct log log;
    log_event(&log, LOG_EVENT_RESOURCES, "The last validations are not kept over a restart: %s",
              error->what);
    log_error(&log, error);
    log_end(&log);
}

/* --- writing, off the main thread --- */

static void begin_write(struct remembered *remembered);

static void write_it(struct offload_job *job)
{
    struct remembered *remembered = container_of(job, struct remembered, job);
    offload_wait_begin();
    remembered->result = save(remembered->directory, remembered->text, &remembered->error);
    offload_wait_end();
}

static void written(struct offload_job *job)
{
    struct remembered *remembered = container_of(job, struct remembered, job);
    remembered->writing = false;
    free(remembered->text);
    remembered->text = NULL;
    if (remembered->result < 0)
        log_failure(&remembered->error);
    if (remembered->changed)
        begin_write(remembered);
}

static bool prepare(struct remembered *remembered)
{
    const struct conn_config *config = remembered->daemon->snapshot->config;
    snprintf(remembered->directory, sizeof remembered->directory, "%s", config->state_directory);
    remembered->text = json_dumps(remembered->entries, JSON_INDENT(1) | JSON_SORT_KEYS);
    return remembered->text;
}

static void begin_write(struct remembered *remembered)
{
    struct daemon *daemon = remembered->daemon;
    remembered->changed = true;
    if (remembered->writing || !prepare(remembered))
        return;
    if (offload_submit(daemon->offload, daemon->loop, &remembered->job, write_it, written) < 0) {
        free(remembered->text);
        remembered->text = NULL;
        return; /* the next validation, or the end, writes it */
    }
    remembered->writing = true;
    remembered->changed = false;
}

/* --- what is kept --- */

static json_t *read_file(const char *path)
{
    struct stat status;
    json_error_t reason;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > FILE_MAXIMUM)
        return NULL;
    return json_loadfd(fd, JSON_REJECT_DUPLICATES, &reason);
}

/* A file from an older version, or an edited one, must not make a list that posternctl cannot show.
 */
static bool is_entry(const json_t *entry)
{
    return json_is_string(json_object_get(entry, "time")) &&
           json_is_string(json_object_get(entry, "outcome"));
}

void remembered_load(struct daemon *daemon)
{
    char path[PATH_MAX];
    const char *key;
    json_t *entry;
    struct remembered *remembered = calloc(1, sizeof *remembered);
    if (!remembered)
        return;
    remembered->daemon = daemon;
    remembered->entries = json_object();
    snprintf(path, sizeof path, "%s/%s", daemon->snapshot->config->state_directory, file_name);
    json_auto_t *found = read_file(path);
    json_object_foreach(found, key, entry) if (is_entry(entry))
        json_object_set(remembered->entries, key, entry);
    daemon->remembered = remembered;
}

static bool is_connector(const struct conn_config *config, const char *name)
{
    for (size_t i = 0; i < config->outbound_count; i++)
        if (strcmp(config->outbound[i].name, name) == 0)
            return true;
    return false;
}

/* So that there are never more of them than connectors. */
static void forget_the_gone(struct remembered *remembered)
{
    const char *key;
    json_t *entry;
    void *next;
    json_object_foreach_safe(remembered->entries, next, key, entry)
    {
        if (!is_connector(remembered->daemon->snapshot->config, key))
            json_object_del(remembered->entries, key);
    }
}

void remembered_put(struct daemon *daemon, const char *connector, const json_t *result)
{
    static const char *const kept[] = {"outcome", "failed_step", "failure",   "detail",
                                       "host",    "address",     "recipient", "sent"};
    struct remembered *remembered = daemon->remembered;
    char text[32];
    time_t now = time(NULL);
    struct tm parts;
    if (!remembered)
        return;
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_t *entry = json_pack("{s:s}", "time", text);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        json_object_set(entry, kept[i], json_object_get(result, kept[i]));
    json_object_set_new(remembered->entries, connector, entry);
    forget_the_gone(remembered);
    begin_write(remembered);
}

json_t *remembered_get(const struct daemon *daemon, const char *connector)
{
    json_t *entry =
        daemon->remembered ? json_object_get(daemon->remembered->entries, connector) : NULL;
    return entry ? json_incref(entry) : json_null();
}

void remembered_free(struct daemon *daemon)
{
    struct remembered *remembered = daemon->remembered;
    if (!remembered)
        return;
    free(remembered->text);
    remembered->text = NULL;
    if ((remembered->changed || remembered->writing) && prepare(remembered) &&
        save(remembered->directory, remembered->text, &remembered->error) < 0)
        log_failure(&remembered->error);
    free(remembered->text);
    json_decref(remembered->entries);
    free(remembered);
    daemon->remembered = NULL;
}
