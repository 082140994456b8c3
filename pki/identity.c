/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See identity.h. Loading, sharing and counting; identity-chain.c reads the chain, identity-tls.c
 * puts an identity to use. An identity is filled by one thread and then only read. */
#include "pki/identity.h"

#include <errno.h>
#include <string.h>

#include "pki/identity-private.h"

static struct pki_identity *identity_free(struct pki_identity *identity)
{
    for (size_t i = 0; i < ARRAY_SIZE(identity->source); i++)
        free(identity->source[i]);
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

static void key_source_texts(const struct pki_key_source *source, const char *texts[4])
{
    texts[0] = source->key;
    texts[1] = source->token;
    texts[2] = source->module;
    texts[3] = source->pin_source;
}

static int copy_source(struct pki_identity *identity, const struct pki_identity_source *source)
{
    const char *texts[4];
    key_source_texts(&source->key, texts);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i] && !(identity->source[i] = strdup(texts[i])))
            return -ENOMEM;
    identity->sessions = source->key.sessions;
    identity->timeout = source->key.timeout;
    identity->name = strdup(source->name);
    return identity->name ? 0 : -ENOMEM;
}

static bool same_source(const struct pki_identity *identity, const struct pki_key_source *source)
{
    const char *texts[4];
    key_source_texts(source, texts);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *own = identity->source[i];
        if (own != texts[i] && (!own || !texts[i] || strcmp(own, texts[i]) != 0))
            return false;
    }
    return identity->sessions == source->sessions && identity->timeout == source->timeout;
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

static bool may_share(const struct pki_identity *previous, const struct pki_identity *identity,
                      const struct pki_key_source *source)
{
    return previous && same_source(previous, source) &&
           EVP_PKEY_eq(X509_get0_pubkey(previous->chain.leaf),
                       X509_get0_pubkey(identity->chain.leaf)) == 1;
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
    if (may_share(previous, identity, &source->key))
        key = pki_key_ref(previous->key);
    else
        result = pki_key_open(signer, &source->key, X509_get0_pubkey(identity->chain.leaf),
                              wait_for_token, &key, error);
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
