/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl export powershell: the script for the tenant and the Exchange servers, from the
 * configuration on disk. */
#include "connectors/export.h"

#include "gateway/ctl/commands.h"
#include "gateway/ctl/import.h"
#include "gateway/ctl/show.h"

int ctl_export_powershell(const struct ctl_arguments *arguments)
{
    const char *directory = arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern";
    _cleanup_(conn_problems_clear) struct conn_problems problems = {0};
    _cleanup_(conn_config_freep) struct conn_config *config = NULL;
    _cleanup_free_ char *script = NULL;
    struct error error;
    int result = 0;
    if (conn_load(directory, &config, &problems) < 0) {
        json_auto_t *list = ctl_problem_list(&problems);
        if (!arguments->json)
            ctl_show_problems(stderr, list);
        result = error_set(&error, EX_CONFIG, "The configuration in %s has faults", directory);
        error_cure(&error, "posternctl config check");
    }
    if (result == 0)
        result = conn_export_powershell(config, &script, &error);
    if (result < 0)
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    if (arguments->json)
        return ctl_print_json(json_pack("{s:s}", "script", script));
    fputs(script, stdout);
    return EX_OK;
}
