/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternd answers to posternctl, shaped as gateway/control/shapes.h says. Main thread. */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/daemon/certificates.h"
#include "gateway/daemon/cert.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/expiry.h"
#include "gateway/daemon/hsm.h"
#include "gateway/daemon/remembered.h"
#include "gateway/daemon/validate.h"
#include "pki/base/clock.h"

static json_t *time_text(time_t time)
{
    char text[32];
    struct tm parts;
    gmtime_r(&time, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

static json_t *strings(const struct conn_strings *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, control_text(list->items[i]));
    return array;
}

/* --- status --- */

struct totals {
#define TOTAL(name) uint64_t name;
    WORKER_COUNTERS(TOTAL)
#undef TOTAL
    int64_t sessions_open, hops_idle, hops_open;
};

static struct totals add_up(const struct daemon *daemon)
{
    struct totals totals = {0};
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        struct worker_counters *counters = &daemon->workers[i].worker->counters;
#define ADD(name) totals.name += atomic_load_explicit(&counters->name, memory_order_relaxed);
        WORKER_COUNTERS(ADD)
        ADD(sessions_open)
        ADD(hops_idle)
        ADD(hops_open)
#undef ADD
    }
    return totals;
}

static json_t *listener_texts(const struct daemon *daemon)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < daemon->listeners.count; i++)
        json_array_append_new(array, control_text(daemon->listeners.items[i].text));
    return array;
}

static json_t *configuration(const struct snapshot *snapshot, const char *directory)
{
    return json_pack("{s:o, s:o, s:I, s:I}", "directory", control_text(directory), "loaded",
                     time_text(snapshot->loaded), "generation", (json_int_t)snapshot->generation,
                     "warnings", (json_int_t)snapshot->warnings);
}

static json_t *traffic(const struct daemon *daemon)
{
    struct totals t = add_up(daemon);
    int64_t in_use = t.hops_open - t.hops_idle;
    return json_pack(
        "{s:I, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:I, "
        "s:I}",
        "bytes", (json_int_t)t.bytes, "sessions", "open", (json_int_t)t.sessions_open, "total",
        (json_int_t)t.sessions_total, "messages", "accepted", (json_int_t)t.messages_accepted,
        "deferred", (json_int_t)t.messages_deferred, "rejected", (json_int_t)t.messages_rejected,
        "broken_off", (json_int_t)t.messages_broken_off, "next_hop_connections", "new",
        (json_int_t)(t.hops_dialed - t.hops_resumed), "resumed", (json_int_t)t.hops_resumed,
        "reused", (json_int_t)t.hops_reused, "failed", (json_int_t)t.hops_failed, "pool", "idle",
        (json_int_t)t.hops_idle, "in_use", (json_int_t)(in_use < 0 ? 0 : in_use), "signatures",
        (json_int_t)hsm_signatures(daemon), "peers_refused", (json_int_t)t.peers_refused);
}

static void status(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    const char *state = daemon->stop ? "draining" : daemon->degraded ? "degraded" : "running";
    (void)arguments;
    json_t *result = json_pack(
        "{s:s, s:i, s:o, s:s, s:o, s:o, s:I, s:I, s:o, s:o}", "version", PACKAGE_VERSION, "pid",
        (int)getpid(), "host", control_text(daemon->snapshot->config->host_name), "state", state,
        "reason", control_text_or_null(daemon->reason), "started", time_text(daemon->started),
        "uptime", (json_int_t)((clock_milliseconds() - daemon->started_monotonic) / 1000),
        "workers", (json_int_t)daemon->worker_count, "configuration",
        configuration(daemon->snapshot, daemon->directory), "listeners", listener_texts(daemon));
    json_object_set_new(result, "certificates", expiry_list(daemon));
    json_t *more = traffic(daemon);
    json_object_update(result, more);
    json_decref(more);
    control_answer(request, result);
}

static void reload(void *context, struct control_request *request, const json_t *arguments)
{
    (void)arguments;
    daemon_reload(context, request);
}

/* --- connectors --- */

static json_t *addresses(const struct conn_inbound *inbound)
{
    json_t *array = json_array();
    for (size_t i = 0; i < inbound->range_count; i++) {
        char text[CONN_RANGE_TEXT_MAXIMUM];
        json_array_append_new(array,
                              json_string(conn_range_text(&inbound->ranges[i], text, sizeof text)));
    }
    return array;
}

static json_t *inbound_object(const struct conn_inbound *inbound)
{
    return json_pack("{s:o, s:b, s:o, s:b, s:s, s:o, s:o, s:o}", "name",
                     control_text(inbound->name), "enabled", inbound->enabled, "addresses",
                     addresses(inbound), "require_tls", inbound->require_tls, "tls_minimum",
                     conn_tls_version_name(inbound->tls_minimum), "certificate",
                     control_text_or_null(inbound->certificate ? inbound->certificate->name : NULL),
                     "sender_certificate_names", strings(&inbound->sender_certificate_names),
                     "sender_domains", strings(&inbound->sender_domains));
}

static json_t *hosts(const struct conn_outbound *outbound)
{
    json_t *array = json_array();
    for (size_t i = 0; i < outbound->host_count; i++) {
        char text[300];
        const char *name = outbound->hosts[i].name;
        snprintf(text, sizeof text, strchr(name, ':') ? "[%.255s]:%u" : "%.255s:%u", name,
                 outbound->hosts[i].port);
        json_array_append_new(array, control_text(text));
    }
    return array;
}

static json_t *scope(const struct conn_outbound *outbound)
{
    json_t *array = json_array();
    for (size_t i = 0; i < outbound->scope_count; i++)
        json_array_append_new(array, control_text(outbound->scope[i]->name));
    return array;
}

static json_t *outbound_object(const struct daemon *daemon, const struct conn_outbound *outbound)
{
    return json_pack(
        "{s:o, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "name", control_text(outbound->name),
        "enabled", outbound->enabled, "recipient_domains", strings(&outbound->recipient_domains),
        "smart_hosts", hosts(outbound), "tls_settings",
        conn_tls_settings_name(outbound->tls_settings), "tls_domains",
        strings(&outbound->tls_domains), "certificate",
        control_text_or_null(outbound->certificate ? outbound->certificate->name : NULL), "scope",
        scope(outbound), "validated", remembered_get(daemon, outbound->name));
}

/* What `show` adds to an object of `list`. Takes the XML over. */
static json_t *with_source(json_t *object, char *xml, const struct conn_place *place)
{
    json_object_set_new(object, "xml", control_text_or_null(xml));
    json_object_set_new(object, "file", control_text(place->file));
    json_object_set_new(object, "line", json_integer(place->line));
    free(xml);
    return object;
}

static void inbound_list(void *context, struct control_request *request, const json_t *arguments)
{
    const struct conn_config *config = ((struct daemon *)context)->snapshot->config;
    json_t *list = json_array();
    (void)arguments;
    for (size_t i = 0; i < config->inbound_count; i++)
        json_array_append_new(list, inbound_object(&config->inbound[i]));
    control_answer(request, json_pack("{s:o}", "connectors", list));
}

static void outbound_list(void *context, struct control_request *request, const json_t *arguments)
{
    const struct daemon *daemon = context;
    const struct conn_config *config = daemon->snapshot->config;
    json_t *list = json_array();
    (void)arguments;
    for (size_t i = 0; i < config->outbound_count; i++)
        json_array_append_new(list, outbound_object(daemon, &config->outbound[i]));
    control_answer(request, json_pack("{s:o}", "connectors", list));
}

static const char *name_argument(const json_t *arguments)
{
    const char *name = json_string_value(json_object_get(arguments, "name"));
    return name ? name : "";
}

static void no_such_connector(struct control_request *request, const char *kind, const char *name)
{
    struct error error;
    error_set(&error, EX_DATAERR, "There is no %s connector \"%.100s\" in force", kind, name);
    error_cure(&error,
               "posternctl %s list names those there are; a new one needs posternctl reload", kind);
    control_fail(request, &error);
}

static void inbound_show(void *context, struct control_request *request, const json_t *arguments)
{
    const struct conn_config *config = ((struct daemon *)context)->snapshot->config;
    const char *name = name_argument(arguments);
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        if (strcmp(inbound->name, name) != 0)
            continue;
        control_answer(request, with_source(inbound_object(inbound), conn_inbound_xml(inbound),
                                            &inbound->place));
        return;
    }
    no_such_connector(request, "inbound", name);
}

static const struct conn_outbound *find_outbound(const struct conn_config *config, const char *name)
{
    for (size_t i = 0; i < config->outbound_count; i++)
        if (strcmp(config->outbound[i].name, name) == 0)
            return &config->outbound[i];
    return NULL;
}

static void outbound_show(void *context, struct control_request *request, const json_t *arguments)
{
    const struct daemon *daemon = context;
    const char *name = name_argument(arguments);
    const struct conn_outbound *outbound = find_outbound(daemon->snapshot->config, name);
    if (outbound)
        control_answer(request, with_source(outbound_object(daemon, outbound),
                                            conn_outbound_xml(outbound), &outbound->place));
    else
        no_such_connector(request, "outbound", name);
}

const struct control_command_entry daemon_commands[] = {
    {CONTROL_STATUS, status},
    {CONTROL_RELOAD, reload},
    {CONTROL_INBOUND_LIST, inbound_list},
    {CONTROL_INBOUND_SHOW, inbound_show},
    {CONTROL_OUTBOUND_LIST, outbound_list},
    {CONTROL_OUTBOUND_SHOW, outbound_show},
    {CONTROL_OUTBOUND_VALIDATE, validate_outbound},
    {CONTROL_PEER_LIST, peer_list},
    {CONTROL_PEER_SHOW, peer_show},
    {CONTROL_HSM_STATUS, hsm_status},
    {CONTROL_HSM_LIST, hsm_list},
    {CONTROL_HSM_TEST, hsm_test},
    {CONTROL_CERT_REQUEST, cert_request},
    {CONTROL_CERT_LIST, cert_list},
    {CONTROL_CERT_SHOW, cert_show},
    {CONTROL_CERT_IMPORT, cert_import},
    {CONTROL_CERT_STAGE, cert_stage},
    {CONTROL_CERT_TEST, cert_test},
    {CONTROL_CERT_ACTIVATE, cert_activate},
    {CONTROL_CERT_ROLLBACK, cert_rollback},
    {CONTROL_CERT_ROTATE, cert_rotate},
    {NULL, NULL},
};
