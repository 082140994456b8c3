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

#include "gateway/ctl/options.h"
#include "pki/base/error.h"

struct ctl_arguments;

struct ctl_command {
    const char *noun, *verb; /* verb NULL: the noun is the whole command */
    const char *operand;     /* "NAME"; "[DIR]" may be left out; NULL: none */
    const char *second;      /* an operand behind it, "CHAIN"; NULL: none */
    bool many;               /* there may be more of the second */
    const char *summary;
    uint64_t takes; /* options beside those that every command takes: CTL_TAKES(…) */
    uint64_t needs; /* those of them without which it cannot be */
    /* Either asks posternd for `request`, waiting at most `seconds` for each line, and shows what
     * came; `progress` and `judge` (the exit status a result stands for) may be NULL … */
    const char *request;
    unsigned seconds;
    void (*show)(const json_t *result);
    void (*progress)(const json_t *step);
    int (*judge)(const json_t *result);
    /* May be NULL: what is done with the result before it is shown as JSON, or instead of `show`.
     */
    int (*deliver)(const struct ctl_arguments *arguments, const json_t *result,
                   struct error *error);
    /* … or does its work here, without posternd; returns the exit status. */
    int (*offline)(const struct ctl_arguments *arguments);
};

/* What an option that may be repeated was given. */
enum { CTL_NAMES_MAXIMUM = 100 };
struct ctl_names {
    size_t count;
    const char *items[CTL_NAMES_MAXIMUM];
};

extern const struct ctl_command ctl_commands[]; /* ends with a NULL noun */

/* Each option is the member of its name; NULL, 0 or false: not given. */
struct ctl_arguments {
    uint64_t given; /* a bit for each enum ctl_option */
    const char *config, *socket;
    long count;
    const char *recipient, *sender, *connector, *key, *chain, *at;
    const char *algorithm, *subject, *out;
    struct ctl_names san;
    const char *anchors, *name, *purpose, *time, *lists;
    const char *certificate, *trust_anchors, *smart_host, *output;
    const char *from, *credentials, *tls, *inbound;
    bool send, yes, dry_run, reuse_key, batch;
    bool json, help, version;
    const struct ctl_command *command; /* NULL only with help or version */
    const char *noun;                  /* of which help is wanted, may be NULL */
    const char *operand, *second;      /* NULL: none was given */
    char **rest;                       /* of a command with `many`: the second and all behind it */
};

/* EX_USAGE with what to type instead. What was read by then is in *ret also on failure, so that the
 * error can be told as --json asks. */
int ctl_arguments_read(struct ctl_arguments *ret, int argc, char **argv, struct error *error);

/* The help of one noun, or with NULL of everything. */
void ctl_help(FILE *file, const char *noun);

#endif
