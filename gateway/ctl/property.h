/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A connector's properties, as `inbound set` and `outbound set` know them: read from the tables
 * that the loader itself reads by, so that neither knows a word that the other does not.
 *
 * Constant; names belong to those tables. */
#ifndef POSTERN_GATEWAY_CTL_PROPERTY_H
#define POSTERN_GATEWAY_CTL_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>

#include "pki/base/error.h"

struct conn_field;
struct conn_section;

struct ctl_property {
    const struct conn_field *field;
    const struct conn_section *section; /* it stands in */
    const char *name;                   /* of the element */
    const char *item; /* of a list: of the element of an item; NULL: there is one value */
    bool wrapped;     /* the items stand in an element of the property's name */
};

/* "inbound" or "outbound". */
const struct conn_section *ctl_section(const char *direction);

/* The fields of the section in turn; `set` can change those for which this is true. */
bool ctl_property_of(const struct conn_section *section, const struct conn_field *field,
                     struct ctl_property *ret);

/* By its name, of which capitals do not count. EX_USAGE: there is none, with the one that was
 * probably meant, or it is not one that `set` can change. */
int ctl_property_find(const char *direction, const char *name, size_t length,
                      struct ctl_property *ret, struct error *error);

/* Whether the section has the element `name` before the property, as postern.xml(5) has them. */
bool ctl_property_follows(const struct ctl_property *property, const char *name, size_t length);

/* The n-th of the words that are its value; NULL: there are no more, or it takes any text. */
const char *ctl_property_word(const struct ctl_property *property, size_t n);

/* The value as the vocabulary writes it: "True" is "true". Returns `value` when it is no word. */
const char *ctl_property_spelling(const struct ctl_property *property, const char *value);

#endif
