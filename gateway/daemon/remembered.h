/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The last validation of each outbound connector, by its name: across reloads, and across restarts
 * where the state directory is there (it is not made here: the package or systemd does). One file
 * in it, validations.json, replaced as a whole; what is unfit in it is passed over. Main thread;
 * the file is written on the offload pool. */
#ifndef POSTERN_GATEWAY_REMEMBERED_H
#define POSTERN_GATEWAY_REMEMBERED_H

#include <jansson.h>

#include "gateway/daemon/daemon.h"

/* Once, at start, with the configuration loaded. Without memory nothing is remembered. */
void remembered_load(struct daemon *daemon);
/* `result` as outbound-validate has it (borrowed): its outcome, and when it was. */
void remembered_put(struct daemon *daemon, const char *connector, const json_t *result);
/* {"time":…, "outcome":…, …} as "validated" of shapes.h, or null; the reference is the caller's. */
json_t *remembered_get(const struct daemon *daemon, const char *connector);
/* After the offload pool has gone: writes what was not written. */
void remembered_free(struct daemon *daemon);

#endif
