/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A Send connector of Exchange becomes an outbound connector: what Exchange sent to the cloud
 * itself it hands to Postern, which sends it on. The other leg, Exchange to Postern, is suggested.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/import-private.h"
#include "connectors/values.h"

static enum conn_tls_settings settings_of(const struct conn_import_work *work)
{
    static const char *const names[] = {"EncryptionOnly", "CertificateValidation",
                                        "DomainValidation"};
    const char *level = conn_import_find(work, "TlsAuthLevel");
    if (conn_import_is_true(work, "IgnoreSTARTTLS"))
        return CONN_TLS_NONE;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(level, names[i]) == 0)
            return (enum conn_tls_settings)(CONN_TLS_ENCRYPTION_ONLY + i);
    if (conn_import_is_true(work, "DomainSecureEnabled"))
        return CONN_TLS_CERTIFICATE_VALIDATION;
    return conn_import_is_true(work, "RequireTLS") ? CONN_TLS_ENCRYPTION_ONLY
                                                   : CONN_TLS_OPPORTUNISTIC;
}

/* Names to look for where TlsDomain gives none: Exchange then takes the recipients' domains. */
static bool put_domains(struct conn_import_work *work)
{
    char domain[CONN_DOMAIN_MAXIMUM + 8];
    unsigned cost;
    const struct conn_clixml_value *at = NULL;
    const char *item;
    _cleanup_free_ char *parsed = NULL;
    struct error error;
    const char *text = conn_import_find(work, "TlsDomain");
    if (text[0] && conn_parse_domain("TlsDomain", text, true, false, &parsed, &error) == 0) {
        conn_draft_put(&work->draft, "TlsDomain", NULL, parsed);
        return true;
    }
    while ((item = conn_import_next(conn_clixml_find(work->source, "AddressSpaces"), &at))) {
        _cleanup_free_ char *each = NULL;
        if (conn_import_space(item, domain, sizeof domain, &cost) && strcmp(domain, "*") != 0 &&
            conn_parse_domain("TlsDomain", domain, true, false, &each, &error) == 0)
            conn_draft_put(&work->draft, "TlsDomain", NULL, each);
    }
    return conn_draft_has(&work->draft, "TlsDomain");
}

static void begin_tls(struct conn_import_work *work)
{
    work->settings = settings_of(work);
    if (work->settings == CONN_TLS_DOMAIN_VALIDATION && !put_domains(work)) {
        conn_import_need(work, "TlsDomain: the name that DomainValidation is to look for in the "
                               "next hop's certificate");
        work->settings = CONN_TLS_CERTIFICATE_VALIDATION;
    }
    conn_import_put_settings(work);
    if (work->settings != CONN_TLS_DOMAIN_VALIDATION)
        conn_draft_drop(&work->draft, "TlsDomain");
    if (work->settings != CONN_TLS_NONE && conn_import_find(work, "TlsCertificateName")[0])
        conn_import_choose_certificate(work, NULL, conn_import_find(work, "TlsCertificateName"));
}

/* --- where mail goes --- */

static void put_host(struct conn_import_work *work, const char *text)
{
    struct conn_host host = {.name = NULL};
    struct error error;
    char bare[300], whole[320];
    const char *port = conn_import_find(work, "Port");
    size_t length = strlen(text);
    /* "[10.1.1.1]", and "[IPv6:2001:db8::1]" as mail has it */
    bool literal = length > 2 && text[0] == '[' && text[length - 1] == ']';
    const char *inner = literal ? text + 1 : text;
    inner += strncasecmp(inner, "IPv6:", 5) == 0 ? 5 : 0;
    snprintf(bare, sizeof bare, "%.*s", (int)(text + length - (literal ? 1 : 0) - inner), inner);
    bool six = strchr(bare, ':') != NULL;
    bool other_port = port[0] && strcmp(port, "25") != 0;
    snprintf(whole, sizeof whole, "%s%s%s%s%.8s", six ? "[" : "", bare, six ? "]" : "",
             other_port ? ":" : "", other_port ? port : "");
    if (conn_parse_host("SmartHosts", whole, &host, &error) == 0)
        conn_draft_put(&work->draft, "SmartHosts", "Host", whole);
    else
        conn_import_note(work, "The smart host '%s' was left out: %s", text, error.what);
    free(host.name);
}

static void take_hosts(struct conn_import_work *work, const struct conn_import_property *property)
{
    const struct conn_clixml_value *at = NULL;
    const char *item;
    (void)property;
    if (conn_import_is_true(work, "DNSRoutingEnabled") && conn_import_text(work->value)[0])
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                                "DNSRoutingEnabled is true: mail goes by MX records");
    while ((item = conn_import_next(work->value, &at)))
        put_host(work, item);
    if (conn_draft_has(&work->draft, "SmartHosts"))
        conn_import_tell(work, CONN_IMPORT_TAKEN, "SmartHosts", NULL);
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "there is none that can be read");
}

static void take_port(struct conn_import_work *work, const struct conn_import_property *property)
{
    const char *port = conn_import_text(work->value);
    (void)property;
    if (!conn_import_is_true(work, "DNSRoutingEnabled"))
        return conn_import_tell(work, CONN_IMPORT_TAKEN, "the port of SmartHosts", NULL);
    if (port[0] && strcmp(port, "25") != 0)
        conn_draft_put(&work->draft, "Port", NULL, port);
    conn_import_tell(work, CONN_IMPORT_TAKEN, "Port", NULL);
}

static void take_routing(struct conn_import_work *work, const struct conn_import_property *property)
{
    (void)property;
    if (!conn_import_is_true(work, work->property))
        return conn_import_tell(work, CONN_IMPORT_TAKEN, "SmartHosts", NULL);
    conn_draft_put(&work->draft, "UseMXRecord", NULL, "true");
    conn_import_tell(work, CONN_IMPORT_TAKEN, "UseMXRecord true", NULL);
}

/* In Exchange *.contoso.com takes contoso.com too; in Postern only what is below it. */
static void put_space(struct conn_import_work *work, const char *domain, unsigned cost)
{
    char space[CONN_DOMAIN_MAXIMUM + 24];
    _cleanup_free_ char *parsed = NULL;
    struct error error;
    if (conn_parse_domain("AddressSpaces", domain, true, true, &parsed, &error) < 0) {
        conn_import_note(work, "The address space '%s' was left out: %s", domain, error.what);
        return;
    }
    snprintf(space, sizeof space, "smtp:%s;%u", parsed, cost);
    conn_draft_put(&work->draft, "AddressSpaces", "AddressSpace", space);
    if (strncmp(parsed, "*.", 2) == 0 && strchr(parsed + 2, '.')) {
        snprintf(space, sizeof space, "smtp:%s;%u", parsed + 2, cost);
        conn_draft_put(&work->draft, "AddressSpaces", "AddressSpace", space);
    }
}

static void take_spaces(struct conn_import_work *work, const struct conn_import_property *property)
{
    const struct conn_clixml_value *at = NULL;
    const char *item;
    char domain[CONN_DOMAIN_MAXIMUM + 8];
    unsigned cost;
    bool below = false;
    (void)property;
    while ((item = conn_import_next(work->value, &at)))
        if (!conn_import_space(item, domain, sizeof domain, &cost)) {
            conn_import_note(work, "The address space '%s' was left out: it is not SMTP", item);
        } else {
            below |= strncmp(domain, "*.", 2) == 0;
            put_space(work, domain, cost);
        }
    if (!conn_draft_has(&work->draft, "AddressSpaces"))
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "there is none for SMTP");
    else if (below)
        conn_import_tell(work, CONN_IMPORT_CHANGED, "AddressSpaces",
                         "*.domain takes the domain itself too in Exchange, so both stand there");
    else
        conn_import_tell(work, CONN_IMPORT_TAKEN, "AddressSpaces", NULL);
}

/* --- TLS --- */

static void tell_settings(struct conn_import_work *work, const char *why)
{
    char becomes[64];
    snprintf(becomes, sizeof becomes, "TlsSettings %s", conn_tls_settings_name(work->settings));
    bool lowered = work->settings < settings_of(work);
    conn_import_tell(work, lowered ? CONN_IMPORT_CHANGED : CONN_IMPORT_TAKEN, becomes, "%s",
                     lowered ? "what it needs is lacking, see below" : why);
}

static void take_level(struct conn_import_work *work, const struct conn_import_property *property)
{
    (void)property;
    if (conn_import_text(work->value)[0])
        tell_settings(work, "the same levels have the same names");
    else
        tell_settings(work, "there is no level: RequireTLS, DomainSecureEnabled and IgnoreSTARTTLS "
                            "say how");
}

static void take_tls_flag(struct conn_import_work *work,
                          const struct conn_import_property *property)
{
    tell_settings(work, property->why);
}

static void take_domain_secure(struct conn_import_work *work,
                               const struct conn_import_property *property)
{
    (void)property;
    if (!conn_import_is_true(work, work->property))
        return tell_settings(work, "no Domain Security");
    conn_import_tell(work, CONN_IMPORT_CHANGED, "TlsSettings",
                     "mutual TLS for single domains is a matter of connectors here: validated are "
                     "the next hop's certificate by TlsSettings, and ours is TlsCertificateName");
}

static void take_tls_domain(struct conn_import_work *work,
                            const struct conn_import_property *property)
{
    (void)property;
    if (!conn_import_text(work->value)[0])
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "it is empty");
    else if (conn_draft_has(&work->draft, "TlsDomain"))
        conn_import_tell(work, CONN_IMPORT_TAKEN, "TlsDomain", NULL);
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                         "a name is looked for with TlsSettings DomainValidation alone");
}

static void take_certificate(struct conn_import_work *work,
                             const struct conn_import_property *property)
{
    (void)property;
    conn_import_certificate(
        work, "it is empty: no certificate is presented",
        "a certificate has a name here; Exchange's own is what it shows to Postern, as "
        "PeerCertificates of the inbound connector suggested below");
}

static void take_source(struct conn_import_work *work, const struct conn_import_property *property)
{
    const char *text = conn_import_text(work->value);
    (void)property;
    if (!text[0] || strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0)
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "any address, which is the default");
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                         "it is an address of the Exchange server; where Postern's machine has "
                         "several, write <SourceIPAddress>");
}

static void take_policies(struct conn_import_work *work,
                          const struct conn_import_property *property)
{
    static const char *const known[] = {"DowngradeDnsFailures", "DowngradeCustomFailures",
                                        "UpgradeCustomFailures"};
    const char *text = conn_import_text(work->value);
    (void)property;
    if (!text[0] || strcasecmp(text, "Default") == 0)
        return conn_import_tell(work, CONN_IMPORT_TAKEN, "no ErrorPolicies",
                                "Default is the default");
    char policies[128] = "", copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *item = strtok_r(copy, ", ", &rest); item; item = strtok_r(NULL, ", ", &rest))
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            if (strcasecmp(item, known[i]) == 0 && !strcasestr(policies, known[i])) {
                size_t used = strlen(policies);
                snprintf(policies + used, sizeof policies - used, "%s%s", used ? ", " : "",
                         known[i]);
            }
    if (!policies[0])
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "Postern knows none of these");
    conn_draft_put(&work->draft, "ErrorPolicies", NULL, policies);
    conn_import_tell(work, CONN_IMPORT_TAKEN, "ErrorPolicies", NULL);
}

/* --- the other leg, and what is still lacking --- */

static void suggest_premises(struct conn_import_work *work)
{
    char name[256], servers[512];
    const char *text = conn_import_find(work, "TlsCertificateName");
    conn_import_show(conn_clixml_find(work->source, "SourceTransportServers"), servers,
                     sizeof servers);
    work->suggestion_name = "exchange";
    work->inbound_suggestion = true;
    conn_draft_put(&work->suggestion, "SenderIPAddresses", "Range", "192.0.2.1");
    conn_import_note(
        work,
        "The Exchange servers (%s) now send to Postern: they need an inbound connector "
        "like the one suggested, with their addresses in the place of 192.0.2.1",
        servers[0] ? servers : "SourceTransportServers");
    const char *common = strstr(text, "<S>") ? strcasestr(strstr(text, "<S>"), "CN=") : NULL;
    snprintf(name, sizeof name, "%.*s", common ? (int)strcspn(common + 3, ",+") : 0,
             common ? common + 3 : "");
    if (!strchr(name, '.') || !conn_import_anchors(work))
        return;
    conn_draft_put(&work->suggestion, "RequireTls", NULL, "true");
    conn_draft_put(&work->suggestion, "TlsSenderCertificateName", NULL, name);
    conn_draft_put(&work->suggestion, "TrustAnchors", NULL, conn_import_anchors(work));
    conn_import_put_pair(work, &work->suggestion, text);
}

static bool is_cloud(const struct conn_draft *draft)
{
    for (size_t i = 0; i < draft->count; i++)
        if (strcmp(draft->entries[i].element, "SmartHosts") == 0 &&
            (strcasestr(draft->entries[i].text, "mail.protection.") ||
             strcasestr(draft->entries[i].text, ".mx.microsoft")))
            return true;
    return false;
}

static void finish_send(struct conn_import_work *work)
{
    struct conn_draft *draft = &work->draft;
    if (!conn_draft_has(draft, "AddressSpaces")) {
        conn_draft_put(draft, "RecipientDomains", "Domain", "recipients.invalid");
        conn_import_need(work, "RecipientDomains: which recipients go this way; "
                               "recipients.invalid stands there");
    }
    if (!conn_draft_has(draft, "SmartHosts") && !conn_draft_has(draft, "UseMXRecord")) {
        conn_draft_put(draft, "SmartHosts", "Host", "smart-host.invalid");
        conn_import_need(work, "SmartHosts: where mail goes; smart-host.invalid stands there");
    }
    if (is_cloud(draft) && work->settings < CONN_TLS_DOMAIN_VALIDATION)
        conn_import_note(work,
                         "It goes to Exchange Online with TlsSettings %s; DomainValidation "
                         "with <TlsDomain>mail.protection.outlook.com</TlsDomain> would prove "
                         "that nobody else answers there",
                         conn_tls_settings_name(work->settings));
    if (!conn_draft_has(draft, "InboundConnectors"))
        conn_import_note(work, "Mail of every inbound connector may go this way; name those that "
                               "may with <InboundConnectors>");
    suggest_premises(work);
}

#define NO_MEANING(name, why)                                                                      \
    {                                                                                              \
        name, NULL, NULL, why, 0, 0                                                                \
    }

static const struct conn_import_property properties[] = {
    {"AddressSpaces", take_spaces, NULL, NULL, 0, 0},
    NO_MEANING("AuthenticationCredential",
               "Postern proves itself by certificate; a password is not read"),
    NO_MEANING("CertificateSubject", "TlsCertificateName says it"),
    {"CloudServicesMailEnabled", conn_import_cloud_services, NULL, NULL, 0, 0},
    {"Comment", conn_import_comment, NULL, NULL, 0, 0},
    NO_MEANING("ConnectedDomains", "routing groups of Exchange 2003, which are no more"),
    {"ConnectionInactivityTimeOut", conn_import_duration, "ConnectionInactivityTimeOut", NULL, 1000,
     24 * 3600 * 1000},
    NO_MEANING("ConnectorType", "Exchange's own mark for connectors that its wizards made"),
    {"DNSRoutingEnabled", take_routing, NULL, NULL, 0, 0},
    {"DomainSecureEnabled", take_domain_secure, NULL, NULL, 0, 0},
    {"Enabled", conn_import_enabled, NULL, NULL, 0, 0},
    {"ErrorPolicies", take_policies, NULL, NULL, 0, 0},
    NO_MEANING("ForceHELO", "Postern says EHLO, and HELO only to a next hop that refuses it"),
    {"Fqdn", conn_import_fqdn, NULL, NULL, 0, 0},
    NO_MEANING("FrontendProxyEnabled", "it is about the services inside an Exchange server"),
    NO_MEANING("HomeMTA", "it is about which Exchange server the connector is on"),
    NO_MEANING("HomeMtaServerId", "it is about which Exchange server the connector is on"),
    {"IgnoreSTARTTLS", take_tls_flag, NULL, "true is TlsSettings None", 0, 0},
    NO_MEANING("IsScopedConnector", "it is about sites of Exchange; InboundConnectors scope here"),
    NO_MEANING("IsSmtpConnector", "Postern speaks nothing else"),
    {"MaxMessageSize", conn_import_size, "MaxMessageSize", NULL, 1024, UINT64_C(64) << 30},
    NO_MEANING("MtaStsPolicyDomain", "TlsSettings says how the next hop is proved"),
    {"Port", take_port, NULL, NULL, 0, 0},
    NO_MEANING("ProtocolLoggingLevel", "Postern logs each message, and a session when it is asked"),
    NO_MEANING("Region", "it is about regions of Exchange Online's own servers"),
    NO_MEANING("RequireOorg", "the cloud attributes mail by certificate"),
    {"RequireTLS", take_tls_flag, NULL, "true is at least TlsSettings EncryptionOnly", 0, 0},
    NO_MEANING("SmartHostAuthMechanism",
               "Postern proves itself to a next hop by certificate, not by a password"),
    {"SmartHosts", take_hosts, NULL, NULL, 0, 0},
    NO_MEANING("SmartHostsString", "SmartHosts says it"),
    {"SmtpMaxMessagesPerConnection", conn_import_number, "SmtpMaxMessagesPerConnection", NULL, 0,
     1000000},
    {"SourceIPAddress", take_source, NULL, NULL, 0, 0},
    NO_MEANING("SourceRoutingGroup", "routing groups of Exchange 2003, which are no more"),
    NO_MEANING("SourceTransportServers",
               "these servers send to Postern now: see the suggested inbound connector"),
    {"TlsAuthLevel", take_level, NULL, NULL, 0, 0},
    {"TlsCertificateName", take_certificate, NULL, NULL, 0, 0},
    {"TlsDomain", take_tls_domain, NULL, NULL, 0, 0},
    NO_MEANING("UseExternalDNSServersEnabled", "Postern asks the resolver of its machine"),
};

const struct conn_import_table conn_import_send = {
    .begin = begin_tls,
    .finish = finish_send,
    .properties = properties,
    .count = ARRAY_SIZE(properties),
};
