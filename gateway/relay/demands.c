/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See demands.h. */
#include "gateway/relay/demands.h"

/* Its certificate was judged and found good; ReportOnly and SoftFail do not count. */
static bool is_proven(const struct hop *hop, enum conn_tls_settings settings)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    return peer && peer->verdict && peer->verdict->accepted && !peer->verdict->would_refuse &&
           !peer->verdict->revocation_unknown && hop->outbound->tls_settings >= settings;
}

static bool fits_size(const struct hop *hop, const struct smtp_mail *mail)
{
    unsigned long long maximum = hop->offers.size_maximum;
    return !mail->has_size || !maximum || mail->size <= maximum;
}

static bool takes_eight_bits(const struct hop *hop, const struct smtp_mail *mail)
{
    return mail->body != SMTP_BODY_8BITMIME || hop->offers.eight_bit_mime;
}

static bool takes_binary(const struct hop *hop, const struct smtp_mail *mail)
{
    return mail->body != SMTP_BODY_BINARYMIME || (hop->offers.binary_mime && hop->offers.chunking);
}

static bool takes_utf8(const struct hop *hop, const struct smtp_mail *mail)
{
    return !(mail->given & SMTP_PARAMETER_SMTPUTF8) ||
           (hop->offers.smtputf8 && hop->offers.eight_bit_mime);
}

/* RFC 8689 4.2.1: TLS, a certificate that fits the name, and a server that keeps the promise. */
static bool requires_tls(const struct hop *hop, const struct smtp_mail *mail)
{
    return !(mail->given & SMTP_PARAMETER_REQUIRETLS) ||
           (hop->offers.requiretls && is_proven(hop, CONN_TLS_DOMAIN_VALIDATION));
}

static const struct {
    bool (*met)(const struct hop *hop, const struct smtp_mail *mail);
    int code;
    const char *status, *words;
} demands[] = {
    {fits_size, 552, "5.3.4", "takes no message of this size"},        /* RFC 1870 6.1 */
    {takes_eight_bits, 554, "5.6.3", "takes no 8BITMIME message"},     /* RFC 6152 3 */
    {takes_binary, 554, "5.6.1", "takes no BINARYMIME message"},       /* RFC 3030 3 */
    {takes_utf8, 550, "5.6.7", "takes no SMTPUTF8 message"},           /* RFC 6531 3.2 */
    {requires_tls, 550, "5.7.30", "cannot keep what REQUIRETLS asks"}, /* RFC 8689 5 */
};

bool demands_are_met(const struct hop *hop, const struct smtp_mail *mail, struct smtp_reply *ret)
{
    for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++) {
        if (demands[i].met(hop, mail))
            continue;
        smtp_reply_set(ret, demands[i].code, "%s %s %s", demands[i].status, hop_host(hop),
                       demands[i].words);
        return false;
    }
    return true;
}

unsigned demands_passed_on(const struct hop *hop)
{
    const struct smtp_offers *offers = &hop->offers;
    bool hybrid =
        hop->outbound->cloud_services_mail && is_proven(hop, CONN_TLS_CERTIFICATE_VALIDATION);
    return (offers->size ? SMTP_PARAMETER_SIZE : 0u) |
           (offers->eight_bit_mime ? SMTP_PARAMETER_BODY : 0u) |
           (offers->dsn ? (unsigned)SMTP_PARAMETERS_DSN : 0u) |
           (offers->smtputf8 ? SMTP_PARAMETER_SMTPUTF8 : 0u) |
           (offers->requiretls ? SMTP_PARAMETER_REQUIRETLS : 0u) |
           (offers->xoorg && hybrid ? SMTP_PARAMETER_XOORG : 0u);
}
