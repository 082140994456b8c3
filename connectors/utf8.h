/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. Pure. */
#ifndef POSTERN_CONNECTORS_UTF8_H
#define POSTERN_CONNECTORS_UTF8_H

#include <stddef.h>

/* How many of the `length` bytes (at least one) make the character at their beginning; 0: none. */
size_t conn_utf8_length(const char *bytes, size_t length);

#endif
