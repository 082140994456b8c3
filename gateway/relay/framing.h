/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How a courier puts a message's bytes on the wire: BDAT where the next hop offers CHUNKING (RFC
 * 3030), else DATA with its dots stuffed.
 *
 * A value in the courier, on its worker. What comes in is the message as it is, in pieces of any
 * size; what is held back for a chunk is bounded by FRAMING_HELD_MAXIMUM. */
#ifndef POSTERN_GATEWAY_FRAMING_H
#define POSTERN_GATEWAY_FRAMING_H

#include "gateway/relay/hop.h"
#include "gateway/smtp/data.h"

enum {
    FRAMING_CHUNK = 64 * 1024, /* bytes that make a chunk; the last one may be smaller */
    FRAMING_HELD_MAXIMUM = 4 * FRAMING_CHUNK
};

struct framing {
    bool chunks;         /* BDAT */
    bool pipelining;     /* a chunk need not wait for the reply to the one before it */
    bool ended;          /* the message is whole: the next chunk is the last */
    bool finished;       /* the last chunk, or the end mark, was written */
    unsigned unanswered; /* chunks */
    struct smtp_data_encoder encoder;
    struct buffer held;
};

void framing_begin(struct framing *framing, const struct smtp_offers *offers);
void framing_release(struct framing *framing);
/* 0, or negative: no room, or the connection broke. */
int framing_write(struct framing *framing, struct hop *hop, const char *bytes, size_t length);
/* The end mark, or the last chunk; `timeout` as hop_command()'s. */
int framing_end(struct framing *framing, struct hop *hop, int64_t timeout);
/* A chunk was taken: sends the next, if one is due. */
int framing_go_on(struct framing *framing, struct hop *hop, int64_t timeout);
/* Bytes that wait for more than their own kind. */
size_t framing_backlog(const struct framing *framing);

#endif
