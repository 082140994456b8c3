/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See conditions.h. */
#include "connectors/conditions.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "connectors/address.h"
#include "connectors/load.h"
#include "connectors/suites.h"

static const char *const condition_names[] = {
    [CONN_CONDITION_NONE] = "none",
    [CONN_CONDITION_ADDRESS] = "address",
    [CONN_CONDITION_TLS] = "tls",
    [CONN_CONDITION_TLS_VERSION] = "tls-version",
    [CONN_CONDITION_CIPHER_SUITE] = "cipher-suite",
    [CONN_CONDITION_CERTIFICATE] = "certificate",
    [CONN_CONDITION_CREDENTIALS] = "credentials",
    [CONN_CONDITION_SENDER_DOMAIN] = "sender-domain",
};

const char *conn_condition_name(enum conn_condition condition)
{
    return condition_names[condition];
}

static bool asks_certificate(const struct conn_inbound *inbound)
{
    return inbound->sender_certificate_names.count;
}

/* --- address --- */

static bool address_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    return conn_inbound_takes_address(inbound, client->address);
}

static void explain_address(const struct conn_inbound *inbound, const struct conn_client *client,
                            bool holds, char *text, size_t size)
{
    struct in6_addr known;
    char range[CONN_RANGE_TEXT_MAXIMUM];
    if (!inbound->range_count) {
        snprintf(text, size, "there is no SenderIPAddresses: any address will do");
        return;
    }
    if (!holds) {
        snprintf(text, size, "SenderIPAddresses, with %zu range%s, does not have it",
                 inbound->range_count, inbound->range_count == 1 ? "" : "s");
        return;
    }
    for (size_t i = 0; conn_address_read(client->address, &known) && i < inbound->range_count;
         i++) {
        if (conn_ranges_have(&inbound->ranges[i], 1, &known)) {
            snprintf(text, size, "it is in %s",
                     conn_range_text(&inbound->ranges[i], range, sizeof range));
            return;
        }
    }
}

/* --- TLS --- */

static bool tls_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    return client->tls ||
           (!inbound->require_tls && !asks_certificate(inbound) && !inbound->credentials);
}

static void explain_tls(const struct conn_inbound *inbound, const struct conn_client *client,
                        bool holds, char *text, size_t size)
{
    const char *wish = asks_certificate(inbound) ? "TlsSenderCertificateName asks for a certificate"
                       : inbound->credentials    ? "Credentials asks for a password"
                       : inbound->require_tls    ? "RequireTls is true"
                                                 : "RequireTls is false";
    snprintf(text, size, "%s, %s the session has %s", wish, holds ? "and" : "but",
             client->tls ? "TLS" : "no TLS");
}

static bool version_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    return !client->tls || client->tls_version >= inbound->tls_minimum;
}

static void explain_version(const struct conn_inbound *inbound, const struct conn_client *client,
                            bool holds, char *text, size_t size)
{
    (void)holds;
    if (client->tls)
        snprintf(text, size, "TlsMinimumVersion is %s, the session's is %s",
                 conn_tls_version_name(inbound->tls_minimum),
                 conn_tls_version_name(client->tls_version));
    else
        snprintf(text, size, "there is no TLS");
}

/* Connectors that share an address share a handshake, and each is held to its own lists here. */
static bool cipher_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    return !client->tls || client->cipher_unknown ||
           (conn_tls_lists_have_suite(&inbound->tls_lists, client->cipher_suite) &&
            conn_tls_lists_have_group(&inbound->tls_lists, client->group));
}

static void explain_cipher(const struct conn_inbound *inbound, const struct conn_client *client,
                           bool holds, char *text, size_t size)
{
    if (!client->tls)
        snprintf(text, size, "there is no TLS");
    else if (client->cipher_unknown)
        snprintf(text, size, "any of the %zu of TlsCipherSuites is taken for granted",
                 inbound->tls_lists.suite_count);
    else
        snprintf(text, size, "TlsCipherSuites and TlsGroups have %s", holds ? "them" : "not both");
}

/* --- certificate --- */

static const struct pki_peer_verdict *verdict_of(const struct conn_inbound *inbound,
                                                 const struct conn_client *client)
{
    return client->verdict ? client->verdict(client->context, inbound) : NULL;
}

static bool certificate_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    if (!asks_certificate(inbound))
        return true;
    const struct pki_peer_verdict *verdict = verdict_of(inbound, client);
    return verdict && verdict->accepted;
}

static void explain_certificate(const struct conn_inbound *inbound,
                                const struct conn_client *client, bool holds, char *text,
                                size_t size)
{
    if (!asks_certificate(inbound)) {
        snprintf(text, size, "there is no TlsSenderCertificateName: none is asked for");
        return;
    }
    const struct pki_peer_verdict *verdict = verdict_of(inbound, client);
    if (!verdict)
        snprintf(text, size, "TlsSenderCertificateName wants %s, but there is no certificate",
                 inbound->sender_certificate_names.items[0]);
    else if (holds)
        snprintf(text, size, "it is accepted%s%s", verdict->would_refuse ? "; but " : "",
                 verdict->would_refuse ? verdict->reason : "");
    else
        snprintf(text, size, "%s", verdict->reason);
}

/* --- credentials --- */

static bool credentials_hold(const struct conn_inbound *inbound, const struct conn_client *client)
{
    return !inbound->credentials || inbound->credentials == client->credentials;
}

static void explain_credentials(const struct conn_inbound *inbound,
                                const struct conn_client *client, bool holds, char *text,
                                size_t size)
{
    if (!inbound->credentials)
        snprintf(text, size, "there is no Credentials: no password is asked for");
    else
        snprintf(text, size, "a password of Credentials '%s' %s given", inbound->credentials->name,
                 holds                 ? "was"
                 : client->credentials ? "is asked for, and one of others was"
                                       : "is asked for, and none was");
}

/* --- sender --- */

static const char *matching(const struct conn_strings *domains, const char *domain)
{
    for (size_t i = 0; i < domains->count; i++)
        if (conn_domain_matches(domains->items[i], domain))
            return domains->items[i];
    return NULL;
}

/* Bounces have no sender; they pass where something better than a domain was proved. */
static bool sender_holds(const struct conn_inbound *inbound, const struct conn_client *client)
{
    const struct conn_strings *domains = &inbound->sender_domains;
    if (!domains->count)
        return true;
    if (!*client->sender_domain)
        return inbound->range_count || asks_certificate(inbound) || inbound->credentials;
    return matching(domains, client->sender_domain);
}

static void explain_sender(const struct conn_inbound *inbound, const struct conn_client *client,
                           bool holds, char *text, size_t size)
{
    const struct conn_strings *domains = &inbound->sender_domains;
    if (!domains->count)
        snprintf(text, size, "there is no SenderDomains: any sender will do");
    else if (!*client->sender_domain)
        snprintf(text, size,
                 holds ? "the null sender passes where an address or a certificate is "
                         "proof"
                       : "the null sender needs SenderIPAddresses or "
                         "TlsSenderCertificateName");
    else if (holds)
        snprintf(text, size, "%s is in SenderDomains by %s", client->sender_domain,
                 matching(domains, client->sender_domain));
    else
        snprintf(text, size, "SenderDomains does not have %s", client->sender_domain);
}

/* --- all of them --- */

const struct conn_rule conn_rules[] = {
    {CONN_CONDITION_ADDRESS, address_holds, explain_address},
    {CONN_CONDITION_TLS, tls_holds, explain_tls},
    {CONN_CONDITION_TLS_VERSION, version_holds, explain_version},
    {CONN_CONDITION_CIPHER_SUITE, cipher_holds, explain_cipher},
    {CONN_CONDITION_CERTIFICATE, certificate_holds, explain_certificate},
    {CONN_CONDITION_CREDENTIALS, credentials_hold, explain_credentials},
    {CONN_CONDITION_SENDER_DOMAIN, sender_holds, explain_sender},
};
const size_t conn_rule_count = ARRAY_SIZE(conn_rules);

enum conn_condition conn_find_obstacle(const struct conn_inbound *inbound,
                                       const struct conn_client *client)
{
    for (size_t i = 0; i < conn_rule_count; i++)
        if (!conn_rules[i].holds(inbound, client))
            return conn_rules[i].condition;
    return CONN_CONDITION_NONE;
}
