/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of a certificate's way. See certificates-private.h. */
#include <string.h>
#include <time.h>

#include "gateway/daemon/certificates-private.h"
#include "pki/base/log.h"
#include "pki/names.h"

/* The certificate that a change is about, as people know it. */
static void log_certificate(struct log *log, const struct pki_identity *identity)
{
    struct pki_facts facts = {0};
    char time[32];
    struct tm parts;
    X509 *leaf = pki_identity_certificate_ref(identity);
    pki_facts_of(leaf, &facts);
    X509_free(leaf);
    gmtime_r(&facts.not_after, &parts);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    log_text(log, "subject", facts.subject);
    log_text(log, "issuer", facts.issuer);
    log_text(log, "serial", facts.serial);
    log_text(log, "fingerprint", facts.fingerprint);
    log_text(log, "expires", time);
    pki_facts_clear(&facts);
}

static const struct {
    bool logged;
    enum log_event_id event;
    const char *words, *cure;
} events[] = {
    [CERT_STAGE] = {true, LOG_EVENT_CERTIFICATE_STAGED, "there is a next one",
                    "posternctl cert test"},
    [CERT_TEST] = {true, LOG_EVENT_CERTIFICATE_TESTED,
                   "every next hop takes the one that was tested", NULL},
    [CERT_ACTIVATE] = {true, LOG_EVENT_CERTIFICATE_ACTIVATED, "it is another one from now on",
                       "if mail stops: posternctl cert rollback"},
    [CERT_ROLLBACK] = {true, LOG_EVENT_CERTIFICATE_ROLLED_BACK, "it is the previous one again",
                       NULL},
    [CERT_SCHEDULE] = {true, LOG_EVENT_CERTIFICATE_SCHEDULED,
                       "it will be another one at the time that was set",
                       "to take it back: posternctl cert rollback"},
    [CERT_UNSCHEDULE] = {true, LOG_EVENT_CERTIFICATE_UNSCHEDULED,
                         "it stays as it is, for the time that was set is taken back", NULL},
    [CERT_END] = {.logged = false},
};

void cert_log_step(const struct cert_change *change, enum cert_step step)
{
    const char *name = pki_rotation_name(change->rotation);
    struct log log;
    if (!events[step].logged)
        return;
    log_event(&log, events[step].event, "Certificate %s: %s", name, events[step].words);
    log_text(&log, "certificate", name);
    log_text(&log, "verb", change->verb->name);
    log_text(&log, "from", change->from[0] ? change->from : NULL);
    log_certificate(&log, change->candidate.identity ? change->candidate.identity
                                                     : pki_rotation_identity(change->rotation));
    if (step == CERT_TEST)
        log_number(&log, "connectors", change->tested);
    if (step == CERT_SCHEDULE) {
        char time[32];
        time_t at = (time_t)change->at;
        struct tm parts;
        gmtime_r(&at, &parts);
        strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
        log_text(&log, "at", time);
    }
    if (events[step].cure)
        log_format(&log, "cure", "%s %s", events[step].cure, name);
    log_end(&log);
}

void cert_log_failure(const struct cert_change *change)
{
    const char *name = pki_rotation_name(change->rotation);
    struct log log;
    log_event(&log, LOG_EVENT_CERTIFICATE_REFUSED, "Certificate %s stays as it is (%s): %s", name,
              change->verb->name, change->error.what);
    log_text(&log, "certificate", name);
    log_text(&log, "verb", change->verb->name);
    log_text(&log, "from", change->from[0] ? change->from : NULL);
    log_error(&log, &change->error);
    log_end(&log);
}
