/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See credential.h. */
#include "pki/signer/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/base/cleanup.h"

enum { KEY_LENGTH = 32, NAME_MAXIMUM = 255, PATH_ROOM = 512 };

static const char *mark_directory;

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

const char *credential_name(const char *source)
{
    return after(source, "credential:");
}

const char *credential_name_of_path(const char *path)
{
    const char *unit = after(path, "/run/credentials/");
    const char *slash = unit ? strchr(unit, '/') : NULL;
    bool named = slash && slash != unit && slash[1] && !strchr(slash + 1, '/');
    return named ? slash + 1 : NULL;
}

/* As systemd has them: a file's name of printable ASCII. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '/' || *at == ':')
            return false;
    return length > 0 && length <= NAME_MAXIMUM && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int credential_path(const char *name, char *path, size_t size, struct error *error)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!is_name(name)) {
        error_set(error, EX_CONFIG, "This is no name of a credential");
        error_cure(error, "write credential: and the name that LoadCredential= has");
        return error_where(error, "%s", name);
    }
    if (!directory || *directory != '/' || strlen(directory) + 1 + strlen(name) >= size) {
        error_set(error, EX_CONFIG, "The signer was given no credentials by systemd");
        error_cure(
            error,
            "put LoadCredential=%s into postern-signer@.service (into posternd.service where "
            "posternd starts the signer itself), or let PinSource name a file",
            name);
        return error_where(error, "%s", name);
    }
    snprintf(path, size, "%s/%s", directory, name);
    return 0;
}

void credential_keep_marks(const char *directory)
{
    mark_directory = directory && *directory == '/' ? directory : NULL;
}

static bool read_key(const char *path, uint8_t key[KEY_LENGTH])
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read(fd, key, KEY_LENGTH) == KEY_LENGTH;
}

/* Several signers may begin at once: each writes a file of its own, and the first link wins. */
static void make_key(const char *path)
{
    char draft[PATH_ROOM];
    uint8_t key[KEY_LENGTH];
    snprintf(draft, sizeof draft, "%.480s.%d", path, (int)getpid());
    if (RAND_bytes(key, sizeof key) != 1)
        return;
    unlink(draft);
    _cleanup_close_ int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* One that is there already is as good: what counts is what is read there next. */
    if (fd >= 0 && write(fd, key, sizeof key) == (ssize_t)sizeof key && link(draft, path) < 0)
        errno = 0;
    unlink(draft);
    OPENSSL_cleanse(key, sizeof key);
}

bool credential_mark(const char *secret, size_t length, struct pki_wire_file *mark)
{
    char path[PATH_ROOM];
    uint8_t key[KEY_LENGTH], hash[EVP_MAX_MD_SIZE];
    unsigned hash_length = 0;
    if (!mark_directory)
        return false;
    if (snprintf(path, sizeof path, "%s/pin-mark.key", mark_directory) >= 480)
        return false;
    bool found = read_key(path, key);
    if (!found) {
        make_key(path);
        found = read_key(path, key);
    }
    bool done = found && HMAC(EVP_sha256(), key, KEY_LENGTH, (const uint8_t *)secret, length, hash,
                              &hash_length);
    OPENSSL_cleanse(key, sizeof key);
    if (!done)
        return false;
    memcpy(&mark->inode, hash, 8);
    memcpy(&mark->size, hash + 8, 8);
    memcpy(&mark->modified, hash + 16, 8);
    mark->inode |= 1; /* all zero would mean: none */
    return true;
}
