/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of sessions and messages: one line a message, with everything that an administrator
 * asks for afterwards. */
#include "gateway/relay/session-private.h"

#include <stdio.h>
#include <string.h>

static void log_next_hop(struct log *log, const struct courier_report *report)
{
    const struct hop *hop = report->hop;
    const struct tls_peer *peer;
    if (!hop)
        return;
    log_text(log, "host", hop_host(hop));
    log_text(log, "address", hop->address_text[0] ? hop->address_text : NULL);
    if (hop->step == HOP_READY)
        log_text(log, "connection", hop_kind_name(report->kind));
    peer = tls_peer(hop->stream.ssl);
    if (!peer)
        return;
    log_text(log, "tls", tls_version_name(hop->stream.ssl));
    log_text(log, "cipher", tls_cipher_name(hop->stream.ssl));
    if (peer->verdict && peer->presented) {
        log_text(log, "peer-subject", peer->verdict->subject);
        log_text(log, "peer-issuer", peer->verdict->issuer);
    }
}

static void log_phases(struct log *log, const struct transaction *transaction,
                       const struct courier_report *report)
{
    int64_t now = loop_now(transaction->session->worker->loop);
    const struct hop *hop = report->hop;
    if (hop && hop->step == HOP_READY && report->kind != HOP_POOLED) {
        log_number(log, "ms-resolve", hop->milliseconds[HOP_RESOLVE]);
        log_number(log, "ms-dial", hop->milliseconds[HOP_CONNECT]);
        log_number(log, "ms-handshake", hop->milliseconds[HOP_HANDSHAKE]);
    }
    log_number(log, "ms-connect", report->hop_milliseconds);
    log_number(log, "ms-envelope", report->mail_milliseconds);
    if (transaction->data_started) {
        int64_t end = transaction->data_ended ? transaction->data_ended : now;
        log_number(log, "ms-data", end - transaction->data_started);
        log_number(log, "ms-reply", now - end);
    }
    log_number(log, "ms-total", now - transaction->started);
}

static void log_envelope(struct log *log, const struct transaction *transaction)
{
    const struct buffer *recipients = &transaction->recipients;
    log_text(log, "inbound", transaction->inbound->name);
    log_text(log, "outbound", transaction->outbound ? transaction->outbound->name : NULL);
    log_format(log, "from", "<%s>", transaction->mail.path.address);
    log_bytes(log, "to", buffer_bytes(recipients), buffer_length(recipients));
    log_number(log, "recipients", transaction->accepted);
    log_number(log, "size", (int64_t)transaction->size);
}

static void log_message(const struct transaction *transaction, const struct smtp_reply *reply,
                        const char *outcome)
{
    const struct session *session = transaction->session;
    struct courier_report report = {.hop = NULL};
    struct log log;
    if (transaction->courier)
        courier_report(transaction->courier, &report);
    log_event(&log, LOG_EVENT_MESSAGE, "Message %s %s", transaction->id, outcome);
    session_log(session, &log);
    log_text(&log, "id", transaction->id);
    log_text(&log, "outcome", outcome);
    log_envelope(&log, transaction);
    if (reply) {
        log_number(&log, "code", reply->code);
        log_text(&log, "reply", reply->text);
        log_text(&log, "cure", report.advice && reply->code >= 400 ? report.advice->cure : NULL);
    }
    log_next_hop(&log, &report);
    log_phases(&log, transaction, &report);
    log_end(&log);
}

void report_message(const struct transaction *transaction, const struct smtp_reply *reply)
{
    struct worker *worker = transaction->session->worker;
    int class = smtp_reply_class(reply);
    if (class == 2)
        WORKER_COUNT(worker, messages_accepted);
    else if (class == 4)
        WORKER_COUNT(worker, messages_deferred);
    else
        WORKER_COUNT(worker, messages_rejected);
    WORKER_ADD(worker, bytes, transaction->size);
    log_message(transaction, reply,
                class == 2 ? "accepted" : class == 4 ? "deferred" : "rejected");
}

void report_broken_off(const struct transaction *transaction)
{
    WORKER_COUNT(transaction->session->worker, messages_broken_off);
    log_message(transaction, NULL, "broken-off");
}

void report_sender_refused(const struct session *session, const struct smtp_mail *mail,
                           const struct conn_inbound *closest, enum conn_condition condition)
{
    const struct pki_peer_verdict *verdict =
        closest ? tls_inbound_verdict(tls_peer(session->stream.ssl), closest) : NULL;
    struct log log;
    bool judged = condition == CONN_CONDITION_CERTIFICATE && verdict;
    log_event(&log, LOG_EVENT_SENDER_REFUSED, "No inbound connector admits %s", session->peer);
    session_log(session, &log);
    log_format(&log, "from", "<%s>", mail->path.address);
    log_text(&log, "closest", closest ? closest->name : NULL);
    log_text(&log, "condition", conn_condition_name(condition));
    if (judged) {
        log_text(&log, "check", pki_check_name(verdict->failed));
        log_text(&log, "error", verdict->reason);
        log_text(&log, "cure", verdict->cure);
    } else {
        log_text(&log, "cure", "posternctl inbound list shows what each connector asks for");
    }
    log_end(&log);
    WORKER_COUNT(session->worker, sessions_refused);
}

static void report_unknown_revocation(const struct session *session,
                                      const struct conn_inbound *inbound,
                                      const struct pki_peer_verdict *verdict)
{
    struct log log;
    log_event(&log, LOG_EVENT_REVOCATION_UNKNOWN,
              "Whether the certificate of %s is revoked is not known; it passes, for "
              "CertificateRevocationCheck of connector %s is SoftFail",
              session->peer, inbound->name);
    session_log(session, &log);
    log_text(&log, "inbound", inbound->name);
    log_text(&log, "error", verdict->revocation);
    log_end(&log);
}

void report_sender_reported(const struct session *session, const struct conn_inbound *inbound)
{
    const struct pki_peer_verdict *verdict =
        tls_inbound_verdict(tls_peer(session->stream.ssl), inbound);
    struct log log;
    if (verdict && verdict->revocation_unknown)
        report_unknown_revocation(session, inbound, verdict);
    if (!verdict || !verdict->would_refuse)
        return;
    log_event(&log, LOG_EVENT_PEER_REPORTED,
              "The certificate of %s is not the one that connector %s expects; it passes, for "
              "PeerCertificates says ReportOnly",
              session->peer, inbound->name);
    session_log(session, &log);
    log_text(&log, "inbound", inbound->name);
    log_text(&log, "error", verdict->reason);
    log_text(&log, "cure", verdict->cure);
    log_end(&log);
}

void report_recipient_refused(const struct transaction *transaction,
                              const struct smtp_reply *reply)
{
    struct courier_report report = {.hop = NULL};
    struct log log;
    if (transaction->courier)
        courier_report(transaction->courier, &report);
    log_event(&log, LOG_EVENT_RECIPIENT_REFUSED, "Recipient <%s> was refused",
              transaction->last_recipient);
    session_log(transaction->session, &log);
    log_text(&log, "id", transaction->id);
    log_text(&log, "inbound", transaction->inbound->name);
    log_text(&log, "outbound", transaction->outbound ? transaction->outbound->name : NULL);
    log_format(&log, "from", "<%s>", transaction->mail.path.address);
    log_format(&log, "to", "<%s>", transaction->last_recipient);
    log_number(&log, "code", reply->code);
    log_text(&log, "reply", reply->text);
    log_text(&log, "cure", report.advice ? report.advice->cure : NULL);
    log_next_hop(&log, &report);
    log_end(&log);
}

void report_violation(const struct session *session, const char *what)
{
    struct log log;
    log_event(&log, LOG_EVENT_PROTOCOL_VIOLATION, "%s broke the protocol: %s", session->peer, what);
    session_log(session, &log);
    log_text(&log, "error", what);
    log_end(&log);
}
