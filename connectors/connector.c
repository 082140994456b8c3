/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The files in inbound/ and outbound/: their tables, and the readers that only they need. What must
 * hold between the words of a connector stands in rules.c. */
#include <string.h>

#include "connectors/readers.h"
#include "connectors/rules.h"
#include "connectors/suites.h"
#include "connectors/tables.h"
#include "connectors/values.h"
#include "connectors/vocabulary.h"
#include "pki/names.h"

/* The words of a field with names are written over an enum, whatever the enum is. */
_Static_assert(sizeof(enum conn_tls_settings) == sizeof(unsigned), "enums are as wide as unsigned");
_Static_assert(sizeof(enum pki_peer_eku) == sizeof(unsigned), "enums are as wide as unsigned");
_Static_assert(sizeof(enum pki_revocation_check) == sizeof(unsigned),
               "enums are as wide as unsigned");

static int read_range(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    (void)reader;
    return conn_parse_range(field->name, text, target, error);
}

static int read_host(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    (void)reader;
    return conn_parse_host(field->name, text, target, error);
}

static int read_certificate(struct conn_reader *reader, const struct conn_field *field,
                            const char *text, void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("Certificate", config->certificates, config->certificate_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

static int read_anchors(struct conn_reader *reader, const struct conn_field *field,
                        const char *text, void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("TrustAnchors", config->anchors, config->anchors_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

static int read_lists(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("RevocationLists", config->lists, config->lists_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
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

static int read_cipher_suite(struct conn_reader *reader, const struct conn_field *field,
                             const char *text, void *target, struct error *error)
{
    (void)reader;
    return conn_find_cipher_suite(field->name, text, target, error);
}

static int read_group(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    (void)reader;
    return conn_find_group(field->name, text, target, error);
}

/* After the rules, which speak of what was declared. */
static void complete_lists(struct conn_reader *reader, const xmlNode *node,
                           struct conn_tls_lists *lists, enum conn_tls_version minimum)
{
    struct error error;
    if (conn_tls_lists_complete(lists, minimum, &error) < 0)
        conn_complain(reader, node, false, &error);
}

/* PeerCertificates Mode: true is ReportOnly. */
static int read_mode(struct conn_reader *reader, const struct conn_field *field, const char *text,
                     void *target, struct error *error)
{
    unsigned word;
    (void)reader;
    int result = conn_parse_word(field->name, text, conn_mode_names, &word, error);
    if (result == 0)
        *(bool *)target = word;
    return result;
}

static int fail_distinguished_name(const char *label, const char *text, const struct error *found,
                                   struct error *error)
{
    error_set(error, EX_DATAERR, "%s '%.200s' is not a distinguished name: %s", label, text,
              found->what);
    error_where(error, "%s", found->where);
    return error_cure(error, "%s",
                      found->cure[0] ? found->cure
                                     : "write it like CN=mail.contoso.com, O=Contoso, "
                                       "C=US, and \\, for a comma in a value");
}

static int read_distinguished_name(struct conn_reader *reader, const struct conn_field *field,
                                   const char *text, void *target, struct error *error)
{
    struct error found;
    (void)reader;
    if (pki_name_parse(text, target, &found) < 0)
        return fail_distinguished_name(field->name, text, &found, error);
    return 0;
}

/* A Peer's own text: <I>issuer<S>subject, as Exchange shows it. */
static int read_exchange_pair(struct conn_reader *reader, const struct conn_field *field,
                              const char *text, void *target, struct error *error)
{
    struct pki_peer_pair *pair = target;
    struct error found;
    (void)reader;
    if (pair->subject || pair->issuer) {
        error_set(error, EX_DATAERR, "Peer holds the text '%.100s' beside its elements", text);
        return error_cure(error, "write <Subject> and <Issuer>, or Exchange's text, but not both");
    }
    if (pki_name_parse_exchange(text, &pair->issuer, &pair->subject, &found) == 0)
        return 0;
    error_set(error, EX_DATAERR, "%s '%.200s' cannot be read: %s", field->name, text, found.what);
    return error_cure(error,
                      "write &lt;I>issuer&lt;S>subject as Exchange shows it, or <Subject> and "
                      "<Issuer>");
}

static void finish_peer(struct conn_reader *reader, const xmlNode *node, void *object)
{
    struct error error;
    (void)object;
    for (xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE ||
            (child->type == XML_TEXT_NODE && !xmlIsBlankNode(child)))
            return;
    error_set(&error, EX_CONFIG, "Peer is empty, and would accept any certificate");
    error_cure(&error, "give it <Subject>, <Issuer>, or both");
    conn_complain(reader, node, false, &error);
}

static void finish_inbound(struct conn_reader *reader, const xmlNode *node, void *object)
{
    conn_check_unique(
        reader, node,
        CONN_NAMED("InboundConnector", reader->config->inbound, reader->config->inbound_count));
    conn_apply_inbound_rules(reader, node, object);
    struct conn_inbound *inbound = object;
    complete_lists(reader, node, &inbound->tls_lists, inbound->tls_minimum);
}

static void finish_outbound(struct conn_reader *reader, const xmlNode *node, void *object)
{
    conn_check_unique(
        reader, node,
        CONN_NAMED("OutboundConnector", reader->config->outbound, reader->config->outbound_count));
    conn_apply_outbound_rules(reader, node, object);
    struct conn_outbound *outbound = object;
    complete_lists(reader, node, &outbound->tls_lists, outbound->tls_minimum);
}

/* A list in an element of its own, whose items go into the connector itself. */
#define WRAPPER(name)                                                                              \
    static const struct conn_section name##_section = {CONN_FIELDS(name##_fields), CONN_NO_PLACE}

static const struct conn_field peer_fields[] = {
    {"Subject", 0, read_distinguished_name, CONN_IN(pki_peer_pair, subject),
     .example = "<Subject>CN=mail.contoso.com, O=Contoso, C=US</Subject>"},
    {"Issuer", 0, read_distinguished_name, CONN_IN(pki_peer_pair, issuer),
     .example = "<Issuer>CN=Contoso CA, O=Contoso, C=US</Issuer>"},
    {"The text of Peer", CONN_TEXT, read_exchange_pair,
     .example = "<Peer>&lt;I>CN=Contoso CA&lt;S>CN=mail.contoso.com</Peer>"},
};
static const struct conn_section peer_section = {CONN_FIELDS(peer_fields), CONN_NO_PLACE,
                                                 finish_peer};

#define PEER_EXAMPLE "<Peer><Subject>CN=mail.contoso.com, O=Contoso, C=US</Subject></Peer>"

static const struct conn_field ranges_fields[] = {
    {"Range", CONN_MANY | CONN_REQUIRED, read_range, CONN_LIST(conn_inbound, ranges, range_count),
     .example = "<Range>10.1.0.5</Range>"},
};
WRAPPER(ranges);

static const struct conn_field sender_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_inbound, sender_domains), .most = CONN_DOMAIN_ANY,
     .example = "<Domain>contoso.com</Domain>"},
};
WRAPPER(sender_domains);

static const struct conn_field organizations_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_inbound, originator_organizations), .most = CONN_DOMAIN_PLAIN,
     .example = "<Domain>contoso.com</Domain>"},
};
WRAPPER(organizations);

static const struct conn_field inbound_peers_fields[] = {
    {"Mode", CONN_ATTRIBUTE, read_mode, CONN_IN(conn_inbound, pairs_report_only),
     .example = "Mode=\"Enforce\""},
    {"Peer", CONN_MANY | CONN_REQUIRED, .section = &peer_section,
     CONN_LIST(conn_inbound, pairs, pair_count), .example = PEER_EXAMPLE},
};
WRAPPER(inbound_peers);

#define TLS_LISTS(direction, type)                                                                 \
    static const struct conn_field direction##_suites_fields[] = {                                 \
        {"CipherSuite", CONN_MANY | CONN_REQUIRED, read_cipher_suite,                              \
         CONN_LIST(type, tls_lists.suites, tls_lists.suite_count),                                 \
         .example = "<CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite>"},                          \
    };                                                                                             \
    WRAPPER(direction##_suites);                                                                   \
    static const struct conn_field direction##_groups_fields[] = {                                 \
        {"Group", CONN_MANY | CONN_REQUIRED, read_group,                                           \
         CONN_LIST(type, tls_lists.groups, tls_lists.group_count),                                 \
         .example = "<Group>x25519</Group>"},                                                      \
    };                                                                                             \
    WRAPPER(direction##_groups)

TLS_LISTS(inbound, conn_inbound);
TLS_LISTS(outbound, conn_outbound);

#define COMMON_FIELDS(type)                                                                        \
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(type, name),                  \
     .example = "Name=\"tenant\""},                                                                \
        {"Enabled", 0, conn_read_boolean, CONN_IN(type, enabled),                                  \
         .example = "<Enabled>true</Enabled>"},                                                    \
        {"Comment", CONN_MAY_BE_EMPTY, conn_read_string, CONN_IN(type, comment),                   \
         .example = "<Comment>asked for by Anna</Comment>"},                                       \
        {"TlsMinimumVersion",                                                                      \
         0,                                                                                        \
         conn_read_word,                                                                           \
         CONN_IN(type, tls_minimum),                                                               \
         .names = conn_tls_version_names,                                                          \
         .example = "<TlsMinimumVersion>1.2</TlsMinimumVersion>"},                                 \
        {"TlsCertificateName", 0, read_certificate, CONN_IN(type, certificate),                    \
         .example = "<TlsCertificateName>hybrid</TlsCertificateName>"},                            \
        {"CommonNameFallback", 0, conn_read_boolean, CONN_IN(type, common_name_fallback),          \
         .example = "<CommonNameFallback>false</CommonNameFallback>"},                             \
        {"CertificateRevocationCheck",                                                             \
         0,                                                                                        \
         conn_read_word,                                                                           \
         CONN_IN(type, revocation),                                                                \
         .names = conn_revocation_names,                                                           \
         .example = "<CertificateRevocationCheck>SoftFail</CertificateRevocationCheck>"},          \
        {"RevocationLists", 0, read_lists, CONN_IN(type, lists),                                   \
         .example = "<RevocationLists>public</RevocationLists>"},                                  \
    {                                                                                              \
        "TrustAnchors", 0, read_anchors, CONN_IN(type, anchors),                                   \
            .example = "<TrustAnchors>public</TrustAnchors>"                                       \
    }

static const struct conn_field inbound_fields[] = {
    COMMON_FIELDS(conn_inbound),
    {"SenderIPAddresses", 0, .section = &ranges_section},
    {"SenderDomains", 0, .section = &sender_domains_section},
    {"RequireTls", 0, conn_read_boolean, CONN_IN(conn_inbound, require_tls),
     .example = "<RequireTls>true</RequireTls>"},
    {"TlsSenderCertificateName", CONN_MANY, conn_read_domain,
     CONN_STRINGS(conn_inbound, sender_certificate_names), .most = CONN_DOMAIN_PATTERN,
     .example = "<TlsSenderCertificateName>mail.contoso.com</TlsSenderCertificateName>"},
    {"ClientEku", 0, conn_read_word, CONN_IN(conn_inbound, client_eku),
     .names = conn_client_eku_names, .example = "<ClientEku>ClientAuth</ClientEku>"},
    {"PeerCertificates", 0, .section = &inbound_peers_section},
    {"TlsCipherSuites", 0, .section = &inbound_suites_section},
    {"TlsGroups", 0, .section = &inbound_groups_section},
    {"OriginatorOrganizations", 0, .section = &organizations_section},
    {"Delivery", 0, conn_read_word, CONN_IN(conn_inbound, delivery), .names = conn_delivery_names,
     .example = "<Delivery>Direct</Delivery>"},
};
const struct conn_section conn_inbound_section = {
    CONN_FIELDS(inbound_fields), offsetof(struct conn_inbound, place), finish_inbound};

static const struct conn_field scope_fields[] = {
    {"Name", CONN_MANY | CONN_REQUIRED, read_scope, CONN_LIST(conn_outbound, scope, scope_count),
     .example = "<Name>exchange</Name>"},
};
WRAPPER(scope);

static const struct conn_field recipient_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_outbound, recipient_domains), .most = CONN_DOMAIN_ANY,
     .example = "<Domain>contoso.com</Domain>"},
};
WRAPPER(recipient_domains);

static const struct conn_field hosts_fields[] = {
    {"Host", CONN_MANY | CONN_REQUIRED, read_host, CONN_LIST(conn_outbound, hosts, host_count),
     .example = "<Host>mail.contoso.com:25</Host>"},
};
WRAPPER(hosts);

static const struct conn_field outbound_peers_fields[] = {
    {"Mode", CONN_ATTRIBUTE, read_mode, CONN_IN(conn_outbound, pairs_report_only),
     .example = "Mode=\"Enforce\""},
    {"Peer", CONN_MANY | CONN_REQUIRED, .section = &peer_section,
     CONN_LIST(conn_outbound, pairs, pair_count), .example = PEER_EXAMPLE},
};
WRAPPER(outbound_peers);

static const struct conn_field outbound_fields[] = {
    COMMON_FIELDS(conn_outbound),
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
