/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What Export-Clixml writes is read in every encoding; what means harm, or was cut, is an error
 * with a plain sentence. */
#include <check.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "connectors/clixml-text.h"
#include "connectors/clixml.h"
#include "tests/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">"
#define OBJECT(inside) HEAD "<Obj RefId=\"0\"><Props>" inside "</Props></Obj></Objs>"

static struct conn_clixml *parse(const char *bytes, size_t length, struct error *error)
{
    struct conn_clixml *document = NULL;
    char *exact = malloc(length + 1); /* so that ASan sees a byte too far */
    memcpy(exact, bytes, length);
    int result = conn_clixml_parse(exact, length, &document, error);
    ck_assert_int_eq(result < 0, document == NULL);
    free(exact);
    return document;
}

static struct conn_clixml *must(const char *text)
{
    struct error error;
    struct conn_clixml *document = parse(text, strlen(text), &error);
    ck_assert_msg(document != NULL, "%s: %s", text, document ? "" : error.what);
    return document;
}

static const struct {
    const char *xml;
    enum conn_clixml_kind kind;
    const char *text;
} scalars[] = {
    {"<S N=\"p\">a</S>", CONN_CLIXML_TEXT, "a"},
    {"<S N=\"p\"></S>", CONN_CLIXML_TEXT, ""},
    {"<S N=\"p\">&lt;I&gt;CN=a&lt;S&gt;CN=b &amp;&#233;</S>", CONN_CLIXML_TEXT,
     "<I>CN=a<S>CN=b &\xc3\xa9"},
    {"<S N=\"p\">a<![CDATA[<b>]]></S>", CONN_CLIXML_TEXT, "a<b>"},
    {"<S N=\"p\">a_x000D__x000A_b</S>", CONN_CLIXML_TEXT, "a\r\nb"},
    {"<S N=\"p\">_x005F_x000D_</S>", CONN_CLIXML_TEXT, "_x000D_"},
    {"<S N=\"p\">_xD83D__xDE00_</S>", CONN_CLIXML_TEXT, "\xf0\x9f\x98\x80"},
    {"<S N=\"p\">_xD83D_</S>", CONN_CLIXML_TEXT, "\xef\xbf\xbd"},
    {"<S N=\"p\">_x0000_</S>", CONN_CLIXML_TEXT, "\xef\xbf\xbd"},
    {"<S N=\"p\">_x00G0_ _x00</S>", CONN_CLIXML_TEXT, "_x00G0_ _x00"},
    {"<B N=\"p\">true</B>", CONN_CLIXML_BOOLEAN, "true"},
    {"<I32 N=\"p\">-7</I32>", CONN_CLIXML_NUMBER, "-7"},
    {"<I64 N=\"p\">6000000000</I64>", CONN_CLIXML_NUMBER, "6000000000"},
    {"<Db N=\"p\">0.5</Db>", CONN_CLIXML_NUMBER, "0.5"},
    {"<DT N=\"p\">2026-03-23T18:00:30+01:00</DT>", CONN_CLIXML_TEXT, "2026-03-23T18:00:30+01:00"},
    {"<G N=\"p\">0c8f1f6e-3b0f-4b45-9d5e-6a0f5f0a7c11</G>", CONN_CLIXML_TEXT,
     "0c8f1f6e-3b0f-4b45-9d5e-6a0f5f0a7c11"},
    {"<TS N=\"p\">PT10M</TS>", CONN_CLIXML_TEXT, "PT10M"},
    {"<Nil N=\"p\" />", CONN_CLIXML_NIL, NULL},
    {"<BA N=\"p\">AAEA</BA>", CONN_CLIXML_OPAQUE, NULL},
    {"<SS N=\"p\">0100</SS>", CONN_CLIXML_OPAQUE, NULL},
    {"<Tomorrow N=\"p\">a<S>b</S></Tomorrow>", CONN_CLIXML_OPAQUE, NULL},
    {"<Obj N=\"p\" RefId=\"1\"><ToString>DomainValidation</ToString><I32>2</I32></Obj>",
     CONN_CLIXML_OBJECT, "DomainValidation"},
    {"<Obj N=\"p\" RefId=\"1\"><I32>2</I32></Obj>", CONN_CLIXML_OBJECT, "2"},
    {"<Obj N=\"p\" RefId=\"1\"><I32>2</I32><ToString>x</ToString></Obj>", CONN_CLIXML_OBJECT, "x"},
};

START_TEST(test_scalar_is_read)
{
    char text[1024];
    snprintf(text, sizeof text, OBJECT("%s"), scalars[_i].xml);
    struct conn_clixml *document = must(text);
    const struct conn_clixml_value *value = conn_clixml_find(conn_clixml_first(document), "P");
    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(value->kind, scalars[_i].kind);
    if (scalars[_i].text)
        ck_assert_str_eq(value->text, scalars[_i].text);
    else
        ck_assert_ptr_null(value->text);
    conn_clixml_free(document);
}
END_TEST

START_TEST(test_lists_types_and_references_are_read)
{
    struct conn_clixml *document = must(
        HEAD
        "<Obj RefId=\"0\"><TN RefId=\"0\"><T>A.B</T><T>C</T></TN><ToString>one</ToString><Props>"
        "<Obj N=\"list\" RefId=\"1\"><LST><S>a</S><Ref RefId=\"0\" /><S>b</S></LST></Obj>"
        "<Obj N=\"map\" RefId=\"2\"><DCT><En><S N=\"Key\">k</S><S N=\"Value\">v</S></En>"
        "<En><S N=\"Key\">l</S></En></DCT></Obj></Props>"
        "<MS><S N=\"extra\">e</S></MS></Obj>"
        "<Obj RefId=\"3\"><TNRef RefId=\"0\" /></Obj></Objs>");
    const struct conn_clixml_value *one = conn_clixml_first(document), *two = one->next;
    ck_assert_uint_eq(one->types->count, 2);
    ck_assert_str_eq(one->types->names[0], "A.B");
    ck_assert_ptr_eq(one->types, two->types);
    ck_assert_str_eq(conn_clixml_find(one, "extra")->text, "e");
    const struct conn_clixml_value *list = conn_clixml_find(one, "list");
    ck_assert(list->is_list);
    ck_assert_str_eq(list->items->text, "a");
    ck_assert_ptr_eq(conn_clixml_follow(list->items->next), one);
    ck_assert_str_eq(list->items->next->next->text, "b");
    const struct conn_clixml_value *map = conn_clixml_find(one, "map");
    ck_assert_str_eq(map->items->next->text, "v");
    ck_assert_str_eq(map->items->next->next->text, "l");
    ck_assert_ptr_null(conn_clixml_find(one, "none"));
    conn_clixml_free(document);
}
END_TEST

/* --- encodings --- */

static size_t widen(const char *text, bool big, char *wide)
{
    size_t used = 0;
    for (; *text; text++) {
        wide[used++] = big ? 0 : *text;
        wide[used++] = big ? *text : 0;
    }
    return used;
}

static const struct {
    const char *name, *mark;
    size_t mark_length;
    bool wide, big;
} encodings[] = {
    {"UTF-8", "", 0, false, false},
    {"UTF-8 with BOM", "\xef\xbb\xbf", 3, false, false},
    {"UTF-16LE", "\xff\xfe", 2, true, false},
    {"UTF-16BE", "\xfe\xff", 2, true, true},
    {"UTF-16LE without BOM", "", 0, true, false},
    {"UTF-16BE without BOM", "", 0, true, true},
};

START_TEST(test_encoding_is_found)
{
    static const char *const texts[] = {
        OBJECT("<S N=\"p\">value</S>"),
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n" OBJECT("<S N=\"p\">value</S>")};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char bytes[2048];
        struct error error = {.code = 0};
        size_t length = encodings[_i].mark_length;
        memcpy(bytes, encodings[_i].mark, length);
        if (encodings[_i].wide)
            length += widen(texts[i], encodings[_i].big, bytes + length);
        else
            length += (size_t)sprintf(bytes + length, "%s", texts[i]);
        struct conn_clixml *document = parse(bytes, length, &error);
        ck_assert_msg(document != NULL, "%s: %s", encodings[_i].name, error.what);
        ck_assert_str_eq(conn_clixml_find(conn_clixml_first(document), "p")->text, "value");
        conn_clixml_free(document);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *fragment;
} no_text[] = {
#define BYTES(text, fragment)                                                                      \
    {                                                                                              \
        text, sizeof(text) - 1, fragment                                                           \
    }
    BYTES("", "well-formed"),
    BYTES("\xff\xfe", "well-formed"),
    BYTES("\xff\xfe<\0O", "half a character of UTF-16 at byte 4"),
    BYTES("\xff\xfe<\0\x3d\xd8", "half a surrogate pair at byte 4"),
    BYTES("\xff\xfe<\0\x00\xdc<\0", "half a surrogate pair at byte 4"),
    BYTES("\xfe\xff\0<\xd8\x3d\0<", "half a surrogate pair at byte 4"),
    BYTES("\xff\xfe<\0\0\0", "a NUL at byte 4"),
    BYTES("<O\0", "a NUL at byte 2"),
    BYTES("<Objs>\xe9", "what is not UTF-8 at byte 6"),
    BYTES("<Objs>\xc0\x80", "what is not UTF-8 at byte 6"),
    BYTES("<?xml", "well-formed"),
    BYTES("<?xml version='1.0'", "well-formed"),
};

START_TEST(test_what_is_no_text_is_refused)
{
    struct error error = {.code = 0};
    ck_assert_ptr_null(parse(no_text[_i].bytes, no_text[_i].length, &error));
    ck_assert_int_eq(error.code, EX_DATAERR);
    ck_assert_msg(strstr(error.what, no_text[_i].fragment), "%s", error.what);
}
END_TEST

/* --- harm --- */

static const struct {
    const char *name, *text, *fragment;
} hostile[] = {
    {"billion laughs",
     "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
     "\"&b;&b;&b;&b;&b;\">]>" OBJECT("<S N=\"p\">&c;</S>"),
     "DOCTYPE"},
    {"an external DTD", "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">" OBJECT(""), "DOCTYPE"},
    {"an external entity",
     "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" OBJECT("<S N=\"p\">&e;</S>"),
     "DOCTYPE"},
    {"an entity from nowhere", OBJECT("<S N=\"p\">&nbsp;</S>"), "well-formed"},
    {"another document", "<InboundConnector xmlns=\"urn:postern:1\" Name=\"x\"/>",
     "not what Export-Clixml writes"},
    {"another namespace", "<Objs xmlns=\"urn:postern:1\"/>", "not what Export-Clixml writes"},
    {"no namespace", "<Objs/>", "not what Export-Clixml writes"},
    {"a reference to nothing", OBJECT("<Ref N=\"p\" RefId=\"9\" />"), "does not stand before it"},
    {"a reference without a number", OBJECT("<Ref N=\"p\" />"), "does not stand before it"},
    {"a reference that is no number", OBJECT("<Ref N=\"p\" RefId=\"-1\" />"),
     "does not stand before it"},
    {"a number that is none", OBJECT("<Obj N=\"p\" RefId=\"x\"/>"), "A RefId is no number"},
    {"a very large number", OBJECT("<Obj N=\"p\" RefId=\"18446744073709551616\"/>"),
     "A RefId is no number"},
    {"a large number", OBJECT("<Obj N=\"p\" RefId=\"524288\"/>"), "A RefId is no number"},
    {"types of nobody", OBJECT("<Obj N=\"p\" RefId=\"1\"><TNRef RefId=\"7\"/></Obj>"), "A TNRef"},
    {"two roots", OBJECT("") OBJECT(""), "well-formed"},
};

START_TEST(test_harm_is_refused)
{
    struct error error = {.code = 0};
    ck_assert_msg(!parse(hostile[_i].text, strlen(hostile[_i].text), &error), "%s",
                  hostile[_i].name);
    ck_assert_int_eq(error.code, EX_DATAERR);
    ck_assert_msg(strstr(error.what, hostile[_i].fragment), "%s: %s", hostile[_i].name, error.what);
    ck_assert_ptr_nonnull(strstr(error.where, "line 1"));
}
END_TEST

/* `count` times `piece` between the head and the foot of a file. */
static char *repeat(const char *head, const char *piece, size_t count, const char *foot)
{
    size_t size = strlen(piece), used = strlen(head);
    char *text = malloc(used + size * count + strlen(foot) + 1);
    memcpy(text, head, used);
    for (size_t i = 0; i < count; i++, used += size)
        memcpy(text + used, piece, size);
    strcpy(text + used, foot);
    return text;
}

static const struct {
    const char *head, *piece, *foot;
    size_t fits, fails;
    const char *fragment;
} bounds[] = {
    {HEAD, "<Obj><LST>", "", 0, 100, "too deep"},
    {HEAD, "<S>a</S>", "</Objs>", CONN_CLIXML_ELEMENTS_MAXIMUM - 1, CONN_CLIXML_ELEMENTS_MAXIMUM,
     "too many elements"},
    {HEAD "<S>", "0123456789abcdef", "</S></Objs>", 4096, 4097, "longer than 64 KiB"},
    {HEAD, " ", "</Objs>", 1 << 20, CONN_CLIXML_MAXIMUM, "larger than 32 MiB"},
};

START_TEST(test_bound_is_kept)
{
    struct error error = {.code = 0};
    if (bounds[_i].fits) {
        char *fits = repeat(bounds[_i].head, bounds[_i].piece, bounds[_i].fits, bounds[_i].foot);
        conn_clixml_free(must(fits));
        free(fits);
    }
    char *fails = repeat(bounds[_i].head, bounds[_i].piece, bounds[_i].fails, bounds[_i].foot);
    ck_assert_ptr_null(parse(fails, strlen(fails), &error));
    ck_assert_msg(strstr(error.what, bounds[_i].fragment), "%s", error.what);
    free(fails);
}
END_TEST

START_TEST(test_binary_data_is_not_read_however_long)
{
    char *text = repeat(HEAD "<Obj RefId=\"0\"><MS><BA N=\"SerializationData\">",
                        "AAEAAAD/////AQAA", 1 << 16, "</BA></MS></Obj></Objs>");
    struct conn_clixml *document = must(text);
    const struct conn_clixml_value *value =
        conn_clixml_find(conn_clixml_first(document), "SerializationData");
    ck_assert_int_eq(value->kind, CONN_CLIXML_OPAQUE);
    ck_assert_ptr_null(value->text);
    conn_clixml_free(document);
    free(text);
}
END_TEST

START_TEST(test_file_cut_at_any_byte_is_an_error)
{
    static const char whole[] =
        "\xef\xbb\xbf" OBJECT("<S N=\"p\">f\xc3\xbc&amp;<![CDATA[x]]></S><Nil N=\"q\" />");
    char wide[4 * sizeof whole] = "\xff\xfe";
    size_t wide_length = 2 + widen(OBJECT("<S N=\"p\">f</S>"), false, wide + 2);
    struct error error;
    for (size_t length = 0; length < sizeof whole - 1; length++)
        ck_assert_msg(!parse(whole, length, &error), "cut after %zu bytes", length);
    for (size_t length = 0; length < wide_length; length++)
        ck_assert_msg(!parse(wide, length, &error), "wide, cut after %zu bytes", length);
    conn_clixml_free(parse(wide, wide_length, &error));
}
END_TEST

static void replay(const char *path)
{
    char bytes[8192];
    FILE *stream = fopen(path, "re");
    ck_assert_msg(stream != NULL, "%s", path);
    size_t length = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    for (size_t shorter = 0; shorter <= length; shorter++) {
        uint8_t *exact = malloc(shorter + 1);
        memcpy(exact, bytes, shorter);
        ck_assert_int_eq(LLVMFuzzerTestOneInput(exact, shorter), 0);
        free(exact);
    }
}

START_TEST(test_fuzzers_corpus_is_replayed)
{
    unsigned count = 0;
    DIR *directory = opendir(TEST_CLIXML);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[1024];
        snprintf(path, sizeof path, TEST_CLIXML "/%s", entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        replay(path);
        count++;
    }
    closedir(directory);
    ck_assert_uint_ge(count, 11);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clixml");
    TCase *tcase = tcase_create("clixml");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_scalar_is_read, 0, ARRAY_SIZE(scalars));
    tcase_add_test(tcase, test_lists_types_and_references_are_read);
    tcase_add_loop_test(tcase, test_encoding_is_found, 0, ARRAY_SIZE(encodings));
    tcase_add_loop_test(tcase, test_what_is_no_text_is_refused, 0, ARRAY_SIZE(no_text));
    tcase_add_loop_test(tcase, test_harm_is_refused, 0, ARRAY_SIZE(hostile));
    tcase_add_loop_test(tcase, test_bound_is_kept, 0, ARRAY_SIZE(bounds));
    tcase_add_test(tcase, test_binary_data_is_not_read_however_long);
    tcase_add_test(tcase, test_file_cut_at_any_byte_is_an_error);
    tcase_add_test(tcase, test_fuzzers_corpus_is_replayed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
