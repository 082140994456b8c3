/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternd asks once, without a key that stays open: what is on a token, where a key is, and a
 * new key. See server-private.h; what runs on the pool's threads is called run_…. */
#include <openssl/x509.h>
#include <string.h>

#include "pki/signer/server-private.h"

/* --- what is on a token ------------------------------------------------------------------------
 */

struct listing {
    const struct job *job;
    uint32_t count;
};

static void send_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                       const char *text)
{
    struct listing *listing = context;
    const struct job *job = listing->job;
    struct pki_wire_message message = {
        .type = PKI_WIRE_FOUND,
        .id = job->id,
        .found = {.kind = kind, .logged_in = logged_in, .uri = uri, .text = text}};
    server_send(job->server, &message);
    listing->count++;
}

static void send_listed(struct server *server, uint32_t id, uint32_t count)
{
    struct pki_wire_message message = {.type = PKI_WIRE_LISTED, .id = id, .listed = {count}};
    server_send(server, &message);
}

static void run_list(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    struct listing listing = {.job = job};
    struct outcome outcome = {0};
    struct error error;
    int result = store->operations->list
                     ? store->operations->list(store, &job->request.refused, send_found, &listing,
                                               &outcome, &error)
                     : error_set(&error, EX_USAGE, "Only a token can be looked through");
    if (result < 0) {
        server_send_failure(job->server, job->id, &outcome, &error);
    } else {
        send_listed(job->server, job->id, listing.count);
    }
    job_free(job);
}

int server_take_list(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    const struct pki_wire_list *list = &message->list;
    bool failed = false;
    struct job *job = job_new(server, message->id, 0, run_list);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    job->request = (struct key_request){
        .uri = request_text(list->token, &failed),
        .token = request_text(list->token, &failed),
        .module = request_text(list->module, &failed),
        .pin_source = request_text(list->pin_source, &failed),
        .sessions = list->sessions < POOL_THREADS_MAXIMUM ? list->sessions : POOL_THREADS_MAXIMUM,
        .timeout = list->timeout,
        .refused = list->refused};
    int result = failed ? error_set(error, EX_OSERR, "Out of memory")
                        : server_find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        job_free(job);
    return result;
}

/* --- a key looked for, and a key made ------------------------------------------------------------
 */

/* Opened, which proves it, and closed again. */
static void run_find(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    struct store_key *key = NULL;
    struct key_report report = {0};
    struct outcome outcome = {0};
    struct error error;
    int result;
    if (job_is_stale(job, job->request.timeout))
        result = error_set(&error, EX_TEMPFAIL, "The search waited too long for its turn");
    else
        result = store->operations->open(store, &job->request, &key, &report, &outcome, &error);
    if (result == 0) {
        struct listing listing = {.job = job};
        store->operations->close(key);
        send_found(&listing, PKI_FOUND_KEY, report.logged_in, report.uri, "");
        send_listed(job->server, job->id, listing.count);
    } else if (outcome.other) {
        send_listed(job->server, job->id, 0);
    } else {
        server_send_failure(job->server, job->id, &outcome, &error);
    }
    job_free(job);
}

int server_take_find(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    const struct pki_wire_find *find = &message->find;
    const struct pki_wire_open open = {.sessions = find->sessions,
                                       .timeout = find->timeout,
                                       .refused = find->refused,
                                       .uri = find->uri,
                                       .token = find->token,
                                       .module = find->module,
                                       .pin_source = find->pin_source,
                                       .public_key = find->public_key};
    struct job *job = job_new(server, message->id, 0, run_find);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = request_copy(&open, &job->request, error);
    if (result == 0)
        result = server_find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        job_free(job);
    return result;
}

static void send_generated(const struct job *job, const struct key_report *report, EVP_PKEY *key)
{
    uint8_t der[PKI_WIRE_PUBLIC_KEY_MAXIMUM], *at = der;
    int length = i2d_PUBKEY(key, NULL);
    struct error error;
    if (length <= 0 || (size_t)length > sizeof der) {
        error_set(&error, EX_SOFTWARE, "The key %s was made, but its public half cannot be told",
                  job->request.label);
        server_send_failure(job->server, job->id, NULL, &error);
        return;
    }
    length = i2d_PUBKEY(key, &at);
    struct pki_wire_message message = {
        .type = PKI_WIRE_GENERATED,
        .id = job->id,
        .generated = {.uri = report->uri, .public_key = {der, (size_t)length}}};
    server_send(job->server, &message);
}

static void run_generate(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    EVP_PKEY *key = NULL;
    struct key_report report = {0};
    struct outcome outcome = {0};
    struct error error;
    int result;
    if (!store->operations->generate)
        result = error_set(&error, EX_USAGE, "Only a token makes keys");
    else if (job_is_stale(job, job->request.timeout))
        result = error_set(&error, EX_TEMPFAIL,
                           "The order for a key waited too long for its turn; none was made");
    else
        result = store->operations->generate(store, &job->request, &key, &report, &outcome, &error);
    if (result < 0)
        server_send_failure(job->server, job->id, &outcome, &error);
    else
        send_generated(job, &report, key);
    EVP_PKEY_free(key);
    job_free(job);
}

static int copy_order(const struct pki_wire_generate *generate, struct key_request *request,
                      struct error *error)
{
    bool failed = false;
    *request = (struct key_request){.uri = request_text(generate->token, &failed),
                                    .token = request_text(generate->token, &failed),
                                    .module = request_text(generate->module, &failed),
                                    .pin_source = request_text(generate->pin_source, &failed),
                                    .label = request_text(generate->label, &failed),
                                    .sessions = generate->sessions,
                                    .timeout = generate->timeout,
                                    .refused = generate->refused,
                                    .type = generate->type,
                                    .id_length = generate->id.length};
    memcpy(request->id, generate->id.at, generate->id.length);
    return failed ? error_set(error, EX_OSERR, "Out of memory") : 0;
}

/* A thread more than the signatures have, so that they go on meanwhile. */
int server_take_generate(struct server *server, const struct pki_wire_message *message,
                         struct error *error)
{
    struct job *job = job_new(server, message->id, 0, run_generate);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = copy_order(&message->generate, &job->request, error);
    if (result == 0)
        result = server_find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_grow(job->place->pool, job->request.sessions + 1, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        job_free(job);
    return result;
}
