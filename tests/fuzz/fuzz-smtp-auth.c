/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing AUTH: the command's arguments, and what a client answers to each question. What is taken
 * holds no control character and ends where it should. An entry for libFuzzer; make fuzz builds it, and
 * the unit tests replay the corpus through it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void expect_text(const char *text, size_t maximum)
{
    size_t length = strnlen(text, maximum + 1);
    expect(length && length <= maximum);
    for (size_t i = 0; i < length; i++)
        expect((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct smtp_auth auth;
    const char *text = (const char *)data, *response;
    size_t length;
    smtp_auth_parse(text, size, &response, &length);
    expect(!response || (response > text && response + length <= text + size));
    if (smtp_auth_plain(text, size, &auth)) {
        expect_text(auth.user, SMTP_AUTH_USER_MAXIMUM);
        expect_text(auth.password, SMTP_AUTH_PASSWORD_MAXIMUM);
    }
    if (smtp_auth_user(text, size, &auth))
        expect_text(auth.user, SMTP_AUTH_USER_MAXIMUM);
    if (smtp_auth_password(text, size, &auth))
        expect_text(auth.password, SMTP_AUTH_PASSWORD_MAXIMUM);
    smtp_auth_clear(&auth);
    return 0;
}
