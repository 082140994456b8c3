/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See hop.h: what a hop carries (commands, replies, bytes), and its life. How it is dialed is in
 * hop-dial.c. */
#include "gateway/relay/hop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/hop-private.h"
#include "gateway/relay/pool.h"
#include "gateway/smtp/command.h"

static void on_timer(struct loop_timer *timer);

const char *hop_kind_name(enum hop_kind kind)
{
    static const char *const names[] = {"new", "resumed", "pooled"};
    return names[kind];
}

/* Running out of memory for a timer must not leave the hop waiting for ever. */
void hop_set_timer(struct hop *hop, int64_t milliseconds)
{
    if (loop_set_timer(hop_loop(hop), &hop->timer, milliseconds, on_timer) < 0)
        hop->stream.broken = true;
}

int64_t hop_bounded(const struct hop *hop, int64_t timeout)
{
    int64_t limit = hop->outbound->inactivity_timeout;
    return limit && limit < timeout ? limit : timeout;
}

/* --- commands and data --- */

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
            hop_set_timer(hop, 0);
            return;
        }
        smtp_reply_start(hop->parser);
    }
    hop->replies_awaited++;
    if (hop->step == HOP_READY)
        hop->step_started = loop_now(hop_loop(hop));
    hop_set_timer(hop, hop_bounded(hop, timeout));
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
        hop_set_timer(hop, 0); /* the timer tells the owner */
}

void hop_watch_progress(struct hop *hop, int64_t timeout)
{
    if (hop->stream.broken)
        return; /* the timer is set to tell so */
    if (stream_unsent(&hop->stream))
        hop_set_timer(hop, hop_bounded(hop, timeout));
    else
        loop_cancel_timer(hop_loop(hop), &hop->timer);
}

/* --- replies --- */

bool hop_begin_callback(struct hop *hop)
{
    bool outermost = !hop->busy;
    hop->busy = true;
    return outermost;
}

void hop_end_callback(struct hop *hop, bool outermost)
{
    if (!outermost)
        return;
    hop->busy = false;
    if (hop->dead)
        hop_close(hop, false);
}

/* The connection is no use any more. */
static void connection_lost(struct hop *hop, struct error *error)
{
    if (!hop->owner) {
        pool_drop(hop->worker->pool, hop);
    } else if (hop->step < HOP_READY) {
        hop_dial_broken(hop, error);
    } else if (!hop->notified) {
        hop->notified = true;
        loop_cancel_timer(hop_loop(hop), &hop->timer);
        hop->owner->lost(hop->owner, error);
    }
}

static void set_lost_error(const struct hop *hop, struct error *error)
{
    const char *reason = hop->stream.reason;
    if (reason && hop->step == HOP_EHLO_TLS)
        error_set(error, EX_PROTOCOL,
                  "it ended TLS after the handshake, as one does who refuses "
                  "our certificate: %s",
                  reason);
    else
        error_set(error, EX_IOERR, "the connection was lost%s%s", reason ? ": " : "",
                  reason ? reason : "");
}

/* A server that speaks out of turn is lying, or closing. Nothing of it may be taken for an answer.
 */
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
        loop_cancel_timer(hop_loop(hop), &hop->timer);
    if (hop->step == HOP_READY)
        hop->owner->replied(hop->owner, &reply);
    else
        hop_dial_replied(hop, &reply);
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
        if (hop->connection != connection || !stream_is_open(&hop->stream) || hop->stream.handshake)
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
        hop_set_timer(hop, 0);
        return;
    }
    if (hop->owner && hop->step == HOP_READY && hop->owner->drained &&
        stream_unsent(&hop->stream) <= STREAM_OUT_LOW)
        hop->owner->drained(hop->owner);
}

void hop_on_stream(struct stream *stream)
{
    struct hop *hop = container_of(stream, struct hop, stream);
    bool outermost = hop_begin_callback(hop);
    if (hop->step != HOP_CONNECT || hop_dial_connected(hop)) {
        write_more(hop);
        if (!hop->dead && stream_is_open(stream) && !stream->handshake && !hop->notified)
            read_replies(hop);
    }
    hop_end_callback(hop, outermost);
}

/* --- its life --- */

static void timed_out(struct hop *hop)
{
    struct error error;
    if (!hop->owner) {
        pool_drop(hop->worker->pool, hop);
        return;
    }
    hop->late = !hop->stream.broken;
    if (!hop->late)
        set_lost_error(hop, &error);
    else
        error_set(&error, EX_TEMPFAIL, "no answer in %s within %lld s",
                  hop->step == HOP_READY ? "the transaction" : hop_step_name(hop->step),
                  (long long)((loop_now(hop_loop(hop)) - hop->step_started) / 1000));
    hop->stream.broken = true;
    connection_lost(hop, &error);
}

static void on_timer(struct loop_timer *timer)
{
    struct hop *hop = container_of(timer, struct hop, timer);
    bool outermost = hop_begin_callback(hop);
    if (!hop->begun) {
        hop->begun = true;
        hop_dial_host(hop);
    } else if (hop->follows && !hop->stream.broken) {
        hop_dial_end_following(hop);
    } else if (hop->failed) {
        if (!hop->notified) {
            hop->notified = true;
            hop->owner->failed(hop->owner, &hop->failure);
        }
    } else {
        timed_out(hop);
    }
    hop_end_callback(hop, outermost);
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
    hop->dial_deadline = hop->dial_started + HOP_DIAL_MAXIMUM;
    if (loop_set_timer(worker->loop, &hop->timer, 0, on_timer) < 0) {
        free(hop);
        return NULL;
    }
    hop->snapshot = snapshot_ref(snapshot);
    WORKER_COUNT(worker, hops_dialed);
    WORKER_ADD(worker, hops_open, 1);
    return hop;
}

void hop_present(struct hop *hop, SSL_CTX *tls, const struct pki_identity *identity)
{
    hop->tls = tls;
    hop->identity = identity;
}

/* A next hop that is left without a word may think that the connection broke, and forget the TLS
 * session that we mean to resume. */
static bool take_leave(struct hop *hop)
{
    if (hop->leaving || hop->step != HOP_READY || hop->replies_awaited || hop->stream.broken ||
        stream_write(&hop->stream, "QUIT\r\n", 6) < 0 || stream_flush(&hop->stream) < 0)
        return false;
    pool_keep_tickets(hop->worker->pool, hop);
    return pool_see_off(hop->worker->pool, hop);
}

void hop_close(struct hop *hop, bool politely)
{
    if (politely && take_leave(hop))
        return;
    resolver_cancel(&hop->query);
    pool_settle(hop->worker->pool, hop);
    loop_cancel_timer(hop_loop(hop), &hop->timer);
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
    hop_route_free(hop);
    snapshot_unref(hop->snapshot);
    free(hop);
}
