/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ledger on disk: one JSON file, always whole.
 *
 *   {"format":"postern-peers", "version":1, "digest":"…", "peers":[…]}
 *
 * The digest is the SHA-256 of the entries as they are written without spaces, keys sorted. It is
 * no seal against who may write the file; it tells a file that was changed or damaged from ours. */
#include "gateway/ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/base/synced.h"

enum { FILE_MAXIMUM = 32 * 1024 * 1024, VERSION = 1 };

static const char format[] = "postern-peers";

static bool make_digest(const json_t *peers, char *ret, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    _cleanup_free_ char *text = json_dumps(peers, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text || EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL) != 1) {
        ERR_clear_error();
        return false;
    }
    for (unsigned i = 0; i < length && 2 * (size_t)i + 2 < size; i++)
        snprintf(ret + 2 * (size_t)i, 3, "%02x", digest[i]);
    return true;
}

/* --- writing --- */

static char *to_text(const struct ledger *ledger)
{
    char digest[65] = "";
    json_auto_t *peers = json_array();
    for (unsigned i = 0; i < ledger->count; i++)
        if (json_array_append_new(peers, ledger_entry_json(ledger->entries[i])) < 0)
            return NULL;
    if (!peers || !make_digest(peers, digest, sizeof digest))
        return NULL;
    json_auto_t *document = json_pack("{s:s, s:i, s:s, s:O}", "format", format, "version", VERSION,
                                      "digest", digest, "peers", peers);
    return document ? json_dumps(document, JSON_INDENT(1)) : NULL;
}

static int tell(struct error *error, const char *what, const char *path)
{
    int number = errno;
    int code = number == EACCES || number == EPERM || number == EROFS ? EX_NOPERM : EX_IOERR;
    error_set_errno(error, code, number, "%s %s", what, path);
    return error_cure(error,
                      "let the user that posternd runs as write into the Directory of State, "
                      "and see that the disk is not full");
}

/* The folder itself is made when it is not there; not those above it. */
static int open_folder(const char *path, struct error *error)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (mkdir(folder, 0750) < 0 && errno != EEXIST)
        return tell(error, "Cannot make the folder", folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? tell(error, "Cannot open the folder", folder) : fd;
}

static int write_beside(const char *path, const char *text, struct error *error)
{
    unlink(path); /* of a run that was cut off; a link that somebody planted is not followed */
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return tell(error, "Cannot write", path);
    if (write_synced(fd, text) < 0) {
        int result = tell(error, "Cannot write", path);
        unlink(path);
        return result;
    }
    return 0;
}

int ledger_write(const struct ledger *ledger, const char *path, struct error *error)
{
    char beside[4096];
    _cleanup_free_ char *text = to_text(ledger);
    if (!text)
        return error_set(error, EX_OSERR, "There is no memory to write down which peers were seen");
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return error_set(error, EX_CONFIG, "The name of the Directory of State is too long");
    _cleanup_close_ int folder = open_folder(path, error);
    if (folder < 0)
        return folder;
    int result = write_beside(beside, text, error);
    if (result == 0 && rename(beside, path) < 0)
        result = tell(error, "Cannot rename to", path);
    if (result == 0 && fsync(folder) < 0)
        result = tell(error, "Cannot sync the folder of", path);
    return result;
}

/* --- reading --- */

/* NULL with errno; ENOENT when there is none. */
static char *read_text(const char *path)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return NULL;
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAXIMUM) {
        errno = EFBIG;
        return NULL;
    }
    size_t size = (size_t)status.st_size, used = 0;
    _cleanup_free_ char *text = malloc(size + 1);
    ssize_t got = 1;
    while (text && used < size && (got = read(fd, text + used, size - used)) > 0)
        used += (size_t)got;
    if (!text || got < 0)
        return NULL;
    text[used] = '\0';
    return TAKE_PTR(text);
}

static int read_peers(struct ledger *ledger, const json_t *peers, struct error *error)
{
    size_t i;
    json_t *object;
    json_array_foreach(peers, i, object)
    {
        if (ledger->count == LEDGER_MAXIMUM)
            return error_set(error, EX_DATAERR, "it has more than %d entries", LEDGER_MAXIMUM);
        struct ledger_entry *entry = malloc(sizeof *entry);
        if (!entry)
            return error_set(error, EX_OSERR, "there is no memory for it");
        int result = ledger_entry_read(object, entry, error);
        if (result < 0) {
            free(entry);
            return result;
        }
        ledger->entries[ledger->count++] = entry;
    }
    return 0;
}

static int read_document(struct ledger *ledger, const char *text, struct error *error)
{
    json_error_t where;
    char digest[65] = "";
    json_auto_t *document = json_loads(text, 0, &where);
    const json_t *peers = json_object_get(document, "peers");
    const char *kind = json_string_value(json_object_get(document, "format"));
    const char *written = json_string_value(json_object_get(document, "digest"));
    if (!document)
        return error_set(error, EX_DATAERR, "it is no JSON: line %d: %s", where.line, where.text);
    if (!kind || strcmp(kind, format) != 0 || !json_is_array(peers) ||
        json_integer_value(json_object_get(document, "version")) != VERSION)
        return error_set(error, EX_DATAERR, "it is none of ours, or of another version");
    if (!make_digest(peers, digest, sizeof digest))
        return error_set(error, EX_OSERR, "there is no memory for it");
    if (!written || strcmp(written, digest) != 0)
        return error_set(error, EX_DATAERR, "it was changed by something else than posternd");
    return read_peers(ledger, peers, error);
}

static void forget_all(struct ledger *ledger)
{
    while (ledger->count)
        free(ledger->entries[--ledger->count]);
}

int ledger_read(struct ledger *ledger, const char *path, struct error *error)
{
    char aside[4096];
    struct error found;
    _cleanup_free_ char *text = read_text(path);
    int number = errno;
    if (!text && number == ENOENT)
        return 0;
    int result = text ? read_document(ledger, text, &found)
                      : error_set_errno(&found, EX_DATAERR, number, "it cannot be read");
    if (result == 0)
        return 0;
    forget_all(ledger);
    if (snprintf(aside, sizeof aside, "%s.set-aside", path) >= (int)sizeof aside ||
        rename(path, aside) < 0)
        snprintf(aside, sizeof aside, "(it could not be renamed)");
    error_set(error, EX_DATAERR, "%s: %s; it was set aside, and peers are remembered anew", path,
              found.what);
    error_where(error, "%s", aside);
    return error_cure(error,
                      "nothing needs to be done; the file that was set aside may be deleted");
}
