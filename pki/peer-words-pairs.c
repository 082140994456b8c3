/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an administrator reads when a name, or subject and issuer, are not the expected ones: with
 * the XML that would accept them, whole or not at all. */
#include <stdio.h>
#include <string.h>

#include "pki/names-private.h"
#include "pki/names.h"
#include "pki/peer-private.h"

enum { NAME_SIZE = 224, PAIRS_SHOWN = 2 };

struct xml {
    char text[1200];
    size_t used;
    bool full;
};

static void put(struct xml *xml, const char *text)
{
    size_t length = strlen(text);
    if (xml->full || xml->used + length >= sizeof xml->text) {
        xml->full = true;
        return;
    }
    memcpy(xml->text + xml->used, text, length + 1);
    xml->used += length;
}

static void put_escaped(struct xml *xml, const char *text)
{
    static const char *const entities[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&apos;"};
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        const char plain[2] = {*text, '\0'};
        put(xml, byte < 128 && entities[byte] ? entities[byte] : plain);
    }
}

static void put_element(struct xml *xml, const char *element, const char *text)
{
    put(xml, "<");
    put(xml, element);
    put(xml, ">");
    put_escaped(xml, text);
    put(xml, "</");
    put(xml, element);
    put(xml, ">");
}

static void put_name(struct xml *xml, const char *element, const X509_NAME *name)
{
    char text[sizeof xml->text];
    if (X509_NAME_entry_count(name) == 0)
        return; /* an empty name cannot be written; the other half of the pair must do */
    pki_name_text(name, text, sizeof text);
    if (strlen(text) + 8 > sizeof text)
        xml->full = true; /* it may have been cut */
    put_element(xml, element, text);
}

void pki_explain_name(struct pki_judgement *judgement)
{
    const struct pki_peer_policy *policy = judgement->policy;
    const char *names = judgement->verdict->names;
    const char *element = policy->eku == PKI_EKU_SERVER ? "TlsDomain" : "TlsSenderCertificateName";
    if (judgement->path.faults[PKI_CHECK_NAME].words) {
        pki_explain_fault(judgement, PKI_CHECK_NAME);
        return;
    }
    pki_introduce(judgement);
    pki_reason(judgement, names[0] ? "is for %.300s" : "has no DNS name in its subjectAltName%s",
               names);
    pki_reason(judgement, "; expected was %s",
               policy->name_count ? "" : "a name, and none is given");
    for (size_t i = 0; i < policy->name_count && i < 8; i++)
        pki_reason(judgement, "%s%s", i ? " or " : "", policy->names[i]);
    if (!names[0]) {
        pki_cure(judgement,
                 "the other side needs a certificate with its name in subjectAltName; the CN "
                 "of the subject does not count (RFC 9525)");
        return;
    }
    struct xml xml = {.used = 0};
    char first[256];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(names, " "), names);
    put_element(&xml, element, first);
    pki_cure(judgement,
             "see that the host is the right one; when the other side goes by this name, write "
             "%s into the connector",
             xml.full ? element : xml.text);
}

static void show_pair(struct pki_judgement *judgement, const struct pki_peer_pair *pair)
{
    char name[NAME_SIZE];
    if (pair->subject)
        pki_reason(judgement, "subject %s", pki_name_text(pair->subject, name, sizeof name));
    if (pair->subject && pair->issuer)
        pki_reason(judgement, ", ");
    if (pair->issuer)
        pki_reason(judgement, "issuer %s", pki_name_text(pair->issuer, name, sizeof name));
}

/* True when a pair names what came with its attributes in another order. */
static bool in_other_order(const struct pki_judgement *judgement)
{
    X509 *leaf = judgement->leaf;
    for (size_t i = 0; i < judgement->policy->pair_count; i++) {
        const struct pki_peer_pair *pair = &judgement->policy->pairs[i];
        if ((pair->subject && pki_name_reordered(pair->subject, X509_get_subject_name(leaf))) ||
            (pair->issuer && pki_name_reordered(pair->issuer, X509_get_issuer_name(leaf))))
            return true;
    }
    return false;
}

static bool subject_is_known(const struct pki_judgement *judgement)
{
    const X509_NAME *subject = X509_get_subject_name(judgement->leaf);
    for (size_t i = 0; i < judgement->policy->pair_count; i++)
        if (judgement->policy->pairs[i].subject &&
            pki_name_equal(judgement->policy->pairs[i].subject, subject))
            return true;
    return false;
}

static void offer_pair(struct pki_judgement *judgement)
{
    struct xml xml = {.used = 0};
    put(&xml, "<Peer>");
    put_name(&xml, "Subject", X509_get_subject_name(judgement->leaf));
    put_name(&xml, "Issuer", X509_get_issuer_name(judgement->leaf));
    put(&xml, "</Peer>");
    if (xml.full)
        pki_cure(judgement,
                 "its subject and issuer, most specific attribute first (they are too long "
                 "to be shown here)");
    else
        pki_cure(judgement, "%s", xml.text);
}

void pki_explain_pair(struct pki_judgement *judgement)
{
    size_t count = judgement->policy->pair_count;
    pki_introduce(judgement);
    pki_reason(judgement, subject_is_known(judgement)
                              ? "has an expected subject, and another issuer; expected was "
                              : "is not the expected one; expected was ");
    for (size_t i = 0; i < count && i < PAIRS_SHOWN; i++) {
        pki_reason(judgement, "%s", i ? "; or " : "");
        show_pair(judgement, &judgement->policy->pairs[i]);
    }
    if (count > PAIRS_SHOWN)
        pki_reason(judgement, "; or one of %zu more", count - PAIRS_SHOWN);
    /* The order alone may explain it, or not: what came is confirmed in either case. */
    if (in_other_order(judgement))
        pki_cure(judgement,
                 "the connector has the same attributes in another order (openssl prints the "
                 "country first), write them most specific first; ");
    pki_cure(
        judgement,
        "when the other side confirms the SHA-256 fingerprint %s, write into PeerCertificates: ",
        judgement->verdict->fingerprint);
    offer_pair(judgement);
}
