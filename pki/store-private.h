/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The words of a store's small files: lines of a word, a space and a value. Pure functions.
 */
#ifndef POSTERN_PKI_STORE_PRIVATE_H
#define POSTERN_PKI_STORE_PRIVATE_H

#include "pki/store.h"

enum { STORE_TEXT_MAXIMUM = 4096 };

/* The caller frees; NULL: no memory. */
char *pki_roles_text(const struct pki_roles *roles);
char *pki_generation_about(const struct pki_generation *generation);
char *pki_generation_keys_text(const char *keys);

/* EX_CONFIG when there is a word that is not known, or a value that is none. `path` is for errors.
 */
int pki_roles_parse(const char *text, struct pki_roles *ret, const char *path, struct error *error);
int pki_generation_parse(const char *about, const char *keys, struct pki_generation *ret,
                         const char *path, struct error *error);

#endif
