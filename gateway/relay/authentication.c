/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * AUTH in a session: who is asked for what, and who is believed. Offered inside TLS alone.
 * Passwords are judged on the offload pool, for their hashes are slow by design; what was said is
 * cleansed as soon as it is judged. A session has at most one of these, from AUTH to the answer. */
#include "gateway/smtp/auth.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/credentials.h"
#include "gateway/relay/session-private.h"

struct authentication {
    struct offload_job job;
    struct session *session; /* NULL: it has ended meanwhile */
    struct snapshot *snapshot;
    struct sockaddr_storage address;
    enum smtp_mechanism mechanism;
    bool asked_password; /* LOGIN: the user is known, the password is to come */
    struct smtp_auth said;
    const struct conn_credentials *proved; /* by the job; NULL: nothing */
};

static void discard(struct authentication *authentication)
{
    smtp_auth_clear(&authentication->said);
    snapshot_unref(authentication->snapshot);
    free(authentication);
}

/* Also while the job runs: the password is then cleansed when it is done. */
void session_end_authentication(struct session *session)
{
    struct authentication *authentication = session->authentication;
    session->authentication = NULL;
    if (!authentication)
        return;
    if (authentication->job.run)
        authentication->session = NULL;
    else
        discard(authentication);
}

static void report(const struct session *session, const char *user, bool good)
{
    struct log log;
    log_event(&log, LOG_EVENT_AUTHENTICATION,
              good ? "%s has proved who it is"
                   : "%s failed to "
                     "prove who it is",
              session->peer);
    session_log(session, &log);
    log_text(&log, "user", user);
    log_text(&log, "outcome", good ? "accepted" : "refused");
    log_end(&log);
}

static void refuse(struct session *session, int code, const char *text)
{
    session->state = SESSION_COMMAND;
    session_end_authentication(session);
    session_reply(session, code, "%s", text);
    session_count_error(session);
}

/* --- passwords --- */

static bool counts(const struct conn_inbound *inbound, const struct sockaddr_storage *address)
{
    return inbound->enabled && inbound->credentials &&
           conn_inbound_takes_address(inbound, (const struct sockaddr *)address);
}

/* True when an earlier connector names the same file. */
static bool was_tried(const struct conn_config *config, size_t index,
                      const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < index; i++)
        if (counts(&config->inbound[i], address) &&
            config->inbound[i].credentials == config->inbound[index].credentials)
            return true;
    return false;
}

/* On the pool. Every file that counts here is tried for the user; where none has it, as much work
 * is done for nothing. */
static void judge(struct offload_job *job)
{
    struct authentication *authentication = container_of(job, struct authentication, job);
    const struct conn_config *config = authentication->snapshot->config;
    const struct smtp_auth *said = &authentication->said;
    bool known = false;
    for (size_t i = 0; i < config->inbound_count && !authentication->proved; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        if (!counts(inbound, &authentication->address) ||
            was_tried(config, i, &authentication->address))
            continue;
        const char *hash = conn_credentials_hash(inbound->credentials, said->user);
        known |= hash != NULL;
        if (hash && conn_password_matches(hash, said->password))
            authentication->proved = inbound->credentials;
    }
    if (!known)
        (void)conn_password_matches(NULL, said->password);
}

static void judged(struct offload_job *job)
{
    struct authentication *authentication = container_of(job, struct authentication, job);
    struct session *session = authentication->session;
    job->run = NULL;
    if (!session) {
        discard(authentication);
        return;
    }
    bool outermost = session_begin(session);
    bool good = authentication->proved;
    report(session, authentication->said.user, good);
    if (good) {
        session->credentials = authentication->proved;
        session->authenticated = true;
        session->state = SESSION_COMMAND;
        session_end_authentication(session);
        session_reply(session, 235, "2.7.0 Authentication succeeded");
    } else {
        refuse(session, 535, "5.7.8 Authentication credentials invalid");
    }
    session_answered(session);
    session_end(session, outermost);
}

static void begin_judging(struct session *session)
{
    struct authentication *authentication = session->authentication;
    session->state = SESSION_WAITING;
    if (offload_submit(session->worker->offload, session->worker->loop, &authentication->job, judge,
                       judged) < 0) {
        authentication->job.run = NULL;
        refuse(session, 454, "4.7.0 Too much is to be judged just now; try again");
    }
}

/* --- certificates --- */

/* Some connector takes the client for its certificate. */
static bool has_proved_certificate(const struct session *session)
{
    const struct conn_config *config = session->snapshot->config;
    const struct tls_peer *peer = tls_peer(session->stream.ssl);
    for (size_t i = 0; peer && i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        const struct pki_peer_verdict *verdict =
            inbound->enabled && inbound->sender_certificate_names.count
                ? tls_inbound_verdict(peer, inbound)
                : NULL;
        if (verdict && verdict->accepted)
            return true;
    }
    return false;
}

/* To act as anybody else than the certificate says is nobody's right: the identity is left out. */
static void judge_external(struct session *session, size_t length)
{
    bool good = !length && has_proved_certificate(session);
    report(session, "", good);
    if (!good) {
        refuse(session, 535, "5.7.8 The certificate proves nothing here, or not that identity");
        return;
    }
    session->authenticated = true;
    session->state = SESSION_COMMAND;
    session_end_authentication(session);
    session_reply(session, 235, "2.7.0 Authentication succeeded");
}

/* --- the conversation --- */

static void take_response(struct session *session, const char *text, size_t length)
{
    struct authentication *authentication = session->authentication;
    struct smtp_auth *said = &authentication->said;
    bool good = false;
    if (authentication->mechanism == SMTP_AUTH_EXTERNAL) {
        judge_external(session, length);
        return;
    }
    if (authentication->mechanism == SMTP_AUTH_PLAIN)
        good = smtp_auth_plain(text, length, said);
    else if (authentication->asked_password)
        good = smtp_auth_password(text, length, said);
    else if ((good = smtp_auth_user(text, length, said))) {
        authentication->asked_password = true;
        session->state = SESSION_AUTHENTICATION;
        session_reply(session, 334, "UGFzc3dvcmQ6"); /* "Password:" */
        return;
    }
    if (good)
        begin_judging(session);
    else
        refuse(session, 501, "5.5.2 That cannot be decoded");
}

void session_take_response(struct session *session, const char *line, size_t length)
{
    if (length == 1 && *line == '*')
        refuse(session, 501, "5.7.0 Authentication cancelled");
    else
        take_response(session, line, length);
}

bool session_offers_passwords(const struct session *session)
{
    const struct conn_config *config = session->snapshot->config;
    if (!session->stream.ssl)
        return false;
    for (size_t i = 0; i < config->inbound_count; i++)
        if (counts(&config->inbound[i], &session->address))
            return true;
    return false;
}

bool session_offers_external(const struct session *session)
{
    const struct tls_peer *peer = tls_peer(session->stream.ssl);
    return peer && peer->presented && has_proved_certificate(session);
}

static bool is_offered(const struct session *session, enum smtp_mechanism mechanism)
{
    if (mechanism == SMTP_AUTH_EXTERNAL)
        return session_offers_external(session);
    return mechanism != SMTP_AUTH_UNKNOWN && session_offers_passwords(session);
}

static struct authentication *begin(struct session *session, enum smtp_mechanism mechanism)
{
    struct authentication *authentication = calloc(1, sizeof *authentication);
    if (!authentication)
        return NULL;
    authentication->session = session;
    authentication->snapshot = snapshot_ref(session->snapshot);
    authentication->address = session->address;
    authentication->mechanism = mechanism;
    return session->authentication = authentication;
}

void session_authenticate(struct session *session, const char *arguments, size_t length)
{
    const char *response;
    size_t response_length;
    enum smtp_mechanism mechanism = smtp_auth_parse(arguments, length, &response, &response_length);
    if (!session->esmtp)
        refuse(session, 503, "5.5.1 Say EHLO first");
    else if (!session->stream.ssl)
        refuse(session, 538, "5.7.11 Encryption is required: issue a STARTTLS command first");
    else if (session->authenticated)
        refuse(session, 503, "5.5.1 Authenticated already");
    else if (session->transaction)
        refuse(session, 503, "5.5.1 Not within a transaction");
    else if (!is_offered(session, mechanism))
        refuse(session, 504, "5.5.4 That mechanism is not offered here");
    else if (!begin(session, mechanism))
        refuse(session, 454, "4.3.0 Resources exhausted");
    else if (response)
        take_response(session, response, response_length);
    else {
        session->state = SESSION_AUTHENTICATION;
        session_reply(session, 334,
                      mechanism == SMTP_AUTH_LOGIN ? "VXNlcm5hbWU6" : ""); /* "Username:" */
    }
}
