/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl: what the administrator types. It holds nothing; it asks posternd over the control
 * socket, or checks files. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "gateway/ctl/commands.h"
#include "gateway/ctl/complete.h"

/* What could not be written was not told: a full disk is not success. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "posternctl: Cannot write the output: %m.\n");
    return EX_IOERR;
}

int main(int argc, char **argv)
{
    struct ctl_arguments arguments;
    struct error error;
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return finish(ctl_complete(argc - 2, argv + 2));
    if (ctl_arguments_read(&arguments, argc, argv, &error) < 0)
        return finish(ctl_tell_error(arguments.json, &error, NULL, NULL));
    if (arguments.help)
        ctl_help(stdout, arguments.noun);
    else if (arguments.version)
        puts("posternctl " PACKAGE_VERSION);
    else
        return finish(ctl_run(&arguments));
    return finish(EX_OK);
}
