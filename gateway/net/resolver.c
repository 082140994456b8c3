/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See resolver.h. An entry is a name with its last answer and whoever waits for the next; it is freed
 * only when nobody waits and no job has it. A zero-length timer answers from memory, so that an answer
 * never comes inside the question. */
#include "gateway/net/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAXIMUM = 256, KEEP_ANSWER = 60000, KEEP_FAILURE = 5000, NAME_MAXIMUM = 256 };

struct resolver_entry {
    struct resolver *resolver;
    struct resolver_entry *next;
    struct resolver_query *waiting;
    struct offload_job job;
    struct loop_timer timer;
    bool running, failed;
    bool answering; /* its callbacks are being called */
    int64_t valid_until;
    char name[NAME_MAXIMUM];
    struct resolver_answer answer, fresh; /* fresh belongs to the job while it runs */
    struct error error, fresh_error;
    int fresh_result;
};

struct resolver {
    struct loop *loop;
    struct offload *offload;
    struct resolver_entry *entries;
    unsigned count;
};

int resolver_new(struct resolver **ret, struct loop *loop, struct offload *offload,
                 struct error *error)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return error_set(error, EX_OSERR, "Out of memory");
    resolver->loop = loop;
    resolver->offload = offload;
    *ret = resolver;
    return 0;
}

struct resolver *resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return NULL;
    while (resolver->entries) {
        struct resolver_entry *entry = resolver->entries;
        resolver->entries = entry->next;
        loop_cancel_timer(resolver->loop, &entry->timer);
        free(entry);
    }
    free(resolver);
    return NULL;
}

static void look_up(struct offload_job *job)
{
    struct resolver_entry *entry = container_of(job, struct resolver_entry, job);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    entry->fresh.count = 0;
    offload_wait_begin();
    int result = getaddrinfo(entry->name, NULL, &hints, &list);
    offload_wait_end();
    /* AI_ADDRCONFIG does not count loopback addresses; a host with nothing else asks again. */
    if (result != 0) {
        hints.ai_flags = 0;
        offload_wait_begin();
        result = getaddrinfo(entry->name, NULL, &hints, &list);
        offload_wait_end();
    }
    if (result != 0) {
        entry->fresh_result = error_set(&entry->fresh_error, EX_TEMPFAIL, "Cannot resolve %s: %s",
                                        entry->name, gai_strerror(result));
        error_cure(&entry->fresh_error,
                   "check the name in SmartHosts and the system's resolver: getent ahosts %s",
                   entry->name);
        return;
    }
    entry->fresh_result = 0;
    for (struct addrinfo *at = list; at && entry->fresh.count < RESOLVER_ADDRESSES_MAXIMUM;
         at = at->ai_next) {
        struct resolver_address *address = &entry->fresh.addresses[entry->fresh.count++];
        memcpy(&address->address, at->ai_addr, at->ai_addrlen);
        address->length = at->ai_addrlen;
    }
    freeaddrinfo(list);
}

static void set_port(struct resolver_answer *answer, uint16_t port)
{
    for (unsigned i = 0; i < answer->count; i++) {
        struct sockaddr_storage *address = &answer->addresses[i].address;
        if (address->ss_family == AF_INET)
            ((struct sockaddr_in *)address)->sin_port = htons(port);
        else
            ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

/* Each query leaves the list before its callback, which may ask again or cancel others. */
static void answer_all(struct resolver_entry *entry)
{
    entry->answering = true;
    while (entry->waiting) {
        struct resolver_query *query = entry->waiting;
        struct resolver_answer answer = entry->answer;
        entry->waiting = query->next;
        query->entry = NULL;
        set_port(&answer, query->port);
        query->answered(query, &answer, entry->failed ? &entry->error : NULL);
    }
    entry->answering = false;
}

static void looked_up(struct offload_job *job)
{
    struct resolver_entry *entry = container_of(job, struct resolver_entry, job);
    entry->running = false;
    entry->failed = entry->fresh_result < 0;
    entry->answer = entry->fresh;
    entry->error = entry->fresh_error;
    entry->valid_until =
        loop_now(entry->resolver->loop) + (entry->failed ? KEEP_FAILURE : KEEP_ANSWER);
    answer_all(entry);
}

static void answer_from_memory(struct loop_timer *timer)
{
    answer_all(container_of(timer, struct resolver_entry, timer));
}

static struct resolver_entry *find(struct resolver *resolver, const char *name)
{
    for (struct resolver_entry *entry = resolver->entries; entry; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

/* Makes room by forgetting the oldest entry that nobody needs. New ones stand in front. */
static void forget_one(struct resolver *resolver)
{
    struct resolver_entry **oldest = NULL;
    for (struct resolver_entry **at = &resolver->entries; *at; at = &(*at)->next)
        if (!(*at)->running && !(*at)->waiting && !(*at)->answering)
            oldest = at;
    if (!oldest)
        return;
    struct resolver_entry *entry = *oldest;
    *oldest = entry->next;
    resolver->count--;
    loop_cancel_timer(resolver->loop, &entry->timer);
    free(entry);
}

static struct resolver_entry *add(struct resolver *resolver, const char *name)
{
    if (resolver->count >= ENTRIES_MAXIMUM)
        forget_one(resolver);
    if (resolver->count >= ENTRIES_MAXIMUM || strlen(name) >= NAME_MAXIMUM)
        return NULL;
    struct resolver_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    strcpy(entry->name, name);
    entry->resolver = resolver;
    entry->next = resolver->entries;
    resolver->entries = entry;
    resolver->count++;
    return entry;
}

int resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *name,
                 uint16_t port,
                 void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                  const struct error *))
{
    struct resolver_entry *entry = find(resolver, name);
    if (!entry && !(entry = add(resolver, name)))
        return -ENOMEM;
    int result = 0;
    if (!entry->running && loop_now(resolver->loop) < entry->valid_until)
        result = loop_set_timer(resolver->loop, &entry->timer, 0, answer_from_memory);
    else if (!entry->running &&
             (result = offload_submit(resolver->offload, resolver->loop, &entry->job, look_up,
                                      looked_up)) == 0)
        entry->running = true;
    if (result < 0)
        return result;
    *query = (struct resolver_query){
        .answered = answered, .port = port, .entry = entry, .next = entry->waiting};
    entry->waiting = query;
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    if (!query->entry)
        return;
    for (struct resolver_query **at = &query->entry->waiting; *at; at = &(*at)->next)
        if (*at == query) {
            *at = query->next;
            break;
        }
    query->entry = NULL;
}
