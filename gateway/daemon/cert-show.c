/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * cert list, cert show: what each certificate is, was and will be. The files are read on the
 * offload pool; a change may be under way meanwhile. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/control/wire.h"
#include "gateway/daemon/certificates-private.h"
#include "pki/lifetime.h"

struct query {
    struct offload_job job;
    struct control_request *request;
    struct snapshot *snapshot; /* counted */
    size_t index;              /* of the one that is shown; count: all */
    json_t *result;
};

json_t *cert_time(int64_t seconds)
{
    char text[32];
    time_t time = (time_t)seconds;
    struct tm parts;
    if (!seconds)
        return json_null();
    gmtime_r(&time, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

/* Parts of a text, between any of the separators, as a list. */
static json_t *parts_of(const char *text, const char *separators)
{
    json_t *array = json_array();
    while (text && *text) {
        size_t length = strcspn(text, separators);
        if (length)
            json_array_append_new(array, json_stringn(text, length));
        text += length;
        text += strspn(text, separators);
    }
    return array;
}

static json_t *declared_keys(const struct conn_certificate *certificate)
{
    json_t *array = json_array();
    for (size_t i = 0; i < certificate->key_count; i++)
        json_array_append_new(array, control_text(certificate->keys[i].uri));
    return array;
}

static json_t *facts_object(const struct conn_certificate *certificate,
                            const struct pki_facts *facts)
{
    struct pki_lifetime life;
    pki_lifetime_between(facts->not_before, facts->not_after, 0, &life);
    bool own = facts->keys && facts->keys[0];
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:i, s:s, s:o, s:o, s:o}", "generation",
        facts->generation ? json_integer(facts->generation) : json_null(), "subject",
        control_text(facts->subject), "issuer", control_text(facts->issuer), "names",
        parts_of(facts->names, " "), "serial", control_text(facts->serial), "fingerprint",
        control_text(facts->fingerprint), "key_type", control_text(facts->key_type), "not_before",
        cert_time(facts->not_before), "not_after", cert_time(facts->not_after), "days_left",
        (json_int_t)life.days_left, "lifetime_percent", (int)life.percent, "lifetime",
        pki_lifetime_stage_name(life.stage), "keys",
        own ? parts_of(facts->keys, "\n") : declared_keys(certificate), "came",
        cert_time(facts->came), "from", control_text(facts->from));
}

static json_t *role_object(const struct snapshot *snapshot, size_t index, enum pki_role role)
{
    const struct pki_rotation *rotation = snapshot->rotations[index].rotation;
    struct pki_facts facts = {0};
    struct error error;
    int result = pki_rotation_facts(rotation, role, &facts, &error);
    if (result < 0) /* swept while it was read, perhaps: then it has another role by now */
        result = pki_rotation_facts(rotation, role, &facts, &error);
    if (result == 0)
        return json_null();
    json_t *object = result < 0 ? json_pack("{s:o}", "error", control_error_object(&error))
                                : facts_object(&snapshot->config->certificates[index], &facts);
    pki_facts_clear(&facts);
    return object;
}

json_t *cert_object(const struct snapshot *snapshot, size_t index)
{
    const struct conn_certificate *certificate = &snapshot->config->certificates[index];
    struct pki_roles roles = pki_rotation_roles(snapshot->rotations[index].rotation);
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "name", control_text(certificate->name), "chain_file",
        control_text(certificate->chain), "keys", declared_keys(certificate), "watch",
        control_text(certificate->watch), "activate_at", cert_time(roles.activate_at));
    for (unsigned role = 0; object && role < PKI_ROLE_END; role++)
        json_object_set_new(object, pki_role_name((enum pki_role)role),
                            role_object(snapshot, index, (enum pki_role)role));
    return object;
}

/* --- the commands --- */

static void read_them(struct offload_job *job)
{
    struct query *query = container_of(job, struct query, job);
    size_t count = query->snapshot->config->certificate_count;
    offload_wait_begin();
    if (query->index < count) {
        query->result = cert_object(query->snapshot, query->index);
    } else {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, cert_object(query->snapshot, i));
        query->result = json_pack("{s:o}", "certificates", list);
    }
    offload_wait_end();
}

static void show_them(struct offload_job *job)
{
    struct query *query = container_of(job, struct query, job);
    control_answer(query->request, query->result);
    snapshot_unref(query->snapshot);
    free(query);
}

static void ask(struct daemon *daemon, struct control_request *request, size_t index)
{
    struct query *query = calloc(1, sizeof *query);
    struct error error;
    if (query) {
        *query = (struct query){
            .request = request, .snapshot = snapshot_ref(daemon->snapshot), .index = index};
        if (offload_submit(daemon->offload, daemon->loop, &query->job, read_them, show_them) == 0)
            return;
        snapshot_unref(query->snapshot);
        free(query);
    }
    error_set(&error, EX_TEMPFAIL, "Too much is running already");
    error_cure(&error, "ask again in a moment");
    control_fail(request, &error);
}

void cert_list(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    (void)arguments;
    ask(daemon, request, daemon->snapshot->config->certificate_count);
}

void cert_show(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    const struct conn_config *config = daemon->snapshot->config;
    const char *name = json_string_value(json_object_get(arguments, "name"));
    struct error error;
    for (size_t i = 0; i < config->certificate_count; i++)
        if (name && strcmp(config->certificates[i].name, name) == 0) {
            ask(daemon, request, i);
            return;
        }
    error_set(&error, EX_DATAERR, "There is no certificate \"%.100s\" in force", name ? name : "");
    error_cure(&error, "posternctl cert list names those there are");
    control_fail(request, &error);
}
