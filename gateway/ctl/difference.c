/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an edit changed, as diff -u shows it. See edit.h. The lines that both texts begin and end
 * with are set aside; of those between, the longest common subsequence stays, unless there are so
 * many that looking for it would take long: then they are one hunk. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/edit.h"
#include "pki/base/cleanup.h"

enum { CONTEXT = 3, CELLS_MAXIMUM = 4 * 1024 * 1024 };

struct line {
    const char *text;
    size_t length; /* with its end */
};

struct lines {
    struct line *items;
    size_t count;
};

static size_t line_length(const char *text)
{
    const char *end = strchr(text, '\n');
    return end ? (size_t)(end - text) + 1 : strlen(text);
}

static bool split(const char *text, struct lines *ret)
{
    size_t count = 0;
    for (const char *at = text; *at; at += line_length(at))
        count++;
    *ret = (struct lines){.items = calloc(count + 1, sizeof *ret->items)};
    if (!ret->items)
        return false;
    for (const char *at = text; *at; at += line_length(at))
        ret->items[ret->count++] = (struct line){at, line_length(at)};
    return true;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* The script: ' ', '-' and '+', a line each. */
struct script {
    char *signs;
    size_t count;
};

/* Of the lines between; lengths[i * (m + 1) + j] is that of the subsequence behind i and j. */
static void follow(struct script *script, const uint32_t *lengths, const struct line *a, size_t n,
                   const struct line *b, size_t m)
{
    size_t i = 0, j = 0;
    while (i < n && j < m) {
        if (same(&a[i], &b[j])) {
            script->signs[script->count++] = ' ';
            i++, j++;
        } else if (lengths[(i + 1) * (m + 1) + j] >= lengths[i * (m + 1) + j + 1]) {
            script->signs[script->count++] = '-';
            i++;
        } else {
            script->signs[script->count++] = '+';
            j++;
        }
    }
    for (; i < n; i++)
        script->signs[script->count++] = '-';
    for (; j < m; j++)
        script->signs[script->count++] = '+';
}

static bool compare_middle(struct script *script, const struct line *a, size_t n,
                           const struct line *b, size_t m)
{
    if ((n + 1) * (m + 1) > CELLS_MAXIMUM) {
        memset(script->signs + script->count, '-', n);
        memset(script->signs + script->count + n, '+', m);
        script->count += n + m;
        return true;
    }
    _cleanup_free_ uint32_t *lengths = calloc((n + 1) * (m + 1), sizeof *lengths);
    if (!lengths)
        return false;
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint32_t down = lengths[(i + 1) * (m + 1) + j], right = lengths[i * (m + 1) + j + 1];
            lengths[i * (m + 1) + j] = same(&a[i], &b[j]) ? lengths[(i + 1) * (m + 1) + j + 1] + 1
                                       : down > right     ? down
                                                          : right;
        }
    follow(script, lengths, a, n, b, m);
    return true;
}

static bool compare(const struct lines *a, const struct lines *b, struct script *ret)
{
    size_t head = 0, tail = 0;
    *ret = (struct script){.signs = malloc(a->count + b->count + 1)};
    if (!ret->signs)
        return false;
    while (head < a->count && head < b->count && same(&a->items[head], &b->items[head]))
        head++;
    while (tail < a->count - head && tail < b->count - head &&
           same(&a->items[a->count - tail - 1], &b->items[b->count - tail - 1]))
        tail++;
    memset(ret->signs, ' ', head);
    ret->count = head;
    if (!compare_middle(ret, a->items + head, a->count - head - tail, b->items + head,
                        b->count - head - tail))
        return false;
    memset(ret->signs + ret->count, ' ', tail);
    ret->count += tail;
    return true;
}

static void put_line(FILE *stream, char sign, const struct line *line)
{
    fputc(sign, stream);
    fwrite(line->text, 1, line->length, stream);
    if (line->text[line->length - 1] != '\n')
        fputs("\n\\ No newline at end of file\n", stream);
}

/* Behind the hunk that begins at `from`: where more than twice the context is alike, or at the end.
 */
static size_t find_end(const struct script *script, size_t from)
{
    size_t last = from;
    for (size_t k = from; k < script->count && k <= last + 2 * CONTEXT + 1; k++)
        if (script->signs[k] != ' ')
            last = k;
    return last + 1 + CONTEXT < script->count ? last + 1 + CONTEXT : script->count;
}

static size_t count_signs(const struct script *script, size_t from, size_t to, char without)
{
    size_t count = 0;
    for (size_t k = from; k < to; k++)
        count += script->signs[k] != without;
    return count;
}

static void put_hunk(FILE *stream, const struct script *script, const struct lines *a,
                     const struct lines *b, size_t from, size_t to)
{
    size_t i = count_signs(script, 0, from, '+'), j = count_signs(script, 0, from, '-');
    size_t n = count_signs(script, from, to, '+'), m = count_signs(script, from, to, '-');
    fprintf(stream, "@@ -%zu,%zu +%zu,%zu @@\n", i + (n > 0), n, j + (m > 0), m);
    for (size_t k = from; k < to; k++) {
        char sign = script->signs[k];
        put_line(stream, sign, sign == '+' ? &b->items[j] : &a->items[i]);
        i += sign != '+';
        j += sign != '-';
    }
}

static void put_hunks(FILE *stream, const struct script *script, const struct lines *a,
                      const struct lines *b)
{
    for (size_t k = 0; k < script->count;) {
        if (script->signs[k] == ' ') {
            k++;
            continue;
        }
        size_t end = find_end(script, k);
        put_hunk(stream, script, a, b, k > CONTEXT ? k - CONTEXT : 0, end);
        k = end;
    }
}

static char *show(const char *path, const char *old, const char *fresh, const struct lines *a,
                  const struct lines *b)
{
    _cleanup_free_ char *signs = NULL;
    struct script script;
    char *text = NULL;
    size_t size = 0;
    bool fits = compare(a, b, &script);
    signs = script.signs;
    FILE *stream = fits ? open_memstream(&text, &size) : NULL;
    if (!stream)
        return NULL;
    fprintf(stream, "--- %s\n+++ %s\n", old ? path : "/dev/null", fresh ? path : "/dev/null");
    put_hunks(stream, &script, a, b);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

char *ctl_edit_difference(const char *path, const char *old, const char *fresh)
{
    struct lines a = {0}, b = {0};
    char *text = NULL;
    if (split(old ? old : "", &a) && split(fresh ? fresh : "", &b))
        text = show(path, old, fresh, &a, &b);
    free(a.items);
    free(b.items);
    return text;
}
