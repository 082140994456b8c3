/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See explain.h: what both directions have in common, and the outbound one. */
#include "gateway/ctl/explain.h"

#include <string.h>
#include <strings.h>

#include "connectors/explain.h"
#include "connectors/load.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/table.h"

enum { EXIT_NOBODY = 1 };

int explain_load(const struct ctl_arguments *arguments, struct conn_config **ret,
                 struct error *error)
{
    _cleanup_(conn_problems_clear) struct conn_problems problems = {0};
    const char *directory = arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern";
    if (conn_load(directory, ret, &problems) == 0)
        return 0;
    error_set(error, EX_CONFIG, "The configuration in %s has errors, and chooses nobody",
              directory);
    return error_cure(error, "posternctl config check %s", directory);
}

json_t *explain_connector(const char *name, const struct conn_place *place)
{
    return json_pack("{s:o, s:o, s:i}", "name", control_text(name), "file",
                     control_text(place->file), "line", place->line);
}

void explain_line(const char *word, const char *mark, const char *why)
{
    printf("  %-13s  %-3s  ", word, mark);
    table_text(stdout, why);
    putchar('\n');
}

int explain_end(const struct ctl_arguments *arguments, json_t *connectors, const char *chosen,
                const char *nobody)
{
    if (arguments->json) {
        int result = ctl_print_json(json_pack("{s:O, s:o}", "connectors", connectors, "chosen",
                                              chosen ? control_text(chosen) : json_null()));
        return result != EX_OK ? result : chosen ? EX_OK : EXIT_NOBODY;
    }
    printf("%schosen: ", json_array_size(connectors) ? "\n" : "");
    table_text(stdout, chosen ? chosen : nobody);
    putchar('\n');
    return chosen ? EX_OK : EXIT_NOBODY;
}

/* --- outbound --- */

struct told {
    bool json, failed;
    json_t *connectors;
};

static json_t *claim_object(const struct conn_claim *claim)
{
    return json_pack("{s:s, s:o, s:i}", "element", claim->element, "pattern",
                     control_text(claim->pattern), "cost", (int)claim->cost);
}

static void take_standing(void *context, const struct conn_outbound *outbound,
                          enum conn_standing standing, const struct conn_claim *claim,
                          const char *why)
{
    struct told *told = context;
    const char *word = conn_standing_name(standing);
    json_t *object = explain_connector(outbound->name, &outbound->place);
    told->failed |= !object || json_object_set_new(object, "standing", json_string(word)) < 0 ||
                    json_object_set_new(object, "why", control_text(why)) < 0 ||
                    json_object_set_new(object, "claim", claim ? claim_object(claim) : json_null());
    told->failed |= json_array_append_new(told->connectors, object) < 0;
    if (told->json)
        return;
    table_text(stdout, outbound->name);
    putchar('\n');
    explain_line(word, standing == CONN_STANDING_CHOSEN ? "yes" : "no", why);
}

static const struct conn_inbound *find_inbound(const struct conn_config *config, const char *name,
                                               struct error *error)
{
    for (size_t i = 0; i < config->inbound_count; i++)
        if (strcmp(config->inbound[i].name, name) == 0)
            return &config->inbound[i];
    error_set(error, EX_DATAERR, "There is no inbound connector \"%.100s\" in %s", name,
              config->directory);
    error_cure(error, "posternctl inbound list");
    return NULL;
}

/* What stands behind the @; a recipient without one is the gateway's own postmaster. */
static const char *recipient_domain(const struct conn_config *config, const char *recipient,
                                    char *lower, size_t size)
{
    const char *at = strrchr(recipient, '@');
    snprintf(lower, size, "%s", at ? at + 1 : config->host_name);
    for (char *c = lower; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    return lower;
}

int ctl_outbound_explain(const struct ctl_arguments *arguments)
{
    _cleanup_(conn_config_freep) struct conn_config *config = NULL;
    struct error error;
    json_auto_t *connectors = json_array();
    struct told told = {.json = arguments->json, .connectors = connectors};
    char domain[512];
    int result = explain_load(arguments, &config, &error);
    const struct conn_inbound *inbound =
        result == 0 ? find_inbound(config, arguments->inbound, &error) : NULL;
    if (!inbound)
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    const struct conn_outbound *chosen = conn_outbound_explain(
        config, inbound, recipient_domain(config, arguments->recipient, domain, sizeof domain),
        take_standing, &told);
    if (told.failed) {
        error_set(&error, EX_OSERR, "There is no memory left");
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    }
    return explain_end(arguments, connectors, chosen ? chosen->name : NULL,
                       "nobody: the recipient is refused with 550 5.7.1");
}
