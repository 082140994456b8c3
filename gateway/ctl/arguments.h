/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl's command line: options that may stand anywhere, a noun, a verb, an operand.
 *
 * Which there are is said once, in the table of commands.c; parsing, help and dispatch read it.
 * Text is argv's own and lives as long. */
#ifndef POSTERN_GATEWAY_CTL_ARGUMENTS_H
#define POSTERN_GATEWAY_CTL_ARGUMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "pki/base/error.h"

struct ctl_arguments;

struct ctl_command {
    const char *noun, *verb; /* verb NULL: the noun is the whole command */
    const char *operand;     /* "NAME"; "[DIR]" may be left out; NULL: none */
    const char *summary;
    bool counts; /* takes --count */
    bool judges; /* takes the options of struct ctl_peer_options */
    /* Either asks posternd for `request`, waiting at most `seconds` for each line, and shows what
     * came; `progress` and `judge` (the exit status a result stands for) may be NULL … */
    const char *request;
    unsigned seconds;
    void (*show)(const json_t *result);
    void (*progress)(const json_t *step);
    int (*judge)(const json_t *result);
    /* … or does its work here, without posternd; returns the exit status. */
    int (*offline)(const struct ctl_arguments *arguments);
};

extern const struct ctl_command ctl_commands[]; /* ends with a NULL noun */

/* Of peer verify; NULL: not given. */
struct ctl_peer_options {
    const char *chain, *connector, *anchors, *name, *purpose, *time, *lists;
    bool batch;
    const char *any; /* one that was given, for the message that it does not belong here */
};

struct ctl_arguments {
    const char *config; /* --config, NULL: not given */
    const char *socket; /* --socket, NULL: not given */
    long count;         /* --count, 0: not given */
    struct ctl_peer_options peer;
    bool json, help, version;
    const struct ctl_command *command; /* NULL only with help or version */
    const char *noun;                  /* of which help is wanted, may be NULL */
    const char *operand;               /* NULL: none was given */
};

/* EX_USAGE with what to type instead. What was read by then is in *ret also on failure, so that the
 * error can be told as --json asks. */
int ctl_arguments_read(struct ctl_arguments *ret, int argc, char **argv, struct error *error);

/* The help of one noun, or with NULL of everything. */
void ctl_help(FILE *file, const char *noun);

#endif
