/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in memory of exactly their own size, so that AddressSanitizer sees who reads past them; and
 * the fuzzers' corpora, replayed from such memory. Aborts the test on any failure of its own. */
#ifndef POSTERN_TESTS_GATEWAY_EXACT_H
#define POSTERN_TESTS_GATEWAY_EXACT_H

#include <stddef.h>

/* A text that may hold NUL, as two members of a table's row. */
#define BYTES(text) (text), sizeof(text) - 1

/* To be freed by the caller. */
char *exact_copy(const char *bytes, size_t length);

/* `count` times the same byte; to be freed by the caller. Ended by NUL behind the last. */
char *many(char byte, size_t count);

/* Gives every file of a folder to the fuzzer's entry that is linked in, and each file's beginnings
 * too; returns how many files there are. */
unsigned exact_replay(const char *folder);

#endif
