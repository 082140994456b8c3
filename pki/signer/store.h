/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A place where private keys are: the file system, or one token. Two implementations of one table.
 *
 * A store belongs to the pool of threads that works for it (pool.h) and lives as long as the
 * process; open, sign and close may run on any number of its threads at once. Nothing here is
 * called from the thread that reads the socket, because any of it may block for as long as a vendor
 * likes. */
#ifndef POSTERN_PKI_SIGNER_STORE_H
#define POSTERN_PKI_SIGNER_STORE_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "pki/base/error.h"
#include "pki/key.h"
#include "pki/signer/algorithm.h"
#include "pki/wire.h"

/* What posternd wants opened; owned by whoever holds it. */
struct key_request {
    char *uri, *token, *module, *pin_source; /* the last three NULL when not given */
    unsigned sessions, timeout;              /* timeout: milliseconds for one request */
    struct pki_wire_file refused;
    EVP_PKEY *public_key;
    /* Of a key that is to be made. */
    enum pki_key_type type;
    char *label;
    uint8_t id[PKI_ID_MAXIMUM];
    size_t id_length;
};

/* What was found, for people. Text is cut to fit. */
struct key_report {
    uint32_t algorithms; /* proved */
    unsigned sessions;
    bool logged_in;
    char token[128], module[256], manufacturer[64], model[64], serial[32];
    char note[640], cure[384];
    char uri[PKI_WIRE_TEXT_MAXIMUM + 1]; /* by which the configuration can name it; may be empty */
};

/* How a call went, beside its code. */
struct outcome {
    uint32_t recovery;   /* the steps that were taken: bits 1u << enum pki_recovery */
    uint32_t algorithms; /* of the key, as they are proved now; 0: nothing is known of them */
    bool lost;           /* the key cannot be used until it was opened anew */
    bool other;          /* the keys there are were tried, and none belongs to the public key */
    bool pin_refused;
    struct pki_wire_file refused;
    /* Of an open, or NULL: called after each step that the token may take its time for, so that
     * posternd can tell a slow token from one that hangs. */
    void (*progress)(void *context);
    void *context;
};

static inline void outcome_progress(const struct outcome *outcome)
{
    if (outcome->progress)
        outcome->progress(outcome->context);
}

struct store;
struct store_key;

/* One thing on a token; text is borrowed for the call. */
typedef void store_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                         const char *text);

struct store_operations {
    /* Finds the key and proves it with request->public_key; the request is borrowed for the call.
     */
    int (*open)(struct store *store, const struct key_request *request, struct store_key **ret,
                struct key_report *report, struct outcome *outcome, struct error *error);
    /* One signature, verified before it is given out. */
    int (*sign)(struct store_key *key, enum pki_algorithm algorithm, struct bytes data,
                uint8_t *signature, size_t *length, struct outcome *outcome, struct error *error);
    void (*close)(struct store_key *key);
    /* What is there, for people; `refused` as in a key_request. NULL: a store that cannot be looked
     * through. */
    int (*list)(struct store *store, const struct pki_wire_file *refused, store_found *found,
                void *context, struct outcome *outcome, struct error *error);
    /* Makes a key pair, once: report->uri names its private half, *ret its public one. How
     * long it may take is posternd's to say. NULL: not in this store. */
    int (*generate)(struct store *store, const struct key_request *request, EVP_PKEY **ret,
                    struct key_report *report, struct outcome *outcome, struct error *error);
    void (*free)(struct store *store); /* at the end of the process, after its threads */
};

/* The first members of each implementation. */
struct store {
    const struct store_operations *operations;
};
struct store_key {
    struct store *store;
};

/* PEM files; one store serves them all. */
int file_store_new(struct store **ret, struct error *error);
/* The one token that a key's URI names (RFC 7512). */
int token_store_new(struct store **ret, const struct key_request *request, struct error *error);
/* What makes two requests belong to one token store: the caller frees. */
int token_store_name(const struct key_request *request, char **ret, struct error *error);

#endif
