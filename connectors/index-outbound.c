/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See index.h: the outbound half. Each pattern is a key, looked up as it stands; who asks goes
 * through the labels of a domain. What AllAcceptedDomains claims is kept once for all connectors
 * that have it: a thousand of them over a thousand domains would else be a million claims. */
#include <string.h>

#include "connectors/domain.h"
#include "connectors/index-private.h"

enum { SCOPED_FEW = 8 }; /* claims on one key that are looked through one after the other */

int conn_claim_compare(const struct conn_claim *a, const struct conn_claim *b)
{
    if (a->exact != b->exact)
        return a->exact ? -1 : 1;
    if (!a->exact && a->length != b->length)
        return a->length > b->length ? -1 : 1;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    return (a->outbound->index > b->outbound->index) - (a->outbound->index < b->outbound->index);
}

bool conn_claim_holds(const struct conn_claim *claim, const char *domain)
{
    return conn_domain_matches(claim->key, domain);
}

static struct conn_claim make_claim(const struct conn_outbound *outbound, const char *element,
                                    const char *pattern, unsigned cost)
{
    return (struct conn_claim){.outbound = outbound,
                               .pattern = pattern,
                               .key = pattern,
                               .element = element,
                               .exact = *pattern != '*',
                               .length = (unsigned)strlen(pattern),
                               .cost = cost};
}

static int take_strings(const struct conn_outbound *outbound, const char *element,
                        const struct conn_strings *domains,
                        int (*take)(void *context, const struct conn_claim *claim), void *context)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < domains->count; i++) {
        if (!domains->items[i])
            continue;
        struct conn_claim claim = make_claim(outbound, element, domains->items[i], 1);
        result = take(context, &claim);
    }
    return result;
}

/* Exchange's "*.contoso.com" takes contoso.com too, if nobody names that itself. */
static int take_space(const struct conn_outbound *outbound, const struct conn_address_space *space,
                      int (*take)(void *context, const struct conn_claim *claim), void *context)
{
    if (!space->domain)
        return 0;
    struct conn_claim claim = make_claim(outbound, "AddressSpaces", space->domain, space->cost);
    int result = take(context, &claim);
    if (result != 0 || strncmp(space->domain, "*.", 2) != 0)
        return result;
    claim.key = space->domain + 2;
    return take(context, &claim);
}

int conn_claims_of(const struct conn_config *config, const struct conn_outbound *outbound,
                   int (*take)(void *context, const struct conn_claim *claim), void *context)
{
    int result =
        take_strings(outbound, "RecipientDomains", &outbound->recipient_domains, take, context);
    for (size_t i = 0; result == 0 && i < outbound->address_space_count; i++)
        result = take_space(outbound, &outbound->address_spaces[i], take, context);
    if (result == 0 && outbound->all_accepted_domains)
        result =
            take_strings(outbound, "AllAcceptedDomains", &config->accepted_domains, take, context);
    return result;
}

/* --- making it --- */

static bool add_claim(struct conn_pattern *key, const struct conn_claim *claim)
{
    struct conn_claims *claims = claim->outbound->scope_count ? &key->scoped : &key->open;
    if (claims->count == claims->room) {
        size_t room = claims->room ? claims->room * 2 : 1;
        struct conn_claim *grown = reallocarray(claims->items, room, sizeof *grown);
        if (!grown)
            return false;
        claims->items = grown;
        claims->room = room;
    }
    claims->items[claims->count++] = *claim;
    return true;
}

static int keep_claim(void *context, const struct conn_claim *claim)
{
    struct conn_outbound_index *index = context;
    void **place = conn_map_add(&index->keys, claim->key, strlen(claim->key));
    if (!place || (!*place && !(*place = calloc(1, sizeof(struct conn_pattern)))))
        return -1;
    return add_claim(*place, claim) ? 0 : -1;
}

static bool add_outbound(struct conn_outbound_index *index, const struct conn_outbound *outbound)
{
    struct conn_config nothing_accepted = {.accepted_domains = {0}};
    if (conn_claims_of(&nothing_accepted, outbound, keep_claim, index) < 0)
        return false;
    if (outbound->route_via_premises && !conn_numbers_add(&index->centralized, outbound->index))
        return false;
    struct conn_claim claim = make_claim(outbound, "AllAcceptedDomains", "", 1);
    return !outbound->all_accepted_domains || add_claim(&index->all_accepted, &claim);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

static bool add_scope(struct conn_numbers *numbers, const struct conn_outbound *outbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] && !conn_numbers_add(numbers, outbound->scope[i]->index))
            return false;
    if (numbers->count)
        qsort(numbers->items, numbers->count, sizeof *numbers->items, compare_numbers);
    return true;
}

static int compare_claims(const void *a, const void *b)
{
    return conn_claim_compare(a, b);
}

static void sort_claims(struct conn_claims *claims)
{
    if (claims->count > 1)
        qsort(claims->items, claims->count, sizeof *claims->items, compare_claims);
}

static int compare_scoped(const void *a, const void *b)
{
    const struct conn_scoped_by *first = a, *second = b;
    if (first->inbound != second->inbound)
        return first->inbound > second->inbound ? 1 : -1;
    return (first->claim > second->claim) - (first->claim < second->claim);
}

/* Claims are sorted: of one inbound connector the lowest number is the best. */
static bool complete_key(const struct conn_outbound_index *index, struct conn_pattern *key)
{
    size_t total = 0, used = 0;
    sort_claims(&key->open);
    sort_claims(&key->scoped);
    if (key->scoped.count <= SCOPED_FEW)
        return true;
    for (size_t i = 0; i < key->scoped.count; i++)
        total += index->scopes[key->scoped.items[i].outbound->index].count;
    if (!(key->scoped_by = calloc(total + 1, sizeof *key->scoped_by)))
        return false;
    for (size_t i = 0; i < key->scoped.count; i++) {
        const struct conn_numbers *scope = &index->scopes[key->scoped.items[i].outbound->index];
        for (size_t j = 0; j < scope->count; j++)
            key->scoped_by[used++] = (struct conn_scoped_by){scope->items[j], (uint32_t)i};
    }
    qsort(key->scoped_by, used, sizeof *key->scoped_by, compare_scoped);
    for (size_t i = 0; i < used; i++)
        if (!i || key->scoped_by[i].inbound != key->scoped_by[i - 1].inbound)
            key->scoped_by[key->scoped_by_count++] = key->scoped_by[i];
    return true;
}

static bool counts(const struct conn_outbound_index *index, const struct conn_outbound *outbound)
{
    return outbound->enabled && (index->trial || !outbound->test_mode);
}

bool conn_index_make_outbound(struct conn_outbound_index *index, const struct conn_config *config)
{
    index->scope_count = config->outbound_count;
    if (!(index->scopes = calloc(config->outbound_count + 1, sizeof *index->scopes)))
        return false;
    for (size_t i = 0; i < config->outbound_count; i++) {
        if (!add_scope(&index->scopes[i], &config->outbound[i]))
            return false;
        if (counts(index, &config->outbound[i]) && !add_outbound(index, &config->outbound[i]))
            return false;
    }
    for (size_t i = 0; i < config->accepted_domains.count; i++) {
        const char *domain = config->accepted_domains.items[i];
        void **place = domain ? conn_map_add(&index->accepted, domain, strlen(domain)) : NULL;
        if (domain && !place)
            return false;
        if (place)
            *place = (void *)domain;
    }
    for (size_t i = 0; i < index->keys.room; i++)
        if (index->keys.entries[i].value && !complete_key(index, index->keys.entries[i].value))
            return false;
    return complete_key(index, &index->all_accepted);
}

static void clear_key(struct conn_pattern *key)
{
    free(key->open.items);
    free(key->scoped.items);
    free(key->scoped_by);
}

void conn_index_clear_outbound(struct conn_outbound_index *index)
{
    for (size_t i = 0; i < index->keys.room; i++) {
        if (index->keys.entries[i].value)
            clear_key(index->keys.entries[i].value);
        free(index->keys.entries[i].value);
    }
    conn_map_clear(&index->keys);
    conn_map_clear(&index->accepted);
    clear_key(&index->all_accepted);
    free(index->centralized.items);
    for (size_t i = 0; index->scopes && i < index->scope_count; i++)
        free(index->scopes[i].items);
    free(index->scopes);
}

/* --- asking it --- */

bool conn_scope_names(const struct conn_config *config, const struct conn_outbound *outbound,
                      const struct conn_inbound *inbound)
{
    uint32_t wanted = (uint32_t)inbound->index;
    if (config->index) {
        const struct conn_numbers *scope = &config->index->outbound.scopes[outbound->index];
        return scope->count &&
               bsearch(&wanted, scope->items, scope->count, sizeof wanted, compare_numbers);
    }
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] == inbound)
            return true;
    return false;
}

static int compare_inbound(const void *a, const void *b)
{
    const struct conn_scoped_by *first = a, *second = b;
    return (first->inbound > second->inbound) - (first->inbound < second->inbound);
}

static const struct conn_claim *best_scoped(const struct conn_config *config,
                                            const struct conn_pattern *key,
                                            const struct conn_inbound *inbound)
{
    if (key->scoped_by) {
        struct conn_scoped_by wanted = {.inbound = (uint32_t)inbound->index};
        const struct conn_scoped_by *found =
            bsearch(&wanted, key->scoped_by, key->scoped_by_count, sizeof wanted, compare_inbound);
        return found ? &key->scoped.items[found->claim] : NULL;
    }
    for (size_t i = 0; i < key->scoped.count; i++)
        if (conn_scope_names(config, key->scoped.items[i].outbound, inbound))
            return &key->scoped.items[i];
    return NULL;
}

static const struct conn_claim *best_of(const struct conn_config *config,
                                        const struct conn_pattern *key,
                                        const struct conn_inbound *inbound)
{
    if (!key)
        return NULL;
    if (inbound)
        return best_scoped(config, key, inbound);
    return key->open.count ? &key->open.items[0] : NULL;
}

static const struct conn_outbound_index *index_of(const struct conn_config *config, bool trial)
{
    return trial && config->index->has_trials ? &config->index->trial : &config->index->outbound;
}

bool conn_index_has_trials(const struct conn_config *config)
{
    return config->index->has_trials;
}

bool conn_index_centralized(const struct conn_config *config, const struct conn_inbound *inbound,
                            bool trial, struct conn_claim *ret)
{
    const struct conn_numbers *numbers = &index_of(config, trial)->centralized;
    for (size_t i = 0; i < numbers->count; i++) {
        const struct conn_outbound *outbound = &config->outbound[numbers->items[i]];
        if (!conn_scope_names(config, outbound, inbound))
            continue;
        *ret = make_claim(outbound, "RouteAllMessagesViaOnPremises", "*", 1);
        return true;
    }
    return false;
}

bool conn_index_claim(const struct conn_config *config, const char *key,
                      const struct conn_inbound *inbound, bool trial, struct conn_claim *ret)
{
    const struct conn_outbound_index *index = index_of(config, trial);
    size_t length = strlen(key);
    const struct conn_claim *own =
        best_of(config, conn_map_find(&index->keys, key, length), inbound);
    const char *accepted = index->all_accepted.open.count + index->all_accepted.scoped.count
                               ? conn_map_find(&index->accepted, key, length)
                               : NULL;
    const struct conn_claim *all = accepted ? best_of(config, &index->all_accepted, inbound) : NULL;
    if (all) {
        struct conn_claim claim = make_claim(all->outbound, all->element, accepted, all->cost);
        if (!own || conn_claim_compare(&claim, own) < 0) {
            *ret = claim;
            return true;
        }
    }
    if (own)
        *ret = *own;
    return own;
}
