/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See rules.h. A rule looks at which elements stand there rather than at what became of them, so
 * that a value which could not be read is not complained about a second time. */
#include "connectors/rules.h"

#include <netinet/in.h>
#include <string.h>

#include "connectors/problems.h"
#include "connectors/suites.h"

struct subject {
    struct conn_reader *reader;
    const xmlNode *node;
    const struct conn_inbound *inbound; /* one of the two, or neither */
    const struct conn_outbound *outbound;
};

struct rule {
    const char *element; /* whose line is shown, when it stands there */
    bool warning;
    bool (*broken)(const struct subject *subject);
    const char *what, *cure;
};

static bool has(const struct subject *subject, const char *element)
{
    return conn_find_child(subject->node, element) != NULL;
}

static void apply(const struct rule *rules, size_t count, const struct subject *subject)
{
    for (size_t i = 0; i < count; i++) {
        struct error error;
        if (!rules[i].broken(subject))
            continue;
        const xmlNode *node = conn_find_child(subject->node, rules[i].element);
        error_set(&error, EX_CONFIG, "%s", rules[i].what);
        error_cure(&error, "%s", rules[i].cure);
        conn_complain(subject->reader, node ? node : subject->node, rules[i].warning, &error);
    }
}

static bool has_metrics(const struct subject *subject)
{
    return has(subject, "Metrics");
}

static bool has_queue(const struct subject *subject)
{
    return has(subject, "Queue");
}

static bool implicit_tls_without_certificate(const struct subject *subject)
{
    const struct conn_config *config = subject->reader->config;
    for (size_t i = 0; i < config->listener_count && !config->certificate_count; i++)
        if (config->listeners[i].implicit_tls)
            return true;
    return false;
}

static const struct rule gateway_rules[] = {
    {"Listener", false, implicit_tls_without_certificate,
     "A Listener has ImplicitTls, but there is no Certificate to begin TLS with",
     "add a <Certificate>, or take ImplicitTls out"},
    {"Metrics", true, has_metrics,
     "Metrics is taken, but metrics are not served yet: nothing will listen on its Address",
     "leave it for a later version, or take it out to be rid of this warning"},
    {"Queue", true, has_queue,
     "Queue is taken, but there is no queue yet: nothing will be stored in its Directory",
     "leave it for a later version, or take it out to be rid of this warning"},
};

/* --- versions, cipher suites and groups: both directions --- */

static const struct conn_tls_lists *lists_of(const struct subject *subject)
{
    return subject->inbound ? &subject->inbound->tls_lists : &subject->outbound->tls_lists;
}

static enum conn_tls_version minimum_of(const struct subject *subject)
{
    return subject->inbound ? subject->inbound->tls_minimum : subject->outbound->tls_minimum;
}

static bool has_cbc(const struct subject *subject)
{
    const struct conn_tls_lists *lists = lists_of(subject);
    for (size_t i = 0; i < lists->suite_count; i++)
        if (!conn_cipher_suites[lists->suites[i]].aead)
            return true;
    return false;
}

static bool cbc_without_old_version(const struct subject *subject)
{
    return has_cbc(subject) && (subject->outbound || minimum_of(subject) >= CONN_TLS_1_2);
}

static bool no_suite_for_minimum(const struct subject *subject)
{
    const struct conn_tls_lists *lists = lists_of(subject);
    return lists->suite_count && !conn_tls_lists_serve(lists, minimum_of(subject));
}

static bool suites_below_minimum(const struct subject *subject)
{
    const struct conn_tls_lists *lists = lists_of(subject);
    for (size_t i = 0; i < lists->suite_count; i++)
        if (conn_cipher_suites[lists->suites[i]].last < minimum_of(subject))
            return !no_suite_for_minimum(subject);
    return false;
}

static bool repeats(const unsigned *list, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (list[i] == list[j])
                return true;
    return false;
}

static bool suite_twice(const struct subject *subject)
{
    return repeats(lists_of(subject)->suites, lists_of(subject)->suite_count);
}

static bool group_twice(const struct subject *subject)
{
    return repeats(lists_of(subject)->groups, lists_of(subject)->group_count);
}

static bool old_version_for_all(const struct subject *subject)
{
    return minimum_of(subject) < CONN_TLS_1_2 && !has(subject, "SenderIPAddresses");
}

static bool is_old_version(const struct subject *subject)
{
    return minimum_of(subject) < CONN_TLS_1_2;
}

static const struct rule tls_list_rules[] = {
    {"TlsCipherSuites", false, cbc_without_old_version,
     "TlsCipherSuites has a CBC suite, which is no AEAD: only an inbound connector for old "
     "devices, "
     "with TlsMinimumVersion 1.0 or 1.1, may use it",
     "take the suites with _CBC_ out; what speaks TLS 1.2 has one with _GCM_"},
    {"TlsCipherSuites", false, no_suite_for_minimum,
     "TlsCipherSuites has no suite for the TlsMinimumVersion",
     "add one (TLS 1.3: TLS_AES_256_GCM_SHA384, TLS 1.2: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
     "before: TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA), or raise TlsMinimumVersion"},
    {"TlsCipherSuites", true, suites_below_minimum,
     "TlsCipherSuites has suites of versions below the TlsMinimumVersion, which are never used",
     "take them out"},
    {"TlsCipherSuites", false, suite_twice, "TlsCipherSuites has one CipherSuite twice",
     "keep the first, where it stands in your order"},
    {"TlsGroups", false, group_twice, "TlsGroups has one Group twice",
     "keep the first, where it stands in your order"},
};

static bool asks_nothing(const struct subject *subject)
{
    return !has(subject, "SenderIPAddresses") && !has(subject, "TlsSenderCertificateName") &&
           !has(subject, "Credentials");
}

static bool is_loopback(const struct conn_listener *listener)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&listener->socket_address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&listener->socket_address;
    if (listener->socket_address.ss_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool conn_listens_to_this_machine_alone(const struct conn_config *config)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (!is_loopback(&config->listeners[i]))
            return false;
    return config->listener_count;
}

static bool lets_anyone_in(const struct subject *subject)
{
    return asks_nothing(subject) && !subject->inbound->allow_open_relay &&
           !conn_listens_to_this_machine_alone(subject->reader->config);
}

static bool lets_this_machine_in(const struct subject *subject)
{
    return asks_nothing(subject) && conn_listens_to_this_machine_alone(subject->reader->config);
}

static bool is_all_addresses(const struct conn_range *range)
{
    static const struct conn_range four = {
        .first = {.s6_addr = {[10] = 0xff, [11] = 0xff}},
        .last = {.s6_addr = {[10] = 0xff, [11] = 0xff, 0xff, 0xff, 0xff, 0xff}}};
    static const struct in6_addr none,
        all = {.s6_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                           0xff, 0xff, 0xff, 0xff}};
    return memcmp(range, &four, sizeof four) == 0 ||
           (memcmp(&range->first, &none, sizeof none) == 0 &&
            memcmp(&range->last, &all, sizeof all) == 0);
}

static bool is_open_to_all(const struct subject *subject)
{
    const struct conn_inbound *inbound = subject->inbound;
    if (has(subject, "TlsSenderCertificateName") || has(subject, "Credentials"))
        return false;
    for (size_t i = 0; i < inbound->range_count; i++)
        if (is_all_addresses(&inbound->ranges[i]))
            return true;
    return false;
}

static bool names_without_anchors(const struct subject *subject)
{
    return has(subject, "TlsSenderCertificateName") && !has(subject, "TrustAnchors");
}

static bool pairs_without_names(const struct subject *subject)
{
    return has(subject, "PeerCertificates") && !has(subject, "TlsSenderCertificateName");
}

static bool anchors_without_names(const struct subject *subject)
{
    return has(subject, "TrustAnchors") && !has(subject, "TlsSenderCertificateName");
}

static bool eku_without_names(const struct subject *subject)
{
    return has(subject, "ClientEku") && !has(subject, "TlsSenderCertificateName");
}

static bool fallback_without_names(const struct subject *subject)
{
    return has(subject, "CommonNameFallback") && !has(subject, "TlsSenderCertificateName");
}

static bool revocation_without_names(const struct subject *subject)
{
    return (has(subject, "CertificateRevocationCheck") || has(subject, "RevocationLists")) &&
           !has(subject, "TlsSenderCertificateName");
}

static enum pki_revocation_check revocation_of(const struct subject *subject)
{
    return subject->inbound ? subject->inbound->revocation : subject->outbound->revocation;
}

static bool lists_without_check(const struct subject *subject)
{
    return has(subject, "RevocationLists") && revocation_of(subject) == PKI_REVOCATION_NONE;
}

static bool hard_fail_without_lists(const struct subject *subject)
{
    return revocation_of(subject) == PKI_REVOCATION_HARD_FAIL && !has(subject, "RevocationLists");
}

static bool has_no_certificate(const struct subject *subject)
{
    const struct conn_reader *reader = subject->reader;
    return !reader->gateway_lost && !reader->config->certificate_count &&
           !has(subject, "TlsCertificateName");
}

static bool tls_without_certificate(const struct subject *subject)
{
    return subject->inbound->require_tls && has_no_certificate(subject);
}

static bool names_without_certificate(const struct subject *subject)
{
    return !subject->inbound->require_tls && has(subject, "TlsSenderCertificateName") &&
           has_no_certificate(subject);
}

static bool credentials_without_certificate(const struct subject *subject)
{
    return has(subject, "Credentials") && has_no_certificate(subject);
}

static bool has_organizations(const struct subject *subject)
{
    return has(subject, "OriginatorOrganizations");
}

static bool is_queued(const struct subject *subject)
{
    return subject->inbound->delivery == CONN_DELIVERY_QUEUED;
}

static const struct rule inbound_rules[] = {
    {"TlsMinimumVersion", false, old_version_for_all,
     "TlsMinimumVersion below 1.2 needs SenderIPAddresses: TLS 1.0 and 1.1 are for the devices "
     "that "
     "need them, and nobody else",
     "add <SenderIPAddresses> with the addresses of these devices, or write "
     "<TlsMinimumVersion>1.2</TlsMinimumVersion>"},
    {"InboundConnector", false, lets_anyone_in,
     "This connector asks for no proof: whoever reaches a listener could send through it",
     "say who may: add <SenderIPAddresses><Range>10.1.0.5</Range></SenderIPAddresses>, or "
     "<TlsSenderCertificateName> with <TrustAnchors>; <AllowOpenRelay>true</AllowOpenRelay> says "
     "that anyone is meant"},
    {"InboundConnector", true, lets_this_machine_in,
     "This connector asks for no proof: every program on this machine can send through it (with a "
     "Listener that others reach this would be refused)",
     "say who may: add <SenderIPAddresses><Range>127.0.0.1</Range></SenderIPAddresses>"},
    {"SenderIPAddresses", true, is_open_to_all,
     "SenderIPAddresses takes every address: whoever reaches a listener can send through this "
     "connector",
     "name the networks of your own servers and devices"},
    {"TlsSenderCertificateName", false, names_without_anchors,
     "TlsSenderCertificateName needs TrustAnchors: without them no client certificate can be "
     "verified",
     "add <TrustAnchors> with the name of a TrustAnchors element of postern.xml"},
    {"PeerCertificates", false, pairs_without_names,
     "PeerCertificates cannot be checked: without TlsSenderCertificateName the client is asked for "
     "no certificate",
     "add <TlsSenderCertificateName> and <TrustAnchors>, or take PeerCertificates out"},
    {"TrustAnchors", true, anchors_without_names,
     "TrustAnchors is not used: without TlsSenderCertificateName the client is asked for no "
     "certificate",
     "add <TlsSenderCertificateName>, or take TrustAnchors out"},
    {"ClientEku", true, eku_without_names,
     "ClientEku is not used: without TlsSenderCertificateName the client is asked for no "
     "certificate",
     "add <TlsSenderCertificateName>, or take ClientEku out"},
    {"CommonNameFallback", true, fallback_without_names,
     "CommonNameFallback is not used: without TlsSenderCertificateName the client is asked for no "
     "certificate",
     "add <TlsSenderCertificateName>, or take CommonNameFallback out"},
    {"CertificateRevocationCheck", true, revocation_without_names,
     "CertificateRevocationCheck and RevocationLists are not used: without "
     "TlsSenderCertificateName the client is asked for no certificate",
     "add <TlsSenderCertificateName>, or take them out"},
    {"RevocationLists", true, lists_without_check,
     "RevocationLists is not used: CertificateRevocationCheck is None",
     "write <CertificateRevocationCheck>SoftFail</CertificateRevocationCheck> or HardFail, or take "
     "RevocationLists out"},
    {"CertificateRevocationCheck", false, hard_fail_without_lists,
     "CertificateRevocationCheck HardFail needs RevocationLists: without a list of its CA every "
     "client would be refused",
     "add <RevocationLists> with the name of a RevocationLists element of postern.xml"},
    {"RequireTls", false, tls_without_certificate,
     "RequireTls is true, but there is no certificate to offer STARTTLS with",
     "add a <Certificate> to postern.xml"},
    {"Credentials", false, credentials_without_certificate,
     "Credentials needs TLS, for no password is taken in the clear, but there is no certificate to "
     "offer STARTTLS with",
     "add a <Certificate> to postern.xml"},
    {"TlsSenderCertificateName", false, names_without_certificate,
     "TlsSenderCertificateName needs TLS, but there is no certificate to offer STARTTLS with",
     "add a <Certificate> to postern.xml"},
    {"OriginatorOrganizations", true, has_organizations,
     "OriginatorOrganizations is taken, but not enforced yet: mail of every tenant that presents "
     "the same certificate is let in through this connector",
     "until then let the server behind the gateway check X-OriginatorOrg"},
    {"Delivery", false, is_queued,
     "Delivery Queued cannot be used: there is no queue yet, and mail must not be taken that could "
     "not be kept",
     "write <Delivery>Direct</Delivery>, or take Delivery out; the sender then waits for the next "
     "hop's answer"},
};

/* Words that are in the model, and that nothing looks at yet. */
static const char *const inbound_later[] = {
    "ConnectorType",
    "Fqdn",
    "RestrictDomainsToCertificate",
    "RestrictDomainsToIPAddresses",
    "CloudServicesMailEnabled",
    "TreatMessagesAsInternal",
    "AssociatedAcceptedDomains",
    "Bindings",
    "LenientSyntax",
    "BareLinefeed",
    "MaxMessageSize",
    "MaxHeaderSize",
    "MaxHeaderCount",
    "MaxLineLength",
    "MaxHopCount",
    "MaxRecipientsPerMessage",
    "MaxProtocolErrors",
    "MaxJunkCommands",
    "MaxInboundConnection",
    "MaxInboundConnectionPerSource",
    "MessageRateLimit",
    "MinimumTransferRate",
    "ConnectionInactivityTimeOut",
    "ConnectionTimeOut",
};
static const char *const gateway_later[] = {
    "MaxHeaderSize",
    "MaxHeaderCount",
    "MaxLineLength",
    "MaxRecipientsPerMessage",
    "MaxProtocolErrors",
    "MaxJunkCommands",
    "MaxInboundConnectionPerSource",
    "MessageRateLimit",
    "MinimumTransferRate",
    "ConnectionTimeOut",
};

static void warn_later(const struct subject *subject, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error error;
        const xmlNode *node = conn_find_child(subject->node, names[i]);
        if (!node && !xmlHasProp(subject->node, (const xmlChar *)names[i]))
            continue;
        error_set(&error, EX_CONFIG, "%s is taken, but not enforced yet", names[i]);
        error_cure(&error, "do not rely on it, or take it out to be rid of this warning");
        conn_complain(subject->reader, node ? node : subject->node, true, &error);
    }
}

void conn_apply_gateway_rules(struct conn_reader *reader, const xmlNode *node)
{
    struct subject subject = {.reader = reader, .node = node};
    apply(gateway_rules, ARRAY_SIZE(gateway_rules), &subject);
    warn_later(&subject, gateway_later, ARRAY_SIZE(gateway_later));
}

void conn_apply_inbound_rules(struct conn_reader *reader, const xmlNode *node,
                              const struct conn_inbound *inbound)
{
    struct subject subject = {.reader = reader, .node = node, .inbound = inbound};
    apply(inbound_rules, ARRAY_SIZE(inbound_rules), &subject);
    warn_later(&subject, inbound_later, ARRAY_SIZE(inbound_later));
    apply(tls_list_rules, ARRAY_SIZE(tls_list_rules), &subject);
}

static enum conn_tls_settings settings_of(const struct subject *subject)
{
    return subject->outbound->tls_settings;
}

static bool domain_validation_without_domain(const struct subject *subject)
{
    return settings_of(subject) == CONN_TLS_DOMAIN_VALIDATION && !has(subject, "TlsDomain");
}

static bool domain_without_domain_validation(const struct subject *subject)
{
    return settings_of(subject) != CONN_TLS_DOMAIN_VALIDATION && has(subject, "TlsDomain");
}

static bool validation_without_anchors(const struct subject *subject)
{
    return settings_of(subject) >= CONN_TLS_CERTIFICATE_VALIDATION && !has(subject, "TrustAnchors");
}

static bool anchors_without_validation(const struct subject *subject)
{
    return settings_of(subject) < CONN_TLS_CERTIFICATE_VALIDATION && has(subject, "TrustAnchors");
}

static bool pairs_without_validation(const struct subject *subject)
{
    return settings_of(subject) < CONN_TLS_CERTIFICATE_VALIDATION &&
           has(subject, "PeerCertificates");
}

static bool fallback_without_domain_validation(const struct subject *subject)
{
    return settings_of(subject) != CONN_TLS_DOMAIN_VALIDATION && has(subject, "CommonNameFallback");
}

static bool revocation_without_validation(const struct subject *subject)
{
    return settings_of(subject) < CONN_TLS_CERTIFICATE_VALIDATION &&
           (has(subject, "CertificateRevocationCheck") || has(subject, "RevocationLists"));
}

static bool certificate_without_tls(const struct subject *subject)
{
    return settings_of(subject) == CONN_TLS_NONE && has(subject, "TlsCertificateName");
}

static bool version_without_tls(const struct subject *subject)
{
    return settings_of(subject) == CONN_TLS_NONE && has(subject, "TlsMinimumVersion");
}

static bool suites_without_tls(const struct subject *subject)
{
    return settings_of(subject) == CONN_TLS_NONE && has(subject, "TlsCipherSuites");
}

static bool groups_without_tls(const struct subject *subject)
{
    return settings_of(subject) == CONN_TLS_NONE && has(subject, "TlsGroups");
}

static bool is_cloud_services(const struct subject *subject)
{
    return subject->outbound->cloud_services_mail;
}

static bool takes_no_recipient(const struct subject *subject)
{
    return !has(subject, "RecipientDomains") && !has(subject, "AddressSpaces") &&
           !subject->outbound->all_accepted_domains && !subject->outbound->route_via_premises;
}

static bool goes_nowhere(const struct subject *subject)
{
    return !has(subject, "SmartHosts") && !subject->outbound->use_mx_record;
}

static bool goes_two_ways(const struct subject *subject)
{
    return has(subject, "SmartHosts") && subject->outbound->use_mx_record;
}

static bool accepted_domains_of_nobody(const struct subject *subject)
{
    return subject->outbound->all_accepted_domains && !subject->reader->gateway_lost &&
           !subject->reader->config->accepted_domains.count;
}

static bool centralizes_everybody(const struct subject *subject)
{
    return subject->outbound->route_via_premises && !has(subject, "InboundConnectors");
}

static bool centralizes_elsewhere(const struct subject *subject)
{
    return subject->outbound->route_via_premises &&
           (subject->outbound->connector_type != CONN_TYPE_ON_PREMISES ||
            subject->outbound->use_mx_record);
}

static bool port_without_host(const struct subject *subject)
{
    return has(subject, "Port") && !has(subject, "SmartHosts") && !subject->outbound->use_mx_record;
}

static bool sources_of_one_family(const struct subject *subject)
{
    const struct conn_outbound *outbound = subject->outbound;
    for (size_t i = 1; i < outbound->source_address_count; i++)
        for (size_t j = 0; j < i; j++)
            if (outbound->source_addresses[i].socket_address.ss_family ==
                outbound->source_addresses[j].socket_address.ss_family)
                return true;
    return false;
}

static const struct rule outbound_rules[] = {
    {"RouteAllMessagesViaOnPremises", false, centralizes_everybody,
     "RouteAllMessagesViaOnPremises is true, but no InboundConnectors are named: mail from the "
     "premises would go back to them",
     "add <InboundConnectors> with the connectors that take the cloud's mail"},
    {"RouteAllMessagesViaOnPremises", false, centralizes_elsewhere,
     "RouteAllMessagesViaOnPremises is true, but the connector does not lead to the premises",
     "write <ConnectorType>OnPremises</ConnectorType> and SmartHosts of the premises, or take it "
     "out"},
    {"Port", true, port_without_host, "Port is not used: there is no host that it could be of",
     "take it out"},
    {"SourceIPAddress", false, sources_of_one_family,
     "SourceIPAddress stands there twice for one kind of address",
     "keep one of IPv4 and one of IPv6 at most"},
    {"OutboundConnector", false, takes_no_recipient,
     "OutboundConnector has no <RecipientDomains>, and neither <AddressSpaces> nor "
     "<AllAcceptedDomains>true</AllAcceptedDomains> in their place: it takes no recipient",
     "add <RecipientDomains><Domain>*</Domain></RecipientDomains>"},
    {"OutboundConnector", false, goes_nowhere,
     "OutboundConnector has no <SmartHosts>, and UseMXRecord is not true: mail has nowhere to go",
     "add <SmartHosts><Host>mail.contoso.com:25</Host></SmartHosts>"},
    {"UseMXRecord", false, goes_two_ways,
     "UseMXRecord is true, and SmartHosts stand there too: mail goes one way or the other",
     "take out one of the two"},
    {"AllAcceptedDomains", false, accepted_domains_of_nobody,
     "AllAcceptedDomains is true, but postern.xml names no AcceptedDomains",
     "add <AcceptedDomains><Domain>contoso.com</Domain></AcceptedDomains> to postern.xml"},
    {"TlsSettings", false, domain_validation_without_domain,
     "TlsSettings DomainValidation needs TlsDomain: there is no name to look for in the "
     "certificate",
     "add <TlsDomain>mail.protection.outlook.com</TlsDomain>, or the name of your next hop"},
    {"TlsDomain", false, domain_without_domain_validation,
     "TlsDomain is checked with TlsSettings DomainValidation alone, and this connector has other "
     "TlsSettings",
     "write <TlsSettings>DomainValidation</TlsSettings>, or take TlsDomain out"},
    {"TlsSettings", false, validation_without_anchors,
     "TlsSettings CertificateValidation and DomainValidation need TrustAnchors: nothing says which "
     "certificates are trusted",
     "add <TrustAnchors> with the name of a TrustAnchors element of postern.xml"},
    {"TrustAnchors", true, anchors_without_validation,
     "TrustAnchors is not used: these TlsSettings do not verify a certificate",
     "write <TlsSettings>CertificateValidation</TlsSettings> or DomainValidation, or take "
     "TrustAnchors out"},
    {"PeerCertificates", false, pairs_without_validation,
     "PeerCertificates cannot be checked: these TlsSettings do not verify a certificate",
     "write <TlsSettings>CertificateValidation</TlsSettings> or DomainValidation, or take "
     "PeerCertificates out"},
    {"CommonNameFallback", true, fallback_without_domain_validation,
     "CommonNameFallback is not used: a name is looked for with TlsSettings DomainValidation alone",
     "write <TlsSettings>DomainValidation</TlsSettings>, or take CommonNameFallback out"},
    {"CertificateRevocationCheck", true, revocation_without_validation,
     "CertificateRevocationCheck and RevocationLists are not used: these TlsSettings do not verify "
     "a certificate",
     "write <TlsSettings>CertificateValidation</TlsSettings> or DomainValidation, or take them "
     "out"},
    {"RevocationLists", true, lists_without_check,
     "RevocationLists is not used: CertificateRevocationCheck is None",
     "write <CertificateRevocationCheck>SoftFail</CertificateRevocationCheck> or HardFail, or take "
     "RevocationLists out"},
    {"CertificateRevocationCheck", true, hard_fail_without_lists,
     "CertificateRevocationCheck HardFail without RevocationLists: only a certificate without "
     "intermediates, from a server that staples OCSP responses, will be taken",
     "add <RevocationLists> with the name of a RevocationLists element of postern.xml"},
    {"TlsCertificateName", true, certificate_without_tls,
     "TlsCertificateName is not used: with TlsSettings None no certificate is ever presented",
     "choose other TlsSettings, or take TlsCertificateName out"},
    {"TlsMinimumVersion", false, is_old_version,
     "TlsMinimumVersion below 1.2 is for inbound connectors alone: no next hop is spoken to in TLS "
     "1.0 or 1.1",
     "write <TlsMinimumVersion>1.2</TlsMinimumVersion>, or take it out"},
    {"TlsCipherSuites", true, suites_without_tls,
     "TlsCipherSuites is not used: with TlsSettings None there is no TLS",
     "choose other TlsSettings, or take TlsCipherSuites out"},
    {"TlsGroups", true, groups_without_tls,
     "TlsGroups is not used: with TlsSettings None there is no TLS",
     "choose other TlsSettings, or take TlsGroups out"},
    {"TlsMinimumVersion", true, version_without_tls,
     "TlsMinimumVersion is not used: with TlsSettings None there is no TLS",
     "choose other TlsSettings, or take TlsMinimumVersion out"},
    {"CloudServicesMailEnabled", true, is_cloud_services,
     "CloudServicesMailEnabled is taken, but not enforced yet: X-MS-Exchange-Organization-* and "
     "X-MS-Exchange-CrossPremises-* headers cross as they come, on every connector",
     "until then let no server behind the gateway trust these headers from others"},
};

void conn_apply_outbound_rules(struct conn_reader *reader, const xmlNode *node,
                               const struct conn_outbound *outbound)
{
    struct subject subject = {.reader = reader, .node = node, .outbound = outbound};
    apply(outbound_rules, ARRAY_SIZE(outbound_rules), &subject);
    apply(tls_list_rules, ARRAY_SIZE(tls_list_rules), &subject);
}
