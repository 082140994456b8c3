/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A change to one file of the configuration, from the check of the whole to the moment that
 * posternd has it in force; what peer accept and the verbs of inbound and outbound have in common.
 *
 *     ctl_change_lock, ctl_change_load; then file and fresh are filled; ctl_change_try,
 *     ctl_change_put_in_force
 *
 * The caller's, begun with its first two members. One thread; these block. */
#ifndef POSTERN_GATEWAY_CTL_CHANGE_H
#define POSTERN_GATEWAY_CTL_CHANGE_H

#include <jansson.h>
#include <stdbool.h>

#include "connectors/load.h"
#include "gateway/ctl/arguments.h"
#include "gateway/ctl/replace.h"

struct ctl_change {
    const struct ctl_arguments *arguments;
    const char *directory;
    char *path;                         /* the file, as the configuration names it */
    const char *shown;                  /* its name in messages; NULL: the same */
    struct ctl_file file;               /* as it is; text NULL: it is not there */
    char *fresh;                        /* what is to stand in it; NULL: nothing, the file goes */
    char *difference;                   /* between the two */
    struct conn_config *config, *after; /* loaded; as it would be */
    struct conn_problems problems;      /* of the last of these */
    json_t *refusal; /* why it cannot be, with every error; by posternd or by the check */
    bool running;    /* posternd is there, and the change is in force as this generation: */
    long long generation;
    int lock; /* a descriptor, if `locked` */
    bool locked;
};
void ctl_change_clear(struct ctl_change *change);

/* Of several posternctl that change one folder, one at a time; the others wait, at most half a
 * minute. Held until the change is cleared. */
void ctl_change_lock(struct ctl_change *change);

/* The configuration as it is. EX_CONFIG: it has errors already. */
int ctl_change_load(struct ctl_change *change, struct error *error);

/* What it would be with the change, and the difference. EX_CONFIG: `what` (as "With this pair")
 * would make it wrong. */
int ctl_change_try(struct ctl_change *change, const char *what, struct error *error);

/* The file is changed, and posternd takes it up if it runs; when it does not take it, the file is
 * what it was. */
int ctl_change_put_in_force(struct ctl_change *change, struct error *error);

/* Of the warnings about the configuration as it would be, those of this file. */
json_t *ctl_change_warnings(const struct ctl_change *change);

#endif
