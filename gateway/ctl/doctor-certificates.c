/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl doctor on certificates: ours, and those that we trust. See doctor.h. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/select.h"
#include "gateway/control/shapes.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/doctor.h"
#include "pki/base/cleanup.h"
#include "pki/bundle.h"
#include "pki/lifetime.h"
#include "pki/peer.h"
#include "pki/rotation.h"
#include "pki/store.h"

/* A file of so few anchors was put together by hand: an expired one in it is worth a word. Those
 * that distributions ship have an old one now and then. */
enum { ANCHORS_BY_HAND = 10 };

/* As posternd has them, who knows which is in force. */
static void judge_told(struct doctor *doctor, const char *name, const json_t *one)
{
    char text[300];
    const char *severity = text_of(one, "severity");
    snprintf(text, sizeof text, "%s expires on %s, in %lld day%s", text_of(one, "subject"),
             text_of(one, "expires"), number_of(one, "days_left"),
             plural(number_of(one, "days_left")));
    if (strcmp(severity, "ok") == 0)
        doctor_well(doctor, name, text_of(one, "name"), text);
    else if (strcmp(severity, "warning") == 0)
        doctor_warn(doctor, name, text_of(one, "name"), text, text_of(one, "cure"));
    else
        doctor_fail(doctor, name, text_of(one, "name"), EX_CONFIG, text, text_of(one, "cure"));
}

static void judge_file(struct doctor *doctor, const char *name,
                       const struct conn_certificate *certificate)
{
    struct pki_lifetime lifetime;
    struct error error;
    char subject[160], when[160], text[340];
    if (pki_lifetime_of_chain_file(certificate->chain, 0, &lifetime, subject, sizeof subject,
                                   &error) < 0) {
        doctor_fail(doctor, name, certificate->name, EX_CONFIG, error.what, error.cure);
        return;
    }
    snprintf(text, sizeof text, "%s %s", subject, pki_lifetime_text(&lifetime, when, sizeof when));
    const char *cure = pki_lifetime_cure(lifetime.stage);
    if (lifetime.severity == PKI_SEVERITY_OK)
        doctor_well(doctor, name, certificate->name, text);
    else if (lifetime.severity == PKI_SEVERITY_WARNING)
        doctor_warn(doctor, name, certificate->name, text, cure);
    else
        doctor_fail(doctor, name, certificate->name, EX_CONFIG, text, cure);
}

void doctor_check_certificates(struct doctor *doctor, const char *name)
{
    const json_t *told = json_object_get(doctor->status, "certificates");
    size_t i;
    json_t *one;
    json_array_foreach(told, i, one) judge_told(doctor, name, one);
    for (i = 0; !told && doctor->config && i < doctor->config->certificate_count; i++)
        judge_file(doctor, name, &doctor->config->certificates[i]);
}

/* The chain that is presented: what the store took over, or the administrator's own file. NULL: no
 * memory. */
static char *find_chain(const struct doctor *doctor, const struct conn_certificate *certificate,
                        const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(list, "certificates"), i, one)
    {
        long long number = number_of(json_object_get(one, "active"), "generation");
        if (number > 0 && strcmp(text_of(one, "name"), certificate->name) == 0)
            return pki_store_chain_file(doctor->config->state_directory, certificate->name,
                                        (unsigned)number);
    }
    return strdup(certificate->chain);
}

/* Calls `judge` with each of our certificates that can be read; check_configuration() has told of
 * the others. */
static void for_each_bundle(struct doctor *doctor, const char *name,
                            void (*judge)(struct doctor *, const char *name, const char *subject,
                                          const struct pki_bundle *bundle))
{
    struct error error;
    json_auto_t *list = NULL;
    if (doctor->status)
        ctl_query(doctor->arguments, CONTROL_CERT_LIST, &list, &error);
    for (size_t i = 0; doctor->config && i < doctor->config->certificate_count; i++) {
        const struct conn_certificate *certificate = &doctor->config->certificates[i];
        _cleanup_free_ char *path = find_chain(doctor, certificate, list);
        _cleanup_(pki_bundle_freep) struct pki_bundle *bundle = NULL;
        if (!path || pki_bundle_read(path, NULL, &bundle, &error) < 0)
            continue;
        judge(doctor, name, certificate->name, bundle);
    }
}

/* Dates are the business of "certificate"; one without clientAuth is what public CAs issue now. */
static bool is_told_elsewhere(const char *word)
{
    static const char *const words[] = {"expired", "not-yet-valid", "two-thirds-past",
                                        "no-client-auth"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static void judge_chain(struct doctor *doctor, const char *name, const char *subject,
                        const struct pki_bundle *bundle)
{
    _cleanup_free_ struct pki_inspection *found = calloc(1, sizeof *found);
    unsigned told = 0;
    char text[120];
    if (!found)
        return;
    pki_bundle_inspect(bundle, NULL, NULL, 0, found);
    for (unsigned i = 0; i < found->count; i++) {
        const struct pki_finding *one = &found->finding[i];
        if (is_told_elsewhere(one->word))
            continue;
        told++;
        if (one->refusal)
            doctor_fail(doctor, name, subject, EX_CONFIG, one->what, one->cure);
        else
            doctor_warn(doctor, name, subject, one->what, one->cure);
    }
    snprintf(text, sizeof text, "it is complete, with %d intermediate%s, and fit for its use",
             sk_X509_num(pki_bundle_intermediates(bundle)),
             plural(sk_X509_num(pki_bundle_intermediates(bundle))));
    if (!told)
        doctor_well(doctor, name, subject, text);
}

void doctor_check_chains(struct doctor *doctor, const char *name)
{
    for_each_bundle(doctor, name, judge_chain);
}

/* "gw.contoso.com" of the accepted domain contoso.com; one with a pattern covers what it matches.
 */
static bool is_under(const struct conn_strings *domains, const char *host)
{
    for (size_t i = 0; i < domains->count; i++) {
        const char *domain = domains->items[i];
        size_t length = strlen(domain), size = strlen(host);
        if (conn_domain_matches(domain, host) || (size > length && host[size - length - 1] == '.' &&
                                                  strcasecmp(host + size - length, domain) == 0))
            return true;
    }
    return false;
}

static void judge_names(struct doctor *doctor, const char *name, const char *subject,
                        const struct pki_bundle *bundle)
{
    struct pki_facts facts = {0};
    char text[1200], *rest = NULL;
    pki_facts_of(pki_bundle_leaf(bundle), &facts);
    snprintf(text, sizeof text, "none of its names (%s) is under an accepted domain",
             *facts.names ? facts.names : "it has none");
    bool under = false;
    for (char *host = strtok_r(facts.names, " ", &rest); host && !under;
         host = strtok_r(NULL, " ", &rest)) {
        under = is_under(&doctor->config->accepted_domains, host);
        if (under)
            snprintf(text, sizeof text, "%s is under an accepted domain", host);
    }
    pki_facts_clear(&facts);
    if (under)
        doctor_well(doctor, name, subject, text);
    else
        doctor_warn(
            doctor, name, subject, text,
            "Exchange Online knows a tenant's mail by a certificate name under one of its "
            "accepted domains: request a certificate with such a name, or add the domain to "
            "AcceptedDomains in postern.xml");
}

void doctor_check_accepted_domains(struct doctor *doctor, const char *name)
{
    if (doctor->config && doctor->config->accepted_domains.count)
        for_each_bundle(doctor, name, judge_names);
}

static void judge_anchors(struct doctor *doctor, const char *name,
                          const struct conn_anchors *anchors)
{
    size_t count = 0, expired = 0;
    char subject[160] = "", text[340];
    struct error error;
    if (pki_lifetime_of_anchors_file(anchors->path, 0, &count, &expired, subject, sizeof subject,
                                     &error) < 0) {
        doctor_fail(doctor, name, anchors->name, EX_CONFIG, error.what, error.cure);
        return;
    }
    snprintf(text, sizeof text, "%s: %zu certificate%s, %zu of them expired%s%s", anchors->path,
             count, plural((long long)count), expired, expired ? ", such as " : "", subject);
    if (expired == count)
        doctor_fail(doctor, name, anchors->name, EX_CONFIG, text,
                    "put the CA's present certificate into the file");
    else if (expired && count <= ANCHORS_BY_HAND)
        doctor_warn(doctor, name, anchors->name, text,
                    "see whether its successor is in the file, and take the old one out");
    else
        doctor_well(doctor, name, anchors->name, text);
}

/* Where Exchange Online answers. */
static bool is_microsoft(const char *host)
{
    static const char *const ends[] = {".outlook.com", ".mx.microsoft", ".office365.us",
                                       ".office365.com"};
    size_t length = strlen(host);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        size_t end = strlen(ends[i]);
        if (length > end && strcasecmp(host + length - end, ends[i]) == 0)
            return true;
    }
    return false;
}

static bool goes_to_microsoft(const struct conn_outbound *outbound)
{
    for (size_t i = 0; i < outbound->host_count; i++)
        if (is_microsoft(outbound->hosts[i].name))
            return true;
    for (size_t i = 0; i < outbound->tls_domains.count; i++)
        if (is_microsoft(outbound->tls_domains.items[i]))
            return true;
    return false;
}

/* SHA-256 of DigiCert Global Root G2, to which Exchange Online's certificates lead since 2026. */
static const unsigned char digicert_g2[32] = {
    0xcb, 0x3c, 0xcb, 0xb7, 0x60, 0x31, 0xe5, 0xe0, 0x13, 0x8f, 0x8d, 0xd3, 0x9a, 0x23, 0xf9, 0xde,
    0x47, 0xff, 0xc3, 0x5e, 0x43, 0xc1, 0x14, 0x4c, 0xea, 0x27, 0xd4, 0x6a, 0x5a, 0xb1, 0xcb, 0x5f};

static bool holds_digicert_g2(const char *path)
{
    X509_STORE *store = NULL;
    struct error error;
    bool found = false;
    if (pki_anchors_load(path, &store, &error) < 0)
        return false;
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects) && !found; i++) {
        X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        found = anchor && X509_digest(anchor, EVP_sha256(), digest, &length) == 1 &&
                length == sizeof digicert_g2 && memcmp(digest, digicert_g2, length) == 0;
    }
    X509_STORE_free(store);
    return found;
}

static void judge_microsoft(struct doctor *doctor, const char *name,
                            const struct conn_outbound *outbound)
{
    char text[400];
    const char *anchors = outbound->anchors->name;
    bool there = holds_digicert_g2(outbound->anchors->path);
    snprintf(
        text, sizeof text,
        there ? "DigiCert Global Root G2, to which Exchange Online's certificates lead, is there "
                "for outbound connector %s"
              : "outbound connector %s goes to Exchange Online, and DigiCert Global Root G2, to "
                "which its certificates lead, is not there",
        outbound->name);
    if (there)
        doctor_well(doctor, name, anchors, text);
    else
        doctor_warn(doctor, name, anchors, text,
                    "add that root to the file, or name the system's own: "
                    "/etc/ssl/certs/ca-certificates.crt");
}

void doctor_check_anchors(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    for (size_t i = 0; config && i < config->anchors_count; i++)
        judge_anchors(doctor, name, &config->anchors[i]);
    for (size_t i = 0; config && i < config->outbound_count; i++)
        if (config->outbound[i].enabled && config->outbound[i].anchors &&
            goes_to_microsoft(&config->outbound[i]))
            judge_microsoft(doctor, name, &config->outbound[i]);
}
