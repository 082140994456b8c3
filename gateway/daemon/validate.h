/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * `posternctl outbound validate`: a hop is dialed as for mail, on a worker, and each step told. */
#ifndef POSTERN_GATEWAY_VALIDATE_H
#define POSTERN_GATEWAY_VALIDATE_H

#include "gateway/control/control.h"
#include "gateway/relay/worker.h"

/* Main thread. The request is answered later; `loop` is the main thread's. */
void validate_outbound(struct loop *loop, struct worker *worker, struct snapshot *snapshot,
                       const struct conn_outbound *outbound, struct control_request *request);

#endif
