/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The index finds what a walk over all connectors finds: on configurations made at random, from one
 * seed, so that a failure comes again. What is right is said here once more, in the plainest way.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/conditions.h"
#include "connectors/explain.h"
#include "connectors/select.h"
#include "tests/suite.h"

enum { ROUNDS = 200, QUESTIONS = 60, MOST = 24 };

static unsigned long long state = 20261125;

static unsigned chance(unsigned below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state >> 33) % below;
}

static const char *const labels[] = {"a", "b", "mail", "contoso", "example"};

static char *make_domain(const char *head)
{
    char text[120];
    unsigned count = 1 + chance(3);
    snprintf(text, sizeof text, "%s", head);
    for (unsigned i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? "." : "",
                 labels[chance(ARRAY_SIZE(labels))]);
    return strdup(text);
}

static char *make_pattern(bool any)
{
    unsigned kind = chance(any ? 8 : 6);
    return kind > 5 ? strdup("*") : make_domain(kind > 2 ? "*." : "");
}

static void make_strings(struct conn_strings *ret, unsigned most, bool any)
{
    ret->count = chance(most + 1);
    ret->items = calloc(most + 1, sizeof *ret->items);
    for (size_t i = 0; i < ret->count; i++)
        ret->items[i] = make_pattern(any);
}

/* Few bits vary, so that ranges meet, lie in each other and end at each other's ends. */
static void make_address(struct in6_addr *ret, bool four)
{
    *ret = (struct in6_addr){.s6_addr = {0x20, 0x01}};
    if (four)
        *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff, 10}};
    ret->s6_addr[four ? 14 : 9] = (unsigned char)chance(3);
    ret->s6_addr[15] = (unsigned char)(chance(8) * 33);
}

static void make_ranges(struct conn_inbound *inbound)
{
    inbound->range_count = chance(4);
    inbound->ranges = calloc(4, sizeof *inbound->ranges);
    for (size_t i = 0; i < inbound->range_count; i++) {
        struct conn_range *range = &inbound->ranges[i];
        bool four = chance(2);
        make_address(&range->first, four);
        make_address(&range->last, four);
        if (memcmp(&range->first, &range->last, sizeof range->first) > 0) {
            struct in6_addr first = range->first;
            range->first = range->last;
            range->last = first;
        }
        if (!chance(12)) {
            memset(&range->first, 0, sizeof range->first);
            memset(&range->last, 0xff, sizeof range->last);
        }
    }
}

static char *make_name(const char *kind, size_t number)
{
    char *name;
    ck_assert_int_gt(asprintf(&name, "%s-%zu", kind, number), 0);
    return name;
}

static unsigned *one_number(void)
{
    return calloc(1, sizeof(unsigned));
}

static void make_inbound(struct conn_config *config, size_t i)
{
    struct conn_inbound *inbound = &config->inbound[i];
    *inbound = (struct conn_inbound){.name = make_name("in", i),
                                     .index = i,
                                     .enabled = chance(8),
                                     .require_tls = chance(2),
                                     .tls_minimum = chance(4),
                                     .tls_lists = {one_number(), 1, one_number(), 1}};
    make_ranges(inbound);
    make_strings(&inbound->sender_domains, 3, true);
    if (chance(2))
        make_strings(&inbound->sender_certificate_names, 3, false);
}

static void make_outbound(struct conn_config *config, size_t i)
{
    struct conn_outbound *outbound = &config->outbound[i];
    *outbound = (struct conn_outbound){.name = make_name("out", i),
                                       .index = i,
                                       .enabled = chance(8),
                                       .all_accepted_domains = !chance(4)};
    outbound->scope = calloc(MOST, sizeof *outbound->scope);
    outbound->scope_count = chance(3) ? 0 : 1 + chance(3);
    for (size_t j = 0; j < outbound->scope_count; j++)
        outbound->scope[j] = &config->inbound[chance((unsigned)config->inbound_count)];
    make_strings(&outbound->recipient_domains, 4, true);
    outbound->address_spaces = calloc(4, sizeof *outbound->address_spaces);
    outbound->address_space_count = chance(4);
    for (size_t j = 0; j < outbound->address_space_count; j++)
        outbound->address_spaces[j] =
            (struct conn_address_space){make_pattern(true), 1 + chance(3)};
}

static struct conn_config *make_config(void)
{
    struct error error;
    struct conn_config *config = calloc(1, sizeof *config);
    config->inbound_count = 1 + chance(MOST);
    config->outbound_count = chance(MOST);
    config->inbound = calloc(config->inbound_count, sizeof *config->inbound);
    config->outbound = calloc(config->outbound_count + 1, sizeof *config->outbound);
    for (size_t i = 0; i < config->inbound_count; i++)
        make_inbound(config, i);
    for (size_t i = 0; i < config->outbound_count; i++)
        make_outbound(config, i);
    make_strings(&config->accepted_domains, 4, false);
    ck_assert_int_eq(conn_index_new(config, &config->index, &error), 0);
    return config;
}

/* --- inbound --- */

static bool names_match(const char *presented, const char *wanted)
{
    const char *dot = strchr(presented, '.'), *other = strchr(wanted, '.');
    bool star = strncmp(presented, "*.", 2) == 0 || strncmp(wanted, "*.", 2) == 0;
    return strcmp(presented, wanted) == 0 || (star && dot && other && strcmp(dot, other) == 0);
}

/* Accepted under every connector that wants one of its names, as the real verdict says at least. */
static const struct pki_peer_verdict *judge(const void *context, const struct conn_inbound *inbound)
{
    static const struct pki_peer_verdict good = {.accepted = true},
                                         bad = {.accepted = false, .reason = "another name"};
    const struct conn_names *names = context;
    const struct conn_strings *wanted = &inbound->sender_certificate_names;
    for (size_t i = 0; i < names->count; i++)
        for (size_t j = 0; j < wanted->count; j++)
            if (names_match(names->items[i], wanted->items[j]))
                return &good;
    return &bad;
}

static const struct conn_inbound *plain_inbound(const struct conn_config *config,
                                                const struct conn_client *client)
{
    for (size_t i = 0; i < config->inbound_count; i++)
        if (config->inbound[i].enabled &&
            conn_find_obstacle(&config->inbound[i], client) == CONN_CONDITION_NONE)
            return &config->inbound[i];
    return NULL;
}

struct explained {
    const struct conn_inbound *first; /* of which every condition holds */
    const struct conn_inbound *inbound;
    bool holds;
};

static void end_explained(struct explained *told)
{
    if (told->inbound && told->holds && !told->first)
        told->first = told->inbound;
}

static void take_condition(void *context, const struct conn_inbound *inbound, const char *condition,
                           bool holds, const char *why)
{
    struct explained *told = context;
    if (told->inbound != inbound)
        end_explained(told);
    told->inbound = inbound;
    told->holds = condition && holds;
    ck_assert_str_ne(why, "");
}

static void ask_inbound(const struct conn_config *config)
{
    char *presented[3] = {make_pattern(false), make_pattern(false), make_pattern(false)};
    struct conn_names names = {presented, chance(4)};
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    char *domain = make_domain("");
    struct explained told = {0};
    make_address(&address.sin6_addr, chance(2));
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .tls = chance(4),
                                 .tls_version = chance(4),
                                 .cipher_unknown = true,
                                 .verdict = judge,
                                 .context = &names,
                                 .names = &names,
                                 .sender_domain = chance(5) ? domain : ""};
    const struct conn_inbound *closest = NULL, *expected = plain_inbound(config, &client);
    enum conn_condition condition;
    const struct conn_inbound *chosen = conn_inbound_choose(config, &client, &closest, &condition);
    ck_assert_pstr_eq(chosen ? chosen->name : NULL, expected ? expected->name : NULL);
    client.names = NULL; /* who does not know them asks everybody */
    ck_assert_ptr_eq(conn_inbound_choose(config, &client, NULL, NULL), expected);
    ck_assert_ptr_eq(conn_inbound_explain(config, &client, take_condition, &told), expected);
    end_explained(&told);
    ck_assert_ptr_eq(told.first, expected);
    for (size_t i = 0; i < 3; i++)
        free(presented[i]);
    free(domain);
}

static void walk_all(const struct conn_config *config)
{
    struct conn_walk walk;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    make_address(&address.sin6_addr, chance(2));
    conn_walk_begin(&walk, config, (struct sockaddr *)&address, CONN_WALK_ALL, NULL);
    for (size_t i = 0; i < config->inbound_count; i++)
        if (config->inbound[i].enabled &&
            conn_inbound_takes_address(&config->inbound[i], (struct sockaddr *)&address))
            ck_assert_ptr_eq(conn_walk_next(&walk), &config->inbound[i]);
    ck_assert_ptr_null(conn_walk_next(&walk));
}

/* --- outbound --- */

struct score {
    unsigned scope, match;
    size_t length;
    unsigned cost; /* the lower the better */
};

static bool beats(const struct score *a, const struct score *b)
{
    if (a->scope != b->scope)
        return a->scope > b->scope;
    if (a->match != b->match)
        return a->match > b->match;
    if (a->match == 2 && a->length != b->length)
        return a->length > b->length;
    return a->cost < b->cost;
}

static struct score score_of(const char *pattern, bool space, const char *domain, unsigned scope,
                             unsigned cost)
{
    bool star = strncmp(pattern, "*.", 2) == 0;
    bool whole = space && star && strcmp(pattern + 2, domain) == 0;
    if (!conn_domain_matches(pattern, domain) && !whole)
        return (struct score){0};
    unsigned match = !strcmp(pattern, "*") ? 1 : star ? 2 : 3;
    return (struct score){scope, match, strlen(pattern), cost};
}

static unsigned scope_of(const struct conn_outbound *outbound, const struct conn_inbound *inbound)
{
    for (size_t i = 0; i < outbound->scope_count; i++)
        if (outbound->scope[i] == inbound)
            return 2;
    return outbound->scope_count ? 0 : 1;
}

static void better(struct score *best, const struct score *other)
{
    if (other->scope && beats(other, best))
        *best = *other;
}

static struct score best_score(const struct conn_config *config,
                               const struct conn_outbound *outbound,
                               const struct conn_inbound *inbound, const char *domain)
{
    struct score best = {.cost = 1000}, one;
    unsigned scope = outbound->enabled ? scope_of(outbound, inbound) : 0;
    for (size_t i = 0; scope && i < outbound->recipient_domains.count; i++) {
        one = score_of(outbound->recipient_domains.items[i], false, domain, scope, 1);
        better(&best, &one);
    }
    for (size_t i = 0; scope && i < outbound->address_space_count; i++) {
        one = score_of(outbound->address_spaces[i].domain, true, domain, scope,
                       outbound->address_spaces[i].cost);
        better(&best, &one);
    }
    for (size_t i = 0;
         scope && outbound->all_accepted_domains && i < config->accepted_domains.count; i++) {
        one = score_of(config->accepted_domains.items[i], false, domain, scope, 1);
        better(&best, &one);
    }
    return best;
}

static void take_standing(void *context, const struct conn_outbound *outbound,
                          enum conn_standing standing, const struct conn_claim *claim,
                          const char *why)
{
    const struct conn_outbound **chosen = context;
    ck_assert_str_ne(why, "");
    ck_assert_str_ne(conn_standing_name(standing), "");
    if (standing == CONN_STANDING_CHOSEN) {
        ck_assert_ptr_nonnull(claim);
        *chosen = outbound;
    }
}

static void ask_outbound(const struct conn_config *config)
{
    const struct conn_inbound *inbound = &config->inbound[chance((unsigned)config->inbound_count)];
    const struct conn_outbound *expected = NULL, *told = NULL;
    struct score best = {0};
    char *domain = make_domain("");
    for (size_t i = 0; i < config->outbound_count; i++) {
        struct score one = best_score(config, &config->outbound[i], inbound, domain);
        if (one.scope && (!expected || beats(&one, &best))) {
            best = one;
            expected = &config->outbound[i];
        }
    }
    const struct conn_outbound *chosen = conn_outbound_choose(config, inbound, domain);
    ck_assert_msg(chosen == expected, "%s: %s, not %s", domain, chosen ? chosen->name : "none",
                  expected ? expected->name : "none");
    ck_assert_ptr_eq(conn_outbound_explain(config, inbound, domain, take_standing, &told),
                     expected);
    ck_assert_ptr_eq(told, expected);
    free(domain);
}

START_TEST(test_the_index_finds_what_a_walk_finds)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct conn_config *config = make_config();
        for (unsigned j = 0; j < QUESTIONS; j++) {
            ask_inbound(config);
            ask_outbound(config);
            walk_all(config);
        }
        conn_config_free(config);
    }
}
END_TEST

/* More claims on one key, each with a scope, than are looked through one after the other. */
START_TEST(test_many_scopes_share_a_domain)
{
    struct error error;
    struct conn_config *config = calloc(1, sizeof *config);
    config->inbound_count = config->outbound_count = 40;
    config->inbound = calloc(40, sizeof *config->inbound);
    config->outbound = calloc(40, sizeof *config->outbound);
    for (size_t i = 0; i < 40; i++) {
        config->inbound[i] =
            (struct conn_inbound){.name = make_name("in", i), .index = i, .enabled = true};
        struct conn_outbound *outbound = &config->outbound[i];
        *outbound =
            (struct conn_outbound){.name = make_name("out", i), .index = i, .enabled = true};
        outbound->scope = calloc(2, sizeof *outbound->scope);
        outbound->scope[0] = &config->inbound[39 - i];
        outbound->scope[1] = &config->inbound[0];
        outbound->scope_count = 2;
        outbound->recipient_domains.items = calloc(1, sizeof(char *));
        outbound->recipient_domains.items[0] = strdup("*");
        outbound->recipient_domains.count = 1;
    }
    config->inbound[0].index = 0;
    ck_assert_int_eq(conn_index_new(config, &config->index, &error), 0);
    for (size_t i = 1; i < 40; i++)
        ck_assert_ptr_eq(conn_outbound_choose(config, &config->inbound[i], "x.example"),
                         &config->outbound[39 - i]);
    ck_assert_ptr_eq(conn_outbound_choose(config, &config->inbound[0], "x.example"),
                     &config->outbound[0]);
    conn_config_free(config);
}
END_TEST

static const struct {
    const char *domain;
    bool taken;
} international[] = {
    {"xn--mnchen-3ya.example", true}, {"m\xc3\xbcnchen.example", true},
    {"m\xc3\x9cnchen.example", true}, {"sub.m\xc3\xbcnchen.example", false},
    {"munchen.example", false},       {"m\xc3nchen.example", false}, /* no UTF-8 */
};

START_TEST(test_international_domains_are_compared_by_a_labels)
{
    struct error error;
    struct sockaddr_in address = {.sin_family = AF_INET};
    char *domains[] = {(char *)"xn--mnchen-3ya.example"};
    struct conn_inbound inbound = {
        .name = (char *)"in", .enabled = true, .sender_domains = {domains, 1}};
    struct conn_outbound outbound = {
        .name = (char *)"out", .enabled = true, .recipient_domains = {domains, 1}};
    struct conn_config config = {
        .inbound = &inbound, .inbound_count = 1, .outbound = &outbound, .outbound_count = 1};
    struct conn_client client = {.address = (struct sockaddr *)&address,
                                 .sender_domain = international[_i].domain};
    ck_assert_int_eq(conn_index_new(&config, &config.index, &error), 0);
    ck_assert(!conn_inbound_choose(&config, &client, NULL, NULL) != international[_i].taken);
    ck_assert(!conn_outbound_choose(&config, &inbound, international[_i].domain) !=
              international[_i].taken);
    conn_index_free(config.index);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *tests = tcase_create("index");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_the_index_finds_what_a_walk_finds);
    tcase_add_test(tests, test_many_scopes_share_a_domain);
    tcase_add_loop_test(tests, test_international_domains_are_compared_by_a_labels, 0,
                        ARRAY_SIZE(international));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
