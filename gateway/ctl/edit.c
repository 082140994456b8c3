/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See edit.h. A Peer more, in the list or with a list of its own. */
#include "gateway/ctl/edit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/tags.h"
#include "pki/base/cleanup.h"

/* --- the place --- */

struct place {
    struct ctl_tag root, root_end;
    struct ctl_tag peers, peers_end;       /* PeerCertificates; start NULL: there is none */
    struct ctl_tag last_peer;              /* its last Peer */
    const char *before_start, *before_end; /* the element that it is to stand behind; NULL: none */
};

/* What postern.xml(5) has before PeerCertificates. */
static bool comes_before(const struct ctl_tag *tag)
{
    static const char *const names[] = {"TlsDomain", "TlsCertificateName",
                                        "TlsSenderCertificateName", "TrustAnchors", "ClientEku"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (ctl_tag_is(tag, names[i]))
            return true;
    return false;
}

/* A tag in the root element, or in one that is there. */
static void look_at(struct place *place, const struct ctl_tag *tag, int depth)
{
    if (depth == 0 && tag->kind == CTL_TAG_END)
        place->root_end = *tag;
    if (depth == 1 && ctl_tag_is(tag, "PeerCertificates"))
        *(tag->kind == CTL_TAG_END ? &place->peers_end : &place->peers) = *tag;
    if (depth == 2 && place->peers.start && !place->peers_end.start && ctl_tag_is(tag, "Peer") &&
        tag->kind != CTL_TAG_END)
        place->last_peer = *tag;
    if (depth == 1 && comes_before(tag)) {
        if (tag->kind != CTL_TAG_END)
            place->before_start = tag->start;
        place->before_end = tag->end;
    }
}

static bool find_place(const char *text, struct place *ret)
{
    struct ctl_tag tag;
    int depth = 0; /* of what the next tag stands in */
    *ret = (struct place){.before_start = NULL};
    for (const char *at = text; ctl_tag_next(at, &tag); at = tag.end) {
        if (!ret->root.start)
            ret->root = tag;
        if (tag.kind == CTL_TAG_END)
            depth--;
        look_at(ret, &tag, depth);
        if (tag.kind == CTL_TAG_START)
            depth++;
    }
    return ret->root.start && ret->root_end.start && (!ret->peers.start || ret->peers_end.start);
}

/* --- layout --- */

struct layout {
    FILE *stream;
    const char *indent; /* of the outermost element that is put in; NULL: all on one line */
    size_t indent_length;
    const char *line_end;
    const char *prefix;
    size_t prefix_length;
};

static void begin_line(const struct layout *layout, unsigned level)
{
    if (layout->indent)
        fprintf(layout->stream, "%.*s%*s", (int)layout->indent_length, layout->indent,
                (int)(2 * level), "");
}

static void end_line(const struct layout *layout)
{
    if (layout->indent)
        fputs(layout->line_end, layout->stream);
}

static void put_tag(const struct layout *layout, unsigned level, const char *form, const char *name)
{
    begin_line(layout, level);
    fprintf(layout->stream, "<%s%.*s%s>", form, (int)layout->prefix_length, layout->prefix, name);
    end_line(layout);
}

static void put_name(const struct layout *layout, unsigned level, const char *element,
                     const char *name)
{
    if (!*name)
        return;
    begin_line(layout, level);
    fprintf(layout->stream, "<%.*s%s>", (int)layout->prefix_length, layout->prefix, element);
    ctl_put_escaped(layout->stream, name);
    fprintf(layout->stream, "</%.*s%s>", (int)layout->prefix_length, layout->prefix, element);
    end_line(layout);
}

static void put_peer(const struct layout *layout, unsigned level, const char *subject,
                     const char *issuer)
{
    put_tag(layout, level, "", "Peer");
    put_name(layout, level + 1, "Subject", subject);
    put_name(layout, level + 1, "Issuer", issuer);
    put_tag(layout, level, "/", "Peer");
}

static void put_peers(const struct layout *layout, const char *subject, const char *issuer)
{
    begin_line(layout, 0);
    fprintf(layout->stream, "<%.*sPeerCertificates Mode=\"Enforce\">", (int)layout->prefix_length,
            layout->prefix);
    end_line(layout);
    put_peer(layout, 1, subject, issuer);
    put_tag(layout, 0, "/", "PeerCertificates");
}

/* --- the two edits; each returns where it cut the text --- */

static const char *add_to_list(struct layout *layout, const char *text, const struct place *place,
                               const char *subject, const char *issuer)
{
    const char *indent, *peer_indent;
    size_t length, peer_length;
    const char *cut = place->peers_end.start;
    layout->prefix = place->peers.prefix;
    layout->prefix_length = place->peers.prefix_length;
    unsigned level = 1;
    if (ctl_find_indent(text, cut, &indent, &length)) {
        layout->indent = indent;
        layout->indent_length = length;
        cut = indent;
        if (place->last_peer.start &&
            ctl_find_indent(text, place->last_peer.start, &peer_indent, &peer_length)) {
            layout->indent = peer_indent;
            layout->indent_length = peer_length;
            level = 0;
        }
    }
    fwrite(text, 1, (size_t)(cut - text), layout->stream);
    put_peer(layout, level, subject, issuer);
    return cut;
}

/* Behind its forerunner's line, or before the line of the root's end. */
static const char *add_list(struct layout *layout, const char *text, const struct place *place,
                            const char *subject, const char *issuer)
{
    const char *cut = place->before_end, *indent;
    size_t length;
    layout->prefix = place->root.prefix;
    layout->prefix_length = place->root.prefix_length;
    if (cut && ctl_find_indent(text, place->before_start, &indent, &length)) {
        const char *rest = cut + strspn(cut, " \t\r");
        if (*rest == '\n') {
            layout->indent = indent;
            layout->indent_length = length;
            cut = rest + 1;
        }
    } else if (!cut) {
        cut = place->root_end.start;
        if (ctl_find_indent(text, cut, &indent, &length)) {
            layout->indent = "  ";
            layout->indent_length = 2;
            cut = indent;
        }
    }
    fwrite(text, 1, (size_t)(cut - text), layout->stream);
    put_peers(layout, subject, issuer);
    return cut;
}

int ctl_edit_add_peer(const char *text, const char *subject, const char *issuer, char **ret,
                      struct error *error)
{
    struct place place;
    char *fresh = NULL;
    size_t size = 0;
    if (!ctl_is_utf8(text) || !find_place(text, &place)) {
        error_set(error, EX_DATAERR, "The file is not of a form that posternctl can add to");
        return error_cure(error, "add the Peer with an editor, then posternctl reload");
    }
    struct layout layout = {.stream = open_memstream(&fresh, &size),
                            .line_end = ctl_line_end(text)};
    if (!layout.stream)
        return error_set(error, EX_OSERR, "There is no memory left");
    const char *cut = place.peers.start ? add_to_list(&layout, text, &place, subject, issuer)
                                        : add_list(&layout, text, &place, subject, issuer);
    fputs(cut, layout.stream);
    bool failed = ferror(layout.stream);
    if (fclose(layout.stream) != 0 || failed) {
        free(fresh);
        return error_set(error, EX_OSERR, "There is no memory left");
    }
    *ret = fresh;
    return 0;
}
