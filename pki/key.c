/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See key.h: counting the handles, whoever implements them. */
#include "pki/key.h"

struct pki_key *pki_key_ref(struct pki_key *key)
{
    __atomic_add_fetch(&key->references, 1, __ATOMIC_RELAXED);
    return key;
}

struct pki_key *pki_key_unref(struct pki_key *key)
{
    if (key && __atomic_sub_fetch(&key->references, 1, __ATOMIC_ACQ_REL) == 0)
        key->operations->free(key);
    return NULL;
}
