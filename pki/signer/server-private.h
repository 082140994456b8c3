/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between server.c and server-ask.c. Who owns what, and by which lock, is said in server.c. */
#ifndef POSTERN_PKI_SIGNER_SERVER_PRIVATE_H
#define POSTERN_PKI_SIGNER_SERVER_PRIVATE_H

#include <pthread.h>

#include "pki/signer/pool.h"
#include "pki/signer/server.h"
#include "pki/signer/store.h"
#include "pki/wire.h"

enum { KEYS_MAXIMUM = 256, STORES_MAXIMUM = 64 };

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
    struct place *place; /* of server-ask.c, where there is no entry */
    uint32_t id;
    int64_t arrived;
    struct key_request request; /* of an OPEN */
    enum pki_algorithm algorithm;
    size_t length;
    uint8_t data[]; /* of a SIGN */
};

/* --- server.c --- */

void server_send(struct server *server, const struct pki_wire_message *message);
/* `outcome` may be NULL. */
void server_send_failure(struct server *server, uint32_t id, const struct outcome *outcome,
                         const struct error *error);
/* The store of a request, made when it is the first for it. On the reading thread alone. */
int server_find_place(struct server *server, const struct key_request *request, struct place **ret,
                      struct error *error);
/* With `length` bytes of data behind it; NULL: no memory. */
struct job *job_new(struct server *server, uint32_t id, size_t length,
                    void (*run)(struct pool_job *));
void job_free(struct job *job);
bool job_is_stale(const struct job *job, unsigned timeout);
/* NULL for an empty text; *failed is set where there was no memory. */
char *request_text(const char *text, bool *failed);
int request_copy(const struct pki_wire_open *open, struct key_request *request,
                 struct error *error);

/* --- server-ask.c: what each message does, on the reading thread --- */

int server_take_list(struct server *server, const struct pki_wire_message *message,
                     struct error *error);
int server_take_find(struct server *server, const struct pki_wire_message *message,
                     struct error *error);
int server_take_generate(struct server *server, const struct pki_wire_message *message,
                         struct error *error);

#endif
