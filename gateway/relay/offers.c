/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What we offer a client in reply to EHLO, and that no more than that is taken. See
 * session-private.h.
 *
 * The next hop is not known yet. What is offered is what we keep wherever a message goes: by doing
 * it ourselves, or by refusing where the next hop cannot. */
#include "gateway/relay/session-private.h"

#include <stdio.h>

/* A certificate proved it to this connector, and nothing was let pass. */
static bool is_hybrid(const struct session *session, const struct conn_inbound *inbound)
{
    const struct pki_peer_verdict *verdict =
        tls_inbound_verdict(tls_peer(session->stream.ssl), inbound);
    return inbound->cloud_services_mail && verdict && verdict->accepted && !verdict->would_refuse &&
           !verdict->revocation_unknown;
}

bool offers_xoorg(const struct session *session, const struct conn_inbound *inbound)
{
    const struct conn_config *config = session->snapshot->config;
    if (inbound)
        return is_hybrid(session, inbound);
    for (size_t i = 0; session->stream.ssl && i < config->inbound_count; i++)
        if (is_hybrid(session, &config->inbound[i]))
            return true;
    return false;
}

/* A line of EHLO's answer, or nothing. */
static const char *mechanisms(const struct session *session)
{
    static const char *const lines[] = {"", "250-AUTH EXTERNAL\r\n", "250-AUTH PLAIN LOGIN\r\n",
                                        "250-AUTH PLAIN LOGIN EXTERNAL\r\n"};
    return lines[session_offers_passwords(session) * 2 + session_offers_external(session)];
}

void offers_say(struct session *session)
{
    const SSL *ssl = session->stream.ssl;
    char text[1024];
    int used =
        snprintf(text, sizeof text,
                 "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n%s"
                 "250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n%s%s%s"
                 "250 ENHANCEDSTATUSCODES\r\n",
                 session_name(session), (unsigned long long)limits_size_offered(session),
                 session->server && !ssl ? "250-STARTTLS\r\n" : "", ssl ? "250-REQUIRETLS\r\n" : "",
                 mechanisms(session), offers_xoorg(session, NULL) ? "250-XOORG\r\n" : "");
    if (used < 0 || stream_write(&session->stream, text, (size_t)used) < 0)
        session_abort(session);
}

bool offers_admit(struct session *session, const struct smtp_mail *mail)
{
    if ((mail->given & SMTP_PARAMETER_REQUIRETLS) && !session->stream.ssl) {
        /* RFC 8689 4.1 lets nobody ask for it outside TLS. */
        session_reply(session, 555, "5.5.4 REQUIRETLS is offered inside TLS alone");
    } else if ((mail->given & SMTP_PARAMETER_AUTH) && !session_offers_passwords(session) &&
               !session_offers_external(session)) {
        session_reply(session, 555, "5.5.4 AUTH is not offered to you");
    } else if ((mail->given & SMTP_PARAMETER_XOORG) && !offers_xoorg(session, NULL)) {
        session_reply(session, 555, "5.5.4 XOORG is not offered to you");
    } else if (mail->path.utf8 && !(mail->given & SMTP_PARAMETER_SMTPUTF8)) {
        session_reply(session, 553,
                      "5.6.7 An address past ASCII needs SMTPUTF8"); /* RFC 6531 3.5 */
    } else {
        return true;
    }
    session_count_error(session);
    return false;
}
