/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A private key that someone else holds.
 *
 * What posternd knows of a key is this handle and the public half in the certificate. The
 * operations are a small table, so that the signer process (signer.h) and a test's key in memory
 * stand in the same place. Handles are counted; sign may be called on any number of threads at
 * once. */
#ifndef POSTERN_PKI_KEY_H
#define POSTERN_PKI_KEY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

/* What may be asked of a key. The numbers are those of the wire between posternd and its signer. */
enum pki_algorithm {
    PKI_RSA_PKCS1_SHA256 = 1, /* data: the digest; RFC 8017 8.2, DigestInfo made by the signer */
    PKI_RSA_PKCS1_SHA384,
    PKI_RSA_PKCS1_SHA512,
    PKI_RSA_PSS_SHA256, /* data: the digest; MGF1 and salt as long as the digest, RFC 8446 4.2.3 */
    PKI_RSA_PSS_SHA384,
    PKI_RSA_PSS_SHA512,
    PKI_ECDSA_SHA256, /* data: the digest; the signature is DER (RFC 3279 2.2.3) */
    PKI_ECDSA_SHA384,
    PKI_ECDSA_SHA512,
    PKI_ED25519,            /* data: the whole message (RFC 8032) */
    PKI_RSA_PKCS1_MD5_SHA1, /* data: MD5, then SHA-1; no DigestInfo, RFC 4346 4.7 */
    PKI_ECDSA_SHA1,         /* data: the digest; RFC 4492 5.4 */
    PKI_ALGORITHM_END
};

enum {
    PKI_SIGNATURE_MAXIMUM = 1024, /* bytes: RSA of 8192 bits */
    PKI_MESSAGE_MAXIMUM = 16384   /* bytes to be signed in one request */
};

/* What an algorithm is: its scheme, the digest it takes, and its name, which is that of RFC 8446
 * 4.2.3 where it has one. */
enum pki_scheme { PKI_SCHEME_RSA_PKCS1, PKI_SCHEME_RSA_PSS, PKI_SCHEME_ECDSA, PKI_SCHEME_EDDSA };
struct pki_algorithm_info {
    const char *name;
    enum pki_scheme scheme;
    const char *digest;   /* OpenSSL's name; NULL: the whole message is signed */
    size_t digest_length; /* 0 with it */
    bool old;             /* for TLS 1.0 and 1.1, and for nothing else */
};
/* NULL when there is no such algorithm. */
const struct pki_algorithm_info *pki_algorithm_info(enum pki_algorithm algorithm);

/* Every algorithm that a key of this type may sign with, as in struct pki_key; 0: a type that
 * Postern does not use. */
uint32_t pki_algorithms_of(const EVP_PKEY *public_key);
/* The names of a set, with spaces; cut to fit; returns text. */
const char *pki_algorithms_text(uint32_t algorithms, char *text, size_t size);
/* "RSA 2048", "EC P-256", "Ed25519"; cut to fit; returns text. */
const char *pki_key_type_text(const EVP_PKEY *public_key, char *text, size_t size);

/* What kind of key can be made. The numbers are those of the wire. */
enum pki_key_type {
    PKI_KEY_RSA_2048 = 1,
    PKI_KEY_RSA_3072,
    PKI_KEY_RSA_4096,
    PKI_KEY_EC_P256,
    PKI_KEY_EC_P384,
    PKI_KEY_ED25519,
    PKI_KEY_TYPE_END
};
/* "rsa:3072", "ec:p256", "ed25519"; "unknown" for no type. */
const char *pki_key_type_name(enum pki_key_type type);
/* The way back, whatever the case; 0: no such type. */
enum pki_key_type pki_key_type_by_name(const char *name);
/* The type to take for the successor of a key: its own, or RSA 3072 for a shorter RSA key; 0: none
 * of these. */
enum pki_key_type pki_key_type_like(const EVP_PKEY *public_key);

enum { PKI_LABEL_MAXIMUM = 128, PKI_ID_MAXIMUM = 64 }; /* bytes of CKA_LABEL and CKA_ID */

struct pki_key;

struct pki_key_operations {
    /* Blocks until the signature is there or the key's deadline has passed. `*length` is the room
     * in `signature` before, and its length after. EX_TEMPFAIL: may work later; EX_UNAVAILABLE: the
     * key or its token is not there; EX_CONFIG: only an administrator can mend it. */
    int (*sign)(struct pki_key *key, enum pki_algorithm algorithm, const uint8_t *data,
                size_t data_length, uint8_t *signature, size_t *length, struct error *error);
    /* The administrator says that something has changed: what is waited for is tried now. NULL:
     * nothing ever is. */
    void (*retry)(struct pki_key *key);
    void (*free)(struct pki_key *key); /* at the last unref */
};

/* The first member of every implementation. */
struct pki_key {
    const struct pki_key_operations *operations;
    unsigned references; /* atomic */
    uint32_t algorithms; /* atomic; bit 1u << enum pki_algorithm: proved by a verified
                            self-test; 0 while the key is waited for */
    unsigned waiting;    /* atomic; handshakes that wait for a signature at this moment */
};

/* So many may: one more is refused at once, and a token that hangs does not take the threads that
 * handshakes with other keys need. */
enum { PKI_KEY_WAITING_MAXIMUM = 224 };

/* The algorithms as they are at this moment. */
static inline uint32_t pki_key_algorithms(const struct pki_key *key)
{
    return __atomic_load_n(&key->algorithms, __ATOMIC_ACQUIRE);
}

void pki_key_retry(struct pki_key *key);
struct pki_key *pki_key_ref(struct pki_key *key);
struct pki_key *pki_key_unref(struct pki_key *key); /* bears NULL; returns NULL */
DEFINE_CLEANUP(struct pki_key *, pki_key_unref)

#endif
