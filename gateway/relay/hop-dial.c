/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Dialing a hop: a ladder of steps; each ends in step_ended() or host_failed(), and the latter goes
 * on with the next address or host. See hop.h. */
#include "gateway/relay/hop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/relay/error-policy.h"
#include "gateway/relay/hop-private.h"
#include "gateway/relay/pool.h"
#include "gateway/relay/presented.h"

/* Milliseconds; RFC 5321 4.5.3.2 where it names one. */
enum {
    TIMEOUT_RESOLVE = 60000,
    TIMEOUT_CONNECT = 30000,
    TIMEOUT_GREETING = 300000,
    TIMEOUT_EHLO = 300000,
    TIMEOUT_STARTTLS = 120000,
    TIMEOUT_HANDSHAKE = 60000
};

const char *hop_step_name(enum hop_step step)
{
    static const char *const names[] = {"mx",   "resolve",  "connect",   "greeting",
                                        "ehlo", "starttls", "handshake", "ehlo-tls",
                                        "transaction"};
    return names[step];
}

static void begin_address(struct hop *hop);
static void next_address(struct hop *hop);

static void begin_step(struct hop *hop, enum hop_step step, int64_t timeout)
{
    int64_t left = hop->dial_deadline - loop_now(hop_loop(hop));
    hop->step = step;
    hop->step_started = loop_now(hop_loop(hop));
    hop->heard = NULL;
    hop->advice = NULL;
    hop->late = false;
    timeout = hop_bounded(hop, timeout);
    hop_set_timer(hop, timeout < left ? timeout : left < 0 ? 0 : left);
}

static void step_ended(struct hop *hop, const struct error *error)
{
    int64_t milliseconds = loop_now(hop_loop(hop)) - hop->step_started;
    if (hop->step < HOP_READY)
        hop->milliseconds[hop->step] = milliseconds;
    if (hop->owner && hop->owner->step)
        hop->owner->step(hop->owner, hop->step, error, milliseconds);
}

/* --- failing --- */

enum gravity { GRAVITY_NAME, GRAVITY_CONNECTION, GRAVITY_PROTOCOL, GRAVITY_TLS, GRAVITY_VERDICT };

/* Gives this address up, with what the sender will be told if no other does better. `code` and
 * `status` are SMTP's. */
static void host_failed(struct hop *hop, enum gravity gravity, int code, const char *status,
                        struct error *error)
{
    hop_log_failure(hop, error);
    step_ended(hop, error);
    if ((int)gravity >= hop->gravity) {
        hop->gravity = gravity;
        smtp_reply_set(&hop->failure, code, "%s %s: %.900s", status, hop_host(hop), error->what);
    }
    WORKER_COUNT(hop->worker, hops_failed);
    pool_settle(hop->worker->pool, hop);
    stream_close(&hop->stream);
    next_address(hop);
}

void hop_dial_broken(struct hop *hop, struct error *error)
{
    host_failed(hop, GRAVITY_CONNECTION, 451, hop->step <= HOP_CONNECT ? "4.4.1" : "4.4.2", error);
}

/* Tells the owner from the timer, never from inside a call. */
static void fail_all(struct hop *hop)
{
    struct smtp_reply room;
    if (hop->gravity == GRAVITY_NAME && hop->failure.code) {
        const struct smtp_reply *reply = error_policy_apply(hop->outbound, ERROR_FROM_DNS,
                                                            hop_host(hop), &hop->failure, &room);
        if (reply != &hop->failure)
            smtp_reply_copy(&hop->failure, reply);
    }
    hop->failed = true;
    hop_set_timer(hop, 0);
}

static bool time_is_up(const struct hop *hop)
{
    return loop_now(hop_loop(hop)) >= hop->dial_deadline;
}

static void next_address(struct hop *hop)
{
    hop->without_tls = hop->without_ticket = false;
    if (!time_is_up(hop) && hop->address + 1 < hop->addresses.count) {
        hop->address++;
        begin_address(hop);
    } else if (!time_is_up(hop) && hop->host + 1 < hop_host_count(hop)) {
        hop->host++;
        hop_dial_host(hop);
    } else {
        fail_all(hop);
    }
}

/* --- the ladder, from the greeting on --- */

static void say_ehlo(struct hop *hop, enum hop_step step)
{
    begin_step(hop, step, TIMEOUT_EHLO);
    hop_command(hop, hop->timer.due - loop_now(hop_loop(hop)), "%s %s",
                hop->said_helo ? "HELO" : "EHLO",
                hop->outbound->fqdn ? hop->outbound->fqdn : hop->snapshot->config->host_name);
    hop_flush(hop);
}

static void become_ready(struct hop *hop)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    hop->step = HOP_READY;
    hop->stream.keeps_memory = true;
    hop->kind = peer && peer->resumed ? HOP_RESUMED : HOP_NEW;
    if (hop->kind == HOP_RESUMED)
        WORKER_COUNT(hop->worker, hops_resumed);
    pool_keep_tickets(hop->worker->pool, hop);
    pool_settle(hop->worker->pool, hop);
    loop_cancel_timer(hop_loop(hop), &hop->timer);
    hop->owner->ready(hop->owner);
}

static bool tls_is_demanded(const struct hop *hop)
{
    return hop->outbound->tls_settings >= CONN_TLS_ENCRYPTION_ONLY;
}

static void ask_for_tls(struct hop *hop)
{
    if (hop->outbound->tls_settings == CONN_TLS_NONE || hop->without_tls ||
        (!hop->offers.starttls && !tls_is_demanded(hop))) {
        become_ready(hop);
        return;
    }
    begin_step(hop, HOP_STARTTLS, TIMEOUT_STARTTLS);
    if (!hop->offers.starttls) {
        struct error error;
        error_set(&error, EX_PROTOCOL, "it does not offer STARTTLS, which connector %s demands",
                  hop->outbound->name);
        error_cure(&error, "see whether something between here and there strips STARTTLS");
        host_failed(hop, GRAVITY_PROTOCOL, 454, "4.7.4", &error);
        return;
    }
    hop_command(hop, TIMEOUT_STARTTLS, "STARTTLS");
    hop_flush(hop);
}

/* A session was resumed whose certificate does not hold any more. Only a full handshake tells what the
 * next hop would present today. */
static void begin_without_ticket(struct hop *hop)
{
    pool_forget_connector(hop->worker->pool, hop->snapshot, hop->outbound);
    stream_close(&hop->stream);
    hop->without_ticket = true;
    begin_address(hop);
}

/* The handshake failed. Our own key's trouble is never a reason to go on without it. */
static void handshake_failed(struct hop *hop, const struct error *reason)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    struct error error = *reason;
    if (peer && peer->resumed && !hop->without_ticket) {
        begin_without_ticket(hop);
    } else if (peer && peer->verdict && !peer->verdict->accepted) {
        presented_by_next_hop(hop);
        error_set(&error, EX_PROTOCOL, "%s", peer->verdict->reason);
        error_cure(&error, "%s", peer->verdict->cure);
        WORKER_COUNT(hop->worker, peers_refused);
        host_failed(hop, GRAVITY_VERDICT, 454, "4.7.5", &error);
    } else if (error.code != EX_PROTOCOL && error.code != EX_IOERR) {
        host_failed(hop, GRAVITY_TLS, 451, "4.7.0", &error);
    } else if (!tls_is_demanded(hop)) {
        hop_log_failure(hop, &error);
        hop->without_tls = true;
        step_ended(hop, &error);
        pool_settle(hop->worker->pool, hop);
        stream_close(&hop->stream);
        begin_address(hop);
    } else {
        host_failed(hop, GRAVITY_TLS, 454, "4.7.5", &error);
    }
}

static void handshake_finished(struct stream *stream, int result, const struct error *error)
{
    struct hop *hop = container_of(stream, struct hop, stream);
    bool outermost = hop_begin_callback(hop);
    if (result < 0) {
        handshake_failed(hop, error);
    } else {
        const struct pki_peer_verdict *verdict = tls_peer(stream->ssl)->verdict;
        presented_by_next_hop(hop);
        step_ended(hop, NULL);
        if (verdict->would_refuse)
            hop_log_reported(hop, verdict);
        if (verdict->revocation_unknown)
            hop_log_unknown_revocation(hop, verdict);
        say_ehlo(hop, HOP_EHLO_TLS);
    }
    hop_end_callback(hop, outermost);
}

/* Who watches the steps wants to see a whole handshake. */
static bool wants_ticket(const struct hop *hop)
{
    return !hop->owner->step && !hop->without_ticket;
}

static SSL_SESSION *take_ticket(const struct hop *hop)
{
    if (!wants_ticket(hop))
        return NULL;
    return pool_take_ticket(hop->worker->pool, hop->snapshot, hop->outbound, hop_host(hop),
                            hop_port(hop));
}

static void shake_hands(struct hop *hop, SSL_SESSION *ticket)
{
    struct error error;
    const struct snapshot_outbound *outbound = &hop->snapshot->outbound[hop->outbound->index];
    SSL *ssl = tls_connect(outbound, hop->tls ? hop->tls : outbound->tls,
                           hop->tls ? hop->identity : outbound->identity, hop->snapshot,
                           hop_host(hop), ticket);
    if (ssl)
        tls_peer(ssl)->generation = pool_generation(hop->worker->pool);
    begin_step(hop, HOP_HANDSHAKE, TIMEOUT_HANDSHAKE);
    if (ssl && stream_handshake(&hop->stream, hop->worker->offload, ssl, tls_connected,
                                handshake_finished) == 0)
        return;
    error_set(&error, EX_OSERR, "Out of memory");
    host_failed(hop, GRAVITY_TLS, 451, "4.3.2", &error);
}

static void begin_handshake(struct hop *hop)
{
    step_ended(hop, NULL);
    SSL_SESSION *ticket = take_ticket(hop);
    if (!ticket && wants_ticket(hop) && pool_follow(hop->worker->pool, hop))
        return;
    shake_hands(hop, ticket);
}

void hop_dial_end_following(struct hop *hop)
{
    pool_settle(hop->worker->pool, hop);
    shake_hands(hop, take_ticket(hop));
}

static void refused(struct hop *hop, const char *what, const struct smtp_reply *reply)
{
    struct error error;
    error_set(&error, smtp_reply_class(reply) == 4 ? EX_TEMPFAIL : EX_UNAVAILABLE,
              "%s was answered \"%d %.300s\"", what, reply->code, reply->text);
    hop->advice = smtp_advice(reply);
    if (hop->advice)
        error_cure(&error, "%s", hop->advice->cure);
    host_failed(hop, GRAVITY_PROTOCOL, 451, "4.4.0", &error);
}

/* STARTTLS was refused by a host that the connector takes without TLS too. */
static void go_on_in_the_clear(struct hop *hop, const struct smtp_reply *reply)
{
    struct error error;
    error_set(&error, EX_UNAVAILABLE, "STARTTLS was answered \"%d %.300s\"", reply->code,
              reply->text);
    hop->without_tls = true;
    step_ended(hop, &error);
    become_ready(hop);
}

static void starttls_replied(struct hop *hop, const struct smtp_reply *reply)
{
    if (reply->code == 220)
        begin_handshake(hop);
    else if (tls_is_demanded(hop))
        refused(hop, "STARTTLS", reply);
    else
        go_on_in_the_clear(hop, reply);
}

static void ehlo_replied(struct hop *hop, const struct smtp_reply *reply)
{
    int class = smtp_reply_class(reply);
    if (class == 2) {
        step_ended(hop, NULL);
        smtp_offers_parse(reply, &hop->offers);
        if (hop->step == HOP_EHLO)
            ask_for_tls(hop);
        else
            become_ready(hop);
    } else if (class == 5 && !hop->said_helo &&
               (hop->step == HOP_EHLO_TLS || !tls_is_demanded(hop))) {
        hop->said_helo = true;
        say_ehlo(hop, hop->step);
    } else {
        refused(hop, "EHLO", reply);
    }
}

static void greeted(struct hop *hop, const struct smtp_reply *reply)
{
    if (reply->code != 220) {
        refused(hop, "The connection", reply);
        return;
    }
    step_ended(hop, NULL);
    say_ehlo(hop, HOP_EHLO);
}

void hop_dial_replied(struct hop *hop, const struct smtp_reply *reply)
{
    hop->heard = reply;
    if (hop->step == HOP_GREETING)
        greeted(hop, reply);
    else if (hop->step == HOP_EHLO || hop->step == HOP_EHLO_TLS)
        ehlo_replied(hop, reply);
    else if (hop->step == HOP_STARTTLS)
        starttls_replied(hop, reply);
    hop->heard = NULL;
}

/* --- hosts and addresses --- */

/* True once the connection stands. */
bool hop_dial_connected(struct hop *hop)
{
    int number = 0;
    socklen_t length = sizeof number;
    struct sockaddr_storage peer;
    socklen_t peer_length = sizeof peer;
    struct error error;
    getsockopt(hop->stream.watch.fd, SOL_SOCKET, SO_ERROR, &number, &length);
    if (number == 0 &&
        getpeername(hop->stream.watch.fd, (struct sockaddr *)&peer, &peer_length) < 0)
        return false; /* not yet */
    if (number) {
        error_set_errno(&error, EX_UNAVAILABLE, number, "Cannot connect to %s", hop->address_text);
        hop_dial_broken(hop, &error);
        return false;
    }
    step_ended(hop, NULL);
    begin_step(hop, HOP_GREETING, TIMEOUT_GREETING);
    hop_expect_reply(hop, hop->timer.due - loop_now(hop_loop(hop)));
    return true;
}

static void describe_address(struct hop *hop, const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "?";
    bool six = address->ss_family == AF_INET6;
    uint16_t port;
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        port = ntohs(in->sin6_port);
    }
    snprintf(hop->address_text, sizeof hop->address_text, six ? "[%s]:%u" : "%s:%u", text, port);
}

static void begin_address(struct hop *hop)
{
    const struct resolver_address *to = &hop->addresses.addresses[hop->address];
    struct error error;
    describe_address(hop, &to->address);
    begin_step(hop, HOP_CONNECT, TIMEOUT_CONNECT);
    hop->connection++;
    hop->said_helo = false;
    hop->replies_awaited = 0;
    if (hop->parser)
        smtp_reply_start(hop->parser);
    int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int number = errno, one = 1;
    if (fd >= 0 && hop_bind_source(hop, fd, to->address.ss_family, &error) < 0) {
        close(fd);
        hop_dial_broken(hop, &error);
        return;
    }
    if (fd >= 0) /* a refusal costs latency only */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to->address, to->length) < 0 &&
        errno != EINPROGRESS) {
        number = errno;
        close(fd);
        fd = -1;
    }
    if (fd >= 0 && stream_open(&hop->stream, hop_loop(hop), fd, hop_on_stream) == 0)
        return;
    error_set_errno(&error, EX_UNAVAILABLE, number, "Cannot connect to %s", hop->address_text);
    hop_dial_broken(hop, &error);
}

static void resolved(struct resolver_query *query, const struct resolver_answer *answer,
                     const struct error *failure)
{
    struct hop *hop = container_of(query, struct hop, query);
    struct error error;
    hop->addresses = *answer;
    hop->address = 0;
    if (failure || !answer->count) {
        if (failure)
            error = *failure;
        else
            error_set(&error, EX_UNAVAILABLE, "%s has no address", hop_host(hop));
        hop->addresses.count = 0;
        hop_dial_unresolved(hop, failure ? answer->outcome : DNS_TEMPORARY, &error);
        return;
    }
    step_ended(hop, NULL);
    begin_address(hop);
}

static const struct {
    int code;
    const char *status;
} unresolved[] = {
    [DNS_TEMPORARY] = {451, "4.4.3"},
    [DNS_NO_DOMAIN] = {550, "5.1.2"},
    [DNS_NULL_MX] = {556, "5.1.10"},
    [DNS_UNUSABLE] = {550, "5.4.4"},
};

/* A host of a domain that has no address is the lightest of failures: another may be down for now. */
void hop_dial_unresolved(struct hop *hop, enum dns_outcome outcome, struct error *error)
{
    bool lasting = outcome != DNS_TEMPORARY;
    bool of_domain = !hop->route || hop->route->implicit;
    if (lasting && !of_domain)
        outcome = DNS_UNUSABLE;
    host_failed(hop, lasting ? GRAVITY_NAME : GRAVITY_CONNECTION, unresolved[outcome].code,
                unresolved[outcome].status, error);
}

void hop_dial_routed(struct hop *hop)
{
    step_ended(hop, NULL);
    hop_dial_host(hop);
}

/* The first step under a connector with UseMXRecord, before there is a host. */
static bool needs_route(const struct hop *hop)
{
    return hop->outbound->use_mx_record && !hop->route;
}

void hop_dial_host(struct hop *hop)
{
    struct error error;
    hop->addresses.count = 0;
    hop->address = 0;
    hop->address_text[0] = '\0';
    begin_step(hop, needs_route(hop) ? HOP_ROUTE : HOP_RESOLVE, TIMEOUT_RESOLVE);
    if ((needs_route(hop) ? hop_route_ask(hop) : hop_route_resolve(hop, resolved)) == 0)
        return;
    error_set(&error, EX_TEMPFAIL, "Too many names are being looked up");
    host_failed(hop, GRAVITY_CONNECTION, 451, "4.3.2", &error);
}
