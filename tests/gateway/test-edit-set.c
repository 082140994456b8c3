/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A property changed in a text that somebody wrote by hand: what becomes of it, byte for byte. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/read.h"
#include "gateway/ctl/edit.h"
#include "gateway/ctl/property.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

/* `set` is PROPERTY=VALUE, += or -=, of an outbound connector; `fresh` NULL: nothing changes. */
static const struct {
    const char *what, *set, *old, *fresh;
} edits[] = {
    {"a value", "TestMode=true", "<O>\n  <TestMode>false</TestMode>\n</O>\n",
     "<O>\n  <TestMode>true</TestMode>\n</O>\n"},
    {"a value by a name in other capitals", "testmode=TRUE",
     "<O>\n  <TestMode>false</TestMode>\n</O>\n", "<O>\n  <TestMode>true</TestMode>\n</O>\n"},
    {"a word of the vocabulary in other capitals", "TlsSettings=encryptiononly",
     "<O><TlsSettings>None</TlsSettings></O>", "<O><TlsSettings>EncryptionOnly</TlsSettings></O>"},
    {"blanks and comments around a value", "Enabled=false",
     "<O>\n <Enabled>\n  <!-- on -->\n  true <!-- Anna -->\n </Enabled>\n</O>",
     "<O>\n <Enabled>\n  <!-- on -->\n  false <!-- Anna -->\n </Enabled>\n</O>"},
    {"CDATA", "Comment=a < b", "<O><Comment><![CDATA[x > y]]></Comment></O>",
     "<O><Comment>a &lt; b</Comment></O>"},
    {"text in pieces", "Enabled=false", "<O><Enabled>tr<!-- -->ue</Enabled></O>",
     "<O><Enabled>false<!-- --></Enabled></O>"},
    {"an element that closes itself", "Comment=x & y", "<O>\n\t<Comment />\n</O>",
     "<O>\n\t<Comment>x &amp; y</Comment>\n</O>"},
    {"an element that is empty", "Comment=x", "<O><Comment></Comment></O>",
     "<O><Comment>x</Comment></O>"},
    {"a prefix", "Enabled=false", "<p:O><p:Comment>x</p:Comment></p:O>",
     "<p:O><p:Enabled>false</p:Enabled><p:Comment>x</p:Comment></p:O>"},
    {"a prefix on a root that closes itself", "Enabled=false", "<p:O a='/>' />",
     "<p:O a='/>'>\n  <p:Enabled>false</p:Enabled>\n</p:O>"},
    {"a root that closes itself", "SmartHosts=a,b", "<O xmlns=\"urn:postern:1\" Name=\"x\"/>\n",
     "<O xmlns=\"urn:postern:1\" Name=\"x\">\n"
     "  <SmartHosts><Host>a</Host><Host>b</Host></SmartHosts>\n</O>\n"},
    {"what is new stands behind its forerunner, and its comment", "TlsSettings=None",
     "<O>\n    <SmartHosts><Host>a</Host></SmartHosts> <!-- one -->\n    <!-- names -->\n"
     "    <TlsDomain>b</TlsDomain>\n</O>\n",
     "<O>\n    <SmartHosts><Host>a</Host></SmartHosts> <!-- one -->\n"
     "    <TlsSettings>None</TlsSettings>\n    <!-- names -->\n"
     "    <TlsDomain>b</TlsDomain>\n</O>\n"},
    {"what is new and comes first", "Enabled=false",
     "<O>\n\t<!-- hosts -->\n\t<SmartHosts><Host>a</Host></SmartHosts>\n</O>\n",
     "<O>\n\t<Enabled>false</Enabled>\n\t<!-- hosts -->\n"
     "\t<SmartHosts><Host>a</Host></SmartHosts>\n</O>\n"},
    {"lines that end as in Windows", "TlsSettings=None",
     "<O>\r\n <SmartHosts><Host>a</Host></SmartHosts>\r\n</O>\r\n",
     "<O>\r\n <SmartHosts><Host>a</Host></SmartHosts>\r\n <TlsSettings>None</TlsSettings>\r\n</O>"
     "\r\n"},
    {"one line", "TlsSettings=None", "<O><SmartHosts><Host>a</Host></SmartHosts></O>",
     "<O><SmartHosts><Host>a</Host></SmartHosts><TlsSettings>None</TlsSettings></O>"},
    {"names of the property in comments, CDATA and attributes", "Enabled=false",
     "<!-- <Enabled>true</Enabled> --><O a='<Enabled>'><Comment><![CDATA[<Enabled>1</Enabled>]]>"
     "</Comment><Enabled>true</Enabled></O>",
     "<!-- <Enabled>true</Enabled> --><O a='<Enabled>'><Comment><![CDATA[<Enabled>1</Enabled>]]>"
     "</Comment><Enabled>false</Enabled></O>"},
    {"one of the name further in is another", "Comment=x",
     "<O>\n  <SmartHosts><Comment>y</Comment></SmartHosts>\n</O>\n",
     "<O>\n  <Comment>x</Comment>\n  <SmartHosts><Comment>y</Comment></SmartHosts>\n</O>\n"},
    {"taken out, with its line",
     "TestMode=", "<O>\n  <!-- a -->\n  <TestMode>true</TestMode>\n  <!-- b -->\n</O>\n",
     "<O>\n  <!-- a -->\n  <!-- b -->\n</O>\n"},
    {"taken out, beside a comment", "TestMode=",
     "<O>\n  <TestMode>true</TestMode> <!-- a -->\n</O>\n", "<O>\n   <!-- a -->\n</O>\n"},
    {"a value that is there", "TlsDomain+=A.example", "<O><TlsDomain>a.example</TlsDomain></O>",
     NULL},
    {"nothing to take out", "Fqdn=", "<O><Enabled>true</Enabled></O>", NULL},
    {"a value as it is", "Comment=a & b", "<O><Comment> a &#38; b </Comment></O>", NULL},

    {"a list on one line gets more", "SmartHosts+=c",
     "<O>\n <SmartHosts><Host>a</Host><Host>b</Host></SmartHosts>\n</O>",
     "<O>\n <SmartHosts><Host>a</Host><Host>b</Host><Host>c</Host></SmartHosts>\n</O>"},
    {"a list on lines gets more, behind a comment", "SmartHosts+=c,d",
     "<O>\n\t<SmartHosts>\n\t\t<Host>a</Host>\n\t\t<Host>b</Host> <!-- old "
     "-->\n\t</SmartHosts>\n</O>",
     "<O>\n\t<SmartHosts>\n\t\t<Host>a</Host>\n\t\t<Host>b</Host> <!-- old "
     "-->\n\t\t<Host>c</Host>\n"
     "\t\t<Host>d</Host>\n\t</SmartHosts>\n</O>"},
    {"a list gets less", "SmartHosts-=B,a",
     "<O>\n  <SmartHosts>\n    <Host>a</Host>\n    <!-- this -->\n    <Host>b</Host>\n"
     "    <Host>c</Host>\n  </SmartHosts>\n</O>",
     "<O>\n  <SmartHosts>\n    <!-- this -->\n    <Host>c</Host>\n  </SmartHosts>\n</O>"},
    {"a list loses all", "SmartHosts-=a", "<O>\n  <SmartHosts><Host>a</Host></SmartHosts>\n</O>",
     "<O>\n</O>"},
    {"a list is replaced, and what stays stays", "SmartHosts=x,b,y,z",
     "<O>\n <SmartHosts>\n  <Host>a</Host>\n  <Host>b</Host><!-- b -->\n  <Host>c</Host>\n"
     " </SmartHosts>\n</O>",
     "<O>\n <SmartHosts>\n  <Host>x</Host>\n  <Host>b</Host><!-- b -->\n  <Host>y</Host>\n"
     "  <Host>z</Host>\n </SmartHosts>\n</O>"},
    {"the order of a list", "SmartHosts=c,a",
     "<O><SmartHosts><Host>a</Host><Host>b</Host><Host>c</Host></SmartHosts></O>",
     "<O><SmartHosts><Host>c</Host><Host>a</Host></SmartHosts></O>"},
    {"an item before the first", "SmartHosts=x,a",
     "<O>\n <SmartHosts>\n  <Host>a</Host>\n </SmartHosts>\n</O>",
     "<O>\n <SmartHosts>\n  <Host>x</Host>\n  <Host>a</Host>\n </SmartHosts>\n</O>"},
    {"a list as it is", "SmartHosts= a , B",
     "<O><SmartHosts><Host>A</Host><Host>b</Host></SmartHosts></O>", NULL},
    {"elements that repeat get more", "TlsDomain+=*.b.example",
     "<O>\n  <TlsDomain>a.example</TlsDomain>\n  <TrustAnchors>p</TrustAnchors>\n</O>",
     "<O>\n  <TlsDomain>a.example</TlsDomain>\n  <TlsDomain>*.b.example</TlsDomain>\n"
     "  <TrustAnchors>p</TrustAnchors>\n</O>"},
    {"elements that repeat are new", "TlsDomain=a,b",
     "<O>\n  <TlsSettings>DomainValidation</TlsSettings>\n</O>",
     "<O>\n  <TlsSettings>DomainValidation</TlsSettings>\n  <TlsDomain>a</TlsDomain>\n"
     "  <TlsDomain>b</TlsDomain>\n</O>"},
    {"elements that repeat go", "TlsDomain=",
     "<O>\n  <TlsDomain>a</TlsDomain>\n  <Comment>x</Comment>\n  <TlsDomain>b</TlsDomain>\n</O>",
     "<O>\n  <Comment>x</Comment>\n</O>"},
    {"a long list is new on lines of its own",
     "TlsCipherSuites=TLS_AES_256_GCM_SHA384,"
     "TLS_AES_128_GCM_SHA256",
     "<O>\n\t<Enabled>true</Enabled>\n</O>",
     "<O>\n\t<Enabled>true</Enabled>\n\t<TlsCipherSuites>\n"
     "\t\t<CipherSuite>TLS_AES_256_GCM_SHA384</CipherSuite>\n"
     "\t\t<CipherSuite>TLS_AES_128_GCM_SHA256</CipherSuite>\n\t</TlsCipherSuites>\n</O>"},
};

/* As posternctl takes it apart. */
static int set(const char *text, const char *word, char **ret, struct error *error)
{
    struct ctl_property property;
    const char *equals = strchr(word, '=');
    size_t length = (size_t)(equals - word);
    enum ctl_edit_how how = word[length - 1] == '+'   ? CTL_EDIT_ADD
                            : word[length - 1] == '-' ? CTL_EDIT_REMOVE
                                                      : CTL_EDIT_SET;
    length -= how != CTL_EDIT_SET;
    int result = ctl_property_find("outbound", word, length, &property, error);
    return result < 0 ? result : ctl_edit_set(text, &property, how, equals + 1, ret, error);
}

START_TEST(test_the_property_changes_and_nothing_else)
{
    struct error error;
    char *fresh = NULL;
    const char *wanted = edits[_i].fresh ? edits[_i].fresh : edits[_i].old;
    int result = set(edits[_i].old, edits[_i].set, &fresh, &error);
    ck_assert_msg(result == 0, "%s: %s", edits[_i].what, error.what);
    ck_assert_msg(strcmp(fresh, wanted) == 0, "%s:\n%s", edits[_i].what, fresh);
    free(fresh);
}
END_TEST

static const struct {
    const char *set, *old;
    int code;
    const char *says; /* in the message or its cure */
} refusals[] = {
    {"SmartHost=a", "<O></O>", EX_USAGE, "did you mean SmartHosts?"},
    {"RemoteIPRanges=a", "<O></O>", EX_USAGE, "no property RemoteIPRanges"},
    {"Name=x", "<O></O>", EX_USAGE, "refer to the Name"},
    {"PeerCertificates=x", "<O></O>", EX_USAGE, "peer accept"},
    {"Enabled+=true", "<O></O>", EX_USAGE, "one value"},
    {"SmartHosts+=", "<O></O>", EX_USAGE, "SmartHosts+=ITEM"},
    {"SmartHosts=a,,b", "<O></O>", EX_USAGE, "empty"},
    {"SmartHosts=a,", "<O></O>", EX_USAGE, "empty"},
    {"Comment=a\nb", "<O></O>", EX_USAGE, "control"},
    {"SmartHosts-=mail2.example", "<O><SmartHosts><Host>mail1.example</Host></SmartHosts></O>",
     EX_DATAERR, "did you mean mail1.example?"},
    {"SmartHosts-=a", "<O></O>", EX_DATAERR, "nothing"},
    {"Enabled=true", "", EX_DATAERR, "editor"},
    {"Enabled=true", "<O><Enabled>", EX_DATAERR, "editor"},
    {"Enabled=true", "<O><Enabled>true<b/></Enabled></O>", EX_DATAERR, "editor"},
    {"Enabled=true", "<O><Enabled>true</Enabled><Enabled>true</Enabled></O>", EX_DATAERR, "editor"},
    {"Enabled=true", "<?xml version='1.0' encoding='utf-16'?><O></O>", EX_DATAERR, "editor"},
    {"SmartHosts+=a", "<O><SmartHosts><!-- none --></SmartHosts></O>", EX_DATAERR, "editor"},
};

START_TEST(test_what_cannot_be_set_says_why)
{
    struct error error;
    char *fresh = NULL;
    ck_assert_msg(set(refusals[_i].old, refusals[_i].set, &fresh, &error) == -refusals[_i].code,
                  "%s", refusals[_i].set);
    ck_assert_ptr_null(fresh);
    ck_assert_msg(strstr(error.what, refusals[_i].says) || strstr(error.cure, refusals[_i].says),
                  "%s: %s: %s", refusals[_i].set, error.what, error.cure);
}
END_TEST

/* Every property of the tables, so that none is added that `set` takes for something else. */
START_TEST(test_every_property_is_set_or_is_known_not_to_be)
{
    const struct conn_section *section = ctl_section(_i ? "inbound" : "outbound");
    for (size_t i = 0; i < section->count; i++) {
        const char *name = section->fields[i].name;
        struct ctl_property property;
        bool fixed = strcmp(name, "Name") == 0 || strcmp(name, "PeerCertificates") == 0;
        ck_assert_msg(ctl_property_of(section, &section->fields[i], &property) == !fixed, "%s",
                      name);
    }
}
END_TEST

static const struct {
    const char *old, *fresh, *difference;
} differences[] = {
    {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "one\n2\n3\n4\n5\n6\n7\n8\nnine\n",
     "--- f\n+++ f\n@@ -1,4 +1,4 @@\n-1\n+one\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n "
     "8\n-9\n+nine\n"},
    {"1\n2\n3\n4\n5\n6\n7\n8\n", "one\n2\n3\n4\n5\n6\n7\neight\n",
     "--- f\n+++ f\n@@ -1,8 +1,8 @@\n-1\n+one\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+eight\n"},
    {NULL, "a\nb\n", "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
    {"a\n", NULL, "--- f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"},
};

START_TEST(test_changes_far_apart_are_hunks_of_their_own)
{
    char *text = ctl_edit_difference("f", differences[_i].old, differences[_i].fresh);
    ck_assert_str_eq(text, differences[_i].difference);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edit-set");
    TCase *tests = tcase_create("edit-set");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_the_property_changes_and_nothing_else, 0, ARRAY_SIZE(edits));
    tcase_add_loop_test(tests, test_what_cannot_be_set_says_why, 0, ARRAY_SIZE(refusals));
    tcase_add_loop_test(tests, test_every_property_is_set_or_is_known_not_to_be, 0, 2);
    tcase_add_loop_test(tests, test_changes_far_apart_are_hunks_of_their_own, 0,
                        ARRAY_SIZE(differences));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
