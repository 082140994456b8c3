/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the import: the bytes are a file of Export-Clixml. What is taken must have a row for each
 * property, and its XML must be a connector that the configuration's own reader takes but for what
 * lies between it and postern.xml; and each text must be one that PowerShell's quoting keeps in one
 * line. An entry for libFuzzer, linked with libconnectors.a, libpki.a, libbase.a and their
 * libraries:
 *
 *     ./fuzz-clixml -dict=tests/fuzz/clixml.dict tests/fuzz/clixml
 *
 * The unit tests replay the corpus through it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/document.h"
#include "connectors/export.h"
#include "connectors/import.h"
#include "connectors/problems.h"

DEFINE_CLEANUP(xmlDocPtr, xmlFreeDoc)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void expect_xml(const char *text)
{
    struct conn_problems problems = {0};
    _cleanup_(xmlFreeDocp) xmlDocPtr document =
        conn_document_parse(text, strlen(text), "import.xml", &problems);
    expect(document != NULL && !problems.errors);
    conn_problems_clear(&problems);
}

/* ASCII, one line, and quotes in pairs. */
static void expect_quoted(const char *text)
{
    char *quoted = NULL;
    size_t length = 0, quotes = 0;
    FILE *stream = open_memstream(&quoted, &length);
    expect(stream != NULL);
    conn_export_quote(stream, text);
    expect(fclose(stream) == 0);
    for (size_t i = 0; i < length; i++) {
        expect(quoted[i] >= ' ' && quoted[i] < 0x7f);
        quotes += quoted[i] == '\'';
    }
    expect(quotes % 2 == 0 && quotes >= 2);
    free(quoted);
}

static void expect_object(const struct conn_import_object *object)
{
    for (size_t i = 0; i < object->row_count; i++) {
        expect(object->rows[i].property && object->rows[i].value);
        expect_quoted(object->rows[i].value);
    }
    expect(object->exchange_name != NULL);
    if (object->kind == CONN_IMPORT_OTHER)
        return;
    expect_xml(object->xml);
    if (object->suggestion)
        expect_xml(object->suggestion);
    expect(!object->needs.count || !object->enabled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct conn_import_options options = {.config = NULL, .trust_anchors = "public"};
    _cleanup_(conn_clixml_freep) struct conn_clixml *document = NULL;
    _cleanup_(conn_import_freep) struct conn_import *import = NULL;
    struct error error;
    if (conn_clixml_parse((const char *)data, size, &document, &error) < 0 ||
        conn_import(document, &options, &import, &error) < 0)
        return 0;
    for (size_t i = 0; i < import->count; i++)
        expect_object(&import->objects[i]);
    return 0;
}
