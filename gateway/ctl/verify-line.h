/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One line of posternctl peer verify --batch: a JSON object in, a JSON object out. What makes no
 * sense is answered with an error. Any thread. */
#ifndef POSTERN_GATEWAY_CTL_VERIFY_LINE_H
#define POSTERN_GATEWAY_CTL_VERIFY_LINE_H

#include "gateway/ctl/verify.h"

enum { VERIFY_LINE_MAXIMUM = 16 << 20 };

/* The answer without its line end, to be freed; NULL: no memory. Of a line that is longer than the
 * maximum `bytes` is not looked at. */
char *verify_line(struct verify_cache *cache, const struct verify_words *defaults,
                  const char *bytes, size_t length, size_t number);

#endif
