/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The chain that we present: read from its file and checked, before anyone else looks at it.
 *
 * Exchange Online fetches no intermediates, so that a gap here is mail refused there. Any thread.
 */
#include "pki/identity-private.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "pki/names.h"

enum { CHAIN_MAXIMUM = 10, RSA_BITS_MINIMUM = 2048, NAME_SIZE = 160 };

void pki_chain_clear(struct pki_chain *chain)
{
    X509_free(chain->leaf);
    pki_certificates_free(chain->intermediates);
    *chain = (struct pki_chain){0};
}

static const char *subject_of(const X509 *certificate, char *text)
{
    return pki_name_text(X509_get_subject_name(certificate), text, NAME_SIZE);
}

static bool issued_by(X509 *certificate, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool issued = key && X509_check_issued(issuer, certificate) == X509_V_OK &&
                  X509_verify(certificate, key) == 1;
    ERR_clear_error();
    return issued;
}

static bool is_root(X509 *certificate)
{
    return pki_name_equal(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) &&
           issued_by(certificate, certificate);
}

/* Adds a sentence; the former ones stay. */
static void __attribute__((format(printf, 3, 4)))
warn(char *warning, size_t size, const char *format, ...)
{
    size_t used = strnlen(warning, size);
    if (used + 3 > size)
        return;
    if (used) {
        strcpy(warning + used, "; ");
        used += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(warning + used, size - used, format, arguments);
    va_end(arguments);
}

static int check_dates(X509 *certificate, char *warning, size_t size, struct error *error)
{
    char name[NAME_SIZE], time[32];
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0) {
        error_set(error, EX_CONFIG, "The certificate %s is not valid before %s",
                  subject_of(certificate, name),
                  pki_time_text(X509_get0_notBefore(certificate), time, sizeof time));
        return error_cure(error, "wait until then, or see that this machine's clock is right");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        warn(warning, size, "the certificate %s has expired on %s", subject_of(certificate, name),
             pki_time_text(X509_get0_notAfter(certificate), time, sizeof time));
    return 0;
}

static int check_key(X509 *leaf, struct error *error)
{
    char name[NAME_SIZE];
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    ERR_clear_error();
    if (!key ||
        !(EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "ED25519"))) {
        error_set(error, EX_CONFIG, "The certificate %s has a key of a kind that cannot be used",
                  subject_of(leaf, name));
        return error_cure(error, "have it issued for an RSA, EC (P-256, P-384) or Ed25519 key");
    }
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < RSA_BITS_MINIMUM) {
        error_set(error, EX_CONFIG, "The certificate %s has an RSA key of %d bits",
                  subject_of(leaf, name), EVP_PKEY_get_bits(key));
        return error_cure(error, "have it issued for a key of at least %d bits", RSA_BITS_MINIMUM);
    }
    return 0;
}

/* Certificate by certificate, up to the end or the root. */
static int check_links(pki_x509_stack *all, char *warning, size_t size, struct error *error)
{
    char name[NAME_SIZE], issuer[NAME_SIZE];
    int count = sk_X509_num(all), result = check_key(sk_X509_value(all, 0), error);
    for (int i = 0; i < count && !result; i++) {
        X509 *certificate = sk_X509_value(all, i);
        if (i + 1 < count && !issued_by(certificate, sk_X509_value(all, i + 1))) {
            error_set(error, EX_CONFIG,
                      "Certificate %d of the chain (%s) was not issued by certificate %d (%s)",
                      i + 1, subject_of(certificate, name), i + 2,
                      subject_of(sk_X509_value(all, i + 1), issuer));
            return error_cure(
                error,
                "write our own certificate first, then the one that issued it (%s), and so on",
                pki_name_text(X509_get_issuer_name(certificate), issuer, sizeof issuer));
        }
        result = check_dates(certificate, warning, size, error);
    }
    return result;
}

static void warn_alone(X509 *leaf, char *warning, size_t size)
{
    char name[NAME_SIZE];
    warn(warning, size,
         "the chain holds the certificate alone; unless a root has issued it, add the certificate "
         "of %s, for Exchange Online fetches no intermediates",
         pki_name_text(X509_get_issuer_name(leaf), name, sizeof name));
}

int pki_chain_read(const char *path, OSSL_LIB_CTX *context, struct pki_chain *ret, char *warning,
                   size_t size, struct error *error)
{
    char unwanted[1];
    if (!warning)
        warning = unwanted, size = sizeof unwanted;
    warning[0] = '\0';
    _cleanup_(pki_certificates_freep) pki_x509_stack *all = NULL;
    int result = pki_certificates_read(path, context, CHAIN_MAXIMUM, &all, error);
    if (!result)
        result = check_links(all, warning, size, error);
    if (result < 0)
        return error_where(error, "%s", path);
    int last = sk_X509_num(all) - 1;
    bool root = is_root(sk_X509_value(all, last));
    if (last == 0 && !root)
        warn_alone(sk_X509_value(all, 0), warning, size);
    if (last > 0 && root)
        X509_free(sk_X509_pop(all));
    ret->leaf = sk_X509_shift(all);
    ret->intermediates = TAKE_PTR(all);
    return 0;
}

int pki_chain_check(const char *path, char *warning, size_t size, struct error *error)
{
    struct pki_chain chain = {0};
    int result = pki_chain_read(path, NULL, &chain, warning, size, error);
    pki_chain_clear(&chain);
    return result;
}
