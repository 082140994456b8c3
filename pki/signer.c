/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The signer as a whole: which process serves which key. See signer.h.
 *
 * A module that hangs takes its process with it, so each Token element has one of its own, named by
 * module and token, and the keys in files share another. Processes are started when the first key
 * needs them and stay to the end; one whose keys have gone is taken for another token when there
 * are as many as there may be. Locks: signer->lock, then a client's. */
#include <stdio.h>
#include <string.h>

#include "pki/client.h"

struct pki_signer {
    pthread_mutex_t lock; /* the list, and the clients' names */
    char *program, *socket;
    int log_level;
    bool stopped;
    struct client *clients[PKI_PROCESSES_MAXIMUM];
    unsigned count;
};

/* NULL: no memory. */
static char *process_name(const struct pki_key_source *source)
{
    char *name = NULL;
    if (strncmp(source->key, "pkcs11:", 7) != 0)
        return strdup("key files");
    if (asprintf(&name, "%s%s%s", source->module ? source->module : "p11-kit's modules",
                 source->token ? " " : "", source->token ? source->token : "") < 0)
        return NULL;
    return name;
}

static bool is_idle(struct client *client)
{
    pthread_mutex_lock(&client->lock);
    bool idle = client->key_count == 0;
    pthread_mutex_unlock(&client->lock);
    return idle;
}

static struct client *find_client(struct pki_signer *signer, const char *name)
{
    for (unsigned i = 0; i < signer->count; i++)
        if (signer->clients[i]->name && strcmp(signer->clients[i]->name, name) == 0)
            return signer->clients[i];
    for (unsigned i = 0; i < signer->count; i++)
        if (!signer->clients[i]->name)
            return signer->clients[i];
    return NULL;
}

/* There may be no more processes: one that has nothing to do, else the last, which is then shared.
 */
static struct client *find_spare(struct pki_signer *signer)
{
    for (unsigned i = 0; i < signer->count; i++)
        if (is_idle(signer->clients[i]))
            return signer->clients[i];
    return signer->clients[signer->count - 1];
}

static int add_client(struct pki_signer *signer, struct client **ret, struct error *error)
{
    const struct pki_signer_options options = {
        .program = signer->program, .socket = signer->socket, .log_level = signer->log_level};
    int result = client_new(ret, &options, error);
    if (result == 0)
        signer->clients[signer->count++] = *ret;
    return result;
}

/* The client's thread reads its name for the log. */
static void rename_client(struct client *client, char **name)
{
    pthread_mutex_lock(&client->lock);
    char *old = client->name;
    client->name = TAKE_PTR(*name);
    pthread_mutex_unlock(&client->lock);
    free(old);
}

static int choose_client(struct pki_signer *signer, char **name, struct client **ret,
                         struct error *error)
{
    struct client *client = find_client(signer, *name);
    int result = 0;
    if (signer->stopped)
        return error_set(error, EX_TEMPFAIL, "Postern is stopping");
    if (!client && signer->count < PKI_PROCESSES_MAXIMUM)
        result = add_client(signer, &client, error);
    else if (!client)
        client = find_spare(signer);
    if (result < 0)
        return result;
    if (!client->name || is_idle(client))
        rename_client(client, name);
    *ret = client;
    return 0;
}

int signer_add_key(struct pki_signer *signer, const struct pki_key_source *source,
                   struct signer_key *key, struct error *error)
{
    _cleanup_free_ char *name = process_name(source);
    struct client *client = NULL;
    if (!name)
        return error_set(error, EX_OSERR, "Out of memory");
    pthread_mutex_lock(&signer->lock);
    int result = choose_client(signer, &name, &client, error);
    if (result == 0)
        client_key_add(client, key);
    pthread_mutex_unlock(&signer->lock);
    return result;
}

static struct pki_signer *allocate(const struct pki_signer_options *options)
{
    struct pki_signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return NULL;
    pthread_mutex_init(&signer->lock, NULL);
    signer->log_level = options->log_level;
    signer->program = options->program ? strdup(options->program) : NULL;
    signer->socket = options->socket ? strdup(options->socket) : NULL;
    if (!signer->program == !options->program && !signer->socket == !options->socket)
        return signer;
    return pki_signer_free(signer);
}

int pki_signer_new(struct pki_signer **ret, const struct pki_signer_options *options,
                   struct error *error)
{
    struct pki_signer *signer = allocate(options);
    struct client *first = NULL;
    if (!signer)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = add_client(signer, &first, error);
    if (result == 0)
        result = client_await_hello(first, error);
    if (result < 0)
        pki_signer_free(signer);
    else
        *ret = signer;
    return result;
}

void pki_signer_stop(struct pki_signer *signer)
{
    pthread_mutex_lock(&signer->lock);
    signer->stopped = true;
    for (unsigned i = 0; i < signer->count; i++)
        client_end(signer->clients[i]);
    pthread_mutex_unlock(&signer->lock);
}

struct pki_signer *pki_signer_free(struct pki_signer *signer)
{
    if (!signer)
        return NULL;
    pki_signer_stop(signer); /* all at once, so that their waits are one */
    for (unsigned i = 0; i < signer->count; i++)
        client_free(signer->clients[i]);
    pthread_mutex_destroy(&signer->lock);
    free(signer->program);
    free(signer->socket);
    free(signer);
    return NULL;
}

int signer_ask(struct pki_signer *signer, const struct pki_key_source *place,
               struct question *question, struct error *error)
{
    _cleanup_free_ char *name = process_name(place);
    struct client *client = NULL;
    if (!name)
        return error_set(error, EX_OSERR, "Out of memory");
    pthread_mutex_lock(&signer->lock);
    int result = choose_client(signer, &name, &client, error);
    pthread_mutex_unlock(&signer->lock);
    return result < 0 ? result : client_ask(client, question, error);
}

static void add_up(struct pki_signer_status *sum, const struct pki_process_status *process)
{
    if (!sum->pid)
        sum->pid = process->pid;
    sum->starts += process->starts;
    sum->keys += process->keys;
    sum->waiting += process->waiting;
    sum->process[sum->processes++] = *process;
}

unsigned pki_signer_status(struct pki_signer *signer, struct pki_signer_status *status,
                           struct pki_key_status *keys, unsigned room)
{
    unsigned count = 0;
    *status = (struct pki_signer_status){0};
    pthread_mutex_lock(&signer->lock);
    for (unsigned i = 0; i < signer->count; i++) {
        struct pki_process_status process;
        count += client_status(signer->clients[i], &process, count < room ? keys + count : keys,
                               count < room ? room - count : 0);
        add_up(status, &process);
    }
    pthread_mutex_unlock(&signer->lock);
    return count;
}
