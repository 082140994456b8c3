/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl's inner parts: the command line, where the socket is, and what reaches the terminal.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/ctl/arguments.h"
#include "gateway/ctl/locate.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

enum { WORDS = 10 };

/* --- the command line --- */

static const struct line {
    const char *words[WORDS];
    const char *noun, *verb, *operand, *config, *socket;
    bool json;
} lines[] = {
    {{"status"}, "status", NULL, NULL, NULL, NULL, false},
    {{"reload", "--json"}, "reload", NULL, NULL, NULL, NULL, true},
    {{"--json", "reload"}, "reload", NULL, NULL, NULL, NULL, true},
    {{"config", "check"}, "config", "check", NULL, NULL, NULL, false},
    {{"config", "check", "/etc/other"}, "config", "check", "/etc/other", NULL, NULL, false},
    {{"config", "--config", "/c", "check"}, "config", "check", NULL, "/c", NULL, false},
    {{"inbound", "list"}, "inbound", "list", NULL, NULL, NULL, false},
    {{"inbound", "show", "cloud"}, "inbound", "show", "cloud", NULL, NULL, false},
    {{"outbound", "list", "--socket=/s"}, "outbound", "list", NULL, NULL, "/s", false},
    {{"outbound", "--json", "show", "--socket", "/s", "tenant"},
     "outbound",
     "show",
     "tenant",
     NULL,
     "/s",
     true},
    {{"--config=/c", "outbound", "validate", "tenant"},
     "outbound",
     "validate",
     "tenant",
     "/c",
     NULL,
     false},
    {{"outbound", "show", "--", "--json"}, "outbound", "show", "--json", NULL, NULL, false},
    {{"doctor", "--json"}, "doctor", NULL, NULL, NULL, NULL, true},
    {{"outbound", "validate", "tenant", "--recipient", "a@b.c", "--send"},
     "outbound",
     "validate",
     "tenant",
     NULL,
     NULL,
     false},
    {{"hsm", "status"}, "hsm", "status", NULL, NULL, NULL, false},
    {{"hsm", "test"}, "hsm", "test", NULL, NULL, NULL, false},
    {{"hsm", "test", "hybrid", "--count", "5"}, "hsm", "test", "hybrid", NULL, NULL, false},
    {{"cert", "request", "hybrid", "--reuse-key"}, "cert", "request", "hybrid", NULL, NULL, false},
    {{"cert", "--san=a", "request", "hybrid"}, "cert", "request", "hybrid", NULL, NULL, false},
    {{"cert", "list"}, "cert", "list", NULL, NULL, NULL, false},
    {{"cert", "rollback", "hybrid"}, "cert", "rollback", "hybrid", NULL, NULL, false},
    {{"cert", "stage", "hybrid", "-", "--json"}, "cert", "stage", "hybrid", NULL, NULL, true},
    {{"inbound", "add", "-", "--dry-run"}, "inbound", "add", "-", NULL, NULL, false},
    {{"inbound", "set", "x", "A=", "B+=c", "D-=e", "--json"},
     "inbound",
     "set",
     "x",
     NULL,
     NULL,
     true},
};

/* argv with the program's name in front; getopt moves the pointers about. */
static int read_words(struct ctl_arguments *ret, const char *const *words, struct error *error)
{
    static char program[] = "posternctl";
    static char *argv[WORDS + 2];
    int argc = 1;
    argv[0] = program;
    for (; argc <= WORDS && words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    argv[argc] = NULL;
    return ctl_arguments_read(ret, argc, argv, error);
}

START_TEST(a_line_is_read)
{
    const struct line *line = &lines[_i];
    struct ctl_arguments got;
    struct error error;
    ck_assert_msg(read_words(&got, line->words, &error) == 0, "%s", error.what);
    ck_assert_str_eq(got.command->noun, line->noun);
    ck_assert_pstr_eq(got.command->verb, line->verb);
    ck_assert_pstr_eq(got.operand, line->operand);
    ck_assert_pstr_eq(got.config, line->config);
    ck_assert_pstr_eq(got.socket, line->socket);
    ck_assert_int_eq(got.json, line->json);
    ck_assert(!got.help && !got.version);
}
END_TEST

static const struct {
    const char *words[WORDS];
    const char *what, *cure;
    bool json;
} mistakes[] = {
    {{NULL},
     "needs to be told",
     "status, reload, config, doctor, inbound, outbound, hsm, cert, peer, import, export;",
     false},
    {{"statsu"}, "knows no \"statsu\"", "status, reload", false},
    {{"inbound"}, "inbound needs a verb", "list, show", false},
    {{"inbound", "validate", "x"}, "inbound knows no \"validate\"", "list, show", false},
    {{"outbound", "set", "x"}, "needs a PROPERTY=VALUE", "set NAME PROPERTY=VALUE...", false},
    {{"outbound", "enable", "x", "y"}, "\"y\" is one word too many", "enable NAME", false},
    {{"outbound", "lst"}, "outbound knows no \"lst\"", "disable, explain, validate", false},
    {{"outbound", "show"}, "needs a NAME", "posternctl outbound show NAME", false},
    {{"outbound", "show", ""}, "needs a NAME", "posternctl outbound show NAME", false},
    {{"outbound", "show", "a", "b"}, "\"b\" is one word too many", "outbound show NAME", false},
    {{"status", "now"}, "\"now\" is one word too many", "posternctl status", false},
    {{"config", "check", "a", "b"}, "\"b\" is one word too many", "config check [DIR]", false},
    {{"--json", "status", "--jsno"}, "--jsno is no option", "--json", true},
    {{"status", "-x"}, "-x is no option", "--help", false},
    {{"status", "--config"}, "--config needs something", "--config DIR", false},
    {{"hsm", "test", "--count", "0"}, "no number between 1 and 10000", "--count 100", false},
    {{"hsm", "test", "--count", "1x"}, "no number between 1 and 10000", "--count 100", false},
    {{"hsm", "status", "--count", "9"}, "hsm status takes no --count", "leave --count out", false},
    {{"hsm", "test", "--reuse-key"},
     "hsm test takes no --reuse-key",
     "leave --reuse-key out",
     false},
    {{"status", "--san", "a"}, "status takes no --san", "leave --san out", false},
    {{"cert", "request"}, "cert request needs a NAME", "posternctl cert request NAME", false},
    {{"cert", "request", "a", "--count", "3"}, "takes no --count", "leave --count out", false},
    {{"outbound", "show", "x", "--recipient", "a@b.c"},
     "outbound show takes no --recipient",
     "leave --recipient out",
     false},
    {{"doctor", "--sender", "a@b.c"}, "doctor takes no --sender", "leave --sender out", false},
    {{"reload", "--send"}, "reload takes no --send", "leave --send out", false},
    {{"outbound", "validate", "x", "--send"}, "--send needs a --recipient", "--recipient", false},
    {{"outbound", "validate", "x", "--sender", "a@b.c"},
     "--sender needs a --recipient",
     "--recipient ADDRESS",
     false},
    {{"outbound", "validate", "x", "--recipient"}, "--recipient needs something", "ADDRESS", false},
    {{"--help", "statsu"}, "knows no \"statsu\"", "status", false},
    {{"cert", "stage", "hybrid"}, "needs a CHAIN behind the NAME", "cert stage NAME CHAIN", false},
    {{"cert", "stage"}, "needs a NAME", "cert stage NAME CHAIN", false},
    {{"cert", "import", "hybrid", "--key", "/k"},
     "needs a --chain",
     "posternctl --help cert",
     false},
    {{"cert", "import", "hybrid", "--chain", "f"},
     "needs a --key",
     "posternctl --help cert",
     false},
    {{"cert", "test", "hybrid", "--at", "x"}, "cert test takes no --at", "leave --at out", false},
    {{"cert", "list", "--key", "/k"}, "cert list takes no --key", "leave --key out", false},
    {{"cert", "test", "hybrid", "--send"}, "cert test takes no --send", "leave --send out", false},
};

START_TEST(a_validation_takes_addresses)
{
    static const char *const words[WORDS] = {"--sender", "x@y.z",  "outbound",         "validate",
                                             "tenant",   "--send", "--recipient=a@b.c"};
    struct ctl_arguments got;
    struct error error;
    ck_assert_msg(read_words(&got, words, &error) == 0, "%s", error.what);
    ck_assert_str_eq(got.sender, "x@y.z");
    ck_assert_str_eq(got.recipient, "a@b.c");
    ck_assert(got.send);
    ck_assert_str_eq(got.operand, "tenant");
}
END_TEST

START_TEST(an_operand_and_an_option_more_are_read)
{
    static const char *const words[WORDS] = {"cert",      "rotate", "hybrid",
                                             "chain.pem", "--key",  "/k"};
    struct ctl_arguments got;
    struct error error;
    ck_assert_msg(read_words(&got, words, &error) == 0, "%s", error.what);
    ck_assert_str_eq(got.operand, "hybrid");
    ck_assert_str_eq(got.second, "chain.pem");
    ck_assert_str_eq(got.key, "/k");
    ck_assert_ptr_null(got.at);
}
END_TEST

START_TEST(a_mistake_is_told_with_what_to_type)
{
    struct ctl_arguments got;
    struct error error;
    ck_assert_int_eq(read_words(&got, mistakes[_i].words, &error), -EX_USAGE);
    ck_assert_msg(strstr(error.what, mistakes[_i].what), "%s", error.what);
    ck_assert_msg(strstr(error.cure, mistakes[_i].cure), "%s", error.cure);
    ck_assert_int_eq(got.json, mistakes[_i].json);
}
END_TEST

START_TEST(help_and_version_need_no_command)
{
    static const struct {
        const char *words[WORDS];
        bool help, version;
        const char *noun;
    } rows[] = {{{"--help"}, true, false, NULL},
                {{"-h"}, true, false, NULL},
                {{"outbound", "--help"}, true, false, "outbound"},
                {{"outbound", "show", "--help"}, true, false, "outbound"},
                {{"--version"}, false, true, NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ctl_arguments got;
        struct error error;
        ck_assert_int_eq(read_words(&got, rows[i].words, &error), 0);
        ck_assert_int_eq(got.help, rows[i].help);
        ck_assert_int_eq(got.version, rows[i].version);
        ck_assert_pstr_eq(got.noun, rows[i].noun);
    }
}
END_TEST

START_TEST(every_command_is_whole)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++) {
        ck_assert_ptr_nonnull(command->summary);
        ck_assert_msg(!command->offline != !command->request, "%s", command->noun);
        if (command->request) {
            ck_assert(command->show || command->deliver);
            ck_assert_uint_gt(command->seconds, 0);
        }
    }
}
END_TEST

START_TEST(help_names_every_command)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    ctl_help(file, NULL);
    fclose(file);
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        ck_assert_msg(strstr(text, command->summary), "%s is missing", command->summary);
}
END_TEST

/* --- where the socket is --- */

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/postern-ctl-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/postern.xml", folder);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_xml(const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/postern.xml", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

#define GATEWAY "<Gateway xmlns=\"urn:postern:1\" HostName=\"gw\">"

static const struct {
    const char *xml, *path; /* NULL: cannot be told */
} places[] = {
    {GATEWAY "<Control Socket=\"/run/a.sock\"/></Gateway>", "/run/a.sock"},
    {GATEWAY "</Gateway>", CTL_DEFAULT_SOCKET},
    {GATEWAY "<Control Socket=\"\"/></Gateway>", CTL_DEFAULT_SOCKET},
    {GATEWAY "<!-- <Control Socket=\"/no\"/> --><Control Socket=\"/run/a.sock\"/></Gateway>",
     "/run/a.sock"},
    {GATEWAY "<Unknown/><Control Socket=\"/run/a.sock\"/></Gateway>", "/run/a.sock"},
    {GATEWAY "<Listener Address=\"x\"><Control Socket=\"/run/a.sock\"/></Gateway>", "/run/a.sock"},
    {GATEWAY "<Control Socket=\"/run/a.sock\"/><Listener", "/run/a.sock"},
    {GATEWAY "<Listener Address=\"&\"/><Control Socket=\"/run/a.sock\"/></Gateway>", "/run/a.sock"},
    {GATEWAY "<Listener", NULL},
    {"", NULL},
    {"no XML at all", NULL},
};

START_TEST(the_socket_is_found_also_in_a_broken_file)
{
    char path[128];
    struct error error;
    write_xml(places[_i].xml);
    int result = ctl_locate_socket(folder, path, sizeof path, &error);
    ck_assert_int_eq(result, places[_i].path ? 0 : -EX_CONFIG);
    if (places[_i].path)
        ck_assert_str_eq(path, places[_i].path);
    else
        ck_assert_ptr_nonnull(strstr(error.cure, "config check"));
}
END_TEST

START_TEST(a_folder_that_was_named_must_be_one)
{
    char path[128];
    struct error error;
    ck_assert_int_eq(ctl_locate_socket(folder, path, sizeof path, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "no postern.xml"));
}
END_TEST

START_TEST(an_entity_reads_no_other_file)
{
    char path[128];
    struct error error;
    write_xml("<!DOCTYPE Gateway [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>" GATEWAY
              "<Control Socket=\"/run/a.sock\"/>&e;</Gateway>");
    ck_assert_int_eq(ctl_locate_socket(folder, path, sizeof path, &error), 0);
    ck_assert_str_eq(path, "/run/a.sock");
}
END_TEST

/* --- what reaches the terminal --- */

static const struct {
    const char *text, *shown;
} texts[] = {
    {"plain", "plain"},
    {"München …", "München …"},
    {"\033[31mred\007", "\\x1b[31mred\\x07"},
    {"\302\233[31m", "\\x9b[31m"},
    {"two\nlines\tand\177", "two lines and\\x7f"},
};

START_TEST(no_control_character_reaches_the_terminal)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    table_text(file, texts[_i].text);
    fclose(file);
    ck_assert_str_eq(text, texts[_i].shown);
}
END_TEST

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
    struct table table = {.columns = 2};
    _cleanup_free_ char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    table_cell(&table, "NAME");
    table_cell(&table, "N");
    table_cell(&table, "Münch");
    table_cellf(&table, "%d", 7);
    table_print(file, &table);
    fclose(file);
    ck_assert_str_eq(text, "NAME   N\nMünch  7\n");
}
END_TEST

/* --- the exit status of a validation --- */

static const struct {
    const char *result;
    int status;
} results[] = {
    {"{\"outcome\":\"passed\"}", EX_OK},
    {"{\"outcome\":\"failed\",\"failed_step\":\"resolve\"}", EX_UNAVAILABLE},
    {"{\"outcome\":\"failed\",\"failed_step\":\"connect\"}", EX_UNAVAILABLE},
    {"{\"outcome\":\"failed\",\"failed_step\":\"greeting\"}", EX_UNAVAILABLE},
    {"{\"outcome\":\"failed\",\"failed_step\":\"ehlo\"}", EX_PROTOCOL},
    {"{\"outcome\":\"failed\",\"failed_step\":\"starttls\"}", EX_PROTOCOL},
    {"{\"outcome\":\"failed\",\"failed_step\":\"handshake\"}", EX_PROTOCOL},
    {"{\"outcome\":\"failed\",\"failed_step\":\"ehlo-tls\"}", EX_PROTOCOL},
    {"{\"outcome\":\"failed\",\"failed_step\":\"verdict\"}", EX_CONFIG},
    {"{\"outcome\":\"failed\",\"failed_step\":\"of tomorrow\"}", EX_UNAVAILABLE},
    {"{}", EX_UNAVAILABLE},
};

START_TEST(a_validation_fails_by_the_step_that_failed)
{
    json_auto_t *result = json_loads(results[_i].result, 0, NULL);
    ck_assert_int_eq(ctl_judge_validation(result), results[_i].status);
}
END_TEST

static Suite *posternctl_suite(void)
{
    Suite *suite = suite_create("posternctl");
    TCase *line = tcase_create("command line");
    tcase_add_test(line, an_operand_and_an_option_more_are_read);
    tcase_add_loop_test(line, a_line_is_read, 0, ARRAY_SIZE(lines));
    tcase_add_test(line, a_validation_takes_addresses);
    tcase_add_loop_test(line, a_mistake_is_told_with_what_to_type, 0, ARRAY_SIZE(mistakes));
    tcase_add_test(line, help_and_version_need_no_command);
    tcase_add_test(line, every_command_is_whole);
    tcase_add_test(line, help_names_every_command);
    suite_add_tcase(suite, line);
    TCase *place = tcase_create("place of the socket");
    tcase_add_checked_fixture(place, make_folder, remove_folder);
    tcase_add_loop_test(place, the_socket_is_found_also_in_a_broken_file, 0, ARRAY_SIZE(places));
    tcase_add_test(place, a_folder_that_was_named_must_be_one);
    tcase_add_test(place, an_entity_reads_no_other_file);
    suite_add_tcase(suite, place);
    TCase *shown = tcase_create("shown");
    tcase_add_loop_test(shown, no_control_character_reaches_the_terminal, 0, ARRAY_SIZE(texts));
    tcase_add_test(shown, columns_are_as_wide_as_their_widest_cell);
    tcase_add_loop_test(shown, a_validation_fails_by_the_step_that_failed, 0, ARRAY_SIZE(results));
    suite_add_tcase(suite, shown);
    return suite;
}

int main(void)
{
    return run_suite(posternctl_suite());
}
