/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See expiry.h. What was told is kept in daemon->expiry, one a certificate of the configuration in
 * force. */
#include "gateway/daemon/expiry.h"

#include <stdlib.h>

#include "gateway/control/wire.h"
#include "pki/base/log.h"
#include "pki/lifetime.h"

struct expiry {
    enum pki_lifetime_stage told;
    time_t when;
};

enum { SUBJECT_MAXIMUM = 256 };

static void format_time(time_t time, char *text, size_t size)
{
    struct tm parts;
    gmtime_r(&time, &parts);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void log_expiry(const char *name, const char *subject, const struct pki_lifetime *lifetime)
{
    char text[160], expires[32];
    struct log log;
    bool urgent = lifetime->severity == PKI_SEVERITY_ERROR;
    format_time(lifetime->ends, expires, sizeof expires);
    log_event(&log, urgent ? LOG_EVENT_CERTIFICATE_URGENT : LOG_EVENT_CERTIFICATE_EXPIRES,
              "The certificate %s %s", name, pki_lifetime_text(lifetime, text, sizeof text));
    log_text(&log, "certificate", name);
    log_text(&log, "subject", subject);
    log_text(&log, "expires", expires);
    log_number(&log, "days-left", lifetime->days_left);
    log_number(&log, "percent-past", lifetime->percent);
    log_text(&log, "stage", pki_lifetime_stage_name(lifetime->stage));
    log_text(&log, "cure", pki_lifetime_cure(lifetime->stage));
    log_end(&log);
}

void expiry_look(struct daemon *daemon)
{
    const struct conn_config *config = daemon->snapshot->config;
    time_t now = time(NULL);
    for (size_t i = 0; daemon->expiry && i < config->certificate_count; i++) {
        char subject[SUBJECT_MAXIMUM];
        struct pki_lifetime lifetime;
        struct expiry *expiry = &daemon->expiry[i];
        pki_lifetime_of_identity(daemon->snapshot->identities[i], now, &lifetime, subject,
                                 sizeof subject);
        if (!pki_lifetime_is_due(&lifetime, expiry->told, expiry->when, now))
            continue;
        *expiry = (struct expiry){lifetime.stage, now};
        log_expiry(config->certificates[i].name, subject, &lifetime);
    }
}

void expiry_loaded(struct daemon *daemon)
{
    free(daemon->expiry);
    /* Without memory nothing is told until the next reload; status tells all the same. */
    daemon->expiry =
        calloc(daemon->snapshot->config->certificate_count + 1, sizeof *daemon->expiry);
    expiry_look(daemon);
}

static json_t *expiry_object(const char *name, const struct pki_identity *identity)
{
    char subject[SUBJECT_MAXIMUM], expires[32];
    struct pki_lifetime lifetime;
    pki_lifetime_of_identity(identity, 0, &lifetime, subject, sizeof subject);
    format_time(lifetime.ends, expires, sizeof expires);
    const char *cure = pki_lifetime_cure(lifetime.stage);
    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:s, s:s, s:o}", "name", control_text(name),
                     "subject", control_text(subject), "expires", expires, "days_left",
                     (json_int_t)lifetime.days_left, "percent_past", (json_int_t)lifetime.percent,
                     "stage", pki_lifetime_stage_name(lifetime.stage), "severity",
                     pki_severity_name(lifetime.severity), "cure",
                     *cure ? json_string(cure) : json_null());
}

json_t *expiry_list(const struct daemon *daemon)
{
    const struct conn_config *config = daemon->snapshot->config;
    json_t *list = json_array();
    for (size_t i = 0; i < config->certificate_count; i++)
        json_array_append_new(
            list, expiry_object(config->certificates[i].name, daemon->snapshot->identities[i]));
    return list;
}
