/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See capabilities.h. */
#include "gateway/smtp/capabilities.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

static bool begins_with(const char *line, size_t length, const char *word, char end)
{
    size_t size = strlen(word);
    return length >= size && strncasecmp(line, word, size) == 0 &&
           (length == size || line[size] == end);
}

/* Digits up to the next space or the end; what no number can hold is no limit. */
static unsigned parse_limit(const char *text, size_t length)
{
    unsigned long value = 0;
    if (!length || length > 9)
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return 0;
        value = value * 10 + (unsigned long)(text[i] - '0');
    }
    return value > UINT_MAX ? 0 : (unsigned)value;
}

/* RFC 9422 3: "LIMITS RCPTMAX=20 MAILMAX=5"; names that are not known are passed over. */
static void parse_limits(const char *text, size_t length, struct smtp_offers *offers)
{
    const struct {
        const char *name;
        unsigned *limit;
    } limits[] = {{"RCPTMAX", &offers->rcpt_maximum},
                  {"MAILMAX", &offers->mail_maximum},
                  {"RCPTDOMAINMAX", &offers->rcpt_domain_maximum}};
    while (length) {
        const char *space = memchr(text, ' ', length);
        size_t word = space ? (size_t)(space - text) : length;
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            size_t name = strlen(limits[i].name) + 1;
            if (word > name && begins_with(text, word, limits[i].name, '='))
                *limits[i].limit = parse_limit(text + name, word - name);
        }
        text += word + (space != NULL);
        length -= word + (space != NULL);
    }
}

void smtp_offers_parse(const struct smtp_reply *reply, struct smtp_offers *ret)
{
    *ret = (struct smtp_offers){0};
    const struct {
        const char *word;
        bool *offered;
    } words[] = {{"STARTTLS", &ret->starttls},
                 {"PIPELINING", &ret->pipelining},
                 {"8BITMIME", &ret->eight_bit_mime},
                 {"ENHANCEDSTATUSCODES", &ret->enhanced_status_codes},
                 {"SIZE", &ret->size},
                 {"CHUNKING", &ret->chunking},
                 {"BINARYMIME", &ret->binary_mime},
                 {"SMTPUTF8", &ret->smtputf8},
                 {"DSN", &ret->dsn},
                 {"REQUIRETLS", &ret->requiretls},
                 {"XOORG", &ret->xoorg}};
    const char *at = strchr(reply->text, '\n'); /* the first line is the greeting */
    while (at) {
        const char *line = at + 1;
        size_t length = strcspn(line, "\n");
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            *words[i].offered |= begins_with(line, length, words[i].word, ' ');
        if (begins_with(line, length, "SIZE", ' '))
            ret->size_maximum = length > 5 ? strtoull(line + 5, NULL, 10) : 0;
        if (length > 7 && begins_with(line, length, "LIMITS", ' '))
            parse_limits(line + 7, length - 7, ret);
        at = strchr(line, '\n');
    }
}
