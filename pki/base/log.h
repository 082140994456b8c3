/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A log line is an event: a stable name, a sentence for people, and fields for machines.
 *
 *     struct log log;
 *     log_event(&log, LOG_EVENT_PEER_REFUSED, "The certificate of %s is not the expected one", host);
 *     log_text(&log, "connector", name);
 *     log_number(&log, "milliseconds", elapsed);
 *     log_end(&log);
 *
 * Under systemd an event goes to the journal with MESSAGE_ID and one POSTERN_<FIELD> a field; else one
 * logfmt line goes to stderr with a single write. Text from outside is escaped: no control character,
 * no line end and no escape sequence ever reaches the log. Fields past the limits below are dropped
 * and counted in a field "dropped". An event is built on its caller's stack, without allocation, and
 * is sent by log_end(); any thread may log. Events below the level are not built at all. */
#ifndef POSTERN_PKI_BASE_LOG_H
#define POSTERN_PKI_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "pki/base/error.h"

/* Events: enum name, name in the log, priority (syslog.h), MESSAGE_ID (never reused). */
#define LOG_EVENTS(X)                                                                              \
    X(STARTED, "started", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0101")                            \
    X(STOPPING, "stopping", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0102")                          \
    X(STOPPED, "stopped", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0103")                            \
    X(RELOADED, "reloaded", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0104")                        \
    X(RELOAD_REFUSED, "reload-refused", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0105")               \
    X(CONFIG_WARNING, "config-warning", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0106")           \
    X(CONFIG_ERROR, "config-error", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0107")                   \
    X(LISTENING, "listening", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0108")                        \
    X(RESOURCES, "resources", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0109")                     \
    X(INTERNAL, "internal-error", LOG_CRIT, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d010a")                    \
    X(SESSION, "session", LOG_DEBUG, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0201")                            \
    X(SESSION_REFUSED, "session-refused", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0202")         \
    X(MESSAGE, "message", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0203")                            \
    X(SENDER_REFUSED, "sender-refused", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0204")            \
    X(RECIPIENT_REFUSED, "recipient-refused", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0205")      \
    X(PROTOCOL_VIOLATION, "protocol-violation", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0206")   \
    X(TLS_FAILED, "tls-failed", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0207")                   \
    X(AUTHENTICATION, "authentication", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0208")         \
    X(NEXT_HOP_FAILED, "next-hop-failed", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0301")         \
    X(PEER_REFUSED, "peer-refused", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0302")                   \
    X(PEER_REPORTED, "peer-reported", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0303")             \
    X(REPLY_CHANGED, "reply-changed", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0311")              \
    X(TEST_MODE, "test-mode", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0312")                      \
    X(SIGNER_STARTED, "signer-started", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0401")              \
    X(SIGNER_LOST, "signer-lost", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0402")                     \
    X(KEY_READY, "key-ready", LOG_INFO, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0403")                        \
    X(KEY_UNAVAILABLE, "key-unavailable", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0404")             \
    X(TOKEN_RECOVERY, "token-recovery", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0405")           \
    X(PIN_REFUSED, "pin-refused", LOG_CRIT, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0406")                    \
    X(CONTROL_REFUSED, "control-refused", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0501")         \
    X(DEBUG, "debug", LOG_DEBUG, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0901")                               \
    X(KEY_FAILED_OVER, "key-failed-over", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0407")         \
    X(KEY_CAME_BACK, "key-came-back", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0408")              \
    X(CERTIFICATE_STAGED, "certificate-staged", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a01")    \
    X(CERTIFICATE_TESTED, "certificate-tested", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a02")    \
    X(CERTIFICATE_ACTIVATED, "certificate-activated", LOG_NOTICE,                                  \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a03")                                                          \
    X(CERTIFICATE_ROLLED_BACK, "certificate-rolled-back", LOG_WARNING,                             \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a04")                                                          \
    X(CERTIFICATE_SCHEDULED, "certificate-scheduled", LOG_NOTICE,                                  \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a05")                                                          \
    X(CERTIFICATE_UNSCHEDULED, "certificate-unscheduled", LOG_NOTICE,                              \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a06")                                                          \
    X(CERTIFICATE_REFUSED, "certificate-refused", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a07")     \
    X(CERTIFICATE_FILE_WINS, "certificate-file-wins", LOG_WARNING,                                 \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a08")                                                          \
    X(CERTIFICATE_STORE, "certificate-store", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a09")         \
    X(CERTIFICATE_WATCH, "certificate-watch", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0a0a")     \
    X(CERTIFICATE_EXPIRES, "certificate-expires", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0621") \
    X(CERTIFICATE_URGENT, "certificate-urgent", LOG_ERR, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0622")     \
    X(PEER_NEW, "peer-new", LOG_NOTICE, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0c01")                        \
    X(PEER_EXPIRES, "peer-expires", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0c02")               \
    X(PEERS_SET_ASIDE, "peers-set-aside", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0c03")         \
    X(PEERS_NOT_KEPT, "peers-not-kept", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0c04")         \
    X(REVOCATION_UNKNOWN, "revocation-unknown", LOG_WARNING, "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0304")   \
    X(REVOCATION_LISTS_READ, "revocation-lists-read", LOG_NOTICE,                                  \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0305")                                                          \
    X(REVOCATION_LISTS_REFUSED, "revocation-lists-refused", LOG_ERR,                               \
      "5d0d3ab1fd6c4b0c9a3f1c9b6a7d0306")

enum log_event_id {
#define LOG_EVENT_ENUM(name, text, priority, id) LOG_EVENT_##name,
    LOG_EVENTS(LOG_EVENT_ENUM)
#undef LOG_EVENT_ENUM
};

enum { LOG_FIELDS_MAXIMUM = 48, LOG_TEXT_MAXIMUM = 6144 };

struct log {
    enum log_event_id event;
    bool wanted; /* false: below the level; every call is then free of cost */
    unsigned fields, fields_limit, dropped;
    size_t used, limit; /* of text; the last bytes are kept for "dropped" */
    uint16_t start[LOG_FIELDS_MAXIMUM + 1]; /* where each "NAME=value" begins in text */
    char text[LOG_TEXT_MAXIMUM];
};

/* Called once, before any thread. `program` must outlive the process. Level: a syslog priority, the
 * least important that is still written. */
void log_open(const char *program, int level);

void log_event(struct log *log, enum log_event_id event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Field names are lower case with '-'. NULL text leaves the field out. */
void log_text(struct log *log, const char *field, const char *text);
void log_bytes(struct log *log, const char *field, const char *bytes, size_t length);
void log_format(struct log *log, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void log_number(struct log *log, const char *field, int64_t number);
/* error->what as field "error", with "where" and "cure" when there are any. */
void log_error(struct log *log, const struct error *error);
void log_end(struct log *log);

#endif
