/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See log.h. The event is built as "NAME=value" strings one after the other, each ended by NUL, in
 * the shape the journal takes; logfmt is made from the same strings. */
#include "pki/base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static const struct {
    const char *name;
    int priority;
    const char *id;
} events[] = {
#define LOG_EVENT_ROW(name, text, priority, id) [LOG_EVENT_##name] = {text, priority, id},
    LOG_EVENTS(LOG_EVENT_ROW)
#undef LOG_EVENT_ROW
};

enum { FIELD_NAME_ROOM = 96, DROPPED_ROOM = 128 };

static const char *program_name = "postern";
static int level_wanted = LOG_INFO;
static bool to_journal;

/* JOURNAL_STREAM names the device and inode of the stream that systemd gave us as stderr. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_open(const char *program, int level)
{
    program_name = program;
    level_wanted = level;
    to_journal = stderr_is_journal();
}

/* One byte more, unless the text is full; room for a last NUL is always kept. */
static void put(struct log *log, char byte)
{
    if (log->used < log->limit)
        log->text[log->used++] = byte;
}

static void put_plain(struct log *log, const char *bytes, size_t length)
{
    size_t room = log->used < log->limit ? log->limit - log->used : 0;
    if (length > room)
        length = room;
    memcpy(log->text + log->used, bytes, length);
    log->used += length;
}

static bool is_plain(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

/* Runs of plain text go in whole; almost all text is one. */
static void put_escaped(struct log *log, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const char *end = bytes + length;
    while (bytes < end) {
        const char *plain = bytes;
        while (bytes < end && is_plain(*bytes))
            bytes++;
        put_plain(log, plain, (size_t)(bytes - plain));
        if (bytes == end)
            return;
        unsigned char byte = (unsigned char)*bytes++;
        put(log, '\\');
        if (byte == '\\') {
            put(log, '\\');
        } else {
            put(log, 'x');
            put(log, digits[byte >> 4]);
            put(log, digits[byte & 15]);
        }
    }
}

/* Begins a field; false when there is no room for another. */
static bool begin_field(struct log *log, const char *prefix, const char *field)
{
    if (log->fields >= log->fields_limit || log->used + FIELD_NAME_ROOM > log->limit) {
        log->dropped++;
        return false;
    }
    log->start[log->fields++] = (uint16_t)log->used;
    for (; *prefix; prefix++)
        put(log, *prefix);
    for (; *field; field++)
        put(log, *field == '-' ? '_' : (char)toupper((unsigned char)*field));
    put(log, '=');
    return true;
}

static void end_field(struct log *log)
{
    log->text[log->used++] = '\0';
    if (log->used >= sizeof log->text)
        log->used = sizeof log->text - 1;
}

void log_event(struct log *log, enum log_event_id event, const char *format, ...)
{
    log->event = event;
    log->wanted = events[event].priority <= level_wanted;
    log->fields = log->dropped = 0;
    log->used = 0;
    log->limit = sizeof log->text - 1 - DROPPED_ROOM;
    log->fields_limit = LOG_FIELDS_MAXIMUM - 1;
    if (!log->wanted)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    begin_field(log, "", "message");
    put_escaped(log, text, strnlen(text, sizeof text));
    end_field(log);
}

void log_bytes(struct log *log, const char *field, const char *bytes, size_t length)
{
    if (!log->wanted || !bytes || !begin_field(log, "POSTERN_", field))
        return;
    put_escaped(log, bytes, length);
    end_field(log);
}

void log_text(struct log *log, const char *field, const char *text)
{
    if (text)
        log_bytes(log, field, text, strlen(text));
}

void log_format(struct log *log, const char *field, const char *format, ...)
{
    if (!log->wanted)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_text(log, field, text);
}

void log_number(struct log *log, const char *field, int64_t number)
{
    char text[24], *at = text + sizeof text;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    if (!log->wanted)
        return;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    log_bytes(log, field, at, (size_t)(text + sizeof text - at));
}

void log_error(struct log *log, const struct error *error)
{
    log_text(log, "error", error->what);
    log_text(log, "where", error->where[0] ? error->where : NULL);
    log_text(log, "cure", error->cure[0] ? error->cure : NULL);
}

static void send_to_journal(const struct log *log)
{
    struct iovec vector[LOG_FIELDS_MAXIMUM + 4];
    char priority[16], id[64], event[64], identifier[64];
    int count = 0;
    for (unsigned i = 0; i < log->fields; i++) {
        const char *text = log->text + log->start[i];
        vector[count++] = (struct iovec){(void *)(uintptr_t)text, strlen(text)};
    }
    snprintf(priority, sizeof priority, "PRIORITY=%d", events[log->event].priority);
    snprintf(id, sizeof id, "MESSAGE_ID=%s", events[log->event].id);
    snprintf(event, sizeof event, "POSTERN_EVENT=%s", events[log->event].name);
    snprintf(identifier, sizeof identifier, "SYSLOG_IDENTIFIER=%s", program_name);
    char *more[] = {priority, id, event, identifier};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        vector[count++] = (struct iovec){more[i], strlen(more[i])};
    sd_journal_sendv(vector, count);
}

struct line {
    char text[LOG_TEXT_MAXIMUM * 2];
    size_t used;
};

static void add_bytes(struct line *line, const char *bytes, size_t length)
{
    size_t room = sizeof line->text - 2 - line->used;
    if (length > room)
        length = room;
    memcpy(line->text + line->used, bytes, length);
    line->used += length;
}

/* A value stands bare when nothing in it could be mistaken, else in quotes. */
static void add_value(struct line *line, const char *value, size_t length)
{
    const char *end = value + length;
    if (length && !memchr(value, ' ', length) && !memchr(value, '"', length) &&
        !memchr(value, '=', length)) {
        add_bytes(line, value, length);
        return;
    }
    add_bytes(line, "\"", 1);
    while (value < end) {
        const char *quote = memchr(value, '"', (size_t)(end - value));
        const char *stop = quote ? quote : end;
        add_bytes(line, value, (size_t)(stop - value));
        if (quote)
            add_bytes(line, "\\\"", 2);
        value = quote ? quote + 1 : end;
    }
    add_bytes(line, "\"", 1);
}

/* "POSTERN_FIELD_NAME=value" as " field-name=value". */
static void add_field(struct line *line, const char *field, size_t length)
{
    static const char prefix[] = "POSTERN_";
    char name[64];
    size_t used = 0;
    const char *value = memchr(field, '=', length);
    if (!value)
        return;
    const char *at = field;
    if (strncmp(field, prefix, sizeof prefix - 1) == 0)
        at += sizeof prefix - 1;
    name[used++] = ' ';
    if (strncmp(field, "MESSAGE=", 8) == 0) {
        memcpy(name + used, "msg", 3);
        used += 3;
    } else {
        for (; at < value && used < sizeof name - 1; at++)
            name[used++] = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
    }
    name[used++] = '=';
    add_bytes(line, name, used);
    add_value(line, value + 1, length - (size_t)(value + 1 - field));
}

static void write_logfmt(const struct log *log)
{
    static const char *const levels[] = {"emerg", "alert",  "crit", "error",
                                         "warning", "notice", "info", "debug"};
    struct timespec now;
    struct tm parts;
    struct line line;
    char head[128];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(head, sizeof head, "time=%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(head + length, sizeof head - length, ".%03ldZ level=%s program=%s event=%s",
             now.tv_nsec / 1000000, levels[events[log->event].priority], program_name,
             events[log->event].name);
    line.used = 0;
    add_bytes(&line, head, strlen(head));
    for (unsigned i = 0; i < log->fields; i++) {
        size_t next = i + 1 < log->fields ? log->start[i + 1] : log->used;
        add_field(&line, log->text + log->start[i], next - 1u - log->start[i]);
    }
    line.text[line.used++] = '\n';
    ssize_t written;
    do
        written = write(STDERR_FILENO, line.text, line.used);
    while (written < 0 && errno == EINTR);
}

void log_end(struct log *log)
{
    if (!log->wanted)
        return;
    if (log->dropped) {
        log->limit = sizeof log->text - 1;
        log->fields_limit = LOG_FIELDS_MAXIMUM;
        log_number(log, "dropped", log->dropped);
    }
    if (to_journal)
        send_to_journal(log);
    else
        write_logfmt(log);
}
