/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See store-files.h. */
#include "pki/store-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki/base/cleanup.h"
#include "pki/base/synced.h"

enum { DIRECTORY_MODE = 0750, FILE_MODE = 0640, ENTRIES_MAXIMUM = 64 };

static int not_ours(struct error *error, const char *path, const char *what)
{
    error_set(error, EX_CONFIG, "%s %s", path, what);
    return error_cure(error,
                      "find out who made it so; then set it right, or move it out of the way");
}

static int system_error(struct error *error, int number, const char *what, const char *path)
{
    int code = number == EACCES || number == EPERM || number == EROFS ? EX_NOPERM : EX_IOERR;
    error_set_errno(error, code, number, "Cannot %s %s", what, path);
    return error_cure(error, code == EX_NOPERM
                                 ? "let the service's user write below State Directory"
                                 : "see that the disk has room and works");
}

static int check_owner(const struct stat *status, const char *path, struct error *error)
{
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return not_ours(error, path, "belongs to another user");
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return not_ours(error, path, "can be written to by others than its owner");
    return 0;
}

static int open_failed(int directory, const char *name, const char *path, struct error *error)
{
    struct stat status;
    int number = errno;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        return not_ours(error, path, "is a symbolic link");
    if (number == ENOTDIR)
        return not_ours(error, path, "is no directory");
    return system_error(error, number, "open", path);
}

/* A new name is on the disk when its directory is. */
static int make_directory(int parent, const char *name, const char *path, struct error *error)
{
    if (mkdirat(parent, name, DIRECTORY_MODE) < 0 && errno != EEXIST)
        return system_error(error, errno, "make the directory", path);
    if (parent != AT_FDCWD && fsync(parent) < 0)
        return system_error(error, errno, "sync the directory of", path);
    return 0;
}

int pki_directory_open(int parent, const char *name, bool create, const char *path,
                       struct error *error)
{
    struct stat status;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (parent == AT_FDCWD ? 0 : O_NOFOLLOW);
    _cleanup_close_ int fd = openat(parent, name, flags);
    if (fd < 0 && errno == ENOENT) {
        if (!create)
            return -ENOENT;
        int result = make_directory(parent, name, path, error);
        if (result < 0)
            return result;
        fd = openat(parent, name, flags);
    }
    if (fd < 0)
        return open_failed(parent, name, path, error);
    if (fstat(fd, &status) < 0)
        return system_error(error, errno, "look at", path);
    int result = check_owner(&status, path, error);
    return result < 0 ? result : TAKE_FD(fd);
}

static int check_file(int fd, size_t maximum, size_t *size, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return system_error(error, errno, "look at", path);
    if (!S_ISREG(status.st_mode))
        return not_ours(error, path, "is no plain file");
    if (status.st_nlink != 1)
        return not_ours(error, path, "has a second name somewhere (a hard link)");
    if (status.st_size > (off_t)maximum)
        return not_ours(error, path, "is larger than it can be");
    *size = (size_t)status.st_size;
    return check_owner(&status, path, error);
}

static int read_whole(int fd, char *text, size_t size, const char *path, struct error *error)
{
    size_t used = 0;
    while (used < size) {
        ssize_t length = read(fd, text + used, size - used);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return system_error(error, errno, "read", path);
        if (length == 0)
            break;
        used += (size_t)length;
    }
    text[used] = '\0';
    return 0;
}

int pki_file_read(int directory, const char *name, size_t maximum, char **ret, const char *path,
                  struct error *error)
{
    size_t size = 0;
    /* Not waiting for the other end, in case it is a FIFO. */
    _cleanup_close_ int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : open_failed(directory, name, path, error);
    int result = check_file(fd, maximum, &size, path, error);
    if (result < 0)
        return result;
    _cleanup_free_ char *text = malloc(size + 1);
    if (!text)
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    result = read_whole(fd, text, size, path, error);
    if (result < 0)
        return result;
    *ret = TAKE_PTR(text);
    return 0;
}

int pki_file_write(int directory, const char *name, const char *text, const char *path,
                   struct error *error)
{
    _cleanup_close_ int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return system_error(error, errno, "make", path);
    int result = write_synced(fd, text);
    return result < 0 ? system_error(error, -result, "write", path) : 0;
}

int pki_file_rename(int directory, const char *from, const char *to, const char *path,
                    struct error *error)
{
    if (renameat(directory, from, directory, to) < 0)
        return system_error(error, errno, "rename into", path);
    return fsync(directory) < 0 ? system_error(error, errno, "sync the directory of", path) : 0;
}

static void empty_directory(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    for (unsigned i = 0; i < ENTRIES_MAXIMUM && (entry = readdir(list)); i++)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
}

void pki_file_remove(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return;
    empty_directory(directory, name);
    (void)unlinkat(directory, name, AT_REMOVEDIR);
}
