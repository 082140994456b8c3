/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Elements of a text by their bytes, and cuts: what is taken out of it and put in, gathered first
 * and made all at once. Inside of edit-set.c. Pure; pointers go into the text. */
#ifndef POSTERN_GATEWAY_CTL_ELEMENT_H
#define POSTERN_GATEWAY_CTL_ELEMENT_H

#include "gateway/ctl/tags.h"

struct ctl_element {
    struct ctl_tag open, close; /* the same when it closes itself */
};

struct ctl_elements {
    struct ctl_element *items;
    size_t count;
};

/* The element that begins with the next tag from `at` on; false: none begins, or it does not end.
 */
bool ctl_element_read(const char *at, struct ctl_element *ret);
/* Its child elements, all or those of one name (NULL: all). False: no memory. */
bool ctl_element_children(const struct ctl_element *parent, const char *name,
                          struct ctl_elements *ret);
/* Its text, without comments, trimmed. The caller frees; NULL: no memory, or it holds elements. */
char *ctl_element_value(const struct ctl_element *element);

struct ctl_cut {
    const char *start, *end; /* in the text; equal: nothing is taken out */
    char *put;               /* instead */
};

struct ctl_cuts {
    const char *text;
    struct ctl_cut *items;
    size_t count;
    bool failed; /* no memory: the result is none */
};

/* Takes over `put`; NULL is no memory. */
void ctl_cut(struct ctl_cuts *cuts, const char *start, const char *end, char *put);
/* The element, with its line when it stands alone there. */
void ctl_cut_element(struct ctl_cuts *cuts, const struct ctl_element *element);
/* The element's text. False: it holds elements. */
bool ctl_cut_value(struct ctl_cuts *cuts, const struct ctl_element *element, const char *value);
/* The text with the cuts made; NULL: no memory. Frees the cuts. */
char *ctl_cuts_apply(struct ctl_cuts *cuts);

/* Behind the rest of a line that holds nothing but blanks and comments; `at` itself otherwise. */
const char *ctl_line_rest(const char *at);

#endif
