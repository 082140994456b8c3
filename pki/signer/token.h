/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One PKCS#11 token as a store: inside of token.c (the store and its ladder), token-find.c (where
 * it is), token-session.c (sessions and login), token-key.c (keys and mechanisms), token-match.c
 * (which key belongs to a certificate), token-generate.c (new keys) and token-list.c.
 *
 * Handles are good for one epoch: a number made of how often the module was initialised and how
 * often the token's sessions were given up. Locks are taken in this order and no other: locating,
 * then module->inside, then key->lock, then token->lock, then module->login. */
#ifndef POSTERN_PKI_SIGNER_TOKEN_H
#define POSTERN_PKI_SIGNER_TOKEN_H

#include <p11-kit/uri.h>
#include <pthread.h>

#include "pki/backoff.h"
#include "pki/signer/ckr.h"
#include "pki/signer/module.h"
#include "pki/signer/pool.h"
#include "pki/signer/store.h"

struct session {
    CK_SESSION_HANDLE handle;
    uint64_t epoch;
    bool open, busy;
    bool spoiled; /* an operation was left in its middle */
};

struct token {
    struct store base;
    P11KitUri *token_uri, *key_uri; /* the token must fit both; token_uri may be NULL */
    char *module_path, *pin_source; /* either may be NULL */

    pthread_mutex_t locating; /* the search for the token; located changes under it and `lock` */
    bool located;
    struct module *module; /* once found it stays the same: a session is not carried to another */
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
    char label[33], identity[128]; /* identity: manufacturer, model, serial and label */

    pthread_mutex_t lock; /* everything from here on */
    pthread_cond_t freed; /* a session is not busy any more */
    uint32_t generation;
    uint64_t login_epoch;
    bool logged_in;
    struct session session[POOL_THREADS_MAXIMUM];
    unsigned wanted, limit; /* sessions: asked for, and what the token gives */
    struct pki_wire_file refused;
    unsigned keys;
    struct backoff backoff;
    int64_t retry_at; /* clock_milliseconds(): until then sign answers last_error; 0: none */
    struct error last_error;
    uint32_t told; /* steps that were logged since the token worked last */
    bool generating;
};

/* token-find.c */
int parse_uri(const char *text, P11KitUri **ret, struct error *error);
void free_uri(P11KitUri **uri);
/* The steps of recovery that this took by itself are added to the outcome. */
int token_locate(struct token *token, struct outcome *outcome, struct error *error);

/* token.c: gives up every session and handle of that epoch, unless another thread has. */
void token_renew(struct token *token, uint64_t epoch);

/* token-session.c: between module_enter() and module_leave(). `*rv` is the call that failed, or
 * CKR_OK when it was none of the token's. */
uint64_t token_epoch(struct token *token); /* with token->lock */
int session_take(struct token *token, struct session **ret, CK_RV *rv, struct outcome *outcome,
                 struct error *error);
void session_give(struct token *token, struct session *session);
int session_login(struct token *token, struct session *session, CK_USER_TYPE user, CK_RV *rv,
                  struct outcome *outcome, struct error *error);
void sessions_close(struct token *token); /* those that are not busy */

/* token-list.c: between module_enter() and module_leave(), with a session of this epoch. Either all
 * is told or, when it fails, nothing. */
struct looking {
    store_found *found;
    void *context;
};
int token_look_through(struct token *token, struct session *session, const struct looking *looking,
                       CK_RV *rv, struct error *error);
/* How an object of the token is named: with what stands in `attributes` (those of length zero left
 * out); cut to fit. */
void token_format_uri(const struct token *token, CK_ATTRIBUTE *attributes, CK_ULONG count,
                      char *text, size_t size);

/* token-generate.c: the store's generate */
int token_generate(struct store *store, const struct key_request *request, EVP_PKEY **ret,
                   struct key_report *report, struct outcome *outcome, struct error *error);

/* token-key.c */
enum { WAYS_MAXIMUM = 5, CANDIDATES_MAXIMUM = 256 };
struct token_key {
    struct store_key base;
    struct token *token;
    P11KitUri *uri;
    char *where; /* the URI as text */
    EVP_PKEY *public_key;
    unsigned timeout;     /* milliseconds for one request */
    pthread_mutex_t lock; /* object, epoch and what was proved with them */
    uint64_t epoch;       /* 0: not found yet */
    CK_OBJECT_HANDLE object;
    bool always_authenticate;
    uint32_t algorithms;
    uint8_t way[PKI_ALGORITHM_END];
    char uri_found[PKI_WIRE_TEXT_MAXIMUM + 1]; /* by which it alone can be named */
};

/* What one attempt needs. */
struct attempt {
    struct token_key *key;
    struct session *session;
    CK_RV rv; /* of the call that failed last */
    struct outcome *outcome;
    CK_OBJECT_HANDLE object; /* the candidate, while a key is proved */
    bool always_authenticate;
    bool single;  /* no other key may be it */
    bool ensured; /* key_ensure() said yes */
};

/* token-match.c: the private keys that fit the URI and may belong to the public key, the likeliest
 * first; those that do not are left out. */
struct candidates {
    CK_OBJECT_HANDLE object[CANDIDATES_MAXIMUM];
    CK_ULONG count, certain; /* certain: at the front, of which the public value is the same */
    CK_ULONG seen;           /* with those left out */
};
int match_keys(struct attempt *attempt, struct candidates *ret, struct error *error);

/* Finds and proves the key, unless that was done in this epoch. */
int key_ensure(struct attempt *attempt, struct error *error);
/* With a key that is ensured. */
int key_sign(struct attempt *attempt, enum pki_algorithm algorithm, struct bytes data,
             uint8_t *signature, size_t *length, struct error *error);
/* A plain sentence where the token leaves an RSA key without TLS 1.3; else nothing. */
void key_note(const struct token_key *key, struct key_report *report);

#endif
