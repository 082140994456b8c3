/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What names.c and names-parse.c share, and the explanations in peer.c need. Inside pki/ only; pure
 * functions, any thread. */
#ifndef POSTERN_PKI_NAMES_PRIVATE_H
#define POSTERN_PKI_NAMES_PRIVATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "pki/base/cleanup.h"

bool pki_utf8_valid(const unsigned char *bytes, size_t length);

/* True when the two hold the same attributes in another order or grouping. */
bool pki_name_reordered(const X509_NAME *a, const X509_NAME *b);

#endif
