/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The files in inbound/: their table, and the readers that only they need. */
#include <string.h>

#include "connectors/connector.h"
#include "connectors/limits.h"
#include "connectors/rules.h"
#include "connectors/values.h"

static void finish_inbound(struct conn_reader *reader, const xmlNode *node, void *object)
{
    conn_check_unique(reader, node,
                      CONN_NAMED_KNOWN("InboundConnector", reader->config->inbound,
                                       reader->config->inbound_count, &reader->inbound_names));
    conn_apply_inbound_rules(reader, node, object);
    struct conn_inbound *inbound = object;
    conn_complete_lists(reader, node, &inbound->tls_lists, inbound->tls_minimum);
}

static const struct conn_field ranges_fields[] = {
    {"Range", CONN_MANY | CONN_REQUIRED, conn_read_range,
     CONN_LIST(conn_inbound, ranges, range_count), .example = "<Range>10.1.0.5</Range>"},
};
CONN_WRAPPER(ranges);

static const struct conn_field sender_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_inbound, sender_domains), .most = CONN_DOMAIN_ANY,
     .example = "<Domain>contoso.com</Domain>"},
};
CONN_WRAPPER(sender_domains);

static const struct conn_field organizations_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_inbound, originator_organizations), .most = CONN_DOMAIN_PLAIN,
     .example = "<Domain>contoso.com</Domain>"},
};
CONN_WRAPPER(organizations);

static const struct conn_field associated_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_inbound, associated_domains), .most = CONN_DOMAIN_PATTERN,
     .example = "<Domain>contoso.com</Domain>"},
};
CONN_WRAPPER(associated_domains);

static const struct conn_field bindings_fields[] = {
    {"Binding", CONN_MANY | CONN_REQUIRED, conn_read_binding,
     CONN_LIST(conn_inbound, bindings, binding_count),
     .example = "<Binding>0.0.0.0:2525</Binding>"},
};
CONN_WRAPPER(bindings);

static const struct conn_field inbound_peers_fields[] = {
    {"Mode", CONN_ATTRIBUTE, conn_read_mode, CONN_IN(conn_inbound, pairs_report_only),
     .example = "Mode=\"Enforce\""},
    {"Peer", CONN_MANY | CONN_REQUIRED, .section = &conn_peer_section,
     CONN_LIST(conn_inbound, pairs, pair_count), .example = CONN_PEER_EXAMPLE},
};
CONN_WRAPPER(inbound_peers);

CONN_TLS_LISTS(inbound, conn_inbound);

static const struct conn_field inbound_fields[] = {
    CONN_COMMON_FIELDS(conn_inbound),
    {"SenderIPAddresses", 0, .section = &ranges_section},
    {"SenderDomains", 0, .section = &sender_domains_section},
    {"RequireTls", 0, conn_read_boolean, CONN_IN(conn_inbound, require_tls),
     .example = "<RequireTls>true</RequireTls>"},
    {"TlsSenderCertificateName", CONN_MANY, conn_read_domain,
     CONN_STRINGS(conn_inbound, sender_certificate_names), .most = CONN_DOMAIN_PATTERN,
     .example = "<TlsSenderCertificateName>mail.contoso.com</TlsSenderCertificateName>"},
    {"ClientEku", 0, conn_read_word, CONN_IN(conn_inbound, client_eku),
     .names = conn_client_eku_names, .example = "<ClientEku>ClientAuth</ClientEku>"},
    {"Credentials", 0, conn_read_credentials, CONN_IN(conn_inbound, credentials),
     .example = "<Credentials>devices</Credentials>"},
    {"PeerCertificates", 0, .section = &inbound_peers_section},
    {"TlsCipherSuites", 0, .section = &inbound_suites_section},
    {"TlsGroups", 0, .section = &inbound_groups_section},
    {"OriginatorOrganizations", 0, .section = &organizations_section},
    {"RestrictDomainsToCertificate", 0, conn_read_boolean,
     CONN_IN(conn_inbound, restrict_to_certificate),
     .example = "<RestrictDomainsToCertificate>true</RestrictDomainsToCertificate>"},
    {"RestrictDomainsToIPAddresses", 0, conn_read_boolean,
     CONN_IN(conn_inbound, restrict_to_addresses),
     .example = "<RestrictDomainsToIPAddresses>true</RestrictDomainsToIPAddresses>"},
    {"CloudServicesMailEnabled", 0, conn_read_boolean, CONN_IN(conn_inbound, cloud_services_mail),
     .example = "<CloudServicesMailEnabled>true</CloudServicesMailEnabled>"},
    {"TreatMessagesAsInternal", 0, conn_read_boolean, CONN_IN(conn_inbound, treat_as_internal),
     .example = "<TreatMessagesAsInternal>true</TreatMessagesAsInternal>"},
    {"AssociatedAcceptedDomains", 0, .section = &associated_domains_section},
    {"Bindings", 0, .section = &bindings_section},
    {"AllowOpenRelay", 0, conn_read_boolean, CONN_IN(conn_inbound, allow_open_relay),
     .example = "<AllowOpenRelay>false</AllowOpenRelay>"},
    {"LenientSyntax", 0, conn_read_boolean, CONN_IN(conn_inbound, lenient_syntax),
     .example = "<LenientSyntax>true</LenientSyntax>"},
    {"BareLinefeed", 0, conn_read_word, CONN_IN(conn_inbound, bare_linefeed),
     .names = conn_bare_linefeed_names, .example = "<BareLinefeed>Reject</BareLinefeed>"},
    CONN_LIMIT_FIELDS(0, conn_inbound),
    {"Delivery", 0, conn_read_word, CONN_IN(conn_inbound, delivery), .names = conn_delivery_names,
     .example = "<Delivery>Direct</Delivery>"},
};
const struct conn_section conn_inbound_section = {
    CONN_FIELDS(inbound_fields), offsetof(struct conn_inbound, place), finish_inbound};
