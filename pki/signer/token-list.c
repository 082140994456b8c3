/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is on a token, for people: itself, private keys and certificates, each with the URI by which
 * the configuration can name it. No value of a private key is ever asked for. See token.h. */
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "pki/signer/token.h"

enum { OBJECTS_MAXIMUM = 64, VALUE_MAXIMUM = 8192 };

struct listing {
    struct token *token;
    struct session *session;
    const struct looking *looking;
};

struct objects {
    CK_OBJECT_HANDLE handle[OBJECTS_MAXIMUM];
    CK_ULONG count;
};

static CK_RV read_value(const struct listing *listing, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG *size)
{
    CK_ATTRIBUTE attribute = {type, value, *size};
    CK_RV rv = listing->token->module->functions->C_GetAttributeValue(listing->session->handle,
                                                                      object, &attribute, 1);
    *size = rv == CKR_OK ? attribute.ulValueLen : 0;
    return rv;
}

void token_format_uri(const struct token *token, CK_ATTRIBUTE *attributes, CK_ULONG count,
                      char *text, size_t size)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *formatted = NULL;
    text[0] = '\0';
    if (!uri)
        return;
    *p11_kit_uri_get_token_info(uri) = token->info;
    for (CK_ULONG i = 0; i < count; i++)
        if (attributes[i].ulValueLen)
            p11_kit_uri_set_attribute(uri, &attributes[i]);
    if (p11_kit_uri_format(uri, count ? P11_KIT_URI_FOR_OBJECT_ON_TOKEN : P11_KIT_URI_FOR_TOKEN,
                           &formatted) == P11_KIT_URI_OK)
        snprintf(text, size, "%s", formatted);
    free(formatted);
    p11_kit_uri_free(uri);
}

static void describe_key(const struct listing *listing, CK_OBJECT_HANDLE object, char *text,
                         size_t size)
{
    static const struct {
        CK_KEY_TYPE type;
        const char *name;
    } names[] = {{CKK_RSA, "RSA"}, {CKK_EC, "EC"}, {CKK_EC_EDWARDS, "Edwards curve"}};
    CK_KEY_TYPE type = 0;
    CK_ULONG length = sizeof type;
    uint8_t modulus[1024];
    bool known = read_value(listing, object, CKA_KEY_TYPE, &type, &length) == CKR_OK;
    snprintf(text, size, "another type");
    for (size_t i = 0; known && i < ARRAY_SIZE(names); i++)
        if (names[i].type == type)
            snprintf(text, size, "%s", names[i].name);
    length = sizeof modulus;
    if (known && type == CKK_RSA &&
        read_value(listing, object, CKA_MODULUS, modulus, &length) == CKR_OK)
        snprintf(text, size, "RSA %lu", (unsigned long)length * 8);
}

static void describe_certificate(const struct listing *listing, CK_OBJECT_HANDLE object, char *text,
                                 size_t size)
{
    uint8_t der[VALUE_MAXIMUM];
    const uint8_t *at = der;
    CK_ULONG length = sizeof der;
    X509 *certificate = NULL;
    struct tm end;
    if (read_value(listing, object, CKA_VALUE, der, &length) == CKR_OK)
        certificate = d2i_X509(NULL, &at, (long)length);
    snprintf(text, size, "no X.509 certificate");
    BIO *memory = certificate ? BIO_new(BIO_s_mem()) : NULL;
    if (memory &&
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0 &&
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end)) {
        char *subject = NULL;
        int bytes = (int)BIO_get_mem_data(memory, &subject);
        snprintf(text, size, "%.*s, valid to %04d-%02d-%02d", bytes > 500 ? 500 : bytes, subject,
                 end.tm_year + 1900, end.tm_mon + 1, end.tm_mday);
    }
    BIO_free(memory);
    X509_free(certificate);
}

static void tell_object(struct listing *listing, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE object)
{
    char label[256], id[256], uri[PKI_WIRE_TEXT_MAXIMUM + 1], text[600];
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_LABEL, label, sizeof label},
                                 {CKA_ID, id, sizeof id}};
    for (size_t i = 1; i < ARRAY_SIZE(attributes); i++)
        read_value(listing, object, attributes[i].type, attributes[i].pValue,
                   &attributes[i].ulValueLen);
    token_format_uri(listing->token, attributes, ARRAY_SIZE(attributes), uri, sizeof uri);
    bool key = class == CKO_PRIVATE_KEY;
    if (key)
        describe_key(listing, object, text, sizeof text);
    else
        describe_certificate(listing, object, text, sizeof text);
    listing->looking->found(listing->looking->context, key ? PKI_FOUND_KEY : PKI_FOUND_CERTIFICATE,
                            listing->token->logged_in, uri, text);
}

static int find_class(const struct listing *listing, CK_OBJECT_CLASS class, struct objects *objects,
                      CK_RV *rv, struct error *error)
{
    CK_FUNCTION_LIST *functions = listing->token->module->functions;
    CK_SESSION_HANDLE session = listing->session->handle;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
    const char *function = "C_FindObjectsInit";
    *rv = functions->C_FindObjectsInit(session, &template, 1);
    if (*rv == CKR_OK) {
        function = "C_FindObjects";
        *rv = functions->C_FindObjects(session, objects->handle, OBJECTS_MAXIMUM, &objects->count);
        functions->C_FindObjectsFinal(session);
    }
    if (*rv == CKR_OK)
        return 0;
    ckr_error(error, *rv, function);
    return error_where(error, "%s", listing->token->label);
}

static void tell_token(struct listing *listing)
{
    char uri[PKI_WIRE_TEXT_MAXIMUM + 1];
    token_format_uri(listing->token, NULL, 0, uri, sizeof uri);
    listing->looking->found(listing->looking->context, PKI_FOUND_TOKEN, listing->token->logged_in,
                            uri, listing->token->module->path);
}

int token_look_through(struct token *token, struct session *session, const struct looking *looking,
                       CK_RV *rv, struct error *error)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_CERTIFICATE};
    struct listing listing = {.token = token, .session = session, .looking = looking};
    struct objects objects[ARRAY_SIZE(classes)] = {0};
    int result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(classes) && result == 0; i++)
        result = find_class(&listing, classes[i], &objects[i], rv, error);
    if (result < 0)
        return result;
    tell_token(&listing);
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
        for (CK_ULONG k = 0; k < objects[i].count; k++)
            tell_object(&listing, classes[i], objects[i].handle[k]);
    return 0;
}
