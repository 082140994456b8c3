/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl doctor: a table of checks, each of which finds things that are well, will be wrong
 * soon, or are wrong. doctor.c leads and shows, doctor-checks.c has the table, and the other
 * doctor-* what is in it. One thread. */
#ifndef POSTERN_GATEWAY_CTL_DOCTOR_H
#define POSTERN_GATEWAY_CTL_DOCTOR_H

#include "connectors/load.h"
#include "gateway/ctl/commands.h"

struct doctor {
    const struct ctl_arguments *arguments;
    const char *directory;
    struct conn_config *config; /* as it is on disk; NULL: it does not load */
    json_t *status, *keys;      /* what posternd answered; NULL: it did not */
    json_t *findings;
    int warnings, status_code; /* of the first error; 0: none */
};

struct doctor_check {
    const char *name;
    void (*run)(struct doctor *doctor, const char *name);
};
extern const struct doctor_check doctor_checks[]; /* ends with a NULL name */

/* Those that stand in files of their own. */
void doctor_check_certificates(struct doctor *doctor, const char *name);
void doctor_check_chains(struct doctor *doctor, const char *name);
void doctor_check_accepted_domains(struct doctor *doctor, const char *name);
void doctor_check_anchors(struct doctor *doctor, const char *name);
void doctor_check_dns(struct doctor *doctor, const char *name);
void doctor_check_smart_hosts(struct doctor *doctor, const char *name);
void doctor_check_outbound(struct doctor *doctor, const char *name);
void doctor_check_clock(struct doctor *doctor, const char *name);
void doctor_check_permissions(struct doctor *doctor, const char *name);
void doctor_check_open_relay(struct doctor *doctor, const char *name);

/* A finding. `subject` is what it is about: a file, a certificate, a key. */
void doctor_well(struct doctor *doctor, const char *check, const char *subject, const char *what);
void doctor_warn(struct doctor *doctor, const char *check, const char *subject, const char *what,
                 const char *cure);
/* `status`: one of sysexits.h. */
void doctor_fail(struct doctor *doctor, const char *check, const char *subject, int status,
                 const char *what, const char *cure);

int ctl_doctor(const struct ctl_arguments *arguments);

#endif
