/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See peer-record.h. */
#include "pki/peer-record.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "pki/names.h"
#include "pki/pem.h"

DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static void put_hex(const unsigned char *bytes, unsigned length, char *text, size_t size)
{
    text[0] = '\0';
    for (unsigned i = 0; i < length && 2 * (size_t)i + 2 < size; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02X", bytes[i]);
}

static void describe_serial(const X509 *certificate, char *text, size_t size)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    snprintf(text, size, "%s", hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

static void describe_usages(X509 *certificate, char *text, size_t size)
{
    _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *usages =
        X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; usages && i < sk_ASN1_OBJECT_num(usages); i++) {
        const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(usages, i);
        int number = OBJ_obj2nid(usage);
        char word[64];
        if (number != NID_undef)
            snprintf(word, sizeof word, "%s", OBJ_nid2sn(number));
        else
            OBJ_obj2txt(word, sizeof word, usage, 1);
        if (used + strlen(word) + 2 > size)
            return;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", word);
    }
}

static bool digest_key(X509 *certificate, char *text, size_t size)
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int size_of_key = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool done = size_of_key > 0 &&
                EVP_Digest(der, (size_t)size_of_key, digest, &length, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    put_hex(digest, length, text, size);
    return done;
}

static bool add_name(EVP_MD_CTX *context, const X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t length = 0;
    return X509_NAME_get0_der((X509_NAME *)name, &der, &length) == 1 &&
           EVP_DigestUpdate(context, der, length) == 1;
}

/* DER says where the first ends. */
static bool digest_pair(const X509 *certificate, char *text, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        !add_name(context, X509_get_subject_name(certificate)) ||
        !add_name(context, X509_get_issuer_name(certificate)) ||
        EVP_DigestFinal_ex(context, digest, &length) != 1)
        return false;
    put_hex(digest, length, text, size);
    return true;
}

static bool read_time(const ASN1_TIME *time, time_t *ret)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *ret = timegm(&parts);
    return true;
}

/* pki_name_text() leaves room when the whole name was there. */
static bool describe_name(const X509_NAME *name, char *text, size_t size)
{
    pki_name_text(name, text, size);
    return strlen(text) + 8 <= size;
}

int pki_peer_record_make(X509 *certificate, struct pki_peer_record *ret, struct error *error)
{
    struct pki_peer_record record = {.cut = false};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    bool whole =
        describe_name(X509_get_subject_name(certificate), record.subject, sizeof record.subject);
    whole &= describe_name(X509_get_issuer_name(certificate), record.issuer, sizeof record.issuer);
    record.cut = !whole;
    describe_serial(certificate, record.serial, sizeof record.serial);
    describe_usages(certificate, record.eku, sizeof record.eku);
    pki_certificate_names(certificate, record.names, sizeof record.names);
    bool done = X509_digest(certificate, EVP_sha256(), digest, &length) == 1 &&
                digest_key(certificate, record.spki, sizeof record.spki) &&
                digest_pair(certificate, record.pair, sizeof record.pair);
    bool dated = read_time(X509_get0_notBefore(certificate), &record.not_before) &&
                 read_time(X509_get0_notAfter(certificate), &record.not_after);
    ERR_clear_error();
    if (!done)
        return error_set(error, EX_OSERR, "There is no memory to describe a certificate");
    if (!dated)
        return error_set(error, EX_DATAERR, "A certificate has dates that cannot be read");
    put_hex(digest, length, record.fingerprint, sizeof record.fingerprint);
    *ret = record;
    return 0;
}

/* --- XML --- */

struct xml {
    char *text;
    size_t used, size;
};

static void put(struct xml *xml, const char *text)
{
    size_t length = strlen(text);
    if (xml->used + length < xml->size)
        memcpy(xml->text + xml->used, text, length + 1);
    xml->used += length;
}

static void put_element(struct xml *xml, const char *element, const char *name)
{
    if (!name[0])
        return; /* an empty name cannot be written; the other half of the pair must do */
    put(xml, "<");
    put(xml, element);
    put(xml, ">");
    for (; *name; name++) {
        const char plain[2] = {*name, '\0'};
        put(xml, *name == '&' ? "&amp;" : *name == '<' ? "&lt;" : *name == '>' ? "&gt;" : plain);
    }
    put(xml, "</");
    put(xml, element);
    put(xml, ">");
}

size_t pki_peer_record_xml(const struct pki_peer_record *record, char *text, size_t size)
{
    struct xml xml = {.text = text, .size = size};
    text[0] = '\0';
    if (record->cut || (!record->subject[0] && !record->issuer[0]))
        return 0;
    put(&xml, "<Peer>");
    put_element(&xml, "Subject", record->subject);
    put_element(&xml, "Issuer", record->issuer);
    put(&xml, "</Peer>");
    if (xml.used < size)
        return xml.used;
    text[0] = '\0';
    return 0;
}
