/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See lenient.h. */
#include "gateway/smtp/lenient.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct cursor {
    const char *at, *end;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(*cursor->at))
        cursor->at++;
}

/* "FROM", then a colon, blanks wherever they stand. */
static bool take_keyword(struct cursor *cursor, const char *keyword)
{
    size_t length = strlen(keyword);
    skip_blanks(cursor);
    if ((size_t)(cursor->end - cursor->at) < length ||
        strncasecmp(cursor->at, keyword, length) != 0)
        return false;
    cursor->at += length;
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != ':')
        return false;
    cursor->at++;
    skip_blanks(cursor);
    return true;
}

/* Between brackets, or to the next blank. */
static struct cursor take_path(struct cursor *cursor)
{
    bool bracket = cursor->at < cursor->end && *cursor->at == '<';
    struct cursor path = {cursor->at + bracket, cursor->end};
    if (bracket) {
        const char *close = memchr(path.at, '>', (size_t)(path.end - path.at));
        path.end = close ? close : path.at;
        cursor->at = close ? close + 1 : cursor->end;
        skip_blanks(&path);
        while (path.end > path.at && is_blank(path.end[-1]))
            path.end--;
    } else {
        while (cursor->at < cursor->end && !is_blank(*cursor->at))
            cursor->at++;
        path.end = cursor->at;
    }
    return path;
}

size_t smtp_lenient_path(const char *arguments, size_t length, const char *keyword,
                         char text[SMTP_LENIENT_MAXIMUM])
{
    struct cursor cursor = {arguments, arguments + length};
    if (length > SMTP_COMMAND_MAXIMUM || !take_keyword(&cursor, keyword) || cursor.at == cursor.end)
        return 0;
    bool bracket = *cursor.at == '<';
    struct cursor path = take_path(&cursor);
    if (path.at == path.end && !bracket)
        return 0;
    char *to = stpcpy(stpcpy(text, keyword), ":<");
    to = mempcpy(to, path.at, (size_t)(path.end - path.at));
    *to++ = '>';
    while (cursor.end > cursor.at && is_blank(cursor.end[-1]))
        cursor.end--;
    for (; cursor.at < cursor.end; cursor.at++)
        *to++ = *cursor.at == '\t' ? ' ' : *cursor.at;
    return (size_t)(to - text);
}

size_t smtp_lenient_hello(const char *arguments, size_t length, const char *address,
                          char text[SMTP_LENIENT_MAXIMUM])
{
    struct cursor cursor = {arguments, arguments + length};
    char *to = text;
    skip_blanks(&cursor);
    for (; cursor.at < cursor.end && !is_blank(*cursor.at) && to - text < SMTP_DOMAIN_MAXIMUM;
         cursor.at++)
        *to++ = smtp_hello_is_valid(cursor.at, 1) ? *cursor.at : '-';
    if (to > text)
        return (size_t)(to - text);
    int made = snprintf(text, SMTP_LENIENT_MAXIMUM, "[%s%s]", strchr(address, ':') ? "IPv6:" : "",
                        address);
    return made < 0 ? 0 : (size_t)made;
}
