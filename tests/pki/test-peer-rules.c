/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each rule of RFC 5280 and of the CA/Browser Forum's baseline that a certificate can break: a
 * chain as it should be, with one thing changed in one of its certificates. */
#include <check.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pki/base/cleanup.h"
#include "pki/peer.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

enum place { ROOT, CA, LEAF, PLACES };

enum { PAIRS_MAXIMUM = 7 };

/* What is changed. An extension with the value NULL is left out; one that is not there is added. */
struct rule {
    const char *what;
    enum pki_check failed; /* PKI_CHECK_NONE: it is let pass */
    enum place place;
    const char *extension, *value;
    const char *subject; /* NULL: as it should be */
    const char *serial;
    const char *digest;
    int version;
    enum test_key key;  /* 0 (TEST_RSA): as it should be */
    const char *reason; /* words of it */
};

#define C PKI_CHECK_CONSTRAINTS
#define EXT(name, value_) .extension = (name), .value = (value_)
#define NC(value_) .place = CA, EXT("nameConstraints", value_)
#define SAN(value_) .place = LEAF, EXT("subjectAltName", value_)
#define MAIL "DNS:mail.example.com"

static const struct rule rules[] = {
    {"as it should be", PKI_CHECK_NONE, LEAF, .extension = NULL},
    /* the certificate */
    {"leaf of version 1", C, LEAF, .version = 1},
    {"serial number 0", C, LEAF, .serial = "0", .reason = "serial number 0"},
    {"negative serial number", C, LEAF, .serial = "-5", .reason = "negative"},
    {"20 octets of serial number", PKI_CHECK_NONE, LEAF,
     .serial = "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
    {"21 octets with the sign", C, LEAF, .serial = "8FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
     .reason = "20 octets"},
    {"serial number 0 in a CA", C, CA, .serial = "0"},
    {"serial number 0 in an anchor", PKI_CHECK_NONE, ROOT, .serial = "0"},
    {"empty subject of a CA", C, CA, .subject = ""},
    {"empty subject of an anchor", C, ROOT, .subject = ""},
    {"empty subject, SAN not critical", C, LEAF, .subject = ""},
    {"critical SAN beside a subject", C, SAN("critical," MAIL), .reason = "7.1.2.7.12"},
    /* extensions */
    {"unknown critical extension", C, LEAF, EXT("1.2.3.4", "critical,ASN1:NULL")},
    {"unknown critical extension in an anchor", C, ROOT, EXT("1.2.3.4", "critical,ASN1:NULL")},
    {"unknown extension", PKI_CHECK_NONE, LEAF, EXT("1.2.3.4", "ASN1:NULL")},
    {"malformed SAN", C, SAN("DER:6578616D706C65")},
    {"SAN with more behind it", C, SAN("DER:301282106D61696C2E6578616D706C652E636F6D0000")},
    {"malformed AIA", C, LEAF, EXT("authorityInfoAccess", "DER:6D616C666F726D6564"),
     .reason = "cannot be read"},
    {"empty AIA", C, LEAF, EXT("authorityInfoAccess", "DER:3000"), .reason = "empty list"},
    {"critical AIA", C, LEAF, EXT("authorityInfoAccess", "critical,OCSP;URI:http://a.example/")},
    {"AIA", PKI_CHECK_NONE, LEAF, EXT("authorityInfoAccess", "OCSP;URI:http://a.example/")},
    {"critical SKI", C, CA, EXT("subjectKeyIdentifier", "critical,hash")},
    {"CA without SKI", C, CA, EXT("subjectKeyIdentifier", NULL), .reason = "ubject Key"},
    {"anchor without SKI", C, ROOT, EXT("subjectKeyIdentifier", NULL), .reason = "ubject Key"},
    {"critical AKI", C, LEAF, EXT("authorityKeyIdentifier", "critical,keyid:always")},
    {"leaf without AKI", C, LEAF, EXT("authorityKeyIdentifier", NULL),
     .reason = "authority key identifier"},
    {"CA without AKI", C, CA, EXT("authorityKeyIdentifier", NULL)},
    {"anchor with its own AKI", PKI_CHECK_NONE, ROOT,
     EXT("authorityKeyIdentifier", "keyid:always")},
    {"anchor whose AKI is another's", C, ROOT,
     EXT("authorityKeyIdentifier", "DER:3006800401020304")},
    {"anchor with an empty AKI", C, ROOT, EXT("authorityKeyIdentifier", "DER:3000"),
     .reason = "names no key"},
    {"anchor whose AKI names an issuer", C, ROOT,
     EXT("authorityKeyIdentifier", "keyid:always,issuer:always")},
    {"policy constraints not critical", C, CA, EXT("policyConstraints", "requireExplicitPolicy:3"),
     .reason = "policy constraints"},
    {"inhibitAnyPolicy not critical", C, CA, EXT("inhibitAnyPolicy", "2")},
    {"an explicit policy is required, and none is there", C, CA,
     EXT("policyConstraints", "critical,requireExplicitPolicy:0"), .reason = "policy"},
    {"an explicit policy is required after the leaf", PKI_CHECK_NONE, CA,
     EXT("policyConstraints", "critical,requireExplicitPolicy:2")},
    {"an explicit policy is required just at the leaf", C, CA,
     EXT("policyConstraints", "critical,requireExplicitPolicy:1")},
    {"the leaf itself requires one, and has none", C, LEAF,
     EXT("policyConstraints", "critical,requireExplicitPolicy:0")},
    {"an explicit policy is required far below", PKI_CHECK_NONE, CA,
     EXT("policyConstraints", "critical,requireExplicitPolicy:5")},
    /* CAs */
    {"CA without basic constraints", C, CA, EXT("basicConstraints", NULL)},
    {"basic constraints not critical", C, CA, EXT("basicConstraints", "CA:TRUE")},
    {"anchor with basic constraints not critical", C, ROOT, EXT("basicConstraints", "CA:TRUE")},
    {"anchor without basic constraints", C, ROOT, EXT("basicConstraints", NULL)},
    {"CA:FALSE", C, CA, EXT("basicConstraints", "critical,CA:FALSE")},
    {"path length used up", C, ROOT, EXT("basicConstraints", "critical,CA:TRUE,pathlen:0"),
     .reason = "path length"},
    {"path length just long enough", PKI_CHECK_NONE, ROOT,
     EXT("basicConstraints", "critical,CA:TRUE,pathlen:1")},
    {"CA that may not sign certificates", C, CA, EXT("keyUsage", "critical,cRLSign")},
    {"CA without key usage", C, CA, EXT("keyUsage", NULL)},
    {"anchor without key usage", PKI_CHECK_NONE, ROOT, EXT("keyUsage", NULL)},
    {"anchor that may not sign certificates", C, ROOT, EXT("keyUsage", "cRLSign")},
    {"anchor with an extended key usage", C, ROOT, EXT("extendedKeyUsage", "serverAuth")},
    {"leaf that may sign certificates, and is no CA's", C, LEAF,
     EXT("keyUsage", "digitalSignature,keyCertSign")},
    {"CA's certificate as a server's", PKI_CHECK_NAME, LEAF,
     EXT("basicConstraints", "critical,CA:TRUE")},
    /* names in subjectAltName */
    {"underscore", C, SAN(MAIL ",DNS:foo_bar.example.com")},
    {"address as a DNS name", C, SAN(MAIL ",DNS:8.8.8.8")},
    {"dot in front", C, SAN(MAIL ",DNS:.example.com")},
    {"dot behind", C, SAN(MAIL ",DNS:a.example.com.")},
    {"wildcard alone", C, SAN(MAIL ",DNS:*")},
    {"wildcard in a label", C, SAN(MAIL ",DNS:ba*.example.com")},
    {"wildcard in the middle", C, SAN(MAIL ",DNS:foo.*.example.com")},
    {"two wildcards", C, SAN(MAIL ",DNS:*.*.example.com")},
    {"hyphen at an edge", C, SAN(MAIL ",DNS:-a.example.com")},
    {"not ASCII", C, SAN("DER:301B82106D61696C2E6578616D706C652E636F6D8207C3BC2E64652E61")},
    {"e-mail address with two @", C, SAN(MAIL ",email:invalid@address@example.com")},
    {"e-mail address without host", C, SAN(MAIL ",email:invalid@")},
    {"e-mail address", PKI_CHECK_NONE, SAN(MAIL ",email:a.b+c@example.com")},
    {"IP address of 8 octets", C,
     SAN("DER:301C82106D61696C2E6578616D706C652E636F6D8708C0000200FFFFFF00")},
    {"URI without scheme", C, SAN(MAIL ",URI:www.example.com")},
    {"empty SAN", C, SAN("DER:3000")},
    /* the CN */
    {"CN that is another host", PKI_CHECK_NAME, LEAF, .subject = "CN=other.example.com",
     .reason = "7.1.4.3"},
    {"CN in other letters", PKI_CHECK_NAME, LEAF, .subject = "CN=Mail.example.com"},
    {"CN that is a number", PKI_CHECK_NAME, LEAF, .subject = "CN=0xC0A80101"},
    {"CN that is an address", PKI_CHECK_NAME, LEAF, .subject = "CN=192.168.1.1"},
    {"two CNs", PKI_CHECK_NAME, LEAF, .subject = "CN=mail.example.com, CN=mail.example.com"},
    {"CN that is the domain", PKI_CHECK_NONE, LEAF, .subject = "CN=example.com"},
    {"CN that is a short name", PKI_CHECK_NONE, LEAF, .subject = "CN=EX01"},
    {"CN for people", PKI_CHECK_NONE, LEAF, .subject = "CN=Contoso Mail 1"},
    {"CN that is not alone", PKI_CHECK_NONE, LEAF, .subject = "CN=other.example.com, O=Contoso"},
    {"no CN", PKI_CHECK_NONE, LEAF, .subject = "O=Contoso"},
    /* name constraints */
    {"not critical", C, NC("permitted;DNS:example.com"), .reason = "not critical"},
    {"in a leaf", C, LEAF, EXT("nameConstraints", "critical,permitted;DNS:example.com"),
     .reason = "no CA's"},
    {"permitted", PKI_CHECK_NONE, NC("critical,permitted;DNS:example.com")},
    {"permitted elsewhere", C, NC("critical,permitted;DNS:contoso.com")},
    {"permitted, but for a hyphen", C, NC("critical,permitted;DNS:l.example.com")},
    {"excluded", C, NC("critical,excluded;DNS:example.com")},
    {"excluded and permitted", C,
     NC("critical,permitted;DNS:example.com,excluded;DNS:mail.example.com")},
    {"of another kind", PKI_CHECK_NONE, NC("critical,permitted;IP:192.0.2.0/255.255.255.0")},
    {"with a dot in front", C, NC("critical,permitted;DNS:.example.com"), .reason = "of the form"},
    {"with a wildcard", C, NC("critical,permitted;DNS:*.example.com")},
    {"an address without a mask", C, NC("DER:300AA00830068704C0000201")},
    {"a mask with a hole", C, NC("critical,permitted;IP:192.0.2.0/255.0.255.0")},
    {"an e-mail address that is none", C, NC("critical,permitted;email:a@b@example.com")},
    {"a minimum", C, NC("critical,DER:3014A0123010820B6578616D706C652E636F6D800101")},
    {"none at all", C, NC("critical,DER:3000")},
    {"two empty lists", C, NC("critical,DER:3004A000A100")},
    {"directory name permitted", PKI_CHECK_NONE,
     NC("critical,DER:3023A021301FA41D301B3119301706035504030C106D61696C2E6578616D706C652E636F6D")},
    {"directory name excluded", C,
     NC("critical,DER:3023A121301FA41D301B3119301706035504030C106D61696C2E6578616D706C652E636F6D")},
    /* strength */
    {"RSA of 1024 bits", PKI_CHECK_STRENGTH, LEAF, .key = TEST_RSA_1024, .reason = "2048 bits"},
    {"RSA of 2052 bits", PKI_CHECK_STRENGTH, LEAF, .key = TEST_RSA_2052, .reason = "multiple of 8"},
    {"P-192", PKI_CHECK_STRENGTH, LEAF, .key = TEST_P192},
    {"secp256k1", PKI_CHECK_STRENGTH, LEAF, .key = TEST_K256},
    {"RSA of 1024 bits in an anchor", PKI_CHECK_STRENGTH, ROOT, .key = TEST_RSA_1024},
    {"P-192 in an anchor", PKI_CHECK_STRENGTH, ROOT, .key = TEST_P192},
    {"P-384", PKI_CHECK_NONE, LEAF, .key = TEST_P384},
    {"Ed25519", PKI_CHECK_NONE, LEAF, .key = TEST_ED25519},
    {"SHA-1", PKI_CHECK_STRENGTH, LEAF, .digest = "SHA1"},
    {"SHA-224", PKI_CHECK_STRENGTH, LEAF, .digest = "SHA224"},
    {"SHA-1 in a CA", PKI_CHECK_STRENGTH, CA, .digest = "SHA1"},
    {"SHA-1 in an anchor's own signature", PKI_CHECK_NONE, ROOT, .digest = "SHA1"},
    {"SHA-384", PKI_CHECK_NONE, LEAF, .digest = "SHA384"},
    /* usages */
    {"no extended key usage", PKI_CHECK_NONE, LEAF, EXT("extendedKeyUsage", NULL)},
    {"critical extended key usage", PKI_CHECK_USAGE, LEAF,
     EXT("extendedKeyUsage", "critical,serverAuth")},
    {"any usage beside serverAuth", PKI_CHECK_USAGE, LEAF,
     EXT("extendedKeyUsage", "serverAuth,anyExtendedKeyUsage")},
    {"code signing beside serverAuth", PKI_CHECK_USAGE, LEAF,
     EXT("extendedKeyUsage", "serverAuth,codeSigning")},
    {"clients only", PKI_CHECK_USAGE, LEAF, EXT("extendedKeyUsage", "clientAuth")},
    {"empty extended key usage", C, LEAF, EXT("extendedKeyUsage", "DER:3000")},
    {"no key usage", PKI_CHECK_NONE, LEAF, EXT("keyUsage", NULL)},
    {"key usage without signatures", PKI_CHECK_USAGE, LEAF, EXT("keyUsage", "dataEncipherment")},
    {"CA for clients only", PKI_CHECK_USAGE, CA, EXT("extendedKeyUsage", "clientAuth")},
};

static const char *const usual[PLACES][2 * PAIRS_MAXIMUM] = {
    [ROOT] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign,cRLSign",
              "subjectKeyIdentifier", "hash"},
    [CA] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign,cRLSign",
            "subjectKeyIdentifier", "hash", "authorityKeyIdentifier", "keyid:always"},
    [LEAF] = {"subjectKeyIdentifier", "hash", "authorityKeyIdentifier", "keyid:always",
              "extendedKeyUsage", "serverAuth", "keyUsage", "critical,digitalSignature",
              "subjectAltName", MAIL},
};

/* Keys, names: what each certificate has unless a rule changes it. */
static const enum test_key usual_keys[PLACES] = {TEST_P256_ROOT, TEST_P256_INTERMEDIATE, TEST_P256};
static const char *const usual_subjects[PLACES] = {"CN=Root, O=Contoso", "CN=CA, O=Contoso",
                                                   "CN=mail.example.com"};

/* Whose issuer has no key identifier cannot copy it, and has one all the same. */
static bool lacks_key(const struct rule *rule)
{
    return rule->extension && !rule->value && strcmp(rule->extension, "subjectKeyIdentifier") == 0;
}

static void set_extensions(struct test_certificate *wanted, const struct rule *rule,
                           enum place place)
{
    size_t used = 0;
    bool changed = place != rule->place || !rule->extension;
    for (size_t i = 0; i < 2 * PAIRS_MAXIMUM && usual[place][i]; i += 2) {
        bool this = !changed && strcmp(usual[place][i], rule->extension) == 0;
        const char *value = this ? rule->value : usual[place][i + 1];
        if (!this && place == (enum place)(rule->place + 1) && lacks_key(rule) &&
            strcmp(usual[place][i], "authorityKeyIdentifier") == 0)
            value = "DER:3006800401020304";
        changed |= this;
        if (!value)
            continue;
        wanted->extensions[used++] = usual[place][i];
        wanted->extensions[used++] = value;
    }
    if (!changed) {
        wanted->extensions[used++] = rule->extension;
        wanted->extensions[used++] = rule->value;
    }
}

static enum test_key key_of(const struct rule *rule, enum place place)
{
    return place == rule->place && rule->key ? rule->key : usual_keys[place];
}

static X509 *make(const struct rule *rule, enum place place, X509 *issuer)
{
    bool here = place == rule->place;
    struct test_certificate wanted = {
        .subject = here && rule->subject ? rule->subject : usual_subjects[place],
        .key = key_of(rule, place),
        .issuer = issuer,
        .issuer_key = place == ROOT ? key_of(rule, ROOT) : key_of(rule, (enum place)(place - 1)),
        .serial = here ? rule->serial : NULL,
        .digest = here ? rule->digest : NULL,
        .version = here ? rule->version : 0};
    if (!wanted.version)
        set_extensions(&wanted, rule, place);
    return test_certificate(&wanted);
}

START_TEST(a_rule_that_is_broken_is_seen)
{
    const struct rule *rule = &rules[_i];
    static const char *const names[] = {"mail.example.com"};
    X509 *root = make(rule, ROOT, NULL), *ca = make(rule, CA, root), *leaf = make(rule, LEAF, ca);
    X509_STORE *anchors = test_anchors(root);
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    sk_X509_push(untrusted, ca);
    struct pki_peer_policy policy = {
        .level = PKI_PEER_NAME, .anchors = anchors, .names = names, .name_count = 1};
    struct pki_peer_evidence evidence = {.leaf = leaf, .untrusted = untrusted};
    struct pki_peer_verdict verdict;
    pki_peer_judge(&policy, &evidence, 0, &verdict);
    ck_assert_msg(verdict.failed == rule->failed, "%s: %s, %s", rule->what,
                  pki_check_name(verdict.failed), verdict.reason);
    if (rule->reason && rule->failed)
        ck_assert_msg(strstr(verdict.reason, rule->reason) != NULL, "%s: %s", rule->what,
                      verdict.reason);
    ck_assert(verdict.accepted == (rule->failed == PKI_CHECK_NONE));
    ck_assert_uint_eq(ERR_peek_error(), 0);
    sk_X509_free(untrusted);
    X509_STORE_free(anchors);
    X509_free(leaf);
    X509_free(ca);
    X509_free(root);
}
END_TEST

int main(void)
{
    for (enum test_key key = 0; key < TEST_KEY_END; key++)
        test_key(key);
    Suite *suite = suite_create("the rules of the verdict");
    TCase *tests = tcase_create("rules");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_rule_that_is_broken_is_seen, 0, ARRAY_SIZE(rules));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
