/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * An identity: the certificate chain that we present, and its key.
 *
 * It lives across configurations, and what it presents can be switched at one stroke, on any
 * thread: every handshake that begins after that presents the new certificate, also one whose
 * context was made long before; connections that stand keep what they began with. Counted; any
 * thread. */
#ifndef POSTERN_PKI_IDENTITY_H
#define POSTERN_PKI_IDENTITY_H

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/library.h"
#include "pki/signer.h"

struct pki_identity;

struct pki_identity_source {
    const char *name;
    const char *chain; /* PEM file: the leaf first, then intermediates in order; the root may be
                          there, it is not sent */
    struct pki_key_source key;
    const struct pki_key_source *others; /* where else the same key is, in the order of preference:
                                            see pki_key_open_places() */
    size_t other_count;
};

/* Reads and checks the chain alone (no key): each certificate issued by the next, none expired or
 * not yet valid (expired: a warning sentence in `warning`, of `size` bytes, not a failure).
 * EX_CONFIG with file and cure. */
int pki_chain_check(const char *path, char *warning, size_t size, struct error *error);

/* Loads the chain and opens the key: an identity of its own, whatever `previous` is; see
 * pki_key_open() for `wait_for_token`. When `previous` is an identity with the same key sources and
 * public key, its open key is shared instead of opened again; what it waits for (a token, a PIN
 * that was right) is tried at once.
 */
int pki_identity_load(struct pki_library *library, struct pki_signer *signer,
                      const struct pki_identity_source *source, bool wait_for_token,
                      struct pki_identity *previous, struct pki_identity **ret,
                      struct error *error);
struct pki_identity *pki_identity_ref(struct pki_identity *identity);
struct pki_identity *pki_identity_unref(struct pki_identity *identity);
DEFINE_CLEANUP(struct pki_identity *, pki_identity_unref)

const char *pki_identity_name(const struct pki_identity *identity);
/* Of the version in force. The reference is the caller's. */
X509 *pki_identity_certificate_ref(const struct pki_identity *identity);
struct pki_key *pki_identity_key_ref(const struct pki_identity *identity);
/* The chain in force as it is sent, PEM; the caller frees. NULL: no memory. */
char *pki_identity_pem(const struct pki_identity *identity);
/* True when a DNS name of the certificate (SAN; RFC 9525) is `host`. */
bool pki_identity_has_name(const struct pki_identity *identity, const char *host);
/* True when both present the same chain, with a key from the same sources. */
bool pki_identity_same(const struct pki_identity *one, const struct pki_identity *other);

/* True when its key is at this URI or path: one of the places it was opened from. */
bool pki_identity_has_key(const struct pki_identity *identity, const char *key);

/* From now on `identity` presents what `other` presents; cannot fail. */
void pki_identity_switch(struct pki_identity *identity, const struct pki_identity *other);
/* The number of the version in force: no two versions of a process have the same. */
uint64_t pki_identity_serial(const struct pki_identity *identity);
/* The number of the version that this connection presents or would present; 0: none. */
uint64_t pki_identity_serial_of(const SSL *connection);
/* Whether a session may be resumed by a connection with this identity: it was made under the
 * version that is in force. */
bool pki_identity_may_resume(const struct pki_identity *identity, const SSL_SESSION *session);

/* Binds the sessions of a server's connection, after pki_identity_prepare(), to the version in
 * force and to a key of the caller's. False: no memory. */
enum { PKI_SESSION_KEY = 32 }; /* bytes */
bool pki_identity_bind_sessions(SSL *connection, const unsigned char key[static PKI_SESSION_KEY]);

/* One signature with the key, verified with the certificate. Blocks on the signer. EX_TEMPFAIL,
 * EX_UNAVAILABLE, EX_CONFIG as pki_key_operations.sign; EX_CONFIG when it does not verify. */
int pki_identity_self_test(const struct pki_identity *identity, struct error *error);

/* Makes every connection of `context` present what the identity has in force when its handshake
 * begins. The context must come from TLS_client_method() or TLS_server_method() with the library's
 * context, and serve no other identity; it holds neither certificate nor key itself, so that those
 * that were switched away from go with their last connection. What we sign with is limited to what
 * the key's self-test proved:
 *
 *   client: the list of SSL_set1_client_sigalgs_list() (OpenSSL consults it for our own
 *           CertificateVerify; what we take from the server stays as it was);
 *   server: the list of SSL_set1_sigalgs_list(); that of client_sigalgs is then set to
 * OpenSSL's usual one, for else our limits would be sent to the client as its own.
 *
 * What TLS 1.0 and 1.1 sign with (SHA-1, MD5 with SHA-1) is in neither list: only a server whose
 * context allows those versions, at security level 0, comes to use it, and only in them.
 *
 * A key that cannot do PSS caps its connections at TLS 1.2, EX_CONFIG when the context wants 1.3. A
 * client whose identity suits none of the algorithms that the server takes fails in the handshake,
 * where OpenSSL alone would go on without a certificate; it takes the context's certificate
 * callback for that. The reason of such a failure is in pki_library_last_error(). */
int pki_identity_use(struct pki_identity *identity, SSL_CTX *context, struct error *error);
/* The same context is another identity's from now on: that of the configuration in force, where it
 * was made with what is to be taken up. EX_OSERR. */
int pki_identity_bind(struct pki_identity *identity, SSL_CTX *context, struct error *error);

/* Puts the version in force on one connection, with the same limits, by what is proved now; to be
 * called on every SSL before its handshake. What was switched between this call and the handshake
 * is taken up as it begins (a client's first flight, a server's reading of the ClientHello), and by
 * a client even as late as the server's request for the certificate, where the new key signs the
 * same ways. A session is resumed only under the version it was made with.
 *
 * That is also how an identity whose token was not there at pki_identity_use(), or had no PSS then,
 * comes to be used rightly, without a new context, as soon as its key is ready. Until then
 * (algorithms 0) it limits to what keys of its type can, and the signature itself fails with
 * EX_TEMPFAIL and its reason. */
int pki_identity_prepare(const struct pki_identity *identity, SSL *connection, struct error *error);

#endif
