/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl inbound explain, outbound explain: which connector would be chosen, and why each of
 * the others is not. Offline, from the files of the gateway's folder, by the code that posternd
 * chooses with (connectors/explain.h). The exit status is 0 when one is chosen, and 1 when none is.
 */
#ifndef POSTERN_GATEWAY_CTL_EXPLAIN_H
#define POSTERN_GATEWAY_CTL_EXPLAIN_H

#include <jansson.h>

#include "connectors/model.h"
#include "gateway/ctl/arguments.h"

int ctl_inbound_explain(const struct ctl_arguments *arguments);
int ctl_outbound_explain(const struct ctl_arguments *arguments);

/* The configuration that --config names. EX_CONFIG when it has errors. */
int explain_load(const struct ctl_arguments *arguments, struct conn_config **ret,
                 struct error *error);

/* One connector's heading, as text or as the object that is filled further (the caller's reference;
 * NULL: no memory). */
json_t *explain_connector(const char *name, const struct conn_place *place);
/* "CONDITION  yes|no  why". */
void explain_line(const char *word, const char *mark, const char *why);
/* Ends the answer: the choice (NULL: none, and `nobody` says so). The exit status. */
int explain_end(const struct ctl_arguments *arguments, json_t *connectors, const char *chosen,
                const char *nobody);

#endif
