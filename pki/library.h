/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The OpenSSL library context in which private keys may live behind the signer.
 *
 * It holds the default provider and a built-in one, "postern", that knows keys of type RSA, EC and
 * ED25519 whose private half is a struct pki_key. Every SSL_CTX of the gateway is made from it, after
 * it is complete (`?provider!=postern` are its default properties). One a process; made before any
 * thread, freed after the last. */
#ifndef POSTERN_PKI_LIBRARY_H
#define POSTERN_PKI_LIBRARY_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/key.h"

struct pki_library;

int pki_library_new(struct pki_library **ret, struct error *error);
struct pki_library *pki_library_free(struct pki_library *library);
DEFINE_CLEANUP(struct pki_library *, pki_library_free)

OSSL_LIB_CTX *pki_library_context(struct pki_library *library);

/* An EVP_PKEY with the public half of `public_key` whose private half is `key` (a reference is taken
 * and dropped with the EVP_PKEY). Signing blocks its thread as pki_key_operations.sign does. A
 * failed signature leaves its reason in pki_library_last_error() of the same thread. */
int pki_library_private_key(struct pki_library *library, EVP_PKEY *public_key, struct pki_key *key,
                            EVP_PKEY **ret, struct error *error);

/* The error of the last signature that failed on this thread, or NULL; the next call of clear or a
 * signature forgets it. Thread-local. */
const struct error *pki_library_last_error(void);
void pki_library_clear_error(void);

/* Called on the signing thread just before it blocks and just after: a thread pool may let another
 * thread run meanwhile. When `before` says false there is no room for another that waits: the
 * signature fails at once with EX_TEMPFAIL, and `after` is not called. NULL: nothing. Set once
 * before any thread. */
void pki_library_set_wait_hooks(bool (*before)(void), void (*after)(void));

#endif
