/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message's content on its way from the decoder to the encoder: its bounds, the header firewall,
 * the organisation it says it comes from, and what we put on top. See session-private.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/restrict.h"
#include "gateway/relay/session-private.h"

/* --- our lines on top --- */

static void write_on_top(struct transaction *transaction, const char *text, size_t length)
{
    if (courier_write(transaction->courier, text, length) < 0)
        transaction->failed = true;
}

/* TreatMessagesAsInternal, in the words that Exchange has for it between hybrid peers. Nobody else
 * could write them here: of this connector the firewall removes them. */
static void vouch(struct transaction *transaction)
{
    const struct session *session = transaction->session;
    char text[512];
    if (!conn_is_internal(session->snapshot->config, transaction->inbound,
                          transaction->mail.path.domain) ||
        !transaction->outbound->cloud_services_mail ||
        transaction->outbound->tls_settings < CONN_TLS_CERTIFICATE_VALIDATION)
        return;
    int length = snprintf(text, sizeof text,
                          "X-MS-Exchange-CrossPremises-AuthAs: Internal\r\n"
                          "X-MS-Exchange-CrossPremises-AuthSource: %s\r\n",
                          session->snapshot->config->host_name);
    if (length > 0 && (size_t)length < sizeof text)
        write_on_top(transaction, text, (size_t)length);
}

/* --- OriginatorOrganizations --- */

static int check_originator(void *context, const char *organization)
{
    struct transaction *transaction = context;
    transaction->names_organization = true;
    if (conn_inbound_admits_organization(transaction->inbound, organization))
        return 0;
    report_violation(transaction->session,
                     "X-OriginatorOrg names none of the connector's OriginatorOrganizations");
    transaction_refuse(transaction, false, 550,
                       "5.7.1 Mail of this originator organization is not admitted here");
    return -1;
}

bool content_admits_organization(struct session *session, const struct conn_inbound *inbound,
                                 const char *xoorg)
{
    if (conn_inbound_admits_organization(inbound, xoorg))
        return true;
    report_violation(session, "XOORG names none of the connector's OriginatorOrganizations");
    session_reply(session, 550, "5.7.1 Mail of this originator organization is not admitted here");
    session_count_error(session);
    return false;
}

/* --- the header --- */

static void report_removed(const struct transaction *transaction)
{
    const struct smtp_firewall *firewall = &transaction->firewall;
    struct log log;
    char names[SMTP_FIREWALL_REMOVED * (SMTP_FIREWALL_NAME + 1)];
    size_t used = 0;
    for (unsigned i = 0; i < firewall->name_count; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "",
                                 firewall->names[i]);
    log_event(&log, LOG_EVENT_HEADERS_REMOVED,
              "Message %s: %u header fields were removed, for its way does not lead between proven "
              "hybrid peers",
              transaction->id, firewall->removed);
    session_log(transaction->session, &log);
    log_text(&log, "id", transaction->id);
    log_text(&log, "inbound", transaction->inbound->name);
    log_text(&log, "outbound", transaction->outbound->name);
    log_number(&log, "removed", firewall->removed);
    log_text(&log, "names", names);
    log_text(&log, "cure",
             "if both sides are Exchange of one organisation: CloudServicesMailEnabled on both "
             "connectors, and TlsSettings DomainValidation on the outbound one");
    log_end(&log);
}

static void header_ended(struct transaction *transaction)
{
    if (transaction->firewall.removed)
        report_removed(transaction);
    if (!transaction->inbound->originator_organizations.count || transaction->names_organization)
        return;
    report_violation(transaction->session,
                     "neither XOORG nor X-OriginatorOrg names an originator organization");
    transaction_refuse(transaction, false, 550,
                       "5.7.1 Mail without an originator organization is not admitted here");
}

static void refuse_header(struct transaction *transaction)
{
    const struct conn_limits *limits = &transaction->inbound->limits;
    bool large = transaction->firewall.fault == SMTP_FIREWALL_TOO_LARGE;
    limits_reached(transaction->session, large ? "MaxHeaderSize" : "MaxHeaderCount");
    if (large)
        transaction_refuse(transaction, false, 554,
                           "5.6.0 The message's header has more than %" PRIu64 " bytes",
                           limits->header_size);
    else
        transaction_refuse(transaction, false, 554,
                           "5.6.0 The message's header has more than %u fields",
                           limits->header_count);
}

/* --- bytes --- */

void content_begin(struct transaction *transaction)
{
    const struct conn_inbound *inbound = transaction->inbound;
    struct smtp_firewall *firewall = &transaction->firewall;
    char line[2048];
    smtp_data_start(&transaction->decoder);
    transaction->decoder.line_maximum = inbound->limits.line_length;
    transaction->decoder.normalizes = inbound->bare_linefeed == CONN_BARE_LINEFEED_NORMALIZE;
    smtp_header_start(&transaction->header);
    smtp_firewall_start(firewall);
    transaction->hidden_dot = (struct smtp_hidden_dot){0};
    firewall->removes = !conn_passes_trust(inbound, transaction->outbound);
    firewall->size_maximum = inbound->limits.header_size;
    firewall->count_maximum = inbound->limits.header_count;
    firewall->originator = inbound->originator_organizations.count ? check_originator : NULL;
    write_on_top(transaction, line,
                 received_line(transaction->session, transaction, line, sizeof line));
    vouch(transaction);
}

static int write_passed(void *context, const char *bytes, size_t length)
{
    struct transaction *transaction = context;
    if (courier_write(transaction->courier, bytes, length) < 0)
        transaction->failed = true;
    return transaction->failed ? -1 : 0;
}

static void filter(struct transaction *transaction, const char *bytes, size_t length)
{
    struct smtp_firewall *firewall = &transaction->firewall;
    bool was_in_body = firewall->in_body;
    int result = bytes ? smtp_firewall_feed(firewall, bytes, length, write_passed, transaction)
                       : smtp_firewall_end(firewall, write_passed, transaction);
    if (firewall->fault != SMTP_FIREWALL_OK)
        refuse_header(transaction);
    else if (result == 0 && firewall->in_body && !was_in_body)
        header_ended(transaction);
}

/* For the outbound connector; the inbound side's limit is looked at before. */
static bool is_too_large(const struct transaction *transaction)
{
    uint64_t most = transaction->outbound->maximum_message_size;
    return most && transaction->size > most;
}

/* RFC 1870: ours, or the next hop's where that is smaller. */
static uint64_t size_maximum(const struct transaction *transaction)
{
    uint64_t ours = transaction->inbound->limits.message_size;
    uint64_t theirs = courier_size_maximum(transaction->courier);
    return theirs && theirs < ours ? theirs : ours;
}

/* What stands before it in the piece does not go out either. */
static void refuse_hidden_dot(struct transaction *transaction)
{
    report_violation(transaction->session, "The message holds a dot hidden among NUL octets");
    transaction_refuse(transaction, !transaction->chunked, 554,
                       "5.6.0 The message holds a line of NUL octets and a dot, which may be taken "
                       "for its end");
}

/* The message's own bytes, as the decoder gives them. */
int content_take(void *context, const char *bytes, size_t length)
{
    struct transaction *transaction = context;
    const struct conn_limits *limits = &transaction->inbound->limits;
    transaction->size += length;
    if (transaction->refused || transaction->failed || !length)
        return 0;
    smtp_header_feed(&transaction->header, bytes, length);
    uint64_t maximum = size_maximum(transaction);
    if (transaction->size > maximum) {
        if (maximum == limits->message_size)
            limits_reached(transaction->session, "MaxMessageSize");
        transaction_refuse(transaction, false, 552,
                           "5.3.4 The message has more than %" PRIu64 " bytes", maximum);
    } else if (is_too_large(transaction)) {
        transaction_refuse(transaction, false, 552,
                           "5.3.4 The message has more than the %" PRIu64
                           " bytes that this way takes",
                           transaction->outbound->maximum_message_size);
    } else if (transaction->header.received > limits->hop_count) {
        limits_reached(transaction->session, "MaxHopCount");
        transaction_refuse(transaction, false, 554,
                           "5.4.6 The message has gone through more than %u hops: a mail loop",
                           limits->hop_count);
    } else if (transaction->mail.body != SMTP_BODY_BINARYMIME &&
               smtp_hidden_dot_feed(&transaction->hidden_dot, bytes, length)) {
        refuse_hidden_dot(transaction);
    } else {
        filter(transaction, bytes, length);
    }
    return 0;
}

void content_end(struct transaction *transaction)
{
    if (!transaction->refused && !transaction->failed)
        filter(transaction, NULL, 0);
}

void content_violation(struct transaction *transaction, enum smtp_data_result result)
{
    static const char *const sentences[] = {
        [SMTP_DATA_BARE_CR] = "5.6.0 The message holds a carriage return without line feed",
        [SMTP_DATA_BARE_LF] = "5.6.0 The message holds a line feed without carriage return",
        [SMTP_DATA_LONG_LINE] = "5.6.0 The message holds a line that is too long",
    };
    if (transaction->refused)
        return;
    if (result == SMTP_DATA_LONG_LINE)
        limits_reached(transaction->session, "MaxLineLength");
    report_violation(transaction->session, sentences[result] + 6);
    /* Where a chunk ends is known whatever it holds; where such data ends is not. */
    transaction_refuse(transaction, !transaction->chunked, 554, "%s", sentences[result]);
}
