/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternd's ledger of what peers presented: fed by the workers, told to the log and to posternctl,
 * and kept in the Directory of State.
 *
 * Belongs to the main thread. The file, peers.json, is read at start, and written on the offload
 * pool: 3 s after something new came, 60 s after a count changed, and at the stop. That it cannot
 * be written or read is told and borne: mail does not depend on it. */
#ifndef POSTERN_GATEWAY_PEERS_H
#define POSTERN_GATEWAY_PEERS_H

#include "gateway/control/control.h"
#include "gateway/ledger/ledger.h"

struct daemon;
struct peers;

int peers_new(struct peers **ret, struct daemon *daemon, struct error *error);
/* After every other thread has ended: writes what is not written yet. */
struct peers *peers_free(struct peers *peers);

sightings_receive peers_receive; /* `context` is the struct peers */

/* The ledger, to look at; valid until the loop goes on. */
const struct ledger *peers_ledger(const struct peers *peers);

/* peers-commands.c: peer-list, peer-show */
control_command peer_list, peer_show;

#endif
