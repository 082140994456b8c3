/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Looking through a token. See client.h. */
#include <errno.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/client.h"

static struct timespec timespec_of(int64_t microseconds)
{
    return (struct timespec){.tv_sec = microseconds / 1000000,
                             .tv_nsec = microseconds % 1000000 * 1000};
}

/* A process that was just started for this is waited for. With the lock. */
static int await_process(struct client *client, int64_t deadline, struct error *error)
{
    struct timespec moment = timespec_of(deadline);
    int number = 0;
    while (client->state != PROCESS_UP && client->state != PROCESS_GONE && number != ETIMEDOUT)
        number = pthread_cond_timedwait(&client->changed, &client->lock, &moment);
    if (client->state == PROCESS_UP)
        return 0;
    *error = client->last_error;
    if (!error->what[0])
        error_set(error, EX_TEMPFAIL, "The signer is not running");
    return -(error->code = EX_TEMPFAIL);
}

static int begin_list(struct client *client, const struct pki_key_source *source, const char *group,
                      struct answer *answer, int64_t deadline, struct request **ret,
                      struct error *error)
{
    struct request *request = request_take(client);
    if (!request)
        return error_set(error, EX_TEMPFAIL, "%d requests wait for the signer already",
                         CLIENT_REQUESTS);
    struct pki_wire_message message = {
        .type = PKI_WIRE_LIST,
        .id = request->id,
        .list = {.sessions = source->sessions ? source->sessions : 4,
                 .timeout = source->timeout ? source->timeout : CLIENT_TIMEOUT_DEFAULT,
                 .token = source->token,
                 .module = source->module,
                 .pin_source = source->pin_source}};
    message.list.refused = client_refusal(client, group);
    int result = client_send(client, &message, error);
    if (result < 0) {
        request_give(client, request);
        return result;
    }
    request->list = true;
    request->answer = answer;
    request->sent = clock_microseconds();
    request->deadline = deadline;
    client_wake(client);
    *ret = request;
    return 0;
}

static int await_list(struct client *client, struct request *request, struct answer *answer,
                      struct error *error)
{
    struct timespec moment = timespec_of(request->deadline);
    int number = 0;
    while (!answer->done && number != ETIMEDOUT)
        number = pthread_cond_timedwait(&answer->arrived, &client->lock, &moment);
    if (answer->done)
        return answer->result;
    request->answer = NULL;
    return error_set(error, EX_TEMPFAIL, "The signer did not answer in time");
}

int client_list(struct client *client, const struct pki_key_source *source, pki_found *found,
                void *context, struct error *error)
{
    unsigned timeout = source->timeout ? source->timeout : CLIENT_TIMEOUT_DEFAULT;
    int64_t deadline = clock_microseconds() + (int64_t)timeout * CLIENT_OPEN_FACTOR * 1000;
    struct answer answer = {.found = found, .context = context, .error = error};
    struct request *request = NULL;
    _cleanup_free_ char *group = client_group(source);
    if (!group)
        return error_set(error, EX_OSERR, "Out of memory");
    client_init_condition(&answer.arrived);
    pthread_mutex_lock(&client->lock);
    int result = await_process(client, deadline, error);
    if (result == 0)
        result = begin_list(client, source, group, &answer, deadline, &request, error);
    if (result == 0)
        result = await_list(client, request, &answer, error);
    if (answer.refused.inode)
        client_remember_refusal(client, group, &answer.refused);
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&answer.arrived);
    return result;
}
