/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Our certificates' ends are seen coming: in the log, at each threshold of pki/lifetime.h and once
 * a day from there on, and in `status`. Main thread. */
#ifndef POSTERN_GATEWAY_EXPIRY_H
#define POSTERN_GATEWAY_EXPIRY_H

#include <jansson.h>

#include "gateway/daemon/daemon.h"

/* A configuration has come into force: what is not well is told at once. */
void expiry_loaded(struct daemon *daemon);
/* Every second or so: what is due is told. */
void expiry_look(struct daemon *daemon);
/* "certificates" of status in gateway/control/shapes.h. */
json_t *expiry_list(const struct daemon *daemon);

#endif
