/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A certificate's way through its roles, with keys in memory: what is presented after each step,
 * and what is left when the disk or the key fails in one. Linked so that a rename may be made to
 * fail. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pki/rotation.h"
#include "tests/pki/test-identity-key.h"
#include "tests/pki/test-identity-open.h"
#include "tests/suite.h"

static unsigned renames_left; /* before they fail */

int __real_renameat(int from, const char *old, int to, const char *new);
int __wrap_renameat(int from, const char *old, int to, const char *new);

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
    if (renames_left) {
        renames_left--;
        return __real_renameat(from, old, to, new);
    }
    errno = ENOSPC;
    return -1;
}

static struct pki_library *library;
static char state[64];
static struct pki_identity_source source;
static struct pki_surroundings surroundings;
static struct test_chain first, second;
static char *second_path;

static void place(void *context, const char *key, struct pki_key_source *ret)
{
    (void)context;
    *ret = (struct pki_key_source){.key = key};
}

static char *write_chain(const struct test_chain *chain)
{
    X509 *all[] = {chain->leaf, chain->intermediate, chain->root};
    return test_write_pem(all, 3);
}

static void setup(void)
{
    struct error error;
    ck_assert_int_eq(pki_library_new(&library, &error), 0);
    strcpy(state, "/tmp/postern-rotation-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(state));
    first = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
    second = test_chain(TEST_RSA, TEST_LEAF_SUBJECT, NULL);
    second_path = write_chain(&second);
    source = (struct pki_identity_source){
        .name = "hybrid", .chain = write_chain(&first), .key = {.key = "/key"}};
    surroundings = (struct pki_surroundings){
        .library = library, .state_directory = state, .configured = &source, .place = place};
    renames_left = 1000;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *place_in)
{
    (void)status, (void)flag, (void)place_in;
    return remove(path);
}

static void teardown(void)
{
    nftw(state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    test_remove((char *)(uintptr_t)source.chain);
    test_remove(second_path);
    test_chain_clear(&first);
    test_chain_clear(&second);
    library = pki_library_free(library);
    ck_assert_uint_eq(test_signing_keys_alive(), 0);
}

static struct pki_loaded load(struct pki_rotation *previous)
{
    struct pki_loaded loaded = {0};
    struct error error;
    int result = pki_rotation_load(&surroundings, false, previous, &loaded, &error);
    ck_assert_msg(result == 0, "%s", error.what);
    return loaded;
}

static char *read_text(const char *path, size_t *length)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);
    *length = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

static int admit(struct pki_rotation *rotation, struct pki_candidate *candidate,
                 struct error *error)
{
    struct pki_admission admission;
    size_t length;
    char *text = read_text(second_path, &length);
    int result = pki_rotation_admit(rotation, &surroundings, text, length, NULL, "test", candidate,
                                    &admission, error);
    free(text);
    return result;
}

static bool presents(const struct pki_rotation *rotation, X509 *leaf)
{
    X509 *certificate = pki_identity_certificate_ref(pki_rotation_identity(rotation));
    bool same = X509_cmp(certificate, leaf) == 0;
    X509_free(certificate);
    return same;
}

/* What the next start would present. */
static bool starts_with(X509 *leaf)
{
    struct pki_loaded loaded = load(NULL);
    bool same = presents(loaded.rotation, leaf);
    pki_loaded_clear(&loaded);
    return same;
}

static unsigned entries(void)
{
    char path[128];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/certificates/hybrid", state);
    DIR *list = opendir(path);
    const struct dirent *entry;
    while (list && (entry = readdir(list)))
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    if (list)
        closedir(list);
    return count;
}

START_TEST(a_rotation_goes_there_and_back)
{
    struct pki_loaded loaded = load(NULL);
    struct pki_rotation *rotation = loaded.rotation;
    struct pki_candidate candidate = {0};
    struct error error;
    ck_assert_int_eq(loaded.taken, PKI_TAKEN_CHAIN);
    ck_assert_int_eq(admit(rotation, &candidate, &error), 0);
    ck_assert(presents(rotation, first.leaf));
    ck_assert_int_eq(pki_rotation_activate(rotation, &candidate, &error), 0);
    pki_candidate_clear(&candidate);
    ck_assert(presents(rotation, second.leaf));
    struct pki_facts facts = {0};
    ck_assert_int_eq(pki_rotation_facts(rotation, PKI_ROLE_PREVIOUS, &facts, &error), 1);
    pki_facts_clear(&facts);
    ck_assert_int_eq(pki_rotation_facts(rotation, PKI_ROLE_NEXT, &facts, &error), 0);
    ck_assert_int_eq(pki_rotation_rollback(rotation, &surroundings, &error), 0);
    ck_assert(presents(rotation, first.leaf));
    pki_loaded_clear(&loaded);
    ck_assert(starts_with(first.leaf));
}
END_TEST

/* However far an activation comes before the disk is full: all of it, or nothing. */
START_TEST(a_disk_that_fails_changes_nothing)
{
    struct error error;
    unsigned allowed = 0;
    int result = -1;
    for (; result != 0; allowed++) {
        struct pki_loaded loaded = load(NULL);
        struct pki_candidate candidate = {0};
        renames_left = allowed;
        result = admit(loaded.rotation, &candidate, &error);
        if (result == 0)
            result = pki_rotation_activate(loaded.rotation, &candidate, &error);
        if (result < 0)
            ck_assert_int_eq(result, -EX_IOERR);
        pki_candidate_clear(&candidate);
        renames_left = 1000;
        pki_rotation_forget(loaded.rotation);
        ck_assert(presents(loaded.rotation, result == 0 ? second.leaf : first.leaf));
        if (result < 0)
            ck_assert_uint_eq(entries(), 0);
        pki_loaded_clear(&loaded);
        ck_assert(starts_with(result == 0 ? second.leaf : first.leaf));
        ck_assert_uint_lt(allowed, 20);
    }
    ck_assert_uint_eq(allowed, 4); /* the new one, the present one, and the roles, were renamed */
}
END_TEST

START_TEST(a_rollback_that_fails_on_the_disk_changes_nothing)
{
    struct pki_loaded loaded = load(NULL);
    struct pki_candidate candidate = {0};
    struct error error;
    ck_assert_int_eq(admit(loaded.rotation, &candidate, &error), 0);
    ck_assert_int_eq(pki_rotation_activate(loaded.rotation, &candidate, &error), 0);
    pki_candidate_clear(&candidate);
    renames_left = 0;
    ck_assert_int_eq(pki_rotation_rollback(loaded.rotation, &surroundings, &error), -EX_IOERR);
    renames_left = 1000;
    ck_assert(presents(loaded.rotation, second.leaf));
    pki_loaded_clear(&loaded);
    ck_assert(starts_with(second.leaf));
}
END_TEST

/* The token was lost between the stage and the activation. */
START_TEST(a_key_that_fails_changes_nothing)
{
    struct pki_loaded loaded = load(NULL);
    struct pki_candidate candidate = {0};
    struct error error;
    ck_assert_int_eq(admit(loaded.rotation, &candidate, &error), 0);
    ck_assert_int_eq(pki_rotation_stage(loaded.rotation, &candidate, &error), 0);
    pki_candidate_clear(&candidate);
    ck_assert_int_eq(pki_rotation_next(loaded.rotation, &surroundings, &candidate, &error), 0);
    struct pki_key *key = pki_identity_key_ref(candidate.identity);
    ((struct test_signing_key *)(void *)key)->failing = true;
    ck_assert_int_eq(pki_rotation_activate(loaded.rotation, &candidate, &error), -EX_TEMPFAIL);
    pki_key_unref(key);
    pki_candidate_clear(&candidate);
    ck_assert(presents(loaded.rotation, first.leaf));
    ck_assert_uint_ne(pki_rotation_roles(loaded.rotation).generation[PKI_ROLE_NEXT], 0);
    test_token_missing = true;
    ck_assert_int_eq(pki_rotation_next(loaded.rotation, &surroundings, &candidate, &error),
                     -EX_UNAVAILABLE);
    test_token_missing = false;
    pki_loaded_clear(&loaded);
}
END_TEST

START_TEST(another_chain_file_is_taken_up_only_when_it_is_told)
{
    struct pki_loaded loaded = load(NULL), later = {0};
    struct pki_candidate candidate = {0};
    struct error error;
    ck_assert_int_eq(admit(loaded.rotation, &candidate, &error), 0);
    ck_assert_int_eq(pki_rotation_activate(loaded.rotation, &candidate, &error), 0);
    pki_candidate_clear(&candidate);
    struct test_chain third = test_chain(TEST_P384, TEST_LEAF_SUBJECT, NULL);
    char *before = (char *)(uintptr_t)source.chain, *path = write_chain(&third);
    source.chain = path;
    later = load(loaded.rotation);
    ck_assert_int_eq(later.taken, PKI_TAKEN_NEW_CHAIN);
    ck_assert_ptr_eq(later.rotation, loaded.rotation);
    ck_assert(presents(loaded.rotation, second.leaf)); /* the reload may yet be refused */
    ck_assert(pki_loaded_take_up(&later));
    ck_assert(presents(loaded.rotation, third.leaf));
    ck_assert_int_eq(pki_loaded_settle(&later, &error), 0);
    pki_loaded_clear(&later);
    pki_loaded_clear(&loaded);
    ck_assert(starts_with(third.leaf));
    source.chain = before;
    test_remove(path);
    test_chain_clear(&third);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("rotation");
    TCase *tests = tcase_create("rotation");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_rotation_goes_there_and_back);
    tcase_add_test(tests, a_disk_that_fails_changes_nothing);
    tcase_add_test(tests, a_rollback_that_fails_on_the_disk_changes_nothing);
    tcase_add_test(tests, a_key_that_fails_changes_nothing);
    tcase_add_test(tests, another_chain_file_is_taken_up_only_when_it_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    return run_suite(make_suite());
}
