/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a version of an identity may sign with, in a context or on one connection; identity-use.c
 * puts certificate, chain and key there.
 *
 * Which of OpenSSL's two lists governs our own signature depends on the side we are on; identity.h
 * says which, and tests/pki/test-identity-tls.c proves it. Contexts belong to one thread while they
 * are made, connections to one thread always. */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "pki/identity-private.h"
#include "pki/provider.h"

/* RFC 8446 4.2.3. A scheme with a group signs a handshake of TLS 1.3 only with a key on it. TLS 1.0
 * and 1.1 choose nothing and have no codes: what only they use is not here, and so is neither
 * offered nor chosen from 1.2 on. */
struct scheme {
    const char *tls;
    unsigned code;
    const char *type, *group;
    bool tls13; /* may sign a handshake of TLS 1.3 */
};

static const struct scheme schemes[PKI_ALGORITHM_END] = {
    [PKI_RSA_PKCS1_SHA256] = {"rsa_pkcs1_sha256", 0x0401, "RSA", NULL, false},
    [PKI_RSA_PKCS1_SHA384] = {"rsa_pkcs1_sha384", 0x0501, "RSA", NULL, false},
    [PKI_RSA_PKCS1_SHA512] = {"rsa_pkcs1_sha512", 0x0601, "RSA", NULL, false},
    [PKI_RSA_PSS_SHA256] = {"rsa_pss_rsae_sha256", 0x0804, "RSA", NULL, true},
    [PKI_RSA_PSS_SHA384] = {"rsa_pss_rsae_sha384", 0x0805, "RSA", NULL, true},
    [PKI_RSA_PSS_SHA512] = {"rsa_pss_rsae_sha512", 0x0806, "RSA", NULL, true},
    [PKI_ECDSA_SHA256] = {"ecdsa_secp256r1_sha256", 0x0403, "EC", "prime256v1", true},
    [PKI_ECDSA_SHA384] = {"ecdsa_secp384r1_sha384", 0x0503, "EC", "secp384r1", true},
    [PKI_ECDSA_SHA512] = {"ecdsa_secp521r1_sha512", 0x0603, "EC", "secp521r1", true},
    [PKI_ED25519] = {"ed25519", 0x0807, "ED25519", NULL, true},
};

/* What we take from a client, as a server: OpenSSL's own list without SHA-1 and DSA. */
static const char accepted_schemes[] =
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:ed448:"
    "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";

/* Those that TLS 1.2 or 1.3 names. */
static uint32_t with_scheme(uint32_t algorithms)
{
    for (unsigned i = 1; i < PKI_ALGORITHM_END; i++)
        if (!schemes[i].tls)
            algorithms &= ~(1u << i);
    return algorithms;
}

/* The names of a set, with colons between; false when TLS 1.3 can use none of them. */
static bool list_schemes(uint32_t algorithms, char *list, size_t size)
{
    bool tls13 = false;
    size_t used = 0;
    list[0] = '\0';
    for (unsigned i = 1; i < PKI_ALGORITHM_END; i++) {
        if (!(algorithms & (1u << i)) || used >= size)
            continue;
        used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ":" : "", schemes[i].tls);
        tls13 |= schemes[i].tls13;
    }
    return tls13;
}

static int cap_version(SSL *connection, struct error *error)
{
    if (SSL_get_min_proto_version(connection) < TLS1_3_VERSION &&
        SSL_set_max_proto_version(connection, TLS1_2_VERSION) == 1)
        return 0;
    error_set(error, EX_CONFIG,
              "The token cannot do TLS 1.3 with an RSA key, and no other version "
              "is allowed here");
    return error_cure(error, "use an EC key, or allow TLS 1.2");
}

/* A key that has proved nothing yet is limited to what it may prove: OpenSSL's own lists have SHA-1
 * where old devices are let in. */
static uint32_t usable_algorithms(const struct pki_version *version)
{
    uint32_t proved = pki_key_algorithms(version->key);
    return with_scheme(proved ? proved : pki_algorithms_of(version->pair));
}

static bool set_schemes(SSL *connection, const char *list)
{
    if (!SSL_is_server(connection))
        return SSL_set1_client_sigalgs_list(connection, list) == 1;
    return SSL_set1_sigalgs_list(connection, list) == 1 &&
           SSL_set1_client_sigalgs_list(connection, accepted_schemes) == 1;
}

int pki_version_limit(const struct pki_version *version, SSL *connection, struct error *error)
{
    char list[256];
    uint32_t algorithms = usable_algorithms(version);
    if (algorithms == 0) {
        error_set(error, EX_CONFIG, "The token makes no kind of signature that TLS 1.2 or 1.3 has");
        return error_cure(error, "see with \"posternctl hsm status\" what it can do");
    }
    if (!list_schemes(algorithms, list, sizeof list)) {
        int result = cap_version(connection, error);
        if (result < 0)
            return result;
    }
    bool done = set_schemes(connection, list);
    ERR_clear_error();
    if (!done)
        return error_set(error, EX_SOFTWARE, "OpenSSL does not take the signature algorithms %s",
                         list);
    return 0;
}

static const struct scheme *find_scheme(unsigned code)
{
    for (size_t i = 1; i < ARRAY_SIZE(schemes); i++)
        if (schemes[i].tls && schemes[i].code == code)
            return &schemes[i];
    return NULL;
}

static bool scheme_suits(const struct scheme *scheme, SSL *connection, EVP_PKEY *key)
{
    char group[32] = "";
    if (!scheme || !EVP_PKEY_is_a(key, scheme->type))
        return false;
    if (SSL_version(connection) < TLS1_3_VERSION)
        return true;
    if (scheme->group && !EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
        return false;
    return scheme->tls13 && (!scheme->group || strcmp(group, scheme->group) == 0);
}

bool pki_version_suits(const struct pki_version *version, const struct pki_version *other)
{
    char one[64], another[64];
    return usable_algorithms(version) == usable_algorithms(other) &&
           strcmp(pki_key_type_text(version->pair, one, sizeof one),
                  pki_key_type_text(other->pair, another, sizeof another)) == 0;
}

int pki_connection_suits_request(SSL *connection)
{
    EVP_PKEY *key = SSL_get_privatekey(connection);
    int count = SSL_get_shared_sigalgs(connection, 0, NULL, NULL, NULL, NULL, NULL);
    for (int i = 0; key && i < count; i++) {
        unsigned char low = 0, high = 0;
        SSL_get_shared_sigalgs(connection, i, NULL, NULL, NULL, &low, &high);
        if (scheme_suits(find_scheme((unsigned)high << 8 | low), connection, key))
            return 1;
    }
    return provider_fail(EX_CONFIG, "The server asks for a certificate, and takes no kind of "
                                    "signature that our key can make: nothing was sent");
}
