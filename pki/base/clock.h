/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Time for waiting is monotonic: a clock set back must neither stop nor rush a retry. */
#ifndef POSTERN_PKI_BASE_CLOCK_H
#define POSTERN_PKI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_MONOTONIC; what sd_notify calls MONOTONIC_USEC. Any thread. */
static inline int64_t clock_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t clock_milliseconds(void)
{
    return clock_microseconds() / 1000;
}

#endif
