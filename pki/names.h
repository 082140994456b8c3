/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Distinguished names: read, shown, and compared as RFC 5280 7.1 says, never as text.
 *
 * Pure functions, any thread. */
#ifndef POSTERN_PKI_NAMES_H
#define POSTERN_PKI_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "pki/base/error.h"

/* Reads an RFC 4514 string (most specific attribute first: "CN=…, O=…, C=US"; spaces after
 * separators are allowed, `S` is read as `ST`, escapes and `#hex` values as in the RFC, `+` joins a
 * multi-valued RDN). What Windows writes is read as well: quoted values, `OID.` before a number, E,
 * G, I, SN, T. The strings are UTF8String, but PrintableString for C, serialNumber and dnQualifier,
 * IA5String for DC and e-mail addresses. At most 64 KiB and 256 attributes. An empty text is
 * refused: where any name will do, none is written. EX_DATAERR with the place in the text. */
int pki_name_parse(const char *text, X509_NAME **ret, struct error *error);

/* Exchange's `<I>issuer<S>subject`: both names. EX_DATAERR when it is not of that form. */
int pki_name_parse_exchange(const char *text, X509_NAME **ret_issuer, X509_NAME **ret_subject,
                            struct error *error);

/* RFC 4514 text in UTF-8, cut to fit (then with "..." behind it) and always ended; returns text.
 * What would hide or reorder text on a screen is escaped, control characters among it. */
const char *pki_name_text(const X509_NAME *name, char *text, size_t size);

/* Case, inner spaces and string types do not count; attributes, their order and the grouping in
 * multi-valued RDNs do. Case is folded for Latin, Greek and Cyrillic letters; Unicode is not
 * normalised, so that a composed and a decomposed letter differ (and the name is refused). */
bool pki_name_equal(const X509_NAME *a, const X509_NAME *b);

#endif
