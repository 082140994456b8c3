/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A policy as a digest, by which sessions that were made under it are told from others.
 *
 * Each part goes in with its length before it, so that no two policies make one text. Anchors go in
 * sorted: a store keeps them in an order of its own. */
#include <openssl/err.h>
#include <string.h>

#include "pki/peer.h"
#include "pki/pem.h"

enum { SHA256_SIZE = 32 };

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static bool put(EVP_MD_CTX *context, const void *bytes, size_t length)
{
    uint64_t size = length;
    return EVP_DigestUpdate(context, &size, sizeof size) == 1 &&
           EVP_DigestUpdate(context, bytes, length) == 1;
}

static bool put_name(EVP_MD_CTX *context, X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t length = 0;
    if (!name)
        return put(context, "", 0);
    return X509_NAME_get0_der(name, &der, &length) == 1 && put(context, der, length);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_SIZE);
}

static bool put_anchors(EVP_MD_CTX *context, X509_STORE *anchors)
{
    STACK_OF(X509_OBJECT) *objects = anchors ? X509_STORE_get0_objects(anchors) : NULL;
    int count = objects ? sk_X509_OBJECT_num(objects) : 0, used = 0;
    _cleanup_free_ unsigned char *digests = calloc((size_t)count + 1, SHA256_SIZE);
    if (!digests)
        return false;
    for (int i = 0; i < count; i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (!certificate)
            continue; /* a CRL: what it says is judged at each handshake */
        if (X509_digest(certificate, EVP_sha256(), digests + used * SHA256_SIZE, NULL) != 1)
            return false;
        used++;
    }
    qsort(digests, (size_t)used, SHA256_SIZE, compare_digests);
    return put(context, digests, (size_t)used * SHA256_SIZE);
}

static bool put_pairs(EVP_MD_CTX *context, const struct pki_peer_policy *policy)
{
    bool done = put(context, &policy->pair_count, sizeof policy->pair_count);
    for (size_t i = 0; done && i < policy->pair_count; i++)
        done = put_name(context, policy->pairs[i].subject) &&
               put_name(context, policy->pairs[i].issuer);
    return done && put(context, &policy->pairs_report_only, sizeof policy->pairs_report_only);
}

static bool put_policy(EVP_MD_CTX *context, const struct pki_peer_policy *policy)
{
    bool done = put(context, &policy->level, sizeof policy->level) &&
                put(context, &policy->eku, sizeof policy->eku) &&
                put(context, &policy->common_name, sizeof policy->common_name) &&
                put(context, &policy->revocation, sizeof policy->revocation) &&
                put_anchors(context, policy->anchors) &&
                put(context, &policy->name_count, sizeof policy->name_count);
    for (size_t i = 0; done && i < policy->name_count; i++)
        done = put(context, policy->names[i], strlen(policy->names[i]));
    return done && put_pairs(context, policy);
}

int pki_peer_policy_digest(const struct pki_peer_policy *policy, unsigned char *ret_digest,
                           struct error *error)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        !put_policy(context, policy) || EVP_DigestFinal_ex(context, digest, NULL) != 1) {
        ERR_clear_error();
        return error_set(error, EX_OSERR, "There is no memory to make a digest of a policy");
    }
    memcpy(ret_digest, digest, SHA256_SIZE);
    return 0;
}
