/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that systemd hands to the signer's unit: see LoadCredential= in systemd.exec(5).
 *
 * They lie in a folder of the unit's own, $CREDENTIALS_DIRECTORY, which no other service can read.
 * An instance of a unit has another folder each time, and the file in it is another each time, so
 * that neither its path nor its inode says that a PIN is the one that was refused. A mark does: a
 * hash over the PIN, keyed with random bytes that only the signer's user can read, so that
 * posternd, which keeps the mark over a restart of the signer, cannot guess the PIN from it. Any
 * thread, but for credential_keep_marks(). */
#ifndef POSTERN_PKI_SIGNER_CREDENTIAL_H
#define POSTERN_PKI_SIGNER_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/error.h"
#include "pki/wire.h"

/* The name of the credential in "credential:NAME", and that in "/run/credentials/UNIT/NAME"; a part
 * of what was given, or NULL. */
const char *credential_name(const char *source);
const char *credential_name_of_path(const char *path);
/* Where this process finds it. EX_CONFIG: systemd gave it none at all, or it is no name. */
int credential_path(const char *name, char *path, size_t size, struct error *error);

/* The folder for the key of the marks, that only our user may enter; NULL: no marks are made. Once,
 * before any thread; the text is kept. */
void credential_keep_marks(const char *directory);
/* False when there is no key, nor could one be made: `mark` is untouched then. */
bool credential_mark(const char *secret, size_t length, struct pki_wire_file *mark);

#endif
