/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Small secret files, and the rule that a refused PIN is never tried twice.
 *
 * A PIN is in memory from pin_read() to pin_wipe() and nowhere else; it is never logged and no part
 * of it goes into an error. Which PINs were refused is remembered as a keyed hash over PIN and
 * token: for the life of the process, and for longer where there is a folder to keep it in, because
 * a new process may be one start of a service away, and three tries are soon spent. Any thread. */
#ifndef POSTERN_PKI_SIGNER_PIN_H
#define POSTERN_PKI_SIGNER_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "pki/base/error.h"
#include "pki/wire.h"

/* "file:/path", "file:///path" (percent-encoded, RFC 8089) or "/path" as a path. EX_CONFIG else. */
int file_uri_path(const char *uri, char *path, size_t size, struct error *error);
/* A regular file of at most *length bytes. EX_UNAVAILABLE: it is not there; EX_CONFIG else. */
int file_read(const char *path, char *text, size_t *length, struct stat *status,
              struct error *error);

struct pin {
    char text[256];
    size_t length;
    struct pki_wire_file file; /* which file it came from */
};

/* Reads the file that an RFC 7512 pin-source names, without one line end at its end, or the
 * credential that "credential:NAME" does. What cannot be read and lies in /run/credentials/UNIT is
 * read from our own credentials instead. */
int pin_read(const char *source, struct pin *ret, struct error *error);
void pin_wipe(struct pin *pin);

/* Keeps refusals below this folder of the signer's own; NULL: in memory alone. Once, before any
 * thread; the text is kept. */
void pin_keep_refusals(const char *directory);
/* `token` is any text that tells tokens apart. */
bool pin_was_refused(const struct pin *pin, const char *token);
void pin_remember_refused(const struct pin *pin, const char *token);
/* That it is not tried again, and what to do. Returns -EX_CONFIG. */
int pin_refused_before(struct error *error);

#endif
