/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which PINs a token has refused. See pin.h.
 *
 * In memory a table of hashes; in the folder, if there is one, an empty file for each, called after
 * its hash, and the key of the hashes. Whoever can read the key can guess what was refused, and
 * could read the PIN itself as well. What cannot be kept is no reason not to serve: then memory
 * alone remembers. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/signer/pin.h"

enum { HASH_LENGTH = 32, REFUSED_MAXIMUM = 64, PATH_ROOM = 512, DIRECTORY_MAXIMUM = 400 };

static struct {
    pthread_mutex_t lock;
    const char *directory; /* of the service; ours is below it */
    bool ready;
    uint8_t key[HASH_LENGTH];
    uint8_t hash[REFUSED_MAXIMUM][HASH_LENGTH];
    unsigned count;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

void pin_keep_refusals(const char *directory)
{
    bool usable = directory && *directory == '/' && strlen(directory) < DIRECTORY_MAXIMUM;
    memory.directory = usable ? directory : NULL;
}

static void make_path(char path[PATH_ROOM], const char *name)
{
    snprintf(path, PATH_ROOM, "%.*s/refused-pins/%.80s", DIRECTORY_MAXIMUM, memory.directory, name);
}

static bool read_key(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t key[HASH_LENGTH];
    bool whole = fd >= 0 && read(fd, key, sizeof key) == (ssize_t)sizeof key;
    if (whole)
        memcpy(memory.key, key, sizeof key);
    return whole;
}

/* Several signers may begin at once: each writes a file of its own, the first link wins, and what
 * counts is what is read there next. */
static void share_key(const char *path)
{
    char draft[PATH_ROOM], name[32];
    snprintf(name, sizeof name, "key.%d", (int)getpid());
    make_path(draft, name);
    unlink(draft);
    _cleanup_close_ int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, memory.key, sizeof memory.key) == (ssize_t)sizeof memory.key &&
        link(draft, path) < 0 && errno != EEXIST)
        memory.directory = NULL;
    unlink(draft);
}

/* With the lock. False when there is no random key, and then nothing may be tried either. */
static bool get_ready(void)
{
    char path[PATH_ROOM];
    if (memory.ready)
        return true;
    if (RAND_bytes(memory.key, sizeof memory.key) != 1)
        return false;
    memory.ready = true;
    if (!memory.directory)
        return true;
    make_path(path, "");
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        memory.directory = NULL;
    else
        make_path(path, "key");
    if (memory.directory && !read_key(path)) {
        share_key(path);
        if (memory.directory && !read_key(path))
            memory.directory = NULL;
    }
    return true;
}

/* With the lock. */
static bool hash_pin(const struct pin *pin, const char *token, uint8_t hash[HASH_LENGTH])
{
    uint8_t text[sizeof pin->text + 512];
    unsigned length = HASH_LENGTH;
    size_t token_length = strnlen(token, 512);
    if (!get_ready())
        return false;
    memcpy(text, token, token_length);
    memcpy(text + token_length, pin->text, pin->length);
    bool done = HMAC(EVP_sha256(), memory.key, sizeof memory.key, text, token_length + pin->length,
                     hash, &length) != NULL;
    OPENSSL_cleanse(text, sizeof text);
    return done;
}

static void path_of(const uint8_t hash[HASH_LENGTH], char path[PATH_ROOM])
{
    char name[HASH_LENGTH * 2 + 1];
    for (unsigned i = 0; i < HASH_LENGTH; i++)
        snprintf(name + 2 * i, 3, "%02x", hash[i]);
    make_path(path, name);
}

static bool is_kept(const uint8_t hash[HASH_LENGTH])
{
    char path[PATH_ROOM];
    if (!memory.directory)
        return false;
    path_of(hash, path);
    return access(path, F_OK) == 0;
}

static void keep(const uint8_t hash[HASH_LENGTH])
{
    char path[PATH_ROOM];
    if (!memory.directory)
        return;
    path_of(hash, path);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool pin_was_refused(const struct pin *pin, const char *token)
{
    uint8_t hash[HASH_LENGTH];
    pthread_mutex_lock(&memory.lock);
    bool refused = !hash_pin(pin, token, hash);
    for (unsigned i = 0; i < memory.count && !refused; i++)
        refused = CRYPTO_memcmp(memory.hash[i], hash, sizeof hash) == 0;
    /* A memory that is full cannot promise any more that a PIN is new. */
    refused = refused || memory.count == REFUSED_MAXIMUM || is_kept(hash);
    pthread_mutex_unlock(&memory.lock);
    return refused;
}

void pin_remember_refused(const struct pin *pin, const char *token)
{
    pthread_mutex_lock(&memory.lock);
    if (memory.count < REFUSED_MAXIMUM && hash_pin(pin, token, memory.hash[memory.count]))
        keep(memory.hash[memory.count++]);
    pthread_mutex_unlock(&memory.lock);
}

int pin_refused_before(struct error *error)
{
    error_set(error, EX_CONFIG, "The token refused this PIN before, and it is not tried again");
    pthread_mutex_lock(&memory.lock);
    if (memory.directory)
        error_cure(error,
                   "let PinSource name the right PIN; if the token has been given this one "
                   "meanwhile: rm -r %.200s/refused-pins, and systemctl restart posternd",
                   memory.directory);
    else
        error_cure(error, "write the right PIN into the file that PinSource names");
    pthread_mutex_unlock(&memory.lock);
    return -EX_CONFIG;
}
