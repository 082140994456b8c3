/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See auth.h. */
#include "gateway/smtp/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

enum { DECODED_MAXIMUM = 2 * SMTP_AUTH_USER_MAXIMUM + SMTP_AUTH_PASSWORD_MAXIMUM + 2 };

enum smtp_mechanism smtp_auth_parse(const char *arguments, size_t length, const char **response,
                                    size_t *response_length)
{
    static const struct {
        const char *name;
        enum smtp_mechanism mechanism;
    } mechanisms[] = {
        {"PLAIN", SMTP_AUTH_PLAIN}, {"LOGIN", SMTP_AUTH_LOGIN}, {"EXTERNAL", SMTP_AUTH_EXTERNAL}};
    const char *space = length ? memchr(arguments, ' ', length) : NULL;
    size_t word = space ? (size_t)(space - arguments) : length;
    *response = space ? space + 1 : NULL;
    *response_length = space ? length - word - 1 : 0;
    if (*response_length == 1 && **response == '=')
        *response_length = 0;
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (strlen(mechanisms[i].name) == word &&
            strncasecmp(mechanisms[i].name, arguments, word) == 0)
            return mechanisms[i].mechanism;
    return SMTP_AUTH_UNKNOWN;
}

void smtp_auth_clear(struct smtp_auth *auth)
{
    OPENSSL_cleanse(auth, sizeof *auth);
}

/* RFC 4648 4, to the letter: no spaces, the padding where it belongs. -1: it is none, or too long.
 */
static int decode(const char *text, size_t length, unsigned char bytes[DECODED_MAXIMUM + 3])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t padding = 0;
    if (length % 4 || length / 4 * 3 > DECODED_MAXIMUM + 2)
        return -1;
    while (padding < 2 && padding < length && text[length - padding - 1] == '=')
        padding++;
    for (size_t i = 0; i < length - padding; i++)
        if (!text[i] || !strchr(alphabet, text[i]))
            return -1;
    if (!length)
        return 0;
    int count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length);
    return count < 0 || (size_t)count < padding ? -1 : count - (int)padding;
}

static bool is_printable(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < ' ' || bytes[i] == 0x7f)
            return false;
    return true;
}

static bool keep(const unsigned char *bytes, size_t length, char *text, size_t maximum)
{
    if (!length || length > maximum || !is_printable(bytes, length))
        return false;
    memcpy(text, bytes, length);
    text[length] = '\0';
    return true;
}

/* [authorization] NUL authentication NUL password */
static bool split_plain(const unsigned char *bytes, size_t length, struct smtp_auth *ret)
{
    const unsigned char *user = length ? memchr(bytes, '\0', length) : NULL;
    if (!user)
        return false;
    size_t acting = (size_t)(user++ - bytes), rest = length - acting - 1;
    const unsigned char *password = rest ? memchr(user, '\0', rest) : NULL;
    if (!password)
        return false;
    size_t name = (size_t)(password++ - user);
    if (acting && (acting != name || memcmp(bytes, user, name) != 0))
        return false;
    return keep(user, name, ret->user, SMTP_AUTH_USER_MAXIMUM) &&
           keep(password, rest - name - 1, ret->password, SMTP_AUTH_PASSWORD_MAXIMUM);
}

bool smtp_auth_plain(const char *text, size_t length, struct smtp_auth *ret)
{
    unsigned char bytes[DECODED_MAXIMUM + 3];
    int count = decode(text, length, bytes);
    bool good = count >= 0 && split_plain(bytes, (size_t)count, ret);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return good;
}

static bool decode_one(const char *text, size_t length, char *ret, size_t maximum)
{
    unsigned char bytes[DECODED_MAXIMUM + 3];
    int count = decode(text, length, bytes);
    bool good = count >= 0 && keep(bytes, (size_t)count, ret, maximum);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return good;
}

bool smtp_auth_user(const char *text, size_t length, struct smtp_auth *ret)
{
    return decode_one(text, length, ret->user, SMTP_AUTH_USER_MAXIMUM);
}

bool smtp_auth_password(const char *text, size_t length, struct smtp_auth *ret)
{
    return decode_one(text, length, ret->password, SMTP_AUTH_PASSWORD_MAXIMUM);
}
