/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * `posternctl outbound validate`: a hop is dialed as for mail, on a worker, and each step told. */
#ifndef POSTERN_GATEWAY_VALIDATE_H
#define POSTERN_GATEWAY_VALIDATE_H

#include "gateway/control/control.h"
#include "gateway/relay/worker.h"

struct validation;

/* Main thread. The request is answered later; `loop` is the main thread's, and so is `list`, of the
 * validations under way. */
void validate_outbound(struct validation **list, struct loop *loop, struct worker *worker,
                       struct snapshot *snapshot, const struct conn_outbound *outbound,
                       struct control_request *request);

/* At the end, when no other thread is left: lets go of the connections of all that are under way. */
void validate_stop(struct validation *list);
/* And, when the offload pool has ended and every posted task has run, of themselves: their clients
 * are told. */
void validate_abandon(struct validation **list);

#endif
