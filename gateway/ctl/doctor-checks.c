/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The checks of posternctl doctor, in the order in which they are made: what a later one needs, an
 * earlier one has fetched. See doctor.h. */
#include <string.h>

#include "gateway/control/shapes.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/doctor.h"
#include "pki/base/cleanup.h"
#include "pki/lifetime.h"

/* A file of so few anchors was put together by hand: an expired one in it is worth a word. Those
 * that distributions ship have an old one now and then. */
enum { ANCHORS_BY_HAND = 10 };

static void check_configuration(struct doctor *doctor, const char *name)
{
    _cleanup_(conn_problems_clear) struct conn_problems problems = {0};
    char text[160], cure[300];
    if (conn_load(doctor->directory, &doctor->config, &problems) == 0) {
        snprintf(text, sizeof text, "it loads, with %zu warning%s", problems.warnings,
                 plural((long long)problems.warnings));
        doctor_well(doctor, name, doctor->directory, text);
        return;
    }
    snprintf(text, sizeof text, "it has %zu error%s; the next reload or start would refuse it",
             problems.errors, plural((long long)problems.errors));
    snprintf(cure, sizeof cure, "posternctl config check %s", doctor->directory);
    doctor_fail(doctor, name, doctor->directory, EX_CONFIG, text, cure);
}

static void check_posternd(struct doctor *doctor, const char *name)
{
    struct error error;
    if (ctl_query(doctor->arguments, CONTROL_STATUS, &doctor->status, &error) < 0 ||
        ctl_query(doctor->arguments, CONTROL_HSM_STATUS, &doctor->keys, &error) < 0) {
        doctor_fail(doctor, name, "control socket", error.code, error.what, error.cure);
        return;
    }
    const char *state = text_of(doctor->status, "state");
    const char *reason = text_of(doctor->status, "reason");
    if (strcmp(state, "running") == 0)
        doctor_well(doctor, name, "control socket", "it answers, and mail flows");
    else if (strcmp(state, "degraded") == 0)
        doctor_fail(doctor, name, "state", EX_UNAVAILABLE, reason, "posternctl hsm status");
    else
        doctor_warn(doctor, name, "state", "it is stopping", "systemctl status posternd");
}

/* As posternd has them, who knows which is in force. */
static void judge_told(struct doctor *doctor, const char *name, const json_t *one)
{
    char text[300];
    const char *severity = text_of(one, "severity");
    snprintf(text, sizeof text, "%s expires on %s, in %lld day%s", text_of(one, "subject"),
             text_of(one, "expires"), number_of(one, "days_left"),
             plural(number_of(one, "days_left")));
    if (strcmp(severity, "ok") == 0)
        doctor_well(doctor, name, text_of(one, "name"), text);
    else if (strcmp(severity, "warning") == 0)
        doctor_warn(doctor, name, text_of(one, "name"), text, text_of(one, "cure"));
    else
        doctor_fail(doctor, name, text_of(one, "name"), EX_CONFIG, text, text_of(one, "cure"));
}

static void judge_file(struct doctor *doctor, const char *name,
                       const struct conn_certificate *certificate)
{
    struct pki_lifetime lifetime;
    struct error error;
    char subject[160], when[160], text[340];
    if (pki_lifetime_of_chain_file(certificate->chain, 0, &lifetime, subject, sizeof subject,
                                   &error) < 0) {
        doctor_fail(doctor, name, certificate->name, EX_CONFIG, error.what, error.cure);
        return;
    }
    snprintf(text, sizeof text, "%s %s", subject, pki_lifetime_text(&lifetime, when, sizeof when));
    const char *cure = pki_lifetime_cure(lifetime.stage);
    if (lifetime.severity == PKI_SEVERITY_OK)
        doctor_well(doctor, name, certificate->name, text);
    else if (lifetime.severity == PKI_SEVERITY_WARNING)
        doctor_warn(doctor, name, certificate->name, text, cure);
    else
        doctor_fail(doctor, name, certificate->name, EX_CONFIG, text, cure);
}

static void check_certificates(struct doctor *doctor, const char *name)
{
    const json_t *told = json_object_get(doctor->status, "certificates");
    size_t i;
    json_t *one;
    json_array_foreach(told, i, one) judge_told(doctor, name, one);
    for (i = 0; !told && doctor->config && i < doctor->config->certificate_count; i++)
        judge_file(doctor, name, &doctor->config->certificates[i]);
}

static void check_keys(struct doctor *doctor, const char *name)
{
    size_t i;
    json_t *key;
    json_array_foreach(json_object_get(doctor->keys, "keys"), i, key)
    {
        if (json_is_true(json_object_get(key, "ready")))
            doctor_well(doctor, name, text_of(key, "key"), "it is ready");
        else
            doctor_fail(doctor, name, text_of(key, "key"), EX_UNAVAILABLE,
                        text_of(key, "last_error"),
                        has_text(key, "cure") ? text_of(key, "cure") : "posternctl hsm status");
    }
}

static void judge_anchors(struct doctor *doctor, const char *name,
                          const struct conn_anchors *anchors)
{
    size_t count = 0, expired = 0;
    char subject[160] = "", text[340];
    struct error error;
    if (pki_lifetime_of_anchors_file(anchors->path, 0, &count, &expired, subject, sizeof subject,
                                     &error) < 0) {
        doctor_fail(doctor, name, anchors->name, EX_CONFIG, error.what, error.cure);
        return;
    }
    snprintf(text, sizeof text, "%s: %zu certificate%s, %zu of them expired%s%s", anchors->path,
             count, plural((long long)count), expired, expired ? ", such as " : "", subject);
    if (expired == count)
        doctor_fail(doctor, name, anchors->name, EX_CONFIG, text,
                    "put the CA's present certificate into the file");
    else if (expired && count <= ANCHORS_BY_HAND)
        doctor_warn(doctor, name, anchors->name, text,
                    "see whether its successor is in the file, and take the old one out");
    else
        doctor_well(doctor, name, anchors->name, text);
}

static void check_anchors(struct doctor *doctor, const char *name)
{
    for (size_t i = 0; doctor->config && i < doctor->config->anchors_count; i++)
        judge_anchors(doctor, name, &doctor->config->anchors[i]);
}

const struct doctor_check doctor_checks[] = {
    {"configuration", check_configuration}, {"posternd", check_posternd},
    {"certificate", check_certificates},    {"key", check_keys},
    {"trust-anchors", check_anchors},       {NULL, NULL},
};
