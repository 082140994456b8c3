/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See cert-scan.h. */
#include "gateway/daemon/cert-scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pki/base/log.h"
#include "pki/bundle.h"

struct cert_scan *cert_scan_new(struct certificates *certificates)
{
    struct cert_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return NULL;
    scan->certificates = certificates;
    scan->snapshot = snapshot_ref(certificates->daemon->snapshot);
    return scan;
}

struct cert_scan *cert_scan_free(struct cert_scan *scan)
{
    if (!scan)
        return NULL;
    snapshot_unref(scan->snapshot);
    free(scan->chain);
    free(scan);
    return NULL;
}

/* --- files --- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct cert_file *a, const struct cert_file *b)
{
    return strcmp(a->name, b->name) == 0 && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_time(&a->changed, &b->changed) &&
           same_time(&a->modified, &b->modified);
}

static struct cert_file *find_file(struct cert_file *files, size_t count,
                                   const struct cert_file *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (same_file(&files[i], wanted))
            return &files[i];
    return NULL;
}

void cert_watch_mark(struct cert_watch *watch, const struct cert_file *file)
{
    struct cert_file *found = find_file(watch->files, watch->file_count, file);
    if (found)
        found->done = true;
}

/* Hidden files and those that an editor or a copy leaves are on their way to another name. */
static bool is_candidate(const char *name)
{
    static const char *const endings[] = {"~", ".tmp", ".part", ".new", ".swp"};
    size_t length = strlen(name);
    if (*name == '.' || length >= sizeof((struct cert_file *)0)->name)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        size_t ending = strlen(endings[i]);
        if (length >= ending && strcmp(name + length - ending, endings[i]) == 0)
            return false;
    }
    return true;
}

static bool describe_file(int directory, const char *name, struct cert_file *ret)
{
    struct stat status;
    if (fstatat(directory, name, &status, 0) < 0 || !S_ISREG(status.st_mode))
        return false;
    *ret = (struct cert_file){.device = status.st_dev,
                              .inode = status.st_ino,
                              .size = status.st_size,
                              .changed = status.st_ctim,
                              .modified = status.st_mtim};
    memcpy(ret->name, name, strlen(name) + 1);
    return true;
}

/* --- what is in a file --- */

static void refuse(const struct cert_watch *watch, const struct cert_file *file,
                   const struct error *error)
{
    struct log log;
    log_event(
        &log, LOG_EVENT_CERTIFICATE_REFUSED,
        "Certificate %s stays as it is: the file %s in its watched directory cannot be used: %s",
        watch->certificate, file->name, error->what);
    log_text(&log, "certificate", watch->certificate);
    log_text(&log, "verb", "watch");
    log_format(&log, "from", "%s/%s", watch->directory, file->name);
    log_error(&log, error);
    log_end(&log);
}

static int read_file(int directory, const struct cert_file *file, unsigned char **ret,
                     size_t *length, struct error *error)
{
    if (file->size > CERT_CHAIN_MAXIMUM) {
        error_set(error, EX_DATAERR, "It is larger than %d bytes", CERT_CHAIN_MAXIMUM);
        return error_cure(error, "put nothing but the chain there");
    }
    _cleanup_close_ int fd =
        openat(directory, file->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    _cleanup_free_ unsigned char *bytes = malloc((size_t)file->size + 1);
    if (fd < 0 || !bytes)
        return error_set_errno(error, EX_NOPERM, errno, "It cannot be opened");
    ssize_t got = read(fd, bytes, (size_t)file->size + 1);
    if (got < 0)
        return error_set_errno(error, EX_IOERR, errno, "It cannot be read");
    *length = (size_t)got;
    *ret = TAKE_PTR(bytes);
    return 0;
}

static size_t index_of(const struct snapshot *snapshot, const char *name)
{
    size_t i = 0;
    while (i < snapshot->config->certificate_count &&
           strcmp(snapshot->config->certificates[i].name, name) != 0)
        i++;
    return i;
}

/* Known: it has a role already, or is older than what is active. Such a file lies there after every
 * start. */
static bool is_known(const struct pki_rotation *rotation, const struct pki_facts *facts)
{
    for (unsigned role = 0; role < PKI_ROLE_END; role++) {
        struct pki_facts other = {0};
        struct error error;
        if (pki_rotation_facts(rotation, (enum pki_role)role, &other, &error) <= 0)
            continue;
        bool known = strcmp(other.fingerprint, facts->fingerprint) == 0 ||
                     (role == PKI_ROLE_ACTIVE && facts->not_before < other.not_before);
        pki_facts_clear(&other);
        if (known)
            return true;
    }
    return false;
}

/* 0: it may be rotated to; 1: it is known; negative: it is none. */
static int judge(const struct cert_scan *scan, const struct cert_watch *watch,
                 const unsigned char *bytes, size_t length, time_t *begins, struct error *error)
{
    size_t index = index_of(scan->snapshot, watch->certificate);
    struct pki_bundle *bundle = NULL;
    struct pki_facts facts = {0};
    if (index == scan->snapshot->config->certificate_count)
        return 1;
    int result = pki_bundle_parse(bytes, length, NULL, &bundle, error);
    if (result < 0)
        return result;
    pki_facts_of(pki_bundle_leaf(bundle), &facts);
    pki_bundle_free(bundle);
    *begins = facts.not_before;
    bool known = is_known(scan->snapshot->rotations[index].rotation, &facts);
    pki_facts_clear(&facts);
    return known;
}

/* Of several that are new, the one that was issued last. */
static void take_file(struct cert_scan *scan, struct cert_watch *watch, int directory,
                      struct cert_file *file)
{
    _cleanup_free_ unsigned char *bytes = NULL;
    size_t length = 0;
    time_t begins = 0;
    struct error error;
    int result = read_file(directory, file, &bytes, &length, &error);
    if (result == 0)
        result = judge(scan, watch, bytes, length, &begins, &error);
    if (result < 0)
        refuse(watch, file, &error);
    if (result != 0) {
        file->done = true;
        return;
    }
    if (scan->found && scan->begins >= begins)
        return;
    free(scan->chain);
    scan->chain = TAKE_PTR(bytes);
    scan->length = length;
    scan->begins = begins;
    scan->found = watch;
    scan->file = *file;
}

/* --- directories --- */

static void look_at(struct cert_scan *scan, struct cert_watch *watch, int directory,
                    struct cert_file *file)
{
    const struct cert_file *before = find_file(watch->files, watch->file_count, file);
    file->done = before && before->done;
    if (!before)
        scan->unsettled = true;
    else if (!file->done)
        take_file(scan, watch, directory, file);
}

static void tell_missing(struct cert_watch *watch, int number)
{
    struct log log;
    if (watch->missing)
        return;
    watch->missing = true;
    log_event(&log, LOG_EVENT_CERTIFICATE_WATCH,
              "The directory that certificate %s watches cannot be read: %s", watch->certificate,
              strerror(number));
    log_text(&log, "certificate", watch->certificate);
    log_text(&log, "directory", watch->directory);
    log_text(&log, "cure",
             "make it, and let the service's user read it; it is looked for once a "
             "minute");
    log_end(&log);
}

static void scan_directory(struct cert_scan *scan, struct cert_watch *watch)
{
    DIR *list = opendir(watch->directory);
    struct cert_file *files = list ? calloc(CERT_FILES_MAXIMUM, sizeof *files) : NULL;
    const struct dirent *entry;
    size_t count = 0;
    if (!files) {
        tell_missing(watch, errno);
        if (list)
            closedir(list);
        return;
    }
    watch->missing = false;
    while (count < CERT_FILES_MAXIMUM && (entry = readdir(list)))
        if (is_candidate(entry->d_name) &&
            describe_file(dirfd(list), entry->d_name, &files[count])) {
            look_at(scan, watch, dirfd(list), &files[count]);
            count++;
        }
    closedir(list);
    free(watch->files);
    watch->files = files;
    watch->file_count = count;
}

void cert_scan_run(struct offload_job *job)
{
    struct cert_scan *scan = container_of(job, struct cert_scan, job);
    offload_wait_begin();
    for (size_t i = 0; i < scan->certificates->watch_count; i++)
        scan_directory(scan, &scan->certificates->watches[i]);
    offload_wait_end();
}
