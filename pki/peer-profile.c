/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The profile of RFC 5280 4 and of the CA/Browser Forum's baseline requirements 7.1, as far as
 * OpenSSL does not hold certificates to it: versions, serial numbers, and which extensions there
 * are, how often, how critical, and whether they can be read.
 *
 * A table of rules for the certificate, and one for its extensions. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/peer-private.h"

enum { SERIAL_OCTETS_MAXIMUM = 20 };

DEFINE_CLEANUP(AUTHORITY_KEYID *, AUTHORITY_KEYID_free)

/* --- the certificate --- */

/* An anchor that is its own issuer, whether or not its key identifiers agree. */
static bool is_root(const struct pki_place *place)
{
    return place->anchor && (X509_get_extension_flags(place->certificate) & EXFLAG_SI);
}

/* One that has signed itself under another name for the issuer distributes its key all the same. */
static bool has_signed_itself(const struct pki_place *place)
{
    EVP_PKEY *key = place->anchor ? X509_get0_pubkey(place->certificate) : NULL;
    return key && X509_verify(place->certificate, key) == 1;
}

static const char *check_version(const struct pki_place *place)
{
    return X509_get_version(place->certificate) == X509_VERSION_3 ? NULL : "is not of version 3";
}

/* With its sign in it; a positive number whose first bit is set takes one octet more. */
static int serial_octets(const ASN1_INTEGER *serial)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int length = ASN1_STRING_length(serial);
    return length > 0 && bytes[0] & 0x80 ? length + 1 : length;
}

/* An exception: roots that everybody has bear the number 0, and nobody looks an anchor up by it. */
static const char *check_serial(const struct pki_place *place)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(place->certificate);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int length = ASN1_STRING_length(serial), zeros = 0;
    if (place->anchor && !place->leaf)
        return NULL;
    while (zeros < length && bytes[zeros] == 0)
        zeros++;
    if (zeros == length)
        return "has the serial number 0";
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        return "has a negative serial number";
    return serial_octets(serial) > SERIAL_OCTETS_MAXIMUM
               ? "has a serial number of more than 20 octets"
               : NULL;
}

static const char *check_algorithms(const struct pki_place *place)
{
    const X509_ALGOR *outer = NULL;
    X509_get0_signature(NULL, &outer, place->certificate);
    return outer && X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(place->certificate)) == 0
               ? NULL
               : "names one signature algorithm inside and another outside";
}

static const char *check_issuer(const struct pki_place *place)
{
    return X509_NAME_entry_count(X509_get_issuer_name(place->certificate)) ? NULL
                                                                           : "has an empty issuer";
}

static const char *check_subject(const struct pki_place *place)
{
    X509 *certificate = place->certificate;
    bool empty = X509_NAME_entry_count(X509_get_subject_name(certificate)) == 0;
    int critical = -1;
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    if (empty && !place->leaf)
        return "is a CA's with an empty subject";
    if (empty && critical != 1)
        return "has an empty subject, and no subjectAltName that is critical";
    if (!empty && place->leaf && critical == 1)
        return "has a critical subjectAltName beside a subject (CA/Browser Forum 7.1.2.7.12)";
    return NULL;
}

/* RFC 5280 4.2.1.1; CA/Browser Forum 7.1.2.1.3 for roots. */
static const char *check_authority_key(const struct pki_place *place)
{
    X509 *certificate = place->certificate;
    _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *identifier =
        X509_get_ext_d2i(certificate, NID_authority_key_identifier, NULL, NULL);
    const ASN1_OCTET_STRING *subject_key = X509_get0_subject_key_id(certificate);
    if (!is_root(place))
        return (identifier && identifier->keyid) || has_signed_itself(place)
                   ? NULL
                   : "has no authority key identifier";
    if (!identifier)
        return NULL;
    if (!identifier->keyid)
        return "is a root with an authority key identifier that names no key";
    if (identifier->issuer || identifier->serial)
        return "is a root whose authority key identifier names an issuer or a serial number";
    if (subject_key && ASN1_OCTET_STRING_cmp(identifier->keyid, subject_key) != 0)
        return "is a root whose authority key identifier is not its own subject key identifier";
    return NULL;
}

static const char *check_place(const struct pki_place *place)
{
    bool ca = X509_get_extension_flags(place->certificate) & EXFLAG_CA;
    if (!ca && X509_get_ext_by_NID(place->certificate, NID_name_constraints, -1) >= 0)
        return "has name constraints, and is no CA's";
    if (is_root(place) && !place->leaf &&
        X509_get_ext_by_NID(place->certificate, NID_ext_key_usage, -1) >= 0)
        return "is a root with an extended key usage (CA/Browser Forum 7.1.2.1.2)";
    return NULL;
}

static const char *(*const certificate_rules[])(const struct pki_place *place) = {
    check_version, check_serial,        check_algorithms, check_issuer,
    check_subject, check_authority_key, check_place,
};

/* --- extensions --- */

enum criticality { EITHER, CRITICAL, PLAIN };

/* What RFC 5280 4.2 has, and whether its MUST is critical or not. */
static const struct {
    int nid;
    enum criticality must_be;
    const char *words; /* when it is not */
} extensions[] = {
    {NID_authority_key_identifier, PLAIN, "has a critical authority key identifier"},
    {NID_subject_key_identifier, PLAIN, "has a critical subject key identifier"},
    {NID_key_usage, EITHER, NULL},
    {NID_certificate_policies, EITHER, NULL},
    {NID_policy_mappings, EITHER, NULL},
    {NID_subject_alt_name, EITHER, NULL},
    {NID_issuer_alt_name, EITHER, NULL},
    {NID_basic_constraints, EITHER, NULL},
    {NID_name_constraints, CRITICAL, "has name constraints that are not critical"},
    {NID_policy_constraints, CRITICAL, "has policy constraints that are not critical"},
    {NID_ext_key_usage, EITHER, NULL},
    {NID_crl_distribution_points, EITHER, NULL},
    {NID_inhibit_any_policy, CRITICAL, "has an inhibitAnyPolicy that is not critical"},
    {NID_freshest_crl, PLAIN, "has a critical freshest CRL"},
    {NID_info_access, PLAIN, "has a critical authority information access"},
    {NID_sinfo_access, PLAIN, "has a critical subject information access"},
    {NID_subject_directory_attributes, PLAIN, "has critical subject directory attributes"},
    {NID_tlsfeature, EITHER, NULL},
};

static const char *check_criticality(X509_EXTENSION *extension, int nid)
{
    bool critical = X509_EXTENSION_get_critical(extension);
    for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
        if (extensions[i].nid == nid)
            return (extensions[i].must_be == CRITICAL && !critical) ||
                           (extensions[i].must_be == PLAIN && critical)
                       ? extensions[i].words
                       : NULL;
    return NULL;
}

static bool is_known(int nid)
{
    for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
        if (extensions[i].nid == nid)
            return true;
    return false;
}

/* Lists that must not be empty begin with SEQUENCE and an end right behind. */
static bool may_be_empty(int nid)
{
    return nid == NID_basic_constraints || nid == NID_authority_key_identifier;
}

/* The whole value must be what the extension's syntax says, and nothing may stand behind it. */
static const char *check_syntax(X509_EXTENSION *extension, int nid)
{
    const X509V3_EXT_METHOD *method = X509V3_EXT_get(extension);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const unsigned char *bytes = ASN1_STRING_get0_data(value), *at = bytes;
    long length = ASN1_STRING_length(value);
    if (!is_known(nid) || !method || !method->it)
        return NULL;
    if (length == 2 && bytes[0] == 0x30 && !may_be_empty(nid))
        return "has an extension with an empty list in it";
    ASN1_VALUE *parsed = ASN1_item_d2i(NULL, &at, length, ASN1_ITEM_ptr(method->it));
    bool whole = parsed && at == bytes + length;
    ASN1_item_free(parsed, ASN1_ITEM_ptr(method->it));
    ERR_clear_error();
    return whole ? NULL : "has an extension that cannot be read";
}

static const char *check_repetition(X509 *certificate, int index)
{
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(certificate, index));
    return X509_get_ext_by_OBJ(certificate, object, index) >= 0 ? "has the same extension twice"
                                                                : NULL;
}

static const char *find_extension_fault(X509 *certificate)
{
    int count = X509_get_ext_count(certificate);
    if (count > PKI_EXTENSIONS_MAXIMUM)
        return "has more than 64 extensions";
    const char *fault = NULL;
    for (int i = 0; i < count && !fault; i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        fault = check_criticality(extension, nid);
        if (!fault)
            fault = check_syntax(extension, nid);
        if (!fault)
            fault = check_repetition(certificate, i);
    }
    return fault;
}

void pki_judge_profile(struct pki_path *path, const struct pki_place *place)
{
    const char *fault = find_extension_fault(place->certificate);
    for (size_t i = 0; i < ARRAY_SIZE(certificate_rules) && !fault; i++)
        fault = certificate_rules[i](place);
    if (fault)
        pki_path_fault(path, PKI_CHECK_CONSTRAINTS, X509_V_ERR_APPLICATION_VERIFICATION, fault,
                       place);
    ERR_clear_error();
}
