/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories that nobody else may have had a hand in: made, read, replaced and removed.
 *
 * Names are relative to a directory that is open. `path` is for errors alone. Blocks on the disk;
 * any thread. */
#ifndef POSTERN_PKI_STORE_FILES_H
#define POSTERN_PKI_STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "pki/base/error.h"

/* The descriptor of a directory of our own; with `create` it is made (0750) where it is missing.
 * -ENOENT with no text in `error`: it is not there. `parent` AT_FDCWD: `name` is a path, and its
 * last part may be a symbolic link (systemd's DynamicUser makes one). */
int pki_directory_open(int parent, const char *name, bool create, const char *path,
                       struct error *error);

/* The whole of a plain file of at most `maximum` bytes, NUL behind it; the caller frees. -ENOENT
 * with no text in `error`: it is not there. */
int pki_file_read(int directory, const char *name, size_t maximum, char **ret, const char *path,
                  struct error *error);

/* A new file (0640), synced. */
int pki_file_write(int directory, const char *name, const char *text, const char *path,
                   struct error *error);

/* `from` becomes `to` at one stroke, and the directory is synced. */
int pki_file_rename(int directory, const char *from, const char *to, const char *path,
                    struct error *error);

/* Removes a file, or a directory with the files in it. What cannot be removed stays. */
void pki_file_remove(int directory, const char *name);

#endif
