/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See show.h: a validation, step by step and as a whole. */
#include <string.h>
#include <sysexits.h>

#include "gateway/ctl/cells.h"
#include "gateway/ctl/show.h"
#include "pki/base/cleanup.h"

/* By the reason; a posternd that gives none is judged by the step. */
static const struct {
    const char *member, *word;
    int status;
} statuses[] = {
    {"failure", "unreachable", EX_UNAVAILABLE}, {"failure", "refused", EX_UNAVAILABLE},
    {"failure", "temporary", EX_TEMPFAIL},      {"failure", "protocol", EX_PROTOCOL},
    {"failure", "our-identity", EX_NOPERM},     {"failure", "their-identity", EX_CONFIG},
    {"failed_step", "starttls", EX_PROTOCOL},   {"failed_step", "handshake", EX_PROTOCOL},
    {"failed_step", "ehlo", EX_PROTOCOL},       {"failed_step", "ehlo-tls", EX_PROTOCOL},
    {"failed_step", "verdict", EX_CONFIG},
};

int ctl_judge_validation(const json_t *result)
{
    if (strcmp(text_of(result, "outcome"), "passed") == 0)
        return EX_OK;
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (strcmp(statuses[i].word, text_of(result, statuses[i].member)) == 0)
            return statuses[i].status;
    return EX_UNAVAILABLE;
}

static void show_line(const char *title, const char *text)
{
    printf("\n%29s: ", title);
    table_text(stdout, text);
}

void ctl_show_validation_step(const json_t *step)
{
    size_t i;
    json_t *check;
    printf("%-10s %-8s %6lld ms  ", text_of(step, "step"), text_of(step, "outcome"),
           number_of(step, "milliseconds"));
    table_text(stdout, text_of(step, "detail"));
    json_array_foreach(json_object_get(step, "checks"), i,
                       check) if (strcmp(text_of(check, "outcome"), "not-asked") != 0)
        show_line(text_of(check, "check"), text_of(check, "outcome"));
    if (has_text(step, "cause"))
        show_line("Likely", text_of(step, "cause"));
    if (has_text(step, "cure"))
        show_line("Try", text_of(step, "cure"));
    putchar('\n');
}

static void validation_tls(struct table *table, const json_t *result)
{
    table_cell(table, "TLS");
    if (has_text(result, "tls_version"))
        table_cellf(table, "%s, %s, group %s, %s session", text_of(result, "tls_version"),
                    text_of(result, "cipher"), text_of(result, "group"),
                    json_is_true(json_object_get(result, "resumed")) ? "resumed" : "new");
    else
        table_cell(table, "none");
}

static void validation_peer(struct table *table, const json_t *peer)
{
    static const struct {
        const char *title, *key;
    } rows[] = {{"Subject", "subject"}, {"Issuer", "issuer"},       {"Names", "names"},
                {"Serial", "serial"},   {"SHA-256", "fingerprint"}, {"Expires", "expires"}};
    for (size_t i = 0; json_is_object(peer) && i < ARRAY_SIZE(rows); i++) {
        table_cell(table, rows[i].title);
        table_cell(table, text_of(peer, rows[i].key));
    }
}

static void validation_mail(struct table *table, const json_t *result)
{
    const json_t *reply = json_object_get(result, "reply");
    if (has_text(result, "recipient")) {
        table_cell(table, "Envelope");
        table_cellf(table, "from <%s> to <%s>%s",
                    has_text(result, "sender") ? text_of(result, "sender") : "",
                    text_of(result, "recipient"),
                    json_is_true(json_object_get(result, "sent")) ? ", a test message was delivered"
                                                                  : ", no message was sent");
    }
    if (json_is_object(reply)) {
        table_cell(table, "Last reply");
        table_cellf(table, "%lld %s", number_of(reply, "code"), text_of(reply, "text"));
    }
}

void ctl_show_validation(const json_t *result)
{
    struct table table = {.columns = 2};
    bool passed = ctl_judge_validation(result) == EX_OK;
    table_cell(&table, "Next hop");
    table_cellf(&table, "%s (%s)", text_of(result, "host"), text_of(result, "address"));
    validation_tls(&table, result);
    validation_peer(&table, json_object_get(result, "peer"));
    table_cell(&table, "We showed");
    table_cell(&table, has_text(result, "certificate_sent") ? text_of(result, "certificate_sent")
                                                            : "no certificate");
    table_cell(&table, "Offers");
    list_cell(&table, json_object_get(result, "offers"), "-", 64);
    validation_mail(&table, result);
    putchar('\n');
    table_print(stdout, &table);
    if (passed)
        puts("\nPassed: the next hop is what the connector asks for.");
    else
        printf("\nFailed at the step %s.\n", text_of(result, "failed_step"));
}
