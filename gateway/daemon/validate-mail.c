/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a validation says to the next hop beyond EHLO: MAIL, RCPT and RSET, or a whole message. One
 * command at a time, so that each has its own reply and its own time. On the worker's thread. */
#include "gateway/daemon/validate-private.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Milliseconds; RFC 5321 4.5.3.2. */
enum { TIMEOUT_ENVELOPE = 300000, TIMEOUT_DATA = 120000, TIMEOUT_FINAL = 600000 };
enum { MESSAGE_MAXIMUM = 4096 };

static void say_mail(struct validation *validation);
static void say_rcpt(struct validation *validation);
static void say_rset(struct validation *validation);
static void say_data(struct validation *validation);
static void say_content(struct validation *validation);

static const struct {
    const char *step;
    int class; /* of the reply that lets it go on */
    void (*say)(struct validation *validation);
} lines[] = {
    [VALIDATE_MAIL] = {"mail", 2, say_mail},          [VALIDATE_RCPT] = {"rcpt", 2, say_rcpt},
    [VALIDATE_RSET] = {"rset", 2, say_rset},          [VALIDATE_DATA] = {"data", 3, say_data},
    [VALIDATE_CONTENT] = {"message", 2, say_content},
};

static int64_t now(const struct validation *validation)
{
    return loop_now(validation->worker->loop);
}

static void say_mail(struct validation *validation)
{
    hop_command(validation->hop, TIMEOUT_ENVELOPE, "MAIL FROM:<%s>", validation->sender);
}

static void say_rcpt(struct validation *validation)
{
    hop_command(validation->hop, TIMEOUT_ENVELOPE, "RCPT TO:<%s>", validation->recipient);
}

static void say_rset(struct validation *validation)
{
    hop_command(validation->hop, TIMEOUT_ENVELOPE, "RSET");
}

static void say_data(struct validation *validation)
{
    hop_command(validation->hop, TIMEOUT_DATA, "DATA");
}

/* RFC 5322 3.3, in English whatever the locale. */
static void format_date(char *text, size_t size)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = time(NULL);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    snprintf(text, size, "%.3s, %02d %.3s %d %02d:%02d:%02d +0000", days + 3 * parts.tm_wday,
             parts.tm_mday, months + 3 * parts.tm_mon, 1900 + parts.tm_year, parts.tm_hour,
             parts.tm_min, parts.tm_sec);
}

/* A connector's name may hold what a header may not (RFC 5322 2.2). */
static void copy_name(const char *name, char *text, size_t size)
{
    size_t used = 0;
    for (; *name && used + 1 < size; name++)
        text[used++] = *name > 0x20 && *name < 0x7f ? *name : '?';
    text[used] = '\0';
}

/* No line begins with a dot, and each is far below the limits. */
static int write_message(const struct validation *validation, char *text, size_t size)
{
    const char *host = validation->snapshot->config->host_name;
    unsigned char random[12] = {0};
    char date[48], name[80], number[2 * sizeof random + 1];
    (void)RAND_bytes(random, sizeof random); /* without: another message has the same id at worst */
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(number + 2 * i, 3, "%02x", random[i]);
    format_date(date, sizeof date);
    copy_name(validation->outbound->name, name, sizeof name);
    return snprintf(text, size,
                    "Date: %s\r\nFrom: <%s%s>\r\nTo: <%s>\r\nMessage-ID: <validate.%s@%s>\r\n"
                    "Subject: Test of outbound connector %s\r\nAuto-Submitted: auto-generated\r\n"
                    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
                    "This is a test message. An administrator of the Postern gateway\r\n%s\r\n"
                    "sent it with \"posternctl outbound validate %s --send\", to see\r\n"
                    "whether mail crosses. Nobody needs to answer it.\r\n.\r\n",
                    date, validation->sender[0] ? validation->sender : "postmaster@",
                    validation->sender[0] ? "" : host, validation->recipient, number, host, name,
                    host, name);
}

static void say_content(struct validation *validation)
{
    char text[MESSAGE_MAXIMUM];
    int length = write_message(validation, text, sizeof text);
    if (length < 0 || (size_t)length >= sizeof text ||
        hop_write(validation->hop, text, (size_t)length) < 0)
        validation->hop->stream.broken = true;
    hop_expect_reply(validation->hop, TIMEOUT_FINAL);
}

static void say(struct validation *validation, enum validate_line line)
{
    validation->line = line;
    validation->line_started = now(validation);
    lines[line].say(validation);
    hop_flush(validation->hop);
}

void validate_mail_begin(struct validation *validation)
{
    say(validation, VALIDATE_MAIL);
}

static enum validate_line next_line(const struct validation *validation)
{
    switch (validation->line) {
    case VALIDATE_MAIL:
        return VALIDATE_RCPT;
    case VALIDATE_RCPT:
        return validation->send ? VALIDATE_DATA : VALIDATE_RSET;
    case VALIDATE_DATA:
        return VALIDATE_CONTENT;
    default:
        return VALIDATE_LINE_END;
    }
}

void validate_mail_replied(struct validation *validation, const struct smtp_reply *reply)
{
    enum validate_line line = validation->line;
    bool passed = smtp_reply_class(reply) == lines[line].class;
    validate_tell_reply(validation, lines[line].step, reply, passed,
                        now(validation) - validation->line_started);
    line = passed ? next_line(validation) : VALIDATE_LINE_END;
    if (line == VALIDATE_LINE_END)
        validate_end(validation);
    else
        say(validation, line);
}

void validate_mail_lost(struct validation *validation, const struct error *error)
{
    validate_tell_lost(validation, lines[validation->line].step, error,
                       now(validation) - validation->line_started);
    validate_end(validation);
}
