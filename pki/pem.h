/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Certificates from a PEM file, and what a certificate says of its DNS names.
 *
 * Inside pki/ only. What is returned belongs to the caller; any thread. */
#ifndef POSTERN_PKI_PEM_H
#define POSTERN_PKI_PEM_H

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"

typedef STACK_OF(X509) pki_x509_stack; /* only so that DEFINE_CLEANUP has one word for it */

pki_x509_stack *pki_certificates_free(pki_x509_stack *certificates);
DEFINE_CLEANUP(pki_x509_stack *, pki_certificates_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(X509_NAME *, X509_NAME_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

/* Every certificate of a file, in its order; other blocks (a private key) are passed over. At least
 * one and at most `maximum`, else EX_CONFIG with file and cure. `context` may be NULL. */
int pki_certificates_read(const char *path, OSSL_LIB_CTX *context, int maximum,
                          pki_x509_stack **ret, struct error *error);

/* The same from PEM in memory; EX_DATAERR where a block is there, and is no certificate. */
int pki_certificates_parse(const char *pem, size_t length, int maximum, pki_x509_stack **ret,
                           struct error *error);

/* What was written into a BIO in memory, as text of the caller's; NULL: nothing, or no memory. */
char *pki_pem_text(BIO *memory);

/* RFC 9525: compares `wanted` with each DNS name of the SAN; the subject's CN never counts. A `*`
 * in the certificate stands for one whole left-most label, above at least two more. A `wanted` that
 * itself begins with "*." accepts that very wildcard and any one label in its place. Case and one
 * trailing dot do not count; anything but an A-label matches nothing. */
bool pki_certificate_has_name(X509 *certificate, const char *wanted);

/* The comparison of the former, for one name that was presented. */
bool pki_name_matches(const char *presented, size_t length, const char *wanted);

/* The DNS names of the SAN with spaces between, escaped, cut to fit; returns how many there are. */
size_t pki_certificate_names(X509 *certificate, char *text, size_t size);

/* A time as RFC 3339 has it, in UTC; "" when it cannot be read. `size` 32 is enough. */
const char *pki_time_text(const ASN1_TIME *time, char *text, size_t size);

#endif
