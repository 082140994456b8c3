/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The bounds on clients and on what they send, as attributes of Gateway and as elements of an
 * inbound connector: one list of rows for both. See struct conn_limits. Any thread. */
#ifndef POSTERN_CONNECTORS_LIMITS_H
#define POSTERN_CONNECTORS_LIMITS_H

#include "connectors/read.h"
#include "connectors/readers.h"
#include "connectors/tables.h"

extern const struct conn_limits conn_default_limits;

/* What is zero becomes what `others` says. */
void conn_limits_complete(struct conn_limits *limits, const struct conn_limits *others);

/* What a field of struct conn_limits says, for people: "35 MB", "00:05:00", "Unlimited", "60". */
enum { CONN_LIMIT_TEXT_MAXIMUM = 48 };
struct conn_limit {
    const char *name; /* "MaxMessageSize" */
    enum { CONN_LIMIT_SIZE, CONN_LIMIT_DURATION, CONN_LIMIT_NUMBER } kind;
    size_t offset; /* in struct conn_limits */
};
extern const struct conn_limit conn_limits_table[];
extern const size_t conn_limits_count;
const char *conn_limit_text(const struct conn_limit *limit, const struct conn_limits *limits,
                            char text[CONN_LIMIT_TEXT_MAXIMUM]);

#define CONN_LIMIT_ROW_(flags_, type, name_, read_, member, least_, most_, value)                  \
    {                                                                                              \
        name_, (flags_), (read_), CONN_IN(type, limits.member),                                    \
            .least = (least_), .most = (most_),                                                    \
            .example = ((flags_)&CONN_ATTRIBUTE) ? name_ "=\"" value "\""                          \
                                                 : "<" name_ ">" value "</" name_ ">"              \
    }

/* The rows of a section's table; `flags` is CONN_ATTRIBUTE or 0, and the object has `limits`. */
#define CONN_LIMIT_FIELDS(flags, type)                                                             \
    CONN_LIMIT_ROW_(flags, type, "MaxMessageSize", conn_read_size, message_size, 1024,             \
                    UINT64_C(64) << 30, "150 MB"),                                                 \
        CONN_LIMIT_ROW_(flags, type, "MaxHeaderSize", conn_read_size, header_size, 4096,           \
                        UINT64_C(64) << 20, "256 KB"),                                             \
        CONN_LIMIT_ROW_(flags, type, "MaxHeaderCount", conn_read_number, header_count, 10,         \
                        1000000, "1000"),                                                          \
        CONN_LIMIT_ROW_(flags, type, "MaxLineLength", conn_read_number, line_length, 1000,         \
                        16 << 20, "65536"),                                                        \
        CONN_LIMIT_ROW_(flags, type, "MaxHopCount", conn_read_number, hop_count, 1, 500, "60"),    \
        CONN_LIMIT_ROW_(flags, type, "MaxRecipientsPerMessage", conn_read_number, recipients, 1,   \
                        100000, "500"),                                                            \
        CONN_LIMIT_ROW_(flags, type, "MaxProtocolErrors", conn_read_limit, protocol_errors, 1,     \
                        1000000, "20"),                                                            \
        CONN_LIMIT_ROW_(flags, type, "MaxJunkCommands", conn_read_limit, junk_commands, 1,         \
                        1000000, "100"),                                                           \
        CONN_LIMIT_ROW_(flags, type, "MaxInboundConnection", conn_read_limit, sessions, 1,         \
                        1000000, "20000"),                                                         \
        CONN_LIMIT_ROW_(flags, type, "MaxInboundConnectionPerSource", conn_read_limit,             \
                        sessions_per_source, 1, 1000000, "100"),                                   \
        CONN_LIMIT_ROW_(flags, type, "MessageRateLimit", conn_read_limit, message_rate, 1,         \
                        100000000, "600"),                                                         \
        CONN_LIMIT_ROW_(flags, type, "MinimumTransferRate", conn_read_number, transfer_rate, 1,    \
                        1 << 30, "100"),                                                           \
        CONN_LIMIT_ROW_(flags, type, "ConnectionInactivityTimeOut", conn_read_duration,            \
                        inactivity_timeout, 1000, 24 * 3600 * 1000, "00:05:00"),                   \
        CONN_LIMIT_ROW_(flags, type, "ConnectionTimeOut", conn_read_duration, connection_timeout,  \
                        1000, 7 * 24 * 3600 * 1000, "01:00:00")

#endif
