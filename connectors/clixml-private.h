/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What clixml.c, which hears the parser's events, and clixml-tree.c, which makes values of them,
 * share. Inside these two only; the parsing thread. */
#ifndef POSTERN_CONNECTORS_CLIXML_PRIVATE_H
#define POSTERN_CONNECTORS_CLIXML_PRIVATE_H

#include <libxml/parser.h>

#include "connectors/clixml.h"
#include "pki/base/buffer.h"

struct conn_clixml {
    struct conn_clixml_value *values; /* the youngest, then ->older */
    struct conn_clixml_value *first;
    struct types_entry {
        struct types_entry *older;
        struct conn_clixml_types types;
    } * types;
};

/* What an open element is to us. */
enum clixml_role {
    ROLE_SKIPPED, /* and all in it */
    ROLE_LIST_OF, /* its children are values: Objs, Props, MS, LST … */
    ROLE_OBJECT,
    ROLE_SCALAR,
    ROLE_TO_STRING,
    ROLE_TYPES,
    ROLE_TYPE
};

struct clixml_frame {
    enum clixml_role role;
    struct conn_clixml_value *value; /* of an object, or a scalar; a ToString's object */
    struct conn_clixml_value **slot; /* ROLE_LIST_OF: where its next child goes */
    struct conn_clixml_types *types; /* ROLE_TYPES */
};

struct clixml_index {
    void **items;
    size_t count;
};

struct clixml_parse {
    struct conn_clixml *document;
    struct error *error;
    bool failed;
    unsigned elements, depth;
    struct clixml_frame frames[CONN_CLIXML_DEPTH_MAXIMUM + 1];
    struct buffer text;
    struct clixml_index objects, types; /* by RefId */
    xmlParserCtxt *parser;
};

struct clixml_attributes {
    char name[1024];
    bool has_name, has_id, bad_id;
    size_t id;
};

/* The name and the RefId of an element, from libxml2's SAX2 attributes. */
void clixml_read_attributes(struct clixml_attributes *ret, int count, const xmlChar **attributes);

/* What an element is that opens in `parent`; values are added to the document. */
struct clixml_frame clixml_open(struct clixml_parse *parse, struct clixml_frame *parent,
                                const char *element, const struct clixml_attributes *attributes);

/* The text of a scalar, a ToString or a T, where it belongs. */
void clixml_keep_text(struct clixml_parse *parse, const struct clixml_frame *frame);

/* The first failure is the one that is told; the parser stops. */
void clixml_stop(struct clixml_parse *parse, int code, const char *what, const char *cure);
void clixml_stop_memory(struct clixml_parse *parse);
int clixml_line(const struct clixml_parse *parse);
#define CLIXML_EXPORT_AGAIN "export it again: Get-SendConnector | Export-Clixml FILE.xml"

#endif
