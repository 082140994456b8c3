/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The signer's side of wire.h.
 *
 * One thread reads packets and hands the work to the pools of the stores; their threads answer on
 * the socket themselves. */
#ifndef POSTERN_PKI_SIGNER_SERVER_H
#define POSTERN_PKI_SIGNER_SERVER_H

#include "pki/base/error.h"

/* Serves until the other side closes: 0. -EX_PROTOCOL: it sent what wire.h does not know. */
int server_run(int socket, struct error *error);

#endif
