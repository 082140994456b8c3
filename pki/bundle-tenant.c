/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See bundle.h: what the other side is to change. Pure functions, any thread. */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "pki/bundle-private.h"

/* --- names as Windows writes them --------------------------------------------------------------
 */

struct text {
    char *at;
    size_t room; /* for the NUL as well */
};

static void put(struct text *text, const char *bytes, size_t length)
{
    if (length >= text->room)
        length = text->room - 1;
    memcpy(text->at, bytes, length);
    text->at += length;
    text->room -= length;
    *text->at = '\0';
}

/* CertNameToStr: a value with one of these in it, or with a space at an end, stands in quotes, and
 * a quote in it is doubled. */
static void put_value(struct text *text, const char *value, size_t length)
{
    bool quoted = !length || value[0] == ' ' || value[length - 1] == ' ';
    for (size_t i = 0; i < length; i++)
        quoted |= value[i] && strchr(",+=\"\n<>#;", value[i]);
    if (quoted)
        put(text, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '"')
            put(text, "\"", 1);
        put(text, (unsigned char)value[i] < ' ' ? "?" : value + i, 1);
    }
    if (quoted)
        put(text, "\"", 1);
}

static void put_type(struct text *text, const ASN1_OBJECT *type)
{
    static const struct {
        int nid;
        const char *name;
    } names[] = {{NID_stateOrProvinceName, "S"},
                 {NID_pkcs9_emailAddress, "E"},
                 {NID_givenName, "G"},
                 {NID_initials, "I"},
                 {NID_surname, "SN"},
                 {NID_title, "T"},
                 {NID_commonName, "CN"},
                 {NID_countryName, "C"},
                 {NID_localityName, "L"},
                 {NID_organizationName, "O"},
                 {NID_organizationalUnitName, "OU"},
                 {NID_domainComponent, "DC"},
                 {NID_streetAddress, "STREET"},
                 {NID_serialNumber, "SERIALNUMBER"}};
    char number[128] = "OID.";
    const char *name = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(names) && !name; i++)
        if (OBJ_obj2nid(type) == names[i].nid)
            name = names[i].name;
    if (!name) {
        OBJ_obj2txt(number + 4, (int)sizeof number - 4, type, 1);
        name = number;
    }
    put(text, name, strlen(name));
    put(text, "=", 1);
}

/* The most specific attribute first, as Exchange shows them. */
static void put_name(struct text *text, const X509_NAME *name)
{
    int set = -1;
    for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        unsigned char *utf8 = NULL;
        int length = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
        if (set >= 0)
            put(text, set == X509_NAME_ENTRY_set(entry) ? " + " : ", ",
                set == X509_NAME_ENTRY_set(entry) ? 3 : 2);
        set = X509_NAME_ENTRY_set(entry);
        put_type(text, X509_NAME_ENTRY_get_object(entry));
        if (length >= 0)
            put_value(text, (const char *)utf8, (size_t)length);
        OPENSSL_free(utf8);
    }
    ERR_clear_error();
}

const char *pki_exchange_text(X509 *certificate, char *text, size_t size)
{
    struct text writer = {text, size};
    put(&writer, "<I>", 3);
    put_name(&writer, X509_get_issuer_name(certificate));
    put(&writer, "<S>", 3);
    put_name(&writer, X509_get_subject_name(certificate));
    return text;
}

const char *pki_tlsa_text(X509 *certificate, char *text, size_t size)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    size_t used = (size_t)snprintf(text, size, "3 1 1 ");
    bool made =
        length > 0 && EVP_Digest(der, (size_t)length, digest, NULL, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; made && i < sizeof digest && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%02X", digest[i]);
    OPENSSL_free(der);
    ERR_clear_error();
    return text;
}

/* --- the three settings ------------------------------------------------------------------------
 */

/* Does a DNS name of the present one stand in the new one too? */
static bool keeps_a_name(X509 *present, const char *names)
{
    char old[4096], *rest = NULL;
    pki_certificate_names(present, old, sizeof old);
    for (char *name = strtok_r(old, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        const char *at = names;
        for (size_t length = strlen(name); (at = strcasestr(at, name)); at++)
            if ((at == names || at[-1] == ' ') && (!at[length] || at[length] == ' '))
                return true;
    }
    return false;
}

void pki_bundle_tenant_side(const struct pki_bundle *bundle, X509 *present,
                            struct pki_tenant_side *ret)
{
    *ret = (struct pki_tenant_side){.sender_name_changes = false};
    pki_certificate_names(bundle->leaf, ret->sender_names, sizeof ret->sender_names);
    pki_exchange_text(bundle->leaf, ret->send_connector_after, sizeof ret->send_connector_after);
    pki_tlsa_text(bundle->leaf, ret->tlsa_after, sizeof ret->tlsa_after);
    if (!present)
        return;
    ret->sender_name_changes = !keeps_a_name(present, ret->sender_names);
    pki_exchange_text(present, ret->send_connector_before, sizeof ret->send_connector_before);
    pki_tlsa_text(present, ret->tlsa_before, sizeof ret->tlsa_before);
}

unsigned pki_tenant_side_lines(const struct pki_tenant_side *side,
                               char lines[][PKI_TENANT_LINE_SIZE])
{
    unsigned count = 0;
    const char *before = side->send_connector_before, *after = side->send_connector_after;
    snprintf(lines[count++], PKI_TENANT_LINE_SIZE,
             "TlsSenderCertificateName of the tenant's inbound connector: %s one of: %s",
             side->sender_name_changes ? "CHANGE it to" : "leave it, if it is", side->sender_names);
    if (!before[0] || strcmp(before, after) != 0) {
        if (before[0])
            snprintf(lines[count++], PKI_TENANT_LINE_SIZE,
                     "TlsCertificateName of a Send connector that names this certificate, now: %s",
                     before);
        snprintf(lines[count++], PKI_TENANT_LINE_SIZE,
                 "TlsCertificateName of a Send connector, from the activation on: %s", after);
    }
    if (strcmp(side->tlsa_before, side->tlsa_after) == 0) {
        snprintf(lines[count++], PKI_TENANT_LINE_SIZE, "TLSA record: it stays: %s",
                 side->tlsa_after);
        return count;
    }
    snprintf(
        lines[count++], PKI_TENANT_LINE_SIZE,
        "TLSA record to publish beside the present one, two of its TTLs before the activation: "
        "%s",
        side->tlsa_after);
    if (side->tlsa_before[0])
        snprintf(lines[count++], PKI_TENANT_LINE_SIZE,
                 "TLSA record to take away, when nobody will go back any more: %s",
                 side->tlsa_before);
    return count;
}
