/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See complete.h. */
#include "gateway/ctl/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/connector.h"
#include "connectors/suites.h"
#include "gateway/ctl/property.h"
#include "gateway/ctl/table.h"
#include "pki/base/cleanup.h"

enum { WORDS_MAXIMUM = 256 };

struct line {
    struct ctl_arguments arguments;   /* --config and --socket, as far as they were typed */
    const char *words[WORDS_MAXIMUM]; /* those that are no options, nor belong to one */
    size_t count;
    const char *current;
    const char
        *head; /* what stands before the part that is completed: "--config=", "TlsDomain=a," */
    int head_length;
    const struct ctl_command *command; /* NULL: not known yet */
    bool options_ended;
};

/* One that begins as what was typed; capitals do not count. */
static void offer(const struct line *line, const char *word, const char *behind, const char *what)
{
    const char *typed = line->current + line->head_length;
    if (strncasecmp(word, typed, strlen(typed)) != 0 || strpbrk(word, "\t\r\n"))
        return;
    printf("%.*s", line->head_length, line->head);
    table_text(stdout, word);
    printf("%s\t", behind);
    table_text(stdout, what);
    fputc('\n', stdout);
}

static void offer_name(void *context, const char *name, const char *what)
{
    offer(context, name, "", what);
}

static void offer_names(struct line *line, enum ctl_names_of of)
{
    ctl_names(&line->arguments, of, offer_name, line);
}

/* --- options --- */

/* The option that a word names; false: none. */
static bool find_option(const char *word, struct ctl_option_shown *ret)
{
    size_t length = strcspn(word, "=");
    if (strncmp(word, "--", 2) != 0 || length < 3)
        return false;
    for (unsigned i = 0; i < CTL_OPTION_END; i++) {
        ctl_option_show(i, ret);
        if (strlen(ret->name) == length - 2 && strncmp(ret->name, word + 2, length - 2) == 0)
            return true;
    }
    return false;
}

static void offer_options(const struct line *line)
{
    uint64_t taken = line->command ? line->command->takes : 0;
    struct ctl_option_shown option;
    for (unsigned i = 0; i < CTL_OPTION_END; i++) {
        char word[40], what[120];
        ctl_option_show(i, &option);
        if (!option.for_everybody && !(taken & UINT64_C(1) << i))
            continue;
        snprintf(word, sizeof word, "--%s", option.name);
        snprintf(what, sizeof what, "%.*s", (int)strcspn(option.help, "\n"), option.help);
        offer(line, word, "", what);
    }
}

/* What stands behind an option, by the word for it in the help. */
static void offer_argument(struct line *line, const struct ctl_option_shown *option)
{
    static const char *const purposes[] = {"server", "client"};
    if (strcmp(option->argument, "DIR") == 0)
        puts(":directories");
    else if (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "PATH") == 0)
        puts(":files");
    for (size_t i = 0; option->option == CTL_PURPOSE && i < ARRAY_SIZE(purposes); i++)
        offer(line, purposes[i], "", "");
    if (option->option == CTL_CERTIFICATE)
        offer_names(line, CTL_NAMES_CERTIFICATES);
    if (option->option == CTL_TRUST_ANCHORS)
        offer_names(line, CTL_NAMES_ANCHORS);
    if (option->option == CTL_INBOUND)
        offer_names(line, CTL_NAMES_INBOUND);
    if (option->option == CTL_CONNECTOR) {
        offer_names(line, CTL_NAMES_INBOUND);
        offer_names(line, CTL_NAMES_OUTBOUND);
    }
}

/* --- properties --- */

static void offer_properties(const struct line *line, const struct conn_section *section)
{
    struct ctl_property property;
    for (size_t i = 0; i < section->count; i++) {
        if (!ctl_property_of(section, &section->fields[i], &property))
            continue;
        offer(line, property.name, "=", property.item ? "the whole list" : "");
        if (property.item)
            offer(line, property.name, "+=", "add to the list");
        if (property.item)
            offer(line, property.name, "-=", "remove from the list");
    }
}

static void offer_value(struct line *line, const struct ctl_property *property)
{
    const struct conn_field *field =
        property->wrapped ? property->field->section->fields : property->field;
    const char *word;
    for (size_t n = 0; (word = ctl_property_word(property, n)); n++)
        offer(line, word, "", "");
    if (field->read == conn_read_certificate)
        offer_names(line, CTL_NAMES_CERTIFICATES);
    if (field->read == conn_read_anchors)
        offer_names(line, CTL_NAMES_ANCHORS);
    if (field->read == conn_read_lists)
        offer_names(line, CTL_NAMES_LISTS);
    if (strcmp(property->name, "InboundConnectors") == 0)
        offer_names(line, CTL_NAMES_INBOUND);
    for (unsigned i = 0; field->read == conn_read_cipher_suite && i < conn_cipher_suite_count; i++)
        offer(line, conn_cipher_suites[i].name, "", "");
    for (unsigned i = 0; field->read == conn_read_group && i < conn_group_count; i++)
        offer(line, conn_groups[i].name, "", "");
}

static void offer_assignment(struct line *line)
{
    const char *noun = line->command->noun, *equals = strchr(line->current, '=');
    struct ctl_property property;
    struct error error;
    if (!equals) {
        offer_properties(line, ctl_section(noun));
        return;
    }
    size_t length = (size_t)(equals - line->current);
    if (length && strchr("+-", line->current[length - 1]))
        length--;
    if (ctl_property_find(noun, line->current, length, &property, &error) < 0)
        return;
    const char *comma = property.item ? strrchr(equals, ',') : NULL;
    line->head = line->current;
    line->head_length = (int)((comma ? comma : equals) + 1 - line->current);
    offer_value(line, &property);
}

/* --- words --- */

static void offer_nouns(const struct line *line)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        if (command == ctl_commands || strcmp(command->noun, command[-1].noun) != 0)
            offer(line, command->noun, "", command->verb ? "" : command->summary);
}

static void offer_verbs(const struct line *line, const char *noun)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        if (strcmp(command->noun, noun) == 0 && command->verb)
            offer(line, command->verb, "", command->summary);
}

/* An operand, by the word for it in the help. */
static void offer_operand(struct line *line, const char *operand)
{
    const char *noun = line->command->noun;
    if (strstr(operand, "DIR"))
        puts(":directories");
    else if (strcmp(operand, "FILE") == 0 || strcmp(operand, "CHAIN") == 0)
        puts(":files");
    else if (strcmp(operand, "FINGERPRINT") == 0)
        offer_names(line, CTL_NAMES_PEERS);
    else if (strcmp(noun, "inbound") == 0)
        offer_names(line, CTL_NAMES_INBOUND);
    else if (strcmp(noun, "outbound") == 0)
        offer_names(line, CTL_NAMES_OUTBOUND);
    else if (strcmp(noun, "cert") == 0 || strcmp(noun, "hsm") == 0)
        offer_names(line, CTL_NAMES_CERTIFICATES);
}

static void find_command(struct line *line)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++) {
        bool noun = line->count && strcmp(command->noun, line->words[0]) == 0;
        if (noun &&
            (!command->verb || (line->count > 1 && strcmp(command->verb, line->words[1]) == 0))) {
            line->command = command;
            return;
        }
    }
}

static void offer_word(struct line *line)
{
    if (!line->count) {
        offer_nouns(line);
        return;
    }
    if (!line->command) {
        if (line->count == 1)
            offer_verbs(line, line->words[0]);
        return;
    }
    size_t at = line->count - (line->command->verb ? 2 : 1);
    if (at == 0 && line->command->operand)
        offer_operand(line, line->command->operand);
    else if (at >= 1 && line->command->many)
        offer_assignment(line);
    else if (at == 1 && line->command->second)
        offer_operand(line, line->command->second);
}

/* The words before the last; true when the last belongs to *ret_option. */
static bool read_line(struct line *line, int count, char **words,
                      struct ctl_option_shown *ret_option)
{
    bool waits = false;
    for (int i = 0; i + 1 < count; i++) {
        const char *word = words[i], *equals = strchr(word, '=');
        const char *value = waits ? word : equals ? equals + 1 : NULL;
        bool option = !waits && !line->options_ended && word[0] == '-' && word[1];
        if (option && strcmp(word, "--") == 0)
            line->options_ended = true;
        bool known = option && find_option(word, ret_option);
        if (value && (waits || known)) {
            if (ret_option->option == CTL_CONFIG)
                line->arguments.config = value;
            if (ret_option->option == CTL_SOCKET)
                line->arguments.socket = value;
        } else if (!option && line->count < WORDS_MAXIMUM) {
            line->words[line->count++] = word;
        }
        waits = !waits && known && ret_option->argument && !equals;
    }
    return waits;
}

int ctl_complete(int count, char **words)
{
    struct line line = {.current = count ? words[count - 1] : "", .head = ""};
    struct ctl_option_shown option;
    bool waits = read_line(&line, count, words, &option);
    find_command(&line);
    if (!waits && !line.options_ended && find_option(line.current, &option) &&
        strchr(line.current, '=') && option.argument) {
        line.head = line.current;
        line.head_length = (int)(strchr(line.current, '=') + 1 - line.current);
        waits = true;
    }
    if (waits)
        offer_argument(&line, &option);
    else if (*line.current == '-' && !line.options_ended)
        offer_options(&line);
    else
        offer_word(&line);
    return EX_OK;
}
