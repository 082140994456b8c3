/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See show.h: cert request. Its result is a file for the CA: the request alone goes to stdout. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/arguments.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/show.h"
#include "pki/base/cleanup.h"

static int write_file(const char *path, const char *text, struct error *error)
{
    size_t length = strlen(text), done = 0;
    ssize_t written = 0;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    for (; fd >= 0 && written >= 0 && done<length; done += written> 0 ? (size_t)written : 0)
        written = write(fd, text + done, length - done);
    if (fd >= 0 && done == length)
        return 0;
    error_set_errno(error, EX_CANTCREAT, errno, "The request was made, but cannot be written");
    error_where(error, "%.200s", path);
    return error_cure(error, "it stands on standard output instead; a second request would make a "
                             "second key");
}

static void tell_next(const json_t *result)
{
    size_t i;
    json_t *note;
    bool reused = json_is_true(json_object_get(result, "reused"));
    struct table table = {.columns = 2};
    table_cell(&table, reused ? "Key in use" : "New key");
    table_cell(&table, text_of(result, "key"));
    table_cell(&table, "Type");
    table_cell(&table, text_of(result, "type"));
    table_cell(&table, "Subject");
    table_cell(&table, text_of(result, "subject"));
    table_cell(&table, "Names");
    list_cell(&table, json_object_get(result, "names"), "none", 100);
    json_array_foreach(json_object_get(result, "notes"), i, note)
    {
        table_cell(&table, "Note");
        table_cell(&table, json_string_value(note) ? json_string_value(note) : "");
    }
    table_cell(&table, "Next");
    table_cellf(&table, "send the request to the CA; then, with what comes back: %s",
                text_of(result, "next"));
    fflush(stdout);
    table_print(stderr, &table);
}

int ctl_deliver_cert_request(const struct ctl_arguments *arguments, const json_t *result,
                             struct error *error)
{
    const char *pem = json_string_value(json_object_get(result, "pem"));
    int code = arguments->out ? write_file(arguments->out, pem ? pem : "", error) : 0;
    if (!arguments->json && (!arguments->out || code < 0))
        fputs(pem ? pem : "", stdout);
    if (!arguments->json)
        tell_next(result);
    return code;
}
