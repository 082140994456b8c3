/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The store of certificates: what it keeps, what it refuses, and what a crash leaves of it.
 *
 * The program is linked so that every call that changes the disk comes through here (--wrap); a
 * child is killed at each of them in turn. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki/store-files.h"
#include "pki/store.h"
#include "tests/suite.h"

static char root[64];

static void setup(void)
{
    strcpy(root, "/tmp/postern-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_tree(const char *path)
{
    DIR *list = opendir(path);
    struct dirent *entry;
    while (list && (entry = readdir(list))) {
        char inner[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%.200s/%.255s", path, entry->d_name);
        if (unlink(inner) < 0)
            remove_tree(inner);
    }
    if (list)
        closedir(list);
    rmdir(path);
}

static void teardown(void)
{
    remove_tree(root);
}

/* --- calls that change the disk --- */

static unsigned calls, kill_at; /* kill_at 0: never */
static bool kill_after;         /* the call is made first, or half of it */
static char trace[512];

static void note(char what)
{
    size_t used = strlen(trace);
    if (used + 1 < sizeof trace)
        trace[used] = what;
}

static void die_here(void)
{
    raise(SIGKILL);
}

static bool dies(char what)
{
    note(what);
    if (++calls != kill_at)
        return false;
    if (!kill_after)
        die_here();
    return true;
}

int __real_mkdirat(int fd, const char *path, mode_t mode);
int __real_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __real_unlinkat(int fd, const char *path, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t length);
int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_fsync(int fd);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_unlinkat(int fd, const char *path, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
int __wrap_openat(int fd, const char *path, int flags, ...);

#define FALL(what, call)                                                                           \
    bool last = dies(what);                                                                        \
    __typeof__(call) result = (call);                                                              \
    if (last)                                                                                      \
        die_here();                                                                                \
    return result

int __wrap_mkdirat(int fd, const char *path, mode_t mode)
{
    FALL('m', __real_mkdirat(fd, path, mode));
}

int __wrap_fsync(int fd)
{
    FALL('s', __real_fsync(fd));
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
    FALL('r', __real_renameat(from, old, to, new));
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
    FALL('u', __real_unlinkat(fd, path, flags));
}

/* Half of it, when it is the last. */
ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    bool last = dies('w');
    ssize_t result = __real_write(fd, bytes, last ? length / 2 : length);
    if (last)
        die_here();
    return result;
}

int __wrap_openat(int fd, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!(flags & O_CREAT))
        return __real_openat(fd, path, flags);
    FALL('c', __real_openat(fd, path, flags, mode));
}

/* --- what is kept --- */

static struct pki_store *open_store(void)
{
    struct pki_store *store = NULL;
    struct error error;
    int result = pki_store_open(&store, root, "hybrid", true, &error);
    ck_assert_msg(result == 0, "%s (%s)", error.what, error.where);
    ck_assert_ptr_nonnull(store);
    return store;
}

/* Of the n-th certificate, everything says so. */
static unsigned add(struct pki_store *store, unsigned n)
{
    struct error error;
    struct pki_generation generation = {.came = 1700000000 + n};
    char chain[64], keys[64];
    unsigned number = 0;
    snprintf(generation.fingerprint, sizeof generation.fingerprint, "%064X", n);
    snprintf(generation.from, sizeof generation.from, "test %u", n);
    snprintf(chain, sizeof chain, "chain %u\n", n);
    snprintf(keys, sizeof keys, "pkcs11:object=key-%u\n/run/key-%u\n", n, n);
    generation.keys = keys;
    int result = pki_store_add(store, &generation, chain, &number, &error);
    ck_assert_msg(result == 0, "%s (%s)", error.what, error.where);
    return number;
}

static void expect_whole(struct pki_store *store, unsigned number)
{
    struct error error;
    struct pki_generation found = {0};
    char text[80];
    int result = pki_store_read(store, number, &found, &error);
    ck_assert_msg(result == 0, "%s (%s)", error.what, error.where);
    unsigned n = (unsigned)(found.came - 1700000000);
    snprintf(text, sizeof text, "test %u", n);
    ck_assert_str_eq(found.from, text);
    snprintf(text, sizeof text, "%064X", n);
    ck_assert_str_eq(found.fingerprint, text);
    snprintf(text, sizeof text, "pkcs11:object=key-%u\n/run/key-%u\n", n, n);
    ck_assert_str_eq(found.keys, text);
    char *path = pki_store_chain_path(store, number), chain[80] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(chain, sizeof chain, file));
    fclose(file);
    free(path);
    snprintf(text, sizeof text, "chain %u\n", n);
    ck_assert_str_eq(chain, text);
    pki_generation_clear(&found);
}

static unsigned entries(void)
{
    char path[128];
    unsigned count = 0;
    struct dirent *entry;
    snprintf(path, sizeof path, "%s/certificates/hybrid", root);
    DIR *list = opendir(path);
    ck_assert_ptr_nonnull(list);
    while ((entry = readdir(list)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(list);
    return count;
}

static void switch_to(struct pki_store *store, struct pki_roles roles)
{
    struct error error;
    int result = pki_store_switch(store, &roles, &error);
    ck_assert_msg(result == 0, "%s (%s)", error.what, error.where);
}

START_TEST(what_has_a_role_is_there_after_it_is_opened_again)
{
    struct pki_store *store = open_store();
    unsigned one = add(store, 1);
    switch_to(store, (struct pki_roles){.generation = {one, 0, 0}, .activate_at = 1800000000});
    unsigned two = add(store, 2);
    struct pki_roles roles = {.generation = {two, one, 0}};
    memset(roles.base, 'A', sizeof roles.base - 1);
    switch_to(store, roles);
    pki_store_close(store);
    store = open_store();
    struct pki_roles found = pki_store_roles(store);
    ck_assert_mem_eq(&found, &roles, sizeof roles);
    expect_whole(store, one);
    expect_whole(store, two);
    ck_assert_uint_eq(entries(), 3);
    pki_store_close(store);
}
END_TEST

START_TEST(the_time_of_an_activation_is_kept)
{
    struct pki_store *store = open_store();
    unsigned one = add(store, 1);
    switch_to(store, (struct pki_roles){.generation = {one, 0, 0}, .activate_at = 1800000000});
    pki_store_close(store);
    store = open_store();
    ck_assert_int_eq(pki_store_roles(store).activate_at, 1800000000);
    pki_store_close(store);
}
END_TEST

START_TEST(what_has_no_role_any_more_goes_and_its_number_does_not_come_again)
{
    struct pki_store *store = open_store();
    unsigned last = 0;
    for (unsigned i = 1; i <= 40; i++) {
        unsigned number = add(store, i);
        struct pki_roles before = pki_store_roles(store);
        ck_assert_uint_gt(number, last);
        last = number;
        switch_to(store, (struct pki_roles){
                             .generation = {0, number, before.generation[PKI_ROLE_ACTIVE]}});
        ck_assert_uint_le(entries(), 3);
    }
    unsigned unwanted = add(store, 41);
    ck_assert_uint_eq(entries(), 4);
    pki_store_let_go(store);
    ck_assert_uint_eq(entries(), 3);
    struct pki_generation found = {0};
    struct error error;
    ck_assert_int_eq(pki_store_read(store, unwanted, &found, &error), -EX_CONFIG);
    pki_store_close(store);
}
END_TEST

START_TEST(a_role_is_not_given_to_what_is_not_there)
{
    struct pki_store *store = open_store();
    struct error error;
    struct pki_roles roles = {.generation = {7, 0, 0}};
    ck_assert_int_eq(pki_store_switch(store, &roles, &error), -EX_CONFIG);
    ck_assert_uint_eq(pki_store_roles(store).generation[PKI_ROLE_NEXT], 0);
    pki_store_close(store);
}
END_TEST

START_TEST(nothing_is_made_before_it_is_wanted)
{
    struct pki_store *store = (void *)root;
    struct error error;
    ck_assert_int_eq(pki_store_open(&store, root, "hybrid", false, &error), 0);
    ck_assert_ptr_null(store);
    DIR *list = opendir(root);
    unsigned count = 0;
    while (readdir(list))
        count++;
    closedir(list);
    ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(two_processes_do_not_share_a_store)
{
    struct error error;
    struct pki_store *store = open_store(), *other = NULL;
    ck_assert_int_eq(pki_store_open(&other, root, "hybrid", true, &error), -EX_TEMPFAIL);
    pki_store_close(store);
    store = open_store();
    pki_store_close(store);
}
END_TEST

static const struct {
    const char *name, *directory;
} names[] = {
    {"hybrid", "hybrid"},
    {"hybrid 2027", "hybrid%202027"},
    {"../../etc", "%2E.%2F..%2Fetc"},
    {"a/b", "a%2Fb"},
    {".", "%2E"},
    {"%41", "%2541"},
};

START_TEST(a_name_never_becomes_a_path)
{
    struct pki_store *store = NULL;
    struct error error;
    char path[256];
    struct stat status;
    ck_assert_int_eq(pki_store_open(&store, root, names[_i].name, true, &error), 0);
    snprintf(path, sizeof path, "%s/certificates/%s", root, names[_i].directory);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0750);
    pki_store_close(store);
}
END_TEST

START_TEST(files_are_for_their_owner_and_group)
{
    struct stat status;
    char *path;
    struct pki_store *store = open_store();
    unsigned one = add(store, 1);
    switch_to(store, (struct pki_roles){.generation = {one, 0, 0}});
    path = pki_store_chain_path(store, one);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0640);
    free(path);
    pki_store_close(store);
}
END_TEST

/* --- what is planted --- */

static char *inside(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/certificates/%s", root, name);
    return path;
}

static void link_directory(void)
{
    remove_tree(inside("hybrid"));
    ck_assert_int_eq(symlink("/tmp", inside("hybrid")), 0);
}

static void link_roles(void)
{
    unlink(inside("hybrid/roles"));
    ck_assert_int_eq(symlink("/etc/hostname", inside("hybrid/roles")), 0);
}

static void fifo_for_roles(void)
{
    unlink(inside("hybrid/roles"));
    ck_assert_int_eq(mkfifo(inside("hybrid/roles"), 0640), 0);
}

static void hard_link_roles(void)
{
    char other[300];
    snprintf(other, sizeof other, "%s/other", root);
    ck_assert_int_eq(link(inside("hybrid/roles"), other), 0);
}

static void open_to_all(void)
{
    ck_assert_int_eq(chmod(inside("hybrid"), 0777), 0);
}

static void roles_open_to_the_group(void)
{
    ck_assert_int_eq(chmod(inside("hybrid/roles"), 0660), 0);
}

static void garble_roles(void)
{
    FILE *file = fopen(inside("hybrid/roles"), "w");
    fputs("active x\n", file);
    fclose(file);
}

static void bloat_roles(void)
{
    FILE *file = fopen(inside("hybrid/roles"), "w");
    for (unsigned i = 0; i < 2000; i++)
        fputs("# nothing\n", file);
    fclose(file);
}

static void give_away(void)
{
    if (geteuid() == 0)
        ck_assert_int_eq(chown(inside("hybrid"), 65534, 65534), 0);
    else /* nobody else's can be made: the same check has other eyes */
        open_to_all();
}

static const struct {
    void (*plant)(void);
    const char *words;
} plants[] = {
    {link_directory, "hybrid is a symbolic link"},
    {link_roles, "roles is a symbolic link"},
    {fifo_for_roles, "roles is no plain file"},
    {hard_link_roles, "has a second name"},
    {open_to_all, "can be written to by others"},
    {roles_open_to_the_group, "can be written to by others"},
    {garble_roles, "does not say what it should, on line 1"},
    {bloat_roles, "is larger than it can be"},
    {give_away, "hybrid"},
};

START_TEST(what_somebody_planted_is_refused_with_a_word)
{
    struct pki_store *store = open_store();
    struct error error = {0};
    switch_to(store, (struct pki_roles){.generation = {add(store, 1), 0, 0}});
    pki_store_close(store);
    plants[_i].plant();
    store = NULL;
    ck_assert_int_eq(pki_store_open(&store, root, "hybrid", true, &error), -EX_CONFIG);
    ck_assert_msg(strstr(error.what, plants[_i].words) != NULL, "%s", error.what);
    ck_assert_str_ne(error.cure, "");
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(a_certificate_that_is_a_link_is_refused_when_it_is_read)
{
    struct error error = {0};
    struct pki_generation found = {0};
    struct pki_store *store = open_store();
    unsigned one = add(store, 1);
    switch_to(store, (struct pki_roles){.generation = {one, 0, 0}});
    char *path = pki_store_chain_path(store, one);
    unlink(path);
    ck_assert_int_eq(symlink("/etc/hostname", path), 0);
    ck_assert_int_eq(pki_store_read(store, one, &found, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "is a symbolic link"));
    free(path);
    pki_store_close(store);
}
END_TEST

/* --- order, and crashes --- */

START_TEST(nothing_is_renamed_that_is_not_synced)
{
    struct pki_store *store = open_store();
    memset(trace, 0, sizeof trace);
    unsigned one = add(store, 1);
    /* what is left over goes; directory, and its name; three files, each synced; the directory; the
     * rename, and what it renamed in */
    ck_assert_str_eq(trace, "umscwscwscwssrs");
    memset(trace, 0, sizeof trace);
    switch_to(store, (struct pki_roles){.generation = {one, 0, 0}});
    ck_assert_str_eq(trace, "ucwsrs");
    pki_store_close(store);
}
END_TEST

/* A life of a store: stage, activate, stage and rotate, roll back, schedule. */
static struct pki_roles life(unsigned step)
{
    static const unsigned roles[][PKI_ROLE_END] = {
        {0, 0, 0}, {1, 0, 0}, {0, 1, 2}, {3, 1, 2}, {0, 3, 1}, {0, 1, 3}, {4, 1, 3},
    };
    struct pki_roles at = {.activate_at = step == 6 ? 1800000000 : 0};
    memcpy(at.generation, roles[step], sizeof at.generation);
    if (step >= 2)
        memset(at.base, '0' + (int)step, sizeof at.base - 1);
    return at;
}

enum { STEPS = 6 };

static void live(struct pki_store *store, unsigned *done)
{
    static const bool adds[STEPS + 1] = {false, true, true, true, false, false, true};
    for (unsigned step = 1; step <= STEPS; step++) {
        if (adds[step])
            add(store, step);
        switch_to(store, life(step));
        *done = step;
    }
}

/* The exit status of the child, or -1 when it was killed. */
static int live_and_die(unsigned at, bool after, unsigned *done)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        calls = 0;
        kill_at = at;
        kill_after = after;
        struct pki_store *store = NULL;
        struct error error;
        if (pki_store_open(&store, root, "hybrid", true, &error) == 0)
            live(store, done);
        _exit(store ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_life(const struct pki_roles *found, unsigned step)
{
    struct pki_roles at = life(step);
    return memcmp(found, &at, sizeof at) == 0;
}

static void expect_old_or_new(unsigned done, unsigned at)
{
    struct pki_store *store = open_store();
    struct pki_roles found = pki_store_roles(store);
    unsigned wanted = 0;
    ck_assert_msg(is_life(&found, done) || (done < STEPS && is_life(&found, done + 1)),
                  "killed at call %u after step %u: %u %u %u", at, done, found.generation[0],
                  found.generation[1], found.generation[2]);
    for (unsigned role = 0; role < PKI_ROLE_END; role++)
        if (found.generation[role]) {
            expect_whole(store, found.generation[role]);
            wanted++;
        }
    /* Nothing is left over, and it goes on from here. */
    char roles[256];
    snprintf(roles, sizeof roles, "%s", inside("hybrid/roles"));
    ck_assert_uint_eq(entries(), wanted + (access(roles, F_OK) == 0));
    switch_to(store, (struct pki_roles){.generation = {add(store, 99), 0, 0}});
    pki_store_close(store);
}

START_TEST(killed_at_any_call_it_is_the_old_or_the_new)
{
    unsigned *done =
        mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(done, MAP_FAILED);
    int status = -1;
    unsigned at = 1;
    for (; status != 0; at++) {
        *done = 0;
        status = live_and_die(at, _i, done);
        ck_assert_int_le(status, 0);
        expect_old_or_new(*done, at);
        remove_tree(inside("hybrid"));
    }
    ck_assert_uint_gt(at, 60); /* there were that many places to be killed at, and more */
    munmap(done, sizeof *done);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("the store of certificates");
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_has_a_role_is_there_after_it_is_opened_again);
    tcase_add_test(tests, the_time_of_an_activation_is_kept);
    tcase_add_test(tests, what_has_no_role_any_more_goes_and_its_number_does_not_come_again);
    tcase_add_test(tests, a_role_is_not_given_to_what_is_not_there);
    tcase_add_test(tests, nothing_is_made_before_it_is_wanted);
    tcase_add_test(tests, two_processes_do_not_share_a_store);
    tcase_add_loop_test(tests, a_name_never_becomes_a_path, 0, sizeof names / sizeof names[0]);
    tcase_add_test(tests, files_are_for_their_owner_and_group);
    tcase_add_loop_test(tests, what_somebody_planted_is_refused_with_a_word, 0,
                        sizeof plants / sizeof plants[0]);
    tcase_add_test(tests, a_certificate_that_is_a_link_is_refused_when_it_is_read);
    tcase_add_test(tests, nothing_is_renamed_that_is_not_synced);
    tcase_add_loop_test(tests, killed_at_any_call_it_is_the_old_or_the_new, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    umask(022);
    return run_suite(make_suite());
}
