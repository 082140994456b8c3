/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. Keys that are opened, used and closed; server-ask.c has what is asked once, without
 * a key that stays open. An entry is posternd's number for a key; it is counted, by the table and
 * by each job that uses it, so that a CLOSE never takes a key away from a signature under way. The
 * table, the stores and the counts belong to `lock`; an entry's store_key is written once, by its
 * OPEN job, before any SIGN job can see it. */
#include "pki/signer/server-private.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/signer/module.h"

enum { END_SECONDS = 2 };

/* A packet that cannot be sent means that posternd is gone; the reading thread will see that. */
void server_send(struct server *server, const struct pki_wire_message *message)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    int length = pki_wire_encode(message, packet, sizeof packet);
    ssize_t sent = -1;
    while (length > 0 && sent < 0) {
        sent = send(server->socket, packet, (size_t)length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            break;
    }
}

void server_send_failure(struct server *server, uint32_t id, const struct outcome *outcome,
                         const struct error *error)
{
    struct pki_wire_message message = {
        .type = PKI_WIRE_FAILED,
        .id = id,
        .failed = {.code = (uint32_t)error->code,
                   .what = error->what[0] ? error->what : "No reason was given",
                   .where = error->where,
                   .cure = error->cure}};
    if (outcome) {
        message.failed.recovery = outcome->recovery;
        message.failed.lost = outcome->lost;
        message.failed.pin_refused = outcome->pin_refused;
        message.failed.algorithms = outcome->algorithms;
        message.failed.refused = outcome->refused;
    }
    server_send(server, &message);
}

static void free_request(struct key_request *request)
{
    free(request->uri);
    free(request->token);
    free(request->module);
    free(request->pin_source);
    free(request->label);
    EVP_PKEY_free(request->public_key);
}

/* Drops a reference; the last one closes the key. On a pool's thread, or with nothing opened. */
static void release_entry(struct server *server, struct entry *entry)
{
    pthread_mutex_lock(&server->lock);
    bool last = --entry->references == 0;
    pthread_mutex_unlock(&server->lock);
    if (!last)
        return;
    if (entry->key)
        entry->key->store->operations->close(entry->key);
    free(entry);
}

void job_free(struct job *job)
{
    free_request(&job->request);
    if (job->entry)
        release_entry(job->server, job->entry);
    free(job);
}

/* With the lock held. */
static struct entry **find_entry(struct server *server, uint32_t number)
{
    for (unsigned i = 0; i < KEYS_MAXIMUM; i++)
        if (server->entries[i] && server->entries[i]->number == number)
            return &server->entries[i];
    return NULL;
}

/* Takes an entry out of the table, and the table's reference with it when it was there. */
static struct entry *remove_entry(struct server *server, uint32_t number)
{
    pthread_mutex_lock(&server->lock);
    struct entry **place = find_entry(server, number), *entry = place ? *place : NULL;
    if (place)
        *place = NULL;
    pthread_mutex_unlock(&server->lock);
    return entry;
}

/* A request that waited longer than it may is not worth the token's time: nobody waits for it now.
 */
bool job_is_stale(const struct job *job, unsigned timeout)
{
    return clock_milliseconds() - job->arrived > timeout;
}

static void run_sign(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store_key *key = job->entry->key;
    uint8_t signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature;
    struct outcome outcome = {0};
    struct error error;
    int result;
    if (job_is_stale(job, job->entry->timeout))
        result = error_set(&error, EX_TEMPFAIL, "The signature waited too long for its turn");
    else
        result = key->store->operations->sign(key, job->algorithm,
                                              (struct bytes){job->data, job->length}, signature,
                                              &length, &outcome, &error);
    if (result < 0) {
        server_send_failure(job->server, job->id, &outcome, &error);
    } else {
        struct pki_wire_message message = {.type = PKI_WIRE_SIGNED,
                                           .id = job->id,
                                           .signature = {.recovery = outcome.recovery,
                                                         .algorithms = outcome.algorithms,
                                                         .signature = {signature, length}}};
        server_send(job->server, &message);
    }
    job_free(job);
}

static void send_opened(const struct job *job, const struct key_report *report,
                        const struct outcome *outcome)
{
    struct pki_wire_message message = {.type = PKI_WIRE_OPENED,
                                       .id = job->id,
                                       .opened = {.key = job->entry->number,
                                                  .algorithms = report->algorithms,
                                                  .sessions = report->sessions,
                                                  .logged_in = report->logged_in,
                                                  .recovery = outcome->recovery,
                                                  .token = report->token,
                                                  .module = report->module,
                                                  .manufacturer = report->manufacturer,
                                                  .model = report->model,
                                                  .serial = report->serial,
                                                  .note = report->note,
                                                  .cure = report->cure}};
    server_send(job->server, &message);
}

static void send_progress(void *context)
{
    const struct job *job = context;
    const struct pki_wire_message message = {.type = PKI_WIRE_PROGRESS, .id = job->id};
    server_send(job->server, &message);
}

static void run_open(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct server *server = job->server;
    struct entry *entry = job->entry;
    struct store *store = entry->place->store;
    struct key_report report = {0};
    struct outcome outcome = {.progress = send_progress, .context = job};
    struct error error;
    outcome_progress(&outcome);
    int result =
        store->operations->open(store, &job->request, &entry->key, &report, &outcome, &error);
    if (result < 0) {
        struct entry *removed = remove_entry(server, entry->number);
        if (removed)
            release_entry(server, removed);
        server_send_failure(server, job->id, &outcome, &error);
    } else {
        pthread_mutex_lock(&server->lock);
        entry->ready = true;
        pthread_mutex_unlock(&server->lock);
        send_opened(job, &report, &outcome);
    }
    job_free(job);
}

/* Closing may call into the token, so it is work for the pool like the rest. */
static void run_close(struct pool_job *base)
{
    job_free((struct job *)base);
}

static int new_store(const struct key_request *request, struct store **ret, struct error *error)
{
    return strncmp(request->uri, "pkcs11:", 7) == 0 ? token_store_new(ret, request, error)
                                                    : file_store_new(ret, error);
}

static int add_place(struct server *server, char *name, const struct key_request *request,
                     struct place **ret, struct error *error)
{
    struct place *place = &server->places[server->place_count];
    if (server->place_count == STORES_MAXIMUM)
        return error_set(error, EX_TEMPFAIL, "More than %d tokens are in use", STORES_MAXIMUM);
    int result = new_store(request, &place->store, error);
    if (result < 0)
        return result;
    result = pool_new(&place->pool, request->sessions, error);
    if (result < 0) {
        place->store->operations->free(place->store);
        return result;
    }
    place->name = name;
    server->place_count++;
    *ret = place;
    return 0;
}

/* The store of a request, made when it is the first for it. Only the reading thread comes here. */
int server_find_place(struct server *server, const struct key_request *request, struct place **ret,
                      struct error *error)
{
    _cleanup_free_ char *name = NULL;
    int result = 0;
    if (strncmp(request->uri, "pkcs11:", 7) == 0)
        result = token_store_name(request, &name, error);
    else if (!(name = strdup("file")))
        result = error_set(error, EX_OSERR, "Out of memory");
    if (result < 0)
        return result;
    for (unsigned i = 0; i < server->place_count; i++) {
        if (strcmp(server->places[i].name, name) == 0) {
            *ret = &server->places[i];
            return pool_grow((*ret)->pool, request->sessions, error);
        }
    }
    result = add_place(server, name, request, ret, error);
    if (result == 0)
        name = NULL;
    return result;
}

static int add_entry(struct server *server, const struct pki_wire_open *open, struct place *place,
                     struct entry **ret, struct error *error)
{
    struct entry *entry = calloc(1, sizeof *entry), **empty = NULL;
    if (!entry)
        return error_set(error, EX_OSERR, "Out of memory");
    *entry = (struct entry){
        .number = open->key, .references = 2, .timeout = open->timeout, .place = place};
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < KEYS_MAXIMUM && !empty; i++)
        if (!server->entries[i])
            empty = &server->entries[i];
    if (find_entry(server, open->key))
        empty = NULL;
    if (empty)
        *empty = entry;
    pthread_mutex_unlock(&server->lock);
    if (empty) {
        *ret = entry;
        return 0;
    }
    free(entry);
    return error_set(error, EX_TEMPFAIL, "There is no room for another key");
}

char *request_text(const char *text, bool *failed)
{
    char *copy = *text ? strdup(text) : NULL;
    *failed |= *text && !copy;
    return copy;
}

static int copy_public_key(struct pki_wire_bytes der, struct key_request *request,
                           struct error *error)
{
    const uint8_t *at = der.at;
    request->public_key = d2i_PUBKEY(NULL, &at, (long)der.length);
    if (request->public_key && at == der.at + der.length && pki_algorithms_of(request->public_key))
        return 0;
    error_set(error, EX_CONFIG, "The certificate's key is of no type that Postern knows");
    return error_cure(error, "use a certificate for an RSA, EC or Ed25519 key");
}

int request_copy(const struct pki_wire_open *open, struct key_request *request, struct error *error)
{
    bool failed = false;
    *request = (struct key_request){.uri = request_text(open->uri, &failed),
                                    .token = request_text(open->token, &failed),
                                    .module = request_text(open->module, &failed),
                                    .pin_source = request_text(open->pin_source, &failed),
                                    .sessions = open->sessions,
                                    .timeout = open->timeout,
                                    .refused = open->refused};
    if (failed)
        return error_set(error, EX_OSERR, "Out of memory");
    if (request->sessions > POOL_THREADS_MAXIMUM)
        request->sessions = POOL_THREADS_MAXIMUM;
    return copy_public_key(open->public_key, request, error);
}

struct job *job_new(struct server *server, uint32_t id, size_t length,
                    void (*run)(struct pool_job *))
{
    struct job *job = calloc(1, sizeof *job + length);
    if (!job)
        return NULL;
    job->base.run = run;
    job->server = server;
    job->id = id;
    job->arrived = clock_milliseconds();
    job->length = length;
    return job;
}

static int begin_open(struct server *server, struct job *job, const struct pki_wire_open *open,
                      struct error *error)
{
    struct place *place = NULL;
    int result = request_copy(open, &job->request, error);
    if (result == 0)
        result = server_find_place(server, &job->request, &place, error);
    if (result == 0)
        result = add_entry(server, open, place, &job->entry, error);
    if (result < 0)
        return error_where(error, "%s", open->uri);
    result = pool_post(place->pool, &job->base, error);
    if (result < 0)
        release_entry(server, remove_entry(server, open->key));
    return result;
}

static int take_open(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    struct job *job = job_new(server, message->id, 0, run_open);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = begin_open(server, job, &message->open, error);
    if (result < 0)
        job_free(job);
    return result;
}

static int take_sign(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    const struct pki_wire_sign *sign = &message->sign;
    enum pki_algorithm algorithm = sign->algorithm;
    if (!algorithm_takes(algorithm, sign->data.length))
        return error_set(error, EX_DATAERR, "%zu bytes are not what %s signs", sign->data.length,
                         pki_algorithm_info(algorithm)->name);
    struct job *job = job_new(server, message->id, sign->data.length, run_sign);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    job->algorithm = algorithm;
    memcpy(job->data, sign->data.at, sign->data.length);
    pthread_mutex_lock(&server->lock);
    struct entry **entry = find_entry(server, sign->key);
    if (entry && (*entry)->ready) {
        job->entry = *entry;
        job->entry->references++;
    }
    pthread_mutex_unlock(&server->lock);
    int result = job->entry ? pool_post(job->entry->place->pool, &job->base, error)
                            : error_set(error, EX_TEMPFAIL, "The key is not open");
    if (result < 0)
        job_free(job);
    return result;
}

static int take_close(struct server *server, const struct pki_wire_message *message,
                      struct error *error)
{
    struct entry *entry = remove_entry(server, message->close.key);
    if (!entry)
        return 0; /* its OPEN failed meanwhile */
    struct job *job = job_new(server, 0, 0, run_close);
    if (job)
        job->entry = entry;
    if (!job || pool_post(entry->place->pool, &job->base, error) < 0)
        free(job); /* no memory, or a full queue: the key stays open until the process ends */
    return 0;
}

static int take_hello(struct server *server, const struct pki_wire_message *message,
                      struct error *error)
{
    struct pki_wire_message answer = {
        .type = PKI_WIRE_HELLO, .id = message->id, .hello = {PKI_WIRE_VERSION, (uint32_t)getpid()}};
    (void)error;
    server_send(server, &answer);
    return 0;
}

/* What each message does; those that only the signer sends are not here. */
static int (*const takers[PKI_WIRE_END])(struct server *, const struct pki_wire_message *,
                                         struct error *) = {
    [PKI_WIRE_HELLO] = take_hello,
    [PKI_WIRE_OPEN] = take_open,
    [PKI_WIRE_CLOSE] = take_close,
    [PKI_WIRE_SIGN] = take_sign,
    [PKI_WIRE_LIST] = server_take_list,
    [PKI_WIRE_FIND] = server_take_find,
    [PKI_WIRE_GENERATE] = server_take_generate,
};

static int take_packet(struct server *server, const uint8_t *packet, size_t length,
                       struct error *error)
{
    struct pki_wire_message message;
    if (pki_wire_decode(packet, length, &message) < 0 || !takers[message.type])
        return error_set(error, EX_PROTOCOL,
                         "posternd sent a packet of %zu bytes that is no "
                         "request",
                         length);
    if (message.type == PKI_WIRE_HELLO && message.hello.version != PKI_WIRE_VERSION) {
        error_set(error, EX_PROTOCOL, "posternd speaks version %u, this signer version %d",
                  message.hello.version, PKI_WIRE_VERSION);
        return error_cure(error, "install posternd and postern-signer of one version");
    }
    if (takers[message.type](server, &message, error) < 0)
        server_send_failure(server, message.id, NULL, error);
    return 0;
}

static int serve(struct server *server, struct error *error)
{
    uint8_t packet[PKI_WIRE_MAXIMUM + 1];
    int result = 0;
    while (result == 0) {
        ssize_t length = recv(server->socket, packet, sizeof packet, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length == 0 || (length < 0 && errno == ECONNRESET))
            return 0;
        if (length < 0)
            return error_set_errno(error, EX_IOERR, errno, "Cannot read from posternd");
        result = take_packet(server, packet, (size_t)length, error);
    }
    return result;
}

/* A module that hangs must not keep the process: nobody else ends one that systemd started. A
 * thread does it, because a module may have taken SIGALRM for itself. */
static void *end_late(void *argument)
{
    struct timespec left = {.tv_sec = END_SECONDS};
    (void)argument;
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
    _exit(EX_SOFTWARE);
}

static void limit_end(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_late, NULL))
        alarm(END_SECONDS);
    else
        pthread_detach(thread);
}

/* Every thread is joined before anything is freed; a hung one is what limit_end() is for. */
static void end_server(struct server *server)
{
    for (unsigned i = 0; i < server->place_count; i++)
        server->places[i].pool = pool_free(server->places[i].pool);
    for (unsigned i = 0; i < KEYS_MAXIMUM; i++)
        if (server->entries[i])
            release_entry(server, server->entries[i]);
    for (unsigned i = 0; i < server->place_count; i++) {
        server->places[i].store->operations->free(server->places[i].store);
        free(server->places[i].name);
    }
    modules_finalize();
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int server_run(int socket, struct error *error)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return error_set(error, EX_OSERR, "Out of memory");
    server->socket = socket;
    pthread_mutex_init(&server->lock, NULL);
    int result = serve(server, error);
    limit_end();
    end_server(server);
    return result;
}
