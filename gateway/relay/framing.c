/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See framing.h. */
#include "gateway/relay/framing.h"

#include <string.h>

enum { TIMEOUT_CHUNK = 180000 /* RFC 5321 4.5.3.2.5, milliseconds */ };

void framing_begin(struct framing *framing, const struct smtp_offers *offers)
{
    *framing = (struct framing){.chunks = offers->chunking, .pipelining = offers->pipelining};
    smtp_data_encode_start(&framing->encoder);
    buffer_init(&framing->held, FRAMING_HELD_MAXIMUM);
}

void framing_release(struct framing *framing)
{
    buffer_release(&framing->held);
}

static int write_encoded(void *context, const char *bytes, size_t length)
{
    return hop_write(context, bytes, length);
}

/* Everything that is held goes out as one chunk. */
static int send_chunk(struct framing *framing, struct hop *hop, int64_t timeout)
{
    size_t length = buffer_length(&framing->held);
    hop_command(hop, timeout, "BDAT %zu%s", length, framing->ended ? " LAST" : "");
    framing->unanswered++;
    framing->finished = framing->ended;
    int result = length ? hop_write(hop, buffer_bytes(&framing->held), length) : 0;
    buffer_consume(&framing->held, length);
    return result;
}

/* RFC 3030 4.2: only PIPELINING lets a chunk go out before the last one is answered. */
static bool chunk_is_due(const struct framing *framing)
{
    return !framing->finished &&
           (framing->ended || buffer_length(&framing->held) >= FRAMING_CHUNK) &&
           (framing->pipelining || !framing->unanswered);
}

int framing_write(struct framing *framing, struct hop *hop, const char *bytes, size_t length)
{
    if (!framing->chunks)
        return smtp_data_encode(&framing->encoder, bytes, length, write_encoded, hop);
    int result = buffer_append(&framing->held, bytes, length);
    if (result == 0 && chunk_is_due(framing))
        result = send_chunk(framing, hop, TIMEOUT_CHUNK);
    return result;
}

int framing_end(struct framing *framing, struct hop *hop, int64_t timeout)
{
    const char *mark = smtp_data_end(&framing->encoder);
    framing->ended = true;
    if (framing->chunks)
        return chunk_is_due(framing) ? send_chunk(framing, hop, timeout) : 0;
    framing->finished = true;
    return hop_write(hop, mark, strlen(mark));
}

int framing_go_on(struct framing *framing, struct hop *hop, int64_t timeout)
{
    return chunk_is_due(framing) ? send_chunk(framing, hop, timeout) : 0;
}

size_t framing_backlog(const struct framing *framing)
{
    size_t held = buffer_length(&framing->held);
    return held >= FRAMING_CHUNK ? held : 0;
}
