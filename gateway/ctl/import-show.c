/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The report of an import, for people and as JSON. What stands in it came from a file: it goes
 * through table_text() and control_text(). */
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/import.h"
#include "gateway/ctl/table.h"

enum { VALUE_WIDTH = 48 };

/* Whole characters of a text, as far as there is room in a column. */
static void shorten(const char *text, char *fit, size_t size)
{
    size_t length = strlen(text);
    if (length < size) {
        memcpy(fit, text, length + 1);
        return;
    }
    length = size - 4;
    while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    snprintf(fit, size, "%.*s...", (int)length, text);
}

static void show_rows(FILE *file, const struct conn_import_object *object)
{
    struct table table = {.columns = 5};
    static const char *const heads[] = {"PROPERTY", "VALUE", "OUTCOME", "BECOMES", "WHY"};
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        table_cell(&table, heads[i]);
    for (size_t i = 0; i < object->row_count; i++) {
        const struct conn_import_row *row = &object->rows[i];
        char value[VALUE_WIDTH];
        shorten(row->value, value, sizeof value);
        table_cell(&table, row->property);
        table_cell(&table, value[0] ? value : "-");
        table_cell(&table, conn_import_outcome_name(row->outcome));
        table_cell(&table, row->becomes ? row->becomes : "-");
        table_cell(&table, row->why ? row->why : "-");
    }
    table_print(file, &table);
}

static void show_sentences(FILE *file, const char *head, const struct conn_strings *sentences)
{
    for (size_t i = 0; i < sentences->count; i++) {
        fprintf(file, "%s: ", head);
        table_text(file, sentences->items[i]);
        fputs(".\n", file);
    }
}

static void show_object(FILE *file, const struct conn_import_object *object, bool with_xml)
{
    char head[600];
    snprintf(head, sizeof head, "%s \"%.200s\" (line %d)", conn_import_kind_name(object->kind),
             object->exchange_name, object->line);
    table_text(file, head);
    if (!object->xml) {
        fputs(": left out.\n\n", file);
        return;
    }
    snprintf(head, sizeof head, ": %s connector \"%s\", %s, in %s",
             object->inbound ? "inbound" : "outbound", object->name,
             object->enabled ? "enabled" : "not enabled", object->file);
    table_text(file, head);
    fputs("\n\n", file);
    show_rows(file, object);
    fputc('\n', file);
    show_sentences(file, "Lacking", &object->needs);
    show_sentences(file, "Note", &object->notes);
    if (object->suggestion) {
        fputs("Suggested besides, and not written:\n", file);
        table_lines(file, object->suggestion);
    }
    if (with_xml) {
        fprintf(file, "\n%s:\n", object->file);
        table_lines(file, object->xml);
    }
    fputc('\n', file);
}

void ctl_show_import(FILE *file, const struct conn_import *import, bool with_xml)
{
    for (size_t i = 0; i < import->count; i++)
        show_object(file, &import->objects[i], with_xml);
}

static json_t *row_list(const struct conn_import_object *object)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < object->row_count; i++) {
        const struct conn_import_row *row = &object->rows[i];
        json_t *one =
            json_pack("{s:o, s:o, s:s, s:o, s:o}", "property", control_text(row->property), "value",
                      control_text(row->value), "outcome", conn_import_outcome_name(row->outcome),
                      "becomes", control_text(row->becomes), "why", control_text(row->why));
        if (json_array_append_new(list, one) < 0)
            return NULL;
    }
    return json_incref(list);
}

static json_t *sentence_list(const struct conn_strings *sentences)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < sentences->count; i++)
        if (json_array_append_new(list, control_text(sentences->items[i])) < 0)
            return NULL;
    return json_incref(list);
}

json_t *ctl_import_list(const struct conn_import *import)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < import->count; i++) {
        const struct conn_import_object *object = &import->objects[i];
        const char *direction = !object->xml ? NULL : object->inbound ? "inbound" : "outbound";
        json_t *one = json_pack(
            "{s:s, s:o, s:i, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "kind",
            conn_import_kind_name(object->kind), "name", control_text(object->exchange_name),
            "line", object->line, "direction", control_text(direction), "connector",
            control_text(object->name), "file", control_text(object->file), "enabled",
            object->enabled, "properties", row_list(object), "lacking",
            sentence_list(&object->needs), "notes", sentence_list(&object->notes), "xml",
            control_text(object->xml), "suggestion", control_text(object->suggestion));
        if (json_array_append_new(list, one) < 0)
            return NULL;
    }
    return json_incref(list);
}
