/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See store.h. store-text.c has the two small files' words. */
#include "pki/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pki/store-files.h"
#include "pki/store-private.h"

enum { NAME_SIZE = 256, PATH_SIZE = 512, NUMBER_SIZE = 32, ENTRIES_MAXIMUM = 4096 };

static const char roles_name[] = "roles", roles_unready[] = ".roles.new";

struct pki_store {
    int fd; /* of the directory, and its lock */
    char *path;
    pthread_mutex_t lock; /* of the roles */
    struct pki_roles roles;
    unsigned held; /* has no role yet, and stays */
    unsigned last; /* the highest number so far */
};

const char *pki_role_name(enum pki_role role)
{
    static const char *const names[] = {"next", "active", "previous"};
    return names[role];
}

void pki_generation_clear(struct pki_generation *generation)
{
    free(generation->keys);
    *generation = (struct pki_generation){0};
}

static void generation_name(unsigned number, char *text)
{
    snprintf(text, NUMBER_SIZE, "g-%06u", number);
}

/* 0: it is no such name. */
static unsigned generation_number(const char *name)
{
    char again[NUMBER_SIZE];
    unsigned number = 0;
    if (sscanf(name, "g-%9u", &number) != 1)
        return 0;
    generation_name(number, again);
    return strcmp(name, again) == 0 ? number : 0;
}

static bool has_role(const struct pki_roles *roles, unsigned number)
{
    for (unsigned role = 0; role < PKI_ROLE_END; role++)
        if (roles->generation[role] == number)
            return true;
    return false;
}

/* --- opening --- */

/* Letters, digits, and - _ . stand for themselves; a name of one Certificate never becomes a path.
 */
static int directory_name(const char *name, char *text, struct error *error)
{
    size_t used = 0;
    for (const char *at = name; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '-' || *at == '_' ||
                     (*at == '.' && at > name);
        if (used + 4 > NAME_SIZE) {
            error_set(error, EX_CONFIG, "The name of certificate \"%.60s…\" is too long for a file",
                      name);
            return error_cure(error, "give it a name of at most 80 characters");
        }
        used += (size_t)snprintf(text + used, NAME_SIZE - used, plain ? "%c" : "%%%02X",
                                 (unsigned char)*at);
    }
    return 0;
}

static void sweep(struct pki_store *store)
{
    int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!list) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (unsigned i = 0; i < ENTRIES_MAXIMUM && (entry = readdir(list)); i++) {
        const char *name = entry->d_name;
        unsigned number = generation_number(name);
        if (number > store->last)
            store->last = number;
        if (strncmp(name, ".g-", 3) == 0 || strcmp(name, roles_unready) == 0 ||
            (number && number != store->held && !has_role(&store->roles, number)))
            pki_file_remove(store->fd, name);
    }
    closedir(list);
}

static int open_directories(const char *state_directory, const char *name, bool create,
                            struct pki_store *store, struct error *error)
{
    char file[NAME_SIZE] = "", path[PATH_SIZE];
    int result = directory_name(name, file, error);
    if (result < 0)
        return result;
    _cleanup_close_ int state =
        pki_directory_open(AT_FDCWD, state_directory, create, state_directory, error);
    if (state < 0)
        return state;
    snprintf(path, sizeof path, "%s/certificates", state_directory);
    _cleanup_close_ int certificates =
        pki_directory_open(state, "certificates", create, path, error);
    if (certificates < 0)
        return certificates;
    if (asprintf(&store->path, "%s/certificates/%s", state_directory, file) < 0) {
        store->path = NULL;
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    }
    store->fd = pki_directory_open(certificates, file, create, store->path, error);
    return store->fd < 0 ? store->fd : 0;
}

static int lock_directory(const struct pki_store *store, struct error *error)
{
    if (flock(store->fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    error_set(error, EX_TEMPFAIL, "Another process uses %s", store->path);
    return error_cure(error,
                      "give each gateway a State Directory of its own, or wait until the other "
                      "posternd has ended");
}

static int read_roles(struct pki_store *store, struct error *error)
{
    char path[PATH_SIZE];
    _cleanup_free_ char *text = NULL;
    snprintf(path, sizeof path, "%s/%s", store->path, roles_name);
    int result = pki_file_read(store->fd, roles_name, STORE_TEXT_MAXIMUM, &text, path, error);
    if (result == -ENOENT)
        return 0;
    return result < 0 ? result : pki_roles_parse(text, &store->roles, path, error);
}

int pki_store_open(struct pki_store **ret, const char *state_directory, const char *name,
                   bool create, struct error *error)
{
    _cleanup_(pki_store_closep) struct pki_store *store = calloc(1, sizeof *store);
    if (!store)
        return error_set(error, EX_OSERR, "There is no memory for the store of %s", name);
    store->fd = -1;
    pthread_mutex_init(&store->lock, NULL);
    int result = open_directories(state_directory, name, create, store, error);
    if (result == -ENOENT) {
        *ret = NULL;
        return 0;
    }
    if (result == 0)
        result = lock_directory(store, error);
    if (result == 0)
        result = read_roles(store, error);
    if (result < 0)
        return result;
    for (unsigned role = 0; role < PKI_ROLE_END; role++)
        if (store->roles.generation[role] > store->last)
            store->last = store->roles.generation[role];
    sweep(store);
    *ret = TAKE_PTR(store);
    return 0;
}

struct pki_store *pki_store_close(struct pki_store *store)
{
    if (!store)
        return NULL;
    if (store->fd >= 0)
        close(store->fd);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
    return NULL;
}

struct pki_roles pki_store_roles(struct pki_store *store)
{
    pthread_mutex_lock(&store->lock);
    struct pki_roles roles = store->roles;
    pthread_mutex_unlock(&store->lock);
    return roles;
}

/* --- a certificate --- */

static int write_generation(int directory, const struct pki_generation *generation,
                            const char *chain, const char *path, struct error *error)
{
    _cleanup_free_ char *about = pki_generation_about(generation);
    _cleanup_free_ char *keys = pki_generation_keys_text(generation->keys);
    if (!about || !keys)
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    int result = pki_file_write(directory, "chain.pem", chain, path, error);
    if (result == 0)
        result = pki_file_write(directory, "key", keys, path, error);
    if (result == 0)
        result = pki_file_write(directory, "about", about, path, error);
    if (result == 0 && fsync(directory) < 0)
        result = error_set_errno(error, EX_IOERR, errno, "Cannot sync %s", path);
    return result;
}

/* Under a name that a sweep takes away, until it is whole. */
static int make_generation(struct pki_store *store, const char *name,
                           const struct pki_generation *generation, const char *chain,
                           struct error *error)
{
    char unready[NUMBER_SIZE + 8], path[PATH_SIZE];
    snprintf(unready, sizeof unready, ".%.24s.new", name);
    snprintf(path, sizeof path, "%s/%s", store->path, name);
    pki_file_remove(store->fd, unready);
    _cleanup_close_ int fd = pki_directory_open(store->fd, unready, true, path, error);
    if (fd < 0)
        return fd;
    int result = write_generation(fd, generation, chain, path, error);
    if (result == 0)
        result = pki_file_rename(store->fd, unready, name, path, error);
    if (result < 0)
        pki_file_remove(store->fd, unready);
    return result;
}

int pki_store_add(struct pki_store *store, const struct pki_generation *generation,
                  const char *chain, unsigned *ret_number, struct error *error)
{
    char name[NUMBER_SIZE];
    unsigned number = store->last + 1;
    if (strlen(chain) > PKI_STORE_CHAIN_MAXIMUM)
        return error_set(error, EX_DATAERR, "The chain is longer than %d bytes",
                         PKI_STORE_CHAIN_MAXIMUM);
    generation_name(number, name);
    int result = make_generation(store, name, generation, chain, error);
    if (result < 0)
        return result;
    store->last = store->held = number;
    *ret_number = number;
    return 0;
}

void pki_store_let_go(struct pki_store *store)
{
    store->held = 0;
    sweep(store);
}

static int read_part(int directory, const char *name, size_t maximum, const char *of, char **ret,
                     struct error *error)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", of, name);
    int result = pki_file_read(directory, name, maximum, ret, path, error);
    if (result != -ENOENT)
        return result;
    error_set(error, EX_CONFIG, "%s is missing", path);
    return error_cure(error, "stage the certificate again, with posternctl cert stage");
}

int pki_store_read(struct pki_store *store, unsigned number, struct pki_generation *ret,
                   struct error *error)
{
    char name[NUMBER_SIZE], path[PATH_SIZE];
    _cleanup_free_ char *about = NULL, *keys = NULL, *chain = NULL;
    struct pki_generation found = {.number = number};
    generation_name(number, name);
    snprintf(path, sizeof path, "%s/%s", store->path, name);
    _cleanup_close_ int fd = pki_directory_open(store->fd, name, false, path, error);
    if (fd == -ENOENT) {
        error_set(error, EX_CONFIG, "%s is missing", path);
        return error_cure(error,
                          "bring it back from a backup; or move %s away, and the Chain of "
                          "postern.xml is used",
                          store->path);
    }
    if (fd < 0)
        return fd;
    int result = read_part(fd, "about", STORE_TEXT_MAXIMUM, path, &about, error);
    if (result == 0)
        result = read_part(fd, "key", PKI_STORE_KEYS_MAXIMUM, path, &keys, error);
    if (result == 0) /* only whether it is what it should be; who loads it opens it by its path */
        result = read_part(fd, "chain.pem", PKI_STORE_CHAIN_MAXIMUM, path, &chain, error);
    if (result == 0)
        result = pki_generation_parse(about, keys, &found, path, error);
    if (result == 0)
        *ret = found;
    return result;
}

char *pki_store_chain_path(const struct pki_store *store, unsigned number)
{
    char name[NUMBER_SIZE], *path;
    generation_name(number, name);
    return asprintf(&path, "%s/%s/chain.pem", store->path, name) < 0 ? NULL : path;
}

char *pki_store_chain_file(const char *state_directory, const char *name, unsigned number)
{
    char directory[NUMBER_SIZE], file[NAME_SIZE] = "", *path;
    struct error error;
    if (directory_name(name, file, &error) < 0)
        return NULL;
    generation_name(number, directory);
    return asprintf(&path, "%s/certificates/%s/%s/chain.pem", state_directory, file, directory) < 0
               ? NULL
               : path;
}

/* --- roles --- */

static int check_roles(struct pki_store *store, const struct pki_roles *roles, struct error *error)
{
    for (unsigned role = 0; role < PKI_ROLE_END; role++) {
        struct pki_generation generation = {0};
        if (!roles->generation[role])
            continue;
        int result = pki_store_read(store, roles->generation[role], &generation, error);
        pki_generation_clear(&generation);
        if (result < 0)
            return result;
    }
    return 0;
}

int pki_store_switch(struct pki_store *store, const struct pki_roles *roles, struct error *error)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", store->path, roles_name);
    int result = check_roles(store, roles, error);
    if (result < 0)
        return result;
    _cleanup_free_ char *text = pki_roles_text(roles);
    if (!text)
        return error_set(error, EX_OSERR, "There is no memory for %s", path);
    pki_file_remove(store->fd, roles_unready);
    result = pki_file_write(store->fd, roles_unready, text, path, error);
    if (result == 0)
        result = pki_file_rename(store->fd, roles_unready, roles_name, path, error);
    if (result < 0)
        return result;
    pthread_mutex_lock(&store->lock);
    store->roles = *roles;
    pthread_mutex_unlock(&store->lock);
    if (has_role(roles, store->held))
        store->held = 0;
    sweep(store);
    return 0;
}
