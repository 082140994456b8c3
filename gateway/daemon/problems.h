/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The problems of a configuration, for the log and for posternctl. */
#ifndef POSTERN_GATEWAY_PROBLEMS_H
#define POSTERN_GATEWAY_PROBLEMS_H

#include <jansson.h>

#include "connectors/load.h"

/* One event a problem. Any thread. */
void problems_log(const struct conn_problems *problems);
/* As shapes.h says; NULL: out of memory. */
json_t *problems_json(const struct conn_problems *problems);

#endif
