/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See element.h. */
#include "gateway/ctl/element.h"

#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"

static const char white[] = " \t\r\n";

/* --- elements --- */

bool ctl_element_read(const char *at, struct ctl_element *ret)
{
    struct ctl_tag tag;
    int depth = 0;
    if (!ctl_tag_next(at, &tag) || tag.kind == CTL_TAG_END)
        return false;
    ret->open = tag;
    do {
        depth += tag.kind == CTL_TAG_START ? 1 : tag.kind == CTL_TAG_END ? -1 : 0;
        ret->close = tag;
    } while (depth > 0 && ctl_tag_next(tag.end, &tag));
    return depth == 0;
}

bool ctl_element_children(const struct ctl_element *parent, const char *name,
                          struct ctl_elements *ret)
{
    struct ctl_elements found = {0};
    struct ctl_element element;
    const char *at = parent->open.end;
    while (at < parent->close.start && ctl_element_read(at, &element) &&
           element.close.end <= parent->close.start) {
        at = element.close.end;
        if (name && !ctl_tag_is(&element.open, name))
            continue;
        void *grown = reallocarray(found.items, found.count + 1, sizeof element);
        if (!grown) {
            free(found.items);
            return false;
        }
        found.items = grown;
        found.items[found.count++] = element;
    }
    *ret = found;
    return true;
}

/* A stretch of text or CDATA, without blanks at its ends. */
struct piece {
    const char *start, *end; /* of what stands in the file */
    const char *from, *to;   /* of what it says */
    bool literal;            /* has no entities */
};

/* The next piece from *at on: 1, or 0 at the end, or -1 at an element. */
static int next_piece(const char **at, const char *end, struct piece *ret)
{
    while (*at && *at < end) {
        const char *start = *at, *other = *start == '<' ? ctl_skip_other(start) : start;
        bool literal = strncmp(start, "<![CDATA[", 9) == 0;
        if (*start == '<' && other == start)
            return -1;
        *at = *start == '<' ? other : start + strcspn(start, "<");
        if (*start == '<' && !literal)
            continue;
        *ret = (struct piece){start, *at, start, *at, literal};
        if (literal) {
            ret->from += 9;
            ret->to -= 3;
            return 1;
        }
        while (ret->to > ret->from && strchr(white, ret->to[-1]))
            ret->to--;
        while (ret->from < ret->to && strchr(white, *ret->from))
            ret->from++;
        ret->start = ret->from;
        ret->end = ret->to;
        if (ret->from < ret->to)
            return 1;
    }
    return 0;
}

static void put_number(FILE *stream, unsigned long number)
{
    if (number < 0x80) {
        fputc((int)number, stream);
    } else if (number < 0x800) {
        fprintf(stream, "%c%c", (int)(0xc0 | number >> 6), (int)(0x80 | (number & 0x3f)));
    } else if (number < 0x10000) {
        fprintf(stream, "%c%c%c", (int)(0xe0 | number >> 12), (int)(0x80 | (number >> 6 & 0x3f)),
                (int)(0x80 | (number & 0x3f)));
    } else {
        fprintf(stream, "%c%c%c%c", (int)(0xf0 | number >> 18), (int)(0x80 | (number >> 12 & 0x3f)),
                (int)(0x80 | (number >> 6 & 0x3f)), (int)(0x80 | (number & 0x3f)));
    }
}

/* From behind '&'; returns behind the entity. */
static const char *put_entity(FILE *stream, const char *at)
{
    static const struct {
        const char *name;
        char byte;
    } known[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strncmp(at, known[i].name, strlen(known[i].name)) == 0) {
            fputc(known[i].byte, stream);
            return at + strlen(known[i].name);
        }
    if (*at == '#') {
        char *end;
        bool hex = at[1] == 'x';
        unsigned long number = strtoul(at + 1 + hex, &end, hex ? 16 : 10);
        if (*end == ';') {
            put_number(stream, number);
            return end + 1;
        }
    }
    fputc('&', stream);
    return at;
}

static void put_piece(FILE *stream, const struct piece *piece)
{
    for (const char *at = piece->from; at < piece->to;) {
        if (*at == '&' && !piece->literal)
            at = put_entity(stream, at + 1);
        else
            fputc(strchr(white, *at) ? ' ' : *at, stream), at++;
    }
}

char *ctl_element_value(const struct ctl_element *element)
{
    struct piece piece;
    char *value = NULL;
    size_t size = 0;
    int more;
    const char *at = element->open.end;
    FILE *stream = open_memstream(&value, &size);
    if (!stream)
        return NULL;
    while ((more = next_piece(&at, element->close.start, &piece)) > 0)
        put_piece(stream, &piece);
    bool failed = ferror(stream);
    if (fclose(stream) != 0 || failed || more < 0) {
        free(value);
        return NULL;
    }
    size_t lead = strspn(value, white);
    memmove(value, value + lead, size - lead + 1);
    for (size -= lead; size && strchr(white, value[size - 1]); size--)
        value[size - 1] = '\0';
    return value;
}

/* --- cuts --- */

void ctl_cut(struct ctl_cuts *cuts, const char *start, const char *end, char *put)
{
    struct ctl_cut *grown =
        put ? reallocarray(cuts->items, cuts->count + 1, sizeof *cuts->items) : NULL;
    if (!grown) {
        free(put);
        cuts->failed = true;
        return;
    }
    cuts->items = grown;
    cuts->items[cuts->count++] = (struct ctl_cut){start, end, put};
}

const char *ctl_line_rest(const char *at)
{
    const char *rest = at;
    for (;;) {
        rest += strspn(rest, " \t\r");
        if (*rest == '\n')
            return rest + 1;
        if (strncmp(rest, "<!--", 4) != 0)
            return at;
        const char *behind = ctl_skip_other(rest);
        if (!behind)
            return at;
        rest = behind;
    }
}

void ctl_cut_element(struct ctl_cuts *cuts, const struct ctl_element *element)
{
    const char *start = element->open.start, *end = element->close.end, *indent;
    const char *rest = end + strspn(end, " \t\r");
    size_t length;
    if (*rest == '\n' && ctl_find_indent(cuts->text, start, &indent, &length)) {
        start = indent;
        end = rest + 1;
    }
    ctl_cut(cuts, start, end, strdup(""));
}

static char *escape(const char *before, const char *value, const struct ctl_tag *end)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs(before, stream);
    ctl_put_escaped(stream, value);
    if (end)
        fprintf(stream, "</%.*s>", (int)(end->prefix_length + end->name_length), end->prefix);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

bool ctl_cut_value(struct ctl_cuts *cuts, const struct ctl_element *element, const char *value)
{
    struct piece piece;
    const char *at = element->open.end;
    bool first = true;
    int more;
    if (element->open.kind == CTL_TAG_EMPTY) {
        const char *slash = element->open.end - 2;
        while (strchr(white, slash[-1]))
            slash--;
        ctl_cut(cuts, slash, element->open.end, escape(">", value, &element->open));
        return true;
    }
    for (; (more = next_piece(&at, element->close.start, &piece)) > 0; first = false)
        ctl_cut(cuts, piece.start, piece.end, first ? escape("", value, NULL) : strdup(""));
    if (more == 0 && first)
        ctl_cut(cuts, element->open.end, element->open.end, escape("", value, NULL));
    return more == 0;
}

/* In the order of the text; at one place what is put in comes first, in the order it was said. */
static int compare_cuts(const void *a, const void *b)
{
    const struct ctl_cut *left = a, *right = b;
    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return (left->end > left->start) - (right->end > right->start);
}

/* Stable, and the lists are nearly in order. */
static void sort_cuts(struct ctl_cuts *cuts)
{
    for (size_t i = 1; i < cuts->count; i++)
        for (size_t j = i; j && compare_cuts(&cuts->items[j - 1], &cuts->items[j]) > 0; j--) {
            struct ctl_cut swap = cuts->items[j];
            cuts->items[j] = cuts->items[j - 1];
            cuts->items[j - 1] = swap;
        }
}

char *ctl_cuts_apply(struct ctl_cuts *cuts)
{
    char *text = NULL;
    size_t size = 0;
    const char *at = cuts->text;
    FILE *stream = cuts->failed ? NULL : open_memstream(&text, &size);
    sort_cuts(cuts);
    for (size_t i = 0; i < cuts->count; i++) {
        const struct ctl_cut *cut = &cuts->items[i];
        if (stream) {
            fwrite(at, 1, (size_t)(cut->start - at), stream);
            fputs(cut->put, stream);
        }
        at = cut->end;
        free(cut->put);
    }
    free(cuts->items);
    if (!stream)
        return NULL;
    fputs(at, stream);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
