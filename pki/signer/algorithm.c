/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See algorithm.h. */
#include "pki/signer/algorithm.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

enum { DIGEST_MAXIMUM = 64, MODULUS_MAXIMUM = 1024 };

static void free_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void free_digest_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void free_ecdsa(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

bool algorithm_takes(enum pki_algorithm algorithm, size_t length)
{
    const struct pki_algorithm_info *info = pki_algorithm_info(algorithm);
    return info && (info->digest_length ? length == info->digest_length
                                        : length > 0 && length <= PKI_MESSAGE_MAXIMUM);
}

/* The DER in front of a digest differs in two lengths and the last byte of the OID. */
int encode_digest_info(enum pki_algorithm algorithm, struct bytes digest, uint8_t *out,
                       size_t *length)
{
    static const uint8_t oid_end[] = {[32] = 1, [48] = 2, [64] = 3};
    if (!algorithm_takes(algorithm, digest.length) || digest.length > DIGEST_MAXIMUM ||
        !oid_end[digest.length])
        return -1;
    uint8_t head[] = {0x30,
                      (uint8_t)(17 + digest.length),
                      0x30,
                      0x0d,
                      0x06,
                      0x09,
                      0x60,
                      0x86,
                      0x48,
                      0x01,
                      0x65,
                      0x03,
                      0x04,
                      0x02,
                      oid_end[digest.length],
                      0x05,
                      0x00,
                      0x04,
                      (uint8_t)digest.length};
    if (*length < sizeof head + digest.length)
        return -1;
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, digest.at, digest.length);
    *length = sizeof head + digest.length;
    return 0;
}

/* MGF1, RFC 8017 B.2.1, put over `out` by exclusive or. */
static int mask(const EVP_MD *digest, struct bytes seed, uint8_t *out, size_t length)
{
    uint8_t input[DIGEST_MAXIMUM + 4], block[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    memcpy(input, seed.at, seed.length);
    for (uint32_t counter = 0; length; counter++) {
        for (unsigned i = 0; i < 4; i++)
            input[seed.length + i] = (uint8_t)(counter >> (24 - 8 * i));
        if (!EVP_Digest(input, seed.length + 4, block, &size, digest, NULL))
            return -1;
        for (unsigned i = 0; i < size && length; i++, length--)
            *out++ ^= block[i];
    }
    return 0;
}

int encode_pss(enum pki_algorithm algorithm, struct bytes digest, int modulus_bits, uint8_t *out,
               size_t *length)
{
    const struct pki_algorithm_info *info = pki_algorithm_info(algorithm);
    if (!algorithm_takes(algorithm, digest.length) || !info->digest || modulus_bits < 1024 ||
        modulus_bits > MODULUS_MAXIMUM * 8)
        return -1;
    const EVP_MD *md = EVP_get_digestbyname(info->digest);
    size_t size = digest.length, modulus = ((size_t)modulus_bits + 7) / 8;
    size_t encoded = ((size_t)modulus_bits - 1 + 7) / 8, block = encoded - size - 1;
    if (!md || *length < modulus || encoded < 2 * size + 2)
        return -1;
    uint8_t salted[8 + 2 * DIGEST_MAXIMUM] = {0};
    memcpy(salted + 8, digest.at, size);
    if (RAND_bytes(salted + 8 + size, (int)size) != 1)
        return -1;
    memset(out, 0, modulus);
    uint8_t *start = out + (modulus - encoded), *hash = start + block;
    start[block - size - 1] = 1;
    memcpy(start + block - size, salted + 8 + size, size);
    if (!EVP_Digest(salted, 8 + 2 * size, hash, NULL, md, NULL) ||
        mask(md, (struct bytes){hash, size}, start, block) < 0)
        return -1;
    start[0] &= (uint8_t)(0xff >> (8 * encoded - ((size_t)modulus_bits - 1)));
    start[encoded - 1] = 0xbc;
    *length = modulus;
    return 0;
}

int encode_ecdsa(struct bytes raw, uint8_t *out, size_t *length)
{
    _cleanup_(free_ecdsa) ECDSA_SIG *signature = ECDSA_SIG_new();
    size_t half = raw.length / 2;
    if (!signature || !half || raw.length % 2)
        return -1;
    BIGNUM *r = BN_bin2bn(raw.at, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(raw.at + half, (int)half, NULL);
    if (!r || !s || !ECDSA_SIG_set0(signature, r, s)) {
        BN_free(r);
        BN_free(s);
        return -1;
    }
    int needed = i2d_ECDSA_SIG(signature, NULL);
    if (needed <= 0 || (size_t)needed > *length)
        return -1;
    *length = (size_t)i2d_ECDSA_SIG(signature, &out);
    return 0;
}

/* The same settings for signing and for verifying. */
static int set_scheme(EVP_PKEY_CTX *context, const struct pki_algorithm_info *info)
{
    if (EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(info->digest)) != 1)
        return -1;
    if (info->scheme == PKI_SCHEME_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 ? 0 : -1;
    if (info->scheme == PKI_SCHEME_RSA_PSS)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
                   ? 0
                   : -1;
    return 0;
}

static int sign_message(EVP_PKEY *key, struct bytes data, uint8_t *out, size_t *length)
{
    _cleanup_(free_digest_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestSign(context, out, length, data.at, data.length) == 1
               ? 0
               : -1;
}

int sign_in_memory(EVP_PKEY *key, enum pki_algorithm algorithm, struct bytes data, uint8_t *out,
                   size_t *length)
{
    const struct pki_algorithm_info *info = pki_algorithm_info(algorithm);
    int result = -1;
    if (!(pki_algorithms_of(key) & 1u << algorithm) || !algorithm_takes(algorithm, data.length))
        return -1;
    if (!info->digest) {
        result = sign_message(key, data, out, length);
    } else {
        _cleanup_(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
        if (context && EVP_PKEY_sign_init(context) == 1 && set_scheme(context, info) == 0 &&
            EVP_PKEY_sign(context, out, length, data.at, data.length) == 1)
            result = 0;
    }
    ERR_clear_error();
    return result;
}

static bool verify_message(EVP_PKEY *key, struct bytes data, struct bytes signature)
{
    _cleanup_(free_digest_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature.at, signature.length, data.at, data.length) == 1;
}

bool verify_signature(EVP_PKEY *public_key, enum pki_algorithm algorithm, struct bytes data,
                      struct bytes signature)
{
    const struct pki_algorithm_info *info = pki_algorithm_info(algorithm);
    bool right = false;
    if (!info || !(pki_algorithms_of(public_key) & 1u << algorithm))
        return false;
    if (!info->digest) {
        right = verify_message(public_key, data, signature);
    } else {
        _cleanup_(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
        right = context && EVP_PKEY_verify_init(context) == 1 && set_scheme(context, info) == 0 &&
                EVP_PKEY_verify(context, signature.at, signature.length, data.at, data.length) == 1;
    }
    ERR_clear_error();
    return right;
}

/* One algorithm of the self-test: 1 proved, 0 signed but wrong, negative: could not sign. */
static int prove_one(EVP_PKEY *public_key, enum pki_algorithm algorithm, prove_sign *sign,
                     void *context, struct error *error)
{
    uint8_t data[DIGEST_MAXIMUM], signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature, size = pki_algorithm_info(algorithm)->digest_length;
    if (!size)
        size = sizeof data;
    if (RAND_bytes(data, (int)size) != 1)
        return error_set(error, EX_TEMPFAIL, "No random bytes for the self-test");
    int result = sign(context, algorithm, (struct bytes){data, size}, signature, &length, error);
    if (result < 0)
        return result;
    return verify_signature(public_key, algorithm, (struct bytes){data, size},
                            (struct bytes){signature, length});
}

/* A wrong signature may have been an accident, and the algorithm would be missed until the key is
 * opened anew. Of another key each is wrong: then one more tells as much as all. */
static uint32_t prove_again(EVP_PKEY *public_key, prove_sign *sign, void *context, uint32_t wrong,
                            uint32_t found, struct error *error)
{
    for (unsigned algorithm = 1; algorithm < PKI_ALGORITHM_END; algorithm++) {
        if (!(wrong & 1u << algorithm))
            continue;
        if (prove_one(public_key, algorithm, sign, context, error) > 0)
            found |= 1u << algorithm;
        else if (!found)
            break;
    }
    return found;
}

int prove_algorithms(EVP_PKEY *public_key, bool strict, prove_sign *sign, void *context,
                     uint32_t *proved, struct error *error)
{
    uint32_t wanted = pki_algorithms_of(public_key), found = 0, wrong = 0;
    int result = -EX_CONFIG;
    for (unsigned algorithm = 1; algorithm < PKI_ALGORITHM_END; algorithm++) {
        if (!(wanted & 1u << algorithm))
            continue;
        int outcome = prove_one(public_key, algorithm, sign, context, error);
        if (outcome > 0)
            found |= 1u << algorithm;
        else if (outcome == 0 && strict)
            return refuse_key(error);
        else if (outcome == 0)
            wrong |= 1u << algorithm;
        else
            result = outcome;
    }
    found = prove_again(public_key, sign, context, wrong, found, error);
    if (found) {
        *proved = found;
        return 0;
    }
    return wrong || !wanted ? refuse_key(error) : result;
}

int refuse_key(struct error *error)
{
    error_set(error, EX_CONFIG, "The private key does not belong to the certificate");
    return error_cure(error, "name the key that the certificate was made for, or the certificate "
                             "that was made for this key");
}
