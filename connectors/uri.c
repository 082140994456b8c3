/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See uri.h. A URI is "pkcs11:" path [ "?" query ]; the path's attributes are divided by ';', the
 * query's by '&'; values are percent-encoded bytes. */
#include "connectors/uri.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "pki/base/cleanup.h"

#define SCHEME "pkcs11:"

struct attribute {
    const char *name, *value; /* in the URI's text, not ended */
    size_t name_length, value_length;
};

bool conn_uri_is_pkcs11(const char *text)
{
    return strncasecmp(text, SCHEME, sizeof SCHEME - 1) == 0;
}

static const char *find_query(const char *text)
{
    return text + strcspn(text, "?");
}

/* Takes the next attribute before `end`; false at the end. One without '=' has a NULL value. */
static bool next_attribute(const char **at, const char *end, char divider, struct attribute *ret)
{
    if (*at >= end)
        return false;
    const char *stop = memchr(*at, divider, (size_t)(end - *at));
    if (!stop)
        stop = end;
    const char *equals = memchr(*at, '=', (size_t)(stop - *at));
    *ret = (struct attribute){.name = *at, .name_length = (size_t)((equals ? equals : stop) - *at)};
    if (equals) {
        ret->value = equals + 1;
        ret->value_length = (size_t)(stop - equals - 1);
    }
    *at = stop < end ? stop + 1 : end;
    return true;
}

static bool is_named(const struct attribute *attribute, const char *name)
{
    return strlen(name) == attribute->name_length &&
           strncmp(attribute->name, name, attribute->name_length) == 0;
}

static bool same_name(const struct attribute *a, const struct attribute *b)
{
    return a->name_length == b->name_length && strncmp(a->name, b->name, a->name_length) == 0;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The next byte of a percent-encoded value: 0 to 255, -1 at its end, -2 when the encoding is wrong.
 */
static int next_byte(const struct attribute *attribute, size_t *at)
{
    if (*at >= attribute->value_length)
        return -1;
    char byte = attribute->value[(*at)++];
    if (byte != '%')
        return (unsigned char)byte;
    if (attribute->value_length - *at < 2)
        return -2;
    int high = hex_value(attribute->value[*at]), low = hex_value(attribute->value[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -2 : high * 16 + low;
}

static bool same_value(const struct attribute *a, const struct attribute *b)
{
    size_t at_a = 0, at_b = 0;
    int byte;
    do {
        byte = next_byte(a, &at_a);
        if (byte == -2 || byte != next_byte(b, &at_b))
            return false;
    } while (byte >= 0);
    return true;
}

static bool is_encoded_well(const struct attribute *attribute)
{
    size_t at = 0;
    int byte;
    while ((byte = next_byte(attribute, &at)) >= 0)
        ;
    return byte == -1;
}

static const char *const path_names[] = {
    "token",           "manufacturer",        "serial",           "model",
    "slot-id",         "slot-manufacturer",   "slot-description", "library-manufacturer",
    "library-version", "library-description",
};
static const char *const object_names[] = {"object", "id", "type"};
static const char *const query_names[] = {"pin-source", "module-name", "module-path"};

static bool is_among(const struct attribute *attribute, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_named(attribute, names[i]))
            return true;
    return false;
}

/* RFC 7512 leaves room for attributes of vendors, which it marks with x-. */
static bool is_vendors(const struct attribute *attribute)
{
    return attribute->name_length > 2 && strncmp(attribute->name, "x-", 2) == 0;
}

/* What is wrong with one attribute, or NULL. */
static const char *find_path_fault(const struct attribute *attribute, bool object)
{
    if (!attribute->name_length || !attribute->value)
        return "an attribute is not of the form name=value";
    if (!is_encoded_well(attribute))
        return "a % is not followed by two hexadecimal digits";
    if (is_among(attribute, object_names, ARRAY_SIZE(object_names)))
        return object ? NULL : "object, id and type name a key, and this is the URI of a token";
    return is_vendors(attribute) || is_among(attribute, path_names, ARRAY_SIZE(path_names))
               ? NULL
               : "it has an attribute that RFC 7512 does not know";
}

static const char *find_query_fault(const struct attribute *attribute)
{
    if (is_named(attribute, "pin-value"))
        return "a PIN (pin-value) may not stand in a file of the configuration";
    if (!attribute->name_length || !attribute->value)
        return "an attribute is not of the form name=value";
    if (!is_encoded_well(attribute))
        return "a % is not followed by two hexadecimal digits";
    return is_vendors(attribute) || is_among(attribute, query_names, ARRAY_SIZE(query_names))
               ? NULL
               : "it has an attribute behind the ? that RFC 7512 does not know";
}

static bool comes_again(const struct attribute *attribute, const char *at, const char *end,
                        char divider)
{
    struct attribute other;
    while (next_attribute(&at, end, divider, &other))
        if (same_name(attribute, &other))
            return true;
    return false;
}

static const char *find_fault(const char *text, bool object)
{
    const char *at = text + sizeof SCHEME - 1, *query = find_query(text), *fault;
    struct attribute attribute;
    while (next_attribute(&at, query, ';', &attribute)) {
        if ((fault = find_path_fault(&attribute, object)))
            return fault;
        if (comes_again(&attribute, at, query, ';'))
            return "an attribute stands twice";
    }
    const char *end = query + strlen(query);
    at = *query ? query + 1 : end;
    while (next_attribute(&at, end, '&', &attribute)) {
        if ((fault = find_query_fault(&attribute)))
            return fault;
        if (comes_again(&attribute, at, end, '&'))
            return "an attribute stands twice";
    }
    return NULL;
}

int conn_uri_check(const char *label, const char *text, bool object, struct error *error)
{
    const char *fault = "it does not begin with pkcs11:";
    size_t shown = strcspn(text, "?"); /* what stands behind the ? may be a secret */
    if (conn_uri_is_pkcs11(text))
        fault = find_fault(text, object);
    if (!fault)
        return 0;
    error_set(error, EX_DATAERR, "%s '%.*s' is not a PKCS#11 URI that can stand here: %s", label,
              (int)(shown < 200 ? shown : 200), text, fault);
    return error_cure(error, object
                                 ? "write it like pkcs11:token=postern;object=hybrid;type=private"
                                 : "write it like pkcs11:token=postern, and name the PIN's file "
                                   "in PinSource");
}

int conn_uri_fits(const char *token, const char *key)
{
    const char *at = token + sizeof SCHEME - 1, *end = find_query(token);
    const char *key_end = find_query(key);
    struct attribute wanted, found;
    int count = 0;
    for (; next_attribute(&at, end, ';', &wanted); count++) {
        const char *in_key = key + sizeof SCHEME - 1;
        bool same = false;
        while (!same && next_attribute(&in_key, key_end, ';', &found))
            same = same_name(&wanted, &found) && same_value(&wanted, &found);
        if (!same)
            return -1;
    }
    return count;
}
