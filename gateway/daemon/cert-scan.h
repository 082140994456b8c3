/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One look at the watched directories, on the offload pool. A file is taken when two looks find the
 * same of it, it is small enough, and its certificate is neither known nor older than the active
 * one. No file is taken twice, and none is ever removed. */
#ifndef POSTERN_GATEWAY_CERT_SCAN_H
#define POSTERN_GATEWAY_CERT_SCAN_H

#include <sys/stat.h>

#include "gateway/daemon/certificates-private.h"

enum { CERT_PATH_MAXIMUM = 4097, CERT_FILES_MAXIMUM = 256 };

/* A file as it was found; another one under the same name differs in one of these. */
struct cert_file {
    char name[256];
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed, modified;
    bool done; /* it has been taken, or refused */
};

struct cert_watch {
    char *directory, *certificate; /* the latter by name */
    struct cert_file *files;       /* that the last look found */
    size_t file_count;
    bool missing; /* the directory, or the right to read it: has been told */
};

struct cert_scan {
    struct offload_job job;
    struct certificates *certificates;
    struct snapshot *snapshot; /* counted */
    bool reconfigure;          /* other directories are wanted by now */
    bool unsettled;            /* a file is new, and may not be complete */
    struct cert_watch *found;  /* where a certificate was found to be rotated to; NULL: nowhere */
    struct cert_file file;
    unsigned char *chain;
    size_t length;
    time_t begins; /* of its certificate */
};

struct cert_scan *cert_scan_new(struct certificates *certificates); /* NULL: no memory */
struct cert_scan *cert_scan_free(struct cert_scan *scan);
void cert_scan_run(struct offload_job *job);

/* The file is not taken again. */
void cert_watch_mark(struct cert_watch *watch, const struct cert_file *file);

#endif
