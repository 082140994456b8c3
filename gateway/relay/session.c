/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session's connection: accepting, reading, replying, TLS, time-outs, closing. See session.h. */
#include "gateway/relay/session-private.h"
#include "gateway/relay/presented.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connectors/address.h"
#include "connectors/restrict.h"
#include "pki/names.h"

enum {
    INPUT_MAXIMUM = WORKER_SCRATCH + SMTP_COMMAND_MAXIMUM,
    HANDSHAKE_MILLISECONDS = 60000,
    PROXY_MILLISECONDS = 5000,  /* a balancer sends its header at once */
    LINGER_MILLISECONDS = 5000,
    PIECES_AT_ONCE = 32
};

static void pump(struct session *session);
static void greet(struct session *session);

/* --- life --- */

static void log_end_of_session(const struct session *session)
{
    struct log log;
    log_event(&log, LOG_EVENT_SESSION, "Session of %s ended", session->peer);
    session_log(session, &log);
    log_number(&log, "messages", session->messages);
    log_number(&log, "errors", session->errors);
    log_number(&log, "ms-total", loop_now(session->worker->loop) - session->started);
    log_end(&log);
}

static void free_session(struct session *session)
{
    struct worker *worker = session->worker;
    log_end_of_session(session);
    transaction_end(session);
    limits_release(session);
    session_end_authentication(session);
    stream_close(&session->stream);
    loop_cancel_timer(worker->loop, &session->timer);
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
    buffer_release(&session->input);
    snapshot_unref(session->snapshot);
    free(session->hello);
    free(session);
    WORKER_ADD(worker, sessions_open, -1);
    worker_session_ended(worker);
}

void session_abort(struct session *session)
{
    session->dead = true;
    if (!session->busy)
        free_session(session);
}

/* Around everything that may end the session: it is freed by the outermost. */
bool session_begin(struct session *session)
{
    bool outermost = !session->busy;
    session->busy = true;
    return outermost;
}

void session_end(struct session *session, bool outermost)
{
    if (!outermost)
        return;
    session->busy = false;
    if (session->dead)
        free_session(session);
}

/* --- time --- */

static void set_timer(struct session *session);

static void let_go_if_overdue(struct session *session)
{
    struct smtp_reply reply;
    if (!limits_overdue(session, &reply)) {
        set_timer(session);
        return;
    }
    session_send(session, &reply);
    session_finish(session);
}

static void timed_out(struct loop_timer *timer)
{
    struct session *session = container_of(timer, struct session, timer);
    bool outermost = session_begin(session);
    if (session->state == SESSION_LINGERING || session->state == SESSION_HANDSHAKE ||
        session->state == SESSION_PROXY) {
        session_abort(session);
    } else if (session->transaction && session->transaction->close_after) {
        /* It waits for our reply and we for its end of data: say it now. */
        session_send(session, session->transaction->refusal);
        session_finish(session);
    } else {
        let_go_if_overdue(session);
    }
    session_end(session, outermost);
}

/* A session that the courier is working for waits as long as the courier does. */
static void set_timer(struct session *session)
{
    struct worker *worker = session->worker;
    int64_t milliseconds = limits_wait(session);
    if (session->state == SESSION_LINGERING || session->state == SESSION_HANDSHAKE ||
        session->state == SESSION_PROXY)
        return;
    if (session->transaction && session->transaction->close_after)
        milliseconds = LINGER_MILLISECONDS;
    if (session->state == SESSION_WAITING && !stream_unsent(&session->stream))
        loop_cancel_timer(worker->loop, &session->timer);
    else if (loop_set_timer(worker->loop, &session->timer, milliseconds, timed_out) < 0)
        session_abort(session);
}

/* --- replying --- */

void session_send(struct session *session, const struct smtp_reply *reply)
{
    char text[SMTP_REPLY_TEXT_MAXIMUM * 2];
    size_t length = smtp_reply_format(reply, text, sizeof text);
    if (stream_write(&session->stream, text, length) < 0)
        session_abort(session);
}

void session_reply(struct session *session, int code, const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;
    va_start(arguments, format);
    smtp_reply_set_list(&reply, code, format, arguments);
    va_end(arguments);
    session_send(session, &reply);
}

/* After the last reply is out: our side is shut, theirs is read and thrown away for a while, so that
 * the reply is not lost to a reset. */
static void linger(struct session *session)
{
    session->state = SESSION_LINGERING;
    if (session->stream.ssl)
        SSL_shutdown(session->stream.ssl);
    shutdown(session->stream.watch.fd, SHUT_WR);
    if (loop_set_timer(session->worker->loop, &session->timer, LINGER_MILLISECONDS, timed_out) < 0)
        session_abort(session);
}

void session_finish(struct session *session)
{
    transaction_end(session);
    session->closing = true;
    session->state = SESSION_COMMAND;
    buffer_release(&session->input);
    if (stream_flush(&session->stream) < 0)
        session_abort(session);
    else if (!stream_unsent(&session->stream))
        linger(session);
    else if (loop_set_timer(session->worker->loop, &session->timer, LINGER_MILLISECONDS,
                            timed_out) < 0)
        session_abort(session);
}

void session_say_goodbye(struct session *session)
{
    if (stream_flush(&session->stream) == 0 && !stream_unsent(&session->stream))
        session_abort(session);
    else
        session_finish(session);
}

/* --- TLS --- */

static void secured(struct stream *stream, int result, const struct error *error)
{
    struct session *session = container_of(stream, struct session, stream);
    bool outermost = session_begin(session);
    if (result < 0) {
        struct log log;
        log_event(&log, LOG_EVENT_TLS_FAILED, "The TLS handshake with %s failed", session->peer);
        session_log(session, &log);
        log_error(&log, error);
        log_end(&log);
        session_abort(session);
    } else {
        WORKER_COUNT(session->worker, handshakes_in);
        if (tls_peer(stream->ssl)->resumed)
            WORKER_COUNT(session->worker, handshakes_in_resumed);
        presented_by_client(session);
        /* RFC 3207 4.2: what was known before TLS is known no more. */
        free(session->hello);
        session->hello = NULL;
        session->esmtp = false;
        session->inbound = NULL;
        session->state = SESSION_COMMAND;
        if (session->greeted)
            pump(session);
        else
            greet(session);
    }
    session_end(session, outermost);
}

static void start_tls(struct session *session)
{
    transaction_end(session);
    int64_t limit = limits_of(session)->inactivity_timeout;
    if (limit > HANDSHAKE_MILLISECONDS)
        limit = HANDSHAKE_MILLISECONDS;
    if (stream_flush(&session->stream) < 0 || stream_unsent(&session->stream) ||
        loop_set_timer(session->worker->loop, &session->timer, limit, timed_out) < 0) {
        session_abort(session);
        return;
    }
    SSL *ssl = tls_accept(session->server, session->snapshot,
                          (const struct sockaddr *)&session->address);
    if (!ssl || stream_handshake(&session->stream, session->worker->offload, ssl, tls_accepted,
                                 secured) < 0)
        session_abort(session);
}

/* --- reading --- */

/* A command line, or 0 when its end is not there yet. */
static size_t take_line(struct session *session, const char *bytes, size_t length)
{
    const char *newline = memchr(bytes, '\n', length);
    size_t taken = newline ? (size_t)(newline - bytes) + 1 : length;
    if (session->skipping_line) {
        session->skipping_line = !newline;
        return taken;
    }
    if (taken > SMTP_COMMAND_MAXIMUM) {
        session->skipping_line = !newline;
        session_reply(session, 500, "5.5.2 The line is longer than %d bytes",
                      SMTP_COMMAND_MAXIMUM);
        session_count_error(session);
        return taken;
    }
    if (!newline)
        return 0;
    if (taken < 2 || bytes[taken - 2] != '\r') {
        report_violation(session, "a command line ends with a bare line feed");
        session_reply(session, 500, "5.5.2 A command line ends with CR LF");
        session_count_error(session);
        return taken;
    }
    session->line_since = 0;
    if (session->state == SESSION_AUTHENTICATION)
        session_take_response(session, bytes, taken - 2);
    else
        session_command(session, bytes, taken - 2);
    /* RFC 3207 5: what came behind STARTTLS came in the clear, from whoever. */
    if (session->state == SESSION_HANDSHAKE && taken < length) {
        report_violation(session, "bytes came in one piece behind STARTTLS");
        session_abort(session);
    } else if (session->state == SESSION_HANDSHAKE) {
        start_tls(session);
    }
    return taken;
}

static bool reads(const struct session *session)
{
    return !session->dead && !session->closing &&
           (session->state == SESSION_COMMAND || session->state == SESSION_AUTHENTICATION ||
            (session->state == SESSION_CHUNK && session->chunk.refused) ||
            ((session->state == SESSION_DATA || session->state == SESSION_CHUNK) &&
             transaction_wants_data(session)));
}

static size_t consume_one(struct session *session, const char *bytes, size_t length)
{
    if (session->state == SESSION_DATA)
        return transaction_take(session, bytes, length);
    if (session->state == SESSION_CHUNK)
        return chunks_take(session, bytes, length);
    if (stream_unsent(&session->stream) > STREAM_OUT_HIGH)
        return 0; /* a client that asks and does not listen */
    return take_line(session, bytes, length);
}

static size_t consume(struct session *session, const char *bytes, size_t length)
{
    size_t taken = 0;
    while (taken < length && reads(session)) {
        size_t step = consume_one(session, bytes + taken, length - taken);
        if (!step)
            break;
        taken += step;
    }
    return taken;
}

/* Takes of what was read before; false when nothing could be taken. */
static bool consume_input(struct session *session)
{
    size_t taken =
        consume(session, buffer_bytes(&session->input), buffer_length(&session->input));
    if (session->dead || session->closing)
        return false;
    buffer_consume(&session->input, taken);
    if (!buffer_length(&session->input))
        buffer_release(&session->input);
    return taken > 0;
}

static void consume_fresh(struct session *session, const char *bytes, size_t length)
{
    size_t taken = 0;
    bool direct = !buffer_length(&session->input);
    if (direct)
        taken = consume(session, bytes, length);
    if (session->dead || session->closing)
        return;
    if (buffer_append(&session->input, bytes + taken, length - taken) < 0)
        session_abort(session);
}

/* Part of a message has come, and none of its end. */
static bool in_message(const struct session *session)
{
    return session->transaction &&
           (session->state == SESSION_DATA ||
            (session->transaction->chunked && session->state != SESSION_WAITING));
}

/* The client has gone. What it had not finished is broken off; what it had is finished for the log. */
static void client_gone(struct session *session)
{
    if (in_message(session))
        report_broken_off(session->transaction);
    session_abort(session);
}

static void throw_away(struct session *session)
{
    ssize_t count;
    do
        count = stream_read(&session->stream, session->worker->scratch, WORKER_SCRATCH);
    while (count > 0);
    if (count != -EAGAIN)
        session_abort(session);
}

static bool read_once(struct session *session)
{
    if (!reads(session))
        return false;
    ssize_t count = stream_read(&session->stream, session->worker->scratch, WORKER_SCRATCH);
    if (count == -EAGAIN)
        return false;
    if (count <= 0) {
        client_gone(session);
        return false;
    }
    consume_fresh(session, session->worker->scratch, (size_t)count);
    return true;
}

static void go_on(struct loop_timer *timer)
{
    session_resume(container_of(timer, struct session, timer));
}

/* One piece of input, and on with it to the next hop. False when there is nothing more for now. */
static bool take_piece(struct session *session)
{
    bool progress =
        (buffer_length(&session->input) && reads(session) && consume_input(session)) ||
        read_once(session);
    if (!session->dead && in_message(session) && session->transaction->courier)
        courier_flush(session->transaction->courier);
    return progress && !session->dead;
}

/* Everything that can go on now goes on, but for a client so fast that others would wait. */
static void pump(struct session *session)
{
    unsigned pieces = 0;
    if (session->state == SESSION_LINGERING) {
        throw_away(session);
        return;
    }
    if (session->state == SESSION_PROXY) {
        session_take_proxy(session);
        return;
    }
    while (pieces < PIECES_AT_ONCE && take_piece(session))
        pieces++;
    if (session->dead || session->state == SESSION_HANDSHAKE ||
        session->state == SESSION_LINGERING)
        return;
    if (stream_flush(&session->stream) < 0)
        client_gone(session);
    else if (pieces == PIECES_AT_ONCE)
        loop_set_timer(session->worker->loop, &session->timer, 0, go_on);
    else if (!session->closing)
        set_timer(session);
}

void session_resume(struct session *session)
{
    bool outermost = session_begin(session);
    pump(session);
    session_end(session, outermost);
}

void session_answered(struct session *session)
{
    bool outermost = session_begin(session);
    if (session->draining && !session->dead && !session->transaction) {
        session_reply(session, 421, "4.3.2 %s is shutting down", session_name(session));
        session_finish(session);
    } else {
        pump(session);
    }
    session_end(session, outermost);
}

static void on_stream(struct stream *stream)
{
    struct session *session = container_of(stream, struct session, stream);
    bool outermost = session_begin(session);
    if (session->closing && session->state != SESSION_LINGERING) {
        if (stream_flush(stream) < 0)
            session_abort(session);
        else if (!stream_unsent(stream))
            linger(session);
    }
    if (!session->dead)
        pump(session);
    session_end(session, outermost);
}

/* --- beginning --- */

void session_describe_peer(struct session *session)
{
    const struct sockaddr *address = (const struct sockaddr *)&session->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&session->address;
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&session->address)->sin_addr,
                  session->peer, sizeof session->peer);
    else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], session->peer, sizeof session->peer);
    else
        inet_ntop(AF_INET6, &six->sin6_addr, session->peer, sizeof session->peer);
}

/* What follows from the client's address and ours. */
static void know_client(struct session *session)
{
    const struct sockaddr *address = (const struct sockaddr *)&session->address;
    const struct sockaddr *local = (const struct sockaddr *)&session->local;
    socklen_t length = sizeof session->local;
    if (getsockname(session->stream.watch.fd, (struct sockaddr *)&session->local, &length) < 0)
        session->local.ss_family = AF_UNSPEC;
    session->likely = conn_inbound_likely(session->snapshot->config, address, local);
    session->lenient = conn_inbound_any_lenient(session->snapshot->config, address, local);
    session->server = snapshot_server(session->snapshot, address, local);
}

const char *session_name(const struct session *session)
{
    const struct conn_inbound *inbound = session->inbound ? session->inbound : session->likely;
    return inbound && inbound->fqdn ? inbound->fqdn : session->snapshot->config->host_name;
}

/* RFC 5321 3.1: a client waits for the greeting. One that does not is a machine that sends to
 * whoever listens, or has a stranger's bytes in front of its own. */
static bool has_spoken(const struct session *session)
{
    char byte;
    return recv(session->stream.watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void greet(struct session *session)
{
    struct worker *worker = session->worker;
    if (worker->sessions_limit_reached) {
        limits_reached(session, "MaxInboundConnection");
        session_reply(session, 421, "4.3.2 %s has too many sessions open", session_name(session));
        WORKER_COUNT(worker, sessions_refused);
        /* It has said nothing yet that a close could drown, and it must not take a place. */
        (void)stream_flush(&session->stream);
        session_abort(session);
        return;
    }
    if (!limits_admit_source(session)) {
        (void)stream_flush(&session->stream);
        session_abort(session);
        return;
    }
    session->greeted = true;
    if (!session->stream.ssl && has_spoken(session)) {
        report_violation(session, "the client spoke before it was greeted");
        session_reply(session, 554, "5.5.1 %s speaks first", session_name(session));
        session_finish(session);
        return;
    }
    session_reply(session, 220, "%s ESMTP Postern", session_name(session));
    pump(session);
}

void session_open_up(struct session *session)
{
    know_client(session);
    if (!session->implicit_tls) {
        session->state = SESSION_COMMAND;
        greet(session);
    } else if (session->server) {
        session->state = SESSION_HANDSHAKE;
        start_tls(session);
    } else {
        report_violation(session, "no certificate is there for a listener with ImplicitTls");
        session_abort(session);
    }
}

/* The timer runs from here to the header's last byte. */
static void await_proxy(struct session *session)
{
    session->state = SESSION_PROXY;
    if (loop_set_timer(session->worker->loop, &session->timer, PROXY_MILLISECONDS, timed_out) < 0)
        session_abort(session);
}

void session_accept(struct worker *worker, int fd, const struct sockaddr_storage *address,
                    const struct conn_listener *listener)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        close(fd);
        worker_session_ended(worker);
        return;
    }
    session->worker = worker;
    session->snapshot = snapshot_ref(worker->snapshot);
    session->address = *address;
    session->started = loop_now(worker->loop);
    buffer_init(&session->input, INPUT_MAXIMUM);
    session_describe_peer(session);
    snprintf(session->id, sizeof session->id, "%016llx", (unsigned long long)worker->serial++);
    session->implicit_tls = listener && listener->implicit_tls;
    session->next = worker->sessions;
    session->link = &worker->sessions;
    if (session->next)
        session->next->link = &session->next;
    worker->sessions = session;
    WORKER_COUNT(worker, sessions_total);
    WORKER_ADD(worker, sessions_open, 1);
    bool outermost = session_begin(session);
    if (stream_open(&session->stream, worker->loop, fd, on_stream) < 0) {
        session_abort(session);
    } else {
        /* Nothing is known to be writable before the first event; a fresh socket always is. */
        session->stream.writable = session->stream.readable = true;
        if (listener && conn_ranges_take(listener->balancers, listener->balancer_count,
                                         (const struct sockaddr *)address))
            await_proxy(session);
        else
            session_open_up(session);
    }
    session_end(session, outermost);
}

struct session *session_next(struct session *session)
{
    return session->next;
}

/* --- ending from outside --- */

void session_drain(struct session *session)
{
    bool outermost = session_begin(session);
    session->draining = true;
    if (!session->closing && !session->transaction && session->state == SESSION_COMMAND) {
        session_reply(session, 421, "4.3.2 %s is shutting down", session_name(session));
        session_finish(session);
    } else if (session->state == SESSION_HANDSHAKE || session->state == SESSION_PROXY) {
        session_abort(session);
    }
    session_end(session, outermost);
}

void session_cut_off(struct session *session)
{
    bool outermost = session_begin(session);
    if (in_message(session))
        report_broken_off(session->transaction);
    session_abort(session);
    session_end(session, outermost);
}

void session_log(const struct session *session, struct log *log)
{
    const SSL *ssl = session->stream.handshake ? NULL : session->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    log_text(log, "session", session->id);
    log_text(log, "client", session->peer);
    if (session->balancer[0])
        log_text(log, "balancer", session->balancer);
    log_text(log, "hello", session->hello);
    if (!ssl || !SSL_is_init_finished(ssl))
        return;
    log_text(log, "client-tls", tls_version_name(ssl));
    log_text(log, "client-cipher", tls_cipher_name(ssl));
    log_text(log, "client-tls-session", peer->resumed ? "resumed" : "new");
    if (peer->presented) {
        char text[512];
        X509 *leaf = SSL_get0_peer_certificate(ssl);
        log_text(log, "client-subject",
                 pki_name_text(X509_get_subject_name(leaf), text, sizeof text));
        log_text(log, "client-issuer",
                 pki_name_text(X509_get_issuer_name(leaf), text, sizeof text));
    }
}
