/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The values of the vocabulary, from text: pure functions, any thread.
 *
 * `label` is the word that stands before the value ("Range", "DrainTimeOut"); a failure is
 * -EX_DATAERR with a whole sentence that begins with it and a cure that shows a right value, or
 * -EX_OSERR without memory. *ret is untouched on failure. `text` is trimmed, and never NULL. */
#ifndef POSTERN_CONNECTORS_VALUES_H
#define POSTERN_CONNECTORS_VALUES_H

#include <stdint.h>
#include <sys/socket.h>

#include "connectors/model.h"
#include "pki/base/error.h"

enum { CONN_DOMAIN_MAXIMUM = 253 };

/* "00:00:30", "1.00:00:00", "00:00:00.250"; in milliseconds. */
int conn_parse_duration(const char *label, const char *text, uint64_t *ret, struct error *error);

/* The same the other way: "00:00:30", "1.00:00:00"; cut to fit, always ended; returns text. */
enum { CONN_DURATION_TEXT_MAXIMUM = 48 };
const char *conn_show_duration(uint64_t milliseconds, char *text, size_t size);

/* "36700160", "35 MB", "150 MB (157,286,400 bytes)"; K, M and G are powers of 1024. */
int conn_parse_size(const char *label, const char *text, uint64_t *ret, struct error *error);

int conn_parse_number(const char *label, const char *text, uint64_t *ret, struct error *error);

/* "10.1.0.5", "10.20.0.0/16", "10.1.0.5-10.1.0.9", and the same in IPv6. */
int conn_parse_range(const char *label, const char *text, struct conn_range *ret,
                     struct error *error);

/* A domain in lower case, from the heap. With `pattern` also "*.contoso.com", and with `any` "*".
 */
int conn_parse_domain(const char *label, const char *text, bool pattern, bool any, char **ret,
                      struct error *error);

/* "mail.contoso.com", "mail.contoso.com:587", "10.1.0.5", "[2001:db8::1]:25"; the port is 25 unless
 * it is given. ret->name is from the heap. */
int conn_parse_host(const char *label, const char *text, struct conn_host *ret,
                    struct error *error);

/* "0.0.0.0:25", "[::]:25": an address of our own. Port 0 lets the system choose. */
int conn_parse_address(const char *label, const char *text, struct sockaddr_storage *ret,
                       socklen_t *ret_length, struct error *error);

/* Which of `names` (NULL ends them) the text is. */
int conn_parse_word(const char *label, const char *text, const char *const *names, unsigned *ret,
                    struct error *error);

/* The name of a connector, certificate or list of anchors: it is typed in shells, stands in
 * Received lines and in logs, so it is printable ASCII without ( ) < > \ ". */
int conn_check_name(const char *label, const char *text, struct error *error);

#endif
