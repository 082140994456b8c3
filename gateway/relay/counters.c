/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See counters.h. */
#include "gateway/relay/counters.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BUCKETS = 4096, MINUTE = 60000 };

struct counter {
    struct counters_key key;
    struct counter *next;            /* in its bucket */
    struct counter *earlier, *later; /* among the shard's rows without sessions, by last use */
    unsigned shard, sessions;
    int64_t room, at; /* of messages, times MINUTE, as of then; `at` 0: never asked */
};

static struct shard {
    pthread_mutex_t lock;
    struct counter **buckets; /* made with the first row */
    struct counter *oldest, *newest;
    unsigned rows;
} shards[COUNTERS_SHARDS] = {
    [0 ... COUNTERS_SHARDS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};

static uint64_t seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)(uintptr_t)&seed;
}

/* --- keys --- */

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t read_64(const unsigned char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

struct counters_key counters_key(const char *owner, const struct sockaddr *address)
{
    struct counters_key key = {.owner = hash_text(owner)};
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (!address)
        return key;
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        key.low = four.sin_addr.s_addr;
    } else if (address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
            key.low = (uint32_t)(read_64(six.sin6_addr.s6_addr + 8) >>
                                 (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 32 : 0));
        else
            key.high = read_64(six.sin6_addr.s6_addr);
    }
    key.low |= UINT64_C(1) << 32; /* an address, be it 0.0.0.0 */
    return key;
}

/* Nobody who chooses addresses knows which of them meet. */
static uint64_t mix(const struct counters_key *key)
{
    uint64_t value;
    const uint64_t parts[] = {key->owner, key->high, key->low};
    pthread_once(&seeded, make_seed);
    value = seed;
    for (unsigned i = 0; i < 3; i++) {
        value ^= parts[i];
        value *= UINT64_C(0x9e3779b97f4a7c15);
        value ^= value >> 29;
        value *= UINT64_C(0xbf58476d1ce4e5b9);
        value ^= value >> 32;
    }
    return value;
}

/* --- rows --- */

static void leave_queue(struct shard *shard, struct counter *row)
{
    *(row->earlier ? &row->earlier->later : &shard->oldest) = row->later;
    *(row->later ? &row->later->earlier : &shard->newest) = row->earlier;
    row->earlier = row->later = NULL;
}

static void join_queue(struct shard *shard, struct counter *row)
{
    row->earlier = shard->newest;
    row->later = NULL;
    *(shard->newest ? &shard->newest->later : &shard->oldest) = row;
    shard->newest = row;
}

static struct counter **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[(hash >> 8) % BUCKETS];
}

static void drop_oldest(struct shard *shard)
{
    struct counter *row = shard->oldest, **link;
    for (link = bucket_of(shard, mix(&row->key)); *link != row; link = &(*link)->next)
        ;
    *link = row->next;
    leave_queue(shard, row);
    shard->rows--;
    free(row);
}

static struct counter *add_row(struct shard *shard, const struct counters_key *key, uint64_t hash)
{
    if (shard->rows >= COUNTERS_ROWS && !shard->oldest)
        return NULL;
    if (!shard->buckets && !(shard->buckets = calloc(BUCKETS, sizeof(struct counter *))))
        return NULL;
    struct counter *row = calloc(1, sizeof *row);
    if (!row)
        return NULL;
    if (shard->rows >= COUNTERS_ROWS)
        drop_oldest(shard);
    struct counter **bucket = bucket_of(shard, hash);
    row->key = *key;
    row->shard = (unsigned)(shard - shards);
    row->next = *bucket;
    *bucket = row;
    shard->rows++;
    join_queue(shard, row);
    return row;
}

/* With its shard locked; the row is the newest among those without sessions, if it is of them. */
static struct counter *find_row(const struct counters_key *key, struct shard **ret)
{
    uint64_t hash = mix(key);
    struct shard *shard = *ret = &shards[hash % COUNTERS_SHARDS];
    pthread_mutex_lock(&shard->lock);
    struct counter *row = shard->buckets ? *bucket_of(shard, hash) : NULL;
    while (row && memcmp(&row->key, key, sizeof *key) != 0)
        row = row->next;
    if (!row)
        return add_row(shard, key, hash);
    if (!row->sessions) {
        leave_queue(shard, row);
        join_queue(shard, row);
    }
    return row;
}

/* --- sessions --- */

enum counters_result counters_enter(const struct counters_key *key, unsigned most,
                                    struct counter **ret)
{
    enum counters_result result = COUNTERS_TAKEN;
    struct shard *shard;
    struct counter *row = find_row(key, &shard);
    if (!row) {
        result = COUNTERS_EXHAUSTED;
    } else if (row->sessions >= most) {
        result = COUNTERS_OVER;
    } else {
        if (!row->sessions++)
            leave_queue(shard, row);
        *ret = row;
    }
    pthread_mutex_unlock(&shard->lock);
    return result;
}

void counters_leave(struct counter *counter)
{
    if (!counter)
        return;
    struct shard *shard = &shards[counter->shard];
    pthread_mutex_lock(&shard->lock);
    if (!--counter->sessions)
        join_queue(shard, counter);
    pthread_mutex_unlock(&shard->lock);
}

/* --- messages --- */

static bool take_room(struct counter *row, unsigned a_minute, int64_t now)
{
    int64_t full = (int64_t)a_minute * MINUTE;
    int64_t waited = row->at ? now - row->at : MINUTE;
    if (waited < 0)
        waited = 0;
    if (waited > MINUTE)
        waited = MINUTE;
    row->room += waited * a_minute;
    if (row->room > full)
        row->room = full;
    row->at = now ? now : 1;
    if (row->room < MINUTE)
        return false;
    row->room -= MINUTE;
    return true;
}

bool counters_take_message(const struct counters_key *key, unsigned a_minute, int64_t now)
{
    struct shard *shard;
    struct counter *row = find_row(key, &shard);
    bool taken = row && take_room(row, a_minute, now);
    pthread_mutex_unlock(&shard->lock);
    return taken;
}

/* --- for tests --- */

unsigned counters_rows(void)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < COUNTERS_SHARDS; i++) {
        pthread_mutex_lock(&shards[i].lock);
        rows += shards[i].rows;
        pthread_mutex_unlock(&shards[i].lock);
    }
    return rows;
}

void counters_forget(void)
{
    for (unsigned i = 0; i < COUNTERS_SHARDS; i++) {
        pthread_mutex_lock(&shards[i].lock);
        while (shards[i].oldest)
            drop_oldest(&shards[i]);
        if (!shards[i].rows) {
            free(shards[i].buckets);
            shards[i].buckets = NULL;
        }
        pthread_mutex_unlock(&shards[i].lock);
    }
}
