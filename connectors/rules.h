/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What must hold between the words of a file, after each was read for itself; and what is taken but
 * not served yet. Each rule is a row in a table. The loading thread. */
#ifndef POSTERN_CONNECTORS_RULES_H
#define POSTERN_CONNECTORS_RULES_H

#include "connectors/read.h"

void conn_apply_gateway_rules(struct conn_reader *reader, const xmlNode *node);
void conn_apply_inbound_rules(struct conn_reader *reader, const xmlNode *node,
                              const struct conn_inbound *inbound);
void conn_apply_outbound_rules(struct conn_reader *reader, const xmlNode *node,
                               const struct conn_outbound *outbound);

/* True when every Listener is on a loopback address. Without one systemd opens the sockets, and who
 * reaches them is not known here. */
bool conn_listens_to_this_machine_alone(const struct conn_config *config);

#endif
