/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See options.h. */
#include "gateway/ctl/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/arguments.h"
#include "pki/base/cleanup.h"

enum { COUNT_MAXIMUM = 10000, FIRST_CODE = 256 /* of getopt: behind every letter */ };
static const uint64_t for_everybody = CTL_TAKES(CONFIG) | CTL_TAKES(SOCKET) | CTL_TAKES(JSON) |
                                      CTL_TAKES(HELP) | CTL_TAKES(VERSION);

enum kind { FLAG, TEXT, NUMBER, NAMES /* may be repeated */ };

static const struct ctl_option_entry {
    const char *name, *argument; /* argument NULL: there is none */
    enum kind kind;
    size_t target;     /* in struct ctl_arguments: bool, const char *, long, struct ctl_names */
    const char *field; /* of a request to posternd; NULL: it is not told */
    const char *help;  /* its lines apart by \n */
} entries[CTL_OPTION_END] = {
#define IN(member) offsetof(struct ctl_arguments, member)
    [CTL_CONFIG] = {"config", "DIR", TEXT, IN(config), NULL,
                    "the gateway's folder; default " POSTERN_SYSCONFDIR "/postern"},
    [CTL_SOCKET] = {"socket", "PATH", TEXT, IN(socket), NULL,
                    "the control socket, instead of the one that DIR names"},
    [CTL_JSON] = {"json", NULL, FLAG, IN(json), NULL, "print one JSON document"},
    [CTL_HELP] = {"help", NULL, FLAG, IN(help), NULL, "print this, or what there is of one noun"},
    [CTL_VERSION] = {"version", NULL, FLAG, IN(version), NULL, "print the version"},
    [CTL_COUNT] = {"count", "N", NUMBER, IN(count), "count",
                   "how many signatures hsm test makes; default 100"},
    [CTL_RECIPIENT] = {"recipient", "ADDRESS", TEXT, IN(recipient), "recipient",
                       "outbound validate: say MAIL and RCPT too; cert test, rotate:\n"
                       "to whom, instead of the postmaster; outbound explain: for whom"},
    [CTL_SENDER] = {"sender", "ADDRESS", TEXT, IN(sender), "sender",
                    "outbound validate, inbound explain: of MAIL; default <>, the\n"
                    "null sender"},
    [CTL_SEND] = {"send", NULL, FLAG, IN(send), "send",
                  "outbound validate: deliver a whole test message"},
    [CTL_CONNECTOR] = {"connector", "NAME", TEXT, IN(connector), "connector",
                       "the connector, of peers; peer verify: by whose policy"},
    [CTL_YES] = {"yes", NULL, FLAG, IN(yes), NULL, "do it without asking first"},
    [CTL_DRY_RUN] = {"dry-run", NULL, FLAG, IN(dry_run), NULL,
                     "show what would be changed, and change nothing"},
    [CTL_CHAIN] = {"chain", "FILE", TEXT, IN(chain), NULL,
                   "cert import: the certificate and its intermediates; peer verify:\n"
                   "likewise, as the other side would show it"},
    [CTL_KEY] = {"key", "KEY", TEXT, IN(key), "key",
                 "cert import, stage, rotate: where the key is, a PKCS#11 URI\n"
                 "or the path of a PEM file"},
    [CTL_AT] = {"at", "TIME", TEXT, IN(at), "at",
                "cert activate: later, like 2027-01-31T08:00:00Z"},
    [CTL_ALGORITHM] = {"algorithm", "NAME", TEXT, IN(algorithm), "algorithm",
                       "cert request: rsa:2048, rsa:3072, rsa:4096, ec:p256, ec:p384 or\n"
                       "ed25519; default: as the present key"},
    [CTL_REUSE_KEY] = {"reuse-key", NULL, FLAG, IN(reuse_key), "reuse_key",
                       "cert request: take the present key"},
    [CTL_SUBJECT] = {"subject", "DN", TEXT, IN(subject), "subject",
                     "cert request: default: the present certificate's"},
    [CTL_SAN] = {"san", "NAME", NAMES, IN(san), "names",
                 "cert request: a DNS name, may be repeated; default: likewise"},
    [CTL_OUT] = {"out", "FILE", TEXT, IN(out), NULL, "cert request: write the request there"},
    [CTL_ANCHORS] = {"anchors", "FILE", TEXT, IN(anchors), NULL,
                     "peer verify: or with these trust anchors, PEM"},
    [CTL_PEER_NAME] = {"name", "HOST", TEXT, IN(name), NULL,
                       "peer verify: for this DNS name or IP address"},
    [CTL_PURPOSE] = {"purpose", "WHAT", TEXT, IN(purpose), NULL,
                     "peer verify: as a server's (the default) or a client's"},
    [CTL_TIME] = {"time", "TIME", TEXT, IN(time), NULL,
                  "peer verify: as if it were then, like 2027-01-31T08:00:00Z"},
    [CTL_CRL] = {"crl", "FILE", TEXT, IN(lists), NULL,
                 "peer verify: and not revoked by these lists"},
    [CTL_BATCH] = {"batch", NULL, FLAG, IN(batch), NULL,
                   "peer verify: a JSON object a line from standard input"},
    [CTL_CERTIFICATE] = {"certificate", "NAME", TEXT, IN(certificate), NULL,
                         "import exchange: which Certificate of ours is meant"},
    [CTL_TRUST_ANCHORS] = {"trust-anchors", "NAME", TEXT, IN(trust_anchors), NULL,
                           "import exchange: which TrustAnchors verify the other side"},
    [CTL_SMART_HOST] = {"smart-host", "HOST", TEXT, IN(smart_host), NULL,
                        "import exchange: where mail for the tenant goes"},
    [CTL_OUTPUT] = {"output", "DIR", TEXT, IN(output), NULL,
                    "import exchange: write there, to look at"},
    [CTL_FROM] = {"from", "IP", TEXT, IN(from), NULL, "inbound explain: the client's address"},
    [CTL_CREDENTIALS] = {"credentials", "NAME", TEXT, IN(credentials), NULL,
                         "inbound explain: the Credentials that hold the client's password"},
    [CTL_TLS] = {"tls", "VERSION", TEXT, IN(tls), NULL,
                 "inbound explain: the session's TLS, 1.0 to 1.3; default: none, or\n"
                 "1.3 with --certificate or --credentials"},
    [CTL_INBOUND] = {"inbound", "NAME", TEXT, IN(inbound), NULL,
                     "outbound explain: the connector that let the mail in"},
#undef IN
};

/* getopt's own form of the table. */
static void make_long_options(struct option options[CTL_OPTION_END + 1])
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++)
        options[i] =
            (struct option){entries[i].name, entries[i].argument ? required_argument : no_argument,
                            NULL, FIRST_CODE + (int)i};
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

static int add_name(struct ctl_names *names, enum ctl_option option, struct error *error)
{
    if (names->count == CTL_NAMES_MAXIMUM)
        return error_set(error, EX_USAGE, "There are more than %d --%s", CTL_NAMES_MAXIMUM,
                         entries[option].name);
    names->items[names->count++] = optarg;
    return 0;
}

static int take(struct ctl_arguments *arguments, enum ctl_option option, struct error *error)
{
    void *target = (char *)arguments + entries[option].target;
    arguments->given |= UINT64_C(1) << option;
    switch (entries[option].kind) {
    case FLAG:
        *(bool *)target = true;
        return 0;
    case TEXT:
        *(const char **)target = optarg;
        return 0;
    case NUMBER:
        return read_count(optarg, target, error);
    default:
        return add_name(target, option, error);
    }
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
static const char *first_name(uint64_t set)
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++)
        if (set & UINT64_C(1) << i)
            return entries[i].name;
    return NULL;
}

const char *ctl_options_surplus(const struct ctl_arguments *arguments, uint64_t taken)
{
    return first_name(arguments->given & ~taken & ~for_everybody);
}

const char *ctl_options_missing(const struct ctl_arguments *arguments, uint64_t needed)
{
    return first_name(needed & ~arguments->given);
}

static json_t *names_array(const struct ctl_names *names)
{
    json_t *array = json_array();
    for (size_t i = 0; i < names->count; i++)
        json_array_append_new(array, control_text(names->items[i]));
    return array;
}

static json_t *value_of(const struct ctl_arguments *arguments, enum ctl_option option)
{
    const void *target = (const char *)arguments + entries[option].target;
    const char *text;
    switch (entries[option].kind) {
    case FLAG:
        return json_true();
    case NUMBER:
        return json_integer(*(const long *)target);
    case NAMES:
        return names_array(target);
    default:
        text = *(const char *const *)target;
        return control_text(option == CTL_SENDER && strcmp(text, "<>") == 0 ? "" : text);
    }
}

int ctl_options_put(const struct ctl_arguments *arguments, json_t *request, struct error *error)
{
    for (unsigned i = 0; i < CTL_OPTION_END; i++)
        if (arguments->given & UINT64_C(1) << i && entries[i].field &&
            json_object_set_new(request, entries[i].field, value_of(arguments, i)) < 0)
            return error_set(error, EX_OSERR, "Out of memory");
    return 0;
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

void ctl_option_show(enum ctl_option option, struct ctl_option_shown *ret)
{
    *ret = (struct ctl_option_shown){option, entries[option].name, entries[option].argument,
                                     entries[option].help,
                                     (for_everybody & UINT64_C(1) << option) != 0};
}
