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

enum {
    ENTRIES_MAXIMUM = 256,
    KEEP_ANSWER = 60000,
    KEEP_REFUSAL = 60000,
    KEEP_FAILURE = 5000,
    NAME_MAXIMUM = 256
};

/* What is asked about a name; each has an entry of its own. */
enum kind { KIND_HOST, KIND_MAIL, KIND_MAIL_HOST, KIND_MAIL_ALIAS };

struct question {
    enum kind kind;
    const struct dns_servers *servers; /* of the DNS alone */
    const char *own;                   /* of mail alone */
};

struct resolver_entry {
    struct resolver *resolver;
    struct resolver_entry *next;
    struct resolver_query *waiting;
    struct offload_job job;
    struct loop_timer timer;
    bool running, failed;
    bool answering; /* its callbacks are being called */
    bool outdated;  /* asked of servers that are others by now */
    int64_t valid_until;
    enum kind kind;
    char name[NAME_MAXIMUM], own[NAME_MAXIMUM];
    struct dns_servers servers;
    struct resolver_answer answer, fresh; /* fresh belongs to the job while it runs */
    struct dns_route *route, *fresh_route; /* of mail; NULL: none yet */
    unsigned fresh_seconds;
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

static void free_entry(struct resolver *resolver, struct resolver_entry *entry)
{
    loop_cancel_timer(resolver->loop, &entry->timer);
    free(entry->route);
    free(entry->fresh_route);
    free(entry);
}

struct resolver *resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return NULL;
    while (resolver->entries) {
        struct resolver_entry *entry = resolver->entries;
        resolver->entries = entry->next;
        free_entry(resolver, entry);
    }
    free(resolver);
    return NULL;
}

static void look_up_host(struct resolver_entry *entry)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
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
        entry->fresh.outcome = DNS_TEMPORARY;
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

static void look_up_mail(struct resolver_entry *entry)
{
    if (!entry->fresh_route)
        entry->fresh_route = calloc(1, sizeof *entry->fresh_route);
    entry->fresh.outcome = DNS_TEMPORARY;
    if (!entry->fresh_route) {
        error_set(&entry->fresh_error, EX_OSERR, "Out of memory");
        return;
    }
    offload_wait_begin();
    entry->fresh.outcome =
        dns_mail_hosts(&entry->servers, entry->name, entry->own, entry->fresh_route,
                       &entry->fresh_seconds, &entry->fresh_error);
    offload_wait_end();
}

static void look_up_mail_host(struct resolver_entry *entry)
{
    struct sockaddr_storage found[RESOLVER_ADDRESSES_MAXIMUM];
    unsigned count = 0;
    offload_wait_begin();
    entry->fresh.outcome = dns_addresses(
        &entry->servers, entry->name, entry->kind == KIND_MAIL_ALIAS, found,
        RESOLVER_ADDRESSES_MAXIMUM, &count, &entry->fresh_seconds, &entry->fresh_error);
    offload_wait_end();
    for (unsigned i = 0; i < count; i++)
        entry->fresh.addresses[i] = (struct resolver_address){
            .address = found[i],
            .length = found[i].ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                    : sizeof(struct sockaddr_in6)};
    entry->fresh.count = count;
}

static void look_up(struct offload_job *job)
{
    struct resolver_entry *entry = container_of(job, struct resolver_entry, job);
    entry->fresh.count = 0;
    entry->fresh.outcome = DNS_FOUND;
    entry->fresh_seconds = KEEP_ANSWER / 1000;
    if (entry->kind == KIND_HOST) {
        look_up_host(entry);
        return;
    }
    if (entry->kind == KIND_MAIL)
        look_up_mail(entry);
    else
        look_up_mail_host(entry);
    entry->fresh_result = entry->fresh.outcome == DNS_FOUND ? 0 : -EX_TEMPFAIL;
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

static int64_t keep(const struct resolver_entry *entry)
{
    if (!entry->failed)
        return (int64_t)entry->fresh_seconds * 1000;
    return entry->answer.outcome == DNS_TEMPORARY ? KEEP_FAILURE : KEEP_REFUSAL;
}

/* What the job found is what is known now; the old route becomes the room for the next. */
static void take_over(struct resolver_entry *entry)
{
    struct dns_route *old = entry->route;
    entry->answer = entry->fresh;
    entry->error = entry->fresh_error;
    entry->route = entry->fresh_route;
    entry->fresh_route = old;
    entry->answer.route = entry->failed ? NULL : entry->route;
}

static void looked_up(struct offload_job *job)
{
    struct resolver_entry *entry = container_of(job, struct resolver_entry, job);
    entry->running = false;
    entry->failed = entry->fresh_result < 0;
    take_over(entry);
    entry->valid_until = entry->outdated ? 0 : loop_now(entry->resolver->loop) + keep(entry);
    entry->outdated = false;
    answer_all(entry);
}

static void answer_from_memory(struct loop_timer *timer)
{
    answer_all(container_of(timer, struct resolver_entry, timer));
}

static struct resolver_entry *find(struct resolver *resolver, const char *name, enum kind kind)
{
    for (struct resolver_entry *entry = resolver->entries; entry; entry = entry->next)
        if (entry->kind == kind && strcmp(entry->name, name) == 0)
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
    free_entry(resolver, entry);
}

static struct resolver_entry *add(struct resolver *resolver, const char *name, enum kind kind)
{
    if (resolver->count >= ENTRIES_MAXIMUM)
        forget_one(resolver);
    if (resolver->count >= ENTRIES_MAXIMUM || strlen(name) >= NAME_MAXIMUM)
        return NULL;
    struct resolver_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    strcpy(entry->name, name);
    entry->kind = kind;
    entry->resolver = resolver;
    entry->next = resolver->entries;
    resolver->entries = entry;
    resolver->count++;
    return entry;
}

/* Whom to ask, for the job that begins next. */
static void set_question(struct resolver_entry *entry, const struct question *question)
{
    if (question->servers)
        entry->servers = *question->servers;
    if (question->own && strlen(question->own) < NAME_MAXIMUM)
        strcpy(entry->own, question->own);
}

static int ask(struct resolver *resolver, struct resolver_query *query,
               const struct question *question, const char *name, uint16_t port,
               void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                const struct error *))
{
    struct resolver_entry *entry = find(resolver, name, question->kind);
    if (!entry && !(entry = add(resolver, name, question->kind)))
        return -ENOMEM;
    int result = 0;
    if (!entry->running && loop_now(resolver->loop) < entry->valid_until) {
        result = loop_set_timer(resolver->loop, &entry->timer, 0, answer_from_memory);
    } else if (!entry->running) {
        set_question(entry, question);
        result = offload_submit(resolver->offload, resolver->loop, &entry->job, look_up, looked_up);
        entry->running = result == 0;
    }
    if (result < 0)
        return result;
    *query = (struct resolver_query){
        .answered = answered, .port = port, .entry = entry, .next = entry->waiting};
    entry->waiting = query;
    return 0;
}

int resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *name,
                 uint16_t port,
                 void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                  const struct error *))
{
    return ask(resolver, query, &(struct question){.kind = KIND_HOST}, name, port, answered);
}

int resolver_ask_mail(struct resolver *resolver, struct resolver_query *query,
                      const struct dns_servers *servers, const char *own, const char *domain,
                      void (*answered)(struct resolver_query *, const struct resolver_answer *,
                                       const struct error *))
{
    struct question question = {.kind = KIND_MAIL, .servers = servers, .own = own};
    return ask(resolver, query, &question, domain, 0, answered);
}

int resolver_ask_mail_host(struct resolver *resolver, struct resolver_query *query,
                           const struct dns_servers *servers, const char *name, bool alias,
                           uint16_t port,
                           void (*answered)(struct resolver_query *,
                                            const struct resolver_answer *,
                                            const struct error *))
{
    struct question question = {.kind = alias ? KIND_MAIL_ALIAS : KIND_MAIL_HOST,
                                .servers = servers};
    return ask(resolver, query, &question, name, port, answered);
}

void resolver_forget(struct resolver *resolver)
{
    for (struct resolver_entry *entry = resolver->entries; entry; entry = entry->next) {
        entry->valid_until = 0;
        entry->outdated = entry->running;
    }
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
