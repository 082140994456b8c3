/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Showing and comparing distinguished names; names-parse.c reads them.
 *
 * OpenSSL's comparison folds case for ASCII only. Where two names differ and letters beyond ASCII
 * are in them, they are compared again with simple case folding of the European scripts (RFC
 * 4518 2.2); Unicode normalisation is not done, so that a decomposed letter differs from a composed
 * one. */
#include "pki/names.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pki/names-private.h"
#include "pki/pem.h"

enum { FOLD_ATTRIBUTES_MAXIMUM = 256, FOLD_BYTES_MAXIMUM = 65536 };

bool pki_utf8_valid(const unsigned char *bytes, size_t length)
{
    unsigned long character;
    while (length > 0) {
        int used = UTF8_getc(bytes, length > 8 ? 8 : (int)length, &character);
        if (used <= 0 || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
            return false;
        bytes += used;
        length -= (size_t)used;
    }
    return true;
}

/* --- text --- */

struct writer {
    char *text;
    size_t size, used;
    bool full;
};

/* All of it or nothing, and after the first piece that did not fit no other. */
static void put(struct writer *writer, const char *bytes, size_t length)
{
    static const char cut[] = "...";
    if (writer->full)
        return;
    if (writer->used + length + sizeof cut <= writer->size) {
        memcpy(writer->text + writer->used, bytes, length);
        writer->used += length;
        return;
    }
    writer->full = true;
    if (writer->used + sizeof cut <= writer->size) {
        memcpy(writer->text + writer->used, cut, sizeof cut - 1);
        writer->used += sizeof cut - 1;
    }
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_hex(struct writer *writer, const char *before, const unsigned char *bytes,
                    size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char pair[8];
        int count = snprintf(pair, sizeof pair, "%s%02X", before, bytes[i]);
        put(writer, pair, (size_t)count);
    }
}

/* Control characters, and those that reorder or hide what stands beside them. */
static bool is_hidden(unsigned long character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0xad ||
           (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
           (character >= 0xe0000 && character <= 0xe0fff);
}

static void put_character(struct writer *writer, const unsigned char *at, size_t length,
                          unsigned long character, bool edge)
{
    bool special = character && character < 0x80 && strchr("\\\"+,;<>", (int)character);
    if (is_hidden(character)) {
        put_hex(writer, "\\", at, length);
    } else if (special || (edge && character == ' ') || (edge && character == '#')) {
        char escaped[2] = {'\\', (char)character};
        put(writer, escaped, sizeof escaped);
    } else {
        put(writer, (const char *)at, length);
    }
}

static void put_string(struct writer *writer, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned long character;
        int used = UTF8_getc(bytes + i, length - i > 8 ? 8 : (int)(length - i), &character);
        if (used <= 0)
            return; /* checked before */
        bool last = i + (size_t)used == length;
        put_character(writer, bytes + i, (size_t)used, character,
                      i == 0 || (last && character == ' '));
        i += (size_t)used;
    }
}

static void put_der(struct writer *writer, const ASN1_STRING *value)
{
    ASN1_TYPE type = {.type = ASN1_STRING_type(value)};
    type.value.asn1_string = (ASN1_STRING *)value;
    unsigned char *der = NULL;
    int length = i2d_ASN1_TYPE(&type, &der);
    put_text(writer, "#");
    if (length > 0)
        put_hex(writer, "", der, (size_t)length);
    OPENSSL_free(der);
}

/* The types whose comparison does not depend on the type (see asn1_string_canon in OpenSSL). */
static bool is_text(const ASN1_STRING *value)
{
    switch (ASN1_STRING_type(value)) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_VISIBLESTRING:
        return true;
    default:
        return false;
    }
}

/* The value in UTF-8, to be freed with OPENSSL_free(); NULL when it is no valid text. */
static unsigned char *to_utf8(const ASN1_STRING *value, size_t *length)
{
    unsigned char *utf8 = NULL;
    int count = is_text(value) ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
    ERR_clear_error();
    if (count >= 0 && pki_utf8_valid(utf8, (size_t)count)) {
        *length = (size_t)count;
        return utf8;
    }
    OPENSSL_free(utf8);
    return NULL;
}

static void put_attribute(struct writer *writer, const X509_NAME_ENTRY *entry)
{
    char number[128];
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    int nid = OBJ_obj2nid(type);
    size_t length = 0;
    if (nid == NID_undef)
        OBJ_obj2txt(number, sizeof number, type, 1);
    put_text(writer, nid == NID_undef ? number : OBJ_nid2sn(nid));
    put_text(writer, "=");
    unsigned char *utf8 = nid == NID_undef ? NULL : to_utf8(value, &length);
    if (utf8)
        put_string(writer, utf8, length);
    else
        put_der(writer, value);
    OPENSSL_free(utf8);
}

const char *pki_name_text(const X509_NAME *name, char *text, size_t size)
{
    struct writer writer = {.text = text, .size = size};
    if (!size)
        return text;
    for (int i = X509_NAME_entry_count(name) - 1, set = -1; i >= 0 && !writer.full; i--) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (set >= 0)
            put_text(&writer, X509_NAME_ENTRY_set(entry) == set ? "+" : ", ");
        set = X509_NAME_ENTRY_set(entry);
        put_attribute(&writer, entry);
    }
    text[writer.used] = '\0';
    return text;
}

/* --- comparison --- */

/* Capital letters from first to last, each `step`th, and what to add for the small one. */
static const struct {
    uint16_t first, last, step;
    int16_t add;
} folds[] = {
    {0x00c0, 0x00d6, 1, 32},   {0x00d8, 0x00de, 1, 32}, {0x0100, 0x012e, 2, 1},
    {0x0132, 0x0136, 2, 1},    {0x0139, 0x0147, 2, 1},  {0x014a, 0x0176, 2, 1},
    {0x0178, 0x0178, 1, -121}, {0x0179, 0x017d, 2, 1},  {0x0386, 0x0386, 1, 38},
    {0x0388, 0x038a, 1, 37},   {0x038c, 0x038c, 1, 64}, {0x038e, 0x038f, 1, 63},
    {0x0391, 0x03a1, 1, 32},   {0x03a3, 0x03ab, 1, 32}, {0x03c2, 0x03c2, 1, 1},
    {0x0400, 0x040f, 1, 80},   {0x0410, 0x042f, 1, 32},
};

static unsigned long fold(unsigned long character)
{
    for (size_t i = 0; i < ARRAY_SIZE(folds); i++)
        if (character >= folds[i].first && character <= folds[i].last)
            return (character - folds[i].first) % folds[i].step
                       ? character
                       : (unsigned long)((long)character + folds[i].add);
    return character;
}

/* In place: in these scripts a small letter is as long as its capital. */
static void fold_text(unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned long character;
        int used = UTF8_getc(bytes + i, length - i > 8 ? 8 : (int)(length - i), &character);
        if (used <= 0)
            return;
        if (used == 2)
            UTF8_putc(bytes + i, used, fold(character));
        i += (size_t)used;
    }
}

static bool add_folded(X509_NAME *name, const X509_NAME_ENTRY *entry, bool joins)
{
    size_t length = 0;
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    X509_NAME_ENTRY *folded = X509_NAME_ENTRY_dup(entry);
    unsigned char *utf8 = to_utf8(value, &length);
    bool added = folded != NULL;
    if (added && utf8) {
        fold_text(utf8, length);
        added = X509_NAME_ENTRY_set_data(folded, V_ASN1_UTF8STRING, utf8, (int)length);
    }
    added = added && X509_NAME_add_entry(name, folded, -1, joins ? -1 : 0);
    OPENSSL_free(utf8);
    X509_NAME_ENTRY_free(folded);
    return added;
}

/* A copy with every letter small; `flat`: and with all attributes in one RDN, as if they had no
 * order. NULL: no memory, or a name that is too large for that. */
static X509_NAME *copy_folded(const X509_NAME *name, bool flat)
{
    int count = X509_NAME_entry_count(name), set = -1;
    const unsigned char *der;
    size_t length = 0;
    if (count > FOLD_ATTRIBUTES_MAXIMUM || !X509_NAME_get0_der(name, &der, &length) ||
        length > FOLD_BYTES_MAXIMUM)
        return NULL;
    X509_NAME *copy = X509_NAME_new();
    for (int i = 0; i < count && copy; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (!add_folded(copy, entry, i > 0 && (flat || X509_NAME_ENTRY_set(entry) == set))) {
            X509_NAME_free(copy);
            return NULL;
        }
        set = X509_NAME_ENTRY_set(entry);
    }
    return copy;
}

static bool equal_folded(const X509_NAME *a, const X509_NAME *b, bool flat)
{
    if (X509_NAME_entry_count(a) != X509_NAME_entry_count(b))
        return false;
    _cleanup_(X509_NAME_freep) X509_NAME *one = copy_folded(a, flat);
    _cleanup_(X509_NAME_freep) X509_NAME *other = copy_folded(b, flat);
    bool equal = one && other && X509_NAME_cmp(one, other) == 0;
    ERR_clear_error();
    return equal;
}

static bool is_ascii(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        size_t length = 0;
        unsigned char *utf8 =
            to_utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)), &length);
        bool beyond = false;
        for (size_t j = 0; utf8 && j < length; j++)
            beyond |= utf8[j] >= 0x80;
        OPENSSL_free(utf8);
        if (beyond)
            return false;
    }
    return true;
}

bool pki_name_equal(const X509_NAME *a, const X509_NAME *b)
{
    if (X509_NAME_cmp(a, b) == 0)
        return true;
    if (X509_NAME_entry_count(a) != X509_NAME_entry_count(b) || is_ascii(a))
        return false;
    return equal_folded(a, b, false);
}

bool pki_name_reordered(const X509_NAME *a, const X509_NAME *b)
{
    return !pki_name_equal(a, b) && equal_folded(a, b, true);
}
