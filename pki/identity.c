/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See identity.h. Loading, sharing and counting; identity-chain.c reads the chain, identity-tls.c
 * puts an identity to use. An identity is filled by one thread and then only read. */
#include "pki/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pki/identity-private.h"

static struct pki_identity *identity_free(struct pki_identity *identity)
{
    free(identity->source);
    EVP_PKEY_free(identity->pair);
    pki_key_unref(identity->key);
    pki_chain_clear(&identity->chain);
    free(identity->name);
    free(identity);
    return NULL;
}

struct pki_identity *pki_identity_ref(struct pki_identity *identity)
{
    __atomic_add_fetch(&identity->references, 1, __ATOMIC_RELAXED);
    return identity;
}

struct pki_identity *pki_identity_unref(struct pki_identity *identity)
{
    if (identity && __atomic_sub_fetch(&identity->references, 1, __ATOMIC_ACQ_REL) == 0)
        identity_free(identity);
    return NULL;
}

/* One field behind the other, each with its length, so that no two lists look alike. */
static void print_source(FILE *stream, const struct pki_key_source *source)
{
    const char *texts[] = {source->key, source->token, source->module, source->pin_source};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        fprintf(stream, "%zd:%s ", texts[i] ? (ssize_t)strlen(texts[i]) : -1,
                texts[i] ? texts[i] : "");
    fprintf(stream, "%u %u\n", source->sessions, source->timeout);
}

/* NULL: no memory. */
static char *source_text(const struct pki_identity_source *source)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    print_source(stream, &source->key);
    for (size_t i = 0; i < source->other_count; i++)
        print_source(stream, &source->others[i]);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

static int copy_source(struct pki_identity *identity, const struct pki_identity_source *source)
{
    identity->source = source_text(source);
    identity->name = strdup(source->name);
    return identity->source && identity->name ? 0 : -ENOMEM;
}

/* An identity that lacks nothing but its key. */
static int load_chain(struct pki_library *library, const struct pki_identity_source *source,
                      struct pki_identity **ret, struct error *error)
{
    _cleanup_(pki_identity_unrefp) struct pki_identity *identity = calloc(1, sizeof *identity);
    if (!identity)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    identity->references = 1;
    if (copy_source(identity, source) < 0)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    int result = pki_chain_read(source->chain, pki_library_context(library), &identity->chain, NULL,
                                0, error);
    if (result < 0)
        return result;
    *ret = TAKE_PTR(identity);
    return 0;
}

static int take_key(struct pki_library *library, struct pki_identity *identity, struct pki_key *key,
                    struct error *error)
{
    identity->key = key;
    int result = pki_library_private_key(library, X509_get0_pubkey(identity->chain.leaf), key,
                                         &identity->pair, error);
    return result < 0 ? error_where(error, "%s", identity->name) : 0;
}

int pki_identity_from_key(struct pki_library *library, const struct pki_identity_source *source,
                          struct pki_key *key, struct pki_identity **ret, struct error *error)
{
    _cleanup_(pki_identity_unrefp) struct pki_identity *identity = NULL;
    int result = load_chain(library, source, &identity, error);
    if (!result)
        result = take_key(library, identity, pki_key_ref(key), error);
    if (!result)
        *ret = TAKE_PTR(identity);
    return result;
}

static bool may_share(const struct pki_identity *previous, const struct pki_identity *identity)
{
    return previous && strcmp(previous->source, identity->source) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(previous->chain.leaf),
                       X509_get0_pubkey(identity->chain.leaf)) == 1;
}

static int open_key(struct pki_signer *signer, const struct pki_identity_source *source,
                    EVP_PKEY *public_key, bool wait_for_token, struct pki_key **ret,
                    struct error *error)
{
    struct pki_key_source sources[PKI_PLACES_MAXIMUM];
    if (source->other_count >= PKI_PLACES_MAXIMUM)
        return error_set(error, EX_CONFIG, "A key has at most %d places", PKI_PLACES_MAXIMUM);
    sources[0] = source->key;
    for (size_t i = 0; i < source->other_count; i++)
        sources[1 + i] = source->others[i];
    return pki_key_open_places(signer, sources, 1 + source->other_count, public_key, wait_for_token,
                               ret, error);
}

/* The open key of an identity that differs in its chain at most. */
static struct pki_key *share_key(const struct pki_identity *previous)
{
    pki_key_retry(previous->key);
    return pki_key_ref(previous->key);
}

int pki_identity_load(struct pki_library *library, struct pki_signer *signer,
                      const struct pki_identity_source *source, bool wait_for_token,
                      struct pki_identity *previous, struct pki_identity **ret, struct error *error)
{
    struct pki_key *key = NULL;
    _cleanup_(pki_identity_unrefp) struct pki_identity *identity = NULL;
    int result = load_chain(library, source, &identity, error);
    if (result < 0)
        return result;
    if (may_share(previous, identity))
        key = share_key(previous);
    else
        result = open_key(signer, source, X509_get0_pubkey(identity->chain.leaf), wait_for_token,
                          &key, error);
    if (result < 0)
        return error_where(error, "%s", source->name);
    result = take_key(library, identity, key, error);
    if (!result)
        *ret = TAKE_PTR(identity);
    return result;
}

const char *pki_identity_name(const struct pki_identity *identity)
{
    return identity->name;
}

X509 *pki_identity_certificate(const struct pki_identity *identity)
{
    return identity->chain.leaf;
}

struct pki_key *pki_identity_key(const struct pki_identity *identity)
{
    return identity->key;
}

bool pki_identity_has_name(const struct pki_identity *identity, const char *host)
{
    return pki_certificate_has_name(identity->chain.leaf, host);
}
