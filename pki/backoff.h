/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How long to wait before trying again: twice as long each time, up to a limit, and never the same
 * for two who began together (half of the wait is chance). A value in its owner, who also guards
 * it. */
#ifndef POSTERN_PKI_BACKOFF_H
#define POSTERN_PKI_BACKOFF_H

#include <stdint.h>
#include <sys/random.h>

struct backoff {
    unsigned first, limit; /* milliseconds */
    unsigned next;         /* 0: nothing has failed yet */
};

static inline void backoff_reset(struct backoff *backoff)
{
    backoff->next = 0;
}

/* Milliseconds to wait now; the next wait will be longer. */
static inline unsigned backoff_wait(struct backoff *backoff)
{
    unsigned wait = backoff->next ? backoff->next : backoff->first;
    uint16_t chance = 0;
    backoff->next = wait > backoff->limit / 2 ? backoff->limit : wait * 2;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != (ssize_t)sizeof chance)
        chance = 0; /* no jitter is no reason not to wait */
    return wait / 2 + (unsigned)((uint64_t)(wait - wait / 2) * chance / UINT16_MAX);
}

#endif
