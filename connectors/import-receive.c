/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A Receive connector of Exchange becomes an inbound connector: who handed mail to Exchange from
 * outside hands it to Postern. In Exchange AnonymousUsers may write to the organisation's own
 * recipients alone; who is let in here may send on, so that a connector for everyone is not
 * enabled.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/import-private.h"
#include "connectors/values.h"

/* "10.1.0.0(255.255.0.0)", which Exchange shows for a network, as a prefix. */
static void unmask(const char *text, char *range, size_t size)
{
    struct in_addr mask;
    char address[64], dotted[64];
    snprintf(range, size, "%s", text);
    if (sscanf(text, "%63[0-9.](%63[0-9.])", address, dotted) != 2 ||
        inet_pton(AF_INET, dotted, &mask) != 1)
        return;
    uint32_t bits = ntohl(mask.s_addr);
    if (bits & (~bits >> 1)) /* a hole in it */
        return;
    snprintf(range, size, "%s/%d", address, __builtin_popcount(bits));
}

static bool is_everyone(const struct conn_range *range)
{
    static const struct in6_addr none;
    static const unsigned char four[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char all[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (memcmp(range->last.s6_addr + 12, all, 4) != 0)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&range->first))
        return memcmp(range->first.s6_addr, four, 12) == 0 &&
               memcmp(range->first.s6_addr + 12, none.s6_addr, 4) == 0;
    return memcmp(&range->first, &none, sizeof none) == 0 && memcmp(&range->last, all, 16) == 0;
}

static bool is_for_everyone(const struct conn_import_work *work)
{
    const struct conn_clixml_value *at = NULL,
                                   *list = conn_clixml_find(work->source, "RemoteIPRanges");
    const char *item;
    char text[128];
    struct error error;
    while ((item = conn_import_next(list, &at))) {
        struct conn_range range;
        unmask(item, text, sizeof text);
        if (conn_parse_range("Range", text, &range, &error) == 0 && is_everyone(&range))
            return true;
    }
    return false;
}

/* In Exchange AnonymousUsers reach the organisation's own recipients alone; here they could send
 * on. */
static void close_to_everyone(struct conn_import_work *work)
{
    conn_draft_put(&work->draft, "SenderIPAddresses", "Range", "192.0.2.1");
    conn_import_need(work, "SenderIPAddresses: every address may connect in Exchange, where "
                           "AnonymousUsers reach your own recipients alone; here they could send "
                           "on. 192.0.2.1, which nobody has, stands there: name your servers and "
                           "devices");
    conn_import_tell(work, CONN_IMPORT_CHANGED, "SenderIPAddresses 192.0.2.1",
                     "here everyone could send on, see below");
}

static void take_ranges(struct conn_import_work *work, const struct conn_import_property *property)
{
    const struct conn_clixml_value *at = NULL;
    const char *item;
    char text[128];
    struct error error;
    (void)property;
    if (is_for_everyone(work) && conn_draft_has(&work->draft, "TlsSenderCertificateName"))
        return conn_import_tell(work, CONN_IMPORT_CHANGED, "no SenderIPAddresses",
                                "any address; who may send is told by the certificate");
    if (is_for_everyone(work))
        return close_to_everyone(work);
    while ((item = conn_import_next(work->value, &at))) {
        struct conn_range range;
        unmask(item, text, sizeof text);
        if (conn_parse_range("Range", text, &range, &error) == 0)
            conn_draft_put(&work->draft, "SenderIPAddresses", "Range", text);
        else
            conn_import_note(work, "The range '%s' was left out: %s", item, error.what);
    }
    if (conn_draft_has(&work->draft, "SenderIPAddresses"))
        conn_import_tell(work, CONN_IMPORT_TAKEN, "SenderIPAddresses", NULL);
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "there is none that can be read");
}

static void take_bindings(struct conn_import_work *work,
                          const struct conn_import_property *property)
{
    (void)property;
    conn_import_tell(
        work, CONN_IMPORT_LEFT_OUT, NULL,
        "these are addresses of the Exchange server; Postern listens where "
        "<Listener Address=\"…\"/> of postern.xml says, and <Bindings> ties a connector "
        "to some of them");
}

/* --- certificates --- */

/* "mail.protection.outlook.com:AcceptCloudServicesMail", or with <I>…<S>… before the colon. */
static void put_capability(struct conn_import_work *work, const char *text)
{
    char subject[600], name[300];
    _cleanup_free_ char *parsed = NULL;
    struct error error;
    const char *colon = strrchr(text, ':');
    snprintf(subject, sizeof subject, "%.*s", (int)(colon ? colon - text : (long)strlen(text)),
             text);
    const char *of_subject = strstr(subject, "<S>");
    const char *common = of_subject ? strcasestr(of_subject, "CN=") : NULL;
    snprintf(name, sizeof name, "%.*s", common ? (int)strcspn(common + 3, ",+") : 299,
             common ? common + 3 : subject);
    if (conn_parse_domain("TlsDomainCapabilities", name, true, false, &parsed, &error) < 0) {
        conn_import_note(work, "The capability '%s' was left out: %s", text, error.what);
        return;
    }
    conn_draft_put(&work->draft, "TlsSenderCertificateName", NULL, parsed);
    if (of_subject)
        conn_import_put_pair(work, &work->draft, subject);
    if (colon &&
        (strcasestr(colon, "AcceptCloudServicesMail") || strcasestr(colon, "AcceptOorgProtocol")))
        conn_draft_put(&work->draft, "CloudServicesMailEnabled", NULL, "true");
}

static void begin_receive(struct conn_import_work *work)
{
    const struct conn_clixml_value *at = NULL,
                                   *list = conn_clixml_find(work->source, "TlsDomainCapabilities");
    const char *item;
    while ((item = conn_import_next(list, &at)))
        put_capability(work, item);
    bool names = conn_draft_has(&work->draft, "TlsSenderCertificateName");
    if (names || conn_import_is_true(work, "RequireTLS") ||
        conn_import_find(work, "TlsCertificateName")[0])
        conn_import_choose_certificate(work, NULL, conn_import_find(work, "TlsCertificateName"));
    if (!names)
        return;
    if (work->certificate && conn_import_put_anchors(work)) {
        conn_draft_put(&work->draft, "ClientEku", NULL, "ClientOrServerAuth");
        return;
    }
    conn_draft_drop(&work->draft, "TlsSenderCertificateName");
    conn_draft_drop(&work->draft, "PeerCertificates");
    conn_draft_drop(&work->draft, "TrustAnchors");
    conn_import_need(work, "TlsSenderCertificateName: it can only be checked with a certificate of "
                           "ours and TrustAnchors");
}

static void take_capabilities(struct conn_import_work *work,
                              const struct conn_import_property *property)
{
    (void)property;
    if (!conn_import_text(work->value)[0])
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "it is empty");
    else if (conn_draft_has(&work->draft, "TlsSenderCertificateName"))
        conn_import_tell(work, CONN_IMPORT_CHANGED, "TlsSenderCertificateName",
                         "in Exchange who shows this certificate gets rights; here who does not "
                         "show it is not let in through this connector");
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "what it needs is lacking, see below");
}

static void take_certificate(struct conn_import_work *work,
                             const struct conn_import_property *property)
{
    (void)property;
    conn_import_certificate(
        work, "it is empty: the gateway chooses its certificate",
        "a certificate has a name here; Exchange's own is what answers when Postern "
        "sends to it");
}

static void take_require(struct conn_import_work *work, const struct conn_import_property *property)
{
    bool required = conn_import_is_true(work, "RequireTLS") ||
                    conn_draft_has(&work->draft, "TlsSenderCertificateName");
    const struct conn_config *config = work->options->config;
    (void)property;
    if (required && !work->certificate && !(config && config->certificate_count)) {
        conn_draft_put(&work->draft, "RequireTls", NULL, "false");
        return conn_import_tell(work, CONN_IMPORT_CHANGED, "RequireTls false",
                                "what it needs is lacking, see below");
    }
    conn_draft_put(&work->draft, "RequireTls", NULL, required ? "true" : "false");
    conn_import_tell(work,
                     required == conn_import_is_true(work, work->property) ? CONN_IMPORT_TAKEN
                                                                           : CONN_IMPORT_CHANGED,
                     required ? "RequireTls true" : "RequireTls false",
                     "without TLS no certificate could be asked for");
}

/* --- rights --- */

static void take_mechanism(struct conn_import_work *work,
                           const struct conn_import_property *property)
{
    (void)property;
    if (!strcasestr(conn_import_text(work->value), "ExternalAuthoritative"))
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                                "addresses and certificates prove who may send, and TLS is "
                                "RequireTls; where it is a password, <Credentials> have the users");
    conn_draft_put(&work->draft, "TreatMessagesAsInternal", NULL, "true");
    conn_draft_put(&work->draft, "ConnectorType", NULL, "OnPremises");
    conn_import_tell(work, CONN_IMPORT_CHANGED, "TreatMessagesAsInternal true",
                     "ExternalAuthoritative means that the way is secured by other means; where "
                     "it is a password, <Credentials> have the users");
}

static void finish_receive(struct conn_import_work *work)
{
    bool named = conn_draft_has(&work->draft, "TlsSenderCertificateName");
    if (named && !conn_draft_has(&work->draft, "RequireTls"))
        conn_draft_put(&work->draft, "RequireTls", NULL, "true");
    if (!named && !conn_draft_has(&work->draft, "SenderIPAddresses")) {
        conn_draft_put(&work->draft, "SenderIPAddresses", "Range", "192.0.2.1");
        conn_import_need(work, "SenderIPAddresses: who may send; 192.0.2.1, which nobody has, "
                               "stands there");
    }
    conn_import_note(work,
                     "What comes in here goes on by an outbound connector: see that one takes "
                     "it (RecipientDomains or AddressSpaces, and InboundConnectors)");
}

#define NO_MEANING(name, why)                                                                      \
    {                                                                                              \
        name, NULL, NULL, why, 0, 0                                                                \
    }
static const char always_offered[] = "Postern offers what the next hop and SMTP allow";
static const char no_auth[] =
    "it is about AUTH for Exchange's own users; <Credentials> have users of their own";
static const char of_exchange[] = "it is about the inside of an Exchange server";

static const struct conn_import_property properties[] = {
    NO_MEANING("AcceptConsumerMail", of_exchange),
    NO_MEANING("AdvertiseClientSettings", of_exchange),
    {"AuthMechanism", take_mechanism, NULL, NULL, 0, 0},
    NO_MEANING("AuthTarpitInterval", no_auth),
    NO_MEANING("Banner", "Postern has a greeting of its own, with its HostName"),
    NO_MEANING(
        "BareLinefeedRejectionEnabled",
        "bare line feeds are always refused, but for <BareLinefeed>Normalize</BareLinefeed>"),
    NO_MEANING("BinaryMimeEnabled", always_offered),
    {"Bindings", take_bindings, NULL, NULL, 0, 0},
    NO_MEANING("ChunkingEnabled", always_offered),
    {"Comment", conn_import_comment, NULL, NULL, 0, 0},
    {"ConnectionInactivityTimeout", conn_import_duration, "ConnectionInactivityTimeOut", NULL, 1000,
     24 * 3600 * 1000},
    {"ConnectionTimeout", conn_import_duration, "ConnectionTimeOut", NULL, 1000,
     7 * 24 * 3600 * 1000},
    NO_MEANING("DefaultDomain", "Postern rewrites no addresses"),
    NO_MEANING("DeliveryStatusNotificationEnabled", always_offered),
    NO_MEANING("DomainSecureEnabled",
               "mutual TLS for single domains is a connector here, with TlsSenderCertificateName"),
    NO_MEANING("EightBitMimeEnabled", always_offered),
    NO_MEANING("EnableAuthGSSAPI", no_auth),
    {"Enabled", conn_import_enabled, NULL, NULL, 0, 0},
    NO_MEANING("EnhancedStatusCodesEnabled", always_offered),
    NO_MEANING("ExtendedProtectionPolicy", no_auth),
    {"Fqdn", conn_import_fqdn, NULL, NULL, 0, 0},
    NO_MEANING("LiveCredentialEnabled", no_auth),
    NO_MEANING("LongAddressesEnabled", of_exchange),
    NO_MEANING("MaxAcknowledgementDelay",
               "there is no shadow redundancy: the next hop's answer is Postern's"),
    CONN_IMPORT_SIZE("MaxHeaderSize", "MaxHeaderSize", 4096, UINT64_C(64) << 20),
    {"MaxHopCount", conn_import_number, "MaxHopCount", NULL, 1, 500},
    {"MaxInboundConnection", conn_import_number, "MaxInboundConnection", NULL, 1, 1000000},
    NO_MEANING("MaxInboundConnectionPercentagePerSource",
               "MaxInboundConnectionPerSource says it as a number"),
    {"MaxInboundConnectionPerSource", conn_import_number, "MaxInboundConnectionPerSource", NULL, 1,
     1000000},
    NO_MEANING("MaxLocalHopCount", of_exchange),
    NO_MEANING("MaxLogonFailures", no_auth),
    CONN_IMPORT_SIZE("MaxMessageSize", "MaxMessageSize", 1024, UINT64_C(64) << 30),
    {"MaxProtocolErrors", conn_import_number, "MaxProtocolErrors", NULL, 1, 1000000},
    {"MaxRecipientsPerMessage", conn_import_number, "MaxRecipientsPerMessage", NULL, 1, 100000},
    {"MessageRateLimit", conn_import_number, "MessageRateLimit", NULL, 1, 100000000},
    NO_MEANING("MessageRateSource", "the rate is that of a client's address"),
    NO_MEANING("OrarEnabled", of_exchange),
    NO_MEANING("PermissionGroups",
               "who meets every condition of the connector may send, and outbound connectors say "
               "where to"),
    NO_MEANING("PipeliningEnabled", always_offered),
    NO_MEANING("ProtocolLoggingLevel", "Postern logs each message, and a session when it is asked"),
    NO_MEANING("ProxyEnabled", of_exchange),
    NO_MEANING("RejectReservedSecondLevelRecipientDomains", "outbound connectors say where to"),
    NO_MEANING("RejectReservedTopLevelRecipientDomains", "outbound connectors say where to"),
    NO_MEANING("RejectSingleLabelRecipientDomains", "outbound connectors say where to"),
    {"RemoteIPRanges", take_ranges, NULL, NULL, 0, 0},
    NO_MEANING("RequireEHLODomain", "what a client calls itself proves nothing"),
    {"RequireTLS", take_require, NULL, NULL, 0, 0},
    NO_MEANING("Server", "it is which Exchange server the connector is on"),
    NO_MEANING("ServiceDiscoveryFqdn", of_exchange),
    NO_MEANING("SizeEnabled", always_offered),
    NO_MEANING("SmtpUtf8Enabled", always_offered),
    NO_MEANING("SuppressXAnonymousTls", "X-ANONYMOUSTLS is never offered"),
    NO_MEANING("TarpitInterval", "Postern slows nobody down; MaxProtocolErrors ends a session"),
    {"TlsCertificateName", take_certificate, NULL, NULL, 0, 0},
    {"TlsDomainCapabilities", take_capabilities, NULL, NULL, 0, 0},
    NO_MEANING("TransportRole", of_exchange),
};

const struct conn_import_table conn_import_receive = {
    .inbound = true,
    .begin = begin_receive,
    .finish = finish_receive,
    .properties = properties,
    .count = ARRAY_SIZE(properties),
};
