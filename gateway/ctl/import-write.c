/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See import.h. A file is written beside its place, synced, and linked there: a name that is taken
 * stays as it is, whoever took it meanwhile. The name beside begins with a dot: conn_load() does
 * not read such files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/ctl/import.h"
#include "pki/base/synced.h"

char *ctl_import_path(const char *directory, const struct conn_import_object *object)
{
    char *path;
    return asprintf(&path, "%s/%s", directory, object->file) < 0 ? NULL : path;
}

static int tell(struct error *error, const char *what, const char *path)
{
    int number = errno;
    bool denied = number == EACCES || number == EPERM || number == EROFS;
    if (number == EEXIST) {
        error_set(error, EX_CANTCREAT, "%s is there already, and is not replaced", path);
        return error_cure(error, "move it away, or rename the connector in Exchange's file");
    }
    error_set_errno(error, denied ? EX_NOPERM : EX_CANTCREAT, number, "%s %s", what, path);
    return error_cure(error, denied ? "sudo" : "see that the disk is well and not full");
}

static int make_folder(const char *directory, const char *name, struct error *error)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s%s%s", directory, *name ? "/" : "", name) >=
        (int)sizeof path)
        return error_set(error, EX_CANTCREAT, "The name of %.200s is too long", directory);
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : tell(error, "Cannot make", path);
}

static int link_into_place(const char *beside, const char *path, struct error *error)
{
    int result = link(beside, path) == 0 ? 0 : tell(error, "Cannot write", path);
    unlink(beside);
    return result;
}

static int write_file(const char *path, const char *text, struct error *error)
{
    char beside[4096];
    const char *slash = strrchr(path, '/');
    if (snprintf(beside, sizeof beside, "%.*s/.import.XXXXXX", (int)(slash - path), path) >=
        (int)sizeof beside)
        return error_set(error, EX_CANTCREAT, "The name of %.200s is too long", path);
    _cleanup_close_ int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return tell(error, "Cannot write", path);
    if (fchmod(fd, 0644) < 0 || write_synced(fd, text) < 0) {
        int result = tell(error, "Cannot write", path);
        unlink(beside);
        return result;
    }
    return link_into_place(beside, path, error);
}

static void sync_folder(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
}

static void take_back(const char *directory, const struct conn_import *import, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *path =
            import->objects[i].xml ? ctl_import_path(directory, &import->objects[i]) : NULL;
        if (path)
            unlink(path);
    }
}

int ctl_import_write(const char *directory, const struct conn_import *import, struct error *error)
{
    int result = make_folder(directory, "", error);
    if (result == 0)
        result = make_folder(directory, "inbound", error);
    if (result == 0)
        result = make_folder(directory, "outbound", error);
    for (size_t i = 0; i < import->count && result == 0; i++) {
        const struct conn_import_object *object = &import->objects[i];
        if (!object->xml)
            continue;
        _cleanup_free_ char *path = ctl_import_path(directory, object);
        result = path ? write_file(path, object->xml, error)
                      : error_set(error, EX_OSERR, "There is no memory left");
        if (result < 0)
            take_back(directory, import, i);
    }
    sync_folder(directory, "inbound");
    sync_folder(directory, "outbound");
    return result;
}
