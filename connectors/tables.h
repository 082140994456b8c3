/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The three documents, as tables for read.h, and the short hands that their rows are written in.
 *
 * The object of conn_gateway_section is the struct conn_config; those of the others are the new
 * items in its lists. Constant. */
#ifndef POSTERN_CONNECTORS_TABLES_H
#define POSTERN_CONNECTORS_TABLES_H

#include "connectors/read.h"

extern const struct conn_section conn_gateway_section;
extern const struct conn_section conn_inbound_section;
extern const struct conn_section conn_outbound_section;

#define CONN_IN(type, member) .offset = offsetof(struct type, member)
#define CONN_LIST(type, items_, count_)                                                            \
    .offset = offsetof(struct type, items_), .count_offset = offsetof(struct type, count_),        \
    .size = sizeof *((struct type *)0)->items_
#define CONN_STRINGS(type, member) CONN_LIST(type, member.items, member.count)
#define CONN_FIELDS(table) .fields = (table), .count = ARRAY_SIZE(table)

#endif
