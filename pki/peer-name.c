/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The name that the policy asks for: in subjectAltName (RFC 9525), or in the CN where the policy
 * says so and subjectAltName has none; and what the CN must be where it does not count. */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/peer-private.h"

static bool names_a_host(const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = sk_GENERAL_NAME_value(names, i)->type;
        if (type == GEN_DNS || type == GEN_IPADD)
            return true;
    }
    return false;
}

static bool has_address(const GENERAL_NAMES *names, const unsigned char *bytes, int length)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == length &&
            memcmp(ASN1_STRING_get0_data(name->d.iPAddress), bytes, (size_t)length) == 0)
            return true;
    }
    return false;
}

/* How many octets the address has that the text is; 0: it is none. */
static int parse_address(const char *text, unsigned char *bytes)
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

/* The only CN of the subject, or NULL; *count is how many there are. */
static const ASN1_STRING *only_common_name(X509 *leaf, int *count)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int index = -1, last = -1;
    *count = 0;
    while ((index = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, index)) >= 0)
        last = index, ++*count;
    return *count == 1 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)) : NULL;
}

bool pki_common_name_is_host(X509 *leaf)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    bool host = false;
    int index = -1;
    while ((index = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, index)) >= 0) {
        unsigned char *utf8 = NULL;
        int length = ASN1_STRING_to_UTF8(
            &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
        host |= length > 0 && pki_is_host((const char *)utf8, (size_t)length);
        OPENSSL_free(utf8);
    }
    ERR_clear_error();
    return host;
}

static bool common_name_matches(X509 *leaf, const char *wanted)
{
    int count;
    unsigned char *utf8 = NULL;
    const ASN1_STRING *value = only_common_name(leaf, &count);
    int length = value ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
    bool matches = length > 0 && pki_name_matches((const char *)utf8, (size_t)length, wanted);
    OPENSSL_free(utf8);
    ERR_clear_error();
    return matches;
}

bool pki_leaf_has_name(X509 *leaf, const char *wanted, bool common_name)
{
    unsigned char address[16];
    int octets = parse_address(wanted, address);
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    if (octets)
        return has_address(names, address, octets);
    if (common_name && !names_a_host(names))
        return common_name_matches(leaf, wanted);
    return pki_certificate_has_name(leaf, wanted);
}

static bool is_written_out(const GENERAL_NAME *name, const unsigned char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN] = "";
    const char *bytes = address;
    size_t size;
    if (name->type == GEN_DNS) {
        bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        size = (size_t)ASN1_STRING_length(name->d.dNSName);
    } else if (name->type == GEN_IPADD) {
        int octets = ASN1_STRING_length(name->d.iPAddress);
        if (octets != 4 && octets != 16)
            return false;
        inet_ntop(octets == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress),
                  address, sizeof address);
        size = strlen(address);
    } else {
        return false;
    }
    return size == length && memcmp(bytes, text, length) == 0;
}

/* True for contoso.com and mail.contoso.com or *.contoso.com. */
static bool is_parent_of(const unsigned char *text, size_t length, const ASN1_STRING *name)
{
    const char *bytes = (const char *)ASN1_STRING_get0_data(name);
    size_t size = (size_t)ASN1_STRING_length(name);
    return size > length + 1 && bytes[size - length - 1] == '.' &&
           strncasecmp(bytes + size - length, (const char *)text, length) == 0;
}

/* True for what cannot be meant as a host's full name or an address: a name for people, with a
 * space in it, or a machine's short name. */
static bool is_short(const unsigned char *text, size_t length)
{
    bool label = length > 0 && isalpha(text[0]) && pki_is_label((const char *)text, length);
    return label || memchr(text, ' ', length);
}

/* What may stand in a CN although it is no copy: anything, where it is not alone in the subject
 * (the CAs of organisations write names of people, machines and purposes there), a short name; and
 * a domain, where subjectAltName has hosts of it, or addresses alone. */
static bool is_no_claim(X509 *leaf, const GENERAL_NAMES *names, const unsigned char *text,
                        size_t length)
{
    bool hosts = false;
    if (X509_NAME_entry_count(X509_get_subject_name(leaf)) > 1 || is_short(text, length))
        return true;
    if (!memchr(text, '.', length) || !pki_is_host((const char *)text, length))
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS && is_parent_of(text, length, name->d.dNSName))
            return true;
        hosts |= name->type == GEN_DNS;
    }
    return !hosts;
}

/* CA/Browser Forum 7.1.4.3: a CN is a copy of one of the names in subjectAltName, character for
 * character. */
const char *pki_judge_common_name(X509 *leaf, bool common_name)
{
    int count;
    unsigned char *utf8 = NULL;
    const ASN1_STRING *value = only_common_name(leaf, &count);
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    if (count == 0 || (common_name && !names_a_host(names)))
        return NULL;
    if (count > 1)
        return "has more than one CN in its subject";
    int length = ASN1_STRING_to_UTF8(&utf8, value);
    bool right = length >= 0 && is_no_claim(leaf, names, utf8, (size_t)length);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && length >= 0 && !right; i++)
        right = is_written_out(sk_GENERAL_NAME_value(names, i), utf8, (size_t)length);
    OPENSSL_free(utf8);
    ERR_clear_error();
    return right ? NULL
                 : "has a CN that is no copy of a name in its subjectAltName (CA/Browser Forum "
                   "7.1.4.3)";
}
