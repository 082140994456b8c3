/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Weak stand-ins for the few functions of pki/ that loading calls, so that the configuration can be
 * tested by itself: enough for well-formed names and PEM files. They are in a library that is
 * linked behind libpki.a, so that a real function is used wherever there is one. */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "pki/identity.h"
#include "pki/names.h"
#include "pki/peer.h"

#define WEAK __attribute__((weak))

static int count_certificates(const char *path, bool *expired, struct error *error)
{
    FILE *stream = fopen(path, "re");
    int count = 0;
    X509 *certificate;
    if (!stream)
        return error_set_errno(error, EX_CONFIG, errno, "%s cannot be opened", path);
    while ((certificate = PEM_read_X509(stream, NULL, NULL, NULL))) {
        *expired |= X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
        X509_free(certificate);
        count++;
    }
    fclose(stream);
    if (!count)
        error_set(error, EX_CONFIG, "%s holds no certificate", path);
    return count;
}

WEAK int pki_chain_check(const char *path, char *warning, size_t size, struct error *error)
{
    bool expired = false;
    int count = count_certificates(path, &expired, error);
    snprintf(warning, size, "%s", expired ? "it expired" : "");
    return count > 0 ? 0 : -EX_CONFIG;
}

WEAK int pki_anchors_load(const char *path, X509_STORE **ret, struct error *error)
{
    bool expired = false;
    if (count_certificates(path, &expired, error) <= 0)
        return -EX_CONFIG;
    *ret = X509_STORE_new();
    return *ret ? 0 : error_set(error, EX_OSERR, "no memory");
}

/* "CN=a, O=b": from the most specific on; no escapes. */
WEAK int pki_name_parse(const char *text, X509_NAME **ret, struct error *error)
{
    X509_NAME *name = X509_NAME_new();
    char copy[4200], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
        part += strspn(part, " ");
        char *equals = strchr(part, '=');
        if (equals)
            *equals = '\0';
        if (!equals || !X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
                                                   (unsigned char *)equals + 1, -1, 0, 0)) {
            X509_NAME_free(name);
            return error_set(error, EX_DATAERR, "'%s' is not an attribute", part);
        }
    }
    *ret = name;
    return 0;
}

WEAK int pki_name_parse_exchange(const char *text, X509_NAME **ret_issuer, X509_NAME **ret_subject,
                                 struct error *error)
{
    char issuer[4200];
    const char *subject = strstr(text, "<S>");
    if (strncmp(text, "<I>", 3) != 0 || !subject)
        return error_set(error, EX_DATAERR, "it is not of the form <I>…<S>…");
    snprintf(issuer, sizeof issuer, "%.*s", (int)(subject - text - 3), text + 3);
    int result = pki_name_parse(issuer, ret_issuer, error);
    return result < 0 ? result : pki_name_parse(subject + 3, ret_subject, error);
}

WEAK const char *pki_name_text(const X509_NAME *name, char *text, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    int length = BIO_read(memory, text, (int)size - 1);
    text[length > 0 ? length : 0] = '\0';
    BIO_free(memory);
    return text;
}
