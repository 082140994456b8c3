/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A certificate request (PKCS#10, RFC 2986) for a key that may live behind the signer.
 *
 * Any thread; blocks as long as one signature takes. */
#ifndef POSTERN_PKI_REQUEST_H
#define POSTERN_PKI_REQUEST_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "pki/base/error.h"
#include "pki/library.h"

enum { PKI_REQUEST_NAMES_MAXIMUM = 100 };

struct pki_request {
    const X509_NAME *subject; /* may be empty (RFC 5280 4.1.2.6: then the names are what counts) */
    const char *const *names; /* DNS names for the SAN, at most PKI_REQUEST_NAMES_MAXIMUM */
    size_t name_count;
    /* extendedKeyUsage clientAuth and serverAuth; CAs that issue clientAuth no more ignore it */
    bool usages;
};

/* EX_DATAERR: a name that is no DNS name, or neither subject nor name. To be asked before a key is
 * made for it. */
int pki_request_check(const struct pki_request *request, struct error *error);

/* Signs with `key` (pki_library_private_key(), or one in memory), verifies the signature, and gives
 * the request as PEM, to be freed by the caller. `algorithms` is what the key was proved to sign
 * with (pki_key_algorithms()). EX_DATAERR as above; a failure of the signer keeps its own code and
 * words. */
int pki_request_make(struct pki_library *library, const struct pki_request *request, EVP_PKEY *key,
                     uint32_t algorithms, char **ret, struct error *error);

#endif
