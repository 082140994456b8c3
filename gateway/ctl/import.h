/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl import exchange and export powershell: what the parts of the first share. One thread;
 * these block. */
#ifndef POSTERN_GATEWAY_CTL_IMPORT_H
#define POSTERN_GATEWAY_CTL_IMPORT_H

#include <jansson.h>

#include "connectors/import.h"
#include "connectors/load.h"
#include "gateway/ctl/arguments.h"

/* import exchange FILE, export powershell */
int ctl_import_exchange(const struct ctl_arguments *arguments);
int ctl_export_powershell(const struct ctl_arguments *arguments);

/* Puts every connector's file below `directory`, whose inbound/ and outbound/ are made where they
 * are missing. No file is ever replaced: EX_CANTCREAT, and what was put by then is taken away
 * again. */
int ctl_import_write(const char *directory, const struct conn_import *import, struct error *error);
/* The path of an object's file below `directory`; the caller frees; NULL: no memory. */
char *ctl_import_path(const char *directory, const struct conn_import_object *object);

void ctl_show_import(FILE *file, const struct conn_import *import, bool with_xml);
/* A list of objects; NULL: memory is short. */
json_t *ctl_import_list(const struct conn_import *import);

#endif
