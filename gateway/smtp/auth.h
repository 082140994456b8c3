/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * AUTH (RFC 4954) with PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login) and EXTERNAL (RFC
 * 4422).
 *
 * Pure functions over bytes; no state, any thread. What holds a password is to be cleansed by
 * whoever owns it: smtp_auth_clear(). */
#ifndef POSTERN_GATEWAY_SMTP_AUTH_H
#define POSTERN_GATEWAY_SMTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SMTP_AUTH_USER_MAXIMUM = 255,
    SMTP_AUTH_PASSWORD_MAXIMUM = 511,
};

enum smtp_mechanism { SMTP_AUTH_UNKNOWN, SMTP_AUTH_PLAIN, SMTP_AUTH_LOGIN, SMTP_AUTH_EXTERNAL };

/* "PLAIN AGEAYg==": the mechanism, and the initial response where there is one (NULL: none; "=" is
 * an empty one, of length 0). */
enum smtp_mechanism smtp_auth_parse(const char *arguments, size_t length, const char **response,
                                    size_t *response_length);

struct smtp_auth {
    char user[SMTP_AUTH_USER_MAXIMUM + 1];
    char password[SMTP_AUTH_PASSWORD_MAXIMUM + 1];
};
void smtp_auth_clear(struct smtp_auth *auth);

/* What a client answers, in base64 and without its CRLF. False: it is no base64, or not what the
 * mechanism wants, or longer than can be meant; or it has a NUL or a control character where none
 * may be. PLAIN with an identity to act as that is not the user itself is refused too. */
bool smtp_auth_plain(const char *text, size_t length, struct smtp_auth *ret);
bool smtp_auth_user(const char *text, size_t length, struct smtp_auth *ret);
bool smtp_auth_password(const char *text, size_t length, struct smtp_auth *ret);

#endif
