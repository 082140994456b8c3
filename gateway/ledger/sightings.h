/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What peers presented, on its way from a worker to the ledger, which the main thread keeps.
 *
 * A worker notes each certificate as its handshake ends; that never waits and takes no lock. A peer
 * that is there already costs a count. At most 64 different ones are held, what is past that is
 * counted and forgotten. Every 100 ms, when there is something and the main thread has come to an
 * end with the last, all of it goes over in one message, and the emptied message comes back. */
#ifndef POSTERN_GATEWAY_SIGHTINGS_H
#define POSTERN_GATEWAY_SIGHTINGS_H

#include "gateway/net/loop.h"
#include "pki/base/cleanup.h"
#include "pki/peer-record.h"
#include "pki/peer.h"

enum { SIGHTINGS_MAXIMUM = 64, SIGHTINGS_MILLISECONDS = 100, LEDGER_NAME_MAXIMUM = 128 };

enum ledger_direction { LEDGER_INBOUND, LEDGER_OUTBOUND };
enum ledger_verdict { LEDGER_ACCEPTED, LEDGER_REPORTED, LEDGER_REFUSED };
const char *ledger_direction_name(enum ledger_direction direction); /* "inbound" */
const char *ledger_verdict_name(enum ledger_verdict verdict);       /* "accepted" */

/* One certificate, presented to one connector, and what was said to it. */
struct ledger_sighting {
    enum ledger_direction direction;
    char connector[LEDGER_NAME_MAXIMUM + 1];
    enum ledger_verdict verdict;
    enum pki_check
        rule; /* the check that refused, or the last that it had to pass (none: any will do) */
    bool pair_decides; /* everything but subject and issuer holds, and the connector can ask for
                          them */
    char place[96];    /* who presented it: "mail.contoso.com 192.0.2.1" */
    struct pki_peer_record record;
    char reason[512], cure[1024]; /* of the verdict, cut to fit */
    time_t first, last;
    uint64_t count;
};

struct sightings;

/* `receive` is called on the loop `to` with each one, oldest first, and with NULL at the end of a
 * batch: `dropped` then says how many found no room. */
typedef void sightings_receive(void *context, const struct ledger_sighting *sighting,
                               uint64_t dropped);

int sightings_new(struct sightings **ret, struct loop *from, struct loop *to,
                  sightings_receive *receive, void *context, struct error *error);
/* After both threads have come to their end, and before their loops are freed: hands over what is
 * left, by `receive`, and frees. */
struct sightings *sightings_free(struct sightings *sightings);
DEFINE_CLEANUP(struct sightings *, sightings_free)

/* On the worker's thread. `sightings` may be NULL: nobody wants to know. `verdict` is that under
 * `policy` of the connector; `certificate` is only borrowed. */
void sightings_note(struct sightings *sightings, enum ledger_direction direction,
                    const char *connector, const struct pki_peer_policy *policy,
                    const struct pki_peer_verdict *verdict, X509 *certificate, const char *place);

#endif
