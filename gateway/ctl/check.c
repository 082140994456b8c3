/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl config check: everything that is wrong in a configuration folder, without posternd. */
#include "connectors/load.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"
#include "pki/base/cleanup.h"

json_t *ctl_problem_object(const struct conn_problem *problem)
{
    return json_pack("{s:o, s:i, s:s, s:o, s:o}", "file", control_text(problem->file), "line",
                     problem->line, "severity", problem->warning ? "warning" : "error", "what",
                     control_text(problem->what), "cure", control_text(problem->cure));
}

json_t *ctl_problem_list(const struct conn_problems *problems)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < problems->count; i++)
        if (json_array_append_new(list, ctl_problem_object(&problems->items[i])) < 0)
            return NULL;
    return json_incref(list);
}

static const char *plural(size_t number)
{
    return number == 1 ? "" : "s";
}

static void show_check(const char *directory, const json_t *list,
                       const struct conn_problems *problems, bool passed)
{
    ctl_show_problems(stdout, list);
    if (problems->dropped)
        printf("And %zu more, which are not shown.\n", problems->dropped);
    table_text(stdout, directory);
    printf(": %zu error%s, %zu warning%s. posternd %s.\n", problems->errors,
           plural(problems->errors), problems->warnings, plural(problems->warnings),
           passed ? "would take this configuration" : "would refuse this configuration");
}

static json_t *check_document(const char *directory, json_t *list,
                              const struct conn_problems *problems, bool passed)
{
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:O}", "directory", control_text(directory),
                     "outcome", passed ? "passed" : "failed", "errors",
                     (json_int_t)problems->errors, "warnings", (json_int_t)problems->warnings,
                     "dropped", (json_int_t)problems->dropped, "problems", list);
}

int ctl_check(const struct ctl_arguments *arguments)
{
    _cleanup_(conn_problems_clear) struct conn_problems problems = {0};
    _cleanup_(conn_config_freep) struct conn_config *config = NULL;
    const char *directory = arguments->operand  ? arguments->operand
                            : arguments->config ? arguments->config
                                                : POSTERN_SYSCONFDIR "/postern";
    bool passed = conn_load(directory, &config, &problems) == 0;
    json_auto_t *list = ctl_problem_list(&problems);
    if (!list) {
        struct error error;
        error_set(&error, EX_OSERR, "No memory to tell what is wrong");
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    }
    if (!arguments->json)
        show_check(directory, list, &problems, passed);
    else if (ctl_print_json(check_document(directory, list, &problems, passed)) != EX_OK)
        return EX_OSERR;
    return passed ? EX_OK : EX_CONFIG;
}
