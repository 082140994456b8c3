/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the signer says, and what becomes of keys and callers by it. See client.h. */
#include <stdio.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/client.h"

static struct request *find_request(struct client *client, uint32_t id)
{
    struct request *request = &client->requests[id % CLIENT_REQUESTS];
    return id && request->id == id ? request : NULL;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void log_key(struct log *log, const struct signer_key *key)
{
    log_text(log, "key", key->uri);
    log_text(log, "token", key->status.token[0] ? key->status.token : key->token);
    log_text(log, "module", key->status.module[0] ? key->status.module : key->module);
    log_text(log, "type", key->status.type);
}

static void log_ready(const struct signer_key *key, const char *note, const char *cure)
{
    struct log log;
    log_event(&log, LOG_EVENT_KEY_READY, "The key is ready: %s", key->uri);
    log_key(&log, key);
    log_text(&log, "algorithms", key->status.algorithms);
    log_end(&log);
    if (!note[0])
        return;
    log_event(&log, LOG_EVENT_CONFIG_WARNING, "The key works only in part: %s", note);
    log_key(&log, key);
    log_text(&log, "cure", cure);
    log_end(&log);
}

static unsigned find_refusal(const struct client *client, const char *group)
{
    unsigned i = 0;
    while (i < client->refusal_count && strcmp(client->refusals[i].group, group) != 0)
        i++;
    return i;
}

void client_remember_refusal(struct client *client, const char *group,
                             const struct pki_wire_file *file)
{
    unsigned i = find_refusal(client, group);
    if (i == client->refusal_count && i < CLIENT_REFUSALS &&
        (client->refusals[i].group = strdup(group)))
        client->refusal_count++;
    if (i < client->refusal_count)
        client->refusals[i].file = *file;
    /* Every key of the token is opened with the same PIN. */
    for (struct signer_key *key = client->keys; key; key = key->next)
        if (strcmp(key->group, group) == 0)
            key->refused = *file;
}

struct pki_wire_file client_refusal(const struct client *client, const char *group)
{
    unsigned i = find_refusal(client, group);
    return i < client->refusal_count ? client->refusals[i].file : (struct pki_wire_file){0};
}

/* Once for each new reason: a token that is away for a night is no thousand lines. */
static void log_failed(const struct signer_key *key, const struct error *error, bool pin_refused)
{
    struct log log;
    if (strcmp(key->last_error.what, error->what) == 0)
        return;
    log_event(&log, pin_refused ? LOG_EVENT_PIN_REFUSED : LOG_EVENT_KEY_UNAVAILABLE, "%s: %s",
              pin_refused ? "The token refused the PIN" : "The key cannot be used", error->what);
    log_key(&log, key);
    if (pin_refused)
        log_text(&log, "pin-source", key->pin_source);
    log_error(&log, error);
    log_end(&log);
}

void client_open_failed(struct signer_key *key, const struct error *error, bool pin_refused)
{
    log_failed(key, error, pin_refused);
    key->last_error = *error;
    key->state = KEY_CLOSED;
    key->attempts++;
    client_key_changed(key, 0);
    /* What only an administrator can mend is looked at seldom; a refused PIN is not tried by that,
     * because the signer is told which one it was. A key that worked before may work again. */
    bool mistake = error->code == EX_CONFIG && (pin_refused || !key->ready_at);
    unsigned wait = mistake ? CLIENT_MISTAKE_WAIT : backoff_wait(&key->backoff);
    key->next_try = clock_microseconds() + (int64_t)wait * 1000;
}

static void count_steps(struct signer_key *key, uint32_t steps)
{
    key->status.recoveries += steps != 0;
    for (unsigned step = 0; step < PKI_RECOVERY_END; step++)
        key->status.steps[step] += steps >> step & 1;
}

/* The signer cannot use the key any more: it is opened anew, which logs in, finds and proves it,
 * whether or not anybody asks for a signature meanwhile. */
static void lose_key(struct signer_key *key, const struct error *reason, bool pin_refused)
{
    struct pki_wire_message message = {.type = PKI_WIRE_CLOSE, .close = {key->number}};
    struct error error;
    if (clock_microseconds() - key->ready_at > CLIENT_STEADY)
        backoff_reset(&key->backoff);
    client_send(key->client, &message, &error); /* when it fails the signer is lost as well */
    client_open_failed(key, reason, pin_refused);
}

/* The token's own ladder was climbed and did not help: see look_after_ladder(). */
static void note_vain_climb(struct client *client, uint32_t steps)
{
    if (!(steps & 1u << PKI_RECOVERY_MODULE))
        return;
    if (!client->vain_climbs++)
        client->vain_since = clock_microseconds();
}

static void note_success(struct client *client)
{
    client->vain_climbs = 0;
    client->renew_at = 0;
    client->renewals = 0;
    backoff_reset(&client->renewal);
}

static int take_opened(struct client *client, struct request *request,
                       const struct pki_wire_message *message, struct error *error)
{
    const struct pki_wire_opened *opened = &message->opened;
    struct signer_key *key = request->key;
    if (!request->open ||
        (key && (opened->key != key->number || (opened->algorithms & ~key->possible))))
        return error_set(error, EX_PROTOCOL, "The signer opened a key that was not asked for");
    request_give(client, request);
    if (!key)
        return 0;
    struct pki_key_status *status = &key->status;
    copy(status->token, sizeof status->token, opened->token);
    copy(status->module, sizeof status->module, opened->module);
    copy(status->manufacturer, sizeof status->manufacturer, opened->manufacturer);
    copy(status->model, sizeof status->model, opened->model);
    copy(status->serial, sizeof status->serial, opened->serial);
    pki_algorithms_text(opened->algorithms, status->algorithms, sizeof status->algorithms);
    status->logged_in = opened->logged_in;
    key->last_error = (struct error){0};
    copy(key->last_error.what, sizeof key->last_error.what, opened->note);
    copy(key->last_error.cure, sizeof key->last_error.cure, opened->cure);
    key->refused = (struct pki_wire_file){0};
    key->attempts++;
    key->state = KEY_READY;
    key->ready_at = clock_microseconds();
    count_steps(key, opened->recovery);
    note_success(client);
    client_key_changed(key, opened->algorithms);
    log_ready(key, opened->note, opened->cure);
    return 0;
}

/* A key that takes many slow steps is proved nevertheless, and one step that hangs is seen soon. */
static int take_progress(struct client *client, struct request *request,
                         const struct pki_wire_message *message, struct error *error)
{
    unsigned timeout = request->key ? request->key->timeout : CLIENT_TIMEOUT_DEFAULT;
    (void)client, (void)message;
    if (!request->open)
        return error_set(error, EX_PROTOCOL, "The signer tells of an opening that is none");
    request->begun = true;
    request->sent = clock_microseconds();
    request->deadline = request->sent + (int64_t)timeout * 1000;
    return 0;
}

static void note_latency(struct signer_key *key, int64_t microseconds)
{
    key->latency[key->latency_at] = microseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)microseconds;
    key->latency_at = (key->latency_at + 1) % CLIENT_LATENCIES;
    if (key->latencies < CLIENT_LATENCIES)
        key->latencies++;
}

/* A recovery proves the algorithms anew, and they may be others then. */
static void tell_algorithms(struct signer_key *key, uint32_t algorithms)
{
    algorithms &= key->possible;
    if (!algorithms || key->state != KEY_READY || algorithms == pki_key_algorithms(&key->base))
        return;
    pki_algorithms_text(algorithms, key->status.algorithms, sizeof key->status.algorithms);
    client_key_changed(key, algorithms);
    log_ready(key, "", "");
}

static int take_signed(struct client *client, struct request *request,
                       const struct pki_wire_message *message, struct error *error)
{
    const struct pki_wire_signed *answer = &message->signature;
    struct signer_key *key = request->key;
    if (request->open || request->list || request->generate)
        return error_set(error, EX_PROTOCOL, "The signer signed what was not asked for");
    if (key) {
        key->status.signatures++;
        count_steps(key, answer->recovery);
        tell_algorithms(key, answer->algorithms);
        note_success(client);
        note_latency(key, clock_microseconds() - request->sent);
    }
    struct answer *waiting = request->answer;
    int result = 0;
    if (waiting && answer->signature.length > *waiting->length) {
        result = error_set(waiting->error, EX_SOFTWARE, "The signature is longer than expected");
    } else if (waiting) {
        memcpy(waiting->signature, answer->signature.at, answer->signature.length);
        *waiting->length = answer->signature.length;
    }
    request_finish(request, result);
    request_give(client, request);
    return 0;
}

static void read_error(const struct pki_wire_failed *failed, struct error *error)
{
    *error = (struct error){.code = (int)failed->code};
    copy(error->what, sizeof error->what, failed->what);
    copy(error->where, sizeof error->where, failed->where);
    copy(error->cure, sizeof error->cure, failed->cure);
}

static void sign_failed(struct signer_key *key, const struct request *request,
                        const struct pki_wire_failed *failed, const struct error *reason)
{
    key->status.errors++;
    /* What was asked before the key was opened anew says nothing of it now. */
    if (key->state != KEY_READY || request->sent < key->ready_at)
        return;
    if (failed->lost) {
        lose_key(key, reason, failed->pin_refused);
        return;
    }
    log_failed(key, reason, failed->pin_refused);
    key->last_error = *reason;
    tell_algorithms(key, failed->algorithms);
}

static int take_failed(struct client *client, struct request *request,
                       const struct pki_wire_message *message, struct error *error)
{
    const struct pki_wire_failed *failed = &message->failed;
    struct signer_key *key = request->key;
    struct error reason;
    (void)error;
    read_error(failed, &reason);
    if (key && failed->pin_refused)
        client_remember_refusal(client, key->group, &failed->refused);
    if ((request->list || request->generate) && request->answer && failed->pin_refused)
        request->answer->refused = failed->refused;
    if (key)
        count_steps(key, failed->recovery);
    if (request->open || failed->lost)
        note_vain_climb(client, failed->recovery);
    if (key && request->open)
        client_open_failed(key, &reason, failed->pin_refused);
    else if (key)
        sign_failed(key, request, failed, &reason);
    if (request->answer) {
        *request->answer->error = reason;
        request->answer->answered = true;
    }
    request_finish(request, -reason.code);
    request_give(client, request);
    return 0;
}

static int take_found(struct client *client, struct request *request,
                      const struct pki_wire_message *message, struct error *error)
{
    const struct pki_wire_found *found = &message->found;
    (void)client;
    if (!request->list)
        return error_set(error, EX_PROTOCOL, "The signer found what was not looked for");
    if (request->answer)
        request->answer->found(request->answer->context, found->kind, found->logged_in, found->uri,
                               found->text);
    return 0;
}

static int take_listed(struct client *client, struct request *request,
                       const struct pki_wire_message *message, struct error *error)
{
    (void)message;
    if (!request->list)
        return error_set(error, EX_PROTOCOL, "The signer listed what was not asked for");
    request_finish(request, 0);
    request_give(client, request);
    return 0;
}

static int take_generated(struct client *client, struct request *request,
                          const struct pki_wire_message *message, struct error *error)
{
    const struct pki_wire_generated *generated = &message->generated;
    struct answer *waiting = request->answer;
    if (!request->generate)
        return error_set(error, EX_PROTOCOL, "The signer made a key that was not asked for");
    if (waiting) {
        copy(waiting->uri, PKI_WIRE_TEXT_MAXIMUM + 1, generated->uri);
        memcpy(waiting->signature, generated->public_key.at, generated->public_key.length);
        *waiting->length = generated->public_key.length;
    }
    request_finish(request, 0);
    request_give(client, request);
    return 0;
}

/* The answer to our HELLO, the first packet of all. */
static int take_hello(struct client *client, const struct pki_wire_message *message,
                      struct error *error)
{
    if (client->state != PROCESS_STARTING)
        return error_set(error, EX_PROTOCOL, "The signer said hello in the middle");
    if (message->hello.version != PKI_WIRE_VERSION) {
        error_set(error, EX_PROTOCOL, "The signer speaks version %u, this posternd version %d",
                  message->hello.version, PKI_WIRE_VERSION);
        return error_cure(error, "install posternd and postern-signer of one version");
    }
    struct log log;
    client->state = PROCESS_UP;
    if (!client->child)
        client->pid = (pid_t)message->hello.process;
    log_event(&log, client->renewals ? LOG_EVENT_DEBUG : LOG_EVENT_SIGNER_STARTED,
              "The signer is running");
    log_text(&log, "signer", client->path ? client->path : client->program);
    log_text(&log, "serves", client->name);
    log_number(&log, "pid", client->pid);
    log_number(&log, "starts", (int64_t)client->starts);
    log_end(&log);
    pthread_cond_broadcast(&client->changed);
    return 0;
}

int client_take_packet(struct client *client, const uint8_t *packet, size_t length,
                       struct error *error)
{
    static int (*const takers[PKI_WIRE_END])(struct client *, struct request *,
                                             const struct pki_wire_message *, struct error *) = {
        [PKI_WIRE_OPENED] = take_opened, [PKI_WIRE_SIGNED] = take_signed,
        [PKI_WIRE_FAILED] = take_failed, [PKI_WIRE_FOUND] = take_found,
        [PKI_WIRE_LISTED] = take_listed, [PKI_WIRE_PROGRESS] = take_progress,
        [PKI_WIRE_GENERATED] = take_generated,
    };
    struct pki_wire_message message;
    if (pki_wire_decode(packet, length, &message) < 0)
        return error_set(error, EX_PROTOCOL,
                         "The signer sent a packet of %zu bytes that is no "
                         "message",
                         length);
    if (message.type == PKI_WIRE_HELLO)
        return take_hello(client, &message, error);
    struct request *request = find_request(client, message.id);
    if (!takers[message.type] || !request)
        return error_set(error, EX_PROTOCOL, "The signer answered what was not asked");
    if (request->key)
        request->key->answered_at = clock_microseconds();
    return takers[message.type](client, request, &message, error);
}
