/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Certificates made to measure for the tests of pki/, right and wrong ones, in memory.
 *
 * Keys are made once a process, before Check forks; what a test makes it frees, or leaves to the
 * end of its process. Any failure here ends the test. */
#ifndef POSTERN_TESTS_CERTIFICATES_H
#define POSTERN_TESTS_CERTIFICATES_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

enum test_key {
    TEST_RSA,
    TEST_P256,
    TEST_P384,
    TEST_ED25519,
    TEST_P256_ROOT,
    TEST_P256_INTERMEDIATE,
    TEST_P256_OTHER,
    TEST_RSA_1024,
    TEST_RSA_2052,
    TEST_P192,
    TEST_K256,
    TEST_KEY_END
};

/* Borrowed; made when first asked for. */
EVP_PKEY *test_key(enum test_key which);

struct test_certificate {
    const char *subject; /* RFC 4514; "" for an empty one */
    enum test_key key;
    X509 *issuer; /* NULL: signed by itself */
    enum test_key issuer_key;
    long from, to;              /* seconds from now; both 0: from a day ago, for ten days */
    const char *extensions[16]; /* name, value, name, value … as in openssl.cnf */
    const char *digest;         /* NULL: SHA256, or none for Ed25519 */
    const char *serial;         /* hex, "-1" too; NULL: one that nobody else has */
    int version;                /* 1 for a certificate of version 1; 0: version 3 */
};
X509 *test_certificate(const struct test_certificate *wanted);

/* A root, an intermediate and a leaf as they should be. */
struct test_chain {
    X509 *root, *intermediate, *leaf;
    STACK_OF(X509) * untrusted; /* the intermediate */
    X509_STORE *anchors;        /* the root */
};
/* `leaf_extensions` as above, NULL: both usages and the name mail.protection.outlook.com. */
struct test_chain test_chain(enum test_key leaf_key, const char *subject,
                             const char *const *leaf_extensions);
void test_chain_clear(struct test_chain *chain);

X509_STORE *test_anchors(X509 *certificate);

/* Writes certificates as PEM to a new file in a directory of the test's own; the path is freed by
 * the caller, the file removed by test_remove(). */
char *test_write_pem(X509 *const *certificates, size_t count);
void test_remove(char *path);

#define TEST_ROOT_SUBJECT "CN=Test Root G2, O=Trust & Co, C=US"
#define TEST_ISSUER_SUBJECT "CN=DigiCert Cloud Services CA-1, O=DigiCert Inc, C=US"
#define TEST_LEAF_SUBJECT                                                                          \
    "CN=mail.protection.outlook.com, O=Microsoft Corporation, L=Redmond, ST=Washington, C=US"

#endif
