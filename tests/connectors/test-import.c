/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of each property of Exchange's connectors; that every one is accounted for once; and
 * that the configuration takes what comes out. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "connectors/import.h"
#include "tests/connectors/workspace.h"
#include "tests/suite.h"

#define TYPE "Microsoft.Exchange.Data.Directory.SystemConfiguration."
#define SEND "SmtpSendConnectorConfig"
#define RECEIVE "ReceiveConnector"
#define TENANT_IN "TenantInboundConnector"
#define TENANT_OUT "TenantOutboundConnector"

static const struct conn_import_options usual = {.certificate = "hybrid",
                                                 .trust_anchors = "public"};

static struct conn_import *import_bytes(const char *bytes, size_t length,
                                        const struct conn_import_options *options,
                                        struct error *error)
{
    struct conn_clixml *document = NULL;
    struct conn_import *import = NULL;
    if (conn_clixml_parse(bytes, length, &document, error) == 0)
        conn_import(document, options, &import, error);
    conn_clixml_free(document);
    return import;
}

static struct conn_import *import_text(const char *text, const struct conn_import_options *options)
{
    struct error error = {.code = 0};
    struct conn_import *import = import_bytes(text, strlen(text), options, &error);
    ck_assert_msg(import != NULL, "%s", error.what);
    return import;
}

/* One object of that type. */
static struct conn_import *import_one(const char *type, const char *properties,
                                      const struct conn_import_options *options)
{
    char text[8192];
    snprintf(text, sizeof text,
             "<Objs Version=\"1.1.0.1\" "
             "xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><Obj RefId=\"0\">"
             "<TN RefId=\"0\"><T>" TYPE "%s</T></TN><ToString>x</ToString><Props>"
             "<S N=\"Name\">x</S>%s</Props></Obj></Objs>",
             type, properties);
    return import_text(text, options);
}

static struct conn_import *import_file(const char *name, const struct conn_import_options *options)
{
    static char bytes[1 << 17];
    char path[1024];
    snprintf(path, sizeof path, TEST_DATA "/exchange/%s.xml", name);
    FILE *stream = fopen(path, "re");
    ck_assert_msg(stream != NULL, "%s", path);
    bytes[fread(bytes, 1, sizeof bytes - 1, stream)] = '\0';
    fclose(stream);
    return import_text(bytes, options);
}

static const struct conn_import_row *row_of(const struct conn_import_object *object,
                                            const char *property)
{
    const struct conn_import_row *found = NULL;
    for (size_t i = 0; i < object->row_count; i++)
        if (strcmp(object->rows[i].property, property) == 0) {
            ck_assert_msg(!found, "%s is told twice", property);
            found = &object->rows[i];
        }
    return found;
}

/* What becomes of one property: how it is told, and what must (or, with !, must not) be in the XML.
 */
static const struct {
    const char *type, *property, *properties;
    enum conn_import_outcome outcome;
    const char *xml;
} mappings[] = {
    {SEND, "Name", "", CONN_IMPORT_TAKEN, "Name=\"x\""},
    {SEND, "Enabled", "<B N=\"Enabled\">false</B>", CONN_IMPORT_TAKEN, "<Enabled>false</Enabled>"},
    {SEND, "Comment", "<S N=\"Comment\">a &lt; b</S>", CONN_IMPORT_TAKEN,
     "<Comment>a &lt; b</Comment>"},
    {SEND, "Comment", "<S N=\"Comment\">a_x000A_b</S>", CONN_IMPORT_CHANGED,
     "<Comment>a b</Comment>"},
    {SEND, "Comment", "<S N=\"Comment\"></S>", CONN_IMPORT_LEFT_OUT, "!<Comment>"},
    {SEND, "AddressSpaces", "<S N=\"AddressSpaces\">SMTP:contoso.com;10</S>", CONN_IMPORT_TAKEN,
     "<AddressSpace>smtp:contoso.com;10</AddressSpace>"},
    {SEND, "AddressSpaces", "<S N=\"AddressSpaces\">SMTP:*.Contoso.com;10</S>", CONN_IMPORT_CHANGED,
     "<AddressSpace>smtp:*.contoso.com;10</AddressSpace>\n"
     "    <AddressSpace>smtp:contoso.com;10</AddressSpace>"},
    {SEND, "AddressSpaces", "<S N=\"AddressSpaces\">*</S>", CONN_IMPORT_TAKEN,
     "<AddressSpace>smtp:*;1</AddressSpace>"},
    {SEND, "AddressSpaces", "<S N=\"AddressSpaces\">X400:c=us;1</S>", CONN_IMPORT_LEFT_OUT,
     "<Domain>recipients.invalid</Domain>"},
    {SEND, "SmartHosts", "<S N=\"SmartHosts\">[10.1.1.1]</S>", CONN_IMPORT_TAKEN,
     "<Host>10.1.1.1</Host>"},
    {SEND, "SmartHosts", "<S N=\"SmartHosts\">[IPv6:2001:db8::1]</S>", CONN_IMPORT_TAKEN,
     "<Host>[2001:db8::1]</Host>"},
    {SEND, "Port", "<S N=\"SmartHosts\">a.example</S><I32 N=\"Port\">587</I32>", CONN_IMPORT_TAKEN,
     "<Host>a.example:587</Host>"},
    {SEND, "SmartHosts", "<S N=\"SmartHosts\">&lt;&gt;</S>", CONN_IMPORT_LEFT_OUT,
     "<Host>smart-host.invalid</Host>"},
    {SEND, "DNSRoutingEnabled", "<B N=\"DNSRoutingEnabled\">true</B>", CONN_IMPORT_TAKEN,
     "<UseMXRecord>true</UseMXRecord>"},
    {SEND, "Port", "<B N=\"DNSRoutingEnabled\">true</B><I32 N=\"Port\">26</I32>", CONN_IMPORT_TAKEN,
     "<Port>26</Port>"},
    {SEND, "TlsAuthLevel",
     "<Obj N=\"TlsAuthLevel\" RefId=\"1\"><ToString>EncryptionOnly</ToString><I32>0</I32></Obj>",
     CONN_IMPORT_TAKEN, "<TlsSettings>EncryptionOnly</TlsSettings>"},
    {SEND, "TlsAuthLevel", "<S N=\"TlsAuthLevel\">CertificateValidation</S>", CONN_IMPORT_TAKEN,
     "<TrustAnchors>public</TrustAnchors>"},
    {SEND, "TlsDomain",
     "<S N=\"TlsAuthLevel\">DomainValidation</S><S N=\"TlsDomain\">a.example</S>",
     CONN_IMPORT_TAKEN, "<TlsDomain>a.example</TlsDomain>"},
    {SEND, "TlsDomain", "<S N=\"TlsDomain\">a.example</S>", CONN_IMPORT_LEFT_OUT, "!<TlsDomain>"},
    {SEND, "TlsAuthLevel", "<S N=\"TlsAuthLevel\">DomainValidation</S>", CONN_IMPORT_CHANGED,
     "<Enabled>false</Enabled>"},
    {SEND, "RequireTLS", "<B N=\"RequireTLS\">true</B>", CONN_IMPORT_TAKEN,
     "<TlsSettings>EncryptionOnly</TlsSettings>"},
    {SEND, "RequireTLS", "<B N=\"RequireTLS\">false</B>", CONN_IMPORT_TAKEN,
     "<TlsSettings>Opportunistic</TlsSettings>"},
    {SEND, "IgnoreSTARTTLS", "<B N=\"IgnoreSTARTTLS\">true</B>", CONN_IMPORT_TAKEN,
     "<TlsSettings>None</TlsSettings>"},
    {SEND, "DomainSecureEnabled", "<B N=\"DomainSecureEnabled\">true</B>", CONN_IMPORT_CHANGED,
     "<TlsSettings>CertificateValidation</TlsSettings>"},
    {SEND, "TlsCertificateName",
     "<S N=\"TlsCertificateName\">&lt;I&gt;CN=a&lt;S&gt;CN=b.example</S>", CONN_IMPORT_CHANGED,
     "<TlsCertificateName>hybrid</TlsCertificateName>"},
    {SEND, "TlsCertificateName", "<Nil N=\"TlsCertificateName\" />", CONN_IMPORT_LEFT_OUT,
     "!<TlsCertificateName>"},
    {SEND, "CloudServicesMailEnabled", "<B N=\"CloudServicesMailEnabled\">true</B>",
     CONN_IMPORT_TAKEN, "<CloudServicesMailEnabled>true</CloudServicesMailEnabled>"},
    {SEND, "ConnectionInactivityTimeOut", "<S N=\"ConnectionInactivityTimeOut\">00:07:00</S>",
     CONN_IMPORT_TAKEN, "<ConnectionInactivityTimeOut>00:07:00</ConnectionInactivityTimeOut>"},
    {SEND, "ConnectionInactivityTimeOut", "<S N=\"ConnectionInactivityTimeOut\">2.00:00:00</S>",
     CONN_IMPORT_LEFT_OUT, "!<ConnectionInactivityTimeOut>"},
    {SEND, "SmtpMaxMessagesPerConnection", "<I32 N=\"SmtpMaxMessagesPerConnection\">7</I32>",
     CONN_IMPORT_TAKEN, "<SmtpMaxMessagesPerConnection>7</SmtpMaxMessagesPerConnection>"},
    {SEND, "SmtpMaxMessagesPerConnection", "<I32 N=\"SmtpMaxMessagesPerConnection\">-7</I32>",
     CONN_IMPORT_LEFT_OUT, "!<SmtpMaxMessagesPerConnection>"},
    {SEND, "MaxMessageSize", "<S N=\"MaxMessageSize\">35 MB (36,700,160 bytes)</S>",
     CONN_IMPORT_TAKEN, "<MaxMessageSize>35 MB (36,700,160 bytes)</MaxMessageSize>"},
    {SEND, "MaxMessageSize", "<S N=\"MaxMessageSize\">Unlimited</S>", CONN_IMPORT_LEFT_OUT,
     "!<MaxMessageSize>"},
    {SEND, "ErrorPolicies", "<S N=\"ErrorPolicies\">DowngradeDnsFailures</S>", CONN_IMPORT_TAKEN,
     "<ErrorPolicies>DowngradeDnsFailures</ErrorPolicies>"},
    {SEND, "SourceIPAddress", "<S N=\"SourceIPAddress\">10.0.0.1</S>", CONN_IMPORT_LEFT_OUT,
     "!<SourceIPAddress>"},
    {SEND, "Fqdn", "<S N=\"Fqdn\">a.example</S>", CONN_IMPORT_LEFT_OUT, "!<Fqdn>"},
    {SEND, "ForceHELO", "<B N=\"ForceHELO\">true</B>", CONN_IMPORT_LEFT_OUT, "!ForceHELO"},
    {SEND, "ProtocolLoggingLevel", "<S N=\"ProtocolLoggingLevel\">Verbose</S>",
     CONN_IMPORT_LEFT_OUT, "!Verbose"},
    {SEND, "AuthenticationCredential",
     "<Obj N=\"AuthenticationCredential\" RefId=\"1\"><Props><SS N=\"Password\">0100aa</SS></Props>"
     "</Obj>",
     CONN_IMPORT_LEFT_OUT, "!0100aa"},
    {SEND, "Tomorrow", "<S N=\"Tomorrow\">y</S>", CONN_IMPORT_LEFT_OUT, "!Tomorrow"},
    {RECEIVE, "RemoteIPRanges", "<S N=\"RemoteIPRanges\">10.1.0.0(255.255.0.0)</S>",
     CONN_IMPORT_TAKEN, "<Range>10.1.0.0/16</Range>"},
    {RECEIVE, "RemoteIPRanges", "<S N=\"RemoteIPRanges\">10.1.0.5-10.1.0.9</S>", CONN_IMPORT_TAKEN,
     "<Range>10.1.0.5-10.1.0.9</Range>"},
    {RECEIVE, "RemoteIPRanges", "<S N=\"RemoteIPRanges\">10.1.0.0(255.0.255.0)</S>",
     CONN_IMPORT_LEFT_OUT, "<Enabled>false</Enabled>"},
    {RECEIVE, "RemoteIPRanges", "<S N=\"RemoteIPRanges\">0.0.0.0-255.255.255.255</S>",
     CONN_IMPORT_CHANGED, "<Range>192.0.2.1</Range>"},
    {RECEIVE, "TlsDomainCapabilities",
     "<S N=\"TlsDomainCapabilities\">mail.protection.outlook.com:AcceptCloudServicesMail</S>",
     CONN_IMPORT_CHANGED,
     "<TlsSenderCertificateName>mail.protection.outlook.com</TlsSenderCertificateName>"},
    {RECEIVE, "TlsDomainCapabilities",
     "<S N=\"TlsDomainCapabilities\">mail.protection.outlook.com:AcceptCloudServicesMail</S>",
     CONN_IMPORT_CHANGED, "<CloudServicesMailEnabled>true</CloudServicesMailEnabled>"},
    {RECEIVE, "TlsDomainCapabilities",
     "<S N=\"TlsDomainCapabilities\">&lt;I&gt;CN=a&lt;S&gt;CN=b.example, "
     "O=c:AcceptOorgProtocol</S>",
     CONN_IMPORT_CHANGED, "<Peer>&lt;I&gt;CN=a&lt;S&gt;CN=b.example, O=c</Peer>"},
    {RECEIVE, "RequireTLS", "<B N=\"RequireTLS\">true</B>", CONN_IMPORT_TAKEN,
     "<RequireTls>true</RequireTls>"},
    {RECEIVE, "AuthMechanism", "<S N=\"AuthMechanism\">Tls, ExternalAuthoritative</S>",
     CONN_IMPORT_CHANGED, "<TreatMessagesAsInternal>true</TreatMessagesAsInternal>"},
    {RECEIVE, "AuthMechanism", "<S N=\"AuthMechanism\">Tls, BasicAuth</S>", CONN_IMPORT_LEFT_OUT,
     "!TreatMessagesAsInternal"},
    {RECEIVE, "PermissionGroups", "<S N=\"PermissionGroups\">AnonymousUsers</S>",
     CONN_IMPORT_LEFT_OUT, "!Anonymous"},
    {RECEIVE, "Bindings", "<S N=\"Bindings\">0.0.0.0:25</S>", CONN_IMPORT_LEFT_OUT, "!<Bindings>"},
    {RECEIVE, "ConnectionTimeout", "<S N=\"ConnectionTimeout\">00:10:00</S>", CONN_IMPORT_TAKEN,
     "<ConnectionTimeOut>00:10:00</ConnectionTimeOut>"},
    {RECEIVE, "MaxInboundConnectionPerSource", "<S N=\"MaxInboundConnectionPerSource\">20</S>",
     CONN_IMPORT_TAKEN, "<MaxInboundConnectionPerSource>20</MaxInboundConnectionPerSource>"},
    {RECEIVE, "MaxInboundConnection", "<S N=\"MaxInboundConnection\">Unlimited</S>",
     CONN_IMPORT_LEFT_OUT, "!<MaxInboundConnection>"},
    {RECEIVE, "MaxRecipientsPerMessage", "<I32 N=\"MaxRecipientsPerMessage\">200</I32>",
     CONN_IMPORT_TAKEN, "<MaxRecipientsPerMessage>200</MaxRecipientsPerMessage>"},
    {TENANT_IN, "TlsSenderCertificateName", "<S N=\"TlsSenderCertificateName\">gw.contoso.com</S>",
     CONN_IMPORT_CHANGED, "<TlsCertificateName>hybrid</TlsCertificateName>"},
    {TENANT_IN, "RequireTls", "<B N=\"RequireTls\">true</B>", CONN_IMPORT_CHANGED,
     "<TlsDomain>mail.protection.outlook.com</TlsDomain>"},
    {TENANT_IN, "AssociatedAcceptedDomains",
     "<S N=\"AssociatedAcceptedDomains\">a.PROD/x/contoso.com</S>", CONN_IMPORT_CHANGED,
     "<Domain>contoso.com</Domain>"},
    {TENANT_IN, "ConnectorType", "<S N=\"ConnectorType\">Partner</S>", CONN_IMPORT_TAKEN,
     "!ConnectorType"},
    {TENANT_IN, "TreatMessagesAsInternal", "<B N=\"TreatMessagesAsInternal\">true</B>",
     CONN_IMPORT_LEFT_OUT, "!TreatMessagesAsInternal"},
    {TENANT_OUT, "TlsSettings", "<S N=\"TlsSettings\">DomainValidation</S>", CONN_IMPORT_CHANGED,
     "<TlsSenderCertificateName>mail.protection.outlook.com</TlsSenderCertificateName>"},
    {TENANT_OUT, "TlsDomain", "<S N=\"TlsDomain\">gw.contoso.com</S>", CONN_IMPORT_CHANGED,
     "<TlsCertificateName>hybrid</TlsCertificateName>"},
    {TENANT_OUT, "RecipientDomains", "<S N=\"RecipientDomains\">contoso.com</S>",
     CONN_IMPORT_CHANGED, "<OriginatorOrganizations>\n    <Domain>contoso.com</Domain>"},
    {TENANT_OUT, "RecipientDomains", "<S N=\"RecipientDomains\">*</S>", CONN_IMPORT_LEFT_OUT,
     "<Enabled>false</Enabled>"},
    {TENANT_OUT, "SmartHosts", "<S N=\"SmartHosts\">gw.contoso.com</S>", CONN_IMPORT_LEFT_OUT,
     "!SmartHosts"},
};

START_TEST(test_property_becomes_what_it_should)
{
    struct conn_import *import = import_one(mappings[_i].type, mappings[_i].properties, &usual);
    const struct conn_import_object *object = &import->objects[0];
    const struct conn_import_row *row = row_of(object, mappings[_i].property);
    bool absent = mappings[_i].xml[0] == '!';
    ck_assert_msg(row != NULL, "%s", mappings[_i].property);
    ck_assert_msg(row->outcome == mappings[_i].outcome, "%s is %s", row->property,
                  conn_import_outcome_name(row->outcome));
    if (row->outcome != CONN_IMPORT_TAKEN)
        ck_assert_ptr_nonnull(row->why);
    bool found = strstr(object->xml, mappings[_i].xml + absent) != NULL;
    ck_assert_msg(found != absent, "%s:\n%s", row->property, object->xml);
    conn_import_free(import);
}
END_TEST

/* --- whole files --- */

static const struct {
    const char *file;
    unsigned objects, rows; /* of the first */
    bool inbound;
} files[] = {
    {"send", 2, 50, false},
    {"receive", 3, 67, true},
    {"tenant-inbound", 1, 37, false},
    {"tenant-outbound", 1, 35, true},
};

/* Everything with a name directly in Props or MS of an object of the file has one row. */
START_TEST(test_every_property_is_told_once)
{
    struct conn_import *import = import_file(files[_i].file, &usual);
    ck_assert_uint_eq(import->count, files[_i].objects);
    ck_assert_uint_eq(import->objects[0].row_count, files[_i].rows);
    for (size_t i = 0; i < import->count; i++) {
        const struct conn_import_object *object = &import->objects[i];
        ck_assert_int_eq(object->inbound, files[_i].inbound);
        for (size_t j = 0; j < object->row_count; j++) {
            const struct conn_import_row *row = &object->rows[j];
            ck_assert_ptr_eq(row_of(object, row->property), row);
            ck_assert(row->outcome == CONN_IMPORT_TAKEN || row->why);
            ck_assert(row->outcome != CONN_IMPORT_LEFT_OUT || !row->becomes);
            if (strcmp(row->property, "PropertyOfTomorrow") != 0)
                ck_assert_msg(!row->why || !strstr(row->why, "does not know"), "%s", row->property);
        }
    }
    conn_import_free(import);
}
END_TEST

static const struct conn_import_options choices[] = {
    {.certificate = NULL}, /* nothing: what is lacking is not enabled */
    {.certificate = "hybrid"},
    {.trust_anchors = "public"},
    {.certificate = "hybrid", .trust_anchors = "public", .smart_host = "smart.example:25"},
};

/* Whatever is lacking, the configuration takes it. */
START_TEST(test_configuration_takes_what_comes_out)
{
    const struct conn_import_options *options = &choices[_i / (int)ARRAY_SIZE(files)];
    struct conn_import *import = import_file(files[_i % (int)ARRAY_SIZE(files)].file, options);
    for (size_t i = 0; i < import->count; i++)
        workspace_write_text(import->objects[i].file, import->objects[i].xml);
    ck_assert_msg(workspace_load() == 0, "%s\n%s", workspace_show(), import->objects[0].xml);
    for (size_t i = 0; i < import->count; i++) {
        if (import->objects[i].suggestion) {
            char name[64];
            snprintf(name, sizeof name, "%s/suggested-%zu.xml",
                     strstr(import->objects[i].suggestion, "<InboundConnector ") ? "inbound"
                                                                                 : "outbound",
                     i);
            workspace_write_text(name, import->objects[i].suggestion);
            workspace_replace(name, "Name=\"", "Name=\"suggested ");
            ck_assert_msg(workspace_load() == 0, "%s\n%s", workspace_show(),
                          import->objects[i].suggestion);
            workspace_remove(name);
        }
    }
    conn_import_free(import);
}
END_TEST

START_TEST(test_what_lacks_something_is_not_enabled)
{
    static const struct conn_import_options nothing;
    struct conn_import *import = import_file("send", &nothing);
    const struct conn_import_object *object = &import->objects[0];
    ck_assert(!object->enabled && object->needs.count >= 2);
    ck_assert_str_eq(row_of(object, "Enabled")->becomes, "Enabled false");
    ck_assert_ptr_nonnull(strstr(object->xml, "<TlsSettings>EncryptionOnly</TlsSettings>"));
    ck_assert_ptr_null(strstr(object->xml, "TlsDomain"));
    conn_import_free(import);
}
END_TEST

START_TEST(test_everyone_is_not_let_in)
{
    struct conn_import *import = import_file("receive", &usual);
    ck_assert(import->objects[0].enabled); /* by certificate */
    ck_assert(import->objects[1].enabled); /* by address */
    ck_assert(!import->objects[2].enabled);
    ck_assert_ptr_null(strstr(import->objects[2].xml, "0.0.0.0"));
    conn_import_free(import);
}
END_TEST

START_TEST(test_names_are_told_apart)
{
    struct conn_import *import = import_file("receive", &usual);
    ck_assert_str_eq(import->objects[1].name, "Anonymous Relay");
    ck_assert_str_eq(import->objects[1].file, "inbound/anonymous-relay.xml");
    ck_assert_str_eq(import->objects[2].name, "EX02 Anonymous Relay");
    ck_assert_str_eq(import->objects[2].file, "inbound/ex02-anonymous-relay.xml");
    conn_import_free(import);
}
END_TEST

#define OBJS "<Objs xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">"
#define NAMED(name)                                                                                \
    "<Obj><TN RefId=\"0\"><T>" TYPE SEND "</T></TN><Props><S N=\"Name\">" name "</S></Props></"    \
    "Obj>"

START_TEST(test_hostile_names_become_names_and_files)
{
    struct conn_import *import =
        import_text(OBJS NAMED("../../etc/passwd") NAMED("..") NAMED("a\"&lt;b&gt;_x000A_c")
                        NAMED("\xc3\xa9t\xc3\xa9") NAMED("A B") NAMED("a b") NAMED("a-b") "</Objs>",
                    &usual);
    static const char *const expected[][2] = {
        {"../../etc/passwd", "outbound/etc-passwd.xml"},
        {"..", "outbound/connector.xml"},
        {"a--b--c", "outbound/a-b-c.xml"},
        {"-t-", "outbound/t.xml"},
        {"A B", "outbound/a-b.xml"},
        {"a b 2", "outbound/a-b-2.xml"},
        {"a-b 3", "outbound/a-b-3.xml"},
    };
    ck_assert_uint_eq(import->count, ARRAY_SIZE(expected));
    for (size_t i = 0; i < import->count; i++) {
        ck_assert_str_eq(import->objects[i].name, expected[i][0]);
        ck_assert_str_eq(import->objects[i].file, expected[i][1]);
        workspace_write_text(import->objects[i].file, import->objects[i].xml);
    }
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    conn_import_free(import);
}
END_TEST

static const struct {
    const char *object;
    enum conn_import_kind kind;
} kinds[] = {
    {"<TN RefId=\"0\"><T>" TYPE SEND "</T></TN>", CONN_IMPORT_SEND},
    {"<TN RefId=\"0\"><T>Deserialized." TYPE RECEIVE "</T></TN>", CONN_IMPORT_RECEIVE},
    {"<TN RefId=\"0\"><T>" TYPE TENANT_IN "</T></TN>", CONN_IMPORT_TENANT_INBOUND},
    {"<TN RefId=\"0\"><T>A</T><T>" TYPE TENANT_OUT "</T></TN>", CONN_IMPORT_TENANT_OUTBOUND},
    {"<Props><S N=\"RemoteIPRanges\">10.0.0.1</S></Props>", CONN_IMPORT_RECEIVE},
    {"<Props><S N=\"RouteAllMessagesViaOnPremises\">a</S></Props>", CONN_IMPORT_TENANT_OUTBOUND},
};

START_TEST(test_kind_is_told)
{
    char text[1024];
    snprintf(text, sizeof text, OBJS "<Obj>%s</Obj><Obj><ToString>Mailbox</ToString></Obj></Objs>",
             kinds[_i].object);
    struct conn_import *import = import_text(text, &usual);
    ck_assert_int_eq(import->objects[0].kind, kinds[_i].kind);
    ck_assert_int_eq(import->objects[1].kind, CONN_IMPORT_OTHER);
    ck_assert_ptr_null(import->objects[1].xml);
    conn_import_free(import);
}
END_TEST

START_TEST(test_file_without_connector_is_refused)
{
    static const char *const texts[] = {OBJS "</Objs>", OBJS "<S>a</S></Objs>",
                                        OBJS "<Obj><ToString>a</ToString></Obj></Objs>"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error error = {.code = 0};
        ck_assert_ptr_null(import_bytes(texts[i], strlen(texts[i]), &usual, &error));
        ck_assert_int_eq(error.code, EX_DATAERR);
        ck_assert_ptr_nonnull(strstr(error.cure, "Get-SendConnector"));
    }
}
END_TEST

START_TEST(test_list_of_connectors_is_taken)
{
    struct conn_import *import = import_text(
        OBJS "<Obj RefId=\"9\"><LST>" NAMED("a") NAMED("b") "</LST></Obj></Objs>", &usual);
    ck_assert_uint_eq(import->count, 2);
    conn_import_free(import);
}
END_TEST

/* The name, or issuer and subject, lead to the certificate that has them. */
START_TEST(test_our_certificate_is_found)
{
    struct conn_import_options options = {.config = NULL};
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    options.config = workspace_config;
    struct conn_import *import = import_file("receive", &options);
    ck_assert_ptr_nonnull(
        strstr(import->objects[0].xml, "<TlsCertificateName>hybrid</TlsCertificateName>"));
    conn_import_free(import);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tcase = tcase_create("import");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, workspace_begin, workspace_end);
    tcase_add_loop_test(tcase, test_property_becomes_what_it_should, 0, ARRAY_SIZE(mappings));
    tcase_add_loop_test(tcase, test_every_property_is_told_once, 0, ARRAY_SIZE(files));
    tcase_add_loop_test(tcase, test_configuration_takes_what_comes_out, 0,
                        (int)(ARRAY_SIZE(files) * ARRAY_SIZE(choices)));
    tcase_add_test(tcase, test_what_lacks_something_is_not_enabled);
    tcase_add_test(tcase, test_everyone_is_not_let_in);
    tcase_add_test(tcase, test_names_are_told_apart);
    tcase_add_test(tcase, test_hostile_names_become_names_and_files);
    tcase_add_loop_test(tcase, test_kind_is_told, 0, ARRAY_SIZE(kinds));
    tcase_add_test(tcase, test_file_without_connector_is_refused);
    tcase_add_test(tcase, test_list_of_connectors_is_taken);
    tcase_add_test(tcase, test_our_certificate_is_found);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
