/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: one JSON object a line asks, one or more JSON objects a line answer.
 *
 * Request:  {"command":"status","arguments":{…}}          ("arguments" may be left out)
 * Answer:   any number of {"progress":{…}} lines, then exactly one of
 *           {"result":{…}} or {"error":{"code":78,"what":"…","where":"…","cure":"…"}}
 * shapes.h says what is in them. One request a connection at a time; several may follow each other.
 * A request has at most 64 KiB, its line end included, an answer at most 4 MiB. What is no request
 * (too long, no JSON, no object with a command) is answered with an error and the connection
 * closed; an unknown command is answered with the list of the known ones.
 *
 * The socket is a UNIX stream of mode 0660; the peer's credentials (SO_PEERCRED, SO_PEERGROUPS)
 * must be root, our own user, or of our own group, primary or supplementary; anyone else is told so
 * and closed. The file's mode does the rest: it decides who may connect at all. At most 16
 * connections are served at once, each idle at most 60 s, and at most 32 requests run, those
 * included whose client has left.
 *
 * Runs wholly on the main thread's loop. */
#ifndef POSTERN_GATEWAY_CONTROL_H
#define POSTERN_GATEWAY_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#include "gateway/net/loop.h"
#include "pki/base/cleanup.h"
#include "pki/base/error.h"

struct control;
struct control_request;

/* A command begins here and ends with exactly one control_answer() or control_fail*(), now or
 * later, on the main thread. `arguments` is an object (empty when there were none), borrowed for
 * the call. */
typedef void control_command(void *context, struct control_request *request,
                             const json_t *arguments);

struct control_command_entry {
    const char *name; /* "status", "outbound-validate" */
    control_command *run;
};

/* `commands` ends with a NULL name and outlives the control. A stale socket file is replaced; a
 * live one is EX_CONFIG ("another posternd…"). */
int control_new(struct control **ret, struct loop *loop, const char *path,
                const struct control_command_entry *commands, void *context, struct error *error);
/* Closes every connection and removes the socket file. Not from inside a command. Requests that
 * have not been answered stay valid until they are; their answers go nowhere. */
struct control *control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free)

/* Each takes over the reference of the json, NULL being memory that was short. A progress object is
 * sent at once. When the client has gone meanwhile these do nothing but free. */
void control_progress(struct control_request *request, json_t *progress);
void control_answer(struct control_request *request, json_t *result);
void control_fail(struct control_request *request, const struct error *error);
/* The members of the object `details` beside code, what, where and cure ("problems" of a reload).
 */
void control_fail_with(struct control_request *request, const struct error *error, json_t *details);

/* False when the client has left: a long command may stop between two steps (and must still
 * answer). */
bool control_is_wanted(const struct control_request *request);

#endif
