/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See hop.h. Dialing is a ladder of steps; each ends in step_passed() or host_failed(), and the latter
 * goes on with the next address or host. */
#include "gateway/relay/hop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/relay/pool.h"
#include "gateway/smtp/command.h"
#include "pki/base/log.h"

/* Milliseconds; RFC 5321 4.5.3.2 where it names one. The whole of dialing stays below the five minutes
 * that a sender waits for the reply to RCPT. */
enum {
    TIMEOUT_RESOLVE = 60000,
    TIMEOUT_CONNECT = 30000,
    TIMEOUT_GREETING = 300000,
    TIMEOUT_EHLO = 300000,
    TIMEOUT_STARTTLS = 120000,
    TIMEOUT_HANDSHAKE = 60000,
    DIAL_MAXIMUM = 270000
};

const char *hop_step_name(enum hop_step step)
{
    static const char *const names[] = {"resolve",   "connect",  "greeting", "ehlo",
                                        "starttls", "handshake", "ehlo-tls", "transaction"};
    return names[step];
}

const char *hop_kind_name(enum hop_kind kind)
{
    static const char *const names[] = {"new", "resumed", "pooled"};
    return names[kind];
}

static void begin_host(struct hop *hop);
static void begin_address(struct hop *hop);
static void next_address(struct hop *hop);
static void on_stream(struct stream *stream);
static void on_timer(struct loop_timer *timer);

static struct loop *loop_of(const struct hop *hop)
{
    return hop->worker->loop;
}

/* Running out of memory for a timer must not leave the hop waiting for ever. */
static void set_timer(struct hop *hop, int64_t milliseconds)
{
    if (loop_set_timer(loop_of(hop), &hop->timer, milliseconds, on_timer) < 0)
        hop->stream.broken = true;
}

static int64_t bounded(const struct hop *hop, int64_t timeout)
{
    int64_t limit = hop->outbound->inactivity_timeout;
    return limit && limit < timeout ? limit : timeout;
}

static void begin_step(struct hop *hop, enum hop_step step, int64_t timeout)
{
    int64_t left = hop->dial_deadline - loop_now(loop_of(hop));
    hop->step = step;
    hop->step_started = loop_now(loop_of(hop));
    timeout = bounded(hop, timeout);
    set_timer(hop, timeout < left ? timeout : left < 0 ? 0 : left);
}

static void step_ended(struct hop *hop, const struct error *error)
{
    int64_t milliseconds = loop_now(loop_of(hop)) - hop->step_started;
    if (hop->step < HOP_READY)
        hop->milliseconds[hop->step] = milliseconds;
    if (hop->owner && hop->owner->step)
        hop->owner->step(hop->owner, hop->step, error, milliseconds);
}

/* --- failing --- */

enum gravity { GRAVITY_CONNECTION = 1, GRAVITY_PROTOCOL, GRAVITY_TLS, GRAVITY_VERDICT };

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
        log_error(&log, error);
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

/* Gives this address up, with what the sender will be told if no other does better. `code` and
 * `status` are SMTP's. */
static void host_failed(struct hop *hop, enum gravity gravity, int code, const char *status,
                        struct error *error)
{
    if (error->cure[0] == '\0')
        error_cure(error, "posternctl outbound validate %s", hop->outbound->name);
    hop_log_failure(hop, error);
    step_ended(hop, error);
    if ((int)gravity >= hop->gravity) {
        hop->gravity = gravity;
        smtp_reply_set(&hop->failure, code, "%s %s: %.900s", status, hop_host(hop), error->what);
    }
    WORKER_COUNT(hop->worker, hops_failed);
    stream_close(&hop->stream);
    next_address(hop);
}

static void connection_failed(struct hop *hop, struct error *error)
{
    host_failed(hop, GRAVITY_CONNECTION, 451, hop->step <= HOP_CONNECT ? "4.4.1" : "4.4.2", error);
}

/* Tells the owner from the timer, never from inside a call. */
static void fail_all(struct hop *hop)
{
    hop->failed = true;
    set_timer(hop, 0);
}

static bool time_is_up(const struct hop *hop)
{
    return loop_now(loop_of(hop)) >= hop->dial_deadline;
}

static void next_address(struct hop *hop)
{
    hop->without_tls = false;
    if (!time_is_up(hop) && hop->address + 1 < hop->addresses.count) {
        hop->address++;
        begin_address(hop);
    } else if (!time_is_up(hop) && hop->host + 1 < hop->outbound->host_count) {
        hop->host++;
        begin_host(hop);
    } else {
        fail_all(hop);
    }
}

/* --- commands and replies --- */

static void write_line(struct hop *hop, const char *format, va_list arguments)
{
    char line[SMTP_COMMAND_MAXIMUM];
    int length = vsnprintf(line, sizeof line - 2, format, arguments);
    if (length < 0 || (size_t)length >= sizeof line - 2) {
        hop->stream.broken = true;
        return;
    }
    line[length] = '\r';
    line[length + 1] = '\n';
    if (stream_write(&hop->stream, line, (size_t)length + 2) < 0)
        hop->stream.broken = true;
}

void hop_expect_reply(struct hop *hop, int64_t timeout)
{
    if (!hop->parser) {
        hop->parser = malloc(sizeof *hop->parser);
        if (!hop->parser) {
            hop->stream.broken = true;
            set_timer(hop, 0);
            return;
        }
        smtp_reply_start(hop->parser);
    }
    hop->replies_awaited++;
    if (hop->step == HOP_READY)
        hop->step_started = loop_now(loop_of(hop));
    set_timer(hop, bounded(hop, timeout));
}

void hop_command(struct hop *hop, int64_t timeout, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(hop, format, arguments);
    va_end(arguments);
    hop_expect_reply(hop, timeout);
}

int hop_write(struct hop *hop, const char *bytes, size_t length)
{
    if (hop->stream.broken)
        return -EPIPE;
    return stream_write(&hop->stream, bytes, length);
}

void hop_flush(struct hop *hop)
{
    if (stream_flush(&hop->stream) < 0 || hop->stream.broken)
        set_timer(hop, 0); /* the timer tells the owner */
}

void hop_watch_progress(struct hop *hop, int64_t timeout)
{
    if (hop->stream.broken)
        return; /* the timer is set to tell so */
    if (stream_unsent(&hop->stream))
        set_timer(hop, bounded(hop, timeout));
    else
        loop_cancel_timer(loop_of(hop), &hop->timer);
}

/* --- the ladder --- */

static void say_ehlo(struct hop *hop, enum hop_step step)
{
    begin_step(hop, step, TIMEOUT_EHLO);
    hop_command(hop, hop->timer.due - loop_now(loop_of(hop)), "%s %s",
                hop->said_helo ? "HELO" : "EHLO", hop->snapshot->config->host_name);
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
    loop_cancel_timer(loop_of(hop), &hop->timer);
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

static void log_reported(const struct hop *hop, const struct pki_peer_verdict *verdict)
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

static void log_unknown_revocation(const struct hop *hop, const struct pki_peer_verdict *verdict)
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

/* The handshake failed. Our own key's trouble is never a reason to go on without it. */
static void handshake_failed(struct hop *hop, const struct error *reason)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    struct error error = *reason;
    if (peer && peer->verdict && !peer->verdict->accepted) {
        error_set(&error, EX_PROTOCOL, "%s", peer->verdict->reason);
        error_cure(&error, "%s", peer->verdict->cure);
        WORKER_COUNT(hop->worker, peers_refused);
        host_failed(hop, GRAVITY_VERDICT, 454, "4.7.5", &error);
    } else if (error.code != EX_PROTOCOL && error.code != EX_IOERR) {
        host_failed(hop, GRAVITY_TLS, 451, "4.7.0", &error);
    } else if (!tls_is_demanded(hop)) {
        hop_log_failure(hop, &error);
        step_ended(hop, &error);
        stream_close(&hop->stream);
        hop->without_tls = true;
        begin_address(hop);
    } else {
        host_failed(hop, GRAVITY_TLS, 454, "4.7.5", &error);
    }
}

/* Around everything that may call the owner, who may close the hop: it is freed by the outermost. */
static bool begin_callback(struct hop *hop)
{
    bool outermost = !hop->busy;
    hop->busy = true;
    return outermost;
}

static void end_callback(struct hop *hop, bool outermost)
{
    if (!outermost)
        return;
    hop->busy = false;
    if (hop->dead)
        hop_close(hop, false);
}

static void handshake_finished(struct stream *stream, int result, const struct error *error)
{
    struct hop *hop = container_of(stream, struct hop, stream);
    bool outermost = begin_callback(hop);
    if (result < 0) {
        handshake_failed(hop, error);
    } else {
        const struct pki_peer_verdict *verdict = tls_peer(stream->ssl)->verdict;
        step_ended(hop, NULL);
        if (verdict->would_refuse)
            log_reported(hop, verdict);
        if (verdict->revocation_unknown)
            log_unknown_revocation(hop, verdict);
        say_ehlo(hop, HOP_EHLO_TLS);
    }
    end_callback(hop, outermost);
}

static void begin_handshake(struct hop *hop)
{
    struct error error;
    /* Who watches the steps wants to see a whole handshake. */
    SSL_SESSION *ticket = hop->owner->step
                              ? NULL
                              : pool_take_ticket(hop->worker->pool, hop->snapshot, hop->outbound,
                                                 hop->host);
    SSL *ssl = tls_connect(&hop->snapshot->outbound[hop->outbound->index], hop->snapshot,
                           hop_host(hop), ticket);
    step_ended(hop, NULL);
    begin_step(hop, HOP_HANDSHAKE, TIMEOUT_HANDSHAKE);
    if (ssl && stream_handshake(&hop->stream, hop->worker->offload, ssl, tls_connected,
                                handshake_finished) == 0)
        return;
    error_set(&error, EX_OSERR, "Out of memory");
    host_failed(hop, GRAVITY_TLS, 451, "4.3.2", &error);
}

static void refused(struct hop *hop, const char *what, const struct smtp_reply *reply)
{
    struct error error;
    error_set(&error, EX_UNAVAILABLE, "%s was answered \"%d %.300s\"", what, reply->code,
              reply->text);
    host_failed(hop, GRAVITY_PROTOCOL, 451, "4.4.0", &error);
}

static void dial_replied(struct hop *hop, const struct smtp_reply *reply)
{
    bool positive = smtp_reply_class(reply) == 2;
    switch (hop->step) {
    case HOP_GREETING:
        if (reply->code != 220) {
            refused(hop, "The connection", reply);
            return;
        }
        step_ended(hop, NULL);
        say_ehlo(hop, HOP_EHLO);
        return;
    case HOP_EHLO:
    case HOP_EHLO_TLS:
        if (positive) {
            step_ended(hop, NULL);
            smtp_offers_parse(reply, &hop->offers);
            if (hop->step == HOP_EHLO)
                ask_for_tls(hop);
            else
                become_ready(hop);
        } else if (smtp_reply_class(reply) == 5 && !hop->said_helo &&
                   (hop->step == HOP_EHLO_TLS || !tls_is_demanded(hop))) {
            hop->said_helo = true;
            say_ehlo(hop, hop->step);
        } else {
            refused(hop, "EHLO", reply);
        }
        return;
    case HOP_STARTTLS:
        if (reply->code == 220)
            begin_handshake(hop);
        else if (tls_is_demanded(hop))
            refused(hop, "STARTTLS", reply);
        else
            become_ready(hop);
        return;
    default:
        return;
    }
}

/* The connection is no use any more. */
static void connection_lost(struct hop *hop, struct error *error)
{
    if (!hop->owner) {
        pool_drop(hop->worker->pool, hop);
    } else if (hop->step < HOP_READY) {
        connection_failed(hop, error);
    } else if (!hop->notified) {
        hop->notified = true;
        loop_cancel_timer(loop_of(hop), &hop->timer);
        hop->owner->lost(hop->owner, error);
    }
}

static void set_lost_error(const struct hop *hop, struct error *error)
{
    const char *reason = hop->stream.reason;
    if (reason && hop->step == HOP_EHLO_TLS)
        error_set(error, EX_PROTOCOL, "it ended TLS after the handshake, as one does who refuses "
                  "our certificate: %s", reason);
    else
        error_set(error, EX_IOERR, "the connection was lost%s%s", reason ? ": " : "",
                  reason ? reason : "");
}

/* A server that speaks out of turn is lying, or closing. Nothing of it may be taken for an answer. */
static void spoke_out_of_turn(struct hop *hop, const char *bytes, size_t length)
{
    struct error error;
    char text[120];
    size_t used = 0;
    for (; used < length && used < sizeof text - 1; used++)
        text[used] = bytes[used] >= 0x20 && bytes[used] < 0x7f ? bytes[used] : ' ';
    text[used] = '\0';
    hop->stream.broken = true;
    error_set(&error, EX_PROTOCOL, "it spoke without being asked: \"%s\"", text);
    connection_lost(hop, &error);
}

/* One whole reply; what follows it in the same piece must have been asked for as well. */
static void take_reply(struct hop *hop)
{
    struct smtp_reply reply;
    smtp_reply_copy(&reply, &hop->parser->reply);
    hop->replies_awaited--;
    smtp_reply_start(hop->parser);
    if (hop->replies_awaited == 0)
        loop_cancel_timer(loop_of(hop), &hop->timer);
    if (hop->step == HOP_READY)
        hop->owner->replied(hop->owner, &reply);
    else
        dial_replied(hop, &reply);
}

/* False when the connection is not to be read any further. */
static bool take_bytes(struct hop *hop, const char *bytes, size_t length)
{
    unsigned connection = hop->connection;
    while (length && !hop->dead) {
        size_t taken = 0;
        if (hop->leaving) {
            pool_drop(hop->worker->pool, hop); /* the answer to QUIT, whatever it is */
            return false;
        }
        if (!hop->replies_awaited || !hop->owner) {
            spoke_out_of_turn(hop, bytes, length);
            return false;
        }
        int result = smtp_reply_feed(hop->parser, bytes, length, &taken);
        bytes += taken;
        length -= taken;
        if (result < 0) {
            struct error error;
            hop->stream.broken = true;
            error_set(&error, EX_PROTOCOL, "what it answered is no SMTP reply");
            connection_lost(hop, &error);
            return false;
        }
        if (result == 0)
            return true;
        /* Bytes behind the reply to STARTTLS came in the clear and would be read as if in TLS. */
        if (hop->step == HOP_STARTTLS && length) {
            spoke_out_of_turn(hop, bytes, length);
            return false;
        }
        take_reply(hop);
        if (hop->connection != connection || !stream_is_open(&hop->stream) ||
            hop->stream.handshake)
            return false;
    }
    return !hop->dead;
}

static void read_replies(struct hop *hop)
{
    struct error error;
    for (;;) {
        ssize_t count = stream_read(&hop->stream, hop->worker->scratch, WORKER_SCRATCH);
        if (count == -EAGAIN)
            return;
        if (count <= 0) {
            hop->stream.broken = true;
            set_lost_error(hop, &error);
            connection_lost(hop, &error);
            return;
        }
        if (!take_bytes(hop, hop->worker->scratch, (size_t)count))
            return;
        /* Every answer is here; anything more will be an event. (A reader of TLS that finds nothing
         * costs as much as one that finds a reply.) */
        if (hop->step == HOP_READY && !hop->replies_awaited && !hop->stream.hung_up &&
            stream_is_drained(&hop->stream))
            return;
    }
}

static void write_more(struct hop *hop)
{
    size_t before = stream_unsent(&hop->stream);
    if (!before)
        return;
    if (stream_flush(&hop->stream) < 0) {
        set_timer(hop, 0);
        return;
    }
    if (hop->owner && hop->step == HOP_READY && hop->owner->drained &&
        stream_unsent(&hop->stream) <= STREAM_OUT_LOW)
        hop->owner->drained(hop->owner);
}

/* True once the connection stands. */
static bool connected(struct hop *hop)
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
        connection_failed(hop, &error);
        return false;
    }
    step_ended(hop, NULL);
    begin_step(hop, HOP_GREETING, TIMEOUT_GREETING);
    hop_expect_reply(hop, hop->timer.due - loop_now(loop_of(hop)));
    return true;
}

static void on_stream(struct stream *stream)
{
    struct hop *hop = container_of(stream, struct hop, stream);
    bool outermost = begin_callback(hop);
    if (hop->step != HOP_CONNECT || connected(hop)) {
        write_more(hop);
        if (!hop->dead && stream_is_open(stream) && !stream->handshake && !hop->notified)
            read_replies(hop);
    }
    end_callback(hop, outermost);
}

static void timed_out(struct hop *hop)
{
    struct error error;
    if (!hop->owner) {
        pool_drop(hop->worker->pool, hop);
        return;
    }
    if (hop->stream.broken)
        set_lost_error(hop, &error);
    else
        error_set(&error, EX_TEMPFAIL, "no answer in %s within %lld s",
                  hop->step == HOP_READY ? "the transaction" : hop_step_name(hop->step),
                  (long long)((loop_now(loop_of(hop)) - hop->step_started) / 1000));
    hop->stream.broken = true;
    connection_lost(hop, &error);
}

static void on_timer(struct loop_timer *timer)
{
    struct hop *hop = container_of(timer, struct hop, timer);
    bool outermost = begin_callback(hop);
    if (!hop->begun) {
        hop->begun = true;
        begin_host(hop);
    } else if (hop->failed) {
        if (!hop->notified) {
            hop->notified = true;
            hop->owner->failed(hop->owner, &hop->failure);
        }
    } else {
        timed_out(hop);
    }
    end_callback(hop, outermost);
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
    snprintf(hop->address_text, sizeof hop->address_text, six ? "[%s]:%u" : "%s:%u", text,
             port);
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
    if (fd >= 0) /* a refusal costs latency only */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to->address, to->length) < 0 &&
        errno != EINPROGRESS) {
        number = errno;
        close(fd);
        fd = -1;
    }
    if (fd >= 0 && stream_open(&hop->stream, loop_of(hop), fd, on_stream) == 0)
        return;
    error_set_errno(&error, EX_UNAVAILABLE, number, "Cannot connect to %s", hop->address_text);
    connection_failed(hop, &error);
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
        host_failed(hop, GRAVITY_CONNECTION, 451, "4.4.3", &error);
        return;
    }
    step_ended(hop, NULL);
    begin_address(hop);
}

static void begin_host(struct hop *hop)
{
    const struct conn_host *host = &hop->outbound->hosts[hop->host];
    struct error error;
    hop->addresses.count = 0;
    hop->address_text[0] = '\0';
    begin_step(hop, HOP_RESOLVE, TIMEOUT_RESOLVE);
    if (resolver_ask(hop->worker->resolver, &hop->query, host->name, host->port, resolved) == 0)
        return;
    error_set(&error, EX_TEMPFAIL, "Too many names are being looked up");
    host_failed(hop, GRAVITY_CONNECTION, 451, "4.3.2", &error);
}

struct hop *hop_dial(struct worker *worker, struct snapshot *snapshot,
                     const struct conn_outbound *outbound, struct hop_owner *owner)
{
    struct hop *hop = calloc(1, sizeof *hop);
    if (!hop)
        return NULL;
    hop->worker = worker;
    hop->outbound = outbound;
    hop->owner = owner;
    hop->dial_started = loop_now(worker->loop);
    hop->dial_deadline = hop->dial_started + DIAL_MAXIMUM;
    if (loop_set_timer(worker->loop, &hop->timer, 0, on_timer) < 0) {
        free(hop);
        return NULL;
    }
    hop->snapshot = snapshot_ref(snapshot);
    WORKER_COUNT(worker, hops_dialed);
    WORKER_ADD(worker, hops_open, 1);
    return hop;
}

/* A next hop that is left without a word may think that the connection broke, and forget the TLS
 * session that we mean to resume. */
static bool take_leave(struct hop *hop)
{
    if (hop->leaving || hop->step != HOP_READY || hop->replies_awaited || hop->stream.broken ||
        stream_write(&hop->stream, "QUIT\r\n", 6) < 0 ||
        stream_flush(&hop->stream) < 0)
        return false;
    pool_keep_tickets(hop->worker->pool, hop);
    return pool_see_off(hop->worker->pool, hop);
}

void hop_close(struct hop *hop, bool politely)
{
    if (politely && take_leave(hop))
        return;
    resolver_cancel(&hop->query);
    loop_cancel_timer(loop_of(hop), &hop->timer);
    if (stream_is_open(&hop->stream)) {
        if (hop->step == HOP_READY)
            pool_keep_tickets(hop->worker->pool, hop);
        stream_close(&hop->stream);
    }
    hop->owner = NULL;
    hop->notified = true;
    if (hop->busy) {
        hop->dead = true;
        return;
    }
    WORKER_ADD(hop->worker, hops_open, -1);
    free(hop->parser);
    snapshot_unref(hop->snapshot);
    free(hop);
}
