/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See clixml-text.h. */
#include "connectors/clixml-text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/clixml.h"
#include "connectors/utf8.h"

enum { REPLACEMENT = 0xfffd };

static bool is_high(unsigned unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(unsigned unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static unsigned join(unsigned high, unsigned low)
{
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* `point` is no surrogate. */
static size_t put_utf8(char *text, unsigned point)
{
    if (point < 0x80) {
        text[0] = (char)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
    text[0] = (char)(heads[more] | point >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        text[i] = (char)(0x80 | (point >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

static int fail_text(struct error *error, const char *what, size_t offset)
{
    error_set(error, EX_DATAERR, "The file is no text: %s at byte %zu", what, offset);
    return error_cure(error, "copy the file as it is, in binary, or export it again");
}

struct encoding {
    bool wide, big;
    size_t mark; /* bytes of the BOM */
};

static struct encoding find_encoding(const unsigned char *bytes, size_t length)
{
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return (struct encoding){.mark = 3};
    if (length >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe)
        return (struct encoding){.wide = true, .mark = 2};
    if (length >= 2 && bytes[0] == 0xfe && bytes[1] == 0xff)
        return (struct encoding){.wide = true, .big = true, .mark = 2};
    if (length >= 2 && bytes[0] == '<' && !bytes[1])
        return (struct encoding){.wide = true};
    if (length >= 2 && !bytes[0] && bytes[1] == '<')
        return (struct encoding){.wide = true, .big = true};
    return (struct encoding){.wide = false};
}

static unsigned unit_at(const unsigned char *bytes, bool big)
{
    return big ? (unsigned)bytes[0] << 8 | bytes[1] : (unsigned)bytes[1] << 8 | bytes[0];
}

/* `text` has room for three bytes a unit. */
static int decode_wide(const unsigned char *bytes, size_t length, struct encoding encoding,
                       char *text, size_t *ret, struct error *error)
{
    size_t used = 0;
    for (size_t at = encoding.mark; at < length; at += 2) {
        if (at + 1 == length)
            return fail_text(error, "half a character of UTF-16", at);
        unsigned unit = unit_at(bytes + at, encoding.big);
        if (is_high(unit) && at + 3 < length && is_low(unit_at(bytes + at + 2, encoding.big))) {
            unit = join(unit, unit_at(bytes + at + 2, encoding.big));
            at += 2;
        }
        if (!unit || is_low(unit) || is_high(unit))
            return fail_text(error, unit ? "half a surrogate pair" : "a NUL", at);
        used += put_utf8(text + used, unit);
    }
    *ret = used;
    return 0;
}

static int check_narrow(const char *bytes, size_t length, size_t from, struct error *error)
{
    for (size_t at = from, size; at < length; at += size) {
        size = bytes[at] ? conn_utf8_length(bytes + at, length - at) : 0;
        if (!size)
            return fail_text(error, bytes[at] ? "what is not UTF-8" : "a NUL", at);
    }
    return 0;
}

int conn_clixml_decode(const char *bytes, size_t length, char **ret, size_t *ret_length,
                       struct error *error)
{
    struct encoding encoding = find_encoding((const unsigned char *)bytes, length);
    if (length > CONN_CLIXML_MAXIMUM) {
        error_set(error, EX_DATAERR, "The file is larger than 32 MiB");
        return error_cure(error, "export fewer connectors into one file");
    }
    _cleanup_free_ char *text = malloc((encoding.wide ? length / 2 * 3 + 3 : length) + 1);
    if (!text)
        return error_set(error, EX_OSERR, "There is no memory left to read the file");
    size_t used = length - encoding.mark;
    int result = encoding.wide ? decode_wide((const unsigned char *)bytes, length, encoding, text,
                                             &used, error)
                               : check_narrow(bytes, length, encoding.mark, error);
    if (result < 0)
        return result;
    if (!encoding.wide)
        memcpy(text, bytes + encoding.mark, used);
    text[used] = '\0';
    *ret = TAKE_PTR(text);
    *ret_length = used;
    return 0;
}

size_t conn_clixml_prologue(const char *text, size_t length)
{
    if (length < 6 || memcmp(text, "<?xml", 5) != 0 || !strchr(" \t\r\n", text[5]))
        return 0;
    const char *end = strstr(text, "?>");
    return end ? (size_t)(end - text) + 2 : 0;
}

/* The unit of _xHHHH_ at the beginning of the text; false: there is none. */
static bool read_escape(const char *text, unsigned *ret)
{
    unsigned unit = 0;
    if (text[0] != '_' || text[1] != 'x')
        return false;
    for (int i = 2; i < 6; i++) {
        char byte = text[i];
        int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                                                 : -1;
        if (digit < 0)
            return false;
        unit = unit << 4 | (unsigned)digit;
    }
    *ret = unit;
    return text[6] == '_';
}

void conn_clixml_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        unsigned unit, low;
        if (!read_escape(from, &unit)) {
            *to++ = *from++;
            continue;
        }
        from += 7;
        if (is_high(unit) && read_escape(from, &low) && is_low(low)) {
            unit = join(unit, low);
            from += 7;
        }
        to += put_utf8(to, !unit || is_high(unit) || is_low(unit) ? REPLACEMENT : unit);
    }
    *to = '\0';
}
