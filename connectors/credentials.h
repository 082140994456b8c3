/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Users and the hashes of their passwords, for devices that prove themselves with AUTH: a file with
 * a line "name:hash" for each, where the hash is what crypt(3) made (yescrypt, scrypt, bcrypt,
 * SHA-512, SHA-256). Empty lines and those that begin with # do not count; what follows a further
 * colon, as in shadow(5), is not read.
 *
 * Read once with the configuration, never changed afterwards. */
#ifndef POSTERN_CONNECTORS_CREDENTIALS_H
#define POSTERN_CONNECTORS_CREDENTIALS_H

#include <stdbool.h>

#include "connectors/model.h"
#include "pki/base/error.h"

enum {
    CONN_USERS_MAXIMUM = 10000,
    CONN_USER_NAME_MAXIMUM = 255, /* bytes */
    CONN_PASSWORD_MAXIMUM = 512,  /* bytes; crypt(3) takes no more */
};

/* Reads credentials->path. EX_CONFIG with the line: a file that others may read, a line that is
 * none, a name twice, a hash that is weak or unknown. EX_NOINPUT, EX_OSERR. Blocks on the disk. */
int conn_credentials_read(struct conn_credentials *credentials, struct error *error);
void conn_credentials_clear(struct conn_credentials *credentials);

/* The hash of a user, or NULL. Names are case-sensitive. Any thread. */
const char *conn_credentials_hash(const struct conn_credentials *credentials, const char *name);

/* Whether the password is the one. Takes as long as its hash wants, tens of milliseconds as a rule;
 * with NULL for the hash about as long, and the answer is no. Any thread; not on a loop. */
bool conn_password_matches(const char *hash, const char *password);

#endif
