/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * PKCS#11 URIs (RFC 7512), as far as the configuration needs them: are they well formed, do they
 * carry a secret, and does a key's URI lie on a token's.
 *
 * Only text is looked at here; the signer, with p11-kit, gives it its meaning. Pure; any thread. */
#ifndef POSTERN_CONNECTORS_URI_H
#define POSTERN_CONNECTORS_URI_H

#include <stdbool.h>

#include "pki/base/error.h"

bool conn_uri_is_pkcs11(const char *text);

/* -EX_DATAERR: not of RFC 7512's form, an attribute twice, or with a pin-value, which may not stand
 * in a file that is read by many. `object` allows attributes of an object (object, id, type). */
int conn_uri_check(const char *label, const char *text, bool object, struct error *error);

/* How many path attributes `token` has, when each stands with the same value in `key` too; -1 when
 * one does not. Both have passed conn_uri_check(). */
int conn_uri_fits(const char *token, const char *key);

#endif
