/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See bundle.h: reading a chain in whatever form it came, and putting it in order.
 * bundle-inspect.c judges it. Any thread. */
#include "pki/bundle-private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/names.h"

enum { NAME_SIZE = 160 };

DEFINE_CLEANUP(BIO *, BIO_free_all)

/* --- one certificate after the other ---------------------------------------------------------- */

static int refuse(struct error *error, const char *what, const char *cure)
{
    error_set(error, EX_DATAERR, "%s", what);
    return error_cure(error, "%s", cure);
}

/* Takes it over in any case; one that is there already counts once. */
static int add_certificate(pki_x509_stack *all, X509 *certificate, struct error *error)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        if (X509_cmp(sk_X509_value(all, i), certificate) == 0) {
            X509_free(certificate);
            return 0;
        }
    }
    if (sk_X509_num(all) < PKI_BUNDLE_CERTIFICATES_MAXIMUM && sk_X509_push(all, certificate))
        return 0;
    X509_free(certificate);
    error_set(error, EX_DATAERR, "There are more than %d certificates in it",
              PKI_BUNDLE_CERTIFICATES_MAXIMUM);
    return error_cure(error, "leave only our certificate and those that lead up from it");
}

/* 1: a certificate, 0: it is none, negative: too many. All of the bytes must be its own. */
static int add_der(pki_x509_stack *all, const uint8_t *der, size_t length, OSSL_LIB_CTX *context,
                   struct error *error)
{
    const uint8_t *at = der;
    X509 *certificate = X509_new_ex(context, NULL);
    if (!certificate)
        return error_set(error, EX_OSERR, "There is no memory to read certificates");
    if (!d2i_X509(&certificate, &at, (long)length)) /* which frees it */
        return 0;
    if (at != der + length) {
        X509_free(certificate);
        return 0;
    }
    int result = add_certificate(all, certificate, error);
    return result < 0 ? result : 1;
}

/* The certificates of a PKCS#7 are made anew, so that they belong to the context. */
static int add_each(pki_x509_stack *all, const pki_x509_stack *some, OSSL_LIB_CTX *context,
                    struct error *error)
{
    int result = 1;
    for (int i = 0; i < sk_X509_num(some) && result > 0; i++) {
        unsigned char *der = NULL;
        int length = i2d_X509(sk_X509_value(some, i), &der);
        if (length > 0)
            result = add_der(all, der, (size_t)length, context, error);
        OPENSSL_free(der);
    }
    return result < 0 ? result : 1;
}

/* As add_der(). */
static int add_pkcs7(pki_x509_stack *all, const uint8_t *der, size_t length, OSSL_LIB_CTX *context,
                     struct error *error)
{
    const uint8_t *at = der;
    PKCS7 *message = d2i_PKCS7(NULL, &at, (long)length);
    int result = 0;
    if (message && at == der + length && PKCS7_type_is_signed(message) && message->d.sign)
        result = add_each(all, message->d.sign->cert, context, error);
    PKCS7_free(message);
    return result;
}

/* --- PEM -------------------------------------------------------------------------------------- */

static const struct block {
    const char *name;
    int (*add)(pki_x509_stack *, const uint8_t *, size_t, OSSL_LIB_CTX *, struct error *);
} blocks[] = {
    {PEM_STRING_X509, add_der},
    {PEM_STRING_X509_OLD, add_der},
    {PEM_STRING_PKCS7, add_pkcs7},
    {PEM_STRING_PKCS7_SIGNED, add_pkcs7},
};

static int refuse_block(const char *name, struct error *error)
{
    if (strstr(name, "PRIVATE KEY"))
        return refuse(error,
                      "There is a private key in it, which must not travel with the "
                      "certificate",
                      "take the block out of the file; the key stays on the token, or in a file of "
                      "its own that only the signer may read");
    if (strstr(name, "CERTIFICATE REQUEST"))
        return refuse(error, "It is a certificate request, not the certificate",
                      "send it to the CA, and stage what comes back");
    error_set(error, EX_DATAERR, "There is a block in it that is no certificate: %.60s", name);
    return error_cure(error, "leave only blocks that begin with -----BEGIN CERTIFICATE----- or "
                             "-----BEGIN PKCS7-----");
}

static int add_block(pki_x509_stack *all, const char *name, const uint8_t *der, size_t length,
                     OSSL_LIB_CTX *context, struct error *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        if (strcmp(name, blocks[i].name) != 0)
            continue;
        int result = blocks[i].add(all, der, length, context, error);
        if (result)
            return result < 0 ? result : 0;
        error_set(error, EX_DATAERR, "Block %d of it cannot be read", sk_X509_num(all) + 1);
        return error_cure(error, "have it sent again; \"openssl x509 -in FILE -noout -text\" shows "
                                 "what is wrong");
    }
    return refuse_block(name, error);
}

static int parse_pem(pki_x509_stack *all, const void *bytes, size_t length, OSSL_LIB_CTX *context,
                     struct error *error)
{
    _cleanup_(BIO_free_allp) BIO *memory = BIO_new_mem_buf(bytes, (int)length);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    int result = memory ? 0 : error_set(error, EX_OSERR, "There is no memory to read certificates");
    while (result == 0 && PEM_read_bio(memory, &name, &header, &der, &size) == 1) {
        result = add_block(all, name, der, (size_t)size, context, error);
        OPENSSL_clear_free(der, (size_t)size); /* it may be a key */
        OPENSSL_free(header);
        OPENSSL_free(name);
    }
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (result == 0 && !end) {
        error_set(error, EX_DATAERR, "Block %d of it is no PEM that can be read",
                  sk_X509_num(all) + 1);
        result = error_cure(error, "have it sent again; a line may be missing or broken");
    }
    return result;
}

static int parse_any(pki_x509_stack *all, const void *bytes, size_t length, OSSL_LIB_CTX *context,
                     struct error *error)
{
    if (!length)
        return 0;
    if (memmem(bytes, length, "-----BEGIN ", 11))
        return parse_pem(all, bytes, length, context, error);
    int result = add_der(all, bytes, length, context, error);
    if (result == 0)
        result = add_pkcs7(all, bytes, length, context, error);
    return result < 0 ? result : 0;
}

/* --- the order -------------------------------------------------------------------------------- */

bool pki_bundle_issued(X509 *certificate, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool issued = key && X509_check_issued(issuer, certificate) == X509_V_OK &&
                  X509_verify(certificate, key) == 1;
    ERR_clear_error();
    return issued;
}

bool pki_bundle_is_root(X509 *certificate)
{
    return pki_name_equal(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) &&
           pki_bundle_issued(certificate, certificate);
}

static bool issues_another(const pki_x509_stack *all, int index)
{
    for (int i = 0; i < sk_X509_num(all); i++)
        if (i != index && pki_bundle_issued(sk_X509_value(all, i), sk_X509_value(all, index)))
            return true;
    return false;
}

/* A CA certificate that issues none of the others is one too many, not a second leaf. */
static bool may_be_leaf(const pki_x509_stack *all, int index)
{
    return !issues_another(all, index) && X509_check_ca(sk_X509_value(all, index)) == 0;
}

static int find_leaf(const pki_x509_stack *all, int *ret, struct error *error)
{
    char first[NAME_SIZE], second[NAME_SIZE];
    int leaf = -1;
    for (int i = 0; i < sk_X509_num(all); i++) {
        if (!may_be_leaf(all, i))
            continue;
        if (leaf >= 0) {
            error_set(
                error, EX_DATAERR, "There are two certificates in it that might be ours: %s and %s",
                pki_name_text(X509_get_subject_name(sk_X509_value(all, leaf)), first, sizeof first),
                pki_name_text(X509_get_subject_name(sk_X509_value(all, i)), second, sizeof second));
            return error_cure(error, "leave only the new one, and those that lead up from it");
        }
        leaf = i;
    }
    if (leaf < 0 && sk_X509_num(all) == 1)
        leaf = 0; /* a certificate that calls itself a CA, alone: whoever made it means it */
    if (leaf < 0)
        return refuse(error, "There are only certificates of CAs in it, and none of ours",
                      "add the certificate that was issued for us");
    *ret = leaf;
    return 0;
}

static X509 *take_issuer(pki_x509_stack *all, X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(all); i++)
        if (pki_bundle_issued(certificate, sk_X509_value(all, i)))
            return sk_X509_delete(all, i);
    return NULL;
}

/* Moves what leads up from the leaf out of `all`; what is left there is no part of the chain. */
static int put_in_order(pki_x509_stack *all, struct pki_bundle *bundle, struct error *error)
{
    int leaf = -1, result = find_leaf(all, &leaf, error);
    if (result < 0)
        return result;
    bundle->leaf = sk_X509_delete(all, leaf);
    X509 *last = bundle->leaf, *issuer;
    while (!pki_bundle_is_root(last) && (issuer = take_issuer(all, last))) {
        if (pki_bundle_is_root(issuer)) {
            bundle->root = issuer;
            return 0;
        }
        if (!sk_X509_push(bundle->intermediates, issuer)) {
            X509_free(issuer);
            return error_set(error, EX_OSERR, "There is no memory to read certificates");
        }
        last = issuer;
    }
    return 0;
}

struct pki_bundle *pki_bundle_free(struct pki_bundle *bundle)
{
    if (!bundle)
        return NULL;
    X509_free(bundle->leaf);
    X509_free(bundle->root);
    pki_certificates_free(bundle->intermediates);
    pki_certificates_free(bundle->rest);
    free(bundle);
    return NULL;
}

static struct pki_bundle *new_bundle(void)
{
    struct pki_bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle && (bundle->intermediates = sk_X509_new_null()) &&
        (bundle->rest = sk_X509_new_null()))
        return bundle;
    return pki_bundle_free(bundle);
}

int pki_bundle_parse(const void *bytes, size_t length, OSSL_LIB_CTX *context,
                     struct pki_bundle **ret, struct error *error)
{
    if (length > PKI_BUNDLE_BYTES_MAXIMUM) {
        error_set(error, EX_DATAERR, "It is longer than %d bytes", PKI_BUNDLE_BYTES_MAXIMUM);
        return error_cure(error, "leave only our certificate and those that lead up from it");
    }
    _cleanup_(pki_bundle_freep) struct pki_bundle *bundle = new_bundle();
    if (!bundle)
        return error_set(error, EX_OSERR, "There is no memory to read certificates");
    ERR_clear_error();
    int result = parse_any(bundle->rest, bytes, length, context, error);
    ERR_clear_error();
    if (result == 0 && sk_X509_num(bundle->rest) == 0)
        result = refuse(error, "There is no certificate in it",
                        "give what the CA has sent: PEM, DER, or PKCS#7 (.p7b)");
    if (result == 0)
        result = put_in_order(bundle->rest, bundle, error);
    ERR_clear_error();
    if (result == 0)
        *ret = TAKE_PTR(bundle);
    return result;
}

/* Only a regular file of sane size: a FIFO would block, a device would never end. */
static int read_file(const char *path, char *bytes, size_t *length, struct error *error)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        error_set_errno(error, EX_NOINPUT, errno, "The certificate file cannot be read");
        return error_cure(error, "see that the file is there and may be read");
    }
    if (!S_ISREG(status.st_mode) || status.st_size > PKI_BUNDLE_BYTES_MAXIMUM)
        return error_set(error, EX_DATAERR, "It is no regular file of at most %d bytes",
                         PKI_BUNDLE_BYTES_MAXIMUM);
    size_t room = *length;
    ssize_t got = 1;
    for (*length = 0; got > 0 && *length<room; *length += got> 0 ? (size_t)got : 0)
        got = read(fd, bytes + *length, room - *length);
    return got < 0
               ? error_set_errno(error, EX_NOINPUT, errno, "The certificate file cannot be read")
               : 0;
}

int pki_bundle_read(const char *path, OSSL_LIB_CTX *context, struct pki_bundle **ret,
                    struct error *error)
{
    size_t length = PKI_BUNDLE_BYTES_MAXIMUM + 1;
    _cleanup_free_ char *bytes = malloc(length);
    if (!bytes)
        return error_set(error, EX_OSERR, "There is no memory to read certificates");
    int result = read_file(path, bytes, &length, error);
    if (result == 0)
        result = pki_bundle_parse(bytes, length, context, ret, error);
    OPENSSL_cleanse(bytes, PKI_BUNDLE_BYTES_MAXIMUM + 1); /* a key may have been in it */
    return result < 0 ? error_where(error, "%s", path) : 0;
}

X509 *pki_bundle_leaf(const struct pki_bundle *bundle)
{
    return bundle->leaf;
}

const pki_x509_stack *pki_bundle_intermediates(const struct pki_bundle *bundle)
{
    return bundle->intermediates;
}

char *pki_bundle_pem(const struct pki_bundle *bundle)
{
    _cleanup_(BIO_free_allp) BIO *memory = BIO_new(BIO_s_mem());
    bool written = memory && PEM_write_bio_X509(memory, bundle->leaf) == 1;
    for (int i = 0; written && i < sk_X509_num(bundle->intermediates); i++)
        written = PEM_write_bio_X509(memory, sk_X509_value(bundle->intermediates, i)) == 1;
    ERR_clear_error();
    return written ? pki_pem_text(memory) : NULL;
}
