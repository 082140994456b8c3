/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of a hop: that it did not serve and why, and what its certificate would have
 * been refused for. See hop.h. */
#include "gateway/relay/hop-private.h"
#include "pki/base/log.h"

static void log_reason(struct log *log, const struct hop *hop, const struct error *error)
{
    struct error told = *error;
    if (!told.cure[0])
        error_cure(&told, "posternctl outbound validate %s", hop->outbound->name);
    log_error(log, &told);
}

void hop_log_failure(const struct hop *hop, const struct error *error)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    const struct pki_peer_verdict *verdict = peer ? peer->verdict : NULL;
    bool refused = verdict && !verdict->accepted;
    struct log log;
    log_event(&log, refused ? LOG_EVENT_PEER_REFUSED : LOG_EVENT_NEXT_HOP_FAILED,
              refused ? "The certificate of %s is not the one that connector %s expects"
                      : "Next hop %s of connector %s did not serve",
              hop_host(hop), hop->outbound->name);
    log_text(&log, "outbound", hop->outbound->name);
    log_text(&log, "host", hop_host(hop));
    log_text(&log, "address", hop->address_text[0] ? hop->address_text : NULL);
    log_text(&log, "step", hop_step_name(hop->step));
    if (!refused) {
        log_reason(&log, hop, error);
    } else { /* the verdict's own words are longer than an error holds */
        log_text(&log, "error", verdict->reason);
        log_text(&log, "cure", verdict->cure);
        log_text(&log, "check", pki_check_name(verdict->failed));
        log_text(&log, "peer-subject", verdict->subject);
        log_text(&log, "peer-issuer", verdict->issuer);
        log_text(&log, "peer-serial", verdict->serial);
        log_text(&log, "peer-names", verdict->names);
        log_text(&log, "peer-expires", verdict->expires);
        log_text(&log, "peer-fingerprint", verdict->fingerprint);
    }
    log_end(&log);
}

void hop_log_reported(const struct hop *hop, const struct pki_peer_verdict *verdict)
{
    struct log log;
    log_event(&log, LOG_EVENT_PEER_REPORTED,
              "The certificate of %s is not the one that connector %s expects; it passes, for "
              "PeerCertificates says ReportOnly",
              hop_host(hop), hop->outbound->name);
    log_text(&log, "outbound", hop->outbound->name);
    log_text(&log, "host", hop_host(hop));
    log_text(&log, "peer-subject", verdict->subject);
    log_text(&log, "peer-issuer", verdict->issuer);
    log_text(&log, "error", verdict->reason);
    log_text(&log, "cure", verdict->cure);
    log_end(&log);
}

void hop_log_unknown_revocation(const struct hop *hop, const struct pki_peer_verdict *verdict)
{
    struct log log;
    log_event(&log, LOG_EVENT_REVOCATION_UNKNOWN,
              "Whether the certificate of %s is revoked is not known; it passes, for "
              "CertificateRevocationCheck of connector %s is SoftFail",
              hop_host(hop), hop->outbound->name);
    log_text(&log, "outbound", hop->outbound->name);
    log_text(&log, "host", hop_host(hop));
    log_text(&log, "peer-subject", verdict->subject);
    log_text(&log, "peer-issuer", verdict->issuer);
    log_text(&log, "error", verdict->revocation);
    log_end(&log);
}
