/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See certificates.h: the commands, from what was said to the change that does it. */
#include "gateway/daemon/certificates.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/control/wire.h"
#include "gateway/daemon/certificates-private.h"

enum { TEXT_MAXIMUM = 4096 };

int certificates_new(struct certificates **ret, struct daemon *daemon, struct error *error)
{
    struct certificates *certificates = calloc(1, sizeof *certificates);
    if (!certificates)
        return error_set(error, EX_OSERR, "Out of memory");
    certificates->daemon = daemon;
    certificates->inotify.fd = -1;
    *ret = certificates;
    return 0;
}

void certificates_stop(struct certificates *certificates)
{
    if (certificates)
        certificates->closing = true;
}

static void give_up(struct cert_change *change)
{
    struct error error;
    if (!change)
        return;
    error_set(&error, EX_TEMPFAIL, "posternd is stopping");
    error_cure(&error, "say it again when it runs");
    if (change->asker)
        change->asker->done(change->asker, -EX_TEMPFAIL, &error);
    if (change->request)
        control_fail(change->request, &error);
    cert_change_free(change);
}

struct certificates *certificates_free(struct certificates *certificates)
{
    if (!certificates)
        return NULL;
    give_up(certificates->change);
    give_up(certificates->parked);
    loop_cancel_timer(certificates->daemon->loop, &certificates->due);
    cert_watch_free(certificates);
    free(certificates);
    return NULL;
}

void certificates_configured(struct certificates *certificates)
{
    cert_watch_configured(certificates);
    cert_schedule_look(certificates);
}

bool certificates_busy(const struct certificates *certificates)
{
    return certificates && certificates->change;
}

/* --- arguments --- */

static const char *text_of(const json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

static int copy_text(const json_t *arguments, const char *name, char **ret, struct error *error)
{
    const char *text = text_of(arguments, name);
    if (!text)
        return 0;
    if (strlen(text) > TEXT_MAXIMUM)
        return error_set(error, EX_USAGE, "The %s is longer than %d bytes", name, TEXT_MAXIMUM);
    *ret = strdup(text);
    return *ret ? 0 : error_set(error, EX_OSERR, "Out of memory");
}

/* The bytes of the chain, as they were in the file, in base64 (RFC 4648 4). */
static int take_chain(struct cert_change *change, const json_t *arguments, struct error *error)
{
    const char *text = text_of(arguments, "chain");
    size_t length = text ? strlen(text) : 0;
    if (!length || length % 4 || length > (CERT_CHAIN_MAXIMUM + 2) / 3 * 4) {
        error_set(error, EX_USAGE, "The chain is no base64 of 1 to %d bytes", CERT_CHAIN_MAXIMUM);
        return error_cure(error, "let posternctl cert %s send it", change->verb->name);
    }
    change->chain = malloc(length / 4 * 3 + 1);
    if (!change->chain)
        return error_set(error, EX_OSERR, "Out of memory");
    int decoded = EVP_DecodeBlock(change->chain, (const unsigned char *)text, (int)length);
    if (decoded < 0)
        return error_set(error, EX_USAGE, "The chain is no base64");
    change->length = (size_t)decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
    return 0;
}

static int take_arguments(struct cert_change *change, const json_t *arguments, struct error *error)
{
    int result = copy_text(arguments, "key", &change->key, error);
    if (result == 0)
        result = copy_text(arguments, "recipient", &change->recipient, error);
    if (result == 0 && change->verb->steps[0] == CERT_ADMIT) {
        const char *file = text_of(arguments, "file");
        snprintf(change->from, sizeof change->from, "%.200s, by cert %s", file ? file : "?",
                 change->verb->name);
        result = take_chain(change, arguments, error);
    }
    return result;
}

static void begin(struct daemon *daemon, struct control_request *request,
                  const struct cert_verb *verb, const json_t *arguments, int64_t at)
{
    _cleanup_(cert_change_freep) struct cert_change *change = NULL;
    const char *name = text_of(arguments, "name");
    struct error error;
    int result = cert_change_new(daemon->certificates, verb, name ? name : "", &change, &error);
    if (result == 0)
        result = take_arguments(change, arguments, &error);
    if (result < 0) {
        control_fail(request, &error);
        return;
    }
    change->request = request;
    change->at = at;
    cert_change_begin(TAKE_PTR(change));
}

/* --- commands --- */

void cert_import(void *context, struct control_request *request, const json_t *arguments)
{
    struct error error;
    if (text_of(arguments, "key")) {
        begin(context, request, &cert_verb_import, arguments, 0);
        return;
    }
    error_set(&error, EX_USAGE, "An import says where the key is");
    error_cure(&error, "--key with a PKCS#11 URI or the path of a PEM file; posternctl cert stage "
                       "looks for it by itself");
    control_fail(request, &error);
}

void cert_stage(void *context, struct control_request *request, const json_t *arguments)
{
    begin(context, request, &cert_verb_stage, arguments, 0);
}

void cert_test(void *context, struct control_request *request, const json_t *arguments)
{
    begin(context, request, &cert_verb_test, arguments, 0);
}

void cert_rotate(void *context, struct control_request *request, const json_t *arguments)
{
    begin(context, request, &cert_verb_rotate, arguments, 0);
}

/* "2026-01-31T08:00:00Z", "…+01:00" (RFC 3339). */
static bool parse_time(const char *text, int64_t *ret)
{
    struct tm parts = {0};
    unsigned hours = 0, minutes = 0;
    char sign = 'Z', more = '\0';
    const char *zone = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!zone)
        return false;
    bool utc = strcmp(zone, "Z") == 0 || strcmp(zone, "z") == 0;
    bool offset = !utc && strlen(zone) == 6 &&
                  sscanf(zone, "%c%2u:%2u%c", &sign, &hours, &minutes, &more) == 3 &&
                  (sign == '+' || sign == '-') && hours < 24 && minutes < 60;
    if (!utc && !offset)
        return false;
    int64_t seconds = (int64_t)hours * 3600 + minutes * 60;
    *ret = timegm(&parts) - (sign == '-' ? -seconds : seconds);
    return true;
}

static int read_time(const char *text, int64_t *ret, struct error *error)
{
    enum { FURTHEST = 366 * 24 * 3600 };
    if (!parse_time(text, ret)) {
        error_set(error, EX_USAGE, "\"%.60s\" is no time", text);
        return error_cure(error, "write it like 2027-01-31T08:00:00Z or 2027-01-31T08:00:00+01:00");
    }
    if (*ret > time(NULL) && *ret <= time(NULL) + FURTHEST)
        return 0;
    error_set(error, EX_USAGE, "%.60s is %s", text,
              *ret <= time(NULL) ? "past" : "more than a year away");
    return error_cure(error, "leave --at out to activate it now");
}

void cert_activate(void *context, struct control_request *request, const json_t *arguments)
{
    const char *text = text_of(arguments, "at");
    struct error error;
    int64_t at = 0;
    if (text && read_time(text, &at, &error) < 0)
        control_fail(request, &error);
    else
        begin(context, request, text ? &cert_verb_schedule : &cert_verb_activate, arguments, at);
}

/* What was set for later and has not happened is what is taken back first. */
void cert_rollback(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    const struct snapshot *snapshot = daemon->snapshot;
    const char *name = text_of(arguments, "name");
    bool pending = false;
    for (size_t i = 0; name && i < snapshot->config->certificate_count; i++)
        if (strcmp(snapshot->config->certificates[i].name, name) == 0)
            pending = pki_rotation_roles(snapshot->rotations[i].rotation).activate_at;
    begin(daemon, request, pending ? &cert_verb_unschedule : &cert_verb_rollback, arguments, 0);
}
