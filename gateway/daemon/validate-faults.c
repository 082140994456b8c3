/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Why a step of a validation failed, as far as one can tell from here: the likely cause and the
 * cure, from the catalogue of replies where the next hop said why, else by the step. On the
 * worker's thread. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/validate-private.h"

const char *validate_failure_name(enum validate_failure failure)
{
    static const char *const names[] = {"unreachable", "refused",      "temporary",
                                        "protocol",    "our-identity", "their-identity"};
    return names[failure];
}

/* Where the next hop gave no reason in words. */
static const struct smtp_advice step_advice[] = {
    [HOP_ROUTE] = {.cause =
                       "The domain is misspelled or gone, or takes no mail, or the DNS servers "
                       "that are asked do not answer",
                   .cure = "ask for its mail hosts: host -t MX DOMAIN; see ExternalDNSServers, or "
                           "name SmartHosts instead of UseMXRecord"},
    [HOP_RESOLVE] =
        {.cause = "The name is misspelled, or the resolver of this machine does not answer",
         .cure = "compare Host in SmartHosts with the MX record of the tenant's domain, and "
                 "ask for it on this machine: getent ahosts NAME"},
    [HOP_CONNECT] = {.cause =
                         "Nothing listens there, or a firewall (of this site, or of the provider, "
                         "who often close port 25) lets nothing through",
                     .cure = "see from this machine: nc -vz HOST 25; open port 25 outward"},
    [HOP_GREETING] =
        {.cause = "The server, or a filter before it, does not want this address, or it is "
                  "busy",
         .cure = "see that the port is that of an SMTP server (25), and whether our address "
                 "is on a block list"},
    [HOP_EHLO] = {.cause = "It is no SMTP server, or it does not want us",
                  .cure = "see that the port is that of an SMTP server (25)"},
    [HOP_STARTTLS] = {.cause =
                          "A firewall that inspects SMTP strips STARTTLS, or the server has no "
                          "certificate",
                      .cure =
                          "switch SMTP inspection off between here and there; see that the server "
                          "offers STARTTLS to others"},
    [HOP_HANDSHAKE] = {.cause = "Both sides have no TLS version, cipher or signature algorithm in "
                                "common, or a filter between breaks TLS",
                       .cure =
                           "see TlsMinimumVersion and what the other side speaks: openssl s_client "
                           "-starttls smtp -connect HOST:25"},
    [HOP_EHLO_TLS] = {.cause =
                          "After the handshake the server ended the connection or said nonsense: "
                          "a filter between, or a server that does not want us",
                      .cure = "see the log of the next hop, and what stands between"},
    [HOP_READY] = {.cause = "The connection broke in the middle of the transaction",
                   .cure = "validate again; if it stays, see the log of the next hop"},
};
static const struct smtp_advice signature_advice = {
    .cause = "Our own key could not sign", .cure = "posternctl hsm status, posternctl hsm test"};
static const struct smtp_advice certificate_advice = {
    .cause =
        "The next hop does not take our certificate: its chain is incomplete or not trusted there, "
        "it has expired, or none was sent",
    .cure = "see that Chain has every intermediate, that the certificate is in date and its CA is "
            "trusted there, and that TlsCertificateName is set",
    .identity = true};
static const struct smtp_advice late_advice = {
    .cause = "The next hop took the connection and then kept silent: it is overloaded, or a filter "
             "between holds the answer back",
    .cure = "validate again; if it stays, see the load of the next hop and what stands between"};

/* Our key's own trouble is told by codes that the other side's never has. */
static bool is_our_key(const struct hop *hop, enum hop_step step, const struct error *error)
{
    return !hop->late && step == HOP_HANDSHAKE && error->code != EX_PROTOCOL &&
           error->code != EX_IOERR;
}

static bool names_certificate(const char *reason)
{
    return strstr(reason, "alert") &&
           (strstr(reason, "certificate") || strstr(reason, "unknown ca") ||
            strstr(reason, "access denied"));
}

/* In TLS 1.3 the server judges our certificate when the handshake has ended for us; its alert is
 * lost where it closes before it has read what we said meanwhile. Who asked for a certificate and
 * then hangs up did not take it. */
static bool is_about_certificate(const struct hop *hop, enum hop_step step,
                                 const struct error *error)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    const char *reason = hop->stream.reason;
    if (step == HOP_HANDSHAKE)
        return names_certificate(error->what);
    if (step != HOP_EHLO_TLS || hop->heard || hop->late)
        return false;
    bool lost = reason || error->code == EX_IOERR;
    return (lost && peer && peer->certificate_asked) || (reason && names_certificate(reason));
}

const struct smtp_advice *validate_step_advice(enum hop_step step)
{
    return &step_advice[step];
}

const struct smtp_advice *validate_advise(const struct hop *hop, enum hop_step step,
                                          const struct error *error)
{
    if (hop->advice)
        return hop->advice;
    if (is_about_certificate(hop, step, error))
        return &certificate_advice;
    if (hop->late && step > HOP_CONNECT)
        return &late_advice;
    return is_our_key(hop, step, error) ? &signature_advice : &step_advice[step];
}

enum validate_failure validate_classify(const struct hop *hop, enum hop_step step,
                                        const struct error *error, const struct smtp_advice *advice)
{
    if (step <= HOP_CONNECT)
        return VALIDATE_UNREACHABLE;
    if (advice->identity)
        return VALIDATE_OUR_IDENTITY;
    if (hop->heard)
        return smtp_reply_class(hop->heard) == 5 ? VALIDATE_REFUSED : VALIDATE_TEMPORARY;
    if (hop->late || is_our_key(hop, step, error))
        return VALIDATE_TEMPORARY;
    return step == HOP_GREETING ? VALIDATE_UNREACHABLE : VALIDATE_PROTOCOL;
}

void validate_set_fault(struct validation *validation, const char *step,
                        enum validate_failure failure, const char *what, const char *cause,
                        const char *cure)
{
    struct validate_fault *fault = &validation->fault;
    fault->step = step;
    fault->failure = failure;
    snprintf(fault->what, sizeof fault->what, "%s", what);
    snprintf(fault->cause, sizeof fault->cause, "%s", cause);
    snprintf(fault->cure, sizeof fault->cure, "%s", cure);
}
