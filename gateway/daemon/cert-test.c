/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The test of a certificate: each outbound connector that presents it is dialed with the candidate,
 * one after the other, up to RCPT and RSET; one with ValidationRecipients once for each of them.
 * See certificates-private.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/daemon/certificates-private.h"

enum { ADDRESS_SIZE = 330 };

static void test_next(struct cert_change *change);

static const struct conn_outbound *connector_of(const struct cert_change *change)
{
    return &change->snapshot->config->outbound[change->outbound];
}

static bool is_concerned(const struct cert_change *change)
{
    const struct conn_outbound *connector = connector_of(change);
    return connector->enabled && connector->tls_settings != CONN_TLS_NONE &&
           connector->certificate == &change->snapshot->config->certificates[change->index];
}

/* Who is asked for where nobody is named: the next of ValidationRecipients. Without any, postmaster
 * of the first domain that the connector names (RFC 5321 4.5.1); where it names none, of the domain
 * that our host name is in. */
static void choose_recipient(const struct cert_change *change, char *text)
{
    const struct conn_outbound *connector = connector_of(change);
    const struct conn_strings *named = &connector->validation_recipients;
    if (change->validation_recipient < named->count) {
        snprintf(text, ADDRESS_SIZE, "%s", named->items[change->validation_recipient]);
        return;
    }
    const char *domain = NULL, *host = change->snapshot->config->host_name;
    for (size_t i = 0; i < connector->recipient_domains.count && !domain; i++) {
        const char *one = connector->recipient_domains.items[i];
        one += strncmp(one, "*.", 2) == 0 ? 2 : 0;
        if (strcmp(one, "*") != 0)
            domain = one;
    }
    if (!domain) {
        const char *dot = strchr(host, '.');
        domain = dot && strchr(dot + 1, '.') ? dot + 1 : host;
    }
    snprintf(text, ADDRESS_SIZE, "postmaster@%.255s", domain);
}

/* --- what came of it --- */

static const char *word(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* RFC 3463: x.1.y is about the address. Who says so has taken the certificate. */
static bool only_the_address(const json_t *result)
{
    const json_t *reply = json_object_get(result, "reply");
    const char *status = word(reply, "status");
    return strcmp(word(result, "failed_step"), "rcpt") == 0 && strlen(status) > 3 &&
           strncmp(status + 1, ".1.", 3) == 0;
}

static void describe_reply(const json_t *result, char *text, size_t size)
{
    const json_t *reply = json_object_get(result, "reply");
    const char *recipient = word(result, "recipient");
    snprintf(text, size, "%s: RCPT TO:<%.100s> was answered \"%lld %s%s%.200s\"",
             word(result, "address"), recipient,
             (long long)json_integer_value(json_object_get(reply, "code")), word(reply, "status"),
             *word(reply, "status") ? " " : "", word(reply, "text"));
}

/* The first failure is the change's error, with the numbers of all. */
static void note_failure(struct cert_change *change, const char *what, const char *cure)
{
    if (change->failed++)
        return;
    error_set(&change->error, EX_UNAVAILABLE,
              "The next hop of outbound connector %s does not take the certificate: %s",
              connector_of(change)->name, what);
    error_where(&change->error, "%s", pki_rotation_name(change->rotation));
    error_cure(&change->error, "%s",
               cure && *cure ? cure : "let the other side know of the new certificate");
}

static void judge(struct cert_change *change, json_t *result)
{
    char text[512];
    bool passed = strcmp(word(result, "outcome"), "passed") == 0,
         address = only_the_address(result);
    describe_reply(result, text, sizeof text);
    if (passed || address) {
        cert_tell(change, "test", connector_of(change)->name, address ? "warning" : "passed", text,
                  address
                      ? "the certificate was taken; name an address that exists, with --recipient"
                      : NULL);
        return;
    }
    cert_tell(change, "test", connector_of(change)->name, "failed", word(result, "detail"),
              word(result, "cure"));
    note_failure(change, word(result, "detail"), word(result, "cure"));
}

static void finish(struct cert_change *change)
{
    if (!change->tested)
        cert_tell(change, "test", NULL, "warning",
                  "no outbound connector presents this certificate",
                  "name it in TlsCertificateName of a connector");
    cert_step_done(change, change->failed ? -change->error.code : 0);
}

static void on_step(struct validate_client *client, json_t *step)
{
    struct cert_change *change = container_of(client, struct cert_change, client);
    if (!change->request) {
        json_decref(step);
        return;
    }
    json_object_set_new(step, "connector", control_text(connector_of(change)->name));
    control_progress(change->request, step);
}

/* On to the next recipient of the same connector; false: it has no more. */
static bool next_recipient(struct cert_change *change)
{
    if (!change->recipient && !change->failed &&
        ++change->validation_recipient < connector_of(change)->validation_recipients.count)
        return true;
    change->validation_recipient = 0;
    return false;
}

static void on_done(struct validate_client *client, json_t *result, const struct error *error)
{
    struct cert_change *change = container_of(client, struct cert_change, client);
    if (result) {
        judge(change, result);
        json_object_set_new(result, "connector", control_text(connector_of(change)->name));
        json_array_append_new(change->connectors, result);
    } else {
        note_failure(change, error->what, error->cure);
    }
    if (!next_recipient(change)) {
        change->tested++;
        change->outbound++;
    }
    if (change->overtaken)
        finish(change);
    else
        test_next(change);
}

/* --- one after the other --- */

static int start_one(struct cert_change *change, struct error *error)
{
    char recipient[ADDRESS_SIZE];
    choose_recipient(change, recipient);
    struct validate_order order = {.outbound = connector_of(change),
                                   .identity = change->candidate.identity,
                                   .recipient = change->recipient ? change->recipient : recipient};
    change->client = (struct validate_client){.step = on_step, .done = on_done};
    return validate_start(change->certificates->daemon, &order, &change->client, error);
}

static void test_next(struct cert_change *change)
{
    const struct conn_config *config = change->snapshot->config;
    struct error error;
    while (change->outbound < config->outbound_count && !is_concerned(change))
        change->outbound++;
    if (change->outbound == config->outbound_count) {
        finish(change);
        return;
    }
    if (start_one(change, &error) == 0)
        return;
    cert_tell(change, "test", connector_of(change)->name, "failed", error.what, error.cure);
    change->error = error;
    cert_step_done(change, -error.code);
}

void cert_test_begin(struct cert_change *change)
{
    change->outbound = change->validation_recipient = 0;
    change->tested = change->failed = 0;
    test_next(change);
}
