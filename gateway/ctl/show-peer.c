/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternd answered about peers, for people. See show.h. */
#include <string.h>

#include "gateway/ctl/cells.h"
#include "gateway/ctl/show.h"
#include "pki/base/cleanup.h"

enum { DIGITS_SHOWN = 16 }; /* of a fingerprint: enough to tell two apart, and to type */

static void expiry_cell(struct table *table, const json_t *peer)
{
    long long days = number_of(peer, "expires_in_days");
    bool expiring = json_is_true(json_object_get(peer, "expiring"));
    if (days < 0)
        table_cellf(table, "%.10s, expired", text_of(peer, "not_after"));
    else if (expiring)
        table_cellf(table, "%.10s, in %lld day%s!", text_of(peer, "not_after"), days, plural(days));
    else
        table_cellf(table, "%.10s", text_of(peer, "not_after"));
}

static void verdict_cell(struct table *table, const json_t *peer)
{
    const char *verdict = text_of(peer, "verdict");
    if (strcmp(verdict, "accepted") == 0)
        table_cell(table, verdict);
    else
        table_cellf(table, "%s: %s", verdict, text_of(peer, "rule"));
}

void ctl_show_peer_list(const json_t *result)
{
    static const char *const names[] = {"FINGERPRINT", "CONNECTOR", "VERDICT", "EXPIRES",
                                        "LAST SEEN",   "COUNT",     "SUBJECT", "ISSUER"};
    struct table table = {.columns = ARRAY_SIZE(names)};
    size_t i;
    json_t *peer;
    for (i = 0; i < ARRAY_SIZE(names); i++)
        table_cell(&table, names[i]);
    json_array_foreach(json_object_get(result, "peers"), i, peer)
    {
        table_cellf(&table, "%.*s", DIGITS_SHOWN, text_of(peer, "fingerprint"));
        table_cellf(&table, "%s/%s", text_of(peer, "direction"), text_of(peer, "connector"));
        verdict_cell(&table, peer);
        expiry_cell(&table, peer);
        table_cell(&table, text_of(peer, "last_seen"));
        table_cellf(&table, "%lld", number_of(peer, "count"));
        table_cell(&table, text_of(peer, "subject"));
        table_cell(&table, text_of(peer, "issuer"));
    }
    table_print(stdout, &table);
}

static void show_rows(struct table *table, const json_t *peer)
{
    static const struct {
        const char *title, *key;
    } rows[] = {
        {"Subject", "subject"},     {"Issuer", "issuer"},         {"Names", "names"},
        {"Serial", "serial"},       {"SHA-256", "fingerprint"},   {"SPKI SHA-256", "spki"},
        {"Key usages", "eku"},      {"Valid from", "not_before"}, {"First seen", "first_seen"},
        {"Last seen", "last_seen"}, {"Presented by", "place"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        table_cell(table, rows[i].title);
        table_cell(table, text_of(peer, rows[i].key));
    }
    table_cell(table, "Valid to");
    expiry_cell(table, peer);
    table_cell(table, "Handshakes");
    table_cellf(table, "%lld", number_of(peer, "count"));
    table_cell(table, "Verdict");
    table_cellf(table, "%s, by the rule %s", text_of(peer, "verdict"), text_of(peer, "rule"));
}

static void show_line(const char *title, const json_t *peer, const char *key)
{
    if (!has_text(peer, key))
        return;
    printf("%s: ", title);
    table_text(stdout, text_of(peer, key));
    putchar('\n');
}

void ctl_show_peer(const json_t *result)
{
    size_t i;
    json_t *peer;
    json_array_foreach(json_object_get(result, "peers"), i, peer)
    {
        struct table table = {.columns = 2};
        if (i)
            putchar('\n');
        table_cell(&table, "Connector");
        table_cellf(&table, "%s/%s", text_of(peer, "direction"), text_of(peer, "connector"));
        show_rows(&table, peer);
        table_print(stdout, &table);
        show_line("Reason", peer, "reason");
        show_line("Try", peer, "cure");
        show_line("XML that accepts it", peer, "xml");
    }
}
