/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean …?": the nearest of some words to one that is not among them.
 *
 *     struct conn_guess guess = {.word = "SmartHost"};
 *     conn_guess_consider(&guess, "SmartHosts");   … and so on for all that would be right
 *     if (guess.best) …
 *
 * Pure; borrows the words. */
#ifndef POSTERN_CONNECTORS_GUESS_H
#define POSTERN_CONNECTORS_GUESS_H

struct conn_guess {
    const char *word;
    const char *best; /* NULL: nothing is near */
    unsigned distance;
};

void conn_guess_consider(struct conn_guess *guess, const char *candidate);

/* The word of this vocabulary for one that Exchange, or a hasty hand, has for the same thing; NULL:
 * none is known. */
const char *conn_guess_synonym(const char *word);

#endif
