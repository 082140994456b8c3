/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reading distinguished names: RFC 4514, what Windows and openssl write of it, and Exchange's form.
 *
 * A reader goes over the text once, byte by byte, and keeps its place for messages. RDNs come most
 * specific first and are put in front of one another, for the DER has them the other way round. */
#include "pki/names.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>
#include <strings.h>

#include "pki/names-private.h"

enum {
    TEXT_MAXIMUM = 65536, /* bytes of a name */
    ATTRIBUTES_MAXIMUM = 256,
    TYPE_MAXIMUM = 128
};

#define SPACES " \t\r\n"

struct reader {
    const char *text, *at;
    X509_NAME *name;
    unsigned attributes;
    struct error *error;
    unsigned char *value; /* of TEXT_MAXIMUM bytes: no value is longer than its text */
    size_t length;        /* of the value */
    int type;             /* ASN.1 type, or V_ASN1_UNDEF: by attribute */
};

/* Names beside those of OpenSSL, in any case: RFC 4514, RFC 2253, and what Windows writes. */
static const struct {
    const char *name;
    int nid;
} short_names[] = {
    {"CN", NID_commonName},
    {"O", NID_organizationName},
    {"OU", NID_organizationalUnitName},
    {"L", NID_localityName},
    {"ST", NID_stateOrProvinceName},
    {"S", NID_stateOrProvinceName},
    {"C", NID_countryName},
    {"E", NID_pkcs9_emailAddress},
    {"Email", NID_pkcs9_emailAddress},
    {"emailAddress", NID_pkcs9_emailAddress},
    {"DC", NID_domainComponent},
    {"UID", NID_userId},
    {"STREET", NID_streetAddress},
    {"SERIALNUMBER", NID_serialNumber},
    {"SN", NID_surname},
    {"G", NID_givenName},
    {"GN", NID_givenName},
    {"I", NID_initials},
    {"T", NID_title},
    {"POSTALCODE", NID_postalCode},
    {"dnQualifier", NID_dnQualifier},
};

static int refuse(struct reader *reader, const char *what, const char *cure)
{
    error_set(reader->error, EX_DATAERR, "%s", what);
    error_where(reader->error, "character %zu of \"%.120s\"",
                (size_t)(reader->at - reader->text) + 1, reader->text);
    return error_cure(reader->error, "%s", cure);
}

static int no_memory(struct reader *reader)
{
    ERR_clear_error();
    return error_set(reader->error, EX_OSERR, "There is no memory for a name");
}

static void skip_spaces(struct reader *reader)
{
    reader->at += strspn(reader->at, SPACES);
}

static ASN1_OBJECT *find_type(const char *text)
{
    if (strncasecmp(text, "OID.", 4) == 0)
        text += 4; /* RFC 1779, as Windows writes it */
    for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
        if (strcasecmp(text, short_names[i].name) == 0)
            return OBJ_nid2obj(short_names[i].nid);
    ASN1_OBJECT *object = OBJ_txt2obj(text, 0);
    ERR_clear_error();
    return object;
}

/* The type's name and the = behind it; the reader's place stays before both on failure. */
static int read_type(struct reader *reader, ASN1_OBJECT **ret)
{
    char text[TYPE_MAXIMUM];
    skip_spaces(reader);
    size_t length = 0;
    while (isalnum((unsigned char)reader->at[length]) || reader->at[length] == '-' ||
           reader->at[length] == '.')
        length++;
    if (*reader->at == '/')
        return refuse(reader, "The form with slashes cannot be read",
                      "write the name as \"CN=…, O=…, C=…\", most specific first");
    const char *equals = reader->at + length;
    equals += strspn(equals, SPACES);
    if (length == 0 || length >= sizeof text || *equals != '=')
        return refuse(
            reader, "An attribute and its = are expected here",
            "write \"CN=…, O=…, C=…\"; a comma, plus or semicolon that belongs to a value "
            "is written \\, \\+ \\;");
    memcpy(text, reader->at, length);
    text[length] = '\0';
    *ret = find_type(text);
    if (!*ret)
        return refuse(reader, "There is no attribute of that name",
                      "use CN, O, OU, L, ST, C, DC, emailAddress or another known name, or the "
                      "dotted number of the attribute");
    reader->at = equals + 1;
    skip_spaces(reader);
    return 0;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* A pair of hex digits as a byte, or -1. */
static int hex_pair(const char *text)
{
    int high = hex_digit(text[0]);
    int low = high < 0 ? -1 : hex_digit(text[1]);
    return low < 0 ? -1 : high * 16 + low;
}

/* `\,` and its like, or `\XX`. */
static int read_escape(struct reader *reader)
{
    reader->at++;
    int byte = hex_pair(reader->at);
    if (byte >= 0) {
        reader->value[reader->length++] = (unsigned char)byte;
        reader->at += 2;
        return 0;
    }
    if (!*reader->at || !strchr("\\\"+,;<>=# /", *reader->at))
        return refuse(reader, "A backslash stands before something that needs none",
                      "write a backslash itself as \\\\, and any byte as \\ and two hex digits");
    reader->value[reader->length++] = (unsigned char)*reader->at++;
    return 0;
}

static int read_quoted(struct reader *reader)
{
    int result = 0;
    reader->at++;
    while (!result && *reader->at != '"') {
        if (!*reader->at)
            return refuse(reader, "A quotation mark is not closed", "end the value with \"");
        if (*reader->at == '\\')
            result = read_escape(reader);
        else
            reader->value[reader->length++] = (unsigned char)*reader->at++;
    }
    if (!result)
        reader->at++;
    return result;
}

static bool ends_value(char byte)
{
    return !byte || byte == ',' || byte == '+' || byte == ';';
}

static int read_plain(struct reader *reader)
{
    size_t kept = 0; /* spaces behind this are no part of the value, unless escaped */
    while (!ends_value(*reader->at)) {
        if (strchr("\"<>", *reader->at))
            return refuse(reader, "This character must be escaped within a value",
                          "put a backslash before it");
        if (*reader->at == '\\') {
            int result = read_escape(reader);
            if (result < 0)
                return result;
            kept = reader->length;
            continue;
        }
        bool space = strchr(SPACES, *reader->at) != NULL;
        reader->value[reader->length++] = (unsigned char)*reader->at++;
        if (!space)
            kept = reader->length;
    }
    reader->length = kept;
    return 0;
}

/* What OpenSSL, too, takes for the value of an attribute. */
static bool is_string(const ASN1_TYPE *value)
{
    return ASN1_tag2bit(value->type) &
           (B_ASN1_NUMERICSTRING | B_ASN1_PRINTABLESTRING | B_ASN1_T61STRING | B_ASN1_IA5STRING |
            B_ASN1_BIT_STRING | B_ASN1_UNIVERSALSTRING | B_ASN1_BMPSTRING | B_ASN1_UTF8STRING);
}

/* `#` and the DER of the value in hex. */
static int read_hex(struct reader *reader)
{
    int byte;
    for (reader->at++; (byte = hex_pair(reader->at)) >= 0; reader->at += 2)
        reader->value[reader->length++] = (unsigned char)byte;
    const unsigned char *der = reader->value;
    ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &der, (long)reader->length);
    bool whole = value && der == reader->value + reader->length && is_string(value);
    ERR_clear_error();
    if (!whole) {
        ASN1_TYPE_free(value);
        return refuse(reader, "The hex digits before this are not the DER of a string",
                      "write # and the whole value in hex, or the text itself with \\# for a #");
    }
    const ASN1_STRING *string = value->value.asn1_string;
    reader->type = value->type;
    reader->length = (size_t)ASN1_STRING_length(string);
    memmove(reader->value, ASN1_STRING_get0_data(string), reader->length);
    ASN1_TYPE_free(value);
    return 0;
}

static int read_value(struct reader *reader)
{
    int result;
    reader->length = 0;
    reader->type = V_ASN1_UNDEF;
    const char *start = reader->at;
    if (*reader->at == '#')
        result = read_hex(reader);
    else if (*reader->at == '"')
        result = read_quoted(reader);
    else
        result = read_plain(reader);
    if (result < 0)
        return result;
    if (reader->type == V_ASN1_UNDEF && !pki_utf8_valid(reader->value, reader->length)) {
        reader->at = start;
        return refuse(reader, "The value that begins here is not UTF-8", "write the name in UTF-8");
    }
    skip_spaces(reader);
    if (!ends_value(*reader->at))
        return refuse(reader, "The value ends before this, and something stands behind it",
                      "a comma goes between two attributes");
    return 0;
}

/* RFC 5280: PrintableString for the country and two more, IA5String for e-mail and domain parts. */
static int string_type(const struct reader *reader, const ASN1_OBJECT *attribute)
{
    if (reader->type != V_ASN1_UNDEF)
        return reader->type;
    int nid = OBJ_obj2nid(attribute), length = (int)reader->length;
    int least = ASN1_PRINTABLE_type(reader->value, length);
    if (nid == NID_countryName || nid == NID_serialNumber || nid == NID_dnQualifier)
        return length && least == V_ASN1_PRINTABLESTRING ? V_ASN1_PRINTABLESTRING
                                                         : V_ASN1_UTF8STRING;
    if (nid == NID_pkcs9_emailAddress || nid == NID_domainComponent)
        return length && least == V_ASN1_T61STRING ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING;
    return V_ASN1_UTF8STRING;
}

/* In front of all others when an RDN begins, else to the RDN that is in front. */
static int add_attribute(struct reader *reader, ASN1_OBJECT *attribute, bool joins)
{
    if (++reader->attributes > ATTRIBUTES_MAXIMUM)
        return refuse(reader, "The name has more than 256 attributes", "write a shorter name");
    X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_OBJ(
        NULL, attribute, string_type(reader, attribute), reader->value, (int)reader->length);
    bool added = entry && X509_NAME_add_entry(reader->name, entry, 0, joins ? 1 : 0);
    X509_NAME_ENTRY_free(entry);
    return added ? 0 : no_memory(reader);
}

static int read_attribute(struct reader *reader, bool joins)
{
    ASN1_OBJECT *attribute = NULL;
    int result = read_type(reader, &attribute);
    if (!result)
        result = read_value(reader);
    if (!result)
        result = add_attribute(reader, attribute, joins);
    ASN1_OBJECT_free(attribute);
    return result;
}

static int read_name(struct reader *reader)
{
    bool joins = false;
    skip_spaces(reader);
    if (!*reader->at)
        return refuse(reader, "The name is empty",
                      "leave the element out when any name will do, or write \"CN=…, O=…, C=…\"");
    for (;;) {
        int result = read_attribute(reader, joins);
        if (result < 0)
            return result;
        if (!*reader->at)
            return 0;
        joins = *reader->at++ == '+';
    }
}

int pki_name_parse(const char *text, X509_NAME **ret, struct error *error)
{
    struct reader reader = {.text = text, .at = text, .error = error};
    if (strnlen(text, TEXT_MAXIMUM + 1) > TEXT_MAXIMUM)
        return error_set(error, EX_DATAERR, "The name is longer than %d bytes", TEXT_MAXIMUM);
    reader.name = X509_NAME_new();
    reader.value = malloc(strlen(text) + 1);
    int result = reader.name && reader.value ? read_name(&reader) : no_memory(&reader);
    /* Encoding it now fills OpenSSL's caches, so that many threads may compare it later. */
    if (!result && i2d_X509_NAME(reader.name, NULL) < 0)
        result = no_memory(&reader);
    free(reader.value);
    if (result < 0)
        X509_NAME_free(reader.name);
    else
        *ret = reader.name;
    return result;
}

/* The `<S>` that stands in no quoted value and behind no backslash. */
static const char *find_subject(const char *text)
{
    bool quoted = false;
    for (; *text; text++) {
        if (*text == '\\' && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && strncasecmp(text, "<S>", 3) == 0)
            return text;
    }
    return NULL;
}

int pki_name_parse_exchange(const char *text, X509_NAME **ret_issuer, X509_NAME **ret_subject,
                            struct error *error)
{
    text += strspn(text, SPACES);
    const char *middle = strncasecmp(text, "<I>", 3) == 0 ? find_subject(text + 3) : NULL;
    if (!middle) {
        error_set(error, EX_DATAERR, "The text is not of the form <I>issuer<S>subject");
        error_where(error, "\"%.120s\"", text);
        return error_cure(error, "copy TlsCertificateName as Exchange shows it");
    }
    char *issuer_text = strndup(text + 3, (size_t)(middle - text) - 3);
    if (!issuer_text)
        return error_set(error, EX_OSERR, "There is no memory for a name");
    X509_NAME *issuer = NULL;
    int result = pki_name_parse(issuer_text, &issuer, error);
    free(issuer_text);
    if (!result)
        result = pki_name_parse(middle + 3, ret_subject, error);
    if (result < 0)
        X509_NAME_free(issuer);
    else
        *ret_issuer = issuer;
    return result;
}
