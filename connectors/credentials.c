/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See credentials.h. */
#include "connectors/credentials.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "connectors/read.h"

static int fail_line(struct error *error, const char *path, unsigned line, const char *what,
                     const char *cure)
{
    error_set(error, EX_CONFIG, "%s", what);
    error_where(error, "%s:%u", path, line);
    return error_cure(error, "%s", cure);
}

static int compare_users(const void *a, const void *b)
{
    return strcmp(((const struct conn_user *)a)->name, ((const struct conn_user *)b)->name);
}

/* Takes the line apart in place. */
static int read_line(struct conn_credentials *credentials, char *line, unsigned number,
                     struct error *error)
{
    line[strcspn(line, "\r\n")] = '\0';
    char *hash = line + strcspn(line, ":");
    if (!*line || *line == '#')
        return 0;
    if (!*hash || hash == line || hash - line > CONN_USER_NAME_MAXIMUM)
        return fail_line(error, credentials->path, number, "The line is not 'name:hash'",
                         "write a name, a colon, and what mkpasswd -m yescrypt prints");
    *hash++ = '\0';
    hash[strcspn(hash, ":")] = '\0';
    if (*hash != '$' || crypt_checksalt(hash) != CRYPT_SALT_OK)
        return fail_line(error, credentials->path, number,
                         "The hash is none that can be relied on, or none at all",
                         "make one with mkpasswd -m yescrypt, or openssl passwd -6");
    if (credentials->user_count == CONN_USERS_MAXIMUM)
        return fail_line(error, credentials->path, number, "There are more than 10000 users",
                         "divide the file, and name each part by a Credentials element");
    struct conn_user *user =
        conn_append(&credentials->users, &credentials->user_count, sizeof *user);
    if (!user)
        return error_set(error, EX_OSERR, "There is no memory left");
    *user = (struct conn_user){.name = strdup(line), .hash = strdup(hash), .line = number};
    return user->name && user->hash ? 0 : error_set(error, EX_OSERR, "There is no memory left");
}

static int check_file(FILE *file, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode)) {
        error_set(error, EX_CONFIG, "It is no plain file");
        return error_where(error, "%s", path);
    }
    if (!(status.st_mode & S_IRWXO))
        return 0;
    error_set(error, EX_CONFIG, "Others on this machine may read or change it");
    error_where(error, "%s", path);
    return error_cure(error, "chmod o= %s", path);
}

static int read_lines(struct conn_credentials *credentials, FILE *file, struct error *error)
{
    char line[1024];
    int result = 0;
    for (unsigned number = 1; result == 0 && fgets(line, sizeof line, file); number++)
        if (!strchr(line, '\n') && !feof(file))
            result = fail_line(error, credentials->path, number,
                               "The line is longer than 1000 bytes", "shorten it");
        else
            result = read_line(credentials, line, number, error);
    OPENSSL_cleanse(line, sizeof line);
    return result;
}

static int check_names(struct conn_credentials *credentials, struct error *error)
{
    for (size_t i = 1; i < credentials->user_count; i++)
        if (strcmp(credentials->users[i - 1].name, credentials->users[i].name) == 0)
            return fail_line(error, credentials->path, credentials->users[i].line,
                             "The name stands in the file twice", "take one of the two out");
    return 0;
}

int conn_credentials_read(struct conn_credentials *credentials, struct error *error)
{
    FILE *file = fopen(credentials->path, "re");
    if (!file) {
        error_set_errno(error, EX_NOINPUT, errno, "It cannot be read");
        return error_where(error, "%s", credentials->path);
    }
    int result = check_file(file, credentials->path, error);
    if (result == 0)
        result = read_lines(credentials, file, error);
    fclose(file);
    if (credentials->user_count)
        qsort(credentials->users, credentials->user_count, sizeof *credentials->users,
              compare_users);
    return result < 0 ? result : check_names(credentials, error);
}

void conn_credentials_clear(struct conn_credentials *credentials)
{
    for (size_t i = 0; i < credentials->user_count; i++) {
        free(credentials->users[i].name);
        free(credentials->users[i].hash);
    }
    free(credentials->users);
    free(credentials->name);
    free(credentials->path);
}

const char *conn_credentials_hash(const struct conn_credentials *credentials, const char *name)
{
    const struct conn_user wanted = {.name = (char *)name},
                           *found =
                               credentials->user_count
                                   ? bsearch(&wanted, credentials->users, credentials->user_count,
                                             sizeof *credentials->users, compare_users)
                                   : NULL;
    return found ? found->hash : NULL;
}

bool conn_password_matches(const char *hash, const char *password)
{
    /* For a user that there is not, so that the time does not tell. */
    static const char nobody[] = "$y$j9T$dEK.LBnIcZuFY1jAvf4hq.$";
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return false;
    const char *made = crypt_r(password, hash ? hash : nobody, data);
    bool same = hash && made && *made != '*' && strlen(made) == strlen(hash) &&
                CRYPTO_memcmp(made, hash, strlen(hash)) == 0;
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return same;
}
