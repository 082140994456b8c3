/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See pool.h. Both lists are short and held newest first: the warmest connection is taken, the oldest
 * falls off the end. */
#include "gateway/relay/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_MAXIMUM = 128,
    IDLE_MILLISECONDS = 60000,
    LEAVING_MAXIMUM = 256,
    LEAVING_MILLISECONDS = 5000,
    TICKETS_KEPT = 64,
    FOLLOW_MILLISECONDS = 3000
};

struct ticket {
    struct ticket *next;
    struct resumption_key key;
    char *certificate; /* that we presented; NULL: none */
    char host[256];
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
    unsigned identity_generation; /* counts pool_forget_identity() */
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

/* The identity has been switched since the connection was made: it finishes what is under way, and
 * carries no further message. */
static bool is_stale(const struct hop *hop)
{
    const struct pki_identity *identity =
        hop->stream.ssl ? hop->snapshot->outbound[hop->outbound->index].identity : NULL;
    return identity && pki_identity_serial_of(hop->stream.ssl) != pki_identity_serial(identity);
}

struct hop *pool_take(struct pool *pool, const struct snapshot *snapshot,
                      const struct conn_outbound *outbound, const char *domain,
                      struct hop_owner *owner)
{
    for (struct hop *hop = pool->idle, *next; hop; hop = next) {
        next = hop->next;
        if (hop->outbound != outbound || hop->snapshot != snapshot || hop->stream.broken ||
            !hop_goes_to(hop, domain))
            continue;
        if (is_stale(hop)) {
            pool_drop(pool, hop);
            continue;
        }
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
    if (hop->offers.mail_maximum && (!limit || limit > hop->offers.mail_maximum))
        limit = hop->offers.mail_maximum; /* RFC 9422 */
    pool_keep_tickets(pool, hop);
    /* step_started is when it began to rest; the hop's own timer ends that. */
    if ((limit && hop->messages >= limit) || hop->snapshot != pool->worker->snapshot ||
        pool->worker->draining || is_stale(hop)) {
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

/* "mail.contoso.com:25"; false when it does not fit. */
static bool name_host(const char *host, uint16_t port, char *text, size_t size)
{
    int length = snprintf(text, size, "%s:%u", host, port);
    return length > 0 && (size_t)length < size;
}

static void free_ticket(struct pool *pool, struct ticket **at)
{
    struct ticket *ticket = *at;
    *at = ticket->next;
    pool->ticket_count--;
    SSL_SESSION_free(ticket->session);
    free(ticket->certificate);
    free(ticket);
}

static const struct snapshot_outbound *outbound_of(const struct hop *hop)
{
    return &hop->snapshot->outbound[hop->outbound->index];
}

/* NULL: no memory, or a name too long to be told from another. */
static struct ticket *new_ticket(const struct hop *hop)
{
    const struct snapshot_outbound *outbound = outbound_of(hop);
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket)
        return NULL;
    ticket->key = outbound->resumption;
    if (outbound->identity)
        ticket->certificate = strdup(pki_identity_name(outbound->identity));
    if ((outbound->identity && !ticket->certificate) ||
        !name_host(hop_host(hop), hop_port(hop), ticket->host, sizeof ticket->host)) {
        free(ticket->certificate);
        free(ticket);
        return NULL;
    }
    return ticket;
}

static void keep_ticket(struct pool *pool, const struct hop *hop, SSL_SESSION *session)
{
    struct ticket *ticket = new_ticket(hop);
    if (!ticket) {
        SSL_SESSION_free(session);
        return;
    }
    ticket->session = session;
    ticket->next = pool->tickets;
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
    bool known = peer->ticket_count && peer->generation == pool->identity_generation &&
                 resumption_key_is_known(pool->worker->snapshot, &outbound_of(hop)->resumption);
    for (unsigned i = 0; i < peer->ticket_count; i++) {
        if (known && !hop->tls)
            keep_ticket(pool, hop, peer->tickets[i]);
        else
            SSL_SESSION_free(peer->tickets[i]);
    }
    peer->ticket_count = 0;
}

/* The newest at `from` or behind it; *result is NULL when there is none. */
static struct ticket **find_ticket(struct ticket **from, const struct snapshot_outbound *way,
                                   const char *host)
{
    struct ticket **at = from;
    while (*at && (!resumption_key_equal(&(*at)->key, &way->resumption) ||
                   strcmp((*at)->host, host) != 0 ||
                   (way->identity && !pki_identity_may_resume(way->identity, (*at)->session))))
        at = &(*at)->next;
    return at;
}

SSL_SESSION *pool_take_ticket(struct pool *pool, const struct snapshot *snapshot,
                              const struct conn_outbound *outbound, const char *host, uint16_t port)
{
    char name[sizeof pool->tickets->host];
    if (!name_host(host, port, name, sizeof name))
        return NULL;
    const struct snapshot_outbound *way = &snapshot->outbound[outbound->index];
    struct ticket **at = find_ticket(&pool->tickets, way, name);
    if (!*at)
        return NULL;
    SSL_SESSION *session = (*at)->session;
    bool is_last = !*find_ticket(&(*at)->next, way, name);
    /* OpenSSL spoils the ticket that a handshake has used: a copy keeps the last one fit. */
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION && is_last)
        return SSL_SESSION_dup(session);
    SSL_SESSION_up_ref(session);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        free_ticket(pool, at);
    return session;
}

/* --- one handshake goes first --- */

static bool go_the_same_way(const struct hop *one, const struct hop *other)
{
    return one->snapshot == other->snapshot && one->outbound == other->outbound &&
           strcmp(hop_host(one), hop_host(other)) == 0 && hop_port(one) == hop_port(other);
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

void pool_forget_connector(struct pool *pool, const struct snapshot *snapshot,
                           const struct conn_outbound *outbound)
{
    const struct resumption_key *key = &snapshot->outbound[outbound->index].resumption;
    for (struct ticket **at = &pool->tickets; *at;)
        if (resumption_key_equal(&(*at)->key, key))
            free_ticket(pool, at);
        else
            at = &(*at)->next;
}

static bool presents(const struct hop *hop, const char *certificate)
{
    const struct pki_identity *identity = outbound_of(hop)->identity;
    return identity && strcmp(pki_identity_name(identity), certificate) == 0;
}

void pool_forget_identity(struct pool *pool, const char *certificate)
{
    for (struct hop *hop = pool->idle, *next; hop; hop = next) {
        next = hop->next;
        if (presents(hop, certificate))
            pool_drop(pool, hop);
    }
    for (struct ticket **at = &pool->tickets; *at;)
        if ((*at)->certificate && strcmp((*at)->certificate, certificate) == 0)
            free_ticket(pool, at);
        else
            at = &(*at)->next;
    pool->identity_generation++;
}

static void drop_idle(struct pool *pool)
{
    while (pool->idle)
        pool_drop(pool, pool->idle);
}

void pool_take_up(struct pool *pool)
{
    drop_idle(pool);
    for (struct ticket **at = &pool->tickets; *at;)
        if (!resumption_key_is_known(pool->worker->snapshot, &(*at)->key))
            free_ticket(pool, at);
        else
            at = &(*at)->next;
}

void pool_clear(struct pool *pool)
{
    drop_idle(pool);
    while (pool->tickets)
        free_ticket(pool, &pool->tickets);
}

unsigned pool_generation(const struct pool *pool)
{
    return pool->identity_generation;
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
