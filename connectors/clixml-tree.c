/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See clixml-private.h: which element is what, and what it adds to the document. What has no place
 * in it is stepped over with all that it holds. */
#include <stdio.h>
#include <string.h>

#include "connectors/clixml-private.h"
#include "connectors/clixml-text.h"

enum { REFERENCES_MAXIMUM = CONN_CLIXML_ELEMENTS_MAXIMUM };

/* --- references --- */

static bool index_put(struct clixml_index *index, size_t id, void *item)
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

static void *index_get(const struct clixml_index *index, size_t id)
{
    return id < index->count ? index->items[id] : NULL;
}

static void read_id(struct clixml_attributes *ret, const char *text, size_t length)
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
void clixml_read_attributes(struct clixml_attributes *ret, int count, const xmlChar **attributes)
{
    *ret = (struct clixml_attributes){.has_name = false};
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

static struct conn_clixml_value *add_value(struct clixml_parse *parse, struct clixml_frame *parent,
                                           enum conn_clixml_kind kind,
                                           const struct clixml_attributes *attributes)
{
    struct conn_clixml_value *value = calloc(1, sizeof *value);
    if (!value) {
        clixml_stop_memory(parse);
        return NULL;
    }
    value->older = parse->document->values;
    parse->document->values = value;
    value->kind = kind;
    value->line = clixml_line(parse);
    if (attributes->has_name && !(value->name = strdup(attributes->name)))
        clixml_stop_memory(parse);
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

static struct clixml_frame open_object(struct clixml_parse *parse, struct clixml_frame *parent,
                                       const struct clixml_attributes *attributes)
{
    struct conn_clixml_value *value = add_value(parse, parent, CONN_CLIXML_OBJECT, attributes);
    if (value && attributes->bad_id)
        clixml_stop(parse, EX_DATAERR, "A RefId is no number, or a very large one",
                    CLIXML_EXPORT_AGAIN);
    else if (value && attributes->has_id && !index_put(&parse->objects, attributes->id, value))
        clixml_stop_memory(parse);
    return (struct clixml_frame){.role = ROLE_OBJECT, .value = value};
}

static struct clixml_frame open_reference(struct clixml_parse *parse, struct clixml_frame *parent,
                                          const struct clixml_attributes *attributes)
{
    struct conn_clixml_value *value = add_value(parse, parent, CONN_CLIXML_REFERENCE, attributes);
    if (value && attributes->has_id && !attributes->bad_id)
        value->target = index_get(&parse->objects, attributes->id);
    if (value && !value->target)
        clixml_stop(parse, EX_DATAERR, "A Ref points at an object that does not stand before it",
                    CLIXML_EXPORT_AGAIN);
    return (struct clixml_frame){.role = ROLE_SKIPPED};
}

/* A value in a list of them. What this version of PowerShell's format does not know has a name too,
 * and is not lost. */
static struct clixml_frame open_value(struct clixml_parse *parse, struct clixml_frame *parent,
                                      const char *element,
                                      const struct clixml_attributes *attributes)
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
    return (struct clixml_frame){.role = skipped ? ROLE_SKIPPED : ROLE_SCALAR, .value = value};
}

/* --- what stands in an object --- */

static struct clixml_frame open_types(struct clixml_parse *parse, struct clixml_frame *parent,
                                      const struct clixml_attributes *attributes)
{
    struct types_entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        clixml_stop_memory(parse);
        return (struct clixml_frame){.role = ROLE_SKIPPED};
    }
    entry->older = parse->document->types;
    parse->document->types = entry;
    parent->value->types = &entry->types;
    if (attributes->bad_id)
        clixml_stop(parse, EX_DATAERR, "A RefId is no number, or a very large one",
                    CLIXML_EXPORT_AGAIN);
    else if (attributes->has_id && !index_put(&parse->types, attributes->id, &entry->types))
        clixml_stop_memory(parse);
    return (struct clixml_frame){.role = ROLE_TYPES, .types = &entry->types};
}

static struct clixml_frame take_types(struct clixml_parse *parse, struct clixml_frame *parent,
                                      const struct clixml_attributes *attributes)
{
    if (attributes->has_id && !attributes->bad_id)
        parent->value->types = index_get(&parse->types, attributes->id);
    if (!parent->value->types)
        clixml_stop(parse, EX_DATAERR, "A TNRef points at types that do not stand before it",
                    CLIXML_EXPORT_AGAIN);
    return (struct clixml_frame){.role = ROLE_SKIPPED};
}

/* Behind what is there, should the element come twice. */
static struct clixml_frame open_list(struct conn_clixml_value **first)
{
    while (*first)
        first = &(*first)->next;
    return (struct clixml_frame){.role = ROLE_LIST_OF, .slot = first};
}

static bool is_list(const char *element)
{
    static const char *const lists[] = {"LST", "IE", "QUE", "STK", "DCT"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (strcmp(lists[i], element) == 0)
            return true;
    return false;
}

static struct clixml_frame open_part(struct clixml_parse *parse, struct clixml_frame *parent,
                                     const char *element,
                                     const struct clixml_attributes *attributes)
{
    struct conn_clixml_value *object = parent->value;
    if (strcmp(element, "TN") == 0)
        return open_types(parse, parent, attributes);
    if (strcmp(element, "TNRef") == 0)
        return take_types(parse, parent, attributes);
    if (strcmp(element, "ToString") == 0)
        return (struct clixml_frame){.role = ROLE_TO_STRING, .value = object};
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
    return (struct clixml_frame){.role = read ? ROLE_SCALAR : ROLE_SKIPPED, .value = object};
}

struct clixml_frame clixml_open(struct clixml_parse *parse, struct clixml_frame *parent,
                                const char *element, const struct clixml_attributes *attributes)
{
    switch (parent->role) {
    case ROLE_LIST_OF:
        return open_value(parse, parent, element, attributes);
    case ROLE_OBJECT:
        return open_part(parse, parent, element, attributes);
    case ROLE_TYPES:
        return (struct clixml_frame){.role = strcmp(element, "T") == 0 ? ROLE_TYPE : ROLE_SKIPPED,
                                     .types = parent->types};
    default:
        return (struct clixml_frame){.role = ROLE_SKIPPED};
    }
}

/* --- texts --- */

static char *text_of(struct clixml_parse *parse)
{
    size_t length = buffer_length(&parse->text);
    char *text = malloc(length + 1);
    if (!text) {
        clixml_stop_memory(parse);
        return NULL;
    }
    if (length)
        memcpy(text, buffer_bytes(&parse->text), length);
    text[length] = '\0';
    conn_clixml_unescape(text);
    return text;
}

void clixml_keep_text(struct clixml_parse *parse, const struct clixml_frame *frame)
{
    char **slot = frame->role == ROLE_TYPE ? NULL : &frame->value->text;
    if (frame->role == ROLE_TYPE && frame->types->count < CONN_CLIXML_TYPES_MAXIMUM)
        slot = &frame->types->names[frame->types->count++];
    if (!slot)
        return;
    free(*slot);
    *slot = text_of(parse);
}
