/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Inside of signer.h: one signer process and its keys. client.c (the process' life), client-key.c
 * (what callers do with keys), client-list.c (what is asked once, without a key: a token's
 * contents, a key's place, a new key), client-thread.c (the supervising thread), client-answer.c
 * (what the signer says), client-process.c (the child), client-connect.c (the signer behind a
 * socket); signer.c, which chooses a process for each key, and places.c, which makes one key of
 * several, stand on these. Nobody else includes it.
 *
 * Everything belongs to client->lock, but for the process fields, which only the supervising thread
 * touches. A request is a place in a table of fixed size; its id names the place and how often it
 * was used, so that an answer finds it and a late one is told apart. A request whose caller has
 * gone stays in its place, abandoned, until the signer answers or is lost: that is how a hang is
 * seen. */
#ifndef POSTERN_PKI_CLIENT_H
#define POSTERN_PKI_CLIENT_H

#include <pthread.h>
#include <sys/types.h>

#include "pki/backoff.h"
#include "pki/signer.h"
#include "pki/wire.h"

enum {
    CLIENT_REQUESTS = 1024,
    CLIENT_LATENCIES = 1024,
    CLIENT_REFUSALS = 64,
    CLIENT_UNREAPED = 16,
    CLIENT_TIMEOUT_DEFAULT = 5000, /* milliseconds for one request */
    CLIENT_BACKOFF_FIRST = 100,    /* milliseconds; between attempts to open or to start */
    CLIENT_BACKOFF_LIMIT = 3000,
    CLIENT_MISTAKE_WAIT = 8000, /* where only an administrator can mend it */
    CLIENT_STEADY = 10000000,   /* microseconds: what lasted so long starts its back-off anew */
    CLIENT_OPEN_FACTOR = 4 /* so many time-outs may an OPEN wait for its turn, and a LIST take */
};

/* What a caller waits for, on the caller's stack. */
struct answer {
    pki_found *found; /* of a LIST: called with each thing, with the lock */
    void *context;
    pthread_cond_t arrived;
    bool done;
    int result;
    uint8_t *signature; /* of a GENERATE: the public key, DER */
    size_t *length;
    char *uri;     /* of a GENERATE: of PKI_WIRE_TEXT_MAXIMUM + 1 bytes */
    bool answered; /* it was the signer itself that said why it failed */
    struct error *error;
    struct pki_wire_file refused; /* a PIN that was refused; inode 0: none */
};

struct request {
    uint32_t id;     /* 0: the place is free */
    bool open, list; /* an OPEN; a LIST or FIND; neither, and no GENERATE: a SIGN */
    bool generate;
    bool begun; /* of an OPEN: its turn has come, and each step has a time-out */
    struct signer_key *key; /* NULL when it was freed meanwhile */
    struct answer *answer;  /* NULL: abandoned, or an OPEN */
    int64_t sent, deadline; /* clock_microseconds(); sent: or the last PROGRESS */
};

enum key_state { KEY_CLOSED, KEY_OPENING, KEY_READY };

struct signer_key {
    struct pki_key base;
    struct client *client;
    struct signer_key *next;
    uint32_t number, possible;                       /* possible: the algorithms of its type */
    char *uri, *token, *module, *pin_source, *group; /* group: who shares a queue with it */
    uint8_t public_key[PKI_WIRE_PUBLIC_KEY_MAXIMUM];
    size_t public_key_length;
    unsigned sessions, timeout;
    enum key_state state;
    unsigned attempts;                       /* of opening, that ended */
    int64_t next_try, answered_at, ready_at; /* clock_microseconds() */
    struct backoff backoff;
    /* Called with the lock when its algorithms changed or an attempt to open it ended. */
    void (*observe)(void *observer);
    void *observer;
    struct error last_error;
    struct pki_wire_file refused;
    struct pki_key_status status; /* counts, texts */
    uint32_t latency[CLIENT_LATENCIES];
    unsigned latencies, latency_at;
    /* Written by places.c, atomically: which of how many places this is (0: the only one), whether
     * signatures are asked of it, and how often they ceased and began again to be. */
    unsigned place, places;
    bool active;
    uint64_t failovers, comebacks;
};

/* A PIN that was refused, by the source that named it: kept when the key is gone. */
struct refusal {
    char *group;
    struct pki_wire_file file;
};

enum process_state { PROCESS_DOWN, PROCESS_STARTING, PROCESS_UP, PROCESS_GONE /* for good */ };

struct client {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the process' state */
    pthread_t thread;
    int wake; /* eventfd */
    bool ending;
    int64_t wake_at; /* when the supervising thread will look by itself */

    char *program, *path; /* path: of the socket to connect to, NULL: the program is started */
    char *name;           /* what it serves; NULL: nothing yet */
    int log_level;
    int socket;
    enum process_state state;
    struct error last_error; /* why it is down */
    pid_t pid;               /* for people: a child's, or what the signer said of itself */
    pid_t child;             /* what we have to kill and to wait for; 0: none */
    uint64_t starts;
    int64_t started_at, restart_at;
    struct backoff backoff;
    pid_t unreaped[CLIENT_UNREAPED];
    /* The last rung of the ladder: climbs in vain since the last success, and when they began. */
    unsigned vain_climbs;
    int64_t vain_since, renew_at; /* renew_at: 0 as long as there is no reason */
    struct backoff renewal;
    uint64_t renewals; /* in a row */

    struct signer_key *keys;
    unsigned key_count;
    uint32_t next_number;
    struct request requests[CLIENT_REQUESTS];
    uint16_t free[CLIENT_REQUESTS];
    unsigned free_count;
    uint32_t rounds;
    struct refusal refusals[CLIENT_REFUSALS];
    unsigned refusal_count;
};

/* All of these with the lock, unless they say otherwise. */

/* client.c */
struct request *request_take(struct client *client); /* NULL: all are in use */
void request_give(struct client *client, struct request *request);
void request_finish(struct request *request, int result); /* wakes the caller, if there is one */
/* 0, or -EX_TEMPFAIL; never blocks. */
int client_send(struct client *client, const struct pki_wire_message *message, struct error *error);
void client_wake(struct client *client);
void client_init_condition(pthread_cond_t *condition); /* waits by the monotonic clock */

/* client.c, without the lock. Starts the thread, which starts the process. */
int client_new(struct client **ret, const struct pki_signer_options *options, struct error *error);
int client_await_hello(struct client *client, struct error *error);
struct client *client_free(struct client *client);
unsigned client_status(struct client *client, struct pki_process_status *status,
                       struct pki_key_status *keys, unsigned room);

void client_end(struct client *client); /* begins the end that client_free() waits for */

/* client-list.c, without the lock: one message that is about no open key, and its answer. */
struct question {
    struct pki_wire_message message;
    struct pki_wire_file *refused; /* in the message; filled here */
    const struct pki_key_source *source;
    unsigned milliseconds; /* for all of it */
    bool sent;             /* it may have been heard */
    struct answer answer;
};
int client_ask(struct client *client, struct question *question, struct error *error);
/* Four time-outs, as an OPEN has. */
unsigned client_patience(const struct pki_key_source *source);

/* signer.c: the same, of the process that serves the place (source->key names it). */
int signer_ask(struct pki_signer *signer, const struct pki_key_source *place,
               struct question *question, struct error *error);

/* signer.c: finds the process for it, and adds it there. On failure the key is still the caller's.
 */
int signer_add_key(struct pki_signer *signer, const struct pki_key_source *source,
                   struct signer_key *key, struct error *error);

/* client-key.c, without the lock. A key is made, may get an observer, and is added to a client,
 * which begins to open it; from then on it is freed by pki_key_unref(). */
int client_key_new(const struct pki_key_source *source, EVP_PKEY *public_key,
                   struct signer_key **ret, struct error *error);
struct signer_key *client_key_free(struct signer_key *key);
void client_key_add(struct client *client, struct signer_key *key);
/* Who shares a queue, and so a PIN, with it: the caller frees; NULL: no memory. */
char *client_group(const struct pki_key_source *source);
/* Did an attempt to open it end? The error is why it is not ready, if it is not. */
bool client_key_ended(struct signer_key *key, struct error *error);
/* With the lock: other algorithms, or the end of an attempt. */
void client_key_changed(struct signer_key *key, uint32_t algorithms);

/* client-answer.c: -EX_PROTOCOL when it is nonsense. */
int client_take_packet(struct client *client, const uint8_t *packet, size_t length,
                       struct error *error);
void client_open_failed(struct signer_key *key, const struct error *error, bool pin_refused);
void client_remember_refusal(struct client *client, const char *group,
                             const struct pki_wire_file *file);
/* All zero when there was none. */
struct pki_wire_file client_refusal(const struct client *client, const char *group);

/* client-thread.c */
void *client_supervise(void *client);

/* client-process.c: without the lock, on the supervising thread. */
int process_spawn(const char *program, int log_level, int *ret_socket, pid_t *ret_pid,
                  struct error *error);
/* client-connect.c: the same, for the socket at which a supervisor starts one signer a connection.
 * Never blocks. -EX_NOPERM: it is somebody else who listens. */
int process_connect(const char *path, int *ret_socket, struct error *error);
/* Waits so long for its end; false: it has not ended. */
bool process_wait(pid_t pid, int milliseconds, int *status);
const char *process_status_text(int status, char *text, size_t size);

#endif
