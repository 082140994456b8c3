/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See revocation-read.h. A directory is listed twice, when it is looked at and when it is read: a
 * file that comes between the two changes the digest, and is read the next time. */
#include "pki/revocation-read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/peer-private.h"

enum { NAME_SIZE = 4096 };

DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(DIR *, closedir)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(ISSUING_DIST_POINT *, ISSUING_DIST_POINT_free)

struct names {
    char *items[PKI_REVOCATION_FILES_MAXIMUM];
    size_t count;
};

static void clear_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
}

static int fail_memory(struct error *error)
{
    return error_set(error, EX_OSERR, "There is no memory for revocation lists");
}

static int fail_path(const char *path, const char *what, struct error *error)
{
    error_set_errno(error, EX_CONFIG, errno, "%s", what);
    error_where(error, "%s", path);
    return error_cure(error, "see that it is there and that Postern's user may read it");
}

/* --- which files --- */

static bool has_end(const char *name, const char *end)
{
    size_t length = strlen(name), wanted = strlen(end);
    return length > wanted && strcasecmp(name + length - wanted, end) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_directory(DIR *directory, const char *path, struct names *names,
                          struct error *error)
{
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.' ||
            !(has_end(entry->d_name, ".crl") || has_end(entry->d_name, ".pem")))
            continue;
        if (names->count == PKI_REVOCATION_FILES_MAXIMUM) {
            error_set(error, EX_CONFIG, "There are more than %d files with revocation lists",
                      PKI_REVOCATION_FILES_MAXIMUM);
            error_where(error, "%s", path);
            return error_cure(error, "put several lists into one file, as PEM");
        }
        if (asprintf(&names->items[names->count], "%s/%s", path, entry->d_name) < 0)
            return fail_memory(error);
        names->count++;
    }
    qsort(names->items, names->count, sizeof names->items[0], compare_names);
    return 0;
}

/* The path itself, or what is in it. */
static int list_files(const char *path, struct names *names, struct error *error)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return fail_path(path, "The revocation lists cannot be read", error);
    if (!S_ISDIR(status.st_mode)) {
        names->items[0] = strdup(path);
        names->count = names->items[0] != NULL;
        return names->count ? 0 : fail_memory(error);
    }
    _cleanup_(closedirp) DIR *directory = opendir(path);
    if (!directory)
        return fail_path(path, "The directory with revocation lists cannot be read", error);
    return list_directory(directory, path, names, error);
}

static bool add_file(EVP_MD_CTX *digest, const char *name)
{
    struct stat status = {0};
    if (stat(name, &status) < 0)
        status = (struct stat){0};
    int64_t facts[] = {(int64_t)status.st_dev,          (int64_t)status.st_ino,
                       (int64_t)status.st_size,         (int64_t)status.st_mtim.tv_sec,
                       (int64_t)status.st_mtim.tv_nsec, (int64_t)status.st_ctim.tv_sec,
                       (int64_t)status.st_ctim.tv_nsec};
    return EVP_DigestUpdate(digest, name, strlen(name) + 1) == 1 &&
           EVP_DigestUpdate(digest, facts, sizeof facts) == 1;
}

int pki_lists_look(const char *path, struct pki_files_state *ret, struct error *error)
{
    _cleanup_(clear_names) struct names names = {.count = 0};
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    *ret = (struct pki_files_state){{0}};
    int result = list_files(path, &names, error);
    if (result < 0)
        return result;
    bool done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; done && i < names.count; i++)
        done = add_file(digest, names.items[i]);
    if (done && EVP_DigestFinal_ex(digest, ret->digest, NULL) == 1)
        return 0;
    ERR_clear_error();
    return fail_memory(error);
}

/* --- what a list is worth --- */

static const char *check_entries(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        if (X509_REVOKED_get_ext_by_critical(entry, 1, -1) >= 0)
            return "has an entry with a critical extension";
    }
    return NULL;
}

/* RFC 5280 5.2: what may be there, and how critical. */
static const char *check_extensions(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        bool critical = X509_EXTENSION_get_critical(extension);
        if (critical && nid != NID_issuing_distribution_point && nid != NID_delta_crl)
            return nid == NID_crl_number ? "has a critical CRL number"
                                         : "has a critical extension that is not known";
        if (X509_CRL_get_ext_by_OBJ(crl, X509_EXTENSION_get_object(extension), i) >= 0)
            return "has the same extension twice";
    }
    return NULL;
}

static const char *find_fault(X509_CRL *crl)
{
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2)
        return "is not of version 2";
    if (!algorithm || !pki_algorithm_is_strong(algorithm))
        return "is signed with too weak an algorithm";
    if (X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1) < 0)
        return "has no CRL number";
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    ASN1_INTEGER_free(number);
    if (!number)
        return "has a CRL number that cannot be read";
    const char *fault = check_extensions(crl);
    return fault ? fault : check_entries(crl);
}

/* Its issuing distribution point (RFC 5280 5.2.5): what it leaves out. */
static void read_scope(struct pki_list *list)
{
    int critical = -1;
    _cleanup_(ISSUING_DIST_POINT_freep) ISSUING_DIST_POINT *scope =
        X509_CRL_get_ext_d2i(list->crl, NID_issuing_distribution_point, &critical, NULL);
    if (!scope && critical != -1)
        list->fault = "has an issuing distribution point that cannot be read";
    if (X509_CRL_get_ext_by_NID(list->crl, NID_delta_crl, -1) >= 0)
        list->limit = "is a delta list";
    if (!scope)
        return;
    list->only_users = scope->onlyuser > 0;
    list->only_authorities = scope->onlyCA > 0;
    if (scope->indirectCRL > 0)
        list->fault = "is an indirect list, which is not supported";
    if (scope->onlyattr > 0)
        list->limit = "is for attribute certificates";
    if (scope->onlysomereasons)
        list->limit = "is for some reasons only";
}

void pki_list_array_clear(struct pki_list_array *array)
{
    for (size_t i = 0; i < array->count; i++)
        X509_CRL_free(array->items[i].crl);
    free(array->items);
    *array = (struct pki_list_array){0};
}

/* Takes the list over. */
static bool append(struct pki_list_array *array, X509_CRL *crl)
{
    struct pki_list *items = reallocarray(array->items, array->count + 1, sizeof *array->items);
    if (!items) {
        X509_CRL_free(crl);
        return false;
    }
    array->items = items;
    items[array->count] = (struct pki_list){.crl = crl, .fault = find_fault(crl)};
    read_scope(&items[array->count++]);
    ERR_clear_error();
    return true;
}

/* --- reading --- */

static int fail_list(const char *path, struct error *error, const char *what)
{
    ERR_clear_error();
    error_set(error, EX_CONFIG, "%s", what);
    error_where(error, "%s", path);
    return error_cure(error, "\"openssl crl -in FILE -noout -text\" shows what it is");
}

/* Every block that is a list; others are passed over. */
static int read_pem(BIO *bio, const char *path, struct pki_list_array *array, struct error *error)
{
    for (;;) {
        ERR_clear_error();
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (!crl) {
            unsigned long code = ERR_peek_last_error();
            if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
                ERR_clear_error();
                return 0;
            }
            return fail_list(path, error, "A revocation list cannot be read");
        }
        if (array->count == PKI_REVOCATION_LISTS_MAXIMUM) {
            X509_CRL_free(crl);
            return fail_list(path, error, "There are more than 1024 revocation lists");
        }
        if (!append(array, crl))
            return fail_memory(error);
    }
}

static int read_bytes(const char *bytes, size_t length, const char *path,
                      struct pki_list_array *array, struct error *error)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t before = array->count;
    if (length > 1 && at[0] == 0x30) {
        X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)length);
        if (!crl)
            return fail_list(path, error, "A revocation list cannot be read");
        if (array->count == PKI_REVOCATION_LISTS_MAXIMUM) {
            X509_CRL_free(crl);
            return fail_list(path, error, "There are more than 1024 revocation lists");
        }
        return append(array, crl) ? 0 : fail_memory(error);
    }
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(bytes, (int)length);
    if (!bio)
        return fail_memory(error);
    int result = read_pem(bio, path, array, error);
    if (result == 0 && array->count == before)
        return fail_list(path, error, "There is no revocation list in the file");
    return result;
}

/* A regular file, and no more of it than the bounds leave. */
static int read_file(const char *path, struct pki_list_array *array, struct error *error)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fail_path(path, "The revocation list cannot be read", error);
    if (!S_ISREG(status.st_mode))
        return fail_list(path, error, "The revocation list is no regular file");
    if ((size_t)status.st_size > PKI_REVOCATION_BYTES_MAXIMUM - array->bytes)
        return fail_list(path, error, "The revocation lists are larger than 64 MB together");
    size_t size = (size_t)status.st_size, used = 0;
    _cleanup_free_ char *bytes = malloc(size + 1);
    if (!bytes)
        return fail_memory(error);
    ssize_t got = 0;
    while (used < size && (got = read(fd, bytes + used, size - used)) > 0)
        used += (size_t)got;
    if (got < 0)
        return fail_path(path, "The revocation list cannot be read", error);
    array->bytes += used;
    return read_bytes(bytes, used, path, array, error);
}

int pki_lists_read(const char *path, struct pki_list_array *ret, struct error *error)
{
    _cleanup_(clear_names) struct names names = {.count = 0};
    int result = list_files(path, &names, error);
    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = read_file(names.items[i], ret, error);
    if (result < 0)
        pki_list_array_clear(ret);
    return result;
}

int pki_lists_parse(const char *pem, size_t length, struct pki_list_array *ret, struct error *error)
{
    if (length > PKI_REVOCATION_BYTES_MAXIMUM)
        return fail_list("PEM text", error, "The revocation lists are larger than 64 MB together");
    int result = read_bytes(pem, length, "PEM text", ret, error);
    if (result < 0)
        pki_list_array_clear(ret);
    return result;
}
