/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tags.h. */
#include "gateway/ctl/tags.h"

#include <string.h>
#include <strings.h>

static const char *behind(const char *at, const char *wanted)
{
    const char *found = strstr(at, wanted);
    return found ? found + strlen(wanted) : NULL;
}

const char *ctl_skip_other(const char *at)
{
    if (strncmp(at, "<!--", 4) == 0)
        return behind(at, "-->");
    if (strncmp(at, "<![CDATA[", 9) == 0)
        return behind(at, "]]>");
    if (strncmp(at, "<?", 2) == 0)
        return behind(at, "?>");
    return at;
}

/* Behind the '>' that no quotes hold. */
static const char *find_end(const char *at)
{
    char quote = '\0';
    for (; *at; at++) {
        if (quote)
            quote = *at == quote ? '\0' : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at + 1;
    }
    return NULL;
}

static void read_name(struct ctl_tag *tag)
{
    const char *name = tag->start + (tag->kind == CTL_TAG_END ? 2 : 1);
    size_t length = strcspn(name, " \t\r\n/>");
    const char *colon = memchr(name, ':', length);
    tag->prefix = name;
    tag->prefix_length = colon ? (size_t)(colon - name) + 1 : 0;
    tag->name = name + tag->prefix_length;
    tag->name_length = length - tag->prefix_length;
}

bool ctl_tag_next(const char *at, struct ctl_tag *ret)
{
    while (at && (at = strchr(at, '<'))) {
        const char *other = ctl_skip_other(at);
        if (other != at) {
            at = other;
            continue;
        }
        *ret = (struct ctl_tag){.start = at, .end = find_end(at)};
        if (!ret->end || at[1] == '!')
            return false;
        ret->kind = at[1] == '/'          ? CTL_TAG_END
                    : ret->end[-2] == '/' ? CTL_TAG_EMPTY
                                          : CTL_TAG_START;
        read_name(ret);
        return true;
    }
    return false;
}

bool ctl_tag_is(const struct ctl_tag *tag, const char *name)
{
    return tag->name_length == strlen(name) && strncmp(tag->name, name, tag->name_length) == 0;
}

bool ctl_find_indent(const char *text, const char *at, const char **ret, size_t *ret_length)
{
    const char *start = at;
    while (start > text && (start[-1] == ' ' || start[-1] == '\t'))
        start--;
    if (start > text && start[-1] != '\n')
        return false;
    *ret = start;
    *ret_length = (size_t)(at - start);
    return true;
}

bool ctl_is_utf8(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const char *end = strstr(text, "?>"), *declared = strstr(text, "encoding");
    if (bytes[0] == 0xfe || bytes[0] == 0xff)
        return false;
    if (strncmp(text, "<?xml", 5) != 0 || !end || !declared || declared > end)
        return true;
    declared += strcspn(declared, "\"'?");
    return strncasecmp(declared + 1, "utf-8", 5) == 0 ||
           strncasecmp(declared + 1, "us-ascii", 8) == 0;
}

const char *ctl_line_end(const char *text)
{
    return strstr(text, "\r\n") ? "\r\n" : "\n";
}

void ctl_put_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                                            : NULL;
        if (entity)
            fputs(entity, stream);
        else
            fputc(*text, stream);
    }
}
