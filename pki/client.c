/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See signer.h, and client.h for what is inside. This file is what runs on callers' threads. */
#include "pki/client.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pki/base/clock.h"

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* False when the moment (clock_microseconds()) has passed. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t moment)
{
    struct timespec until = {.tv_sec = moment / 1000000, .tv_nsec = moment % 1000000 * 1000};
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}

void client_wake(struct pki_signer *signer)
{
    eventfd_write(signer->wake, 1);
}

struct request *request_take(struct pki_signer *signer)
{
    if (!signer->free_count)
        return NULL;
    unsigned place = signer->free[--signer->free_count];
    struct request *request = &signer->requests[place];
    *request = (struct request){0};
    if (++signer->rounds >= UINT32_MAX / CLIENT_REQUESTS)
        signer->rounds = 1;
    request->id = signer->rounds * CLIENT_REQUESTS + place;
    return request;
}

void request_give(struct pki_signer *signer, struct request *request)
{
    request->id = 0;
    signer->free[signer->free_count++] = (uint16_t)(request - signer->requests);
}

void request_finish(struct request *request, int result)
{
    struct answer *answer = TAKE_PTR(request->answer);
    if (!answer)
        return;
    answer->result = result;
    answer->done = true;
    pthread_cond_signal(&answer->arrived);
}

int client_send(struct pki_signer *signer, const struct pki_wire_message *message,
                struct error *error)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    int length = pki_wire_encode(message, packet, sizeof packet);
    if (length < 0)
        return error_set(error, EX_SOFTWARE, "A request to the signer cannot be written");
    if (send(signer->socket, packet, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length)
        return 0;
    return errno == EAGAIN ? error_set(error, EX_TEMPFAIL, "The signer does not keep up")
                           : error_set_errno(error, EX_TEMPFAIL, errno, "The signer has gone");
}

/* --- signing --------------------------------------------------------------------------------- */

static int fail_unready(const struct signer_key *key, struct error *error)
{
    *error = key->last_error;
    error->code = EX_TEMPFAIL;
    if (!error->what[0])
        error_set(error, EX_TEMPFAIL, "The key is not open yet");
    return error_where(error, "%s", key->uri);
}

static int begin_sign(struct signer_key *key, const struct pki_wire_message *sign,
                      struct answer *answer, struct request **ret, struct error *error)
{
    struct pki_signer *signer = key->signer;
    struct pki_wire_message message = *sign;
    if (key->state != KEY_READY)
        return fail_unready(key, error);
    struct request *request = request_take(signer);
    if (!request)
        return error_set(error, EX_TEMPFAIL, "%d requests wait for the signer already",
                         CLIENT_REQUESTS);
    message.id = request->id;
    int result = client_send(signer, &message, error);
    if (result < 0) {
        request_give(signer, request);
        return result;
    }
    request->key = key;
    request->answer = answer;
    request->sent = clock_microseconds();
    request->deadline = request->sent + (int64_t)key->timeout * 1000;
    if (signer->wake_at && request->deadline < signer->wake_at)
        client_wake(signer);
    *ret = request;
    return 0;
}

/* The supervising thread watches the deadline as well; this one does not depend on it. */
static int await_answer(struct signer_key *key, struct request *request, struct answer *answer,
                        struct error *error)
{
    int64_t deadline = request->deadline;
    while (!answer->done && wait_until(&answer->arrived, &key->signer->lock, deadline))
        ;
    if (answer->done)
        return answer->result;
    request->answer = NULL;
    key->status.errors++;
    error_set(error, EX_TEMPFAIL, "The signer did not answer in time");
    return error_where(error, "%s", key->uri);
}

static int sign(struct pki_key *base, enum pki_algorithm algorithm, const uint8_t *data,
                size_t data_length, uint8_t *signature, size_t *length, struct error *error)
{
    struct signer_key *key = (struct signer_key *)base;
    struct pki_signer *signer = key->signer;
    const struct pki_wire_message message = {
        .type = PKI_WIRE_SIGN,
        .sign = {.key = key->number, .algorithm = algorithm, .data = {data, data_length}}};
    struct answer answer = {.signature = signature, .length = length, .error = error};
    struct request *request = NULL;
    init_condition(&answer.arrived);
    pthread_mutex_lock(&signer->lock);
    int result = begin_sign(key, &message, &answer, &request, error);
    if (result == 0)
        result = await_answer(key, request, &answer, error);
    pthread_mutex_unlock(&signer->lock);
    pthread_cond_destroy(&answer.arrived);
    return result;
}

/* --- opening and closing keys ---------------------------------------------------------------- */

static void free_key(struct signer_key *key)
{
    free(key->uri);
    free(key->token);
    free(key->module);
    free(key->pin_source);
    free(key->group);
    pthread_cond_destroy(&key->changed);
    free(key);
}

static void remove_key(struct pki_signer *signer, struct signer_key *key)
{
    struct pki_wire_message message = {.type = PKI_WIRE_CLOSE, .close = {key->number}};
    struct error error;
    pthread_mutex_lock(&signer->lock);
    struct signer_key **at = &signer->keys;
    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    signer->key_count--;
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++)
        if (signer->requests[i].id && signer->requests[i].key == key)
            signer->requests[i].key = NULL;
    /* When it cannot be sent the key stays open there until the signer is started again. */
    if (signer->state == PROCESS_UP && key->state != KEY_CLOSED)
        client_send(signer, &message, &error);
    pthread_mutex_unlock(&signer->lock);
}

static void close_key(struct pki_key *base)
{
    struct signer_key *key = (struct signer_key *)base;
    remove_key(key->signer, key);
    free_key(key);
}

static int check_source(const struct pki_key_source *source, struct error *error)
{
    const char *texts[] = {source->key, source->token, source->module, source->pin_source};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i] && strlen(texts[i]) > PKI_WIRE_TEXT_MAXIMUM) {
            error_set(error, EX_CONFIG,
                      "The name of a key, token, module or PIN file is longer "
                      "than %d bytes",
                      PKI_WIRE_TEXT_MAXIMUM);
            return error_where(error, "%.200s", texts[i]);
        }
    }
    return source->key && source->key[0] ? 0 : error_set(error, EX_CONFIG, "No key is named");
}

static int copy_public_key(struct signer_key *key, EVP_PKEY *public_key, struct error *error)
{
    uint8_t *at = key->public_key;
    key->possible = pki_algorithms_of(public_key);
    int length = key->possible ? i2d_PUBKEY(public_key, NULL) : 0;
    if (length <= 0 || (size_t)length > sizeof key->public_key) {
        error_set(error, EX_CONFIG, "The certificate's key is of no type that Postern knows");
        return error_cure(error, "use a certificate for an RSA, EC or Ed25519 key");
    }
    key->public_key_length = (size_t)i2d_PUBKEY(public_key, &at);
    pki_key_type_text(public_key, key->status.type, sizeof key->status.type);
    return 0;
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

static int copy_source(struct signer_key *key, const struct pki_key_source *source,
                       struct error *error)
{
    bool failed = false;
    key->uri = copy_text(source->key, &failed);
    key->token = copy_text(source->token, &failed);
    key->module = copy_text(source->module, &failed);
    key->pin_source = copy_text(source->pin_source, &failed);
    key->sessions = source->sessions ? source->sessions : 4;
    key->timeout = source->timeout ? source->timeout : CLIENT_TIMEOUT_DEFAULT;
    if (key->sessions > 64)
        key->sessions = 64;
    if (key->timeout > 3600000)
        key->timeout = 3600000;
    snprintf(key->status.key, sizeof key->status.key, "%s", source->key);
    /* Without a Token element each key is on its own, as far as can be told here. */
    failed |= asprintf(&key->group, "%s|%s|%s", source->module ? source->module : "",
                       source->pin_source ? source->pin_source : "",
                       source->token ? source->token : source->key) < 0;
    return failed ? error_set(error, EX_OSERR, "Out of memory") : 0;
}

static int new_key(struct pki_signer *signer, const struct pki_key_source *source,
                   EVP_PKEY *public_key, struct signer_key **ret, struct error *error)
{
    static const struct pki_key_operations operations = {.sign = sign, .free = close_key};
    struct signer_key *key = calloc(1, sizeof *key);
    if (!key)
        return error_set(error, EX_OSERR, "Out of memory");
    key->base = (struct pki_key){.operations = &operations, .references = 1};
    key->signer = signer;
    key->backoff = (struct backoff){.first = CLIENT_BACKOFF_FIRST, .limit = CLIENT_BACKOFF_LIMIT};
    init_condition(&key->changed);
    int result = copy_source(key, source, error);
    if (result == 0)
        result = copy_public_key(key, public_key, error);
    if (result < 0)
        free_key(key);
    else
        *ret = key;
    return result;
}

/* With the lock: the supervising thread does the rest. */
static void add_key(struct pki_signer *signer, struct signer_key *key)
{
    key->number = ++signer->next_number ? signer->next_number : ++signer->next_number;
    for (unsigned i = 0; i < signer->refusal_count; i++)
        if (strcmp(signer->refusals[i].group, key->group) == 0)
            key->refused = signer->refusals[i].file;
    key->next = signer->keys;
    signer->keys = key;
    signer->key_count++;
    client_wake(signer);
}

/* The result of the first attempt to open it. */
static int await_key(struct signer_key *key, struct error *error)
{
    struct pki_signer *signer = key->signer;
    int64_t deadline =
        clock_microseconds() + (int64_t)key->timeout * CLIENT_OPEN_FACTOR * 1000 + 1000000;
    while (!key->attempts && signer->state != PROCESS_GONE &&
           wait_until(&key->changed, &signer->lock, deadline))
        ;
    if (key->state == KEY_READY)
        return 0;
    if (key->attempts) {
        *error = key->last_error;
        return -error->code;
    }
    if (signer->state != PROCESS_UP) {
        *error = signer->last_error;
        error->code = EX_TEMPFAIL;
        return -error->code;
    }
    return error_set(error, EX_TEMPFAIL, "The signer did not open the key in time");
}

int pki_key_open(struct pki_signer *signer, const struct pki_key_source *source,
                 EVP_PKEY *public_key, bool wait_for_token, struct pki_key **ret,
                 struct error *error)
{
    struct signer_key *key = NULL;
    int result = check_source(source, error);
    if (result == 0)
        result = new_key(signer, source, public_key, &key, error);
    if (result < 0)
        return result;
    pthread_mutex_lock(&signer->lock);
    add_key(signer, key);
    result = await_key(key, error);
    pthread_mutex_unlock(&signer->lock);
    if (wait_for_token && (result == -EX_UNAVAILABLE || result == -EX_TEMPFAIL))
        result = 0;
    if (result < 0) {
        error_where(error, "%s", source->key);
        close_key(&key->base);
        return result;
    }
    *ret = &key->base;
    return 0;
}

/* --- the signer ------------------------------------------------------------------------------ */

static int await_hello(struct pki_signer *signer, struct error *error)
{
    pthread_mutex_lock(&signer->lock);
    while (signer->state != PROCESS_UP && signer->state != PROCESS_GONE &&
           !signer->last_error.what[0])
        pthread_cond_wait(&signer->changed, &signer->lock);
    bool up = signer->state == PROCESS_UP;
    if (!up)
        *error = signer->last_error;
    pthread_mutex_unlock(&signer->lock);
    return up ? 0 : -error->code;
}

static void free_signer(struct pki_signer *signer)
{
    for (unsigned i = 0; i < signer->refusal_count; i++)
        free(signer->refusals[i].group);
    if (signer->wake >= 0)
        close(signer->wake);
    if (signer->socket >= 0)
        close(signer->socket);
    pthread_cond_destroy(&signer->changed);
    pthread_mutex_destroy(&signer->lock);
    free(signer->program);
    free(signer);
}

static struct pki_signer *new_signer(const struct pki_signer_options *options)
{
    struct pki_signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return NULL;
    pthread_mutex_init(&signer->lock, NULL);
    init_condition(&signer->changed);
    signer->handed_over = options->socket >= 0;
    signer->socket = options->socket;
    signer->log_level = options->log_level;
    signer->backoff =
        (struct backoff){.first = CLIENT_BACKOFF_FIRST, .limit = CLIENT_BACKOFF_LIMIT};
    signer->renewal = (struct backoff){.first = 1000, .limit = 6000};
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++)
        signer->free[i] = (uint16_t)(CLIENT_REQUESTS - 1 - i);
    signer->free_count = CLIENT_REQUESTS;
    signer->program = options->program ? strdup(options->program) : NULL;
    signer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signer->wake >= 0 && (signer->program || !options->program))
        return signer;
    free_signer(signer);
    return NULL;
}

int pki_signer_new(struct pki_signer **ret, const struct pki_signer_options *options,
                   struct error *error)
{
    struct pki_signer *signer = new_signer(options);
    if (!signer)
        return error_set(error, EX_OSERR, "Out of memory");
    int number = pthread_create(&signer->thread, NULL, client_supervise, signer);
    if (number) {
        free_signer(signer);
        return error_set_errno(error, EX_OSERR, number, "Cannot start a thread for the signer");
    }
    int result = await_hello(signer, error);
    if (result < 0)
        pki_signer_free(signer);
    else
        *ret = signer;
    return result;
}

struct pki_signer *pki_signer_free(struct pki_signer *signer)
{
    if (!signer)
        return NULL;
    pthread_mutex_lock(&signer->lock);
    signer->ending = true;
    client_wake(signer);
    pthread_mutex_unlock(&signer->lock);
    pthread_join(signer->thread, NULL);
    free_signer(signer);
    return NULL;
}

/* --- status ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void fill_status(const struct signer_key *key, struct pki_key_status *status)
{
    uint32_t sorted[CLIENT_LATENCIES];
    *status = key->status;
    status->ready = key->state == KEY_READY;
    status->logged_in = status->ready && key->status.logged_in;
    snprintf(status->last_error, sizeof status->last_error, "%s", key->last_error.what);
    snprintf(status->cure, sizeof status->cure, "%s", key->last_error.cure);
    if (!key->latencies)
        return;
    memcpy(sorted, key->latency, key->latencies * sizeof sorted[0]);
    qsort(sorted, key->latencies, sizeof sorted[0], compare);
    status->median_microseconds = sorted[key->latencies / 2];
    status->p99_microseconds = sorted[(key->latencies * 99 - 1) / 100];
}

unsigned pki_signer_status(struct pki_signer *signer, struct pki_signer_status *status,
                           struct pki_key_status *keys, unsigned room)
{
    unsigned count = 0;
    pthread_mutex_lock(&signer->lock);
    *status = (struct pki_signer_status){.pid = signer->pid,
                                         .starts = signer->starts,
                                         .keys = signer->key_count,
                                         .waiting = CLIENT_REQUESTS - signer->free_count};
    for (const struct signer_key *key = signer->keys; key; key = key->next, count++)
        if (count < room)
            fill_status(key, &keys[count]);
    pthread_mutex_unlock(&signer->lock);
    return count;
}
