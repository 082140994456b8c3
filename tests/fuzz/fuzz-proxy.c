/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the PROXY header of a balancer. What was read whole must be the same when the bytes
 * behind it are missing, and nothing shorter may be judged otherwise than "more". An entry for
 * libFuzzer; make fuzz builds it, and the unit tests replay the corpus through it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_storage address = {0}, again = {0};
    size_t taken = 0, same = 0;
    enum proxy_result result = proxy_parse(data, size, &taken, &address);
    expect(taken <= size && taken <= PROXY_BLOCK_MAXIMUM);
    expect((result == PROXY_ADDRESS) == (address.ss_family != 0));
    if (result != PROXY_ADDRESS && result != PROXY_LOCAL) {
        expect(!taken && (result == PROXY_WRONG || size < PROXY_BLOCK_MAXIMUM));
        return 0;
    }
    expect(proxy_parse(data, taken, &same, &again) == result && same == taken);
    expect(memcmp(&address, &again, sizeof address) == 0);
    for (size_t length = 0; length < taken; length++)
        expect(proxy_parse(data, length, &same, &again) == PROXY_MORE);
    return 0;
}
