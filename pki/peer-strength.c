/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Keys and signatures that the CA/Browser Forum's baseline requirements know (7.1.3), and Ed25519
 * and Ed448 beside them (RFC 8410).
 *
 * The signature on an anchor proves nothing, and is not looked at. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "pki/peer-private.h"

enum { RSA_BITS_MINIMUM = 2048, RSA_BITS_MAXIMUM = 16384 };

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(RSA_PSS_PARAMS *, RSA_PSS_PARAMS_free)

bool pki_signature_is_strong(int nid)
{
    static const int strong[] = {
        NID_sha256WithRSAEncryption,
        NID_sha384WithRSAEncryption,
        NID_sha512WithRSAEncryption,
        NID_ecdsa_with_SHA256,
        NID_ecdsa_with_SHA384,
        NID_ecdsa_with_SHA512,
        NID_ED25519,
        NID_ED448,
        NID_rsassaPss,
    };
    for (size_t i = 0; i < ARRAY_SIZE(strong); i++)
        if (strong[i] == nid)
            return true;
    return false;
}

static int digest_of(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;
    if (algorithm)
        X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return object ? OBJ_obj2nid(object) : NID_sha1; /* the default of RFC 4055 */
}

/* One digest for the message and the mask, of the family of SHA-256. */
static bool is_strong_pss(const X509_ALGOR *algorithm)
{
    _cleanup_(RSA_PSS_PARAMS_freep) RSA_PSS_PARAMS *parameters =
        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
    if (!parameters || !parameters->maskGenAlgorithm ||
        digest_of(parameters->maskGenAlgorithm) != NID_mgf1)
        return false;
    X509_ALGOR *mask = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR),
                                                 parameters->maskGenAlgorithm->parameter);
    int digest = digest_of(parameters->hashAlgorithm), mask_digest = digest_of(mask);
    X509_ALGOR_free(mask);
    return digest == mask_digest &&
           (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

bool pki_algorithm_is_strong(const X509_ALGOR *algorithm)
{
    int nid = digest_of(algorithm);
    return nid == NID_rsassaPss ? is_strong_pss(algorithm) : pki_signature_is_strong(nid);
}

static const char *find_rsa_fault(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    _cleanup_(BN_freep) BIGNUM *exponent = NULL;
    if (!key || !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent))
        return "has a public key that cannot be read";
    int bits = EVP_PKEY_get_bits(key);
    if (bits < RSA_BITS_MINIMUM)
        return "has too weak a key: RSA needs 2048 bits";
    if (bits > RSA_BITS_MAXIMUM)
        return "has an RSA key of more than 16384 bits";
    if (bits % 8)
        return "has an RSA key whose bits are no multiple of 8 (CA/Browser Forum 6.1.5)";
    if (!BN_is_odd(exponent) || BN_num_bits(exponent) < 2)
        return "has an RSA key with an exponent that is even, or less than 3";
    return NULL;
}

static const char *find_curve_fault(const X509_ALGOR *algorithm)
{
    int type = V_ASN1_UNDEF;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    int curve = type == V_ASN1_OBJECT ? OBJ_obj2nid(value) : NID_undef;
    if (type != V_ASN1_OBJECT)
        return "has an EC key on a curve without a name";
    if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1 && curve != NID_secp521r1)
        return "has an EC key on a curve that is none of P-256, P-384 and P-521";
    return NULL;
}

static const char *find_key_fault(X509 *certificate)
{
    X509_ALGOR *algorithm = NULL;
    X509_PUBKEY *key = X509_get_X509_PUBKEY(certificate);
    if (!key || !X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, key))
        return "has a public key that cannot be read";
    const char *fault = NULL;
    switch (digest_of(algorithm)) {
    case NID_rsaEncryption:
        return find_rsa_fault(certificate);
    case NID_X9_62_id_ecPublicKey:
        fault = find_curve_fault(algorithm);
        break;
    case NID_ED25519:
    case NID_ED448:
        break;
    default:
        return "has a key that is neither RSA nor EC nor Ed25519 nor Ed448";
    }
    return fault || X509_get0_pubkey(certificate) ? fault : "has a public key that cannot be read";
}

void pki_judge_strength(struct pki_path *path, const struct pki_place *place)
{
    const X509_ALGOR *algorithm = X509_get0_tbs_sigalg(place->certificate);
    const char *fault = find_key_fault(place->certificate);
    if (!fault && !place->anchor && !pki_algorithm_is_strong(algorithm))
        fault = "is signed with too weak an algorithm: SHA-1, MD5, or one that is not in use";
    if (fault)
        pki_path_fault(path, PKI_CHECK_STRENGTH, X509_V_ERR_APPLICATION_VERIFICATION, fault, place);
    ERR_clear_error();
}
