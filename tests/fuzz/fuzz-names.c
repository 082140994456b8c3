/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing distinguished names: RFC 4514 text, Exchange's <I>…<S>… text, and the DER of certificates.
 * What is read must be shown as a text without control characters, and that text read again must be an
 * equal name. An entry for libFuzzer; make fuzz builds it, and the unit tests replay the corpus. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pki/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_SIZE = 512 * 1024 };

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void expect_printable(const char *text)
{
    for (; *text; text++)
        expect((unsigned char)*text >= ' ' && *text != 0x7f);
}

/* `whole`: from text, so that showing and reading it again loses nothing. */
static void check_name(const X509_NAME *name, bool whole)
{
    static char text[TEXT_SIZE];
    char little[40];
    struct error error;
    X509_NAME *again = NULL;
    expect(pki_name_equal(name, name));
    pki_name_text(name, text, sizeof text);
    expect_printable(text);
    expect_printable(pki_name_text(name, little, sizeof little));
    expect(strlen(little) < sizeof little);
    if (whole && strlen(text) < sizeof text - 4) {
        expect(pki_name_parse(text, &again, &error) == 0);
        expect(pki_name_equal(name, again));
    }
    X509_NAME_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    X509_NAME *name = NULL, *issuer = NULL, *subject = NULL;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (pki_name_parse(text, &name, &error) == 0)
        check_name(name, true);
    if (pki_name_parse_exchange(text, &issuer, &subject, &error) == 0) {
        check_name(issuer, true);
        check_name(subject, true);
    }
    X509_NAME_free(name);
    X509_NAME_free(issuer);
    X509_NAME_free(subject);
    const unsigned char *at = data;
    name = d2i_X509_NAME(NULL, &at, (long)size);
    if (name)
        check_name(name, false);
    X509_NAME_free(name);
    free(text);
    return 0;
}
