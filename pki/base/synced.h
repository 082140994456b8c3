/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Text into a file, and from there to the disk. Blocks; any thread. */
#ifndef POSTERN_PKI_BASE_SYNCED_H
#define POSTERN_PKI_BASE_SYNCED_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* All of it, and fsync(). 0 or -errno; then nothing is known of what the file holds. */
static inline int write_synced(int fd, const char *text)
{
    size_t length = strlen(text);
    while (length) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        text += written;
        length -= (size_t)written;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

#endif
