/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The way of a certificate through its roles: next, active, previous; and back.
 *
 * A rotation is what a Certificate element of postern.xml is at run time: its identity, which lives
 * across configurations, and its store (store.h), which is made when it is first needed. Until then
 * the Chain file is what is presented. From the first activation on the store is, as long as the
 * Chain file holds the certificate that it held then; when the administrator puts another one
 * there, the file wins: at the next start or reload it is the active one, and what was active is
 * the previous one.
 *
 * Every switch is preceded by a self-test of the key with the certificate; it is written to the
 * disk first, whole, and then taken up in memory, which cannot fail. A crash between the two starts
 * with the new one.
 *
 * pki_rotation_roles() and pki_rotation_facts() may be called on any thread; everything else on one
 * at a time, and blocks on the disk and on the signer. */
#ifndef POSTERN_PKI_ROTATION_H
#define POSTERN_PKI_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pki/bundle.h"
#include "pki/identity.h"
#include "pki/store.h"

struct pki_rotation;

/* What the configuration says of it. Borrowed for a call. */
struct pki_surroundings {
    struct pki_library *library;
    struct pki_signer *signer;
    const char *state_directory;
    const struct pki_identity_source *configured; /* name, Chain, Key elements */
    const struct pki_key_source *tokens; /* where a key is looked for: each a Token's URI as key */
    size_t token_count;
    /* The source of a key by its URI or path: token, module, PIN. The text it points to stays. */
    void (*place)(void *context, const char *key, struct pki_key_source *ret);
    void *context;
};

/* --- loading --- */

enum pki_taken {
    PKI_TAKEN_CHAIN,     /* the Chain file: nothing was activated yet */
    PKI_TAKEN_STORE,     /* the store's active one */
    PKI_TAKEN_NEW_CHAIN, /* the Chain file, which holds another certificate than when the store took
                            over */
};

struct pki_loaded {
    struct pki_rotation *rotation; /* counted */
    struct pki_identity *fresh;    /* counted: what will be presented; NULL: what is already */
    enum pki_taken taken;
    bool rebase; /* the Chain file has followed the store: to be remembered */
    char base[PKI_FINGERPRINT_SIZE];
};
void pki_loaded_clear(struct pki_loaded *loaded);

/* `previous` is the same Certificate of the configuration in force, or NULL: its identity goes on,
 * and changes nothing before pki_loaded_take_up(). */
int pki_rotation_load(const struct pki_surroundings *surroundings, bool wait_for_token,
                      struct pki_rotation *previous, struct pki_loaded *ret, struct error *error);
/* What the contexts of the new configuration are made with. Borrowed. */
struct pki_identity *pki_loaded_identity(const struct pki_loaded *loaded);
/* In memory; cannot fail. True when something else is presented from now on. */
bool pki_loaded_take_up(struct pki_loaded *loaded);
/* On disk, afterwards; nothing to be written is no failure. What fails is found again by the next
 * load. */
int pki_loaded_settle(struct pki_loaded *loaded, struct error *error);

struct pki_rotation *pki_rotation_ref(struct pki_rotation *rotation);
struct pki_rotation *pki_rotation_unref(struct pki_rotation *rotation);
DEFINE_CLEANUP(struct pki_rotation *, pki_rotation_unref)

const char *pki_rotation_name(const struct pki_rotation *rotation);
struct pki_identity *pki_rotation_identity(const struct pki_rotation *rotation); /* borrowed */

/* --- the steps --- */

/* A certificate on its way: whole on disk, its key open and tested, and no role yet. */
struct pki_candidate {
    unsigned generation;           /* in the store */
    struct pki_identity *identity; /* counted */
    char fingerprint[PKI_FINGERPRINT_SIZE];
};
void pki_candidate_clear(struct pki_candidate *candidate);

/* What there is to say of a chain that came. */
struct pki_admission {
    struct pki_inspection found;
    bool has_side;               /* it was not refused: */
    struct pki_tenant_side side; /* what the other side is to change */
};

/* Judges a chain as it came from the CA (bundle.h), finds its key, tests it, and writes it down.
 * `key` (a URI or an absolute path) says where the key is; NULL: where the certificate in force has
 * its own, then the Key elements, then anywhere on the tokens. `found` has what there is to say of
 * it, also when it is refused. EX_DATAERR: it cannot work, with the reason; or it is presented
 * already. EX_CONFIG: its key is nowhere; and what tokens and disks have to say. One at a time:
 * either it gets a role, or pki_rotation_forget() is called. */
int pki_rotation_admit(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                       const void *chain, size_t length, const char *key, const char *from,
                       struct pki_candidate *ret, struct pki_admission *admission,
                       struct error *error);
/* Whatever has no role goes. */
void pki_rotation_forget(struct pki_rotation *rotation);

/* The candidate becomes the next one. One that was next is gone, and so is the time set for it. */
int pki_rotation_stage(struct pki_rotation *rotation, const struct pki_candidate *candidate,
                       struct error *error);
/* The next one, with its key open. EX_DATAERR: none is staged. */
int pki_rotation_next(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                      struct pki_candidate *ret, struct error *error);
/* The candidate becomes the active one, at once, after a self-test; the active one the previous,
 * and there is no next any more. */
int pki_rotation_activate(struct pki_rotation *rotation, const struct pki_candidate *candidate,
                          struct error *error);
/* Remembers when the next one is to be activated, seconds since 1970; 0: takes that back. Whoever
 * calls keeps the time. */
int pki_rotation_schedule(struct pki_rotation *rotation, int64_t at, struct error *error);
/* Active and previous change places, after a self-test. EX_DATAERR: there is no previous one. */
int pki_rotation_rollback(struct pki_rotation *rotation,
                          const struct pki_surroundings *surroundings, struct error *error);

/* --- for show --- */

struct pki_facts {
    unsigned generation; /* 0: it is in the Chain file alone */
    char subject[512], issuer[512], names[1024], serial[64], key_type[32];
    char fingerprint[PKI_FINGERPRINT_SIZE];
    time_t not_before, not_after;
    int64_t came; /* 0: unknown */
    char from[PKI_STORE_FROM_MAXIMUM];
    char *keys; /* lines; "": where postern.xml says. Owned */
};
void pki_facts_clear(struct pki_facts *facts);
void pki_facts_of(X509 *certificate, struct pki_facts *ret);

struct pki_roles pki_rotation_roles(const struct pki_rotation *rotation);
/* 1: there is one; 0: there is none in that role; negative: it cannot be read. */
int pki_rotation_facts(const struct pki_rotation *rotation, enum pki_role role,
                       struct pki_facts *ret, struct error *error);

#endif
