/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See validate.h. The validation lives on both threads in turn: made on the main thread, dialing on
 * the worker's, and every step and the end posted back as a task with the JSON in it. It is freed
 * on the main thread after the last of these tasks, which come in order. */
#include "gateway/daemon/validate-private.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/remembered.h"
#include "gateway/relay/tls.h"

/* --- on the main thread --- */

static void free_validation(struct validation *validation)
{
    struct validation **at = &validation->daemon->validations;
    while (*at && *at != validation)
        at = &(*at)->next;
    if (*at)
        *at = validation->next;
    json_decref(validation->peer);
    json_decref(validation->checks);
    json_decref(validation->offers);
    json_decref(validation->reply);
    SSL_CTX_free(validation->tls);
    pki_identity_unref(validation->identity);
    snapshot_unref(validation->snapshot);
    free(validation);
}

static void deliver_step(struct loop_task *task)
{
    struct validate_tidings *tidings = container_of(task, struct validate_tidings, task);
    struct validate_client *client = tidings->validation->client;
    if (client->step)
        client->step(client, tidings->json);
    else
        json_decref(tidings->json);
    free(tidings);
}

static void deliver_end(struct loop_task *task)
{
    struct validate_tidings *tidings = container_of(task, struct validate_tidings, task);
    struct validation *validation = tidings->validation;
    struct validate_client *client = validation->client;
    struct error error;
    json_t *result = tidings->json;
    if (result && validation->remember)
        remembered_put(validation->daemon, validation->outbound->name, result);
    free_validation(validation);
    if (!result)
        error_set(&error, EX_OSERR, "Out of memory");
    client->done(client, result, result ? NULL : &error);
}

/* --- on the worker's --- */

void validate_tell(struct validation *validation, json_t *step)
{
    struct validate_tidings *tidings = calloc(1, sizeof *tidings);
    if (!tidings || !step) { /* a step is not shown; the end has memory of its own */
        json_decref(step);
        free(tidings);
        return;
    }
    *tidings =
        (struct validate_tidings){.task.run = deliver_step, .validation = validation, .json = step};
    loop_post(validation->daemon->loop, &tidings->task);
}

void validate_end(struct validation *validation)
{
    json_t *result = validation->hop ? validate_result(validation) : NULL;
    if (validation->hop)
        hop_close(validation->hop, true);
    validation->hop = NULL;
    validation->last = (struct validate_tidings){
        .task.run = deliver_end, .validation = validation, .json = result};
    loop_post(validation->daemon->loop, &validation->last.task);
}

static void on_step(struct hop_owner *owner, enum hop_step step, const struct error *error,
                    int64_t milliseconds)
{
    validate_tell_dialing(container_of(owner, struct validation, owner), step, error, milliseconds);
}

static void on_ready(struct hop_owner *owner)
{
    struct validation *validation = container_of(owner, struct validation, owner);
    validation->fault.step = NULL; /* of a host before this one */
    validate_tell_clear(validation);
    if (validation->recipient[0])
        validate_mail_begin(validation);
    else
        validate_end(validation);
}

static void on_failed(struct hop_owner *owner, const struct smtp_reply *reply)
{
    (void)reply;
    validate_end(container_of(owner, struct validation, owner));
}

static void on_replied(struct hop_owner *owner, const struct smtp_reply *reply)
{
    validate_mail_replied(container_of(owner, struct validation, owner), reply);
}

static void on_lost(struct hop_owner *owner, const struct error *error)
{
    validate_mail_lost(container_of(owner, struct validation, owner), error);
}

static void begin(struct loop_task *task)
{
    struct validation *validation = container_of(task, struct validation, begin);
    if (validation->cancelled)
        return;
    validation->owner = (struct hop_owner){.ready = on_ready,
                                           .failed = on_failed,
                                           .replied = on_replied,
                                           .lost = on_lost,
                                           .step = on_step};
    validation->hop = hop_dial(validation->worker, validation->snapshot, validation->outbound,
                               &validation->owner);
    if (validation->hop && validation->domain[0] &&
        hop_route_to(validation->hop, validation->domain) < 0) {
        hop_close(validation->hop, false);
        validation->hop = NULL;
    }
    if (!validation->hop)
        validate_end(validation);
    else if (validation->tls)
        hop_present(validation->hop, validation->tls, validation->identity);
}

/* --- starting and stopping, on the main thread --- */

/* As between the angle brackets of MAIL and RCPT, by the very grammar that we hold others to. */
static int take_address(const char *option, const char *text, char *ret, struct error *error)
{
    char line[SMTP_PATH_MAXIMUM + 8];
    struct smtp_path path;
    int length = snprintf(line, sizeof line, "TO:<%s>", text);
    if (length > 0 && (size_t)length < sizeof line && !strpbrk(text, "<> ") &&
        smtp_parse_rcpt(line, (size_t)length, &path) == SMTP_SYNTAX_OK && path.domain[0]) {
        strcpy(ret, path.address);
        return 0;
    }
    error_set(error, EX_USAGE, "--%s %.100s is no address", option, text);
    return error_cure(error, "--%s somebody@example.com", option);
}

/* Whose mail hosts are tried, where the connector has no hosts of its own. */
static int take_domain(struct validation *validation, const struct validate_order *order,
                       struct error *error)
{
    if (!order->outbound->use_mx_record)
        return 0;
    if (validation->recipient[0])
        hop_domain_of(order->outbound, validation->recipient, validation->domain,
                      sizeof validation->domain);
    else if (order->domain)
        snprintf(validation->domain, sizeof validation->domain, "%s", order->domain);
    if (validation->domain[0])
        return 0;
    error_set(error, EX_USAGE,
              "Outbound connector %s sends by MX records, so that it needs a recipient",
              order->outbound->name);
    return error_cure(error, "add --recipient ADDRESS, or ValidationRecipients to the connector");
}

static int take_order(struct validation *validation, const struct validate_order *order,
                      struct error *error)
{
    int result = 0;
    validation->send = order->send;
    if (order->recipient)
        result = take_address("recipient", order->recipient, validation->recipient, error);
    if (result == 0 && order->sender && order->sender[0])
        result = take_address("sender", order->sender, validation->sender, error);
    if (result == 0)
        result = take_domain(validation, order, error);
    if (result < 0 || !order->identity || order->outbound->tls_settings == CONN_TLS_NONE)
        return result;
    validation->identity = pki_identity_ref(order->identity);
    return tls_client_context(validation->daemon->library, order->identity,
                              order->outbound->tls_minimum, &order->outbound->tls_lists,
                              &validation->tls, error);
}

int validate_start(struct daemon *daemon, const struct validate_order *order,
                   struct validate_client *client, struct error *error)
{
    struct validation *validation = calloc(1, sizeof *validation);
    if (!validation)
        return error_set(error, EX_OSERR, "Out of memory");
    validation->daemon = daemon;
    validation->client = client;
    validation->remember = !order->identity;
    validation->worker = daemon->workers[0].worker;
    validation->snapshot = snapshot_ref(daemon->snapshot);
    validation->outbound = order->outbound;
    validation->begin.run = begin;
    int result = take_order(validation, order, error);
    if (result < 0) {
        free_validation(validation);
        return result;
    }
    validation->next = daemon->validations;
    daemon->validations = validation;
    loop_post(validation->worker->loop, &validation->begin);
    return 0;
}

void validate_cut_off(struct daemon *daemon)
{
    if (!daemon->validations)
        return;
    for (struct validation *one = daemon->validations; one; one = one->next) {
        one->cancelled = true;
        if (one->hop)
            hop_close(one->hop, false);
        one->hop = NULL;
    }
    loop_run_posted(daemon->loop);
}

void validate_abandon(struct daemon *daemon)
{
    struct error error;
    error_set(&error, EX_TEMPFAIL, "posternd is stopping");
    error_cure(&error, "validate again when it runs");
    while (daemon->validations) {
        struct validate_client *client = daemon->validations->client;
        free_validation(daemon->validations);
        client->done(client, NULL, &error);
    }
}
