/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See pin.h; which PINs were refused is in refusals.c. */
#include "pki/signer/pin.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/signer/credential.h"

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* False for a bad escape, a NUL, or what does not fit. */
static bool decode_percent(const char *text, char *out, size_t size)
{
    for (; *text && size > 1; size--) {
        int high, low;
        if (*text != '%') {
            *out++ = *text++;
        } else if ((high = hex_value(text[1])) >= 0 && (low = hex_value(text[2])) >= 0 &&
                   high + low > 0) {
            *out++ = (char)(high << 4 | low);
            text += 3;
        } else {
            return false;
        }
    }
    *out = '\0';
    return !*text;
}

int file_uri_path(const char *uri, char *path, size_t size, struct error *error)
{
    bool good = false;
    if (*uri == '/') {
        good = strlen(uri) < size;
        if (good)
            strcpy(path, uri);
    } else if (strncmp(uri, "file:", 5) == 0) {
        uri += strncmp(uri, "file:///", 8) == 0 ? 7 : 5;
        good = *uri == '/' && uri[1] != '/' && decode_percent(uri, path, size);
    }
    if (good)
        return 0;
    error_set(error, EX_CONFIG, "The name of the file cannot be used");
    error_cure(error, "write it as an absolute path, or as file:/path");
    return error_where(error, "%s", uri);
}

static int open_regular(const char *path, struct stat *status, struct error *error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, status) < 0) {
        int number = errno;
        error_set_errno(error, number == ENOENT ? EX_UNAVAILABLE : EX_CONFIG, number,
                        "Cannot read the file");
        error_cure(error, "check the path, and that the signer's user may read it");
        return error_where(error, "%s", path);
    }
    if (!S_ISREG(status->st_mode)) {
        error_set(error, EX_CONFIG, "This is %s, and a file was expected",
                  S_ISDIR(status->st_mode) ? "a directory" : "no regular file");
        error_cure(error, "name the file itself");
        return error_where(error, "%s", path);
    }
    return TAKE_FD(fd);
}

int file_read(const char *path, char *text, size_t *length, struct stat *status,
              struct error *error)
{
    _cleanup_close_ int fd = open_regular(path, status, error);
    if (fd < 0)
        return fd;
    size_t used = 0;
    ssize_t count = 1;
    while (used < *length && count != 0) {
        count = read(fd, text + used, *length - used);
        if (count < 0 && errno != EINTR) {
            error_set_errno(error, EX_CONFIG, errno, "Cannot read the file");
            return error_where(error, "%s", path);
        }
        used += count > 0 ? (size_t)count : 0;
    }
    if (used == *length) {
        error_set(error, EX_CONFIG, "The file is longer than %zu bytes", *length - 1);
        error_cure(error, "name the file that holds the key or the PIN, and nothing else");
        return error_where(error, "%s", path);
    }
    *length = used;
    return 0;
}

/* Where a PIN was found. */
struct source {
    char path[PKI_WIRE_TEXT_MAXIMUM + 1];
    struct stat status;
};

static void cut_line_end(struct pin *pin)
{
    if (pin->length && pin->text[pin->length - 1] == '\n')
        pin->length--;
    if (pin->length && pin->text[pin->length - 1] == '\r')
        pin->length--;
}

/* A file, whose path is left in `path`. */
static int read_file(const char *source, struct pin *pin, struct source *ret, struct error *error)
{
    pin->length = sizeof pin->text;
    int result = file_uri_path(source, ret->path, sizeof ret->path, error);
    if (result == 0)
        result = file_read(ret->path, pin->text, &pin->length, &ret->status, error);
    return result;
}

static int read_credential(const char *name, struct pin *pin, struct source *ret,
                           struct error *error)
{
    pin->length = sizeof pin->text;
    int result = credential_path(name, ret->path, sizeof ret->path, error);
    if (result == 0)
        result = file_read(ret->path, pin->text, &pin->length, &ret->status, error);
    if (result != -EX_UNAVAILABLE)
        return result;
    error_set(error, EX_UNAVAILABLE, "systemd gave the signer no credential %.255s", name);
    error_cure(
        error,
        "systemd-creds encrypt --name=%.64s - /etc/credstore.encrypted/%.64s, or put it where "
        "the signer's unit says, then let new signers have it: systemctl restart posternd",
        name, name);
    return error_where(error, "%s", ret->path);
}

/* A credential belongs to the unit that needs it, and only that unit can read it: a path that names
 * another unit's is taken for the one of that name that we were given ourselves. */
static int read_source(const char *source, struct pin *pin, struct source *ret, struct error *error)
{
    struct source own;
    const char *name = credential_name(source);
    if (name)
        return read_credential(name, pin, ret, error);
    int result = read_file(source, pin, ret, error);
    if (result == 0 || !getenv("CREDENTIALS_DIRECTORY") ||
        !(name = credential_name_of_path(ret->path)))
        return result;
    result = read_credential(name, pin, &own, error);
    *ret = own;
    return result;
}

int pin_read(const char *source, struct pin *ret, struct error *error)
{
    struct source found;
    int result = read_source(source, ret, &found, error);
    if (result < 0) {
        ret->length = 0;
        return error_cure(error, "let PinSource name a file with the PIN, and nothing else in it");
    }
    ret->file =
        (struct pki_wire_file){.inode = found.status.st_ino,
                               .size = (uint64_t)found.status.st_size,
                               .modified = (uint64_t)found.status.st_mtim.tv_sec * 1000000000 +
                                           (uint64_t)found.status.st_mtim.tv_nsec};
    cut_line_end(ret);
    if (ret->length)
        return 0;
    error_set(error, EX_CONFIG, "The file with the PIN is empty");
    error_where(error, "%s", found.path);
    return error_cure(error, "write the PIN into it");
}

void pin_wipe(struct pin *pin)
{
    OPENSSL_cleanse(pin, sizeof *pin);
}
