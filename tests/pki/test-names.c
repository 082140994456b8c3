/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Distinguished names: what is read, what is refused, how they are shown, and when two are equal.
 */
#include "pki/names.h"

#include <check.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/names-private.h"
#include "tests/gateway/exact.h"
#include "tests/suite.h"

static X509_NAME *parse(const char *text)
{
    struct error error;
    X509_NAME *name = NULL;
    ck_assert_msg(pki_name_parse(text, &name, &error) == 0, "%s: %s (%s)", text, error.what,
                  error.where);
    return name;
}

static const struct {
    const char *text;
    const char *shown; /* NULL: as it was written */
} readable[] = {
    {"CN=gw.contoso.com", NULL},
    {"CN=mail.protection.outlook.com, O=Microsoft Corporation, L=Redmond, ST=Washington, C=US",
     NULL},
    {"CN=a,O=b,C=US", "CN=a, O=b, C=US"},
    {"  CN = a ;  O = b  ", "CN=a, O=b"},
    {"cn=a, o=b, s=Bayern, c=DE", "CN=a, O=b, ST=Bayern, C=DE"},
    {"S=Washington", "ST=Washington"},
    {"stateOrProvinceName=Washington", "ST=Washington"},
    {"commonName=a, organizationName=b", "CN=a, O=b"},
    {"2.5.4.3=a", "CN=a"},
    {"OID.2.5.4.3=a", "CN=a"},
    {"E=a@b.example", "emailAddress=a@b.example"},
    {"CN=a+OU=b, O=c", NULL},
    {"CN=a + OU=b", "CN=a+OU=b"},
    {"OU=one, OU=two, O=c", NULL},
    {"CN=Contoso\\, Inc.", NULL},
    {"CN=\"Contoso, Inc.\"", "CN=Contoso\\, Inc."},
    {"CN=\"say \\\"yes\\\"\", O=a", "CN=say \\\"yes\\\", O=a"},
    {"CN=a\\\\b", NULL},
    {"CN=a/b", NULL},
    {"CN=a=b", NULL},
    {"CN=a\\=b", "CN=a=b"},
    {"CN=\\#a", NULL},
    {"CN=a#b", NULL},
    {"CN=\\ a\\ ", NULL},
    {"CN=a\\20", "CN=a\\ "},
    {"CN=a   , O=b", "CN=a, O=b"},
    {"CN=a  b", NULL},
    {"CN=\\<a\\>", NULL},
    {"CN=", NULL},
    {"CN=, O=a", NULL},
    {"CN=M\xc3\xbcnchen", NULL},
    {"CN=M\\C3\\BCnchen", "CN=M\xc3\xbcnchen"},
    {"CN=a\\00b", NULL},
    {"CN=a\\0D\\0Ab", NULL},
    {"CN=a\\1B[2Jb", NULL},
    {"CN=a\xe2\x80\xae"
     "b",
     "CN=a\\E2\\80\\AEb"}, /* turns the reading direction */
    {"CN=#0C0161", "CN=a"},
    {"CN=#130161", "CN=a"},
    {"CN=#1E020061", "CN=a"},
    {"CN=#1203313233", NULL}, /* a numeric string compares as such */
    {"1.2.3.4.5=#0C0161", NULL},
    {"1.2.3.4.5=a", "1.2.3.4.5=#0C0161"},
    {"DC=contoso,DC=com", "DC=contoso, DC=com"},
    {"UID=a, SERIALNUMBER=1, STREET=b, T=c, G=d, SN=e",
     "UID=a, serialNumber=1, street=b, title=c, GN=d, SN=e"},
};

START_TEST(names_are_read_and_shown)
{
    char text[256];
    const char *shown = readable[_i].shown ? readable[_i].shown : readable[_i].text;
    X509_NAME *name = parse(readable[_i].text);
    ck_assert_str_eq(pki_name_text(name, text, sizeof text), shown);
    X509_NAME *again = parse(text);
    ck_assert(pki_name_equal(name, again));
    X509_NAME_free(again);
    X509_NAME_free(name);
}
END_TEST

static const struct {
    const char *text, *where; /* the place that is told */
} unreadable[] = {
    {"", "character 1 "},
    {"   ", "character 4 "},
    {"gw.contoso.com", "character 1 "},
    {"/C=US/CN=a", "character 1 "},
    {"=a", "character 1 "},
    {"CN", "character 1 "},
    {"CN=a,", "character 6 "},
    {"CN=a,,O=b", "character 6 "},
    {"CN=a+", "character 6 "},
    {"CN=Contoso, Inc.", "character 13 "},
    {"CN=C++ Society", "character 6 "},
    {"NOSUCH=a", "character 1 "},
    {"CN=a\"b", "character 5 "},
    {"CN=<I>", "character 4 "},
    {"CN=\"a", "character 6 "},
    {"CN=\"a\" b", "character 8 "},
    {"CN=a\\", "character 6 "},
    {"CN=a\\n", "character 6 "},
    {"CN=a\xff"
     "b",
     "character 4 "},
    {"CN=\\FF", "character 4 "},
    {"CN=\xed\xa0\x80", "character 4 "}, /* a surrogate */
    {"CN=#", "character 5 "},
    {"CN=#0C02", "character 9 "},
    {"CN=#0C0161FF", "character 13 "},
    {"CN=#0500", "character 9 "},        /* NULL */
    {"CN=#0403010203", "character 15 "}, /* an octet string */
    {"CN=#3003020101", "character 15 "}, /* a sequence */
    {"CN=#0C0161x", "character 11 "},
};

START_TEST(what_is_no_name_is_refused_with_its_place)
{
    struct error error;
    X509_NAME *name = NULL;
    ck_assert_int_eq(pki_name_parse(unreadable[_i].text, &name, &error), -EX_DATAERR);
    ck_assert_ptr_null(name);
    ck_assert_msg(strncmp(error.where, unreadable[_i].where, strlen(unreadable[_i].where)) == 0,
                  "%s: %s (%s)", unreadable[_i].text, error.what, error.where);
    ck_assert_str_ne(error.cure, "");
}
END_TEST

START_TEST(too_much_is_refused)
{
    static char text[70000];
    struct error error;
    X509_NAME *name = NULL;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "CN=", 3);
    ck_assert_int_eq(pki_name_parse(text, &name, &error), -EX_DATAERR);
    text[0] = '\0';
    for (unsigned i = 0; i < 257; i++)
        strcat(text, i ? "+O=a" : "O=a");
    ck_assert_int_eq(pki_name_parse(text, &name, &error), -EX_DATAERR);
}
END_TEST

START_TEST(the_der_has_the_country_first)
{
    X509_NAME *name = parse("CN=a+OU=b, O=c, C=US");
    const int nids[] = {NID_countryName, NID_organizationName};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(OBJ_obj2nid(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i))),
                         nids[i]);
    ck_assert_int_eq(X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 2)),
                     X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 3)));
    X509_NAME_free(name);
}
END_TEST

static const struct {
    const char *text;
    int type;
} types[] = {
    {"C=US", V_ASN1_PRINTABLESTRING},
    {"C=\xc3\xbc", V_ASN1_UTF8STRING},
    {"O=a", V_ASN1_UTF8STRING},
    {"DC=com", V_ASN1_IA5STRING},
    {"E=a@b.example", V_ASN1_IA5STRING},
    {"DC=\xc3\xbc", V_ASN1_UTF8STRING},
    {"SERIALNUMBER=1", V_ASN1_PRINTABLESTRING},
};

START_TEST(strings_have_the_types_of_rfc_5280)
{
    X509_NAME *name = parse(types[_i].text);
    ck_assert_int_eq(ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 0))),
                     types[_i].type);
    X509_NAME_free(name);
}
END_TEST

static const struct {
    const char *a, *b;
    bool equal;
} pairs[] = {
    {"CN=a, O=b", "CN=a,O=b", true},
    {"CN=Mail, O=B", "cn=mAIL, o=b", true},
    {"CN=a  b", "CN=a b", true},
    {"CN=\\ a\\ ", "CN=a", true},
    {"CN=a b", "CN=ab", false},
    {"CN=a", "CN=a, O=b", false},
    {"CN=a, O=b", "O=b, CN=a", false},
    {"CN=a", "OU=a", false},
    {"CN=a, CN=a", "CN=a", false},
    {"CN=a, CN=b", "CN=b, CN=a", false},
    {"CN=a+OU=b", "OU=b+CN=a", true},
    {"CN=a+OU=b", "CN=a, OU=b", false},
    {"CN=a+OU=b, O=c", "CN=a, OU=b+O=c", false},
    {"CN=a\\00b", "CN=a", false},
    {"CN=a\\00b", "CN=a\\00c", false},
    {"CN=a/O=b", "CN=a, O=b", false},
    {"CN=a\\, O=b", "CN=a, O=b", false},
    {"CN=a\\\\", "CN=a", false},
    {"CN=a+O=b", "CN=a\\+O=b", false},
    /* PrintableString, IA5String, BMPString, UniversalString, T61String and UTF8String */
    {"CN=#130161", "CN=#0C0161", true},
    {"CN=#160161", "CN=#0C0161", true},
    {"CN=#1E020061", "CN=#0C0141", true},
    {"CN=#1C0400000061", "CN=a", true},
    {"CN=#1401FC", "CN=\xc3\xbc", true},
    {"CN=#1E0200FC", "CN=\xc3\xbc", true},
    {"CN=#1E020161", "CN=a", false},
    {"CN=#1E0400610000", "CN=a", false},
    {"CN=#1203313233", "CN=#1203313233", true},
    {"CN=#1203313233", "CN=123", false}, /* RFC 5280 has no numeric strings in names */
    /* letters beyond ASCII, which OpenSSL alone would tell apart */
    {"L=M\xc3\x9cNCHEN", "L=m\xc3\xbcnchen", true},
    {"L=\xc5\xbb\xc3\x93\xc5\x81W", "L=\xc5\xbc\xc3\xb3\xc5\x82w", true},
    {"L=\xce\x91\xce\x98\xce\x97\xce\x9d\xce\x91", "L=\xce\xb1\xce\xb8\xce\xb7\xce\xbd\xce\xb1",
     true},
    {"L=\xd0\x9c\xd0\x9e\xd0\xa1\xd0\x9a\xd0\x92\xd0\x90",
     "L=\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0", true},
    {"L=#1E0200DC", "L=\xc3\xbc", true},
    {"L=M\xc3\x9cNCHEN, O=a", "L=m\xc3\xbcnchen+O=a", false},
    {"L=M\xc3\x9cNCHEN", "L=Munchen", false},
    {"L=\xc3\x97", "L=\xc3\xb7", false}, /* the signs of multiplication and division */
    {"L=\xd0\xb0", "L=a", false},        /* a Cyrillic letter that looks Latin */
};

START_TEST(names_are_equal_as_rfc_5280_says)
{
    X509_NAME *a = parse(pairs[_i].a), *b = parse(pairs[_i].b);
    ck_assert_msg(pki_name_equal(a, b) == pairs[_i].equal, "%s and %s", pairs[_i].a, pairs[_i].b);
    ck_assert(pki_name_equal(b, a) == pairs[_i].equal);
    ck_assert(pki_name_equal(a, a) && pki_name_equal(b, b));
    X509_NAME_free(a);
    X509_NAME_free(b);
}
END_TEST

START_TEST(empty_names_are_equal_to_one_another_only)
{
    char text[16];
    X509_NAME *empty = X509_NAME_new(), *other = X509_NAME_new(), *name = parse("CN=");
    ck_assert(pki_name_equal(empty, other));
    ck_assert(!pki_name_equal(empty, name));
    ck_assert_str_eq(pki_name_text(empty, text, sizeof text), "");
    X509_NAME_free(empty);
    X509_NAME_free(other);
    X509_NAME_free(name);
}
END_TEST

static const struct {
    const char *a, *b;
    bool reordered;
} orders[] = {
    {"CN=a, O=b, C=US", "C=US, O=b, CN=a", true},
    {"CN=a, O=b, C=US", "CN=a, C=US, O=b", true},
    {"CN=a+OU=b", "CN=a, OU=b", true},
    {"CN=a, O=b", "CN=a, O=b", false},
    {"CN=a, O=b", "O=a, CN=b", false},
    {"CN=a, O=b", "O=b, CN=a, C=US", false},
};

START_TEST(another_order_is_recognised)
{
    X509_NAME *a = parse(orders[_i].a), *b = parse(orders[_i].b);
    ck_assert(pki_name_reordered(a, b) == orders[_i].reordered);
    X509_NAME_free(a);
    X509_NAME_free(b);
}
END_TEST

START_TEST(text_is_cut_to_any_size_and_ended)
{
    const char whole[] = "CN=a\\00\xc3\xbc\\, b, O=c+OU=d";
    X509_NAME *name = parse(whole);
    for (size_t size = 1; size < sizeof whole + 8; size++) {
        char text[sizeof whole + 8];
        memset(text, 'x', sizeof text);
        pki_name_text(name, text, size);
        ck_assert_uint_lt(strlen(text), size);
        ck_assert(pki_utf8_valid((unsigned char *)text, strlen(text)));
        ck_assert(size >= sizeof text || text[size] == 'x');
    }
    X509_NAME_free(name);
}
END_TEST

static const struct {
    const char *text, *issuer, *subject; /* NULL: refused */
} exchange[] = {
    {"<I>CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1, O=DigiCert Inc, C=US<S>CN=gw.contoso.com",
     "CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1, O=DigiCert Inc, C=US", "CN=gw.contoso.com"},
    {" <i>CN=a<s>CN=b\n", "CN=a", "CN=b"},
    {"<I>CN=\"a<S>b\"<S>CN=c", "CN=a\\<S\\>b", "CN=c"},
    {"<I>CN=a\\<S\\><S>CN=c", "CN=a\\<S\\>", "CN=c"},
    {"CN=a", NULL, NULL},
    {"<I>CN=a", NULL, NULL},
    {"<S>CN=a<I>CN=b", NULL, NULL},
    {"<I><S>CN=b", NULL, NULL},
    {"<I>CN=a<S>", NULL, NULL},
    {"<I>CN=a<S>CN=b<S>CN=c", NULL, NULL},
    {"", NULL, NULL},
};

START_TEST(the_form_of_exchange_is_read)
{
    char text[256];
    struct error error;
    X509_NAME *issuer = NULL, *subject = NULL;
    int result = pki_name_parse_exchange(exchange[_i].text, &issuer, &subject, &error);
    if (!exchange[_i].issuer) {
        ck_assert_int_eq(result, -EX_DATAERR);
        ck_assert(!issuer && !subject);
        return;
    }
    ck_assert_int_eq(result, 0);
    ck_assert_str_eq(pki_name_text(issuer, text, sizeof text), exchange[_i].issuer);
    ck_assert_str_eq(pki_name_text(subject, text, sizeof text), exchange[_i].subject);
    X509_NAME_free(issuer);
    X509_NAME_free(subject);
}
END_TEST

START_TEST(the_corpus_of_the_fuzzer_is_replayed)
{
    ck_assert_uint_ge(exact_replay(TEST_FUZZ "/names"), 12);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("distinguished names");
    TCase *tests = tcase_create("names");
    tcase_add_loop_test(tests, names_are_read_and_shown, 0, ARRAY_SIZE(readable));
    tcase_add_loop_test(tests, what_is_no_name_is_refused_with_its_place, 0,
                        ARRAY_SIZE(unreadable));
    tcase_add_test(tests, too_much_is_refused);
    tcase_add_test(tests, the_der_has_the_country_first);
    tcase_add_loop_test(tests, strings_have_the_types_of_rfc_5280, 0, ARRAY_SIZE(types));
    tcase_add_loop_test(tests, names_are_equal_as_rfc_5280_says, 0, ARRAY_SIZE(pairs));
    tcase_add_test(tests, empty_names_are_equal_to_one_another_only);
    tcase_add_loop_test(tests, another_order_is_recognised, 0, ARRAY_SIZE(orders));
    tcase_add_test(tests, text_is_cut_to_any_size_and_ended);
    tcase_add_loop_test(tests, the_form_of_exchange_is_read, 0, ARRAY_SIZE(exchange));
    tcase_add_test(tests, the_corpus_of_the_fuzzer_is_replayed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
