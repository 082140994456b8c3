/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Our Received line (RFC 5321 4.4, with the "tls" clause of RFC 8314 4.3). */
#include "gateway/relay/session-private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 5322 3.3, in UTC; no locale comes in. */
static void date(char *text, size_t size)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    snprintf(text, size, "%s, %02d %s %d %02d:%02d:%02d +0000", days[parts.tm_wday],
             parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
             parts.tm_min, parts.tm_sec);
}

size_t received_line(const struct session *session, const struct transaction *transaction,
                     char *text, size_t size)
{
    const SSL *ssl = session->stream.ssl;
    bool six = session->address.ss_family == AF_INET6 && strchr(session->peer, ':');
    char now[64], tls[160] = "";
    /* RFC 3848. */
    const char *protocol = !session->esmtp          ? "SMTP"
                           : session->authenticated ? "ESMTPSA"
                           : ssl                    ? "ESMTPS"
                                                    : "ESMTP";
    date(now, sizeof now);
    if (ssl)
        snprintf(tls, sizeof tls, "\r\n\ttls %s (%s)", tls_cipher_name(ssl),
                 tls_version_name(ssl));
    int length = snprintf(text, size,
                          "Received: from %s ([%s%s])\r\n"
                          "\tby %s (Postern, connector %s)\r\n"
                          "\twith %s id %s%s;\r\n"
                          "\t%s\r\n",
                          session->hello, six ? "IPv6:" : "", session->peer,
                          session->snapshot->config->host_name, transaction->inbound->name,
                          protocol, transaction->id, tls, now);
    return length < 0 || (size_t)length >= size ? 0 : (size_t)length;
}
