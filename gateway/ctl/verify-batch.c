/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify.h: lines from standard input, answers to standard output, in the same order.
 *
 * What has come by now is taken as one group, so that whoever waits for an answer before the next
 * question gets it. A group is shared out among as many threads as there are processors; this
 * thread reads, waits, and writes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "gateway/ctl/commands.h"
#include "gateway/ctl/verify-line.h"

enum {
    GROUP_MAXIMUM = 256, /* lines */
    THREADS_MAXIMUM = 16,
    READ_SIZE = 1 << 20,
    BUFFER_MAXIMUM = VERIFY_LINE_MAXIMUM + READ_SIZE
};

struct line {
    const char *bytes; /* in the reader's buffer, until the group is answered */
    size_t length;     /* past the maximum: the line is too long, and has not been kept */
    size_t number;
    char *answer;
};

struct group {
    struct verify_cache *cache;
    const struct verify_words *defaults;
    struct line lines[GROUP_MAXIMUM];
    size_t count;
    size_t next; /* to be taken by a thread; atomic */
};

/* --- reading --- */

struct reader {
    char *bytes;       /* BUFFER_MAXIMUM */
    size_t start, end; /* what was read and not yet taken */
    size_t scanned;    /* from start on: no line end up to here */
    size_t number;     /* of the last line */
    bool skipping;     /* in a line that is too long */
    bool ended, failed;
};

/* More bytes, after what is there; the start is moved to the front for that. Not within a group. */
static void fill(struct reader *reader)
{
    memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    ssize_t got;
    do
        got = read(STDIN_FILENO, reader->bytes + reader->end, BUFFER_MAXIMUM - reader->end);
    while (got < 0 && errno == EINTR);
    reader->failed = got < 0;
    reader->ended = got <= 0;
    reader->end += got > 0 ? (size_t)got : 0;
}

/* The next line in the buffer; at the end of the input also one without its end. */
static bool take_line(struct reader *reader, struct line *line)
{
    char *from = reader->bytes + reader->start;
    size_t length = reader->end - reader->start;
    char *end = memchr(from + reader->scanned, '\n', length - reader->scanned);
    if (!end && (!reader->ended || !length)) {
        reader->scanned = length;
        if (reader->skipping || length > VERIFY_LINE_MAXIMUM) {
            reader->skipping = true;
            reader->start = reader->end;
            reader->scanned = 0;
        }
        return false;
    }
    size_t used = end ? (size_t)(end - from) : length;
    *line = (struct line){.bytes = from,
                          .length = reader->skipping ? VERIFY_LINE_MAXIMUM + 1U : used,
                          .number = ++reader->number};
    reader->start += used + (end != NULL);
    reader->scanned = 0;
    reader->skipping = false;
    return true;
}

static bool is_blank(const struct line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (line->length > VERIFY_LINE_MAXIMUM || !strchr(" \t\r", line->bytes[i]))
            return false;
    return true;
}

/* Every line that is in the buffer, up to the maximum. */
static void take_group(struct reader *reader, struct group *group)
{
    struct line line;
    group->count = 0;
    group->next = 0;
    while (group->count < GROUP_MAXIMUM && take_line(reader, &line))
        if (!is_blank(&line))
            group->lines[group->count++] = line;
}

/* --- answering --- */

static void *answer_lines(void *argument)
{
    struct group *group = argument;
    size_t i;
    while ((i = __atomic_fetch_add(&group->next, 1, __ATOMIC_RELAXED)) < group->count) {
        struct line *line = &group->lines[i];
        line->answer =
            verify_line(group->cache, group->defaults, line->bytes, line->length, line->number);
    }
    return NULL;
}

/* Threads that could not be started leave the work to this one. */
static void answer_group(struct group *group)
{
    pthread_t threads[THREADS_MAXIMUM];
    size_t started = 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    while (started + 1 < group->count && (long)started + 1 < processors &&
           started < THREADS_MAXIMUM &&
           pthread_create(&threads[started], NULL, answer_lines, group) == 0)
        started++;
    answer_lines(group);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

static bool write_group(struct group *group)
{
    bool whole = true;
    for (size_t i = 0; i < group->count; i++) {
        char *answer = group->lines[i].answer;
        whole = whole && answer && puts(answer) != EOF;
        free(answer);
    }
    return whole && fflush(stdout) == 0;
}

int verify_batch(const struct ctl_arguments *arguments, struct verify_cache *cache,
                 const struct verify_words *defaults)
{
    struct error error;
    _cleanup_free_ struct group *group = calloc(1, sizeof *group);
    _cleanup_free_ char *bytes = malloc(BUFFER_MAXIMUM);
    struct reader reader = {.bytes = bytes};
    if (!group || !bytes) {
        error_set(&error, EX_OSERR, "There is no memory left");
        return ctl_tell_error(arguments->json, &error, NULL, NULL);
    }
    group->cache = cache;
    group->defaults = defaults;
    do {
        fill(&reader);
        for (take_group(&reader, group); group->count; take_group(&reader, group)) {
            answer_group(group);
            if (!write_group(group))
                return EX_IOERR;
        }
    } while (!reader.ended);
    if (!reader.failed)
        return EX_OK;
    error_set_errno(&error, EX_IOERR, errno, "Cannot read the lines");
    return ctl_tell_error(arguments->json, &error, NULL, NULL);
}
