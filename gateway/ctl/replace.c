/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See replace.h. The name beside begins with a dot: conn_load() does not read such files, should
 * one be left by a power cut. */
#include "gateway/ctl/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pki/base/cleanup.h"
#include "pki/base/synced.h"

enum { FILE_MAXIMUM = 1024 * 1024 };

static int tell(struct error *error, const char *what, const char *path)
{
    int number = errno;
    int code = number == EACCES || number == EPERM || number == EROFS ? EX_NOPERM : EX_IOERR;
    error_set_errno(error, code, number, "%s %s", what, path);
    return error_cure(error, code == EX_NOPERM ? "sudo" : "see that the disk is well and not full");
}

static char *read_all(int fd, size_t size)
{
    size_t used = 0;
    ssize_t got = 1;
    _cleanup_free_ char *text = malloc(size + 1);
    while (text && used < size && (got = read(fd, text + used, size - used)) > 0)
        used += (size_t)got;
    if (!text || got < 0 || used != size)
        return NULL;
    text[used] = '\0';
    return TAKE_PTR(text);
}

int ctl_file_read(const char *path, struct ctl_file *ret, struct error *error)
{
    _cleanup_(ctl_file_clear) struct ctl_file file = {.path = realpath(path, NULL)};
    if (!file.path)
        return tell(error, "Cannot find", path);
    _cleanup_close_ int fd = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &file.status) < 0)
        return tell(error, "Cannot read", file.path);
    if (!S_ISREG(file.status.st_mode) || file.status.st_size > FILE_MAXIMUM)
        return error_set(error, EX_CONFIG, "%s is no file, or a very large one", file.path);
    file.length = (size_t)file.status.st_size;
    file.text = read_all(fd, file.length);
    if (!file.text)
        return tell(error, "Cannot read", file.path);
    if (strlen(file.text) != file.length)
        return error_set(error, EX_DATAERR, "%s is not a text in UTF-8", file.path);
    *ret = file;
    file = (struct ctl_file){.path = NULL};
    return 0;
}

void ctl_file_clear(struct ctl_file *file)
{
    free(file->path);
    free(file->text);
    *file = (struct ctl_file){.path = NULL};
}

/* Mode first would open it to a group that it does not belong to yet. */
static bool fill(int fd, const struct ctl_file *file, const char *text)
{
    return fchown(fd, file->status.st_uid, file->status.st_gid) == 0 &&
           fchmod(fd, file->status.st_mode & 07777) == 0 && write_synced(fd, text) == 0;
}

static int check_unchanged(const struct ctl_file *file, struct error *error)
{
    _cleanup_(ctl_file_clear) struct ctl_file now = {.path = NULL};
    int result = ctl_file_read(file->path, &now, error);
    if (result < 0)
        return result;
    if (now.length == file->length && memcmp(now.text, file->text, now.length) == 0)
        return 0;
    error_set(error, EX_TEMPFAIL, "%s was changed meanwhile", file->path);
    return error_cure(error, "the same command again");
}

static void sync_folder(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    _cleanup_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd); /* it is in its place; at worst a power cut brings the old one back */
}

static int put_in_place(const struct ctl_file *file, const char *beside, struct error *error)
{
    int result = check_unchanged(file, error);
    if (result < 0)
        return result;
    if (rename(beside, file->path) < 0)
        return tell(error, "Cannot replace", file->path);
    sync_folder(file->path);
    return 0;
}

/* FOLDER/.NAME and `behind`. */
static int name_beside(const char *path, const char *behind, char beside[4096], struct error *error)
{
    char copy[4096], other[4096];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(other, sizeof other, "%s", path);
    if (snprintf(beside, 4096, "%s/.%s%s", dirname(copy), basename(other), behind) < 4096)
        return 0;
    return error_set(error, EX_CONFIG, "The name of %.200s is too long", path);
}

/* The descriptor of an empty file beside. */
static int open_beside(const char *path, char beside[4096], struct error *error)
{
    int result = name_beside(path, ".XXXXXX", beside, error);
    if (result < 0)
        return result;
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd >= 0)
        return fd;
    bool missing = errno == ENOENT;
    tell(error, "Cannot write beside", path);
    if (missing)
        snprintf(error->cure, sizeof error->cure, "make the folder, for posternd to read");
    return -error->code;
}

int ctl_file_replace(struct ctl_file *file, const char *text, struct error *error)
{
    char beside[4096];
    _cleanup_close_ int fd = open_beside(file->path, beside, error);
    if (fd < 0)
        return fd;
    int result = fill(fd, file, text) ? 0 : tell(error, "Cannot write", beside);
    if (result == 0)
        result = put_in_place(file, beside, error);
    if (result < 0) {
        unlink(beside);
        return result;
    }
    char *fresh = strdup(text);
    if (!fresh)
        return error_set(error, EX_OSERR, "There is no memory left");
    free(file->text);
    file->text = fresh;
    file->length = strlen(fresh);
    return 0;
}

/* As postern.xml is, so that posternd can read it. */
static int become_like(int fd, const char *directory, const char *path, struct error *error)
{
    char like[4096];
    struct stat status;
    snprintf(like, sizeof like, "%s/postern.xml", directory);
    if (stat(like, &status) < 0)
        return tell(error, "Cannot find", like);
    if (fchown(fd, status.st_uid, status.st_gid) < 0)
        (void)!fchown(fd, (uid_t)-1, status.st_gid); /* of a group of ours, at least */
    return fchmod(fd, status.st_mode & 0777) < 0 ? tell(error, "Cannot write", path) : 0;
}

static int link_in_place(const char *beside, const char *path, struct error *error)
{
    if (link(beside, path) == 0) {
        unlink(beside);
        sync_folder(path);
        return 0;
    }
    if (errno != EEXIST)
        return tell(error, "Cannot make", path);
    error_set(error, EX_DATAERR, "%s is there already", path);
    return error_cure(error, "another Name, or remove what is there first");
}

int ctl_file_create(const char *path, const char *text, const char *directory, struct error *error)
{
    char beside[4096];
    _cleanup_close_ int fd = open_beside(path, beside, error);
    if (fd < 0)
        return fd;
    int result = become_like(fd, directory, path, error);
    if (result == 0 && write_synced(fd, text) < 0)
        result = tell(error, "Cannot write", beside);
    if (result == 0)
        result = link_in_place(beside, path, error);
    if (result < 0)
        unlink(beside);
    return result;
}

static const char aside[] = ".removed";

int ctl_file_put_aside(const struct ctl_file *file, const char *path, struct error *error)
{
    char beside[4096];
    int result = name_beside(path, aside, beside, error);
    if (result == 0)
        result = check_unchanged(file, error);
    if (result < 0)
        return result;
    if (rename(path, beside) < 0)
        return tell(error, "Cannot remove", path);
    sync_folder(path);
    return 0;
}

int ctl_file_put_back(const char *path, struct error *error)
{
    char beside[4096];
    int result = name_beside(path, aside, beside, error);
    if (result < 0)
        return result;
    if (rename(beside, path) < 0)
        return tell(error, "Cannot put back", path);
    sync_folder(path);
    return 0;
}

int ctl_file_delete_aside(const char *path, struct error *error)
{
    char beside[4096];
    int result = name_beside(path, aside, beside, error);
    return result < 0 ? result : ctl_file_delete(beside, error);
}

int ctl_file_delete(const char *path, struct error *error)
{
    if (unlink(path) < 0)
        return tell(error, "Cannot remove", path);
    sync_folder(path);
    return 0;
}
