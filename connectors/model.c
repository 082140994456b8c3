/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See model.h: the end of a configuration, and the words for its values. */
#include "connectors/model.h"

#include "connectors/credentials.h"
#include "connectors/index.h"
#include "connectors/vocabulary.h"

const char *const conn_boolean_names[] = {"false", "true", NULL};
const char *const conn_tls_version_names[] = {"1.0", "1.1", "1.2", "1.3", NULL};
const char *const conn_tls_settings_names[] = {
    "None", "Opportunistic", "EncryptionOnly", "CertificateValidation", "DomainValidation", NULL};
const char *const conn_client_eku_names[] = {"ServerAuth", "ClientAuth", "ClientOrServerAuth",
                                             NULL};
const char *const conn_delivery_names[] = {"Direct", "Queued", NULL};
const char *const conn_type_names[] = {"Partner", "OnPremises", NULL};
const char *const conn_bare_linefeed_names[] = {"Reject", "Normalize", NULL};
const char *const conn_error_policy_names[] = {"DowngradeDnsFailures", "DowngradeCustomFailures",
                                               "UpgradeCustomFailures", NULL};
const char *const conn_mode_names[] = {"Enforce", "ReportOnly", NULL};
const char *const conn_revocation_names[] = {"None", "SoftFail", "HardFail", NULL};

const char *conn_tls_settings_name(enum conn_tls_settings settings)
{
    return conn_tls_settings_names[settings];
}

const char *conn_tls_version_name(enum conn_tls_version version)
{
    return conn_tls_version_names[version];
}

const char *conn_client_eku_name(enum pki_peer_eku eku)
{
    return conn_client_eku_names[eku];
}

const char *conn_delivery_name(enum conn_delivery delivery)
{
    return conn_delivery_names[delivery];
}

const char *conn_revocation_name(enum pki_revocation_check revocation)
{
    return conn_revocation_names[revocation == PKI_REVOCATION_UNWRITTEN ? PKI_REVOCATION_SOFT_FAIL
                                                                        : revocation];
}

static void free_strings(struct conn_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
}

static void free_pairs(struct pki_peer_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        X509_NAME_free(pairs[i].subject);
        X509_NAME_free(pairs[i].issuer);
    }
    free(pairs);
}

static void free_tls_lists(struct conn_tls_lists *lists)
{
    free(lists->suites);
    free(lists->groups);
}

static void free_bindings(struct conn_binding *bindings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(bindings[i].address);
    free(bindings);
}

static void free_inbound(struct conn_inbound *inbound)
{
    free(inbound->name);
    free(inbound->comment);
    free(inbound->ranges);
    free_strings(&inbound->sender_domains);
    free_strings(&inbound->sender_certificate_names);
    free_strings(&inbound->originator_organizations);
    free_strings(&inbound->associated_domains);
    free_bindings(inbound->bindings, inbound->binding_count);
    free(inbound->fqdn);
    free_pairs(inbound->pairs, inbound->pair_count);
    free_tls_lists(&inbound->tls_lists);
}

static void free_outbound(struct conn_outbound *outbound)
{
    free_strings(&outbound->validation_recipients);
    free_bindings(outbound->source_addresses, outbound->source_address_count);
    for (size_t i = 0; i < outbound->address_space_count; i++)
        free(outbound->address_spaces[i].domain);
    free(outbound->address_spaces);
    free(outbound->fqdn);
    for (size_t i = 0; i < outbound->host_count; i++)
        free(outbound->hosts[i].name);
    free(outbound->hosts);
    free(outbound->name);
    free(outbound->comment);
    free(outbound->scope);
    free_strings(&outbound->recipient_domains);
    free_strings(&outbound->tls_domains);
    free_pairs(outbound->pairs, outbound->pair_count);
    free_tls_lists(&outbound->tls_lists);
}

static void free_gateway_lists(struct conn_config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        free(config->listeners[i].address);
        free(config->listeners[i].balancers);
    }
    free(config->listeners);
    for (size_t i = 0; i < config->token_count; i++) {
        free(config->tokens[i].uri);
        free(config->tokens[i].pin_source);
        free(config->tokens[i].module);
    }
    free(config->tokens);
    for (size_t i = 0; i < config->certificate_count; i++) {
        free(config->certificates[i].name);
        free(config->certificates[i].chain);
        free(config->certificates[i].watch);
        for (size_t k = 0; k < config->certificates[i].key_count; k++)
            free(config->certificates[i].keys[k].uri);
        free(config->certificates[i].keys);
    }
    free(config->certificates);
    for (size_t i = 0; i < config->anchors_count; i++) {
        free(config->anchors[i].name);
        free(config->anchors[i].path);
    }
    free(config->anchors);
    for (size_t i = 0; i < config->credentials_count; i++)
        conn_credentials_clear(&config->credentials[i]);
    free(config->credentials);
    for (size_t i = 0; i < config->lists_count; i++) {
        free(config->lists[i].name);
        free(config->lists[i].path);
    }
    free(config->lists);
}

struct conn_config *conn_config_free(struct conn_config *config)
{
    if (!config)
        return NULL;
    conn_index_free(config->index);
    for (size_t i = 0; i < config->inbound_count; i++)
        free_inbound(&config->inbound[i]);
    free(config->inbound);
    for (size_t i = 0; i < config->outbound_count; i++)
        free_outbound(&config->outbound[i]);
    free(config->outbound);
    free_gateway_lists(config);
    free_strings(&config->files);
    free_strings(&config->accepted_domains);
    free_bindings(config->dns_servers, config->dns_server_count);
    free(config->directory);
    free(config->host_name);
    free(config->control_socket);
    free(config->metrics_address);
    free(config->queue_directory);
    free(config->state_directory);
    free(config);
    return NULL;
}
