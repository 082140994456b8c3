/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See presented.h. */
#include "gateway/relay/presented.h"

#include <stdio.h>

#include "gateway/ledger/sightings.h"
#include "gateway/relay/hop.h"
#include "gateway/relay/session-private.h"

void presented_by_next_hop(const struct hop *hop)
{
    const struct tls_peer *peer = tls_peer(hop->stream.ssl);
    char place[400];
    if (!hop->worker->sightings || !peer || !peer->verdict || !peer->leaf)
        return;
    snprintf(place, sizeof place, "%s %s", hop_host(hop), hop->address_text);
    sightings_note(hop->worker->sightings, LEDGER_OUTBOUND, hop->outbound->name,
                   &peer->outbound->policy, peer->verdict, peer->leaf, place);
}

static bool is_accepted_somewhere(const struct tls_peer *peer)
{
    for (size_t i = 0; i < peer->verdict_count; i++)
        if (peer->verdicts[i].verdict.accepted)
            return true;
    return false;
}

void presented_by_client(const struct session *session)
{
    const struct tls_peer *peer = tls_peer(session->stream.ssl);
    if (!session->worker->sightings || !peer || !peer->leaf)
        return;
    bool accepted = is_accepted_somewhere(peer);
    for (size_t i = 0; i < peer->verdict_count; i++) {
        const struct tls_inbound_verdict *one = &peer->verdicts[i];
        if (accepted && !one->verdict.accepted)
            continue;
        sightings_note(session->worker->sightings, LEDGER_INBOUND, one->inbound->name,
                       &session->snapshot->inbound[one->inbound->index], &one->verdict, peer->leaf,
                       session->peer);
    }
}
