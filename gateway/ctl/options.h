/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl's options. Which there are, what stands behind each and what the help says of it is
 * one table; a command names those that it takes (struct ctl_command). */
#ifndef POSTERN_GATEWAY_CTL_OPTIONS_H
#define POSTERN_GATEWAY_CTL_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "pki/base/error.h"

struct ctl_arguments;

enum ctl_option {
    /* Every command takes these … */
    CTL_CONFIG,
    CTL_SOCKET,
    CTL_JSON,
    CTL_HELP,
    CTL_VERSION,
    /* … and those that name them these. */
    CTL_COUNT,
    CTL_RECIPIENT,
    CTL_SENDER,
    CTL_SEND,
    CTL_CONNECTOR,
    CTL_YES,
    CTL_DRY_RUN,
    CTL_CHAIN,
    CTL_KEY,
    CTL_AT,
    CTL_ALGORITHM,
    CTL_REUSE_KEY,
    CTL_SUBJECT,
    CTL_SAN,
    CTL_OUT,
    CTL_ANCHORS,
    CTL_PEER_NAME,
    CTL_PURPOSE,
    CTL_TIME,
    CTL_CRL,
    CTL_BATCH,
    CTL_CERTIFICATE,
    CTL_TRUST_ANCHORS,
    CTL_SMART_HOST,
    CTL_OUTPUT,
    CTL_FROM,
    CTL_CREDENTIALS,
    CTL_TLS,
    CTL_INBOUND,
    CTL_OPTION_END
};

/* A set of options: CTL_TAKES(COUNT) | CTL_TAKES(YES). */
#define CTL_TAKES(option) (UINT64_C(1) << CTL_##option)

/* Reads argv's options, wherever they stand; *ret_words are the rest, which end with NULL.
 * EX_USAGE. */
int ctl_options_read(struct ctl_arguments *arguments, int argc, char **argv, char ***ret_words,
                     struct error *error);
/* The name of an option that was given and is in neither `taken` nor every command's; NULL: none. */
const char *ctl_options_surplus(const struct ctl_arguments *arguments, uint64_t taken);
/* The name of an option of `needed` that was not given; NULL: none. */
const char *ctl_options_missing(const struct ctl_arguments *arguments, uint64_t needed);
/* What posternd is told of them: each that was given, under its name in gateway/control/shapes.h. */
int ctl_options_put(const struct ctl_arguments *arguments, json_t *request, struct error *error);
void ctl_options_help(FILE *file);

/* One row of the table. */
struct ctl_option_shown {
    enum ctl_option option;
    const char *name, *argument, *help; /* argument NULL: there is none */
    bool for_everybody;                 /* every command takes it */
};
void ctl_option_show(enum ctl_option option, struct ctl_option_shown *ret);

#endif
