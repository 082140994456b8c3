/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See doctor.h. */
#include "gateway/ctl/doctor.h"

#include "gateway/control/wire.h"
#include "gateway/ctl/cells.h"
#include "pki/base/cleanup.h"

static void add(struct doctor *doctor, const char *check, const char *subject, const char *outcome,
                const char *what, const char *cure)
{
    json_array_append_new(doctor->findings,
                          json_pack("{s:s, s:o, s:s, s:o, s:o}", "check", check, "subject",
                                    control_text(subject), "outcome", outcome, "what",
                                    control_text(what), "cure",
                                    cure && *cure ? control_text(cure) : json_null()));
}

void doctor_well(struct doctor *doctor, const char *check, const char *subject, const char *what)
{
    add(doctor, check, subject, "ok", what, NULL);
}

void doctor_warn(struct doctor *doctor, const char *check, const char *subject, const char *what,
                 const char *cure)
{
    add(doctor, check, subject, "warning", what, cure);
    doctor->warnings++;
}

void doctor_fail(struct doctor *doctor, const char *check, const char *subject, int status,
                 const char *what, const char *cure)
{
    add(doctor, check, subject, "error", what, cure);
    if (!doctor->status_code)
        doctor->status_code = status;
}

static void show_finding(const json_t *finding)
{
    printf("%-8s %-15s ", text_of(finding, "outcome"), text_of(finding, "check"));
    table_text(stdout, text_of(finding, "subject"));
    fputs(": ", stdout);
    table_text(stdout, text_of(finding, "what"));
    if (has_text(finding, "cure")) {
        printf("\n%30s", "Try: ");
        table_text(stdout, text_of(finding, "cure"));
    }
    putchar('\n');
}

static void show(const struct doctor *doctor)
{
    size_t i;
    json_t *finding;
    json_array_foreach(doctor->findings, i, finding) show_finding(finding);
    puts(doctor->status_code ? "\nSomething is wrong."
         : doctor->warnings  ? "\nNothing is wrong yet; see the warnings."
                             : "\nAll is well.");
}

int ctl_doctor(const struct ctl_arguments *arguments)
{
    struct doctor doctor = {.arguments = arguments,
                            .directory = arguments->config ? arguments->config
                                                           : POSTERN_SYSCONFDIR "/postern",
                            .findings = json_array()};
    for (const struct doctor_check *check = doctor_checks; check->name; check++)
        check->run(&doctor, check->name);
    int result = doctor.status_code ? doctor.status_code : doctor.warnings ? EX_TEMPFAIL : EX_OK;
    if (!arguments->json)
        show(&doctor);
    else if (ctl_print_json(json_pack("{s:s, s:O}", "outcome",
                                      doctor.status_code ? "error"
                                      : doctor.warnings  ? "warning"
                                                         : "ok",
                                      "checks", doctor.findings)) != EX_OK)
        result = EX_OSERR;
    conn_config_free(doctor.config);
    json_decref(doctor.status);
    json_decref(doctor.keys);
    json_decref(doctor.findings);
    return result;
}
