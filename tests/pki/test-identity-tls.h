/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of a TLS connection in one process, joined by memory BIOs, for the tests of identities.
 */
#ifndef POSTERN_TESTS_IDENTITY_TLS_H
#define POSTERN_TESTS_IDENTITY_TLS_H

#include <openssl/ssl.h>

#include "pki/identity.h"
#include "pki/identity-private.h"
#include "tests/pki/test-identity-key.h"

/* One identity with its key, from a chain of the test's. */
struct test_party {
    struct test_chain chain;
    struct test_signing_key *key;
    struct pki_identity *identity;
};
void test_party_init(struct test_party *party, struct pki_library *library, enum test_key which);
void test_party_clear(struct test_party *party);

struct test_ends {
    SSL *client, *server;
};
/* SSLs from the contexts, joined; the session may be NULL. */
void test_ends_init(struct test_ends *ends, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session);
void test_ends_clear(struct test_ends *ends);
/* True when both sides finished, and a byte went each way. */
bool test_handshake(struct test_ends *ends);

/* Contexts of one version that verify the other side with `anchors`; the server demands a
 * certificate. */
SSL_CTX *test_client_context(struct pki_library *library, int version, X509_STORE *anchors);
SSL_CTX *test_server_context(struct pki_library *library, int version, X509_STORE *anchors);

#endif
