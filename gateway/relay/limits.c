/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See limits.h. */
#include "gateway/relay/limits.h"

#include <inttypes.h>

#include "connectors/restrict.h"
#include "gateway/relay/counters.h"
#include "gateway/relay/session-private.h"

const struct conn_limits *limits_of(const struct session *session)
{
    return session->inbound ? &session->inbound->limits : &session->snapshot->config->limits;
}

void limits_reached(const struct session *session, const char *limit)
{
    struct log log;
    WORKER_COUNT(session->worker, limits_reached);
    log_event(&log, LOG_EVENT_LIMIT_REACHED, "%s has reached %s", session->peer, limit);
    session_log(session, &log);
    log_text(&log, "bound", limit);
    log_text(&log, "inbound", session->inbound ? session->inbound->name : NULL);
    log_format(&log, "cure", "if this client may do that, raise %s of %s", limit,
               session->inbound ? "the connector" : "postern.xml");
    log_end(&log);
}

static const struct sockaddr *address_of(const struct session *session)
{
    return (const struct sockaddr *)&session->address;
}

/* --- sessions --- */

static bool enter(struct session *session, enum session_count which, const char *owner,
                  bool by_source, unsigned most)
{
    static const char *const names[] = {
        [SESSION_COUNT_SOURCE] = "MaxInboundConnectionPerSource",
        [SESSION_COUNT_CONNECTOR] = "MaxInboundConnection",
        [SESSION_COUNT_CONNECTOR_SOURCE] = "MaxInboundConnectionPerSource",
    };
    struct counters_key key = counters_key(owner, by_source ? address_of(session) : NULL);
    if (counters_enter(&key, most, &session->counted[which]) == COUNTERS_TAKEN)
        return true;
    limits_reached(session, names[which]);
    WORKER_COUNT(session->worker, sessions_refused);
    session_reply(session, 421, "4.3.2 %s has too many sessions open%s", session_name(session),
                  by_source ? " from your address" : "");
    return false;
}

static void leave(struct session *session, enum session_count which)
{
    counters_leave(session->counted[which]);
    session->counted[which] = NULL;
}

bool limits_admit_source(struct session *session)
{
    unsigned most = session->snapshot->config->limits.sessions_per_source;
    return most == CONN_UNLIMITED || enter(session, SESSION_COUNT_SOURCE, "", true, most);
}

/* What is not below the gateway's own bound cannot be reached, so nobody counts. */
static bool enter_connector(struct session *session, const struct conn_inbound *inbound)
{
    const struct conn_limits *all = &session->snapshot->config->limits;
    const struct conn_limits *limits = &inbound->limits;
    leave(session, SESSION_COUNT_CONNECTOR);
    leave(session, SESSION_COUNT_CONNECTOR_SOURCE);
    if (limits->sessions < all->sessions &&
        !enter(session, SESSION_COUNT_CONNECTOR, inbound->name, false, limits->sessions))
        return false;
    return limits->sessions_per_source >= all->sessions_per_source ||
           enter(session, SESSION_COUNT_CONNECTOR_SOURCE, inbound->name, true,
                 limits->sessions_per_source);
}

void limits_release(struct session *session)
{
    for (unsigned i = 0; i < SESSION_COUNTS; i++)
        leave(session, i);
}

/* --- messages --- */

static bool takes_message_now(struct session *session, const struct conn_inbound *inbound)
{
    unsigned rate = inbound->limits.message_rate;
    if (rate == CONN_UNLIMITED)
        return true;
    struct counters_key key = counters_key(inbound->name, address_of(session));
    if (counters_take_message(&key, rate, loop_now(session->worker->loop)))
        return true;
    limits_reached(session, "MessageRateLimit");
    session_reply(session, 450, "4.7.1 At most %u messages a minute are taken from your address",
                  rate);
    return false;
}

bool limits_admit(struct session *session, const struct conn_inbound *inbound, uint64_t size)
{
    bool another = session->inbound != inbound;
    session->inbound = inbound;
    if (another && !enter_connector(session, inbound)) {
        session_finish(session);
        return false;
    }
    if (size > inbound->limits.message_size) {
        limits_reached(session, "MaxMessageSize");
        session_reply(session, 552, "5.3.4 Messages have at most %" PRIu64 " bytes here",
                      inbound->limits.message_size);
        return false;
    }
    return takes_message_now(session, inbound);
}

uint64_t limits_size_offered(const struct session *session)
{
    return conn_inbound_largest(session->snapshot->config, address_of(session),
                                (const struct sockaddr *)&session->local);
}

/* --- mistakes --- */

static void hang_up(struct session *session, const char *limit, const char *text)
{
    limits_reached(session, limit);
    session_reply(session, 421, "4.7.0 %s", text);
    session_finish(session);
}

void session_count_error(struct session *session)
{
    if (++session->errors >= limits_of(session)->protocol_errors && !session->closing)
        hang_up(session, "MaxProtocolErrors", "Too many errors");
}

void limits_count_junk(struct session *session)
{
    if (++session->junk > limits_of(session)->junk_commands && !session->closing)
        hang_up(session, "MaxJunkCommands", "Too many commands without a message");
}

/* --- time --- */

void limits_data_begins(struct session *session)
{
    session->pace = (struct limits_pace){.since = loop_now(session->worker->loop)};
}

void limits_data_came(struct session *session, size_t bytes)
{
    session->pace.bytes += bytes;
}

static bool is_paced(const struct session *session)
{
    return session->state == SESSION_DATA && limits_of(session)->transfer_rate;
}

static int64_t session_end_due(const struct session *session)
{
    return session->started + limits_of(session)->connection_timeout;
}

/* A command that comes a byte at a time has no longer than one that does not come at all. */
static int64_t inactivity_due(struct session *session, int64_t now)
{
    bool half = (session->state == SESSION_COMMAND || session->state == SESSION_AUTHENTICATION) &&
                (session->skipping_line || buffer_length(&session->input));
    if (!half)
        session->line_since = 0;
    else if (!session->line_since)
        session->line_since = now;
    return (half ? session->line_since : now) + limits_of(session)->inactivity_timeout;
}

int64_t limits_wait(struct session *session)
{
    int64_t now = loop_now(session->worker->loop), due = inactivity_due(session, now);
    if (due > session_end_due(session))
        due = session_end_due(session);
    if (is_paced(session)) {
        if (!transaction_wants_data(session)) /* it is we who are slow */
            limits_data_begins(session);
        if (due > session->pace.since + LIMITS_PACE_MILLISECONDS)
            due = session->pace.since + LIMITS_PACE_MILLISECONDS;
    }
    return due > now ? due - now : 0;
}

static bool is_slow(const struct session *session, int64_t now)
{
    int64_t elapsed = now - session->pace.since;
    return session->pace.bytes * 1000 <
           (uint64_t)limits_of(session)->transfer_rate * (uint64_t)elapsed;
}

bool limits_overdue(struct session *session, struct smtp_reply *reply)
{
    int64_t now = loop_now(session->worker->loop);
    const char *name = session_name(session);
    if (now >= session_end_due(session)) {
        limits_reached(session, "ConnectionTimeOut");
        smtp_reply_set(reply, 421, "4.4.2 %s closes: the session has lasted long enough", name);
        return true;
    }
    if (is_paced(session) && now >= session->pace.since + LIMITS_PACE_MILLISECONDS) {
        if (!is_slow(session, now)) {
            limits_data_begins(session);
            return false;
        }
        limits_reached(session, "MinimumTransferRate");
        smtp_reply_set(reply, 421, "4.4.2 %s closes: message data comes too slowly", name);
        return true;
    }
    smtp_reply_set(reply, 421, "4.4.2 %s timed out waiting for you", name);
    return true;
}
