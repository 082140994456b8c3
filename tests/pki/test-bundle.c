/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A certificate as the CA sends it: read in any form and order, judged, and what the other side is
 * to change. */
#include <check.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/bundle.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

static struct error error;
static struct test_chain chain;

static void begin(void)
{
    chain = test_chain(TEST_P256, TEST_LEAF_SUBJECT, NULL);
}

static void end(void)
{
    test_chain_clear(&chain);
}

/* --- forms ------------------------------------------------------------------------------------ */

enum form { PEM, PKCS7_PEM, PKCS7_DER };

static PKCS7 *pkcs7_of(X509 *const *certificates, size_t count)
{
    PKCS7 *message = PKCS7_new();
    ck_assert_int_eq(PKCS7_set_type(message, NID_pkcs7_signed), 1);
    ck_assert_int_eq(PKCS7_content_new(message, NID_pkcs7_data), 1);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(PKCS7_add_certificate(message, certificates[i]), 1);
    return message;
}

static BIO *write_form(enum form form, X509 *const *certificates, size_t count)
{
    BIO *memory = BIO_new(BIO_s_mem());
    PKCS7 *message = form == PEM ? NULL : pkcs7_of(certificates, count);
    for (size_t i = 0; i < count && form == PEM; i++)
        ck_assert_int_eq(PEM_write_bio_X509(memory, certificates[i]), 1);
    if (form == PKCS7_PEM)
        ck_assert_int_eq(PEM_write_bio_PKCS7(memory, message), 1);
    if (form == PKCS7_DER)
        ck_assert_int_eq(i2d_PKCS7_bio(memory, message), 1);
    PKCS7_free(message);
    return memory;
}

static int parse_bio(BIO *memory, struct pki_bundle **bundle)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(memory, &bytes);
    int result = pki_bundle_parse(bytes, (size_t)length, NULL, bundle, &error);
    BIO_free(memory);
    return result;
}

static struct pki_bundle *bundle_of(X509 *const *certificates, size_t count)
{
    struct pki_bundle *bundle = NULL;
    int result = parse_bio(write_form(PEM, certificates, count), &bundle);
    ck_assert_msg(result == 0, "%s", result ? error.what : "");
    return bundle;
}

static void check_order(const struct pki_bundle *bundle)
{
    char *pem = pki_bundle_pem(bundle);
    X509 *const expected[] = {chain.leaf, chain.intermediate};
    BIO *memory = write_form(PEM, expected, 2);
    char *text = NULL;
    long length = BIO_get_mem_data(memory, &text);
    ck_assert_int_eq(X509_cmp(pki_bundle_leaf(bundle), chain.leaf), 0);
    ck_assert_int_eq(sk_X509_num(pki_bundle_intermediates(bundle)), 1);
    ck_assert_uint_eq(strlen(pem), (size_t)length);
    ck_assert_mem_eq(pem, text, (size_t)length);
    BIO_free(memory);
    free(pem);
}

/* l, i, r: leaf, intermediate, root. */
static const struct {
    enum form form;
    const char *order;
} forms[] = {{PEM, "li"},        {PEM, "il"},      {PEM, "lir"},       {PEM, "ril"},
             {PEM, "irl"},       {PEM, "llii"},    {PKCS7_PEM, "ril"}, {PKCS7_PEM, "li"},
             {PKCS7_DER, "irl"}, {PKCS7_DER, "il"}};

START_TEST(every_form_and_order_is_read)
{
    X509 *certificates[8];
    size_t count = strlen(forms[_i].order);
    struct pki_bundle *bundle = NULL;
    for (size_t i = 0; i < count; i++)
        certificates[i] = forms[_i].order[i] == 'l'   ? chain.leaf
                          : forms[_i].order[i] == 'i' ? chain.intermediate
                                                      : chain.root;
    /* PKCS#7 holds none twice */
    ck_assert_int_eq(parse_bio(write_form(forms[_i].form, certificates, count), &bundle), 0);
    check_order(bundle);
    pki_bundle_free(bundle);
}
END_TEST

START_TEST(der_and_text_around_pem_are_read)
{
    struct pki_bundle *bundle = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    i2d_X509_bio(memory, chain.leaf);
    ck_assert_int_eq(parse_bio(memory, &bundle), 0);
    ck_assert_int_eq(X509_cmp(pki_bundle_leaf(bundle), chain.leaf), 0);
    pki_bundle_free(bundle);
    memory = BIO_new(BIO_s_mem());
    BIO_puts(memory, "Dear customer,\r\n\r\n");
    PEM_write_bio_X509(memory, chain.intermediate);
    BIO_puts(memory, "subject=whatever\n");
    PEM_write_bio_X509(memory, chain.leaf);
    BIO_puts(memory, "\nYours, the CA\n");
    ck_assert_int_eq(parse_bio(memory, &bundle), 0);
    check_order(bundle);
    pki_bundle_free(bundle);
}
END_TEST

/* --- what is refused -------------------------------------------------------------------------- */

static void put_key(BIO *memory)
{
    PEM_write_bio_X509(memory, chain.leaf);
    PEM_write_bio_PrivateKey(memory, test_key(TEST_P256), NULL, NULL, 0, NULL, NULL);
}

static void put_request(BIO *memory)
{
    BIO_puts(memory,
             "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
}

static void put_parameters(BIO *memory)
{
    BIO_puts(memory, "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n");
}

static void put_broken(BIO *memory)
{
    BIO_puts(memory, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
}

static void put_half(BIO *memory)
{
    BIO_puts(memory, "-----BEGIN CERTIFICATE-----\nAAAA\n");
}

static void put_nothing(BIO *memory)
{
    (void)memory;
}

static void put_words(BIO *memory)
{
    BIO_puts(memory, "there is no certificate here\n");
}

static void put_too_much(BIO *memory)
{
    for (int i = 0; i <= PKI_BUNDLE_BYTES_MAXIMUM / 16; i++)
        BIO_puts(memory, "0123456789abcdef");
}

static void put_authorities(BIO *memory)
{
    PEM_write_bio_X509(memory, chain.intermediate);
    PEM_write_bio_X509(memory, chain.root);
}

static void put_two_leaves(BIO *memory)
{
    X509 *other =
        test_certificate(&(struct test_certificate){.subject = "CN=other",
                                                    .key = TEST_RSA,
                                                    .issuer = chain.intermediate,
                                                    .issuer_key = TEST_P256_INTERMEDIATE});
    PEM_write_bio_X509(memory, chain.leaf);
    PEM_write_bio_X509(memory, other);
    PEM_write_bio_X509(memory, chain.intermediate);
    X509_free(other);
}

static void put_many(BIO *memory)
{
    for (int i = 0; i <= PKI_BUNDLE_CERTIFICATES_MAXIMUM; i++) {
        char subject[32];
        snprintf(subject, sizeof subject, "CN=number %d", i);
        X509 *one = test_certificate(&(struct test_certificate){
            .subject = subject, .key = TEST_P256, .issuer_key = TEST_P256});
        PEM_write_bio_X509(memory, one);
        X509_free(one);
    }
}

static const struct {
    void (*put)(BIO *memory);
    const char *text;
} wrong[] = {
    {put_key, "There is a private key in it"},
    {put_request, "It is a certificate request"},
    {put_parameters, "no certificate: DH PARAMETERS"},
    {put_broken, "Block 1 of it cannot be read"},
    {put_half, "is no PEM that can be read"},
    {put_nothing, "There is no certificate in it"},
    {put_words, "There is no certificate in it"},
    {put_too_much, "It is longer than"},
    {put_authorities, "only certificates of CAs"},
    {put_two_leaves, "two certificates in it that might be ours"},
    {put_many, "more than 32 certificates"},
};

START_TEST(what_is_no_chain_is_refused_with_a_cure)
{
    struct pki_bundle *bundle = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    wrong[_i].put(memory);
    ck_assert_int_eq(parse_bio(memory, &bundle), -EX_DATAERR);
    ck_assert_msg(strstr(error.what, wrong[_i].text) != NULL, "%s", error.what);
    ck_assert(error.cure[0]);
    ck_assert_ptr_null(bundle);
}
END_TEST

START_TEST(a_file_is_read_and_a_missing_one_named)
{
    X509 *const certificates[] = {chain.intermediate, chain.leaf};
    struct pki_bundle *bundle = NULL;
    char *path = test_write_pem(certificates, 2);
    ck_assert_int_eq(pki_bundle_read(path, NULL, &bundle, &error), 0);
    check_order(bundle);
    pki_bundle_free(bundle);
    test_remove(path);
    ck_assert_int_eq(pki_bundle_read("/nonexistent/file", NULL, &bundle, &error), -EX_NOINPUT);
    ck_assert_str_eq(error.where, "/nonexistent/file");
    ck_assert_int_eq(pki_bundle_read("/dev/null", NULL, &bundle, &error), -EX_DATAERR);
}
END_TEST

/* --- judging ---------------------------------------------------------------------------------- */

enum { DAY = 86400 };
#define USAGES "extendedKeyUsage", "clientAuth,serverAuth"
#define NAMED "subjectAltName", "DNS:gw.contoso.com,DNS:mail.contoso.com"

/* A leaf, what stands beside it (i, r; o: one that has nothing to do with it), the anchors (r, o or
 * none), and the words that are found, refusals first. */
static const struct judgement {
    struct test_certificate leaf;
    const char *beside, *anchors, *found;
} judgements[] = {
    {{.extensions = {USAGES, NAMED}}, "i", "r", ""},
    {{.extensions = {USAGES, NAMED}}, "i", "", ""},
    {{.extensions = {NAMED}}, "ir", "", ""},
    {{.extensions = {USAGES, NAMED}}, "", "", "!incomplete"},
    {{.extensions = {USAGES, NAMED}}, "", "r", "!incomplete"},
    {{.extensions = {USAGES, NAMED}}, "i", "o", "!incomplete"},
    {{.extensions = {USAGES, NAMED}}, "ir", "o", "not-trusted"},
    {{.extensions = {USAGES, NAMED}}, "io", "r", "left-out"},
    {{.from = -3 * DAY, .to = -DAY, .extensions = {USAGES, NAMED}}, "i", "r", "!expired"},
    {{.from = DAY, .to = 3 * DAY, .extensions = {USAGES, NAMED}}, "i", "r", "!not-yet-valid"},
    {{.from = -9 * DAY, .to = DAY, .extensions = {USAGES, NAMED}}, "i", "r", "two-thirds-past"},
    {{.key = TEST_RSA_1024, .extensions = {USAGES, NAMED}}, "i", "r", "!weak-key"},
    {{.digest = "SHA1", .extensions = {USAGES, NAMED}}, "i", "r", "!weak-signature"},
    {{.extensions = {"extendedKeyUsage", "serverAuth", NAMED}}, "i", "r", "no-client-auth"},
    {{.extensions = {"extendedKeyUsage", "codeSigning", NAMED}}, "i", "r", "!not-for-clients"},
    {{.extensions = {USAGES, "subjectAltName", "DNS:gw.contoso.com"}}, "i", "r", "names-changed"},
    {{.subject = "CN=other", .extensions = {USAGES, NAMED}}, "i", "r", "names-changed"},
    {{.extensions = {USAGES, NAMED}}, "i", "r", "same-key"},
    {{.from = -9 * DAY, .to = -DAY, .extensions = {"extendedKeyUsage", "serverAuth", NAMED}},
     "",
     "",
     "!incomplete !expired no-client-auth"},
};

static X509 *issue(struct test_certificate wanted, enum test_key key)
{
    wanted.subject = wanted.subject ? wanted.subject : "CN=gw.contoso.com, O=Contoso";
    wanted.key = wanted.key ? wanted.key : key;
    wanted.issuer = chain.intermediate;
    wanted.issuer_key = TEST_P256_INTERMEDIATE;
    return test_certificate(&wanted);
}

static X509 *other_root(void)
{
    return test_certificate(
        &(struct test_certificate){.subject = "CN=Other Root",
                                   .key = TEST_P256_OTHER,
                                   .issuer_key = TEST_P256_OTHER,
                                   .extensions = {"basicConstraints", "critical,CA:TRUE",
                                                  "keyUsage", "critical,keyCertSign"}});
}

static void words_of(const struct pki_inspection *inspection, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < inspection->count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s%s", i ? " " : "",
                                 inspection->finding[i].refusal ? "!" : "",
                                 inspection->finding[i].word);
}

START_TEST(a_certificate_is_judged_before_it_is_used)
{
    const struct judgement *wanted = &judgements[_i];
    bool same_key = strcmp(wanted->found, "same-key") == 0;
    X509 *other = other_root();
    X509 *present = issue((struct test_certificate){.extensions = {USAGES, NAMED}},
                          same_key ? TEST_P256 : TEST_P384);
    X509 *leaf = issue(wanted->leaf, TEST_P256);
    X509 *certificates[4];
    size_t count = 0;
    for (const char *at = wanted->beside; *at; at++)
        certificates[count++] = *at == 'i' ? chain.intermediate : *at == 'r' ? chain.root : other;
    certificates[count++] = leaf;
    X509_STORE *anchors =
        !*wanted->anchors ? NULL : test_anchors(*wanted->anchors == 'r' ? chain.root : other);
    struct pki_bundle *bundle = bundle_of(certificates, count);
    struct pki_inspection inspection;
    char words[512];
    pki_bundle_inspect(bundle, present, anchors, 0, &inspection);
    words_of(&inspection, words, sizeof words);
    ck_assert_str_eq(words, wanted->found);
    for (unsigned i = 0; i < inspection.count; i++)
        ck_assert(inspection.finding[i].what[0] && inspection.finding[i].cure[0]);
    pki_bundle_free(bundle);
    X509_STORE_free(anchors);
    X509_free(leaf);
    X509_free(present);
    X509_free(other);
}
END_TEST

START_TEST(it_is_judged_at_the_time_that_is_asked)
{
    X509 *const certificates[] = {chain.leaf, chain.intermediate};
    struct pki_bundle *bundle = bundle_of(certificates, 2);
    struct pki_inspection inspection;
    char words[512];
    pki_bundle_inspect(bundle, NULL, NULL, time(NULL) + 1000 * DAY, &inspection);
    words_of(&inspection, words, sizeof words);
    ck_assert_ptr_nonnull(strstr(words, "!expired"));
    ck_assert_uint_ge(inspection.refusals, 1);
    pki_bundle_free(bundle);
}
END_TEST

/* --- the other side --------------------------------------------------------------------------- */

START_TEST(the_other_side_is_told_what_to_change)
{
    X509 *present = issue((struct test_certificate){.extensions = {NAMED}}, TEST_P384);
    X509 *leaf = issue(
        (struct test_certificate){.subject = "CN=gw2.contoso.com, O=\"Contoso, Ltd\", ST=Bavaria",
                                  .extensions = {"subjectAltName", "DNS:gw2.contoso.com"}},
        TEST_P256);
    X509 *const certificates[] = {leaf, chain.intermediate};
    struct pki_bundle *bundle = bundle_of(certificates, 2);
    struct pki_tenant_side side;
    static char lines[PKI_TENANT_LINES][PKI_TENANT_LINE_SIZE];
    pki_bundle_tenant_side(bundle, present, &side);
    ck_assert_str_eq(side.sender_names, "gw2.contoso.com");
    ck_assert(side.sender_name_changes);
    ck_assert_str_eq(side.send_connector_before,
                     "<I>CN=DigiCert Cloud Services CA-1, O=DigiCert Inc, C=US"
                     "<S>CN=gw.contoso.com, O=Contoso");
    ck_assert_str_eq(side.send_connector_after,
                     "<I>CN=DigiCert Cloud Services CA-1, O=DigiCert Inc, C=US"
                     "<S>CN=gw2.contoso.com, O=\"Contoso, Ltd\", S=Bavaria");
    ck_assert_uint_eq(strlen(side.tlsa_after), strlen("3 1 1 ") + 64);
    ck_assert_str_ne(side.tlsa_before, side.tlsa_after);
    ck_assert_uint_eq(pki_tenant_side_lines(&side, lines), 5);
    pki_bundle_tenant_side(bundle, leaf, &side);
    ck_assert(!side.sender_name_changes);
    ck_assert_uint_eq(pki_tenant_side_lines(&side, lines), 2);
    pki_bundle_tenant_side(bundle, NULL, &side);
    ck_assert_uint_eq(pki_tenant_side_lines(&side, lines), 3);
    pki_bundle_free(bundle);
    X509_free(leaf);
    X509_free(present);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bundle");
    TCase *tcase = tcase_create("bundle");
    for (unsigned key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, every_form_and_order_is_read, 0, (int)ARRAY_SIZE(forms));
    tcase_add_test(tcase, der_and_text_around_pem_are_read);
    tcase_add_loop_test(tcase, what_is_no_chain_is_refused_with_a_cure, 0, (int)ARRAY_SIZE(wrong));
    tcase_add_test(tcase, a_file_is_read_and_a_missing_one_named);
    tcase_add_loop_test(tcase, a_certificate_is_judged_before_it_is_used, 0,
                        (int)ARRAY_SIZE(judgements));
    tcase_add_test(tcase, it_is_judged_at_the_time_that_is_asked);
    tcase_add_test(tcase, the_other_side_is_told_what_to_change);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
