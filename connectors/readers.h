/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The readers that more than one table uses: from the text of a field to the model. What each
 * target is stands beside its name. The loading thread. */
#ifndef POSTERN_CONNECTORS_READERS_H
#define POSTERN_CONNECTORS_READERS_H

#include "connectors/read.h"

conn_read_text conn_read_string;   /* char * */
conn_read_text conn_read_name;     /* char *, see conn_check_name() */
conn_read_text conn_read_path;     /* char *, made absolute from the configuration's directory */
conn_read_text conn_read_boolean;  /* bool */
conn_read_text conn_read_word;     /* an enum; field->names */
conn_read_text conn_read_number;   /* unsigned; field->least, most */
conn_read_text conn_read_limit;    /* the same, and "Unlimited" is CONN_UNLIMITED */
conn_read_text conn_read_duration; /* unsigned, milliseconds; field->least, most in milliseconds */
conn_read_text conn_read_size;     /* uint64_t; field->least, most */
conn_read_text conn_read_range;    /* struct conn_range */
conn_read_text conn_read_binding;  /* struct conn_binding: an address of our own, with its port */
conn_read_text conn_read_domain;   /* char *; field->most is one of the following */
enum { CONN_DOMAIN_PLAIN, CONN_DOMAIN_PATTERN, CONN_DOMAIN_ANY };

/* What has a name, in a list of which the last item was just read: each begins with its name and
 * has a place. Two of one name (capitals count only where `exact`) are a problem at `node`. */
struct conn_named_list {
    const char *kind; /* "Certificate" */
    const void *items;
    size_t count, size, place;
    bool exact; /* capitals count */
    /* May be NULL: where the items are found by their names, for lists that can be long. It is
     * filled by conn_check_unique(), and folds capitals. */
    struct conn_map *known;
};
void conn_check_unique(struct conn_reader *reader, const xmlNode *node,
                       const struct conn_named_list *list);

/* The item of that name, or NULL and an error that says `label`, the name and what is near. */
const void *conn_find_named(const struct conn_named_list *list, const char *label, const char *name,
                            struct error *error);

#define CONN_NAMED(kind_, items_, count_) CONN_NAMED_KNOWN(kind_, items_, count_, NULL)
#define CONN_NAMED_KNOWN(kind_, items_, count_, known_)                                            \
    (&(const struct conn_named_list){.kind = (kind_),                                              \
                                     .known = (known_),                                            \
                                     .items = (items_),                                            \
                                     .count = (count_),                                            \
                                     .size = sizeof *(items_),                                     \
                                     .place = offsetof(__typeof__(*(items_)), place)})

#endif
