/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The tenant's connectors, seen from the other end of the wire: its inbound connector says as whom
 * it knows us, and becomes our outbound connector to it; its outbound connector sends to us, and
 * becomes our inbound connector, for the cloud's certificate. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/import-private.h"
#include "connectors/values.h"

#define NO_MEANING(name, why)                                                                      \
    {                                                                                              \
        name, NULL, NULL, why, 0, 0                                                                \
    }

static const char the_tenants[] = "it is what the tenant does with our mail, and stays there";
static const char of_wizard[] = "it says how the connector was made, and stays in the tenant";

/* What a list of domains says: "smtp:*.contoso.com;1", or a domain alone. True: at least one. */
static bool put_domains(struct conn_import_work *work, struct conn_draft *draft, const char *list,
                        const char *element)
{
    const struct conn_clixml_value *at = NULL, *value = conn_clixml_find(work->source, list);
    const char *item;
    char domain[CONN_DOMAIN_MAXIMUM + 8];
    unsigned cost;
    while ((item = conn_import_next(value, &at))) {
        _cleanup_free_ char *parsed = NULL;
        struct error error;
        const char *slash = strrchr(item, '/'); /* AssociatedAcceptedDomains are objects' names */
        if (!conn_import_space(slash ? slash + 1 : item, domain, sizeof domain, &cost))
            continue;
        if (conn_parse_domain(list, domain, true, true, &parsed, &error) == 0)
            conn_draft_put(draft, element, "Domain", parsed);
        else
            conn_import_note(work, "'%s' of %s was left out: %s", item, list, error.what);
    }
    return conn_draft_has(draft, element);
}

/* --- its inbound connector: our way to it --- */

static void begin_to_tenant(struct conn_import_work *work)
{
    struct conn_host host = {.name = NULL};
    struct error error;
    const char *name = conn_import_find(work, "TlsSenderCertificateName");
    bool exchange = strncmp(name, "<I>", 3) == 0;
    if (!put_domains(work, &work->draft, "AssociatedAcceptedDomains", "RecipientDomains"))
        conn_draft_put(&work->draft, "RecipientDomains", "Domain", "*");
    if (work->options->smart_host &&
        conn_parse_host("--smart-host", work->options->smart_host, &host, &error) == 0) {
        conn_draft_put(&work->draft, "SmartHosts", "Host", work->options->smart_host);
    } else {
        conn_draft_put(&work->draft, "SmartHosts", "Host", "smart-host.invalid");
        conn_import_need(work, "SmartHosts: the tenant's MX, like "
                               "contoso-com.mail.protection.outlook.com, which the export does not "
                               "hold; name it with --smart-host HOST");
    }
    free(host.name);
    work->settings = CONN_TLS_DOMAIN_VALIDATION;
    conn_import_put_settings(work);
    if (work->settings == CONN_TLS_DOMAIN_VALIDATION) {
        conn_draft_put(&work->draft, "TlsDomain", NULL, "mail.protection.outlook.com");
        conn_draft_put(&work->draft, "TlsDomain", NULL, "*.mx.microsoft");
    }
    if (name[0])
        conn_import_choose_certificate(work, exchange ? NULL : name, exchange ? name : NULL);
    conn_draft_put(&work->draft, "ConnectorType", NULL, "OnPremises");
    conn_import_note(work, "Mail of every inbound connector may go this way; name those that may "
                           "with <InboundConnectors>");
}

static void take_our_name(struct conn_import_work *work,
                          const struct conn_import_property *property)
{
    char becomes[160];
    (void)property;
    if (!conn_import_text(work->value)[0])
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                                "it is empty: the tenant knows us by our address");
    if (!work->certificate)
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                                "no certificate of postern.xml stands for it");
    snprintf(becomes, sizeof becomes, "TlsCertificateName %s", work->certificate);
    conn_import_tell(work, CONN_IMPORT_CHANGED, becomes,
                     "it is the name by which the tenant knows us: see that our certificate has it "
                     "(posternctl cert show)");
}

static void take_associated(struct conn_import_work *work,
                            const struct conn_import_property *property)
{
    (void)property;
    if (conn_import_text(work->value)[0])
        conn_import_tell(work, CONN_IMPORT_CHANGED, "RecipientDomains",
                         "the tenant takes mail for these domains by this connector");
    else
        conn_import_tell(work, CONN_IMPORT_CHANGED, "RecipientDomains *",
                         "it is empty, which means every domain of the tenant");
}

static void take_require(struct conn_import_work *work, const struct conn_import_property *property)
{
    char becomes[64];
    (void)property;
    snprintf(becomes, sizeof becomes, "TlsSettings %s", conn_tls_settings_name(work->settings));
    conn_import_tell(work, CONN_IMPORT_CHANGED, becomes,
                     "to the tenant always with TLS, and to nobody who is not Exchange Online");
}

static void take_type(struct conn_import_work *work, const struct conn_import_property *property)
{
    (void)property;
    if (strcasecmp(conn_import_text(work->value), "OnPremises") == 0)
        return conn_import_tell(work, CONN_IMPORT_TAKEN, "ConnectorType OnPremises", NULL);
    conn_draft_drop(&work->draft, "ConnectorType");
    conn_import_tell(work, CONN_IMPORT_TAKEN, "no ConnectorType", "Partner is the default");
}

static const struct conn_import_property to_tenant[] = {
    {"AssociatedAcceptedDomains", take_associated, NULL, NULL, 0, 0},
    NO_MEANING("ClientHostNames", the_tenants),
    {"CloudServicesMailEnabled", conn_import_cloud_services, NULL, NULL, 0, 0},
    {"Comment", conn_import_comment, NULL, NULL, 0, 0},
    NO_MEANING("ConnectorSource", of_wizard),
    {"ConnectorType", take_type, NULL, NULL, 0, 0},
    NO_MEANING("DetectSenderIPBySkippingLastIP", the_tenants),
    NO_MEANING("DetectSenderIPBySkippingTheseIPs", the_tenants),
    NO_MEANING("DetectSenderIPRecipientList", the_tenants),
    NO_MEANING("EFSkipIPs", the_tenants),
    NO_MEANING("EFSkipLastIP", the_tenants),
    NO_MEANING("EFSkipMailGateway", the_tenants),
    NO_MEANING("EFTestMode", the_tenants),
    NO_MEANING("EFUsers", the_tenants),
    {"Enabled", conn_import_enabled, NULL, NULL, 0, 0},
    {"RequireTls", take_require, NULL, NULL, 0, 0},
    NO_MEANING("RestrictDomainsToCertificate", the_tenants),
    NO_MEANING("RestrictDomainsToIPAddresses", the_tenants),
    NO_MEANING("ScanAndDropRecipients", the_tenants),
    NO_MEANING("SenderDomains",
               "the tenant looks at senders; here SenderDomains of inbound connectors do"),
    NO_MEANING("SenderIPAddresses", "the tenant looks at our address: mail must leave from these"),
    {"TlsSenderCertificateName", take_our_name, NULL, NULL, 0, 0},
    NO_MEANING("TreatMessagesAsInternal", the_tenants),
    NO_MEANING("TrustedOrganizations", the_tenants),
};

const struct conn_import_table conn_import_tenant_inbound = {
    .begin = begin_to_tenant,
    .properties = to_tenant,
    .count = ARRAY_SIZE(to_tenant),
};

/* --- its outbound connector: its way to us --- */

static void suggest_premises(struct conn_import_work *work)
{
    work->suggestion_name = "premises";
    conn_draft_put(&work->suggestion, "InboundConnectors", "Name", work->object->name);
    if (!put_domains(work, &work->suggestion, "RecipientDomains", "RecipientDomains"))
        conn_draft_put(&work->suggestion, "RecipientDomains", "Domain", "recipients.invalid");
    conn_draft_put(&work->suggestion, "SmartHosts", "Host", "exchange.invalid");
    conn_draft_put(&work->suggestion, "TlsSettings", NULL, "EncryptionOnly");
    conn_import_note(work, "What the cloud sends goes on to the premises by an outbound connector "
                           "like the one suggested, with your mail servers in the place of "
                           "exchange.invalid");
}

/* Every tenant's mail comes under the same certificate: a connector that looks no further would let
 * any of them in. */
static void put_organizations(struct conn_import_work *work)
{
    const struct conn_config *config = work->options->config;
    for (size_t i = 0; config && i < config->accepted_domains.count; i++)
        conn_draft_put(&work->draft, "OriginatorOrganizations", "Domain",
                       config->accepted_domains.items[i]);
    if (!conn_draft_has(&work->draft, "OriginatorOrganizations"))
        put_domains(work, &work->draft, "RecipientDomains", "OriginatorOrganizations");
    for (size_t i = 0; i < work->draft.count;) {
        const struct conn_draft_entry *entry = &work->draft.entries[i];
        if (strcmp(entry->element, "OriginatorOrganizations") == 0 && entry->text[0] == '*')
            conn_draft_remove(&work->draft, i);
        else
            i++;
    }
    if (conn_draft_has(&work->draft, "OriginatorOrganizations"))
        conn_import_note(work, "Every tenant's mail comes under the same certificate: see that "
                               "OriginatorOrganizations has the domains of your own tenant, and no "
                               "others");
    else
        conn_import_need(work, "OriginatorOrganizations: every tenant's mail comes under the same "
                               "certificate; name the domains of your own");
}

static void begin_from_tenant(struct conn_import_work *work)
{
    conn_import_choose_certificate(work, conn_import_find(work, "TlsDomain"), NULL);
    bool proved = work->certificate && conn_import_put_anchors(work);
    if (proved) {
        conn_draft_put(&work->draft, "RequireTls", NULL, "true");
        conn_draft_put(&work->draft, "TlsSenderCertificateName", NULL,
                       "mail.protection.outlook.com");
        conn_draft_put(&work->draft, "ClientEku", NULL, "ClientOrServerAuth");
    } else {
        conn_draft_put(&work->draft, "SenderIPAddresses", "Range", "192.0.2.1");
        conn_import_need(work, "TlsSenderCertificateName mail.protection.outlook.com: it can only "
                               "be checked with a certificate of ours and TrustAnchors; 192.0.2.1, "
                               "which nobody has, stands in SenderIPAddresses instead");
    }
    conn_draft_put(&work->draft, "ConnectorType", NULL, "OnPremises");
    put_organizations(work);
    suggest_premises(work);
}

static void take_us(struct conn_import_work *work, const struct conn_import_property *property)
{
    (void)property;
    if (conn_draft_has(&work->draft, "TlsSenderCertificateName"))
        conn_import_tell(work, CONN_IMPORT_CHANGED,
                         "RequireTls true, TlsSenderCertificateName mail.protection.outlook.com",
                         "how the tenant demands TLS of us; here the cloud must show its "
                         "certificate");
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "what it needs is lacking, see below");
}

static void take_tls_domain(struct conn_import_work *work,
                            const struct conn_import_property *property)
{
    char becomes[160];
    (void)property;
    if (!conn_import_text(work->value)[0] || !work->certificate)
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "%s",
                                work->certificate ? "it is empty"
                                                  : "no certificate of postern.xml stands for it");
    snprintf(becomes, sizeof becomes, "TlsCertificateName %s", work->certificate);
    conn_import_tell(work, CONN_IMPORT_CHANGED, becomes,
                     "it is the name that the tenant looks for in our certificate: see that it has "
                     "it (posternctl cert show)");
}

static void take_recipients(struct conn_import_work *work,
                            const struct conn_import_property *property)
{
    (void)property;
    if (conn_draft_has(&work->draft, "OriginatorOrganizations"))
        conn_import_tell(work, CONN_IMPORT_CHANGED, "OriginatorOrganizations",
                         "what the tenant sends to us is your own organisation's; the suggested "
                         "outbound connector takes these recipients");
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                         "the suggested outbound connector takes these recipients");
}

static const struct conn_import_property from_tenant[] = {
    NO_MEANING("AllAcceptedDomains", "the suggested outbound connector says which recipients"),
    {"CloudServicesMailEnabled", conn_import_cloud_services, NULL, NULL, 0, 0},
    {"Comment", conn_import_comment, NULL, NULL, 0, 0},
    NO_MEANING("ConnectorSource", of_wizard),
    {"ConnectorType", take_type, NULL, NULL, 0, 0},
    {"Enabled", conn_import_enabled, NULL, NULL, 0, 0},
    NO_MEANING("IsTransportRuleScoped", "rules of the tenant choose this way, and stay there"),
    NO_MEANING("IsValidated", "the tenant's own validation; see posternctl outbound validate"),
    NO_MEANING("LastValidationTimestamp",
               "the tenant's own validation; see posternctl outbound validate"),
    NO_MEANING("LinkForModifiedConnector", of_wizard),
    NO_MEANING("MtaStsMode", "it is how the tenant looks for us, and stays there"),
    {"RecipientDomains", take_recipients, NULL, NULL, 0, 0},
    NO_MEANING("RouteAllMessagesViaOnPremises",
               "the tenant then sends all of its mail to us: see that outbound connectors take it"),
    NO_MEANING("SenderRewritingEnabled", "the tenant does it, before the mail comes to us"),
    NO_MEANING("SmartHosts", "that is us: see that these names lead to Postern's listeners"),
    NO_MEANING("SmtpDaneMode", "it is how the tenant looks for us, and stays there"),
    NO_MEANING("TestMode", "it is a test of the tenant's, and stays there"),
    {"TlsDomain", take_tls_domain, NULL, NULL, 0, 0},
    {"TlsSettings", take_us, NULL, NULL, 0, 0},
    NO_MEANING("UseMXRecord", "it is how the tenant finds us, and stays there"),
    NO_MEANING("ValidationRecipients",
               "the tenant's own validation; see posternctl outbound validate"),
};

const struct conn_import_table conn_import_tenant_outbound = {
    .inbound = true,
    .begin = begin_from_tenant,
    .properties = from_tenant,
    .count = ARRAY_SIZE(from_tenant),
};
