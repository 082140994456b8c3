/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See arguments.h. */
#include "gateway/ctl/arguments.h"

#include <string.h>

/* Adds a word to a list for people, as far as there is room. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t used = strlen(list);
    if (!strstr(list, word))
        snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

static int tell_noun(const char *noun, struct error *error)
{
    char nouns[256] = "";
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        add_word(nouns, sizeof nouns, command->noun);
    if (noun)
        error_set(error, EX_USAGE, "posternctl knows no \"%s\"", noun);
    else
        error_set(error, EX_USAGE, "posternctl needs to be told what to do");
    return error_cure(error, "one of %s; posternctl --help says more", nouns);
}

static int tell_verb(const char *noun, const char *verb, struct error *error)
{
    char verbs[256] = "";
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        if (strcmp(command->noun, noun) == 0 && command->verb)
            add_word(verbs, sizeof verbs, command->verb);
    if (verb)
        error_set(error, EX_USAGE, "%s knows no \"%s\"", noun, verb);
    else
        error_set(error, EX_USAGE, "%s needs a verb", noun);
    return error_cure(error, "posternctl %s with one of %s", noun, verbs);
}

static bool noun_exists(const char *noun)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        if (strcmp(command->noun, noun) == 0)
            return true;
    return false;
}

static const struct ctl_command *find_command(const char *noun, const char *verb)
{
    for (const struct ctl_command *command = ctl_commands; command->noun; command++)
        if (strcmp(command->noun, noun) == 0 &&
            (!command->verb || (verb && strcmp(command->verb, verb) == 0)))
            return command;
    return NULL;
}

static int check_operand(const struct ctl_arguments *arguments, const char *surplus,
                         struct error *error)
{
    const struct ctl_command *command = arguments->command;
    const char *verb = command->verb ? command->verb : "", *space = *verb ? " " : "";
    const char *operand = command->operand ? command->operand : "";
    const char *second = command->second ? command->second : "";
    bool needed = *operand && *operand != '[';
    if (surplus)
        error_set(error, EX_USAGE, "\"%s\" is one word too many", surplus);
    else if (needed && (!arguments->operand || !*arguments->operand))
        error_set(error, EX_USAGE, "%s%s%s needs a %s", command->noun, space, verb, operand);
    else if (*second && (!arguments->second || !*arguments->second))
        error_set(error, EX_USAGE, "%s%s%s needs a %s behind the %s", command->noun, space, verb,
                  second, operand);
    else
        return 0;
    return error_cure(error, "posternctl %s%s%s%s%s%s%s", command->noun, space, verb,
                      *operand ? " " : "", operand, *second ? " " : "", second);
}

/* What the command makes necessary, or an option. */
static int check_needed(const struct ctl_arguments *arguments, struct error *error)
{
    const struct ctl_command *command = arguments->command;
    const char *missing = ctl_options_missing(arguments, command->needs);
    const char *usual = arguments->send ? "--send" : "--sender";
    if (missing) {
        error_set(error, EX_USAGE, "%s %s needs a --%s", command->noun, command->verb, missing);
        return error_cure(error, "posternctl --help %s says what belongs to it", command->noun);
    }
    if (!(command->takes & CTL_TAKES(RECIPIENT)) || arguments->recipient ||
        !(arguments->sender || arguments->send))
        return 0;
    error_set(error, EX_USAGE, "%s needs a --recipient", usual);
    return error_cure(error, "posternctl outbound validate NAME --recipient ADDRESS");
}

/* Options that only some commands take. */
static int check_options(const struct ctl_arguments *arguments, struct error *error)
{
    const struct ctl_command *command = arguments->command;
    const char *surplus = ctl_options_surplus(arguments, command->takes);
    if (surplus) {
        error_set(error, EX_USAGE, "%s%s%s takes no --%s", command->noun, command->verb ? " " : "",
                  command->verb ? command->verb : "", surplus);
        return error_cure(error, "leave --%s out", surplus);
    }
    return check_needed(arguments, error);
}

/* `words` end with NULL. */
static int read_words(struct ctl_arguments *arguments, char **words, struct error *error)
{
    const char *noun = words[0], *verb = noun ? words[1] : NULL;
    if (!noun || !noun_exists(noun))
        return tell_noun(noun, error);
    arguments->noun = noun;
    arguments->command = find_command(noun, verb);
    if (!arguments->command)
        return tell_verb(noun, verb, error);
    words += arguments->command->verb ? 2 : 1;
    if (arguments->command->operand && *words)
        arguments->operand = *words++;
    arguments->rest = words;
    if (arguments->command->second && *words)
        arguments->second = *words++;
    while (arguments->command->many && *words)
        words++;
    int result = check_options(arguments, error);
    return result < 0 ? result : check_operand(arguments, *words, error);
}

int ctl_arguments_read(struct ctl_arguments *ret, int argc, char **argv, struct error *error)
{
    *ret = (struct ctl_arguments){0};
    char **words;
    int result = ctl_options_read(ret, argc, argv, &words, error);
    if (result < 0)
        return result;
    if (!ret->help && !ret->version)
        return read_words(ret, words, error);
    if (words[0] && !noun_exists(words[0]))
        return tell_noun(words[0], error);
    ret->noun = words[0];
    return 0;
}

void ctl_help(FILE *file, const char *noun)
{
    fputs("Usage: posternctl [options] noun [verb] [operand]\n\n", file);
    for (const struct ctl_command *command = ctl_commands; command->noun; command++) {
        char words[64];
        if (noun && strcmp(noun, command->noun) != 0)
            continue;
        snprintf(words, sizeof words, "%s%s%s%s%s%s%s", command->noun, command->verb ? " " : "",
                 command->verb ? command->verb : "", command->operand ? " " : "",
                 command->operand ? command->operand : "", command->second ? " " : "",
                 command->second ? command->second : "");
        fprintf(file, "  %-24s %s\n", words, command->summary);
    }
    fputs("\nOptions, before or after the noun:\n", file);
    ctl_options_help(file);
    fputs("\nposternctl(8) explains the commands, what they print and their exit status.\n", file);
}
