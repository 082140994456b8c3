/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A key behind one signer process: what callers' threads do with it. See client.h. */
#include <openssl/x509.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/client.h"

/* False when the moment (clock_microseconds()) has passed. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t moment)
{
    struct timespec until = {.tv_sec = moment / 1000000, .tv_nsec = moment % 1000000 * 1000};
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
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
    struct client *client = key->client;
    struct pki_wire_message message = *sign;
    if (client->ending)
        return error_set(error, EX_TEMPFAIL, "Postern is stopping");
    if (key->state != KEY_READY)
        return fail_unready(key, error);
    struct request *request = request_take(client);
    if (!request)
        return error_set(error, EX_TEMPFAIL, "%d requests wait for the signer already",
                         CLIENT_REQUESTS);
    message.id = request->id;
    int result = client_send(client, &message, error);
    if (result < 0) {
        request_give(client, request);
        return result;
    }
    request->key = key;
    request->answer = answer;
    request->sent = clock_microseconds();
    request->deadline = request->sent + (int64_t)key->timeout * 1000;
    if (client->wake_at && request->deadline < client->wake_at)
        client_wake(client);
    *ret = request;
    return 0;
}

/* The supervising thread watches the deadline as well; this one does not depend on it. */
static int await_answer(struct signer_key *key, struct request *request, struct answer *answer,
                        struct error *error)
{
    int64_t deadline = request->deadline;
    while (!answer->done && wait_until(&answer->arrived, &key->client->lock, deadline))
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
    struct client *client = key->client;
    const struct pki_wire_message message = {
        .type = PKI_WIRE_SIGN,
        .sign = {.key = key->number, .algorithm = algorithm, .data = {data, data_length}}};
    struct answer answer = {.signature = signature, .length = length, .error = error};
    struct request *request = NULL;
    client_init_condition(&answer.arrived);
    pthread_mutex_lock(&client->lock);
    int result = begin_sign(key, &message, &answer, &request, error);
    if (result == 0)
        result = await_answer(key, request, &answer, error);
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&answer.arrived);
    return result;
}

/* --- opening and closing keys ---------------------------------------------------------------- */

struct signer_key *client_key_free(struct signer_key *key)
{
    free(key->uri);
    free(key->token);
    free(key->module);
    free(key->pin_source);
    free(key->group);
    free(key);
    return NULL;
}

static void remove_key(struct client *client, struct signer_key *key)
{
    struct pki_wire_message message = {.type = PKI_WIRE_CLOSE, .close = {key->number}};
    struct error error;
    pthread_mutex_lock(&client->lock);
    struct signer_key **at = &client->keys;
    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    client->key_count--;
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++)
        if (client->requests[i].id && client->requests[i].key == key)
            client->requests[i].key = NULL;
    /* When it cannot be sent the key stays open there until the signer is started again. */
    if (client->state == PROCESS_UP && key->state != KEY_CLOSED)
        client_send(client, &message, &error);
    pthread_mutex_unlock(&client->lock);
}

static void close_key(struct pki_key *base)
{
    struct signer_key *key = (struct signer_key *)base;
    remove_key(key->client, key);
    client_key_free(key);
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

/* Without a Token element each key is on its own, as far as can be told here. */
char *client_group(const struct pki_key_source *source)
{
    char *group = NULL;
    if (asprintf(&group, "%s|%s|%s", source->module ? source->module : "",
                 source->pin_source ? source->pin_source : "",
                 source->token ? source->token : source->key) < 0)
        return NULL;
    return group;
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
    if (key->sessions > 256)
        key->sessions = 256;
    if (key->timeout > 3600000)
        key->timeout = 3600000;
    snprintf(key->status.key, sizeof key->status.key, "%s", source->key);
    key->group = client_group(source);
    failed |= !key->group;
    return failed ? error_set(error, EX_OSERR, "Out of memory") : 0;
}

/* What failed only for now, or by a mistake that was mended meanwhile, is tried at once. */
static void retry_key(struct pki_key *base)
{
    struct signer_key *key = (struct signer_key *)base;
    pthread_mutex_lock(&key->client->lock);
    if (key->state == KEY_CLOSED)
        key->next_try = 0;
    client_wake(key->client);
    pthread_mutex_unlock(&key->client->lock);
}

int client_key_new(const struct pki_key_source *source, EVP_PKEY *public_key,
                   struct signer_key **ret, struct error *error)
{
    static const struct pki_key_operations operations = {
        .sign = sign, .retry = retry_key, .free = close_key};
    struct signer_key *key = calloc(1, sizeof *key);
    if (!key)
        return error_set(error, EX_OSERR, "Out of memory");
    key->base = (struct pki_key){.operations = &operations, .references = 1};
    key->backoff = (struct backoff){.first = CLIENT_BACKOFF_FIRST, .limit = CLIENT_BACKOFF_LIMIT};
    int result = check_source(source, error);
    if (result == 0)
        result = copy_source(key, source, error);
    if (result == 0)
        result = copy_public_key(key, public_key, error);
    if (result < 0)
        client_key_free(key);
    else
        *ret = key;
    return result;
}

/* The supervising thread does the rest. */
void client_key_add(struct client *client, struct signer_key *key)
{
    pthread_mutex_lock(&client->lock);
    key->client = client;
    key->number = ++client->next_number ? client->next_number : ++client->next_number;
    key->refused = client_refusal(client, key->group);
    key->next = client->keys;
    client->keys = key;
    client->key_count++;
    client_wake(client);
    pthread_mutex_unlock(&client->lock);
}

void client_key_changed(struct signer_key *key, uint32_t algorithms)
{
    __atomic_store_n(&key->base.algorithms, algorithms, __ATOMIC_RELEASE);
    if (key->observe)
        key->observe(key->observer);
}

bool client_key_ended(struct signer_key *key, struct error *error)
{
    struct client *client = key->client;
    pthread_mutex_lock(&client->lock);
    bool ended = key->attempts || client->state == PROCESS_GONE;
    if (key->attempts)
        *error = key->last_error;
    else if (client->state != PROCESS_UP)
        *error = client->last_error;
    else
        error_set(error, EX_TEMPFAIL, "The signer did not open the key in time");
    if (!key->attempts || !error->code)
        error->code = EX_TEMPFAIL;
    pthread_mutex_unlock(&client->lock);
    return ended;
}
