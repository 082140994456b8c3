/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: one JSON object a line asks, one or more JSON objects a line answer.
 *
 * Request:  {"command":"status","arguments":{…}}
 * Answer:   any number of {"progress":{…}} lines, then exactly one of
 *           {"result":{…}} or {"error":{"code":78,"what":"…","where":"…","cure":"…"}}
 * One request a connection at a time; several may follow each other. A line has at most 64 KiB.
 *
 * The socket is a UNIX stream of mode 0660; the peer's credentials (SO_PEERCRED) must be root, our own
 * user, or of our own group (primary or supplementary as the file mode already demanded); anyone else
 * is told so and closed. At most 16 connections are served at once, each idle at most 60 s.
 *
 * Runs wholly on the main thread's loop. */
#ifndef POSTERN_GATEWAY_CONTROL_H
#define POSTERN_GATEWAY_CONTROL_H

#include <jansson.h>

#include "gateway/net/loop.h"
#include "pki/base/error.h"

struct control;
struct control_request;

/* A command begins here and ends with exactly one control_answer() or control_fail(), now or later,
 * on the main thread. `arguments` is borrowed for the call. */
typedef void control_command(void *context, struct control_request *request, const json_t *arguments);

struct control_command_entry {
    const char *name; /* "status", "outbound-validate" */
    control_command *run;
};

/* `commands` ends with a NULL name and outlives the control. A stale socket file is replaced; a live
 * one is EX_CONFIG ("another posternd…"). */
int control_new(struct control **ret, struct loop *loop, const char *path,
                const struct control_command_entry *commands, void *context, struct error *error);
struct control *control_free(struct control *control);

/* Each takes over the reference of the json. A progress object is sent at once. When the client has
 * gone meanwhile these do nothing but free. */
void control_progress(struct control_request *request, json_t *progress);
void control_answer(struct control_request *request, json_t *result);
void control_fail(struct control_request *request, const struct error *error);

#endif
