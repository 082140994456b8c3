/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Domains in the one form in which they are compared: ASCII, in lower case, an international label
 * as its A-label (RFC 5890), "xn--mnchen-3ya.example". Pure functions, any thread. */
#ifndef POSTERN_CONNECTORS_DOMAIN_H
#define POSTERN_CONNECTORS_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

enum { CONN_DOMAIN_ROOM = 256 }; /* bytes, with the NUL */

/* `text` itself when it is ASCII, else its A-labels (IDNA2008, non-transitional UTS 46) in `room`;
 * NULL: it is no name that could be one. Lower case is made of what is not ASCII alone. */
const char *conn_domain_ascii(const char *text, char room[CONN_DOMAIN_ROOM]);

/* True when `domain` is covered by `pattern` ("contoso.com", "*.contoso.com", "*"); both in the
 * form above. */
bool conn_domain_matches(const char *pattern, const char *domain);

#endif
