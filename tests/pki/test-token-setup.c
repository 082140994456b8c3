/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test-token-setup.h. */
#include "tests/pki/test-token-setup.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/signer/algorithm.h"

/* Outside of a test Check's own assertions cannot be used. */
#define must(condition)                                                                            \
    ((condition) ? (void)0 : (fprintf(stderr, "Cannot prepare: %s\n", #condition), exit(99)))

EVP_PKEY *test_keys[TEST_KEYS];
EVP_PKEY *test_stranger;

static char folder[] = "/tmp/postern-signer-XXXXXX";
static const char *const key_names[TEST_KEYS] = {"rsa", "p256", "p384", "ed25519"};

const char *test_path(const char *name)
{
    static char paths[16][400];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void test_write(const char *name, const char *text)
{
    FILE *file = fopen(test_path(name), "we");
    must(file);
    must(fputs(text, file) >= 0);
    must(fclose(file) == 0);
    must(chmod(test_path(name), 0600) == 0);
}

size_t test_size(const char *name)
{
    struct stat status;
    return stat(test_path(name), &status) == 0 ? (size_t)status.st_size : 0;
}

/* Appears whole: the module may look at any moment. */
void test_order(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "orders/%s", name);
    test_write("order", text);
    must(rename(test_path("order"), test_path(path)) == 0);
}

void test_withdraw(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "orders/%s", name);
    unlink(test_path(path));
}

const char *test_softhsm(void)
{
    static const char *const places[] = {
        "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so",
        "/usr/local/lib/softhsm/libsofthsm2.so"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    must(!"SoftHSM is installed");
    return NULL;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    must(system(command) == 0);
}

static void make_key(enum test_key type)
{
    char pem[64];
    switch (type) {
    case TEST_RSA:
        test_keys[type] = EVP_RSA_gen(2048);
        break;
    case TEST_ED25519:
        test_keys[type] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    default:
        test_keys[type] = EVP_EC_gen(type == TEST_P256 ? "P-256" : "P-384");
    }
    must(test_keys[type]);
    snprintf(pem, sizeof pem, "%s.pem", key_names[type]);
    test_write(pem, "");
    FILE *file = fopen(test_path(pem), "we");
    must(file);
    must(PEM_write_PKCS8PrivateKey(file, test_keys[type], NULL, NULL, 0, NULL, NULL) == 1);
    must(fclose(file) == 0);
    run("softhsm2-util --import '%s' --token postern-test --label %s --id 0%d --pin '%s' "
        ">'%s' 2>&1",
        test_path(pem), key_names[type], (int)type + 1, TEST_PIN, test_path("log"));
}

/* A sanitizer that complains in the signer does so where test_teardown() looks. */
static void watch_signer(void)
{
    static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
    char options[1024];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *given = getenv(names[i]);
        snprintf(options, sizeof options, "%s%slog_path=%s", given ? given : "", given ? ":" : "",
                 test_path("complaint"));
        setenv(names[i], options, 1);
    }
}

void test_setup(void)
{
    char configuration[512];
    must(mkdtemp(folder));
    must(mkdir(test_path("tokens"), 0700) == 0);
    must(mkdir(test_path("orders"), 0700) == 0);
    snprintf(configuration, sizeof configuration,
             "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
             test_path("tokens"));
    test_write("softhsm2.conf", configuration);
    test_write("pin", TEST_PIN "\n");
    setenv("SOFTHSM2_CONF", test_path("softhsm2.conf"), 1);
    setenv("POSTERN_TEST_TOKEN", test_path("orders"), 1);
    watch_signer();
    setenv("POSTERN_TEST_SOFTHSM", test_softhsm(), 1);
    run("softhsm2-util --init-token --free --label postern-test --so-pin 12345678 --pin '%s' "
        ">'%s' 2>&1",
        TEST_PIN, test_path("log"));
    for (unsigned type = 0; type < TEST_KEYS; type++)
        make_key(type);
    test_stranger = EVP_RSA_gen(2048);
    must(test_stranger);
    log_open("unit-signer", LOG_EMERG);
}

void test_begin(void)
{
    run("rm -f '%s'/*", test_path("orders"));
    test_write("pin", TEST_PIN "\n");
}

bool test_teardown(void)
{
    char command[600];
    snprintf(command, sizeof command, "! cat '%s'.* 2>/dev/null", test_path("complaint"));
    bool quiet = system(command) == 0;
    for (unsigned type = 0; type < TEST_KEYS; type++)
        EVP_PKEY_free(test_keys[type]);
    EVP_PKEY_free(test_stranger);
    run("rm -rf '%s'", folder);
    return quiet;
}

struct pki_signer *test_signer(void)
{
    struct pki_signer_options options = {
        .program = TEST_SIGNER, .log_level = getenv("TEST_VERBOSE") ? 7 : 0};
    struct pki_signer *signer = NULL;
    struct error error;
    int result = pki_signer_new(&signer, &options, &error);
    ck_assert_msg(result == 0, "%s", result ? error.what : "");
    return signer;
}

struct pki_key_source test_source(enum test_store store, enum test_key key)
{
    static char uris[8][256];
    static unsigned next;
    char *uri = uris[next++ % 8];
    if (store == TEST_FILE) {
        snprintf(uri, sizeof uris[0], "file:%s/%s.pem", folder, key_names[key]);
        return (struct pki_key_source){.key = uri};
    }
    snprintf(uri, sizeof uris[0], "pkcs11:token=postern-test;object=%s;type=private",
             key_names[key]);
    return (struct pki_key_source){.key = uri,
                                   .token = "pkcs11:token=postern-test",
                                   .module = test_softhsm(),
                                   .pin_source = test_path("pin")};
}

struct pki_key_source test_faulty(enum test_key key)
{
    struct pki_key_source source = test_source(TEST_TOKEN, key);
    source.module = TEST_MODULE;
    return source;
}

struct pki_key *test_open(struct pki_signer *signer, const struct pki_key_source *source,
                          enum test_key key)
{
    struct pki_key *ret = NULL;
    struct error error;
    char text[1400];
    int result = pki_key_open(signer, source, test_keys[key], false, &ret, &error);
    ck_assert_msg(result == 0, "%s", result ? error_text(&error, text, sizeof text) : "");
    return ret;
}

int test_sign(struct pki_key *key, enum test_key type, enum pki_algorithm algorithm,
              struct error *error)
{
    uint8_t data[64], signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature, size = pki_algorithm_info(algorithm)->digest_length;
    if (!size)
        size = 50;
    RAND_bytes(data, (int)size);
    int result = key->operations->sign(key, algorithm, data, size, signature, &length, error);
    if (result < 0)
        return result;
    return verify_signature(test_keys[type], algorithm, (struct bytes){data, size},
                            (struct bytes){signature, length})
               ? 0
               : error_set(error, EX_SOFTWARE, "The signature is wrong");
}

enum pki_algorithm test_first(enum test_key type)
{
    static const enum pki_algorithm first[TEST_KEYS] = {PKI_RSA_PSS_SHA256, PKI_ECDSA_SHA256,
                                                        PKI_ECDSA_SHA384, PKI_ED25519};
    return first[type];
}

int test_sign_patiently(struct pki_key *key, enum test_key type)
{
    struct error error;
    int64_t until = clock_milliseconds() + 10000;
    int result;
    while ((result = test_sign(key, type, test_first(type), &error)) < 0 &&
           clock_milliseconds() < until)
        usleep(20000);
    return result;
}
