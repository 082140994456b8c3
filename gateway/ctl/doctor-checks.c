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

static void check_tokens(struct doctor *doctor, const char *name)
{
    size_t i;
    json_t *token;
    struct error error;
    json_auto_t *list = NULL;
    if (!doctor->status || !doctor->config || !doctor->config->token_count)
        return;
    if (ctl_query_with(doctor->arguments, CONTROL_HSM_LIST, NULL, 180, &list, &error) < 0) {
        doctor_fail(doctor, name, "tokens", error.code, error.what, error.cure);
        return;
    }
    json_array_foreach(json_object_get(list, "tokens"), i, token)
    {
        const char *uri = text_of(token, "uri");
        char text[120];
        snprintf(text, sizeof text, "it is there%s, with %zu of our keys",
                 json_is_true(json_object_get(token, "logged_in")) ? " and logged in to" : "",
                 json_array_size(json_object_get(token, "keys")));
        if (has_text(token, "error"))
            doctor_fail(doctor, name, uri, EX_UNAVAILABLE, text_of(token, "error"),
                        has_text(token, "cure") ? text_of(token, "cure") : "posternctl hsm list");
        else
            doctor_well(doctor, name, uri, text);
    }
}

const struct doctor_check doctor_checks[] = {
    {"configuration", check_configuration},
    {"posternd", check_posternd},
    {"certificate", doctor_check_certificates},
    {"chain", doctor_check_chains},
    {"accepted-domain", doctor_check_accepted_domains},
    {"trust-anchors", doctor_check_anchors},
    {"token", check_tokens},
    {"key", check_keys},
    {"dns", doctor_check_dns},
    {"smart-host", doctor_check_smart_hosts},
    {"outbound", doctor_check_outbound},
    {"clock", doctor_check_clock},
    {"permissions", doctor_check_permissions},
    {"open-relay", doctor_check_open_relay},
    {NULL, NULL},
};
