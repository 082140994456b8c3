/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test-peer-certificates.h. */
#include "tests/pki/test-peer-certificates.h"

#include <check.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pki/base/error.h"
#include "pki/names.h"

static EVP_PKEY *keys[TEST_KEY_END];

EVP_PKEY *test_key(enum test_key which)
{
    if (keys[which])
        return keys[which];
    if (which == TEST_RSA)
        keys[which] = EVP_RSA_gen(2048);
    else if (which == TEST_RSA_1024)
        keys[which] = EVP_RSA_gen(1024);
    else if (which == TEST_RSA_2052)
        keys[which] = EVP_RSA_gen(2052);
    else if (which == TEST_P192)
        keys[which] = EVP_EC_gen("P-192");
    else if (which == TEST_K256)
        keys[which] = EVP_EC_gen("secp256k1");
    else if (which == TEST_P384)
        keys[which] = EVP_EC_gen("P-384");
    else if (which == TEST_ED25519)
        keys[which] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        keys[which] = EVP_EC_gen("P-256");
    if (!keys[which])
        abort(); /* no test runs yet that could fail */
    return keys[which];
}

static void set_names(X509 *certificate, const struct test_certificate *wanted)
{
    struct error error;
    X509_NAME *subject = NULL;
    if (!wanted->subject[0])
        subject = X509_NAME_new();
    else
        ck_assert_msg(pki_name_parse(wanted->subject, &subject, &error) == 0, "%s", error.what);
    ck_assert(X509_set_subject_name(certificate, subject));
    const X509_NAME *issuer = wanted->issuer ? X509_get_subject_name(wanted->issuer) : subject;
    ck_assert(X509_set_issuer_name(certificate, issuer));
    X509_NAME_free(subject);
}

static void add_extensions(X509 *certificate, const struct test_certificate *wanted)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, wanted->issuer ? wanted->issuer : certificate, certificate, NULL, NULL,
                   0);
    X509V3_set_issuer_pkey(&context, test_key(wanted->issuer ? wanted->issuer_key : wanted->key));
    for (size_t i = 0; i + 1 < 16 && wanted->extensions[i]; i += 2) {
        X509_EXTENSION *extension =
            X509V3_EXT_nconf(NULL, &context, wanted->extensions[i], wanted->extensions[i + 1]);
        ck_assert_msg(extension != NULL, "%s=%s", wanted->extensions[i], wanted->extensions[i + 1]);
        ck_assert(X509_add_ext(certificate, extension, -1));
        X509_EXTENSION_free(extension);
    }
}

static void set_serial(X509 *certificate, const char *hex)
{
    BIGNUM *number = NULL;
    ck_assert_int_gt(BN_hex2bn(&number, hex), 0);
    ck_assert(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
    BN_free(number);
}

X509 *test_certificate(const struct test_certificate *wanted)
{
    static long serial = 0x1000;
    X509 *certificate = X509_new();
    EVP_PKEY *signer = test_key(wanted->issuer ? wanted->issuer_key : wanted->key);
    const EVP_MD *digest = EVP_get_digestbyname(wanted->digest ? wanted->digest : "SHA256");
    bool dated = wanted->from || wanted->to;
    ck_assert(X509_set_version(certificate,
                               wanted->version ? wanted->version - 1 : X509_VERSION_3));
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    if (wanted->serial)
        set_serial(certificate, wanted->serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), dated ? wanted->from : -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), dated ? wanted->to : 10 * 86400);
    ck_assert(X509_set_pubkey(certificate, test_key(wanted->key)));
    set_names(certificate, wanted);
    add_extensions(certificate, wanted);
    if (EVP_PKEY_is_a(signer, "ED25519"))
        digest = NULL;
    ck_assert_int_gt(X509_sign(certificate, signer, digest), 0);
    return certificate;
}

X509_STORE *test_anchors(X509 *certificate)
{
    X509_STORE *anchors = X509_STORE_new();
    ck_assert(anchors && X509_STORE_add_cert(anchors, certificate));
    return anchors;
}

struct test_chain test_chain(enum test_key leaf_key, const char *subject,
                             const char *const *leaf_extensions)
{
    struct test_chain chain;
    chain.root = test_certificate(&(struct test_certificate){
        .subject = TEST_ROOT_SUBJECT,
        .key = TEST_P256_ROOT,
        .extensions = {"basicConstraints", "critical,CA:TRUE", "keyUsage",
                       "critical,keyCertSign,cRLSign", "subjectKeyIdentifier", "hash"}});
    chain.intermediate = test_certificate(&(struct test_certificate){
        .subject = TEST_ISSUER_SUBJECT,
        .key = TEST_P256_INTERMEDIATE,
        .issuer = chain.root,
        .issuer_key = TEST_P256_ROOT,
        .extensions = {"basicConstraints", "critical,CA:TRUE,pathlen:0", "keyUsage",
                       "critical,keyCertSign,cRLSign", "subjectKeyIdentifier", "hash",
                       "authorityKeyIdentifier", "keyid:always"}});
    struct test_certificate leaf = {
        .subject = subject,
        .key = leaf_key,
        .issuer = chain.intermediate,
        .issuer_key = TEST_P256_INTERMEDIATE,
        .extensions = {"authorityKeyIdentifier", "keyid:always", "subjectKeyIdentifier", "hash",
                       "extendedKeyUsage", "serverAuth,clientAuth", "keyUsage",
                       "critical,digitalSignature", "subjectAltName",
                       "DNS:mail.protection.outlook.com,DNS:*.mail.protection.outlook.com"}};
    if (leaf_extensions) {
        memset(leaf.extensions + 4, 0, sizeof leaf.extensions - 4 * sizeof *leaf.extensions);
        for (size_t i = 0; leaf_extensions[i] && i + 4 < 15; i++)
            leaf.extensions[4 + i] = leaf_extensions[i];
    }
    chain.leaf = test_certificate(&leaf);
    chain.untrusted = sk_X509_new_null();
    sk_X509_push(chain.untrusted, chain.intermediate);
    chain.anchors = test_anchors(chain.root);
    return chain;
}

void test_chain_clear(struct test_chain *chain)
{
    X509_STORE_free(chain->anchors);
    sk_X509_free(chain->untrusted);
    X509_free(chain->leaf);
    X509_free(chain->intermediate);
    X509_free(chain->root);
}

char *test_write_pem(X509 *const *certificates, size_t count)
{
    const char *directory = getenv("TMPDIR");
    char *path = NULL;
    ck_assert(asprintf(&path, "%s/postern-test-XXXXXX", directory ? directory : "/tmp") > 0);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    for (size_t i = 0; i < count; i++)
        ck_assert(PEM_write_X509(file, certificates[i]));
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

void test_remove(char *path)
{
    unlink(path);
    free(path);
}
