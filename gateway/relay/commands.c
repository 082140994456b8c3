/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session's verbs: what each command does, and what may follow what. See session.h. */
#include "gateway/relay/session-private.h"
#include "gateway/smtp/lenient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct session *session, int code, const char *text)
{
    session_reply(session, code, "%s", text);
    session_count_error(session);
}

static bool take_hello(struct session *session, const char *arguments, size_t length)
{
    char text[SMTP_LENIENT_MAXIMUM];
    if (session->lenient && !smtp_hello_is_valid(arguments, length)) {
        length = smtp_lenient_hello(arguments, length, session->peer, text);
        arguments = text;
    }
    if (!smtp_hello_is_valid(arguments, length)) {
        refuse(session, 501, "5.5.4 A host name or an address literal is needed");
        return false;
    }
    char *hello = strndup(arguments, length);
    if (!hello) {
        session_abort(session);
        return false;
    }
    /* RFC 5321 4.1.4: EHLO in the middle is like RSET. */
    transaction_end(session);
    free(session->hello);
    session->hello = hello;
    return true;
}

static void say_ehlo(struct session *session, const char *arguments, size_t length)
{
    if (!take_hello(session, arguments, length))
        return;
    session->esmtp = true;
    offers_say(session);
}

static void say_helo(struct session *session, const char *arguments, size_t length)
{
    if (!take_hello(session, arguments, length))
        return;
    session->esmtp = false;
    session_reply(session, 250, "%s", session_name(session));
}

static void say_mail(struct session *session, const char *arguments, size_t length)
{
    if (!session->hello)
        refuse(session, 503, "5.5.1 Say EHLO first");
    else if (session->transaction)
        refuse(session, 503, "5.5.1 A transaction is open already");
    else
        transaction_mail(session, arguments, length);
}

static void say_rcpt(struct session *session, const char *arguments, size_t length)
{
    if (!session->transaction)
        refuse(session, 503, "5.5.1 Say MAIL first");
    else if (session->transaction->chunked)
        refuse(session, 503, "5.5.1 The message has begun");
    else
        transaction_rcpt(session, arguments, length);
}

static void say_data(struct session *session, const char *arguments, size_t length)
{
    (void)arguments;
    if (length)
        refuse(session, 501, "5.5.4 DATA takes no argument");
    else if (!session->transaction)
        refuse(session, 503, "5.5.1 Say MAIL first");
    else if (session->transaction->chunked)
        refuse(session, 503, "5.5.1 The message comes by BDAT");
    else if (session->transaction->mail.body == SMTP_BODY_BINARYMIME)
        refuse(session, 503, "5.5.1 BINARYMIME needs BDAT"); /* RFC 3030 3 */
    else if (!session->transaction->accepted)
        refuse(session, 554, "5.5.1 No valid recipients");
    else
        transaction_data(session);
}

static void say_rset(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    transaction_end(session);
    session_reply(session, 250, "2.0.0 Flushed");
}

static void say_noop(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    session_reply(session, 250, "2.0.0 OK");
}

static void say_quit(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    session_reply(session, 221, "2.0.0 %s closes the connection", session_name(session));
    session_say_goodbye(session);
}

/* RFC 5321 3.5.3: neither yes nor no. */
static void say_vrfy(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    session_reply(session, 252, "2.5.2 Send some mail, and see");
}

static void say_help(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    session_reply(session, 214, "2.0.0 This is a mail gateway; see RFC 5321");
}

static void say_starttls(struct session *session, const char *arguments, size_t length)
{
    (void)arguments;
    if (length) {
        refuse(session, 501, "5.5.4 STARTTLS takes no argument");
    } else if (session->stream.ssl) {
        refuse(session, 503, "5.5.1 TLS is active already");
    } else if (!session->server) {
        refuse(session, 502, "5.5.1 STARTTLS is not offered here");
    } else {
        session_reply(session, 220, "2.0.0 Ready to start TLS");
        /* The handshake begins once the bytes behind the command are known to be none. */
        session->state = SESSION_HANDSHAKE;
    }
}

static void say_auth(struct session *session, const char *arguments, size_t length)
{
    session_authenticate(session, arguments, length);
}

static void say_unknown(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    refuse(session, 500, "5.5.2 That is no command known here");
}

/* HTTP and the like: whoever speaks it does not read SMTP, and may be a browser made to (ALPACA).
 */
static void hang_up(struct session *session, const char *arguments, size_t length)
{
    (void)arguments, (void)length;
    report_violation(session, "the client speaks another protocol");
    session_abort(session);
}

/* `junk`: it counts as MaxJunkCommands has it. */
static const struct {
    void (*run)(struct session *session, const char *arguments, size_t length);
    bool junk;
} verbs[] = {
    [SMTP_UNKNOWN] = {say_unknown, true}, [SMTP_EHLO] = {say_ehlo, true},
    [SMTP_HELO] = {say_helo, true},       [SMTP_MAIL] = {say_mail, true},
    [SMTP_RCPT] = {say_rcpt, false},      [SMTP_DATA] = {say_data, false},
    [SMTP_RSET] = {say_rset, true},       [SMTP_NOOP] = {say_noop, true},
    [SMTP_BDAT] = {chunks_bdat, false},
    [SMTP_QUIT] = {say_quit, false},      [SMTP_VRFY] = {say_vrfy, true},
    [SMTP_HELP] = {say_help, true},       [SMTP_STARTTLS] = {say_starttls, false},
    [SMTP_AUTH] = {say_auth, true},       [SMTP_FOREIGN] = {hang_up, false},
};

void session_command(struct session *session, const char *line, size_t length)
{
    const char *arguments;
    size_t arguments_length;
    enum smtp_verb verb = smtp_verb(line, length, &arguments, &arguments_length);
    if (verbs[verb].junk)
        limits_count_junk(session);
    if (!session->closing && !session->dead)
        verbs[verb].run(session, arguments, arguments_length);
}
