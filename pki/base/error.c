/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See error.h. Nothing here allocates. */
#include "pki/base/error.h"

#include <stdio.h>
#include <string.h>

static void fill(char *text, size_t size, const char *format, va_list arguments)
{
    if (vsnprintf(text, size, format, arguments) < 0)
        text[0] = '\0';
}

int error_set(struct error *error, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->where[0] = error->cure[0] = '\0';
    fill(error->what, sizeof error->what, format, arguments);
    va_end(arguments);
    return -code;
}

int error_set_errno(struct error *error, int code, int number, const char *format, ...)
{
    char reason[128];
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->where[0] = error->cure[0] = '\0';
    fill(error->what, sizeof error->what, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->what);
    snprintf(error->what + used, sizeof error->what - used, ": %s",
             strerror_r(number, reason, sizeof reason));
    return -code;
}

int error_where(struct error *error, const char *format, ...)
{
    if (!error->where[0]) {
        va_list arguments;
        va_start(arguments, format);
        fill(error->where, sizeof error->where, format, arguments);
        va_end(arguments);
    }
    return -error->code;
}

int error_cure(struct error *error, const char *format, ...)
{
    if (!error->cure[0]) {
        va_list arguments;
        va_start(arguments, format);
        fill(error->cure, sizeof error->cure, format, arguments);
        va_end(arguments);
    }
    return -error->code;
}

const char *error_text(const struct error *error, char *text, size_t size)
{
    int used = snprintf(text, size, "%s", error->what);
    size_t at = used < 0 ? 0 : (size_t)used;
    if (error->where[0] && at < size)
        at += (size_t)snprintf(text + at, size - at, " (%s)", error->where);
    if (error->cure[0] && at < size)
        snprintf(text + at, size - at, ". Try: %s", error->cure);
    return text;
}
