/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See pool.h. Both lists are short and held newest first: the warmest connection is taken, the oldest
 * falls off the end. */
#include "gateway/relay/pool.h"

#include <stdlib.h>

enum {
    IDLE_MAXIMUM = 128,
    IDLE_MILLISECONDS = 60000,
    LEAVING_MAXIMUM = 256,
    LEAVING_MILLISECONDS = 5000,
    TICKETS_KEPT = 64,
    FOLLOW_MILLISECONDS = 1000
};

struct ticket {
    struct ticket *next;
    const struct conn_outbound *outbound;
    size_t host;
    SSL_SESSION *session;
};

struct pool {
    struct worker *worker;
    struct hop *idle;
    unsigned idle_count;
    struct hop *leaving;
    unsigned leaving_count;
    struct hop *leaders, *followers; /* handshakes that bring a ticket, and those that wait for one */
    struct ticket *tickets;
    unsigned ticket_count;
};

int pool_new(struct pool **ret, struct worker *worker, struct error *error)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return error_set(error, EX_OSERR, "Out of memory");
    pool->worker = worker;
    *ret = pool;
    return 0;
}

/* --- connections --- */

static bool unlink_from(struct hop **list, struct hop *hop)
{
    for (struct hop **at = list; *at; at = &(*at)->next)
        if (*at == hop) {
            *at = hop->next;
            hop->next = NULL;
            return true;
        }
    return false;
}

static void unlink_hop(struct pool *pool, struct hop *hop)
{
    if (hop->leaving) {
        pool->leaving_count -= unlink_from(&pool->leaving, hop);
    } else if (unlink_from(&pool->idle, hop)) {
        pool->idle_count--;
        WORKER_ADD(pool->worker, hops_idle, -1);
    }
}

bool pool_see_off(struct pool *pool, struct hop *hop)
{
    if (pool->leaving_count >= LEAVING_MAXIMUM ||
        loop_set_timer(pool->worker->loop, &hop->timer, LEAVING_MILLISECONDS, hop->timer.fired) < 0)
        return false;
    hop->owner = NULL;
    hop->leaving = true;
    hop->next = pool->leaving;
    pool->leaving = hop;
    pool->leaving_count++;
    return true;
}

struct hop *pool_take(struct pool *pool, const struct snapshot *snapshot,
                      const struct conn_outbound *outbound, struct hop_owner *owner)
{
    for (struct hop *hop = pool->idle; hop; hop = hop->next) {
        if (hop->outbound != outbound || hop->snapshot != snapshot || hop->stream.broken)
            continue;
        unlink_hop(pool, hop);
        loop_cancel_timer(pool->worker->loop, &hop->timer);
        hop->owner = owner;
        hop->stream.keeps_memory = true;
        hop->kind = HOP_POOLED;
        WORKER_COUNT(pool->worker, hops_reused);
        return hop;
    }
    return NULL;
}

static struct hop *oldest(const struct pool *pool)
{
    struct hop *hop = pool->idle;
    while (hop && hop->next)
        hop = hop->next;
    return hop;
}

void pool_put(struct pool *pool, struct hop *hop)
{
    unsigned limit = hop->outbound->messages_per_connection;
    pool_keep_tickets(pool, hop);
    /* step_started is when it began to rest; the hop's own timer ends that. */
    if ((limit && hop->messages >= limit) || hop->snapshot != pool->worker->snapshot ||
        pool->worker->draining) {
        hop_close(hop, true);
        return;
    }
    hop->owner = NULL;
    hop->stream.keeps_memory = false;
    buffer_release(&hop->stream.out);
    hop->step_started = loop_now(pool->worker->loop);
    free(hop->parser);
    hop->parser = NULL;
    if (loop_set_timer(pool->worker->loop, &hop->timer, IDLE_MILLISECONDS, hop->timer.fired) < 0) {
        hop_close(hop, true);
        return;
    }
    hop->next = pool->idle;
    pool->idle = hop;
    pool->idle_count++;
    WORKER_ADD(pool->worker, hops_idle, 1);
    if (pool->idle_count > IDLE_MAXIMUM)
        pool_drop(pool, oldest(pool));
}

void pool_drop(struct pool *pool, struct hop *hop)
{
    bool politely = !hop->leaving && !hop->stream.broken;
    unlink_hop(pool, hop);
    hop_close(hop, politely);
}

/* --- tickets --- */

static void free_ticket(struct pool *pool, struct ticket **at)
{
    struct ticket *ticket = *at;
    *at = ticket->next;
    pool->ticket_count--;
    SSL_SESSION_free(ticket->session);
    free(ticket);
}

static void keep_ticket(struct pool *pool, const struct hop *hop, SSL_SESSION *session)
{
    struct ticket *ticket = malloc(sizeof *ticket);
    if (!ticket) {
        SSL_SESSION_free(session);
        return;
    }
    *ticket = (struct ticket){pool->tickets, hop->outbound, hop->host, session};
    pool->tickets = ticket;
    if (++pool->ticket_count > TICKETS_KEPT) {
        struct ticket **at = &pool->tickets;
        while ((*at)->next)
            at = &(*at)->next;
        free_ticket(pool, at);
    }
}

void pool_keep_tickets(struct pool *pool, struct hop *hop)
{
    struct tls_peer *peer = tls_peer(hop->stream.ssl);
    if (!peer)
        return;
    for (unsigned i = 0; i < peer->ticket_count; i++) {
        if (hop->snapshot == pool->worker->snapshot && !hop->tls)
            keep_ticket(pool, hop, peer->tickets[i]);
        else
            SSL_SESSION_free(peer->tickets[i]);
    }
    peer->ticket_count = 0;
}

static struct ticket **find_ticket(struct ticket **from, const struct conn_outbound *outbound,
                                   size_t host)
{
    struct ticket **at = from;
    while (*at && ((*at)->outbound != outbound || (*at)->host != host))
        at = &(*at)->next;
    return at;
}

SSL_SESSION *pool_take_ticket(struct pool *pool, const struct snapshot *snapshot,
                              const struct conn_outbound *outbound, size_t host)
{
    struct ticket **at = find_ticket(&pool->tickets, outbound, host);
    if (snapshot != pool->worker->snapshot || !*at)
        return NULL;
    SSL_SESSION *session = (*at)->session;
    SSL_SESSION_up_ref(session);
    bool is_last = !*find_ticket(&(*at)->next, outbound, host);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION && !is_last)
        free_ticket(pool, at);
    return session;
}

/* --- one handshake goes first --- */

static bool go_the_same_way(const struct hop *one, const struct hop *other)
{
    return one->snapshot == other->snapshot && one->outbound == other->outbound &&
           one->host == other->host;
}

bool pool_follow(struct pool *pool, struct hop *hop)
{
    struct hop *leader = pool->leaders;
    while (leader && !go_the_same_way(leader, hop))
        leader = leader->next;
    struct hop **list = leader ? &pool->followers : &pool->leaders;
    if (leader && loop_set_timer(pool->worker->loop, &hop->timer, FOLLOW_MILLISECONDS,
                                 hop->timer.fired) < 0)
        return false;
    hop->follows = leader != NULL;
    hop->next = *list;
    *list = hop;
    return hop->follows;
}

void pool_settle(struct pool *pool, struct hop *hop)
{
    hop->follows = false;
    if (unlink_from(&pool->followers, hop) || !unlink_from(&pool->leaders, hop))
        return;
    for (struct hop *follower = pool->followers; follower; follower = follower->next)
        if (go_the_same_way(hop, follower))
            loop_set_timer(pool->worker->loop, &follower->timer, 0, follower->timer.fired);
}

void pool_clear(struct pool *pool)
{
    while (pool->idle)
        pool_drop(pool, pool->idle);
    while (pool->tickets)
        free_ticket(pool, &pool->tickets);
}

struct pool *pool_free(struct pool *pool)
{
    if (!pool)
        return NULL;
    pool_clear(pool);
    while (pool->leaving)
        pool_drop(pool, pool->leaving);
    free(pool);
    return NULL;
}
