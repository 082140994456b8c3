/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The built-in OpenSSL provider "postern", seen from inside pki/ only.
 *
 * It offers key management and one-shot signatures for keys whose private half is a struct pki_key.
 * provider.c has the tables that OpenSSL asks for, provider-key.c the keys, provider-signature.c
 * the signatures. Everything is counted atomically and may be used on any thread. */
#ifndef POSTERN_PKI_PROVIDER_H
#define POSTERN_PKI_PROVIDER_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/key.h"

#define PROVIDER_NAME "postern"
#define PROVIDER_PROPERTIES "provider=" PROVIDER_NAME

/* A parameter of EVP_PKEY_fromdata() that only library.c sends: the address of a struct
 * provider_key_material as an octet string. Both halves are copied by reference. */
#define PROVIDER_PARAM_MATERIAL "postern-key"

struct provider_key_material {
    EVP_PKEY *public_key;
    struct pki_key *key;
};

enum provider_key_type { PROVIDER_RSA, PROVIDER_EC, PROVIDER_ED25519 };

/* What OpenSSL calls the key data: counted, never changed once it is filled. `key` is NULL where
 * OpenSSL imported a public key alone, to compare it. */
struct provider_key {
    unsigned references; /* atomic */
    enum provider_key_type type;
    OSSL_LIB_CTX *context; /* borrowed: the library outlives its keys */
    EVP_PKEY *public_key;
    struct pki_key *key;
};

struct provider_key *provider_key_ref(struct provider_key *key);
struct provider_key *provider_key_unref(struct provider_key *key);
DEFINE_CLEANUP(struct provider_key *, provider_key_unref)

OSSL_provider_init_fn provider_initialize;

extern const OSSL_DISPATCH provider_rsa_key_functions[];
extern const OSSL_DISPATCH provider_ec_key_functions[];
extern const OSSL_DISPATCH provider_ed25519_key_functions[];
extern const OSSL_DISPATCH provider_signature_functions[];

/* In library.c: asks the key for a signature between the wait hooks, and keeps the reason of a
 * failure for pki_library_last_error(). */
int provider_sign(struct pki_key *key, enum pki_algorithm algorithm, const uint8_t *data,
                  size_t data_length, uint8_t *signature, size_t *length);
/* The same for a failure found before the key was asked. Returns 0, OpenSSL's word for failure. */
int provider_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
