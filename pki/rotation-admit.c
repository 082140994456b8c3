/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See rotation.h: a chain that came from the CA is judged, and its key found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pki/identity-private.h"
#include "pki/rotation-private.h"

/* --- the chain --- */

static int refuse_repeated(const struct pki_rotation *rotation, X509 *leaf, X509 *present,
                           struct error *error)
{
    if (X509_cmp(leaf, present) != 0)
        return 0;
    error_set(error, EX_DATAERR, "This certificate is the active one of %s already",
              rotation->name);
    return error_cure(error, "nothing is to be done; posternctl cert show %s", rotation->name);
}

/* The first refusal is the error; the inspection has them all. */
static int judge(const struct pki_rotation *rotation, const struct pki_bundle *bundle,
                 struct pki_admission *admission, struct error *error)
{
    struct pki_inspection *found = &admission->found;
    X509 *present = pki_identity_certificate_ref(rotation->identity);
    int result = refuse_repeated(rotation, pki_bundle_leaf(bundle), present, error);
    if (result == 0)
        pki_bundle_inspect(bundle, present, NULL, 0, found);
    if (result == 0 && !found->refusals) {
        pki_bundle_tenant_side(bundle, present, &admission->side);
        admission->has_side = true;
    }
    X509_free(present);
    if (result < 0 || !found->refusals)
        return result;
    error_set(error, EX_DATAERR, "%s", found->finding[0].what);
    return found->finding[0].cure[0] ? error_cure(error, "%s", found->finding[0].cure)
                                     : -error->code;
}

/* --- its key --- */

/* The lines of the key of the certificate in force, when it is the same key. */
static bool has_present_key(const struct pki_rotation *rotation, EVP_PKEY *public_key)
{
    X509 *present = pki_identity_certificate_ref(rotation->identity);
    bool same = EVP_PKEY_eq(X509_get0_pubkey(present), public_key) == 1;
    X509_free(present);
    return same;
}

static int present_keys(const struct pki_rotation *rotation, char **ret, struct error *error)
{
    struct pki_facts facts = {0};
    int result = pki_rotation_facts(rotation, PKI_ROLE_ACTIVE, &facts, error);
    if (result > 0)
        *ret = TAKE_PTR(facts.keys);
    pki_facts_clear(&facts);
    return result < 0 ? result : 0;
}

static int try_configured(const struct pki_surroundings *surroundings, EVP_PKEY *public_key,
                          struct error *error)
{
    const struct pki_identity_source *configured = surroundings->configured;
    struct pki_key_source places[PKI_PLACES_MAXIMUM] = {configured->key};
    struct pki_key *key = NULL;
    size_t count = 1 + configured->other_count;
    if (count > PKI_PLACES_MAXIMUM)
        count = PKI_PLACES_MAXIMUM;
    for (size_t i = 1; i < count; i++)
        places[i] = configured->others[i - 1];
    int result =
        pki_key_open_places(surroundings->signer, places, count, public_key, false, &key, error);
    pki_key_unref(key);
    return result;
}

static int look_on_tokens(const struct pki_surroundings *surroundings, EVP_PKEY *public_key,
                          char **ret, struct error *error)
{
    size_t index = 0;
    _cleanup_free_ char *uri = NULL;
    int result = pki_key_find(surroundings->signer, surroundings->tokens, surroundings->token_count,
                              public_key, &index, &uri, error);
    if (result < 0)
        return result;
    if (asprintf(ret, "%s\n", uri) < 0) {
        *ret = NULL;
        return error_set(error, EX_OSERR, "There is no memory for a key");
    }
    return 0;
}

/* Where the key is, as the store writes it. */
static int find_key(const struct pki_rotation *rotation,
                    const struct pki_surroundings *surroundings, EVP_PKEY *public_key, char **ret,
                    struct error *error)
{
    if (has_present_key(rotation, public_key))
        return present_keys(rotation, ret, error);
    int result = try_configured(surroundings, public_key, error);
    if (result == 0) {
        *ret = strdup("");
        return *ret ? 0 : error_set(error, EX_OSERR, "There is no memory for a key");
    }
    if (!surroundings->token_count)
        return error_cure(error, "say where the key is, with --key; or issue the certificate for "
                                 "the key that is there");
    return look_on_tokens(surroundings, public_key, ret, error);
}

static int given_key(const char *key, char **ret, struct error *error)
{
    if (strchr(key, '\n') ||
        (*key != '/' && strncmp(key, "pkcs11:", 7) != 0 && strncmp(key, "file:/", 6) != 0)) {
        error_set(error, EX_USAGE, "\"%.200s\" says not where a key is", key);
        return error_cure(error, "a PKCS#11 URI (pkcs11:token=…;object=…) or the whole path of a "
                                 "PEM file");
    }
    if (asprintf(ret, "%s\n", key) >= 0)
        return 0;
    *ret = NULL;
    return error_set(error, EX_OSERR, "There is no memory for a key");
}

/* --- both --- */

static int write_down(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                      const struct pki_bundle *bundle, char *keys, const char *from,
                      struct pki_candidate *candidate, struct error *error)
{
    struct pki_generation generation = {.came = time(NULL), .keys = keys};
    _cleanup_free_ char *chain = pki_bundle_pem(bundle);
    if (!chain)
        return error_set(error, EX_OSERR, "There is no memory for the chain");
    rotation_fingerprint(pki_bundle_leaf(bundle), generation.fingerprint);
    memcpy(candidate->fingerprint, generation.fingerprint, sizeof candidate->fingerprint);
    snprintf(generation.from, sizeof generation.from, "%s", from);
    int result = rotation_need_store(rotation, error);
    if (result == 0)
        result = pki_store_add(rotation_store(rotation), &generation, chain, &candidate->generation,
                               error);
    if (result == 0)
        result =
            rotation_load_generation(rotation_store(rotation), surroundings, candidate->generation,
                                     false, rotation->identity, &candidate->identity, error);
    return result < 0 ? result : pki_identity_self_test(candidate->identity, error);
}

int pki_rotation_admit(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                       const void *chain, size_t length, const char *key, const char *from,
                       struct pki_candidate *ret, struct pki_admission *admission,
                       struct error *error)
{
    _cleanup_(pki_bundle_freep) struct pki_bundle *bundle = NULL;
    _cleanup_free_ char *keys = NULL;
    struct pki_candidate candidate = {0};
    memset(admission, 0, sizeof *admission);
    int result =
        pki_bundle_parse(chain, length, pki_library_context(surroundings->library), &bundle, error);
    if (result == 0)
        result = judge(rotation, bundle, admission, error);
    if (result < 0)
        return result;
    if (key)
        result = given_key(key, &keys, error);
    else
        result = find_key(rotation, surroundings, X509_get0_pubkey(pki_bundle_leaf(bundle)), &keys,
                          error);
    if (result == 0)
        result = write_down(rotation, surroundings, bundle, keys, from, &candidate, error);
    if (result < 0) {
        pki_candidate_clear(&candidate);
        pki_rotation_forget(rotation);
        return result;
    }
    *ret = candidate;
    return 0;
}
