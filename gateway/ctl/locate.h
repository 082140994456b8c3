/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the control socket of a gateway is, by its configuration folder.
 *
 * Only one attribute of postern.xml is looked for, and with forgiveness: the running posternd must
 * be reached also when the configuration on disk is broken, not readable as a whole, or newer than
 * the one in force. So this is not conn_load(), which is all or nothing. */
#ifndef POSTERN_GATEWAY_CTL_LOCATE_H
#define POSTERN_GATEWAY_CTL_LOCATE_H

#include <stddef.h>

#include "pki/base/error.h"

#define CTL_DEFAULT_SOCKET "/run/postern/control.sock"

/* The path of the socket into `path`. `directory` NULL is the default folder, where the default
 * socket stands in for whatever cannot be found out. For a folder that was named it does not, lest
 * the command go to another gateway: EX_CONFIG or EX_NOPERM. */
int ctl_locate_socket(const char *directory, char *path, size_t size, struct error *error);

#endif
