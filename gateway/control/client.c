/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See client.h. */
#include "gateway/control/client.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "gateway/control/wire.h"
#include "pki/base/buffer.h"

enum {
    SEND_SECONDS = 10, /* also the wait for posternd to accept */
    READ_SIZE = 16384,
};

struct control_client {
    int fd;
    struct sockaddr_un address;
    struct buffer in; /* what came, from the first byte of a line on */
};

/* Of the socket's file, or where that cannot be seen, of its folder; 0: neither can. */
static gid_t find_group(const char *path)
{
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat status;
    if (stat(path, &status) == 0)
        return status.st_gid;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    return stat(*folder ? folder : "/", &status) == 0 ? status.st_gid : 0;
}

/* ", or join the group …" when there is one that it would help to be in. */
static const char *name_group(const char *path, char *text, size_t size)
{
    gid_t number = find_group(path);
    const struct group *group = number ? getgrgid(number) : NULL;
    if (group)
        snprintf(text, size, ", or join the group %s", group->gr_name);
    else if (number)
        snprintf(text, size, ", or join the group of number %ld", (long)number);
    else
        *text = '\0';
    return text;
}

static int tell_connect_failure(int number, const char *path, struct error *error)
{
    char group[96];
    switch (number) {
    case ENOENT:
        error_set(error, EX_UNAVAILABLE,
                  "There is no control socket at %s: posternd does not seem to run", path);
        break;
    case ECONNREFUSED:
        error_set(error, EX_UNAVAILABLE,
                  "Nobody answers on the control socket %s: posternd does not seem to run", path);
        break;
    case EACCES:
    case EPERM:
        error_set(error, EX_NOPERM, "You may not use the control socket %s", path);
        return error_cure(error, "sudo%s", name_group(path, group, sizeof group));
    case EAGAIN:
        error_set(error, EX_TEMPFAIL, "posternd does not accept on the control socket %s", path);
        return error_cure(error,
                          "again in a minute, and journalctl -u posternd if that does not help");
    default:
        error_set_errno(error, EX_UNAVAILABLE, number, "Cannot reach the control socket %s", path);
    }
    return error_cure(error, "systemctl status posternd; for another gateway name its folder with "
                             "--config or its socket with --socket");
}

static int connect_to(struct control_client *client, const char *path, struct error *error)
{
    static const struct timeval limit = {.tv_sec = SEND_SECONDS};
    size_t length = strlen(path);
    if (!length || length >= sizeof client->address.sun_path)
        return error_set(error, EX_CONFIG,
                         "The path of the control socket has %zu bytes; "
                         "1 to %zu are possible",
                         length, sizeof client->address.sun_path - 1);
    client->address.sun_family = AF_UNIX;
    memcpy(client->address.sun_path, path, length + 1);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot make a socket");
    if (connect(client->fd, (const struct sockaddr *)&client->address, sizeof client->address) < 0)
        return tell_connect_failure(errno, path, error);
    return 0;
}

int control_client_new(struct control_client **ret, const char *path, struct error *error)
{
    _cleanup_(control_client_freep) struct control_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_set(error, EX_OSERR, "No memory");
    client->fd = -1;
    buffer_init(&client->in, CONTROL_ANSWER_MAXIMUM);
    int result = connect_to(client, path, error);
    if (result < 0)
        return result;
    *ret = TAKE_PTR(client);
    return 0;
}

struct control_client *control_client_free(struct control_client *client)
{
    if (client) {
        if (client->fd >= 0)
            close(client->fd);
        buffer_release(&client->in);
        free(client);
    }
    return NULL;
}

/* A connection that posternd has closed already may hold its reason: that is read, not told here.
 */
static int send_line(struct control_client *client, const json_t *request, struct error *error)
{
    _cleanup_(buffer_release) struct buffer line;
    buffer_init(&line, CONTROL_LINE_MAXIMUM);
    if (control_put_line(&line, request) < 0)
        return error_set(error, EX_DATAERR, "The request is too long, or memory is short");
    while (buffer_length(&line)) {
        ssize_t sent = send(client->fd, buffer_bytes(&line), buffer_length(&line), MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        if (sent < 0 && errno != EINTR)
            return error_set_errno(error, EX_TEMPFAIL, errno, "Cannot send to posternd");
        if (sent > 0)
            buffer_consume(&line, (size_t)sent);
    }
    return 0;
}

static int tell_read_failure(ssize_t length, unsigned seconds, struct error *error)
{
    if (length < 0 && errno == EAGAIN) {
        error_set(error, EX_TEMPFAIL, "posternd did not answer within %u seconds", seconds);
        return error_cure(error, "look at journalctl -u posternd, then ask again");
    }
    if (length < 0 && errno != ECONNRESET)
        return error_set_errno(error, EX_IOERR, errno, "Cannot read from the control socket");
    error_set(error, EX_UNAVAILABLE, "posternd ended the connection before it had answered");
    return error_cure(error, "see whether it was stopped: systemctl status posternd");
}

/* Reads until there is a line; its length with the line end, or an error. */
static ssize_t read_line(struct control_client *client, unsigned seconds, struct error *error)
{
    for (;;) {
        size_t held = buffer_length(&client->in);
        char *end = held ? memchr(buffer_bytes(&client->in), '\n', held) : NULL;
        if (end)
            return end - buffer_bytes(&client->in) + 1;
        size_t room = CONTROL_ANSWER_MAXIMUM - held;
        char *place = buffer_reserve(&client->in, room < READ_SIZE ? room : READ_SIZE);
        if (!room || !place)
            return error_set(error, EX_PROTOCOL, "The answer is too long, or memory is short");
        ssize_t length = recv(client->fd, place, room < READ_SIZE ? room : READ_SIZE, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return tell_read_failure(length, seconds, error);
        buffer_extend(&client->in, (size_t)length);
    }
}

static int read_object(struct control_client *client, unsigned seconds, json_t **ret,
                       struct error *error)
{
    json_error_t reason;
    ssize_t length = read_line(client, seconds, error);
    if (length < 0)
        return (int)length;
    json_t *object = json_loadb(buffer_bytes(&client->in), (size_t)length, 0, &reason);
    buffer_consume(&client->in, (size_t)length);
    if (!object) {
        error_set(error, EX_PROTOCOL, "The answer is not JSON: %s", reason.text);
        return error_cure(error,
                          "see that posternctl and posternd are of one version, and that %s "
                          "is posternd's",
                          client->address.sun_path);
    }
    *ret = object;
    return 0;
}

int control_client_ask(struct control_client *client, const char *command, json_t *arguments,
                       unsigned seconds, void (*progress)(void *context, json_t *progress),
                       void *context, json_t **ret, struct error *error)
{
    struct timeval limit = {.tv_sec = seconds};
    json_auto_t *request =
        json_pack("{s:s, s:o}", "command", command, "arguments", arguments ?: json_object());
    if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot set a time limit");
    int result = send_line(client, request, error);
    while (result == 0) {
        json_auto_t *object = NULL;
        result = read_object(client, seconds, &object, error);
        if (result < 0)
            break;
        json_t *step = json_object_get(object, "progress");
        if (step && progress)
            progress(context, step);
        if (step)
            continue;
        if (!json_object_get(object, "result") && !json_object_get(object, "error"))
            return error_set(error, EX_PROTOCOL, "The answer has neither a result nor an error");
        *ret = TAKE_PTR(object);
        return 0;
    }
    return result;
}
