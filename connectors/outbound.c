/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The files in outbound/: their table, and the readers that only they need. */
#include <string.h>

#include "connectors/connector.h"
#include "connectors/rules.h"
#include "connectors/values.h"

static int read_host(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    (void)reader;
    return conn_parse_host(field->name, text, target, error);
}

/* The inbound connectors are all read by now, so that they stay where they are. */
static int read_scope(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    const void *found =
        conn_find_named(CONN_NAMED("InboundConnector", config->inbound, config->inbound_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found || reader->inbound_lost ? 0 : -error->code;
}

static void finish_outbound(struct conn_reader *reader, const xmlNode *node, void *object)
{
    conn_check_unique(
        reader, node,
        CONN_NAMED("OutboundConnector", reader->config->outbound, reader->config->outbound_count));
    conn_apply_outbound_rules(reader, node, object);
    struct conn_outbound *outbound = object;
    conn_complete_lists(reader, node, &outbound->tls_lists, outbound->tls_minimum);
}

CONN_TLS_LISTS(outbound, conn_outbound);

static const struct conn_field scope_fields[] = {
    {"Name", CONN_MANY | CONN_REQUIRED, read_scope, CONN_LIST(conn_outbound, scope, scope_count),
     .example = "<Name>exchange</Name>"},
};
CONN_WRAPPER(scope);

static const struct conn_field recipient_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_outbound, recipient_domains), .most = CONN_DOMAIN_ANY,
     .example = "<Domain>contoso.com</Domain>"},
};
CONN_WRAPPER(recipient_domains);

static const struct conn_field hosts_fields[] = {
    {"Host", CONN_MANY | CONN_REQUIRED, read_host, CONN_LIST(conn_outbound, hosts, host_count),
     .example = "<Host>mail.contoso.com:25</Host>"},
};
CONN_WRAPPER(hosts);

static const struct conn_field outbound_peers_fields[] = {
    {"Mode", CONN_ATTRIBUTE, conn_read_mode, CONN_IN(conn_outbound, pairs_report_only),
     .example = "Mode=\"Enforce\""},
    {"Peer", CONN_MANY | CONN_REQUIRED, .section = &conn_peer_section,
     CONN_LIST(conn_outbound, pairs, pair_count), .example = CONN_PEER_EXAMPLE},
};
CONN_WRAPPER(outbound_peers);

static const struct conn_field outbound_fields[] = {
    CONN_COMMON_FIELDS(conn_outbound),
    {"InboundConnectors", 0, .section = &scope_section},
    {"RecipientDomains", CONN_REQUIRED, .section = &recipient_domains_section,
     .example = "<RecipientDomains><Domain>*</Domain></RecipientDomains>"},
    {"SmartHosts", CONN_REQUIRED, .section = &hosts_section,
     .example = "<SmartHosts><Host>mail.contoso.com:25</Host></SmartHosts>"},
    {"TlsSettings", 0, conn_read_word, CONN_IN(conn_outbound, tls_settings),
     .names = conn_tls_settings_names, .example = "<TlsSettings>Opportunistic</TlsSettings>"},
    {"TlsDomain", CONN_MANY, conn_read_domain, CONN_STRINGS(conn_outbound, tls_domains),
     .most = CONN_DOMAIN_PATTERN, .example = "<TlsDomain>mail.contoso.com</TlsDomain>"},
    {"PeerCertificates", 0, .section = &outbound_peers_section},
    {"TlsCipherSuites", 0, .section = &outbound_suites_section},
    {"TlsGroups", 0, .section = &outbound_groups_section},
    {"CloudServicesMailEnabled", 0, conn_read_boolean, CONN_IN(conn_outbound, cloud_services_mail),
     .example = "<CloudServicesMailEnabled>true</CloudServicesMailEnabled>"},
    {"ConnectionInactivityTimeOut", 0, conn_read_duration,
     CONN_IN(conn_outbound, inactivity_timeout), .least = 1000, .most = 24 * 3600 * 1000,
     .example = "<ConnectionInactivityTimeOut>00:10:00</ConnectionInactivityTimeOut>"},
    {"SmtpMaxMessagesPerConnection", 0, conn_read_number,
     CONN_IN(conn_outbound, messages_per_connection), .most = 1000000,
     .example = "<SmtpMaxMessagesPerConnection>20</SmtpMaxMessagesPerConnection>"},
};
const struct conn_section conn_outbound_section = {
    CONN_FIELDS(outbound_fields), offsetof(struct conn_outbound, place), finish_outbound};
