/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See trial.h. A trial stays in the worker's list after its end, to remember when it was; the
 * oldest that is at rest makes room. */
#include "gateway/relay/trial.h"

#include <stdlib.h>
#include <string.h>

#include "connectors/select.h"
#include "gateway/relay/hop.h"
#include "pki/base/log.h"

enum { TRIALS_MAXIMUM = 32, REST_MILLISECONDS = 300000, KEY_MAXIMUM = 400 };

struct trial {
    struct trial *next;
    struct worker *worker;
    struct hop_owner owner;
    struct hop *hop; /* NULL: at rest */
    int64_t began;
    char key[KEY_MAXIMUM]; /* connector and domain */
};

static void log_outcome(const struct trial *trial, const struct smtp_reply *reply)
{
    const struct hop *hop = trial->hop;
    struct log log;
    log_event(&log, LOG_EVENT_TEST_MODE, "TestMode: connector %s %s mail just now",
              hop->outbound->name, reply ? "could not have delivered" : "could have delivered");
    log_text(&log, "outbound", hop->outbound->name);
    log_text(&log, "outcome", reply ? "failed" : "passed");
    log_text(&log, "host", hop_host(hop));
    log_text(&log, "address", hop->address_text[0] ? hop->address_text : NULL);
    if (hop->stream.ssl) {
        log_text(&log, "tls", tls_version_name(hop->stream.ssl));
        log_text(&log, "cipher", tls_cipher_name(hop->stream.ssl));
    }
    if (reply) {
        log_number(&log, "code", reply->code);
        log_text(&log, "reply", reply->text);
        log_format(&log, "cure", "posternctl outbound validate %s", hop->outbound->name);
    }
    log_end(&log);
}

static void end(struct trial *trial, const struct smtp_reply *reply)
{
    struct hop *hop = trial->hop;
    log_outcome(trial, reply);
    trial->hop = NULL;
    hop_close(hop, !reply);
}

static void on_ready(struct hop_owner *owner)
{
    end(container_of(owner, struct trial, owner), NULL);
}

static void on_failed(struct hop_owner *owner, const struct smtp_reply *reply)
{
    end(container_of(owner, struct trial, owner), reply);
}

/* Neither comes: nothing is said to a hop that is ready, and it is closed at once. */
static void on_replied(struct hop_owner *owner, const struct smtp_reply *reply)
{
    (void)owner;
    (void)reply;
}

static void on_lost(struct hop_owner *owner, const struct error *error)
{
    (void)owner;
    (void)error;
}

/* Makes room; false when all of them are under way. */
static bool forget_one(struct worker *worker)
{
    struct trial **oldest = NULL;
    unsigned count = 0;
    for (struct trial **at = &worker->trials; *at; at = &(*at)->next, count++)
        if (!(*at)->hop)
            oldest = at;
    if (count < TRIALS_MAXIMUM)
        return true;
    if (!oldest)
        return false;
    struct trial *trial = *oldest;
    *oldest = trial->next;
    free(trial);
    return true;
}

/* The trial to begin, NULL: there was one not long ago, or there is no room. */
static struct trial *find_trial(struct worker *worker, const char *key)
{
    int64_t now = loop_now(worker->loop);
    struct trial *trial = worker->trials;
    while (trial && strcmp(trial->key, key) != 0)
        trial = trial->next;
    if (trial)
        return trial->hop || now - trial->began < REST_MILLISECONDS ? NULL : trial;
    if (!forget_one(worker) || !(trial = calloc(1, sizeof *trial)))
        return NULL;
    snprintf(trial->key, sizeof trial->key, "%s", key);
    trial->worker = worker;
    trial->owner = (struct hop_owner){
        .ready = on_ready, .failed = on_failed, .replied = on_replied, .lost = on_lost};
    trial->next = worker->trials;
    worker->trials = trial;
    return trial;
}

static void begin(struct worker *worker, struct snapshot *snapshot,
                  const struct conn_outbound *outbound, const char *address)
{
    char text[DNS_NAME_MAXIMUM], key[KEY_MAXIMUM];
    const char *domain = hop_domain_of(outbound, address, text, sizeof text);
    snprintf(key, sizeof key, "%s %s", outbound->name, domain ? domain : "");
    struct trial *trial = find_trial(worker, key);
    if (!trial)
        return;
    trial->began = loop_now(worker->loop);
    trial->hop = hop_dial(worker, snapshot, outbound, &trial->owner);
    if (trial->hop && hop_route_to(trial->hop, domain) < 0) {
        hop_close(trial->hop, false);
        trial->hop = NULL;
    }
}

void trial_consider(struct worker *worker, struct snapshot *snapshot,
                    const struct conn_inbound *inbound, const struct conn_outbound *instead,
                    const struct smtp_path *path, const char *message)
{
    const struct conn_config *config = snapshot->config;
    const struct conn_outbound *outbound =
        conn_outbound_trial(config, inbound, path->domain[0] ? path->domain : config->host_name);
    struct log log;
    if (!outbound)
        return;
    log_event(&log, LOG_EVENT_TEST_MODE, "TestMode: <%s> would have gone through connector %s",
              path->address, outbound->name);
    log_text(&log, "outbound", outbound->name);
    log_text(&log, "outcome", "chosen");
    log_text(&log, "id", message);
    log_format(&log, "to", "<%s>", path->address);
    log_text(&log, "inbound", inbound->name);
    log_text(&log, "instead", instead ? instead->name : NULL);
    log_end(&log);
    begin(worker, snapshot, outbound, path->address);
}

void trial_free_all(struct worker *worker)
{
    while (worker->trials) {
        struct trial *trial = worker->trials;
        worker->trials = trial->next;
        if (trial->hop)
            hop_close(trial->hop, false);
        free(trial);
    }
}
