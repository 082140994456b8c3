/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See hsm.h: the signer and its keys as they are. */
#include "gateway/daemon/hsm.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/control/wire.h"

/* Where the Key elements say, or where the key of what was activated was found. */
static bool has_key(const struct snapshot *snapshot, size_t index, const char *key)
{
    const struct conn_certificate *certificate = &snapshot->config->certificates[index];
    for (size_t i = 0; i < certificate->key_count; i++)
        if (strcmp(certificate->keys[i].uri, key) == 0)
            return true;
    return pki_identity_has_key(snapshot->identities[index], key);
}

const char *hsm_certificate_of(const struct snapshot *snapshot, const char *key)
{
    for (size_t i = 0; i < snapshot->config->certificate_count; i++)
        if (has_key(snapshot, i, key))
            return snapshot->config->certificates[i].name;
    return "?";
}

uint64_t hsm_signatures(const struct daemon *daemon)
{
    struct pki_signer_status status;
    struct pki_key_status *keys = calloc(HSM_KEYS_MAXIMUM, sizeof *keys);
    uint64_t sum = 0;
    unsigned count = keys ? pki_signer_status(daemon->signer, &status, keys, HSM_KEYS_MAXIMUM) : 0;
    for (unsigned i = 0; i < count && i < HSM_KEYS_MAXIMUM; i++)
        sum += keys[i].signatures;
    free(keys);
    return sum;
}

/* Words parted by spaces, as a list. */
static json_t *words(const char *text)
{
    json_t *array = json_array();
    while (*text) {
        size_t length = strcspn(text, " ");
        json_array_append_new(array, json_stringn(text, length));
        text += length;
        text += strspn(text, " ");
    }
    return array;
}

static json_t *certificates_of(const struct snapshot *snapshot, const char *key)
{
    json_t *array = json_array();
    for (size_t i = 0; i < snapshot->config->certificate_count; i++)
        if (has_key(snapshot, i, key))
            json_array_append_new(array, control_text(snapshot->config->certificates[i].name));
    return array;
}

/* "session", "module", "process". */
static json_t *steps_object(const struct pki_key_status *key)
{
    json_t *object = json_object();
    for (unsigned step = PKI_RECOVERY_SESSION; step < PKI_RECOVERY_END; step++)
        json_object_set_new(object, pki_recovery_name(step),
                            json_integer((json_int_t)key->steps[step]));
    return object;
}

static json_t *key_counts(const struct pki_key_status *key)
{
    return json_pack("{s:I, s:I, s:I, s:o, s:I, s:I, s:b, s:I, s:I, s:I, s:I}", "signatures",
                     (json_int_t)key->signatures, "errors", (json_int_t)key->errors, "recoveries",
                     (json_int_t)key->recoveries, "steps", steps_object(key), "place",
                     (json_int_t)key->place, "places", (json_int_t)key->places, "active",
                     key->active, "failovers", (json_int_t)key->failovers, "comebacks",
                     (json_int_t)key->comebacks, "median_microseconds",
                     (json_int_t)key->median_microseconds, "p99_microseconds",
                     (json_int_t)key->p99_microseconds);
}

static json_t *key_object(const struct snapshot *snapshot, const struct pki_key_status *key)
{
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "key",
        control_text(key->key), "identities", certificates_of(snapshot, key->key), "token",
        control_text(key->token), "module", control_text(key->module), "manufacturer",
        control_text(key->manufacturer), "model", control_text(key->model), "serial",
        control_text(key->serial), "type", control_text(key->type), "algorithms",
        words(key->algorithms), "ready", key->ready, "logged_in", key->logged_in, "last_error",
        control_text_or_null(key->last_error), "cure", control_text_or_null(key->cure));
    json_t *counts = key_counts(key);
    json_object_update(object, counts);
    json_decref(counts);
    return object;
}

static json_t *process_objects(const struct pki_signer_status *signer)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < signer->processes; i++) {
        const struct pki_process_status *process = &signer->process[i];
        json_array_append_new(array, json_pack("{s:o, s:i, s:I, s:I, s:I}", "serves",
                                               control_text_or_null(process->serves), "pid",
                                               process->pid, "starts", (json_int_t)process->starts,
                                               "waiting", (json_int_t)process->waiting, "keys",
                                               (json_int_t)process->keys));
    }
    return array;
}

void hsm_status(void *context, struct control_request *request, const json_t *arguments)
{
    const struct daemon *daemon = context;
    struct pki_signer_status signer = {0};
    struct pki_key_status *keys = calloc(HSM_KEYS_MAXIMUM, sizeof *keys);
    json_t *list = json_array();
    (void)arguments;
    unsigned count = keys ? pki_signer_status(daemon->signer, &signer, keys, HSM_KEYS_MAXIMUM) : 0;
    for (unsigned i = 0; i < count && i < HSM_KEYS_MAXIMUM; i++)
        json_array_append_new(list, key_object(daemon->snapshot, &keys[i]));
    free(keys);
    control_answer(request,
                   json_pack("{s:{s:i, s:I, s:I, s:o}, s:o}", "signer", "pid", signer.pid, "starts",
                             (json_int_t)signer.starts, "waiting", (json_int_t)signer.waiting,
                             "processes", process_objects(&signer), "keys", list));
}
