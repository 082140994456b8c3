/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See show.h. */
#include "gateway/ctl/show.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/ctl/cells.h"
#include "pki/base/cleanup.h"

enum { LIST_SHOWN = 3 }; /* items of a list in one cell; --json and show have all */

static void header(struct table *table, const char *const *names)
{
    for (size_t i = 0; i < table->columns; i++)
        table_cell(table, names[i]);
}

/* --- status --- */

static void uptime_cell(struct table *table, const json_t *result)
{
    long long seconds = number_of(result, "uptime"), minutes = seconds / 60;
    if (seconds < 60)
        table_cellf(table, "%s, %lld second%s ago", text_of(result, "started"), seconds,
                    plural(seconds));
    else
        table_cellf(table, "%s, %lld d %lld h %lld min ago", text_of(result, "started"),
                    minutes / 1440, minutes / 60 % 24, minutes % 60);
}

static void status_configuration(struct table *table, const json_t *configuration)
{
    long long warnings = number_of(configuration, "warnings");
    table_cell(table, "Configuration");
    table_cellf(table, "%s, generation %lld of %s, %lld warning%s",
                text_of(configuration, "directory"), number_of(configuration, "generation"),
                text_of(configuration, "loaded"), warnings, plural(warnings));
}

static void status_mail(struct table *table, const json_t *result)
{
    const json_t *sessions = json_object_get(result, "sessions");
    const json_t *messages = json_object_get(result, "messages");
    table_cell(table, "Sessions");
    table_cellf(table, "%lld open, %lld since the start", number_of(sessions, "open"),
                number_of(sessions, "total"));
    table_cell(table, "Messages");
    table_cellf(table, "%lld accepted (%lld bytes), %lld deferred, %lld rejected",
                number_of(messages, "accepted"), number_of(result, "bytes"),
                number_of(messages, "deferred"), number_of(messages, "rejected"));
}

static void status_next_hops(struct table *table, const json_t *result)
{
    const json_t *connections = json_object_get(result, "next_hop_connections");
    const json_t *pool = json_object_get(result, "pool");
    table_cell(table, "Next hops");
    table_cellf(table, "%lld connections new, %lld resumed; %lld times one was reused",
                number_of(connections, "new"), number_of(connections, "resumed"),
                number_of(connections, "reused"));
    table_cell(table, "Pool");
    table_cellf(table, "%lld idle, %lld in use", number_of(pool, "idle"),
                number_of(pool, "in_use"));
    table_cell(table, "Signatures");
    table_cellf(table, "%lld", number_of(result, "signatures"));
}

static void status_certificates(struct table *table, const json_t *certificates)
{
    size_t i;
    json_t *one;
    json_array_foreach(certificates, i, one)
    {
        bool well = strcmp(text_of(one, "severity"), "ok") == 0;
        table_cell(table, "Certificate");
        table_cellf(table, "%s: %sexpires %s, %lld day%s left", text_of(one, "name"),
                    well                                             ? ""
                    : strcmp(text_of(one, "severity"), "error") == 0 ? "URGENT, "
                                                                     : "RENEW, ",
                    text_of(one, "expires"), number_of(one, "days_left"),
                    plural(number_of(one, "days_left")));
    }
}

void ctl_show_status(const json_t *result)
{
    struct table table = {.columns = 2};
    table_cell(&table, "State");
    table_cellf(&table, "%s%s%s", text_of(result, "state"), has_text(result, "reason") ? ": " : "",
                has_text(result, "reason") ? text_of(result, "reason") : "");
    table_cell(&table, "Gateway");
    table_cellf(&table, "%s, posternd %s, process %lld", text_of(result, "host"),
                text_of(result, "version"), number_of(result, "pid"));
    table_cell(&table, "Started");
    uptime_cell(&table, result);
    status_configuration(&table, json_object_get(result, "configuration"));
    table_cell(&table, "Listeners");
    list_cell(&table, json_object_get(result, "listeners"), "none", 16);
    table_cell(&table, "Workers");
    table_cellf(&table, "%lld", number_of(result, "workers"));
    status_certificates(&table, json_object_get(result, "certificates"));
    status_mail(&table, result);
    status_next_hops(&table, result);
    table_print(stdout, &table);
}

/* --- problems and reload --- */

void ctl_show_problems(FILE *file, const json_t *problems)
{
    size_t i;
    json_t *problem;
    json_array_foreach(problems, i, problem)
    {
        table_text(file, text_of(problem, "file"));
        if (number_of(problem, "line") > 0)
            fprintf(file, ":%lld", number_of(problem, "line"));
        fprintf(file, ": %s: ", text_of(problem, "severity"));
        table_text(file, text_of(problem, "what"));
        if (has_text(problem, "cure")) {
            fputs(". Try: ", file);
            table_text(file, text_of(problem, "cure"));
        }
        fputs(".\n", file);
    }
}

void ctl_show_reload(const json_t *result)
{
    const json_t *warnings = json_object_get(result, "warnings");
    long long count = (long long)json_array_size(warnings);
    ctl_show_problems(stdout, warnings);
    printf("The configuration is in force as generation %lld, with %lld warning%s.\n",
           number_of(result, "generation"), count, plural(count));
}

/* --- connectors --- */

void ctl_show_inbound_list(const json_t *result)
{
    static const char *const names[] = {
        "NAME",    "ENABLED",     "ADDRESSES",           "REQUIRE TLS",
        "MINIMUM", "CERTIFICATE", "SENDER CERTIFICATES", "SENDER DOMAINS"};
    struct table table = {.columns = ARRAY_SIZE(names)};
    size_t i;
    json_t *connector;
    header(&table, names);
    json_array_foreach(json_object_get(result, "connectors"), i, connector)
    {
        table_cell(&table, text_of(connector, "name"));
        table_cell(&table, yes_or_no(connector, "enabled"));
        list_cell(&table, json_object_get(connector, "addresses"), "any", LIST_SHOWN);
        table_cell(&table, yes_or_no(connector, "require_tls"));
        table_cell(&table, text_of(connector, "tls_minimum"));
        table_cell(&table, text_of(connector, "certificate"));
        list_cell(&table, json_object_get(connector, "sender_certificate_names"), "-", LIST_SHOWN);
        list_cell(&table, json_object_get(connector, "sender_domains"), "any", LIST_SHOWN);
    }
    table_print(stdout, &table);
}

static void validated_cell(struct table *table, const json_t *validated)
{
    if (!json_is_object(validated))
        table_cell(table, json_is_null(validated) ? "never" : "-");
    else if (has_text(validated, "failed_step"))
        table_cellf(table, "%s at %s, %s", text_of(validated, "outcome"),
                    text_of(validated, "failed_step"), text_of(validated, "time"));
    else
        table_cellf(table, "%s, %s", text_of(validated, "outcome"), text_of(validated, "time"));
}

void ctl_show_outbound_list(const json_t *result)
{
    static const char *const names[] = {"NAME",        "ENABLED",      "RECIPIENT DOMAINS",
                                        "SMART HOSTS", "TLS SETTINGS", "TLS DOMAINS",
                                        "CERTIFICATE", "FROM INBOUND", "LAST VALIDATION"};
    struct table table = {.columns = ARRAY_SIZE(names)};
    size_t i;
    json_t *connector;
    header(&table, names);
    json_array_foreach(json_object_get(result, "connectors"), i, connector)
    {
        table_cell(&table, text_of(connector, "name"));
        table_cell(&table, yes_or_no(connector, "enabled"));
        list_cell(&table, json_object_get(connector, "recipient_domains"), "-", LIST_SHOWN);
        list_cell(&table, json_object_get(connector, "smart_hosts"), "MX records",
                  LIST_SHOWN);
        table_cell(&table, text_of(connector, "tls_settings"));
        list_cell(&table, json_object_get(connector, "tls_domains"), "-", LIST_SHOWN);
        table_cell(&table, text_of(connector, "certificate"));
        list_cell(&table, json_object_get(connector, "scope"), "any", LIST_SHOWN);
        validated_cell(&table, json_object_get(connector, "validated"));
    }
    table_print(stdout, &table);
}

static void tell_validated(const json_t *validated)
{
    fprintf(stderr, "Last validation: %s, %s", text_of(validated, "outcome"),
            text_of(validated, "time"));
    if (has_text(validated, "failed_step"))
        fprintf(stderr, ", at the step %s: ", text_of(validated, "failed_step"));
    else
        fputs(", by ", stderr);
    table_text(stderr, has_text(validated, "failed_step") ? text_of(validated, "detail")
                                                          : text_of(validated, "host"));
    fputs(".\n", stderr);
}

/* The XML is the data; where it stands is talk. */
void ctl_show_connector(const json_t *result)
{
    table_lines(stdout, text_of(result, "xml"));
    fputs("Declared at ", stderr);
    table_text(stderr, text_of(result, "file"));
    fprintf(stderr, ":%lld; %s.\n", number_of(result, "line"),
            json_is_true(json_object_get(result, "enabled")) ? "enabled" : "disabled");
    const json_t *validated = json_object_get(result, "validated");
    if (json_is_object(validated))
        tell_validated(validated);
    else if (json_is_null(validated))
        fputs("Never validated: posternctl outbound validate does it.\n", stderr);
}
