/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify.h: one client's chain, judged under one inbound connector after the other. */
#include <stdio.h>
#include <string.h>

#include "gateway/ctl/verify.h"
#include "pki/peer-hosts.h"

struct verify_client {
    struct verify_cache *cache;
    char *text;
    struct verify_text chain;
    struct conn_names names;
    const struct conn_inbound *judged; /* by which the following is the verdict */
    struct pki_peer_verdict verdict;
};

static int read_names(struct verify_client *client, const char *path, struct error *error)
{
    struct pki_peer_chain chain = {0};
    struct error found;
    if (pki_peer_chain_parse(client->chain.bytes, client->chain.length, &chain, &found) < 0)
        return error_set(error, EX_DATAERR, "%s holds no chain that can be read: %s", path,
                         found.what);
    long count = pki_peer_hosts(chain.leaf, CONN_NAMES_MAXIMUM + 1, &client->names.items);
    pki_peer_chain_clear(&chain);
    if (count < 0)
        return error_set(error, EX_OSERR, "There is no memory left");
    client->names.count = (size_t)count;
    return 0;
}

int verify_client_new(const struct conn_config *config, const char *path,
                      struct verify_client **ret, struct error *error)
{
    _cleanup_(verify_client_freep) struct verify_client *client = calloc(1, sizeof *client);
    if (!client || !(client->cache = verify_cache_new(config->directory)))
        return error_set(error, EX_OSERR, "There is no memory left");
    int result = verify_read_file(path, &client->text, &client->chain, error);
    if (result == 0)
        result = read_names(client, path, error);
    if (result < 0)
        return error_cure(error, "--certificate FILE with the leaf first, then its intermediates, "
                                 "as PEM");
    *ret = TAKE_PTR(client);
    return 0;
}

struct verify_client *verify_client_free(struct verify_client *client)
{
    if (!client)
        return NULL;
    if (client->cache)
        verify_cache_free(client->cache);
    pki_peer_hosts_free(client->names.items, client->names.count);
    free(client->text);
    free(client);
    return NULL;
}

const struct conn_names *verify_client_names(const struct verify_client *client)
{
    return &client->names;
}

const struct pki_peer_verdict *verify_client_verdict(struct verify_client *client,
                                                     const struct conn_inbound *inbound)
{
    char name[160];
    struct error error;
    struct verify_words words = {.connector = name, .chain = client->chain};
    if (client->judged == inbound)
        return &client->verdict;
    snprintf(name, sizeof name, "inbound/%s", inbound->name);
    client->judged = inbound;
    if (verify_answer(client->cache, &words, &client->verdict, &error) < 0) {
        client->verdict = (struct pki_peer_verdict){.accepted = false};
        snprintf(client->verdict.reason, sizeof client->verdict.reason, "it cannot be judged: %s",
                 error.what);
    }
    return &client->verdict;
}
