/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The other end of the control socket: asks, and blocks until the answer is there.
 *
 * What posternctl uses. Every wait has a limit. One thread. */
#ifndef POSTERN_GATEWAY_CONTROL_CLIENT_H
#define POSTERN_GATEWAY_CONTROL_CLIENT_H

#include <jansson.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

struct control_client;

/* EX_UNAVAILABLE: nobody is there; EX_NOPERM: the mode of the socket's file keeps us out;
 * EX_TEMPFAIL: posternd does not come to accepting. Each with its cure. */
int control_client_new(struct control_client **ret, const char *path, struct error *error);
struct control_client *control_client_free(struct control_client *client);
DEFINE_CLEANUP(struct control_client *, control_client_free)

/* Asks a command (`arguments` is taken over; NULL: none) and gives back the last line of the answer
 * as it came: {"result":…} or {"error":…} (control_error_read() reads the latter). `progress` is
 * called for each progress object before that, and may be NULL. `seconds` is the longest wait for a
 * line: past it EX_TEMPFAIL. EX_PROTOCOL: what came is no answer; EX_UNAVAILABLE: the connection
 * ended. */
int control_client_ask(struct control_client *client, const char *command, json_t *arguments,
                       unsigned seconds, void (*progress)(void *context, json_t *progress),
                       void *context, json_t **ret, struct error *error);

#endif
