/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Adding to a connector's XML as a person would: every other byte stays, comments and layout with
 * it.
 *
 * Pure functions over text that conn_load() has taken before, so that it is well-formed. One
 * thread. */
#ifndef POSTERN_GATEWAY_CTL_EDIT_H
#define POSTERN_GATEWAY_CTL_EDIT_H

#include <stddef.h>
#include <stdio.h>

#include "pki/base/error.h"

/* The text with a Peer more, before </PeerCertificates>; without that element it is put in, behind
 * what the manual names before it. Indented like its neighbours. `subject` or `issuer` may be
 * empty. The caller frees *ret. EX_DATAERR: the text is of a kind (UTF-16, an empty element) that
 * is better edited by hand. */
int ctl_edit_add_peer(const char *text, const char *subject, const char *issuer, char **ret,
                      struct error *error);

/* What is different, as diff -u would show it; what changed must be in one place. The caller frees;
 * NULL: no memory. */
char *ctl_edit_difference(const char *path, const char *old, const char *fresh);

#endif
