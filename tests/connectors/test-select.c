/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which inbound connector admits a client, what stopped it otherwise, and which outbound connector
 * takes a recipient; over connectors that were loaded from XML. */
#include <arpa/inet.h>
#include <check.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/select.h"
#include "tests/connectors/workspace.h"
#include "tests/suite.h"

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        memcpy(&address, &four, sizeof four);
    else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
        memcpy(&address, &six, sizeof six);
    return address;
}

static const struct {
    const char *range, *address;
    bool taken;
} within[] = {
    {"10.20.0.0/16", "10.20.0.0", true},
    {"10.20.0.0/16", "10.20.255.255", true},
    {"10.20.0.0/16", "10.19.255.255", false},
    {"10.20.0.0/16", "10.21.0.0", false},
    {"10.20.0.0/16", "::ffff:10.20.3.4", true},
    {"10.20.0.0/16", "::10.20.3.4", false},
    {"10.1.0.5-10.1.0.9", "10.1.0.5", true},
    {"10.1.0.5-10.1.0.9", "10.1.0.9", true},
    {"10.1.0.5-10.1.0.9", "10.1.0.4", false},
    {"10.1.0.5-10.1.0.9", "10.1.0.10", false},
    {"::ffff:10.1.0.5", "10.1.0.5", true},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "10.1.0.5", false},
    {"::/0", "::ffff:10.1.0.5", false},
    {"2001:db8::/32", "2001:db8:1::5", true},
    {"2001:db8::/32", "2001:db9::", false},
};

START_TEST(test_address_is_within)
{
    struct sockaddr_storage address = address_of(within[_i].address);
    workspace_replace("inbound/devices.xml", "10.20.0.0/16", within[_i].range);
    workspace_replace("inbound/devices.xml", "<SenderIPAddresses>",
                      "<AllowOpenRelay>true</AllowOpenRelay><SenderIPAddresses>");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_msg(conn_inbound_takes_address(&workspace_config->inbound[1],
                                             (struct sockaddr *)&address) == within[_i].taken,
                  "%s in %s", within[_i].address, within[_i].range);
}
END_TEST

static const struct {
    const char *pattern, *domain;
    bool matches;
} matches[] = {
    {"contoso.com", "contoso.com", true},
    {"contoso.com", "a.contoso.com", false},
    {"contoso.com", "xcontoso.com", false},
    {"*.contoso.com", "a.contoso.com", true},
    {"*.contoso.com", "a.b.contoso.com", true},
    {"*.contoso.com", "contoso.com", false},
    {"*.contoso.com", ".contoso.com", false},
    {"*.contoso.com", "xcontoso.com", false},
    {"*.contoso.com", "a.contoso.com.evil.example", false},
    {"*", "anything.example", true},
    {"*", "", true},
};

START_TEST(test_domain_matches)
{
    ck_assert_msg(conn_domain_matches(matches[_i].pattern, matches[_i].domain) ==
                      matches[_i].matches,
                  "%s against %s", matches[_i].domain, matches[_i].pattern);
}
END_TEST

/* The far side's certificate as the test wants it judged. */
static const struct pki_peer_verdict *judge(const void *context, const struct conn_inbound *inbound)
{
    ck_assert_uint_gt(inbound->sender_certificate_names.count, 0);
    return context;
}

static const struct pki_peer_verdict good = {.accepted = true}, bad = {.accepted = false};

#define PLAIN false, CONN_TLS_1_0, NULL
#define TLS(version, verdict) true, CONN_TLS_##version, verdict

/* The example's connectors: cloud (TLS 1.2, certificate), devices (10.20/16, contoso.com, TLS 1.0),
 * exchange (10.1.0.5 and .6), in this order. */
static const struct {
    const char *address;
    bool tls;
    enum conn_tls_version version;
    const struct pki_peer_verdict *verdict;
    const char *domain;
    const char *chosen; /* NULL: none, and then: */
    const char *closest;
    enum conn_condition condition;
} inbound[] = {
    {"10.1.0.5", PLAIN, "contoso.com", "exchange", NULL, 0},
    {"10.1.0.5", PLAIN, "", "exchange", NULL, 0},
    {"10.1.0.5", PLAIN, "anyone.example", "exchange", NULL, 0},
    {"10.1.0.5", TLS(1_2, NULL), "contoso.com", "exchange", NULL, 0},
    {"10.1.0.5", TLS(1_2, &good), "contoso.com", "cloud", NULL, 0},
    {"10.1.0.5", TLS(1_1, NULL), "contoso.com", NULL, "cloud", CONN_CONDITION_TLS_VERSION},
    {"10.20.9.9", PLAIN, "contoso.com", "devices", NULL, 0},
    {"10.20.9.9", PLAIN, "", "devices", NULL, 0},
    {"10.20.9.9", TLS(1_0, NULL), "contoso.com", "devices", NULL, 0},
    {"10.20.9.9", PLAIN, "sub.contoso.com", NULL, "devices", CONN_CONDITION_SENDER_DOMAIN},
    {"10.20.9.9", PLAIN, "evil.example", NULL, "devices", CONN_CONDITION_SENDER_DOMAIN},
    {"::ffff:10.20.9.9", PLAIN, "contoso.com", "devices", NULL, 0},
    {"192.0.2.1", PLAIN, "contoso.com", NULL, "cloud", CONN_CONDITION_TLS},
    {"192.0.2.1", TLS(1_1, &good), "contoso.com", NULL, "cloud", CONN_CONDITION_TLS_VERSION},
    {"192.0.2.1", TLS(1_2, NULL), "contoso.com", NULL, "cloud", CONN_CONDITION_CERTIFICATE},
    {"192.0.2.1", TLS(1_3, &bad), "contoso.com", NULL, "cloud", CONN_CONDITION_CERTIFICATE},
    {"192.0.2.1", TLS(1_3, &good), "contoso.com", "cloud", NULL, 0},
    {"192.0.2.1", TLS(1_2, &good), "", "cloud", NULL, 0},
};

/* One that each default list of the version has. */
static unsigned usual_suite(enum conn_tls_version version)
{
    return version == CONN_TLS_1_3 ? 0x1302 : version == CONN_TLS_1_2 ? 0xc02f : 0xc013;
}

START_TEST(test_inbound_is_chosen)
{
    struct sockaddr_storage address = address_of(inbound[_i].address);
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .tls = inbound[_i].tls,
                                 .tls_version = inbound[_i].version,
                                 .cipher_suite = usual_suite(inbound[_i].version),
                                 .verdict = judge,
                                 .context = inbound[_i].verdict,
                                 .sender_domain = inbound[_i].domain};
    const struct conn_inbound *closest = NULL;
    enum conn_condition condition = CONN_CONDITION_NONE;
    ck_assert_int_eq(workspace_load(), 0);
    const struct conn_inbound *chosen =
        conn_inbound_choose(workspace_config, &client, &closest, &condition);
    ck_assert_pstr_eq(chosen ? chosen->name : NULL, inbound[_i].chosen);
    ck_assert_pstr_eq(closest ? closest->name : NULL, inbound[_i].closest);
    ck_assert_str_eq(conn_condition_name(condition), conn_condition_name(inbound[_i].condition));
}
END_TEST

#define CLOUD_LISTS                                                                                \
    "<TlsCipherSuites><CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite><CipherSuite>"              \
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite></TlsCipherSuites>"                        \
    "<TlsGroups><Group>secp384r1</Group></TlsGroups><ClientEku>"

/* Under lists of its own, and under the default of the others. */
static const struct {
    const char *address;
    enum conn_tls_version version;
    unsigned suite;
    int group;
    const char *chosen;
} ciphers[] = {
    {"192.0.2.1", CONN_TLS_1_3, 0x1302, NID_secp384r1, "cloud"},
    {"192.0.2.1", CONN_TLS_1_3, 0x1302, 0, "cloud"},
    {"192.0.2.1", CONN_TLS_1_3, 0x1301, NID_secp384r1, NULL},
    {"192.0.2.1", CONN_TLS_1_3, 0x1302, NID_X25519, NULL},
    {"192.0.2.1", CONN_TLS_1_2, 0xc030, NID_secp384r1, "cloud"},
    {"192.0.2.1", CONN_TLS_1_2, 0xc02f, NID_secp384r1, NULL},
    {"192.0.2.1", CONN_TLS_1_2, 0, NID_secp384r1, NULL},
    {"10.1.0.5", CONN_TLS_1_3, 0x1301, NID_X25519, "exchange"},
    {"10.1.0.5", CONN_TLS_1_2, 0xc02f, NID_X9_62_prime256v1, "exchange"},
    {"10.1.0.5", CONN_TLS_1_2, 0xc028, NID_X25519, NULL}, /* CBC */
    {"10.1.0.5", CONN_TLS_1_3, 0x1301, NID_X448, NULL},
    {"10.1.0.5", CONN_TLS_1_3, 0x1301, 0x1000000 | 4588, NULL},
    {"10.20.9.9", CONN_TLS_1_2, 0xc028, NID_X25519, "devices"},
    {"10.20.9.9", CONN_TLS_1_0, 0xc014, NID_X9_62_prime256v1, "devices"},
    {"10.20.9.9", CONN_TLS_1_2, 0x009c, 0, NULL}, /* RSA key exchange */
};

START_TEST(test_each_connector_is_held_to_its_lists)
{
    struct sockaddr_storage address = address_of(ciphers[_i].address);
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .tls = true,
                                 .tls_version = ciphers[_i].version,
                                 .cipher_suite = ciphers[_i].suite,
                                 .group = ciphers[_i].group,
                                 .verdict = judge,
                                 .context = &good,
                                 .sender_domain = "contoso.com"};
    enum conn_condition condition = CONN_CONDITION_NONE;
    workspace_replace("inbound/cloud.xml", "<ClientEku>", CLOUD_LISTS);
    if (strcmp(ciphers[_i].address, "192.0.2.1") != 0)
        workspace_replace("inbound/cloud.xml", "<RequireTls>",
                          "<Enabled>false</Enabled><RequireTls>");
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    const struct conn_inbound *chosen =
        conn_inbound_choose(workspace_config, &client, NULL, &condition);
    ck_assert_pstr_eq(chosen ? chosen->name : NULL, ciphers[_i].chosen);
    if (!chosen)
        ck_assert_str_eq(conn_condition_name(condition), "cipher-suite");
}
END_TEST

START_TEST(test_no_address_fits)
{
    struct sockaddr_storage address = address_of("192.0.2.1");
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .sender_domain = "contoso.com"};
    enum conn_condition condition;
    const struct conn_inbound *closest;
    workspace_remove("inbound/cloud.xml");
    workspace_remove("outbound/premises.xml");
    ck_assert_int_eq(workspace_load(), 0);
    ck_assert_ptr_null(conn_inbound_choose(workspace_config, &client, &closest, &condition));
    ck_assert_int_eq(condition, CONN_CONDITION_ADDRESS);
    ck_assert_str_eq(closest->name, "devices");
    ck_assert_ptr_null(conn_inbound_choose(workspace_config, &client, NULL, NULL));
}
END_TEST

START_TEST(test_disabled_inbound_admits_nobody)
{
    struct sockaddr_storage address = address_of("10.1.0.5");
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .sender_domain = "contoso.com"};
    workspace_replace("inbound/exchange.xml", "<RequireTls>",
                      "<Enabled>false</Enabled><RequireTls>");
    ck_assert_int_eq(workspace_load(), 0);
    ck_assert_ptr_null(conn_inbound_choose(workspace_config, &client, NULL, NULL));
}
END_TEST

#define OUTBOUND(name, scope, domains)                                                             \
    {                                                                                              \
        "outbound/" name ".xml",                                                                   \
            "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"" name "\">" scope                  \
            "<RecipientDomains>" domains "</RecipientDomains>"                                     \
            "<SmartHosts><Host>a.example</Host></SmartHosts></OutboundConnector>"                  \
    }

static const struct {
    const char *file, *text;
} routes[] = {
    OUTBOUND("a-any", "", "<Domain>*</Domain>"),
    OUTBOUND("b-wide", "", "<Domain>*.example</Domain>"),
    OUTBOUND("c-narrow", "", "<Domain>*.deep.example</Domain>"),
    OUTBOUND("d-exact", "", "<Domain>one.deep.example</Domain><Domain>Two.Example</Domain>"),
    OUTBOUND("e-scoped", "<InboundConnectors><Name>devices</Name></InboundConnectors>",
             "<Domain>*.example</Domain>"),
    OUTBOUND("f-scoped-exact", "<InboundConnectors><Name>devices</Name></InboundConnectors>",
             "<Domain>two.example</Domain>"),
    OUTBOUND("g-off", "<Enabled>false</Enabled>", "<Domain>off.example</Domain>"),
    OUTBOUND("h-any-again", "", "<Domain>*</Domain>"),
};

static const struct {
    const char *inbound, *domain, *chosen;
} outbound[] = {
    {"exchange", "elsewhere.test", "a-any"},
    {"exchange", "x.example", "b-wide"},
    {"exchange", "x.deep.example", "c-narrow"},
    {"exchange", "one.deep.example", "d-exact"},
    {"exchange", "two.example", "d-exact"},
    {"exchange", "deep.example", "b-wide"},
    {"exchange", "example", "a-any"},
    {"exchange", "off.example", "b-wide"},
    {"devices", "one.deep.example", "e-scoped"},
    {"devices", "two.example", "f-scoped-exact"},
    {"devices", "elsewhere.test", "a-any"},
};

static const struct conn_inbound *find_inbound(const char *name)
{
    for (size_t i = 0; i < workspace_config->inbound_count; i++)
        if (strcmp(workspace_config->inbound[i].name, name) == 0)
            return &workspace_config->inbound[i];
    ck_abort_msg("no %s", name);
}

static void load_routes(void)
{
    workspace_remove("outbound/premises.xml");
    workspace_remove("outbound/tenant.xml");
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        workspace_write_text(routes[i].file, routes[i].text);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
}

START_TEST(test_outbound_is_chosen)
{
    load_routes();
    const struct conn_outbound *chosen = conn_outbound_choose(
        workspace_config, find_inbound(outbound[_i].inbound), outbound[_i].domain);
    ck_assert_ptr_nonnull(chosen);
    ck_assert_str_eq(chosen->name, outbound[_i].chosen);
}
END_TEST

START_TEST(test_no_outbound_for_a_domain)
{
    ck_assert_int_eq(workspace_load(), 0);
    ck_assert_ptr_null(
        conn_outbound_choose(workspace_config, find_inbound("cloud"), "fabrikam.com"));
    ck_assert_ptr_nonnull(
        conn_outbound_choose(workspace_config, find_inbound("exchange"), "fabrikam.com"));
}
END_TEST

/* Centralized mail transport, and a connector in TestMode beside the others. */
static const struct {
    const char *insert, *inbound, *domain, *chosen, *trial; /* NULL: none */
} beside[] = {
    {"", "cloud", "contoso.com", "premises", NULL},
    {"<RouteAllMessagesViaOnPremises>true</RouteAllMessagesViaOnPremises>", "cloud", "contoso.com",
     "premises", NULL},
    {"<RouteAllMessagesViaOnPremises>true</RouteAllMessagesViaOnPremises>", "cloud", "fabrikam.com",
     "premises", NULL},
    {"<RouteAllMessagesViaOnPremises>true</RouteAllMessagesViaOnPremises>", "exchange",
     "contoso.com", "tenant", NULL},
    {"<TestMode>true</TestMode>", "cloud", "contoso.com", NULL, "premises"},
    {"<TestMode>true</TestMode>", "cloud", "fabrikam.com", NULL, NULL},
    {"<TestMode>true</TestMode>", "exchange", "contoso.com", "tenant", NULL},
    {"<TestMode>true</TestMode>"
     "<RouteAllMessagesViaOnPremises>true</RouteAllMessagesViaOnPremises>",
     "cloud", "fabrikam.com", NULL, "premises"},
    {"<TestMode>true</TestMode><Enabled>false</Enabled>", "cloud", "contoso.com", NULL, NULL},
};

static const char *name_of(const struct conn_outbound *connector)
{
    return connector ? connector->name : "none";
}

START_TEST(test_premises_and_test_mode)
{
    char text[512];
    snprintf(text, sizeof text, "<ConnectorType>OnPremises</ConnectorType>%s<TlsSettings>",
             beside[_i].insert);
    workspace_replace("outbound/premises.xml", "<TlsSettings>", text);
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    const struct conn_inbound *from = find_inbound(beside[_i].inbound);
    ck_assert_str_eq(name_of(conn_outbound_choose(workspace_config, from, beside[_i].domain)),
                     beside[_i].chosen ? beside[_i].chosen : "none");
    ck_assert_str_eq(name_of(conn_outbound_trial(workspace_config, from, beside[_i].domain)),
                     beside[_i].trial ? beside[_i].trial : "none");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("select");
    TCase *tests = tcase_create("select");
    tcase_set_timeout(tests, 120); /* against a hang; a loaded machine is slow */
    tcase_add_checked_fixture(tests, workspace_begin, workspace_end);
    tcase_add_loop_test(tests, test_address_is_within, 0, ARRAY_SIZE(within));
    tcase_add_loop_test(tests, test_domain_matches, 0, ARRAY_SIZE(matches));
    tcase_add_loop_test(tests, test_inbound_is_chosen, 0, ARRAY_SIZE(inbound));
    tcase_add_loop_test(tests, test_each_connector_is_held_to_its_lists, 0, ARRAY_SIZE(ciphers));
    tcase_add_test(tests, test_no_address_fits);
    tcase_add_test(tests, test_disabled_inbound_admits_nobody);
    tcase_add_loop_test(tests, test_outbound_is_chosen, 0, ARRAY_SIZE(outbound));
    tcase_add_test(tests, test_no_outbound_for_a_domain);
    tcase_add_loop_test(tests, test_premises_and_test_mode, 0, ARRAY_SIZE(beside));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
