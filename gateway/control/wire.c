/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See wire.h. */
#include "gateway/control/wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"

/* What may follow a lead byte (Unicode, table 3-7): how many bytes, and the range of the second,
 * which is where overlong forms and surrogates are caught. */
static const struct sequence {
    uint8_t first, last, length, second_first, second_last;
} sequences[] = {
    {0x01, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* Length of the UTF-8 character at `bytes`, which end with NUL; 0: it is none. */
static size_t character_length(const uint8_t *bytes)
{
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        const struct sequence *sequence = &sequences[i];
        if (bytes[0] < sequence->first || bytes[0] > sequence->last)
            continue;
        if (sequence->length == 1)
            return 1;
        if (bytes[1] < sequence->second_first || bytes[1] > sequence->second_last)
            return 0;
        for (size_t at = 2; at < sequence->length; at++)
            if ((bytes[at] & 0xc0) != 0x80)
                return 0;
        return sequence->length;
    }
    return 0;
}

json_t *control_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    if (!text)
        return json_null();
    _cleanup_free_ char *clean = malloc(strlen(text) * 3 + 1);
    if (!clean)
        return NULL;
    char *end = clean;
    while (*text) {
        size_t length = character_length((const uint8_t *)text);
        memcpy(end, length ? text : replacement, length ? length : 3);
        end += length ? length : 3;
        text += length ? length : 1;
    }
    return json_stringn(clean, (size_t)(end - clean));
}

json_t *control_text_or_null(const char *text)
{
    return text && *text ? control_text(text) : json_null();
}

json_t *control_error_object(const struct error *error)
{
    return json_pack("{s:i, s:o, s:o, s:o}", "code", error->code, "what", control_text(error->what),
                     "where", control_text(error->where), "cure", control_text(error->cure));
}

int control_error_read(const json_t *object, struct error *error)
{
    json_int_t code = json_integer_value(json_object_get(object, "code"));
    const char *what = json_string_value(json_object_get(object, "what"));
    const char *where = json_string_value(json_object_get(object, "where"));
    const char *cure = json_string_value(json_object_get(object, "cure"));
    if (code < EX__BASE || code > EX__MAX)
        code = EX_SOFTWARE;
    error_set(error, (int)code, "%s", what ? what : "The answer was an error without a reason");
    if (where)
        error_where(error, "%s", where);
    if (cure)
        error_cure(error, "%s", cure);
    return -error->code;
}

int control_put_line(struct buffer *buffer, const json_t *object)
{
    _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (!text)
        return -ENOMEM;
    size_t length = strlen(text);
    if (length >= buffer->maximum)
        return -EMSGSIZE;
    text[length] = '\n'; /* where the NUL was: the line goes out whole or not at all */
    return buffer_append(buffer, text, length + 1);
}
