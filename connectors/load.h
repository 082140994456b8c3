/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reading postern.xml, inbound/ and outbound/ against the XSD, and saying everything that is wrong.
 *
 * libxml2 without DTD, entities, network or XInclude, and with caps on size (1 MiB a file) and
 * depth; a DOCTYPE is an error. The schema is compiled into the program, and shipped. Loading is
 * all or nothing. Only the main thread loads. */
#ifndef POSTERN_CONNECTORS_LOAD_H
#define POSTERN_CONNECTORS_LOAD_H

#include "connectors/model.h"
#include "pki/base/error.h"

struct conn_problem {
    bool warning; /* legal, and the administrator should know */
    char *file;
    int line; /* 0: the file as a whole */
    char *what, *cure;
};

/* Every problem found, in the order of files and lines; at most 200 are kept, then they are
 * counted. */
struct conn_problems {
    struct conn_problem *items;
    size_t count, errors, warnings, dropped;
};
void conn_problems_clear(struct conn_problems *problems);

/* 0 and *ret when there was no error (there may be warnings); -EX_CONFIG and the problems else.
 * Also checked here, without network or token: the files that are named exist and can be read,
 * chains and anchors parse, references between elements are met, no two connectors have one name.
 */
int conn_load(const char *directory, struct conn_config **ret, struct conn_problems *problems);

/* The same as if `file` (by its absolute name, as struct conn_place has it) held `text`, whether it
 * is there now or not, or with NULL as if it were not there: a change is tried before it is made. */
int conn_load_with(const char *directory, const char *file, const char *text,
                   struct conn_config **ret, struct conn_problems *problems);

/* The same for several files, of which some may not be there yet. Texts and names are the caller's. */
struct conn_override {
    const char *file, *text;
};
int conn_load_with_files(const char *directory, const struct conn_override *others, size_t count,
                         struct conn_config **ret, struct conn_problems *problems);

/* A range as the configuration writes it: "10.1.0.5", "10.20.0.0/16" or "10.1.0.5-10.1.0.9". Always
 * ended by NUL; returns text. */
enum { CONN_RANGE_TEXT_MAXIMUM = 2 * INET6_ADDRSTRLEN + 8 };
const char *conn_range_text(const struct conn_range *range, char *text, size_t size);

/* One outbound or inbound connector as the XML that would declare it (for `show`). The caller
 * frees. */
char *conn_inbound_xml(const struct conn_inbound *connector);
char *conn_outbound_xml(const struct conn_outbound *connector);

#endif
