/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One signer process and its thread, from birth to end, and the table of requests. See client.h.
 * client-key.c has what callers' threads do with keys. */
#include "pki/client.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pki/base/clock.h"

void client_init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void client_wake(struct client *client)
{
    eventfd_write(client->wake, 1);
}

struct request *request_take(struct client *client)
{
    if (!client->free_count)
        return NULL;
    unsigned place = client->free[--client->free_count];
    struct request *request = &client->requests[place];
    *request = (struct request){0};
    if (++client->rounds >= UINT32_MAX / CLIENT_REQUESTS)
        client->rounds = 1;
    request->id = client->rounds * CLIENT_REQUESTS + place;
    return request;
}

void request_give(struct client *client, struct request *request)
{
    request->id = 0;
    client->free[client->free_count++] = (uint16_t)(request - client->requests);
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

int client_send(struct client *client, const struct pki_wire_message *message, struct error *error)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    int length = pki_wire_encode(message, packet, sizeof packet);
    if (length < 0)
        return error_set(error, EX_SOFTWARE, "A request to the signer cannot be written");
    if (send(client->socket, packet, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length)
        return 0;
    return errno == EAGAIN ? error_set(error, EX_TEMPFAIL, "The signer does not keep up")
                           : error_set_errno(error, EX_TEMPFAIL, errno, "The signer has gone");
}

/* --- the process ------------------------------------------------------------------------------ */

int client_await_hello(struct client *client, struct error *error)
{
    pthread_mutex_lock(&client->lock);
    while (client->state != PROCESS_UP && !client->last_error.what[0])
        pthread_cond_wait(&client->changed, &client->lock);
    bool up = client->state == PROCESS_UP;
    if (!up)
        *error = client->last_error;
    pthread_mutex_unlock(&client->lock);
    return up ? 0 : -error->code;
}

static void free_client(struct client *client)
{
    for (unsigned i = 0; i < client->refusal_count; i++)
        free(client->refusals[i].group);
    if (client->wake >= 0)
        close(client->wake);
    if (client->socket >= 0)
        close(client->socket);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client->program);
    free(client->path);
    free(client->name);
    free(client);
}

static struct client *allocate(const struct pki_signer_options *options)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    pthread_mutex_init(&client->lock, NULL);
    client_init_condition(&client->changed);
    client->socket = -1;
    client->log_level = options->log_level;
    client->backoff =
        (struct backoff){.first = CLIENT_BACKOFF_FIRST, .limit = CLIENT_BACKOFF_LIMIT};
    client->renewal = (struct backoff){.first = 1000, .limit = 6000};
    for (unsigned i = 0; i < CLIENT_REQUESTS; i++)
        client->free[i] = (uint16_t)(CLIENT_REQUESTS - 1 - i);
    client->free_count = CLIENT_REQUESTS;
    client->program = options->program ? strdup(options->program) : NULL;
    client->path = options->socket ? strdup(options->socket) : NULL;
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->wake >= 0 && !client->program == !options->program &&
        !client->path == !options->socket)
        return client;
    free_client(client);
    return NULL;
}

int client_new(struct client **ret, const struct pki_signer_options *options, struct error *error)
{
    struct client *client = allocate(options);
    if (!client)
        return error_set(error, EX_OSERR, "Out of memory");
    int number = pthread_create(&client->thread, NULL, client_supervise, client);
    if (number) {
        free_client(client);
        return error_set_errno(error, EX_OSERR, number, "Cannot start a thread for the signer");
    }
    *ret = client;
    return 0;
}

void client_end(struct client *client)
{
    pthread_mutex_lock(&client->lock);
    client->ending = true;
    client_wake(client);
    pthread_mutex_unlock(&client->lock);
}

struct client *client_free(struct client *client)
{
    if (!client)
        return NULL;
    client_end(client);
    pthread_join(client->thread, NULL);
    free_client(client);
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
    status->active =
        status->ready && (!key->places || __atomic_load_n(&key->active, __ATOMIC_RELAXED));
    status->place = key->places ? key->place : 1;
    status->places = key->places ? key->places : 1;
    status->failovers = __atomic_load_n(&key->failovers, __ATOMIC_RELAXED);
    status->comebacks = __atomic_load_n(&key->comebacks, __ATOMIC_RELAXED);
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

unsigned client_status(struct client *client, struct pki_process_status *status,
                       struct pki_key_status *keys, unsigned room)
{
    unsigned count = 0;
    pthread_mutex_lock(&client->lock);
    *status = (struct pki_process_status){.pid = client->pid,
                                          .starts = client->starts,
                                          .keys = client->key_count,
                                          .waiting = CLIENT_REQUESTS - client->free_count};
    snprintf(status->serves, sizeof status->serves, "%s", client->name ? client->name : "");
    for (const struct signer_key *key = client->keys; key; key = key->next, count++)
        if (count < room)
            fill_status(key, &keys[count]);
    pthread_mutex_unlock(&client->lock);
    return count;
}
