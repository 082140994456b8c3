/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the administrator asks about keys and tokens: hsm.c answers at once from what posternd
 * knows, hsm-list.c looks
 * through tokens, hsm-test.c has signatures made. Main thread. */
#ifndef POSTERN_GATEWAY_DAEMON_HSM_H
#define POSTERN_GATEWAY_DAEMON_HSM_H

#include "gateway/control/control.h"
#include "gateway/daemon/daemon.h"

enum { HSM_KEYS_MAXIMUM = 256 };

/* The first certificate with a key at this URI or path; "?" when there is none. */
const char *hsm_certificate_of(const struct snapshot *snapshot, const char *key);
uint64_t hsm_signatures(const struct daemon *daemon);

control_command hsm_status;
control_command hsm_list;
control_command hsm_test;

#endif
