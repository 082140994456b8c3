/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A new key pair on a token. See token.h.
 *
 * The token logs in as for a signature; the pair is then made in a read-write session of its own,
 * so that no session of the signatures is taken for as long as that lasts. Up to C_GenerateKeyPair
 * a lost token is tried a second time; that call is made once, because a second would leave a
 * second key. What fails behind it leaves a key on the token, and the error says so. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/signer/token.h"

enum { VALUE_MAXIMUM = 1024, TEMPLATE_MAXIMUM = 10 };

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

struct making {
    struct token *token;
    const struct key_request *request;
    struct outcome *outcome;
    CK_SESSION_HANDLE session; /* read-write, its own */
    uint64_t epoch;
    CK_OBJECT_HANDLE public_half, private_half;
    CK_RV rv;
    bool asked; /* C_GenerateKeyPair was called */
};

/* A curve as CKA_EC_PARAMS: some tokens know it only by name, some only by number. */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t edwards_name[] = "\x13\x0c"
                                      "edwards25519";
static const uint8_t edwards_number[] = {0x06, 0x03, 0x2b, 0x65, 0x70}; /* RFC 8410 3 */

static const struct kind {
    CK_MECHANISM_TYPE mechanism;
    const char *mechanism_name, *type, *group; /* type, group: OpenSSL's */
    CK_ULONG bits;                             /* RSA */
    size_t point;                              /* bytes of the public point */
    struct bytes curves[2];
} kinds[PKI_KEY_TYPE_END] = {
#define RSA_KIND(size)                                                                             \
    {                                                                                              \
        CKM_RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN", "RSA", NULL, size, 0,              \
        {                                                                                          \
            {                                                                                      \
                NULL, 0                                                                            \
            }                                                                                      \
        }                                                                                          \
    }
    [PKI_KEY_RSA_2048] = RSA_KIND(2048),
    [PKI_KEY_RSA_3072] = RSA_KIND(3072),
    [PKI_KEY_RSA_4096] = RSA_KIND(4096),
    [PKI_KEY_EC_P256] =
        {CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN", "EC", "P-256", 0, 65, {{p256, sizeof p256}}},
    [PKI_KEY_EC_P384] =
        {CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN", "EC", "P-384", 0, 97, {{p384, sizeof p384}}},
    [PKI_KEY_ED25519] = {CKM_EC_EDWARDS_KEY_PAIR_GEN,
                         "CKM_EC_EDWARDS_KEY_PAIR_GEN",
                         "ED25519",
                         NULL,
                         0,
                         32,
                         {{edwards_name, sizeof edwards_name - 1},
                          {edwards_number, sizeof edwards_number}}},
};

static const char policy[] = "see what the HSM's policy allows: Postern makes keys that are "
                             "sensitive, not extractable, and sign";
static const char other_kind[] =
    "choose another --algorithm: rsa:2048, rsa:3072, rsa:4096, ec:p256, ec:p384 or ed25519";

/* What a code means here and nowhere else. */
static const struct {
    CK_RV rv;
    int code;
    const char *what, *cure;
} reasons[] = {
    {CKR_TOKEN_WRITE_PROTECTED, EX_CONFIG, "The token is write-protected",
     "let it be written to for as long as this takes, or make the key with the HSM's own tool"},
    {CKR_SESSION_READ_ONLY, EX_CONFIG, "The token gives no session that may write",
     "let the HSM allow this client to make keys, or make the key with the HSM's own tool"},
    {CKR_DEVICE_MEMORY, EX_UNAVAILABLE, "The token has no room for another key",
     "delete keys that no certificate uses any more: posternctl hsm list shows which those are"},
    {CKR_MECHANISM_INVALID, EX_CONFIG, "The token does not make keys of this kind", other_kind},
    {CKR_MECHANISM_PARAM_INVALID, EX_CONFIG, "The token does not make keys of this kind",
     other_kind},
    {CKR_FUNCTION_NOT_SUPPORTED, EX_CONFIG, "The token makes no keys at all",
     "make the key with the HSM's own tool"},
    {CKR_KEY_SIZE_RANGE, EX_CONFIG, "The token does not make keys of this size", other_kind},
    {CKR_CURVE_NOT_SUPPORTED, EX_CONFIG, "The token does not know this curve", other_kind},
    {CKR_DOMAIN_PARAMS_INVALID, EX_CONFIG, "The token does not know this curve", other_kind},
    {CKR_ATTRIBUTE_READ_ONLY, EX_CONFIG, "The token refused an attribute of the key", policy},
    {CKR_ATTRIBUTE_TYPE_INVALID, EX_CONFIG, "The token refused an attribute of the key", policy},
    {CKR_ATTRIBUTE_VALUE_INVALID, EX_CONFIG, "The token refused an attribute of the key", policy},
    {CKR_TEMPLATE_INCOMPLETE, EX_CONFIG, "The token wants other attributes of a key", policy},
    {CKR_TEMPLATE_INCONSISTENT, EX_CONFIG, "The token wants other attributes of a key", policy},
    {CKR_ACTION_PROHIBITED, EX_CONFIG, "The token does not allow this user to make a key", policy},
    {CKR_SESSION_COUNT, EX_TEMPFAIL, "The token has no session left in which a key can be made",
     "let the HSM give this client one session more than Sessions says"},
};

static int fail_call(struct making *making, CK_RV rv, const char *function, struct error *error)
{
    struct error plain;
    making->rv = rv;
    ckr_error(error, rv, function);
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        if (reasons[i].rv != rv)
            continue;
        plain = *error;
        error_set(error, reasons[i].code, "%s: %s", reasons[i].what, plain.what);
        error_cure(error, "%s", reasons[i].cure);
    }
    return error_where(error, "%s", making->token->label);
}

/* --- before ---------------------------------------------------------------------------------- */

/* Logs in by the same way as signatures do, then opens the session that may write; the login is the
 * application's, and is in force there as well. */
static int open_session(struct making *making, struct error *error)
{
    struct token *token = making->token;
    struct session *session = NULL;
    int result = session_take(token, &session, &making->rv, making->outcome, error);
    if (result < 0)
        return result;
    making->epoch = session->epoch;
    CK_RV rv = token->module->functions->C_OpenSession(
        token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &making->session);
    session_give(token, session);
    return rv == CKR_OK ? 0 : fail_call(making, rv, "C_OpenSession", error);
}

/* --- the pair -------------------------------------------------------------------------------- */

struct template
{
    CK_ATTRIBUTE attributes[TEMPLATE_MAXIMUM];
    CK_ULONG count;
};

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t length)
{
    template->attributes[template->count++] =
        (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, length};
}

static void add_flag(struct template *template, CK_ATTRIBUTE_TYPE type, bool flag)
{
    static const CK_BBOOL flags[] = {CK_FALSE, CK_TRUE};
    add(template, type, &flags[flag], sizeof flags[0]);
}

static void add_names(struct template *template, const struct key_request *request)
{
    add(template, CKA_LABEL, request->label, strlen(request->label));
    add(template, CKA_ID, request->id, request->id_length);
}

static CK_RV call_generate(struct making *making, const struct kind *kind, struct bytes curve)
{
    static const uint8_t exponent[] = {1, 0, 1};
    CK_MECHANISM mechanism = {.mechanism = kind->mechanism};
    struct template public = {.count = 0}, private = {.count = 0};
    add_flag(&public, CKA_TOKEN, true);
    add_flag(&public, CKA_PRIVATE, false);
    add_flag(&public, CKA_VERIFY, true);
    add_names(&public, making->request);
    if (kind->bits) {
        add(&public, CKA_MODULUS_BITS, &kind->bits, sizeof kind->bits);
        add(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else {
        add(&public, CKA_EC_PARAMS, curve.at, curve.length);
    }
    add_flag(&private, CKA_TOKEN, true);
    add_flag(&private, CKA_PRIVATE, true);
    add_flag(&private, CKA_SENSITIVE, true);
    add_flag(&private, CKA_EXTRACTABLE, false);
    add_flag(&private, CKA_SIGN, true);
    add_names(&private, making->request);
    making->asked = true;
    return making->token->module->functions->C_GenerateKeyPair(
        making->session, &mechanism, public.attributes, public.count, private.attributes,
        private.count, &making->public_half, &making->private_half);
}

/* The refusal of a curve's spelling, after which nothing was made and the other may be asked. */
static bool is_spelling(CK_RV rv)
{
    return rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID ||
           rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_MECHANISM_PARAM_INVALID;
}

static int generate_pair(struct making *making, const struct kind *kind, struct error *error)
{
    CK_RV rv = call_generate(making, kind, kind->curves[0]);
    if (is_spelling(rv) && kind->curves[1].at)
        rv = call_generate(making, kind, kind->curves[1]);
    if (rv == CKR_OK)
        return 0;
    fail_call(making, rv, "C_GenerateKeyPair", error);
    if (ckr_class(rv) != CKR_CLASS_LOST || rv == CKR_DEVICE_MEMORY ||
        rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_SESSION_COUNT)
        return -error->code;
    struct error plain = *error;
    error_set(error, plain.code,
              "%s; whether the token has made the key %s all the same is not known", plain.what,
              making->request->label);
    error_where(error, "%s", plain.where);
    return error_cure(error, "see with posternctl hsm list whether it is there, delete it with the "
                             "HSM's own tool if so, and ask again");
}

/* --- behind ---------------------------------------------------------------------------------- */

/* One at a time: a token may not know another. -1: it cannot be read, or is of no sane length. */
static int read_value(struct making *making, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                      uint8_t *value, size_t *length)
{
    CK_ATTRIBUTE attribute = {type, value, *length};
    making->rv = making->token->module->functions->C_GetAttributeValue(making->session, object,
                                                                       &attribute, 1);
    if (making->rv != CKR_OK || !attribute.ulValueLen || attribute.ulValueLen > *length)
        return -1;
    *length = attribute.ulValueLen;
    return 0;
}

static bool has_flag(struct making *making, CK_ATTRIBUTE_TYPE type, bool wanted)
{
    uint8_t value = !wanted;
    size_t length = sizeof value;
    return read_value(making, making->private_half, type, &value, &length) == 0 &&
           (value != CK_FALSE) == wanted;
}

/* Most tokens put the point into an OCTET STRING, as PKCS#11 has it; some do not. */
static int unwrap_point(uint8_t *value, size_t *length, size_t wanted)
{
    size_t head = wanted < 128 ? 2 : 3;
    if (*length == wanted)
        return 0;
    if (*length != wanted + head || value[0] != 0x04 || value[head - 1] != wanted)
        return -1;
    memmove(value, value + head, *length = wanted);
    return 0;
}

static int read_rsa(struct making *making, OSSL_PARAM_BLD *builder, BIGNUM **n, BIGNUM **e)
{
    uint8_t value[VALUE_MAXIMUM];
    size_t length = sizeof value;
    if (read_value(making, making->public_half, CKA_MODULUS, value, &length) < 0)
        return -1;
    *n = BN_bin2bn(value, (int)length, NULL);
    length = sizeof value;
    if (read_value(making, making->public_half, CKA_PUBLIC_EXPONENT, value, &length) < 0)
        return -1;
    *e = BN_bin2bn(value, (int)length, NULL);
    return *n && *e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, *n) &&
                   OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, *e)
               ? 0
               : -1;
}

static int read_point(struct making *making, const struct kind *kind, OSSL_PARAM_BLD *builder,
                      uint8_t value[VALUE_MAXIMUM])
{
    size_t length = VALUE_MAXIMUM;
    if (read_value(making, making->public_half, CKA_EC_POINT, value, &length) < 0 ||
        unwrap_point(value, &length, kind->point) < 0)
        return -1;
    if (kind->group &&
        !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0))
        return -1;
    return OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, value, length) ? 0
                                                                                             : -1;
}

static EVP_PKEY *build_key(const struct kind *kind, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind->type, NULL);
    if (parameters && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return key;
}

/* NULL: it cannot be read. */
static EVP_PKEY *read_public_half(struct making *making, const struct kind *kind)
{
    _cleanup_(BN_freep) BIGNUM *n = NULL, *e = NULL;
    uint8_t point[VALUE_MAXIMUM];
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    int result = !builder     ? -1
                 : kind->bits ? read_rsa(making, builder, &n, &e)
                              : read_point(making, kind, builder, point);
    if (result == 0)
        key = build_key(kind, builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static int fail_behind(const struct making *making, const char *what, struct error *error)
{
    error_set(error, EX_SOFTWARE, "The token has made the key %s, but %s%s%s",
              making->request->label, what, making->rv == CKR_OK ? "" : ": ",
              making->rv == CKR_OK ? "" : ckr_name(making->rv));
    error_where(error, "%s", making->token->label);
    return error_cure(error,
                      "delete the key with the HSM's own tool, or have a certificate made for "
                      "it there, and stage that");
}

static void name_pair(struct making *making, struct key_report *report)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    const struct key_request *request = making->request;
    CK_ATTRIBUTE names[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_LABEL, request->label, strlen(request->label)},
                            {CKA_ID, (void *)(uintptr_t)request->id, request->id_length}};
    token_format_uri(making->token, names, ARRAY_SIZE(names), report->uri, sizeof report->uri);
}

static int look_at_pair(struct making *making, const struct kind *kind, EVP_PKEY **ret,
                        struct key_report *report, struct error *error)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = read_public_half(making, kind);
    if (!key)
        return fail_behind(making, "its public half cannot be read", error);
    if (!has_flag(making, CKA_SENSITIVE, true) || !has_flag(making, CKA_EXTRACTABLE, false))
        return fail_behind(making, "does not say that it is sensitive and not extractable", error);
    name_pair(making, report);
    if (!report->uri[0])
        return fail_behind(making, "there is no memory to name it", error);
    *ret = TAKE_PTR(key);
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int make_inside(struct making *making, EVP_PKEY **ret, struct key_report *report,
                       struct error *error)
{
    const struct kind *kind = &kinds[making->request->type];
    making->rv = CKR_OK;
    int result = open_session(making, error);
    if (result < 0)
        return result;
    result = generate_pair(making, kind, error);
    if (result == 0)
        result = look_at_pair(making, kind, ret, report, error);
    making->token->module->functions->C_CloseSession(making->session);
    return result;
}

static int make(struct making *making, EVP_PKEY **ret, struct key_report *report,
                struct error *error)
{
    struct token *token = making->token;
    int result = token_locate(token, making->outcome, error);
    if (result < 0)
        return result;
    result = module_enter(token->module, error);
    if (result < 0)
        return result;
    result = make_inside(making, ret, report, error);
    module_leave(token->module);
    /* The next request of whatever kind logs in and looks anew. */
    if (result < 0 && making->rv != CKR_OK && ckr_class(making->rv) == CKR_CLASS_LOST &&
        making->rv != CKR_DEVICE_MEMORY && making->rv != CKR_SESSION_COUNT && making->epoch)
        token_renew(token, making->epoch);
    return result;
}

static int begin(struct token *token, struct error *error)
{
    pthread_mutex_lock(&token->lock);
    bool busy = token->generating;
    token->generating = true;
    pthread_mutex_unlock(&token->lock);
    if (!busy)
        return 0;
    error_set(error, EX_TEMPFAIL, "The token is making another key at this moment");
    return error_cure(error, "wait for that, and try again");
}

static void end(struct token *token)
{
    pthread_mutex_lock(&token->lock);
    token->generating = false;
    pthread_mutex_unlock(&token->lock);
}

int token_generate(struct store *store, const struct key_request *request, EVP_PKEY **ret,
                   struct key_report *report, struct outcome *outcome, struct error *error)
{
    struct token *token = (struct token *)store;
    struct making making = {.token = token, .request = request, .outcome = outcome};
    int result = begin(token, error);
    if (result < 0)
        return result;
    result = make(&making, ret, report, error);
    if (result < 0 && !making.asked && making.rv != CKR_OK &&
        ckr_class(making.rv) == CKR_CLASS_LOST)
        result = make(&making, ret, report, error);
    end(token);
    return result;
}
