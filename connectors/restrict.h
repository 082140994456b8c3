/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What narrows an inbound connector beyond its proof: Bindings, AssociatedAcceptedDomains; and what
 * one connector forbids to all others: RestrictDomainsToIPAddresses, RestrictDomainsToCertificate.
 *
 * Pure functions over the model; any thread. */
#ifndef POSTERN_CONNECTORS_RESTRICT_H
#define POSTERN_CONNECTORS_RESTRICT_H

#include "connectors/select.h"

/* Bindings: the client came in on `local`, an address of ours with its port. NULL, and a family
 * that is not of the Internet: not known, and then only a connector without Bindings takes it. */
bool conn_inbound_takes_local(const struct conn_inbound *inbound, const struct sockaddr *local);

/* The connector that a client is most likely to use, before it says MAIL: the first that may take
 * it, those with SenderIPAddresses before those without. NULL: none. */
const struct conn_inbound *conn_inbound_likely(const struct conn_config *config,
                                               const struct sockaddr *address,
                                               const struct sockaddr *local);

/* LenientSyntax, before MAIL: one of the connectors that may take the client says it. */
bool conn_inbound_any_lenient(const struct conn_config *config, const struct sockaddr *address,
                              const struct sockaddr *local);

/* The largest MaxMessageSize of the connectors that may take the client; the gateway's without any. */
uint64_t conn_inbound_largest(const struct conn_config *config, const struct sockaddr *address,
                              const struct sockaddr *local);

/* AssociatedAcceptedDomains: the sender's domain is among them. The null sender passes. */
bool conn_inbound_associates(const struct conn_inbound *inbound, const char *sender_domain);

/* OriginatorOrganizations: whether mail of this organization (of XOORG or X-OriginatorOrg, in any
 * case) may use the connector. NULL: it names none, and this is for later to decide. */
bool conn_inbound_admits_organization(const struct conn_inbound *inbound, const char *organization);

/* True where the fields pass by which servers of one Exchange organisation trust each other: both
 * connectors say CloudServicesMailEnabled, the client proved who it is by address or certificate,
 * and so will the next hop by a certificate that is verified. */
bool conn_passes_trust(const struct conn_inbound *inbound, const struct conn_outbound *outbound);

/* TreatMessagesAsInternal: the connector says so, and the sender's domain is one of ours. */
bool conn_is_internal(const struct conn_config *config, const struct conn_inbound *inbound,
                      const char *sender_domain);

/* The Partner connector that says of this sender's domain that it may come only from elsewhere than
 * this client; then *condition is CONN_CONDITION_ADDRESS or CONN_CONDITION_CERTIFICATE, for what it
 * asks for. NULL: none. A client that fits one of the connectors for its domain is admitted by that
 * one, whatever others say. */
const struct conn_inbound *conn_inbound_restricts(const struct conn_config *config,
                                                  const struct conn_client *client,
                                                  enum conn_condition *condition);

#endif
