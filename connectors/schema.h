/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The schema that is compiled in, and its word on a document.
 *
 * It is parsed from memory once for each load and imports nothing, so no file is opened. The
 * loading thread only. */
#ifndef POSTERN_CONNECTORS_SCHEMA_H
#define POSTERN_CONNECTORS_SCHEMA_H

#include <libxml/tree.h>

#include "connectors/load.h"

/* Adds what the schema has against `document` to the problems. The document must hold no attribute
 * of another namespace: xsi:schemaLocation would make libxml2 open files. *schema is NULL before
 * the first document of a load, and conn_schema_free()'s after the last. */
struct conn_schema;
void conn_schema_validate(struct conn_schema **schema, xmlDoc *document, const char *file,
                          struct conn_problems *problems);
struct conn_schema *conn_schema_free(struct conn_schema *schema);

#endif
