/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See scan.h. */
#include "gateway/smtp/scan.h"

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>

enum { BLOCK = 64 };

struct masks {
    uint64_t cr, lf, dot; /* bit i: byte i is one */
};

static uint64_t equal(__m128i bytes, char wanted)
{
    return (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted)));
}

static struct masks look(const char *block)
{
    struct masks masks = {0};
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
        masks.cr |= equal(bytes, '\r') << i;
        masks.lf |= equal(bytes, '\n') << i;
        masks.dot |= equal(bytes, '.') << i;
    }
    return masks;
}

/* False when the block has to be looked at byte by byte; `scan` is then as before. */
static bool take_block(struct smtp_scan *scan, const char *block, size_t line_maximum)
{
    struct masks masks = look(block);
    uint64_t line_starts = masks.lf << 1 | scan->line_start;
    size_t first = masks.lf ? (size_t)__builtin_ctzll(masks.lf) + 1 : BLOCK;
    if (masks.lf != (masks.cr << 1 | scan->after_cr) || (masks.dot & line_starts) ||
        scan->line_length + first > line_maximum)
        return false;
    scan->after_cr = masks.cr >> (BLOCK - 1);
    scan->line_start = masks.lf >> (BLOCK - 1);
    scan->line_length = masks.lf ? (size_t)__builtin_clzll(masks.lf) : scan->line_length + BLOCK;
    return true;
}

size_t smtp_scan_plain(struct smtp_scan *scan, const char *bytes, size_t length,
                       size_t line_maximum)
{
    size_t taken = 0;
    while (length - taken >= BLOCK && take_block(scan, bytes + taken, line_maximum))
        taken += BLOCK;
    return taken;
}

#else

size_t smtp_scan_plain(struct smtp_scan *scan, const char *bytes, size_t length,
                       size_t line_maximum)
{
    (void)scan, (void)bytes, (void)length, (void)line_maximum;
    return 0;
}

#endif
