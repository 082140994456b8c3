/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One connection, plain or TLS: bytes in, bytes out, never blocking.
 *
 * A stream lives in its owner (a session or a courier) on one loop. Its descriptor is watched edge-
 * triggered from birth to death, so that waiting costs no system call; `readable` remembers that there
 * may be more. A TLS handshake runs step by step on the offload pool, which then owns the SSL; closing
 * the stream meanwhile leaves descriptor and SSL to the pool, which frees them when the step ends. */
#ifndef POSTERN_GATEWAY_STREAM_H
#define POSTERN_GATEWAY_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "gateway/net/loop.h"
#include "gateway/net/offload.h"
#include "pki/base/buffer.h"

enum {
    STREAM_OUT_MAXIMUM = 256 * 1024, /* bytes that may wait to be sent */
    STREAM_OUT_HIGH = 64 * 1024,     /* who feeds a stream stops here … */
    STREAM_OUT_LOW = 16 * 1024       /* … and goes on below this */
};

struct stream_handshake;

struct stream {
    struct loop *loop;
    struct loop_watch watch;
    SSL *ssl; /* NULL: plain */
    struct buffer out;
    bool readable;
    bool writable;
    bool hung_up;     /* the peer has closed its side; there may be bytes before that */
    bool keeps_memory; /* `out` is kept when it is empty: more is about to come */
    bool broken;        /* reset or closed by the peer, as the last write or event told */
    const char *reason; /* why, in OpenSSL's words (a constant string), or NULL */
    struct stream_handshake *handshake; /* in progress */
    void (*ready)(struct stream *stream); /* something may go on; may close the stream */
};

/* Takes the descriptor over: non-blocking, and with TCP_NODELAY where it is TCP. On failure it is
 * closed. */
int stream_open(struct stream *stream, struct loop *loop, int fd,
                void (*ready)(struct stream *stream));
/* Closes without a word more than TLS's close_notify; bears one that is closed. */
void stream_close(struct stream *stream);
static inline bool stream_is_open(const struct stream *stream)
{
    return stream->watch.ready;
}

/* Bytes read; 0: the peer has closed (in TLS: with close_notify); -EAGAIN; or another -errno. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t size);

/* Nothing that was received is held back in the TLS layer. */
static inline bool stream_is_drained(const struct stream *stream)
{
    return !stream->ssl || !SSL_has_pending(stream->ssl);
}

/* Adds to what is to be sent; stream_flush() sends. -EMSGSIZE past STREAM_OUT_MAXIMUM, -ENOMEM. Large
 * pieces may go out at once. */
int stream_write(struct stream *stream, const void *bytes, size_t length);
/* Sends what it can: 0, or -EPIPE once the connection is broken. */
int stream_flush(struct stream *stream);
static inline size_t stream_unsent(const struct stream *stream)
{
    return buffer_length(&stream->out);
}

/* Begins a handshake with `ssl` (taken over; connect or accept state and all else set). `established`
 * runs on the pool's thread right after success and may fail it; it must touch nothing but the SSL and
 * what hangs on it. `finished` runs on the loop: result 0, or negative with the error. -EAGAIN when the
 * pool is full. */
int stream_handshake(struct stream *stream, struct offload *offload, SSL *ssl,
                     int (*established)(SSL *ssl, struct error *error),
                     void (*finished)(struct stream *stream, int result,
                                      const struct error *error));

#endif
