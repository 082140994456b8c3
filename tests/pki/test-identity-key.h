/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A struct pki_key in memory, for tests: it signs with an EVP_PKEY, counts, and fails when told to.
 */
#ifndef POSTERN_TESTS_IDENTITY_KEY_H
#define POSTERN_TESTS_IDENTITY_KEY_H

#include <stdbool.h>

#include "pki/key.h"
#include "tests/pki/test-peer-certificates.h"

struct test_signing_key {
    struct pki_key key;
    EVP_PKEY *private_key; /* borrowed */
    unsigned signatures;   /* atomic */
    enum pki_algorithm last;
    bool failing; /* sign answers EX_TEMPFAIL */
};

/* With every algorithm that the type of key has; one reference, the caller's. */
struct test_signing_key *test_signing_key(enum test_key which);
unsigned test_signing_keys_alive(void);

#define TEST_FAILURE "The token does not answer within 5000 ms"

#endif
