/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See clixml.h. The parser's SAX events build the tree, so that there is no second one of
 * libxml2's; what has no place in it is stepped over with all that it holds. Of the parser's
 * callbacks only those below are set: nothing that a library's default or a later option brings can
 * take part. */
#include "connectors/clixml.h"

#include <errno.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>
#include <strings.h>

#include "connectors/clixml-text.h"
#include "connectors/document.h"
#include "pki/base/buffer.h"

#define CLIXML_NAMESPACE "http://schemas.microsoft.com/powershell/2004/04"

enum { REFERENCES_MAXIMUM = CONN_CLIXML_ELEMENTS_MAXIMUM };

DEFINE_CLEANUP(xmlParserCtxtPtr, xmlFreeParserCtxt)

struct conn_clixml {
    struct conn_clixml_value *values; /* the youngest, then ->older */
    struct conn_clixml_value *first;
    struct types_entry {
        struct types_entry *older;
        struct conn_clixml_types types;
    } * types;
};

/* What an open element is to us. */
enum role {
    ROLE_SKIPPED, /* and all in it */
    ROLE_LIST_OF, /* its children are values: Objs, Props, MS, LST … */
    ROLE_OBJECT,
    ROLE_SCALAR,
    ROLE_TO_STRING,
    ROLE_TYPES,
    ROLE_TYPE
};

struct frame {
    enum role role;
    struct conn_clixml_value *value; /* of an object, or a scalar; a ToString's object */
    struct conn_clixml_value **slot; /* ROLE_LIST_OF: where its next child goes */
    struct conn_clixml_types *types; /* ROLE_TYPES */
};

struct index {
    void **items;
    size_t count;
};

struct parse {
    struct conn_clixml *document;
    struct error *error;
    bool failed;
    unsigned elements, depth;
    struct frame frames[CONN_CLIXML_DEPTH_MAXIMUM + 1];
    struct buffer text;
    struct index objects, types; /* by RefId */
    xmlParserCtxt *parser;
};

static struct parse *parse_of(void *context)
{
    return ((xmlParserCtxt *)context)->_private;
}

static int line_of(const struct parse *parse)
{
    return xmlSAX2GetLineNumber(parse->parser);
}

/* The first failure is the one that is told. */
static void stop(struct parse *parse, int code, const char *what, const char *cure)
{
    if (parse->failed)
        return;
    parse->failed = true;
    error_set(parse->error, code, "%s", what);
    error_where(parse->error, "line %d", line_of(parse));
    error_cure(parse->error, "%s", cure);
    xmlStopParser(parse->parser);
}

static void stop_memory(struct parse *parse)
{
    stop(parse, EX_OSERR, "There is no memory left to read the file", "try again later");
}

static const char export_again[] = "export it again: Get-SendConnector | Export-Clixml FILE.xml";

/* --- references --- */

static bool index_put(struct index *index, size_t id, void *item)
{
    if (id >= index->count) {
        size_t count = id + 64 > 2 * index->count ? id + 64 : 2 * index->count;
        void **items = reallocarray(index->items, count, sizeof *items);
        if (!items)
            return false;
        memset(items + index->count, 0, (count - index->count) * sizeof *items);
        index->items = items;
        index->count = count;
    }
    index->items[id] = item;
    return true;
}

static void *index_get(const struct index *index, size_t id)
{
    return id < index->count ? index->items[id] : NULL;
}

struct attributes {
    char name[1024];
    bool has_name, has_id, bad_id;
    size_t id;
};

static void read_id(struct attributes *ret, const char *text, size_t length)
{
    size_t id = 0;
    ret->has_id = true;
    for (size_t i = 0; i < length; i++) {
        ret->bad_id |= text[i] < '0' || text[i] > '9' || id > REFERENCES_MAXIMUM;
        id = ret->bad_id ? 0 : id * 10 + (size_t)(text[i] - '0');
    }
    ret->bad_id |= !length || id >= REFERENCES_MAXIMUM;
    ret->id = id;
}

/* libxml2 gives five pointers an attribute: its name, prefix, namespace, and its value's ends. */
static void read_attributes(struct attributes *ret, int count, const xmlChar **attributes)
{
    *ret = (struct attributes){.has_name = false};
    for (int i = 0; i < count; i++) {
        const char *name = (const char *)attributes[5 * i];
        const char *text = (const char *)attributes[5 * i + 3];
        size_t length = (size_t)(attributes[5 * i + 4] - attributes[5 * i + 3]);
        if (strcmp(name, "RefId") == 0)
            read_id(ret, text, length);
        if (strcmp(name, "N") != 0)
            continue;
        ret->has_name = true;
        snprintf(ret->name, sizeof ret->name, "%.*s", (int)(length < 1000 ? length : 1000), text);
        conn_clixml_unescape(ret->name);
    }
}

/* --- values --- */

static struct conn_clixml_value *add_value(struct parse *parse, struct frame *parent,
                                           enum conn_clixml_kind kind,
                                           const struct attributes *attributes)
{
    struct conn_clixml_value *value = calloc(1, sizeof *value);
    if (!value) {
        stop_memory(parse);
        return NULL;
    }
    value->older = parse->document->values;
    parse->document->values = value;
    value->kind = kind;
    value->line = line_of(parse);
    if (attributes->has_name && !(value->name = strdup(attributes->name)))
        stop_memory(parse);
    if (parent->role == ROLE_LIST_OF) {
        *parent->slot = value;
        parent->slot = &value->next;
    }
    return value;
}

static const struct scalar {
    const char *element;
    enum conn_clixml_kind kind;
} scalars[] = {
    {"B", CONN_CLIXML_BOOLEAN},  {"BA", CONN_CLIXML_OPAQUE},    {"By", CONN_CLIXML_NUMBER},
    {"C", CONN_CLIXML_NUMBER},   {"D", CONN_CLIXML_NUMBER},     {"DT", CONN_CLIXML_TEXT},
    {"Db", CONN_CLIXML_NUMBER},  {"G", CONN_CLIXML_TEXT},       {"I16", CONN_CLIXML_NUMBER},
    {"I32", CONN_CLIXML_NUMBER}, {"I64", CONN_CLIXML_NUMBER},   {"Nil", CONN_CLIXML_NIL},
    {"S", CONN_CLIXML_TEXT},     {"SB", CONN_CLIXML_NUMBER},    {"SBK", CONN_CLIXML_TEXT},
    {"SS", CONN_CLIXML_OPAQUE},  {"Sg", CONN_CLIXML_NUMBER},    {"TS", CONN_CLIXML_TEXT},
    {"U16", CONN_CLIXML_NUMBER}, {"U32", CONN_CLIXML_NUMBER},   {"U64", CONN_CLIXML_NUMBER},
    {"URI", CONN_CLIXML_TEXT},   {"Version", CONN_CLIXML_TEXT}, {"XD", CONN_CLIXML_OPAQUE},
};

static const struct scalar *find_scalar(const char *element)
{
    for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
        if (strcmp(scalars[i].element, element) == 0)
            return &scalars[i];
    return NULL;
}

static struct frame open_object(struct parse *parse, struct frame *parent,
                                const struct attributes *attributes)
{
    struct conn_clixml_value *value = add_value(parse, parent, CONN_CLIXML_OBJECT, attributes);
    if (value && attributes->bad_id)
        stop(parse, EX_DATAERR, "A RefId is no number, or a very large one", export_again);
    else if (value && attributes->has_id && !index_put(&parse->objects, attributes->id, value))
        stop_memory(parse);
    return (struct frame){.role = ROLE_OBJECT, .value = value};
}

static struct frame open_reference(struct parse *parse, struct frame *parent,
                                   const struct attributes *attributes)
{
    struct conn_clixml_value *value = add_value(parse, parent, CONN_CLIXML_REFERENCE, attributes);
    if (value && attributes->has_id && !attributes->bad_id)
        value->target = index_get(&parse->objects, attributes->id);
    if (value && !value->target)
        stop(parse, EX_DATAERR, "A Ref points at an object that does not stand before it",
             export_again);
    return (struct frame){.role = ROLE_SKIPPED};
}

/* A value in a list of them. What this version of PowerShell's format does not know has a name too,
 * and is not lost. */
static struct frame open_value(struct parse *parse, struct frame *parent, const char *element,
                               const struct attributes *attributes)
{
    if (strcmp(element, "Obj") == 0)
        return open_object(parse, parent, attributes);
    if (strcmp(element, "Ref") == 0)
        return open_reference(parse, parent, attributes);
    if (strcmp(element, "En") == 0) /* of a dictionary: its keys and values, one after the other */
        return *parent;
    const struct scalar *scalar = find_scalar(element);
    enum conn_clixml_kind kind = scalar ? scalar->kind : CONN_CLIXML_OPAQUE;
    struct conn_clixml_value *value = add_value(parse, parent, kind, attributes);
    bool skipped = kind == CONN_CLIXML_OPAQUE || kind == CONN_CLIXML_NIL;
    return (struct frame){.role = skipped ? ROLE_SKIPPED : ROLE_SCALAR, .value = value};
}

/* --- what stands in an object --- */

static struct frame open_types(struct parse *parse, struct frame *parent,
                               const struct attributes *attributes)
{
    struct types_entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        stop_memory(parse);
        return (struct frame){.role = ROLE_SKIPPED};
    }
    entry->older = parse->document->types;
    parse->document->types = entry;
    parent->value->types = &entry->types;
    if (attributes->bad_id)
        stop(parse, EX_DATAERR, "A RefId is no number, or a very large one", export_again);
    else if (attributes->has_id && !index_put(&parse->types, attributes->id, &entry->types))
        stop_memory(parse);
    return (struct frame){.role = ROLE_TYPES, .types = &entry->types};
}

static struct frame take_types(struct parse *parse, struct frame *parent,
                               const struct attributes *attributes)
{
    if (attributes->has_id && !attributes->bad_id)
        parent->value->types = index_get(&parse->types, attributes->id);
    if (!parent->value->types)
        stop(parse, EX_DATAERR, "A TNRef points at types that do not stand before it",
             export_again);
    return (struct frame){.role = ROLE_SKIPPED};
}

/* Behind what is there, should the element come twice. */
static struct frame open_list(struct conn_clixml_value **first)
{
    while (*first)
        first = &(*first)->next;
    return (struct frame){.role = ROLE_LIST_OF, .slot = first};
}

static bool is_list(const char *element)
{
    static const char *const lists[] = {"LST", "IE", "QUE", "STK", "DCT"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (strcmp(lists[i], element) == 0)
            return true;
    return false;
}

static struct frame open_part(struct parse *parse, struct frame *parent, const char *element,
                              const struct attributes *attributes)
{
    struct conn_clixml_value *object = parent->value;
    if (strcmp(element, "TN") == 0)
        return open_types(parse, parent, attributes);
    if (strcmp(element, "TNRef") == 0)
        return take_types(parse, parent, attributes);
    if (strcmp(element, "ToString") == 0)
        return (struct frame){.role = ROLE_TO_STRING, .value = object};
    if (strcmp(element, "Props") == 0)
        return open_list(&object->properties);
    if (strcmp(element, "MS") == 0)
        return open_list(&object->extras);
    if (is_list(element)) {
        object->is_list = true;
        return open_list(&object->items);
    }
    /* The number of an enum, or what a wrapped scalar holds: its text unless ToString says more. */
    const struct scalar *scalar = find_scalar(element);
    bool read = scalar && scalar->kind != CONN_CLIXML_OPAQUE && scalar->kind != CONN_CLIXML_NIL &&
                !object->text;
    return (struct frame){.role = read ? ROLE_SCALAR : ROLE_SKIPPED, .value = object};
}

/* --- the parser's events --- */

static struct frame open_frame(struct parse *parse, struct frame *parent, const char *element,
                               const struct attributes *attributes)
{
    switch (parent->role) {
    case ROLE_LIST_OF:
        return open_value(parse, parent, element, attributes);
    case ROLE_OBJECT:
        return open_part(parse, parent, element, attributes);
    case ROLE_TYPES:
        return (struct frame){.role = strcmp(element, "T") == 0 ? ROLE_TYPE : ROLE_SKIPPED,
                              .types = parent->types};
    default:
        return (struct frame){.role = ROLE_SKIPPED};
    }
}

static bool is_clixml(const xmlChar *element, const xmlChar *uri)
{
    return strcmp((const char *)element, "Objs") == 0 && uri &&
           strcmp((const char *)uri, CLIXML_NAMESPACE) == 0;
}

static void open_element(void *context, const xmlChar *element, const xmlChar *prefix,
                         const xmlChar *uri, int namespace_count, const xmlChar **namespaces,
                         int attribute_count, int default_count, const xmlChar **attributes)
{
    struct parse *parse = parse_of(context);
    struct attributes read;
    (void)prefix, (void)namespace_count, (void)namespaces, (void)default_count;
    if (parse->failed)
        return;
    if (!parse->depth && !is_clixml(element, uri))
        return stop(parse, EX_DATAERR, "This is not what Export-Clixml writes", export_again);
    if (parse->depth == CONN_CLIXML_DEPTH_MAXIMUM)
        return stop(parse, EX_DATAERR, "Elements stand too deep in each other",
                    "export it with -Depth 2, the default");
    if (++parse->elements > CONN_CLIXML_ELEMENTS_MAXIMUM)
        return stop(parse, EX_DATAERR, "There are too many elements in the file",
                    "export fewer connectors into one file");
    read_attributes(&read, attribute_count, attributes);
    buffer_consume(&parse->text, buffer_length(&parse->text));
    parse->frames[parse->depth + 1] =
        parse->depth ? open_frame(parse, &parse->frames[parse->depth], (const char *)element, &read)
                     : (struct frame){.role = ROLE_LIST_OF, .slot = &parse->document->first};
    parse->depth++;
}

static void take_text(void *context, const xmlChar *text, int length)
{
    struct parse *parse = parse_of(context);
    enum role role = parse->failed ? ROLE_SKIPPED : parse->frames[parse->depth].role;
    if (role != ROLE_SCALAR && role != ROLE_TO_STRING && role != ROLE_TYPE)
        return;
    int result = buffer_append(&parse->text, text, (size_t)length);
    if (result == -EMSGSIZE)
        stop(parse, EX_DATAERR, "A value is longer than 64 KiB", "no property of a connector is");
    else if (result < 0)
        stop_memory(parse);
}

static char *text_of(struct parse *parse)
{
    size_t length = buffer_length(&parse->text);
    char *text = malloc(length + 1);
    if (!text) {
        stop_memory(parse);
        return NULL;
    }
    if (length)
        memcpy(text, buffer_bytes(&parse->text), length);
    text[length] = '\0';
    conn_clixml_unescape(text);
    return text;
}

static void keep_text(struct parse *parse, const struct frame *frame)
{
    char **slot = frame->role == ROLE_TYPE ? NULL : &frame->value->text;
    if (frame->role == ROLE_TYPE && frame->types->count < CONN_CLIXML_TYPES_MAXIMUM)
        slot = &frame->types->names[frame->types->count++];
    if (!slot)
        return;
    free(*slot);
    *slot = text_of(parse);
}

static void close_element(void *context, const xmlChar *element, const xmlChar *prefix,
                          const xmlChar *uri)
{
    struct parse *parse = parse_of(context);
    (void)element, (void)prefix, (void)uri;
    if (parse->failed || !parse->depth)
        return;
    const struct frame *frame = &parse->frames[parse->depth];
    if (frame->role == ROLE_SCALAR || frame->role == ROLE_TO_STRING || frame->role == ROLE_TYPE)
        keep_text(parse, frame);
    parse->depth--;
    /* The entry of a dictionary goes on where its list is. */
    struct frame *parent = &parse->frames[parse->depth];
    if (frame->role == ROLE_LIST_OF && parse->depth && parent->role == ROLE_LIST_OF)
        parent->slot = frame->slot;
    buffer_consume(&parse->text, buffer_length(&parse->text));
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
                           const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    stop(parse_of(context), EX_DATAERR, "A DOCTYPE may not stand in the file",
         "Export-Clixml writes none: see where the file comes from");
}

static void take_error(void *context, conn_xml_error *found)
{
    char what[256] = "The file is not well-formed XML";
    if (found->level < XML_ERR_ERROR || found->code == XML_ERR_USER_STOP)
        return;
    if (found->message)
        snprintf(what, sizeof what, "The file is not well-formed XML: %.*s",
                 (int)strcspn(found->message, "\n"), found->message);
    stop(parse_of(context), EX_DATAERR, what,
         "see that it was copied to its end; export it again otherwise");
}

static xmlParserCtxt *make_parser(struct parse *parse)
{
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (!parser)
        return NULL;
    memset(parser->sax, 0, sizeof *parser->sax);
    parser->sax->initialized = XML_SAX2_MAGIC;
    parser->sax->internalSubset = refuse_doctype;
    parser->sax->startElementNs = open_element;
    parser->sax->endElementNs = close_element;
    parser->sax->characters = take_text;
    parser->sax->cdataBlock = take_text;
    parser->sax->serror = take_error;
    parser->_private = parse;
    return parser;
}

static int run(struct parse *parse, const char *text, size_t length)
{
    _cleanup_(xmlFreeParserCtxtp) xmlParserCtxtPtr parser = make_parser(parse);
    if (!parser)
        return error_set(parse->error, EX_OSERR, "There is no memory left to read the file");
    parse->parser = parser;
    xmlFreeDoc(xmlCtxtReadMemory(parser, text, (int)length, NULL, "UTF-8",
                                 XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES));
    if (!parse->failed && !parser->wellFormed)
        stop(parse, EX_DATAERR, "The file is not well-formed XML", export_again);
    return parse->failed ? -parse->error->code : 0;
}

int conn_clixml_parse(const char *bytes, size_t length, struct conn_clixml **ret,
                      struct error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t text_length = 0, skipped = 0;
    int result = conn_clixml_decode(bytes, length, &text, &text_length, error);
    if (result < 0)
        return result;
    _cleanup_(conn_clixml_freep) struct conn_clixml *document = calloc(1, sizeof *document);
    _cleanup_free_ struct parse *parse = calloc(1, sizeof *parse);
    if (!document || !parse)
        return error_set(error, EX_OSERR, "There is no memory left to read the file");
    parse->document = document;
    parse->error = error;
    buffer_init(&parse->text, CONN_CLIXML_TEXT_MAXIMUM);
    skipped = conn_clixml_prologue(text, text_length);
    result = run(parse, text + skipped, text_length - skipped);
    buffer_release(&parse->text);
    free(parse->objects.items);
    free(parse->types.items);
    if (result == 0)
        *ret = TAKE_PTR(document);
    return result;
}

struct conn_clixml *conn_clixml_free(struct conn_clixml *document)
{
    if (!document)
        return NULL;
    for (struct conn_clixml_value *value = document->values, *older; value; value = older) {
        older = value->older;
        free(value->name);
        free(value->text);
        free(value);
    }
    for (struct types_entry *entry = document->types, *older; entry; entry = older) {
        older = entry->older;
        for (size_t i = 0; i < entry->types.count; i++)
            free(entry->types.names[i]);
        free(entry);
    }
    free(document);
    return NULL;
}

const struct conn_clixml_value *conn_clixml_first(const struct conn_clixml *document)
{
    return document->first;
}

const struct conn_clixml_value *conn_clixml_follow(const struct conn_clixml_value *value)
{
    return value && value->kind == CONN_CLIXML_REFERENCE ? value->target : value;
}

const struct conn_clixml_value *conn_clixml_find(const struct conn_clixml_value *object,
                                                 const char *name)
{
    const struct conn_clixml_value *lists[] = {object->properties, object->extras};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        for (const struct conn_clixml_value *value = lists[i]; value; value = value->next)
            if (value->name && strcasecmp(value->name, name) == 0)
                return conn_clixml_follow(value);
    return NULL;
}
