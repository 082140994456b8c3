/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Keys in PEM files: for those without an HSM, and for the tests that both kinds must pass.
 *
 * The file is read once, when the key is opened; the key stays in this process's memory. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/base/log.h"
#include "pki/signer/pin.h"
#include "pki/signer/store.h"

enum { FILE_MAXIMUM = 65536 };

struct file_key {
    struct store_key base;
    EVP_PKEY *key, *public_key;
    uint32_t algorithms;
};

/* Asked only for an encrypted key: remembers that, and gives no password. */
static int refuse_password(char *buffer, int size, int writing, void *encrypted)
{
    (void)buffer, (void)size, (void)writing;
    *(bool *)encrypted = true;
    return -1;
}

static int parse_key(const char *path, const char *text, size_t length, EVP_PKEY **ret,
                     struct error *error)
{
    bool encrypted = false;
    BIO *memory = BIO_new_mem_buf(text, (int)length);
    *ret = memory ? PEM_read_bio_PrivateKey(memory, NULL, refuse_password, &encrypted) : NULL;
    BIO_free(memory);
    ERR_clear_error();
    if (*ret)
        return 0;
    if (encrypted) {
        error_set(error, EX_CONFIG, "The private key is encrypted, and Postern has no password");
        error_cure(error, "decrypt it with `openssl pkey` and guard the file by its mode, or use a "
                          "token");
    } else {
        error_set(error, EX_CONFIG, "There is no private key in PEM in the file");
        error_cure(error, "name a file that begins with -----BEGIN PRIVATE KEY-----");
    }
    return error_where(error, "%s", path);
}

static void warn_of_mode(const char *path, const struct stat *status)
{
    if (!(status->st_mode & (S_IROTH | S_IWGRP | S_IWOTH)))
        return;
    struct log log;
    log_event(&log, LOG_EVENT_CONFIG_WARNING,
              "The private key in %s can be read or changed by others", path);
    log_text(&log, "file", path);
    log_format(&log, "mode", "%04o", (unsigned)(status->st_mode & 07777));
    log_text(&log, "cure", "chmod 0600, and make the signer's user its owner");
    log_end(&log);
}

static int read_key(const char *uri, EVP_PKEY **ret, struct error *error)
{
    char path[PKI_WIRE_TEXT_MAXIMUM + 1], text[FILE_MAXIMUM];
    size_t length = sizeof text;
    struct stat status;
    int result = file_uri_path(uri, path, sizeof path, error);
    if (result < 0)
        return result;
    result = file_read(path, text, &length, &status, error);
    if (result == 0) {
        warn_of_mode(path, &status);
        result = parse_key(path, text, length, ret, error);
    }
    OPENSSL_cleanse(text, sizeof text);
    return result;
}

static void close_key(struct store_key *base)
{
    struct file_key *key = (struct file_key *)base;
    EVP_PKEY_free(key->key);
    EVP_PKEY_free(key->public_key);
    free(key);
}

static int sign_once(void *context, enum pki_algorithm algorithm, struct bytes data,
                     uint8_t *signature, size_t *length, struct error *error)
{
    const struct file_key *key = context;
    if (sign_in_memory(key->key, algorithm, data, signature, length) == 0)
        return 0;
    return error_set(error, EX_SOFTWARE, "OpenSSL cannot sign with %s",
                     pki_algorithm_info(algorithm)->name);
}

static int open_key(struct store *store, const struct key_request *request, struct store_key **ret,
                    struct key_report *report, struct outcome *outcome, struct error *error)
{
    struct file_key *key = calloc(1, sizeof *key);
    if (!key)
        return error_set(error, EX_OSERR, "Out of memory");
    key->base.store = store;
    int result = read_key(request->uri, &key->key, error);
    bool read = result == 0;
    if (result == 0 && pki_algorithms_of(key->key) != pki_algorithms_of(request->public_key))
        result = refuse_key(error);
    if (result == 0)
        result =
            prove_algorithms(request->public_key, false, sign_once, key, &key->algorithms, error);
    if (result < 0) {
        outcome->other = read && result == -EX_CONFIG;
        close_key(&key->base);
        return error_where(error, "%s", request->uri);
    }
    EVP_PKEY_up_ref(request->public_key);
    key->public_key = request->public_key;
    report->algorithms = key->algorithms;
    report->sessions = request->sessions;
    snprintf(report->uri, sizeof report->uri, "%s", request->uri);
    *ret = &key->base;
    return 0;
}

static int sign(struct store_key *base, enum pki_algorithm algorithm, struct bytes data,
                uint8_t *signature, size_t *length, struct outcome *outcome, struct error *error)
{
    struct file_key *key = (struct file_key *)base;
    outcome->algorithms = key->algorithms;
    if (!(key->algorithms & 1u << algorithm))
        return error_set(error, EX_CONFIG, "The key does not sign with %s",
                         pki_algorithm_info(algorithm)->name);
    int result = sign_once(key, algorithm, data, signature, length, error);
    if (result == 0 &&
        !verify_signature(key->public_key, algorithm, data, (struct bytes){signature, *length}))
        result = error_set(error, EX_SOFTWARE, "A signature came out wrong");
    return result;
}

static void free_store(struct store *store)
{
    free(store);
}

int file_store_new(struct store **ret, struct error *error)
{
    static const struct store_operations operations = {
        .open = open_key, .sign = sign, .close = close_key, .free = free_store};
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return error_set(error, EX_OSERR, "Out of memory");
    store->operations = &operations;
    *ret = store;
    return 0;
}
