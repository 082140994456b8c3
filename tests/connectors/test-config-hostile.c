/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * XML that means harm (CVE-2024-40896, CVE-2022-40303 and their like): always an error with a plain
 * sentence, never a crash, never another file opened, never much memory. */
#include <check.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/document.h"
#include "connectors/schema.h"
#include "tests/connectors/workspace.h"
#include "tests/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD "<InboundConnector xmlns=\"urn:postern:1\" Name=\"x\">"
#define BODY "<SenderIPAddresses><Range>10.0.0.1</Range></SenderIPAddresses>"
#define TAIL "</InboundConnector>"

static const struct {
    const char *name, *text;
    int line;
    const char *fragment;
} hostile[] = {
    {"billion laughs",
     "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
     "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d "
     "\"&c;&c;&c;&c;&c;&c;&c;&c;\">]>\n" HEAD
     "<Comment>&d;&d;&d;&d;&d;&d;&d;&d;&d;</Comment>" BODY TAIL,
     1, "A DOCTYPE may not stand"},
    {"entities that refer to each other",
     "<!DOCTYPE x [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]>" HEAD
     "<Comment>&a;</Comment>" BODY TAIL,
     1, "A DOCTYPE may not stand"},
    {"an external entity",
     "\n<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" HEAD
     "<Comment>&e;</Comment>" BODY TAIL,
     2, "A DOCTYPE may not stand"},
    {"a parameter entity",
     "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/x.dtd\">%p;]>" HEAD BODY TAIL, 1,
     "A DOCTYPE may not stand"},
    {"an external DTD", "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">" HEAD BODY TAIL, 1,
     "A DOCTYPE may not stand"},
    {"a public DTD", "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0//EN\" \"x\">" HEAD BODY TAIL, 1,
     "A DOCTYPE may not stand"},
    {"an empty DOCTYPE", "<!DOCTYPE InboundConnector>" HEAD BODY TAIL, 1,
     "A DOCTYPE may not stand"},
    {"XInclude",
     HEAD "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" "
          "href=\"/etc/passwd\" parse=\"text\"/>" BODY TAIL,
     1, "The element include is of another namespace"},
    {"XInclude as the root",
     "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"/etc/passwd\"/>", 1,
     "The outermost element here is InboundConnector"},
    {"an entity from nowhere", HEAD "<Comment>&nbsp;</Comment>" BODY TAIL, 1,
     "An entity is used that XML itself does not know"},
    {"a schema from elsewhere",
     "<InboundConnector xmlns=\"urn:postern:1\" Name=\"x\" "
     "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
     "xsi:schemaLocation=\"urn:postern:1 http://127.0.0.1:9/x.xsd\">" BODY TAIL,
     1, "schemaLocation is of another namespace"},
    {"another type",
     HEAD "<Comment xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
          "xsi:type=\"Name\">x</Comment>" BODY TAIL,
     1, "type is of another namespace"},
    {"Latin-1", HEAD "\n<Comment>f\xfcr</Comment>" BODY TAIL, 2, "The byte 0xfc is not UTF-8"},
    {"overlong UTF-8", HEAD "<Comment>\xc0\xaf</Comment>" BODY TAIL, 1, "is not UTF-8"},
    {"a surrogate in UTF-8", HEAD "<Comment>\xed\xa0\x80</Comment>" BODY TAIL, 1, ""},
    {"Latin-1 declared", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" HEAD BODY TAIL, 1,
     "declares the encoding 'ISO-8859-1'"},
    {"UTF-16 declared", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>" HEAD BODY TAIL, 1,
     "encoding"},
    {"an encoding that nobody knows",
     "<?xml version=\"1.0\" encoding=\"x-klingon\"?>" HEAD BODY TAIL, 1, "encoding"},
    {"a control character", HEAD "<Comment>\x01</Comment>" BODY TAIL, 1, "not well-formed"},
    {"a control character by number", HEAD "<Comment>&#1;</Comment>" BODY TAIL, 1,
     "not well-formed"},
    {"a NUL by number", HEAD "<Comment>&#0;</Comment>" BODY TAIL, 1, "not well-formed"},
    {"nothing", "", 1, "The file holds no XML"},
    {"spaces", "   \n", 2, "The file holds no XML"},
    {"words", "hello", 1, ""},
    {"two roots", HEAD BODY TAIL "<x/>", 1, "behind the end of the document"},
    {"an attribute twice",
     "<InboundConnector xmlns=\"urn:postern:1\" Name=\"x\" Name=\"y\">" BODY TAIL, 1,
     "An attribute stands twice"},
    {"a prefix from nowhere", HEAD "<p:Comment/>" BODY TAIL, 1, "namespace is not declared"},
};

START_TEST(test_hostile_document_is_refused)
{
    workspace_write_text("inbound/hostile.xml", hostile[_i].text);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_msg(workspace_has_problem(false, "inbound/hostile.xml", -1, hostile[_i].fragment),
                  "%s: wanted '%s', got %s", hostile[_i].name, hostile[_i].fragment,
                  workspace_show());
    ck_assert_msg(
        workspace_has_problem(false, "inbound/hostile.xml", hostile[_i].line, hostile[_i].fragment),
        "%s: wanted line %d, got %s", hostile[_i].name, hostile[_i].line, workspace_show());
}
END_TEST

/* `bytes` of a pattern between head and tail. */
static void write_large(const char *before, const char *pattern, size_t times, const char *after)
{
    size_t length = strlen(pattern), size = strlen(before) + length * times + strlen(after) + 1;
    char *text = malloc(size), *at = stpcpy(text, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, pattern);
    strcpy(at, after);
    workspace_write_text("inbound/large.xml", text);
    free(text);
}

static const struct {
    const char *name, *before, *pattern, *after;
    size_t times;
    const char *fragment;
} large[] = {
    {"a file of 2 MiB", HEAD "<!--", "x", "-->" BODY TAIL, 2 << 20, "larger than 1 MiB"},
    {"a file of 2 MiB without an end", "<", "x", "", 2 << 20, "larger than 1 MiB"},
    {"elements 100,000 deep", HEAD, "<a>", TAIL, 100000, "more than 16 deep"},
    {"elements 17 deep", HEAD, "<a>", TAIL, 17, "more than 16 deep"},
    {"an attribute of 900 kB", HEAD "<Enabled x=\"", "x", "\"/>" BODY TAIL, 900000, ""},
    {"a text of 900 kB", HEAD "<Comment>", "x", "</Comment>" BODY TAIL, 900000,
     "longer than 4096 bytes"},
    {"a name of 900 kB", HEAD "<", "x", "/>" BODY TAIL, 900000, ""},
    {"20,000 attributes", HEAD "<Enabled", " a='1'", "/>" BODY TAIL, 20000, ""},
    {"20,000 unknown elements", HEAD, "<x/>\n", BODY TAIL, 20000, "<x> is not an element"},
};

START_TEST(test_large_document_is_refused)
{
    write_large(large[_i].before, large[_i].pattern, large[_i].times, large[_i].after);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_msg(workspace_has_problem(false, "inbound/large.xml", -1, large[_i].fragment),
                  "%s: %s", large[_i].name, workspace_show());
}
END_TEST

START_TEST(test_line_past_65535_is_told_right)
{
    write_large(HEAD BODY, "\n", 70000, "<Comment/>\n<Nonsense/>" TAIL);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_msg(workspace_has_problem(false, "inbound/large.xml", 70002, "<Nonsense>"), "%s",
                  workspace_show());
}
END_TEST

START_TEST(test_nul_byte_is_refused)
{
    static const char text[] = HEAD "\n<Comment>a\0b</Comment>" BODY TAIL;
    workspace_write("inbound/nul.xml", text, sizeof text - 1);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "inbound/nul.xml", 2, "a NUL byte"));
}
END_TEST

START_TEST(test_utf16_is_refused)
{
    static const char plain[] = HEAD BODY TAIL;
    char text[2 * sizeof plain] = "\xff\xfe";
    for (size_t i = 0; i < sizeof plain - 1; i++)
        text[2 + 2 * i] = plain[i];
    workspace_write("inbound/wide.xml", text, sizeof text);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "inbound/wide.xml", 1, "UTF-16"));
}
END_TEST

START_TEST(test_byte_order_mark_is_taken)
{
    workspace_write_text("inbound/mark.xml", "\xef\xbb\xbf" HEAD BODY TAIL);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
}
END_TEST

START_TEST(test_file_cut_at_any_byte_is_an_error)
{
    static const char whole[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" HEAD
        "<Comment>f\xc3\xbcr<![CDATA[x]]>&amp;</Comment><!-- c -->" BODY TAIL;
    struct conn_problems problems = {0};
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char *bytes = malloc(length + 1); /* of just this size, so that ASan sees a byte too far */
        memcpy(bytes, whole, length);
        xmlDoc *document = conn_document_parse(bytes, length, "cut.xml", &problems);
        ck_assert_msg(!document && problems.errors == 1, "cut after %zu bytes", length);
        conn_problems_clear(&problems);
        free(bytes);
    }
    xmlDoc *document = conn_document_parse(whole, sizeof whole - 1, "whole.xml", &problems);
    ck_assert_ptr_nonnull(document);
    xmlFreeDoc(document);
}
END_TEST

START_TEST(test_example_cut_at_any_byte_is_an_error)
{
    static const char whole[] = HEAD BODY "<RequireTls>false</RequireTls>" TAIL;
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        workspace_write("inbound/cut.xml", whole, length);
        ck_assert_msg(workspace_load() == -EX_CONFIG, "cut after %zu bytes", length);
        ck_assert(workspace_has_problem(false, "inbound/cut.xml", -1, ""));
    }
}
END_TEST

/* Structure that the loader refuses is refused by the schema as well: the two say one thing. */
static const char *const against_schema[] = {
    "<Gateway xmlns=\"urn:postern:1\"/>",
    "<Gateway xmlns=\"urn:postern:1\" HostName=\"a\" Nonsense=\"b\"/>",
    "<Gateway xmlns=\"urn:postern:1\" HostName=\"a\"><Nonsense/></Gateway>",
    "<Gateway xmlns=\"urn:postern:1\" HostName=\"a\"><Listener/></Gateway>",
    "<Gateway xmlns=\"urn:postern:1\" HostName=\"a\" DrainTimeOut=\"30\"/>",
    "<Gateway xmlns=\"urn:postern:1\" HostName=\"a\" MaxMessageSize=\"huge\"/>",
    "<InboundConnector xmlns=\"urn:postern:1\"/>",
    HEAD "text" TAIL,
    HEAD "<RequireTls>1</RequireTls>" TAIL,
    HEAD "<TlsMinimumVersion>1.4</TlsMinimumVersion>" TAIL,
    HEAD "<SenderIPAddresses/>" TAIL,
    HEAD "<ClientEku>Any</ClientEku>" TAIL,
    HEAD "<PeerCertificates Mode=\"x\"><Peer/></PeerCertificates>" TAIL,
    "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"x\"><TlsSettings>x</TlsSettings>"
    "</OutboundConnector>",
    "<Nonsense xmlns=\"urn:postern:1\"/>",
};

START_TEST(test_schema_refuses_too)
{
    struct conn_problems problems = {0};
    const char *text = against_schema[_i];
    xmlDoc *document = conn_document_parse(text, strlen(text), "s.xml", &problems);
    ck_assert_ptr_nonnull(document);
    struct conn_schema *schema = NULL;
    conn_schema_validate(&schema, document, "s.xml", &problems);
    conn_schema_free(schema);
    ck_assert_msg(problems.errors >= 1, "%s", text);
    ck_assert_ptr_nonnull(strstr(problems.items[0].what, "as the schema postern.xsd has it"));
    ck_assert_ptr_null(strstr(problems.items[0].what, "urn:postern:1}"));
    ck_assert_int_eq(problems.items[0].line, 1);
    xmlFreeDoc(document);
    conn_problems_clear(&problems);
}
END_TEST

static void replay(const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *stream = fopen(path, "re");
    ck_assert_ptr_nonnull(stream);
    size_t length = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    uint8_t *exact = malloc(length + 1);
    memcpy(exact, bytes, length);
    ck_assert_int_eq(LLVMFuzzerTestOneInput(exact, length), 0);
    free(exact);
}

START_TEST(test_corpus_is_replayed)
{
    char path[512];
    DIR *corpus = opendir(TEST_DATA "/corpus");
    ck_assert_ptr_nonnull(corpus);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(corpus));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, TEST_DATA "/corpus/%s", entry->d_name);
        replay(path);
        count++;
    }
    closedir(corpus);
    ck_assert_uint_ge(count, 10);
}
END_TEST

START_TEST(test_hostile_documents_are_replayed)
{
    ck_assert_int_eq(
        LLVMFuzzerTestOneInput((const uint8_t *)hostile[_i].text, strlen(hostile[_i].text)), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, workspace_begin, workspace_end);
    tcase_add_loop_test(tests, test_hostile_document_is_refused, 0, ARRAY_SIZE(hostile));
    tcase_add_loop_test(tests, test_large_document_is_refused, 0, ARRAY_SIZE(large));
    tcase_add_test(tests, test_line_past_65535_is_told_right);
    tcase_add_test(tests, test_nul_byte_is_refused);
    tcase_add_test(tests, test_utf16_is_refused);
    tcase_add_test(tests, test_byte_order_mark_is_taken);
    tcase_add_test(tests, test_file_cut_at_any_byte_is_an_error);
    tcase_add_test(tests, test_example_cut_at_any_byte_is_an_error);
    tcase_add_loop_test(tests, test_schema_refuses_too, 0, ARRAY_SIZE(against_schema));
    tcase_add_test(tests, test_corpus_is_replayed);
    tcase_add_loop_test(tests, test_hostile_documents_are_replayed, 0, ARRAY_SIZE(hostile));
}

int main(void)
{
    Suite *suite = suite_create("config-hostile");
    TCase *tests = tcase_create("config-hostile");
    tcase_set_timeout(tests, 120); /* against a hang; a loaded machine is slow */
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
