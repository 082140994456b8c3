/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See limits.h. */
#include "connectors/limits.h"

#include <stdio.h>
#include <string.h>

#include "connectors/values.h"

const struct conn_limits conn_default_limits = {
    .message_size = UINT64_C(256) << 20,
    .header_size = 256 << 10,
    .header_count = 1000,
    .line_length = 64 << 10,
    .hop_count = 60,
    .recipients = 1000,
    .protocol_errors = 20,
    .junk_commands = 100,
    .sessions = 20000,
    .sessions_per_source = CONN_UNLIMITED,
    .message_rate = CONN_UNLIMITED,
    .transfer_rate = 0,
    .inactivity_timeout = 300000,
    .connection_timeout = 24 * 3600 * 1000,
};

#define ROW(name_, kind_, member)                                                                  \
    {                                                                                              \
        name_, kind_, offsetof(struct conn_limits, member)                                         \
    }
const struct conn_limit conn_limits_table[] = {
    ROW("MaxMessageSize", CONN_LIMIT_SIZE, message_size),
    ROW("MaxHeaderSize", CONN_LIMIT_SIZE, header_size),
    ROW("MaxHeaderCount", CONN_LIMIT_NUMBER, header_count),
    ROW("MaxLineLength", CONN_LIMIT_NUMBER, line_length),
    ROW("MaxHopCount", CONN_LIMIT_NUMBER, hop_count),
    ROW("MaxRecipientsPerMessage", CONN_LIMIT_NUMBER, recipients),
    ROW("MaxProtocolErrors", CONN_LIMIT_NUMBER, protocol_errors),
    ROW("MaxJunkCommands", CONN_LIMIT_NUMBER, junk_commands),
    ROW("MaxInboundConnection", CONN_LIMIT_NUMBER, sessions),
    ROW("MaxInboundConnectionPerSource", CONN_LIMIT_NUMBER, sessions_per_source),
    ROW("MessageRateLimit", CONN_LIMIT_NUMBER, message_rate),
    ROW("MinimumTransferRate", CONN_LIMIT_NUMBER, transfer_rate),
    ROW("ConnectionInactivityTimeOut", CONN_LIMIT_DURATION, inactivity_timeout),
    ROW("ConnectionTimeOut", CONN_LIMIT_DURATION, connection_timeout),
};
const size_t conn_limits_count = ARRAY_SIZE(conn_limits_table);

static void *at(const struct conn_limits *limits, const struct conn_limit *limit)
{
    return (char *)limits + limit->offset;
}

void conn_limits_complete(struct conn_limits *limits, const struct conn_limits *others)
{
    for (size_t i = 0; i < conn_limits_count; i++) {
        const struct conn_limit *limit = &conn_limits_table[i];
        static const uint64_t none;
        size_t size = limit->kind == CONN_LIMIT_SIZE ? sizeof(uint64_t) : sizeof(unsigned);
        if (memcmp(at(limits, limit), &none, size) == 0)
            memcpy(at(limits, limit), at(others, limit), size);
    }
}

static const char *show_size(uint64_t size, char *text)
{
    static const char *const units[] = {"", " KB", " MB", " GB"};
    size_t unit = 0;
    for (; size && size % 1024 == 0 && unit + 1 < ARRAY_SIZE(units); size /= 1024)
        unit++;
    snprintf(text, CONN_LIMIT_TEXT_MAXIMUM, "%llu%s", (unsigned long long)size, units[unit]);
    return text;
}

const char *conn_limit_text(const struct conn_limit *limit, const struct conn_limits *limits,
                            char text[CONN_LIMIT_TEXT_MAXIMUM])
{
    uint64_t size;
    unsigned number;
    if (limit->kind == CONN_LIMIT_SIZE) {
        memcpy(&size, at(limits, limit), sizeof size);
        return show_size(size, text);
    }
    memcpy(&number, at(limits, limit), sizeof number);
    if (limit->kind == CONN_LIMIT_DURATION)
        return conn_show_duration(number, text, CONN_LIMIT_TEXT_MAXIMUM);
    if (number == CONN_UNLIMITED)
        return "Unlimited";
    snprintf(text, CONN_LIMIT_TEXT_MAXIMUM, "%u", number);
    return text;
}
