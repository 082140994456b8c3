/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See policy.h. */
#include "connectors/policy.h"

static enum pki_peer_level level_of(enum conn_tls_settings settings)
{
    switch (settings) {
    case CONN_TLS_DOMAIN_VALIDATION:
        return PKI_PEER_NAME;
    case CONN_TLS_CERTIFICATE_VALIDATION:
        return PKI_PEER_CHAIN;
    default:
        return PKI_PEER_ANY;
    }
}

struct pki_peer_policy conn_outbound_policy(const struct conn_outbound *connector,
                                            X509_STORE *anchors, struct pki_revocation *lists)
{
    return (struct pki_peer_policy){.level = level_of(connector->tls_settings),
                                    .eku = PKI_EKU_SERVER,
                                    .anchors = anchors,
                                    .names = (const char *const *)connector->tls_domains.items,
                                    .name_count = connector->tls_domains.count,
                                    .common_name = connector->common_name_fallback,
                                    .revocation = connector->revocation,
                                    .lists = lists,
                                    .pairs = connector->pairs,
                                    .pair_count = connector->pair_count,
                                    .pairs_report_only = connector->pairs_report_only};
}

struct pki_peer_policy conn_inbound_policy(const struct conn_inbound *connector,
                                           X509_STORE *anchors, struct pki_revocation *lists)
{
    return (struct pki_peer_policy){
        .level = PKI_PEER_NAME,
        .eku = connector->client_eku,
        .anchors = anchors,
        .names = (const char *const *)connector->sender_certificate_names.items,
        .name_count = connector->sender_certificate_names.count,
        .common_name = connector->common_name_fallback,
        .revocation = connector->revocation,
        .lists = lists,
        .pairs = connector->pairs,
        .pair_count = connector->pair_count,
        .pairs_report_only = connector->pairs_report_only};
}
