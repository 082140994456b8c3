/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * inbound and outbound: add, set, remove, enable, disable. Each is a change to one file (change.h):
 * made as the administrator, who may write there, and refused before anything is changed when the
 * configuration would be wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/tree.h>

#include "connectors/document.h"
#include "connectors/guess.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/change.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/edit.h"
#include "gateway/ctl/property.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"
#include "pki/base/cleanup.h"

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(xmlDoc *, xmlFreeDoc)
DEFINE_CLEANUP(xmlChar *, xmlFree)

static int fail_memory(struct error *error)
{
    return error_set(error, EX_OSERR, "There is no memory left");
}

/* --- the connectors there are --- */

struct entry {
    const char *name;
    bool enabled;
    struct conn_place place;
};

/* The n-th; false: there are no more. */
static bool get_entry(const struct conn_config *config, bool inbound, size_t n, struct entry *ret)
{
    if (n >= (inbound ? config->inbound_count : config->outbound_count))
        return false;
    if (inbound)
        *ret = (struct entry){config->inbound[n].name, config->inbound[n].enabled,
                              config->inbound[n].place};
    else
        *ret = (struct entry){config->outbound[n].name, config->outbound[n].enabled,
                              config->outbound[n].place};
    return true;
}

static bool is_inbound(const struct ctl_change *change)
{
    return strcmp(change->arguments->command->noun, "inbound") == 0;
}

/* By its name, of which capitals do not count. */
static bool find_entry(const struct conn_config *config, bool inbound, const char *name,
                       struct entry *ret)
{
    struct entry entry;
    for (size_t n = 0; get_entry(config, inbound, n, &entry); n++)
        if (strcasecmp(entry.name, name) == 0) {
            *ret = entry;
            return true;
        }
    return false;
}

static int fail_absent(const struct ctl_change *change, struct error *error)
{
    const char *noun = change->arguments->command->noun, *name = change->arguments->operand;
    struct conn_guess guess = {.word = name};
    struct entry entry;
    for (size_t n = 0; get_entry(change->config, is_inbound(change), n, &entry); n++)
        conn_guess_consider(&guess, entry.name);
    error_set(error, EX_DATAERR, "There is no %s connector %.128s%s%.128s%s", noun, name,
              guess.best ? "; did you mean " : "", guess.best ? guess.best : "",
              guess.best ? "?" : "");
    if (guess.best)
        error_cure(error, "posternctl %s %s %s", noun, change->arguments->command->verb,
                   guess.best);
    return error_cure(error, "posternctl %s list shows those that there are", noun);
}

/* The one that the command names, with its file. */
static int open_entry(struct ctl_change *change, struct entry *ret, struct error *error)
{
    if (!find_entry(change->config, is_inbound(change), change->arguments->operand, ret))
        return fail_absent(change, error);
    if (!(change->path = strdup(ret->place.file)))
        return fail_memory(error);
    return ctl_file_read(change->path, &change->file, error);
}

/* --- set, enable, disable --- */

static int fail_assignment(const char *word, struct error *error)
{
    error_set(error, EX_USAGE, "\"%.200s\" is no PROPERTY=VALUE", word);
    return error_cure(error, "Property=value; of a list also Property+=item,item and "
                             "Property-=item; Property= takes it out");
}

/* PROPERTY=VALUE, or += or -=, done to *text, which is replaced. */
static int assign(const char *noun, const char *word, char **text, struct error *error)
{
    struct ctl_property property;
    const char *equals = strchr(word, '=');
    enum ctl_edit_how how = CTL_EDIT_SET;
    char *fresh = NULL;
    if (!equals || equals == word)
        return fail_assignment(word, error);
    size_t length = (size_t)(equals - word);
    char sign = word[length - 1];
    if (sign == '+' || sign == '-') {
        how = sign == '+' ? CTL_EDIT_ADD : CTL_EDIT_REMOVE;
        length--;
    }
    int result = ctl_property_find(noun, word, length, &property, error);
    if (result == 0)
        result = ctl_edit_set(*text, &property, how, equals + 1, &fresh, error);
    if (result < 0)
        return result;
    free(*text);
    *text = fresh;
    return 0;
}

static int make_set(struct ctl_change *change, struct error *error)
{
    struct entry entry;
    int result = open_entry(change, &entry, error);
    if (result == 0 && !(change->fresh = strdup(change->file.text)))
        result = fail_memory(error);
    for (char *const *word = change->arguments->rest; result == 0 && *word; word++)
        result = assign(change->arguments->command->noun, *word, &change->fresh, error);
    return result;
}

static int make_enabled(struct ctl_change *change, bool enabled, struct error *error)
{
    struct entry entry;
    int result = open_entry(change, &entry, error);
    if (result == 0 && !(change->fresh = strdup(change->file.text)))
        result = fail_memory(error);
    if (result < 0 || entry.enabled == enabled)
        return result;
    return assign(change->arguments->command->noun, enabled ? "Enabled=true" : "Enabled=false",
                  &change->fresh, error);
}

static int make_enable(struct ctl_change *change, struct error *error)
{
    return make_enabled(change, true, error);
}

static int make_disable(struct ctl_change *change, struct error *error)
{
    return make_enabled(change, false, error);
}

/* --- remove --- */

static int make_remove(struct ctl_change *change, struct error *error)
{
    struct entry entry;
    return open_entry(change, &entry, error);
}

/* --- add --- */

static int read_input(const char *path, char **ret, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    _cleanup_(fclosep) FILE *opened = standard ? NULL : fopen(path, "re");
    FILE *stream = standard ? stdin : opened;
    _cleanup_free_ char *text = malloc(CONN_FILE_MAXIMUM + 2);
    if (!stream) {
        error_set(error, EX_NOINPUT, "Cannot read %.200s: %m", path);
        return error_cure(error, "the name of a file with one connector, or - for standard input");
    }
    if (!text)
        return fail_memory(error);
    size_t length = fread(text, 1, CONN_FILE_MAXIMUM + 1, stream);
    text[length] = '\0';
    if (ferror(stream) || length > CONN_FILE_MAXIMUM || strlen(text) != length) {
        error_set(error, EX_DATAERR, "%.200s is no text, or a very large one", path);
        return error_cure(error, "a file with one connector, as postern.xml(5) explains it");
    }
    *ret = TAKE_PTR(text);
    return 0;
}

/* The name that it gives itself; the whole check follows when the place is known. */
static int read_name(struct ctl_change *change, xmlChar **ret, struct error *error)
{
    conn_problems_clear(&change->problems);
    _cleanup_(xmlFreeDocp) xmlDoc *document =
        conn_document_parse(change->fresh, strlen(change->fresh), change->shown, &change->problems);
    const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    if (root)
        *ret = xmlGetNoNsProp((xmlNode *)(uintptr_t)root, BAD_CAST "Name");
    if (*ret && **ret)
        return 0;
    const struct conn_problem *problem = change->problems.count ? change->problems.items : NULL;
    error_set(error, EX_CONFIG, "%.500s",
              problem ? problem->what : "The outermost element has no attribute Name");
    error_where(error, "%.200s:%d", change->shown, problem ? problem->line : 1);
    return error_cure(error, "%s",
                      problem && problem->cure ? problem->cure : "give it a Name=\"…\"");
}

/* It becomes that of the file. */
static int check_name(const char *name, struct error *error)
{
    if (!strchr(name, '/') && *name != '.' && *name != '#' && strlen(name) <= 128)
        return 0;
    error_set(error, EX_DATAERR, "The Name %.128s cannot be that of a file", name);
    return error_cure(error, "another Name; or put the file there under another name, and "
                             "posternctl reload");
}

static int check_free(const struct ctl_change *change, const char *name, struct error *error)
{
    const char *noun = change->arguments->command->noun;
    struct entry entry;
    struct stat status;
    if (find_entry(change->config, is_inbound(change), name, &entry)) {
        error_set(error, EX_DATAERR, "There is an %s connector %.128s already", noun, entry.name);
        error_where(error, "%s:%d", entry.place.file, entry.place.line);
        return error_cure(error, "another Name, or posternctl %s set, or remove it first", noun);
    }
    if (lstat(change->path, &status) < 0)
        return 0;
    error_set(error, EX_DATAERR, "%s is there already", change->path);
    return error_cure(error, "another Name, or rename what is there");
}

static int make_add(struct ctl_change *change, struct error *error)
{
    const char *operand = change->arguments->operand;
    _cleanup_(xmlFreep) xmlChar *name = NULL;
    change->shown = strcmp(operand, "-") == 0 ? "standard input" : operand;
    int result = read_input(operand, &change->fresh, error);
    if (result == 0)
        result = read_name(change, &name, error);
    if (result == 0)
        result = check_name((const char *)name, error);
    if (result < 0)
        return result;
    if (asprintf(&change->path, "%s/%s/%s.xml", change->config->directory,
                 change->arguments->command->noun, (const char *)name) < 0) {
        change->path = NULL;
        return fail_memory(error);
    }
    return check_free(change, (const char *)name, error);
}

/* --- telling --- */

/* Where an inbound connector stands among those that are tried. */
static void show_order(const struct ctl_change *change)
{
    struct entry entry, before = {0}, behind = {0};
    size_t count = change->after->inbound_count, at = count;
    for (size_t n = 0; get_entry(change->after, true, n, &entry); n++) {
        if (strcmp(entry.place.file, change->path) == 0)
            at = n;
        else if (at == count)
            before = entry;
        else if (n == at + 1)
            behind = entry;
    }
    if (count < 2 || at == count)
        return;
    fprintf(stderr,
            "Inbound connectors are tried in the order of their files' names: this one is "
            "number %zu of %zu",
            at + 1, count);
    if (before.name)
        fprintf(stderr, ", behind %s", before.name);
    if (behind.name)
        fprintf(stderr, "%s before %s", before.name ? " and" : ",", behind.name);
    fputs(".\n", stderr);
}

static const char *done_to(const struct ctl_change *change)
{
    return !change->file.text ? "added" : !change->fresh ? "removed" : "changed";
}

static int tell_json(const struct ctl_change *change, const char *outcome, const char *name)
{
    bool made = strcmp(outcome, "shown") != 0 && strcmp(outcome, "unchanged") != 0;
    return ctl_print_json(
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:o?, s:o}", "outcome", outcome, "direction",
                  change->arguments->command->noun, "connector", control_text(name), "file",
                  control_text(change->path), "difference",
                  control_text(change->difference ? change->difference : ""), "in_force",
                  made && change->running, "generation",
                  made && change->running ? json_integer(change->generation) : NULL, "warnings",
                  ctl_change_warnings(change)));
}

static int tell(const struct ctl_change *change, const char *outcome, const char *name)
{
    json_auto_t *warnings = NULL;
    if (change->arguments->json)
        return tell_json(change, outcome, name);
    if (strcmp(outcome, "unchanged") == 0) {
        fprintf(stderr, "%s says so already; nothing was changed.\n", change->path);
        return EX_OK;
    }
    table_lines(stdout, change->difference);
    fflush(stdout);
    warnings = ctl_change_warnings(change);
    ctl_show_problems(stderr, warnings);
    if (!change->file.text && is_inbound(change))
        show_order(change);
    if (strcmp(outcome, "shown") == 0)
        fputs("Nothing was changed.\n", stderr);
    else if (change->running)
        fprintf(stderr, "%s is %s; the configuration is in force as generation %lld.\n",
                change->path, outcome, change->generation);
    else
        fprintf(stderr, "%s is %s; posternd is not running, and takes it up when it starts.\n",
                change->path, outcome);
    return EX_OK;
}

/* --- all of it --- */

typedef int make_change(struct ctl_change *change, struct error *error);

static int do_it(struct ctl_change *change, make_change *make, const char **ret_outcome,
                 struct error *error)
{
    if (!change->arguments->dry_run)
        ctl_change_lock(change);
    int result = ctl_change_load(change, error);
    if (result == 0)
        result = make(change, error);
    if (result < 0)
        return result;
    *ret_outcome = "unchanged";
    if (change->fresh && change->file.text && strcmp(change->fresh, change->file.text) == 0)
        return 0;
    result = ctl_change_try(change, change->fresh ? "With this" : "Without it", error);
    if (result < 0)
        return result;
    *ret_outcome = change->arguments->dry_run ? "shown" : done_to(change);
    return change->arguments->dry_run ? 0 : ctl_change_put_in_force(change, error);
}

/* The connector that the file holds, or held. */
static const char *name_of(const struct ctl_change *change)
{
    struct entry entry;
    const struct conn_config *configs[] = {change->after, change->config};
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
        for (size_t n = 0; configs[i] && get_entry(configs[i], is_inbound(change), n, &entry); n++)
            if (strcmp(entry.place.file, change->path) == 0)
                return entry.name;
    return "";
}

static int run(const struct ctl_arguments *arguments, make_change *make)
{
    _cleanup_(ctl_change_clear) struct ctl_change change = {
        .arguments = arguments,
        .directory = arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern"};
    struct error error;
    const char *outcome = "";
    if (do_it(&change, make, &outcome, &error) < 0)
        return ctl_tell_error(arguments->json, &error, change.refusal, NULL);
    return tell(&change, outcome, name_of(&change));
}

int ctl_connector_add(const struct ctl_arguments *arguments)
{
    return run(arguments, make_add);
}

int ctl_connector_set(const struct ctl_arguments *arguments)
{
    return run(arguments, make_set);
}

int ctl_connector_remove(const struct ctl_arguments *arguments)
{
    return run(arguments, make_remove);
}

int ctl_connector_enable(const struct ctl_arguments *arguments)
{
    return run(arguments, make_enable);
}

int ctl_connector_disable(const struct ctl_arguments *arguments)
{
    return run(arguments, make_disable);
}
