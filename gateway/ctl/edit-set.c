/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See edit.h: a property of a connector, changed in its text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/guess.h"
#include "gateway/ctl/edit.h"
#include "gateway/ctl/element.h"
#include "gateway/ctl/property.h"
#include "pki/base/cleanup.h"

enum { ITEMS_MAXIMUM = 4096, LINE_MAXIMUM = 100 };

struct values {
    char *copy;   /* of the text that the items point into */
    char **items; /* those of the file are each on the heap */
    size_t count;
};

static void clear_values(struct values *values)
{
    free(values->copy);
    free(values->items);
}

static void clear_elements(struct ctl_elements *elements)
{
    free(elements->items);
}

/* --- the value --- */

static bool contains(char *const *items, size_t count, const char *item, size_t *ret)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(items[i], item) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static bool push(struct values *values, char *item)
{
    char **grown = reallocarray(values->items, values->count + 1, sizeof *grown);
    if (!grown)
        return false;
    values->items = grown;
    values->items[values->count++] = item;
    return true;
}

static int fail_memory(struct error *error)
{
    return error_set(error, EX_OSERR, "There is no memory left");
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t length = strlen(text); length && strchr(" \t", text[length - 1]); length--)
        text[length - 1] = '\0';
    return text;
}

static int fail_item(const struct ctl_property *property, const char *value, struct error *error)
{
    error_set(error, EX_USAGE, "%s '%.200s' has an item that is empty", property->name, value);
    return error_cure(error, "items parted by one comma each");
}

/* "a, b" as items; one that stands twice is one. */
static int split(const struct ctl_property *property, const char *value, struct values *ret,
                 struct error *error)
{
    size_t known;
    if (!*value)
        return 0;
    if (!(ret->copy = strdup(value)))
        return fail_memory(error);
    for (char *item = ret->copy, *next; item; item = next) {
        next = strchr(item, ',');
        if (next)
            *next++ = '\0';
        item = trim(item);
        if (!*item)
            return fail_item(property, value, error);
        if (ret->count == ITEMS_MAXIMUM)
            return error_set(error, EX_USAGE, "%s has more than %d items", property->name,
                             ITEMS_MAXIMUM);
        if (!contains(ret->items, ret->count, item, &known) && !push(ret, item))
            return fail_memory(error);
    }
    return 0;
}

/* --- where something new goes --- */

struct anchor {
    const char *at;
    const char *indent; /* NULL: on the line of its neighbour */
    size_t indent_length;
    const char *line_end;
    const char *prefix; /* with its colon */
    size_t prefix_length;
};

static struct anchor anchor_behind(const char *text, const struct ctl_element *element)
{
    struct anchor anchor = {.at = element->close.end,
                            .line_end = ctl_line_end(text),
                            .prefix = element->open.prefix,
                            .prefix_length = element->open.prefix_length};
    const char *rest = ctl_line_rest(element->close.end), *indent;
    size_t length;
    if (rest != element->close.end &&
        ctl_find_indent(text, element->open.start, &indent, &length)) {
        anchor.at = rest;
        anchor.indent = indent;
        anchor.indent_length = length;
    }
    return anchor;
}

static struct anchor anchor_before(const char *text, const struct ctl_element *element)
{
    struct anchor anchor = anchor_behind(text, element);
    anchor.at = anchor.indent ? anchor.indent : element->open.start;
    return anchor;
}

static struct anchor anchor_in_root(const char *text, const struct ctl_element *root,
                                    const struct ctl_elements *children)
{
    struct anchor anchor = {.at = ctl_line_rest(root->open.end),
                            .line_end = ctl_line_end(text),
                            .prefix = root->open.prefix,
                            .prefix_length = root->open.prefix_length};
    if (anchor.at == root->open.end)
        return anchor;
    anchor.indent = "  ";
    anchor.indent_length = 2;
    if (children->count)
        ctl_find_indent(text, children->items[0].open.start, &anchor.indent, &anchor.indent_length);
    return anchor;
}

/* Behind the last of the elements that postern.xml(5) has before it. */
static struct anchor find_anchor(const char *text, const struct ctl_property *property,
                                 const struct ctl_element *root,
                                 const struct ctl_elements *children)
{
    for (size_t i = children->count; i-- > 0;) {
        const struct ctl_tag *tag = &children->items[i].open;
        if (ctl_property_follows(property, tag->name, tag->name_length))
            return anchor_behind(text, &children->items[i]);
    }
    return anchor_in_root(text, root, children);
}

/* --- what is new --- */

static void begin_line(FILE *stream, const struct anchor *anchor, bool deeper)
{
    if (!anchor->indent)
        return;
    fwrite(anchor->indent, 1, anchor->indent_length, stream);
    if (deeper)
        fputs(memchr(anchor->indent, '\t', anchor->indent_length) ? "\t" : "  ", stream);
}

static void end_line(FILE *stream, const struct anchor *anchor)
{
    if (anchor->indent)
        fputs(anchor->line_end, stream);
}

static void put_tag(FILE *stream, const struct anchor *anchor, const char *form, const char *name)
{
    fprintf(stream, "<%s%.*s%s>", form, (int)anchor->prefix_length, anchor->prefix, name);
}

static void put_element(FILE *stream, const struct anchor *anchor, const char *name,
                        const char *value)
{
    put_tag(stream, anchor, "", name);
    ctl_put_escaped(stream, value);
    put_tag(stream, anchor, "/", name);
}

static void put_line(FILE *stream, const struct anchor *anchor, const char *name, const char *value)
{
    begin_line(stream, anchor, false);
    put_element(stream, anchor, name, value);
    end_line(stream, anchor);
}

/* On one line when it is not too long. */
static void put_wrapped(FILE *stream, const struct anchor *anchor,
                        const struct ctl_property *property, char *const *items, size_t count)
{
    size_t length = anchor->indent_length + 2 * strlen(property->name) + 5;
    for (size_t i = 0; i < count; i++)
        length += strlen(items[i]) + 2 * strlen(property->item) + 5;
    bool lines = anchor->indent && length > LINE_MAXIMUM;
    begin_line(stream, anchor, false);
    put_tag(stream, anchor, "", property->name);
    for (size_t i = 0; i < count; i++) {
        if (lines) {
            end_line(stream, anchor);
            begin_line(stream, anchor, true);
        }
        put_element(stream, anchor, property->item, items[i]);
    }
    if (lines) {
        end_line(stream, anchor);
        begin_line(stream, anchor, false);
    }
    put_tag(stream, anchor, "/", property->name);
    end_line(stream, anchor);
}

static char *write_new(const struct anchor *anchor, const struct ctl_property *property,
                       char *const *items, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    if (property->wrapped)
        put_wrapped(stream, anchor, property, items, count);
    for (size_t i = 0; i < count && !property->wrapped; i++)
        put_line(stream, anchor, property->name, items[i]);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* A root that closes itself is opened. */
static void open_root(struct ctl_cuts *cuts, const struct ctl_element *root,
                      const struct ctl_property *property, char *const *items, size_t count)
{
    struct anchor anchor = {.indent = "  ",
                            .indent_length = 2,
                            .line_end = ctl_line_end(cuts->text),
                            .prefix = root->open.prefix,
                            .prefix_length = root->open.prefix_length};
    const struct ctl_tag *tag = &root->open;
    _cleanup_free_ char *inner = write_new(&anchor, property, items, count);
    const char *slash = tag->end - 2;
    char *put;
    while (strchr(" \t\r\n", slash[-1]))
        slash--;
    if (!inner || asprintf(&put, ">%s%s</%.*s>", anchor.line_end, inner,
                           (int)(tag->prefix_length + tag->name_length), tag->prefix) < 0)
        put = NULL;
    ctl_cut(cuts, slash, tag->end, put);
}

static void insert(struct ctl_cuts *cuts, const struct ctl_property *property,
                   const struct ctl_element *root, const struct ctl_elements *children,
                   char *const *items, size_t count)
{
    if (root->open.kind == CTL_TAG_EMPTY) {
        open_root(cuts, root, property, items, count);
        return;
    }
    struct anchor anchor = find_anchor(cuts->text, property, root, children);
    ctl_cut(cuts, anchor.at, anchor.at, write_new(&anchor, property, items, count));
}

/* --- one value --- */

static bool set_value(struct ctl_cuts *cuts, const struct ctl_element *element, const char *value)
{
    _cleanup_free_ char *now = ctl_element_value(element);
    return now && (strcmp(now, value) == 0 || ctl_cut_value(cuts, element, value));
}

/* --- a list --- */

static void put_item(struct ctl_cuts *cuts, const struct ctl_property *property,
                     const struct anchor *anchor, const char *item)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        cuts->failed = true;
        return;
    }
    put_line(stream, anchor, property->item, item);
    if (ferror(stream))
        cuts->failed = true;
    if (fclose(stream) != 0) {
        free(text);
        text = NULL;
    }
    ctl_cut(cuts, anchor->at, anchor->at, text);
}

/* What the list is made into: `old` are the values of `elements`, in both orders. */
struct rewriting {
    const struct ctl_property *property;
    const struct ctl_elements *elements;
    const struct values *old, *fresh;
    size_t next;                    /* of the elements: the first that nothing was done with */
    const struct ctl_element *last; /* the one that stays and came last; NULL: none */
};

/* Elements that no later item wants make room; true when one of them takes the item's value. */
static bool replace_unwanted(struct rewriting *list, struct ctl_cuts *cuts, size_t j)
{
    const struct values *old = list->old, *fresh = list->fresh;
    size_t found;
    bool here = contains(old->items + list->next, old->count - list->next, fresh->items[j], &found);
    while (list->next < old->count &&
           !contains(fresh->items + j, fresh->count - j, old->items[list->next], &found)) {
        const struct ctl_element *element = &list->elements->items[list->next++];
        if (!here) {
            cuts->failed |= !ctl_cut_value(cuts, element, fresh->items[j]);
            list->last = element;
            return true;
        }
        ctl_cut_element(cuts, element);
    }
    return false;
}

static void place_item(struct rewriting *list, struct ctl_cuts *cuts, size_t j)
{
    const struct values *old = list->old;
    size_t found;
    if (replace_unwanted(list, cuts, j))
        return;
    if (contains(old->items + list->next, old->count - list->next, list->fresh->items[j], &found)) {
        for (; found; found--)
            ctl_cut_element(cuts, &list->elements->items[list->next++]);
        list->last = &list->elements->items[list->next++];
        return;
    }
    struct anchor anchor = list->last ? anchor_behind(cuts->text, list->last)
                                      : anchor_before(cuts->text, &list->elements->items[0]);
    put_item(cuts, list->property, &anchor, list->fresh->items[j]);
}

static void rewrite_list(struct rewriting *list, struct ctl_cuts *cuts)
{
    for (size_t j = 0; j < list->fresh->count; j++)
        place_item(list, cuts, j);
    while (list->next < list->old->count)
        ctl_cut_element(cuts, &list->elements->items[list->next++]);
}

static void clear_old(struct values *old)
{
    for (size_t i = 0; i < old->count; i++)
        free(old->items[i]);
    clear_values(old);
}

static bool read_values(const struct ctl_elements *elements, struct values *ret)
{
    for (size_t i = 0; i < elements->count; i++) {
        char *value = ctl_element_value(&elements->items[i]);
        if (!value || !push(ret, value)) {
            free(value);
            return false;
        }
    }
    return true;
}

static int fail_absent(const struct ctl_property *property, const struct values *old,
                       const char *item, struct error *error)
{
    struct conn_guess guess = {.word = item};
    char list[300] = "";
    for (size_t i = 0, used = 0; i < old->count && used < sizeof list; i++) {
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", old->items[i]);
        conn_guess_consider(&guess, old->items[i]);
    }
    error_set(error, EX_DATAERR, "%s has no %.100s%s%.100s%s It has: %s", property->name, item,
              guess.best ? "; did you mean " : ".", guess.best ? guess.best : "",
              guess.best ? "?" : "", old->count ? list : "nothing");
    return error_cure(error, "remove one that is there");
}

/* The list as it is to be: items belong to `old` and `given`. */
static int combine(const struct ctl_property *property, enum ctl_edit_how how,
                   const struct values *old, const struct values *given, struct values *ret,
                   struct error *error)
{
    size_t found;
    bool fits = true;
    for (size_t i = 0; how == CTL_EDIT_REMOVE && i < given->count; i++)
        if (!contains(old->items, old->count, given->items[i], &found))
            return fail_absent(property, old, given->items[i], error);
    for (size_t i = 0; how != CTL_EDIT_SET && i < old->count; i++)
        if (how == CTL_EDIT_ADD || !contains(given->items, given->count, old->items[i], &found))
            fits &= push(ret, old->items[i]);
    for (size_t i = 0; how != CTL_EDIT_REMOVE && i < given->count; i++)
        if (!contains(ret->items, ret->count, given->items[i], &found))
            fits &= push(ret, given->items[i]);
    return fits ? 0 : fail_memory(error);
}

/* --- all of it --- */

static int fail_form(struct error *error)
{
    error_set(error, EX_DATAERR, "The file is not of a form that posternctl can change");
    return error_cure(error, "change it with an editor, then posternctl reload");
}

static int check_value(const struct ctl_property *property, enum ctl_edit_how how,
                       const char *value, struct error *error)
{
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            error_set(error, EX_USAGE, "The value of %s holds a control character", property->name);
            return error_cure(error, "take it out");
        }
    if (how == CTL_EDIT_SET)
        return 0;
    if (!property->item) {
        error_set(error, EX_USAGE, "%s has one value: nothing can be added or removed",
                  property->name);
        return error_cure(error, "%s=VALUE", property->name);
    }
    if (*value)
        return 0;
    error_set(error, EX_USAGE, "Nothing is named that %s is to %s", property->name,
              how == CTL_EDIT_ADD ? "have more" : "have no more");
    return error_cure(error, "%s%c=ITEM,ITEM", property->name, how == CTL_EDIT_ADD ? '+' : '-');
}

static int change_list(struct ctl_cuts *cuts, const struct ctl_property *property,
                       const struct ctl_element *root, const struct ctl_elements *children,
                       const struct ctl_elements *named, enum ctl_edit_how how, const char *value,
                       struct error *error)
{
    _cleanup_(clear_values) struct values given = {0}, fresh = {0};
    _cleanup_(clear_old) struct values old = {0};
    _cleanup_(clear_elements) struct ctl_elements inner = {0};
    const struct ctl_elements *items = property->wrapped ? &inner : named;
    if (property->wrapped && named->count &&
        !ctl_element_children(&named->items[0], property->item, &inner))
        return fail_memory(error);
    if (!read_values(items, &old))
        return fail_form(error);
    int result = split(property, value, &given, error);
    if (result == 0)
        result = combine(property, how, &old, &given, &fresh, error);
    if (result < 0)
        return result;
    struct rewriting list = {property, items, &old, &fresh, 0, NULL};
    if (!fresh.count && property->wrapped && named->count)
        ctl_cut_element(cuts, &named->items[0]);
    else if (fresh.count && !named->count)
        insert(cuts, property, root, children, fresh.items, fresh.count);
    else if (fresh.count && !items->count)
        return fail_form(error);
    else
        rewrite_list(&list, cuts);
    return 0;
}

static int change(struct ctl_cuts *cuts, const struct ctl_property *property, enum ctl_edit_how how,
                  const char *value, struct error *error)
{
    struct ctl_element root;
    _cleanup_(clear_elements) struct ctl_elements children = {0}, named = {0};
    if (!ctl_is_utf8(cuts->text) || !ctl_element_read(cuts->text, &root))
        return fail_form(error);
    if (!ctl_element_children(&root, NULL, &children) ||
        !ctl_element_children(&root, property->name, &named))
        return fail_memory(error);
    if (property->item)
        return change_list(cuts, property, &root, &children, &named, how, value, error);
    if (named.count > 1)
        return fail_form(error);
    char *written = (char *)(uintptr_t)ctl_property_spelling(property, value);
    if (!named.count && *value)
        insert(cuts, property, &root, &children, &written, 1);
    else if (named.count && !*value)
        ctl_cut_element(cuts, &named.items[0]);
    else if (named.count && !set_value(cuts, &named.items[0], written))
        return fail_form(error);
    return 0;
}

int ctl_edit_set(const char *text, const struct ctl_property *property, enum ctl_edit_how how,
                 const char *value, char **ret, struct error *error)
{
    struct ctl_cuts cuts = {.text = text};
    int result = check_value(property, how, value, error);
    if (result == 0)
        result = change(&cuts, property, how, value, error);
    char *fresh = ctl_cuts_apply(&cuts);
    if (result == 0 && !fresh)
        result = fail_memory(error);
    if (result == 0)
        *ret = fresh;
    else
        free(fresh);
    return result;
}
