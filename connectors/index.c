/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See index.h. */
#include "connectors/index-private.h"

bool conn_numbers_add(struct conn_numbers *numbers, size_t number)
{
    if (numbers->count && numbers->items[numbers->count - 1] == number)
        return true;
    if (numbers->count == numbers->room) {
        size_t room = numbers->room ? numbers->room * 2 : 2;
        uint32_t *grown = reallocarray(numbers->items, room, sizeof *grown);
        if (!grown)
            return false;
        numbers->items = grown;
        numbers->room = room;
    }
    numbers->items[numbers->count++] = (uint32_t)number;
    return true;
}

struct conn_index *conn_index_free(struct conn_index *index)
{
    if (!index)
        return NULL;
    conn_index_clear_inbound(&index->inbound);
    conn_index_clear_outbound(&index->outbound);
    conn_index_clear_outbound(&index->trial);
    free(index);
    return NULL;
}

static bool make_trial(struct conn_index *index, const struct conn_config *config)
{
    for (size_t i = 0; i < config->outbound_count; i++)
        index->has_trials |= config->outbound[i].enabled && config->outbound[i].test_mode;
    index->trial.trial = true;
    return !index->has_trials || conn_index_make_outbound(&index->trial, config);
}

int conn_index_new(const struct conn_config *config, struct conn_index **ret, struct error *error)
{
    struct conn_index *index = calloc(1, sizeof *index);
    if (index && conn_index_make_inbound(&index->inbound, config) &&
        conn_index_make_outbound(&index->outbound, config) && make_trial(index, config)) {
        *ret = index;
        return 0;
    }
    conn_index_free(index);
    error_set(error, EX_OSERR, "There is no memory left to put %zu connectors in order",
              config->inbound_count + config->outbound_count);
    return error_cure(error, "give the service more memory, and reload");
}
