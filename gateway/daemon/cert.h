/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the administrator asks about our certificates. Main thread; what takes time is done on the
 * offload pool. */
#ifndef POSTERN_GATEWAY_DAEMON_CERT_H
#define POSTERN_GATEWAY_DAEMON_CERT_H

#include "gateway/control/control.h"
#include "gateway/daemon/daemon.h"

control_command cert_request;

#endif
