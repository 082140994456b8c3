/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See store-private.h. */
#include "pki/store-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char heading[] = "# Written by posternd; posternctl cert list shows it.\n";
static const char keys_heading[] =
    "# Where the key is; nothing: in the Key elements of postern.xml.\n";

/* --- writing --- */

static const char *time_words(int64_t seconds, char *text, size_t size)
{
    struct tm parts;
    time_t time = (time_t)seconds;
    gmtime_r(&time, &parts);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

static char *finish(FILE *stream, char **text)
{
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return *text;
    free(*text);
    return NULL;
}

char *pki_roles_text(const struct pki_roles *roles)
{
    char *text = NULL, time[32];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs(heading, stream);
    for (unsigned role = 0; role < PKI_ROLE_END; role++)
        if (roles->generation[role])
            fprintf(stream, "%s %u\n", pki_role_name(role), roles->generation[role]);
    if (roles->base[0])
        fprintf(stream, "base %s\n", roles->base);
    if (roles->activate_at)
        fprintf(stream, "activate-at %s\n", time_words(roles->activate_at, time, sizeof time));
    return finish(stream, &text);
}

char *pki_generation_about(const struct pki_generation *generation)
{
    char *text = NULL, time[32];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs(heading, stream);
    fprintf(stream, "fingerprint %s\n", generation->fingerprint);
    fprintf(stream, "came %s\n", time_words(generation->came, time, sizeof time));
    fputs("from ", stream);
    for (const char *at = generation->from; *at; at++)
        putc((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at, stream);
    putc('\n', stream);
    return finish(stream, &text);
}

char *pki_generation_keys_text(const char *keys)
{
    char *text;
    return asprintf(&text, "%s%s", keys_heading, keys ? keys : "") < 0 ? NULL : text;
}

/* --- reading --- */

typedef bool read_value(const char *value, void *target);

struct word {
    const char *word;
    read_value *read;
    size_t offset;
};

static bool read_number(const char *value, void *target)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    *(unsigned *)target = (unsigned)number;
    return *value >= '1' && *value <= '9' && !*end && number <= 999999999;
}

static bool read_fingerprint(const char *value, void *target)
{
    if (strlen(value) != PKI_FINGERPRINT_SIZE - 1 ||
        strspn(value, "0123456789ABCDEF") != PKI_FINGERPRINT_SIZE - 1)
        return false;
    memcpy(target, value, PKI_FINGERPRINT_SIZE);
    return true;
}

static bool read_time(const char *value, void *target)
{
    struct tm parts = {0};
    const char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &parts);
    *(int64_t *)target = timegm(&parts);
    return end && !*end;
}

static bool read_from(const char *value, void *target)
{
    snprintf(target, PKI_STORE_FROM_MAXIMUM, "%s", value);
    return true;
}

static const struct word roles_words[] = {
    {"next", read_number, offsetof(struct pki_roles, generation[PKI_ROLE_NEXT])},
    {"active", read_number, offsetof(struct pki_roles, generation[PKI_ROLE_ACTIVE])},
    {"previous", read_number, offsetof(struct pki_roles, generation[PKI_ROLE_PREVIOUS])},
    {"base", read_fingerprint, offsetof(struct pki_roles, base)},
    {"activate-at", read_time, offsetof(struct pki_roles, activate_at)},
    {NULL, NULL, 0},
};

static const struct word about_words[] = {
    {"fingerprint", read_fingerprint, offsetof(struct pki_generation, fingerprint)},
    {"came", read_time, offsetof(struct pki_generation, came)},
    {"from", read_from, offsetof(struct pki_generation, from)},
    {NULL, NULL, 0},
};

static bool read_line(char *line, const struct word *words, void *object)
{
    char *value = strchr(line, ' ');
    if (*line == '#' || !*line)
        return true;
    if (!value)
        return false;
    *value++ = '\0';
    for (; words->word; words++)
        if (strcmp(line, words->word) == 0)
            return words->read(value, (char *)object + words->offset);
    return false;
}

static int read_lines(const char *text, const struct word *words, void *object, const char *path,
                      struct error *error)
{
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;
    if (!copy)
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    for (unsigned number = 1; rest; number++) {
        char *line = strsep(&rest, "\n");
        if (read_line(line, words, object))
            continue;
        error_set(error, EX_CONFIG, "%s does not say what it should, on line %u", path, number);
        return error_cure(error, "bring it back from a backup; or move its directory away, and the "
                                 "Chain of postern.xml is used");
    }
    return 0;
}

int pki_roles_parse(const char *text, struct pki_roles *ret, const char *path, struct error *error)
{
    struct pki_roles roles = {0};
    int result = read_lines(text, roles_words, &roles, path, error);
    if (result == 0)
        *ret = roles;
    return result;
}

/* The lines without comments. */
static char *bare_keys(const char *keys)
{
    char *text = calloc(1, strlen(keys) + 1), *end = text;
    while (text && *keys) {
        size_t length = strcspn(keys, "\n");
        if (length && *keys != '#') {
            memcpy(end, keys, length);
            end += length;
            *end++ = '\n';
        }
        keys += length;
        keys += *keys == '\n';
    }
    return text;
}

int pki_generation_parse(const char *about, const char *keys, struct pki_generation *ret,
                         const char *path, struct error *error)
{
    int result = read_lines(about, about_words, ret, path, error);
    if (result < 0)
        return result;
    /* One byte more than the text, for a last line without its end. */
    _cleanup_free_ char *lines = NULL;
    if (asprintf(&lines, "%s\n", keys) < 0) {
        lines = NULL;
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    }
    ret->keys = bare_keys(lines);
    return ret->keys ? 0 : error_set(error, EX_OSERR, "There is no memory for %s", path);
}
