/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * An identity put to use: certificate, chain and key in a context, and the version in force on each
 * connection.
 *
 * A context keeps the version that it was made with. A connection gets the one in force when it is
 * prepared, and once more at the last moment: as the handshake begins, which may be a good while
 * later when the pool of threads is busy. Contexts belong to one thread while they are made,
 * connections to one thread always. */
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#include "pki/identity-private.h"
#include "pki/provider.h"

/* Of a connection: which version it presents. */
struct bound {
    struct pki_slot *slot;       /* counted */
    struct pki_version *version; /* counted; NULL: not prepared yet */
    unsigned char key[PKI_SESSION_KEY];
    bool has_key;        /* a server's: sessions are bound to it as well */
    bool begun;          /* the handshake */
    struct error *error; /* the version in force could not be put on it as it began; NULL: none */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int context_index = -1, connection_index = -1;

static void free_context_slot(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index,
                              long number, void *argument)
{
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    pki_slot_unref(pointer);
}

static void free_bound(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                       void *argument)
{
    struct bound *bound = pointer;
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    if (!bound)
        return;
    pki_slot_unref(bound->slot);
    pki_version_unref(bound->version);
    free(bound->error);
    free(bound);
}

static void make_indexes(void)
{
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_context_slot);
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_bound);
}

static struct bound *bound_of(const SSL *connection)
{
    pthread_once(&once, make_indexes);
    return connection_index < 0 ? NULL : SSL_get_ex_data(connection, connection_index);
}

static int refused_by_openssl(struct error *error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, EX_CONFIG, "OpenSSL does not take the certificate: %s",
              reason ? reason : "no reason given");
    ERR_clear_error();
    return -error->code;
}

/* --- one connection --- */

/* A session made under one version is not resumed under another, on either side: OpenSSL compares
 * this. It stays the same for all contexts of an identity. */
static bool session_context(uint64_t serial, const struct bound *bound,
                            unsigned char text[static PKI_SESSION_KEY])
{
    unsigned char bytes[8 + PKI_SESSION_KEY] = {0};
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(serial >> (56 - 8 * i));
    if (bound && bound->has_key)
        memcpy(bytes + 8, bound->key, sizeof bound->key);
    return EVP_Digest(bytes, sizeof bytes, text, NULL, EVP_sha256(), NULL) == 1;
}

static bool made_under(const SSL_SESSION *session, uint64_t serial)
{
    unsigned char wanted[PKI_SESSION_KEY];
    unsigned length = 0;
    const unsigned char *found = SSL_SESSION_get0_id_context(session, &length);
    return session_context(serial, NULL, wanted) && length == sizeof wanted &&
           memcmp(found, wanted, sizeof wanted) == 0;
}

static bool bind_sessions(const struct bound *bound, uint64_t serial, SSL *connection)
{
    unsigned char context[PKI_SESSION_KEY];
    return session_context(serial, bound, context) &&
           SSL_set_session_id_context(connection, context, sizeof context) == 1;
}

static int put_certificate(const struct pki_version *version, SSL *connection, struct error *error)
{
    SSL_certs_clear(connection); /* one of another type would stand beside the new one */
    return SSL_use_cert_and_key(connection, version->chain.leaf, version->pair,
                                version->chain.intermediates, 1) == 1
               ? 0
               : refused_by_openssl(error);
}

/* Takes the version over when it succeeds. */
static int put_version(struct bound *bound, struct pki_version **version, SSL *connection,
                       struct error *error)
{
    SSL_CTX *context = SSL_get_SSL_CTX(connection);
    if (*version != bound->version) {
        int result = put_certificate(*version, connection, error);
        if (result < 0)
            return result;
        /* The former one may have lowered it. */
        SSL_set_max_proto_version(connection, (int)SSL_CTX_get_max_proto_version(context));
    }
    if (!bind_sessions(bound, (*version)->serial, connection))
        return refused_by_openssl(error);
    int result = pki_version_limit(*version, connection, error);
    if (result < 0)
        return result;
    pki_version_unref(bound->version);
    bound->version = TAKE_PTR(*version);
    return 0;
}

/* NULL: no memory. */
static struct bound *bind_to(SSL *connection, struct pki_slot *slot)
{
    struct bound *bound = calloc(1, sizeof *bound);
    if (!bound || SSL_set_ex_data(connection, connection_index, bound) != 1) {
        free(bound);
        return NULL;
    }
    __atomic_add_fetch(&slot->references, 1, __ATOMIC_RELAXED);
    bound->slot = slot;
    return bound;
}

/* One that nobody prepared is its context's. */
static struct bound *bound_or_context(SSL *connection)
{
    struct bound *bound = bound_of(connection);
    struct pki_slot *slot = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), context_index);
    return bound || !slot ? bound : bind_to(connection, slot);
}

/* The handshake begins: what was switched since the connection was prepared is taken up. */
static int take_up(SSL *connection, struct bound *bound)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(bound->slot);
    struct error error;
    bound->begun = true;
    if (version == bound->version || put_version(bound, &version, connection, &error) == 0)
        return 0;
    bound->error = malloc(sizeof *bound->error);
    if (bound->error)
        *bound->error = error;
    return -error.code;
}

/* A client has no other place before its first flight. */
static void note_progress(const SSL *constant, int where, int result)
{
    SSL *connection = (SSL *)(uintptr_t)constant; /* OpenSSL has it const for no good */
    (void)result;
    if (!(where & SSL_CB_HANDSHAKE_START))
        return;
    struct bound *bound = bound_or_context(connection);
    if (!bound || bound->begun)
        return;
    (void)take_up(connection, bound); /* a failure ends the handshake at the certificate */
    SSL_SESSION *session = SSL_get_session(connection);
    if (session && (!bound->version || !made_under(session, bound->version->serial)))
        SSL_set_session(connection, NULL);
}

/* Only where nothing but the certificate changes: the ways to sign are agreed on by now. */
static int put_late(struct bound *bound, SSL *connection)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(bound->slot);
    struct error error;
    if (version == bound->version || !pki_version_suits(version, bound->version))
        return 1;
    if (put_certificate(version, connection, &error) < 0)
        return provider_fail(error.code, "%s", error.what);
    pki_version_unref(bound->version);
    bound->version = TAKE_PTR(version);
    return 1;
}

/* The server has asked for our certificate: the last moment for another. */
static int choose_certificate(SSL *connection, void *argument)
{
    struct bound *bound = bound_of(connection);
    (void)argument;
    if (bound && bound->error)
        return provider_fail(bound->error->code, "%s", bound->error->what);
    if (!bound || !bound->version)
        return provider_fail(EX_OSERR, "There is no memory for the certificate");
    return put_late(bound, connection) ? pki_connection_suits_request(connection) : 0;
}

static int note_hello(SSL *connection, int *alert, void *argument)
{
    struct bound *bound = bound_or_context(connection);
    (void)argument;
    if (bound && (bound->begun || take_up(connection, bound) == 0))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    if (bound && bound->error)
        provider_fail(bound->error->code, "%s", bound->error->what);
    return SSL_CLIENT_HELLO_ERROR;
}

int pki_identity_prepare(const struct pki_identity *identity, SSL *connection, struct error *error)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    struct bound *bound = bound_of(connection);
    if (!bound)
        bound = bind_to(connection, identity->slot);
    if (!bound)
        return error_set(error, EX_OSERR, "There is no memory for a connection");
    int result = put_version(bound, &version, connection, error);
    return result < 0 ? error_where(error, "%s", identity->name) : 0;
}

bool pki_identity_bind_sessions(SSL *connection, const unsigned char key[static PKI_SESSION_KEY])
{
    struct bound *bound = bound_of(connection);
    if (!bound || !bound->version)
        return SSL_set_session_id_context(connection, key, PKI_SESSION_KEY) == 1;
    memcpy(bound->key, key, sizeof bound->key);
    bound->has_key = true;
    return bind_sessions(bound, bound->version->serial, connection);
}

uint64_t pki_identity_serial_of(const SSL *connection)
{
    const struct bound *bound = connection ? bound_of(connection) : NULL;
    return bound && bound->version ? bound->version->serial : 0;
}

bool pki_identity_may_resume(const struct pki_identity *identity, const SSL_SESSION *session)
{
    return made_under(session, pki_identity_serial(identity));
}

/* --- a context --- */

static int find_role(SSL_CTX *context, bool *server, struct error *error)
{
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(context);
    *server = method == TLS_server_method();
    if (*server || method == TLS_client_method())
        return 0;
    return error_set(error, EX_SOFTWARE, "The TLS context is neither a client's nor a server's");
}

int pki_identity_bind(struct pki_identity *identity, SSL_CTX *context, struct error *error)
{
    pthread_once(&once, make_indexes);
    struct pki_slot *before =
        context_index < 0 ? NULL : SSL_CTX_get_ex_data(context, context_index);
    if (context_index < 0 || SSL_CTX_set_ex_data(context, context_index, identity->slot) != 1)
        return error_set(error, EX_OSERR, "There is no memory for a TLS context");
    __atomic_add_fetch(&identity->slot->references, 1, __ATOMIC_RELAXED);
    pki_slot_unref(before);
    return 0;
}

/* On a connection that is never used: what is wrong is said now. */
static int try_it(const struct pki_identity *identity, SSL_CTX *context, bool server,
                  struct error *error)
{
    SSL *connection = SSL_new(context);
    if (!connection)
        return error_set(error, EX_OSERR, "There is no memory for a connection");
    if (server)
        SSL_set_accept_state(connection);
    else
        SSL_set_connect_state(connection);
    int result = pki_identity_prepare(identity, connection, error);
    SSL_free(connection);
    return result;
}

int pki_identity_use(struct pki_identity *identity, SSL_CTX *context, struct error *error)
{
    bool server = false;
    int result = find_role(context, &server, error);
    if (result == 0)
        result = pki_identity_bind(identity, context, error);
    if (result < 0)
        return error_where(error, "%s", identity->name);
    if (server) {
        SSL_CTX_set_client_hello_cb(context, note_hello, NULL);
    } else {
        SSL_CTX_set_info_callback(context, note_progress);
        SSL_CTX_set_cert_cb(context, choose_certificate, NULL);
    }
    return try_it(identity, context, server, error);
}
