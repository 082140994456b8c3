/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See options.h. */
#include "gateway/ctl/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/arguments.h"
#include "pki/base/cleanup.h"

enum { COUNT_MAXIMUM = 10000, FIRST_CODE = 256 /* of getopt: behind every letter */ };
static const uint32_t for_everybody = CTL_TAKES(CONFIG) | CTL_TAKES(SOCKET) | CTL_TAKES(JSON) |
                                      CTL_TAKES(HELP) | CTL_TAKES(VERSION);

static const struct ctl_option_entry {
    const char *name, *argument; /* argument NULL: there is none, the target is a bool */
    size_t target;               /* in struct ctl_arguments */
    const char *help;            /* its lines apart by \n */
} entries[CTL_OPTION_END] = {
#define IN(member) offsetof(struct ctl_arguments, member)
    [CTL_CONFIG] = {"config", "DIR", IN(config),
                    "the gateway's folder; default " POSTERN_SYSCONFDIR "/postern"},
    [CTL_SOCKET] = {"socket", "PATH", IN(socket),
                    "the control socket, instead of the one that DIR names"},
    [CTL_COUNT] = {"count", "N", IN(count), "how many signatures hsm test makes; default 100"},
    [CTL_RECIPIENT] = {"recipient", "ADDRESS", IN(recipient),
                       "outbound validate: say MAIL and RCPT too; cert test, rotate:\n"
                       "to whom, instead of the postmaster"},
    [CTL_SENDER] = {"sender", "ADDRESS", IN(sender),
                    "outbound validate: of MAIL; default <>, the null sender"},
    [CTL_SEND] = {"send", NULL, IN(send), "outbound validate: deliver a whole test message"},
    [CTL_CONNECTOR] = {"connector", "NAME", IN(connector), "the connector, of peers"},
    [CTL_YES] = {"yes", NULL, IN(yes), "do it without asking first"},
    [CTL_DRY_RUN] = {"dry-run", NULL, IN(dry_run),
                     "show what would be changed, and change nothing"},
    [CTL_CHAIN] = {"chain", "FILE", IN(chain),
                   "cert import: the certificate and its intermediates"},
    [CTL_KEY] = {"key", "KEY", IN(key),
                 "cert import, stage, rotate: where the key is, a PKCS#11 URI\n"
                 "or the path of a PEM file"},
    [CTL_AT] = {"at", "TIME", IN(at), "cert activate: later, like 2027-01-31T08:00:00Z"},
    [CTL_JSON] = {"json", NULL, IN(json), "print one JSON document"},
    [CTL_HELP] = {"help", NULL, IN(help), "print this, or what there is of one noun"},
    [CTL_VERSION] = {"version", NULL, IN(version), "print the version"},
#undef IN
};

/* getopt's own form of the table. */
static void make_long_options(struct option options[CTL_OPTION_END + 1])
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++)
        options[i] = (struct option){entries[i].name,
                                     entries[i].argument ? required_argument : no_argument, NULL,
                                     FIRST_CODE + (int)i};
    options[CTL_OPTION_END] = (struct option){0};
}

static int read_count(const char *text, long *ret, struct error *error)
{
    char *end;
    *ret = strtol(text, &end, 10);
    if (*text && !*end && *ret >= 1 && *ret <= COUNT_MAXIMUM)
        return 0;
    error_set(error, EX_USAGE, "--count %.40s is no number between 1 and %d", text, COUNT_MAXIMUM);
    return error_cure(error, "--count 100");
}

static int take(struct ctl_arguments *arguments, enum ctl_option option, struct error *error)
{
    char *target = (char *)arguments + entries[option].target;
    arguments->given |= UINT32_C(1) << option;
    if (option == CTL_COUNT)
        return read_count(optarg, (long *)(void *)target, error);
    if (entries[option].argument)
        *(const char **)(void *)target = optarg;
    else
        *(bool *)target = true;
    return 0;
}

static int tell_unknown(int found, const char *word, struct error *error)
{
    char known[sizeof error->cure] = "";
    if (found == ':')
        error_set(error, EX_USAGE, "%s needs something behind it", word);
    else
        error_set(error, EX_USAGE, "%s is no option of posternctl", word);
    for (unsigned i = 0; i < CTL_OPTION_END; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s--%s%s%s", used ? ", " : "", entries[i].name,
                 entries[i].argument ? " " : "", entries[i].argument ? entries[i].argument : "");
    }
    return error_cure(error, "%s", known);
}

int ctl_options_read(struct ctl_arguments *arguments, int argc, char **argv, char ***ret_words,
                     struct error *error)
{
    struct option options[CTL_OPTION_END + 1];
    int found;
    make_long_options(options);
    optind = 0; /* makes getopt start anew, whatever was parsed before */
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":hV", options, NULL)) != -1) {
        char letter[] = {'-', (char)optopt, '\0'};
        bool is_letter = optopt && optopt < FIRST_CODE && found == '?';
        found = found == 'h'   ? FIRST_CODE + CTL_HELP
                : found == 'V' ? FIRST_CODE + CTL_VERSION
                               : found;
        int result = found < FIRST_CODE
                         ? tell_unknown(found, is_letter ? letter : argv[optind - 1], error)
                         : take(arguments, (enum ctl_option)(found - FIRST_CODE), error);
        if (result < 0)
            return result;
    }
    *ret_words = argv + optind; /* getopt has moved them behind the options */
    return 0;
}

/* The first of a set; NULL: it is empty. */
static const char *first_name(uint32_t set)
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++)
        if (set & UINT32_C(1) << i)
            return entries[i].name;
    return NULL;
}

const char *ctl_options_surplus(const struct ctl_arguments *arguments, uint32_t taken)
{
    return first_name(arguments->given & ~taken & ~for_everybody);
}

const char *ctl_options_missing(const struct ctl_arguments *arguments, uint32_t needed)
{
    return first_name(needed & ~arguments->given);
}

void ctl_options_help(FILE *file)
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++) {
        char words[32];
        const char *line = entries[i].help;
        snprintf(words, sizeof words, "--%s%s%s", entries[i].name, entries[i].argument ? " " : "",
                 entries[i].argument ? entries[i].argument : "");
        for (const char *head = words; *line; head = "") {
            int length = (int)strcspn(line, "\n");
            fprintf(file, "  %-24s %.*s\n", head, length, line);
            line += length + (line[length] == '\n');
        }
    }
}
