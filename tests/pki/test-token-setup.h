/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A folder with the same four keys twice: as PEM files, and on a SoftHSM token made for the test.
 *
 * test_setup() is an unchecked fixture (once, in the parent), test_begin() a checked one (before
 * each test). Everything is in a temporary folder that test_teardown() removes. */
#ifndef POSTERN_TESTS_TOKEN_SETUP_H
#define POSTERN_TESTS_TOKEN_SETUP_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "pki/signer.h"

enum test_key { TEST_RSA, TEST_P256, TEST_P384, TEST_ED25519, TEST_KEYS };
enum test_store { TEST_FILE, TEST_TOKEN, TEST_STORES };

#define TEST_PIN "4711-secret"

extern EVP_PKEY *test_keys[TEST_KEYS];
extern EVP_PKEY *test_stranger; /* RSA, and on no token and in no file */

void test_setup(void);
void test_begin(void);
bool test_teardown(void); /* false: a sanitizer complained in a signer */

/* Paths and texts live to the end of the test. */
const char *test_path(const char *name);
void test_write(const char *name, const char *text);
size_t test_size(const char *name);                  /* 0 when it is not there */
void test_order(const char *name, const char *text); /* see test-token-module.c */
void test_withdraw(const char *name);
const char *test_softhsm(void); /* the path of the module */

struct pki_signer *test_signer(void);
struct pki_key_source test_source(enum test_store store, enum test_key key);
/* On the token, through the module that has faults. */
struct pki_key_source test_faulty(enum test_key key);

struct pki_key *test_open(struct pki_signer *signer, const struct pki_key_source *source,
                          enum test_key key);
/* 0 when a signature over random data came and is right, else the negative code. */
int test_sign(struct pki_key *key, enum test_key type, enum pki_algorithm algorithm,
              struct error *error);
enum pki_algorithm test_first(enum test_key type);
/* Signs until it works, at most ten seconds; the last result. */
int test_sign_patiently(struct pki_key *key, enum test_key type);

#endif
