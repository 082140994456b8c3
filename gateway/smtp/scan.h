/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The fast way through message data: blocks of 64 bytes in which nothing needs a closer look.
 *
 * A block is plain when every CR is followed by LF, every LF is preceded by CR and no line begins
 * with a dot. What is not plain, and every machine without SSE2, is left to the careful code in
 * data.c, which alone knows what each byte means; this only says how far there is nothing to know.
 */
#ifndef POSTERN_GATEWAY_SMTP_SCAN_H
#define POSTERN_GATEWAY_SMTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Where the next byte stands; kept between calls. */
struct smtp_scan {
    bool line_start;    /* it begins a line */
    bool after_cr;      /* the byte before it is a CR whose LF is to come */
    size_t line_length; /* bytes of its line before it */
};

/* How many bytes are plain, a multiple of 64; `scan` then stands behind them. No line in them grows
 * past `line_maximum`. */
size_t smtp_scan_plain(struct smtp_scan *scan, const char *bytes, size_t length,
                       size_t line_maximum);

#endif
