/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What one of our certificates is called, in Exchange's words: read from its Chain file. Any
 * thread; blocks on the file. */
#ifndef POSTERN_CONNECTORS_OURS_H
#define POSTERN_CONNECTORS_OURS_H

#include "connectors/model.h"
#include "pki/base/error.h"

struct conn_ours {
    char names[4096];    /* DNS names with spaces between */
    char exchange[8192]; /* <I>issuer<S>subject as Windows writes it */
};

/* EX_NOINPUT, EX_DATAERR. */
int conn_ours_read(const struct conn_certificate *certificate, struct conn_ours *ret,
                   struct error *error);
/* Its first name without a wildcard, or its first one, into `name`; "" when it has none. */
void conn_ours_name(const struct conn_ours *ours, char *name, size_t size);
/* Is one of its names that one? "*.contoso.com" is met by any name in that domain. */
bool conn_ours_has_name(const struct conn_ours *ours, const char *wanted);
/* Are issuer and subject those of Exchange's text? Compared as names. */
bool conn_ours_is(const struct conn_ours *ours, const char *exchange_text);

#endif
