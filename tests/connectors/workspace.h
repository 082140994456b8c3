/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A configuration directory of a test's own: the example, changed at one place, then loaded.
 *
 * workspace_begin() and workspace_end() are a checked fixture; what stands between belongs to the
 * one test that runs. */
#ifndef POSTERN_TESTS_WORKSPACE_H
#define POSTERN_TESTS_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "connectors/load.h"

extern struct conn_config *workspace_config; /* NULL after a load that failed */
extern struct conn_problems workspace_problems;

void workspace_begin(void); /* the example, with paths that exist, and without Delivery Queued */
void workspace_end(void);

const char *workspace_path(const char *name); /* until the next call */
void workspace_write(const char *name, const char *bytes, size_t length);
void workspace_copy(const char *source, const char *name);
void workspace_write_text(const char *name, const char *text);
/* Replaces the one place where `old` stands in a file; the test fails when there is none. */
void workspace_replace(const char *name, const char *old, const char *fresh);
void workspace_remove(const char *name);

int workspace_load(void);

/* Which problem is of that kind, in that file (its end), on that line (-1: any), and has the
 * fragment in its sentence or cure. */
bool workspace_has_problem(bool warning, const char *file, int line, const char *fragment);
/* All problems, for the message of a failing test. */
const char *workspace_show(void);

#endif
