/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * hsm list: what is on each token that the configuration names. See hsm.h.
 *
 * One job on the offload pool asks token by token, because a token may take its time; what is found
 * goes into `list`, which is the job's until it is done. The snapshot is held until the answer. */
#include <stdlib.h>
#include <string.h>

#include "connectors/uri.h"
#include "gateway/control/wire.h"
#include "gateway/daemon/hsm.h"

enum { FOUND_MAXIMUM = 1000 };

struct hsm_list {
    struct offload_job base;
    struct control_request *request;
    struct pki_signer *signer;
    struct snapshot *snapshot; /* counted */
    json_t *list;
    json_t *token; /* the one that is asked now, borrowed from the list */
};

/* Every attribute of a Key's URI stands in the URI of what was found; or it is the key of what was
 * activated, which is named in full. */
static json_t *certificates_with(const struct snapshot *snapshot, const char *uri)
{
    const struct conn_config *config = snapshot->config;
    json_t *array = json_array();
    for (size_t i = 0; i < config->certificate_count; i++) {
        const struct conn_certificate *certificate = &config->certificates[i];
        bool fits = pki_identity_has_key(snapshot->identities[i], uri);
        for (size_t k = 0; k < certificate->key_count; k++)
            fits |= conn_uri_is_pkcs11(certificate->keys[k].uri) &&
                    conn_uri_fits(certificate->keys[k].uri, uri) >= 0;
        if (fits)
            json_array_append_new(array, control_text(certificate->name));
    }
    return array;
}

static void append(json_t *token, const char *list, json_t *object)
{
    json_t *array = json_object_get(token, list);
    if (json_array_size(array) < FOUND_MAXIMUM)
        json_array_append_new(array, object);
    else
        json_decref(object);
}

/* A thread of the signer's client: nothing here waits. */
static void take_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                       const char *text)
{
    struct hsm_list *listing = context;
    if (kind == PKI_FOUND_KEY) {
        append(listing->token, "keys",
               json_pack("{s:o, s:o, s:o}", "uri", control_text(uri), "type", control_text(text),
                         "identities", certificates_with(listing->snapshot, uri)));
    } else if (kind == PKI_FOUND_CERTIFICATE) {
        append(listing->token, "certificates",
               json_pack("{s:o, s:o}", "uri", control_text(uri), "subject", control_text(text)));
    } else {
        json_object_set_new(listing->token, "found", control_text(uri));
        json_object_set_new(listing->token, "module", control_text(text));
        json_object_set_new(listing->token, "logged_in", json_boolean(logged_in));
    }
}

static void ask_token(struct hsm_list *listing, const struct conn_token *token)
{
    struct pki_key_source source = {.token = token->uri,
                                    .module = token->module,
                                    .pin_source = token->pin_source,
                                    .sessions = token->sessions,
                                    .timeout = token->timeout};
    struct error error;
    json_t *object =
        json_pack("{s:o, s:n, s:o, s:b, s:[], s:[], s:n, s:n}", "uri", control_text(token->uri),
                  "found", "module", token->module ? control_text(token->module) : json_null(),
                  "logged_in", false, "keys", "certificates", "error", "cure");
    if (json_array_append_new(listing->list, object) < 0)
        return; /* no memory: this token is missing from the answer */
    listing->token = object;
    offload_wait_begin();
    int result = pki_token_list(listing->signer, &source, take_found, listing, &error);
    offload_wait_end();
    if (result == 0)
        return;
    json_object_set_new(object, "error", control_text(error.what));
    if (error.cure[0])
        json_object_set_new(object, "cure", control_text(error.cure));
}

static void run(struct offload_job *base)
{
    struct hsm_list *listing = (struct hsm_list *)base;
    const struct conn_config *config = listing->snapshot->config;
    for (size_t i = 0; i < config->token_count; i++)
        ask_token(listing, &config->tokens[i]);
}

static json_t *key_files(const struct conn_config *config)
{
    json_t *array = json_array();
    for (size_t i = 0; i < config->certificate_count; i++) {
        const struct conn_certificate *certificate = &config->certificates[i];
        for (size_t k = 0; k < certificate->key_count; k++)
            if (!conn_uri_is_pkcs11(certificate->keys[k].uri))
                json_array_append_new(
                    array, json_pack("{s:o, s:[o]}", "file", control_text(certificate->keys[k].uri),
                                     "identities", control_text(certificate->name)));
    }
    return array;
}

static void free_listing(struct hsm_list *listing)
{
    snapshot_unref(listing->snapshot);
    free(listing);
}

static void done(struct offload_job *base)
{
    struct hsm_list *listing = (struct hsm_list *)base;
    control_answer(listing->request, json_pack("{s:o, s:o}", "tokens", listing->list, "key_files",
                                               key_files(listing->snapshot->config)));
    free_listing(listing);
}

void hsm_list(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    struct hsm_list *listing = calloc(1, sizeof *listing);
    struct error error;
    (void)arguments;
    if (!listing) {
        error_set(&error, EX_OSERR, "Out of memory");
        control_fail(request, &error);
        return;
    }
    listing->request = request;
    listing->signer = daemon->signer;
    listing->snapshot = snapshot_ref(daemon->snapshot);
    listing->list = json_array();
    if (listing->list &&
        offload_submit(daemon->offload, daemon->loop, &listing->base, run, done) == 0)
        return;
    error_set(&error, EX_TEMPFAIL, "Too much is running already");
    error_cure(&error, "try again in a moment");
    control_fail(request, &error);
    json_decref(listing->list);
    free_listing(listing);
}
