/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See document.h. A DOCTYPE and deep nesting stop the parser where they begin, through its SAX
 * callbacks, so that no library default and no later option can let their content in. */
#include "connectors/document.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "connectors/problems.h"
#include "connectors/utf8.h"

DEFINE_CLEANUP(xmlParserCtxtPtr, xmlFreeParserCtxt)
DEFINE_CLEANUP(xmlDocPtr, xmlFreeDoc)

/* One parse; hangs on the parser's _private. */
struct parse {
    const char *file;
    struct conn_problems *problems;
    size_t errors;  /* of the problems, before */
    unsigned depth; /* elements that are open */
};

static void complain(struct parse *parse, long line, const struct error *error)
{
    if (parse->problems->errors == parse->errors) /* the first one tells, the rest only follow */
        conn_problems_add(parse->problems, false, parse->file, line, error);
}

static struct parse *parse_of(void *context)
{
    return ((xmlParserCtxt *)context)->_private;
}

static long line_of(void *context)
{
    return xmlSAX2GetLineNumber(context);
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
                           const xmlChar *system_id)
{
    struct error error;
    (void)name;
    (void)public_id;
    (void)system_id;
    error_set(&error, EX_CONFIG, "A DOCTYPE may not stand in a file of the configuration");
    error_cure(&error,
               "take out <!DOCTYPE …>; entities are not expanded and no other file is read");
    complain(parse_of(context), line_of(context), &error);
    xmlStopParser(context);
}

static void open_element(void *context, const xmlChar *name, const xmlChar *prefix,
                         const xmlChar *uri, int namespace_count, const xmlChar **namespaces,
                         int attribute_count, int default_count, const xmlChar **attributes)
{
    struct parse *parse = parse_of(context);
    if (++parse->depth > CONN_DEPTH_MAXIMUM) {
        struct error error;
        error_set(&error, EX_CONFIG, "Elements stand more than %d deep in each other",
                  CONN_DEPTH_MAXIMUM);
        error_cure(&error, "see that every element is closed; no connector needs so many levels");
        complain(parse, line_of(context), &error);
        xmlStopParser(context);
        return;
    }
    xmlSAX2StartElementNs(context, name, prefix, uri, namespace_count, namespaces, attribute_count,
                          default_count, attributes);
}

static void close_element(void *context, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri)
{
    struct parse *parse = parse_of(context);
    if (parse->depth)
        parse->depth--;
    xmlSAX2EndElementNs(context, name, prefix, uri);
}

/* The parser's errors that an administrator meets, in other words than the parser's. */
static const struct {
    int code;
    const char *what, *cure;
} sentences[] = {
    {XML_ERR_DOCUMENT_EMPTY, "The file holds no XML", "write a connector, or remove the file"},
    {XML_ERR_DOCUMENT_END, "Something stands behind the end of the document, or it has no end",
     "see that one element holds everything, and that it is closed"},
    {XML_ERR_TAG_NOT_FINISHED, "The file ends before its elements are closed",
     "see that it was copied or written to its end"},
    {XML_ERR_TAG_NAME_MISMATCH, "An element is closed by the end tag of another", NULL},
    {XML_ERR_UNDECLARED_ENTITY, "An entity is used that XML itself does not know",
     "only &amp; &lt; &gt; &quot; &apos; and numbers (&#233;) are there"},
    {XML_WAR_UNDECLARED_ENTITY, "An entity is used that XML itself does not know",
     "only &amp; &lt; &gt; &quot; &apos; and numbers (&#233;) are there"},
    {XML_ERR_UNSUPPORTED_ENCODING, "The file declares an encoding that is not UTF-8",
     "save it as UTF-8"},
    {XML_ERR_INVALID_ENCODING, "The file is not in the encoding that it declares",
     "save it as UTF-8"},
    {XML_ERR_ATTRIBUTE_REDEFINED, "An attribute stands twice in one element", "take one out"},
    {XML_NS_ERR_UNDEFINED_NAMESPACE, "A prefix is used whose namespace is not declared",
     "write the elements without a prefix, and xmlns=\"urn:postern:1\" in the outermost"},
};

static void take_error(void *context, conn_xml_error *found)
{
    struct parse *parse = parse_of(context);
    struct error error;
    char detail[256] = "no reason was given";
    if (found->level < XML_ERR_ERROR || found->code == XML_ERR_USER_STOP)
        return;
    if (found->message)
        snprintf(detail, sizeof detail, "%.*s", (int)strcspn(found->message, "\n"), found->message);
    error_set(&error, EX_CONFIG, "This is not well-formed XML: %s", detail);
    for (size_t i = 0; i < ARRAY_SIZE(sentences); i++)
        if (sentences[i].code == found->code) {
            error_set(&error, EX_CONFIG, "%s (%s)", sentences[i].what, detail);
            if (sentences[i].cure)
                error_cure(&error, "%s", sentences[i].cure);
        }
    error_cure(&error, "mend the XML at this place; xmllint --noout FILE shows the line");
    complain(parse, found->line, &error);
}

static long count_lines(const char *bytes, size_t length)
{
    long lines = 1;
    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* False, and a problem, when the bytes are no text in UTF-8. */
static bool is_text(struct parse *parse, const char *bytes, size_t length)
{
    struct error error;
    const char *nul = memchr(bytes, '\0', length);
    if (nul) {
        error_set(&error, EX_CONFIG, "The file holds a NUL byte, so it is not text in UTF-8");
        error_cure(&error, "save it as UTF-8; Windows editors may have written UTF-16");
        complain(parse, count_lines(bytes, (size_t)(nul - bytes)), &error);
        return false;
    }
    for (size_t at = 0, size; at < length; at += size)
        if (!(size = conn_utf8_length(bytes + at, length - at))) {
            error_set(&error, EX_CONFIG, "The byte 0x%02x is not UTF-8", (unsigned char)bytes[at]);
            error_cure(&error, "save the file as UTF-8; iconv -f LATIN1 -t UTF-8 may help");
            complain(parse, count_lines(bytes, at), &error);
            return false;
        }
    return true;
}

/* What a document may declare; the bytes were UTF-8 before anything was decoded. */
static bool is_utf8(const xmlDoc *document)
{
    const char *encoding = (const char *)document->encoding;
    return !encoding || strcasecmp(encoding, "UTF-8") == 0 ||
           strcasecmp(encoding, "US-ASCII") == 0 || strcasecmp(encoding, "ASCII") == 0;
}

static xmlParserCtxt *make_parser(struct parse *parse)
{
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (!parser)
        return NULL;
    parser->_private = parse;
    parser->sax->internalSubset = refuse_doctype;
    parser->sax->startElementNs = open_element;
    parser->sax->endElementNs = close_element;
    parser->sax->serror = take_error;
    return parser;
}

/* NULL for whatever reason: there must be a problem that says so. */
static xmlDoc *fail_parse(struct parse *parse)
{
    struct error error;
    error_set(&error, EX_OSERR, "The file could not be parsed: there may be no memory left");
    complain(parse, 0, &error);
    return NULL;
}

xmlDoc *conn_document_parse(const char *bytes, size_t length, const char *file,
                            struct conn_problems *problems)
{
    struct parse parse = {.file = file, .problems = problems, .errors = problems->errors};
    struct error error;
    if (length > CONN_FILE_MAXIMUM) {
        error_set(&error, EX_CONFIG, "The file is larger than 1 MiB");
        error_cure(&error, "divide it; a connector has a file of its own");
        complain(&parse, 0, &error);
        return NULL;
    }
    if (!is_text(&parse, bytes, length))
        return NULL;
    _cleanup_(xmlFreeParserCtxtp) xmlParserCtxtPtr parser = make_parser(&parse);
    if (!parser)
        return fail_parse(&parse);
    _cleanup_(xmlFreeDocp) xmlDocPtr document = xmlCtxtReadMemory(
        parser, bytes, (int)length, file, NULL,
        XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES);
    if (!document || problems->errors > parse.errors || !parser->wellFormed)
        return fail_parse(&parse);
    if (!is_utf8(document)) {
        error_set(&error, EX_CONFIG, "The file declares the encoding '%.40s'",
                  (const char *)document->encoding);
        error_cure(&error, "save it as UTF-8 and write encoding=\"UTF-8\"");
        complain(&parse, 1, &error);
        return NULL;
    }
    return TAKE_PTR(document);
}

static int fail_file(int number, const char *doing, struct error *error)
{
    error_set_errno(error, EX_CONFIG, number, "The file cannot be %s", doing);
    return error_cure(error, number == ENOENT ? "write it, or name the right folder with --config"
                                              : "see its owner and mode");
}

static int check_status(int fd, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return fail_file(errno, "examined", error);
    if (!S_ISREG(status.st_mode)) {
        error_set(error, EX_CONFIG, "This is not a file that can be read as XML");
        return error_cure(error, "put a plain file here, or take it away");
    }
    if (status.st_mode & S_IWOTH) {
        error_set(error, EX_CONFIG, "Everyone on this machine may write the file (mode %03o)",
                  (unsigned)(status.st_mode & 0777));
        return error_cure(error, "chmod o-w it, after seeing that nobody has changed it");
    }
    return 0;
}

/* At most one byte more than is allowed, so that too much can be told from just enough. */
static int read_bytes(int fd, char *bytes, size_t *ret, struct error *error)
{
    size_t used = 0;
    for (;;) {
        ssize_t count = read(fd, bytes + used, CONN_FILE_MAXIMUM + 1 - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail_file(errno, "read", error);
        used += (size_t)count;
        if (count == 0 || used == CONN_FILE_MAXIMUM + 1)
            break;
    }
    *ret = used;
    return 0;
}

xmlDoc *conn_document_read(const char *file, struct conn_problems *problems)
{
    struct error error;
    size_t length = 0;
    _cleanup_free_ char *bytes = malloc(CONN_FILE_MAXIMUM + 1);
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int result = !bytes   ? error_set(&error, EX_OSERR, "There is no memory left")
                 : fd < 0 ? fail_file(errno, "opened", &error)
                          : 0;
    if (result == 0)
        result = check_status(fd, &error);
    if (result == 0)
        result = read_bytes(fd, bytes, &length, &error);
    if (result < 0) {
        conn_problems_add(problems, false, file, 0, &error);
        return NULL;
    }
    return conn_document_parse(bytes, length, file, problems);
}
