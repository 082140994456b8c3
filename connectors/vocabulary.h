/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The words of the vocabulary that reading and writing share: each list ends with NULL and stands
 * in the order of its enum. Constant; any thread. */
#ifndef POSTERN_CONNECTORS_VOCABULARY_H
#define POSTERN_CONNECTORS_VOCABULARY_H

#define CONN_NAMESPACE "urn:postern:1"

extern const char *const conn_boolean_names[];
extern const char *const conn_tls_version_names[];
extern const char *const conn_tls_settings_names[];
extern const char *const conn_client_eku_names[];
extern const char *const conn_delivery_names[];
extern const char *const conn_type_names[];
extern const char *const conn_bare_linefeed_names[];
extern const char *const conn_error_policy_names[]; /* bit i of error_policies */
extern const char *const conn_mode_names[];
extern const char *const conn_revocation_names[];

#endif
