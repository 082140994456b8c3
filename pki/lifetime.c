/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See lifetime.h. */
#include "pki/lifetime.h"

#include <stdio.h>

#include "pki/identity-private.h"
#include "pki/names.h"

enum { DAY = 24 * 60 * 60, ANCHORS_MAXIMUM = 2000 };

static const struct {
    const char *name;
    enum pki_severity severity;
    const char *cure;
} stages[] = {
    [PKI_LIFETIME_EARLY] = {"not-yet-valid", PKI_SEVERITY_ERROR,
                            "see that this machine's clock is right, or wait until it is valid"},
    [PKI_LIFETIME_FINE] = {"fine", PKI_SEVERITY_OK, ""},
    [PKI_LIFETIME_TWO_THIRDS] = {"two-thirds-past", PKI_SEVERITY_WARNING,
                                 "begin to renew it: posternctl cert request, then cert rotate "
                                 "with the chain that comes back"},
    [PKI_LIFETIME_WEEKS] = {"under-30-days", PKI_SEVERITY_WARNING,
                            "renew it now: posternctl cert request, then cert rotate with the "
                            "chain that comes back"},
    [PKI_LIFETIME_DAYS] = {"urgent", PKI_SEVERITY_ERROR,
                           "renew it today: when it has expired, whoever asks for it refuses our "
                           "mail"},
    [PKI_LIFETIME_EXPIRED] = {"expired", PKI_SEVERITY_ERROR,
                              "replace it at once: whoever asks for it refuses our mail"},
};

const char *pki_lifetime_stage_name(enum pki_lifetime_stage stage)
{
    return stages[stage].name;
}

const char *pki_lifetime_cure(enum pki_lifetime_stage stage)
{
    return stages[stage].cure;
}

const char *pki_severity_name(enum pki_severity severity)
{
    static const char *const names[] = {"ok", "warning", "error"};
    return names[severity];
}

static unsigned percent_past(time_t begins, time_t ends, time_t now)
{
    if (now <= begins)
        return 0;
    if (now >= ends)
        return 100;
    return (unsigned)((int64_t)(now - begins) * 100 / (ends - begins));
}

static enum pki_lifetime_stage stage_of(const struct pki_lifetime *lifetime, time_t now)
{
    int64_t whole = lifetime->ends - lifetime->begins;
    bool brief = whole <= (int64_t)PKI_LIFETIME_SHORT_DAYS * DAY;
    if (now < lifetime->begins)
        return PKI_LIFETIME_EARLY;
    if (lifetime->seconds_left < 0)
        return PKI_LIFETIME_EXPIRED;
    if (brief ? lifetime->percent >= PKI_LIFETIME_SHORT_PERCENT
              : lifetime->seconds_left < PKI_LIFETIME_ERROR_DAYS * DAY)
        return PKI_LIFETIME_DAYS;
    if (!brief && lifetime->seconds_left < PKI_LIFETIME_WARNING_DAYS * DAY)
        return PKI_LIFETIME_WEEKS;
    if (lifetime->percent >= PKI_LIFETIME_WARNING_PERCENT)
        return PKI_LIFETIME_TWO_THIRDS;
    return PKI_LIFETIME_FINE;
}

void pki_lifetime_between(time_t begins, time_t ends, time_t now, struct pki_lifetime *ret)
{
    if (!now)
        now = time(NULL);
    *ret = (struct pki_lifetime){.begins = begins, .ends = ends, .seconds_left = ends - now};
    ret->days_left = ret->seconds_left / DAY - (ret->seconds_left % DAY < 0);
    ret->percent = percent_past(begins, ends, now);
    ret->stage = stage_of(ret, now);
    ret->severity = stages[ret->stage].severity;
}

/* 0 where there is none that can be read: long past. */
static time_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;
    return time && ASN1_TIME_to_tm(time, &parts) ? timegm(&parts) : 0;
}

void pki_lifetime_of(const X509 *certificate, time_t now, struct pki_lifetime *ret)
{
    pki_lifetime_between(seconds_of(X509_get0_notBefore(certificate)),
                         seconds_of(X509_get0_notAfter(certificate)), now, ret);
}

/* An error anywhere in the chain outweighs a warning, then what ends sooner. Where all is well it
 * is the leaf that is told of. */
static bool is_worse(const struct pki_lifetime *lifetime, const struct pki_lifetime *than)
{
    if (lifetime->severity != than->severity)
        return lifetime->severity > than->severity;
    return lifetime->severity != PKI_SEVERITY_OK && lifetime->ends < than->ends;
}

static void worst_of(const struct pki_chain *chain, time_t now, struct pki_lifetime *ret,
                     char *subject, size_t size)
{
    X509 *worst = chain->leaf;
    pki_lifetime_of(worst, now, ret);
    for (int i = 0; i < sk_X509_num(chain->intermediates); i++) {
        struct pki_lifetime other;
        X509 *certificate = sk_X509_value(chain->intermediates, i);
        pki_lifetime_of(certificate, now, &other);
        if (!is_worse(&other, ret))
            continue;
        *ret = other;
        worst = certificate;
    }
    if (subject)
        pki_name_text(X509_get_subject_name(worst), subject, size);
}

void pki_lifetime_of_identity(const struct pki_identity *identity, time_t now,
                              struct pki_lifetime *ret, char *subject, size_t size)
{
    _cleanup_(pki_version_unrefp) struct pki_version *version = pki_slot_version(identity->slot);
    worst_of(&version->chain, now, ret, subject, size);
}

int pki_lifetime_of_chain_file(const char *path, time_t now, struct pki_lifetime *ret,
                               char *subject, size_t size, struct error *error)
{
    struct pki_chain chain = {0};
    int result = pki_chain_read(path, NULL, &chain, NULL, 0, error);
    if (result == 0)
        worst_of(&chain, now, ret, subject, size);
    pki_chain_clear(&chain);
    return result;
}

int pki_lifetime_of_anchors_file(const char *path, time_t now, size_t *count, size_t *expired,
                                 char *subject, size_t size, struct error *error)
{
    _cleanup_(pki_certificates_freep) pki_x509_stack *all = NULL;
    int result = pki_certificates_read(path, NULL, ANCHORS_MAXIMUM, &all, error);
    if (result < 0)
        return result;
    *expired = 0;
    *count = (size_t)sk_X509_num(all);
    for (int i = 0; i < sk_X509_num(all); i++) {
        struct pki_lifetime lifetime;
        pki_lifetime_of(sk_X509_value(all, i), now, &lifetime);
        if (lifetime.stage == PKI_LIFETIME_EXPIRED && (*expired)++ == 0)
            pki_name_text(X509_get_subject_name(sk_X509_value(all, i)), subject, size);
    }
    return 0;
}

bool pki_lifetime_is_due(const struct pki_lifetime *lifetime, enum pki_lifetime_stage told,
                         time_t when, time_t now)
{
    return lifetime->severity != PKI_SEVERITY_OK &&
           (when == 0 || lifetime->stage != told || now - when >= DAY);
}

const char *pki_lifetime_text(const struct pki_lifetime *lifetime, char *text, size_t size)
{
    char date[32];
    struct tm parts;
    bool early = lifetime->stage == PKI_LIFETIME_EARLY;
    time_t when = early ? lifetime->begins : lifetime->ends;
    long long days = lifetime->days_left;
    gmtime_r(&when, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (early)
        snprintf(text, size, "is not valid before %s", date);
    else if (lifetime->stage == PKI_LIFETIME_EXPIRED)
        snprintf(text, size, "has expired on %s", date);
    else
        snprintf(text, size, "expires on %s, in %lld day%s; %u %% of its lifetime are past", date,
                 days, days == 1 ? "" : "s", lifetime->percent);
    return text;
}
