/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See readers.h. */
#include "connectors/readers.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "connectors/guess.h"
#include "connectors/values.h"
#include "connectors/vocabulary.h"

static int keep_text(char *text, void *target, struct error *error)
{
    if (!text)
        return error_set(error, EX_OSERR, "There is no memory left");
    free(*(char **)target);
    *(char **)target = text;
    return 0;
}

int conn_read_string(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    (void)reader;
    (void)field;
    return keep_text(strdup(text), target, error);
}

int conn_read_name(struct conn_reader *reader, const struct conn_field *field, const char *text,
                   void *target, struct error *error)
{
    int result = conn_check_name(field->name, text, error);
    return result < 0 ? result : conn_read_string(reader, field, text, target, error);
}

int conn_read_path(struct conn_reader *reader, const struct conn_field *field, const char *text,
                   void *target, struct error *error)
{
    char *path = NULL;
    (void)field;
    if (*text == '/')
        path = strdup(text);
    else if (asprintf(&path, "%s/%s", reader->config->directory, text) < 0)
        path = NULL;
    return keep_text(path, target, error);
}

int conn_read_word(struct conn_reader *reader, const struct conn_field *field, const char *text,
                   void *target, struct error *error)
{
    unsigned word;
    (void)reader;
    int result = conn_parse_word(field->name, text, field->names, &word, error);
    if (result == 0)
        memcpy(target, &word, sizeof word);
    return result;
}

int conn_read_boolean(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    unsigned word;
    (void)reader;
    int result = conn_parse_word(field->name, text, conn_boolean_names, &word, error);
    if (result == 0)
        *(bool *)target = word;
    return result;
}

static int fail_limits(const struct conn_field *field, const char *text, const char *least,
                       const char *most, struct error *error)
{
    error_set(error, EX_DATAERR, "%s is between %s and %s, not %s", field->name, least, most, text);
    return error_cure(error, "write it like %s", field->example);
}

int conn_read_number(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    uint64_t value;
    char least[24], most[24];
    (void)reader;
    int result = conn_parse_number(field->name, text, &value, error);
    if (result < 0)
        return result;
    if (value < field->least || value > field->most) {
        snprintf(least, sizeof least, "%llu", (unsigned long long)field->least);
        snprintf(most, sizeof most, "%llu", (unsigned long long)field->most);
        return fail_limits(field, text, least, most, error);
    }
    *(unsigned *)target = (unsigned)value;
    return 0;
}

int conn_read_limit(struct conn_reader *reader, const struct conn_field *field, const char *text,
                    void *target, struct error *error)
{
    if (strcasecmp(text, "Unlimited") != 0)
        return conn_read_number(reader, field, text, target, error);
    *(unsigned *)target = CONN_UNLIMITED;
    return 0;
}

int conn_read_range(struct conn_reader *reader, const struct conn_field *field, const char *text,
                    void *target, struct error *error)
{
    (void)reader;
    return conn_parse_range(field->name, text, target, error);
}

int conn_read_binding(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    struct conn_binding *binding = target;
    int result =
        conn_parse_address(field->name, text, &binding->socket_address, &binding->length, error);
    return result < 0 ? result : conn_read_string(reader, field, text, &binding->address, error);
}

int conn_read_duration(struct conn_reader *reader, const struct conn_field *field, const char *text,
                       void *target, struct error *error)
{
    uint64_t value;
    char least[CONN_DURATION_TEXT_MAXIMUM], most[CONN_DURATION_TEXT_MAXIMUM];
    (void)reader;
    int result = conn_parse_duration(field->name, text, &value, error);
    if (result < 0)
        return result;
    if (value < field->least || value > field->most)
        return fail_limits(field, text, conn_show_duration(field->least, least, sizeof least),
                           conn_show_duration(field->most, most, sizeof most), error);
    *(unsigned *)target = (unsigned)value;
    return 0;
}

int conn_read_size(struct conn_reader *reader, const struct conn_field *field, const char *text,
                   void *target, struct error *error)
{
    uint64_t value;
    char least[40], most[40];
    (void)reader;
    int result = conn_parse_size(field->name, text, &value, error);
    if (result < 0)
        return result;
    if (value < field->least || value > field->most) {
        snprintf(least, sizeof least, "%llu KB", (unsigned long long)(field->least >> 10));
        snprintf(most, sizeof most, "%llu GB", (unsigned long long)(field->most >> 30));
        return fail_limits(field, text, least, most, error);
    }
    *(uint64_t *)target = value;
    return 0;
}

int conn_read_domain(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    char *domain;
    (void)reader;
    int result = conn_parse_domain(field->name, text, field->most >= CONN_DOMAIN_PATTERN,
                                   field->most == CONN_DOMAIN_ANY, &domain, error);
    return result < 0 ? result : keep_text(domain, target, error);
}

static const char *name_at(const struct conn_named_list *list, size_t i)
{
    const char *name;
    memcpy(&name, (const char *)list->items + i * list->size, sizeof name);
    return name;
}

static void complain_twice(struct conn_reader *reader, const xmlNode *node,
                           const struct conn_named_list *list, size_t first)
{
    struct error error;
    struct conn_place place;
    memcpy(&place, (const char *)list->items + first * list->size + list->place, sizeof place);
    error_set(&error, EX_CONFIG, "%s '%s' is declared twice: it stands in %s on line %d already",
              list->kind, name_at(list, list->count - 1), place.file, place.line);
    error_cure(&error, "give one of the two another name, or take it out");
    conn_complain(reader, node, false, &error);
}

/* Items move while their list grows, so that numbers are kept: one more than the index, as NULL
 * stands for none. Without memory for it the name counts as new, and as one that nobody finds. */
static bool find_known(const struct conn_named_list *list, const char *name, size_t *ret)
{
    const void *value = conn_map_find(list->known, name, strlen(name));
    if (value)
        *ret = (size_t)(uintptr_t)value - 1;
    return value;
}

static void keep_known(const struct conn_named_list *list, const char *name)
{
    void **place = conn_map_add(list->known, name, strlen(name));
    if (place && !*place)
        *place = (void *)(uintptr_t)list->count;
}

void conn_check_unique(struct conn_reader *reader, const xmlNode *node,
                       const struct conn_named_list *list)
{
    size_t first;
    const char *name = name_at(list, list->count - 1);
    if (name && list->known) {
        if (find_known(list, name, &first))
            complain_twice(reader, node, list, first);
        keep_known(list, name);
        return;
    }
    for (first = 0; name && first + 1 < list->count; first++) {
        const char *other = name_at(list, first);
        if (!other || (list->exact ? strcmp(other, name) : strcasecmp(other, name)) != 0)
            continue;
        complain_twice(reader, node, list, first);
        return;
    }
}

const void *conn_find_named(const struct conn_named_list *list, const char *label, const char *name,
                            struct error *error)
{
    struct conn_guess guess = {.word = name};
    size_t known;
    if (list->known && find_known(list, name, &known) && strcmp(name_at(list, known), name) == 0)
        return (const char *)list->items + known * list->size;
    for (size_t i = 0; i < list->count; i++) {
        const char *other = name_at(list, i);
        if (other && strcmp(other, name) == 0)
            return (const char *)list->items + i * list->size;
        if (other)
            conn_guess_consider(&guess, other);
    }
    error_set(error, EX_CONFIG, "%s '%.128s' is not the name of any %s", label, name, list->kind);
    if (guess.best)
        error_cure(error, "write '%s', if that is meant", guess.best);
    error_cure(error, "declare a %s of that name, or mend the name here", list->kind);
    return NULL;
}
