/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See property.h. A list is a field that may stand more than once, or an element with one such
 * field and nothing else in it. */
#include "gateway/ctl/property.h"

#include <string.h>
#include <strings.h>

#include "connectors/guess.h"
#include "connectors/readers.h"
#include "connectors/tables.h"
#include "connectors/vocabulary.h"

const struct conn_section *ctl_section(const char *direction)
{
    return strcmp(direction, "inbound") == 0 ? &conn_inbound_section : &conn_outbound_section;
}

bool ctl_property_of(const struct conn_section *section, const struct conn_field *field,
                     struct ctl_property *ret)
{
    const struct conn_section *inner = field->section;
    struct ctl_property property = {.field = field, .section = section, .name = field->name};
    if (field->flags & (CONN_ATTRIBUTE | CONN_TEXT))
        return false;
    if (field->read && (field->flags & CONN_MANY))
        property.item = field->name;
    if (!field->read) {
        if (!inner || inner->count != 1 || !inner->fields->read ||
            (inner->fields->flags & (CONN_ATTRIBUTE | CONN_TEXT)) ||
            !(inner->fields->flags & CONN_MANY))
            return false;
        property.item = inner->fields->name;
        property.wrapped = true;
    }
    *ret = property;
    return true;
}

static int tell_unknown(const struct conn_section *section, const char *direction, const char *name,
                        struct error *error)
{
    struct conn_guess guess = {.word = name};
    struct ctl_property property;
    const char *synonym = conn_guess_synonym(name);
    bool synonym_fits = false;
    for (size_t i = 0; i < section->count; i++) {
        if (!ctl_property_of(section, &section->fields[i], &property))
            continue;
        synonym_fits |= synonym && strcmp(synonym, property.name) == 0;
        conn_guess_consider(&guess, property.name);
    }
    const char *meant = guess.best ? guess.best : synonym_fits ? synonym : NULL;
    error_set(error, EX_USAGE, "An %s connector has no property %s%s%s%s", direction, name,
              meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    return error_cure(error, "%s; postern.xml(5) lists them", meant ? meant : "another name");
}

static int tell_fixed(const struct conn_field *field, struct error *error)
{
    error_set(error, EX_USAGE, "%s cannot be set in this way", field->name);
    if (strcmp(field->name, "PeerCertificates") == 0)
        return error_cure(error, "posternctl peer accept, or an editor and posternctl reload");
    if (field->flags & CONN_ATTRIBUTE)
        return error_cure(error, "an editor and posternctl reload; others may refer to the %s",
                          field->name);
    return error_cure(error, "an editor and posternctl reload");
}

int ctl_property_find(const char *direction, const char *name, size_t length,
                      struct ctl_property *ret, struct error *error)
{
    const struct conn_section *section = ctl_section(direction);
    char copy[80];
    for (size_t i = 0; i < section->count; i++) {
        const struct conn_field *field = &section->fields[i];
        if (strlen(field->name) != length || strncasecmp(field->name, name, length) != 0)
            continue;
        return ctl_property_of(section, field, ret) ? 0 : tell_fixed(field, error);
    }
    snprintf(copy, sizeof copy, "%.*s", (int)length, name);
    return tell_unknown(section, direction, copy, error);
}

bool ctl_property_follows(const struct ctl_property *property, const char *name, size_t length)
{
    for (const struct conn_field *field = property->section->fields; field != property->field;
         field++)
        if (!(field->flags & (CONN_ATTRIBUTE | CONN_TEXT)) && strlen(field->name) == length &&
            strncmp(field->name, name, length) == 0)
            return true;
    return false;
}

const char *ctl_property_word(const struct ctl_property *property, size_t n)
{
    const char *const *names = property->field->names;
    if (!names && property->field->read == conn_read_boolean)
        names = conn_boolean_names;
    for (size_t i = 0; names && names[i]; i++)
        if (i == n)
            return names[i];
    return NULL;
}

const char *ctl_property_spelling(const struct ctl_property *property, const char *value)
{
    const char *word;
    for (size_t n = 0; (word = ctl_property_word(property, n)); n++)
        if (strcasecmp(word, value) == 0)
            return word;
    return value;
}
