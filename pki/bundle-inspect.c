/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See bundle.h: what is wrong with a certificate before it is put to use. Each check looks at one
 * thing and adds what it finds; refusals are sorted to the front at the end. Any thread. */
#include "pki/bundle-private.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pki/key.h"
#include "pki/names.h"

enum { NAME_SIZE = 160, RSA_BITS_MINIMUM = 2048 };

DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

struct look {
    const struct pki_bundle *bundle;
    X509 *present;
    X509_STORE *anchors;
    time_t now;
    struct pki_inspection *result;
};

static struct pki_finding *add(struct look *look, bool refusal, const char *word)
{
    static _Thread_local struct pki_finding surplus; /* written, and seen by nobody */
    struct pki_inspection *result = look->result;
    if (result->count == PKI_FINDINGS_MAXIMUM)
        return &surplus;
    struct pki_finding *finding = &result->finding[result->count++];
    *finding = (struct pki_finding){.refusal = refusal, .word = word};
    result->refusals += refusal;
    return finding;
}

#define FIND(look, refusal, word, cure_text, ...)                                                  \
    do {                                                                                           \
        struct pki_finding *finding_ = add(look, refusal, word);                                   \
        snprintf(finding_->what, sizeof finding_->what, __VA_ARGS__);                              \
        snprintf(finding_->cure, sizeof finding_->cure, "%s", cure_text);                          \
    } while (0)

static const char *subject(X509 *certificate, char text[NAME_SIZE])
{
    return pki_name_text(X509_get_subject_name(certificate), text, NAME_SIZE);
}

static X509 *last_of(const struct pki_bundle *bundle)
{
    int count = sk_X509_num(bundle->intermediates);
    return count ? sk_X509_value(bundle->intermediates, count - 1) : bundle->leaf;
}

/* 0 is the leaf. */
static X509 *link_of(const struct pki_bundle *bundle, int index)
{
    return index ? sk_X509_value(bundle->intermediates, index - 1) : bundle->leaf;
}

/* --- completeness ----------------------------------------------------------------------------- */

/* A root among the anchors that issued it. */
static bool is_anchored(X509_STORE *anchors, X509 *certificate)
{
    bool found = false;
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(anchors);
    for (int i = 0; i < sk_X509_num(all) && !found; i++) {
        X509 *anchor = sk_X509_value(all, i);
        found = X509_check_issued(anchor, certificate) == X509_V_OK && pki_bundle_is_root(anchor) &&
                pki_bundle_issued(certificate, anchor);
    }
    sk_X509_pop_free(all, X509_free);
    ERR_clear_error();
    return found;
}

static void check_complete(struct look *look)
{
    const struct pki_bundle *bundle = look->bundle;
    X509 *last = last_of(bundle);
    char name[NAME_SIZE], issuer[NAME_SIZE], cure[384];
    bool rooted = pki_bundle_is_root(last) || bundle->root;
    pki_name_text(X509_get_issuer_name(last), issuer, sizeof issuer);
    if (look->anchors && !is_anchored(look->anchors, bundle->root ? bundle->root : last)) {
        if (rooted) {
            FIND(look, false, "not-trusted",
                 "see that the other side trusts this root; Exchange Online needs a public CA",
                 "The root %s is not among the trust anchors",
                 subject(bundle->root ? bundle->root : last, name));
            return;
        }
    } else if (rooted || look->anchors || sk_X509_num(bundle->intermediates)) {
        return;
    }
    snprintf(cure, sizeof cure,
             "add the certificate of %.140s to the file; the CA offers it for download", issuer);
    FIND(look, true, "incomplete", cure,
         "The chain is incomplete: %s was issued by %s, which is neither in the file nor a root "
         "that "
         "is known, and Exchange Online fetches no intermediates",
         subject(last, name), issuer);
}

static void check_left_out(struct look *look)
{
    char name[NAME_SIZE];
    int count = sk_X509_num(look->bundle->rest);
    if (count)
        FIND(look, false, "left-out", "nothing needs to be done",
             "%d certificate%s in the file %s no part of the chain and left out: %s%s", count,
             count == 1 ? "" : "s", count == 1 ? "is" : "are",
             subject(sk_X509_value(look->bundle->rest, 0), name), count > 1 ? ", …" : "");
}

/* --- dates ------------------------------------------------------------------------------------ */

static void check_dates_of(struct look *look, X509 *certificate)
{
    char name[NAME_SIZE], time[32];
    const ASN1_TIME *from = X509_get0_notBefore(certificate), *to = X509_get0_notAfter(certificate);
    if (X509_cmp_time(from, &look->now) >= 0)
        FIND(look, true, "not-yet-valid",
             "stage it when that time has come, or see that this machine's clock is right",
             "The certificate %s is not valid before %s", subject(certificate, name),
             pki_time_text(from, time, sizeof time));
    if (X509_cmp_time(to, &look->now) <= 0)
        FIND(look, true, "expired", "have a new one issued", "The certificate %s has expired on %s",
             subject(certificate, name), pki_time_text(to, time, sizeof time));
}

static void check_dates(struct look *look)
{
    for (int i = 0; i <= sk_X509_num(look->bundle->intermediates); i++)
        check_dates_of(look, link_of(look->bundle, i));
}

static void check_lifetime(struct look *look)
{
    int days = 0, seconds = 0, gone_days = 0, gone_seconds = 0;
    char time[32];
    const ASN1_TIME *from = X509_get0_notBefore(look->bundle->leaf);
    const ASN1_TIME *to = X509_get0_notAfter(look->bundle->leaf);
    ASN1_TIME *now = ASN1_TIME_set(NULL, look->now);
    bool known = now && ASN1_TIME_diff(&days, &seconds, from, to) == 1 &&
                 ASN1_TIME_diff(&gone_days, &gone_seconds, from, now) == 1;
    ASN1_TIME_free(now);
    int64_t whole = (int64_t)days * 86400 + seconds,
            gone = (int64_t)gone_days * 86400 + gone_seconds;
    if (known && gone < whole && gone * 3 > whole * 2)
        FIND(look, false, "two-thirds-past", "have a fresh one issued instead of this one",
             "More than two thirds of its lifetime are past: it expires on %s",
             pki_time_text(to, time, sizeof time));
}

/* --- strength --------------------------------------------------------------------------------- */

static void check_key(struct look *look)
{
    static const char *const known[] = {"EC P-256", "EC P-384", "EC P-521", "Ed25519"};
    char type[64] = "unknown";
    EVP_PKEY *key = X509_get0_pubkey(look->bundle->leaf);
    bool fits = false;
    if (key)
        pki_key_type_text(key, type, sizeof type);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        fits |= strcmp(type, known[i]) == 0;
    if (key && EVP_PKEY_is_a(key, "RSA"))
        fits = EVP_PKEY_get_bits(key) >= RSA_BITS_MINIMUM;
    if (!fits)
        FIND(look, true, "weak-key",
             "have it issued for an RSA key of at least 2048 bits, or one on P-256, P-384 or P-521 "
             "(posternctl cert request)",
             "Its key is too weak, or of a kind that cannot be used: %s", type);
}

static void check_signatures(struct look *look)
{
    char name[NAME_SIZE];
    for (int i = 0; i <= sk_X509_num(look->bundle->intermediates); i++) {
        X509 *certificate = link_of(look->bundle, i);
        int digest = NID_undef;
        X509_get_signature_info(certificate, &digest, NULL, NULL, NULL);
        if ((digest == NID_sha1 || digest == NID_md5 || digest == NID_md5_sha1) &&
            !pki_bundle_is_root(certificate))
            FIND(look, true, "weak-signature", "have it issued with SHA-256 or better",
                 "The certificate %s is signed with %s", subject(certificate, name),
                 digest == NID_sha1 ? "SHA-1" : "MD5");
    }
}

static void check_usage(struct look *look)
{
    uint32_t usages = X509_get_extension_flags(look->bundle->leaf) & EXFLAG_XKUSAGE
                          ? X509_get_extended_key_usage(look->bundle->leaf)
                          : XKU_SSL_CLIENT | XKU_SSL_SERVER;
    if (!(usages & (XKU_SSL_CLIENT | XKU_SSL_SERVER)))
        FIND(look, true, "not-for-clients",
             "have one issued for TLS, with serverAuth or clientAuth",
             "It is for neither clients nor servers of TLS (extended key usage)");
    else if (!(usages & XKU_SSL_CLIENT))
        FIND(look, false, "no-client-auth",
             "Exchange Online takes it all the same; with a partner that looks at the usage, set "
             "its "
             "rule to take serverAuth, or use a CA that still issues clientAuth",
             "It lacks the usage clientAuth (TLS client authentication), as public CAs issue it "
             "now");
}

/* --- against the present one ------------------------------------------------------------------ */

/* Words of `from` that are not in `in`, with spaces between. */
static void difference(const char *from, const char *in, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    while (*from && used + 4 < size) {
        size_t length = strcspn(from, " ");
        bool found = false;
        for (const char *at = in; *at && !found; at += strspn(at, " ")) {
            size_t other = strcspn(at, " ");
            found = other == length && strncasecmp(at, from, length) == 0;
            at += other;
        }
        if (!found)
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? " " : "",
                                     (int)length, from);
        from += length;
        from += strspn(from, " ");
    }
}

static void check_names(struct look *look)
{
    char old[4096], new[4096], gone[256], added[256], before[NAME_SIZE], after[NAME_SIZE];
    if (!look->present)
        return;
    pki_certificate_names(look->present, old, sizeof old);
    pki_certificate_names(look->bundle->leaf, new, sizeof new);
    difference(old, new, gone, sizeof gone);
    difference(new, old, added, sizeof added);
    if (gone[0] || added[0])
        FIND(
            look, false, "names-changed",
            "see that the names the other side looks for (TlsSenderCertificateName, TlsDomain) are "
            "among the new ones",
            "Its DNS names are others: %s%s%s%s%s", gone[0] ? "gone " : "", gone,
            gone[0] && added[0] ? "; " : "", added[0] ? "added " : "", added);
    if (!pki_name_equal(X509_get_subject_name(look->present),
                        X509_get_subject_name(look->bundle->leaf)))
        FIND(look, false, "names-changed",
             "change what names the old subject on the other side, such as TlsCertificateName",
             "Its subject is another: %s instead of %s", subject(look->bundle->leaf, after),
             subject(look->present, before));
}

static void check_same_key(struct look *look)
{
    EVP_PKEY *key = X509_get0_pubkey(look->bundle->leaf);
    if (look->present && key && EVP_PKEY_eq(X509_get0_pubkey(look->present), key) == 1)
        FIND(look, false, "same-key",
             "nothing needs to be done; a new key is made by posternctl cert request without "
             "--reuse-key",
             "It has the key of the present certificate; TLSA records with 3 1 1 stay as they are");
}

static void sort_findings(struct pki_inspection *result)
{
    struct pki_finding kept;
    for (unsigned i = 1; i < result->count; i++) {
        for (unsigned k = i; k > 0 && result->finding[k].refusal && !result->finding[k - 1].refusal;
             k--) {
            kept = result->finding[k];
            result->finding[k] = result->finding[k - 1];
            result->finding[k - 1] = kept;
        }
    }
}

void pki_bundle_inspect(const struct pki_bundle *bundle, X509 *present, X509_STORE *anchors,
                        time_t now, struct pki_inspection *ret)
{
    static void (*const checks[])(struct look *) = {
        check_complete, check_dates, check_key,      check_signatures, check_usage,
        check_lifetime, check_names, check_same_key, check_left_out};
    struct look look = {bundle, present, anchors, now ? now : time(NULL), ret};
    ret->count = ret->refusals = 0;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        checks[i](&look);
    sort_findings(ret);
    ERR_clear_error();
}
