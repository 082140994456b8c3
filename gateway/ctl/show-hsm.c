/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See show.h: keys, tokens and the signer. */
#include <string.h>
#include <sysexits.h>

#include "gateway/ctl/cells.h"
#include "gateway/ctl/show.h"
#include "pki/base/cleanup.h"

/* --- hsm status --- */

static void key_place(struct table *table, const json_t *key)
{
    if (number_of(key, "places") < 2)
        return;
    table_cell(table, "Place");
    table_cellf(table, "%lld of %lld, %s; failed over %lld times, came back %lld times",
                number_of(key, "place"), number_of(key, "places"),
                json_is_true(json_object_get(key, "active")) ? "IN USE" : "not in use",
                number_of(key, "failovers"), number_of(key, "comebacks"));
}

static void key_numbers(struct table *table, const json_t *key)
{
    const json_t *steps = json_object_get(key, "steps");
    table_cell(table, "Signatures");
    table_cellf(table, "%lld, %lld errors", number_of(key, "signatures"), number_of(key, "errors"));
    table_cell(table, "Recoveries");
    table_cellf(table, "%lld: %lld by a new session, %lld by the module, %lld by a new signer",
                number_of(key, "recoveries"), number_of(steps, "session"),
                number_of(steps, "module"), number_of(steps, "process"));
    table_cell(table, "Latency");
    if (number_of(key, "p99_microseconds") > 0)
        table_cellf(table, "median %.1f ms, 99th percentile %.1f ms",
                    (double)number_of(key, "median_microseconds") / 1000.0,
                    (double)number_of(key, "p99_microseconds") / 1000.0);
    else
        table_cell(table, "no signature yet");
    if (has_text(key, "last_error")) {
        table_cell(table, "Last error");
        table_cell(table, text_of(key, "last_error"));
    }
    if (has_text(key, "cure")) {
        table_cell(table, "Try");
        table_cell(table, text_of(key, "cure"));
    }
}

static void show_key(const json_t *key)
{
    struct table table = {.columns = 2};
    table_cell(&table, "Key");
    table_cell(&table, text_of(key, "key"));
    table_cell(&table, "State");
    table_cellf(&table, "%s, %s",
                json_is_true(json_object_get(key, "ready")) ? "ready" : "NOT READY",
                json_is_true(json_object_get(key, "logged_in")) ? "logged in" : "not logged in");
    table_cell(&table, "Certificates");
    list_cell(&table, json_object_get(key, "identities"), "none", 16);
    key_place(&table, key);
    table_cell(&table, "Token");
    table_cellf(&table, "%s (%s %s, serial %s)", text_of(key, "token"),
                text_of(key, "manufacturer"), text_of(key, "model"), text_of(key, "serial"));
    table_cell(&table, "Module");
    table_cell(&table, text_of(key, "module"));
    table_cell(&table, "Type");
    table_cell(&table, text_of(key, "type"));
    table_cell(&table, "Algorithms");
    list_cell(&table, json_object_get(key, "algorithms"), "none proved", 16);
    key_numbers(&table, key);
    putchar('\n');
    table_print(stdout, &table);
}

/* Only where there are several: each token has one of its own. */
static void show_processes(const json_t *processes)
{
    struct table table = {.columns = 5};
    static const char *const names[] = {"PROCESS", "STARTS", "WAITING", "KEYS", "SERVES"};
    size_t i;
    json_t *process;
    if (json_array_size(processes) < 2)
        return;
    for (i = 0; i < ARRAY_SIZE(names); i++)
        table_cell(&table, names[i]);
    json_array_foreach(processes, i, process)
    {
        table_cellf(&table, "%lld", number_of(process, "pid"));
        table_cellf(&table, "%lld", number_of(process, "starts"));
        table_cellf(&table, "%lld", number_of(process, "waiting"));
        table_cellf(&table, "%lld", number_of(process, "keys"));
        table_cell(&table, text_of(process, "serves"));
    }
    table_print(stdout, &table);
}

void ctl_show_hsm(const json_t *result)
{
    const json_t *signer = json_object_get(result, "signer");
    long long pid = number_of(signer, "pid"), starts = number_of(signer, "starts");
    long long waiting = number_of(signer, "waiting");
    size_t i;
    json_t *key;
    if (pid > 0)
        printf("The signer runs as process %lld", pid);
    else
        printf("The signer is NOT RUNNING");
    printf("; started %lld time%s, %lld request%s waiting.\n", starts, plural(starts), waiting,
           plural(waiting));
    show_processes(json_object_get(signer, "processes"));
    json_array_foreach(json_object_get(result, "keys"), i, key) show_key(key);
}

/* --- hsm list --- */

static void list_objects(const json_t *token)
{
    struct table table = {.columns = 4};
    static const char *const names[] = {"WHAT", "TYPE OR SUBJECT", "CERTIFICATES", "URI"};
    size_t i;
    json_t *object;
    for (i = 0; i < ARRAY_SIZE(names); i++)
        table_cell(&table, names[i]);
    json_array_foreach(json_object_get(token, "keys"), i, object)
    {
        table_cell(&table, "key");
        table_cell(&table, text_of(object, "type"));
        list_cell(&table, json_object_get(object, "identities"), "-", 16);
        table_cell(&table, text_of(object, "uri"));
    }
    json_array_foreach(json_object_get(token, "certificates"), i, object)
    {
        table_cell(&table, "certificate");
        table_cell(&table, text_of(object, "subject"));
        table_cell(&table, "-");
        table_cell(&table, text_of(object, "uri"));
    }
    if (i || json_array_size(json_object_get(token, "keys")))
        table_print(stdout, &table);
}

static void list_token(const json_t *token)
{
    struct table table = {.columns = 2};
    table_cell(&table, "Token");
    table_cell(&table, text_of(token, "uri"));
    table_cell(&table, "Module");
    table_cell(&table, text_of(token, "module"));
    table_cell(&table, "State");
    table_cell(&table, has_text(token, "error")                            ? "NOT AVAILABLE"
                       : json_is_true(json_object_get(token, "logged_in")) ? "logged in"
                                                                           : "not logged in");
    if (has_text(token, "error")) {
        table_cell(&table, "Error");
        table_cell(&table, text_of(token, "error"));
    }
    if (has_text(token, "cure")) {
        table_cell(&table, "Try");
        table_cell(&table, text_of(token, "cure"));
    }
    table_print(stdout, &table);
    list_objects(token);
    putchar('\n');
}

void ctl_show_hsm_list(const json_t *result)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(result, "tokens"), i, one) list_token(one);
    json_array_foreach(json_object_get(result, "key_files"), i, one)
    {
        struct table table = {.columns = 3};
        table_cell(&table, "Key file");
        list_cell(&table, json_object_get(one, "identities"), "-", 16);
        table_cell(&table, text_of(one, "file"));
        table_print(stdout, &table);
    }
}

/* --- hsm test --- */

void ctl_show_hsm_test_one(const json_t *one)
{
    struct table table = {.columns = 2};
    table_cell(&table, "Certificate");
    table_cell(&table, text_of(one, "certificate"));
    table_cell(&table, "Key");
    table_cell(&table, text_of(one, "key"));
    table_cell(&table, "Signatures");
    table_cellf(&table, "%lld, %lld failures; %s, %lld at a time", number_of(one, "signatures"),
                number_of(one, "failures"), text_of(one, "algorithm"), number_of(one, "at_a_time"));
    table_cell(&table, "Rate");
    table_cellf(&table, "%.1f a second", json_number_value(json_object_get(one, "per_second")));
    if (number_of(one, "p99_microseconds") > 0) {
        table_cell(&table, "Latency");
        table_cellf(&table, "median %.1f ms, 99th percentile %.1f ms",
                    (double)number_of(one, "median_microseconds") / 1000.0,
                    (double)number_of(one, "p99_microseconds") / 1000.0);
    }
    if (has_text(one, "error")) {
        table_cell(&table, "Last error");
        table_cell(&table, text_of(one, "error"));
    }
    if (has_text(one, "cure")) {
        table_cell(&table, "Try");
        table_cell(&table, text_of(one, "cure"));
    }
    table_print(stdout, &table);
    putchar('\n');
}

int ctl_judge_hsm_test(const json_t *result)
{
    return strcmp(text_of(result, "outcome"), "passed") == 0 ? EX_OK : EX_TEMPFAIL;
}

void ctl_show_hsm_test(const json_t *result)
{
    long long certificates = number_of(result, "certificates");
    printf("%s: %lld signatures with each of %lld certificate%s.\n",
           ctl_judge_hsm_test(result) == EX_OK ? "Passed" : "FAILED", number_of(result, "count"),
           certificates, plural(certificates));
}
