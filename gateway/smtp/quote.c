/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See quote.h. */
#include "gateway/smtp/quote.h"

#include <ctype.h>
#include <stdio.h>

enum { STATUS_MAXIMUM = 9 }; /* "5.123.456" */

static size_t skip_digits(const char *at)
{
    size_t count = 0;
    while (count < 3 && isdigit((unsigned char)at[count]))
        count++;
    return count;
}

/* The length of the enhanced status at the front of a line, which fits the reply's class; 0: none.
 */
static size_t find_status(const char *line, int class)
{
    if (line[0] != '0' + class || line[1] != '.')
        return 0;
    size_t subject = skip_digits(line + 2);
    if (!subject || line[2 + subject] != '.')
        return 0;
    size_t detail = skip_digits(line + 3 + subject), length = 3 + subject + detail;
    return detail && (line[length] == ' ' || line[length] == '\n' || !line[length]) ? length : 0;
}

static void add(struct smtp_reply *reply, const char *text, size_t length)
{
    size_t room = sizeof reply->text - 1 - reply->length;
    if (length > room)
        length = room;
    memcpy(reply->text + reply->length, text, length);
    reply->length += length;
    reply->text[reply->length] = '\0';
}

void smtp_reply_quote(struct smtp_reply *to, const struct smtp_reply *from, const char *speaker)
{
    char status[STATUS_MAXIMUM + 1] = {(char)('0' + smtp_reply_class(from)), '.', '0', '.', '0'};
    const char *line = from->text;
    to->code = from->code;
    to->length = 0;
    to->text[0] = '\0';
    for (;;) {
        size_t length = strcspn(line, "\n"), own = find_status(line, smtp_reply_class(from));
        if (own)
            snprintf(status, sizeof status, "%.*s", (int)own, line);
        if (own < length && line[own] == ' ')
            own++;
        add(to, status, strlen(status));
        add(to, " [", 2);
        add(to, speaker, strlen(speaker));
        add(to, "] ", 2);
        add(to, line + own, length - own);
        if (!line[length])
            return;
        add(to, "\n", 1);
        line += length + 1;
    }
}
