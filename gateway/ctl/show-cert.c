/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See show.h: certificates, and the steps of their changes. */
#include <string.h>

#include "gateway/ctl/cells.h"
#include "gateway/ctl/show.h"
#include "pki/base/cleanup.h"

static const char *const roles[] = {"next", "active", "previous"};

/* --- cert list --- */

static void list_role(struct table *table, const json_t *certificate, const char *role)
{
    const json_t *one = json_object_get(certificate, role);
    if (!json_is_object(one))
        return;
    table_cell(table, text_of(certificate, "name"));
    table_cell(table, role);
    if (json_object_get(one, "error")) {
        table_cell(table, "CANNOT BE READ");
        table_cell(table, "-");
        table_cell(table, text_of(json_object_get(one, "error"), "what"));
        return;
    }
    table_cell(table, text_of(one, "not_after"));
    table_cellf(table, "%lld days", number_of(one, "days_left"));
    if (strcmp(role, "next") == 0 && has_text(certificate, "activate_at"))
        table_cellf(table, "%s (to be activated at %s)", text_of(one, "subject"),
                    text_of(certificate, "activate_at"));
    else
        table_cell(table, text_of(one, "subject"));
}

void ctl_show_cert_list(const json_t *result)
{
    struct table table = {.columns = 5};
    static const char *const names[] = {"NAME", "ROLE", "EXPIRES", "LEFT", "SUBJECT"};
    size_t i;
    json_t *certificate;
    for (i = 0; i < ARRAY_SIZE(names); i++)
        table_cell(&table, names[i]);
    json_array_foreach(json_object_get(result, "certificates"), i, certificate)
    {
        for (size_t role = 0; role < ARRAY_SIZE(roles); role++)
            list_role(&table, certificate, roles[role]);
    }
    table_print(stdout, &table);
}

/* --- cert show --- */

static void show_role(const json_t *certificate, const char *role)
{
    static const char *const rows[][2] = {
        {"Subject", "subject"},       {"Issuer", "issuer"},     {"Serial", "serial"},
        {"SHA-256", "fingerprint"},   {"Key type", "key_type"}, {"Valid from", "not_before"},
        {"Valid until", "not_after"}, {"Came", "came"},         {"From", "from"}};
    const json_t *one = json_object_get(certificate, role), *error = json_object_get(one, "error");
    struct table table = {.columns = 2};
    printf("\n%c%s%s\n", role[0] - 'a' + 'A', role + 1, json_is_object(one) ? "" : ": none");
    if (!json_is_object(one))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(rows) && !error; i++) {
        table_cell(&table, rows[i][0]);
        table_cell(&table, text_of(one, rows[i][1]));
    }
    table_cell(&table, error ? "Error" : "Names");
    if (error)
        table_cell(&table, text_of(error, "what"));
    else
        list_cell(&table, json_object_get(one, "names"), "none", 16);
    table_cell(&table, error ? "Try" : "Key");
    if (error)
        table_cell(&table, text_of(error, "cure"));
    else
        list_cell(&table, json_object_get(one, "keys"), "none", 8);
    table_print(stdout, &table);
}

void ctl_show_cert(const json_t *result)
{
    struct table table = {.columns = 2};
    table_cell(&table, "Certificate");
    table_cell(&table, text_of(result, "name"));
    table_cell(&table, "Chain file");
    table_cell(&table, text_of(result, "chain_file"));
    table_cell(&table, "Watched");
    table_cell(&table, text_of(result, "watch"));
    table_cell(&table, "Activation");
    table_cell(&table, has_text(result, "activate_at") ? text_of(result, "activate_at")
                                                       : "not set for a time");
    table_print(stdout, &table);
    for (size_t role = 0; role < ARRAY_SIZE(roles); role++)
        show_role(result, roles[role]);
}

/* --- changes --- */

void ctl_show_cert_step(const json_t *step)
{
    printf("%-8s %-10s ", text_of(step, "outcome"), text_of(step, "step"));
    if (has_text(step, "connector")) {
        table_text(stdout, text_of(step, "connector"));
        fputs(": ", stdout);
    }
    table_text(stdout, text_of(step, "detail"));
    putchar('\n');
    if (!has_text(step, "cure"))
        return;
    printf("%20sTry: ", "");
    table_text(stdout, text_of(step, "cure"));
    putchar('\n');
}

void ctl_show_cert_change(const json_t *result)
{
    const json_t *certificate = json_object_get(result, "certificate");
    struct table table = {.columns = 5};
    putchar('\n');
    for (size_t role = 0; role < ARRAY_SIZE(roles); role++)
        list_role(&table, certificate, roles[role]);
    table_print(stdout, &table);
}
