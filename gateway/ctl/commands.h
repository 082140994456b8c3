/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Running what the command line asked for, and telling how it went.
 *
 * With --json stdout gets one JSON document in every case: the result, or {"error":{…}}; without it
 * data goes to stdout and errors to stderr. Each returns the exit status, one of sysexits.h. */
#ifndef POSTERN_GATEWAY_CTL_COMMANDS_H
#define POSTERN_GATEWAY_CTL_COMMANDS_H

#include "gateway/control/client.h"
#include "gateway/ctl/arguments.h"

int ctl_run(const struct ctl_arguments *arguments);

/* config check [DIR] */
int ctl_check(const struct ctl_arguments *arguments);
/* A problem as --json has it. */
struct conn_problem;
json_t *ctl_problem_object(const struct conn_problem *problem);

/* inbound and outbound: add FILE, set NAME PROPERTY=VALUE..., remove NAME, enable NAME, disable
 * NAME */
int ctl_connector_add(const struct ctl_arguments *arguments);
int ctl_connector_set(const struct ctl_arguments *arguments);
int ctl_connector_remove(const struct ctl_arguments *arguments);
int ctl_connector_enable(const struct ctl_arguments *arguments);
int ctl_connector_disable(const struct ctl_arguments *arguments);
/* Problems as JSON, for ctl_show_problems(); NULL: memory is short. */
struct conn_problems;
json_t *ctl_problem_list(const struct conn_problems *problems);

/* Puts the bytes of a chain file ("-": standard input) into the arguments of a request. EX_NOINPUT;
 * EX_DATAERR: it is no chain, or holds a private key. */
int ctl_put_chain(json_t *arguments, const char *path, struct error *error);

/* Asks posternd for one thing, without arguments and without progress; the result of its answer
 * into *ret. An error that posternd tells is an error of the call. */
int ctl_query(const struct ctl_arguments *arguments, const char *request, json_t **ret,
              struct error *error);
/* The same with arguments (taken over), each line awaited for at most so many seconds. */
int ctl_query_with(const struct ctl_arguments *arguments, const char *request, json_t *what,
                   unsigned seconds, json_t **ret, struct error *error);
/* peer accept FINGERPRINT */
int ctl_peer_accept(const struct ctl_arguments *arguments);

/* To posternd, by --socket or the configuration. */
int ctl_connect(const struct ctl_arguments *arguments, struct control_client **ret,
                struct error *error);
/* What a request takes of the command line, and of the file with a chain that it names; the
 * caller's reference. */
int ctl_request_arguments(const struct ctl_arguments *arguments, json_t **ret, struct error *error);

/* Prints the document and a line end; EX_OK, or EX_OSERR when memory is short. Takes it over. */
int ctl_print_json(json_t *document);

/* Tells an error; `object` (may be NULL) is how posternd told it, with "problems" perhaps. `steps`
 * (may be NULL) is what had been done by then. Returns error->code. */
int ctl_tell_error(bool json, const struct error *error, json_t *object, json_t *steps);

#endif
