/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The PowerShell for the other ends: quoted so that no name ends its string, and right for the
 * example. A small reader of PowerShell's strings says what a quoted text is to PowerShell. */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "connectors/export.h"
#include "tests/connectors/workspace.h"
#include "tests/suite.h"

static char *quote(const char *text)
{
    char *quoted = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&quoted, &size);
    conn_export_quote(stream, text);
    fclose(stream);
    return quoted;
}

/* What PowerShell makes of 'a', or ('a' + [char]0x0041 + 'b'), as code points; the place behind it,
 * or NULL when it is neither. */
static const char *read_string(const char *at, unsigned *points, size_t *count)
{
    bool joined = *at == '(';
    unsigned point;
    int used;
    *count = 0;
    at += joined;
    for (bool first = true;; first = false) {
        if (!first) {
            if (!joined || strncmp(at, " + ", 3) != 0)
                break;
            at += 3;
        }
        if (*at == '\'') {
            for (at++; *at != '\'' || at[1] == '\''; at++) {
                if (!*at || *at < ' ' || *at >= 0x7f)
                    return NULL;
                points[(*count)++] = (unsigned char)*at;
                at += *at == '\'';
            }
            at++;
        } else if (!first &&
                   (sscanf(at, "[char]0x%4x%n", &point, &used) == 1 ||
                    sscanf(at, "[char]::ConvertFromUtf32(0x%6x)%n", &point, &used) == 1)) {
            points[(*count)++] = point;
            at += used;
        } else {
            return NULL;
        }
    }
    if (joined && *at++ != ')')
        return NULL;
    return at;
}

static const struct {
    const char *text, *quoted;
    unsigned points[16];
} strings[] = {
    {"", "''", {0}},
    {"abc", "'abc'", {'a', 'b', 'c'}},
    {"$(x)`", "'$(x)`'", {'$', '(', 'x', ')', '`'}},
    {"'", "''''", {'\''}},
    {"';x", "''';x'", {'\'', ';', 'x'}},
    {"a\xe2\x80\x99; x", "('a' + [char]0x2019 + '; x')", {'a', 0x2019, ';', ' ', 'x'}},
    {"\xe2\x80\x98", "('' + [char]0x2018)", {0x2018}},
    {"\xe2\x80\x9a\xe2\x80\x9b", "('' + [char]0x201a + [char]0x201b)", {0x201a, 0x201b}},
    {"\xc3\x91'", "('' + [char]0x00d1 + '''')", {0xd1, '\''}},
    {"a\r\nb", "('a' + [char]0x000d + [char]0x000a + 'b')", {'a', '\r', '\n', 'b'}},
    {"\xf0\x9f\x98\x80", "('' + [char]::ConvertFromUtf32(0x01f600))", {0x1f600}},
    {"\xff", "('' + [char]0xfffd)", {0xfffd}},
    {"\x7f", "('' + [char]0x007f)", {0x7f}},
};

START_TEST(test_string_is_quoted)
{
    unsigned points[64];
    size_t count;
    char *quoted = quote(strings[_i].text);
    ck_assert_str_eq(quoted, strings[_i].quoted);
    const char *end = read_string(quoted, points, &count);
    ck_assert_msg(end && !*end, "%s", quoted);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(points[i], strings[_i].points[i]);
    ck_assert_uint_eq(strings[_i].points[count], 0);
    free(quoted);
}
END_TEST

START_TEST(test_comment_stays_in_its_line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    conn_export_comment(stream, "a\nRemove-Mailbox\r\xe2\x80\xa8\xc2\x85#>b");
    fclose(stream);
    ck_assert_str_eq(text, "a?Remove-Mailbox???#>b");
    free(text);
}
END_TEST

/* Commands and comments, one a line; in a command nothing from a configuration outside of strings.
 */
static void check_script(const char *script)
{
    for (const char *line = script, *end; *line; line = end + 1) {
        unsigned points[1024];
        size_t count;
        end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        bool comment = *line == '#';
        for (const char *at = line; at < end; at++) {
            ck_assert(*at >= ' ' && *at < 0x7f);
            if (comment || *at != '\'')
                continue;
            at = read_string(at, points, &count) - 1;
            ck_assert_msg(at > line && at < end, "%.*s", (int)(end - line), line);
        }
    }
}

static char *export_workspace(void)
{
    struct error error = {.code = 0};
    char *script = NULL;
    ck_assert_msg(workspace_load() == 0, "%s", workspace_show());
    ck_assert_msg(conn_export_powershell(workspace_config, &script, &error) == 0, "%s", error.what);
    check_script(script);
    return script;
}

START_TEST(test_example_is_exported)
{
    static const char *const lines[] = {
        "\nNew-InboundConnector -Name 'Postern tenant' -Enabled $true -ConnectorType OnPremises "
        "-SenderDomains '*' -RequireTls $true -TlsSenderCertificateName 'gw.contoso.com' "
        "-CloudServicesMailEnabled $true\n",
        "\n# If it is there already: Set-InboundConnector -Identity 'Postern tenant' -Enabled",
        "\nNew-OutboundConnector -Name 'Postern cloud' -Enabled $true -ConnectorType OnPremises "
        "-RecipientDomains 'contoso.com','*.contoso.com' -SmartHosts 'gw.contoso.com' "
        "-UseMXRecord $false -TlsSettings DomainValidation -TlsDomain 'gw.contoso.com' ",
        "\nNew-SendConnector -Name 'Postern tenant' -Custom -Enabled $true -AddressSpaces "
        "'SMTP:*;1' -DNSRoutingEnabled $false -SmartHosts 'gw.contoso.com' -RequireTLS $true "
        "-TlsAuthLevel DomainValidation -TlsDomain 'gw.contoso.com' ",
        "\n# This connector presents no certificate",
        "(Connect-ExchangeOnline)",
        "In the Exchange Management Shell, on the premises",
    };
    char *script = export_workspace();
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        ck_assert_msg(strstr(script, lines[i]), "%s\nis not in\n%s", lines[i], script);
    free(script);
}
END_TEST

START_TEST(test_mend_has_what_exchange_shows)
{
    workspace_replace("inbound/exchange.xml", "<RequireTls>false</RequireTls>",
                      "<RequireTls>true</RequireTls>"
                      "<TlsSenderCertificateName>mail.contoso.com</TlsSenderCertificateName>"
                      "<TrustAnchors>public</TrustAnchors><PeerCertificates><Peer>"
                      "<Subject>CN=mail.contoso.com, O=L'Oie \xe2\x80\x99, C=US</Subject>"
                      "<Issuer>CN=CA, ST=WA</Issuer></Peer></PeerCertificates>");
    char *script = export_workspace();
    ck_assert_ptr_nonnull(
        strstr(script, "\nSet-SendConnector -Identity 'Postern tenant' -TlsCertificateName "
                       "('<I>CN=CA, S=WA<S>CN=mail.contoso.com, O=L''Oie ' + [char]0x2019 + "
                       "', C=US')\n"));
    free(script);
}
END_TEST

START_TEST(test_without_tls_the_tenant_knows_our_address_alone)
{
    workspace_write_text("outbound/tenant.xml",
                         "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"tenant\">"
                         "<RecipientDomains><Domain>*</Domain></RecipientDomains><SmartHosts>"
                         "<Host>contoso-com.mail.protection.outlook.com</Host></SmartHosts>"
                         "<TlsSettings>None</TlsSettings>"
                         "<TlsCertificateName>hybrid</TlsCertificateName>"
                         "<SourceIPAddress>192.0.2.25</SourceIPAddress></OutboundConnector>");
    char *script = export_workspace();
    ck_assert_ptr_nonnull(strstr(script, "-RequireTls $false -SenderIPAddresses '192.0.2.25' "
                                         "-CloudServicesMailEnabled $false\n"));
    free(script);
}
END_TEST

START_TEST(test_premises_know_us_by_our_certificate)
{
    workspace_replace("outbound/premises.xml", "<TlsSettings>",
                      "<TlsCertificateName>hybrid</TlsCertificateName>"
                      "<CloudServicesMailEnabled>true</CloudServicesMailEnabled><TlsSettings>");
    char *script = export_workspace();
    ck_assert_ptr_nonnull(strstr(script, "Set-ReceiveConnector -Identity $_.Identity "
                                         "-TlsDomainCapabilities "
                                         "@{Add='gw.contoso.com:AcceptCloudServicesMail'}"));
    free(script);
}
END_TEST

START_TEST(test_hostile_name_of_a_connector_stays_a_string)
{
    workspace_replace("outbound/tenant.xml", "Name=\"tenant\"", "Name=\"x'; Remove-Mailbox * #\"");
    char *script = export_workspace();
    ck_assert_ptr_nonnull(strstr(script, "-Name 'Postern x''; Remove-Mailbox * #'"));
    free(script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("export");
    TCase *tcase = tcase_create("export");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, workspace_begin, workspace_end);
    tcase_add_loop_test(tcase, test_string_is_quoted, 0, ARRAY_SIZE(strings));
    tcase_add_test(tcase, test_comment_stays_in_its_line);
    tcase_add_test(tcase, test_example_is_exported);
    tcase_add_test(tcase, test_mend_has_what_exchange_shows);
    tcase_add_test(tcase, test_without_tls_the_tenant_knows_our_address_alone);
    tcase_add_test(tcase, test_premises_know_us_by_our_certificate);
    tcase_add_test(tcase, test_hostile_name_of_a_connector_stays_a_string);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
