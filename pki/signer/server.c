/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. An entry is posternd's number for a key; it is counted, by the table and by each
 * job that uses it, so that a CLOSE never takes a key away from a signature under way. The table,
 * the stores and the counts belong to `lock`; an entry's store_key is written once, by its OPEN
 * job, before any SIGN job can see it. */
#include "pki/signer/server.h"

#include <errno.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/signer/module.h"
#include "pki/signer/pool.h"
#include "pki/signer/store.h"

enum { KEYS_MAXIMUM = 256, STORES_MAXIMUM = 64, SESSIONS_DEFAULT = 4, END_SECONDS = 2 };

/* A store with its threads; both live to the end. */
struct place {
    char *name;
    struct store *store;
    struct pool *pool;
};

struct entry {
    uint32_t number;
    unsigned references;
    bool ready;
    unsigned timeout;
    struct place *place;
    struct store_key *key;
};

struct server {
    int socket;
    pthread_mutex_t lock;
    struct entry *entries[KEYS_MAXIMUM];
    struct place places[STORES_MAXIMUM];
    unsigned place_count;
};

/* One request on its way through a pool. */
struct job {
    struct pool_job base;
    struct server *server;
    struct entry *entry; /* counted */
    struct place *place; /* of a LIST, which has no entry */
    uint32_t id;
    int64_t arrived;
    struct key_request request; /* of an OPEN */
    enum pki_algorithm algorithm;
    size_t length;
    uint8_t data[]; /* of a SIGN */
};

/* A packet that cannot be sent means that posternd is gone; the reading thread will see that. */
static void send_message(struct server *server, const struct pki_wire_message *message)
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

static void send_failure(struct server *server, uint32_t id, const struct outcome *outcome,
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
    send_message(server, &message);
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

static void free_job(struct job *job)
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
static bool is_stale(const struct job *job, unsigned timeout)
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
    if (is_stale(job, job->entry->timeout))
        result = error_set(&error, EX_TEMPFAIL, "The signature waited too long for its turn");
    else
        result = key->store->operations->sign(key, job->algorithm,
                                              (struct bytes){job->data, job->length}, signature,
                                              &length, &outcome, &error);
    if (result < 0) {
        send_failure(job->server, job->id, &outcome, &error);
    } else {
        struct pki_wire_message message = {.type = PKI_WIRE_SIGNED,
                                           .id = job->id,
                                           .signature = {.recovery = outcome.recovery,
                                                         .algorithms = outcome.algorithms,
                                                         .signature = {signature, length}}};
        send_message(job->server, &message);
    }
    free_job(job);
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
    send_message(job->server, &message);
}

static void send_progress(void *context)
{
    const struct job *job = context;
    const struct pki_wire_message message = {.type = PKI_WIRE_PROGRESS, .id = job->id};
    send_message(job->server, &message);
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
        send_failure(server, job->id, &outcome, &error);
    } else {
        pthread_mutex_lock(&server->lock);
        entry->ready = true;
        pthread_mutex_unlock(&server->lock);
        send_opened(job, &report, &outcome);
    }
    free_job(job);
}

/* Closing may call into the token, so it is work for the pool like the rest. */
static void run_close(struct pool_job *base)
{
    free_job((struct job *)base);
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
static int find_place(struct server *server, const struct key_request *request, struct place **ret,
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

static char *copy_text(const char *text, bool *failed)
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

static int copy_request(const struct pki_wire_open *open, struct key_request *request,
                        struct error *error)
{
    bool failed = false;
    *request = (struct key_request){.uri = copy_text(open->uri, &failed),
                                    .token = copy_text(open->token, &failed),
                                    .module = copy_text(open->module, &failed),
                                    .pin_source = copy_text(open->pin_source, &failed),
                                    .sessions = open->sessions,
                                    .timeout = open->timeout,
                                    .refused = open->refused};
    if (failed)
        return error_set(error, EX_OSERR, "Out of memory");
    if (request->sessions > POOL_THREADS_MAXIMUM)
        request->sessions = POOL_THREADS_MAXIMUM;
    return copy_public_key(open->public_key, request, error);
}

static struct job *new_job(struct server *server, uint32_t id, size_t length,
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
    int result = copy_request(open, &job->request, error);
    if (result == 0)
        result = find_place(server, &job->request, &place, error);
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
    struct job *job = new_job(server, message->id, 0, run_open);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = begin_open(server, job, &message->open, error);
    if (result < 0)
        free_job(job);
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
    struct job *job = new_job(server, message->id, sign->data.length, run_sign);
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
        free_job(job);
    return result;
}

static int take_close(struct server *server, const struct pki_wire_message *message,
                      struct error *error)
{
    struct entry *entry = remove_entry(server, message->close.key);
    if (!entry)
        return 0; /* its OPEN failed meanwhile */
    struct job *job = new_job(server, 0, 0, run_close);
    if (job)
        job->entry = entry;
    if (!job || pool_post(entry->place->pool, &job->base, error) < 0)
        free(job); /* no memory, or a full queue: the key stays open until the process ends */
    return 0;
}

/* --- what is on a token ------------------------------------------------------------------------
 */

struct listing {
    const struct job *job;
    uint32_t count;
};

static void send_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                       const char *text)
{
    struct listing *listing = context;
    const struct job *job = listing->job;
    struct pki_wire_message message = {
        .type = PKI_WIRE_FOUND,
        .id = job->id,
        .found = {.kind = kind, .logged_in = logged_in, .uri = uri, .text = text}};
    send_message(job->server, &message);
    listing->count++;
}

static void send_listed(struct server *server, uint32_t id, uint32_t count)
{
    struct pki_wire_message message = {.type = PKI_WIRE_LISTED, .id = id, .listed = {count}};
    send_message(server, &message);
}

static void run_list(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    struct listing listing = {.job = job};
    struct outcome outcome = {0};
    struct error error;
    int result = store->operations->list
                     ? store->operations->list(store, &job->request.refused, send_found, &listing,
                                               &outcome, &error)
                     : error_set(&error, EX_USAGE, "Only a token can be looked through");
    if (result < 0) {
        send_failure(job->server, job->id, &outcome, &error);
    } else {
        send_listed(job->server, job->id, listing.count);
    }
    free_job(job);
}

static int take_list(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    const struct pki_wire_list *list = &message->list;
    bool failed = false;
    struct job *job = new_job(server, message->id, 0, run_list);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    job->request = (struct key_request){
        .uri = copy_text(list->token, &failed),
        .token = copy_text(list->token, &failed),
        .module = copy_text(list->module, &failed),
        .pin_source = copy_text(list->pin_source, &failed),
        .sessions = list->sessions < POOL_THREADS_MAXIMUM ? list->sessions : POOL_THREADS_MAXIMUM,
        .timeout = list->timeout,
        .refused = list->refused};
    int result = failed ? error_set(error, EX_OSERR, "Out of memory")
                        : find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        free_job(job);
    return result;
}

/* --- a key looked for, and a key made ------------------------------------------------------------
 */

/* Opened, which proves it, and closed again. */
static void run_find(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    struct store_key *key = NULL;
    struct key_report report = {0};
    struct outcome outcome = {0};
    struct error error;
    int result;
    if (is_stale(job, job->request.timeout))
        result = error_set(&error, EX_TEMPFAIL, "The search waited too long for its turn");
    else
        result = store->operations->open(store, &job->request, &key, &report, &outcome, &error);
    if (result == 0) {
        struct listing listing = {.job = job};
        store->operations->close(key);
        send_found(&listing, PKI_FOUND_KEY, report.logged_in, report.uri, "");
        send_listed(job->server, job->id, listing.count);
    } else if (outcome.other) {
        send_listed(job->server, job->id, 0);
    } else {
        send_failure(job->server, job->id, &outcome, &error);
    }
    free_job(job);
}

static int take_find(struct server *server, const struct pki_wire_message *message,
                     struct error *error)
{
    const struct pki_wire_find *find = &message->find;
    const struct pki_wire_open open = {.sessions = find->sessions,
                                       .timeout = find->timeout,
                                       .refused = find->refused,
                                       .uri = find->uri,
                                       .token = find->token,
                                       .module = find->module,
                                       .pin_source = find->pin_source,
                                       .public_key = find->public_key};
    struct job *job = new_job(server, message->id, 0, run_find);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = copy_request(&open, &job->request, error);
    if (result == 0)
        result = find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        free_job(job);
    return result;
}

static void send_generated(const struct job *job, const struct key_report *report, EVP_PKEY *key)
{
    uint8_t der[PKI_WIRE_PUBLIC_KEY_MAXIMUM], *at = der;
    int length = i2d_PUBKEY(key, NULL);
    struct error error;
    if (length <= 0 || (size_t)length > sizeof der) {
        error_set(&error, EX_SOFTWARE, "The key %s was made, but its public half cannot be told",
                  job->request.label);
        send_failure(job->server, job->id, NULL, &error);
        return;
    }
    length = i2d_PUBKEY(key, &at);
    struct pki_wire_message message = {
        .type = PKI_WIRE_GENERATED,
        .id = job->id,
        .generated = {.uri = report->uri, .public_key = {der, (size_t)length}}};
    send_message(job->server, &message);
}

static void run_generate(struct pool_job *base)
{
    struct job *job = (struct job *)base;
    struct store *store = job->place->store;
    EVP_PKEY *key = NULL;
    struct key_report report = {0};
    struct outcome outcome = {0};
    struct error error;
    int result;
    if (!store->operations->generate)
        result = error_set(&error, EX_USAGE, "Only a token makes keys");
    else if (is_stale(job, job->request.timeout))
        result = error_set(&error, EX_TEMPFAIL,
                           "The order for a key waited too long for its turn; none was made");
    else
        result = store->operations->generate(store, &job->request, &key, &report, &outcome, &error);
    if (result < 0)
        send_failure(job->server, job->id, &outcome, &error);
    else
        send_generated(job, &report, key);
    EVP_PKEY_free(key);
    free_job(job);
}

static int copy_order(const struct pki_wire_generate *generate, struct key_request *request,
                      struct error *error)
{
    bool failed = false;
    *request = (struct key_request){.uri = copy_text(generate->token, &failed),
                                    .token = copy_text(generate->token, &failed),
                                    .module = copy_text(generate->module, &failed),
                                    .pin_source = copy_text(generate->pin_source, &failed),
                                    .label = copy_text(generate->label, &failed),
                                    .sessions = generate->sessions,
                                    .timeout = generate->timeout,
                                    .refused = generate->refused,
                                    .type = generate->type,
                                    .id_length = generate->id.length};
    memcpy(request->id, generate->id.at, generate->id.length);
    return failed ? error_set(error, EX_OSERR, "Out of memory") : 0;
}

/* A thread more than the signatures have, so that they go on meanwhile. */
static int take_generate(struct server *server, const struct pki_wire_message *message,
                         struct error *error)
{
    struct job *job = new_job(server, message->id, 0, run_generate);
    if (!job)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = copy_order(&message->generate, &job->request, error);
    if (result == 0)
        result = find_place(server, &job->request, &job->place, error);
    if (result == 0)
        result = pool_grow(job->place->pool, job->request.sessions + 1, error);
    if (result == 0)
        result = pool_post(job->place->pool, &job->base, error);
    if (result < 0)
        free_job(job);
    return result;
}

static int take_hello(struct server *server, const struct pki_wire_message *message,
                      struct error *error)
{
    struct pki_wire_message answer = {
        .type = PKI_WIRE_HELLO, .id = message->id, .hello = {PKI_WIRE_VERSION, (uint32_t)getpid()}};
    (void)error;
    send_message(server, &answer);
    return 0;
}

/* What each message does; those that only the signer sends are not here. */
static int (*const takers[PKI_WIRE_END])(struct server *, const struct pki_wire_message *,
                                         struct error *) = {
    [PKI_WIRE_HELLO] = take_hello,       [PKI_WIRE_OPEN] = take_open, [PKI_WIRE_CLOSE] = take_close,
    [PKI_WIRE_SIGN] = take_sign,         [PKI_WIRE_LIST] = take_list, [PKI_WIRE_FIND] = take_find,
    [PKI_WIRE_GENERATE] = take_generate,
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
        send_failure(server, message.id, NULL, error);
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
