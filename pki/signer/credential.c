/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See credential.h. */
#include "pki/signer/credential.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAXIMUM = 255 };

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

const char *credential_name(const char *source)
{
    return after(source, "credential:");
}

const char *credential_name_of_path(const char *path)
{
    const char *unit = after(path, "/run/credentials/");
    const char *slash = unit ? strchr(unit, '/') : NULL;
    bool named = slash && slash != unit && slash[1] && !strchr(slash + 1, '/');
    return named ? slash + 1 : NULL;
}

/* As systemd has them: a file's name of printable ASCII. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '/' || *at == ':')
            return false;
    return length > 0 && length <= NAME_MAXIMUM && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int credential_path(const char *name, char *path, size_t size, struct error *error)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!is_name(name)) {
        error_set(error, EX_CONFIG, "This is no name of a credential");
        error_cure(error, "write credential: and the name that LoadCredential= has");
        return error_where(error, "%s", name);
    }
    if (!directory || *directory != '/' || strlen(directory) + 1 + strlen(name) >= size) {
        error_set(error, EX_CONFIG, "The signer was given no credentials by systemd");
        error_cure(
            error,
            "put LoadCredential=%s into postern-signer@.service (into posternd.service where "
            "posternd starts the signer itself), or let PinSource name a file",
            name);
        return error_where(error, "%s", name);
    }
    snprintf(path, size, "%s/%s", directory, name);
    return 0;
}
