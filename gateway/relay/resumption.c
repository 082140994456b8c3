/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See resumption.h. */
#include "gateway/relay/resumption.h"

#include <openssl/err.h>
#include <string.h>

#include "connectors/select.h"
#include "gateway/relay/snapshot.h"

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* With its length before it, so that no two lists of parts make one text. */
static bool put(EVP_MD_CTX *context, const void *bytes, size_t length)
{
    uint64_t size = length;
    return EVP_DigestUpdate(context, &size, sizeof size) == 1 &&
           EVP_DigestUpdate(context, bytes, length) == 1;
}

static bool put_text(EVP_MD_CTX *context, const char *text)
{
    return put(context, text, strlen(text));
}

static bool put_identity(EVP_MD_CTX *context, const struct pki_identity *identity)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!identity)
        return put(context, "", 0);
    X509 *certificate = pki_identity_certificate_ref(identity);
    bool done = X509_digest(certificate, EVP_sha256(), digest, &length) == 1;
    X509_free(certificate);
    return done && put(context, digest, length);
}

static bool put_policy(EVP_MD_CTX *context, const struct pki_peer_policy *policy)
{
    unsigned char digest[32];
    struct error error;
    return pki_peer_policy_digest(policy, digest, &error) == 0 &&
           put(context, digest, sizeof digest);
}

static bool put_lists(EVP_MD_CTX *context, const struct conn_tls_lists *lists)
{
    return put(context, lists->suites, lists->suite_count * sizeof *lists->suites) &&
           put(context, lists->groups, lists->group_count * sizeof *lists->groups);
}

static bool begin(EVP_MD_CTX *context)
{
    return context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
}

static bool finish(EVP_MD_CTX *context, struct resumption_key *ret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
        return false;
    memcpy(ret->bytes, digest, sizeof ret->bytes);
    return true;
}

static bool make_outbound_key(struct snapshot *snapshot, size_t index)
{
    const struct conn_outbound *connector = &snapshot->config->outbound[index];
    struct snapshot_outbound *outbound = &snapshot->outbound[index];
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return begin(context) && put_text(context, "outbound") && put_text(context, connector->name) &&
           put(context, &connector->tls_settings, sizeof connector->tls_settings) &&
           put(context, &connector->tls_minimum, sizeof connector->tls_minimum) &&
           put_lists(context, &connector->tls_lists) && put_identity(context, outbound->identity) &&
           put_policy(context, &outbound->policy) && finish(context, &outbound->resumption);
}

static bool make_inbound_key(struct snapshot *snapshot, size_t index)
{
    const struct conn_inbound *connector = &snapshot->config->inbound[index];
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return begin(context) && put_text(context, "inbound") && put_text(context, connector->name) &&
           put(context, &connector->require_tls, sizeof connector->require_tls) &&
           put(context, &connector->tls_minimum, sizeof connector->tls_minimum) &&
           put_lists(context, &connector->tls_lists) &&
           put_policy(context, &snapshot->inbound[index]) &&
           finish(context, &snapshot->inbound_keys[index]);
}

int resumption_make_keys(struct snapshot *snapshot, struct error *error)
{
    const struct conn_config *config = snapshot->config;
    bool done = true;
    for (size_t i = 0; done && i < config->outbound_count; i++)
        done = make_outbound_key(snapshot, i);
    for (size_t i = 0; done && i < config->inbound_count; i++)
        done = make_inbound_key(snapshot, i);
    if (done)
        return 0;
    ERR_clear_error();
    return error_set(error, EX_OSERR, "Out of memory");
}

bool resumption_bind(SSL *ssl, const struct snapshot *snapshot, const struct sockaddr *address)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct resumption_key key;
    struct conn_walk walk;
    const struct conn_inbound *inbound;
    bool done = begin(context);
    conn_walk_begin(&walk, snapshot->config, address, CONN_WALK_ALL, NULL);
    while (done && (inbound = conn_walk_next(&walk)))
        done = put(context, snapshot->inbound_keys[inbound->index].bytes, sizeof key.bytes);
    return done && finish(context, &key) &&
           pki_identity_bind_sessions(ssl, key.bytes);
}

bool resumption_key_is_known(const struct snapshot *snapshot, const struct resumption_key *key)
{
    for (size_t i = 0; i < snapshot->config->outbound_count; i++)
        if (resumption_key_equal(&snapshot->outbound[i].resumption, key))
            return true;
    return false;
}

static void flush(SSL_CTX *context)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    SSL_CTX_flush_sessions_ex(context, 0); /* 0: all of them, whatever their age */
#else
    SSL_CTX_flush_sessions(context, 0);
#endif
}

void resumption_forget(const struct snapshot *snapshot, const char *certificate)
{
    for (size_t i = 0; i < snapshot->server_count; i++) {
        const struct snapshot_server *server = &snapshot->servers[i];
        if (!certificate || strcmp(pki_identity_name(server->identity), certificate) == 0)
            flush(server->tls);
    }
}
