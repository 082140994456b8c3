/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See rotation.h: the steps, and what there is to see; rotation-load.c is the beginning. */
#include "pki/rotation.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pki/identity-private.h"
#include "pki/names.h"
#include "pki/rotation-private.h"

struct pki_rotation *pki_rotation_ref(struct pki_rotation *rotation)
{
    __atomic_add_fetch(&rotation->references, 1, __ATOMIC_RELAXED);
    return rotation;
}

struct pki_rotation *pki_rotation_unref(struct pki_rotation *rotation)
{
    if (!rotation || __atomic_sub_fetch(&rotation->references, 1, __ATOMIC_ACQ_REL))
        return NULL;
    pki_store_close(rotation->store);
    pki_identity_unref(rotation->identity);
    free(rotation->state_directory);
    free(rotation->name);
    free(rotation);
    return NULL;
}

const char *pki_rotation_name(const struct pki_rotation *rotation)
{
    return rotation->name;
}

struct pki_identity *pki_rotation_identity(const struct pki_rotation *rotation)
{
    return rotation->identity;
}

struct pki_store *rotation_store(const struct pki_rotation *rotation)
{
    return __atomic_load_n(&rotation->store, __ATOMIC_ACQUIRE);
}

int rotation_need_store(struct pki_rotation *rotation, struct error *error)
{
    struct pki_store *store = NULL;
    if (rotation_store(rotation))
        return 0;
    int result = pki_store_open(&store, rotation->state_directory, rotation->name, true, error);
    if (result == 0)
        __atomic_store_n(&rotation->store, store, __ATOMIC_RELEASE);
    return result;
}

void rotation_fingerprint(X509 *certificate, char text[static PKI_FINGERPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    text[0] = '\0';
    if (X509_digest(certificate, EVP_sha256(), digest, &length) == 1)
        for (unsigned i = 0; i < length && 2 * i + 2 < PKI_FINGERPRINT_SIZE; i++)
            snprintf(text + (size_t)2 * i, 3, "%02X", digest[i]);
}

void pki_candidate_clear(struct pki_candidate *candidate)
{
    pki_identity_unref(candidate->identity);
    *candidate = (struct pki_candidate){0};
}

void pki_rotation_forget(struct pki_rotation *rotation)
{
    struct pki_store *store = rotation_store(rotation);
    if (store)
        pki_store_let_go(store);
}

struct pki_roles pki_rotation_roles(const struct pki_rotation *rotation)
{
    struct pki_store *store = rotation_store(rotation);
    return store ? pki_store_roles(store) : (struct pki_roles){0};
}

/* --- steps --- */

int pki_rotation_stage(struct pki_rotation *rotation, const struct pki_candidate *candidate,
                       struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    roles.generation[PKI_ROLE_NEXT] = candidate->generation;
    roles.activate_at = 0;
    return pki_store_switch(rotation_store(rotation), &roles, error);
}

static int none_is_staged(const struct pki_rotation *rotation, struct error *error)
{
    error_set(error, EX_DATAERR, "There is no next certificate of %s", rotation->name);
    return error_cure(error, "posternctl cert stage %s CHAIN", rotation->name);
}

static int load_role(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                     enum pki_role role, struct pki_candidate *ret, struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    struct pki_candidate found = {.generation = roles.generation[role]};
    int result = rotation_load_generation(rotation_store(rotation), surroundings, found.generation,
                                          false, rotation->identity, &found.identity, error);
    if (result < 0)
        return result;
    X509 *leaf = pki_identity_certificate_ref(found.identity);
    rotation_fingerprint(leaf, found.fingerprint);
    X509_free(leaf);
    *ret = found;
    return 0;
}

int pki_rotation_next(struct pki_rotation *rotation, const struct pki_surroundings *surroundings,
                      struct pki_candidate *ret, struct error *error)
{
    if (!pki_rotation_roles(rotation).generation[PKI_ROLE_NEXT])
        return none_is_staged(rotation, error);
    return load_role(rotation, surroundings, PKI_ROLE_NEXT, ret, error);
}

int rotation_add_present(struct pki_rotation *rotation, const char *from, unsigned *ret_number,
                         struct error *error)
{
    struct pki_generation generation = {.came = time(NULL)};
    _cleanup_free_ char *chain = pki_identity_pem(rotation->identity);
    X509 *leaf = pki_identity_certificate_ref(rotation->identity);
    rotation_fingerprint(leaf, generation.fingerprint);
    X509_free(leaf);
    snprintf(generation.from, sizeof generation.from, "%s", from);
    if (!chain)
        return error_set(error, EX_OSERR, "There is no memory for the certificate");
    return pki_store_add(rotation_store(rotation), &generation, chain, ret_number, error);
}

/* The first time: what is presented by now is in the Chain file alone, and could not come back. */
static int take_over(struct pki_rotation *rotation, struct pki_roles *roles, struct error *error)
{
    X509 *leaf = pki_identity_certificate_ref(rotation->identity);
    rotation_fingerprint(leaf, roles->base);
    X509_free(leaf);
    return rotation_add_present(rotation, "the Chain file of postern.xml",
                                &roles->generation[PKI_ROLE_ACTIVE], error);
}

int pki_rotation_activate(struct pki_rotation *rotation, const struct pki_candidate *candidate,
                          struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    int result = pki_identity_self_test(candidate->identity, error);
    if (result == 0 && !roles.generation[PKI_ROLE_ACTIVE])
        result = take_over(rotation, &roles, error);
    if (result < 0)
        return result;
    roles.generation[PKI_ROLE_PREVIOUS] = roles.generation[PKI_ROLE_ACTIVE];
    roles.generation[PKI_ROLE_ACTIVE] = candidate->generation;
    roles.generation[PKI_ROLE_NEXT] = 0;
    roles.activate_at = 0;
    result = pki_store_switch(rotation_store(rotation), &roles, error);
    if (result == 0)
        pki_identity_switch(rotation->identity, candidate->identity);
    return result;
}

int pki_rotation_schedule(struct pki_rotation *rotation, int64_t at, struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    if (!roles.generation[PKI_ROLE_NEXT])
        return none_is_staged(rotation, error);
    roles.activate_at = at;
    return pki_store_switch(rotation_store(rotation), &roles, error);
}

int pki_rotation_rollback(struct pki_rotation *rotation,
                          const struct pki_surroundings *surroundings, struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    struct pki_candidate previous = {0};
    unsigned active = roles.generation[PKI_ROLE_ACTIVE];
    if (!roles.generation[PKI_ROLE_PREVIOUS]) {
        error_set(error, EX_DATAERR, "There is no previous certificate of %s", rotation->name);
        return error_cure(error,
                          "posternctl cert show %s; to another certificate the way is "
                          "posternctl cert rotate %s CHAIN",
                          rotation->name, rotation->name);
    }
    int result = load_role(rotation, surroundings, PKI_ROLE_PREVIOUS, &previous, error);
    if (result == 0)
        result = pki_identity_self_test(previous.identity, error);
    roles.generation[PKI_ROLE_ACTIVE] = roles.generation[PKI_ROLE_PREVIOUS];
    roles.generation[PKI_ROLE_PREVIOUS] = active;
    if (result == 0)
        result = pki_store_switch(rotation_store(rotation), &roles, error);
    if (result == 0)
        pki_identity_switch(rotation->identity, previous.identity);
    pki_candidate_clear(&previous);
    return result;
}

/* --- for show --- */

void pki_facts_clear(struct pki_facts *facts)
{
    free(facts->keys);
    *facts = (struct pki_facts){0};
}

static time_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

void pki_facts_of(X509 *certificate, struct pki_facts *ret)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *serial = number ? BN_bn2hex(number) : NULL;
    snprintf(ret->serial, sizeof ret->serial, "%s", serial ? serial : "");
    OPENSSL_free(serial);
    BN_free(number);
    pki_name_text(X509_get_subject_name(certificate), ret->subject, sizeof ret->subject);
    pki_name_text(X509_get_issuer_name(certificate), ret->issuer, sizeof ret->issuer);
    pki_certificate_names(certificate, ret->names, sizeof ret->names);
    pki_key_type_text(X509_get0_pubkey(certificate), ret->key_type, sizeof ret->key_type);
    rotation_fingerprint(certificate, ret->fingerprint);
    ret->not_before = seconds_of(X509_get0_notBefore(certificate));
    ret->not_after = seconds_of(X509_get0_notAfter(certificate));
    ERR_clear_error();
}

static int facts_of_store(struct pki_store *store, unsigned number, struct pki_facts *ret,
                          struct error *error)
{
    struct pki_generation generation = {0};
    struct pki_chain chain = {0};
    _cleanup_free_ char *path = pki_store_chain_path(store, number);
    if (!path)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    int result = pki_store_read(store, number, &generation, error);
    if (result == 0)
        result = pki_chain_read(path, NULL, &chain, NULL, 0, error);
    if (result == 0) {
        *ret = (struct pki_facts){.generation = number, .came = generation.came};
        memcpy(ret->from, generation.from, sizeof ret->from);
        ret->keys = TAKE_PTR(generation.keys);
        pki_facts_of(chain.leaf, ret);
    }
    pki_chain_clear(&chain);
    pki_generation_clear(&generation);
    return result < 0 ? result : 1;
}

int pki_rotation_facts(const struct pki_rotation *rotation, enum pki_role role,
                       struct pki_facts *ret, struct error *error)
{
    struct pki_roles roles = pki_rotation_roles(rotation);
    if (roles.generation[role])
        return facts_of_store(rotation_store(rotation), roles.generation[role], ret, error);
    if (role != PKI_ROLE_ACTIVE)
        return 0;
    *ret = (struct pki_facts){.keys = calloc(1, 1)};
    if (!ret->keys)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    X509 *leaf = pki_identity_certificate_ref(rotation->identity);
    pki_facts_of(leaf, ret);
    X509_free(leaf);
    snprintf(ret->from, sizeof ret->from, "the Chain file of postern.xml");
    return 1;
}
