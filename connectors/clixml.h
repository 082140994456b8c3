/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What PowerShell's Export-Clixml wrote, as a small tree of named values ([MS-PSRP] 2.2.5).
 *
 * UTF-8, or UTF-16 of either byte order. A DTD, an entity, a file or a network address is never
 * followed; size, depth, elements and the length of a value are capped. What PowerShell keeps in
 * binary form (SerializationData, any BA) or encrypted (SS) is skipped unread. A document owns all
 * of its values and is constant after it was read. Any thread. */
#ifndef POSTERN_CONNECTORS_CLIXML_H
#define POSTERN_CONNECTORS_CLIXML_H

#include <stdbool.h>
#include <stddef.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

enum {
    CONN_CLIXML_MAXIMUM = 32 << 20,         /* bytes of a file */
    CONN_CLIXML_DEPTH_MAXIMUM = 64,         /* elements in each other */
    CONN_CLIXML_ELEMENTS_MAXIMUM = 1 << 19, /* in a file */
    CONN_CLIXML_TEXT_MAXIMUM = 64 << 10,    /* bytes of one value, in UTF-8 */
    CONN_CLIXML_TYPES_MAXIMUM = 16          /* of an object; the rest, its ancestors, is left out */
};

enum conn_clixml_kind {
    CONN_CLIXML_NIL,
    CONN_CLIXML_TEXT,    /* S, DT, TS, G, URI, Version, … */
    CONN_CLIXML_BOOLEAN, /* text is "true" or "false" */
    CONN_CLIXML_NUMBER,
    CONN_CLIXML_OBJECT,
    CONN_CLIXML_REFERENCE, /* to an object that stands before it, or around it */
    CONN_CLIXML_OPAQUE     /* was there, and was not read */
};

struct conn_clixml_types {
    size_t count;
    char *names[CONN_CLIXML_TYPES_MAXIMUM]; /* the most derived first */
};

struct conn_clixml_value {
    enum conn_clixml_kind kind;
    int line;
    char *name; /* NULL: it has none, as the items of a list */
    char *text; /* UTF-8 without NUL: a scalar, or an object's ToString; NULL: none */
    bool is_list;
    const struct conn_clixml_types *types;                 /* of an object; NULL: not told */
    const struct conn_clixml_value *target;                /* of a reference */
    struct conn_clixml_value *items, *properties, *extras; /* LST, Props, MS: their first */
    struct conn_clixml_value *next;                        /* its sibling */
    struct conn_clixml_value *older;                       /* of the whole document */
};

struct conn_clixml;

/* EX_DATAERR with the line, EX_OSERR without memory. */
int conn_clixml_parse(const char *bytes, size_t length, struct conn_clixml **ret,
                      struct error *error);
struct conn_clixml *conn_clixml_free(struct conn_clixml *document);
DEFINE_CLEANUP(struct conn_clixml *, conn_clixml_free)

/* The first of the outermost values. */
const struct conn_clixml_value *conn_clixml_first(const struct conn_clixml *document);

/* The object that a reference means, and any other value itself. Objects may refer to each other in
 * a circle: whoever follows references down a tree must count. NULL gives NULL. */
const struct conn_clixml_value *conn_clixml_follow(const struct conn_clixml_value *value);

/* The property of that name (capitals do not count) in Props, then in MS; followed; NULL: none. */
const struct conn_clixml_value *conn_clixml_find(const struct conn_clixml_value *object,
                                                 const char *name);

#endif
