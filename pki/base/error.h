/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * An error for the administrator at three in the morning: what happened, where, what to try.
 *
 * A function that can fail takes a `struct error *` as its last parameter and returns 0 or the
 * negative of one of the codes below, which are those of sysexits.h so that they can become an exit
 * status unchanged. The structure is the caller's, needs no initialisation, holds its text in itself
 * (so that running out of memory can be told too), and is written only on failure. It is never NULL.
 * Any thread may use its own. */
#ifndef POSTERN_PKI_BASE_ERROR_H
#define POSTERN_PKI_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>
#include <sysexits.h>

/* The codes in use: EX_USAGE 64, EX_DATAERR 65 (what came from outside is not what it should be),
 * EX_UNAVAILABLE 69 (something needed is not there), EX_SOFTWARE 70, EX_OSERR 71 (memory, files),
 * EX_IOERR 74, EX_TEMPFAIL 75 (the same call may work later), EX_PROTOCOL 76, EX_NOPERM 77,
 * EX_CONFIG 78 (only an administrator can mend it). */

struct error {
    int code;        /* one of the above, positive */
    char what[640];  /* a sentence without its full stop */
    char where[256]; /* file:line, connector, token or peer; may be empty */
    char cure[384];  /* what to try, a sentence without its full stop; may be empty */
};

/* Fills `error` and returns -code. Text that is too long is cut. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the text of an errno value behind the sentence. */
int error_set_errno(struct error *error, int code, int number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds where or what to try; both return -error->code, so that a return can end with them. They do
 * not replace what an inner call has said already. */
int error_where(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int error_cure(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "what (where). Try: cure." into `text`, always ended by NUL; returns text. */
const char *error_text(const struct error *error, char *text, size_t size);

#endif
