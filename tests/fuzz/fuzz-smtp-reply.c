/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the replies of a next hop: the bytes are a server's, one reply after the other. Fed at
 * once and a byte at a time they must give the same, and what is formatted for a client must be a
 * reply again, of the same code, in lines of at most 512 bytes. An entry for libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz-smtp-reply.c \
 *         gateway/smtp/reply.c -o fuzz-smtp-reply
 *     ./fuzz-smtp-reply -dict=tests/fuzz/smtp-reply.dict tests/fuzz/smtp-reply
 *
 * The unit tests replay the corpus through it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/capabilities.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void expect_reply(const struct smtp_reply *reply)
{
    expect(reply->code >= 200 && reply->code <= 599);
    expect(reply->length < sizeof reply->text && reply->text[reply->length] == '\0');
    for (size_t i = 0; i < reply->length; i++)
        expect(reply->text[i] == '\n' || (reply->text[i] >= ' ' && reply->text[i] < 0x7f));
}

/* The same bytes one by one: the same outcome behind the same byte. */
static void expect_same_bytewise(const struct smtp_reply_parser *whole, int result,
                                 const char *bytes, size_t length, size_t taken)
{
    static struct smtp_reply_parser parser;
    size_t at = 0, one = 1;
    int last = 0;
    smtp_reply_start(&parser);
    while (last == 0 && at < length) {
        last = smtp_reply_feed(&parser, bytes + at, 1, &one);
        at += one;
    }
    expect(last == result && at == taken);
    if (result == 1)
        expect(parser.reply.code == whole->reply.code &&
               strcmp(parser.reply.text, whole->reply.text) == 0);
}

static void expect_formatted(const struct smtp_reply *reply)
{
    static char text[SMTP_REPLY_TEXT_MAXIMUM * 2];
    static struct smtp_reply_parser parser;
    size_t length = smtp_reply_format(reply, text, sizeof text), taken, line = 0;
    expect(length < sizeof text);
    for (size_t i = 0; i < length; i++) {
        line++;
        expect(line <= 512);
        if (text[i] == '\n')
            line = 0;
    }
    smtp_reply_start(&parser);
    expect(smtp_reply_feed(&parser, text, length, &taken) == 1 && taken == length);
    expect(parser.reply.code == reply->code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct smtp_reply_parser parser;
    struct smtp_offers offers;
    const char *bytes = (const char *)data;
    while (size) {
        size_t taken = size + 1;
        smtp_reply_start(&parser);
        int result = smtp_reply_feed(&parser, bytes, size, &taken);
        expect(result >= -1 && result <= 1 && taken <= size);
        expect_same_bytewise(&parser, result, bytes, size, taken);
        if (result != 1)
            return 0;
        expect_reply(&parser.reply);
        expect_formatted(&parser.reply);
        smtp_offers_parse(&parser.reply, &offers);
        bytes += taken;
        size -= taken;
    }
    return 0;
}
