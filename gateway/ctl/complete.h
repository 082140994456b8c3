/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl complete WORD...: what a shell may offer for the last word, which may be empty; those
 * before it are the command line so far. One line each, the word and behind a tab what to say of
 * it;
 * ":files" and ":directories" ask the shell for these. It answers from the tables that the commands
 * themselves are read by, so that the shells' scripts know nothing. One thread. */
#ifndef POSTERN_GATEWAY_CTL_COMPLETE_H
#define POSTERN_GATEWAY_CTL_COMPLETE_H

#include "gateway/ctl/arguments.h"

/* Returns EX_OK: a shell is told no errors. */
int ctl_complete(int count, char **words);

/* Inside: names, from the files where they can be read, and else from posternd. `tell` gets each.
 */
enum ctl_names_of {
    CTL_NAMES_INBOUND,
    CTL_NAMES_OUTBOUND,
    CTL_NAMES_CERTIFICATES,
    CTL_NAMES_ANCHORS,
    CTL_NAMES_LISTS, /* RevocationLists */
    CTL_NAMES_PEERS  /* fingerprints */
};
typedef void ctl_tell_name(void *context, const char *name, const char *what);
void ctl_names(const struct ctl_arguments *arguments, enum ctl_names_of of, ctl_tell_name *tell,
               void *context);

#endif
