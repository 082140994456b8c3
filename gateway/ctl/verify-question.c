/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify.h: from words to a policy, what was read once and is asked for again, and the answer.
 */
#include <pthread.h>
#include <string.h>

#include "connectors/policy.h"
#include "gateway/ctl/verify.h"

enum { ANCHORS_KEPT = 8, ANCHORS_KEPT_BYTES = 4 << 20 /* of each */ };

DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)

struct kept_anchors {
    char *text;
    size_t length;
    X509_STORE *store;
};

/* What a connector's TrustAnchors and RevocationLists hold, opened when first asked for. */
struct verify_cache {
    const char *directory;
    struct conn_config *config;
    X509_STORE **anchors;          /* as config->anchors */
    struct pki_revocation **lists; /* as config->lists */
    struct kept_anchors kept[ANCHORS_KEPT];
    unsigned next;        /* to be replaced */
    pthread_mutex_t lock; /* guards all of it; what it hands out is counted, or lives as long */
};

struct verify_cache *verify_cache_new(const char *directory)
{
    struct verify_cache *cache = calloc(1, sizeof *cache);
    if (cache) {
        cache->directory = directory;
        pthread_mutex_init(&cache->lock, NULL);
    }
    return cache;
}

struct verify_cache *verify_cache_free(struct verify_cache *cache)
{
    for (size_t i = 0; cache->anchors && i < cache->config->anchors_count; i++)
        X509_STORE_free(cache->anchors[i]);
    for (size_t i = 0; cache->lists && i < cache->config->lists_count; i++)
        pki_revocation_unref(cache->lists[i]);
    for (size_t i = 0; i < ARRAY_SIZE(cache->kept); i++) {
        free(cache->kept[i].text);
        X509_STORE_free(cache->kept[i].store);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache->anchors);
    free(cache->lists);
    conn_config_free(cache->config);
    free(cache);
    return NULL;
}

/* --- the connector's policy --- */

static int load_config(struct verify_cache *cache, struct error *error)
{
    _cleanup_(conn_problems_clear) struct conn_problems problems = {0};
    if (cache->config)
        return 0;
    if (conn_load(cache->directory, &cache->config, &problems) < 0) {
        error_set(error, EX_CONFIG, "The configuration in %s has errors", cache->directory);
        return error_cure(error, "posternctl config check %s", cache->directory);
    }
    cache->anchors = calloc(cache->config->anchors_count + 1, sizeof *cache->anchors);
    cache->lists = calloc(cache->config->lists_count + 1, sizeof *cache->lists);
    if (cache->anchors && cache->lists)
        return 0;
    return error_set(error, EX_OSERR, "There is no memory for the configuration");
}

static int open_anchors(struct verify_cache *cache, const struct conn_anchors *anchors,
                        X509_STORE **ret, struct error *error)
{
    X509_STORE **slot = anchors ? &cache->anchors[anchors - cache->config->anchors] : NULL;
    int result = slot && !*slot ? pki_anchors_load(anchors->path, slot, error) : 0;
    *ret = result == 0 && slot ? *slot : NULL;
    return result;
}

static int open_lists(struct verify_cache *cache, const struct conn_lists *lists,
                      struct pki_revocation **ret, struct error *error)
{
    struct pki_revocation **slot = lists ? &cache->lists[lists - cache->config->lists] : NULL;
    int result = slot && !*slot ? pki_revocation_open(lists->path, slot, error) : 0;
    *ret = result == 0 && slot ? *slot : NULL;
    return result;
}

/* "tenant", or "outbound/tenant" where both directions have one of that name. */
static int find_connector(const struct conn_config *config, const char *name,
                          const struct conn_inbound **inbound,
                          const struct conn_outbound **outbound, struct error *error)
{
    bool in = strncmp(name, "inbound/", 8) == 0, out = strncmp(name, "outbound/", 9) == 0;
    const char *bare = name + (in ? 8 : out ? 9 : 0);
    for (size_t i = 0; !out && i < config->inbound_count; i++)
        if (strcmp(config->inbound[i].name, bare) == 0)
            *inbound = &config->inbound[i];
    for (size_t i = 0; !in && i < config->outbound_count; i++)
        if (strcmp(config->outbound[i].name, bare) == 0)
            *outbound = &config->outbound[i];
    if (*inbound && *outbound) {
        error_set(error, EX_USAGE, "There are an inbound and an outbound connector \"%.100s\"",
                  bare);
        return error_cure(error, "write inbound/%.100s or outbound/%.100s", bare, bare);
    }
    if (*inbound || *outbound)
        return 0;
    error_set(error, EX_DATAERR, "There is no connector \"%.100s\" in %s", name, config->directory);
    return error_cure(error, "--config with the folder of the gateway, or another name");
}

static int find_policy(struct verify_cache *cache, const char *name, struct pki_peer_policy *policy,
                       struct error *error)
{
    const struct conn_inbound *inbound = NULL;
    const struct conn_outbound *outbound = NULL;
    X509_STORE *anchors = NULL;
    struct pki_revocation *lists = NULL;
    int result = load_config(cache, error);
    if (result == 0)
        result = find_connector(cache->config, name, &inbound, &outbound, error);
    if (result < 0)
        return result;
    if (inbound && !inbound->sender_certificate_names.count) {
        error_set(error, EX_CONFIG, "The inbound connector \"%s\" asks for no certificate", name);
        return error_cure(error, "add <TlsSenderCertificateName> and <TrustAnchors> to it");
    }
    result = open_anchors(cache, inbound ? inbound->anchors : outbound->anchors, &anchors, error);
    if (result == 0)
        result = open_lists(cache, inbound ? inbound->lists : outbound->lists, &lists, error);
    if (result < 0)
        return result;
    *policy = inbound ? conn_inbound_policy(inbound, anchors, lists)
                      : conn_outbound_policy(outbound, anchors, lists);
    return 0;
}

static int connector_policy(struct verify_cache *cache, const char *name,
                            struct pki_peer_policy *policy, struct error *error)
{
    pthread_mutex_lock(&cache->lock);
    int result = find_policy(cache, name, policy, error);
    pthread_mutex_unlock(&cache->lock);
    return result;
}

/* --- the words' own policy --- */

static X509_STORE *find_kept(const struct verify_cache *cache, const struct verify_text *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(cache->kept); i++) {
        const struct kept_anchors *kept = &cache->kept[i];
        if (kept->store && kept->length == text->length &&
            memcmp(kept->text, text->bytes, text->length) == 0)
            return kept->store;
    }
    return NULL;
}

/* Takes a reference of its own; what finds no room is simply read again the next time. */
static void keep(struct verify_cache *cache, const struct verify_text *text, X509_STORE *store)
{
    struct kept_anchors *kept = &cache->kept[cache->next];
    char *copy = text->length <= ANCHORS_KEPT_BYTES ? malloc(text->length + 1) : NULL;
    if (!copy || !X509_STORE_up_ref(store)) {
        free(copy);
        return;
    }
    memcpy(copy, text->bytes, text->length);
    free(kept->text);
    X509_STORE_free(kept->store);
    *kept = (struct kept_anchors){copy, text->length, store};
    cache->next = (cache->next + 1) % ANCHORS_KEPT;
}

static int read_anchors(struct verify_cache *cache, const struct verify_text *text,
                        X509_STORE **ret, struct error *error)
{
    pthread_mutex_lock(&cache->lock);
    X509_STORE *store = find_kept(cache, text);
    *ret = store && X509_STORE_up_ref(store) ? store : NULL;
    pthread_mutex_unlock(&cache->lock);
    if (*ret)
        return 0;
    int result = pki_anchors_parse(text->bytes, text->length, ret, error);
    if (result < 0) {
        error_where(error, "anchors");
        return result;
    }
    pthread_mutex_lock(&cache->lock);
    keep(cache, text, *ret);
    pthread_mutex_unlock(&cache->lock);
    return 0;
}

static int read_purpose(const char *word, enum pki_peer_eku *ret, struct error *error)
{
    if (word && strcmp(word, "server") != 0 && strcmp(word, "client") != 0) {
        error_set(error, EX_USAGE, "The purpose is server or client, not \"%.40s\"", word);
        return error_cure(error, "--purpose server");
    }
    *ret = word && strcmp(word, "client") == 0 ? PKI_EKU_CLIENT : PKI_EKU_SERVER;
    return 0;
}

/* What one question opened, beside the cache. */
struct question {
    struct pki_peer_policy policy;
    struct pki_peer_chain chain;
    X509_STORE *anchors;
    struct pki_revocation *lists;
    time_t now;
    bool unreadable; /* the chain */
};

static void clear_question(struct question *question)
{
    pki_peer_chain_clear(&question->chain);
    X509_STORE_free(question->anchors);
    pki_revocation_unref(question->lists);
}

static int own_policy(struct verify_cache *cache, const struct verify_words *words,
                      struct question *question, struct error *error)
{
    struct pki_peer_policy *policy = &question->policy;
    if (!words->anchors.bytes) {
        error_set(error, EX_USAGE, "Nothing says which certificates are trusted");
        return error_cure(error, "--anchors FILE, or --connector NAME");
    }
    int result = read_purpose(words->purpose, &policy->eku, error);
    if (result == 0)
        result = read_anchors(cache, &words->anchors, &question->anchors, error);
    policy->anchors = question->anchors;
    policy->level = words->name_count ? PKI_PEER_NAME : PKI_PEER_CHAIN;
    policy->names = words->names;
    policy->name_count = words->name_count;
    return result;
}

static int read_lists(const struct verify_words *words, struct question *question,
                      struct error *error)
{
    int result = 0;
    if (words->lists_path)
        result = pki_revocation_open(words->lists_path, &question->lists, error);
    else if (words->lists.bytes)
        result =
            pki_revocation_parse(words->lists.bytes, words->lists.length, &question->lists, error);
    if (result < 0 || !question->lists)
        return result;
    question->policy.lists = question->lists;
    if (!words->connector)
        question->policy.revocation = PKI_REVOCATION_HARD_FAIL;
    return 0;
}

static int read_chain(const struct verify_words *words, struct question *question,
                      struct error *error)
{
    if (!words->chain.bytes) {
        error_set(error, EX_USAGE, "There is no chain to verify");
        return error_cure(error, "--chain FILE with the leaf first, then its intermediates");
    }
    int result =
        pki_peer_chain_parse(words->chain.bytes, words->chain.length, &question->chain, error);
    question->unreadable = result == -EX_DATAERR;
    if (result == -EX_CONFIG) {
        error->code = EX_DATAERR; /* no certificate at all: nobody configured that */
        return error_where(error, "chain");
    }
    return question->unreadable ? 0 : result;
}

static int check_words(const struct verify_words *words, struct question *question,
                       struct error *error)
{
    if (words->connector && (words->anchors.bytes || words->purpose)) {
        error_set(error, EX_USAGE, "The connector says what is trusted and for which purpose");
        return error_cure(error, "leave out %s",
                          words->purpose ? "the purpose" : "the anchors, or the connector");
    }
    if (!words->time || verify_time(words->time, &question->now))
        return 0;
    error_set(error, EX_USAGE, "\"%.60s\" is no time of RFC 3339 after 1970", words->time);
    return error_cure(error, "write it like 2026-11-25T02:25:21Z");
}

/* As a TLS connection would end: nothing can be said of what cannot be read. */
static void refuse_unreadable(const struct error *found, struct pki_peer_verdict *verdict)
{
    *verdict = (struct pki_peer_verdict){.failed = PKI_CHECK_PRESENTED};
    verdict->outcomes[PKI_CHECK_PRESENTED] = PKI_OUTCOME_FAILED;
    snprintf(verdict->reason, sizeof verdict->reason,
             "What was presented cannot be read, and TLS would end here: %s", found->what);
    snprintf(verdict->cure, sizeof verdict->cure, "%s", found->cure);
}

/* A name beside a connector must be there as well, whatever the connector asks for. */
static void judge(struct question *question, const struct verify_words *words,
                  struct pki_peer_verdict *verdict)
{
    struct pki_peer_evidence evidence = {.leaf = question->chain.leaf,
                                         .untrusted = question->chain.untrusted};
    pki_peer_judge(&question->policy, &evidence, question->now, verdict);
    if (!words->connector || !words->name_count || !verdict->accepted)
        return;
    question->policy.level = PKI_PEER_NAME;
    question->policy.names = words->names;
    question->policy.name_count = words->name_count;
    pki_peer_judge(&question->policy, &evidence, question->now, verdict);
}

int verify_answer(struct verify_cache *cache, const struct verify_words *words,
                  struct pki_peer_verdict *verdict, struct error *error)
{
    _cleanup_(clear_question) struct question question = {.now = 0};
    int result = check_words(words, &question, error);
    if (result == 0)
        result = words->connector
                     ? connector_policy(cache, words->connector, &question.policy, error)
                     : own_policy(cache, words, &question, error);
    if (result == 0)
        result = read_lists(words, &question, error);
    if (result == 0)
        result = read_chain(words, &question, error);
    if (result < 0)
        return result;
    if (question.unreadable)
        refuse_unreadable(error, verdict);
    else
        judge(&question, words, verdict);
    return 0;
}
