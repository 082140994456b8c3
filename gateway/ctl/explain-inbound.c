/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See explain.h: the inbound direction. A certificate is judged under each connector as posternd
 * would judge it, now; the session it would come in is a good one unless --tls says which. */
#include <arpa/inet.h>
#include <string.h>

#include "connectors/explain.h"
#include "connectors/load.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/explain.h"
#include "gateway/ctl/table.h"
#include "gateway/ctl/verify.h"

struct told {
    bool json, failed;
    json_t *connectors, *conditions; /* the latter of the connector that is being told */
    const struct conn_inbound *inbound;
};

static json_t *condition_object(const char *condition, bool holds, const char *why)
{
    return json_pack("{s:s, s:b, s:o}", "condition", condition, "holds", holds, "why",
                     control_text(why));
}

static void begin_connector(struct told *told, const struct conn_inbound *inbound)
{
    json_t *object = explain_connector(inbound->name, &inbound->place);
    told->inbound = inbound;
    told->conditions = json_array();
    told->failed |= !object ||
                    json_object_set(object, "enabled", json_boolean(inbound->enabled)) < 0 ||
                    json_object_set_new(object, "conditions", told->conditions) < 0 ||
                    json_array_append_new(told->connectors, object) < 0;
    if (told->json)
        return;
    table_text(stdout, inbound->name);
    putchar('\n');
}

static void take_condition(void *context, const struct conn_inbound *inbound, const char *condition,
                           bool holds, const char *why)
{
    struct told *told = context;
    condition = condition ? condition : "enabled";
    if (told->inbound != inbound)
        begin_connector(told, inbound);
    if (told->failed ||
        json_array_append_new(told->conditions, condition_object(condition, holds, why)) < 0)
        told->failed = true;
    if (!told->json)
        explain_line(condition, holds ? "yes" : "no", why);
}

/* --- the client --- */

static int read_from(const char *text, struct sockaddr_storage *ret, struct error *error)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        memcpy(ret, &four, sizeof four);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
        memcpy(ret, &six, sizeof six);
        return 0;
    }
    error_set(error, EX_USAGE, "--from \"%.100s\" is no IP address", text);
    return error_cure(error, "--from 192.0.2.7, or --from 2001:db8::7");
}

static int read_version(const char *text, enum conn_tls_version *ret, struct error *error)
{
    for (unsigned version = CONN_TLS_1_0; version <= CONN_TLS_1_3; version++)
        if (strcmp(text, conn_tls_version_name(version)) == 0) {
            *ret = version;
            return 0;
        }
    error_set(error, EX_USAGE, "--tls \"%.20s\" is no version of TLS", text);
    return error_cure(error, "--tls 1.3, or 1.2, 1.1, 1.0");
}

/* What was asked for as it came, and what was made of it. */
struct client {
    struct conn_client client;
    struct sockaddr_storage address;
    char domain[512];
    struct verify_client *certificate;
};

static const struct pki_peer_verdict *find_verdict(const void *context,
                                                   const struct conn_inbound *inbound)
{
    return verify_client_verdict((struct verify_client *)context, inbound);
}

static void read_sender(const char *sender, char *domain, size_t size)
{
    const char *at = sender ? strrchr(sender, '@') : NULL;
    snprintf(domain, size, "%s", at ? at + 1 : "");
    for (char *c = domain; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    size_t length = strlen(domain);
    if (length && domain[length - 1] == '>')
        domain[length - 1] = '\0';
}

static int find_credentials(const struct conn_config *config, const char *name,
                            const struct conn_credentials **ret, struct error *error)
{
    for (size_t i = 0; i < config->credentials_count; i++)
        if (strcmp(config->credentials[i].name, name) == 0) {
            *ret = &config->credentials[i];
            return 0;
        }
    error_set(error, EX_DATAERR, "There are no Credentials \"%.100s\" in %s", name,
              config->directory);
    return error_cure(error, "--credentials with the name of a Credentials element of postern.xml");
}

static int read_client(const struct ctl_arguments *arguments, const struct conn_config *config,
                       struct client *ret, struct error *error)
{
    static const struct conn_names none;
    ret->client = (struct conn_client){.address = (const struct sockaddr *)&ret->address,
                                       .tls = arguments->tls || arguments->certificate ||
                                              arguments->credentials,
                                       .tls_version = CONN_TLS_1_3,
                                       .cipher_unknown = true,
                                       .names = &none,
                                       .sender_domain = ret->domain};
    read_sender(arguments->sender, ret->domain, sizeof ret->domain);
    int result = read_from(arguments->from, &ret->address, error);
    if (result == 0 && arguments->tls)
        result = read_version(arguments->tls, &ret->client.tls_version, error);
    if (result == 0 && arguments->credentials)
        result = find_credentials(config, arguments->credentials, &ret->client.credentials, error);
    if (result < 0 || !arguments->certificate)
        return result;
    result = verify_client_new(config, arguments->certificate, &ret->certificate, error);
    if (result < 0)
        return result;
    ret->client.verdict = find_verdict;
    ret->client.context = ret->certificate;
    ret->client.names = verify_client_names(ret->certificate);
    return 0;
}

int ctl_inbound_explain(const struct ctl_arguments *arguments)
{
    _cleanup_(conn_config_freep) struct conn_config *config = NULL;
    struct error error;
    json_auto_t *connectors = json_array();
    struct told told = {.json = arguments->json, .connectors = connectors};
    struct client client = {.certificate = NULL};
    int result = explain_load(arguments, &config, &error);
    if (result == 0)
        result = read_client(arguments, config, &client, &error);
    const struct conn_inbound *chosen =
        result == 0 ? conn_inbound_explain(config, &client.client, take_condition, &told) : NULL;
    verify_client_free(client.certificate);
    if (result == 0 && told.failed)
        result = error_set(&error, EX_OSERR, "There is no memory left");
    if (result < 0)
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    return explain_end(arguments, connectors, chosen ? chosen->name : NULL,
                       "nobody: MAIL is refused");
}
