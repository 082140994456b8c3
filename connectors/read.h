/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reading a tree by tables: a section is an element, its fields are the attributes, the text and
 * the child elements that may stand in it, and each field says where in the model it goes and who
 * reads its text. gateway.c and connector.c hold the tables, and no other code walks a tree.
 *
 * A fault never stops the walk: it goes to the problems, and the rest is read. The loading thread.
 */
#ifndef POSTERN_CONNECTORS_READ_H
#define POSTERN_CONNECTORS_READ_H

#include <libxml/tree.h>

#include "connectors/load.h"
#include "connectors/map.h"

struct conn_reader {
    struct conn_config *config;
    struct conn_problems *problems;
    const char *file;                    /* the one that is being read; belongs to config->files */
    const struct conn_override *others;  /* what stands in some files instead */
    size_t other_count;
    bool look_at_files;                  /* chains and anchors are opened and checked */
    bool gateway_lost; /* postern.xml could not be read: what it lacks is nobody's fault */
    bool inbound_lost; /* the same of a file in inbound/ */
    /* Made while reading, and gone with conn_reader_clear(): */
    struct conn_map inbound_names, outbound_names; /* see struct conn_named_list */
    struct conn_schema *schema;
};
void conn_reader_clear(struct conn_reader *reader);

struct conn_field;

/* Reads `text` (trimmed) into the model at `target`: 0, or an error with a whole sentence. */
typedef int conn_read_text(struct conn_reader *reader, const struct conn_field *field,
                           const char *text, void *target, struct error *error);

enum {
    CONN_ATTRIBUTE = 1,
    CONN_TEXT = 2, /* the text of the section's own element */
    CONN_REQUIRED = 4,
    CONN_MANY = 8, /* may stand more than once */
    CONN_MAY_BE_EMPTY = 16
};

struct conn_field {
    const char *name; /* for CONN_TEXT: the word for the text in messages */
    unsigned flags;
    conn_read_text *read;               /* of text, or … */
    const struct conn_section *section; /* … of an element with more in it */
    size_t offset;                      /* in the section's object */
    size_t count_offset, size; /* of a list: where its length is, and the size of an item */
    const char *const *names;  /* of a word: which there are */
    uint64_t least, most;      /* of a number */
    const char *example;       /* as it stands in XML */
};

enum { CONN_NO_PLACE = -1 };

struct conn_section {
    const struct conn_field *fields;
    size_t count;
    ssize_t place; /* of a struct conn_place in the object, or CONN_NO_PLACE */
    /* After everything was read: what belongs together. May be NULL. */
    void (*finish)(struct conn_reader *reader, const xmlNode *node, void *object);
};

void conn_read_section(struct conn_reader *reader, xmlNode *node,
                       const struct conn_section *section, void *object);

/* A problem at the line of `node`. */
void conn_complain(struct conn_reader *reader, const xmlNode *node, bool warning,
                   const struct error *error);

/* The first child element, or attribute's element, of that name; NULL: there is none. */
const xmlNode *conn_find_child(const xmlNode *node, const char *name);

/* One item more, zeroed, at the end of a list; NULL: no memory. */
void *conn_append(void *list, size_t *count, size_t size);

#endif
