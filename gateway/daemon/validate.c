/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See validate.h. The validation lives on both threads in turn: made on the main thread, dialing on the
 * worker's, and every step and the end posted back as a task with the JSON in it. It is freed on the
 * main thread by the last of these tasks, which come in order. */
#include "gateway/daemon/validate.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/relay/hop.h"
#include "pki/identity.h"
#include "pki/names.h"

struct validation {
    struct loop *loop;
    struct worker *worker;
    struct snapshot *snapshot;
    const struct conn_outbound *outbound;
    struct control_request *request;
    struct loop_task begin;
    struct hop_owner owner;
    struct hop *hop;
    enum hop_step failed_step;
    bool failed;
    json_t *peer; /* of the last handshake */
};

/* What is posted to the main thread. */
struct tidings {
    struct loop_task task;
    struct validation *validation;
    json_t *json;
    bool last;
    bool is_error;
    struct error error;
};

static void deliver(struct loop_task *task)
{
    struct tidings *tidings = container_of(task, struct tidings, task);
    struct validation *validation = tidings->validation;
    if (!tidings->last) {
        control_progress(validation->request, tidings->json);
    } else {
        if (tidings->is_error)
            control_fail(validation->request, &tidings->error);
        else
            control_answer(validation->request, tidings->json);
        snapshot_unref(validation->snapshot);
        json_decref(validation->peer);
        free(validation);
    }
    free(tidings);
}

static void post(struct validation *validation, json_t *json, bool last)
{
    struct tidings *tidings = calloc(1, sizeof *tidings);
    if (!tidings) {
        json_decref(json); /* a step is not shown; the end is posted with its own memory */
        return;
    }
    *tidings = (struct tidings){
        .task.run = deliver, .validation = validation, .json = json, .last = last};
    loop_post(validation->loop, &tidings->task);
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? control_text(text) : json_null();
}

/* --- steps --- */

static json_t *step_object(const char *step, const char *outcome, int64_t milliseconds,
                           const char *detail, const char *cure)
{
    return json_pack("{s:s, s:s, s:I, s:o, s:o}", "step", step, "outcome", outcome,
                     "milliseconds", (json_int_t)milliseconds, "detail", control_text(detail),
                     "cure", text_or_null(cure));
}

static void describe(const struct hop *hop, enum hop_step step, char *text, size_t size)
{
    const SSL *ssl = hop->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    text[0] = '\0';
    switch (step) {
    case HOP_RESOLVE:
        snprintf(text, size, "%s has %u address%s", hop_host(hop), hop->addresses.count,
                 hop->addresses.count == 1 ? "" : "es");
        break;
    case HOP_CONNECT:
        snprintf(text, size, "%s", hop->address_text);
        break;
    case HOP_HANDSHAKE:
        if (peer)
            snprintf(text, size, "%s, %s%s, certificate %s", tls_version_name(ssl),
                     tls_cipher_name(ssl), peer->resumed ? ", resumed" : "",
                     !peer->certificate_asked           ? "not asked for"
                     : hop->outbound->certificate ? "asked for and sent"
                                                        : "asked for, and there is none to send");
        break;
    default:
        break;
    }
}

static json_t *peer_object(const struct pki_peer_verdict *verdict)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "subject", control_text(verdict->subject),
                     "issuer", control_text(verdict->issuer), "names",
                     control_text(verdict->names), "serial", control_text(verdict->serial),
                     "fingerprint", control_text(verdict->fingerprint), "expires",
                     control_text(verdict->expires));
}

/* The handshake ends with the verdict; for the administrator they are two steps. */
static void tell_verdict(struct validation *validation, const struct pki_peer_verdict *verdict)
{
    char text[sizeof verdict->subject + sizeof verdict->issuer + 64];
    if (!verdict->accepted) {
        post(validation,
             step_object("verdict", "failed", 0, verdict->reason, verdict->cure), false);
        return;
    }
    snprintf(text, sizeof text, "%s, issued by %s", verdict->subject, verdict->issuer);
    post(validation,
         step_object("verdict", verdict->would_refuse ? "warning" : "passed", 0,
                     verdict->would_refuse ? verdict->reason : text,
                     verdict->would_refuse ? verdict->cure : NULL),
         false);
}

static void on_step(struct hop_owner *owner, enum hop_step step, const struct error *error,
                    int64_t milliseconds)
{
    struct validation *validation = container_of(owner, struct validation, owner);
    const struct hop *hop = validation->hop;
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    const struct pki_peer_verdict *verdict =
        step == HOP_HANDSHAKE && peer && peer->presented ? peer->verdict : NULL;
    bool refused = verdict && !verdict->accepted;
    char text[512];
    describe(hop, step, text, sizeof text);
    validation->failed_step = step;
    validation->failed = error;
    post(validation,
         step_object(hop_step_name(step), error && !refused ? "failed" : "passed", milliseconds,
                     error && !refused ? error->what : text,
                     error && !refused ? error->cure : NULL),
         false);
    if (!verdict)
        return;
    json_decref(validation->peer);
    validation->peer = peer_object(verdict);
    tell_verdict(validation, verdict);
}

/* --- the end --- */

static json_t *sent_certificate(const struct validation *validation, const struct tls_peer *peer)
{
    const struct conn_certificate *certificate = validation->outbound->certificate;
    char text[512];
    if (!peer || !peer->certificate_asked || !certificate)
        return json_null();
    const struct pki_identity *identity =
        validation->snapshot->identities[certificate - validation->snapshot->config->certificates];
    X509 *leaf = pki_identity_certificate_ref(identity);
    json_t *sent = control_text(pki_name_text(X509_get_subject_name(leaf), text, sizeof text));
    X509_free(leaf);
    return sent;
}

static json_t *result_object(struct validation *validation)
{
    const struct hop *hop = validation->hop;
    const SSL *ssl = hop->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    const char *failed = validation->failed_step == HOP_HANDSHAKE && validation->peer
                             ? "verdict"
                             : hop_step_name(validation->failed_step);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:O, s:o}", "outcome",
                     validation->failed ? "failed" : "passed", "failed_step",
                     validation->failed ? json_string(failed) : json_null(), "host",
                     control_text(hop_host(hop)), "address", text_or_null(hop->address_text),
                     "tls_version", text_or_null(ssl ? tls_version_name(ssl) : NULL), "cipher",
                     text_or_null(ssl ? tls_cipher_name(ssl) : NULL), "resumed",
                     peer && peer->resumed, "peer",
                     validation->peer ? validation->peer : json_null(), "certificate_sent",
                     sent_certificate(validation, peer));
}

static void end(struct validation *validation)
{
    json_t *result = result_object(validation);
    hop_close(validation->hop, true);
    validation->hop = NULL;
    post(validation, result, true);
}

static void on_ready(struct hop_owner *owner)
{
    struct validation *validation = container_of(owner, struct validation, owner);
    validation->failed = false;
    end(validation);
}

static void on_failed(struct hop_owner *owner, const struct smtp_reply *reply)
{
    struct validation *validation = container_of(owner, struct validation, owner);
    (void)reply;
    validation->failed = true;
    end(validation);
}

static void on_lost(struct hop_owner *owner, const struct error *error)
{
    (void)error;
    on_failed(owner, NULL);
}

static void on_replied(struct hop_owner *owner, const struct smtp_reply *reply)
{
    (void)owner, (void)reply; /* nothing is asked after EHLO */
}

static void begin(struct loop_task *task)
{
    struct validation *validation = container_of(task, struct validation, begin);
    validation->owner = (struct hop_owner){.ready = on_ready,
                                           .failed = on_failed,
                                           .replied = on_replied,
                                           .lost = on_lost,
                                           .step = on_step};
    validation->hop = hop_dial(validation->worker, validation->snapshot, validation->outbound,
                               &validation->owner);
    if (validation->hop)
        return;
    struct tidings *tidings = calloc(1, sizeof *tidings);
    if (!tidings)
        return; /* with no memory at all the client's own time-out is what is left */
    *tidings = (struct tidings){
        .task.run = deliver, .validation = validation, .last = true, .is_error = true};
    error_set(&tidings->error, EX_OSERR, "Out of memory");
    loop_post(validation->loop, &tidings->task);
}

void validate_outbound(struct loop *loop, struct worker *worker, struct snapshot *snapshot,
                       const struct conn_outbound *outbound, struct control_request *request)
{
    struct validation *validation = calloc(1, sizeof *validation);
    struct error error;
    if (!validation) {
        error_set(&error, EX_OSERR, "Out of memory");
        control_fail(request, &error);
        return;
    }
    *validation = (struct validation){.loop = loop,
                                      .worker = worker,
                                      .snapshot = snapshot_ref(snapshot),
                                      .outbound = outbound,
                                      .request = request};
    validation->begin.run = begin;
    loop_post(worker->loop, &validation->begin);
}
