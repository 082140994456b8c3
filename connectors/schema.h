/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The schema that is compiled in, and its word on a document.
 *
 * It is parsed from memory for each load and imports nothing, so no file is opened. The loading
 * thread only. */
#ifndef POSTERN_CONNECTORS_SCHEMA_H
#define POSTERN_CONNECTORS_SCHEMA_H

#include <libxml/tree.h>

#include "connectors/load.h"

/* Adds what the schema has against `document` to the problems. The document must hold no attribute
 * of another namespace: xsi:schemaLocation would make libxml2 open files. */
void conn_schema_validate(xmlDoc *document, const char *file, struct conn_problems *problems);

#endif
