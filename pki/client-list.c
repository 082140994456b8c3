/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is asked once and is about no open key: what a token holds, where a key is, a new key. See
 * client.h. */
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

static int begin(struct client *client, struct question *question, const char *group, int64_t deadline,
                 struct request **ret, struct error *error)
{
    struct request *request = request_take(client);
    if (!request)
        return error_set(error, EX_TEMPFAIL, "%d requests wait for the signer already",
                         CLIENT_REQUESTS);
    question->message.id = request->id;
    *question->refused = client_refusal(client, group);
    int result = client_send(client, &question->message, error);
    if (result < 0) {
        request_give(client, request);
        return result;
    }
    question->sent = true;
    request->generate = question->message.type == PKI_WIRE_GENERATE;
    request->list = !request->generate;
    request->answer = &question->answer;
    request->sent = clock_microseconds();
    request->deadline = deadline;
    client_wake(client);
    *ret = request;
    return 0;
}

static int await(struct client *client, struct request *request, struct answer *answer,
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

unsigned client_patience(const struct pki_key_source *source)
{
    return (source->timeout ? source->timeout : CLIENT_TIMEOUT_DEFAULT) * CLIENT_OPEN_FACTOR;
}

int client_ask(struct client *client, struct question *question, struct error *error)
{
    int64_t deadline = clock_microseconds() + (int64_t)question->milliseconds * 1000;
    struct request *request = NULL;
    _cleanup_free_ char *group = client_group(question->source);
    if (!group)
        return error_set(error, EX_OSERR, "Out of memory");
    question->answer.error = error;
    client_init_condition(&question->answer.arrived);
    pthread_mutex_lock(&client->lock);
    int result = await_process(client, deadline, error);
    if (result == 0)
        result = begin(client, question, group, deadline, &request, error);
    if (result == 0)
        result = await(client, request, &question->answer, error);
    if (question->answer.refused.inode)
        client_remember_refusal(client, group, &question->answer.refused);
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&question->answer.arrived);
    return result;
}
