/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The files in outbound/: their table, and the readers that only they need. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/connector.h"
#include "connectors/rules.h"
#include "connectors/values.h"

static int read_host(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    struct conn_host *host = target;
    const char *bracket = strchr(text, ']');
    const char *colon = strchr(bracket ? bracket : text, ':');
    (void)reader;
    int result = conn_parse_host(field->name, text, host, error);
    /* Port may stand behind SmartHosts: finish_outbound() knows it. (IPv6 has several colons.) */
    if (result == 0 && (!colon || (!bracket && strchr(colon + 1, ':'))))
        host->port = 0;
    return result;
}

/* The inbound connectors are all read by now, so that they stay where they are. */
static int read_scope(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    const void *found =
        conn_find_named(CONN_NAMED_KNOWN("InboundConnector", config->inbound, config->inbound_count,
                                         &reader->inbound_names),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found || reader->inbound_lost ? 0 : -error->code;
}

/* "smtp:*.contoso.com;10": the kind and the cost may be left out. */
static int read_address_space(struct conn_reader *reader, const struct conn_field *field,
                              const char *text, void *target, struct error *error)
{
    struct conn_address_space *space = target;
    _cleanup_free_ char *domain = strdup(strncasecmp(text, "smtp:", 5) == 0 ? text + 5 : text);
    (void)reader;
    if (!domain)
        return error_set(error, EX_OSERR, "There is no memory left");
    char *cost = strchr(domain, ';');
    uint64_t value = 1;
    if (cost) {
        *cost++ = '\0';
        int result = conn_parse_number(field->name, cost, &value, error);
        if (result < 0)
            return result;
    }
    if (value < 1 || value > 100) {
        error_set(error, EX_DATAERR, "The cost of %s '%.200s' is not between 1 and 100",
                  field->name, text);
        return error_cure(error, "write it like %s", field->example);
    }
    space->cost = (unsigned)value;
    return conn_parse_domain(field->name, domain, true, true, &space->domain, error);
}

/* A mail address, loosely: posternctl sends to it, so that the next hop has the last word. */
static int read_recipient(struct conn_reader *reader, const struct conn_field *field,
                          const char *text, void *target, struct error *error)
{
    const char *at = strrchr(text, '@');
    if (at && at != text && at[1] && strlen(text) <= 320 && !strpbrk(text, " <>\t"))
        return conn_read_string(reader, field, text, target, error);
    error_set(error, EX_DATAERR, "%s '%.200s' is not a mail address", field->name, text);
    return error_cure(error, "write it like %s", field->example);
}

/* An address of this machine, without a port. */
static int read_source(struct conn_reader *reader, const struct conn_field *field, const char *text,
                       void *target, struct error *error)
{
    struct conn_binding *source = target;
    char with_port[80];
    snprintf(with_port, sizeof with_port, strchr(text, ':') ? "[%.60s]:0" : "%.60s:0", text);
    if (conn_parse_address(field->name, with_port, &source->socket_address, &source->length,
                           error) == 0)
        return conn_read_string(reader, field, text, &source->address, error);
    error_set(error, EX_DATAERR, "%s '%.60s' is not an IP address", field->name, text);
    return error_cure(error, "write an address of this machine, like %s", field->example);
}

/* Exchange's flags, parted by commas; Default is none of them. */
static int read_error_policies(struct conn_reader *reader, const struct conn_field *field,
                               const char *text, void *target, struct error *error)
{
    unsigned policies = 0, word;
    _cleanup_free_ char *copy = strdup(text);
    char *rest = NULL;
    (void)reader;
    if (!copy)
        return error_set(error, EX_OSERR, "There is no memory left");
    for (char *item = strtok_r(copy, ", ", &rest); item; item = strtok_r(NULL, ", ", &rest)) {
        if (strcasecmp(item, "Default") == 0)
            continue;
        int result = conn_parse_word(field->name, item, conn_error_policy_names, &word, error);
        if (result < 0)
            return result;
        policies |= 1U << word;
    }
    *(unsigned *)target = policies;
    return 0;
}

static void finish_outbound(struct conn_reader *reader, const xmlNode *node, void *object)
{
    conn_check_unique(reader, node,
                      CONN_NAMED_KNOWN("OutboundConnector", reader->config->outbound,
                                       reader->config->outbound_count, &reader->outbound_names));
    conn_apply_outbound_rules(reader, node, object);
    struct conn_outbound *outbound = object;
    for (size_t i = 0; i < outbound->host_count; i++)
        if (!outbound->hosts[i].port)
            outbound->hosts[i].port = (uint16_t)outbound->port;
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

static const struct conn_field address_spaces_fields[] = {
    {"AddressSpace", CONN_MANY | CONN_REQUIRED, read_address_space,
     CONN_LIST(conn_outbound, address_spaces, address_space_count),
     .example = "<AddressSpace>smtp:*.contoso.com;10</AddressSpace>"},
};
CONN_WRAPPER(address_spaces);

static const struct conn_field validation_recipients_fields[] = {
    {"Recipient", CONN_MANY | CONN_REQUIRED, read_recipient,
     CONN_STRINGS(conn_outbound, validation_recipients),
     .example = "<Recipient>postmaster@contoso.com</Recipient>"},
};
CONN_WRAPPER(validation_recipients);

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
    {"RecipientDomains", 0, .section = &recipient_domains_section},
    {"AddressSpaces", 0, .section = &address_spaces_section},
    {"AllAcceptedDomains", 0, conn_read_boolean, CONN_IN(conn_outbound, all_accepted_domains),
     .example = "<AllAcceptedDomains>true</AllAcceptedDomains>"},
    {"SmartHosts", 0, .section = &hosts_section},
    {"Port", 0, conn_read_number, CONN_IN(conn_outbound, port), .least = 1, .most = 65535,
     .example = "<Port>25</Port>"},
    {"UseMXRecord", 0, conn_read_boolean, CONN_IN(conn_outbound, use_mx_record),
     .example = "<UseMXRecord>true</UseMXRecord>"},
    {"RouteAllMessagesViaOnPremises", 0, conn_read_boolean,
     CONN_IN(conn_outbound, route_via_premises),
     .example = "<RouteAllMessagesViaOnPremises>true</RouteAllMessagesViaOnPremises>"},
    {"TestMode", 0, conn_read_boolean, CONN_IN(conn_outbound, test_mode),
     .example = "<TestMode>true</TestMode>"},
    {"ValidationRecipients", 0, .section = &validation_recipients_section},
    {"MaxMessageSize", 0, conn_read_size, CONN_IN(conn_outbound, maximum_message_size),
     .least = 1024, .most = UINT64_C(64) << 30,
     .example = "<MaxMessageSize>35 MB</MaxMessageSize>"},
    {"SourceIPAddress", CONN_MANY, read_source,
     CONN_LIST(conn_outbound, source_addresses, source_address_count),
     .example = "<SourceIPAddress>192.0.2.25</SourceIPAddress>"},
    {"ErrorPolicies", 0, read_error_policies, CONN_IN(conn_outbound, error_policies),
     .example = "<ErrorPolicies>DowngradeDnsFailures, DowngradeCustomFailures</ErrorPolicies>"},
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
