/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See draft.h. */
#include "connectors/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/vocabulary.h"
#include "pki/base/cleanup.h"

/* As postern.xml(5) names them; what is not here comes last. */
static const char *const order[] = {
    "Enabled",
    "Comment",
    "ConnectorType",
    "InboundConnectors",
    "RecipientDomains",
    "AddressSpaces",
    "AllAcceptedDomains",
    "SmartHosts",
    "UseMXRecord",
    "Port",
    "Bindings",
    "SenderIPAddresses",
    "SenderDomains",
    "RequireTls",
    "TlsSettings",
    "TlsDomain",
    "TlsCertificateName",
    "TlsSenderCertificateName",
    "TrustAnchors",
    "ClientEku",
    "PeerCertificates",
    "CloudServicesMailEnabled",
};

static size_t rank_of(const char *element)
{
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        if (strcmp(order[i], element) == 0)
            return i;
    return ARRAY_SIZE(order);
}

/* U+FFFE and U+FFFF may not stand in XML either. */
static void clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f)
            *at = ' ';
        else if (at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe)
            at[2] = 0xbd;
}

void conn_draft_put(struct conn_draft *draft, const char *element, const char *item,
                    const char *text)
{
    for (size_t i = 0; i < draft->count; i++)
        if (strcmp(draft->entries[i].element, element) == 0 &&
            strcasecmp(draft->entries[i].text, text) == 0)
            return;
    char *copy = strdup(text);
    struct conn_draft_entry *more =
        copy ? reallocarray(draft->entries, draft->count + 1, sizeof *more) : NULL;
    if (!more) {
        free(copy);
        draft->failed = true;
        return;
    }
    clean(copy);
    draft->entries = more;
    more[draft->count++] = (struct conn_draft_entry){element, item, copy};
}

bool conn_draft_has(const struct conn_draft *draft, const char *element)
{
    for (size_t i = 0; i < draft->count; i++)
        if (strcmp(draft->entries[i].element, element) == 0)
            return true;
    return false;
}

void conn_draft_drop(struct conn_draft *draft, const char *element)
{
    size_t kept = 0;
    for (size_t i = 0; i < draft->count; i++)
        if (strcmp(draft->entries[i].element, element) == 0)
            free(draft->entries[i].text);
        else
            draft->entries[kept++] = draft->entries[i];
    draft->count = kept;
}

void conn_draft_remove(struct conn_draft *draft, size_t index)
{
    free(draft->entries[index].text);
    draft->count--;
    memmove(&draft->entries[index], &draft->entries[index + 1],
            (draft->count - index) * sizeof *draft->entries);
}

static void put_text(FILE *stream, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, stream);
        else
            fputc(*text, stream);
    }
}

static void put_one(FILE *stream, unsigned indent, const char *name, const char *text)
{
    fprintf(stream, "%*s<%s>", (int)indent, "", name);
    put_text(stream, text);
    fprintf(stream, "</%s>\n", name);
}

/* The element of entry `first`, with all of its items. */
static void put_element(FILE *stream, const struct conn_draft *draft, size_t first)
{
    const char *element = draft->entries[first].element;
    bool nested = draft->entries[first].item != NULL;
    for (size_t i = 0; i < first; i++)
        if (strcmp(draft->entries[i].element, element) == 0)
            return;
    if (nested)
        fprintf(stream, "  <%s>\n", element);
    for (size_t i = first; i < draft->count; i++)
        if (strcmp(draft->entries[i].element, element) == 0)
            put_one(stream, nested ? 4 : 2, nested ? draft->entries[i].item : element,
                    draft->entries[i].text);
    if (nested)
        fprintf(stream, "  </%s>\n", element);
}

char *conn_draft_xml(const struct conn_draft *draft, bool inbound, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    const char *root = inbound ? "InboundConnector" : "OutboundConnector";
    FILE *stream = draft->failed ? NULL : open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fprintf(stream, "<%s xmlns=\"%s\" Name=\"", root, CONN_NAMESPACE);
    put_text(stream, name);
    fputs("\">\n", stream);
    for (size_t rank = 0; rank <= ARRAY_SIZE(order); rank++)
        for (size_t i = 0; i < draft->count; i++)
            if (rank_of(draft->entries[i].element) == rank)
                put_element(stream, draft, i);
    fprintf(stream, "</%s>\n", root);
    bool failed = ferror(stream);
    if (fclose(stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

void conn_draft_clear(struct conn_draft *draft)
{
    for (size_t i = 0; i < draft->count; i++)
        free(draft->entries[i].text);
    free(draft->entries);
    *draft = (struct conn_draft){.failed = false};
}
