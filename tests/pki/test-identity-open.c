/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * pki_key_open_places() for tests without a signer: it hands out keys in memory, and counts. */
#include "tests/pki/test-identity-open.h"

#include <check.h>

unsigned test_opens;
bool test_token_missing;

int pki_key_open_places(struct pki_signer *signer, const struct pki_key_source *sources,
                        size_t count, EVP_PKEY *public_key, bool wait_for_token,
                        struct pki_key **ret, struct error *error)
{
    (void)signer, (void)count;
    test_opens++;
    if (test_token_missing && !wait_for_token) {
        error_set(error, EX_UNAVAILABLE, "There is no token %s", sources[0].key);
        return error_cure(error, "plug it in");
    }
    for (enum test_key which = 0; which < TEST_KEY_END; which++)
        if (EVP_PKEY_eq(test_key(which), public_key) == 1) {
            struct test_signing_key *key = test_signing_key(which);
            if (test_token_missing)
                key->key.algorithms = 0;
            *ret = &key->key;
            return 0;
        }
    return error_set(error, EX_CONFIG, "The key does not match the certificate");
}
