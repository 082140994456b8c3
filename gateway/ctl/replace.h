/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A file of the configuration, read; and replaced, made or removed as a whole or not at all, also
 * when the power fails.
 *
 * One thread; these block. */
#ifndef POSTERN_GATEWAY_CTL_REPLACE_H
#define POSTERN_GATEWAY_CTL_REPLACE_H

#include <stddef.h>
#include <sys/stat.h>

#include "pki/base/error.h"

struct ctl_file {
    char *path; /* where it really is: links are followed */
    char *text; /* ended by NUL; has none inside */
    size_t length;
    struct stat status;
};

/* At most 1 MiB, as conn_load() takes. EX_NOPERM, EX_CONFIG, EX_DATAERR. */
int ctl_file_read(const char *path, struct ctl_file *ret, struct error *error);
void ctl_file_clear(struct ctl_file *file);

/* Writes `text` beside the file, with its owner and mode, syncs it and renames it into its place.
 * What the file holds must still be what was read: EX_TEMPFAIL otherwise. EX_NOPERM, EX_IOERR:
 * nothing was changed. On success `file` has the new state. */
int ctl_file_replace(struct ctl_file *file, const char *text, struct error *error);

/* Writes a new file with the mode of DIRECTORY/postern.xml, and its owner as far as we may.
 * EX_DATAERR: something is there already. The others as above. */
int ctl_file_create(const char *path, const char *text, const char *directory, struct error *error);

/* Moves the file, which must still hold what was read, to a hidden name beside; back from there; or
 * deletes it there. `path` is not followed when it is a link: the link goes. */
int ctl_file_put_aside(const struct ctl_file *file, const char *path, struct error *error);
int ctl_file_put_back(const char *path, struct error *error);
int ctl_file_delete_aside(const char *path, struct error *error);

int ctl_file_delete(const char *path, struct error *error);

#endif
