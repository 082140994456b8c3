/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See complete.h: names of what is configured. A file with an error in it still has its name. */
#include <dirent.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "gateway/control/shapes.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/complete.h"
#include "pki/base/cleanup.h"

enum { FILES_MAXIMUM = 4096, PATIENCE = 2 /* seconds; somebody waits for the shell */ };

DEFINE_CLEANUP(DIR *, closedir)
DEFINE_CLEANUP(xmlDoc *, xmlFreeDoc)
DEFINE_CLEANUP(xmlChar *, xmlFree)

struct telling {
    ctl_tell_name *tell;
    void *context;
    bool told;
};

static void tell_name(struct telling *telling, xmlNode *node, const char *what)
{
    _cleanup_(xmlFreep) xmlChar *name = xmlGetNoNsProp(node, BAD_CAST "Name");
    if (!name || !*name)
        return;
    telling->tell(telling->context, (const char *)name, what);
    telling->told = true;
}

static xmlDoc *read_file(const char *path)
{
    return xmlReadFile(
        path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_RECOVER);
}

static void read_folder(const char *directory, const char *folder, struct telling *telling)
{
    char path[4096];
    const struct dirent *entry;
    snprintf(path, sizeof path, "%s/%s", directory, folder);
    _cleanup_(closedirp) DIR *stream = opendir(path);
    for (int i = 0; stream && i < FILES_MAXIMUM && (entry = readdir(stream)); i++) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || end == entry->d_name || strcmp(end, ".xml") != 0 || *entry->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", directory, folder, entry->d_name);
        _cleanup_(xmlFreeDocp) xmlDoc *document = read_file(path);
        xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
        if (root)
            tell_name(telling, root, folder);
    }
}

static void read_gateway(const char *directory, const char *element, struct telling *telling)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/postern.xml", directory);
    _cleanup_(xmlFreeDocp) xmlDoc *document = read_file(path);
    xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    for (xmlNode *node = root ? root->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, element) == 0)
            tell_name(telling, node, element);
}

/* Where each is in the files (a folder, or an element of postern.xml), and what posternd says. */
static const struct {
    const char *folder, *element, *request, *list, *key;
} places[] = {
    [CTL_NAMES_INBOUND] = {"inbound", NULL, CONTROL_INBOUND_LIST, "connectors", "name"},
    [CTL_NAMES_OUTBOUND] = {"outbound", NULL, CONTROL_OUTBOUND_LIST, "connectors", "name"},
    [CTL_NAMES_CERTIFICATES] = {NULL, "Certificate", CONTROL_CERT_LIST, "certificates", "name"},
    [CTL_NAMES_ANCHORS] = {NULL, "TrustAnchors", NULL, NULL, NULL},
    [CTL_NAMES_LISTS] = {NULL, "RevocationLists", NULL, NULL, NULL},
    [CTL_NAMES_PEERS] = {NULL, NULL, CONTROL_PEER_LIST, "peers", "fingerprint"},
};

static void ask_posternd(const struct ctl_arguments *arguments, enum ctl_names_of of,
                         struct telling *telling)
{
    struct error error;
    json_auto_t *result = NULL;
    size_t i;
    json_t *item;
    if (ctl_query_with(arguments, places[of].request, NULL, PATIENCE, &result, &error) < 0)
        return;
    json_array_foreach(json_object_get(result, places[of].list), i, item)
    {
        if (has_text(item, places[of].key))
            telling->tell(telling->context, text_of(item, places[of].key),
                          has_text(item, "connector") ? text_of(item, "connector") : "");
    }
}

void ctl_names(const struct ctl_arguments *arguments, enum ctl_names_of of, ctl_tell_name *tell,
               void *context)
{
    struct telling telling = {.tell = tell, .context = context};
    const char *directory = arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern";
    if (places[of].folder)
        read_folder(directory, places[of].folder, &telling);
    if (places[of].element)
        read_gateway(directory, places[of].element, &telling);
    if (!telling.told && places[of].request)
        ask_posternd(arguments, of, &telling);
}
