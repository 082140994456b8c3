/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is legal and foolish is warned of, each in its own way; and what is not foolish is not. Each
 * row is the example with one or two files changed. */
#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "tests/connectors/workspace.h"
#include "tests/suite.h"

#define IN(name, body)                                                                             \
    "<InboundConnector xmlns=\"urn:postern:1\" Name=\"" name "\">" body                            \
    "<RequireTls>false</RequireTls></InboundConnector>"
#define RANGES(ranges) "<SenderIPAddresses>" ranges "</SenderIPAddresses>"
#define RANGE(range) "<Range>" range "</Range>"
#define OUT(name, body)                                                                            \
    "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"" name "\">" body                           \
    "<SmartHosts><Host>192.0.2.1</Host></SmartHosts>"                                              \
    "<TlsSettings>EncryptionOnly</TlsSettings></OutboundConnector>"
#define SCOPE(name) "<InboundConnectors><Name>" name "</Name></InboundConnectors>"
#define DOMAINS(domain) "<RecipientDomains><Domain>" domain "</Domain></RecipientDomains>"
#define SPACE(space) "<AddressSpaces><AddressSpace>" space "</AddressSpace></AddressSpaces>"
#define OPEN "<AllowOpenRelay>true</AllowOpenRelay>"
#define TENANT_PAIR "<Issuer>CN=DigiCert Cloud Services CA-1, O=DigiCert Inc, C=US</Issuer></Peer>"

/* A file is added, or a text in one is replaced; and that leads to a warning, an error or to
 * nothing. */
enum outcome { NOTHING, WARNED, REFUSED };
static const struct {
    const char *file, *old, *text; /* old NULL: the whole file */
    enum outcome outcome;
    const char *where, *fragment; /* of the problem */
} rows[] = {
    /* an open relay */
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("0.0.0.0/0"))), NOTHING, "inbound/x.xml",
     "open relay"}, /* tenant is for others: nothing takes its mail to anywhere */
    {"inbound/exchange.xml", "10.1.0.5", "0.0.0.0/0", REFUSED, "inbound/exchange.xml",
     "open relay"},
    {"inbound/exchange.xml", "<Range>10.1.0.5",
     RANGE("0.0.0.0-127.255.255.255") "<Range>128.0.0.0/1", REFUSED, "inbound/exchange.xml",
     "'tenant'"},
    {"inbound/exchange.xml", "<Range>10.1.0.5",
     RANGE("0.0.0.0-127.255.255.254") "<Range>128.0.0.0/1", NOTHING, "inbound/exchange.xml",
     "open relay"},
    {"inbound/exchange.xml", "10.1.0.5", "2000::/3", REFUSED, "inbound/exchange.xml",
     "AllowOpenRelay"},
    {"inbound/exchange.xml", "<SenderIPAddresses><Range>10.1.0.5",
     OPEN "<SenderIPAddresses><Range>0.0.0.0/0", WARNED, "inbound/exchange.xml", "open relay"},
    {"inbound/exchange.xml", RANGES(RANGE("10.1.0.5") RANGE("10.1.0.6")), OPEN, WARNED,
     "inbound/exchange.xml", "open relay"},
    {"inbound/exchange.xml", RANGES(RANGE("10.1.0.5") RANGE("10.1.0.6")), "", REFUSED,
     "inbound/exchange.xml", "asks for no proof"},
    {"inbound/exchange.xml", "<SenderIPAddresses><Range>10.1.0.5",
     "<Enabled>false</Enabled><SenderIPAddresses><Range>0.0.0.0/0", NOTHING, "inbound/exchange.xml",
     "open relay"},
    {"inbound/exchange.xml", "10.1.0.5", "0.0.0.0/1", NOTHING, "inbound/exchange.xml",
     "open relay"},
    /* everything, without TLS */
    {"outbound/premises.xml", "<Domain>contoso.com</Domain>", "<Domain>*</Domain>", WARNED,
     "outbound/premises.xml", "(TlsSettings Opportunistic)"},
    {"outbound/premises.xml", NULL,
     "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"p\">" SPACE(
         "smtp:*;3") "<SmartHosts><Host>a</Host></SmartHosts><TlsSettings>None</TlsSettings>"
                     "</OutboundConnector>",
     WARNED, "outbound/premises.xml", "never with TLS"},
    {"outbound/premises.xml", NULL, OUT("p", DOMAINS("*")), NOTHING, "outbound/premises.xml",
     "every domain"},
    {"outbound/premises.xml", "<RecipientDomains>", "<RecipientDomains>", NOTHING,
     "outbound/premises.xml", "every domain"},
    /* one issuer alone */
    {"outbound/tenant.xml", "<RecipientDomains>", "<RecipientDomains>", WARNED,
     "outbound/tenant.xml", "one Peer alone"},
    {"outbound/tenant.xml", TENANT_PAIR, TENANT_PAIR "<Peer><Issuer>CN=Other</Issuer></Peer>",
     NOTHING, "outbound/tenant.xml", "one Peer alone"},
    {"outbound/tenant.xml", TENANT_PAIR, "</Peer>", NOTHING, "outbound/tenant.xml",
     "one Peer alone"},
    {"inbound/cloud.xml", "<ClientEku>",
     "<PeerCertificates><Peer><Issuer>CN=A</Issuer></Peer></PeerCertificates><ClientEku>", WARNED,
     "inbound/cloud.xml", "one Peer alone"},
    /* overlapping ranges */
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.20.7.0/24"))), WARNED, "inbound/x.xml",
     "SenderIPAddresses 10.20.7.0/24 overlaps 10.20.0.0/16 of the connector 'devices'"},
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.19.0.0-10.20.0.0"))), WARNED, "inbound/x.xml",
     "of the connector 'devices'"},
    {"inbound/a.xml", NULL, IN("a", RANGES(RANGE("10.0.0.0/8"))), WARNED, "inbound/devices.xml",
     "of the connector 'a'"},
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.21.0.0/16") RANGE("10.21.7.0/24"))), NOTHING,
     "inbound/x.xml", "overlaps"}, /* its own */
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("::/0"))), NOTHING, "inbound/x.xml",
     "overlaps"}, /* IPv4 is no part of it */
    {"inbound/x.xml", NULL, IN("x", "<Enabled>false</Enabled>" RANGES(RANGE("10.20.7.0/24"))),
     NOTHING, "inbound/x.xml", "overlaps"},
    /* never chosen: inbound */
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.1.0.6"))), WARNED, "inbound/x.xml",
     "can never be chosen: the connector 'exchange'"},
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.1.0.6") RANGE("10.1.0.7"))), NOTHING,
     "inbound/x.xml", "never be chosen"},
    {"inbound/x.xml", NULL, IN("x", RANGES(RANGE("10.20.0.9"))), NOTHING, "inbound/x.xml",
     "never be chosen"}, /* devices has SenderDomains */
    {"inbound/a.xml", NULL, IN("a", RANGES(RANGE("10.1.0.6"))), NOTHING, "inbound/a.xml",
     "never be chosen"}, /* it comes first */
    {"inbound/a.xml", NULL,
     IN("a", RANGES(RANGE("10.1.0.0/16")) "<Bindings><Binding>127.0.0.1:2525</Binding></Bindings>"),
     NOTHING, "inbound/exchange.xml", "never be chosen"},
    /* never chosen: outbound */
    {"outbound/x.xml", NULL, OUT("x", SCOPE("cloud") DOMAINS("contoso.com")), WARNED,
     "outbound/x.xml", "'premises'"},
    {"outbound/x.xml", NULL, OUT("x", SCOPE("cloud") DOMAINS("contoso.com")), WARNED,
     "outbound/x.xml", "and can never be chosen"},
    {"outbound/x.xml", NULL,
     OUT("x", SCOPE("cloud") "<RecipientDomains><Domain>contoso.com</Domain><Domain>a.example"
                             "</Domain></RecipientDomains>"),
     NOTHING, "outbound/x.xml", "can never be chosen"},
    {"outbound/x.xml", NULL, OUT("x", SCOPE("exchange") DOMAINS("contoso.com")), NOTHING,
     "outbound/x.xml", "goes to"},
    {"outbound/a.xml", NULL, OUT("a", SCOPE("cloud") SPACE("contoso.com;9")), WARNED,
     "outbound/a.xml", "has the lower cost"},
    {"inbound/cloud.xml", "<RequireTls>", "<Enabled>false</Enabled><RequireTls>", WARNED,
     "outbound/premises.xml", "only connectors that are disabled"},
};

START_TEST(test_what_is_foolish_is_told)
{
    if (rows[_i].old)
        workspace_replace(rows[_i].file, rows[_i].old, rows[_i].text);
    else
        workspace_write_text(rows[_i].file, rows[_i].text);
    int result = workspace_load();
    bool refused = rows[_i].outcome == REFUSED;
    ck_assert_msg((result < 0) == refused, "%d: %s", _i, workspace_show());
    ck_assert_msg(workspace_has_problem(!refused, rows[_i].where, -1, rows[_i].fragment) ==
                      (rows[_i].outcome != NOTHING),
                  "%d %s '%s': %s", _i, rows[_i].where, rows[_i].fragment, workspace_show());
}
END_TEST

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/* A certificate that ends in so many days, after a year. */
static void write_chain(long days)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    _cleanup_(X509_freep) X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"gw.example", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), (days - 365) * 86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86400);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    FILE *file = fopen(workspace_path("short.pem"), "w");
    ck_assert_ptr_nonnull(file);
    PEM_write_X509(file, certificate);
    fclose(file);
}

static const struct {
    long days;
    bool warned;
} ends[] = {{300, false}, {100, true}, {20, true}, {3, true}};

START_TEST(test_a_certificate_near_its_end_is_told)
{
    char chain[600];
    write_chain(ends[_i].days);
    snprintf(chain, sizeof chain,
             "<Certificate Name=\"short\"><Chain>%s</Chain><Key>a.key</Key>"
             "</Certificate><TrustAnchors",
             workspace_path("short.pem"));
    workspace_replace("postern.xml", "<TrustAnchors", chain);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_msg(workspace_has_problem(true, "postern.xml", 10, "'short' is near its end") ==
                      ends[_i].warned,
                  "%ld: %s", ends[_i].days, workspace_show());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("advice");
    TCase *tests = tcase_create("advice");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, workspace_begin, workspace_end);
    tcase_add_loop_test(tests, test_what_is_foolish_is_told, 0, ARRAY_SIZE(rows));
    tcase_add_loop_test(tests, test_a_certificate_near_its_end_is_told, 0, ARRAY_SIZE(ends));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
