/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Files of the configuration, replaced, made and removed as a whole: also where somebody else is at
 * them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/ctl/replace.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

static char directory[64], path[128];

static void write_file(const char *name, const char *text)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", directory, name);
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
    snprintf(directory, sizeof directory, "/tmp/postern-replace-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/one.xml", directory);
    write_file("postern.xml", "");
    write_file("one.xml", "old");
}

static void tear_down(void)
{
    static const char *const names[] = {"postern.xml", "one.xml", "two.xml", ".one.xml.removed"};
    char full[128];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(full, sizeof full, "%s/%s", directory, names[i]);
        unlink(full);
    }
    ck_assert_msg(rmdir(directory) == 0, "something else is left behind");
}

static void check_holds(const char *text)
{
    struct error error;
    _cleanup_(ctl_file_clear) struct ctl_file file = {.path = NULL};
    ck_assert_int_eq(ctl_file_read(path, &file, &error), 0);
    ck_assert_str_eq(file.text, text);
}

START_TEST(test_a_file_is_replaced_and_keeps_its_mode)
{
    struct error error;
    struct stat status;
    _cleanup_(ctl_file_clear) struct ctl_file file = {.path = NULL};
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_int_eq(ctl_file_read(path, &file, &error), 0);
    ck_assert_int_eq(ctl_file_replace(&file, "new", &error), 0);
    check_holds("new");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0604);
    ck_assert_int_eq(ctl_file_replace(&file, "newer", &error), 0);
    check_holds("newer");
}
END_TEST

START_TEST(test_what_somebody_changed_meanwhile_is_left_alone)
{
    struct error error;
    _cleanup_(ctl_file_clear) struct ctl_file file = {.path = NULL};
    ck_assert_int_eq(ctl_file_read(path, &file, &error), 0);
    write_file("one.xml", "theirs");
    ck_assert_int_eq(ctl_file_replace(&file, "ours", &error), -EX_TEMPFAIL);
    ck_assert_int_eq(ctl_file_put_aside(&file, path, &error), -EX_TEMPFAIL);
    check_holds("theirs");
}
END_TEST

START_TEST(test_a_new_file_takes_no_others_place)
{
    struct error error;
    struct stat status;
    char two[128], like[128];
    snprintf(two, sizeof two, "%s/two.xml", directory);
    snprintf(like, sizeof like, "%s/postern.xml", directory);
    ck_assert_int_eq(chmod(like, 0640), 0);
    ck_assert_int_eq(ctl_file_create(path, "new", directory, &error), -EX_DATAERR);
    check_holds("old");
    ck_assert_int_eq(ctl_file_create(two, "new", directory, &error), 0);
    ck_assert_int_eq(stat(two, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0640);
    ck_assert_int_eq(ctl_file_delete(two, &error), 0);
    ck_assert_int_eq(ctl_file_delete(two, &error), -EX_IOERR);
}
END_TEST

START_TEST(test_a_file_put_aside_comes_back_or_goes)
{
    struct error error;
    _cleanup_(ctl_file_clear) struct ctl_file file = {.path = NULL};
    ck_assert_int_eq(ctl_file_read(path, &file, &error), 0);
    ck_assert_int_eq(ctl_file_put_aside(&file, path, &error), 0);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(ctl_file_put_back(path, &error), 0);
    check_holds("old");
    ck_assert_int_eq(ctl_file_put_aside(&file, path, &error), 0);
    ck_assert_int_eq(ctl_file_delete_aside(path, &error), 0);
    ck_assert_int_eq(ctl_file_put_back(path, &error), -EX_IOERR);
}
END_TEST

START_TEST(test_a_folder_that_is_not_there_is_said)
{
    struct error error;
    char nowhere[160];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere/one.xml", directory);
    ck_assert_int_eq(ctl_file_create(nowhere, "new", directory, &error), -EX_IOERR);
    ck_assert_ptr_nonnull(strstr(error.cure, "folder"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replace");
    TCase *tests = tcase_create("replace");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_a_file_is_replaced_and_keeps_its_mode);
    tcase_add_test(tests, test_what_somebody_changed_meanwhile_is_left_alone);
    tcase_add_test(tests, test_a_new_file_takes_no_others_place);
    tcase_add_test(tests, test_a_file_put_aside_comes_back_or_goes);
    tcase_add_test(tests, test_a_folder_that_is_not_there_is_said);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
