/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing message data. The first byte says in pieces of which size the others are fed. What the
 * decoder gives must hold CR and LF as pairs only; encoded again it must be the very bytes that
 * came; and however the bytes are cut, the outcome is the same. An entry for libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz-smtp-data.c \
 *         gateway/smtp/data.c -o fuzz-smtp-data
 *     ./fuzz-smtp-data -dict=tests/fuzz/smtp-data.dict tests/fuzz/smtp-data
 *
 * The unit tests replay the corpus through it. */
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

struct text {
    char *bytes;
    size_t length, room;
};

static int keep(void *context, const char *bytes, size_t length)
{
    struct text *text = context;
    expect(length <= text->room - text->length);
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return 0;
}

static struct text new_text(size_t room)
{
    struct text text = {.bytes = malloc(room + 1), .room = room};
    expect(text.bytes);
    return text;
}

/* Feeds pieces until the end or an error; `*taken` of all. */
static enum smtp_data_result decode(const char *bytes, size_t length, size_t piece, struct text *to,
                                    size_t *taken)
{
    struct smtp_data_decoder decoder;
    enum smtp_data_result result = SMTP_DATA_MORE;
    smtp_data_start(&decoder);
    for (*taken = 0; result == SMTP_DATA_MORE && *taken < length;) {
        size_t count = length - *taken < piece ? length - *taken : piece, one = count + 1;
        result = smtp_data_decode(&decoder, bytes + *taken, count, &one, keep, to);
        expect(one <= count && (one == count || result != SMTP_DATA_MORE));
        *taken += one;
    }
    return result;
}

static void expect_clean(const struct text *text)
{
    for (size_t i = 0; i < text->length; i++) {
        if (text->bytes[i] == '\n')
            expect(i && text->bytes[i - 1] == '\r');
        if (i && text->bytes[i - 1] == '\r')
            expect(text->bytes[i] == '\n');
    }
    expect(!text->length || text->bytes[text->length - 1] != '\r');
}

/* Encoded in such pieces too, with the end mark. */
static void expect_encoded(const struct text *message, size_t piece, const char *wire,
                           size_t wire_length)
{
    struct smtp_data_encoder encoder;
    struct text again = new_text(message->length * 2 + 5);
    smtp_data_encode_start(&encoder);
    for (size_t at = 0; at < message->length; at += piece) {
        size_t count = message->length - at < piece ? message->length - at : piece;
        expect(smtp_data_encode(&encoder, message->bytes + at, count, keep, &again) == 0);
    }
    const char *end = smtp_data_end(&encoder);
    keep(&again, end, strlen(end));
    expect(again.length == wire_length && memcmp(again.bytes, wire, wire_length) == 0);
    free(again.bytes);
}

/* After an error the rest is thrown away: that must come to an end, too. */
static void go_on(const char *bytes, size_t length)
{
    struct smtp_data_decoder decoder;
    size_t at = 0, idle = 0;
    smtp_data_start(&decoder);
    while (at < length) {
        size_t taken = 0;
        enum smtp_data_result result =
            smtp_data_decode(&decoder, bytes + at, length - at, &taken, NULL, NULL);
        at += taken;
        if (result == SMTP_DATA_FINISHED)
            return;
        idle = taken ? 0 : idle + 1;
        expect(idle < 3);
    }
}

/* A stuffed dot in front of anything is canonical only where the encoder would put it. */
static bool is_canonical(const char *wire, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++)
        if (wire[i] == '.' && (i == 0 || wire[i - 1] == '\n') && wire[i + 1] != '.' &&
            wire[i + 1] != '\r')
            return false;
    return true;
}

static void watch_header(const struct text *message, size_t piece)
{
    struct smtp_header_watch whole, pieces;
    smtp_header_start(&whole);
    smtp_header_start(&pieces);
    smtp_header_feed(&whole, message->bytes, message->length);
    for (size_t at = 0; at < message->length; at += piece)
        smtp_header_feed(&pieces, message->bytes + at,
                         message->length - at < piece ? message->length - at : piece);
    expect(whole.received == pieces.received && whole.in_body == pieces.in_body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t piece = (size_t)data[0] + 1, length = size - 1, taken, taken_again;
    const char *wire = (const char *)data + 1;
    struct text whole = new_text(length), pieces = new_text(length);
    enum smtp_data_result result = decode(wire, length, length + 1, &whole, &taken);
    expect(decode(wire, length, piece, &pieces, &taken_again) == result);
    if (result == SMTP_DATA_MORE || result == SMTP_DATA_FINISHED) {
        expect(taken == taken_again && whole.length == pieces.length);
        expect(memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
        expect_clean(&whole);
        watch_header(&whole, piece);
    }
    if (result == SMTP_DATA_FINISHED && is_canonical(wire, taken))
        expect_encoded(&whole, piece, wire, taken);
    go_on(wire, length);
    free(whole.bytes);
    free(pieces.bytes);
    return 0;
}
