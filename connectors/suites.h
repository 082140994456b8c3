/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The cipher suites and groups that a connector may use: with forward secrecy all of them, and AEAD
 * but for what old devices need.
 *
 * Names are those of the IANA registries, which Schannel and Exchange use too. The order of the
 * tables is the default order: the suites that Exchange Online takes, strongest first, each for
 * both kinds of certificate, then ChaCha20 (RFC 8446 9.1, RFC 7905). A list in the model holds
 * indices into the tables. Constant; any thread. */
#ifndef POSTERN_CONNECTORS_SUITES_H
#define POSTERN_CONNECTORS_SUITES_H

#include "connectors/model.h"
#include "pki/base/error.h"

struct conn_cipher_suite {
    const char *name;    /* as IANA registers it */
    const char *openssl; /* as OpenSSL calls it */
    unsigned code;
    enum conn_tls_version first, last; /* of TLS that it serves */
    bool aead;
};
extern const struct conn_cipher_suite conn_cipher_suites[];
extern const unsigned conn_cipher_suite_count;

struct conn_group {
    const char *name;    /* as IANA registers it */
    const char *openssl; /* as OpenSSL calls it */
    const char *schannel;
    int nid; /* OpenSSL's number; 0: it has none */
    unsigned code;
    bool by_default;
};
extern const struct conn_group conn_groups[];
extern const unsigned conn_group_count;

/* Which one a name means; -EX_DATAERR with the reason (no forward secrecy, no AEAD) or the right
 * name. */
int conn_find_cipher_suite(const char *label, const char *name, unsigned *ret, struct error *error);
int conn_find_group(const char *label, const char *name, unsigned *ret, struct error *error);

/* True when a connector with this lowest version uses it without being told to. */
bool conn_cipher_suite_is_default(unsigned suite, enum conn_tls_version minimum);

/* Fills what was not declared with the defaults. -EX_OSERR. */
int conn_tls_lists_complete(struct conn_tls_lists *lists, enum conn_tls_version minimum,
                            struct error *error);

/* True when the list has it: by the code of TLS for a suite; for a group what
 * SSL_get_negotiated_group() says, 0 (none was used) being true. */
bool conn_tls_lists_have_suite(const struct conn_tls_lists *lists, unsigned code);
bool conn_tls_lists_have_group(const struct conn_tls_lists *lists, int negotiated);

/* True when one of the suites serves this version of TLS. */
bool conn_tls_lists_serve(const struct conn_tls_lists *lists, enum conn_tls_version version);

#endif
