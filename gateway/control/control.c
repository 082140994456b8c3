/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See control.h. A struct control owns its clients; a request is owned by the command that runs it,
 * and it and its client (or the control itself) tell each other when they go.
 *
 * Every way into a client ends in settle(), which sends what it can, serves the next line, and then
 * either waits or frees the client. The next line is served only when the last answer has left the
 * buffer, so a client that asks and never reads holds one answer at most. */
#include "gateway/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/control/socket.h"
#include "gateway/control/wire.h"
#include "pki/base/buffer.h"
#include "pki/base/log.h"

enum {
    CLIENTS_MAXIMUM = 16,
    REQUESTS_MAXIMUM = 32,
    IDLE_MILLISECONDS = 60000,
    PAUSE_MILLISECONDS = 1000, /* accepting nobody, when descriptors or memory are short */
    READ_SIZE = 4096,
};

struct client {
    struct control *control;
    struct loop_watch watch;
    struct loop_timer idle;
    struct control_request *request; /* the one that runs, or NULL */
    struct buffer in, out;
    size_t slot;
    bool inside; /* a command has been called and has not returned: it must find the client alive */
    bool ended;  /* the client sends no more */
    bool closing; /* nothing more is served; freed when `out` has been sent */
};

struct control_request {
    struct control *control; /* NULL: freed meanwhile */
    struct client *client;   /* NULL: left meanwhile */
    size_t slot;
};

struct control {
    struct loop *loop;
    struct control_socket socket;
    struct loop_watch watch;
    struct loop_timer pause;
    const struct control_command_entry *commands;
    void *context;
    struct client *clients[CLIENTS_MAXIMUM];
    struct control_request *requests[REQUESTS_MAXIMUM];
};

static void idle_fired(struct loop_timer *timer);
static void settle(struct client *client);

/* The first free place, or `count`. */
static size_t find_slot(void *const *slots, size_t count)
{
    size_t slot = 0;
    while (slot < count && slots[slot])
        slot++;
    return slot;
}

static void client_free(struct client *client)
{
    if (client->request)
        client->request->client = NULL;
    loop_remove(client->control->loop, &client->watch);
    loop_cancel_timer(client->control->loop, &client->idle);
    close(client->watch.fd);
    buffer_release(&client->in);
    buffer_release(&client->out);
    client->control->clients[client->slot] = NULL;
    free(client);
}

/* A client that cannot be given its time limit is not kept. */
static void restart_idle(struct client *client)
{
    if (loop_set_timer(client->control->loop, &client->idle, IDLE_MILLISECONDS, idle_fired) < 0)
        client->closing = true;
}

static void idle_fired(struct loop_timer *timer)
{
    struct client *client = container_of(timer, struct client, idle);
    if (client->request && !buffer_length(&client->out)) {
        restart_idle(client); /* it waits for us, not we for it */
        return;
    }
    client_free(client);
}

/* Puts a line out, and takes over its reference. What does not fit, or could not be made, ends the
 * client: half an answer would be none. */
static void put_line(struct client *client, json_t *line)
{
    if (!client->closing && control_put_line(&client->out, line) < 0) {
        struct error error;
        error_set(&error, EX_SOFTWARE, "The answer is too long, or memory is short");
        json_auto_t *instead = json_pack("{s:o}", "error", control_error_object(&error));
        client->closing = true;
        if (control_put_line(&client->out, instead) < 0)
            buffer_release(&client->out);
    }
    json_decref(line);
}

static void put_error(struct client *client, const struct error *error)
{
    put_line(client, json_pack("{s:o}", "error", control_error_object(error)));
}

/* Ends what is no conversation. */
static void refuse(struct client *client, const struct error *error)
{
    put_error(client, error);
    client->closing = true;
}

/* --- requests --- */

static struct control_request *request_new(struct client *client, struct error *error)
{
    struct control *control = client->control;
    size_t slot = find_slot((void *const *)control->requests, REQUESTS_MAXIMUM);
    struct control_request *request = slot < REQUESTS_MAXIMUM ? calloc(1, sizeof *request) : NULL;
    if (!request) {
        error_set(error, EX_TEMPFAIL, "posternd has %s for another command",
                  slot < REQUESTS_MAXIMUM ? "no memory" : "too much running");
        error_cure(error, "ask again in a minute");
        return NULL;
    }
    *request = (struct control_request){control, client, slot};
    return control->requests[slot] = client->request = request;
}

/* The request ends here; `line` is taken over. */
static void finish(struct control_request *request, json_t *line)
{
    struct client *client = request->client;
    if (request->control)
        request->control->requests[request->slot] = NULL;
    free(request);
    if (!client) {
        json_decref(line);
        return;
    }
    client->request = NULL;
    put_line(client, line);
    restart_idle(client);
    settle(client);
}

void control_progress(struct control_request *request, json_t *progress)
{
    json_t *line = json_pack("{s:o}", "progress", progress);
    if (!request->client || !line) { /* progress that cannot be told is left out */
        json_decref(line);
        return;
    }
    put_line(request->client, line);
    settle(request->client);
}

void control_answer(struct control_request *request, json_t *result)
{
    finish(request, json_pack("{s:o}", "result", result));
}

void control_fail(struct control_request *request, const struct error *error)
{
    finish(request, json_pack("{s:o}", "error", control_error_object(error)));
}

void control_fail_with(struct control_request *request, const struct error *error, json_t *details)
{
    json_auto_t *object = control_error_object(error);
    if (details && object && json_object_update_missing(object, details) == 0)
        finish(request, json_pack("{s:O}", "error", object));
    else
        control_fail(request, error);
    json_decref(details);
}

bool control_is_wanted(const struct control_request *request)
{
    return request->client;
}

/* --- lines --- */

static void tell_unknown(struct client *client, const char *name)
{
    struct error error;
    char names[sizeof error.cure - 32] = "";
    size_t used = 0;
    error_set(&error, EX_USAGE, "posternd knows no command \"%.64s\"", name);
    for (const struct control_command_entry *entry = client->control->commands; entry->name;
         entry++)
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                     entry->name);
    error_cure(&error, "one of these: %s", names);
    put_error(client, &error);
}

static void run_command(struct client *client, const char *name, const json_t *arguments)
{
    const struct control_command_entry *entry = client->control->commands;
    while (entry->name && strcmp(entry->name, name) != 0)
        entry++;
    if (!entry->name) {
        tell_unknown(client, name);
        return;
    }
    struct error error;
    struct control_request *request = request_new(client, &error);
    if (!request) {
        put_error(client, &error);
        return;
    }
    client->inside = true;
    entry->run(client->control->context, request, arguments);
    client->inside = false;
}

static void run_line(struct client *client, const char *bytes, size_t length)
{
    struct error error;
    json_error_t reason;
    json_auto_t *request = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &reason);
    json_auto_t *none = json_object();
    const char *name = json_string_value(json_object_get(request, "command"));
    const json_t *arguments = json_object_get(request, "arguments");
    if (!arguments)
        arguments = none;
    if (!request)
        error_set(&error, EX_DATAERR, "This is not JSON: %s", reason.text);
    else if (!name)
        error_set(&error, EX_DATAERR, "This is not a request: it names no command");
    else if (!json_is_object(arguments))
        error_set(&error, EX_DATAERR, "The arguments of %.64s are not an object", name);
    else {
        run_command(client, name, arguments);
        return;
    }
    error_cure(&error, "one line like {\"command\":\"status\",\"arguments\":{}}");
    refuse(client, &error);
}

/* True when a line was served, or the lack of one told. */
static bool serve_line(struct client *client)
{
    struct error error;
    size_t length = buffer_length(&client->in);
    const char *bytes = length ? buffer_bytes(&client->in) : NULL;
    const char *end = length ? memchr(bytes, '\n', length) : NULL;
    if (end) {
        restart_idle(client);
        run_line(client, bytes, (size_t)(end - bytes));
        buffer_consume(&client->in, (size_t)(end - bytes) + 1);
        return true;
    }
    if (length >= CONTROL_LINE_MAXIMUM)
        error_set(&error, EX_DATAERR, "A request has at most %d bytes", CONTROL_LINE_MAXIMUM);
    else if (client->ended && length)
        error_set(&error, EX_DATAERR, "The request has no line end");
    else
        return false;
    refuse(client, &error);
    return true;
}

/* --- bytes --- */

/* False when the client cannot be written to any more. */
static bool send_out(struct client *client)
{
    while (buffer_length(&client->out)) {
        ssize_t sent = send(client->watch.fd, buffer_bytes(&client->out),
                            buffer_length(&client->out), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        buffer_consume(&client->out, (size_t)sent);
        restart_idle(client);
    }
    buffer_release(&client->out);
    return true;
}

/* What to wait for: room for what must go out; else, when nothing runs, the next bytes. That the
 * client goes away (EPOLLHUP) is always told. */
static int wait_on(struct client *client)
{
    uint32_t events = buffer_length(&client->out)        ? EPOLLOUT
                      : client->request || client->ended ? 0
                                                         : EPOLLIN;
    if (events == client->watch.events)
        return 0;
    return loop_change(client->control->loop, &client->watch, events);
}

static void settle(struct client *client)
{
    if (client->inside)
        return; /* whoever called the command settles after it */
    bool alive, served;
    do {
        alive = send_out(client);
        served = alive && !client->closing && !client->request && !buffer_length(&client->out) &&
                 serve_line(client);
    } while (served);
    bool done =
        !buffer_length(&client->out) && (client->closing || (client->ended && !client->request));
    if (!alive || done || wait_on(client) < 0)
        client_free(client);
}

/* False when the connection is broken. */
static bool read_in(struct client *client)
{
    size_t room = CONTROL_LINE_MAXIMUM - buffer_length(&client->in);
    size_t size = room < READ_SIZE ? room : READ_SIZE;
    char *place = buffer_reserve(&client->in, size);
    if (!place)
        return false;
    ssize_t length = recv(client->watch.fd, place, size, MSG_DONTWAIT);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR;
    buffer_extend(&client->in, (size_t)length);
    client->ended = length == 0;
    return true;
}

static void client_ready(struct loop_watch *watch, uint32_t events)
{
    struct client *client = container_of(watch, struct client, watch);
    bool waits = client->request || client->closing || buffer_length(&client->out);
    /* Who has left altogether may have left requests behind, which are served as if the answer
     * mattered; an answer that is under way then matters to nobody. */
    bool left = waits && (events & (EPOLLHUP | EPOLLERR));
    if (left || (!waits && !client->ended && !read_in(client)))
        client_free(client);
    else
        settle(client);
}

/* --- connections --- */

static int client_new(struct control *control, int fd)
{
    size_t slot = find_slot((void *const *)control->clients, CLIENTS_MAXIMUM);
    struct client *client = slot < CLIENTS_MAXIMUM ? calloc(1, sizeof *client) : NULL;
    if (!client)
        return slot < CLIENTS_MAXIMUM ? -ENOMEM : -EBUSY;
    client->control = control;
    client->slot = slot;
    buffer_init(&client->in, CONTROL_LINE_MAXIMUM);
    buffer_init(&client->out, CONTROL_ANSWER_MAXIMUM);
    int result = loop_add(control->loop, &client->watch, fd, EPOLLIN, client_ready);
    if (result < 0) {
        free(client);
        return result;
    }
    control->clients[slot] = client;
    restart_idle(client);
    if (client->closing)
        client_free(client);
    return 0;
}

/* Says why not, as far as the socket takes it at once: who is turned away has no claim on more. */
static void turn_away(int fd, const struct error *error)
{
    struct buffer line;
    buffer_init(&line, CONTROL_LINE_MAXIMUM);
    json_auto_t *object = json_pack("{s:o}", "error", control_error_object(error));
    if (control_put_line(&line, object) == 0)
        (void)send(fd, buffer_bytes(&line), buffer_length(&line), MSG_DONTWAIT | MSG_NOSIGNAL);
    buffer_release(&line);
    close(fd);
}

static void admit(struct control *control, int fd)
{
    struct error error;
    int result = control_peer_check(fd, &error);
    if (result == 0) {
        result = client_new(control, fd);
        if (result == 0)
            return;
        error_set(&error, EX_TEMPFAIL, "posternd %s",
                  result == -EBUSY ? "has 16 control connections already"
                                   : "has no memory for this connection");
        error_cure(&error, "ask again in a minute");
    }
    turn_away(fd, &error);
}

static void pause_fired(struct loop_timer *timer);

/* Out of descriptors, the waiting connection would wake the loop for ever: it waits a second. */
static void pause_listening(struct control *control, int number)
{
    struct error error;
    struct log log;
    error_set_errno(&error, EX_TEMPFAIL, number, "The control socket accepts nobody for a second");
    log_event(&log, LOG_EVENT_RESOURCES, "%s", error.what);
    log_end(&log);
    if (loop_set_timer(control->loop, &control->pause, PAUSE_MILLISECONDS, pause_fired) == 0 &&
        loop_change(control->loop, &control->watch, 0) < 0)
        loop_cancel_timer(control->loop, &control->pause);
}

static void pause_fired(struct loop_timer *timer)
{
    struct control *control = container_of(timer, struct control, pause);
    int result = loop_change(control->loop, &control->watch, EPOLLIN);
    if (result < 0)
        pause_listening(control, -result);
}

static void listener_ready(struct loop_watch *watch, uint32_t events)
{
    struct control *control = container_of(watch, struct control, watch);
    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        admit(control, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_listening(control, errno);
}

int control_new(struct control **ret, struct loop *loop, const char *path,
                const struct control_command_entry *commands, void *context, struct error *error)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return error_set(error, EX_OSERR, "No memory for the control socket");
    control->loop = loop;
    control->commands = commands;
    control->context = context;
    int result = control_socket_open(&control->socket, path, error);
    if (result < 0) {
        free(control);
        return result;
    }
    int added = loop_add(loop, &control->watch, control->socket.fd, EPOLLIN, listener_ready);
    if (added < 0) {
        error_set_errno(error, EX_OSERR, -added, "Cannot watch the control socket %s", path);
        control_free(control);
        return -error->code;
    }
    *ret = control;
    return 0;
}

struct control *control_free(struct control *control)
{
    if (!control)
        return NULL;
    for (size_t i = 0; i < CLIENTS_MAXIMUM; i++)
        if (control->clients[i])
            client_free(control->clients[i]);
    for (size_t i = 0; i < REQUESTS_MAXIMUM; i++)
        if (control->requests[i])
            control->requests[i]->control = NULL;
    loop_cancel_timer(control->loop, &control->pause);
    loop_remove(control->loop, &control->watch);
    control_socket_close(&control->socket);
    free(control);
    return NULL;
}
