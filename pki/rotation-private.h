/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the rotation's files share. Inside pki/ only. */
#ifndef POSTERN_PKI_ROTATION_PRIVATE_H
#define POSTERN_PKI_ROTATION_PRIVATE_H

#include "pki/rotation.h"

struct pki_rotation {
    unsigned references; /* atomic */
    char *name, *state_directory;
    struct pki_store *store;       /* atomic; NULL: there is none yet. Never changes after that */
    struct pki_identity *identity; /* counted */
};

struct pki_store *rotation_store(const struct pki_rotation *rotation);
/* Makes the store where there is none. */
int rotation_need_store(struct pki_rotation *rotation, struct error *error);

/* SHA-256 over the certificate, as hex. */
void rotation_fingerprint(X509 *certificate, char text[static PKI_FINGERPRINT_SIZE]);

/* One that is in the store, with its key open (or, with `wait_for_token`, waited for). */
int rotation_load_generation(struct pki_store *store, const struct pki_surroundings *surroundings,
                             unsigned number, bool wait_for_token, struct pki_identity *previous,
                             struct pki_identity **ret, struct error *error);

/* The certificate that is presented is written into the store, which does not have it yet. */
int rotation_add_present(struct pki_rotation *rotation, const char *from, unsigned *ret_number,
                         struct error *error);

#endif
