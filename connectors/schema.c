/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See schema.h. The walk of read.c says everything that this says, in better words and further past
 * the first fault of an element; the schema has the last word, so that the two cannot drift apart.
 */
#include "connectors/schema.h"

#include <libxml/xmlschemas.h>
#include <string.h>

#include "connectors/document.h"
#include "connectors/problems.h"
#include "connectors/vocabulary.h"

static const unsigned char schema_text[] = {
#include "connectors/schema.inc"
};

DEFINE_CLEANUP(xmlSchemaParserCtxtPtr, xmlSchemaFreeParserCtxt)

struct findings {
    const char *file;
    struct conn_problems *problems;
};

/* libxml2 writes names as {namespace}name, and ends with a line feed. */
static void plain_words(const char *message, char *text, size_t size)
{
    static const char noise[] = "{" CONN_NAMESPACE "}";
    size_t used = 0;
    while (*message && used < size - 1) {
        if (strncmp(message, noise, sizeof noise - 1) == 0)
            message += sizeof noise - 1;
        else
            text[used++] = *message++;
    }
    while (used && (text[used - 1] == '\n' || text[used - 1] == '.'))
        used--;
    text[used] = '\0';
}

static void take_finding(void *context, conn_xml_error *found)
{
    struct findings *findings = context;
    struct error error;
    char text[512];
    plain_words(found->message ? found->message : "no reason was given", text, sizeof text);
    error_set(&error, EX_CONFIG, "This is not as the schema postern.xsd has it: %s", text);
    error_cure(&error, "compare it with postern.xml(5)");
    const xmlNode *node = found->node;
    long line = node ? xmlGetLineNo(node) : found->line;
    conn_problems_add(findings->problems, false, findings->file, line, &error);
}

/* The schema is our own, so a failure here is memory or a broken build. */
static void fail_schema(const char *file, struct conn_problems *problems)
{
    struct error error;
    error_set(&error, EX_OSERR, "The schema could not be made ready");
    error_cure(&error, "see that there is memory; if there is, this program was built wrongly");
    conn_problems_add(problems, false, file, 0, &error);
}

struct conn_schema {
    xmlSchemaPtr schema;
    xmlSchemaValidCtxtPtr valid;
};

struct conn_schema *conn_schema_free(struct conn_schema *schema)
{
    if (!schema)
        return NULL;
    xmlSchemaFreeValidCtxt(schema->valid);
    xmlSchemaFree(schema->schema);
    free(schema);
    return NULL;
}

static struct conn_schema *make_schema(void)
{
    struct conn_schema *schema = calloc(1, sizeof *schema);
    _cleanup_(xmlSchemaFreeParserCtxtp) xmlSchemaParserCtxtPtr parser =
        xmlSchemaNewMemParserCtxt((const char *)schema_text, sizeof schema_text);
    if (!schema)
        return NULL;
    schema->schema = parser ? xmlSchemaParse(parser) : NULL;
    schema->valid = schema->schema ? xmlSchemaNewValidCtxt(schema->schema) : NULL;
    return schema->valid ? schema : conn_schema_free(schema);
}

void conn_schema_validate(struct conn_schema **schema, xmlDoc *document, const char *file,
                          struct conn_problems *problems)
{
    struct findings findings = {.file = file, .problems = problems};
    size_t errors = problems->errors;
    if (!*schema && !(*schema = make_schema())) {
        fail_schema(file, problems);
        return;
    }
    xmlSchemaValidCtxtPtr valid = (*schema)->valid;
    xmlSchemaSetValidStructuredErrors(valid, take_finding, &findings);
    if (xmlSchemaValidateDoc(valid, document) != 0 && problems->errors == errors)
        fail_schema(file, problems);
}
