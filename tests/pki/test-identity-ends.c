/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test-identity-tls.h. */
#include <check.h>
#include <openssl/err.h>

#include "tests/pki/test-identity-tls.h"

void test_party_init(struct test_party *party, struct pki_library *library, enum test_key which)
{
    struct error error;
    party->chain = test_chain(which, TEST_LEAF_SUBJECT, NULL);
    party->key = test_signing_key(which);
    X509 *all[] = {party->chain.leaf, party->chain.intermediate, party->chain.root};
    char *path = test_write_pem(all, 3);
    struct pki_identity_source source = {.name = "hybrid", .chain = path, .key = {.key = "/key"}};
    int result =
        pki_identity_from_key(library, &source, &party->key->key, &party->identity, &error);
    ck_assert_msg(result == 0, "%s", error.what);
    test_remove(path);
}

void test_party_clear(struct test_party *party)
{
    pki_identity_unref(party->identity);
    pki_key_unref(&party->key->key);
    test_chain_clear(&party->chain);
}

static SSL_CTX *make_context(struct pki_library *library, const SSL_METHOD *method, int version,
                             X509_STORE *anchors, int mode)
{
    SSL_CTX *context = SSL_CTX_new_ex(pki_library_context(library), NULL, method);
    ck_assert_ptr_nonnull(context);
    ck_assert(SSL_CTX_set_min_proto_version(context, version));
    ck_assert(SSL_CTX_set_max_proto_version(context, version));
    SSL_CTX_set1_cert_store(context, anchors);
    SSL_CTX_set_verify(context, mode, NULL);
    return context;
}

SSL_CTX *test_client_context(struct pki_library *library, int version, X509_STORE *anchors)
{
    return make_context(library, TLS_client_method(), version, anchors, SSL_VERIFY_PEER);
}

SSL_CTX *test_server_context(struct pki_library *library, int version, X509_STORE *anchors)
{
    SSL_CTX *context = make_context(library, TLS_server_method(), version, anchors,
                                    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    ck_assert(SSL_CTX_set_session_id_context(context, (const unsigned char *)"test", 4));
    return context;
}

void test_ends_init(struct test_ends *ends, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session)
{
    BIO *one = NULL, *other = NULL;
    ends->client = SSL_new(client);
    ends->server = SSL_new(server);
    ck_assert(ends->client && ends->server && BIO_new_bio_pair(&one, 0, &other, 0));
    SSL_set_bio(ends->client, one, one);
    SSL_set_bio(ends->server, other, other);
    SSL_set_connect_state(ends->client);
    SSL_set_accept_state(ends->server);
    if (session)
        ck_assert(SSL_set_session(ends->client, session));
}

void test_ends_clear(struct test_ends *ends)
{
    SSL_free(ends->client);
    SSL_free(ends->server);
}

/* 1: done, 0: waits for the other, -1: failed. */
static int step(SSL *end)
{
    ERR_clear_error();
    int result = SSL_do_handshake(end);
    if (result == 1)
        return 1;
    int reason = SSL_get_error(end, result);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool exchange_byte(SSL *from, SSL *to)
{
    char byte = 'x';
    return SSL_write(from, &byte, 1) == 1 && SSL_read(to, &byte, 1) == 1 && byte == 'x';
}

bool test_handshake(struct test_ends *ends)
{
    int client = 0, server = 0;
    for (unsigned round = 0; round < 20 && (client != 1 || server != 1); round++) {
        if (client != 1)
            client = step(ends->client);
        if (server != 1)
            server = step(ends->server);
        if (client < 0 || server < 0)
            return false;
    }
    /* The server's byte first: the client reads the session tickets with it. */
    return client == 1 && server == 1 && exchange_byte(ends->server, ends->client) &&
           exchange_byte(ends->client, ends->server);
}
