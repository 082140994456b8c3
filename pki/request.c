/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See request.h. */
#include "pki/request.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/pem.h"

enum { NAME_MAXIMUM = 253 };
typedef STACK_OF(X509_EXTENSION) extension_stack;

DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)

static void free_extensions(extension_stack **extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

static int fail_openssl(const char *what, struct error *error)
{
    char reason[200] = "";
    unsigned long code = ERR_peek_last_error();
    if (code)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return error_set(error, EX_SOFTWARE, "%s%s%s", what, code ? ": " : "", reason);
}

/* Letters, digits, hyphens; a "*." in front is one. */
static bool is_dns_name(const char *name)
{
    const char *at = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    size_t label = 0;
    if (!*at || strlen(name) > NAME_MAXIMUM)
        return false;
    for (; *at; at++) {
        if (*at == '.' ? label == 0 : ++label > 63)
            return false;
        if (*at == '.')
            label = 0;
        else if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *at))
            return false;
    }
    return label > 0;
}

int pki_request_check(const struct pki_request *request, struct error *error)
{
    if (request->name_count > PKI_REQUEST_NAMES_MAXIMUM)
        return error_set(error, EX_DATAERR, "A request has at most %d names",
                         PKI_REQUEST_NAMES_MAXIMUM);
    for (size_t i = 0; i < request->name_count; i++) {
        if (is_dns_name(request->names[i]))
            continue;
        error_set(error, EX_DATAERR, "\"%.100s\" is no DNS name", request->names[i]);
        return error_cure(error,
                          "write it as in mail.example.com, a name with other letters in its "
                          "A-label (xn--…)");
    }
    if (request->name_count || (request->subject && X509_NAME_entry_count(request->subject)))
        return 0;
    error_set(error, EX_DATAERR, "There is neither a subject nor a name to ask a certificate for");
    return error_cure(error, "posternctl cert request NAME --san mail.example.com");
}

static bool push_name(GENERAL_NAMES *names, const char *name)
{
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (!general || !text || !ASN1_STRING_set(text, name, (int)strlen(name))) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(general);
        return false;
    }
    GENERAL_NAME_set0_value(general, GEN_DNS, text);
    if (sk_GENERAL_NAME_push(names, general))
        return true;
    GENERAL_NAME_free(general);
    return false;
}

static bool add_names(extension_stack **extensions, const struct pki_request *request)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool made = names;
    for (size_t i = 0; made && i < request->name_count; i++)
        made = push_name(names, request->names[i]);
    bool critical = !request->subject || !X509_NAME_entry_count(request->subject);
    return made && (!request->name_count ||
                    X509V3_add1_i2d(extensions, NID_subject_alt_name, names, critical, 0) == 1);
}

static bool add_usages(extension_stack **extensions)
{
    EXTENDED_KEY_USAGE *usages = EXTENDED_KEY_USAGE_new();
    bool made = usages && sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_server_auth)) &&
                sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_client_auth)) &&
                X509V3_add1_i2d(extensions, NID_ext_key_usage, usages, 0, 0) == 1;
    EXTENDED_KEY_USAGE_free(usages);
    return made;
}

/* All but the signature. */
static bool fill(X509_REQ *made, const struct pki_request *request, EVP_PKEY *key)
{
    _cleanup_(free_extensions) extension_stack *extensions = sk_X509_EXTENSION_new_null();
    return extensions && X509_REQ_set_version(made, X509_REQ_VERSION_1) == 1 &&
           (!request->subject || X509_REQ_set_subject_name(made, request->subject) == 1) &&
           X509_REQ_set_pubkey(made, key) == 1 && add_names(&extensions, request) &&
           (!request->usages || add_usages(&extensions)) &&
           (!sk_X509_EXTENSION_num(extensions) || X509_REQ_add_extensions(made, extensions) == 1);
}

/* How it is signed. PKCS#1 rather than PSS: CAs bear it, and it is what every token can. The first
 * that the key was proved with. */
static const struct way {
    enum pki_algorithm algorithm;
    int number; /* of the AlgorithmIdentifier */
    int parameters;
} ways[] = {
    {PKI_RSA_PKCS1_SHA256, NID_sha256WithRSAEncryption, V_ASN1_NULL},
    {PKI_RSA_PKCS1_SHA384, NID_sha384WithRSAEncryption, V_ASN1_NULL},
    {PKI_RSA_PKCS1_SHA512, NID_sha512WithRSAEncryption, V_ASN1_NULL},
    {PKI_ECDSA_SHA256, NID_ecdsa_with_SHA256, V_ASN1_UNDEF},
    {PKI_ECDSA_SHA384, NID_ecdsa_with_SHA384, V_ASN1_UNDEF},
    {PKI_ECDSA_SHA512, NID_ecdsa_with_SHA512, V_ASN1_UNDEF},
    {PKI_ED25519, NID_ED25519, V_ASN1_UNDEF},
};

static const struct way *choose_way(EVP_PKEY *key, uint32_t algorithms)
{
    bool long_curve = EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256;
    const struct way *chosen = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        if (!(algorithms & 1u << ways[i].algorithm))
            continue;
        if (!chosen || (long_curve && ways[i].algorithm == PKI_ECDSA_SHA384))
            chosen = &ways[i];
    }
    return chosen;
}

static bool set_signature(X509_REQ *made, const struct way *way, const uint8_t *bytes,
                          size_t length)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_BIT_STRING *signature = ASN1_BIT_STRING_new();
    bool set = algorithm && signature &&
               X509_ALGOR_set0(algorithm, OBJ_nid2obj(way->number), way->parameters, NULL) == 1 &&
               X509_REQ_set1_signature_algo(made, algorithm) == 1 &&
               ASN1_BIT_STRING_set(signature, (unsigned char *)(uintptr_t)bytes, (int)length) == 1;
    X509_ALGOR_free(algorithm);
    if (!set) {
        ASN1_BIT_STRING_free(signature);
        return false;
    }
    /* Whole bytes, also when the last bits are zero. */
    signature->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
    signature->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(made, signature);
    return true;
}

/* OpenSSL's own X509_REQ_sign() wants the AlgorithmIdentifier of the provider, which ours leaves to
 * TLS; so the parts are put together here. */
static bool sign_bytes(struct pki_library *library, X509_REQ *made, EVP_PKEY *key,
                       const struct way *way)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[PKI_SIGNATURE_MAXIMUM];
    size_t size = sizeof signature;
    unsigned char *der = NULL;
    int length = i2d_re_X509_REQ_tbs(made, &der);
    bool done = length > 0 && context &&
                EVP_DigestSignInit_ex(context, NULL, pki_algorithm_info(way->algorithm)->digest,
                                      pki_library_context(library), NULL, key, NULL) == 1 &&
                EVP_DigestSign(context, signature, &size, der, (size_t)length) == 1 &&
                set_signature(made, way, signature, size);
    OPENSSL_free(der);
    return done;
}

static int sign(struct pki_library *library, X509_REQ *made, EVP_PKEY *key, uint32_t algorithms,
                struct error *error)
{
    const struct way *way = choose_way(key, algorithms);
    if (!way) {
        error_set(error, EX_TEMPFAIL,
                  "The key was not proved to sign anything, so that no request "
                  "can be signed with it");
        return error_cure(error, "posternctl hsm status shows what is wrong with the key");
    }
    pki_library_clear_error();
    ERR_clear_error();
    if (sign_bytes(library, made, key, way))
        return 0;
    const struct error *reason = pki_library_last_error();
    if (!reason)
        return fail_openssl("The request cannot be signed", error);
    ERR_clear_error();
    *error = *reason;
    return -error->code;
}

/* As whoever receives it does: read anew, with the public key that stands in it. */
static bool is_right(X509_REQ *made)
{
    unsigned char *der = NULL;
    int length = i2d_X509_REQ(made, &der);
    const unsigned char *at = der;
    _cleanup_(X509_REQ_freep) X509_REQ *read = length > 0 ? d2i_X509_REQ(NULL, &at, length) : NULL;
    EVP_PKEY *key = read ? X509_REQ_get0_pubkey(read) : NULL;
    OPENSSL_free(der);
    return key && X509_REQ_verify(read, key) == 1;
}

static int write_pem(X509_REQ *made, char **ret, struct error *error)
{
    _cleanup_(BIO_free_allp) BIO *memory = BIO_new(BIO_s_mem());
    *ret = memory && PEM_write_bio_X509_REQ(memory, made) == 1 ? pki_pem_text(memory) : NULL;
    return *ret ? 0 : error_set(error, EX_OSERR, "There is no memory for a request");
}

int pki_request_make(struct pki_library *library, const struct pki_request *request, EVP_PKEY *key,
                     uint32_t algorithms, char **ret, struct error *error)
{
    int result = pki_request_check(request, error);
    if (result < 0)
        return result;
    _cleanup_(X509_REQ_freep) X509_REQ *made = X509_REQ_new_ex(pki_library_context(library), NULL);
    if (!made || !fill(made, request, key))
        return fail_openssl("The request cannot be made", error);
    result = sign(library, made, key, algorithms, error);
    if (result < 0)
        return result;
    if (!is_right(made))
        return fail_openssl("The signature of the request came out wrong", error);
    return write_pem(made, ret, error);
}
