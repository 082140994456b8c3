/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * bench-sink's connections: SMTP as a receiver that likes everything, STARTTLS, and the end of
 * data.
 *
 * A connection belongs to the worker that accepted it and lives on that worker's thread. A peer
 * that does not read its replies loses its connection; nothing is ever waited for. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pki/base/cleanup.h"
#include "tests/bench/sink.h"

enum {
    LINE_BYTES = 2048,
    OUTPUT_BYTES = 4096,
    EVENTS_A_TURN = 64,
    READS_A_TURN = 32, /* of one plain connection, so that no other starves */
};

#define EXTENSIONS "250-PIPELINING\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n"

enum stage { STAGE_COMMAND, STAGE_DATA, STAGE_HANDSHAKE, STAGE_CLOSING };

struct connection {
    int fd;
    SSL *ssl; /* NULL: plain */
    enum stage stage;
    bool plain_too;
    bool greeted, sender, recipient;
    bool waits_to_write;
    bool established;      /* the handshake is over */
    unsigned int end_seen; /* how many bytes of CRLF.CRLF the data ended with so far */
    uint64_t message_bytes;
    size_t line_length, output_length;
    char line[LINE_BYTES];
    char output[OUTPUT_BYTES];
};

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* --- one connection's bytes ------------------------------------------------------------------- */

static void watch(struct sink_worker *worker, struct connection *connection, int operation)
{
    struct epoll_event event = {.events = connection->waits_to_write ? EPOLLOUT : EPOLLIN,
                                .data.ptr = connection};

    if (epoll_ctl(worker->epoll, operation, connection->fd, &event) < 0)
        connection->stage = STAGE_CLOSING;
}

static void wait_for(struct sink_worker *worker, struct connection *connection, bool to_write)
{
    if (connection->waits_to_write == to_write)
        return;
    connection->waits_to_write = to_write;
    watch(worker, connection, EPOLL_CTL_MOD);
}

static void close_connection(struct sink_worker *worker, struct connection *connection)
{
    if (connection->ssl) {
        if (connection->established)
            SSL_shutdown(connection->ssl);
        SSL_free(connection->ssl);
        ERR_clear_error();
    }
    close(connection->fd);
    free(connection);
    count(&worker->counters.closed, 1);
}

/* What an SSL_ERROR_* means for the connection; false: it is over. */
static bool bear_tls_result(struct sink_worker *worker, struct connection *connection, int result)
{
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        wait_for(worker, connection, false);
        return true;
    case SSL_ERROR_WANT_WRITE:
        wait_for(worker, connection, true);
        return true;
    default:
        ERR_clear_error();
        return false;
    }
}

/* Sends what is pending; false: the connection is over. */
static bool flush_output(struct sink_worker *worker, struct connection *connection)
{
    size_t length = connection->output_length;
    ssize_t sent;

    if (length == 0)
        return true;
    if (connection->ssl)
        sent = SSL_write(connection->ssl, connection->output, (int)length);
    else
        sent = send(connection->fd, connection->output, length, MSG_NOSIGNAL);
    if (sent <= 0) {
        if (connection->ssl)
            return bear_tls_result(worker, connection, (int)sent);
        wait_for(worker, connection, true);
        return errno == EAGAIN || errno == EINTR;
    }
    connection->output_length -= (size_t)sent;
    memmove(connection->output, connection->output + sent, connection->output_length);
    wait_for(worker, connection, connection->output_length > 0);
    return true;
}

static void reply(struct sink_worker *worker, struct connection *connection, const char *text)
{
    size_t length = strlen(text);

    if (connection->output_length + length > OUTPUT_BYTES)
        flush_output(worker, connection);
    if (connection->output_length + length > OUTPUT_BYTES) {
        connection->stage = STAGE_CLOSING;
        return;
    }
    memcpy(connection->output + connection->output_length, text, length);
    connection->output_length += length;
}

/* --- the commands ----------------------------------------------------------------------------- */

static void reset_envelope(struct connection *connection)
{
    connection->sender = connection->recipient = false;
}

static const char *do_ehlo(struct connection *connection)
{
    reset_envelope(connection);
    connection->greeted = true;
    return connection->ssl ? "250-sink\r\n" EXTENSIONS "250 ENHANCEDSTATUSCODES\r\n"
                           : "250-sink\r\n" EXTENSIONS "250-STARTTLS\r\n"
                             "250 ENHANCEDSTATUSCODES\r\n";
}

static const char *do_helo(struct connection *connection)
{
    reset_envelope(connection);
    connection->greeted = true;
    return "250 sink\r\n";
}

static const char *do_starttls(struct connection *connection)
{
    if (connection->ssl)
        return "503 5.5.1 TLS is active already\r\n";
    connection->stage = STAGE_HANDSHAKE;
    return "220 2.0.0 Ready to start TLS\r\n";
}

static const char *do_mail(struct connection *connection)
{
    if (!connection->ssl && !connection->plain_too)
        return "530 5.7.0 Must issue a STARTTLS command first\r\n";
    if (!connection->greeted || connection->sender)
        return "503 5.5.1 Bad sequence of commands\r\n";
    connection->sender = true;
    return "250 2.1.0 Ok\r\n";
}

static const char *do_rcpt(struct connection *connection)
{
    if (!connection->sender)
        return "503 5.5.1 Bad sequence of commands\r\n";
    connection->recipient = true;
    return "250 2.1.5 Ok\r\n";
}

static const char *do_data(struct connection *connection)
{
    if (!connection->recipient)
        return "503 5.5.1 Bad sequence of commands\r\n";
    connection->stage = STAGE_DATA;
    connection->end_seen = 2; /* the command's own CRLF: an empty message ends with ".CRLF" alone */
    connection->message_bytes = 0;
    return "354 End data with <CR><LF>.<CR><LF>\r\n";
}

static const char *do_rset(struct connection *connection)
{
    reset_envelope(connection);
    return "250 2.0.0 Ok\r\n";
}

static const char *do_noop(struct connection *connection)
{
    (void)connection;
    return "250 2.0.0 Ok\r\n";
}

static const char *do_quit(struct connection *connection)
{
    connection->stage = STAGE_CLOSING;
    return "221 2.0.0 Bye\r\n";
}

static const struct {
    const char *verb;
    const char *(*run)(struct connection *connection);
} commands[] = {
    {"EHLO", do_ehlo}, {"HELO", do_helo}, {"STARTTLS", do_starttls},
    {"MAIL", do_mail}, {"RCPT", do_rcpt}, {"DATA", do_data},
    {"RSET", do_rset}, {"NOOP", do_noop}, {"QUIT", do_quit},
};

static void run_command(struct sink_worker *worker, struct connection *connection)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        size_t length = strlen(commands[i].verb);

        if (strncasecmp(connection->line, commands[i].verb, length) == 0 &&
            (connection->line[length] == '\0' || connection->line[length] == ' ')) {
            reply(worker, connection, commands[i].run(connection));
            return;
        }
    }
    reply(worker, connection, "500 5.5.2 Command not recognised\r\n");
}

/* Takes a line, or the piece of one there is; returns the bytes used up. */
static size_t feed_command(struct sink_worker *worker, struct connection *connection,
                           const char *bytes, size_t length)
{
    const char *newline = memchr(bytes, '\n', length);
    size_t taken = newline ? (size_t)(newline - bytes) + 1 : length;

    if (connection->line_length + taken >= LINE_BYTES) {
        reply(worker, connection, "500 5.5.2 Line too long\r\n");
        connection->stage = STAGE_CLOSING;
        return taken;
    }
    memcpy(connection->line + connection->line_length, bytes, taken);
    connection->line_length += taken;
    if (!newline)
        return taken;
    while (connection->line_length > 0 &&
           strchr(" \r\n", connection->line[connection->line_length - 1]))
        connection->line_length--;
    connection->line[connection->line_length] = '\0';
    connection->line_length = 0;
    run_command(worker, connection);
    return taken;
}

/* --- message data ----------------------------------------------------------------------------- */

/* How much of CRLF.CRLF stands at the end, one byte later. */
static unsigned int step_end_of_data(unsigned int seen, char byte)
{
    static const char end[] = "\r\n.\r\n";

    if (byte == end[seen])
        return seen + 1;
    return byte == '\r' ? 1 : 0;
}

static void finish_message(struct sink_worker *worker, struct connection *connection)
{
    struct sink_counters *counters = &worker->counters;
    uint64_t now = monotonic_ns();

    count(&counters->messages, 1);
    count(&counters->messages_plain, connection->ssl ? 0 : 1);
    count(&counters->bytes, connection->message_bytes);
    atomic_store_explicit(&counters->last_message_ns, now, memory_order_relaxed);
    reset_envelope(connection);
    connection->stage = STAGE_COMMAND;
    reply(worker, connection, "250 2.0.0 Ok\r\n");
}

static size_t feed_data(struct sink_worker *worker, struct connection *connection,
                        const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *at = bytes;

    while (at < end && connection->end_seen < 5) {
        if (connection->end_seen == 0) {
            at = memchr(at, '\r', (size_t)(end - at));
            if (!at) {
                at = end;
                break;
            }
        }
        connection->end_seen = step_end_of_data(connection->end_seen, *at++);
    }
    connection->message_bytes += (size_t)(at - bytes);
    if (connection->end_seen == 5)
        finish_message(worker, connection);
    return (size_t)(at - bytes);
}

/* --- a connection's turn ---------------------------------------------------------------------- */

static void feed(struct sink_worker *worker, struct connection *connection, const char *bytes,
                 size_t length)
{
    while (length > 0 && connection->stage <= STAGE_DATA) {
        size_t taken = connection->stage == STAGE_DATA
                           ? feed_data(worker, connection, bytes, length)
                           : feed_command(worker, connection, bytes, length);
        bytes += taken;
        length -= taken;
    }
    if (length > 0) /* after STARTTLS: somebody else's words; after QUIT: nobody's */
        connection->stage = STAGE_CLOSING;
}

static bool start_tls(struct sink_worker *worker, struct connection *connection)
{
    connection->greeted = false;
    reset_envelope(connection);
    connection->ssl = SSL_new(worker->settings->tls);
    return connection->ssl && SSL_set_fd(connection->ssl, connection->fd) == 1;
}

static bool continue_handshake(struct sink_worker *worker, struct connection *connection)
{
    int result;

    if (!connection->ssl && !start_tls(worker, connection))
        return false;
    result = SSL_accept(connection->ssl);
    if (result != 1) {
        bool lives = bear_tls_result(worker, connection, result);

        count(&worker->counters.failed_handshakes, lives ? 0 : 1);
        return lives;
    }
    count(SSL_session_reused(connection->ssl) ? &worker->counters.resumed_handshakes
                                              : &worker->counters.full_handshakes,
          1);
    connection->established = true;
    connection->stage = STAGE_COMMAND;
    wait_for(worker, connection, false);
    return true;
}

/* Reads once and acts on it. Returns 1 to read on, 0 to wait, -1 when the connection is over. */
static int read_once(struct sink_worker *worker, struct connection *connection)
{
    ssize_t got;

    if (connection->ssl)
        got = SSL_read(connection->ssl, worker->input, SINK_INPUT_BYTES);
    else
        got = read(connection->fd, worker->input, SINK_INPUT_BYTES);
    if (got <= 0) {
        if (connection->ssl)
            return bear_tls_result(worker, connection, (int)got) ? 0 : -1;
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    feed(worker, connection, worker->input, (size_t)got);
    if (!flush_output(worker, connection) || connection->stage == STAGE_CLOSING)
        return -1;
    return connection->waits_to_write || connection->stage == STAGE_HANDSHAKE ? 0 : 1;
}

static bool take_turn(struct sink_worker *worker, struct connection *connection)
{
    int more = 1;

    if (connection->output_length > 0 && !flush_output(worker, connection))
        return false;
    if (connection->output_length > 0)
        return true;
    if (connection->stage == STAGE_HANDSHAKE && !continue_handshake(worker, connection))
        return false;
    if (connection->stage == STAGE_HANDSHAKE)
        return true;
    /* TLS may hold decrypted bytes that epoll knows nothing of, so it is read until it is dry. */
    for (int i = 0; more > 0 && (connection->ssl || i < READS_A_TURN); i++) {
        more = read_once(worker, connection);
        if (!connection->ssl && more > 0 && connection->stage == STAGE_COMMAND)
            more = 0; /* a lock-step client: a second read would only say EAGAIN */
    }
    return more >= 0;
}

static void accept_connection(struct sink_worker *worker)
{
    int on = 1;
    struct connection *connection = NULL;
    int fd = accept4(worker->settings->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    connection = calloc(1, sizeof(*connection));
    if (!connection) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection->fd = fd;
    connection->plain_too = worker->settings->plain_too;
    count(&worker->counters.connections, 1);
    watch(worker, connection, EPOLL_CTL_ADD);
    reply(worker, connection, "220 sink ESMTP\r\n");
    if (connection->stage == STAGE_CLOSING || !flush_output(worker, connection))
        close_connection(worker, connection);
}

void *sink_worker_run(void *argument)
{
    struct sink_worker *worker = argument;
    struct epoll_event events[EVENTS_A_TURN];

    for (;;) {
        int ready = epoll_wait(worker->epoll, events, EVENTS_A_TURN, -1);

        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!connection)
                accept_connection(worker);
            else if (!take_turn(worker, connection))
                close_connection(worker, connection);
        }
    }
    return NULL;
}
