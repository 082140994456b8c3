/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See utf8.h: the table of RFC 3629, section 4. */
#include "connectors/utf8.h"

#include "pki/base/cleanup.h"

static const struct {
    unsigned char first, last;     /* of the first byte */
    unsigned char lowest, highest; /* of the second */
    size_t length;
} forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t conn_utf8_length(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t form = 0;
    while (form < ARRAY_SIZE(forms) && (*at < forms[form].first || *at > forms[form].last))
        form++;
    if (form == ARRAY_SIZE(forms) || forms[form].length > length)
        return 0;
    if (forms[form].length > 1 && (at[1] < forms[form].lowest || at[1] > forms[form].highest))
        return 0;
    for (size_t i = 2; i < forms[form].length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return forms[form].length;
}
