/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The PowerShell commands that make the tenant and the Exchange servers match a configuration.
 *
 * The script is ASCII alone, one command a line; whatever a configuration says stands in it as a
 * quoted string or, cleaned, in a comment. Reads the chain files of our certificates; any thread.
 */
#ifndef POSTERN_CONNECTORS_EXPORT_H
#define POSTERN_CONNECTORS_EXPORT_H

#include <stdio.h>

#include "connectors/model.h"
#include "pki/base/error.h"

/* The caller frees *ret. EX_DATAERR, EX_NOINPUT: a chain file; EX_OSERR. */
int conn_export_powershell(const struct conn_config *config, char **ret, struct error *error);

/* A string in single quotes. PowerShell takes typographic quotes for quotes too, and Windows
 * PowerShell may read a script in another code page: what is not printable ASCII is written as its
 * number, ('caf' + [char]0x00e9). */
void conn_export_quote(FILE *stream, const char *text);
/* The text with what is not printable ASCII as ?, so that a comment ends where its line does. */
void conn_export_comment(FILE *stream, const char *text);

#endif
