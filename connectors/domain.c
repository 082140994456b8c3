/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See domain.h. */
#include "connectors/domain.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* "*" is no letter of a name: it is kept, and what follows is converted. */
const char *conn_domain_ascii(const char *text, char room[CONN_DOMAIN_ROOM])
{
    char *ascii = NULL;
    bool star = strncmp(text, "*.", 2) == 0;
    if (is_ascii(text))
        return text;
    if (strlen(text) > 4 * (size_t)CONN_DOMAIN_ROOM ||
        idn2_to_ascii_8z(text + (star ? 2 : 0), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
            IDN2_OK)
        return NULL;
    int length = snprintf(room, CONN_DOMAIN_ROOM, "%s%s", star ? "*." : "", ascii);
    idn2_free(ascii);
    return length > 0 && length < CONN_DOMAIN_ROOM ? room : NULL;
}

bool conn_domain_matches(const char *pattern, const char *domain)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    if (strncmp(pattern, "*.", 2) != 0)
        return strcmp(pattern, domain) == 0;
    size_t length = strlen(domain), suffix = strlen(pattern + 1);
    return length > suffix && strcmp(domain + length - suffix, pattern + 1) == 0;
}
