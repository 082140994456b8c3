/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One key in several places: two HSMs, one key replicated. See pki_key_open_places() of signer.h.
 *
 * The handle that callers get holds one key of a client for each place, in the administrator's
 * order. Each lives its own life (lost, opened anew, proved again), and tells this one by its
 * observer; the first that is proved is the active one, so that failing over and coming back are
 * the same rule. A signature that the active place does not give is asked of the next. Locks: a
 * client's, then this one's; never the other way. */
#include <errno.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/client.h"

enum { NO_PLACE = -1 };

struct places {
    struct pki_key base;
    pthread_mutex_t lock; /* active, opened and news */
    pthread_cond_t changed;
    int active;
    bool opened; /* changes are worth telling */
    uint64_t news;
    unsigned count;
    struct signer_key *place[PKI_PLACES_MAXIMUM];
};

static uint32_t algorithms_of(const struct places *places, int place)
{
    const struct signer_key *key = place == NO_PLACE ? NULL : places->place[place];
    return key ? pki_key_algorithms(&key->base) : 0;
}

static int find_active(const struct places *places)
{
    for (unsigned i = 0; i < places->count; i++)
        if (algorithms_of(places, (int)i))
            return (int)i;
    return NO_PLACE;
}

static void log_change(enum log_event_id event, const struct signer_key *from,
                       const struct signer_key *to)
{
    struct log log;
    log_event(&log, event,
              event == LOG_EVENT_KEY_CAME_BACK ? "The key is used in an earlier place again: %s"
                                               : "The key failed, and is used in another place: %s",
              to->uri);
    log_text(&log, "from", from->uri);
    log_text(&log, "from-token", from->token);
    log_text(&log, "key", to->uri);
    log_text(&log, "token", to->token);
    log_number(&log, "place", to->place);
    log_number(&log, "places", to->places);
    log_end(&log);
}

static void count_one(uint64_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Counted for the place that mail left, and that it came back to. `last` is where it was before
 * this: when all places were down in between, that is no reason to be silent. */
static void tell_change(struct signer_key *last, struct signer_key *now)
{
    bool back = now->place < last->place;
    count_one(back ? &now->comebacks : &last->failovers);
    log_change(back ? LOG_EVENT_KEY_CAME_BACK : LOG_EVENT_KEY_FAILED_OVER, last, now);
}

/* With the lock. */
static void choose(struct places *places)
{
    int now = find_active(places), last = places->active;
    __atomic_store_n(&places->base.algorithms, algorithms_of(places, now), __ATOMIC_RELEASE);
    if (now == NO_PLACE || now == last)
        return;
    if (last != NO_PLACE)
        __atomic_store_n(&places->place[last]->active, false, __ATOMIC_RELAXED);
    __atomic_store_n(&places->place[now]->active, true, __ATOMIC_RELAXED);
    places->active = now;
    if (places->opened && last != NO_PLACE)
        tell_change(places->place[last], places->place[now]);
}

/* A client's thread, with its lock: one of the keys has changed. */
static void observe(void *observer)
{
    struct places *places = observer;
    pthread_mutex_lock(&places->lock);
    places->news++;
    choose(places);
    pthread_cond_broadcast(&places->changed);
    pthread_mutex_unlock(&places->lock);
}

/* --- signing ---------------------------------------------------------------------------------- */

static int sign(struct pki_key *base, enum pki_algorithm algorithm, const uint8_t *data,
                size_t data_length, uint8_t *signature, size_t *length, struct error *error)
{
    struct places *places = (struct places *)base;
    const size_t room = *length;
    struct pki_key *untried = &places->place[0]->base;
    int result = -EX_TEMPFAIL;
    for (unsigned i = 0; i < places->count && result < 0; i++) {
        struct pki_key *key = &places->place[i]->base;
        if (!(pki_key_algorithms(key) & 1u << algorithm))
            continue;
        untried = NULL;
        *length = room;
        result = key->operations->sign(key, algorithm, data, data_length, signature, length, error);
        if (result == -EX_DATAERR)
            break; /* not the place's fault */
    }
    /* None has it at this moment: the first place says why. */
    return untried ? untried->operations->sign(untried, algorithm, data, data_length, signature,
                                               length, error)
                   : result;
}

static void retry(struct pki_key *base)
{
    struct places *places = (struct places *)base;
    for (unsigned i = 0; i < places->count; i++)
        pki_key_retry(&places->place[i]->base);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void free_places(struct pki_key *base)
{
    struct places *places = (struct places *)base;
    for (unsigned i = 0; i < places->count; i++)
        if (places->place[i])
            pki_key_unref(&places->place[i]->base);
    pthread_cond_destroy(&places->changed);
    pthread_mutex_destroy(&places->lock);
    free(places);
}

static struct places *new_places(unsigned count)
{
    static const struct pki_key_operations operations = {
        .sign = sign, .retry = retry, .free = free_places};
    struct places *places = calloc(1, sizeof *places);
    if (!places)
        return NULL;
    places->base = (struct pki_key){.operations = &operations, .references = 1};
    places->active = NO_PLACE;
    places->count = count;
    pthread_mutex_init(&places->lock, NULL);
    client_init_condition(&places->changed);
    return places;
}

static int make_keys(struct places *places, const struct pki_key_source *sources,
                     EVP_PKEY *public_key, struct signer_key **keys, struct error *error)
{
    int result = 0;
    for (unsigned i = 0; i < places->count && result == 0; i++) {
        result = client_key_new(&sources[i], public_key, &keys[i], error);
        if (result < 0)
            break;
        keys[i]->observe = observe;
        keys[i]->observer = places;
        keys[i]->place = i + 1;
        keys[i]->places = places->count;
    }
    for (unsigned i = 0; i < places->count && result < 0; i++)
        if (keys[i])
            client_key_free(keys[i]);
    return result;
}

/* Every key is in its place before the first is opened, and with it observed. A key that no client
 * was found for (memory) is freed with those that have one. */
static int add_keys(struct places *places, struct pki_signer *signer,
                    const struct pki_key_source *sources, struct signer_key **keys,
                    struct error *error)
{
    int result = 0;
    for (unsigned i = 0; i < places->count; i++) {
        if (result == 0)
            result = signer_add_key(signer, &sources[i], keys[i], error);
        if (result < 0) {
            client_key_free(keys[i]);
            continue;
        }
        pthread_mutex_lock(&places->lock);
        places->place[i] = keys[i];
        choose(places);
        pthread_mutex_unlock(&places->lock);
    }
    return result;
}

static unsigned longest_timeout(const struct places *places)
{
    unsigned longest = 0;
    for (unsigned i = 0; i < places->count; i++)
        if (places->place[i]->timeout > longest)
            longest = places->place[i]->timeout;
    return longest;
}

/* Is it clear which place it will be? An earlier one that has not answered yet may still come. */
static bool is_decided(struct places *places)
{
    struct error error;
    for (unsigned i = 0; i < places->count; i++) {
        if (algorithms_of(places, (int)i))
            return true;
        if (!client_key_ended(places->place[i], &error))
            return false;
    }
    return true;
}

/* Until it is decided; an earlier place has one of its time-outs to come before a later one that is
 * ready is taken, and four where there is no other. */
static void await_decision(struct places *places)
{
    int64_t now = clock_microseconds(), timeout = (int64_t)longest_timeout(places) * 1000;
    int64_t patience = now + timeout, deadline = now + timeout * CLIENT_OPEN_FACTOR + 1000000;
    bool over = false;
    uint64_t seen = 0;
    while (!over && !is_decided(places)) {
        pthread_mutex_lock(&places->lock);
        int64_t until = places->active == NO_PLACE ? deadline : patience;
        struct timespec moment = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
        int number = 0;
        while (places->news == seen && number != ETIMEDOUT)
            number = pthread_cond_timedwait(&places->changed, &places->lock, &moment);
        seen = places->news;
        over = clock_microseconds() >= (places->active == NO_PLACE ? deadline : patience);
        pthread_mutex_unlock(&places->lock);
    }
}

static int judge(struct places *places, bool wait_for_token, struct error *error)
{
    struct error reason;
    bool hope = false;
    pthread_mutex_lock(&places->lock);
    places->opened = true;
    int active = find_active(places);
    pthread_mutex_unlock(&places->lock);
    if (active > 0)
        tell_change(places->place[0], places->place[active]);
    if (active != NO_PLACE)
        return 0;
    for (unsigned i = places->count; i-- > 0;) {
        client_key_ended(places->place[i], &reason);
        hope |= reason.code == EX_UNAVAILABLE || reason.code == EX_TEMPFAIL;
        *error = reason; /* in the end the first place's */
    }
    if (wait_for_token && hope)
        return 0;
    return error_where(error, "%s", places->place[0]->uri);
}

int pki_key_open_places(struct pki_signer *signer, const struct pki_key_source *sources,
                        size_t count, EVP_PKEY *public_key, bool wait_for_token,
                        struct pki_key **ret, struct error *error)
{
    struct signer_key *keys[PKI_PLACES_MAXIMUM] = {NULL};
    if (!count || count > PKI_PLACES_MAXIMUM)
        return error_set(error, EX_CONFIG, "A key has between one and %d places",
                         PKI_PLACES_MAXIMUM);
    struct places *places = new_places((unsigned)count);
    if (!places)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = make_keys(places, sources, public_key, keys, error);
    if (result == 0)
        result = add_keys(places, signer, sources, keys, error);
    if (result == 0) {
        await_decision(places);
        result = judge(places, wait_for_token, error);
    }
    if (result < 0)
        free_places(&places->base);
    else
        *ret = &places->base;
    return result;
}

int pki_key_open(struct pki_signer *signer, const struct pki_key_source *source,
                 EVP_PKEY *public_key, bool wait_for_token, struct pki_key **ret,
                 struct error *error)
{
    return pki_key_open_places(signer, source, 1, public_key, wait_for_token, ret, error);
}
