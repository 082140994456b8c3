/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See pem.h: reading certificates, and their DNS names. */
#include "pki/pem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAXIMUM = 8 << 20, NAME_MAXIMUM = 255 };

DEFINE_CLEANUP(BIO *, BIO_free_all)

char *pki_pem_text(BIO *memory)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(memory, &bytes);
    char *text = length > 0 ? malloc((size_t)length + 1) : NULL;
    if (!text)
        return NULL;
    memcpy(text, bytes, (size_t)length); /* without an end of its own */
    text[length] = '\0';
    return text;
}

pki_x509_stack *pki_certificates_free(pki_x509_stack *certificates)
{
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

/* Only a regular file of sane size: a FIFO would block the reload, a device would never end. */
static int open_file(const char *path, BIO **ret, struct error *error)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        error_set_errno(error, EX_CONFIG, errno, "The certificate file cannot be read");
        error_where(error, "%s", path);
        return error_cure(error, "see that the file is there and that Postern's user may read it");
    }
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAXIMUM) {
        error_set(error, EX_CONFIG, "The certificate file is no regular file of at most %d bytes",
                  FILE_MAXIMUM);
        return error_where(error, "%s", path);
    }
    FILE *file = fdopen(fd, "r");
    if (!file)
        return error_set_errno(error, EX_OSERR, errno, "The certificate file cannot be read");
    (void)TAKE_FD(fd);
    *ret = BIO_new_fp(file, BIO_CLOSE);
    if (!*ret) {
        fclose(file);
        return error_set(error, EX_OSERR, "There is no memory to read certificates");
    }
    return 0;
}

/* 1 and a certificate, 0 at the end of the file, or -1 for a block that cannot be read. */
static int read_certificate(BIO *bio, OSSL_LIB_CTX *context, X509 **ret)
{
    X509 *certificate = X509_new_ex(context, NULL);
    if (!certificate)
        return -1;
    ERR_clear_error();
    if (PEM_read_bio_X509(bio, &certificate, NULL, NULL)) {
        *ret = certificate;
        return 1;
    }
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    X509_free(certificate);
    return end ? 0 : -1;
}

static int refuse_file(const char *path, struct error *error, const char *what, const char *cure)
{
    error_set(error, EX_CONFIG, "%s", what);
    error_where(error, "%s", path);
    return error_cure(error, "%s", cure);
}

/* `path` stands in errors; `unreadable` is the code for a block that is no certificate. */
static int read_all(BIO *bio, const char *path, OSSL_LIB_CTX *context, int maximum, int unreadable,
                    pki_x509_stack **ret, struct error *error)
{
    _cleanup_(pki_certificates_freep) pki_x509_stack *certificates = sk_X509_new_null();
    X509 *certificate = NULL;
    int result = 0;
    if (!certificates)
        return error_set(error, EX_OSERR, "There is no memory to read certificates");
    while ((result = read_certificate(bio, context, &certificate)) > 0) {
        if (sk_X509_num(certificates) >= maximum || !sk_X509_push(certificates, certificate)) {
            X509_free(certificate);
            error_set(error, EX_CONFIG, "The file holds more than %d certificates", maximum);
            return error_where(error, "%s", path);
        }
    }
    if (result < 0) {
        error_set(error, unreadable, "Certificate %d of the file cannot be read",
                  sk_X509_num(certificates) + 1);
        error_where(error, "%s", path);
        return error_cure(error,
                          "\"openssl x509 -in FILE -noout -text\" shows what is wrong; write "
                          "the file anew as PEM");
    }
    if (sk_X509_num(certificates) == 0)
        return refuse_file(path, error, "There is no certificate in the file",
                           "the file must hold PEM blocks that begin with -----BEGIN "
                           "CERTIFICATE-----; \"openssl x509 -inform DER\" converts a DER file");
    *ret = TAKE_PTR(certificates);
    return 0;
}

int pki_certificates_read(const char *path, OSSL_LIB_CTX *context, int maximum,
                          pki_x509_stack **ret, struct error *error)
{
    _cleanup_(BIO_free_allp) BIO *bio = NULL;
    int result = open_file(path, &bio, error);
    return result < 0 ? result : read_all(bio, path, context, maximum, EX_CONFIG, ret, error);
}

int pki_certificates_parse(const char *pem, size_t length, int maximum, pki_x509_stack **ret,
                           struct error *error)
{
    _cleanup_(BIO_free_allp) BIO *bio =
        length <= FILE_MAXIMUM ? BIO_new_mem_buf(pem, (int)length) : NULL;
    if (!bio)
        return error_set(error, EX_DATAERR, "The certificates are larger than %d bytes",
                         FILE_MAXIMUM);
    return read_all(bio, "PEM text", NULL, maximum, EX_DATAERR, ret, error);
}

/* Letters, digits, hyphens and underscores, in labels of 1 to 63 with a dot between; a "*." in
 * front is allowed. No IP address can pass for a name where it is compared with a policy's. */
static bool is_dns_name(const char *name, size_t length)
{
    size_t label = 0, start = length > 2 && name[0] == '*' && name[1] == '.' ? 2 : 0;
    if (length > NAME_MAXIMUM || start == length)
        return false;
    for (size_t i = start; i < length; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (byte >= 0x80 || (!isalnum(byte) && byte != '-' && byte != '_') || ++label > 63) {
            return false;
        }
    }
    return label > 0;
}

static size_t without_dot(const char *name, size_t length)
{
    return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

/* The names from their first dot on are the same, and what stands before is one label. */
static bool same_parent(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const char *a_dot = memchr(a, '.', a_length), *b_dot = memchr(b, '.', b_length);
    if (!a_dot || !b_dot)
        return false;
    size_t rest = a_length - (size_t)(a_dot - a);
    return rest == b_length - (size_t)(b_dot - b) && strncasecmp(a_dot, b_dot, rest) == 0;
}

bool pki_name_matches(const char *presented, size_t length, const char *wanted)
{
    size_t wanted_length = without_dot(wanted, strnlen(wanted, NAME_MAXIMUM + 2));
    length = without_dot(presented, length);
    if (!is_dns_name(presented, length) || !is_dns_name(wanted, wanted_length))
        return false;
    if (length == wanted_length && strncasecmp(presented, wanted, length) == 0)
        return true;
    if (wanted[0] == '*')
        return presented[0] != '*' && same_parent(presented, length, wanted, wanted_length);
    if (presented[0] != '*' || !memchr(presented + 2, '.', length - 2))
        return false; /* no wildcard right under a top-level domain */
    return same_parent(presented, length, wanted, wanted_length);
}

/* Calls `use` with each DNS name of the SAN until it returns true. */
static bool each_name(X509 *certificate,
                      bool (*use)(const char *name, size_t length, const void *argument),
                      const void *argument)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        const char *bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        int length = ASN1_STRING_length(name->d.dNSName);
        if (length > 0 && use(bytes, (size_t)length, argument))
            return true;
    }
    return false;
}

static bool match_name(const char *name, size_t length, const void *argument)
{
    return pki_name_matches(name, length, argument);
}

bool pki_certificate_has_name(X509 *certificate, const char *wanted)
{
    return each_name(certificate, match_name, wanted);
}

struct listing {
    char *text;
    size_t size, used, count;
};

/* What is no DNS name is shown all the same, with a ? for each byte that might do harm. */
static bool list_name(const char *name, size_t length, const void *argument)
{
    struct listing *listing = *(struct listing *const *)argument;
    size_t space = listing->count++ > 0;
    if (length > NAME_MAXIMUM || listing->used + space + length + 1 > listing->size)
        return false;
    if (space)
        listing->text[listing->used++] = ' ';
    for (size_t i = 0; i < length; i++)
        listing->text[listing->used++] = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
    listing->text[listing->used] = '\0';
    return false;
}

size_t pki_certificate_names(X509 *certificate, char *text, size_t size)
{
    struct listing listing = {.text = text, .size = size}, *address = &listing;
    if (size)
        text[0] = '\0';
    each_name(certificate, list_name, &address);
    return listing.count;
}

const char *pki_time_text(const ASN1_TIME *time, char *text, size_t size)
{
    struct tm parts;
    if (!time || !ASN1_TIME_to_tm(time, &parts) ||
        !strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts))
        text[0] = '\0';
    return text;
}
