/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reading revocation lists: the files behind a path, and what may be believed of each list. Inside
 * pki/ only; any thread. */
#ifndef POSTERN_PKI_REVOCATION_READ_H
#define POSTERN_PKI_REVOCATION_READ_H

#include <stdint.h>

#include "pki/revocation-private.h"

struct pki_list_array {
    struct pki_list *items;
    size_t count;
    size_t bytes; /* read so far */
};

void pki_list_array_clear(struct pki_list_array *array);

/* A digest over which files there are, and device, inode, size and times of each: another one says
 * that they must be read again. Zeroed where there is nothing to look at. */
struct pki_files_state {
    unsigned char digest[32];
};

/* EX_CONFIG when the path cannot be looked at. */
int pki_lists_look(const char *path, struct pki_files_state *ret, struct error *error);

/* All lists of the path; on failure the array is empty. */
int pki_lists_read(const char *path, struct pki_list_array *ret, struct error *error);
int pki_lists_parse(const char *pem, size_t length, struct pki_list_array *ret,
                    struct error *error);

#endif
