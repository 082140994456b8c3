/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See problems.h. */
#include "gateway/daemon/problems.h"

#include "gateway/control/wire.h"
#include "pki/base/log.h"

void problems_log(const struct conn_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct conn_problem *problem = &problems->items[i];
        struct log log;
        log_event(&log, problem->warning ? LOG_EVENT_CONFIG_WARNING : LOG_EVENT_CONFIG_ERROR,
                  "%s:%d: %s", problem->file, problem->line, problem->what);
        log_text(&log, "file", problem->file);
        log_number(&log, "line", problem->line);
        log_text(&log, "cure", problem->cure);
        log_end(&log);
    }
}

json_t *problems_json(const struct conn_problems *problems)
{
    json_t *list = json_array();
    for (size_t i = 0; i < problems->count; i++) {
        const struct conn_problem *problem = &problems->items[i];
        json_array_append_new(list, json_pack("{s:o, s:i, s:s, s:o, s:o}", "file",
                                              control_text(problem->file), "line", problem->line,
                                              "severity", problem->warning ? "warning" : "error",
                                              "what", control_text(problem->what), "cure",
                                              control_text(problem->cure)));
    }
    return list;
}
