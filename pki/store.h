/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of one Certificate element on disk: which are next, active and previous.
 *
 * STATE/certificates/NAME/ holds a directory for each certificate that has a role,
 *
 *     g-000003/chain.pem    the chain as it is sent, PEM
 *     g-000003/key          where its key is, a URI or path a line; no line but comments: where the
 *                           Key elements of postern.xml say. Never a key itself
 *     g-000003/about        when it came, from where, and the leaf's fingerprint
 *
 * and one file, `roles`, that says which is which. A directory is written under another name,
 * synced and renamed; `roles` is replaced by rename(2) and the directory synced. So all three roles
 * change at one stroke, and whenever a crash or a power cut comes, what is found is wholly the old
 * or wholly the new. What a crash left over is swept when the store is opened; so is whatever has
 * no role any more after a switch: three certificates are the most, besides one that is on its way.
 *
 * Directories are made with mode 0750, files with 0640, and both are refused where they are not a
 * directory or a plain file of our own (or root's) that nobody else can write to: a symbolic link,
 * a FIFO, a second hard link, another owner. One process at a time has a store open.
 *
 * pki_store_roles() may be called on any thread, everything else on one at a time. All of it blocks
 * on the disk. Knows files alone: what is in them is rotation.h's. */
#ifndef POSTERN_PKI_STORE_H
#define POSTERN_PKI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

enum pki_role { PKI_ROLE_NEXT, PKI_ROLE_ACTIVE, PKI_ROLE_PREVIOUS, PKI_ROLE_END };
const char *pki_role_name(enum pki_role role); /* "next", "active", "previous" */

enum {
    PKI_FINGERPRINT_SIZE = 65,            /* hex of SHA-256 over the leaf, and NUL */
    PKI_STORE_CHAIN_MAXIMUM = 256 * 1024, /* bytes */
    PKI_STORE_KEYS_MAXIMUM = 64 * 1024,   /* bytes of all lines */
    PKI_STORE_FROM_MAXIMUM = 256,
};

struct pki_roles {
    unsigned generation[PKI_ROLE_END]; /* the number of a certificate; 0: none has the role */
    /* Of the leaf in the administrator's own Chain file when the store took over; "": it has not.
     */
    char base[PKI_FINGERPRINT_SIZE];
    int64_t activate_at; /* seconds since 1970; 0: nothing was asked for */
};

struct pki_generation {
    unsigned number;
    char fingerprint[PKI_FINGERPRINT_SIZE];
    int64_t came;                      /* seconds since 1970 */
    char from[PKI_STORE_FROM_MAXIMUM]; /* for people: a file, "posternctl cert stage by uid 0" */
    char *keys;                        /* lines; "": where postern.xml says. Owned */
};
void pki_generation_clear(struct pki_generation *generation);

struct pki_store;

/* Opens the store of a Certificate, sweeps it, and locks it. Where there is none yet: with `create`
 * it is made, else *ret is NULL and that is no failure. EX_CONFIG: something is there that is not
 * ours, or cannot be read as what it should be; EX_NOPERM, EX_OSERR, EX_IOERR; EX_TEMPFAIL: another
 * process has it open. */
int pki_store_open(struct pki_store **ret, const char *state_directory, const char *name,
                   bool create, struct error *error);
struct pki_store *pki_store_close(struct pki_store *store);
DEFINE_CLEANUP(struct pki_store *, pki_store_close)

struct pki_roles pki_store_roles(struct pki_store *store); /* a copy */

/* Writes a certificate that has no role yet, and is kept until pki_store_let_go() or a role. One at
 * a time. `number` of what is given does not count. */
int pki_store_add(struct pki_store *store, const struct pki_generation *generation,
                  const char *chain, unsigned *ret_number, struct error *error);
void pki_store_let_go(struct pki_store *store);

/* The whole of the roles at one stroke. A certificate that is named must be there. */
int pki_store_switch(struct pki_store *store, const struct pki_roles *roles, struct error *error);

/* Cleared by the caller. */
int pki_store_read(struct pki_store *store, unsigned number, struct pki_generation *ret,
                   struct error *error);
/* The path of its chain.pem; the caller frees. NULL: no memory. */
char *pki_store_chain_path(const struct pki_store *store, unsigned number);
/* The same without the store, which another process may have open: to be read, and to be gone when
 * it is looked for. */
char *pki_store_chain_file(const char *state_directory, const char *name, unsigned number);

#endif
