/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A connector as the XML that would declare it: every value that counts stands there, defaults too,
 * so that `show` answers what is in force. Any thread. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "connectors/load.h"
#include "connectors/limits.h"
#include "connectors/suites.h"
#include "connectors/values.h"
#include "connectors/vocabulary.h"
#include "pki/names.h"

/* The stream keeps the first failure (memory) in its error flag; finish() looks. */
struct writer {
    FILE *stream;
    char *text;
    size_t size;
};

static char *finish(struct writer *writer, const char *root)
{
    fprintf(writer->stream, "</%s>\n", root);
    bool failed = ferror(writer->stream);
    if (fclose(writer->stream) != 0 || failed) {
        free(writer->text);
        return NULL;
    }
    return writer->text;
}

static void put_text(struct writer *writer, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, writer->stream);
        else
            fputc(*text, writer->stream);
    }
}

static bool begin(struct writer *writer, const char *root, const char *name)
{
    *writer = (struct writer){0};
    writer->stream = open_memstream(&writer->text, &writer->size);
    if (!writer->stream)
        return false;
    fprintf(writer->stream, "<%s xmlns=\"%s\" Name=\"", root, CONN_NAMESPACE);
    put_text(writer, name);
    fputs("\">\n", writer->stream);
    return true;
}

/* Nothing at all when there is no text. */
static void put_element(struct writer *writer, unsigned indent, const char *name, const char *text)
{
    if (!text)
        return;
    fprintf(writer->stream, "%*s<%s>", (int)indent, "", name);
    put_text(writer, text);
    fprintf(writer->stream, "</%s>\n", name);
}

static void put_boolean(struct writer *writer, const char *name, bool value)
{
    put_element(writer, 2, name, conn_boolean_names[value]);
}

static void put_strings(struct writer *writer, unsigned indent, const char *name,
                        const struct conn_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        put_element(writer, indent, name, strings->items[i]);
}

static void open_list(struct writer *writer, const char *name)
{
    fprintf(writer->stream, "  <%s>\n", name);
}

static void close_list(struct writer *writer, const char *name)
{
    fprintf(writer->stream, "  </%s>\n", name);
}

static void put_domains(struct writer *writer, const char *name, const struct conn_strings *domains)
{
    if (!domains->count)
        return;
    open_list(writer, name);
    put_strings(writer, 4, "Domain", domains);
    close_list(writer, name);
}

static const char *show_address(const struct in6_addr *address, char *text)
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        return inet_ntop(AF_INET, address->s6_addr + 12, text, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

/* How many leading bits a network has that is exactly this range; -1: it is none. */
static int find_prefix(const struct conn_range *range)
{
    int prefix = -1;
    for (int bit = 0; bit < 128; bit++) {
        unsigned first = range->first.s6_addr[bit / 8] >> (7 - bit % 8) & 1;
        unsigned last = range->last.s6_addr[bit / 8] >> (7 - bit % 8) & 1;
        if (first != last && prefix < 0)
            prefix = bit;
        if (prefix >= 0 && (first || !last))
            return -1;
    }
    return prefix < 0 ? 128 : prefix;
}

const char *conn_range_text(const struct conn_range *range, char *text, size_t size)
{
    char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];
    int prefix = find_prefix(range), base = IN6_IS_ADDR_V4MAPPED(&range->first) ? 96 : 0;
    show_address(&range->first, first);
    show_address(&range->last, last);
    if (prefix == 128)
        snprintf(text, size, "%s", first);
    else if (prefix >= base)
        snprintf(text, size, "%s/%d", first, prefix - base);
    else
        snprintf(text, size, "%s-%s", first, last);
    return text;
}

static void put_range(struct writer *writer, const struct conn_range *range)
{
    char text[CONN_RANGE_TEXT_MAXIMUM];
    put_element(writer, 4, "Range", conn_range_text(range, text, sizeof text));
}

static void put_ranges(struct writer *writer, const struct conn_inbound *inbound)
{
    if (!inbound->range_count)
        return;
    open_list(writer, "SenderIPAddresses");
    for (size_t i = 0; i < inbound->range_count; i++)
        put_range(writer, &inbound->ranges[i]);
    close_list(writer, "SenderIPAddresses");
}

/* A name was at most 4096 bytes when it was read, and escapes make no more than three of one. */
static void put_name(struct writer *writer, const char *element, const X509_NAME *name)
{
    char text[4 * 4096];
    if (name)
        put_element(writer, 6, element, pki_name_text(name, text, sizeof text));
}

static void put_pairs(struct writer *writer, const struct pki_peer_pair *pairs, size_t count,
                      bool report_only)
{
    if (!count)
        return;
    fprintf(writer->stream, "  <PeerCertificates Mode=\"%s\">\n", conn_mode_names[report_only]);
    for (size_t i = 0; i < count; i++) {
        fputs("    <Peer>\n", writer->stream);
        put_name(writer, "Subject", pairs[i].subject);
        put_name(writer, "Issuer", pairs[i].issuer);
        fputs("    </Peer>\n", writer->stream);
    }
    close_list(writer, "PeerCertificates");
}

static void put_tls_lists(struct writer *writer, const struct conn_tls_lists *lists)
{
    open_list(writer, "TlsCipherSuites");
    for (size_t i = 0; i < lists->suite_count; i++)
        put_element(writer, 4, "CipherSuite", conn_cipher_suites[lists->suites[i]].name);
    close_list(writer, "TlsCipherSuites");
    open_list(writer, "TlsGroups");
    for (size_t i = 0; i < lists->group_count; i++)
        put_element(writer, 4, "Group", conn_groups[lists->groups[i]].name);
    close_list(writer, "TlsGroups");
}

static void put_revocation(struct writer *writer, enum pki_revocation_check revocation,
                           const struct conn_lists *lists)
{
    put_element(writer, 2, "CertificateRevocationCheck", conn_revocation_name(revocation));
    put_element(writer, 2, "RevocationLists", lists ? lists->name : NULL);
}

static void put_limits(struct writer *writer, const struct conn_limits *limits)
{
    char text[CONN_LIMIT_TEXT_MAXIMUM];
    for (size_t i = 0; i < conn_limits_count; i++) {
        const struct conn_limit *limit = &conn_limits_table[i];
        const char *value = conn_limit_text(limit, limits, text);
        if (strcmp(value, "0") != 0) /* MinimumTransferRate alone: none */
            put_element(writer, 2, limit->name, value);
    }
}

static void put_bindings(struct writer *writer, const struct conn_inbound *connector)
{
    if (!connector->binding_count)
        return;
    open_list(writer, "Bindings");
    for (size_t i = 0; i < connector->binding_count; i++)
        put_element(writer, 4, "Binding", connector->bindings[i].address);
    close_list(writer, "Bindings");
}

char *conn_inbound_xml(const struct conn_inbound *connector)
{
    struct writer writer;
    if (!begin(&writer, "InboundConnector", connector->name))
        return NULL;
    put_element(&writer, 2, "Comment", connector->comment);
    put_boolean(&writer, "Enabled", connector->enabled);
    put_element(&writer, 2, "ConnectorType", conn_type_names[connector->connector_type]);
    put_bindings(&writer, connector);
    put_ranges(&writer, connector);
    put_domains(&writer, "SenderDomains", &connector->sender_domains);
    put_boolean(&writer, "RestrictDomainsToCertificate", connector->restrict_to_certificate);
    put_boolean(&writer, "RestrictDomainsToIPAddresses", connector->restrict_to_addresses);
    put_domains(&writer, "AssociatedAcceptedDomains", &connector->associated_domains);
    if (connector->allow_open_relay)
        put_boolean(&writer, "AllowOpenRelay", true);
    put_boolean(&writer, "RequireTls", connector->require_tls);
    put_element(&writer, 2, "TlsMinimumVersion", conn_tls_version_name(connector->tls_minimum));
    put_tls_lists(&writer, &connector->tls_lists);
    put_element(&writer, 2, "TlsCertificateName",
                connector->certificate ? connector->certificate->name : NULL);
    put_strings(&writer, 2, "TlsSenderCertificateName", &connector->sender_certificate_names);
    put_element(&writer, 2, "Credentials",
                connector->credentials ? connector->credentials->name : NULL);
    put_element(&writer, 2, "TrustAnchors", connector->anchors ? connector->anchors->name : NULL);
    if (connector->sender_certificate_names.count) {
        put_boolean(&writer, "CommonNameFallback", connector->common_name_fallback);
        put_element(&writer, 2, "ClientEku", conn_client_eku_name(connector->client_eku));
        put_revocation(&writer, connector->revocation, connector->lists);
    }
    put_pairs(&writer, connector->pairs, connector->pair_count, connector->pairs_report_only);
    put_domains(&writer, "OriginatorOrganizations", &connector->originator_organizations);
    put_boolean(&writer, "CloudServicesMailEnabled", connector->cloud_services_mail);
    put_boolean(&writer, "TreatMessagesAsInternal", connector->treat_as_internal);
    put_element(&writer, 2, "Fqdn", connector->fqdn);
    put_boolean(&writer, "LenientSyntax", connector->lenient_syntax);
    put_element(&writer, 2, "BareLinefeed", conn_bare_linefeed_names[connector->bare_linefeed]);
    put_limits(&writer, &connector->limits);
    put_element(&writer, 2, "Delivery", conn_delivery_name(connector->delivery));
    return finish(&writer, "InboundConnector");
}

static void put_scope(struct writer *writer, const struct conn_outbound *connector)
{
    if (!connector->scope_count)
        return;
    open_list(writer, "InboundConnectors");
    for (size_t i = 0; i < connector->scope_count; i++)
        put_element(writer, 4, "Name", connector->scope[i]->name);
    close_list(writer, "InboundConnectors");
}

static void put_hosts(struct writer *writer, const struct conn_outbound *connector)
{
    open_list(writer, "SmartHosts");
    for (size_t i = 0; i < connector->host_count; i++) {
        const struct conn_host *host = &connector->hosts[i];
        bool six = strchr(host->name, ':');
        char text[300];
        snprintf(text, sizeof text, six ? "[%s]:%u" : "%s:%u", host->name, host->port);
        put_element(writer, 4, "Host", text);
    }
    close_list(writer, "SmartHosts");
}

static void put_address_spaces(struct writer *writer, const struct conn_outbound *connector)
{
    if (!connector->address_space_count)
        return;
    open_list(writer, "AddressSpaces");
    for (size_t i = 0; i < connector->address_space_count; i++) {
        char text[CONN_DOMAIN_MAXIMUM + 32];
        snprintf(text, sizeof text, "smtp:%s;%u", connector->address_spaces[i].domain,
                 connector->address_spaces[i].cost);
        put_element(writer, 4, "AddressSpace", text);
    }
    close_list(writer, "AddressSpaces");
}

static void put_validation_recipients(struct writer *writer, const struct conn_strings *recipients)
{
    if (!recipients->count)
        return;
    open_list(writer, "ValidationRecipients");
    put_strings(writer, 4, "Recipient", recipients);
    close_list(writer, "ValidationRecipients");
}

static void put_error_policies(struct writer *writer, unsigned policies)
{
    char text[128] = "";
    for (size_t i = 0; conn_error_policy_names[i]; i++)
        if (policies >> i & 1)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? ", " : "",
                     conn_error_policy_names[i]);
    put_element(writer, 2, "ErrorPolicies", *text ? text : "Default");
}

/* Where mail goes, and from where. */
static void put_route(struct writer *writer, const struct conn_outbound *connector)
{
    char text[CONN_LIMIT_TEXT_MAXIMUM];
    if (connector->host_count)
        put_hosts(writer, connector);
    put_boolean(writer, "UseMXRecord", connector->use_mx_record);
    if (connector->use_mx_record) {
        snprintf(text, sizeof text, "%u", connector->port);
        put_element(writer, 2, "Port", text);
    }
    put_boolean(writer, "RouteAllMessagesViaOnPremises", connector->route_via_premises);
    put_boolean(writer, "TestMode", connector->test_mode);
    put_validation_recipients(writer, &connector->validation_recipients);
    put_element(writer, 2, "Fqdn", connector->fqdn);
    for (size_t i = 0; i < connector->source_address_count; i++)
        put_element(writer, 2, "SourceIPAddress", connector->source_addresses[i].address);
    if (connector->maximum_message_size) {
        struct conn_limits limits = {.message_size = connector->maximum_message_size};
        put_element(writer, 2, "MaxMessageSize",
                    conn_limit_text(&conn_limits_table[0], &limits, text));
    }
    put_error_policies(writer, connector->error_policies);
}

char *conn_outbound_xml(const struct conn_outbound *connector)
{
    struct writer writer;
    char time[CONN_DURATION_TEXT_MAXIMUM];
    if (!begin(&writer, "OutboundConnector", connector->name))
        return NULL;
    put_element(&writer, 2, "Comment", connector->comment);
    put_boolean(&writer, "Enabled", connector->enabled);
    put_element(&writer, 2, "ConnectorType", conn_type_names[connector->connector_type]);
    put_scope(&writer, connector);
    put_domains(&writer, "RecipientDomains", &connector->recipient_domains);
    put_address_spaces(&writer, connector);
    put_boolean(&writer, "AllAcceptedDomains", connector->all_accepted_domains);
    put_route(&writer, connector);
    put_element(&writer, 2, "TlsSettings", conn_tls_settings_name(connector->tls_settings));
    if (connector->tls_settings != CONN_TLS_NONE) {
        put_element(&writer, 2, "TlsMinimumVersion", conn_tls_version_name(connector->tls_minimum));
        put_tls_lists(&writer, &connector->tls_lists);
    }
    put_strings(&writer, 2, "TlsDomain", &connector->tls_domains);
    put_element(&writer, 2, "TlsCertificateName",
                connector->certificate ? connector->certificate->name : NULL);
    if (connector->tls_settings == CONN_TLS_DOMAIN_VALIDATION)
        put_boolean(&writer, "CommonNameFallback", connector->common_name_fallback);
    put_element(&writer, 2, "TrustAnchors", connector->anchors ? connector->anchors->name : NULL);
    if (connector->tls_settings >= CONN_TLS_CERTIFICATE_VALIDATION)
        put_revocation(&writer, connector->revocation, connector->lists);
    put_pairs(&writer, connector->pairs, connector->pair_count, connector->pairs_report_only);
    put_boolean(&writer, "CloudServicesMailEnabled", connector->cloud_services_mail);
    put_element(&writer, 2, "ConnectionInactivityTimeOut",
                conn_show_duration(connector->inactivity_timeout, time, sizeof time));
    fprintf(writer.stream, "  <SmtpMaxMessagesPerConnection>%u</SmtpMaxMessagesPerConnection>\n",
            connector->messages_per_connection);
    return finish(&writer, "OutboundConnector");
}
