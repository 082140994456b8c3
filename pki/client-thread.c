/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The thread that keeps the signer alive. See client.h.
 *
 * Each turn: start the process when it is down and its rest is over, ask for keys that are due,
 * look at deadlines, sleep until something comes. It never blocks on the signer.
 *
 * When is a signer hung? Its queues are first in, first out, and it drops what waited longer than
 * its time-out. So a request past its deadline means a hang when nothing at all was answered in its
 * queue since it was sent; and when others were answered meanwhile (a slow token, with many
 * waiting), it is a hang only if this one has still no answer after as long again. Either way its
 * caller was told at the deadline. A key whose opening has begun tells of each step, and a step has
 * one time-out; longer only while others in its queue move, for whose session it may wait.
 *
 * While a key is made, a module that does one thing at a time answers nothing else. To kill it then
 * might leave half of a key, so nothing counts as a hang before the deadline of that order has
 * passed; and when that has, the order itself is one. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/client.h"

enum { HELLO_TIMEOUT = 10000000, VAIN_CLIMBS = 2, NEVER_LATER = 3600000000, REAP_STEP = 100000 };

static void earlier(int64_t *when, int64_t other)
{
    if (other < *when)
        *when = other;
}

/* --- the process ----------------------------------------------------------------------------- */

static void keep_unreaped(struct client *client, pid_t pid)
{
    for (unsigned i = 0; i < CLIENT_UNREAPED; i++) {
        if (!client->unreaped[i]) {
            client->unreaped[i] = pid;
            return;
        }
    }
}

static void reap(struct client *client, int64_t now, int64_t *wake_at)
{
    int status;
    for (unsigned i = 0; i < CLIENT_UNREAPED; i++) {
        if (client->unreaped[i] && process_wait(client->unreaped[i], 0, &status))
            client->unreaped[i] = 0;
        if (client->unreaped[i])
            earlier(wake_at, now + REAP_STEP);
    }
}

static void fail_requests(struct client *client)
{
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++) {
        struct request *request = &client->requests[i];
        if (!request->id)
            continue;
        if (request->answer)
            *request->answer->error = client->last_error;
        if (request->key && !request->open)
            request->key->status.errors++;
        request_finish(request, -EX_TEMPFAIL);
        request_give(client, request);
    }
}

/* Keys that were ready are opened as soon as the signer is back; one whose opening may be what
 * brought it down waits longer each time. */
static void close_keys(struct client *client)
{
    for (struct signer_key *key = client->keys; key; key = key->next) {
        if (key->state == KEY_OPENING) {
            client_open_failed(key, &client->last_error, false);
            continue;
        }
        if (key->state == KEY_READY) {
            key->next_try = 0;
            key->last_error = client->last_error;
        }
        key->state = KEY_CLOSED;
        client_key_changed(key, 0);
    }
}

static const char cure_child[] = "it is started again by itself; should this go on, look at the "
                                 "module with posternctl hsm status";
static const char cure_socket[] = "it is connected to again by itself; should this go on, see its "
                                  "own log: journalctl -u 'postern-signer@*'";

static void log_lost(const struct client *client, pid_t pid, const char *how)
{
    struct log log;
    log_event(&log, client->renewals ? LOG_EVENT_DEBUG : LOG_EVENT_SIGNER_LOST,
              "The signer is lost: %s", client->last_error.what);
    log_number(&log, "pid", pid);
    log_text(&log, "process", how);
    log_text(&log, "serves", client->name);
    log_number(&log, "starts", (int64_t)client->starts);
    log_error(&log, &client->last_error);
    if (!client->last_error.cure[0])
        log_text(&log, "cure", client->path ? cure_socket : cure_child);
    log_end(&log);
}

/* Closes the connection, which ends a signer that is no child of ours, kills what is left of one
 * that is, and tells everybody. With the lock, which is let go while the process is waited for. */
static void lose(struct client *client, const struct error *reason)
{
    char how[96] = "";
    int status = 0;
    int64_t now = clock_microseconds();
    pid_t pid = client->child, was = client->pid;
    close(client->socket);
    client->socket = -1;
    client->pid = client->child = 0;
    client->last_error = *reason;
    client->last_error.code = EX_TEMPFAIL;
    if (now - client->started_at > CLIENT_STEADY)
        backoff_reset(&client->backoff);
    client->restart_at = now + (int64_t)backoff_wait(&client->backoff) * 1000;
    client->state = PROCESS_DOWN;
    client->vain_climbs = 0;
    client->renew_at = 0;
    fail_requests(client);
    close_keys(client);
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    bool ended = false;
    if (pid > 0) {
        /* It may be ending by itself, and then its own status is worth a moment. */
        ended = reason->code == EX_UNAVAILABLE && process_wait(pid, 50, &status);
        if (!ended) {
            kill(pid, SIGKILL);
            ended = process_wait(pid, 100, &status);
        }
        if (ended)
            process_status_text(status, how, sizeof how);
    }
    pthread_mutex_lock(&client->lock);
    if (pid > 0 && !ended)
        keep_unreaped(client, pid);
    log_lost(client, was, how[0] ? how : NULL);
}

static void say_hello(struct client *client)
{
    struct pki_wire_message hello = {.type = PKI_WIRE_HELLO,
                                     .hello = {PKI_WIRE_VERSION, (uint32_t)getpid()}};
    struct error error;
    client->state = PROCESS_STARTING;
    client->started_at = clock_microseconds();
    client->starts++;
    if (client_send(client, &hello, &error) < 0)
        lose(client, &error);
}

static void start(struct client *client)
{
    struct error error;
    int socket = -1, result;
    pid_t pid = 0;
    pthread_mutex_unlock(&client->lock);
    result = client->path
                 ? process_connect(client->path, &socket, &error)
                 : process_spawn(client->program, client->log_level, &socket, &pid, &error);
    pthread_mutex_lock(&client->lock);
    if (result == 0) {
        client->socket = socket;
        client->pid = client->child = pid;
        say_hello(client);
        return;
    }
    /* A socket that is away for a night is no thousand lines. */
    bool news = strcmp(client->last_error.what, error.what) != 0;
    client->last_error = error;
    client->restart_at = clock_microseconds() + (int64_t)backoff_wait(&client->backoff) * 1000;
    if (news)
        log_lost(client, 0, NULL);
    pthread_cond_broadcast(&client->changed);
}

static void look_after_process(struct client *client, int64_t now, int64_t *wake_at)
{
    struct error error;
    if (client->state == PROCESS_DOWN && now >= client->restart_at)
        start(client);
    if (client->state == PROCESS_STARTING && now >= client->started_at + HELLO_TIMEOUT) {
        error_set(&error, EX_TEMPFAIL, "The signer did not say hello");
        lose(client, &error);
    }
    if (client->state == PROCESS_STARTING)
        earlier(wake_at, client->started_at + HELLO_TIMEOUT);
    if (client->state == PROCESS_DOWN)
        earlier(wake_at, client->restart_at);
    reap(client, now, wake_at);
}

/* --- the last rung of the ladder ---------------------------------------------------------------
 */

/* A power of two: the first times are told, and a night of them is still a page. */
static bool is_worth_telling(uint64_t times)
{
    return (times & (times - 1)) == 0;
}

static void log_renewal(const struct client *client, const struct signer_key *key)
{
    struct log log;
    log_event(&log, is_worth_telling(client->renewals) ? LOG_EVENT_TOKEN_RECOVERY : LOG_EVENT_DEBUG,
              "The token was lost; trying to recover it by step: %s",
              pki_recovery_name(PKI_RECOVERY_PROCESS));
    log_text(&log, "token", key->status.token);
    log_text(&log, "key", key->uri);
    log_text(&log, "step", pki_recovery_name(PKI_RECOVERY_PROCESS));
    log_number(&log, "times", (int64_t)client->renewals);
    log_error(&log, &key->last_error);
    log_end(&log);
}

/* A key that has worked and does not, in a process in which none works: NULL when there is none. */
static struct signer_key *find_stuck_key(const struct client *client)
{
    struct signer_key *stuck = NULL;
    for (struct signer_key *key = client->keys; key; key = key->next) {
        if (key->state == KEY_READY)
            return NULL;
        if (key->ready_at && key->last_error.code != EX_CONFIG)
            stuck = key;
    }
    return stuck;
}

/* The signer ends when its socket closes; the next turn of the loop starts another at once, and the
 * keys are asked for at once. */
static void renew_process(struct client *client, const struct signer_key *stuck, int64_t now)
{
    struct error reason = stuck->last_error;
    client->renewals++;
    log_renewal(client, stuck);
    reason.code = EX_UNAVAILABLE;
    lose(client, &reason);
    client->restart_at = now;
    for (struct signer_key *key = client->keys; key; key = key->next) {
        if (!key->ready_at || key->last_error.code == EX_CONFIG)
            continue;
        key->status.steps[PKI_RECOVERY_PROCESS]++;
        key->next_try = now;
    }
}

/* The signer climbs its own two rungs with each request. When they have not helped for a while that
 * grows, and nothing else in this process works that would be lost by it, the third is climbed. */
static void look_after_ladder(struct client *client, int64_t now, int64_t *wake_at)
{
    const struct signer_key *stuck;
    if (client->state != PROCESS_UP || client->vain_climbs < VAIN_CLIMBS ||
        !(stuck = find_stuck_key(client)))
        return;
    if (!client->renew_at)
        client->renew_at = client->vain_since + (int64_t)backoff_wait(&client->renewal) * 1000;
    if (now < client->renew_at)
        earlier(wake_at, client->renew_at);
    else
        renew_process(client, stuck, now);
}

/* --- keys ------------------------------------------------------------------------------------ */

static void ask_for_key(struct client *client, struct signer_key *key, int64_t now)
{
    struct error error;
    struct request *request = request_take(client);
    if (!request) {
        key->next_try = now + 1000000;
        return;
    }
    struct pki_wire_message message = {
        .type = PKI_WIRE_OPEN,
        .id = request->id,
        .open = {.key = key->number,
                 .sessions = key->sessions,
                 .timeout = key->timeout,
                 .refused = key->refused,
                 .uri = key->uri,
                 .token = key->token,
                 .module = key->module,
                 .pin_source = key->pin_source,
                 .public_key = {key->public_key, key->public_key_length}}};
    request->open = true;
    request->key = key;
    request->sent = now;
    request->deadline = now + (int64_t)key->timeout * CLIENT_OPEN_FACTOR * 1000;
    key->state = KEY_OPENING;
    if (client_send(client, &message, &error) < 0) {
        request_give(client, request);
        client_open_failed(key, &error, false);
    }
}

static void look_after_keys(struct client *client, int64_t now, int64_t *wake_at)
{
    for (struct signer_key *key = client->keys; key && client->state == PROCESS_UP;
         key = key->next) {
        if (key->state == KEY_CLOSED && now >= key->next_try)
            ask_for_key(client, key, now);
        if (key->state == KEY_CLOSED)
            earlier(wake_at, key->next_try);
    }
}

/* --- deadlines ------------------------------------------------------------------------------- */

/* Was anything answered since then in the queue that this key shares? */
static bool moved_since(const struct client *client, const struct signer_key *key, int64_t sent)
{
    for (const struct signer_key *other = client->keys; other; other = other->next)
        if (other->answered_at > sent && (other == key || strcmp(other->group, key->group) == 0))
            return true;
    return false;
}

/* When was another key in the queue that this one shares answered last? */
static int64_t others_moved(const struct client *client, const struct signer_key *key)
{
    int64_t moved = 0;
    for (const struct signer_key *other = client->keys; other; other = other->next)
        if (other != key && other->answered_at > moved && strcmp(other->group, key->group) == 0)
            moved = other->answered_at;
    return moved;
}

static int64_t step_hung_at(const struct client *client, const struct request *request)
{
    int64_t timeout = request->deadline - request->sent;
    int64_t moved = request->key ? others_moved(client, request->key) : 0;
    int64_t last = request->sent + timeout * CLIENT_OPEN_FACTOR * 2;
    if (moved <= request->sent)
        return request->deadline;
    return moved + timeout < last ? moved + timeout : last;
}

/* The last deadline of the keys that are being made; 0: none is. */
static int64_t making_until(const struct client *client)
{
    int64_t until = 0;
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++) {
        const struct request *request = &client->requests[i];
        if (request->id && request->generate && request->deadline > until)
            until = request->deadline;
    }
    return until;
}

/* The moment at which this request alone proves a hang. */
static int64_t hung_at(const struct client *client, const struct request *request)
{
    if (request->begun)
        return step_hung_at(client, request);
    if (request->generate)
        return request->deadline;
    bool moved = !request->key || moved_since(client, request->key, request->sent);
    return moved ? request->deadline + (request->deadline - request->sent) : request->deadline;
}

static void pass_deadline(struct request *request)
{
    if (!request->answer)
        return;
    error_set(request->answer->error, EX_TEMPFAIL, "The signer did not answer in time");
    if (request->key) {
        request->key->status.errors++;
        error_where(request->answer->error, "%s", request->key->uri);
    }
    request_finish(request, -EX_TEMPFAIL);
}

static void look_after_requests(struct client *client, int64_t now, int64_t *wake_at)
{
    struct error error;
    const struct request *hung = NULL;
    int64_t until = making_until(client);
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++) {
        struct request *request = &client->requests[i];
        if (!request->id)
            continue;
        if (now >= request->deadline)
            pass_deadline(request);
        else
            earlier(wake_at, request->deadline);
        int64_t moment = hung_at(client, request);
        if (moment < until)
            moment = until;
        if (now >= moment)
            hung = request;
        else
            earlier(wake_at, moment);
    }
    if (!hung)
        return;
    error_set(&error, EX_TEMPFAIL,
              "The signer hangs, probably in the token's module, and is "
              "started again");
    error_where(&error, "%s",
                hung->key        ? hung->key->uri
                : hung->generate ? "a key that was to be made"
                : hung->list     ? "a token that was looked through"
                                 : "a key closed meanwhile");
    error_cure(&error, "see whether the HSM can be reached; give it more time with RequestTimeOut "
                       "if it is only slow");
    lose(client, &error);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void receive(struct client *client)
{
    uint8_t packet[PKI_WIRE_MAXIMUM + 1];
    struct error error;
    while (client->socket >= 0) {
        ssize_t length = recv(client->socket, packet, sizeof packet, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (length > 0 && client_take_packet(client, packet, (size_t)length, &error) == 0)
            continue;
        if (length < 0)
            error_set_errno(&error, EX_UNAVAILABLE, errno, "The signer cannot be heard");
        else if (length == 0)
            error_set(&error, EX_UNAVAILABLE, "The signer has gone");
        lose(client, &error);
    }
}

static void wait_for_news(struct client *client, int64_t wake_at)
{
    struct pollfd pollers[] = {{.fd = client->wake, .events = POLLIN},
                               {.fd = client->socket, .events = POLLIN}};
    int64_t left = wake_at - clock_microseconds();
    eventfd_t count;
    client->wake_at = wake_at;
    pthread_mutex_unlock(&client->lock);
    if (left > 0)
        poll(pollers, 2, (int)((left + 999) / 1000));
    eventfd_read(client->wake, &count);
    pthread_mutex_lock(&client->lock);
    client->wake_at = 0;
}

/* Nobody is let wait for a process that is not looked after any more. Keys that are ready stay so
 * for those who look at them: no failing over is told of because posternd stops. */
static void dismiss_all(struct client *client)
{
    client->state = PROCESS_GONE;
    error_set(&client->last_error, EX_TEMPFAIL, "Postern is stopping");
    fail_requests(client);
    for (struct signer_key *key = client->keys; key; key = key->next)
        if (key->state != KEY_READY && key->observe)
            key->observe(key->observer);
    pthread_cond_broadcast(&client->changed);
}

/* The signer ends when its socket closes; a hung one is made to. */
static void finish_process(struct client *client)
{
    int status;
    if (client->socket >= 0)
        close(client->socket);
    client->socket = -1;
    if (client->child > 0 && !process_wait(client->child, 2000, &status)) {
        kill(client->child, SIGKILL);
        process_wait(client->child, 1000, &status);
    }
    client->pid = client->child = 0;
}

void *client_supervise(void *argument)
{
    struct client *client = argument;
    pthread_mutex_lock(&client->lock);
    while (!client->ending) {
        int64_t now = clock_microseconds(), wake_at = now + NEVER_LATER;
        look_after_process(client, now, &wake_at);
        look_after_ladder(client, now, &wake_at);
        look_after_keys(client, now, &wake_at);
        look_after_requests(client, now, &wake_at);
        /* Losing the process changed what is due: look again at once. */
        if (client->state == PROCESS_DOWN && client->restart_at < wake_at)
            wake_at = client->restart_at;
        wait_for_news(client, wake_at);
        receive(client);
    }
    dismiss_all(client);
    pthread_mutex_unlock(&client->lock);
    finish_process(client);
    return NULL;
}
