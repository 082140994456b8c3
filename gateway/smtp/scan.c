/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See scan.h. */
#include "gateway/smtp/scan.h"

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>

enum { BLOCK = 64 };

/* Bit i: byte i is between 0x08 and 0x0f. LF and CR are, and in mail hardly anything else but TAB. */
static inline uint64_t find_candidates(const char *block)
{
    const __m128i *at = (const __m128i *)(const void *)block;
    const __m128i upper = _mm_set1_epi8((char)0xf8), wanted = _mm_set1_epi8(0x08);
    uint64_t candidates = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        __m128i bytes = _mm_and_si128(_mm_loadu_si128(at + i), upper);
        uint64_t found = (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));
        candidates |= found << (16 * i);
    }
    return candidates;
}

/* False when the block has to be looked at byte by byte; `scan` is then as before. */
static inline bool take_block(struct smtp_scan *scan, const char *block, size_t line_maximum)
{
    struct smtp_scan now = *scan;
    size_t line = 0; /* where in the block the line begins that goes on at its end */
    if ((now.line_start && block[0] == '.') || (now.after_cr && block[0] != '\n'))
        return false;
    now.line_start = false;
    for (uint64_t left = find_candidates(block); left; left &= left - 1) {
        size_t at = (size_t)__builtin_ctzll(left);
        if (block[at] == '\n') {
            if (!(at ? block[at - 1] == '\r' : now.after_cr))
                return false;
            if (now.line_length + at + 1 - line > line_maximum)
                return false;
            now.line_start = at == BLOCK - 1;
            if (!now.line_start && block[at + 1] == '.')
                return false;
            now.line_length = 0;
            line = at + 1;
        } else if (block[at] == '\r' && at < BLOCK - 1 && block[at + 1] != '\n') {
            return false;
        }
    }
    now.line_length += BLOCK - line;
    now.after_cr = block[BLOCK - 1] == '\r';
    /* Its CR and LF have to fit as well, whenever they come. */
    if (now.line_length - now.after_cr + 2 > line_maximum)
        return false;
    *scan = now;
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
