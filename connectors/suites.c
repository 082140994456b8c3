/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See suites.h. */
#include "connectors/suites.h"

#include <openssl/obj_mac.h>
#include <openssl/opensslv.h>
#include <string.h>
#include <strings.h>

#include "connectors/guess.h"

#define TLS13(code, name)                                                                          \
    {                                                                                              \
        name, name, code, CONN_TLS_1_3, CONN_TLS_1_3, true                                         \
    }
#define TLS12(code, name, openssl)                                                                 \
    {                                                                                              \
        name, openssl, code, CONN_TLS_1_2, CONN_TLS_1_2, true                                      \
    }
#define OLD(code, name, openssl, first)                                                            \
    {                                                                                              \
        name, openssl, code, first, CONN_TLS_1_2, false                                            \
    }

/* RSA key exchange would need a key that decrypts, and DHE parameters of our own: neither is here.
 */
const struct conn_cipher_suite conn_cipher_suites[] = {
    TLS13(0x1302, "TLS_AES_256_GCM_SHA384"),
    TLS13(0x1301, "TLS_AES_128_GCM_SHA256"),
    TLS13(0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    TLS12(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    TLS12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    TLS12(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    TLS12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    TLS12(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    TLS12(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    OLD(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384",
        CONN_TLS_1_2),
    OLD(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384", CONN_TLS_1_2),
    OLD(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256",
        CONN_TLS_1_2),
    OLD(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", CONN_TLS_1_2),
    OLD(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", CONN_TLS_1_0),
    OLD(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", CONN_TLS_1_0),
    OLD(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", CONN_TLS_1_0),
    OLD(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", CONN_TLS_1_0),
};
const unsigned conn_cipher_suite_count = ARRAY_SIZE(conn_cipher_suites);

/* Schannel's own order. Before TLS 1.3 the curve of a certificate's key has to be here as well, so
 * that secp521r1 stands at the end. */
const struct conn_group conn_groups[] = {
    {"x25519", "X25519", "curve25519", NID_X25519, 29, true},
    {"secp256r1", "P-256", "NistP256", NID_X9_62_prime256v1, 23, true},
    {"secp384r1", "P-384", "NistP384", NID_secp384r1, 24, true},
    {"secp521r1", "P-521", "NistP521", NID_secp521r1, 25, true},
    {"x448", "X448", "x448", NID_X448, 30, false},
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
    {"X25519MLKEM768", "X25519MLKEM768", "X25519MLKEM768", 0, 4588, false},
    {"SecP256r1MLKEM768", "SecP256r1MLKEM768", "SecP256r1MLKEM768", 0, 4587, false},
#endif
};
const unsigned conn_group_count = ARRAY_SIZE(conn_groups);

static bool begins(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* Why a suite that is registered is not among ours. */
static void explain_suite(const char *name, struct error *error)
{
    struct conn_guess guess = {.word = name};
    for (unsigned i = 0; i < conn_cipher_suite_count; i++) {
        if (strcasecmp(name, conn_cipher_suites[i].openssl) == 0 ||
            strcasecmp(name, conn_cipher_suites[i].name) == 0) {
            error_cure(error, "write %s", conn_cipher_suites[i].name);
            return;
        }
        conn_guess_consider(&guess, conn_cipher_suites[i].name);
    }
    if (begins(name, "TLS_RSA_") || begins(name, "TLS_PSK_") || begins(name, "TLS_ECDH_"))
        error_cure(error,
                   "it has no forward secrecy, so that whoever gets the key one day could read "
                   "all mail kept until then: take a suite that begins with TLS_ECDHE_");
    else if (strcasestr(name, "NULL") || strcasestr(name, "anon"))
        error_cure(error, "it has no encryption or no certificate: take it out");
    if (guess.best)
        error_cure(error, "write %s, if that is meant", guess.best);
    error_cure(error, "postern.xml(5) lists the suites there are; the default, without "
                      "TlsCipherSuites, is the best of them");
}

int conn_find_cipher_suite(const char *label, const char *name, unsigned *ret, struct error *error)
{
    for (unsigned i = 0; i < conn_cipher_suite_count; i++)
        if (strcmp(name, conn_cipher_suites[i].name) == 0) {
            *ret = i;
            return 0;
        }
    int result = error_set(error, EX_DATAERR, "%s '%.80s' is none that can be used", label, name);
    explain_suite(name, error);
    return result;
}

int conn_find_group(const char *label, const char *name, unsigned *ret, struct error *error)
{
    for (unsigned i = 0; i < conn_group_count; i++)
        if (strcmp(name, conn_groups[i].name) == 0) {
            *ret = i;
            return 0;
        }
    int result = error_set(error, EX_DATAERR, "%s '%.80s' is none that can be used", label, name);
    for (unsigned i = 0; i < conn_group_count; i++)
        if (strcasecmp(name, conn_groups[i].name) == 0 ||
            strcasecmp(name, conn_groups[i].openssl) == 0 ||
            strcasecmp(name, conn_groups[i].schannel) == 0)
            return error_cure(error, "write %s", conn_groups[i].name);
    error_cure(error, "x25519, secp256r1, secp384r1, secp521r1 and x448 are known");
    return result;
}

bool conn_cipher_suite_is_default(unsigned suite, enum conn_tls_version minimum)
{
    const struct conn_cipher_suite *known = &conn_cipher_suites[suite];
    return known->last >= minimum && (known->aead || minimum < CONN_TLS_1_2);
}

static int complete(unsigned **list, size_t *count, unsigned all, enum conn_tls_version minimum,
                    bool (*wanted)(unsigned index, enum conn_tls_version minimum),
                    struct error *error)
{
    if (*count)
        return 0;
    *list = calloc(all, sizeof **list);
    if (!*list)
        return error_set(error, EX_OSERR, "There is no memory left");
    for (unsigned i = 0; i < all; i++)
        if (wanted(i, minimum))
            (*list)[(*count)++] = i;
    return 0;
}

static bool group_is_default(unsigned group, enum conn_tls_version minimum)
{
    (void)minimum;
    return conn_groups[group].by_default;
}

int conn_tls_lists_complete(struct conn_tls_lists *lists, enum conn_tls_version minimum,
                            struct error *error)
{
    int result = complete(&lists->suites, &lists->suite_count, conn_cipher_suite_count, minimum,
                          conn_cipher_suite_is_default, error);
    return result < 0 ? result
                      : complete(&lists->groups, &lists->group_count, conn_group_count, minimum,
                                 group_is_default, error);
}

bool conn_tls_lists_have_suite(const struct conn_tls_lists *lists, unsigned code)
{
    for (size_t i = 0; i < lists->suite_count; i++)
        if (conn_cipher_suites[lists->suites[i]].code == code)
            return true;
    return false;
}

bool conn_tls_lists_have_group(const struct conn_tls_lists *lists, int negotiated)
{
    if (!negotiated)
        return true;
    for (size_t i = 0; i < lists->group_count; i++) {
        const struct conn_group *group = &conn_groups[lists->groups[i]];
        if ((group->nid && group->nid == negotiated) ||
            (unsigned)negotiated == (0x1000000u | group->code)) /* TLSEXT_nid_unknown */
            return true;
    }
    return false;
}

bool conn_tls_lists_serve(const struct conn_tls_lists *lists, enum conn_tls_version version)
{
    for (size_t i = 0; i < lists->suite_count; i++) {
        const struct conn_cipher_suite *suite = &conn_cipher_suites[lists->suites[i]];
        if (suite->first <= version && version <= suite->last)
            return true;
    }
    return false;
}
