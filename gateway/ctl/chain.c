/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The chain that cert stage, import and rotate send: read here, because the file is the caller's
 * and posternd may not be allowed to see it. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/commands.h"
#include "pki/base/cleanup.h"

enum { CHAIN_MAXIMUM = 40 * 1024 }; /* bytes: in base64 they fit into one request */

static int read_all(int fd, unsigned char *bytes, size_t size, size_t *length)
{
    *length = 0;
    while (*length < size) {
        ssize_t got = read(fd, bytes + *length, size - *length);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        *length += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int check(const char *path, const unsigned char *bytes, size_t length, struct error *error)
{
    if (!length)
        error_set(error, EX_DATAERR, "%s is empty", path);
    else if (length > CHAIN_MAXIMUM)
        error_set(error, EX_DATAERR, "%s is larger than %d bytes", path, CHAIN_MAXIMUM);
    else if (memmem(bytes, length, "PRIVATE KEY-----", 16))
        error_set(error, EX_DATAERR, "There is a private key in %s", path);
    else
        return 0;
    return error_cure(error, "name a file that holds the certificate and its intermediates, and "
                             "nothing else");
}

int ctl_put_chain(json_t *arguments, const char *path, struct error *error)
{
    _cleanup_free_ unsigned char *bytes = malloc(CHAIN_MAXIMUM + 1);
    _cleanup_free_ unsigned char *text = malloc((CHAIN_MAXIMUM + 2) / 3 * 4 + 1);
    _cleanup_close_ int opened = -1;
    size_t length = 0;
    int fd = STDIN_FILENO;
    if (!bytes || !text)
        return error_set(error, EX_OSERR, "Out of memory");
    if (strcmp(path, "-") != 0)
        fd = opened = open(path, O_RDONLY | O_CLOEXEC);
    int number = fd < 0 ? -errno : read_all(fd, bytes, CHAIN_MAXIMUM + 1, &length);
    if (number < 0) {
        error_set_errno(error, EX_NOINPUT, -number, "Cannot read %s", path);
        return error_cure(error, "name the file with the certificate and its intermediates");
    }
    int result = check(path, bytes, length, error);
    if (result < 0)
        return result;
    EVP_EncodeBlock(text, bytes, (int)length);
    if (json_object_set_new(arguments, "chain", json_string((const char *)text)) < 0 ||
        json_object_set_new(arguments, "file", control_text(path)) < 0)
        return error_set(error, EX_OSERR, "Out of memory");
    return 0;
}
