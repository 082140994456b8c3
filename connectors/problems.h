/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The list of what is wrong, while it is being made (load.h shows it to others).
 *
 * Adding cannot fail towards the caller: what does not fit any more, or finds no memory, is
 * counted. One thread. */
#ifndef POSTERN_CONNECTORS_PROBLEMS_H
#define POSTERN_CONNECTORS_PROBLEMS_H

#include "connectors/load.h"

enum { CONN_PROBLEMS_MAXIMUM = 200 };

/* Keeps `error`'s sentence and cure. Text becomes valid UTF-8 on one line, whatever came. */
void conn_problems_add(struct conn_problems *problems, bool warning, const char *file, long line,
                       const struct error *error);

/* Puts the problems from number `first` on into the order of their lines. */
void conn_problems_sort(struct conn_problems *problems, size_t first);

/* Puts all of them into the order of `files` and in each of the lines; what is of no file stays
 * behind what it stood behind. */
void conn_problems_sort_files(struct conn_problems *problems, const struct conn_strings *files);

#endif
