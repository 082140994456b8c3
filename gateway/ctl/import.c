/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl import exchange: from a file of Export-Clixml to connectors in the configuration
 * folder, all of them or none, and only if the whole folder with them would be taken. */
#include "gateway/ctl/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"

struct run {
    const struct ctl_arguments *arguments;
    const char *directory;
    struct conn_config *config; /* as it is now; NULL: it has faults */
    struct conn_import *import;
    struct conn_problems problems; /* with the new connectors */
    bool checked, refused, written;
};

static int read_file(const char *path, char **ret, size_t *ret_length, struct error *error)
{
    struct stat status;
    ssize_t got = 1;
    size_t used = 0;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        error_set_errno(error, EX_NOINPUT, errno, "Cannot read %s", path);
        return error_cure(error, "name the file that Export-Clixml wrote");
    }
    if (!S_ISREG(status.st_mode) || status.st_size > CONN_CLIXML_MAXIMUM) {
        error_set(error, EX_DATAERR, "%s is no regular file of at most 32 MiB", path);
        return error_cure(error, "export fewer connectors into one file");
    }
    size_t size = (size_t)status.st_size;
    _cleanup_free_ char *bytes = malloc(size + 1);
    if (!bytes)
        return error_set(error, EX_OSERR, "There is no memory to read %s", path);
    while (used < size && (got = read(fd, bytes + used, size - used)) > 0)
        used += (size_t)got;
    if (got < 0)
        return error_set_errno(error, EX_IOERR, errno, "Cannot read %s", path);
    *ret = TAKE_PTR(bytes);
    *ret_length = used;
    return 0;
}

static int check_name(const char *option, const char *name, bool found, struct error *error)
{
    if (!name || found)
        return 0;
    error_set(error, EX_USAGE, "--%s %.100s is not in postern.xml", option, name);
    return error_cure(error, "posternctl config check; see the names in postern.xml");
}

/* Names that are given must be there; where the configuration cannot be loaded nobody knows. */
static int check_names(const struct run *run, struct error *error)
{
    const struct conn_config *config = run->config;
    const struct ctl_arguments *arguments = run->arguments;
    bool certificate = !config, anchors = !config;
    for (size_t i = 0; config && arguments->certificate && i < config->certificate_count; i++)
        certificate |= strcmp(config->certificates[i].name, arguments->certificate) == 0;
    for (size_t i = 0; config && arguments->trust_anchors && i < config->anchors_count; i++)
        anchors |= strcmp(config->anchors[i].name, arguments->trust_anchors) == 0;
    int result = check_name("certificate", arguments->certificate, certificate, error);
    return result < 0 ? result
                      : check_name("trust-anchors", arguments->trust_anchors, anchors, error);
}

/* The file before the line that an inner call has told. */
static int name_file(const char *path, struct error *error)
{
    char line[sizeof error->where];
    snprintf(line, sizeof line, "%s", error->where);
    error->where[0] = '\0';
    return error_where(error, "%s%s%s", path, line[0] ? ", " : "", line);
}

static int read_import(struct run *run, struct error *error)
{
    const struct ctl_arguments *arguments = run->arguments;
    const struct conn_import_options options = {.config = run->config,
                                                .certificate = arguments->certificate,
                                                .trust_anchors = arguments->trust_anchors,
                                                .smart_host = arguments->smart_host};
    _cleanup_(conn_clixml_freep) struct conn_clixml *document = NULL;
    _cleanup_free_ char *bytes = NULL;
    size_t length = 0;
    int result = check_names(run, error);
    if (result < 0)
        return result;
    result = read_file(arguments->operand, &bytes, &length, error);
    if (result == 0)
        result = conn_clixml_parse(bytes, length, &document, error);
    if (result == 0)
        result = conn_import(document, &options, &run->import, error);
    return result < 0 ? name_file(arguments->operand, error) : 0;
}

/* The whole configuration as it would be. */
static int check(struct run *run, struct error *error)
{
    const struct conn_import *import = run->import;
    _cleanup_(conn_config_freep) struct conn_config *config = NULL;
    _cleanup_free_ struct conn_override *others = calloc(import->count, sizeof *others);
    size_t count = 0;
    bool whole = others != NULL;
    for (size_t i = 0; i < import->count && whole; i++) {
        const struct conn_import_object *object = &import->objects[i];
        if (!object->xml)
            continue;
        others[count].file = ctl_import_path(run->config->directory, object);
        others[count].text = object->xml;
        whole = others[count++].file != NULL;
    }
    run->checked = whole;
    if (whole)
        run->refused = conn_load_with_files(run->config->directory, others, count, &config,
                                            &run->problems) < 0;
    for (size_t i = 0; i < count; i++)
        free((char *)others[i].file);
    return whole ? 0 : error_set(error, EX_OSERR, "There is no memory left");
}

/* Before anything is checked with another text in its place. */
static int check_places(const struct run *run, struct error *error)
{
    for (size_t i = 0; i < run->import->count; i++) {
        const struct conn_import_object *object = &run->import->objects[i];
        _cleanup_free_ char *path =
            object->xml ? ctl_import_path(run->config->directory, object) : NULL;
        if (!path || access(path, F_OK) < 0)
            continue;
        error_set(error, EX_CANTCREAT, "%s is there already, and is not replaced", path);
        return error_cure(error, "posternctl import exchange --output DIR writes to another "
                                 "folder; or move the file away");
    }
    return 0;
}

static const char *outcome_of(const struct run *run)
{
    return run->written ? "written" : run->refused ? "refused" : "not written";
}

static int show(const struct run *run)
{
    const struct ctl_arguments *arguments = run->arguments;
    json_auto_t *problems = ctl_problem_list(&run->problems);
    const char *place = arguments->output ? arguments->output : run->directory;
    if (arguments->json)
        return ctl_print_json(json_pack("{s:s, s:o, s:o, s:O*}", "outcome", outcome_of(run),
                                        "directory", control_text(place), "objects",
                                        ctl_import_list(run->import), "problems", problems));
    ctl_show_import(stdout, run->import, arguments->dry_run);
    fflush(stdout);
    ctl_show_problems(stderr, problems);
    table_text(stdout, place);
    if (run->written)
        printf(": written. Read the files, then posternctl %s.\n",
               arguments->output ? "config check, when they are where they belong" : "reload");
    else
        printf(": nothing was written%s.\n",
               run->refused ? "; posternd would refuse the configuration with them" : "");
    return EX_OK;
}

static int work(struct run *run, struct error *error)
{
    const struct ctl_arguments *arguments = run->arguments;
    bool look_only = arguments->dry_run || arguments->output;
    int result = read_import(run, error);
    if (result == 0 && run->config && !look_only)
        result = check_places(run, error);
    if (result == 0 && run->config && !arguments->output)
        result = check(run, error);
    if (result < 0 || arguments->dry_run || run->refused)
        return result;
    result = ctl_import_write(arguments->output ? arguments->output : run->config->directory,
                              run->import, error);
    run->written = result == 0;
    return result;
}

int ctl_import_exchange(const struct ctl_arguments *arguments)
{
    struct run run = {.arguments = arguments,
                      .directory =
                          arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern"};
    struct error error;
    bool look_only = arguments->dry_run || arguments->output;
    int status = conn_load(run.directory, &run.config, &run.problems) < 0 && !look_only
                     ? error_set(&error, EX_CONFIG,
                                 "The configuration has faults already, so that "
                                 "nothing can be added to it")
                     : 0;
    json_auto_t *problems = status < 0 ? ctl_problem_list(&run.problems) : NULL;
    if (status < 0) {
        error_cure(&error, "posternctl config check; or --output DIR to look at the result alone");
        if (!arguments->json)
            ctl_show_problems(stderr, problems);
    }
    conn_problems_clear(&run.problems);
    if (status == 0)
        status = work(&run, &error);
    if (status < 0)
        status = ctl_tell_error(arguments->json, &error, NULL, NULL);
    else if ((status = show(&run)) == EX_OK && run.refused)
        status = EX_CONFIG;
    conn_problems_clear(&run.problems);
    conn_import_free(run.import);
    conn_config_free(run.config);
    return status;
}
