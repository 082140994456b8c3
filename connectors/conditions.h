/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What must hold before an inbound connector admits a sender: one table, from which select.c
 * decides and explain.c explains, so that the two cannot differ.
 *
 * A new condition is a row here, at the place where it becomes known, and a word of enum
 * conn_condition at the same place. Pure functions, any thread. */
#ifndef POSTERN_CONNECTORS_CONDITIONS_H
#define POSTERN_CONNECTORS_CONDITIONS_H

#include "connectors/select.h"

struct conn_rule {
    enum conn_condition condition;
    bool (*holds)(const struct conn_inbound *inbound, const struct conn_client *client);
    /* Why it holds or does not, a clause without its full stop; text is cut to fit. */
    void (*explain)(const struct conn_inbound *inbound, const struct conn_client *client,
                    bool holds, char *text, size_t size);
};

extern const struct conn_rule conn_rules[];
extern const size_t conn_rule_count;

/* The first condition that does not hold, in the order in which they become known. */
enum conn_condition conn_find_obstacle(const struct conn_inbound *inbound,
                                       const struct conn_client *client);

#endif
