/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tls-lists.h. */
#include "gateway/relay/tls-lists.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "connectors/select.h"
#include "connectors/suites.h"

/* --- several lists as one --- */

static void begin(struct tls_union *ret)
{
    ret->lists = (struct conn_tls_lists){.suites = ret->suites, .groups = ret->groups};
}

static void add(unsigned *list, size_t *count, size_t maximum, unsigned item)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == item)
            return;
    if (*count < maximum)
        list[(*count)++] = item;
}

static void add_lists(struct tls_union *ret, const struct conn_tls_lists *lists)
{
    for (size_t i = 0; i < lists->suite_count; i++)
        add(ret->suites, &ret->lists.suite_count, TLS_SUITES_MAXIMUM, lists->suites[i]);
    for (size_t i = 0; i < lists->group_count; i++)
        add(ret->groups, &ret->lists.group_count, TLS_GROUPS_MAXIMUM, lists->groups[i]);
}

void tls_union_defaults(struct tls_union *ret, enum conn_tls_version minimum)
{
    begin(ret);
    for (unsigned i = 0; i < conn_cipher_suite_count; i++)
        if (conn_cipher_suite_is_default(i, minimum))
            add(ret->suites, &ret->lists.suite_count, TLS_SUITES_MAXIMUM, i);
    for (unsigned i = 0; i < conn_group_count; i++)
        if (conn_groups[i].by_default)
            add(ret->groups, &ret->lists.group_count, TLS_GROUPS_MAXIMUM, i);
}

void tls_union_of(struct tls_union *ret, const struct conn_config *config,
                  const struct sockaddr *address)
{
    struct conn_walk walk;
    const struct conn_inbound *inbound;
    begin(ret);
    conn_walk_begin(&walk, config, address, CONN_WALK_ALL, NULL);
    while ((inbound = conn_walk_next(&walk)))
        add_lists(ret, &inbound->tls_lists);
}

static bool same(const struct conn_tls_lists *a, const struct conn_tls_lists *b)
{
    return a->suite_count == b->suite_count && a->group_count == b->group_count &&
           memcmp(a->suites, b->suites, a->suite_count * sizeof *a->suites) == 0 &&
           memcmp(a->groups, b->groups, a->group_count * sizeof *a->groups) == 0;
}

/* --- as OpenSSL takes them --- */

struct words {
    char old[1024], new[256], groups[256]; /* suites up to TLS 1.2, suites of TLS 1.3 */
};

static void append(char *list, size_t size, const char *word)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used ? ":" : "", word);
}

static void spell(const struct conn_tls_lists *lists, struct words *ret)
{
    *ret = (struct words){.old = ""};
    for (size_t i = 0; i < lists->suite_count; i++) {
        const struct conn_cipher_suite *suite = &conn_cipher_suites[lists->suites[i]];
        if (suite->first == CONN_TLS_1_3)
            append(ret->new, sizeof ret->new, suite->openssl);
        else
            append(ret->old, sizeof ret->old, suite->openssl);
    }
    for (size_t i = 0; i < lists->group_count; i++)
        append(ret->groups, sizeof ret->groups, conn_groups[lists->groups[i]].openssl);
}

/* A version without a suite is not spoken: with an empty list OpenSSL would keep its own. */
bool tls_lists_use_in_context(const struct conn_tls_lists *lists, SSL_CTX *context)
{
    struct words words;
    spell(lists, &words);
    bool done = SSL_CTX_set1_groups_list(context, words.groups) == 1;
    if (done && words.new[0])
        done = SSL_CTX_set_ciphersuites(context, words.new) == 1;
    else if (done)
        done = SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1;
    if (done && words.old[0])
        done = SSL_CTX_set_cipher_list(context, words.old) == 1;
    else if (done)
        done = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
    return done;
}

static bool use_in_connection(const struct conn_tls_lists *lists, SSL *ssl)
{
    struct words words;
    spell(lists, &words);
    bool done = SSL_set1_groups_list(ssl, words.groups) == 1;
    if (done && words.new[0])
        done = SSL_set_ciphersuites(ssl, words.new) == 1;
    else if (done)
        done = SSL_set_max_proto_version(ssl, TLS1_2_VERSION) == 1;
    if (done && words.old[0])
        done = SSL_set_cipher_list(ssl, words.old) == 1;
    else if (done)
        done = SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1;
    ERR_clear_error();
    return done;
}

bool tls_lists_use(SSL *ssl, const struct conn_config *config, const struct sockaddr *address,
                   enum conn_tls_version minimum)
{
    struct tls_union wanted, usual;
    tls_union_of(&wanted, config, address);
    tls_union_defaults(&usual, minimum);
    if (!wanted.lists.suite_count || same(&wanted.lists, &usual.lists))
        return true; /* no connector at all: nobody will be admitted, and is told so */
    return use_in_connection(&wanted.lists, ssl);
}
