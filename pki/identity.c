/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See identity.h. Loading, sharing and counting; identity-chain.c reads the chain, identity-tls.c
 * puts an identity to use. A version is filled by one thread and then only read; which version an
 * identity presents is in its slot, behind a lock. */
#include "pki/identity.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pki/identity-private.h"

static uint64_t serials; /* atomic: the last one given out */

struct pki_version *pki_version_unref(struct pki_version *version)
{
    if (!version || __atomic_sub_fetch(&version->references, 1, __ATOMIC_ACQ_REL))
        return NULL;
    free(version->source);
    EVP_PKEY_free(version->pair);
    pki_key_unref(version->key);
    pki_chain_clear(&version->chain);
    free(version);
    return NULL;
}

static struct pki_version *version_ref(struct pki_version *version)
{
    __atomic_add_fetch(&version->references, 1, __ATOMIC_RELAXED);
    return version;
}

struct pki_slot *pki_slot_unref(struct pki_slot *slot)
{
    if (!slot || __atomic_sub_fetch(&slot->references, 1, __ATOMIC_ACQ_REL))
        return NULL;
    pki_version_unref(slot->version);
    pthread_mutex_destroy(&slot->lock);
    free(slot);
    return NULL;
}

struct pki_version *pki_slot_version(struct pki_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    struct pki_version *version = version_ref(slot->version);
    pthread_mutex_unlock(&slot->lock);
    return version;
}

static struct pki_identity *identity_free(struct pki_identity *identity)
{
    pki_slot_unref(identity->slot);
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

/* With no version yet. */
static struct pki_identity *identity_new(const char *name)
{
    _cleanup_(pki_identity_unrefp) struct pki_identity *identity = calloc(1, sizeof *identity);
    if (!identity)
        return NULL;
    identity->references = 1;
    identity->name = strdup(name);
    identity->slot = calloc(1, sizeof *identity->slot);
    if (!identity->name || !identity->slot)
        return NULL;
    identity->slot->references = 1;
    pthread_mutex_init(&identity->slot->lock, NULL);
    return TAKE_PTR(identity);
}

/* An identity that lacks nothing but its key. */
static int load_chain(struct pki_library *library, const struct pki_identity_source *source,
                      struct pki_identity **ret, struct error *error)
{
    _cleanup_(pki_identity_unrefp) struct pki_identity *identity = identity_new(source->name);
    _cleanup_(pki_version_unrefp) struct pki_version *version = calloc(1, sizeof *version);
    if (!identity || !version)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    version->references = 1;
    version->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    version->source = source_text(source);
    if (!version->source)
        return error_set(error, EX_OSERR, "There is no memory for a certificate");
    int result = pki_chain_read(source->chain, pki_library_context(library), &version->chain, NULL,
                                0, error);
    if (result < 0)
        return result;
    identity->slot->version = TAKE_PTR(version);
    *ret = TAKE_PTR(identity);
    return 0;
}

static X509 *leaf_of(const struct pki_identity *identity)
{
    return identity->slot->version->chain.leaf;
}

static int take_key(struct pki_library *library, struct pki_identity *identity, struct pki_key *key,
                    struct error *error)
{
    struct pki_version *version = identity->slot->version; /* nobody else knows it yet */
    version->key = key;
    int result = pki_library_private_key(library, X509_get0_pubkey(version->chain.leaf), key,
                                         &version->pair, error);
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

static bool may_share(const struct pki_version *previous, const struct pki_version *version)
{
    return previous && strcmp(previous->source, version->source) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(previous->chain.leaf),
                       X509_get0_pubkey(version->chain.leaf)) == 1;
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

/* The open key of a version that differs in its chain at most. */
static struct pki_key *share_key(const struct pki_version *previous)
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
    _cleanup_(pki_version_unrefp) struct pki_version *before =
        previous ? pki_slot_version(previous->slot) : NULL;
    int result = load_chain(library, source, &identity, error);
    if (result < 0)
        return result;
    if (may_share(before, identity->slot->version))
        key = share_key(before);
    else
        result = open_key(signer, source, X509_get0_pubkey(leaf_of(identity)), wait_for_token, &key,
                          error);
    if (result < 0)
        return error_where(error, "%s", source->name);
    result = take_key(library, identity, key, error);
    if (!result)
        *ret = TAKE_PTR(identity);
    return result;
}

/* --- the version in force --- */

void pki_identity_switch(struct pki_identity *identity, const struct pki_identity *other)
{
    struct pki_version *fresh = pki_slot_version(other->slot), *old;
    pthread_mutex_lock(&identity->slot->lock);
    old = identity->slot->version;
    identity->slot->version = fresh;
    pthread_mutex_unlock(&identity->slot->lock);
    pki_version_unref(old);
}

uint64_t pki_identity_serial(const struct pki_identity *identity)
{
    pthread_mutex_lock(&identity->slot->lock);
    uint64_t serial = identity->slot->version->serial;
    pthread_mutex_unlock(&identity->slot->lock);
    return serial;
}

static bool same_chain(const struct pki_chain *a, const struct pki_chain *b)
{
    int count = sk_X509_num(a->intermediates);
    bool same = X509_cmp(a->leaf, b->leaf) == 0 && count == sk_X509_num(b->intermediates);
    for (int i = 0; same && i < count; i++)
        same =
            X509_cmp(sk_X509_value(a->intermediates, i), sk_X509_value(b->intermediates, i)) == 0;
    return same;
}

bool pki_identity_same(const struct pki_identity *one, const struct pki_identity *other)
{
    _cleanup_(pki_version_unrefp) struct pki_version *a = pki_slot_version(one->slot);
    _cleanup_(pki_version_unrefp) struct pki_version *b = pki_slot_version(other->slot);
    return strcmp(a->source, b->source) == 0 && same_chain(&a->chain, &b->chain);
}

bool pki_identity_has_key(const struct pki_identity *identity, const char *key)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    size_t length = strlen(key);
    for (const char *line = version->source; *line;) {
        /* as print_source() wrote it */
        const char *text = strchr(line, ':'), *end = strchr(line, '\n');
        if (text && (size_t)atol(line) == length && strncmp(text + 1, key, length) == 0)
            return true;
        line = end ? end + 1 : line + strlen(line);
    }
    return false;
}

const char *pki_identity_name(const struct pki_identity *identity)
{
    return identity->name;
}

X509 *pki_identity_certificate_ref(const struct pki_identity *identity)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    X509_up_ref(version->chain.leaf);
    return version->chain.leaf;
}

struct pki_key *pki_identity_key_ref(const struct pki_identity *identity)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    return pki_key_ref(version->key);
}

bool pki_identity_has_name(const struct pki_identity *identity, const char *host)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    return pki_certificate_has_name(version->chain.leaf, host);
}

static bool write_pem(BIO *bio, const struct pki_chain *chain)
{
    bool written = PEM_write_bio_X509(bio, chain->leaf) == 1;
    for (int i = 0; i < sk_X509_num(chain->intermediates); i++)
        written &= PEM_write_bio_X509(bio, sk_X509_value(chain->intermediates, i)) == 1;
    return written;
}

char *pki_identity_pem(const struct pki_identity *identity)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = bio && write_pem(bio, &version->chain) ? pki_pem_text(bio) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return text;
}
