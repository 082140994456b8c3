/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * BDAT (RFC 3030): its argument, and what a chunk may hold.
 *
 * A chunk's length says where it ends, so nothing in it can end it. But what is not BINARYMIME may
 * go on to a next hop by DATA, and must hold what DATA may hold: lines that end with CR LF, and no
 * other CR or LF. A line may go on from one chunk to the next. No I/O, no allocation. */
#ifndef POSTERN_GATEWAY_SMTP_CHUNK_H
#define POSTERN_GATEWAY_SMTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/smtp/data.h"

struct smtp_chunk {
    uint64_t size; /* at most INT64_MAX */
    bool last;
};

/* "86 LAST". False: it is no chunk of which one could tell where it ends. */
bool smtp_parse_chunk(const char *arguments, size_t length, struct smtp_chunk *ret);

/* Across all chunks of a message; zeroed at its beginning. */
struct smtp_chunk_lines {
    bool after_cr;
    size_t line_length;
};

/* MORE, or what is wrong. */
enum smtp_data_result smtp_chunk_check(struct smtp_chunk_lines *lines, const char *bytes,
                                       size_t length);
/* The message is at its end. */
enum smtp_data_result smtp_chunk_end(const struct smtp_chunk_lines *lines);

#endif
