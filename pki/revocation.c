/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See revocation.h: lists of one path, their memory of signatures, and when they are read anew.
 * revocation-read.c reads them. */
#include "pki/revocation.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/revocation-read.h"

enum { LOOK_MILLISECONDS = 1000, SIGNERS_MAXIMUM = 2 };

/* Which certificates have signed a list, or have not: two, for a CA that has changed its key. */
struct signature {
    unsigned char issuer[SIGNERS_MAXIMUM][EVP_MAX_MD_SIZE];
    bool valid[SIGNERS_MAXIMUM];
    unsigned count, next;
};

struct pki_lists {
    unsigned references;
    struct pki_list *items;
    size_t count;
    pthread_mutex_t lock; /* guards signatures */
    struct signature *signatures;
};

struct pki_revocation {
    unsigned references;
    char *path;           /* NULL: from memory, and never looked at again */
    pthread_mutex_t lock; /* guards what follows */
    struct pki_lists *lists;
    struct pki_files_state state; /* the files that the lists came from, or that were refused */
    int64_t looked;               /* milliseconds of the monotonic clock */
    bool looking; /* a thread reads the files; the others go on with what there is */
};

/* --- lists --- */

struct pki_lists *pki_lists_unref(struct pki_lists *lists)
{
    if (!lists || __atomic_sub_fetch(&lists->references, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    for (size_t i = 0; i < lists->count; i++)
        X509_CRL_free(lists->items[i].crl);
    pthread_mutex_destroy(&lists->lock);
    free(lists->items);
    free(lists->signatures);
    free(lists);
    return NULL;
}

/* Takes the items over, also on failure. */
static struct pki_lists *new_lists(struct pki_list_array *array)
{
    struct pki_lists *lists = calloc(1, sizeof *lists);
    struct signature *signatures = calloc(array->count + 1, sizeof *signatures);
    if (!lists || !signatures) {
        free(lists);
        free(signatures);
        pki_list_array_clear(array);
        return NULL;
    }
    *lists = (struct pki_lists){
        .references = 1, .items = array->items, .count = array->count, .signatures = signatures};
    pthread_mutex_init(&lists->lock, NULL);
    *array = (struct pki_list_array){0};
    return lists;
}

const struct pki_list *pki_lists_next(const struct pki_lists *lists, const X509_NAME *issuer,
                                      size_t *index)
{
    for (; lists && *index < lists->count; ++*index)
        if (X509_NAME_cmp(X509_CRL_get_issuer(lists->items[*index].crl), issuer) == 0)
            return &lists->items[(*index)++];
    return NULL;
}

static int find_signer(const struct signature *signature, const unsigned char *digest,
                       unsigned length)
{
    for (unsigned i = 0; i < signature->count; i++)
        if (memcmp(signature->issuer[i], digest, length) == 0)
            return (int)i;
    return -1;
}

static void remember_signer(struct signature *signature, const unsigned char *digest,
                            unsigned length, bool valid)
{
    unsigned at = signature->next;
    memcpy(signature->issuer[at], digest, length);
    signature->valid[at] = valid;
    signature->next = (at + 1) % SIGNERS_MAXIMUM;
    if (signature->count < SIGNERS_MAXIMUM)
        signature->count++;
}

bool pki_list_is_signed_by(struct pki_lists *lists, const struct pki_list *list, X509 *issuer)
{
    struct signature *signature = &lists->signatures[list - lists->items];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!X509_digest(issuer, EVP_sha256(), digest, &length))
        return false;
    pthread_mutex_lock(&lists->lock);
    int found = find_signer(signature, digest, length);
    bool valid = found >= 0 && signature->valid[found];
    pthread_mutex_unlock(&lists->lock);
    if (found >= 0)
        return valid;
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    valid = key && X509_CRL_verify(list->crl, key) == 1;
    ERR_clear_error();
    pthread_mutex_lock(&lists->lock);
    remember_signer(signature, digest, length, valid);
    pthread_mutex_unlock(&lists->lock);
    return valid;
}

/* --- a path --- */

static struct pki_revocation *new_revocation(const char *path)
{
    struct pki_revocation *revocation = calloc(1, sizeof *revocation);
    char *copy = path ? strdup(path) : NULL;
    if (!revocation || (path && !copy)) {
        free(revocation);
        free(copy);
        return NULL;
    }
    revocation->references = 1;
    revocation->path = copy;
    pthread_mutex_init(&revocation->lock, NULL);
    return revocation;
}

struct pki_revocation *pki_revocation_ref(struct pki_revocation *revocation)
{
    if (revocation)
        __atomic_add_fetch(&revocation->references, 1, __ATOMIC_RELAXED);
    return revocation;
}

struct pki_revocation *pki_revocation_unref(struct pki_revocation *revocation)
{
    if (!revocation || __atomic_sub_fetch(&revocation->references, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    pki_lists_unref(revocation->lists);
    pthread_mutex_destroy(&revocation->lock);
    free(revocation->path);
    free(revocation);
    return NULL;
}

/* `read` has filled the array, or the error. */
static int finish_open(struct pki_revocation *revocation, struct pki_list_array *array,
                       struct pki_revocation **ret, struct error *error)
{
    revocation->lists = new_lists(array);
    revocation->looked = clock_milliseconds();
    if (!revocation->lists) {
        pki_revocation_unref(revocation);
        return error_set(error, EX_OSERR, "There is no memory for revocation lists");
    }
    *ret = revocation;
    return 0;
}

int pki_revocation_open(const char *path, struct pki_revocation **ret, struct error *error)
{
    struct pki_list_array array = {0};
    struct pki_revocation *revocation = new_revocation(path);
    if (!revocation)
        return error_set(error, EX_OSERR, "There is no memory for revocation lists");
    int result = pki_lists_look(path, &revocation->state, error);
    if (result == 0)
        result = pki_lists_read(path, &array, error);
    if (result < 0) {
        pki_revocation_unref(revocation);
        return result;
    }
    return finish_open(revocation, &array, ret, error);
}

int pki_revocation_parse(const char *pem, size_t length, struct pki_revocation **ret,
                         struct error *error)
{
    struct pki_list_array array = {0};
    struct pki_revocation *revocation = new_revocation(NULL);
    if (!revocation)
        return error_set(error, EX_OSERR, "There is no memory for revocation lists");
    int result = pki_lists_parse(pem, length, &array, error);
    if (result < 0) {
        pki_revocation_unref(revocation);
        return result;
    }
    return finish_open(revocation, &array, ret, error);
}

/* --- changes --- */

static void log_refused(const struct pki_revocation *revocation, const struct error *error)
{
    struct log log;
    log_event(&log, LOG_EVENT_REVOCATION_LISTS_REFUSED,
              "The revocation lists in %s have changed and cannot be used; those of before stay in "
              "force",
              revocation->path);
    log_error(&log, error);
    log_end(&log);
}

static void log_read(const struct pki_revocation *revocation, size_t count)
{
    struct log log;
    log_event(&log, LOG_EVENT_REVOCATION_LISTS_READ, "The revocation lists in %s were read anew",
              revocation->path);
    log_number(&log, "lists", (int64_t)count);
    log_end(&log);
}

/* Without the lock: nobody else is here while `looking` is set. */
static struct pki_lists *read_changed(struct pki_revocation *revocation,
                                      struct pki_files_state *state)
{
    struct pki_list_array array = {0};
    struct pki_lists *lists = NULL;
    struct error error;
    int result = pki_lists_look(revocation->path, state, &error);
    if (result == 0 && memcmp(state, &revocation->state, sizeof *state) == 0)
        return NULL;
    if (result == 0)
        result = pki_lists_read(revocation->path, &array, &error);
    if (result == 0 && !(lists = new_lists(&array)))
        result = error_set(&error, EX_OSERR, "There is no memory for revocation lists");
    if (result < 0 && memcmp(state, &revocation->state, sizeof *state) != 0)
        log_refused(revocation, &error);
    if (lists)
        log_read(revocation, lists->count);
    return lists;
}

/* Takes the lock, gives it back while files are read. */
static void look_again(struct pki_revocation *revocation)
{
    struct pki_files_state state = {0};
    revocation->looking = true;
    pthread_mutex_unlock(&revocation->lock);
    struct pki_lists *lists = read_changed(revocation, &state);
    pthread_mutex_lock(&revocation->lock);
    revocation->looking = false;
    revocation->looked = clock_milliseconds();
    revocation->state = state;
    if (lists) {
        pki_lists_unref(revocation->lists);
        revocation->lists = lists;
    }
}

struct pki_lists *pki_lists_get(struct pki_revocation *revocation)
{
    pthread_mutex_lock(&revocation->lock);
    if (revocation->path && !revocation->looking &&
        clock_milliseconds() - revocation->looked >= LOOK_MILLISECONDS)
        look_again(revocation);
    struct pki_lists *lists = revocation->lists;
    __atomic_add_fetch(&lists->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&revocation->lock);
    return lists;
}
