/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h. The first row that fits is the answer, so what is special stands before what is
 * general. */
#include "gateway/smtp/advice.h"

#include <stdio.h>
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
    {.status = "4.7.5",
     .words = "TlsCertificateName",
     .advice = {.cause = "Exchange has no certificate of the name that its Send connector asks "
                         "for: it was renewed by another issuer, or is not enabled for SMTP",
                .cure = "set the Send connector's TlsCertificateName anew to "
                        "<I>issuer<S>subject of the certificate in use, and see that it is "
                        "enabled for SMTP",
                .identity = true}},
    {.status = "4.7.5",
     .advice = {.cause = "A certificate was not accepted: the chain is incomplete or not "
                         "trusted there, it has expired, or its name is another than the one "
                         "expected",
                .cure = "see that Chain has every intermediate, that the certificate is in date"
                        " and from a public CA, and that the connector over there expects its "
                        "name (TlsSenderCertificateName)",
                .identity = true}},
    {.status = "5.7.3",
     .words = "STARTTLS",
     .advice = {.cause = "The next hop takes mail only inside TLS, and this connection had none",
                .cure = "set TlsSettings of this connector to EncryptionOnly or more; if it is,"
                        " something between here and there strips STARTTLS"}},
    {.status = "4.4.317",
     .advice = {.cause = "Exchange Online reached the server behind it and could not agree with"
                         " it: its certificate, its chain or its TLS version is not what the "
                         "connector of the tenant demands",
                .cure = "compare the certificate that our listener shows, with all its "
                        "intermediates, with TlsSettings and TlsDomain of the tenant's outbound"
                        " connector; allow TLS 1.2",
                .identity = true}},
    {.status = "4.4.101",
     .advice = {.cause = "Exchange's front end could not hand the session to the server behind "
                         "it, whose own refusal is in the text",
                .cure = "read the reply that is quoted in the text; if it is a time-out, see "
                        "the health of the Exchange servers and their back-end connectors"}},
    {.status = "5.7.64",
     .advice = {.cause = "Exchange Online cannot attribute the mail to the tenant "
                         "(TenantAttribution): our certificate did not come, came without its "
                         "chain, or its name fits no inbound connector of the tenant; or the "
                         "sender's domain is none of the tenant's",
                .cure = "see that our certificate was asked for and sent, with every "
                        "intermediate; in the tenant set TlsSenderCertificateName of the "
                        "inbound connector (OnPremises) to a name in it, that is an accepted "
                        "domain",
                .identity = true}},
    {.status = "5.7.51",
     .advice = {.cause = "A partner connector of the tenant takes mail of this domain only from"
                         " certain addresses or a certain certificate, and we showed neither",
                .cure = "in the tenant's inbound connector, see RestrictDomainsToIPAddresses "
                        "and RestrictDomainsToCertificate, and name our address or certificate "
                        "there",
                .identity = true}},
    {.status = "5.7.68",
     .advice = {.cause = "The tenant rejects Direct Send: mail from its own domains that no "
                         "inbound connector is known for (RejectDirectSend)",
                .cure = "in the tenant make an inbound connector (OnPremises) for our "
                        "certificate or address, and see that our certificate is sent; or set "
                        "RejectDirectSend to false",
                .identity = true}},
    {.status = "5.7.57",
     .advice = {.cause = "The next hop takes us for a client that should log in: the host is "
                         "the one for client submission, or our certificate was not recognised",
                .cure = "name the tenant's MX host (domain-com.mail.protection.outlook.com, "
                        "port 25) in SmartHosts, not smtp.office365.com; then see that our "
                        "certificate is sent",
                .identity = true}},
    {.status = "5.7.30",
     .advice = {.cause = "Exchange Online takes no password (Basic authentication) for Client "
                         "Submission any more; the host named here is for clients that log in",
                .cure = "name the tenant's MX host (domain-com.mail.protection.outlook.com, "
                        "port 25) in SmartHosts, and prove ourselves by certificate"}},
    {.status = "5.7.139",
     .advice = {.cause = "Authentication is refused at the host for clients that log in",
                .cure = "name the tenant's MX host (domain-com.mail.protection.outlook.com, "
                        "port 25) in SmartHosts"}},
    {.status = "4.7.66",
     .advice = {.cause = "TLS 1.0 or 1.1 was spoken, and the next hop takes 1.2 and up",
                .cure = "set TlsMinimumVersion of this connector to 1.2; if it is, something "
                        "between here and there speaks for us"}},
    {.status = "4.7.230",
     .advice = {.cause = "Exchange Online throttles mail from this Exchange server on the "
                         "premises, for its version is out of date (a header of the message "
                         "tells it)",
                .cure = "update the Exchange server that hands mail to us; see the report on "
                        "out-of-date connecting servers in the Exchange admin center, where a "
                        "pause of up to 90 days a year can be set"}},
    {.status = "5.7.230",
     .advice = {.cause = "Exchange Online blocks mail from this Exchange server on the "
                         "premises, for its version is out of date (a header of the message "
                         "tells it)",
                .cure = "update the Exchange server that hands mail to us; a pause of up to 90 "
                        "days a year can be set in the Exchange admin center, in the report on "
                        "out-of-date connecting servers"}},
    {.words = "client certificate", /* Postfix: "not trusted", or "No … presented" */
     .advice = {.cause = "The next hop does not trust our client certificate, or none came",
                .cure =
                    "see that TlsCertificateName is set, that Chain has every intermediate, and "
                    "that the next hop trusts the CA above it",
                .identity = true}},
    /* --- our address and its reputation --- */
    {.status = "5.7.606",
     .to = 649,
     .advice = {.cause = "Our address is banned by Exchange Online",
                .cure = "ask to be taken off its list at sender.office.com; and let mail for "
                        "the tenant go out through an inbound connector that knows our "
                        "certificate"}},
    {.status = "5.7.511",
     .advice = {.cause = "Our address is banned by Exchange Online, which lifts that by hand "
                         "only",
                .cure = "forward the refusal to delist@microsoft.com, as its text says"}},
    {.status = "5.7.708",
     .advice = {.cause = "Exchange Online takes no mail from this address for this tenant, "
                         "which is new or of low reputation",
                .cure = "let mail go out from an address of good reputation, or ask Microsoft's"
                        " support"}},
    {.status = "5.7.705",
     .advice = {.cause = "The tenant has sent too much and is blocked from sending",
                .cure = "find what sent it, then ask Microsoft's support to lift the block"}},
    {.status = "4.7.500",
     .to = 699,
     .advice = {.cause = "Exchange Online slows this address down, as it does with addresses it"
                         " sees for the first time, or that send much at once",
                .cure = "wait: the sender will try again; if it stays, see that mail is "
                        "attributed to an inbound connector by our certificate, for that is not"
                        " slowed down so"}},
    {.status = "4.7.1",
     .words = "greylist",
     .advice = {.cause = "The next hop greylists: it takes the same message at the second try",
                .cure = "wait: the sender will try again"}},
    {.status = "5.7.1",
     .words = "spamhaus",
     .advice = {.cause = "Our address is on a block list",
                .cure = "see which at check.spamhaus.org, and ask to be taken off"}},
    {.status = "4.7.25",
     .advice = {.cause = "Our address has no name in DNS, or one that does not lead back to it",
                .cure = "have a PTR record made for our address, and an A record for that name"}},
    {.status = "5.7.25",
     .advice = {.cause = "Our address has no name in DNS, or one that does not lead back to it",
                .cure = "have a PTR record made for our address, and an A record for that name"}},
    {.words = "cannot find your hostname",
     .advice = {.cause = "Our address has no name in DNS, or one that does not lead back to it",
                .cure = "have a PTR record made for our address, and an A record for that name"}},
    {.status = "5.7.23",
     .advice = {.cause = "SPF of the sender's domain does not allow our address",
                .cure = "add our public address to the SPF record of the sender's domain"}},
    {.status = "5.7.26",
     .advice = {.cause = "Neither SPF nor DKIM vouches for the sender's domain",
                .cure = "add our public address to the SPF record of the sender's domain"}},
    {.status = "5.7.509",
     .advice = {.cause = "DMARC of the sender's domain wants this refused: neither SPF nor DKIM"
                         " vouches for it",
                .cure = "add our public address to the SPF record of the sender's domain, or "
                        "sign with DKIM"}},
    /* --- recipients --- */
    {.status = "5.4.1",
     .advice = {.cause = "The tenant has no such recipient or no such accepted domain, and "
                         "refuses at its edge (Directory Based Edge Blocking)",
                .cure = "see that the address exists there; for a domain that lives on the "
                        "premises too, set it to InternalRelay in the tenant"}},
    {.status = "5.1.8",
     .advice = {.cause = "The sender is blocked by Exchange Online for having sent spam",
                .cure = "see \"Restricted entities\" in the tenant's Defender portal"}},
    {.status = "5.1.1",
     .advice = {.cause = "There is no such recipient",
                .cure = "see that the address is spelled right and exists there"}},
    {.status = "5.1.10",
     .advice = {.cause = "There is no such recipient",
                .cure = "see that the address is spelled right and exists there"}},
    {.status = "5.2.2", .advice = {.cause = "The mailbox is full", .cure = "tell its owner"}},
    {.status = "4.2.2", .advice = {.cause = "The mailbox is full", .cure = "tell its owner"}},
    {.status = "5.3.4",
     .advice = {.cause = "The message is larger than the next hop takes",
                .cure = "raise its limit (MaxMessageSize), or lower MaxMessageSize here so that"
                        " the sender is told at once"}},
    {.status = "5.2.3",
     .advice = {.cause = "The message is larger than the mailbox takes",
                .cure = "raise its limit (MaxReceiveSize), or send less at a time"}},
    {.words = "relay access denied",
     .advice = {.cause = "The next hop does not serve the recipient's domain for us",
                .cure = "see RecipientDomains of this connector, and let the next hop relay for"
                        " our address or certificate"}},
    {.words = "unable to relay",
     .advice = {.cause = "The next hop does not serve the recipient's domain for us",
                .cure = "see RecipientDomains of this connector; on Exchange, see the receive "
                        "connector's permissions (Ms-Exch-SMTP-Accept-Any-Recipient) and "
                        "accepted domains"}},
    {.status = "5.7.133",
     .advice = {.cause = "The recipient takes mail from authenticated senders only",
                .cure = "set RequireSenderAuthenticationEnabled of the recipient to false; or "
                        "see that our mail is attributed to the tenant, and "
                        "CloudServicesMailEnabled is set on both sides"}},
    /* --- load --- */
    {.status = "4.3.2",
     .advice = {.cause = "The next hop is busy, or takes no more connections from us now",
                .cure = "wait: the sender will try again; if it stays, see the limits of the "
                        "connector over there"}},
    {.status = "4.3.1",
     .advice = {.cause = "The next hop is short of disk or memory (back pressure)",
                .cure = "see the disk and the queues of that server"}},
    {.status = "4.7.0",
     .words = "PRX",
     .advice = {.cause = "Exchange's front end could not reach its back end",
                .cure = "see the health of the Exchange servers, their DNS and their "
                        "certificates"}},
    /* --- without or beyond an enhanced status --- */
    {.code = 502,
     .advice = {.cause = "The next hop does not know this command",
                .cure = "see that it is the SMTP server meant, and that no filter between "
                        "changes what it says"}},
    {.code = 504,
     .words = "helo",
     .advice = {.cause = "The next hop does not like our name",
                .cure = "set HostName to a full name that DNS knows"}},
    {.code = 421,
     .advice = {.cause = "The next hop ends the connection: it is busy, stopping, or does not "
                         "want us",
                .cure = "read its text; wait, for the sender will try again"}},
    {.code = 530,
     .advice = {.cause = "The next hop wants TLS, or a client that logs in",
                .cure = "set TlsSettings of this connector to EncryptionOnly or more; if it is,"
                        " the host is one for client submission: name its MX host in SmartHosts"}},
    {.code = 535,
     .advice = {.cause = "Authentication is refused at the host for clients that log in",
                .cure = "name the host that takes mail from servers, on port 25, in SmartHosts"}},
    {.code = 552,
     .advice = {.cause = "The message is larger than the next hop takes",
                .cure = "raise its limit, or send less at a time"}},
    {.code = 554,
     .status = "5.7.1",
     .advice = {.cause = "The next hop refuses by policy: our address, our name or the message",
                .cure = "read its text, and ask its administrator"}},
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
