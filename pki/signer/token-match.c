/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which of the private keys on a token may belong to a certificate. See token.h.
 *
 * A URI that names no object fits every key there is, and each signature made to try one costs
 * time. So what tokens say of private keys for nothing is compared first: the type, an RSA key's
 * modulus, a curve and its point. Where the token keeps the public half as well, the key with the
 * same CKA_ID is likelier than another. None of this is believed: whoever is left is proved by
 * signatures. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/signer/token.h"

enum { VALUE_MAXIMUM = 1100, CHUNK = 64 };
enum match { MATCH_NO, MATCH_UNKNOWN, MATCH_LIKELY, MATCH_YES };

/* What the certificate says, in the forms in which a token may have it. */
struct expected {
    CK_KEY_TYPE type;
    uint8_t value[VALUE_MAXIMUM]; /* modulus, or the point in its OCTET STRING */
    size_t length, head;          /* head: bytes of the OCTET STRING in front of the point */
    uint8_t curve[32];            /* CKA_EC_PARAMS as an OID; length 0: nothing to compare */
    size_t curve_length;
    uint8_t id[256]; /* of the public half on the token */
    size_t id_length;
};

static int read_value(const struct attempt *attempt, CK_OBJECT_HANDLE object,
                      CK_ATTRIBUTE_TYPE type, void *value, size_t *length)
{
    CK_ATTRIBUTE attribute = {type, value, *length};
    CK_RV rv = attempt->key->token->module->functions->C_GetAttributeValue(attempt->session->handle,
                                                                           object, &attribute, 1);
    if (rv != CKR_OK || attribute.ulValueLen > *length)
        return -1;
    *length = attribute.ulValueLen;
    return 0;
}

static void expect_rsa(const EVP_PKEY *key, struct expected *expected)
{
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        BN_num_bytes(n) <= VALUE_MAXIMUM)
        expected->length = (size_t)BN_bn2bin(n, expected->value);
    BN_free(n);
}

static void expect_curve(const EVP_PKEY *key, struct expected *expected)
{
    char group[64];
    uint8_t *at = expected->curve;
    if (!EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL))
        return;
    const ASN1_OBJECT *object = OBJ_nid2obj(OBJ_txt2nid(group));
    int length = object ? i2d_ASN1_OBJECT(object, NULL) : 0;
    if (length > 0 && (size_t)length <= sizeof expected->curve)
        expected->curve_length = (size_t)i2d_ASN1_OBJECT(object, &at);
}

static void expect_point(const EVP_PKEY *key, struct expected *expected)
{
    uint8_t point[VALUE_MAXIMUM - 3];
    size_t length = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &length) != 1 ||
        !length || length > 255)
        return;
    expected->head = length < 128 ? 2 : 3;
    expected->value[0] = 0x04;
    expected->value[1] = 0x81; /* written over when the length fits there itself */
    expected->value[expected->head - 1] = (uint8_t)length;
    memcpy(expected->value + expected->head, point, length);
    expected->length = expected->head + length;
}

static void expect(const EVP_PKEY *key, struct expected *expected)
{
    *expected = (struct expected){.type = CKK_RSA};
    if (EVP_PKEY_is_a(key, "RSA")) {
        expect_rsa(key, expected);
        return;
    }
    expected->type = EVP_PKEY_is_a(key, "EC") ? CKK_EC : CKK_EC_EDWARDS;
    if (expected->type == CKK_EC)
        expect_curve(key, expected);
    expect_point(key, expected);
}

static bool same_bytes(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

/* A modulus may have zeros in front; a point may have no OCTET STRING around it. */
static bool same_value(const struct expected *expected, const uint8_t *value, size_t length)
{
    while (expected->type == CKK_RSA && length && !*value)
        value++, length--;
    return same_bytes(expected->value, expected->length, value, length) ||
           (expected->head && same_bytes(expected->value + expected->head,
                                         expected->length - expected->head, value, length));
}

static enum match compare(const struct attempt *attempt, const struct expected *expected,
                          CK_OBJECT_HANDLE object)
{
    CK_KEY_TYPE type;
    uint8_t value[VALUE_MAXIMUM];
    size_t length = sizeof type;
    if (read_value(attempt, object, CKA_KEY_TYPE, &type, &length) == 0 && length == sizeof type &&
        type != expected->type)
        return MATCH_NO;
    length = sizeof value;
    CK_ATTRIBUTE_TYPE wanted = expected->type == CKK_RSA ? CKA_MODULUS : CKA_EC_POINT;
    if (expected->length && read_value(attempt, object, wanted, value, &length) == 0 && length)
        return same_value(expected, value, length) ? MATCH_YES : MATCH_NO;
    length = sizeof value;
    if (expected->curve_length && read_value(attempt, object, CKA_EC_PARAMS, value, &length) == 0 &&
        length && value[0] == 0x06 &&
        !same_bytes(expected->curve, expected->curve_length, value, length))
        return MATCH_NO;
    length = sizeof value;
    if (expected->id_length && read_value(attempt, object, CKA_ID, value, &length) == 0 &&
        same_bytes(expected->id, expected->id_length, value, length))
        return MATCH_LIKELY;
    return MATCH_UNKNOWN;
}

static CK_RV find(const struct attempt *attempt, CK_ATTRIBUTE *template, CK_ULONG attributes,
                  CK_OBJECT_HANDLE *found, CK_ULONG room, CK_ULONG *count)
{
    CK_FUNCTION_LIST *functions = attempt->key->token->module->functions;
    CK_SESSION_HANDLE session = attempt->session->handle;
    CK_ULONG more = 1;
    CK_RV rv = functions->C_FindObjectsInit(session, template, attributes);
    if (rv != CKR_OK)
        return rv;
    for (*count = 0; rv == CKR_OK && more && *count < room; *count += more) {
        CK_ULONG chunk = room - *count < CHUNK ? room - *count : CHUNK;
        more = 0;
        rv = functions->C_FindObjects(session, found + *count, chunk, &more);
    }
    functions->C_FindObjectsFinal(session);
    return rv;
}

/* The CKA_ID of the certificate's public half, where the token has one. Failures mean that it has
 * none; a token that is lost is seen at the first signature. */
static void find_public_half(const struct attempt *attempt, struct expected *expected)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_OBJECT_HANDLE found[1];
    CK_ULONG count = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {expected->type == CKK_RSA ? CKA_MODULUS : CKA_EC_POINT, expected->value, expected->length},
    };
    size_t length = sizeof expected->id;
    if (expected->length && find(attempt, template, 2, found, 1, &count) == CKR_OK && count &&
        read_value(attempt, found[0], CKA_ID, expected->id, &length) == 0)
        expected->id_length = length;
}

static int find_private_keys(struct attempt *attempt, CK_OBJECT_HANDLE *found, CK_ULONG *count,
                             struct error *error)
{
    static const CK_ATTRIBUTE_TYPE wanted[] = {CKA_LABEL, CKA_ID};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[1 + ARRAY_SIZE(wanted)] = {{CKA_CLASS, &class, sizeof class}};
    CK_ULONG attributes = 1;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(attempt->key->uri, wanted[i]);
        if (attribute)
            template[attributes++] = *attribute;
    }
    attempt->rv = find(attempt, template, attributes, found, CANDIDATES_MAXIMUM, count);
    if (attempt->rv == CKR_OK)
        return 0;
    ckr_error(error, attempt->rv, "C_FindObjects");
    return error_where(error, "%s", attempt->key->where);
}

/* With more than one it is worth asking the token about them; a single one is simply proved. */
int match_keys(struct attempt *attempt, struct candidates *ret, struct error *error)
{
    CK_OBJECT_HANDLE found[CANDIDATES_MAXIMUM];
    uint8_t match[CANDIDATES_MAXIMUM];
    struct expected expected;
    CK_ULONG count = 0;
    *ret = (struct candidates){.count = 0};
    int result = find_private_keys(attempt, found, &count, error);
    if (result < 0)
        return result;
    ret->seen = count;
    memset(match, MATCH_UNKNOWN, sizeof match);
    if (count > 1) {
        expect(attempt->key->public_key, &expected);
        find_public_half(attempt, &expected);
        for (CK_ULONG i = 0; i < count; i++)
            match[i] = (uint8_t)compare(attempt, &expected, found[i]);
    }
    for (enum match wanted = MATCH_YES; wanted > MATCH_NO; wanted--)
        for (CK_ULONG i = 0; i < count; i++)
            if (match[i] == wanted)
                ret->object[ret->count++] = found[i];
    for (CK_ULONG i = 0; i < count; i++)
        ret->certain += match[i] == MATCH_YES;
    return 0;
}
