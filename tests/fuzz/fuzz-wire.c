/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the protocol of posternd and its signer, both ends of which use this decoder. What it
 * takes must be canonical: encoded again it is the same packet. An entry for libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address -I. tests/fuzz/fuzz-wire.c pki/wire.c -o fuzz-wire
 *
 * The unit tests replay random and mutated packets through it. */
#include <stdlib.h>
#include <string.h>

#include "pki/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pki_wire_message message;
    uint8_t again[PKI_WIRE_MAXIMUM];
    if (pki_wire_decode(data, size, &message) < 0)
        return 0;
    int length = pki_wire_encode(&message, again, sizeof again);
    if (length < 0 || (size_t)length != size || memcmp(again, data, size) != 0)
        abort();
    return 0;
}
