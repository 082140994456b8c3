/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Telling every worker that an identity is another one now. Each message belongs to the worker that
 * it was posted to, which frees it. */
#include "gateway/daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

struct message {
    struct loop_task task;
    struct worker *worker;
    char certificate[]; /* its Name */
};

static void forget(struct loop_task *task)
{
    struct message *message = container_of(task, struct message, task);
    worker_forget_identity(message->worker, message->certificate);
    free(message);
}

int daemon_forget_identity(struct daemon *daemon, const char *certificate, struct error *error)
{
    size_t length = strlen(certificate) + 1;
    struct message *messages[WORKERS_MAXIMUM] = {NULL};
    for (unsigned i = 0; i < daemon->worker_count; i++)
        if (!(messages[i] = malloc(sizeof **messages + length))) {
            while (i)
                free(messages[--i]);
            return error_set(error, EX_OSERR, "Out of memory");
        }
    for (unsigned i = 0; i < daemon->worker_count; i++) {
        messages[i]->task = (struct loop_task){.run = forget};
        messages[i]->worker = daemon->workers[i].worker;
        memcpy(messages[i]->certificate, certificate, length);
        loop_post(daemon->workers[i].worker->loop, &messages[i]->task);
    }
    return 0;
}
