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

#include "connectors/clixml-private.h"
#include "connectors/clixml-text.h"
#include "connectors/document.h"

#define CLIXML_NAMESPACE "http://schemas.microsoft.com/powershell/2004/04"

DEFINE_CLEANUP(xmlParserCtxtPtr, xmlFreeParserCtxt)

static struct clixml_parse *parse_of(void *context)
{
    return ((xmlParserCtxt *)context)->_private;
}

int clixml_line(const struct clixml_parse *parse)
{
    return xmlSAX2GetLineNumber(parse->parser);
}

/* The first failure is the one that is told. */
void clixml_stop(struct clixml_parse *parse, int code, const char *what, const char *cure)
{
    if (parse->failed)
        return;
    parse->failed = true;
    error_set(parse->error, code, "%s", what);
    error_where(parse->error, "line %d", clixml_line(parse));
    error_cure(parse->error, "%s", cure);
    xmlStopParser(parse->parser);
}

void clixml_stop_memory(struct clixml_parse *parse)
{
    clixml_stop(parse, EX_OSERR, "There is no memory left to read the file", "try again later");
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
    struct clixml_parse *parse = parse_of(context);
    struct clixml_attributes read;
    (void)prefix, (void)namespace_count, (void)namespaces, (void)default_count;
    if (parse->failed)
        return;
    if (!parse->depth && !is_clixml(element, uri))
        return clixml_stop(parse, EX_DATAERR, "This is not what Export-Clixml writes",
                           CLIXML_EXPORT_AGAIN);
    if (parse->depth == CONN_CLIXML_DEPTH_MAXIMUM)
        return clixml_stop(parse, EX_DATAERR, "Elements stand too deep in each other",
                           "export it with -Depth 2, the default");
    if (++parse->elements > CONN_CLIXML_ELEMENTS_MAXIMUM)
        return clixml_stop(parse, EX_DATAERR, "There are too many elements in the file",
                           "export fewer connectors into one file");
    clixml_read_attributes(&read, attribute_count, attributes);
    buffer_consume(&parse->text, buffer_length(&parse->text));
    parse->frames[parse->depth + 1] =
        parse->depth
            ? clixml_open(parse, &parse->frames[parse->depth], (const char *)element, &read)
            : (struct clixml_frame){.role = ROLE_LIST_OF, .slot = &parse->document->first};
    parse->depth++;
}

static void take_text(void *context, const xmlChar *text, int length)
{
    struct clixml_parse *parse = parse_of(context);
    enum clixml_role role = parse->failed ? ROLE_SKIPPED : parse->frames[parse->depth].role;
    if (role != ROLE_SCALAR && role != ROLE_TO_STRING && role != ROLE_TYPE)
        return;
    int result = buffer_append(&parse->text, text, (size_t)length);
    if (result == -EMSGSIZE)
        clixml_stop(parse, EX_DATAERR, "A value is longer than 64 KiB",
                    "no property of a connector is");
    else if (result < 0)
        clixml_stop_memory(parse);
}

static void close_element(void *context, const xmlChar *element, const xmlChar *prefix,
                          const xmlChar *uri)
{
    struct clixml_parse *parse = parse_of(context);
    (void)element, (void)prefix, (void)uri;
    if (parse->failed || !parse->depth)
        return;
    const struct clixml_frame *frame = &parse->frames[parse->depth];
    if (frame->role == ROLE_SCALAR || frame->role == ROLE_TO_STRING || frame->role == ROLE_TYPE)
        clixml_keep_text(parse, frame);
    parse->depth--;
    /* The entry of a dictionary goes on where its list is. */
    struct clixml_frame *parent = &parse->frames[parse->depth];
    if (frame->role == ROLE_LIST_OF && parse->depth && parent->role == ROLE_LIST_OF)
        parent->slot = frame->slot;
    buffer_consume(&parse->text, buffer_length(&parse->text));
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
                           const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    clixml_stop(parse_of(context), EX_DATAERR, "A DOCTYPE may not stand in the file",
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
    clixml_stop(parse_of(context), EX_DATAERR, what,
                "see that it was copied to its end; export it again otherwise");
}

static xmlParserCtxt *make_parser(struct clixml_parse *parse)
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

static int run(struct clixml_parse *parse, const char *text, size_t length)
{
    _cleanup_(xmlFreeParserCtxtp) xmlParserCtxtPtr parser = make_parser(parse);
    if (!parser)
        return error_set(parse->error, EX_OSERR, "There is no memory left to read the file");
    parse->parser = parser;
    xmlFreeDoc(xmlCtxtReadMemory(parser, text, (int)length, NULL, "UTF-8",
                                 XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES));
    if (!parse->failed && !parser->wellFormed)
        clixml_stop(parse, EX_DATAERR, "The file is not well-formed XML", CLIXML_EXPORT_AGAIN);
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
    _cleanup_free_ struct clixml_parse *parse = calloc(1, sizeof *parse);
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
