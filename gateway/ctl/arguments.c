/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See arguments.h. */
#include "gateway/ctl/arguments.h"

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pki/base/cleanup.h"

enum { WORDS_MAXIMUM = 3 /* noun, verb, operand */, COUNT_MAXIMUM = 10000 };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"count", required_argument, NULL, 'n'},
    {"chain", required_argument, NULL, 'C'},
    {"connector", required_argument, NULL, 'N'},
    {"anchors", required_argument, NULL, 'A'},
    {"name", required_argument, NULL, 'H'},
    {"purpose", required_argument, NULL, 'P'},
    {"time", required_argument, NULL, 'T'},
    {"crl", required_argument, NULL, 'R'},
    {"batch", no_argument, NULL, 'B'},
    {NULL, 0, NULL, 0},
};

/* Where the text of an option of peer verify goes. */
static const struct {
    int letter;
    const char *name;
    size_t offset;
} peer_options[] = {
    {'C', "--chain", offsetof(struct ctl_peer_options, chain)},
    {'N', "--connector", offsetof(struct ctl_peer_options, connector)},
    {'A', "--anchors", offsetof(struct ctl_peer_options, anchors)},
    {'H', "--name", offsetof(struct ctl_peer_options, name)},
    {'P', "--purpose", offsetof(struct ctl_peer_options, purpose)},
    {'T', "--time", offsetof(struct ctl_peer_options, time)},
    {'R', "--crl", offsetof(struct ctl_peer_options, lists)},
};

/* Adds a word to a list for people, as far as there is room. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t used = strlen(list);
    if (!strstr(list, word))
        snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

static int tell_option(int found, const char *word, struct error *error)
{
    if (found == ':')
        error_set(error, EX_USAGE, "%s needs something behind it", word);
    else
        error_set(error, EX_USAGE, "%s is no option of posternctl", word);
    return error_cure(error, "--config DIR, --socket PATH, --count N, --json, --help, --version");
}

static int read_count(struct ctl_arguments *arguments, struct error *error)
{
    char *end;
    arguments->count = strtol(optarg, &end, 10);
    if (*optarg && !*end && arguments->count >= 1 && arguments->count <= COUNT_MAXIMUM)
        return 0;
    error_set(error, EX_USAGE, "--count %.40s is no number between 1 and %d", optarg,
              COUNT_MAXIMUM);
    return error_cure(error, "--count 100");
}

/* True for an option of peer verify. */
static bool read_peer_option(struct ctl_arguments *arguments, int found)
{
    struct ctl_peer_options *peer = &arguments->peer;
    if (found == 'B') {
        peer->batch = true;
        peer->any = "--batch";
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(peer_options); i++) {
        if (peer_options[i].letter != found)
            continue;
        *(const char **)((char *)peer + peer_options[i].offset) = optarg;
        peer->any = peer_options[i].name;
        return true;
    }
    return false;
}

static int read_option(struct ctl_arguments *arguments, int found, const char *word,
                       struct error *error)
{
    switch (found) {
    case 'c':
        arguments->config = optarg;
        return 0;
    case 's':
        arguments->socket = optarg;
        return 0;
    case 'n':
        return read_count(arguments, error);
    case 'j':
        arguments->json = true;
        return 0;
    case 'h':
        arguments->help = true;
        return 0;
    case 'V':
        arguments->version = true;
        return 0;
    default:
        return read_peer_option(arguments, found) ? 0 : tell_option(found, word, error);
    }
}

static int read_options(struct ctl_arguments *arguments, int argc, char **argv, struct error *error)
{
    int found;
    optind = 0; /* makes getopt start anew, whatever was parsed before */
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":hV", options, NULL)) != -1) {
        char letter[] = {'-', (char)optopt, '\0'};
        const char *word = optopt && found == '?' ? letter : argv[optind - 1];
        int result = read_option(arguments, found, word, error);
        if (result < 0)
            return result;
    }
    return 0;
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
    bool needed = *operand && *operand != '[';
    if (surplus)
        error_set(error, EX_USAGE, "\"%s\" is one word too many", surplus);
    else if (needed && (!arguments->operand || !*arguments->operand))
        error_set(error, EX_USAGE, "%s%s%s needs a %s", command->noun, space, verb, operand);
    else
        return 0;
    return error_cure(error, "posternctl %s%s%s%s%s", command->noun, space, verb,
                      *operand ? " " : "", operand);
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
    const char *foreign = arguments->count && !arguments->command->counts ? "--count"
                          : !arguments->command->judges                   ? arguments->peer.any
                                                                          : NULL;
    if (foreign) {
        error_set(error, EX_USAGE, "%s%s%s takes no %s", noun, arguments->command->verb ? " " : "",
                  arguments->command->verb ? arguments->command->verb : "", foreign);
        return error_cure(error, "leave %s out", foreign);
    }
    return check_operand(arguments, *words, error);
}

int ctl_arguments_read(struct ctl_arguments *ret, int argc, char **argv, struct error *error)
{
    *ret = (struct ctl_arguments){0};
    int result = read_options(ret, argc, argv, error);
    if (result < 0)
        return result;
    char **words = argv + optind; /* getopt has moved them behind the options */
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
        snprintf(words, sizeof words, "%s%s%s%s%s", command->noun, command->verb ? " " : "",
                 command->verb ? command->verb : "", command->operand ? " " : "",
                 command->operand ? command->operand : "");
        fprintf(file, "  %-24s %s\n", words, command->summary);
    }
    fputs("\nOptions, before or after the noun:\n"
          "  --config DIR             the gateway's folder; default " POSTERN_SYSCONFDIR
          "/postern\n"
          "  --socket PATH            the control socket, instead of the one that DIR names\n"
          "  --count N                how many signatures hsm test makes; default 100\n"
          "  --chain FILE             peer verify: the leaf and its intermediates, PEM\n"
          "  --connector NAME         … by the policy of this connector, or\n"
          "  --anchors FILE           … with these trust anchors, PEM\n"
          "  --name HOST              … for this DNS name or IP address\n"
          "  --purpose server|client  … as a server's (the default) or a client's\n"
          "  --time RFC3339           … as if it were then\n"
          "  --crl FILE               … and not revoked by these lists\n"
          "  --batch                  … a JSON object a line from standard input\n"
          "  --json                   print one JSON document\n"
          "  --help                   print this, or what there is of one noun\n"
          "  --version                print the version\n"
          "\nposternctl(8) explains the commands, what they print and their exit status.\n",
          file);
}
