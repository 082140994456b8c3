/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ways from a leaf to an anchor, through whatever the other side sent.
 *
 * RFC 5280 leaves to the reader how a path is found (RFC 4158 has advice). OpenSSL goes one way,
 * and keeps to it when that one turns out to be wrong; here every way is tried, within bounds: so
 * many paths, so many signatures looked at on the way, and no CA twice. */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "pki/peer-private.h"

enum { CERTIFICATES_MAXIMUM = 600, SIGNATURES_MAXIMUM = 600, CANDIDATES_MAXIMUM = 128 };

DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

struct search {
    struct pki_judgement *judgement;
    pki_use_path *use;
    X509_STORE_CTX *store; /* only to look anchors up */
    X509 *path[PKI_DEPTH_MAXIMUM + 2];
    int length;
    int certificates;    /* in the paths that were used so far */
    unsigned signatures; /* looked at so far */
    bool done;
};

struct candidate {
    X509 *certificate; /* counted */
    bool anchor;
    int rank; /* the higher the likelier */
};

struct candidates {
    struct candidate items[CANDIDATES_MAXIMUM];
    size_t count;
};

static bool same_key(const X509 *a, const X509 *b)
{
    const ASN1_BIT_STRING *one = X509_get0_pubkey_bitstr(a), *other = X509_get0_pubkey_bitstr(b);
    return one && other && ASN1_STRING_cmp(one, other) == 0;
}

/* The same CA twice can only be a loop. */
static bool is_in_path(const struct search *search, X509 *certificate)
{
    for (int i = 0; i < search->length; i++)
        if (same_key(search->path[i], certificate) &&
            X509_NAME_cmp(X509_get_subject_name(search->path[i]),
                          X509_get_subject_name(certificate)) == 0)
            return true;
    return false;
}

/* By names and key identifiers. That it may not sign, or that one of the two cannot be read in all
 * its parts, is a fault of the path and not of the search. */
static bool may_have_issued(X509 *issuer, X509 *certificate)
{
    int result = X509_check_issued(issuer, certificate);
    ERR_clear_error();
    if (result == X509_V_ERR_UNSPECIFIED)
        return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(certificate)) == 0;
    return result == X509_V_OK || result == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

static void consider(struct search *search, struct candidates *candidates, X509 *issuer,
                     bool anchor)
{
    time_t now = search->judgement->now;
    X509 *certificate = search->path[search->length - 1];
    if (candidates->count == CANDIDATES_MAXIMUM || !may_have_issued(issuer, certificate) ||
        is_in_path(search, issuer) || !X509_up_ref(issuer))
        return;
    bool valid = X509_cmp_time(X509_get0_notBefore(issuer), &now) < 0 &&
                 X509_cmp_time(X509_get0_notAfter(issuer), &now) > 0;
    candidates->items[candidates->count++] =
        (struct candidate){issuer, anchor, (anchor ? 2 : 0) + (valid ? 1 : 0)};
}

static int compare_ranks(const void *a, const void *b)
{
    return ((const struct candidate *)b)->rank - ((const struct candidate *)a)->rank;
}

static void gather(struct search *search, struct candidates *candidates)
{
    const X509_NAME *name = X509_get_issuer_name(search->path[search->length - 1]);
    STACK_OF(X509) *untrusted = search->judgement->evidence->untrusted;
    pki_x509_stack *anchors = X509_STORE_CTX_get1_certs(search->store, name);
    for (int i = 0; i < sk_X509_num(anchors); i++)
        consider(search, candidates, sk_X509_value(anchors, i), true);
    for (int i = 0; i < sk_X509_num(untrusted); i++)
        consider(search, candidates, sk_X509_value(untrusted, i), false);
    pki_certificates_free(anchors);
    qsort(candidates->items, candidates->count, sizeof candidates->items[0], compare_ranks);
}

/* Where there is only one issuer, its signature is looked at when the path is verified. */
static bool has_signed(struct search *search, const struct candidates *candidates, size_t index)
{
    if (candidates->count < 2)
        return true;
    if (++search->signatures > SIGNATURES_MAXIMUM)
        return false;
    EVP_PKEY *key = X509_get0_pubkey(candidates->items[index].certificate);
    bool valid = key && X509_verify(search->path[search->length - 1], key) == 1;
    ERR_clear_error();
    return valid;
}

static void use_path(struct search *search)
{
    search->certificates += search->length;
    search->done = search->use(search->judgement, search->path, search->length) ||
                   search->certificates >= CERTIFICATES_MAXIMUM;
}

static void extend(struct search *search)
{
    struct candidates *candidates = calloc(1, sizeof *candidates);
    if (!candidates)
        return;
    if (search->length < PKI_DEPTH_MAXIMUM + 2)
        gather(search, candidates);
    for (size_t i = 0; i < candidates->count && !search->done; i++) {
        if (!has_signed(search, candidates, i))
            continue;
        search->path[search->length++] = candidates->items[i].certificate;
        if (candidates->items[i].anchor)
            use_path(search);
        else
            extend(search);
        search->length--;
    }
    for (size_t i = 0; i < candidates->count; i++)
        X509_free(candidates->items[i].certificate);
    free(candidates);
}

/* A certificate that has signed itself may be its own anchor. */
static bool is_own_anchor(const struct search *search, X509 *leaf)
{
    pki_x509_stack *anchors =
        X509_self_signed(leaf, 1) == 1
            ? X509_STORE_CTX_get1_certs(search->store, X509_get_subject_name(leaf))
            : NULL;
    bool found = false;
    for (int i = 0; i < sk_X509_num(anchors); i++)
        found |= X509_cmp(sk_X509_value(anchors, i), leaf) == 0;
    pki_certificates_free(anchors);
    return found;
}

void pki_each_path(struct pki_judgement *judgement, pki_use_path *use)
{
    struct search search = {.judgement = judgement, .use = use};
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *store = X509_STORE_CTX_new();
    if (!store || !X509_STORE_CTX_init(store, judgement->policy->anchors, NULL, NULL))
        return;
    search.store = store;
    search.path[search.length++] = judgement->leaf;
    if (is_own_anchor(&search, judgement->leaf))
        use_path(&search);
    if (!search.done)
        extend(&search);
}
