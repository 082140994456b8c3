/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One message: admitted at MAIL, routed at RCPT, streamed at DATA. See session-private.h.
 *
 * A transaction lives from MAIL to the reply to the message (or RSET, EHLO, the end of the
 * session), and its courier ends with it: the connection to the next hop goes back to the pool, or
 * is broken off when part of a message has gone out on it. */
#include "gateway/relay/session-private.h"
#include "connectors/restrict.h"
#include "gateway/smtp/lenient.h"

#include "gateway/relay/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPIENTS_LOGGED = 2048 };

static void courier_answered(struct courier_client *client, const struct smtp_reply *reply);
static void courier_drained(struct courier_client *client);

void transaction_end(struct session *session)
{
    struct transaction *transaction = session->transaction;
    if (!transaction)
        return;
    session->transaction = NULL;
    if (transaction->courier)
        courier_end(transaction->courier);
    buffer_release(&transaction->recipients);
    free(transaction->refusal);
    free(transaction);
}

static void refuse_syntax(struct session *session, enum smtp_syntax syntax, bool recipient)
{
    switch (syntax) {
    case SMTP_SYNTAX_ADDRESS:
        session_reply(session, 501, "%s The address is not well formed",
                      recipient ? "5.1.3" : "5.1.7");
        break;
    case SMTP_SYNTAX_PARAMETER:
        session_reply(session, 555, "5.5.4 A parameter is not known here");
        break;
    default:
        session_reply(session, 501, "5.5.4 Syntax: %s",
                      recipient ? "RCPT TO:<address>" : "MAIL FROM:<address>");
        break;
    }
    session_count_error(session);
}

/* --- MAIL --- */

static const struct pki_peer_verdict *find_verdict(const void *context,
                                                   const struct conn_inbound *inbound)
{
    return tls_inbound_verdict(context, inbound);
}

static struct conn_client describe_client(const struct session *session,
                                         const struct smtp_mail *mail)
{
    static const struct conn_names none;
    const SSL *ssl = session->stream.ssl;
    return (struct conn_client){.address = (const struct sockaddr *)&session->address,
                                .local = (const struct sockaddr *)&session->local,
                                .tls = ssl,
                                .tls_version = ssl ? tls_version(ssl) : CONN_TLS_1_0,
                                .cipher_suite = ssl ? tls_cipher_code(ssl) : 0,
                                .group = ssl ? tls_group(ssl) : 0,
                                .verdict = find_verdict,
                                .context = tls_peer(ssl),
                                .names = ssl ? &tls_peer(ssl)->names : &none,
                                .credentials = session->credentials,
                                .sender_domain = mail->path.domain};
}

static const struct conn_inbound *choose_inbound(const struct session *session,
                                                 const struct smtp_mail *mail,
                                                 const struct conn_inbound **closest,
                                                 enum conn_condition *condition)
{
    struct conn_client client = describe_client(session, mail);
    return conn_inbound_choose(session->snapshot->config, &client, closest, condition);
}

/* What the client is told; the log says more. */
static void refuse_sender(struct session *session, enum conn_condition condition)
{
    switch (condition) {
    case CONN_CONDITION_TLS:
        session_reply(session, 530, "5.7.0 Must issue a STARTTLS command first");
        break;
    case CONN_CONDITION_TLS_VERSION:
        session_reply(session, 550, "5.7.1 A later version of TLS is needed here");
        break;
    case CONN_CONDITION_CIPHER_SUITE:
        session_reply(session, 550, "5.7.1 Another TLS cipher suite or group is needed here");
        break;
    case CONN_CONDITION_CERTIFICATE:
        session_reply(session, 550,
                      "5.7.1 The certificate presented (or its absence) admits no mail here");
        break;
    case CONN_CONDITION_CREDENTIALS:
        session_reply(session, 530, "5.7.0 Authentication required");
        break;
    case CONN_CONDITION_SENDER_DOMAIN:
        session_reply(session, 550, "5.7.1 Mail of this sender's domain is not admitted from here");
        break;
    default:
        session_reply(session, 550, "5.7.1 %s is not admitted by any inbound connector",
                      session->peer);
        break;
    }
}

/* A partner's domain, and the client is not that partner. */
static bool is_restricted(struct session *session, const struct smtp_mail *mail)
{
    struct conn_client client = describe_client(session, mail);
    enum conn_condition condition;
    const struct conn_inbound *partner =
        conn_inbound_restricts(session->snapshot->config, &client, &condition);
    if (!partner)
        return false;
    report_sender_refused(session, mail, partner, condition);
    session_reply(session, 550,
                  "5.7.51 Mail of this sender's domain comes only from its partner, who is known by "
                  "%s",
                  condition == CONN_CONDITION_ADDRESS
                      ? "addresses (RestrictDomainsToIPAddresses)"
                      : "a certificate (RestrictDomainsToCertificate)");
    session_count_error(session);
    return true;
}

static struct transaction *new_transaction(struct session *session, const struct smtp_mail *mail,
                                           const struct conn_inbound *inbound)
{
    struct transaction *transaction = calloc(1, sizeof *transaction);
    if (!transaction)
        return NULL;
    transaction->session = session;
    transaction->client = (struct courier_client){courier_answered, courier_drained};
    transaction->inbound = inbound;
    transaction->mail = *mail;
    transaction->started = loop_now(session->worker->loop);
    buffer_init(&transaction->recipients, RECIPIENTS_LOGGED);
    snprintf(transaction->id, sizeof transaction->id, "%s-%u", session->id, ++session->messages);
    return transaction;
}

/* *lenient: it took LenientSyntax to understand it. */
static enum smtp_syntax parse_mail(const struct session *session, const char *arguments,
                                   size_t length, struct smtp_mail *ret, bool *lenient)
{
    char text[SMTP_LENIENT_MAXIMUM];
    enum smtp_syntax syntax = smtp_parse_mail(arguments, length, ret);
    if (syntax == SMTP_SYNTAX_OK || !session->lenient)
        return syntax;
    *lenient = true;
    return smtp_parse_mail(text, smtp_lenient_path(arguments, length, "FROM", text), ret);
}

static enum smtp_syntax parse_rcpt(const struct transaction *transaction, const char *arguments,
                                   size_t length, struct smtp_recipient *ret)
{
    char text[SMTP_LENIENT_MAXIMUM];
    enum smtp_syntax syntax = smtp_parse_recipient(arguments, length, ret);
    if (syntax == SMTP_SYNTAX_OK || !transaction->inbound->lenient_syntax)
        return syntax;
    return smtp_parse_recipient(text, smtp_lenient_path(arguments, length, "TO", text), ret);
}

void transaction_mail(struct session *session, const char *arguments, size_t length)
{
    struct smtp_mail mail;
    const struct conn_inbound *closest = NULL;
    enum conn_condition condition = CONN_CONDITION_NONE;
    bool lenient = false;
    enum smtp_syntax syntax = parse_mail(session, arguments, length, &mail, &lenient);
    if (syntax != SMTP_SYNTAX_OK) {
        refuse_syntax(session, syntax, false);
        return;
    }
    if (!offers_admit(session, &mail))
        return;
    const struct conn_inbound *inbound = choose_inbound(session, &mail, &closest, &condition);
    if (!inbound) {
        report_sender_refused(session, &mail, closest, condition);
        refuse_sender(session, condition);
        session_count_error(session);
        return;
    }
    if (lenient && !inbound->lenient_syntax) {
        refuse_syntax(session, SMTP_SYNTAX_WRONG, false);
        return;
    }
    if ((mail.given & SMTP_PARAMETER_XOORG) && !offers_xoorg(session, inbound)) {
        session_reply(session, 555, "5.5.4 XOORG is for proven hybrid peers");
        return;
    }
    const char *organization = mail.given & SMTP_PARAMETER_XOORG ? mail.xoorg : NULL;
    if (is_restricted(session, &mail) ||
        !content_admits_organization(session, inbound, organization) ||
        !limits_admit(session, inbound, mail.has_size ? mail.size : 0))
        return;
    if (!session->messages)
        report_sender_reported(session, inbound); /* once a session */
    session->transaction = new_transaction(session, &mail, inbound);
    if (session->transaction)
        session->transaction->names_organization = organization;
    if (session->transaction)
        session_reply(session, 250, "2.1.0 Sender OK");
    else
        session_reply(session, 451, "4.3.0 Resources exhausted");
}

/* --- RCPT --- */

static void ask_courier(struct session *session, int asked)
{
    session->transaction->asked = asked;
    session->state = SESSION_WAITING;
}

static void refuse_recipient(struct session *session, const struct smtp_path *path, int code,
                             const char *text)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, code, "%s", text);
    snprintf(session->transaction->last_recipient, sizeof session->transaction->last_recipient,
             "%s", path->address);
    report_recipient_refused(session->transaction, &reply);
    session_send(session, &reply);
}

/* One connection carries a transaction: to one connector, and with UseMXRecord to one domain. */
static bool goes_another_way(const struct transaction *transaction,
                             const struct conn_outbound *outbound, const struct smtp_path *path)
{
    return transaction->outbound != outbound ||
           (outbound->use_mx_record && strcmp(transaction->domain, path->domain) != 0);
}

/* The connector's own MaxMessageSize, against what MAIL announced. */
static bool refuse_size(struct session *session, const struct smtp_path *path,
                        const struct conn_outbound *outbound)
{
    const struct smtp_mail *mail = &session->transaction->mail;
    char text[128];
    if (!outbound->maximum_message_size || !mail->has_size ||
        mail->size <= outbound->maximum_message_size)
        return false;
    snprintf(text, sizeof text, "5.3.4 Messages on this way have at most %llu bytes",
             (unsigned long long)outbound->maximum_message_size);
    refuse_recipient(session, path, 552, text);
    return true;
}

void transaction_rcpt(struct session *session, const char *arguments, size_t length)
{
    struct transaction *transaction = session->transaction;
    const struct conn_config *config = session->snapshot->config;
    struct smtp_recipient recipient;
    const struct smtp_path *path = &recipient.path;
    enum smtp_syntax syntax = parse_rcpt(transaction, arguments, length, &recipient);
    if (syntax != SMTP_SYNTAX_OK) {
        refuse_syntax(session, syntax, true);
        return;
    }
    if (path->utf8 && !(transaction->mail.given & SMTP_PARAMETER_SMTPUTF8)) {
        session_reply(session, 553, "5.6.7 An address past ASCII needs MAIL with SMTPUTF8");
        return;
    }
    if (transaction->asked_for >= limits_of(session)->recipients) {
        if (!transaction->too_many)
            limits_reached(session, "MaxRecipientsPerMessage");
        transaction->too_many = true;
        session_reply(session, 452, "4.5.3 At most %u recipients a message",
                      limits_of(session)->recipients);
        return;
    }
    const struct conn_outbound *outbound = conn_outbound_choose(
        config, transaction->inbound, path->domain[0] ? path->domain : config->host_name);
    trial_consider(session->worker, session->snapshot, transaction->inbound, outbound, path,
                   transaction->id);
    if (!outbound) {
        refuse_recipient(session, path, 550, "5.7.1 No outbound connector takes this recipient");
        session_count_error(session);
        return;
    }
    if (refuse_size(session, path, outbound))
        return;
    if (transaction->courier && goes_another_way(transaction, outbound, path)) {
        refuse_recipient(session, path, 452,
                         "4.5.3 This recipient goes another way: send it in a transaction of its own");
        return;
    }
    if (transaction->courier && !courier_takes_another(transaction->courier, path->domain)) {
        refuse_recipient(session, path, 452,
                         "4.5.3 The next hop takes no more recipients, or domains, at once");
        return;
    }
    if (!transaction->courier) {
        transaction->outbound = outbound;
        strcpy(transaction->domain, path->domain);
        transaction->courier = courier_new(session->worker, session->snapshot, outbound,
                                           &transaction->mail, &transaction->client);
    }
    if (!transaction->courier) {
        session_reply(session, 451, "4.3.0 Resources exhausted");
        return;
    }
    memcpy(transaction->last_recipient, path->address, sizeof path->address);
    transaction->asked_for++;
    ask_courier(session, ASKED_RECIPIENT);
    courier_recipient(transaction->courier, &recipient);
}

static void recipient_answered(struct transaction *transaction, const struct smtp_reply *reply)
{
    if (smtp_reply_class(reply) == 2) {
        /* For the log alone: what does not fit is counted. */
        (void)buffer_print(&transaction->recipients, "%s<%s>", transaction->accepted ? "," : "",
                           transaction->last_recipient);
        transaction->accepted++;
    } else {
        report_recipient_refused(transaction, reply);
    }
    transaction->session->state = SESSION_COMMAND;
    session_send(transaction->session, reply);
}

/* --- DATA --- */

void transaction_data(struct session *session)
{
    ask_courier(session, ASKED_DATA);
    courier_data(session->transaction->courier);
}

static void data_answered(struct transaction *transaction, const struct smtp_reply *reply)
{
    struct session *session = transaction->session;
    if (reply->code != 354 && transaction->chunked) {
        chunks_refused(transaction, reply);
        return;
    }
    if (reply->code != 354) {
        report_message(transaction, reply);
        session_send(session, reply);
        session->state = SESSION_COMMAND;
        transaction_end(session);
        return;
    }
    transaction->data_started = loop_now(session->worker->loop);
    limits_data_begins(session);
    session->junk = 0;
    content_begin(transaction);
    if (transaction->chunked) {
        chunks_begin(session);
        return;
    }
    session->state = SESSION_DATA;
    session_reply(session, 354, "End data with <CR><LF>.<CR><LF>");
}

/* The message will not be delivered: the connection to the next hop is broken off at once, and what
 * still comes is thrown away up to its end. */
void transaction_keep_refusal(struct transaction *transaction, const struct smtp_reply *reply)
{
    transaction->refused = true;
    transaction->refusal = malloc(sizeof *transaction->refusal);
    if (!transaction->refusal) {
        session_abort(transaction->session);
        return;
    }
    smtp_reply_copy(transaction->refusal, reply);
    report_message(transaction, transaction->refusal);
    courier_end(transaction->courier);
    transaction->courier = NULL;
}

void transaction_refuse(struct transaction *transaction, bool close_after, int code,
                        const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;
    if (transaction->refused)
        return;
    va_start(arguments, format);
    smtp_reply_set_list(&reply, code, format, arguments);
    va_end(arguments);
    transaction->close_after = close_after;
    transaction_keep_refusal(transaction, &reply);
}

void transaction_message_ended(struct transaction *transaction)
{
    struct session *session = transaction->session;
    transaction->data_ended = loop_now(session->worker->loop);
    content_end(transaction);
    if (session->dead)
        return;
    if (transaction->refused) {
        bool close_after = transaction->close_after;
        session_send(session, transaction->refusal);
        session->state = SESSION_COMMAND;
        transaction_end(session);
        if (close_after)
            session_finish(session);
        return;
    }
    ask_courier(session, ASKED_MESSAGE);
    courier_finish(transaction->courier);
}

size_t transaction_take(struct session *session, const char *bytes, size_t length)
{
    struct transaction *transaction = session->transaction;
    size_t taken = 0;
    enum smtp_data_result result =
        smtp_data_decode(&transaction->decoder, bytes, length, &taken, content_take, transaction);
    limits_data_came(session, taken);
    if (session->dead)
        return taken;
    if (result == SMTP_DATA_FINISHED)
        transaction_message_ended(transaction);
    else if (result != SMTP_DATA_MORE)
        content_violation(transaction, result);
    return taken;
}

bool transaction_wants_data(const struct session *session)
{
    const struct transaction *transaction = session->transaction;
    return transaction->refused || transaction->failed ||
           courier_unsent(transaction->courier) <= STREAM_OUT_HIGH;
}

static void message_answered(struct transaction *transaction, const struct smtp_reply *reply)
{
    struct session *session = transaction->session;
    report_message(transaction, reply);
    session_send(session, reply);
    session->state = SESSION_COMMAND;
    transaction_end(session);
}

/* --- the courier --- */

static void courier_answered(struct courier_client *client, const struct smtp_reply *reply)
{
    struct transaction *transaction = container_of(client, struct transaction, client);
    struct session *session = transaction->session;
    bool outermost = session_begin(session);
    switch (transaction->asked) {
    case ASKED_RECIPIENT:
        recipient_answered(transaction, reply);
        break;
    case ASKED_DATA:
        data_answered(transaction, reply);
        break;
    case ASKED_MESSAGE:
        message_answered(transaction, reply);
        break;
    }
    if (!session->dead)
        session_answered(session);
    session_end(session, outermost);
}

static void courier_drained(struct courier_client *client)
{
    session_resume(container_of(client, struct transaction, client)->session);
}
