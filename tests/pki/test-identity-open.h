/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test-identity-open.c: a pki_key_open_places() of the test's own, which stands before the library's.
 */
#ifndef POSTERN_TESTS_IDENTITY_OPEN_H
#define POSTERN_TESTS_IDENTITY_OPEN_H

#include "pki/signer.h"
#include "tests/pki/test-identity-key.h"

extern unsigned test_opens;     /* calls so far */
extern bool test_token_missing; /* EX_UNAVAILABLE, or a key without algorithms for who waits */

#endif
