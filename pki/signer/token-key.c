/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A key on a token: found by its URI, proved by the public key of the certificate, and the ways in
 * which it can be made to sign. See token.h. */
#include <stdio.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/signer/token.h"

static int prepare_plain(const struct token_key *key, enum pki_algorithm algorithm,
                         struct bytes data, uint8_t *out, size_t *length)
{
    (void)key, (void)algorithm;
    if (data.length > *length)
        return -1;
    memcpy(out, data.at, data.length);
    *length = data.length;
    return 0;
}

static int prepare_digest_info(const struct token_key *key, enum pki_algorithm algorithm,
                               struct bytes data, uint8_t *out, size_t *length)
{
    if (algorithm == PKI_RSA_PKCS1_MD5_SHA1) /* which has none */
        return prepare_plain(key, algorithm, data, out, length);
    return encode_digest_info(algorithm, data, out, length);
}

static int prepare_pss(const struct token_key *key, enum pki_algorithm algorithm, struct bytes data,
                       uint8_t *out, size_t *length)
{
    return encode_pss(algorithm, data, EVP_PKEY_get_bits(key->public_key), out, length);
}

/* FIPS 186-4 6.4: the left-most bits of the digest, as many as the order has. Some tokens refuse a
 * longer digest instead of cutting it themselves. */
static int prepare_ecdsa(const struct token_key *key, enum pki_algorithm algorithm,
                         struct bytes data, uint8_t *out, size_t *length)
{
    size_t order = ((size_t)EVP_PKEY_get_bits(key->public_key) + 7) / 8;
    if (data.length > order)
        data.length = order;
    return prepare_plain(key, algorithm, data, out, length);
}

/* The ways to sign by scheme; where there are several, the first that the token lists and whose
 * signature is right. */
static const struct way {
    enum pki_scheme scheme;
    bool if_listed;
    CK_MECHANISM_TYPE mechanism;
    const char *name;
    int (*prepare)(const struct token_key *, enum pki_algorithm, struct bytes, uint8_t *, size_t *);
} ways[WAYS_MAXIMUM] = {
    {PKI_SCHEME_RSA_PKCS1, false, CKM_RSA_PKCS, "CKM_RSA_PKCS", prepare_digest_info},
    {PKI_SCHEME_RSA_PSS, true, CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", prepare_plain},
    {PKI_SCHEME_RSA_PSS, true, CKM_RSA_X_509, "CKM_RSA_X_509", prepare_pss},
    {PKI_SCHEME_ECDSA, false, CKM_ECDSA, "CKM_ECDSA", prepare_ecdsa},
    {PKI_SCHEME_EDDSA, false, CKM_EDDSA, "CKM_EDDSA", prepare_plain},
};

static CK_RSA_PKCS_PSS_PARAMS pss_parameters(enum pki_algorithm algorithm)
{
    static const struct {
        CK_MECHANISM_TYPE digest;
        CK_RSA_PKCS_MGF_TYPE mask;
    } types[] = {{CKM_SHA256, CKG_MGF1_SHA256},
                 {CKM_SHA384, CKG_MGF1_SHA384},
                 {CKM_SHA512, CKG_MGF1_SHA512}};
    size_t i = (size_t)(algorithm - PKI_RSA_PSS_SHA256);
    /* By position: p11-kit has changed the members' names, but not what PKCS#11 says of their order. */
    return (CK_RSA_PKCS_PSS_PARAMS){types[i].digest, types[i].mask,
                                    pki_algorithm_info(algorithm)->digest_length};
}

static int fail_call(struct attempt *attempt, CK_RV rv, const char *function, struct error *error)
{
    attempt->rv = rv;
    ckr_error(error, rv, function);
    return error_where(error, "%s", attempt->key->where);
}

/* C_SignInit, the key's own login where it wants one, C_Sign. */
static int call_sign(struct attempt *attempt, const struct way *way, enum pki_algorithm algorithm,
                     struct bytes input, uint8_t *out, size_t *length, struct error *error)
{
    struct token *token = attempt->key->token;
    CK_FUNCTION_LIST *functions = token->module->functions;
    CK_MECHANISM mechanism = {.mechanism = way->mechanism};
    CK_RSA_PKCS_PSS_PARAMS pss;
    if (way->mechanism == CKM_RSA_PKCS_PSS) {
        pss = pss_parameters(algorithm);
        mechanism.pParameter = &pss;
        mechanism.ulParameterLen = sizeof pss;
    }
    CK_RV rv = functions->C_SignInit(attempt->session->handle, &mechanism, attempt->object);
    if (rv != CKR_OK)
        return fail_call(attempt, rv, "C_SignInit", error);
    attempt->session->spoiled = true; /* until C_Sign has ended what was begun */
    if (attempt->always_authenticate) {
        int result = session_login(token, attempt->session, CKU_CONTEXT_SPECIFIC, &attempt->rv,
                                   attempt->outcome, error);
        if (result < 0)
            return result;
    }
    CK_ULONG size = *length;
    rv = functions->C_Sign(attempt->session->handle, (CK_BYTE_PTR)(uintptr_t)input.at, input.length,
                           out, &size);
    if (rv != CKR_OK)
        return fail_call(attempt, rv, "C_Sign", error);
    attempt->session->spoiled = false;
    *length = size;
    return 0;
}

static int sign_one_way(struct attempt *attempt, const struct way *way,
                        enum pki_algorithm algorithm, struct bytes data, uint8_t *signature,
                        size_t *length, struct error *error)
{
    uint8_t input[PKI_MESSAGE_MAXIMUM], raw[PKI_SIGNATURE_MAXIMUM];
    size_t input_length = sizeof input, raw_length = sizeof raw;
    if (way->prepare(attempt->key, algorithm, data, input, &input_length) < 0)
        return error_set(error, EX_DATAERR, "The data cannot be signed with %s", way->name);
    int result = call_sign(attempt, way, algorithm, (struct bytes){input, input_length}, raw,
                           &raw_length, error);
    if (result < 0)
        return result;
    bool fits = raw_length <= sizeof raw && raw_length <= *length;
    if (way->scheme == PKI_SCHEME_ECDSA)
        fits = fits && encode_ecdsa((struct bytes){raw, raw_length}, signature, length) == 0;
    else if (fits)
        memcpy(signature, raw, *length = raw_length);
    return fits ? 0
                : error_set(error, EX_SOFTWARE, "The token gave no signature with %s", way->name);
}

static bool is_listed(const struct token *token, const struct way *way)
{
    CK_MECHANISM_INFO info;
    return !way->if_listed || token->module->functions->C_GetMechanismInfo(
                                  token->slot, way->mechanism, &info) == CKR_OK;
}

/* Signs in the first way whose signature is right, and remembers it. A way that fails as "not
 * supported" gives room to the next. */
static int try_ways(struct attempt *attempt, enum pki_algorithm algorithm, struct bytes data,
                    uint8_t *signature, size_t *length, struct error *error)
{
    struct token_key *key = attempt->key;
    enum pki_scheme scheme = pki_algorithm_info(algorithm)->scheme;
    size_t room = *length;
    int result = error_set(error, EX_CONFIG, "The token has no mechanism for %s",
                           pki_algorithm_info(algorithm)->name);
    for (unsigned i = 0; i < WAYS_MAXIMUM; i++) {
        if (ways[i].scheme != scheme || !is_listed(key->token, &ways[i]))
            continue;
        *length = room;
        result = sign_one_way(attempt, &ways[i], algorithm, data, signature, length, error);
        if (result < 0 && ckr_class(attempt->rv) != CKR_CLASS_UNSUPPORTED)
            return result;
        key->way[algorithm] = (uint8_t)i;
        if (result == 0 &&
            verify_signature(key->public_key, algorithm, data, (struct bytes){signature, *length}))
            return 0;
    }
    return result;
}

/* For prove_algorithms(). Tokens that refuse the old algorithms do so with any code, and a key is
 * not lost by that: the next signature tells whether the token is. */
static int prove_ways(void *context, enum pki_algorithm algorithm, struct bytes data,
                      uint8_t *signature, size_t *length, struct error *error)
{
    struct attempt *attempt = context;
    CK_RV before = attempt->rv;
    int result = try_ways(attempt, algorithm, data, signature, length, error);
    outcome_progress(attempt->outcome);
    if (result < 0 && pki_algorithm_info(algorithm)->old)
        attempt->rv = before;
    return result;
}

/* Attributes are read one at a time: a token may not know an optional one. */
static CK_RV read_attribute(struct attempt *attempt, CK_ATTRIBUTE_TYPE type, void *value,
                            size_t size)
{
    CK_ATTRIBUTE attribute = {type, value, size};
    CK_FUNCTION_LIST *functions = attempt->key->token->module->functions;
    CK_RV rv =
        functions->C_GetAttributeValue(attempt->session->handle, attempt->object, &attribute, 1);
    return rv == CKR_OK && attribute.ulValueLen != size ? CKR_ATTRIBUTE_TYPE_INVALID : rv;
}

static bool type_fits(struct attempt *attempt)
{
    static const struct {
        const char *name;
        CK_KEY_TYPE type;
    } types[] = {{"RSA", CKK_RSA}, {"EC", CKK_EC}, {"ED25519", CKK_EC_EDWARDS}};
    CK_KEY_TYPE type;
    if (read_attribute(attempt, CKA_KEY_TYPE, &type, sizeof type) != CKR_OK)
        return true; /* the self-test will tell */
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (EVP_PKEY_is_a(attempt->key->public_key, types[i].name))
            return types[i].type == type;
    return false;
}

/* -EX_CONFIG with attempt->rv still CKR_OK: it is another key. */
static int prove_candidate(struct attempt *attempt, uint32_t *algorithms, struct error *error)
{
    CK_BBOOL always = CK_FALSE;
    attempt->rv = CKR_OK;
    if (!type_fits(attempt))
        return refuse_key(error);
    attempt->always_authenticate =
        read_attribute(attempt, CKA_ALWAYS_AUTHENTICATE, &always, sizeof always) == CKR_OK &&
        always == CK_TRUE;
    int result = prove_algorithms(attempt->key->public_key, !attempt->single, prove_ways, attempt,
                                  algorithms, error);
    /* What was proved before the token went away in the middle is not the whole. */
    if (result == 0 && ckr_class(attempt->rv) == CKR_CLASS_LOST && attempt->rv != CKR_OK)
        return error_set(error, EX_TEMPFAIL, "The token was lost while its key was tested");
    return result;
}

static int fail_missing(const struct attempt *attempt, struct error *error)
{
    const struct token *token = attempt->key->token;
    bool unlogged = (token->info.flags & CKF_LOGIN_REQUIRED) && !token->pin_source;
    attempt->outcome->other = !unlogged;
    error_set(error, EX_UNAVAILABLE, "There is no such private key on the token %s%s", token->label,
              unlogged ? ", as far as can be seen without a PIN" : "");
    error_cure(error, "%s",
               unlogged
                   ? "name the PIN of the token with PinSource"
                   : "compare object= and id= in the URI with `p11tool --list-privkeys --login`");
    return error_where(error, "%s", attempt->key->where);
}

/* The URI of this one key: token, label and id. Without either it is the one it was found by. */
static void name_key(struct attempt *attempt)
{
    struct token_key *key = attempt->key;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char label[256], id[256];
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_LABEL, label, sizeof label},
                                 {CKA_ID, id, sizeof id}};
    for (size_t i = 1; i < ARRAY_SIZE(attributes); i++) {
        CK_RV rv = key->token->module->functions->C_GetAttributeValue(
            attempt->session->handle, attempt->object, &attributes[i], 1);
        if (rv != CKR_OK || attributes[i].ulValueLen > sizeof label)
            attributes[i].ulValueLen = 0;
    }
    if (attributes[1].ulValueLen || attributes[2].ulValueLen)
        token_format_uri(key->token, attributes, ARRAY_SIZE(attributes), key->uri_found,
                         sizeof key->uri_found);
    else
        snprintf(key->uri_found, sizeof key->uri_found, "%s", key->where);
}

static void take_key(struct attempt *attempt)
{
    struct token_key *key = attempt->key;
    key->object = attempt->object;
    key->always_authenticate = attempt->always_authenticate;
    key->epoch = attempt->session->epoch;
    name_key(attempt);
}

/* A token that is slow, and on which many keys are tried, must not look like one that hangs: an
 * OPEN has four time-outs. */
static int check_patience(const struct token_key *key, const struct candidates *candidates,
                          int64_t began, struct error *error)
{
    if (clock_milliseconds() - began < 3 * (int64_t)key->timeout)
        return 0;
    error_set(error, EX_CONFIG,
              "There are %lu private keys on the token that may belong to the certificate, and "
              "trying them takes too long",
              (unsigned long)candidates->count);
    error_cure(error, "name the one with object= or id= in the URI, or let requests take longer "
                      "with RequestTimeOut");
    return error_where(error, "%s", key->where);
}

/* Proves one after the other until one is it. -EX_CONFIG: none is; the error is that of the last
 * one, or of the one that is it by its public value and cannot sign. */
static int try_candidates(struct attempt *attempt, const struct candidates *candidates,
                          struct error *error)
{
    struct token_key *key = attempt->key;
    int64_t began = clock_milliseconds();
    int result = refuse_key(error);
    attempt->outcome->other = candidates->count == 0;
    attempt->single = candidates->count == 1;
    for (CK_ULONG i = 0; i < candidates->count; i++) {
        if (i && check_patience(key, candidates, began, error) < 0) {
            attempt->outcome->other = false;
            return -error->code;
        }
        attempt->object = candidates->object[i];
        result = prove_candidate(attempt, &key->algorithms, error);
        bool signed_wrong = result == -EX_CONFIG && attempt->rv == CKR_OK;
        attempt->outcome->other |= signed_wrong;
        if (result != -EX_CONFIG || attempt->outcome->pin_refused ||
            (i < candidates->certain && !signed_wrong)) {
            attempt->outcome->other = false;
            break;
        }
    }
    return result;
}

/* Several keys may bear one label, or the URI name none: the one that belongs to the certificate is
 * meant. */
static int find_key(struct attempt *attempt, struct error *error)
{
    struct candidates candidates;
    int result = match_keys(attempt, &candidates, error);
    if (result < 0)
        return result;
    if (!candidates.seen)
        return fail_missing(attempt, error);
    result = try_candidates(attempt, &candidates, error);
    /* It was proved before, so the handles may have changed once more: the ladder may help. */
    if (result == -EX_CONFIG && attempt->rv == CKR_OK && attempt->key->algorithms)
        attempt->rv = CKR_KEY_HANDLE_INVALID;
    if (result < 0)
        return error_where(error, "%s", attempt->key->where);
    take_key(attempt);
    return 0;
}

int key_ensure(struct attempt *attempt, struct error *error)
{
    struct token_key *key = attempt->key;
    int result = 0;
    pthread_mutex_lock(&key->lock);
    if (key->epoch != attempt->session->epoch)
        result = find_key(attempt, error);
    attempt->object = key->object;
    attempt->always_authenticate = key->always_authenticate;
    pthread_mutex_unlock(&key->lock);
    return result;
}

int key_sign(struct attempt *attempt, enum pki_algorithm algorithm, struct bytes data,
             uint8_t *signature, size_t *length, struct error *error)
{
    struct token_key *key = attempt->key;
    pthread_mutex_lock(&key->lock);
    bool proved = key->algorithms & 1u << algorithm;
    const struct way *way = &ways[key->way[algorithm]];
    pthread_mutex_unlock(&key->lock);
    if (!proved) {
        error_set(error, EX_CONFIG, "This token cannot sign with %s",
                  pki_algorithm_info(algorithm)->name);
        return error_where(error, "%s", key->where);
    }
    int result = sign_one_way(attempt, way, algorithm, data, signature, length, error);
    if (result == 0 &&
        !verify_signature(key->public_key, algorithm, data, (struct bytes){signature, *length})) {
        attempt->rv = CKR_KEY_HANDLE_INVALID; /* the handle may be another key now: look again */
        error_set(error, EX_TEMPFAIL,
                  "The token made a signature that the certificate's key does "
                  "not verify");
        result = error_where(error, "%s", key->where);
    }
    return result;
}

void key_note(const struct token_key *key, struct key_report *report)
{
    bool pss = false;
    for (unsigned i = 1; i < PKI_ALGORITHM_END; i++)
        pss |= key->algorithms & 1u << i && pki_algorithm_info(i)->scheme == PKI_SCHEME_RSA_PSS;
    if (pss || !EVP_PKEY_is_a(key->public_key, "RSA"))
        return;
    snprintf(report->note, sizeof report->note, "this token cannot do TLS 1.3 with an RSA key");
    snprintf(report->cure, sizeof report->cure, "use an EC key, or cap at TLS 1.2");
}
