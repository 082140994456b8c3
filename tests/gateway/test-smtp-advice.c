/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of refusals: each as the servers in the field word it, and what it is taken for. */
#include "gateway/smtp/advice.h"

#include <check.h>
#include <stdlib.h>

#include "pki/base/cleanup.h"
#include "tests/suite.h"

static const struct {
    int code;
    const char *text;
    const char *cause, *cure; /* words of them; NULL: the catalogue has nothing */
} cases[] = {
    {454,
     "4.7.5 The certificate specified in TlsCertificateName of the SendConnector could not be "
     "found.",
     "no certificate of the name", "<I>issuer<S>subject"},
    {454, "4.7.5 Certificate validation failure, Reason:UntrustedRoot", "not accepted",
     "intermediate"},
    {451,
     "5.7.3 STARTTLS is required to send mail "
     "[DB5EUR01FT003.eop-EUR01.prod.protection.outlook.com]",
     "only inside TLS", "EncryptionOnly"},
    {450, "4.4.317 Cannot establish session with remote server [Message=UntrustedRoot]",
     "could not agree", "intermediates"},
    {450,
     "4.4.101 Proxy session setup failed on Frontend with '451 4.4.0 Primary target IP address "
     "responded with: \"454 4.7.5 Certificate validation failure.\"'",
     "front end", "quoted in the text"},
    {550,
     "5.7.64 TenantAttribution; Relay Access Denied [ValidationStatus of certificate is "
     "'EmptyCertificate'] ATTR36",
     "TenantAttribution", "TlsSenderCertificateName"},
    {550, "5.7.64 TenantAttribution; Relay Access Denied SMTP", "TenantAttribution",
     "intermediate"},
    {550,
     "5.7.51 TenantInboundAttribution; There is a partner connector configured that matched the "
     "message's recipient domain.",
     "partner connector", "RestrictDomainsToCertificate"},
    {550,
     "5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from "
     "unauthorized sources",
     "Direct Send", "RejectDirectSend"},
    {530, "5.7.57 Client not authenticated to send mail. [AM6PR08CA0001.eurprd08.prod.outlook.com]",
     "should log in", "mail.protection.outlook.com"},
    {530, "5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
     "should log in", "mail.protection.outlook.com"},
    {550, "5.7.30 Basic authentication is not supported for Client Submission.", "no password",
     "by certificate"},
    {421,
     "4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS "
     "1.2. Visit https://aka.ms/smtp_auth_tls.",
     "takes 1.2", "TlsMinimumVersion"},
    {450,
     "4.7.230 Connecting Exchange server version is out-of-date; connection to Exchange Online "
     "throttled for 5 mins/hr.",
     "throttles", "update the Exchange server"},
    {550,
     "5.7.230 Connecting Exchange server version is out-of-date; connection to Exchange Online "
     "blocked for 10 mins/hr.",
     "blocks", "update the Exchange server"},
    {421, "4.7.1 mail.example Error: Client certificate not trusted", "does not trust", "Chain"},
    {550, "5.7.606 Access denied, banned sending IP [192.0.2.1].", "banned", "sender.office.com"},
    {550, "5.7.649 Access denied, banned sending IP [192.0.2.1].", "banned", "sender.office.com"},
    {550, "5.7.650 Something new", NULL, NULL},
    {451, "4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344)", "slows",
     "wait"},
    {550, "5.4.1 Recipient address rejected: Access denied.", "Edge Blocking", "InternalRelay"},
    {550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "no such recipient",
     "exists"},
    {451, "4.7.0 Temporary server error. Please try again later. PRX4", "front end", "health"},
    {421, "4.3.2 The maximum number of concurrent connections has exceeded a limit", "busy",
     "wait"},
    {554, "5.7.1 <x@example.com>: Relay access denied", "does not serve", "RecipientDomains"},
    {550, "5.7.1 Unable to relay", "does not serve", "Accept-Any-Recipient"},
    {450, "4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "no name in DNS",
     "PTR"},
    {450, "4.7.1 Greylisted, try again", "greylists", "wait"},
    {421, "Bye", "ends the connection", "wait"},
    {421, "", "ends the connection", "wait"},
    {530, "Must issue a STARTTLS command first", "wants TLS", "EncryptionOnly"},
    {502, "5.5.1 What?", "does not know", "SMTP server"},
    /* not a status, or not that one */
    {550, "5.7.640000 no", NULL, NULL},
    {550, "x 5.7.64 no", NULL, NULL},
    {450, "4.7.64 no", NULL, NULL},
    {550, "5.7.64", "TenantAttribution", "intermediate"},
    {250, "5.7.64 accepted", NULL, NULL},
    {550, "5.0.0 No", NULL, NULL},
};

START_TEST(each_refusal_has_its_cause_and_cure)
{
    struct smtp_reply reply;
    reply.code = cases[_i].code;
    reply.length = strlen(cases[_i].text);
    strcpy(reply.text, cases[_i].text);
    const struct smtp_advice *advice = smtp_advice(&reply);
    ck_assert_msg(!advice == !cases[_i].cause, "%s: %s", reply.text,
                  advice ? advice->cause : "nothing");
    if (!advice)
        return;
    ck_assert_msg(strstr(advice->cause, cases[_i].cause) != NULL, "%s: %s", reply.text,
                  advice->cause);
    ck_assert_msg(strstr(advice->cure, cases[_i].cure) != NULL, "%s: %s", reply.text, advice->cure);
    ck_assert_uint_lt(strlen(advice->cure), SMTP_ADVICE_MAXIMUM);
    ck_assert_uint_lt(strlen(advice->cause), SMTP_ADVICE_MAXIMUM);
    ck_assert_int_ne(advice->cure[strlen(advice->cure) - 1], '.');
}
END_TEST

START_TEST(the_enhanced_status_is_at_the_front_or_nowhere)
{
    static const struct {
        const char *text, *status;
    } texts[] = {{"5.7.64 TenantAttribution", "5.7.64"},
                 {"4.4.101", "4.4.101"},
                 {"Bye", ""},
                 {"5.7 no", ""},
                 {"3.1.1 no", ""},
                 {"5.7.1234 no", ""},
                 {"", ""},
                 {"5.7.1\nsecond line", "5.7.1"}};
    struct smtp_reply reply = {.code = 550};
    char status[16];
    strcpy(reply.text, texts[_i].text);
    ck_assert_str_eq(smtp_enhanced_status(&reply, status, sizeof status), texts[_i].status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("advice");
    TCase *tests = tcase_create("advice");
    tcase_add_loop_test(tests, each_refusal_has_its_cause_and_cure, 0, (int)ARRAY_SIZE(cases));
    tcase_add_loop_test(tests, the_enhanced_status_is_at_the_front_or_nowhere, 0, 8);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
