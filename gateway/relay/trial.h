/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * TestMode of an outbound connector: what would have become of a recipient, beside the mail itself,
 * which goes the way it goes without the connector.
 *
 * Each recipient whom the connector would have taken is an event. The next hop is dialed as for
 * mail (so that STARTTLS, the verdict and our certificate are tried) at most once in five minutes
 * for each connector and domain, by each worker, and left after EHLO: no envelope, and no message
 * twice. The message waits for none of it. On the worker's thread. */
#ifndef POSTERN_GATEWAY_TRIAL_H
#define POSTERN_GATEWAY_TRIAL_H

#include "gateway/relay/worker.h"
#include "gateway/smtp/command.h"

/* `instead`: the connector that takes it. `message`: its id, for the log. */
void trial_consider(struct worker *worker, struct snapshot *snapshot,
                    const struct conn_inbound *inbound, const struct conn_outbound *instead,
                    const struct smtp_path *path, const char *message);
/* Closes what is under way, and forgets. */
void trial_free_all(struct worker *worker);

#endif
