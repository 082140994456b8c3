/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See hidden-dot.h. */
#include "gateway/smtp/hidden-dot.h"

#include <string.h>

static enum smtp_hidden_dot_state after_byte(enum smtp_hidden_dot_state state, char byte)
{
    if (byte == '\n')
        return SMTP_HIDDEN_DOT_LINE_START;
    if (byte == '\0')
        return state == SMTP_HIDDEN_DOT_LINE_START ? SMTP_HIDDEN_DOT_NULS : state;
    if (byte == '.' && state == SMTP_HIDDEN_DOT_NULS)
        return SMTP_HIDDEN_DOT_DOT;
    return SMTP_HIDDEN_DOT_NONE;
}

bool smtp_hidden_dot_feed(struct smtp_hidden_dot *watch, const char *bytes, size_t length)
{
    bool begun = watch->state == SMTP_HIDDEN_DOT_NULS || watch->state == SMTP_HIDDEN_DOT_DOT;
    if (!length)
        return false;
    if (!begun && !memchr(bytes, '\0', length)) {
        watch->state =
            bytes[length - 1] == '\n' ? SMTP_HIDDEN_DOT_LINE_START : SMTP_HIDDEN_DOT_NONE;
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\r' && watch->state == SMTP_HIDDEN_DOT_DOT)
            return true;
        watch->state = after_byte(watch->state, bytes[i]);
    }
    return false;
}
