/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See rotation.h: what is presented after a start or a reload, the Chain file or the store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/identity-private.h"
#include "pki/rotation-private.h"

void pki_loaded_clear(struct pki_loaded *loaded)
{
    pki_rotation_unref(loaded->rotation);
    pki_identity_unref(loaded->fresh);
    *loaded = (struct pki_loaded){0};
}

struct pki_identity *pki_loaded_identity(const struct pki_loaded *loaded)
{
    return loaded->fresh ? loaded->fresh : loaded->rotation->identity;
}

/* --- a certificate of the store --- */

static int count_lines(const char *lines)
{
    int count = 0;
    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

/* Its own places for the key, one a line; the text is cut up. */
static int own_places(char *lines, const struct pki_surroundings *surroundings,
                      struct pki_key_source *places, struct pki_identity_source *source,
                      struct error *error)
{
    size_t count = 0;
    if (count_lines(lines) > PKI_PLACES_MAXIMUM)
        return error_set(error, EX_CONFIG, "A key has at most %d places", PKI_PLACES_MAXIMUM);
    for (char *line; (line = strsep(&lines, "\n"));)
        if (*line)
            surroundings->place(surroundings->context, line, &places[count++]);
    source->key = places[0];
    source->others = places + 1;
    source->other_count = count - 1;
    return 0;
}

int rotation_load_generation(struct pki_store *store, const struct pki_surroundings *surroundings,
                             unsigned number, bool wait_for_token, struct pki_identity *previous,
                             struct pki_identity **ret, struct error *error)
{
    struct pki_generation generation = {0};
    struct pki_key_source places[PKI_PLACES_MAXIMUM];
    struct pki_identity_source source = *surroundings->configured;
    _cleanup_free_ char *path = pki_store_chain_path(store, number);
    source.chain = path;
    if (!path)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    int result = pki_store_read(store, number, &generation, error);
    if (result == 0 && generation.keys[0])
        result = own_places(generation.keys, surroundings, places, &source, error);
    if (result == 0)
        result = pki_identity_load(surroundings->library, surroundings->signer, &source,
                                   wait_for_token, previous, ret, error);
    pki_generation_clear(&generation);
    return result;
}

/* --- which of the two --- */

static int chain_fingerprint(const struct pki_surroundings *surroundings,
                             char text[static PKI_FINGERPRINT_SIZE], struct error *error)
{
    struct pki_chain chain = {0};
    int result = pki_chain_read(surroundings->configured->chain,
                                pki_library_context(surroundings->library), &chain, NULL, 0, error);
    if (result < 0)
        return result;
    rotation_fingerprint(chain.leaf, text);
    pki_chain_clear(&chain);
    return 0;
}

static int choose(struct pki_store *store, struct pki_loaded *loaded, struct error *error)
{
    struct pki_roles roles = pki_store_roles(store);
    struct pki_generation active = {0};
    loaded->taken = PKI_TAKEN_CHAIN;
    if (!roles.generation[PKI_ROLE_ACTIVE])
        return 0;
    loaded->taken = PKI_TAKEN_STORE;
    if (strcmp(roles.base, loaded->base) == 0)
        return 0;
    int result = pki_store_read(store, roles.generation[PKI_ROLE_ACTIVE], &active, error);
    if (result < 0)
        return result;
    loaded->rebase = strcmp(active.fingerprint, loaded->base) == 0;
    if (!loaded->rebase)
        loaded->taken = PKI_TAKEN_NEW_CHAIN;
    pki_generation_clear(&active);
    return 0;
}

static int load_identity(const struct pki_surroundings *surroundings, bool wait_for_token,
                         struct pki_loaded *loaded, struct error *error)
{
    struct pki_rotation *rotation = loaded->rotation;
    struct pki_store *store = rotation_store(rotation);
    if (loaded->taken != PKI_TAKEN_STORE)
        return pki_identity_load(surroundings->library, surroundings->signer,
                                 surroundings->configured, wait_for_token, rotation->identity,
                                 &loaded->fresh, error);
    struct pki_roles roles = pki_store_roles(store);
    return rotation_load_generation(store, surroundings, roles.generation[PKI_ROLE_ACTIVE],
                                    wait_for_token, rotation->identity, &loaded->fresh, error);
}

/* The first one is the identity from now on; a later one replaces it where it differs. */
static void keep_identity(struct pki_loaded *loaded)
{
    struct pki_rotation *rotation = loaded->rotation;
    if (!rotation->identity)
        rotation->identity = TAKE_PTR(loaded->fresh);
    else if (pki_identity_same(rotation->identity, loaded->fresh))
        loaded->fresh = pki_identity_unref(loaded->fresh);
}

static int rotation_new(const struct pki_surroundings *surroundings,
                        const struct pki_rotation *previous, struct pki_rotation **ret,
                        struct error *error)
{
    _cleanup_(pki_rotation_unrefp) struct pki_rotation *rotation = calloc(1, sizeof *rotation);
    if (!rotation)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    rotation->references = 1;
    rotation->name = strdup(surroundings->configured->name);
    rotation->state_directory = strdup(surroundings->state_directory);
    if (!rotation->name || !rotation->state_directory)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    int result =
        pki_store_open(&rotation->store, rotation->state_directory, rotation->name, false, error);
    if (result < 0)
        return result;
    if (previous)
        rotation->identity = pki_identity_ref(previous->identity);
    *ret = TAKE_PTR(rotation);
    return 0;
}

int pki_rotation_load(const struct pki_surroundings *surroundings, bool wait_for_token,
                      struct pki_rotation *previous, struct pki_loaded *ret, struct error *error)
{
    struct pki_loaded loaded = {.taken = PKI_TAKEN_CHAIN};
    int result = 0;
    if (previous && strcmp(previous->state_directory, surroundings->state_directory) == 0)
        loaded.rotation = pki_rotation_ref(previous);
    else
        result = rotation_new(surroundings, previous, &loaded.rotation, error);
    if (result == 0)
        result = chain_fingerprint(surroundings, loaded.base, error);
    if (result == 0 && rotation_store(loaded.rotation))
        result = choose(rotation_store(loaded.rotation), &loaded, error);
    if (result == 0)
        result = load_identity(surroundings, wait_for_token, &loaded, error);
    if (result < 0) {
        pki_loaded_clear(&loaded);
        return result;
    }
    keep_identity(&loaded);
    *ret = loaded;
    return 0;
}

/* --- taking it up --- */

bool pki_loaded_take_up(struct pki_loaded *loaded)
{
    if (!loaded->fresh)
        return false;
    pki_identity_switch(loaded->rotation->identity, loaded->fresh);
    loaded->fresh = pki_identity_unref(loaded->fresh);
    return true;
}

int pki_loaded_settle(struct pki_loaded *loaded, struct error *error)
{
    struct pki_rotation *rotation = loaded->rotation;
    struct pki_store *store = rotation_store(rotation);
    if (!store || (loaded->taken != PKI_TAKEN_NEW_CHAIN && !loaded->rebase))
        return 0;
    struct pki_roles roles = pki_store_roles(store);
    memcpy(roles.base, loaded->base, sizeof roles.base);
    int result = 0;
    if (loaded->taken == PKI_TAKEN_NEW_CHAIN) {
        roles.generation[PKI_ROLE_PREVIOUS] = roles.generation[PKI_ROLE_ACTIVE];
        roles.activate_at = 0;
        result = rotation_add_present(rotation, "the Chain file of postern.xml",
                                      &roles.generation[PKI_ROLE_ACTIVE], error);
    }
    if (result == 0)
        result = pki_store_switch(store, &roles, error);
    if (result < 0)
        pki_store_let_go(store);
    return result;
}
