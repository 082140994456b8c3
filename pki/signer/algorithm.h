/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic around a signature that a token leaves to us: what is put in front of it, what is
 * made of its answer, and the proof that it is right.
 *
 * Pure functions; any thread. */
#ifndef POSTERN_PKI_SIGNER_ALGORITHM_H
#define POSTERN_PKI_SIGNER_ALGORITHM_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/error.h"
#include "pki/key.h"

/* Bytes in and out: `length` is the room before and what was written after. All return 0 or -1. */
struct bytes {
    const uint8_t *at;
    size_t length;
};

/* True when `data` is of the length that the algorithm takes. */
bool algorithm_takes(enum pki_algorithm algorithm, size_t length);

/* DigestInfo, RFC 8017 9.2 note 1: what CKM_RSA_PKCS wants. */
int encode_digest_info(enum pki_algorithm algorithm, struct bytes digest, uint8_t *out,
                       size_t *length);
/* EMSA-PSS, RFC 8017 9.1.1, salt as long as the digest, as a block of the modulus' length: what
 * CKM_RSA_X_509 wants. */
int encode_pss(enum pki_algorithm algorithm, struct bytes digest, int modulus_bits, uint8_t *out,
               size_t *length);
/* r and s side by side, which is what tokens give, as the DER that TLS wants (RFC 3279 2.2.3). */
int encode_ecdsa(struct bytes raw, uint8_t *out, size_t *length);

/* Signs with a key in memory: PEM files, and tests. */
int sign_in_memory(EVP_PKEY *key, enum pki_algorithm algorithm, struct bytes data, uint8_t *out,
                   size_t *length);
/* True when the signature is right. */
bool verify_signature(EVP_PKEY *public_key, enum pki_algorithm algorithm, struct bytes data,
                      struct bytes signature);

/* Signs for the self-test: one attempt. 0, or an error; `context` is the caller's. */
typedef int prove_sign(void *context, enum pki_algorithm algorithm, struct bytes data,
                       uint8_t *signature, size_t *length, struct error *error);

/* The self-test: signs with every algorithm that the public key's type allows, and verifies each.
 * 0 and the set of those proved when there is at least one; else -EX_CONFIG when the signatures did
 * not belong to this public key, or the last failure to sign. With `strict` the first signature
 * that is wrong is enough: for one of many keys. */
int prove_algorithms(EVP_PKEY *public_key, bool strict, prove_sign *sign, void *context,
                     uint32_t *proved, struct error *error);

/* -EX_CONFIG: the private key does not belong to the certificate. */
int refuse_key(struct error *error);

#endif
