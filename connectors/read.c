/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See read.h. */
#include "connectors/read.h"

#include <stdint.h>
#include <string.h>

#include "connectors/document.h"
#include "connectors/guess.h"
#include "connectors/problems.h"
#include "connectors/schema.h"
#include "connectors/vocabulary.h"

enum { VALUE_MAXIMUM = 4096 };

void conn_complain(struct conn_reader *reader, const xmlNode *node, bool warning,
                   const struct error *error)
{
    conn_problems_add(reader->problems, warning, reader->file, xmlGetLineNo(node), error);
}

const xmlNode *conn_find_child(const xmlNode *node, const char *name)
{
    for (const xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && strcmp((const char *)child->name, name) == 0)
            return child;
    return NULL;
}

void conn_reader_clear(struct conn_reader *reader)
{
    conn_map_clear(&reader->inbound_names);
    conn_map_clear(&reader->outbound_names);
    reader->schema = conn_schema_free(reader->schema);
}

void *conn_append(void *list, size_t *count, size_t size)
{
    void *items;
    memcpy(&items, list, sizeof items);
    char *grown = reallocarray(items, *count + 1, size);
    if (!grown)
        return NULL;
    memcpy(list, &grown, sizeof grown);
    return memset(grown + size * (*count)++, 0, size);
}

static const char *name_of(const xmlNode *node)
{
    return (const char *)node->name;
}

static const struct conn_field *find_field(const struct conn_section *section, const char *name,
                                           bool attribute)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct conn_field *field = &section->fields[i];
        if (!(field->flags & CONN_TEXT) && !(field->flags & CONN_ATTRIBUTE) == !attribute &&
            strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

/* "Comment, Enabled, …": what may stand in a section, elements or attributes. */
static void list_fields(const struct conn_section *section, bool attributes, char *text,
                        size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < section->count; i++) {
        unsigned flags = section->fields[i].flags;
        if ((flags & CONN_TEXT) || !(flags & CONN_ATTRIBUTE) == attributes)
            continue;
        int length =
            snprintf(text + used, size - used, "%s%s", used ? ", " : "", section->fields[i].name);
        if (length < 0 || (size_t)length >= size - used - sizeof ", ...") {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        used += (size_t)length;
    }
    if (!used)
        snprintf(text, size, "%s", attributes ? "no attribute" : "no element");
}

/* The word that was probably meant, of the same kind; NULL when none is near. */
static const char *guess_field(const struct conn_section *section, const char *name, bool attribute)
{
    const char *synonym = conn_guess_synonym(name);
    if (synonym && find_field(section, synonym, attribute))
        return synonym;
    struct conn_guess guess = {.word = name};
    for (size_t i = 0; i < section->count; i++)
        if (!(section->fields[i].flags & CONN_TEXT) &&
            !(section->fields[i].flags & CONN_ATTRIBUTE) == !attribute)
            conn_guess_consider(&guess, section->fields[i].name);
    return guess.best;
}

static void complain_unknown_element(struct conn_reader *reader, const xmlNode *node,
                                     const struct conn_section *section)
{
    struct error error;
    char list[420], meant[80] = "";
    const char *parent = name_of(node->parent), *guess = guess_field(section, name_of(node), false);
    list_fields(section, false, list, sizeof list);
    if (guess)
        snprintf(meant, sizeof meant, "; did you mean <%s>?", guess);
    error_set(&error, EX_CONFIG,
              "<%.60s> is not an element that may stand in %.40s%s It may contain: %s",
              name_of(node), parent, guess ? meant : ".", list);
    if (find_field(section, name_of(node), true))
        error_cure(&error, "%.60s is an attribute: write <%.40s %.60s=\"…\">", name_of(node),
                   parent, name_of(node));
    if (guess)
        error_cure(&error, "write <%s>, or take the element out", guess);
    error_cure(&error, "take the element out, or see postern.xml(5) for where it belongs");
    conn_complain(reader, node, false, &error);
}

static void complain_unknown_attribute(struct conn_reader *reader, const xmlNode *node,
                                       const char *name, const struct conn_section *section)
{
    struct error error;
    char list[200], meant[80] = "";
    const char *guess = guess_field(section, name, true);
    list_fields(section, true, list, sizeof list);
    if (guess)
        snprintf(meant, sizeof meant, "; did you mean %s?", guess);
    error_set(&error, EX_CONFIG, "%.60s is not an attribute of %.40s%s It may have: %s", name,
              name_of(node), guess ? meant : ".", list);
    if (find_field(section, name, false))
        error_cure(&error, "%.60s is an element: write <%.60s>…</%.60s> in %.40s", name, name, name,
                   name_of(node));
    if (guess)
        error_cure(&error, "write %s, or take the attribute out", guess);
    error_cure(&error, "take the attribute out, or see postern.xml(5) for where it belongs");
    conn_complain(reader, node, false, &error);
}

/* In place: no white space at the ends, and none but spaces inside. */
static char *trim(char *text)
{
    static const char white[] = " \t\r\n";
    text += strspn(text, white);
    size_t length = strlen(text);
    while (length && strchr(white, text[length - 1]))
        length--;
    text[length] = '\0';
    for (char *at = text; *at; at++)
        if (strchr(white, *at))
            *at = ' ';
    return text;
}

static void *target_of(const struct conn_field *field, void *object)
{
    if (!(field->flags & CONN_MANY))
        return (char *)object + field->offset;
    if (!field->size)
        return object;
    size_t *count = (size_t *)(void *)((char *)object + field->count_offset);
    return conn_append((char *)object + field->offset, count, field->size);
}

static void complain_memory(struct conn_reader *reader, const xmlNode *node)
{
    struct error error;
    error_set(&error, EX_OSERR, "There is no memory left for %.60s", name_of(node));
    error_cure(&error, "give the service more memory, and reload");
    conn_complain(reader, node, false, &error);
}

/* Takes over `text`. `node` is for the line. */
static void read_value(struct conn_reader *reader, const xmlNode *node,
                       const struct conn_field *field, xmlChar *text, void *object)
{
    struct error error;
    if (!text) {
        complain_memory(reader, node);
        return;
    }
    const char *value = trim((char *)text);
    void *target = NULL;
    if (!*value && !(field->flags & CONN_MAY_BE_EMPTY)) {
        error_set(&error, EX_CONFIG, "%s of %.60s is empty", field->name,
                  name_of(field->flags & (CONN_ATTRIBUTE | CONN_TEXT) ? node : node->parent));
        error_cure(&error, "give it a value, for example %s", field->example);
        conn_complain(reader, node, false, &error);
    } else if (strlen(value) > VALUE_MAXIMUM) {
        error_set(&error, EX_CONFIG, "%s is longer than %d bytes", field->name, VALUE_MAXIMUM);
        error_cure(&error, "shorten it");
        conn_complain(reader, node, false, &error);
    } else if (!(target = target_of(field, object))) {
        complain_memory(reader, node);
    } else if (field->read(reader, field, value, target, &error) < 0) {
        conn_complain(reader, node, false, &error);
    }
    xmlFree(text);
}

static void complain_foreign(struct conn_reader *reader, const xmlNode *node, const char *kind,
                             const xmlChar *name)
{
    struct error error;
    error_set(&error, EX_CONFIG, "The %s %.60s is of another namespace than %s", kind,
              (const char *)name, CONN_NAMESPACE);
    error_cure(&error, "take it out; only the words of postern.xml(5) are read, and nothing is "
                       "included from elsewhere");
    conn_complain(reader, node, false, &error);
}

static void read_attributes(struct conn_reader *reader, xmlNode *node,
                            const struct conn_section *section, void *object, uint64_t *seen)
{
    for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        if (attribute->ns) {
            complain_foreign(reader, node, "attribute", attribute->name);
            continue;
        }
        const struct conn_field *field = find_field(section, (const char *)attribute->name, true);
        if (!field) {
            complain_unknown_attribute(reader, node, (const char *)attribute->name, section);
            continue;
        }
        *seen |= UINT64_C(1) << (field - section->fields);
        read_value(reader, node, field, xmlNodeGetContent((xmlNode *)attribute), object);
    }
}

/* An element that holds text may hold nothing else. */
static void read_text_element(struct conn_reader *reader, xmlNode *node,
                              const struct conn_field *field, void *object)
{
    static const struct conn_section no_fields;
    struct error error;
    read_attributes(reader, node, &no_fields, NULL, &(uint64_t){0});
    for (xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE) {
            error_set(&error, EX_CONFIG, "%s holds text alone, and here it holds <%.60s>",
                      field->name, name_of(child));
            error_cure(&error, "write it like %s", field->example);
            conn_complain(reader, child, false, &error);
            return;
        }
    read_value(reader, node, field, xmlNodeGetContent(node), object);
}

static void complain_twice(struct conn_reader *reader, const xmlNode *node)
{
    struct error error;
    error_set(&error, EX_CONFIG, "%s stands twice in %.60s; the first is on line %ld",
              name_of(node), name_of(node->parent),
              xmlGetLineNo(conn_find_child(node->parent, name_of(node))));
    error_cure(&error, "keep one of the two, with everything that is meant");
    conn_complain(reader, node, false, &error);
}

static void read_child(struct conn_reader *reader, xmlNode *node,
                       const struct conn_section *section, void *object, uint64_t *seen)
{
    if (!node->ns || strcmp((const char *)node->ns->href, CONN_NAMESPACE) != 0) {
        complain_foreign(reader, node, "element", node->name);
        return;
    }
    const struct conn_field *field = find_field(section, name_of(node), false);
    if (!field) {
        complain_unknown_element(reader, node, section);
        return;
    }
    uint64_t bit = UINT64_C(1) << (field - section->fields);
    if ((*seen & bit) && !(field->flags & CONN_MANY)) {
        complain_twice(reader, node);
        return;
    }
    *seen |= bit;
    if (!field->section) {
        read_text_element(reader, node, field, object);
        return;
    }
    void *target = target_of(field, object);
    if (target)
        conn_read_section(reader, node, field->section, target);
    else
        complain_memory(reader, node);
}

static bool has_words(const xmlNode *node)
{
    return (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) && node->content &&
           node->content[strspn((const char *)node->content, " \t\r\n")];
}

static void complain_text(struct conn_reader *reader, const xmlNode *node)
{
    struct error error;
    _cleanup_free_ char *copy = strdup((const char *)node->content);
    error_set(&error, EX_CONFIG, "The text '%.60s' stands in %.60s, outside of any element",
              copy ? trim(copy) : "", name_of(node->parent));
    error_cure(&error, "put it into the element it belongs to, or into a comment <!-- … -->");
    conn_complain(reader, node, false, &error);
}

/* For editors, which associate a schema by it. */
static bool is_for_editors(const xmlNode *node)
{
    return strcmp(name_of(node), "xml-model") == 0;
}

static void warn_instruction(struct conn_reader *reader, const xmlNode *node)
{
    struct error error;
    error_set(&error, EX_CONFIG, "The processing instruction <?%.60s …?> is not read",
              name_of(node));
    error_cure(&error, "take it out");
    conn_complain(reader, node, true, &error);
}

static const struct conn_field *find_text_field(const struct conn_section *section)
{
    for (size_t i = 0; i < section->count; i++)
        if (section->fields[i].flags & CONN_TEXT)
            return &section->fields[i];
    return NULL;
}

/* The section's own text, its child elements left out. */
static xmlChar *gather_text(const xmlNode *node)
{
    xmlChar *text = xmlStrdup((const xmlChar *)"");
    for (const xmlNode *child = node->children; child && text; child = child->next)
        if (has_words(child))
            text = xmlStrcat(text, child->content);
    return text;
}

static void read_children(struct conn_reader *reader, xmlNode *node,
                          const struct conn_section *section, void *object, uint64_t *seen)
{
    const struct conn_field *text = find_text_field(section);
    bool words = false;
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE)
            read_child(reader, child, section, object, seen);
        else if (child->type == XML_PI_NODE && !is_for_editors(child))
            warn_instruction(reader, child);
        else if (has_words(child) && text)
            words = true;
        else if (has_words(child))
            complain_text(reader, child);
    }
    if (text && (words || (text->flags & CONN_REQUIRED))) {
        *seen |= UINT64_C(1) << (text - section->fields);
        read_value(reader, node, text, gather_text(node), object);
    }
}

static void complain_missing(struct conn_reader *reader, const xmlNode *node,
                             const struct conn_section *section, uint64_t seen)
{
    struct error error;
    for (size_t i = 0; i < section->count; i++) {
        const struct conn_field *field = &section->fields[i];
        bool attribute = field->flags & CONN_ATTRIBUTE;
        if (!(field->flags & CONN_REQUIRED) || (seen >> i & 1))
            continue;
        error_set(&error, EX_CONFIG, attribute ? "%.60s has no attribute %s" : "%.60s has no <%s>",
                  name_of(node), field->name);
        error_cure(&error, "add %s", field->example);
        conn_complain(reader, node, false, &error);
    }
}

void conn_read_section(struct conn_reader *reader, xmlNode *node,
                       const struct conn_section *section, void *object)
{
    uint64_t seen = 0;
    if (section->place != CONN_NO_PLACE) {
        struct conn_place place = {.file = reader->file, .line = (int)xmlGetLineNo(node)};
        memcpy((char *)object + section->place, &place, sizeof place);
    }
    read_attributes(reader, node, section, object, &seen);
    read_children(reader, node, section, object, &seen);
    complain_missing(reader, node, section, seen);
    if (section->finish)
        section->finish(reader, node, object);
}
