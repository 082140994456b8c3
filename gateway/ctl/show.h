/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternd answered, for people: aligned columns and plain sentences on stdout.
 *
 * Each takes the result as gateway/control/shapes.h has it, and bears one that lacks members, as an
 * older or newer posternd may send. */
#ifndef POSTERN_GATEWAY_CTL_SHOW_H
#define POSTERN_GATEWAY_CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

void ctl_show_status(const json_t *result);
void ctl_show_reload(const json_t *result);
void ctl_show_inbound_list(const json_t *result);
void ctl_show_outbound_list(const json_t *result);
void ctl_show_connector(const json_t *result);
void ctl_show_hsm(const json_t *result);
void ctl_show_hsm_list(const json_t *result);
void ctl_show_hsm_test_one(const json_t *one);
void ctl_show_hsm_test(const json_t *result);
int ctl_judge_hsm_test(const json_t *result);
void ctl_show_peer_list(const json_t *result);
void ctl_show_peer(const json_t *result);
void ctl_show_cert_list(const json_t *result);
void ctl_show_cert(const json_t *result);
void ctl_show_cert_step(const json_t *step);
void ctl_show_cert_change(const json_t *result);
void ctl_show_validation_step(const json_t *step);
void ctl_show_validation(const json_t *result);
/* The exit status a validation's result stands for, by the step that failed. */
int ctl_judge_validation(const json_t *result);

/* cert request: the request on stdout or in --out's file, the rest on stderr. */
struct ctl_arguments;
struct error;
int ctl_deliver_cert_request(const struct ctl_arguments *arguments, const json_t *result,
                             struct error *error);

/* A list of problems, one line each: "FILE:LINE: error: what. Try: cure." */
void ctl_show_problems(FILE *file, const json_t *problems);

#endif
