/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the files in inbound/ and in outbound/ have in common: readers, and rows of their tables
 * (inbound.c, outbound.c). What must hold between the words of a connector stands in rules.c. The
 * loading thread. */
#ifndef POSTERN_CONNECTORS_CONNECTOR_H
#define POSTERN_CONNECTORS_CONNECTOR_H

#include "connectors/read.h"
#include "connectors/readers.h"
#include "connectors/tables.h"
#include "connectors/vocabulary.h"

conn_read_text conn_read_certificate;  /* const struct conn_certificate *, by its name */
conn_read_text conn_read_anchors;      /* const struct conn_anchors *, by its name */
conn_read_text conn_read_credentials;  /* const struct conn_credentials *, by its name */
conn_read_text conn_read_lists;        /* const struct conn_lists *, by its name */
conn_read_text conn_read_cipher_suite; /* unsigned, see suites.h */
conn_read_text conn_read_group;        /* unsigned, see suites.h */
conn_read_text conn_read_mode;         /* bool: true is ReportOnly */

/* TlsCipherSuites and TlsGroups with what was not declared; after the rules, which speak of what
 * was. */
void conn_complete_lists(struct conn_reader *reader, const xmlNode *node,
                         struct conn_tls_lists *lists, enum conn_tls_version minimum);

extern const struct conn_section conn_peer_section; /* object: struct pki_peer_pair */

/* A list in an element of its own, whose items go into the connector itself. */
#define CONN_WRAPPER(name)                                                                         \
    static const struct conn_section name##_section = {CONN_FIELDS(name##_fields), CONN_NO_PLACE}

#define CONN_PEER_EXAMPLE "<Peer><Subject>CN=mail.contoso.com, O=Contoso, C=US</Subject></Peer>"

#define CONN_TLS_LISTS(direction, type)                                                            \
    static const struct conn_field direction##_suites_fields[] = {                                 \
        {"CipherSuite", CONN_MANY | CONN_REQUIRED, conn_read_cipher_suite,                         \
         CONN_LIST(type, tls_lists.suites, tls_lists.suite_count),                                 \
         .example = "<CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite>"},                          \
    };                                                                                             \
    CONN_WRAPPER(direction##_suites);                                                              \
    static const struct conn_field direction##_groups_fields[] = {                                 \
        {"Group", CONN_MANY | CONN_REQUIRED, conn_read_group,                                      \
         CONN_LIST(type, tls_lists.groups, tls_lists.group_count),                                 \
         .example = "<Group>x25519</Group>"},                                                      \
    };                                                                                             \
    CONN_WRAPPER(direction##_groups)

#define CONN_COMMON_FIELDS(type)                                                                   \
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(type, name),                  \
     .example = "Name=\"tenant\""},                                                                \
        {"Enabled", 0, conn_read_boolean, CONN_IN(type, enabled),                                  \
         .example = "<Enabled>true</Enabled>"},                                                    \
        {"Comment", CONN_MAY_BE_EMPTY, conn_read_string, CONN_IN(type, comment),                   \
         .example = "<Comment>asked for by Anna</Comment>"},                                       \
        {"ConnectorType",          0,                                                              \
         conn_read_word,           CONN_IN(type, connector_type),                                  \
         .names = conn_type_names, .example = "<ConnectorType>Partner</ConnectorType>"},           \
        {"Fqdn",                                                                                   \
         0,                                                                                        \
         conn_read_domain,                                                                         \
         CONN_IN(type, fqdn),                                                                      \
         .most = CONN_DOMAIN_PLAIN,                                                                \
         .example = "<Fqdn>mail.contoso.com</Fqdn>"},                                              \
        {"TlsMinimumVersion",                                                                      \
         0,                                                                                        \
         conn_read_word,                                                                           \
         CONN_IN(type, tls_minimum),                                                               \
         .names = conn_tls_version_names,                                                          \
         .example = "<TlsMinimumVersion>1.2</TlsMinimumVersion>"},                                 \
        {"TlsCertificateName", 0, conn_read_certificate, CONN_IN(type, certificate),               \
         .example = "<TlsCertificateName>hybrid</TlsCertificateName>"},                            \
        {"CommonNameFallback", 0, conn_read_boolean, CONN_IN(type, common_name_fallback),          \
         .example = "<CommonNameFallback>false</CommonNameFallback>"},                             \
        {"CertificateRevocationCheck",                                                             \
         0,                                                                                        \
         conn_read_word,                                                                           \
         CONN_IN(type, revocation),                                                                \
         .names = conn_revocation_names,                                                           \
         .example = "<CertificateRevocationCheck>SoftFail</CertificateRevocationCheck>"},          \
        {"RevocationLists", 0, conn_read_lists, CONN_IN(type, lists),                              \
         .example = "<RevocationLists>public</RevocationLists>"},                                  \
    {                                                                                              \
        "TrustAnchors", 0, conn_read_anchors, CONN_IN(type, anchors),                              \
            .example = "<TrustAnchors>public</TrustAnchors>"                                       \
    }

#endif
