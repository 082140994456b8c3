/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The policy that a connector declares for the certificate of the other side: the same for posternd
 * and for whoever asks offline.
 *
 * What a policy points at belongs to the configuration, to `anchors` and to `lists`, and must
 * outlive it. Any thread. */
#ifndef POSTERN_CONNECTORS_POLICY_H
#define POSTERN_CONNECTORS_POLICY_H

#include "connectors/model.h"

/* `anchors` is what the connector's TrustAnchors hold, `lists` its RevocationLists; either may be
 * NULL. */
struct pki_peer_policy conn_outbound_policy(const struct conn_outbound *connector,
                                            X509_STORE *anchors, struct pki_revocation *lists);
struct pki_peer_policy conn_inbound_policy(const struct conn_inbound *connector,
                                           X509_STORE *anchors, struct pki_revocation *lists);

#endif
