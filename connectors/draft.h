/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A connector that is being made: elements by name, written as XML in the order of the manual.
 *
 * A value in its owner, zeroed. Being out of memory is remembered, and told by draft_xml(). */
#ifndef POSTERN_CONNECTORS_DRAFT_H
#define POSTERN_CONNECTORS_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

struct conn_draft {
    struct conn_draft_entry {
        const char *element, *item; /* constants; item NULL: the text is the element's own */
        char *text;
    } * entries;
    size_t count;
    bool failed;
};

/* One more; what stands there already is not put twice. Control characters become spaces. */
void conn_draft_put(struct conn_draft *draft, const char *element, const char *item,
                    const char *text);
bool conn_draft_has(const struct conn_draft *draft, const char *element);
void conn_draft_drop(struct conn_draft *draft, const char *element);
/* Takes out one entry; those behind it move up. */
void conn_draft_remove(struct conn_draft *draft, size_t index);
/* The caller frees; NULL: no memory, now or before. */
char *conn_draft_xml(const struct conn_draft *draft, bool inbound, const char *name);
void conn_draft_clear(struct conn_draft *draft);

#endif
