/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Loading a configuration: the example of the manual, then the same with one fault at a time, each
 * with the file, the line and the words that an administrator must be told. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/connectors/workspace.h"
#include "tests/suite.h"

START_TEST(test_example_loads)
{
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    const struct conn_config *config = workspace_config;
    ck_assert_str_eq(config->host_name, "gw.contoso.com");
    ck_assert_uint_eq(config->listener_count, 2);
    ck_assert_uint_eq(config->inbound_count, 3);
    ck_assert_uint_eq(config->outbound_count, 2);
    ck_assert_str_eq(config->inbound[0].name, "cloud");
    ck_assert_str_eq(config->inbound[2].name, "exchange");
    ck_assert_ptr_eq(config->certificates[0].keys[0].token, &config->tokens[0]);
    ck_assert_uint_eq(config->tokens[0].sessions, 4);
    ck_assert_uint_eq(config->tokens[0].timeout, 5000);
}
END_TEST

START_TEST(test_a_key_may_be_in_several_places)
{
    workspace_replace("postern.xml", "<Certificate Name",
                      "<Token Uri=\"pkcs11:token=twin\" Sessions=\"2\"/><Certificate Name");
    workspace_replace("postern.xml", "</Key>",
                      "</Key><Key>pkcs11:token=twin;object=hybrid</Key><Key>key.pem</Key>");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    const struct conn_certificate *certificate = &workspace_config->certificates[0];
    ck_assert_uint_eq(certificate->key_count, 3);
    ck_assert_ptr_eq(certificate->keys[0].token, &workspace_config->tokens[0]);
    ck_assert_str_eq(certificate->keys[1].uri, "pkcs11:token=twin;object=hybrid");
    ck_assert_ptr_eq(certificate->keys[1].token, &workspace_config->tokens[1]);
    ck_assert_uint_eq(certificate->keys[1].token->sessions, 2);
    ck_assert_ptr_null(certificate->keys[2].token);
}
END_TEST

START_TEST(test_a_directory_may_be_watched)
{
    ck_assert_int_eq(workspace_load(), 0);
    ck_assert_ptr_null(workspace_config->certificates[0].watch);
    workspace_replace("postern.xml", "</Key>", "</Key><Watch>/var/lib/incoming</Watch>");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_str_eq(workspace_config->certificates[0].watch, "/var/lib/incoming");
}
END_TEST

START_TEST(test_inbound_is_in_the_model)
{
    ck_assert_int_eq(workspace_load(), 0);
    const struct conn_inbound *cloud = &workspace_config->inbound[0];
    ck_assert(cloud->enabled && cloud->require_tls);
    ck_assert_int_eq(cloud->tls_minimum, CONN_TLS_1_2);
    ck_assert_ptr_eq(cloud->certificate, &workspace_config->certificates[0]);
    ck_assert_ptr_eq(cloud->anchors, &workspace_config->anchors[0]);
    ck_assert_int_eq(cloud->client_eku, PKI_EKU_CLIENT_OR_SERVER);
    ck_assert_str_eq(cloud->sender_certificate_names.items[0], "mail.protection.outlook.com");
    ck_assert_str_eq(cloud->originator_organizations.items[0], "contoso.com");
    ck_assert_int_eq(cloud->place.line, 1);
    ck_assert_int_eq(workspace_config->inbound[1].tls_minimum, CONN_TLS_1_0);
    ck_assert_int_eq(workspace_config->inbound[1].client_eku, PKI_EKU_CLIENT);
}
END_TEST

START_TEST(test_outbound_is_in_the_model)
{
    ck_assert_int_eq(workspace_load(), 0);
    const struct conn_outbound *premises = &workspace_config->outbound[0];
    const struct conn_outbound *tenant = &workspace_config->outbound[1];
    ck_assert_uint_eq(premises->host_count, 2);
    ck_assert_uint_eq(premises->hosts[1].port, 25);
    ck_assert_ptr_eq(premises->scope[0], &workspace_config->inbound[0]);
    ck_assert_int_eq(tenant->tls_settings, CONN_TLS_DOMAIN_VALIDATION);
    ck_assert_uint_eq(tenant->tls_domains.count, 2);
    ck_assert_uint_eq(tenant->pair_count, 1);
    ck_assert(tenant->pairs[0].subject && tenant->pairs[0].issuer && !tenant->pairs_report_only);
    ck_assert(tenant->cloud_services_mail);
    ck_assert_uint_eq(tenant->messages_per_connection, 20);
    ck_assert_uint_eq(tenant->scope_count, 2);
}
END_TEST

/* In place of one text of the example stands another, and that is taken. */
static const struct {
    const char *file, *old, *fresh;
} accepted[] = {
    {"postern.xml", " HostName=", " MaxMessageSize=\"150 MB (157,286,400 bytes)\" HostName="},
    {"postern.xml", " HostName=", " MaxMessageSize=\"36700160\" Workers=\"2\" HostName="},
    {"postern.xml", " HostName=", " DrainTimeOut=\"00:01:00\" MaxHopCount=\"30\" HostName="},
    {"postern.xml", " HostName=", " DrainTimeOut=\" 00:00:00.5 \" HostName="},
    {"postern.xml", " HostName=", " MaxInboundConnection=\"5000\" HostName="},
    {"postern.xml", " HostName=", " ConnectionInactivityTimeOut=\"00:05:00\" HostName="},
    {"outbound/tenant.xml", "<TlsSettings>",
     "<ConnectionInactivityTimeOut>00:01:00</ConnectionInactivityTimeOut><TlsSettings>"},
    {"postern.xml", "<Token ", "<Token Sessions=\"8\" RequestTimeOut=\"00:00:10\" "},
    {"postern.xml", "<Token ", "<Token Module=\"/usr/lib/vendor.so\" "},
    {"postern.xml", "pkcs11:token=postern;object=hybrid;type=private", "keys/hybrid.key"},
    {"postern.xml", "pkcs11:token=postern;object=hybrid;type=private", "file:/etc/hybrid.key"},
    {"postern.xml", "file:/run/credentials/posternd.service/hsm-pin", "credential:hsm-pin"},
    {"postern.xml", "<Gateway",
     "<?xml version=\"1.0\" encoding=\"utf-8\"?><?xml-model a?><Gateway"},
    {"inbound/exchange.xml", "<Range>10.1.0.5</Range>", "<Range>\n  ::1 - ::9\n</Range>"},
    {"inbound/exchange.xml", "<Range>10.1.0.5</Range>", "<Range><![CDATA[10.1.0.5]]></Range>"},
    {"inbound/exchange.xml", "<RequireTls>", "<Comment>für &lt;Anna&gt;</Comment><RequireTls>"},
    {"inbound/exchange.xml", "<RequireTls>", "<Comment/><Enabled>false</Enabled><RequireTls>"},
    {"inbound/cloud.xml", "ClientOrServerAuth", "ServerAuth"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<PeerCertificates><Peer>&lt;I>CN=A&lt;S>CN=B</Peer></PeerCertificates><ClientEku>"},
    {"outbound/premises.xml", "Opportunistic", "EncryptionOnly"},
    {"outbound/premises.xml", "<TlsSettings>Opportunistic</TlsSettings>", ""},
    {"outbound/premises.xml", "<TlsSettings>",
     "<SmtpMaxMessagesPerConnection>0</SmtpMaxMessagesPerConnection><TlsSettings>"},
    {"outbound/premises.xml", "mail1.corp.contoso.com", "[2001:db8::5]:587"},
    {"outbound/tenant.xml", "Mode=\"Enforce\"", "Mode=\"ReportOnly\""},
    {"outbound/tenant.xml", "<PeerCertificates",
     "<CommonNameFallback>true</CommonNameFallback>"
     "<CertificateRevocationCheck>None</CertificateRevocationCheck><PeerCertificates"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<CertificateRevocationCheck>SoftFail</CertificateRevocationCheck>"
     "<CommonNameFallback>false</CommonNameFallback><ClientEku>"},
    {"outbound/tenant.xml", "<TlsDomain>*.mx.microsoft</TlsDomain>", ""},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsCipherSuites><CipherSuite>TLS_AES_128_GCM_SHA256</"
     "CipherSuite><CipherSuite>TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><ClientEku>"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsGroups><Group>secp384r1</Group><Group>x25519</Group><Group>x448</Group></"
     "TlsGroups><ClientEku>"},
    {"inbound/devices.xml", "<SenderDomains>",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384</CipherSuite></"
     "TlsCipherSuites><SenderDomains>"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256</CipherSuite></"
     "TlsCipherSuites><TlsGroups><Group>secp521r1</Group></TlsGroups><TlsDomain>mail"},
    {"inbound/cloud.xml", "<TlsMinimumVersion>1.2</TlsMinimumVersion>",
     "<TlsMinimumVersion>1.3</"
     "TlsMinimumVersion><TlsCipherSuites><CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites>"},
};

START_TEST(test_variant_is_accepted)
{
    workspace_replace(accepted[_i].file, accepted[_i].old, accepted[_i].fresh);
    ck_assert_msg(workspace_load() == 0, "%s: %s", accepted[_i].fresh, workspace_show());
}
END_TEST

/* What is legal, and must be told all the same. */
static const struct {
    const char *file, *old, *fresh; /* old may be NULL: the example as it stands */
    int line;
    const char *fragment;
} warned[] = {
    {"postern.xml", NULL, NULL, 12, "metrics are not served yet"},
    {"postern.xml", NULL, NULL, 13, "there is no queue yet"},
    {"inbound/cloud.xml", NULL, NULL, 8, "OriginatorOrganizations is taken, but not enforced yet"},
    {"outbound/tenant.xml", NULL, NULL, 14, "CloudServicesMailEnabled is taken, but not enforced"},
    {"postern.xml", "127.0.0.1:2525", "127.0.0.1:0", 3, "will choose the port"},
    {"postern.xml", "pkcs11:token=postern;object", "pkcs11:token=other;object", 8,
     "lies on none of the Token elements"},
    {"postern.xml", "<Control", "<?php x?><Control", 11, "<?php …?> is not read"},
    {"inbound/exchange.xml", "<RequireTls>", "<TrustAnchors>public</TrustAnchors><RequireTls>", 3,
     "TrustAnchors is not used"},
    {"inbound/exchange.xml", "<RequireTls>", "<ClientEku>ClientAuth</ClientEku><RequireTls>", 3,
     "ClientEku is not used"},
    {"inbound/exchange.xml", "<RequireTls>",
     "<CommonNameFallback>true</CommonNameFallback><RequireTls>", 3,
     "CommonNameFallback is not used"},
    {"inbound/exchange.xml", "<RequireTls>",
     "<CertificateRevocationCheck>SoftFail</CertificateRevocationCheck><RequireTls>", 3,
     "CertificateRevocationCheck and RevocationLists are not used"},
    {"outbound/premises.xml", "<TlsSettings>",
     "<CertificateRevocationCheck>None</CertificateRevocationCheck><TlsSettings>", 5,
     "CertificateRevocationCheck and RevocationLists are not used"},
    {"outbound/premises.xml", "<TlsSettings>",
     "<CommonNameFallback>true</CommonNameFallback><TlsSettings>", 5,
     "CommonNameFallback is not used"},
    {"outbound/tenant.xml", "<PeerCertificates",
     "<CertificateRevocationCheck>HardFail</CertificateRevocationCheck><PeerCertificates", 10,
     "HardFail without RevocationLists"},
    {"outbound/premises.xml", "<TlsSettings>", "<TrustAnchors>public</TrustAnchors><TlsSettings>",
     5, "TrustAnchors is not used"},
    {"outbound/premises.xml", "Opportunistic</TlsSettings>",
     "None</TlsSettings><TlsCertificateName>hybrid</TlsCertificateName>", 5,
     "TlsCertificateName is not used"},
    {"outbound/premises.xml", "Opportunistic</TlsSettings>",
     "None</TlsSettings><TlsMinimumVersion>1.2</TlsMinimumVersion>", 5,
     "TlsMinimumVersion is not used"},
    {"inbound/cloud.xml", "<TlsMinimumVersion>1.2</TlsMinimumVersion>",
     "<TlsMinimumVersion>1.3</"
     "TlsMinimumVersion><TlsCipherSuites><CipherSuite>TLS_AES_256_GCM_SHA384</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites>",
     3, "versions below the TlsMinimumVersion"},
    {"outbound/premises.xml", "Opportunistic</TlsSettings>",
     "None</TlsSettings><TlsCipherSuites><CipherSuite>TLS_AES_256_GCM_SHA384</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites>",
     5, "TlsCipherSuites is not used"},
    {"outbound/premises.xml", "Opportunistic</TlsSettings>",
     "None</TlsSettings><TlsGroups><Group>x25519</Group></TlsGroups>", 5, "TlsGroups is not used"},
    {"outbound/tenant.xml",
     "<Name>exchange</Name><Name>devices</Name></InboundConnectors>\n"
     "  <RecipientDomains><Domain>*<",
     "<Name>cloud</Name></InboundConnectors>\n  <RecipientDomains><Domain>contoso.com<", 1,
     "goes to the connector 'premises'"},
};

START_TEST(test_variant_is_warned_of)
{
    if (warned[_i].old)
        workspace_replace(warned[_i].file, warned[_i].old, warned[_i].fresh);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_msg(
        workspace_has_problem(true, warned[_i].file, warned[_i].line, warned[_i].fragment),
        "wanted %s:%d '%s', got %s", warned[_i].file, warned[_i].line, warned[_i].fragment,
        workspace_show());
}
END_TEST

static const struct {
    const char *file, *old, *fresh;
    int line;
    const char *fragment;
} refused[] = {
    /* structure */
    {"outbound/tenant.xml",
     "<SmartHosts><Host>contoso-com.mail.protection.outlook.com:25</Host></SmartHosts>",
     "<SmartHost>a.example</SmartHost>", 4,
     "<SmartHost> is not an element that may stand in OutboundConnector; did you mean "
     "<SmartHosts>? It may contain: Enabled, Comment, "},
    {"outbound/tenant.xml",
     "<SmartHosts><Host>contoso-com.mail.protection.outlook.com:25</Host></SmartHosts>", "", 1,
     "OutboundConnector has no <SmartHosts>"},
    {"outbound/tenant.xml", "<Host>contoso-com.mail.protection.outlook.com:25</Host>", "", 4,
     "SmartHosts has no <Host>"},
    {"outbound/tenant.xml", "<RecipientDomains><Domain>*</Domain></RecipientDomains>", "", 1,
     "OutboundConnector has no <RecipientDomains>"},
    {"outbound/tenant.xml", "<RecipientDomains><Domain>*</Domain></RecipientDomains>",
     "<RecipientDomain>*</RecipientDomain>", 3, "did you mean <RecipientDomains>?"},
    {"outbound/tenant.xml", "<TlsSettings>", "<Name>x</Name><TlsSettings>", 5,
     "Name is an attribute"},
    {"outbound/tenant.xml", " Name=\"tenant\"", "", 1, "OutboundConnector has no attribute Name"},
    {"outbound/tenant.xml", " Name=\"tenant\"", " Name=\"tenant\" TlsSettings=\"None\"", 1,
     "TlsSettings is an element"},
    {"outbound/tenant.xml", "<Name>devices</Name>", "<Name>devices</Name> and more", 2,
     "The text 'and more' stands in InboundConnectors"},
    {"outbound/tenant.xml", "*.mx.microsoft", "<b>*.mx.microsoft</b>", 7,
     "TlsDomain holds text alone"},
    {"outbound/tenant.xml", "<TlsDomain>*", "<TlsDomain Mode=\"x\">*", 7,
     "Mode is not an attribute of TlsDomain. It may have: no attribute"},
    {"outbound/tenant.xml", "<TlsSettings>DomainValidation</TlsSettings>",
     "<TlsSettings>DomainValidation</TlsSettings>\n<TlsSettings>DomainValidation</TlsSettings>", 6,
     "TlsSettings stands twice in OutboundConnector; the first is on line 5"},
    {"postern.xml", "HostName=\"gw.contoso.com\"", "Fqdn=\"gw.contoso.com\"", 1,
     "Fqdn is not an attribute of Gateway; did you mean HostName?"},
    {"postern.xml", " HostName=\"gw.contoso.com\"", "", 1, "Gateway has no attribute HostName"},
    {"postern.xml", "<Chain>", "<Chian>", 7, "closed by the end tag of another"},
    {"postern.xml", "<Control ", "<Listener/><Control ", 11, "Listener has no attribute Address"},
    {"postern.xml", "<Control ", "<TrustAnchors Name=\"x\"/><Control ", 11, "is empty"},
    {"postern.xml", "xmlns=\"urn:postern:1\"", "", 1, "not of the namespace urn:postern:1"},
    {"postern.xml", "urn:postern:1", "urn:postern:2", 1, "not of the namespace urn:postern:1"},
    {"inbound/cloud.xml", "<RequireTls>", "<RequireTls xmlns=\"urn:x\">", 2, "another namespace"},
    {"inbound/cloud.xml", "<InboundConnector",
     "<InboundConnector xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
     "xsi:schemaLocation=\"urn:postern:1 file:///etc/passwd\"",
     1, "The attribute schemaLocation is of another namespace"},
    {"inbound/cloud.xml", "<RequireTls>", "<p:RequireTls>", 2, ""},
    /* values */
    {"outbound/tenant.xml", "DomainValidation<", "Forced<", 5,
     "TlsSettings is one of None, Opportunistic, EncryptionOnly, CertificateValidation, "
     "DomainValidation, not 'Forced'"},
    {"outbound/tenant.xml", "DomainValidation<", "domainvalidation<", 5, "write DomainValidation"},
    {"outbound/tenant.xml", "DomainValidation<", "<", 5,
     "TlsSettings of OutboundConnector is empty"},
    {"outbound/tenant.xml", ">true<", ">yes<", 14,
     "CloudServicesMailEnabled is one of false, true, not 'yes'"},
    {"outbound/tenant.xml", "Mode=\"Enforce\"", "Mode=\"Report\"", 10, "Mode is one of Enforce"},
    {"outbound/tenant.xml", "outlook.com:25", "outlook.com:0", 4, "a port is a number from 1 to"},
    {"outbound/tenant.xml", "outlook.com:25", "outlook.com:65536", 4, "a port is a number from 1"},
    {"outbound/tenant.xml", "outlook.com:25", "outlook.com:smtp", 4,
     "a port is a number from 1 to"},
    {"outbound/tenant.xml", "contoso-com.mail", "contoso com.mail", 4, "is not a host"},
    {"outbound/tenant.xml", "<Domain>*<", "<Domain>smtp:*;1<", 3, "without Exchange's smtp:"},
    {"outbound/tenant.xml", "<Domain>*<", "<Domain>con*toso.com<", 3, "is not a domain"},
    {"inbound/exchange.xml", "10.1.0.5", "0.0.0.0/0", 1, "This is an open relay"},
    {"inbound/exchange.xml", "10.1.0.5", "::/0", 1, "This is an open relay"},
    {"inbound/exchange.xml", "10.1.0.5", "0.0.0.0/1</Range><Range>128.0.0.0/1", 1,
     "'tenant' ("},
    {"outbound/tenant.xml", "<Domain>*<", "<Domain>mün chen.example<", 3, "is not a domain"},
    {"outbound/tenant.xml", "*.mx.microsoft", "*", 7, "* alone cannot stand here"},
    {"outbound/tenant.xml", "CN=mail.protection.outlook.com, O", "nonsense, O", 11,
     "is not a distinguished name"},
    {"outbound/tenant.xml", "CN=DigiCert Cloud Services CA-1", "=", 12, "Issuer '"},
    {"outbound/tenant.xml", "<Peer><Subject>", "<Peer></Peer><Peer><Subject>", 11,
     "Peer is empty, and would accept any certificate"},
    {"outbound/tenant.xml", "<Peer><Subject>", "<Peer>stray<Subject>", 11, "beside its elements"},
    {"outbound/tenant.xml", "<Peer><Subject>", "<Peer>CN=x</Peer><Peer><Subject>", 11,
     "write &lt;I>issuer&lt;S>subject"},
    {"outbound/tenant.xml", "<TlsSettings>",
     "<SmtpMaxMessagesPerConnection>many"
     "</SmtpMaxMessagesPerConnection><TlsSettings>",
     5, "is not a whole number"},
    {"inbound/devices.xml", "10.20.0.0/16", "10.20.0.0/33", 2, "from 0 to 32"},
    {"inbound/devices.xml", "10.20.0.0/16", "10.20.0.1/16", 2, "bits set behind the mask"},
    {"inbound/devices.xml", "10.20.0.0/16", "10.20.0.9-10.20.0.1", 2, "comes after the last"},
    {"inbound/devices.xml", "10.20.0.0/16", "10.20.0", 2, "it is no address"},
    {"inbound/devices.xml", ">1.0<", ">1.4<", 5, "TlsMinimumVersion is one of 1.0, 1.1, 1.2, 1.3"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsCipherSuites><CipherSuite>TLS_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><ClientEku>",
     7, "it has no forward secrecy"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsCipherSuites><CipherSuite>ECDHE-RSA-AES256-GCM-SHA384</CipherSuite></"
     "TlsCipherSuites><ClientEku>",
     7, "write TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_NULL_SHA</CipherSuite></"
     "TlsCipherSuites><ClientEku>",
     7, "no encryption or no certificate"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384</"
     "CipherSuite><CipherSuite>TLS_AES_256_GCM_SHA384</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><ClientEku>",
     7, "which is no AEAD"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><TlsDomain>mail",
     6, "which is no AEAD"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsCipherSuites><CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><TlsDomain>mail",
     6, "no suite for the TlsMinimumVersion"},
    {"inbound/devices.xml", "<SenderDomains>",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><SenderDomains>",
     3, "no suite for the TlsMinimumVersion"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsCipherSuites><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</"
     "CipherSuite><CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></"
     "TlsCipherSuites><TlsDomain>mail",
     6, "has one CipherSuite twice"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsGroups><Group>x25519</Group><Group>x25519</Group></TlsGroups><TlsDomain>mail", 6,
     "has one Group twice"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsGroups><Group>P-256</Group></TlsGroups><TlsDomain>mail", 6, "write secp256r1"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsGroups><Group>NistP384</Group></TlsGroups><TlsDomain>mail", 6, "write secp384r1"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsGroups><Group>sect571r1</Group></TlsGroups><TlsDomain>mail", 6,
     "is none that can be used"},
    {"outbound/tenant.xml", "<TlsDomain>mail", "<TlsGroups/><TlsDomain>mail", 6, "Group"},
    {"outbound/tenant.xml", "<TlsDomain>mail",
     "<TlsMinimumVersion>1.1</TlsMinimumVersion><TlsDomain>mail", 6,
     "for inbound connectors alone"},
    {"inbound/devices.xml", "<SenderIPAddresses><Range>10.20.0.0/16</Range></SenderIPAddresses>",
     "", 5, "TlsMinimumVersion below 1.2 needs SenderIPAddresses"},
    {"inbound/devices.xml", "Direct", "Queued", 6, "Delivery Queued cannot be used"},
    {"inbound/devices.xml", "Direct", "Later", 6, "Delivery is one of Direct, Queued"},
    {"inbound/cloud.xml", "ClientOrServerAuth", "Any", 7,
     "ClientEku is one of ServerAuth, ClientAuth, ClientOrServerAuth, not 'Any'"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<CertificateRevocationCheck>Maybe</CertificateRevocationCheck><ClientEku>", 7,
     "CertificateRevocationCheck is one of None, SoftFail, HardFail, not 'Maybe'"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<CertificateRevocationCheck>HardFail</CertificateRevocationCheck><ClientEku>", 7,
     "HardFail needs RevocationLists"},
    {"inbound/cloud.xml", "<ClientEku>", "<RevocationLists>public</RevocationLists><ClientEku>", 7,
     "RevocationLists 'public' is not the name of any RevocationLists"},
    {"postern.xml", "<Control", "<RevocationLists Name=\"x\">/nowhere</RevocationLists><Control",
     11, "The revocation lists 'x' cannot be used"},
    {"inbound/cloud.xml", "Name=\"cloud\"", "Name=\"clo(ud\"", 1, "a name may not have"},
    {"inbound/cloud.xml", "Name=\"cloud\"", "Name=\"\"", 1, "Name of InboundConnector is empty"},
    {"postern.xml", "0.0.0.0:25", "everywhere:25", 2, "is not an address with a port"},
    {"postern.xml", "127.0.0.1:2525", "0.0.0.0:25", 3, "stands twice; the first is on line 2"},
    {"postern.xml", "127.0.0.1:9625", "localhost:9625", 12, "is not an address with a port"},
    {"postern.xml", "gw.contoso.com", "gw..contoso.com", 1, "HostName 'gw..contoso.com' is not"},
    {"postern.xml", " HostName=", " MaxMessageSize=\"35 XB\" HostName=", 1, "is not a size"},
    {"postern.xml", " HostName=", " MaxMessageSize=\"1\" HostName=", 1,
     "MaxMessageSize is between 1 KB and 64 GB, not 1"},
    {"postern.xml", " HostName=", " DrainTimeOut=\"30\" HostName=", 1, "is not a time span"},
    {"postern.xml", " HostName=", " DrainTimeOut=\"2.00:00:00\" HostName=", 1,
     "DrainTimeOut is between 00:00:00 and 1.00:00:00"},
    {"postern.xml", " HostName=", " Workers=\"-1\" HostName=", 1, "is not a whole number"},
    {"postern.xml", " HostName=", " MaxHopCount=\"0\" HostName=", 1,
     "MaxHopCount is between 1 and 500, not 0"},
    {"postern.xml", "<Token ", "<Token Sessions=\"0\" ", 4, "Sessions is between 1 and 256"},
    {"postern.xml", "<Token ", "<Token RequestTimeOut=\"00:00:00\" ", 4,
     "RequestTimeOut is between 00:00:00.100 and 00:05:00"},
    {"postern.xml", "pkcs11:token=postern\"", "token=postern\"", 4, "does not begin with pkcs11:"},
    {"postern.xml", "pkcs11:token=postern\"", "pkcs11:token=postern?pin-value=1234\"", 4,
     "a PIN (pin-value) may not stand in a file"},
    {"postern.xml", "pkcs11:token=postern\"", "pkcs11:token=postern;object=x\"", 4,
     "this is the URI of a token"},
    {"postern.xml", "file:/run", "file:run", 4, "no absolute path behind file:"},
    {"postern.xml", "file:/run/credentials/posternd.service/hsm-pin", "credential:", 4,
     "names no credential"},
    {"postern.xml", "file:/run/credentials/posternd.service/hsm-pin", "credential:../pin", 4,
     "names no credential"},
    {"postern.xml", "object=hybrid", "object=%4", 8, "two hexadecimal digits"},
    {"postern.xml", "<Control Socket=\"/run/postern/control.sock\"/>",
     "<Control Socket=\"/run/0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012345678901234567890123456789.sock\"/>",
     11, "is longer than the 107"},
    /* references */
    {"outbound/tenant.xml", ">hybrid<", ">hybird<", 8,
     "TlsCertificateName 'hybird' is not the name of any Certificate"},
    {"outbound/tenant.xml", ">hybrid<", ">hybird<", 8, "write 'hybrid', if that is meant"},
    {"outbound/tenant.xml", ">public<", ">secret<", 9, "is not the name of any TrustAnchors"},
    {"outbound/tenant.xml", "<Name>devices<", "<Name>printers<", 2,
     "Name 'printers' is not the name of any InboundConnector"},
    {"inbound/cloud.xml", ">hybrid<", ">other<", 4, "is not the name of any Certificate"},
    {"inbound/exchange.xml", "\"exchange\"", "\"devices\"", 1,
     "InboundConnector 'devices' is declared twice"},
    {"outbound/tenant.xml", "\"tenant\"", "\"PREMISES\"", 1,
     "OutboundConnector 'PREMISES' is declared twice"},
    {"postern.xml", "<Control ",
     "<TrustAnchors Name=\"public\">anchors.pem</TrustAnchors><Control ", 11,
     "TrustAnchors 'public' is declared twice"},
    {"postern.xml", "<Control ", "<Token Uri=\"pkcs11:token=postern\"/><Control ", 11,
     "Token 'pkcs11:token=postern' is declared twice"},
    {"postern.xml", ">chain.pem<", ">missing.pem<", 7, "cannot be used: "},
    {"postern.xml", ">chain.pem<", ">postern.xml<", 7, "The chain of certificate 'hybrid'"},
    {"postern.xml", ">anchors.pem<", ">missing.pem<", 10, "The trust anchors 'public' cannot be"},
    {"postern.xml", ">anchors.pem<", ">postern.xml<", 10, "The trust anchors 'public' cannot be"},
    {"postern.xml", "</Key>", "</Key><Key>pkcs11:token=postern;object=hybrid;type=private</Key>", 8,
     "stands twice"},
    {"postern.xml", "</Key>",
     "</Key><Key>2</Key><Key>3</Key><Key>4</Key><Key>5</Key><Key>6</Key><Key>7</Key><Key>8</Key>"
     "<Key>9</Key>",
     6, "has 9 Key elements; 8 are the most"},
    {"postern.xml", "</Key>", "</Key><Key> </Key>", 8, "is empty"},
    {"postern.xml", "</Key>", "</Key><Watch> </Watch>", 8, "is empty"},
    {"postern.xml", "</Key>", "</Key><Watch>in</Watch><Watch>other</Watch>", 8,
     "Watch stands twice in Certificate"},
    {"postern.xml", "</Certificate>",
     "<Watch>in</Watch></Certificate><Certificate Name=\"two\"><Chain>chain.pem</Chain>"
     "<Key>key.pem</Key><Watch>in</Watch></Certificate>",
     9, "The certificates 'hybrid' and 'two' watch the same directory"},
    /* what belongs together */
    {"inbound/cloud.xml", "<TrustAnchors>public</TrustAnchors>", "", 5,
     "TlsSenderCertificateName needs TrustAnchors"},
    {"inbound/cloud.xml",
     "<TlsSenderCertificateName>mail.protection.outlook.com</TlsSenderCertificateName>", "", 1,
     "asks for no proof"},
    {"inbound/exchange.xml", "<RequireTls>",
     "<PeerCertificates><Peer><Subject>CN=x</Subject></Peer>"
     "</PeerCertificates><RequireTls>",
     3, "PeerCertificates cannot be checked"},
    {"outbound/tenant.xml",
     "<TlsDomain>mail.protection.outlook.com</TlsDomain>\n"
     "  <TlsDomain>*.mx.microsoft</TlsDomain>",
     "", 5, "DomainValidation needs TlsDomain"},
    {"outbound/tenant.xml", ">DomainValidation<", ">CertificateValidation<", 6,
     "TlsDomain is checked with TlsSettings DomainValidation alone"},
    {"outbound/tenant.xml", "<TrustAnchors>public</TrustAnchors>", "", 5, "need TrustAnchors"},
    {"outbound/premises.xml", ">Opportunistic<", ">CertificateValidation<", 5, "need TrustAnchors"},
    {"outbound/tenant.xml", ">DomainValidation<", ">EncryptionOnly<", 10,
     "PeerCertificates cannot be checked"},
};

START_TEST(test_fault_is_refused)
{
    workspace_replace(refused[_i].file, refused[_i].old, refused[_i].fresh);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_ptr_null(workspace_config);
    ck_assert_msg(
        workspace_has_problem(false, refused[_i].file, refused[_i].line, refused[_i].fragment),
        "wanted %s:%d '%s', got %s", refused[_i].file, refused[_i].line, refused[_i].fragment,
        workspace_show());
}
END_TEST

/* One fault gives one error: nothing is said twice, and nothing follows from it in another file. */
START_TEST(test_fault_is_told_once)
{
    workspace_replace("outbound/tenant.xml", "DomainValidation<", "Forced<");
    workspace_load();
    ck_assert_msg(workspace_has_problem(false, "tenant.xml", 5, "not 'Forced'"), "%s",
                  workspace_show());
    workspace_replace("outbound/tenant.xml", "Forced<", "DomainValidation<");
    workspace_write_text("inbound/cloud.xml", "<InboundConnector");
    workspace_load();
    ck_assert_msg(workspace_problems.errors == 1, "%s", workspace_show());
}
END_TEST

START_TEST(test_broken_gateway_blames_no_connector)
{
    workspace_write_text("postern.xml", "<Gateway");
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_msg(workspace_problems.errors == 1, "%s", workspace_show());
}
END_TEST

START_TEST(test_all_faults_are_told_at_once)
{
    workspace_replace("postern.xml", "0.0.0.0:25", "nowhere");
    workspace_replace("postern.xml", "<Control Socket", "<Contrl Socket");
    workspace_replace("inbound/cloud.xml", ">true<", ">yes<");
    workspace_replace("inbound/cloud.xml", ">1.2<", ">2.0<");
    workspace_replace("inbound/devices.xml", "Direct", "Queued");
    workspace_replace("outbound/tenant.xml", "DomainValidation<", "Forced<");
    workspace_write_text("outbound/broken.xml", "<OutboundConnector");
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "postern.xml", 2, "nowhere"));
    ck_assert(workspace_has_problem(false, "postern.xml", 11, "<Contrl>"));
    ck_assert(workspace_has_problem(false, "cloud.xml", 2, "not 'yes'"));
    ck_assert(workspace_has_problem(false, "cloud.xml", 3, "not '2.0'"));
    ck_assert(workspace_has_problem(false, "devices.xml", 6, "Queued"));
    ck_assert(workspace_has_problem(false, "tenant.xml", 5, "not 'Forced'"));
    ck_assert(workspace_has_problem(false, "broken.xml", 1, ""));
}
END_TEST

START_TEST(test_problems_stand_in_order)
{
    workspace_replace("postern.xml", "0.0.0.0:25", "nowhere");
    workspace_replace("postern.xml", "127.0.0.1:9625", "nowhere");
    workspace_replace("inbound/cloud.xml", ">true<", ">yes<");
    workspace_load();
    const char *file = "";
    int line = 0;
    for (size_t i = 0; i < workspace_problems.count; i++) {
        const struct conn_problem *problem = &workspace_problems.items[i];
        if (strcmp(problem->file, file) != 0)
            line = 0;
        ck_assert_int_ge(problem->line, line);
        file = problem->file;
        line = problem->line;
    }
    ck_assert(strstr(workspace_problems.items[0].file, "postern.xml"));
    ck_assert(strstr(file, "outbound/tenant.xml"));
}
END_TEST

START_TEST(test_more_than_200_problems_are_counted)
{
    char text[32768] = "<InboundConnector xmlns=\"urn:postern:1\" Name=\"many\">"
                       "<RequireTls>true</RequireTls><SenderIPAddresses>";
    for (int i = 0; i < 300; i++)
        strcat(text, "<Range>nowhere</Range>\n");
    strcat(text, "</SenderIPAddresses></InboundConnector>");
    workspace_write_text("inbound/many.xml", text);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_uint_eq(workspace_problems.count, 200);
    ck_assert_uint_eq(workspace_problems.errors, 300);
    ck_assert_uint_gt(workspace_problems.dropped, 99);
}
END_TEST

/* A name in the folder, and what is said of it: NULL for nothing. */
static const struct {
    const char *name, *fragment;
} strays[] = {
    {"README", "This is not read"},
    {"tenant.xml.rpmnew", "This is not read"},
    {"tenant.XML", "This is not read"},
    {".hidden.xml", NULL},
    {".tenant.xml.swp", NULL},
    {"tenant.xml~", NULL},
    {"#tenant.xml#", NULL},
    {"tenant.xml.bak", NULL},
};

START_TEST(test_stray_file)
{
    char name[64];
    snprintf(name, sizeof name, "outbound/%s", strays[_i].name);
    ck_assert_int_eq(workspace_load(), 0);
    size_t before = workspace_problems.warnings;
    workspace_write_text(name, "not XML");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_uint_eq(workspace_problems.warnings - before, strays[_i].fragment != NULL);
    if (strays[_i].fragment)
        ck_assert(workspace_has_problem(true, name, 0, strays[_i].fragment));
}
END_TEST

START_TEST(test_missing_folder_is_a_warning)
{
    workspace_remove("outbound");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert(workspace_has_problem(true, "/outbound", 0, "The folder cannot be read"));
}
END_TEST

START_TEST(test_missing_gateway_is_an_error)
{
    workspace_remove("postern.xml");
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "/postern.xml", 0, "cannot be opened"));
    ck_assert_uint_eq(workspace_problems.errors, 1);
}
END_TEST

START_TEST(test_connector_in_the_wrong_folder)
{
    workspace_write_text("outbound/x.xml",
                         "<InboundConnector xmlns=\"urn:postern:1\" Name=\"x\"/>");
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "outbound/x.xml", 1, "belongs into inbound"));
}
END_TEST

START_TEST(test_file_that_all_may_write_is_refused)
{
    ck_assert_int_eq(chmod(workspace_path("inbound/cloud.xml"), 0646), 0);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "inbound/cloud.xml", 0, "chmod o-w"));
}
END_TEST

START_TEST(test_pipe_is_refused_and_never_waited_for)
{
    ck_assert_int_eq(mkfifo(workspace_path("inbound/pipe.xml"), 0600), 0);
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert(workspace_has_problem(false, "inbound/pipe.xml", 0, "not a file"));
}
END_TEST

START_TEST(test_tls_without_any_certificate)
{
    workspace_write_text("postern.xml",
                         "<Gateway xmlns=\"urn:postern:1\" HostName=\"gw.contoso.com\"/>");
    workspace_remove("outbound/tenant.xml");
    workspace_remove("inbound/cloud.xml");
    workspace_remove("outbound/premises.xml");
    workspace_replace("inbound/exchange.xml", ">false<", ">true<");
    ck_assert_int_eq(workspace_load(), -EX_CONFIG);
    ck_assert_msg(
        workspace_has_problem(false, "exchange.xml", 3, "no certificate to offer STARTTLS"), "%s",
        workspace_show());
    ck_assert_uint_eq(workspace_problems.errors, 1);
}
END_TEST

START_TEST(test_no_proof_where_only_this_machine_connects)
{
    workspace_replace("postern.xml", "0.0.0.0:25", "[::1]:25");
    workspace_replace("inbound/exchange.xml",
                      "<SenderIPAddresses><Range>10.1.0.5</Range><Range>10.1.0.6</Range>"
                      "</SenderIPAddresses>",
                      "");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert(workspace_has_problem(true, "exchange.xml", 1, "every program on this machine"));
}
END_TEST

START_TEST(test_expired_chain_is_a_warning)
{
    workspace_copy(TEST_DATA "/expired.pem", "expired.pem");
    workspace_replace("postern.xml", "chain.pem", "expired.pem");
    ck_assert_int_eq(workspace_load(), 0);
    ck_assert(workspace_has_problem(true, "postern.xml", 7, "expired"));
}
END_TEST

START_TEST(test_connectors_write_the_xml_that_declares_them)
{
    char *texts[5];
    size_t count = 0;
    workspace_replace("inbound/exchange.xml", "10.1.0.6", "10.1.0.6-10.1.0.9");
    workspace_replace(
        "outbound/tenant.xml", "<TlsSettings>",
        "<ConnectionInactivityTimeOut>00:01:30</ConnectionInactivityTimeOut><TlsSettings>");
    workspace_replace("inbound/exchange.xml", "<Require", "<Comment>a &amp; b</Comment><Require");
    ck_assert_int_eq(workspace_load(), 0);
    for (size_t i = 0; i < 3; i++)
        texts[count++] = conn_inbound_xml(&workspace_config->inbound[i]);
    for (size_t i = 0; i < 2; i++)
        texts[count++] = conn_outbound_xml(&workspace_config->outbound[i]);
    static const char *const files[] = {"inbound/cloud.xml", "inbound/devices.xml",
                                        "inbound/exchange.xml", "outbound/premises.xml",
                                        "outbound/tenant.xml"};
    for (size_t i = 0; i < count; i++)
        workspace_write_text(files[i], texts[i]);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    for (size_t i = 0; i < count; i++) {
        char *again = i < 3 ? conn_inbound_xml(&workspace_config->inbound[i])
                            : conn_outbound_xml(&workspace_config->outbound[i - 3]);
        ck_assert_str_eq(again, texts[i]);
        free(again);
        free(texts[i]);
    }
    ck_assert_str_eq(workspace_config->inbound[2].comment, "a & b");
    ck_assert_uint_eq(workspace_config->outbound[1].inactivity_timeout, 90000);
}
END_TEST

/* A host without a port of its own has the connector's. */
START_TEST(test_port_is_that_of_hosts_without_one)
{
    workspace_replace("outbound/premises.xml", "<Host>mail2.corp.contoso.com</Host>",
                      "<Host>mail2.corp.contoso.com:26</Host><Host>2001:db8::5</Host>"
                      "<Host>[2001:db8::6]:27</Host>");
    workspace_replace("outbound/premises.xml", "<TlsSettings>", "<Port>587</Port><TlsSettings>");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    const struct conn_outbound *premises = &workspace_config->outbound[0];
    static const unsigned ports[] = {587, 26, 587, 27};
    ck_assert_uint_eq(premises->host_count, ARRAY_SIZE(ports));
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
        ck_assert_uint_eq(premises->hosts[i].port, ports[i]);
}
END_TEST

static const struct {
    const char *servers, *problem; /* NULL: none */
    unsigned short port;           /* of the first */
} dns_servers[] = {
    {"<Server>192.0.2.53</Server>", NULL, 53},
    {"<Server>192.0.2.53:5353</Server>", NULL, 5353},
    {"<Server>2001:db8::53</Server>", NULL, 53},
    {"<Server>[2001:db8::53]:5353</Server>", NULL, 5353},
    {"<Server>[2001:db8::53]</Server>", NULL, 53},
    {"<Server>dns.contoso.com</Server>", "is not an IP address", 0},
    {"<Server>192.0.2.53:0x35</Server>", "is not an IP address", 0},
    {"<Server>1.1.1.1</Server><Server>1.1.1.2</Server><Server>1.1.1.3</Server>"
     "<Server>1.1.1.4</Server>",
     "more than 3 servers", 0},
};

START_TEST(test_dns_servers_are_read)
{
    char text[512];
    snprintf(text, sizeof text, "<ExternalDNSServers>%s</ExternalDNSServers><Control",
             dns_servers[_i].servers);
    workspace_replace("postern.xml", "<Control", text);
    int result = workspace_load();
    if (dns_servers[_i].problem) {
        ck_assert_msg(workspace_has_problem(false, "postern.xml", -1, dns_servers[_i].problem),
                      "%s", workspace_show());
        return;
    }
    ck_assert_msg(result == 0, "%s", workspace_show());
    const struct sockaddr_in *first =
        (const struct sockaddr_in *)&workspace_config->dns_servers[0].socket_address;
    ck_assert_uint_eq(ntohs(first->sin_port), dns_servers[_i].port); /* IPv6 has it there too */
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, workspace_begin, workspace_end);
    tcase_add_test(tests, test_port_is_that_of_hosts_without_one);
    tcase_add_loop_test(tests, test_dns_servers_are_read, 0, ARRAY_SIZE(dns_servers));
    tcase_add_test(tests, test_example_loads);
    tcase_add_test(tests, test_a_key_may_be_in_several_places);
    tcase_add_test(tests, test_a_directory_may_be_watched);
    tcase_add_test(tests, test_inbound_is_in_the_model);
    tcase_add_test(tests, test_outbound_is_in_the_model);
    tcase_add_loop_test(tests, test_variant_is_accepted, 0, ARRAY_SIZE(accepted));
    tcase_add_loop_test(tests, test_variant_is_warned_of, 0, ARRAY_SIZE(warned));
    tcase_add_loop_test(tests, test_fault_is_refused, 0, ARRAY_SIZE(refused));
    tcase_add_test(tests, test_fault_is_told_once);
    tcase_add_test(tests, test_broken_gateway_blames_no_connector);
    tcase_add_test(tests, test_all_faults_are_told_at_once);
    tcase_add_test(tests, test_problems_stand_in_order);
    tcase_add_test(tests, test_more_than_200_problems_are_counted);
    tcase_add_loop_test(tests, test_stray_file, 0, ARRAY_SIZE(strays));
    tcase_add_test(tests, test_missing_folder_is_a_warning);
    tcase_add_test(tests, test_missing_gateway_is_an_error);
    tcase_add_test(tests, test_connector_in_the_wrong_folder);
    tcase_add_test(tests, test_file_that_all_may_write_is_refused);
    tcase_add_test(tests, test_pipe_is_refused_and_never_waited_for);
    tcase_add_test(tests, test_tls_without_any_certificate);
    tcase_add_test(tests, test_no_proof_where_only_this_machine_connects);
    tcase_add_test(tests, test_expired_chain_is_a_warning);
    tcase_add_test(tests, test_connectors_write_the_xml_that_declares_them);
}

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_set_timeout(tests, 120); /* against a hang; a loaded machine is slow */
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
