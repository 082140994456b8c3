/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternd: the command line. What it does is in gateway/daemon/. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/load.h"
#include "gateway/daemon/daemon.h"
#include "pki/base/log.h"

static const char usage[] =
    "Usage: posternd [OPTION]...\n"
    "The gate for mail between an organisation and its cloud tenant.\n"
    "\n"
    "  -c, --config DIR       read the configuration from DIR; by default\n"
    "                         " POSTERN_SYSCONFDIR "/postern\n"
    "      --check-config     check the files of the configuration and exit: 0, or 78\n"
    "      --signer PROGRAM   run PROGRAM as the signer; by default\n"
    "                         " POSTERN_LIBEXECDIR "/postern-signer\n"
    "      --signer-socket PATH\n"
    "                         start no signer: connect to PATH for each token, where systemd\n"
    "                         starts one for each connection\n"
    "      --log-level LEVEL  write events up to LEVEL: error, warning, notice, info, debug or the\n"
    "                         number that syslog gives it (default info)\n"
    "  -h, --help             show this and exit\n"
    "  -V, --version          show the version and exit\n"
    "\n"
    "It stays in the foreground, logs to the journal or stderr, reloads on SIGHUP and stops on\n"
    "SIGTERM. See posternd(8), postern.xml(5), posternctl(8).\n";

struct arguments {
    const char *directory;
    struct pki_signer_options signer;
    bool check;
};

static int read_level(const char *text)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                        "warning", "notice", "info", "debug"};
    for (int i = 0; i < 8; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return strlen(text) == 1 && *text >= '0' && *text <= '7' ? *text - '0' : -1;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
    enum { CHECK = 256, SIGNER, SIGNER_SOCKET, LEVEL };
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},   {"check-config", no_argument, NULL, CHECK},
        {"signer", required_argument, NULL, SIGNER}, {"log-level", required_argument, NULL, LEVEL},
        {"signer-socket", required_argument, NULL, SIGNER_SOCKET},
        {"help", no_argument, NULL, 'h'},           {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            ret->directory = optarg;
            break;
        case CHECK:
            ret->check = true;
            break;
        case SIGNER:
            ret->signer.program = optarg;
            break;
        case SIGNER_SOCKET:
            ret->signer.socket = optarg;
            break;
        case LEVEL:
            if ((ret->signer.log_level = read_level(optarg)) < 0) {
                fprintf(stderr, "posternd: '%s' is no log level. Try: posternd --help\n", optarg);
                return EX_USAGE;
            }
            break;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        case 'V':
            puts("posternd " PACKAGE_VERSION);
            return EX_OK;
        default:
            fputs("Try: posternd --help\n", stderr);
            return EX_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "posternd: '%s' is one argument too many. Try: posternd --help\n",
            argv[optind]);
    return EX_USAGE;
}

static void print_problem(const struct conn_problem *problem)
{
    fprintf(stderr, "%s:%d: %s: %s", problem->file, problem->line,
            problem->warning ? "warning" : "error", problem->what);
    fprintf(stderr, problem->cure ? ". Try: %s\n" : "\n", problem->cure);
}

/* The files alone: no token is opened, nothing is bound. */
static int check_config(const char *directory)
{
    struct conn_problems problems = {0};
    struct conn_config *config = NULL;
    int result = conn_load(directory, &config, &problems);
    for (size_t i = 0; i < problems.count; i++)
        print_problem(&problems.items[i]);
    fprintf(stderr, "%s: %zu error%s, %zu warning%s\n", directory, problems.errors,
            problems.errors == 1 ? "" : "s", problems.warnings,
            problems.warnings == 1 ? "" : "s");
    conn_problems_clear(&problems);
    conn_config_free(config);
    return result < 0 ? -result : EX_OK;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.directory = POSTERN_SYSCONFDIR "/postern",
                                  .signer = {.program = POSTERN_LIBEXECDIR "/postern-signer",
                                             .log_level = LOG_INFO}};
    signal(SIGPIPE, SIG_IGN);
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    log_open("posternd", arguments.signer.log_level);
    if (arguments.check)
        return check_config(arguments.directory);
    return daemon_run(arguments.directory, &arguments.signer);
}
