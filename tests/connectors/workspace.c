/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See workspace.h. */
#include "tests/connectors/workspace.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct conn_config *workspace_config;
struct conn_problems workspace_problems;

static char directory[256];

const char *workspace_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static char *read_whole(const char *path)
{
    static char bytes[65536];
    FILE *stream = fopen(path, "re");
    ck_assert_msg(stream != NULL, "%s: %s", path, strerror(errno));
    size_t length = fread(bytes, 1, sizeof bytes - 1, stream);
    bytes[length] = '\0';
    fclose(stream);
    return bytes;
}

void workspace_write(const char *name, const char *bytes, size_t length)
{
    FILE *stream = fopen(workspace_path(name), "we");
    ck_assert_msg(stream != NULL, "%s: %s", name, strerror(errno));
    ck_assert_uint_eq(fwrite(bytes, 1, length, stream), length);
    ck_assert_int_eq(fclose(stream), 0);
}

void workspace_write_text(const char *name, const char *text)
{
    workspace_write(name, text, strlen(text));
}

void workspace_replace(const char *name, const char *old, const char *fresh)
{
    char *text = strdup(read_whole(workspace_path(name)));
    char *place = strstr(text, old);
    ck_assert_msg(place != NULL, "'%s' does not stand in %s", old, name);
    size_t size = strlen(text) + strlen(fresh) + 1;
    char *changed = malloc(size);
    snprintf(changed, size, "%.*s%s%s", (int)(place - text), text, fresh, place + strlen(old));
    workspace_write_text(name, changed);
    free(changed);
    free(text);
}

void workspace_copy(const char *source, const char *name)
{
    workspace_write_text(name, read_whole(source));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void workspace_remove(const char *name)
{
    ck_assert_int_eq(nftw(workspace_path(name), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *const example[] = {
    "postern.xml",          "inbound/cloud.xml",     "inbound/devices.xml",
    "inbound/exchange.xml", "outbound/premises.xml", "outbound/tenant.xml",
};

void workspace_begin(void)
{
    char source[512];
    const char *base = getenv("TMPDIR");
    umask(022);
    snprintf(directory, sizeof directory, "%s/postern-config-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(mkdir(workspace_path("inbound"), 0755), 0);
    ck_assert_int_eq(mkdir(workspace_path("outbound"), 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(example); i++) {
        snprintf(source, sizeof source, TEST_DATA "/example/%s", example[i]);
        workspace_copy(source, example[i]);
    }
    workspace_copy(TEST_DATA "/chain.pem", "chain.pem");
    workspace_copy(TEST_DATA "/anchors.pem", "anchors.pem");
    workspace_replace("postern.xml", "/etc/postern/certificates/hybrid.pem", "chain.pem");
    workspace_replace("postern.xml", "/etc/ssl/certs/ca-certificates.crt", "anchors.pem");
    workspace_replace("inbound/devices.xml", "Queued", "Direct");
}

static void forget(void)
{
    workspace_config = conn_config_free(workspace_config);
    conn_problems_clear(&workspace_problems);
}

void workspace_end(void)
{
    forget();
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int workspace_load(void)
{
    forget();
    return conn_load(directory, &workspace_config, &workspace_problems);
}

static bool is_at(const struct conn_problem *problem, const char *file, int line)
{
    size_t length = strlen(problem->file), wanted = strlen(file);
    return length >= wanted && strcmp(problem->file + length - wanted, file) == 0 &&
           (line < 0 || problem->line == line);
}

bool workspace_has_problem(bool warning, const char *file, int line, const char *fragment)
{
    for (size_t i = 0; i < workspace_problems.count; i++) {
        const struct conn_problem *problem = &workspace_problems.items[i];
        if (problem->warning == warning && is_at(problem, file, line) &&
            (strstr(problem->what, fragment) || strstr(problem->cure, fragment)))
            return true;
    }
    return false;
}

const char *workspace_show(void)
{
    static char text[8192];
    size_t used = 0;
    snprintf(text, sizeof text, "(no problem)");
    for (size_t i = 0; i < workspace_problems.count && used < sizeof text; i++) {
        const struct conn_problem *problem = &workspace_problems.items[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "\n%s %s:%d: %s. Try: %s",
                                 problem->warning ? "warning" : "error", problem->file,
                                 problem->line, problem->what, problem->cure);
    }
    return text;
}
