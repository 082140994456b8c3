/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The commands of `posternctl cert`, the times that activations were set for, and the directories
 * that are watched for renewed certificates.
 *
 * One change at a time: a command that comes while another certificate is on its way, or while a
 * configuration is taken up, is told to come again; times and directories wait; a reload waits for
 * the change to end. What is shown may be asked for at any time. Everything here runs on the main
 * thread; disks and tokens are waited for on the offload pool. */
#ifndef POSTERN_GATEWAY_CERTIFICATES_H
#define POSTERN_GATEWAY_CERTIFICATES_H

#include "gateway/control/control.h"
#include "gateway/daemon/daemon.h"

struct certificates;

int certificates_new(struct certificates **ret, struct daemon *daemon, struct error *error);
/* Before anything is cut off at the end: no change goes any further. */
void certificates_stop(struct certificates *certificates);
/* After the offload pool: a change that is under way is given up. */
struct certificates *certificates_free(struct certificates *certificates);

/* A configuration has come into force, the first one too: times and directories are its own now. */
void certificates_configured(struct certificates *certificates);
/* A change is under way. When it has ended daemon_reload_waiting() is called. */
bool certificates_busy(const struct certificates *certificates);

/* The commands of the control socket. */
void cert_list(void *context, struct control_request *request, const json_t *arguments);
void cert_show(void *context, struct control_request *request, const json_t *arguments);
void cert_import(void *context, struct control_request *request, const json_t *arguments);
void cert_stage(void *context, struct control_request *request, const json_t *arguments);
void cert_test(void *context, struct control_request *request, const json_t *arguments);
void cert_activate(void *context, struct control_request *request, const json_t *arguments);
void cert_rollback(void *context, struct control_request *request, const json_t *arguments);
void cert_rotate(void *context, struct control_request *request, const json_t *arguments);

#endif
