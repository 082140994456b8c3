/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h. The first row that fits is the answer, so what is special stands before what is
 * general. */
#include "gateway/smtp/advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "pki/base/cleanup.h"

struct row {
    int code; /* 0: any of the enhanced status's class; with no status, any of 400 and more */
    const char *status; /* NULL: any, or none */
    unsigned to;       /* the last detail of a range that begins with `status`; 0: that one alone */
    const char *words; /* in the text, in whatever case; NULL: any text */
    struct smtp_advice advice;
};

static const struct row rows[] = {
    /* --- who we are: certificates and attribution --- */
    {0,
     "4.7.5",
     0,
     "TlsCertificateName",
     {"Exchange has no certificate of the name that its Send connector asks for: it was renewed by "
      "another issuer, or is not enabled for SMTP",
      "set the Send connector's TlsCertificateName anew to <I>issuer<S>subject of the certificate "
      "in "
      "use, and see that it is enabled for SMTP"}},
    {0,
     "4.7.5",
     0,
     NULL,
     {"A certificate was not accepted: the chain is incomplete or not trusted there, it has "
      "expired, "
      "or its name is another than the one expected",
      "see that Chain has every intermediate, that the certificate is in date and from a public "
      "CA, "
      "and that the connector over there expects its name (TlsSenderCertificateName)"}},
    {0,
     "5.7.3",
     0,
     "STARTTLS",
     {"The next hop takes mail only inside TLS, and this connection had none",
      "set TlsSettings of this connector to EncryptionOnly or more; if it is, something between "
      "here "
      "and there strips STARTTLS"}},
    {0,
     "4.4.317",
     0,
     NULL,
     {"Exchange Online reached the server behind it and could not agree with it: its certificate, "
      "its "
      "chain or its TLS version is not what the connector of the tenant demands",
      "compare the certificate that our listener shows, with all its intermediates, with "
      "TlsSettings and TlsDomain of the tenant's outbound connector; allow TLS 1.2"}},
    {0,
     "4.4.101",
     0,
     NULL,
     {"Exchange's front end could not hand the session to the server behind it, whose own refusal "
      "is "
      "in the text",
      "read the reply that is quoted in the text; if it is a time-out, see the health of the "
      "Exchange "
      "servers and their back-end connectors"}},
    {0,
     "5.7.64",
     0,
     NULL,
     {"Exchange Online cannot attribute the mail to the tenant (TenantAttribution): our "
      "certificate "
      "did not come, came without its chain, or its name fits no inbound connector of the tenant; "
      "or the sender's domain is none of the tenant's",
      "see that our certificate was asked for and sent, with every intermediate; in the tenant "
      "set TlsSenderCertificateName of the inbound connector (OnPremises) to a name in it, that is "
      "an "
      "accepted domain"}},
    {0,
     "5.7.51",
     0,
     NULL,
     {"A partner connector of the tenant takes mail of this domain only from certain addresses or "
      "a "
      "certain certificate, and we showed neither",
      "in the tenant's inbound connector, see RestrictDomainsToIPAddresses and "
      "RestrictDomainsToCertificate, and name our address or certificate there"}},
    {0,
     "5.7.68",
     0,
     NULL,
     {"The tenant rejects Direct Send: mail from its own domains that no inbound connector is "
      "known "
      "for (RejectDirectSend)",
      "in the tenant make an inbound connector (OnPremises) for our certificate or address, and "
      "see "
      "that our certificate is sent; or set RejectDirectSend to false"}},
    {0,
     "5.7.57",
     0,
     NULL,
     {"The next hop takes us for a client that should log in: the host is the one for client "
      "submission, or our certificate was not recognised",
      "name the tenant's MX host (domain-com.mail.protection.outlook.com, port 25) in SmartHosts, "
      "not "
      "smtp.office365.com; then see that our certificate is sent"}},
    {0,
     "5.7.30",
     0,
     NULL,
     {"Exchange Online takes no password (Basic authentication) for Client Submission any more; "
      "the "
      "host named here is for clients that log in",
      "name the tenant's MX host (domain-com.mail.protection.outlook.com, port 25) in SmartHosts, "
      "and "
      "prove ourselves by certificate"}},
    {0,
     "5.7.139",
     0,
     NULL,
     {"Authentication is refused at the host for clients that log in",
      "name the tenant's MX host (domain-com.mail.protection.outlook.com, port 25) in SmartHosts"}},
    {0,
     "4.7.66",
     0,
     NULL,
     {"TLS 1.0 or 1.1 was spoken, and the next hop takes 1.2 and up",
      "set TlsMinimumVersion of this connector to 1.2; if it is, something between here and there "
      "speaks for us"}},
    {0,
     "4.7.230",
     0,
     NULL,
     {"Exchange Online throttles mail from this Exchange server on the premises, for its version "
      "is "
      "out of date (a header of the message tells it)",
      "update the Exchange server that hands mail to us; see the report on out-of-date connecting "
      "servers in the Exchange admin center, where a pause of up to 90 days a year can be set"}},
    {0,
     "5.7.230",
     0,
     NULL,
     {"Exchange Online blocks mail from this Exchange server on the premises, for its version is "
      "out "
      "of date (a header of the message tells it)",
      "update the Exchange server that hands mail to us; a pause of up to 90 days a year can be "
      "set in "
      "the Exchange admin center, in the report on out-of-date connecting servers"}},
    /* --- our address and its reputation --- */
    {0,
     "5.7.606",
     649,
     NULL,
     {"Our address is banned by Exchange Online",
      "ask to be taken off its list at sender.office.com; and let mail for the tenant go out "
      "through an inbound connector that knows our certificate"}},
    {0,
     "5.7.511",
     0,
     NULL,
     {"Our address is banned by Exchange Online, which lifts that by hand only",
      "forward the refusal to delist@microsoft.com, as its text says"}},
    {0,
     "5.7.708",
     0,
     NULL,
     {"Exchange Online takes no mail from this address for this tenant, which is new or of low "
      "reputation",
      "let mail go out from an address of good reputation, or ask Microsoft's support"}},
    {0,
     "5.7.705",
     0,
     NULL,
     {"The tenant has sent too much and is blocked from sending",
      "find what sent it, then ask Microsoft's support to lift the block"}},
    {0,
     "4.7.500",
     699,
     NULL,
     {"Exchange Online slows this address down, as it does with addresses it sees for the first "
      "time, "
      "or that send much at once",
      "wait: the sender will try again; if it stays, see that mail is attributed to an inbound "
      "connector by our certificate, for that is not slowed down so"}},
    {0,
     "4.7.1",
     0,
     "greylist",
     {"The next hop greylists: it takes the same message at the second try",
      "wait: the sender will try again"}},
    {0,
     "5.7.1",
     0,
     "spamhaus",
     {"Our address is on a block list",
      "see which at check.spamhaus.org, and ask to be taken off"}},
    {0,
     "4.7.25",
     0,
     NULL,
     {"Our address has no name in DNS, or one that does not lead back to it",
      "have a PTR record made for our address, and an A record for that name"}},
    {0,
     "5.7.25",
     0,
     NULL,
     {"Our address has no name in DNS, or one that does not lead back to it",
      "have a PTR record made for our address, and an A record for that name"}},
    {0,
     NULL,
     0,
     "cannot find your hostname",
     {"Our address has no name in DNS, or one that does not lead back to it",
      "have a PTR record made for our address, and an A record for that name"}},
    {0,
     "5.7.23",
     0,
     NULL,
     {"SPF of the sender's domain does not allow our address",
      "add our public address to the SPF record of the sender's domain"}},
    {0,
     "5.7.26",
     0,
     NULL,
     {"Neither SPF nor DKIM vouches for the sender's domain",
      "add our public address to the SPF record of the sender's domain"}},
    {0,
     "5.7.509",
     0,
     NULL,
     {"DMARC of the sender's domain wants this refused: neither SPF nor DKIM vouches for it",
      "add our public address to the SPF record of the sender's domain, or sign with DKIM"}},
    /* --- recipients --- */
    {0,
     "5.4.1",
     0,
     NULL,
     {"The tenant has no such recipient or no such accepted domain, and refuses at its edge "
      "(Directory Based Edge Blocking)",
      "see that the address exists there; for a domain that lives on the premises too, set it to "
      "InternalRelay in the tenant"}},
    {0,
     "5.1.8",
     0,
     NULL,
     {"The sender is blocked by Exchange Online for having sent spam",
      "see \"Restricted entities\" in the tenant's Defender portal"}},
    {0,
     "5.1.1",
     0,
     NULL,
     {"There is no such recipient", "see that the address is spelled right and exists there"}},
    {0,
     "5.1.10",
     0,
     NULL,
     {"There is no such recipient", "see that the address is spelled right and exists there"}},
    {0, "5.2.2", 0, NULL, {"The mailbox is full", "tell its owner"}},
    {0, "4.2.2", 0, NULL, {"The mailbox is full", "tell its owner"}},
    {0,
     "5.3.4",
     0,
     NULL,
     {"The message is larger than the next hop takes",
      "raise its limit (MaxMessageSize), or lower MaxMessageSize here so that the sender is told "
      "at "
      "once"}},
    {0,
     "5.2.3",
     0,
     NULL,
     {"The message is larger than the mailbox takes",
      "raise its limit (MaxReceiveSize), or send less at a time"}},
    {0,
     NULL,
     0,
     "relay access denied",
     {"The next hop does not serve the recipient's domain for us",
      "see RecipientDomains of this connector, and let the next hop relay for our address or "
      "certificate"}},
    {0,
     NULL,
     0,
     "unable to relay",
     {"The next hop does not serve the recipient's domain for us",
      "see RecipientDomains of this connector; on Exchange, see the receive connector's "
      "permissions "
      "(Ms-Exch-SMTP-Accept-Any-Recipient) and accepted domains"}},
    {0,
     "5.7.133",
     0,
     NULL,
     {"The recipient takes mail from authenticated senders only",
      "set RequireSenderAuthenticationEnabled of the recipient to false; or see that our mail is "
      "attributed to the tenant, and CloudServicesMailEnabled is set on both sides"}},
    /* --- load --- */
    {0,
     "4.3.2",
     0,
     NULL,
     {"The next hop is busy, or takes no more connections from us now",
      "wait: the sender will try again; if it stays, see the limits of the connector over there"}},
    {0,
     "4.3.1",
     0,
     NULL,
     {"The next hop is short of disk or memory (back pressure)",
      "see the disk and the queues of that server"}},
    {0,
     "4.7.0",
     0,
     "PRX",
     {"Exchange's front end could not reach its back end",
      "see the health of the Exchange servers, their DNS and their certificates"}},
    /* --- without or beyond an enhanced status --- */
    {502,
     NULL,
     0,
     NULL,
     {"The next hop does not know this command",
      "see that it is the SMTP server meant, and that no filter between changes what it says"}},
    {504,
     NULL,
     0,
     "helo",
     {"The next hop does not like our name", "set HostName to a full name that DNS knows"}},
    {421,
     NULL,
     0,
     NULL,
     {"The next hop ends the connection: it is busy, stopping, or does not want us",
      "read its text; wait, for the sender will try again"}},
    {530,
     NULL,
     0,
     NULL,
     {"The next hop wants TLS, or a client that logs in",
      "set TlsSettings of this connector to EncryptionOnly or more; if it is, the host is one for "
      "client submission: name its MX host in SmartHosts"}},
    {535,
     NULL,
     0,
     NULL,
     {"Authentication is refused at the host for clients that log in",
      "name the host that takes mail from servers, on port 25, in SmartHosts"}},
    {552,
     NULL,
     0,
     NULL,
     {"The message is larger than the next hop takes", "raise its limit, or send less at a time"}},
    {554,
     "5.7.1",
     0,
     NULL,
     {"The next hop refuses by policy: our address, our name or the message",
      "read its text, and ask its administrator"}},
};

static bool has_words(const char *text, const char *words)
{
    size_t length = strlen(words);
    for (; *text; text++)
        if (strncasecmp(text, words, length) == 0)
            return true;
    return false;
}

/* "5.7.64 …": the class at most one digit, the others up to three (RFC 3463 2). */
static bool parse_status(const char *text, unsigned parts[3])
{
    int length = 0;
    return sscanf(text, "%1u.%3u.%3u%n", &parts[0], &parts[1], &parts[2], &length) == 3 &&
           (parts[0] == 2 || parts[0] == 4 || parts[0] == 5) &&
           (text[length] == ' ' || !text[length] || text[length] == '\n' || text[length] == ';');
}

/* The status alone is compared with its class: Exchange itself says 451 5.7.3. */
static bool fits_status(const struct row *row, const char *text)
{
    unsigned wanted[3], found[3];
    if (!row->status)
        return true;
    if (!parse_status(text, found) || !parse_status(row->status, wanted))
        return false;
    unsigned last = row->to ? row->to : wanted[2];
    return found[0] == wanted[0] && found[1] == wanted[1] && found[2] >= wanted[2] &&
           found[2] <= last;
}

const struct smtp_advice *smtp_advice(const struct smtp_reply *reply)
{
    if (reply->code < 400)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if ((!rows[i].code || rows[i].code == reply->code) && fits_status(&rows[i], reply->text) &&
            (!rows[i].words || has_words(reply->text, rows[i].words)))
            return &rows[i].advice;
    return NULL;
}

const char *smtp_enhanced_status(const struct smtp_reply *reply, char *text, size_t size)
{
    unsigned parts[3];
    text[0] = '\0';
    if (parse_status(reply->text, parts))
        snprintf(text, size, "%u.%u.%u", parts[0], parts[1], parts[2]);
    return text;
}
