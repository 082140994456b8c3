/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify.h: one chain, and what is said of it. */
#include "gateway/ctl/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/ctl/commands.h"
#include "gateway/ctl/table.h"

enum { REFUSED = 1 };

int verify_read_file(const char *path, char **bytes, struct verify_text *ret, struct error *error)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set_errno(error, EX_NOINPUT, errno, "Cannot read %s", path);
    if (!S_ISREG(status.st_mode) || status.st_size > VERIFY_TEXT_MAXIMUM)
        return error_set(error, EX_DATAERR, "%s is no regular file of at most 8 MB", path);
    size_t size = (size_t)status.st_size, used = 0;
    ssize_t got = 0;
    *bytes = malloc(size + 1);
    if (!*bytes)
        return error_set(error, EX_OSERR, "There is no memory to read %s", path);
    while (used < size && (got = read(fd, *bytes + used, size - used)) > 0)
        used += (size_t)got;
    if (got < 0)
        return error_set_errno(error, EX_IOERR, errno, "Cannot read %s", path);
    *ret = (struct verify_text){*bytes, used};
    return 0;
}

static void show(const struct pki_peer_verdict *verdict)
{
    for (unsigned check = PKI_CHECK_PRESENTED; check < PKI_CHECK_END; check++) {
        printf("%-16s%s", pki_check_name((enum pki_check)check),
               pki_outcome_name(verdict->outcomes[check]));
        if (check == PKI_CHECK_REVOCATION && verdict->revocation[0]) {
            fputs(": ", stdout);
            table_text(stdout, verdict->revocation);
        }
        putchar('\n');
    }
    printf("%s%s\n", verdict->accepted ? "accepted" : "refused",
           verdict->would_refuse ? " (ReportOnly: it would be refused under Enforce)" : "");
    if (!verdict->reason[0])
        return;
    table_text(stdout, verdict->reason);
    fputs(".\nTry: ", stdout);
    table_text(stdout, verdict->cure);
    fputs(".\n", stdout);
}

static int verify_one(const struct ctl_arguments *arguments, struct verify_cache *cache,
                      const struct verify_words *words)
{
    struct pki_peer_verdict verdict;
    struct error error;
    if (verify_answer(cache, words, &verdict, &error) < 0)
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    if (!arguments->json)
        show(&verdict);
    else if (ctl_print_json(verify_object(&verdict)) != EX_OK)
        return EX_OSERR;
    return verdict.accepted ? EX_OK : REFUSED;
}

int ctl_peer_verify(const struct ctl_arguments *arguments)
{
    const char *directory = arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern";
    struct verify_words words = {.connector = arguments->connector,
                                 .purpose = arguments->purpose,
                                 .time = arguments->time,
                                 .names = {arguments->name},
                                 .name_count = arguments->name != NULL,
                                 .lists_path = arguments->lists};
    struct error error;
    _cleanup_free_ char *chain = NULL, *anchors = NULL;
    _cleanup_(verify_cache_freep) struct verify_cache *cache = verify_cache_new(directory);
    int result = cache ? 0 : error_set(&error, EX_OSERR, "There is no memory left");
    if (result == 0 && arguments->chain)
        result = verify_read_file(arguments->chain, &chain, &words.chain, &error);
    if (result == 0 && arguments->anchors)
        result = verify_read_file(arguments->anchors, &anchors, &words.anchors, &error);
    if (result < 0)
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    return arguments->batch ? verify_batch(arguments, cache, &words)
                          : verify_one(arguments, cache, &words);
}
