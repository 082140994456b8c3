/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The fuzzer's entry for the configuration: the bytes are read as each of the three documents in
 * turn. No file that the bytes name is opened. The unit tests replay a corpus through it; with
 * clang, link it with -fsanitize=fuzzer. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the loader promises: it either complains or gives a model that can be written. */
static void check_outcome(const struct conn_config *config, const struct conn_problems *problems)
{
    if (problems->errors)
        return;
    if (config->inbound_count)
        free(conn_inbound_xml(&config->inbound[0]));
    if (config->outbound_count)
        free(conn_outbound_xml(&config->outbound[0]));
}

static void read_as(enum conn_kind kind, const uint8_t *data, size_t size)
{
    struct conn_problems problems = {0};
    struct conn_config *config = conn_config_new("/nonexistent");
    struct conn_reader reader = {
        .config = config, .problems = &problems, .file = "input.xml", .gateway_lost = true};
    if (!config)
        abort();
    conn_read_bytes(&reader, kind, (const char *)data, size);
    check_outcome(config, &problems);
    conn_problems_clear(&problems);
    conn_reader_clear(&reader);
    conn_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as(CONN_KIND_GATEWAY, data, size);
    read_as(CONN_KIND_INBOUND, data, size);
    read_as(CONN_KIND_OUTBOUND, data, size);
    return 0;
}
