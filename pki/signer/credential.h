/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that systemd hands to the signer's unit: see LoadCredential= in systemd.exec(5).
 *
 * They lie in a folder of the unit's own, $CREDENTIALS_DIRECTORY, which no other service can read,
 * and which has another name for each instance of a unit. Pure but for the environment; any thread.
 */
#ifndef POSTERN_PKI_SIGNER_CREDENTIAL_H
#define POSTERN_PKI_SIGNER_CREDENTIAL_H

#include <stddef.h>

#include "pki/base/error.h"

/* The name of the credential in "credential:NAME", and that in "/run/credentials/UNIT/NAME"; a part
 * of what was given, or NULL. */
const char *credential_name(const char *source);
const char *credential_name_of_path(const char *path);
/* Where this process finds it. EX_CONFIG: systemd gave it none at all, or it is no name. */
int credential_path(const char *name, char *path, size_t size, struct error *error);

#endif
