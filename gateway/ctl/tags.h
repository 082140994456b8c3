/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the tags of a text are, byte for byte: what the edits of edit.h stand on. libxml2 knows
 * lines, and no bytes.
 *
 * Pure functions over text that is well-formed; pointers go into it. */
#ifndef POSTERN_GATEWAY_CTL_TAGS_H
#define POSTERN_GATEWAY_CTL_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ctl_tag {
    const char *start, *end; /* from '<' to behind '>' */
    const char *name;        /* the local one */
    size_t name_length;
    const char *prefix; /* with its colon */
    size_t prefix_length;
    enum { CTL_TAG_START, CTL_TAG_END, CTL_TAG_EMPTY } kind;
};

/* The next tag from `at` on; false: there is none. */
bool ctl_tag_next(const char *at, struct ctl_tag *ret);
bool ctl_tag_is(const struct ctl_tag *tag, const char *name);

/* Behind a comment, CDATA or an instruction; `at` itself when it is none; NULL: it does not end. */
const char *ctl_skip_other(const char *at);

/* The blanks before `at` when nothing else stands on its line; false otherwise. */
bool ctl_find_indent(const char *text, const char *at, const char **ret, size_t *ret_length);

/* False: an encoding is declared that is not UTF-8, or it is UTF-16 by its first bytes. */
bool ctl_is_utf8(const char *text);

/* How the lines of the text end. */
const char *ctl_line_end(const char *text);

/* As the text of an element. */
void ctl_put_escaped(FILE *stream, const char *text);

#endif
