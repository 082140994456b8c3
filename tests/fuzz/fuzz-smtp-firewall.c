/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the header firewall: the bytes are a message as the decoder gives it. Fed at once and a
 * byte at a time the same must pass, and where nothing is removed, all of it. An entry for
 * libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz-smtp-firewall.c \
 *         gateway/smtp/firewall.c -o fuzz-smtp-firewall
 *
 * The unit tests give it their own cases. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAXIMUM = 1 << 16 };

struct output {
    char bytes[MESSAGE_MAXIMUM];
    size_t length;
};

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static int keep(void *context, const char *bytes, size_t length)
{
    struct output *output = context;
    expect(length <= sizeof output->bytes - output->length);
    memcpy(output->bytes + output->length, bytes, length);
    output->length += length;
    return 0;
}

static struct smtp_firewall run(const char *bytes, size_t length, size_t step,
                                struct output *output)
{
    struct smtp_firewall firewall = {
        .removes = true, .size_maximum = MESSAGE_MAXIMUM, .count_maximum = MESSAGE_MAXIMUM};
    smtp_firewall_start(&firewall);
    output->length = 0;
    for (size_t at = 0; at < length; at += step)
        expect(smtp_firewall_feed(&firewall, bytes + at, step < length - at ? step : length - at,
                                  keep, output) == 0);
    expect(smtp_firewall_end(&firewall, keep, output) == 0);
    return firewall;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct output whole, bytewise;
    const char *bytes = (const char *)data;
    if (size > MESSAGE_MAXIMUM)
        return 0;
    struct smtp_firewall firewall = run(bytes, size, size + 1, &whole);
    run(bytes, size, 1, &bytewise);
    expect(whole.length == bytewise.length &&
           memcmp(whole.bytes, bytewise.bytes, whole.length) == 0);
    if (!firewall.removed)
        expect(whole.length == size && memcmp(whole.bytes, bytes, size) == 0);
    return 0;
}
