/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See values.h: numbers, words and names here, what stands for places in the network in places.c.
 */
#include "connectors/values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/guess.h"

/* Reads digits, at least one, at most `digits`; false when there is none, or too many. */
static bool take_digits(const char **at, unsigned digits, uint64_t *ret)
{
    uint64_t value = 0;
    unsigned count = 0;
    for (; isdigit((unsigned char)**at); (*at)++, count++) {
        if (count >= digits)
            return false;
        value = value * 10 + (uint64_t)(**at - '0');
    }
    *ret = value;
    return count > 0;
}

static bool take_byte(const char **at, char byte)
{
    if (**at != byte)
        return false;
    (*at)++;
    return true;
}

/* ".5" and ".500" are both 500 ms; what is finer than a millisecond is cut off. */
static bool take_fraction(const char **at, uint64_t *ret)
{
    uint64_t value = 0, scale = 100;
    unsigned count = 0;
    for (; isdigit((unsigned char)**at) && count < 7; (*at)++, count++, scale /= 10)
        value += scale * (uint64_t)(**at - '0');
    *ret = value;
    return count > 0;
}

static bool read_duration(const char *text, uint64_t *ret)
{
    const char *at = text;
    uint64_t days = 0, hours, minutes, seconds, fraction = 0;
    const char *dot = strchr(text, '.'), *colon = strchr(text, ':');
    if (dot && colon && dot < colon && (!take_digits(&at, 5, &days) || !take_byte(&at, '.')))
        return false;
    if (!take_digits(&at, 2, &hours) || !take_byte(&at, ':') || !take_digits(&at, 2, &minutes) ||
        !take_byte(&at, ':') || !take_digits(&at, 2, &seconds))
        return false;
    if (take_byte(&at, '.') && !take_fraction(&at, &fraction))
        return false;
    if (*at || hours > 23 || minutes > 59 || seconds > 59)
        return false;
    *ret = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + fraction;
    return true;
}

int conn_parse_duration(const char *label, const char *text, uint64_t *ret, struct error *error)
{
    if (read_duration(text, ret))
        return 0;
    error_set(error, EX_DATAERR, "%s '%.80s' is not a time span", label, text);
    return error_cure(error, "write it as hh:mm:ss, for example 00:00:30 for thirty seconds, or "
                             "d.hh:mm:ss with days");
}

const char *conn_show_duration(uint64_t milliseconds, char *text, size_t size)
{
    unsigned long long seconds = milliseconds / 1000, days = seconds / 86400;
    char day[24] = "", fraction[8] = "";
    if (days)
        snprintf(day, sizeof day, "%llu.", days);
    if (milliseconds % 1000)
        snprintf(fraction, sizeof fraction, ".%03u", (unsigned)(milliseconds % 1000));
    snprintf(text, size, "%s%02llu:%02llu:%02llu%s", day, seconds / 3600 % 24, seconds / 60 % 60,
             seconds % 60, fraction);
    return text;
}

static void skip_spaces(const char **at)
{
    while (**at == ' ')
        (*at)++;
}

static bool take_unit(const char **at, uint64_t *ret)
{
    static const char letters[] = "kmgt";
    const char *letter = **at ? strchr(letters, tolower((unsigned char)**at)) : NULL;
    *ret = 1;
    if (letter) {
        *ret = UINT64_C(1) << (10 * (letter - letters + 1));
        (*at)++;
    }
    if (tolower((unsigned char)**at) == 'b') {
        (*at)++;
        return true;
    }
    return !letter;
}

/* "(157,286,400 bytes)" */
static bool take_bytes(const char **at, uint64_t *ret)
{
    uint64_t value = 0;
    unsigned digits = 0;
    for (; isdigit((unsigned char)**at) || **at == ','; (*at)++) {
        if (**at == ',')
            continue;
        if (++digits > 18)
            return false;
        value = value * 10 + (uint64_t)(**at - '0');
    }
    if (!digits || strcmp(*at, " bytes)") != 0)
        return false;
    *at += strlen(*at);
    *ret = value;
    return true;
}

/* Exchange rounds the number before the unit to three digits ("1.001 MB (1,049,600 bytes)"); the
 * bytes in brackets are then exact, and the two must still be the same size. */
static bool read_size(const char *text, uint64_t *ret)
{
    const char *at = text;
    uint64_t whole, thousandths = 0, unit, bytes;
    if (!take_digits(&at, 12, &whole) || (take_byte(&at, '.') && !take_fraction(&at, &thousandths)))
        return false;
    skip_spaces(&at);
    if (!take_unit(&at, &unit) || whole > (UINT64_C(1) << 62) / unit)
        return false;
    uint64_t value = whole * unit + thousandths * unit / 1000;
    skip_spaces(&at);
    if (take_byte(&at, '(')) {
        if (!take_bytes(&at, &bytes))
            return false;
        uint64_t apart = bytes > value ? bytes - value : value - bytes;
        if (apart > unit / 1000)
            return false;
        value = bytes;
    } else if (thousandths && (unit == 1 || thousandths * unit % 1000)) {
        return false;
    }
    *ret = value;
    return !*at;
}

int conn_parse_size(const char *label, const char *text, uint64_t *ret, struct error *error)
{
    uint64_t value;
    if (!read_size(text, &value)) {
        error_set(error, EX_DATAERR, "%s '%.80s' is not a size", label, text);
        return error_cure(error, "write bytes or a unit of KB, MB, GB or TB: 36700160, 35 MB or "
                                 "35 MB (36,700,160 bytes)");
    }
    *ret = value;
    return 0;
}

int conn_parse_number(const char *label, const char *text, uint64_t *ret, struct error *error)
{
    const char *at = text;
    uint64_t value;
    if (!take_digits(&at, 10, &value) || *at) {
        error_set(error, EX_DATAERR, "%s '%.80s' is not a whole number", label, text);
        return error_cure(error, "write digits only");
    }
    *ret = value;
    return 0;
}

int conn_parse_word(const char *label, const char *text, const char *const *names, unsigned *ret,
                    struct error *error)
{
    char list[256];
    size_t used = 0;
    struct conn_guess guess = {.word = text};
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = i;
            return 0;
        }
        conn_guess_consider(&guess, names[i]);
        int length = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        if (length > 0 && (size_t)length < sizeof list - used)
            used += (size_t)length;
    }
    error_set(error, EX_DATAERR, "%s is one of %s, not '%.80s'", label, list, text);
    if (guess.best)
        return error_cure(error, "write %s, if that is meant", guess.best);
    return error_cure(error, "write one of these words, with its capitals");
}

int conn_check_name(const char *label, const char *text, struct error *error)
{
    size_t length = strlen(text);
    if (!length || length > 128) {
        error_set(error, EX_DATAERR, "%s '%.80s' has %zu characters", label, text, length);
        return error_cure(error, "give it between 1 and 128 characters");
    }
    for (const char *at = text; *at; at++)
        if (*at < 0x20 || *at > 0x7e || strchr("()<>\\\"", *at)) {
            error_set(error, EX_DATAERR, "%s '%.128s' holds a character that a name may not have",
                      label, text);
            return error_cure(error, "use letters, digits, spaces and signs of ASCII, but none of "
                                     "( ) < > \\ \": the name stands in Received lines");
        }
    return 0;
}
