/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternd and postern-signer say to each other: one message a packet over SOCK_SEQPACKET.
 *
 *     posternd                                   postern-signer
 *     HELLO (its version)            →
 *                                    ←           HELLO (the same version, or it ends; its pid)
 *     OPEN (where a key is)          →
 *                                    ←           PROGRESS when it begins, and after each step
 *                                    ←           OPENED (what was proved) or FAILED
 *     SIGN (key, algorithm, data)    →
 *                                    ←           SIGNED or FAILED, in any order
 *     CLOSE (key)                    →           (no answer)
 *     LIST (where a token is)        →
 *                                    ←           FOUND for each thing on it, then LISTED, or FAILED
 *     FIND (a public key, and where) →
 *                                    ←           FOUND for the private key, then LISTED, or FAILED
 *     GENERATE (where, what kind)    →
 *                                    ←           GENERATED (public key, where it is) or FAILED
 *
 * Every request bears an id of the asker's choice, and its answer the same. Integers are little
 * endian; text is a 16-bit count, the bytes (none of them NUL) and one NUL; bytes are a 16-bit
 * count and the bytes. There is exactly one encoding of a message: a decoder that took it gives the
 * same packet again. Pure functions, no allocation, any thread. Text and bytes in a struct are
 * borrowed: from the caller when encoding, from the packet after decoding. */
#ifndef POSTERN_PKI_WIRE_H
#define POSTERN_PKI_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "pki/key.h"

enum {
    PKI_WIRE_VERSION = 3,
    PKI_WIRE_MAXIMUM = 20480,     /* bytes of a packet */
    PKI_WIRE_TEXT_MAXIMUM = 1024, /* bytes of a URI or a path */
    PKI_WIRE_PUBLIC_KEY_MAXIMUM = 2304
};

enum pki_wire_type {
    PKI_WIRE_HELLO = 1,
    PKI_WIRE_OPEN,
    PKI_WIRE_OPENED,
    PKI_WIRE_CLOSE,
    PKI_WIRE_SIGN,
    PKI_WIRE_SIGNED,
    PKI_WIRE_FAILED,
    PKI_WIRE_LIST,
    PKI_WIRE_FOUND,
    PKI_WIRE_LISTED,
    PKI_WIRE_PROGRESS, /* has no fields */
    PKI_WIRE_FIND,
    PKI_WIRE_GENERATE,
    PKI_WIRE_GENERATED,
    PKI_WIRE_END
};

/* The ladder by which a lost token comes back, from the cheapest step to the dearest. The first two
 * are the signer's own; the last is posternd's, which lets the signer end and starts it again. On
 * the wire the steps that one request took are a set: bit 1u << step. */
enum pki_recovery {
    PKI_RECOVERY_NONE,
    PKI_RECOVERY_SESSION, /* a new session, one login, the key found and proved again */
    PKI_RECOVERY_MODULE,  /* C_Finalize and C_Initialize first */
    PKI_RECOVERY_PROCESS, /* a new signer */
    PKI_RECOVERY_END
};
const char *pki_recovery_name(enum pki_recovery recovery); /* "none", "session" … */

struct pki_wire_bytes {
    const uint8_t *at;
    size_t length;
};

/* Which file held a PIN that was refused, so that the same is not tried again after a restart:
 * nothing of the PIN itself. All zero: none. */
struct pki_wire_file {
    uint64_t inode, size, modified; /* nanoseconds since 1970 */
};

struct pki_wire_hello {
    uint32_t version;
    uint32_t process; /* the sender's pid, for people: nothing is done to it. 0: not said */
};

/* A NULL text is sent as an empty one, and an empty one means "not given". */
struct pki_wire_open {
    uint32_t key; /* the asker's number for it */
    uint32_t sessions, timeout;
    struct pki_wire_file refused;
    const char *uri, *token, *module, *pin_source;
    struct pki_wire_bytes public_key; /* SubjectPublicKeyInfo, DER */
};

struct pki_wire_opened {
    uint32_t key, algorithms, sessions, logged_in, recovery;
    const char *token, *module, *manufacturer, *model, *serial;
    const char *note, *cure; /* what the administrator should know although the key works */
};

struct pki_wire_close {
    uint32_t key;
};

struct pki_wire_sign {
    uint32_t key, algorithm;
    struct pki_wire_bytes data;
};

struct pki_wire_signed {
    uint32_t recovery, algorithms; /* algorithms: what is proved now, after each recovery anew */
    struct pki_wire_bytes signature;
};

struct pki_wire_failed {
    uint32_t code, recovery;
    uint32_t lost;        /* 1: the key cannot be used until it was opened anew */
    uint32_t pin_refused; /* 0 or 1 */
    uint32_t algorithms;  /* as in SIGNED; 0: nothing is known of them */
    struct pki_wire_file refused;
    const char *what, *where, *cure;
};

struct pki_wire_list {
    uint32_t sessions, timeout;
    struct pki_wire_file refused;
    const char *token, *module, *pin_source;
};

enum pki_found_kind { PKI_FOUND_TOKEN = 1, PKI_FOUND_KEY, PKI_FOUND_CERTIFICATE, PKI_FOUND_END };

struct pki_wire_found {
    uint32_t kind, logged_in;
    const char *uri;  /* by which the configuration can name it */
    const char *text; /* of a token: its module; else a type of key, or a subject and its end */
};

struct pki_wire_listed {
    uint32_t count; /* of what was found */
};

/* As an OPEN that closes at once: the answer is the URI by which the key can be named. */
struct pki_wire_find {
    uint32_t sessions, timeout;
    struct pki_wire_file refused;
    const char *uri, *token, *module, *pin_source;
    struct pki_wire_bytes public_key; /* SubjectPublicKeyInfo, DER */
};

struct pki_wire_generate {
    uint32_t type; /* enum pki_key_type */
    uint32_t sessions, timeout;
    struct pki_wire_file refused;
    const char *token, *module, *pin_source;
    const char *label;
    struct pki_wire_bytes id;
};

struct pki_wire_generated {
    const char *uri;                  /* of the private key, with its id */
    struct pki_wire_bytes public_key; /* SubjectPublicKeyInfo, DER */
};

struct pki_wire_message {
    enum pki_wire_type type;
    uint32_t id;
    union {
        struct pki_wire_hello hello;
        struct pki_wire_open open;
        struct pki_wire_opened opened;
        struct pki_wire_close close;
        struct pki_wire_sign sign;
        struct pki_wire_signed signature;
        struct pki_wire_failed failed;
        struct pki_wire_list list;
        struct pki_wire_found found;
        struct pki_wire_listed listed;
        struct pki_wire_find find;
        struct pki_wire_generate generate;
        struct pki_wire_generated generated;
    };
};

/* The length of the packet, or -EX_DATAERR when a field is out of its bounds or `size` is too small
 * (PKI_WIRE_MAXIMUM is always enough). */
int pki_wire_encode(const struct pki_wire_message *message, uint8_t *packet, size_t size);

/* 0, or -EX_PROTOCOL for anything that pki_wire_encode() would not have made. */
int pki_wire_decode(const uint8_t *packet, size_t length, struct pki_wire_message *message);

#endif
