/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See snapshot.h. */
#include "gateway/relay/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/policy.h"
#include "connectors/select.h"
#include "gateway/relay/tls.h"

static uint64_t generations; /* only snapshot_load() counts, and it runs once at a time */

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    __atomic_add_fetch(&snapshot->references, 1, __ATOMIC_RELAXED);
    return snapshot;
}

static void free_snapshot(struct snapshot *snapshot)
{
    const struct conn_config *config = snapshot->config;
    for (size_t i = 0; i < snapshot->server_count; i++)
        SSL_CTX_free(snapshot->servers[i].tls);
    for (size_t i = 0; snapshot->outbound && i < config->outbound_count; i++) {
        SSL_CTX_free(snapshot->outbound[i].tls);
    }
    for (size_t i = 0; snapshot->anchors && i < config->anchors_count; i++)
        X509_STORE_free(snapshot->anchors[i]);
    for (size_t i = 0; snapshot->lists && i < config->lists_count; i++)
        pki_revocation_unref(snapshot->lists[i]);
    for (size_t i = 0; snapshot->identities && i < config->certificate_count; i++)
        pki_identity_unref(snapshot->identities[i]);
    for (size_t i = 0; snapshot->rotations && i < config->certificate_count; i++)
        pki_loaded_clear(&snapshot->rotations[i]);
    free(snapshot->servers);
    free(snapshot->outbound);
    free(snapshot->inbound);
    free(snapshot->inbound_keys);
    free(snapshot->anchors);
    free(snapshot->lists);
    free(snapshot->identities);
    free(snapshot->rotations);
    conn_config_free(snapshot->config);
    free(snapshot);
}

struct snapshot *snapshot_unref(struct snapshot *snapshot)
{
    if (snapshot && __atomic_sub_fetch(&snapshot->references, 1, __ATOMIC_ACQ_REL) == 0)
        free_snapshot(snapshot);
    return NULL;
}

/* --- identities and anchors --- */

static struct pki_rotation *previous_rotation(const struct snapshot *previous, const char *name)
{
    for (size_t i = 0; previous && i < previous->config->certificate_count; i++)
        if (strcmp(previous->config->certificates[i].name, name) == 0)
            return previous->rotations[i].rotation;
    return NULL;
}

static int load_identity(struct snapshot *snapshot, size_t index, struct pki_library *library,
                         struct pki_signer *signer, const struct snapshot *previous,
                         struct error *error)
{
    const struct conn_certificate *certificate = &snapshot->config->certificates[index];
    struct pki_loaded *loaded = &snapshot->rotations[index];
    struct snapshot_surroundings surroundings;
    int result = snapshot_surroundings(snapshot, index, library, signer, &surroundings, error);
    if (result < 0)
        return result;
    result = pki_rotation_load(&surroundings.surroundings, !previous,
                               previous_rotation(previous, certificate->name), loaded, error);
    snapshot_surroundings_clear(&surroundings);
    if (result < 0)
        return error_where(error, "Certificate \"%s\", %s:%d", certificate->name,
                           certificate->place.file, certificate->place.line);
    snapshot->identities[index] = pki_identity_ref(pki_rotation_identity(loaded->rotation));
    return 0;
}

static int load_parts(struct snapshot *snapshot, struct pki_library *library,
                      struct pki_signer *signer, const struct snapshot *previous,
                      struct error *error)
{
    const struct conn_config *config = snapshot->config;
    snapshot->identities = calloc(config->certificate_count + 1, sizeof(struct pki_identity *));
    snapshot->rotations = calloc(config->certificate_count + 1, sizeof *snapshot->rotations);
    snapshot->anchors = calloc(config->anchors_count + 1, sizeof(X509_STORE *));
    snapshot->lists = calloc(config->lists_count + 1, sizeof(struct pki_revocation *));
    snapshot->outbound = calloc(config->outbound_count + 1, sizeof *snapshot->outbound);
    snapshot->inbound = calloc(config->inbound_count + 1, sizeof *snapshot->inbound);
    snapshot->inbound_keys = calloc(config->inbound_count + 1, sizeof *snapshot->inbound_keys);
    if (!snapshot->identities || !snapshot->rotations || !snapshot->anchors || !snapshot->lists ||
        !snapshot->outbound || !snapshot->inbound || !snapshot->inbound_keys)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = 0;
    for (size_t i = 0; result == 0 && i < config->anchors_count; i++)
        result = pki_anchors_load(config->anchors[i].path, &snapshot->anchors[i], error);
    for (size_t i = 0; result == 0 && i < config->lists_count; i++)
        result = pki_revocation_open(config->lists[i].path, &snapshot->lists[i], error);
    for (size_t i = 0; result == 0 && i < config->certificate_count; i++)
        result = load_identity(snapshot, i, library, signer, previous, error);
    return result;
}

/* --- policies --- */

static X509_STORE *store_of(const struct snapshot *snapshot, const struct conn_anchors *anchors)
{
    return anchors ? snapshot->anchors[anchors - snapshot->config->anchors] : NULL;
}

static struct pki_revocation *lists_of(const struct snapshot *snapshot,
                                       const struct conn_lists *lists)
{
    return lists ? snapshot->lists[lists - snapshot->config->lists] : NULL;
}

static struct pki_identity *identity_of(const struct snapshot *snapshot,
                                        const struct conn_certificate *certificate)
{
    return certificate ? snapshot->identities[certificate - snapshot->config->certificates] : NULL;
}

/* What it will present when the snapshot is in force: the contexts are made with that, and so say what
 * is wrong with it before it is. */
static struct pki_identity *coming_identity(const struct snapshot *snapshot,
                                            const struct conn_certificate *certificate)
{
    if (!certificate)
        return NULL;
    return pki_loaded_identity(&snapshot->rotations[certificate - snapshot->config->certificates]);
}

static int make_outbound(struct snapshot *snapshot, size_t index, struct pki_library *library,
                         struct error *error)
{
    const struct conn_outbound *connector = &snapshot->config->outbound[index];
    struct snapshot_outbound *outbound = &snapshot->outbound[index];
    outbound->policy =
        conn_outbound_policy(connector, store_of(snapshot, connector->anchors),
                             lists_of(snapshot, connector->lists));
    if (connector->tls_settings == CONN_TLS_NONE)
        return 0;
    outbound->identity = identity_of(snapshot, connector->certificate);
    int result = tls_client_context(library, coming_identity(snapshot, connector->certificate),
                                    connector->tls_minimum, &connector->tls_lists, &outbound->tls,
                                    error);
    if (result == 0 && outbound->identity)
        result = pki_identity_bind(identity_of(snapshot, connector->certificate), outbound->tls,
                                   error);
    if (result < 0)
        error_where(error, "OutboundConnector \"%s\", %s:%d", connector->name,
                    connector->place.file, connector->place.line);
    return result;
}

static void make_inbound(struct snapshot *snapshot, size_t index)
{
    const struct conn_inbound *connector = &snapshot->config->inbound[index];
    snapshot->inbound[index] =
        conn_inbound_policy(connector, store_of(snapshot, connector->anchors),
                            lists_of(snapshot, connector->lists));
}

/* --- what listeners show --- */

/* Where no connector names a certificate: the one with our host name, else the first there is. */
static struct pki_identity *default_identity(const struct snapshot *snapshot)
{
    const struct conn_config *config = snapshot->config;
    for (size_t i = 0; i < config->certificate_count; i++)
        if (pki_identity_has_name(snapshot->identities[i], config->host_name))
            return snapshot->identities[i];
    return config->certificate_count ? snapshot->identities[0] : NULL;
}

/* What the connectors that this address may use want together: the first certificate named, the lowest
 * version any of them takes (each is held to its own at MAIL), a client certificate when any asks. */
static struct snapshot_server wanted_server(const struct snapshot *snapshot,
                                            const struct sockaddr *address)
{
    struct snapshot_server wanted = {.minimum = CONN_TLS_1_3};
    struct conn_walk walk;
    const struct conn_inbound *connector;
    bool any = false;
    conn_walk_begin(&walk, snapshot->config, address, CONN_WALK_ALL, NULL);
    while ((connector = conn_walk_next(&walk))) {
        any = true;
        if (!wanted.identity)
            wanted.identity = identity_of(snapshot, connector->certificate);
        if (connector->tls_minimum < wanted.minimum)
            wanted.minimum = connector->tls_minimum;
        wanted.ask_certificate |= connector->sender_certificate_names.count > 0;
    }
    if (!any)
        wanted.minimum = CONN_TLS_1_2;
    if (!wanted.identity)
        wanted.identity = default_identity(snapshot);
    return wanted;
}

static const struct snapshot_server *find_server(const struct snapshot *snapshot,
                                                 const struct snapshot_server *wanted)
{
    for (size_t i = 0; i < snapshot->server_count; i++) {
        const struct snapshot_server *server = &snapshot->servers[i];
        if (server->identity == wanted->identity && server->minimum == wanted->minimum &&
            server->ask_certificate == wanted->ask_certificate)
            return server;
    }
    return NULL;
}

const struct snapshot_server *snapshot_server(const struct snapshot *snapshot,
                                              const struct sockaddr *address)
{
    struct snapshot_server wanted = wanted_server(snapshot, address);
    return find_server(snapshot, &wanted);
}

/* Every combination that an address can lead to: identities × lowest versions × asked or not. */
static int make_servers(struct snapshot *snapshot, struct pki_library *library,
                        struct error *error)
{
    const struct conn_config *config = snapshot->config;
    bool versions[CONN_TLS_1_3 + 1] = {[CONN_TLS_1_2] = true};
    for (size_t i = 0; i < config->inbound_count; i++)
        versions[config->inbound[i].tls_minimum] = true;
    snapshot->servers = calloc(config->certificate_count * 8 + 1, sizeof *snapshot->servers);
    if (!snapshot->servers)
        return error_set(error, EX_OSERR, "Out of memory");
    for (size_t i = 0; i < config->certificate_count; i++) {
        for (unsigned version = 0; version <= CONN_TLS_1_3; version++) {
            for (unsigned ask = 0; versions[version] && ask < 2; ask++) {
                struct snapshot_server *server = &snapshot->servers[snapshot->server_count];
                server->identity = snapshot->identities[i];
                server->minimum = (enum conn_tls_version)version;
                server->ask_certificate = ask;
                int result = tls_server_context(
                    library, coming_identity(snapshot, &config->certificates[i]), server->minimum,
                    ask, &server->tls, error);
                if (result == 0)
                    result = pki_identity_bind(snapshot->identities[i], server->tls, error);
                if (result < 0) {
                    SSL_CTX_free(server->tls);
                    return result;
                }
                snapshot->server_count++;
            }
        }
    }
    return 0;
}

int snapshot_load(struct pki_library *library, struct pki_signer *signer, const char *directory,
                  const struct snapshot *previous, struct snapshot **ret,
                  struct conn_problems *problems, struct error *error)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = conn_load(directory, &snapshot->config, problems);
    if (result < 0) {
        free(snapshot);
        error_set(error, EX_CONFIG, "The configuration in %s has %zu error%s", directory,
                  problems->errors, problems->errors == 1 ? "" : "s");
        return error_cure(error, "posternctl config check %s", directory);
    }
    snapshot->references = 1;
    snapshot->loaded = time(NULL);
    snapshot->warnings = problems->warnings;
    result = load_parts(snapshot, library, signer, previous, error);
    for (size_t i = 0; result == 0 && i < snapshot->config->outbound_count; i++)
        result = make_outbound(snapshot, i, library, error);
    for (size_t i = 0; i < snapshot->config->inbound_count && snapshot->inbound; i++)
        make_inbound(snapshot, i);
    if (result == 0)
        result = resumption_make_keys(snapshot, error);
    if (result == 0)
        result = make_servers(snapshot, library, error);
    if (result < 0) {
        snapshot_unref(snapshot);
        return result;
    }
    snapshot->generation = ++generations;
    *ret = snapshot;
    return 0;
}
