/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Adding a Peer to a text that somebody wrote by hand: what is put in, and that nothing else
 * changes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/edit.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

/* `^` in `old` is where `added` is to stand; the names are CN=a & b and CN=c unless `subject` says
 * so. */
static const struct {
    const char *what, *old, *added, *subject;
} edits[] = {
    {"on lines of its own, like the last Peer",
     "<O xmlns=\"urn:postern:1\">\n  <PeerCertificates>\n    <Peer><Subject>CN=x</Subject></Peer>\n"
     "^  </PeerCertificates>\n</O>\n",
     "    <Peer>\n      <Subject>CN=a &amp; b</Subject>\n      <Issuer>CN=c</Issuer>\n    "
     "</Peer>\n",
     NULL},
    {"tabs", "<O>\n\t<PeerCertificates>\n\t\t<Peer>\n\t\t</Peer>\n^\t</PeerCertificates>\n</O>",
     "\t\t<Peer>\n\t\t  <Subject>CN=a &amp; b</Subject>\n\t\t  "
     "<Issuer>CN=c</Issuer>\n\t\t</Peer>\n",
     NULL},
    {"lines that end as in Windows",
     "<O>\r\n <PeerCertificates>\r\n  <Peer/>\r\n^ </PeerCertificates>\r\n</O>\r\n",
     "  <Peer>\r\n    <Subject>CN=a &amp; b</Subject>\r\n    <Issuer>CN=c</Issuer>\r\n  "
     "</Peer>\r\n",
     NULL},
    {"all on one line",
     "<O><PeerCertificates Mode=\"Enforce\"><Peer>x</Peer>^</PeerCertificates></O>",
     "<Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer></Peer>", NULL},
    {"a Peer on the line of its list",
     "<O>\n  <PeerCertificates><Peer>x</Peer>\n^  </PeerCertificates>\n</O>",
     "    <Peer>\n      <Subject>CN=a &amp; b</Subject>\n      <Issuer>CN=c</Issuer>\n    "
     "</Peer>\n",
     NULL},
    {"the issuer alone", "<O><PeerCertificates><Peer>x</Peer>^</PeerCertificates></O>",
     "<Peer><Issuer>CN=c</Issuer></Peer>", ""},
    {"comments, CDATA, instructions and attributes that look like tags",
     "<?xml version=\"1.0\"?><!-- </PeerCertificates> <PeerCertificates> --><O a='</O>' b=\">\">"
     "<Comment><![CDATA[</PeerCertificates>]]></Comment><?x </PeerCertificates>?>"
     "<PeerCertificates><!-- <Peer> --><Peer>x</Peer><!-- </PeerCertificates> -->"
     "^</PeerCertificates ></O>",
     "<Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer></Peer>", NULL},
    {"a prefix",
     "<p:O xmlns:p=\"urn:postern:1\"><p:PeerCertificates><p:Peer/>^</p:PeerCertificates></p:O>",
     "<p:Peer><p:Subject>CN=a &amp; b</p:Subject><p:Issuer>CN=c</p:Issuer></p:Peer>", NULL},
    {"no list: behind TrustAnchors",
     "<O>\n    <TrustAnchors>public</TrustAnchors>\n^    <Comment>x</Comment>\n</O>\n",
     "    <PeerCertificates Mode=\"Enforce\">\n      <Peer>\n        <Subject>CN=a &amp; "
     "b</Subject>\n"
     "        <Issuer>CN=c</Issuer>\n      </Peer>\n    </PeerCertificates>\n",
     NULL},
    {"no list: behind the last of its forerunners",
     "<O>\n <TrustAnchors>p</TrustAnchors>\n <Comment>x</Comment>\n "
     "<ClientEku>ClientAuth</ClientEku>\n"
     "^</O>\n",
     " <PeerCertificates Mode=\"Enforce\">\n   <Peer>\n     <Subject>CN=a &amp; b</Subject>\n"
     "     <Issuer>CN=c</Issuer>\n   </Peer>\n </PeerCertificates>\n",
     NULL},
    {"no list, and a comment behind the forerunner",
     "<O>\n <TrustAnchors>p</TrustAnchors>^ <!-- these -->\n</O>\n",
     "<PeerCertificates Mode=\"Enforce\"><Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer>"
     "</Peer></PeerCertificates>",
     NULL},
    {"no list and no forerunner", "<O>\n  <Enabled>true</Enabled>\n^</O>\n",
     "  <PeerCertificates Mode=\"Enforce\">\n    <Peer>\n      <Subject>CN=a &amp; b</Subject>\n"
     "      <Issuer>CN=c</Issuer>\n    </Peer>\n  </PeerCertificates>\n",
     NULL},
    {"nothing at all, on one line", "<O>^</O>",
     "<PeerCertificates Mode=\"Enforce\"><Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer>"
     "</Peer></PeerCertificates>",
     NULL},
    {"a mark of UTF-8 in front", "\xef\xbb\xbf<O><PeerCertificates><Peer/>^</PeerCertificates></O>",
     "<Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer></Peer>", NULL},
    {"UTF-8 declared",
     "<?xml version='1.0' encoding='utf-8'?><O><PeerCertificates><Peer/>^</PeerCertificates></O>",
     "<Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer></Peer>", NULL},
    {"encoding as a word further down", "<?xml version='1.0'?><O><Comment>encoding</Comment>^</O>",
     "<PeerCertificates Mode=\"Enforce\"><Peer><Subject>CN=a &amp; b</Subject><Issuer>CN=c</Issuer>"
     "</Peer></PeerCertificates>",
     NULL},
};

START_TEST(test_the_peer_is_put_in_and_nothing_else_changes)
{
    const char *mark = strchr(edits[_i].old, '^');
    size_t before = (size_t)(mark - edits[_i].old);
    char old[1024], wanted[2048], *fresh = NULL;
    struct error error;
    snprintf(old, sizeof old, "%.*s%s", (int)before, edits[_i].old, mark + 1);
    snprintf(wanted, sizeof wanted, "%.*s%s%s", (int)before, edits[_i].old, edits[_i].added,
             mark + 1);
    const char *subject = edits[_i].subject ? edits[_i].subject : "CN=a & b";
    int result = ctl_edit_add_peer(old, subject, "CN=c", &fresh, &error);
    ck_assert_msg(result == 0, "%s: %s", edits[_i].what, error.what);
    ck_assert_msg(strcmp(fresh, wanted) == 0, "%s:\n%s", edits[_i].what, fresh);
    free(fresh);
}
END_TEST

static const char *const hopeless[] = {
    "",
    "no XML",
    "<O/>",
    "<O><PeerCertificates/></O>",
    "<O><PeerCertificates></O",
    "<O><!-- never ends </O>",
    "<!DOCTYPE O><O></O>",
    "<?xml version='1.0' encoding='iso-8859-1'?><O></O>",
    "\xfe\xff",
    "<O a=\"></O>",
};

START_TEST(test_what_cannot_be_added_to_is_left_to_an_editor)
{
    struct error error;
    char *fresh = NULL;
    ck_assert_msg(ctl_edit_add_peer(hopeless[_i], "CN=a", "CN=b", &fresh, &error) == -EX_DATAERR,
                  "%s", hopeless[_i]);
    ck_assert_ptr_null(fresh);
    ck_assert_ptr_nonnull(strstr(error.cure, "editor"));
}
END_TEST

static const struct {
    const char *old, *fresh, *difference;
} differences[] = {
    {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\nnew\n6\n7\n8\n9\n",
     "--- f\n+++ f\n@@ -3,6 +3,7 @@\n 3\n 4\n 5\n+new\n 6\n 7\n 8\n"},
    {"1\n", "1\n2\n3\n", "--- f\n+++ f\n@@ -1,1 +1,3 @@\n 1\n+2\n+3\n"},
    {"<a></a>", "<a><b/></a>",
     "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-<a></a>\n\\ No newline at end of file\n"
     "+<a><b/></a>\n\\ No newline at end of file\n"},
    {"a\na\n", "a\na\na\n", "--- f\n+++ f\n@@ -1,2 +1,3 @@\n a\n a\n+a\n"},
    {"x\na\nx\nx\n", "x\na\nx\na\nx\nx\n",
     "--- f\n+++ f\n@@ -1,4 +1,6 @@\n x\n a\n x\n+a\n+x\n x\n"},
};

START_TEST(test_the_difference_is_shown)
{
    char *text = ctl_edit_difference("f", differences[_i].old, differences[_i].fresh);
    ck_assert_str_eq(text, differences[_i].difference);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edit");
    TCase *tests = tcase_create("edit");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_the_peer_is_put_in_and_nothing_else_changes, 0,
                        ARRAY_SIZE(edits));
    tcase_add_loop_test(tests, test_what_cannot_be_added_to_is_left_to_an_editor, 0,
                        ARRAY_SIZE(hopeless));
    tcase_add_loop_test(tests, test_the_difference_is_shown, 0, ARRAY_SIZE(differences));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
