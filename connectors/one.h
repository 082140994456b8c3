/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One document of the configuration by itself, from bytes: for checking before it is written to
 * disk, and for the fuzzer. The loading thread. */
#ifndef POSTERN_CONNECTORS_ONE_H
#define POSTERN_CONNECTORS_ONE_H

#include "connectors/read.h"

enum conn_kind { CONN_KIND_GATEWAY, CONN_KIND_INBOUND, CONN_KIND_OUTBOUND };

/* An empty configuration with the defaults; NULL: no memory. */
struct conn_config *conn_config_new(const char *directory);

/* Reads the bytes as a document of that kind into reader->config. reader->file must live as long.
 */
void conn_read_bytes(struct conn_reader *reader, enum conn_kind kind, const char *bytes,
                     size_t length);

#endif
