/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the main() of every Check program does in the end. */
#ifndef POSTERN_TESTS_SUITE_H
#define POSTERN_TESTS_SUITE_H

#include <check.h>

/* Runs the suite as the environment asks (CK_RUN_CASE, CK_FORK, …), and frees it; the exit status. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
