/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * PKCS#11 modules: each loaded once and initialised once, whoever uses it.
 *
 * A list for the whole process; a module, once loaded, stays to the end. Calls into it are made
 * between module_enter() and module_leave(), by any number of threads, and never nested: that is
 * what lets module_restart() finalize it when nobody is inside. Any thread. */
#ifndef POSTERN_PKI_SIGNER_MODULE_H
#define POSTERN_PKI_SIGNER_MODULE_H

#include <p11-kit/p11-kit.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pki/base/error.h"

enum { MODULES_MAXIMUM = 64 };

struct module {
    struct module *next;
    CK_FUNCTION_LIST *functions;
    char *path, *name; /* name: in p11-kit's registry, or NULL */
    bool registered;
    unsigned tokens;       /* atomic: how many tokens were found in it */
    pthread_mutex_t login; /* held around C_Login: the same PIN is never under way twice */
    pthread_rwlock_t inside;
    bool initialized; /* these two change with nobody inside */
    uint32_t starts;  /* how often it was initialised: handles are good for one only */
};

/* The module at a path. -EX_CONFIG when it cannot be loaded. */
int module_for_path(const char *path, struct module **ret, struct error *error);
/* Every module that p11-kit's registry names; the number is returned. */
unsigned modules_registered(struct module *list[MODULES_MAXIMUM]);

int module_enter(struct module *module, struct error *error);
void module_leave(struct module *module);

/* C_Finalize and C_Initialize, unless another thread has done it since `seen` starts. */
int module_restart(struct module *module, uint32_t seen, struct error *error);

/* Finalizes what is initialised; no thread may be inside any more. */
void modules_finalize(void);

#endif
