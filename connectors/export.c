/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See export.h. Directions turn around: our way out to the tenant is its inbound connector, our way
 * in from it its outbound connector; our way in from the premises is Exchange's Send connector, our
 * way out to them its Receive connectors. */
#include "connectors/export.h"

#include <string.h>
#include <strings.h>

#include "connectors/ours.h"
#include "connectors/values.h"
#include "pki/bundle.h"

struct script {
    FILE *stream;
    const struct conn_config *config;
    struct conn_ours *ours; /* of the certificate at hand */
    char name[256];         /* its first DNS name */
    bool any;               /* a command was written since the last heading */
};

/* --- writing --- */

static void put_line(struct script *script, const char *text)
{
    fprintf(script->stream, "# ");
    conn_export_comment(script->stream, text);
    fputc('\n', script->stream);
}

static void put_heading(struct script *script, const char *where)
{
    fprintf(script->stream, "\n# ==== %s ====\n", where);
    script->any = false;
}

static void put_nothing(struct script *script, const char *why)
{
    if (!script->any)
        fprintf(script->stream, "\n# Nothing to do here: %s.\n", why);
}

/* A comment of what the following command is for, with the connector that asks for it. */
static void put_purpose(struct script *script, const char *what, const char *connector)
{
    script->any = true;
    fprintf(script->stream, "\n# %s (connector ", what);
    conn_export_comment(script->stream, connector);
    fputs(").\n", script->stream);
}

static void put_text(FILE *stream, const char *parameter, const char *text)
{
    fprintf(stream, " -%s ", parameter);
    conn_export_quote(stream, text);
}

static void put_flag(FILE *stream, const char *parameter, bool value)
{
    fprintf(stream, " -%s $%s", parameter, value ? "true" : "false");
}

/* `New-X -Name 'n' parameters`, and the same for a connector that is there already. */
static void put_command(struct script *script, const char *noun, const char *connector,
                        const char *both, const char *parameters)
{
    char name[64]; /* Exchange Online takes no more */
    snprintf(name, sizeof name, "Postern %.50s", connector);
    fprintf(script->stream, "New-%s", noun);
    put_text(script->stream, "Name", name);
    fprintf(script->stream, "%s%s\n# If it is there already: Set-%s", both, parameters, noun);
    put_text(script->stream, "Identity", name);
    fprintf(script->stream, "%s\n", parameters);
}

/* A command's parameters as text. */
struct parameters {
    FILE *stream;
    char *text;
    size_t size;
};

static bool open_parameters(struct parameters *parameters)
{
    *parameters = (struct parameters){.stream = NULL};
    parameters->stream = open_memstream(&parameters->text, &parameters->size);
    return parameters->stream != NULL;
}

static void close_parameters(struct script *script, struct parameters *parameters, const char *noun,
                             const char *connector, const char *once)
{
    if (fclose(parameters->stream) == 0)
        put_command(script, noun, connector, once, parameters->text);
    free(parameters->text);
}

/* --- what a connector is --- */

static bool is_of_cloud(const char *name)
{
    return strcasestr(name, "mail.protection.") || strcasestr(name, ".mx.microsoft") ||
           strcasecmp(name, "outlook.com") == 0;
}

static bool has_of_cloud(const struct conn_strings *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (is_of_cloud(names->items[i]))
            return true;
    return false;
}

static bool goes_to_cloud(const struct conn_outbound *outbound)
{
    for (size_t i = 0; i < outbound->host_count; i++)
        if (is_of_cloud(outbound->hosts[i].name))
            return true;
    return has_of_cloud(&outbound->tls_domains);
}

static bool comes_from_cloud(const struct conn_inbound *inbound)
{
    return has_of_cloud(&inbound->sender_certificate_names);
}

static bool takes_mail_of(const struct conn_outbound *outbound, const struct conn_inbound *inbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] == inbound)
            return true;
    return !outbound->scope_count;
}

/* Reads our certificate's names; NULL: there is none, and no name. */
static int look_up(struct script *script, const struct conn_certificate *certificate,
                   struct error *error)
{
    script->name[0] = '\0';
    if (!certificate)
        return 0;
    int result = conn_ours_read(certificate, script->ours, error);
    if (result == 0)
        conn_ours_name(script->ours, script->name, sizeof script->name);
    return result;
}

/* What an inbound connector shows its clients: its own certificate, or the gateway's first. */
static const struct conn_certificate *shown_by(const struct script *script,
                                               const struct conn_inbound *inbound)
{
    const struct conn_config *config = script->config;
    return inbound && inbound->certificate ? inbound->certificate
           : config->certificate_count     ? &config->certificates[0]
                                           : NULL;
}

/* --- the tenant --- */

static void put_sources(FILE *stream, const struct conn_outbound *outbound)
{
    fputs(" -SenderIPAddresses ", stream);
    for (size_t i = 0; i < outbound->source_address_count; i++) {
        fputs(i ? "," : "", stream);
        conn_export_quote(stream, outbound->source_addresses[i].address);
    }
    if (!outbound->source_address_count)
        conn_export_quote(stream, "192.0.2.1");
}

static int put_tenant_inbound(struct script *script, const struct conn_outbound *outbound,
                              struct error *error)
{
    struct parameters parameters;
    bool presents = outbound->tls_settings != CONN_TLS_NONE;
    int result = look_up(script, presents ? outbound->certificate : NULL, error);
    if (result < 0 || !open_parameters(&parameters))
        return result < 0 ? result : error_set(error, EX_OSERR, "There is no memory left");
    put_purpose(script, "The tenant takes our mail for its own organisation's", outbound->name);
    if (script->name[0])
        put_line(script, "It knows us by this name of our certificate, whatever our address is.");
    else
        put_line(script, "This connector presents no certificate with a DNS name: the tenant can "
                         "know us by our address alone. See that it is the one below.");
    put_flag(parameters.stream, "Enabled", outbound->enabled);
    fputs(" -ConnectorType OnPremises -SenderDomains '*'", parameters.stream);
    put_flag(parameters.stream, "RequireTls", outbound->tls_settings != CONN_TLS_NONE);
    if (script->name[0])
        put_text(parameters.stream, "TlsSenderCertificateName", script->name);
    else
        put_sources(parameters.stream, outbound);
    put_flag(parameters.stream, "CloudServicesMailEnabled",
             outbound->cloud_services_mail && script->name[0]);
    close_parameters(script, &parameters, "InboundConnector", outbound->name, "");
    return 0;
}

/* The recipients whose mail from `inbound` goes on to the premises. */
static void put_recipients(struct script *script, FILE *stream, const struct conn_inbound *inbound)
{
    const struct conn_config *config = script->config;
    size_t count = 0;
    bool all = false;
    fputs(" -RecipientDomains ", stream);
    for (size_t i = 0; i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        if (!outbound->enabled || goes_to_cloud(outbound) || !takes_mail_of(outbound, inbound))
            continue;
        all |= outbound->all_accepted_domains;
        for (size_t j = 0; j < outbound->recipient_domains.count; j++) {
            fputs(count++ ? "," : "", stream);
            conn_export_quote(stream, outbound->recipient_domains.items[j]);
        }
        for (size_t j = 0; j < outbound->address_space_count; j++) {
            fputs(count++ ? "," : "", stream);
            conn_export_quote(stream, outbound->address_spaces[j].domain);
        }
    }
    for (size_t i = 0; all && i < config->accepted_domains.count; i++) {
        fputs(count++ ? "," : "", stream);
        conn_export_quote(stream, config->accepted_domains.items[i]);
    }
    if (!count)
        conn_export_quote(stream, "recipients.invalid");
}

static int put_tenant_outbound(struct script *script, const struct conn_inbound *inbound,
                               struct error *error)
{
    struct parameters parameters;
    int result = look_up(script, shown_by(script, inbound), error);
    if (result < 0 || !open_parameters(&parameters))
        return result < 0 ? result : error_set(error, EX_OSERR, "There is no memory left");
    put_purpose(script, "The tenant sends mail for the premises to us", inbound->name);
    put_line(script, "The smart host must lead to a Listener on port 25, from the internet.");
    put_flag(parameters.stream, "Enabled", inbound->enabled);
    fputs(" -ConnectorType OnPremises", parameters.stream);
    put_recipients(script, parameters.stream, inbound);
    put_text(parameters.stream, "SmartHosts", script->config->host_name);
    put_flag(parameters.stream, "UseMXRecord", false);
    fprintf(parameters.stream, " -TlsSettings %s",
            script->name[0] ? "DomainValidation" : "CertificateValidation");
    if (script->name[0])
        put_text(parameters.stream, "TlsDomain", script->name);
    put_flag(parameters.stream, "CloudServicesMailEnabled", inbound->cloud_services_mail);
    close_parameters(script, &parameters, "OutboundConnector", inbound->name, "");
    return 0;
}

static int put_tenant(struct script *script, struct error *error)
{
    const struct conn_config *config = script->config;
    int result = 0;
    put_heading(script, "In Exchange Online PowerShell (Connect-ExchangeOnline): the tenant");
    for (size_t i = 0; i < config->outbound_count && result == 0; i++)
        if (goes_to_cloud(&config->outbound[i]))
            result = put_tenant_inbound(script, &config->outbound[i], error);
    for (size_t i = 0; i < config->inbound_count && result == 0; i++)
        if (comes_from_cloud(&config->inbound[i]))
            result = put_tenant_outbound(script, &config->inbound[i], error);
    put_nothing(script, "no connector leads to Exchange Online or comes from it");
    return result;
}

/* --- the premises --- */

/* "<I>issuer<S>subject" of a pair, as Windows writes names; the caller frees; NULL: half a pair. */
static char *pair_text(const struct pki_peer_pair *pair)
{
    enum { ROOM = 4608 };
    X509 *certificate = pair->issuer && pair->subject ? X509_new() : NULL;
    char *text = certificate ? malloc(ROOM) : NULL;
    if (text && X509_set_issuer_name(certificate, pair->issuer) == 1 &&
        X509_set_subject_name(certificate, pair->subject) == 1)
        pki_exchange_text(certificate, text, ROOM);
    else {
        free(text);
        text = NULL;
    }
    X509_free(certificate);
    return text;
}

/* Exchange chooses what it shows by issuer and subject: a renewed certificate of another issuer is
 * not found any more (454 4.7.5), until this is said again. */
static void put_mend(struct script *script, const struct conn_inbound *inbound, const char *send)
{
    bool shown = false;
    if (!inbound->sender_certificate_names.count)
        return;
    put_purpose(script,
                "Exchange shows us its certificate; after a renewal by another issuer say "
                "this again, or mail stops with 454 4.7.5",
                inbound->name);
    for (size_t i = 0; i < inbound->pair_count; i++) {
        _cleanup_free_ char *text = pair_text(&inbound->pairs[i]);
        if (!text)
            continue;
        fputs(shown ? "# or: Set-SendConnector" : "Set-SendConnector", script->stream);
        put_text(script->stream, "Identity", send);
        put_text(script->stream, "TlsCertificateName", text);
        fputc('\n', script->stream);
        shown = true;
    }
    if (shown)
        return;
    put_line(script, "Take the certificate that has one of these names:");
    for (size_t i = 0; i < inbound->sender_certificate_names.count; i++)
        put_line(script, inbound->sender_certificate_names.items[i]);
    fputs("# $certificate = Get-ExchangeCertificate -Thumbprint 'THUMBPRINT'\n"
          "# Set-SendConnector",
          script->stream);
    put_text(script->stream, "Identity", send);
    fputs(" -TlsCertificateName \"<I>$($certificate.Issuer)<S>$($certificate.Subject)\"\n",
          script->stream);
}

static bool is_of_premises(const struct conn_outbound *outbound, const struct conn_inbound *inbound)
{
    return inbound->enabled && !comes_from_cloud(inbound) && takes_mail_of(outbound, inbound);
}

/* By which inbound connector the premises reach `outbound`: rather one that asks for a certificate,
 * as for a mail server, than one for devices. */
static const struct conn_inbound *find_of_premises(const struct script *script,
                                                   const struct conn_outbound *outbound)
{
    const struct conn_config *config = script->config;
    const struct conn_inbound *found = NULL;
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        if (is_of_premises(outbound, inbound) &&
            (!found ||
             (inbound->sender_certificate_names.count && !found->sender_certificate_names.count)))
            found = inbound;
    }
    return found;
}

/* Each inbound connector that Exchange may come in by, and what it must show there. */
static void put_mends(struct script *script, const struct conn_outbound *outbound)
{
    const struct conn_config *config = script->config;
    char send[64];
    snprintf(send, sizeof send, "Postern %.50s", outbound->name);
    for (size_t i = 0; i < config->inbound_count; i++)
        if (is_of_premises(outbound, &config->inbound[i]))
            put_mend(script, &config->inbound[i], send);
}

static void put_spaces(FILE *stream, const struct conn_outbound *outbound)
{
    char space[CONN_DOMAIN_MAXIMUM + 24];
    size_t count = 0;
    fputs(" -AddressSpaces ", stream);
    for (size_t i = 0; i < outbound->recipient_domains.count; i++) {
        snprintf(space, sizeof space, "SMTP:%s;1", outbound->recipient_domains.items[i]);
        fputs(count++ ? "," : "", stream);
        conn_export_quote(stream, space);
    }
    for (size_t i = 0; i < outbound->address_space_count; i++) {
        snprintf(space, sizeof space, "SMTP:%s;%u", outbound->address_spaces[i].domain,
                 outbound->address_spaces[i].cost);
        fputs(count++ ? "," : "", stream);
        conn_export_quote(stream, space);
    }
    if (!count)
        conn_export_quote(stream, "SMTP:recipients.invalid;1");
}

static int put_send(struct script *script, const struct conn_outbound *outbound,
                    struct error *error)
{
    struct parameters parameters;
    const struct conn_inbound *inbound = find_of_premises(script, outbound);
    int result = look_up(script, shown_by(script, inbound), error);
    if (!inbound || result < 0)
        return result;
    if (!open_parameters(&parameters))
        return error_set(error, EX_OSERR, "There is no memory left");
    put_purpose(script, "Exchange hands its mail for the cloud to us", outbound->name);
    put_line(script, "Every Mailbox server of the site may send: see that their addresses are in "
                     "SenderIPAddresses of an inbound connector here. The first for them is");
    put_line(script, inbound->name);
    put_flag(parameters.stream, "Enabled", outbound->enabled);
    put_spaces(parameters.stream, outbound);
    put_flag(parameters.stream, "DNSRoutingEnabled", false);
    put_text(parameters.stream, "SmartHosts", script->config->host_name);
    put_flag(parameters.stream, "RequireTLS", script->name[0] != '\0');
    if (script->name[0]) {
        fputs(" -TlsAuthLevel DomainValidation", parameters.stream);
        put_text(parameters.stream, "TlsDomain", script->name);
    }
    put_flag(parameters.stream, "CloudServicesMailEnabled", outbound->cloud_services_mail);
    close_parameters(script, &parameters, "SendConnector", outbound->name, " -Custom");
    put_mends(script, outbound);
    return 0;
}

static int put_receive(struct script *script, const struct conn_outbound *outbound,
                       struct error *error)
{
    char capability[300];
    int result = look_up(script, outbound->certificate, error);
    if (result < 0)
        return result;
    put_purpose(script, "Exchange lets us hand over the cloud's mail", outbound->name);
    if (!script->name[0]) {
        put_line(script, "This connector presents no certificate with a DNS name (add "
                         "TlsCertificateName): Exchange will take its mail as a stranger's.");
        return 0;
    }
    put_line(script, "It knows us by this name of our certificate, and then keeps the headers of "
                     "the organisation. On every server that SmartHosts names.");
    snprintf(capability, sizeof capability, "%s:%s", script->name,
             outbound->cloud_services_mail ? "AcceptCloudServicesMail" : "AcceptOorgProtocol");
    fputs("Get-ReceiveConnector | Where-Object { $_.Name -like 'Default Frontend *' } | "
          "ForEach-Object { Set-ReceiveConnector -Identity $_.Identity -TlsDomainCapabilities "
          "@{Add=",
          script->stream);
    conn_export_quote(script->stream, capability);
    fputs("} }\n", script->stream);
    return 0;
}

static int put_premises(struct script *script, struct error *error)
{
    const struct conn_config *config = script->config;
    int result = 0;
    put_heading(script, "In the Exchange Management Shell, on the premises");
    for (size_t i = 0; i < config->outbound_count && result == 0; i++)
        result = goes_to_cloud(&config->outbound[i])
                     ? put_send(script, &config->outbound[i], error)
                     : put_receive(script, &config->outbound[i], error);
    put_nothing(script, "no outbound connector leads anywhere");
    return result;
}

int conn_export_powershell(const struct conn_config *config, char **ret, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    _cleanup_free_ struct conn_ours *ours = calloc(1, sizeof *ours);
    struct script script = {.config = config, .ours = ours};
    script.stream = ours ? open_memstream(&text, &size) : NULL;
    if (!script.stream)
        return error_set(error, EX_OSERR, "There is no memory left");
    put_line(&script, "PowerShell for the other ends of the connectors of this gateway. Read it "
                      "before you run it: each part says where. HostName:");
    put_line(&script, config->host_name);
    int result = put_tenant(&script, error);
    if (result == 0)
        result = put_premises(&script, error);
    bool failed = ferror(script.stream);
    if ((fclose(script.stream) != 0 || failed) && result == 0)
        result = error_set(error, EX_OSERR, "There is no memory left");
    if (result < 0)
        free(text);
    else
        *ret = text;
    return result;
}
