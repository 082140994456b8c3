/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Changing a connector's XML as a person would: every other byte stays, comments and layout with
 * it.
 *
 * Pure functions over text that conn_load() has taken before, so that it is well-formed. One
 * thread. */
#ifndef POSTERN_GATEWAY_CTL_EDIT_H
#define POSTERN_GATEWAY_CTL_EDIT_H

#include <stddef.h>
#include <stdio.h>

#include "pki/base/error.h"

struct ctl_property;

/* The text with a Peer more, before </PeerCertificates>; without that element it is put in, behind
 * what the manual names before it. Indented like its neighbours. `subject` or `issuer` may be
 * empty. The caller frees *ret. EX_DATAERR: the text is of a kind (UTF-16, an empty element) that
 * is better edited by hand. */
int ctl_edit_add_peer(const char *text, const char *subject, const char *issuer, char **ret,
                      struct error *error);

enum ctl_edit_how { CTL_EDIT_SET, CTL_EDIT_ADD, CTL_EDIT_REMOVE };

/* The text with the property set to `value`; of a list the items, parted by commas, replace those
 * that are there, or are added to or removed from them. An item that stays stays where it is. An
 * empty value takes the element out. What is new stands where postern.xml(5) has it, indented like
 * its neighbours. The caller frees *ret, which equals `text` when nothing is to be changed.
 * EX_USAGE: the value cannot be; EX_DATAERR: as above, or an item to be removed is not there. */
int ctl_edit_set(const char *text, const struct ctl_property *property, enum ctl_edit_how how,
                 const char *value, char **ret, struct error *error);

/* What is different, as diff -u would show it; `old` NULL: the file is new, `fresh` NULL: it is
 * removed. The caller frees; NULL: no memory. */
char *ctl_edit_difference(const char *path, const char *old, const char *fresh);

#endif
