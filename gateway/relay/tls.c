/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tls.h. */
#include "gateway/relay/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/select.h"
#include "gateway/relay/alpn.h"
#include "gateway/relay/tls-lists.h"
#include "pki/peer-hosts.h"

enum { SERVER_SESSIONS = 512, SESSION_SECONDS = 600 };

static int peer_index = -1;

static void free_peer(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                      void *argument)
{
    struct tls_peer *peer = pointer;
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    if (!peer)
        return;
    for (unsigned i = 0; i < peer->ticket_count; i++)
        SSL_SESSION_free(peer->tickets[i]);
    X509_free(peer->leaf);
    pki_peer_hosts_free(peer->names.items, peer->names.count);
    free(peer->verdict);
    free(peer->verdicts);
    snapshot_unref(peer->snapshot);
    free(peer);
}

int tls_init(struct error *error)
{
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_peer);
    return peer_index < 0 ? error_set(error, EX_OSERR, "Out of memory") : 0;
}

struct tls_peer *tls_peer(const SSL *ssl)
{
    return ssl ? SSL_get_ex_data(ssl, peer_index) : NULL;
}

static int openssl_error(struct error *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return error_set(error, EX_SOFTWARE, "%s: %s", what, reason ? reason : "out of memory");
}

/* --- contexts --- */

static int protocol_version(enum conn_tls_version version)
{
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    return versions[version];
}

/* Level 0, where an inbound connector lets old devices in, is what lets OpenSSL sign with SHA-1 as TLS
 * 1.0 and 1.1 do. The suites and groups are set one by one, so that it wakes nothing else. */
static int common_context(struct pki_library *library, const SSL_METHOD *method,
                          enum conn_tls_version minimum, const struct conn_tls_lists *lists,
                          SSL_CTX **ret, struct error *error)
{
    SSL_CTX *context = SSL_CTX_new_ex(pki_library_context(library), NULL, method);
    if (!context)
        return openssl_error(error, "Could not make a TLS context");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_timeout(context, SESSION_SECONDS);
    if (minimum < CONN_TLS_1_2)
        SSL_CTX_set_security_level(context, 0);
    if (SSL_CTX_set_min_proto_version(context, protocol_version(minimum)) != 1 ||
        !tls_lists_use_in_context(lists, context)) {
        SSL_CTX_free(context);
        return openssl_error(error, "Could not set TLS versions, cipher suites and groups");
    }
    *ret = context;
    return 0;
}

/* A client's certificate is asked for and kept whatever it is: the verdict is each connector's own. */
static int take_any_certificate(X509_STORE_CTX *store, void *argument)
{
    (void)store, (void)argument;
    return 1;
}

int tls_server_context(struct pki_library *library, struct pki_identity *identity,
                       enum conn_tls_version minimum, bool ask_certificate, SSL_CTX **ret,
                       struct error *error)
{
    SSL_CTX *context;
    struct tls_union usual;
    tls_union_defaults(&usual, minimum);
    int result =
        common_context(library, TLS_server_method(), minimum, &usual.lists, &context, error);
    if (result < 0)
        return result;
    /* Clients are many and mostly idle; connections to next hops are few and busy, and keep theirs. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* Sessions are kept here and not in tickets: a ticket does not carry the client's intermediates,
     * and no session outlives the policy that it was made under (resumption.h). */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, SERVER_SESSIONS);
    alpn_use_in_context(context);
    if (ask_certificate) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(context, take_any_certificate, NULL);
    }
    if ((result = pki_identity_use(identity, context, error)) < 0) {
        SSL_CTX_free(context);
        return result;
    }
    *ret = context;
    return 0;
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct tls_peer *peer = tls_peer(ssl);
    /* A resumption brings no certificate status, and HardFail may have nothing else to go by. */
    if (!peer || !peer->outbound || !SSL_SESSION_is_resumable(session) ||
        peer->outbound->policy.revocation == PKI_REVOCATION_HARD_FAIL)
        return 0;
    if (peer->ticket_count == TLS_TICKETS_MAXIMUM) {
        SSL_SESSION_free(peer->tickets[0]);
        memmove(peer->tickets, peer->tickets + 1, sizeof peer->tickets - sizeof peer->tickets[0]);
        peer->ticket_count--;
    }
    peer->tickets[peer->ticket_count++] = session;
    return 1; /* the reference is ours */
}

static void keep_leaf(struct tls_peer *peer, X509 *leaf)
{
    peer->presented = leaf;
    X509_free(peer->leaf);
    peer->leaf = leaf && X509_up_ref(leaf) ? leaf : NULL;
}

static bool asks_status(const struct pki_peer_policy *policy)
{
    return (policy->level >= PKI_PEER_CHAIN || policy->pair_count) &&
           policy->revocation != PKI_REVOCATION_NONE;
}

/* `later`: the certificate's status has yet to come, and is judged with it. */
static void judge_next_hop(struct tls_peer *peer, SSL *ssl, X509 *leaf, STACK_OF(X509) *chain,
                           bool later)
{
    struct pki_peer_policy policy = peer->outbound->policy;
    const unsigned char *staple = NULL;
    long length = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);
    struct pki_peer_evidence evidence = {.leaf = leaf,
                                         .untrusted = chain,
                                         .staple = length > 0 ? staple : NULL,
                                         .staple_length = length > 0 ? (size_t)length : 0};
    if (later)
        policy.revocation = PKI_REVOCATION_NONE;
    if (!peer->verdict)
        peer->verdict = calloc(1, sizeof *peer->verdict);
    if (peer->verdict)
        pki_peer_judge(&policy, &evidence, 0, peer->verdict);
    keep_leaf(peer, leaf);
}

/* In the handshake, so that a peer that is refused never sees our certificate in TLS 1.3. */
static int verify_next_hop(X509_STORE_CTX *store, void *argument)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = tls_peer(ssl);
    (void)argument;
    judge_next_hop(peer, ssl, X509_STORE_CTX_get0_cert(store), X509_STORE_CTX_get0_untrusted(store),
                   SSL_version(ssl) < TLS1_3_VERSION && asks_status(&peer->outbound->policy));
    bool accepted = peer->verdict && peer->verdict->accepted;
    X509_STORE_CTX_set_error(store, accepted ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return accepted;
}

/* Before TLS 1.3 the status comes behind the certificate, or does not come; OpenSSL calls this in
 * either case, and before our own certificate goes out. 0 ends the handshake. */
static int judge_status(SSL *ssl, void *argument)
{
    struct tls_peer *peer = tls_peer(ssl);
    (void)argument;
    if (!peer || !peer->outbound || SSL_version(ssl) >= TLS1_3_VERSION)
        return 1;
    judge_next_hop(peer, ssl, SSL_get0_peer_certificate(ssl), SSL_get_peer_cert_chain(ssl), false);
    return peer->verdict && peer->verdict->accepted;
}

/* Without an identity: notes that a certificate was asked for. With one, our signature tells. */
static int note_request(SSL *ssl, void *argument)
{
    struct tls_peer *peer = tls_peer(ssl);
    (void)argument;
    if (peer)
        peer->certificate_asked = true;
    return 1;
}

int tls_client_context(struct pki_library *library, struct pki_identity *identity,
                       enum conn_tls_version minimum, const struct conn_tls_lists *lists,
                       SSL_CTX **ret, struct error *error)
{
    SSL_CTX *context;
    int result = common_context(library, TLS_client_method(), minimum, lists, &context, error);
    if (result < 0)
        return result;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_next_hop, NULL);
    SSL_CTX_set_tlsext_status_cb(context, judge_status);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_ticket);
    if (!identity)
        SSL_CTX_set_cert_cb(context, note_request, NULL);
    else if ((result = pki_identity_use(identity, context, error)) < 0) {
        SSL_CTX_free(context);
        return result;
    }
    *ret = context;
    return 0;
}

/* --- connections --- */

static SSL *new_ssl(SSL_CTX *context, const struct pki_identity *identity,
                    struct snapshot *snapshot, struct tls_peer **ret)
{
    struct tls_peer *peer = calloc(1, sizeof *peer);
    struct error error;
    SSL *ssl = peer ? SSL_new(context) : NULL;
    /* By what the key has proved now: its token may have come after the context was made. */
    if (ssl && identity && pki_identity_prepare(identity, ssl, &error) < 0) {
        SSL_free(ssl);
        ssl = NULL;
    }
    if (!ssl || SSL_set_ex_data(ssl, peer_index, peer) != 1) {
        SSL_free(ssl);
        free(peer);
        return NULL;
    }
    peer->snapshot = snapshot_ref(snapshot);
    *ret = peer;
    return ssl;
}

SSL *tls_accept(const struct snapshot_server *server, struct snapshot *snapshot,
                const struct sockaddr *address)
{
    struct tls_peer *peer;
    SSL *ssl = new_ssl(server->tls, server->identity, snapshot, &peer);
    if (!ssl)
        return NULL;
    memcpy(&peer->address, address,
           address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    if (!resumption_bind(ssl, snapshot, address) ||
        !tls_lists_use(ssl, snapshot->config, address, server->minimum)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

static bool is_address(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

SSL *tls_connect(const struct snapshot_outbound *outbound, SSL_CTX *context,
                 const struct pki_identity *identity, struct snapshot *snapshot, const char *name,
                 SSL_SESSION *ticket)
{
    struct tls_peer *peer;
    SSL *ssl = new_ssl(context, identity, snapshot, &peer);
    if (ssl) {
        peer->outbound = outbound;
        if (!is_address(name))
            SSL_set_tlsext_host_name(ssl, name);
        if (asks_status(&outbound->policy))
            SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
        if (ticket)
            SSL_set_session(ssl, ticket);
        SSL_set_connect_state(ssl);
    }
    SSL_SESSION_free(ticket);
    return ssl;
}

/* --- verdicts after a handshake --- */

int tls_connected(SSL *ssl, struct error *error)
{
    struct tls_peer *peer = tls_peer(ssl);
    int signature;
    peer->resumed = SSL_session_reused(ssl);
    if (SSL_get_signature_type_nid(ssl, &signature) == 1)
        peer->certificate_asked = true;
    if (peer->resumed)
        judge_next_hop(peer, ssl, SSL_get0_peer_certificate(ssl), SSL_get_peer_cert_chain(ssl),
                       false);
    if (!peer->verdict)
        return error_set(error, EX_OSERR, "Out of memory");
    if (peer->verdict->accepted)
        return 0;
    error_set(error, EX_PROTOCOL, "%s", peer->verdict->reason);
    return error_cure(error, "%s", peer->verdict->cure);
}

static bool judge_client(struct tls_peer *peer, SSL *ssl, const struct conn_inbound *inbound)
{
    struct pki_peer_evidence evidence = {.leaf = peer->leaf,
                                         .untrusted = SSL_get_peer_cert_chain(ssl)};
    struct tls_inbound_verdict *grown =
        reallocarray(peer->verdicts, peer->verdict_count + 1, sizeof *grown);
    if (!grown)
        return false;
    peer->verdicts = grown;
    struct tls_inbound_verdict *entry = &grown[peer->verdict_count++];
    *entry = (struct tls_inbound_verdict){.inbound = inbound};
    pki_peer_judge(&peer->snapshot->inbound[inbound->index], &evidence, 0, &entry->verdict);
    return true;
}

/* For those of the connectors that the walk meets, at most `most` of them. */
static bool judge_walk(struct tls_peer *peer, SSL *ssl, unsigned kinds, unsigned most)
{
    struct conn_walk walk;
    const struct conn_inbound *inbound;
    conn_walk_begin(&walk, peer->snapshot->config, (const struct sockaddr *)&peer->address, kinds,
                    &peer->names);
    while (most-- && (inbound = conn_walk_next(&walk)))
        if (!tls_inbound_verdict(peer, inbound) && !judge_client(peer, ssl, inbound))
            return false;
    return true;
}

static bool keep_names(struct tls_peer *peer)
{
    pki_peer_hosts_free(peer->names.items, peer->names.count);
    peer->names = (struct conn_names){0};
    long count = pki_peer_hosts(peer->leaf, CONN_NAMES_MAXIMUM + 1, &peer->names.items);
    peer->names.count = count < 0 ? 0 : (size_t)count;
    return count >= 0;
}

/* What was resumed holds under no connector any more: the client makes a full handshake next time. */
static void forget_refused(SSL *ssl, const struct tls_peer *peer)
{
    for (size_t i = 0; i < peer->verdict_count; i++)
        if (peer->verdicts[i].verdict.accepted)
            return;
    if (peer->resumed)
        SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get_session(ssl));
}

/* The connectors that the names can mean are all asked. Of the others none will admit the client, and
 * the first few tell why. */
int tls_accepted(SSL *ssl, struct error *error)
{
    struct tls_peer *peer = tls_peer(ssl);
    peer->resumed = SSL_session_reused(ssl);
    keep_leaf(peer, SSL_get0_peer_certificate(ssl));
    if (!peer->leaf)
        return 0;
    if (!keep_names(peer) || !judge_walk(peer, ssl, CONN_WALK_BY_NAMES, UINT32_MAX) ||
        !judge_walk(peer, ssl, CONN_WALK_PROVEN, CONN_CLOSEST_MAXIMUM))
        return error_set(error, EX_OSERR, "Out of memory");
    if (peer->verdict_count)
        forget_refused(ssl, peer);
    return 0;
}

const struct pki_peer_verdict *tls_inbound_verdict(const struct tls_peer *peer,
                                                   const struct conn_inbound *inbound)
{
    for (size_t i = 0; peer && i < peer->verdict_count; i++)
        if (peer->verdicts[i].inbound == inbound)
            return &peer->verdicts[i].verdict;
    return NULL;
}

/* --- words --- */

enum conn_tls_version tls_version(const SSL *ssl)
{
    switch (SSL_version(ssl)) {
    case TLS1_3_VERSION:
        return CONN_TLS_1_3;
    case TLS1_2_VERSION:
        return CONN_TLS_1_2;
    case TLS1_1_VERSION:
        return CONN_TLS_1_1;
    default:
        return CONN_TLS_1_0;
    }
}

const char *tls_version_name(const SSL *ssl)
{
    return SSL_get_version(ssl);
}

unsigned tls_cipher_code(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    return cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
}

int tls_group(const SSL *ssl)
{
    return (int)SSL_get_negotiated_group((SSL *)ssl);
}

const char *tls_cipher_name(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    return name ? name : "unknown";
}

const char *tls_group_name(SSL *ssl)
{
    long group = SSL_get_negotiated_group(ssl);
    const char *name = group > 0 ? SSL_group_to_name(ssl, (int)group) : NULL;
    ERR_clear_error();
    return name ? name : "";
}
