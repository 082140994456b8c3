/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See stream.h. */
#include "gateway/net/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pki/library.h"

struct stream_handshake {
    struct offload_job job;
    struct offload *offload;
    struct stream *stream; /* NULL: the owner has gone */
    SSL *ssl;
    int fd;       /* to be closed when the owner has gone, else -1 */
    bool running; /* the pool has it */
    bool again;   /* an event came while the pool had it */
    int result;   /* of the last step */
    struct error error;
    int (*established)(SSL *ssl, struct error *error);
    void (*finished)(struct stream *stream, int result, const struct error *error);
};

static void submit_step(struct stream_handshake *handshake);

static void on_event(struct loop_watch *watch, uint32_t events)
{
    struct stream *stream = container_of(watch, struct stream, watch);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream->readable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream->hung_up = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        stream->writable = true;
    if (stream->handshake) {
        if (stream->handshake->running)
            stream->handshake->again = true;
        else
            submit_step(stream->handshake);
        return;
    }
    stream->ready(stream);
}

int stream_open(struct stream *stream, struct loop *loop, int fd,
                void (*ready)(struct stream *stream))
{
    memset(stream, 0, sizeof *stream);
    buffer_init(&stream->out, STREAM_OUT_MAXIMUM);
    stream->loop = loop;
    stream->ready = ready;
    int result = loop_add(loop, &stream->watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                          on_event);
    if (result < 0)
        close(fd);
    return result;
}

static void free_handshake(struct stream_handshake *handshake)
{
    SSL_free(handshake->ssl);
    if (handshake->fd >= 0)
        close(handshake->fd);
    free(handshake);
}

void stream_close(struct stream *stream)
{
    if (!stream_is_open(stream))
        return;
    int fd = stream->watch.fd;
    struct stream_handshake *handshake = stream->handshake;
    stream->handshake = NULL;
    if (handshake) {
        loop_remove(stream->loop, &stream->watch);
        handshake->stream = NULL;
        handshake->fd = fd;
        if (!handshake->running)
            free_handshake(handshake);
    } else {
        if (stream->ssl && !stream->broken) {
            ERR_clear_error();
            SSL_shutdown(stream->ssl);
        }
        SSL_free(stream->ssl);
        loop_forget(stream->loop, &stream->watch);
        close(fd);
    }
    stream->ssl = NULL;
    buffer_release(&stream->out);
}

/* --- reading --- */

static ssize_t read_plain(struct stream *stream, void *bytes, size_t size)
{
    ssize_t count;
    do
        count = recv(stream->watch.fd, bytes, size, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0) {
        stream->readable = false;
        if (errno == EAGAIN)
            return -EAGAIN;
        stream->broken = true;
        return -errno;
    }
    /* Less than there was room for is all there was; what comes later is an event of its own. */
    if ((size_t)count < size && !stream->hung_up)
        stream->readable = false;
    return count;
}

static ssize_t read_tls(struct stream *stream, void *bytes, size_t size)
{
    size_t count;
    ERR_clear_error();
    int result = SSL_read_ex(stream->ssl, bytes, size, &count);
    if (result == 1)
        return (ssize_t)count;
    stream->readable = false;
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        stream->broken = true;
        stream->reason = ERR_reason_error_string(ERR_peek_last_error());
        return -EPIPE;
    }
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    if (!stream->readable)
        return -EAGAIN;
    if (stream->ssl)
        return read_tls(stream, bytes, size);
    return read_plain(stream, bytes, size);
}

/* --- writing --- */


/* Bytes sent, 0 when the kernel takes no more now, or negative. */
static ssize_t send_plain(struct stream *stream, const char *bytes, size_t length)
{
    ssize_t count;
    do
        count = send(stream->watch.fd, bytes, length, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    return count;
}

static ssize_t send_tls(struct stream *stream, const char *bytes, size_t length)
{
    size_t count;
    ERR_clear_error();
    int result = SSL_write_ex(stream->ssl, bytes, length, &count);
    if (result == 1)
        return (ssize_t)count;
    int reason = SSL_get_error(stream->ssl, result);
    return reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ ? 0 : -EPIPE;
}

/* Whole TLS records go out from where they are, when nothing waits before them: no copy. Returns the
 * bytes sent. */
static size_t send_directly(struct stream *stream, const char *bytes, size_t length)
{
    size_t sent = 0;
    while (length - sent >= SSL3_RT_MAX_PLAIN_LENGTH && stream->writable && !stream->broken) {
        ssize_t count = send_tls(stream, bytes + sent, SSL3_RT_MAX_PLAIN_LENGTH);
        if (count < 0)
            stream->broken = true;
        else if (count == 0)
            stream->writable = false;
        else
            sent += (size_t)count;
    }
    return sent;
}

int stream_write(struct stream *stream, const void *bytes, size_t length)
{
    size_t sent = 0;
    if (stream->ssl && length >= SSL3_RT_MAX_PLAIN_LENGTH && !buffer_length(&stream->out))
        sent = send_directly(stream, bytes, length);
    return buffer_append(&stream->out, (const char *)bytes + sent, length - sent);
}

int stream_flush(struct stream *stream)
{
    if (stream->broken)
        return -EPIPE;
    while (stream->writable && buffer_length(&stream->out)) {
        const char *bytes = buffer_bytes(&stream->out);
        size_t length = buffer_length(&stream->out);
        ssize_t count = stream->ssl ? send_tls(stream, bytes, length)
                                    : send_plain(stream, bytes, length);
        if (count < 0) {
            stream->broken = true;
            return -EPIPE;
        }
        if (count == 0)
            stream->writable = false;
        buffer_consume(&stream->out, (size_t)count);
    }
    /* An idle connection holds no memory. */
    if (!buffer_length(&stream->out) && !stream->keeps_memory)
        buffer_release(&stream->out);
    return 0;
}

/* --- handshake --- */

/* What went wrong, in words: our own signature's reason first, then the verdict's, then OpenSSL's. */
static int handshake_error(struct stream_handshake *handshake, int reason, int number)
{
    const struct error *signature = pki_library_last_error();
    unsigned long code = ERR_peek_last_error();
    char text[256];
    if (signature) {
        handshake->error = *signature;
        return -signature->code;
    }
    if (code) {
        ERR_error_string_n(code, text, sizeof text);
        const char *plain = ERR_reason_error_string(code);
        return error_set(&handshake->error, EX_PROTOCOL, "TLS handshake failed: %s",
                         plain ? plain : text);
    }
    if (reason == SSL_ERROR_SYSCALL && number)
        return error_set_errno(&handshake->error, EX_IOERR, number, "TLS handshake broken off");
    return error_set(&handshake->error, EX_IOERR,
                     "The other side closed the connection during the TLS handshake");
}

static void run_step(struct offload_job *job)
{
    struct stream_handshake *handshake = container_of(job, struct stream_handshake, job);
    ERR_clear_error();
    pki_library_clear_error();
    errno = 0;
    int result = SSL_do_handshake(handshake->ssl);
    int number = errno;
    int reason = SSL_get_error(handshake->ssl, result);
    if (result == 1)
        handshake->result =
            handshake->established ? handshake->established(handshake->ssl, &handshake->error) : 0;
    else if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        handshake->result = -EAGAIN;
    else
        handshake->result = handshake_error(handshake, reason, number);
    ERR_clear_error();
}

static void finish(struct stream_handshake *handshake)
{
    struct stream *stream = handshake->stream;
    struct error error = handshake->error;
    int result = handshake->result;
    stream->handshake = NULL;
    stream->ssl = handshake->ssl;
    stream->readable = stream->writable = true;
    stream->broken = result < 0;
    handshake->ssl = NULL;
    void (*finished)(struct stream *, int, const struct error *) = handshake->finished;
    free_handshake(handshake);
    finished(stream, result, &error);
}

static void step_done(struct offload_job *job)
{
    struct stream_handshake *handshake = container_of(job, struct stream_handshake, job);
    handshake->running = false;
    if (!handshake->stream)
        free_handshake(handshake);
    else if (handshake->result != -EAGAIN)
        finish(handshake);
    else if (handshake->again)
        submit_step(handshake);
}

static void submit_step(struct stream_handshake *handshake)
{
    handshake->again = false;
    handshake->running = true;
    if (offload_submit(handshake->offload, handshake->stream->loop, &handshake->job, run_step,
                       step_done) == 0)
        return;
    handshake->running = false;
    handshake->result = error_set(&handshake->error, EX_TEMPFAIL,
                                  "Too many TLS handshakes are waiting already");
    finish(handshake);
}

int stream_handshake(struct stream *stream, struct offload *offload, SSL *ssl,
                     int (*established)(SSL *ssl, struct error *error),
                     void (*finished)(struct stream *stream, int result,
                                      const struct error *error))
{
    struct stream_handshake *handshake = calloc(1, sizeof *handshake);
    if (!handshake || SSL_set_fd(ssl, stream->watch.fd) != 1) {
        free(handshake);
        SSL_free(ssl);
        return -ENOMEM;
    }
    handshake->offload = offload;
    handshake->stream = stream;
    handshake->ssl = ssl;
    handshake->fd = -1;
    handshake->established = established;
    handshake->finished = finished;
    stream->handshake = handshake;
    submit_step(handshake);
    return 0;
}
