/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See load.h. Files are read in one order, postern.xml, inbound/, outbound/, so that a reference
 * always points at what is there already, and at an item that moves no more. */
#include "connectors/load.h"
#include "connectors/limits.h"

#include <dirent.h>
#include <errno.h>
#include <libxml/parser.h>
#include <string.h>

#include "connectors/advice.h"
#include "connectors/document.h"
#include "connectors/index.h"
#include "connectors/one.h"
#include "connectors/problems.h"
#include "connectors/rules.h"
#include "connectors/schema.h"
#include "connectors/tables.h"
#include "connectors/vocabulary.h"

enum { FILES_MAXIMUM = 20000 }; /* in one folder */

DEFINE_CLEANUP(xmlDocPtr, xmlFreeDoc)
DEFINE_CLEANUP(DIR *, closedir)

static void complain(struct conn_reader *reader, const char *file, bool warning,
                     const struct error *error)
{
    conn_problems_add(reader->problems, warning, file, 0, error);
}

static void complain_memory(struct conn_reader *reader, const char *file)
{
    struct error error;
    error_set(&error, EX_OSERR, "There is no memory left to read the configuration");
    complain(reader, file, false, &error);
}

/* What a folder (or postern.xml itself) holds. */
struct kind {
    const char *folder, *root;
    const struct conn_section *section;
    void *(*begin)(struct conn_reader *reader); /* the object, with its defaults; NULL: no memory */
};

static void *begin_gateway(struct conn_reader *reader)
{
    return reader->config;
}

static void *begin_inbound(struct conn_reader *reader)
{
    struct conn_config *config = reader->config;
    struct conn_inbound *inbound =
        conn_append(&config->inbound, &config->inbound_count, sizeof *inbound);
    if (!inbound)
        return NULL;
    inbound->index = config->inbound_count - 1;
    inbound->enabled = true;
    inbound->tls_minimum = CONN_TLS_1_2;
    inbound->client_eku = PKI_EKU_CLIENT;
    inbound->revocation = PKI_REVOCATION_UNWRITTEN;
    return inbound;
}

static void *begin_outbound(struct conn_reader *reader)
{
    struct conn_config *config = reader->config;
    struct conn_outbound *outbound =
        conn_append(&config->outbound, &config->outbound_count, sizeof *outbound);
    if (!outbound)
        return NULL;
    outbound->index = config->outbound_count - 1;
    outbound->enabled = true;
    outbound->tls_settings = CONN_TLS_OPPORTUNISTIC;
    outbound->tls_minimum = CONN_TLS_1_2;
    outbound->revocation = PKI_REVOCATION_UNWRITTEN;
    outbound->messages_per_connection = 20;
    outbound->inactivity_timeout = 600000;
    outbound->port = 25;
    return outbound;
}

static const struct kind kinds[] = {
    [CONN_KIND_GATEWAY] = {NULL, "Gateway", &conn_gateway_section, begin_gateway},
    [CONN_KIND_INBOUND] = {"inbound", "InboundConnector", &conn_inbound_section, begin_inbound},
    [CONN_KIND_OUTBOUND] = {"outbound", "OutboundConnector", &conn_outbound_section,
                            begin_outbound},
};

/* Where a root element belongs that stands in the wrong place. */
static const char *home_of(const char *root)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(root, kinds[i].root) == 0)
            return kinds[i].folder ? kinds[i].folder : "postern.xml";
    return NULL;
}

static bool check_root(struct conn_reader *reader, const xmlNode *root, const struct kind *kind)
{
    struct error error;
    const char *name = (const char *)root->name;
    if (strcmp(name, kind->root) != 0) {
        const char *home = home_of(name);
        error_set(&error, EX_CONFIG, "The outermost element here is %s, not %.60s", kind->root,
                  name);
        if (home)
            error_cure(&error, "%s belongs into %s", name, home);
        error_cure(&error, "begin with <%s xmlns=\"%s\" …>", kind->root, CONN_NAMESPACE);
    } else if (!root->ns || strcmp((const char *)root->ns->href, CONN_NAMESPACE) != 0) {
        error_set(&error, EX_CONFIG, "%s is not of the namespace %s", name, CONN_NAMESPACE);
        error_cure(&error, "write <%s xmlns=\"%s\" …>", name, CONN_NAMESPACE);
    } else {
        return true;
    }
    conn_complain(reader, root, false, &error);
    return false;
}

/* False when it is not even a document of that kind. */
static bool read_document(struct conn_reader *reader, xmlDoc *document, const struct kind *kind)
{
    xmlNode *root = xmlDocGetRootElement(document);
    size_t errors = reader->problems->errors;
    if (!root || !check_root(reader, root, kind))
        return false;
    void *object = kind->begin(reader);
    if (!object) {
        complain_memory(reader, reader->file);
        return false;
    }
    conn_read_section(reader, root, kind->section, object);
    if (reader->problems->errors == errors)
        conn_schema_validate(&reader->schema, document, reader->file, reader->problems);
    return true;
}

/* Remembers the name of a file for the life of the configuration; takes over `name`. */
static const char *keep_name(struct conn_reader *reader, char *name)
{
    struct conn_config *config = reader->config;
    char **slot =
        name ? conn_append(&config->files.items, &config->files.count, sizeof *slot) : NULL;
    if (!slot) {
        free(name);
        complain_memory(reader, config->directory);
        return NULL;
    }
    return *slot = name;
}

void conn_read_bytes(struct conn_reader *reader, enum conn_kind kind, const char *bytes,
                     size_t length)
{
    _cleanup_(xmlFreeDocp) xmlDocPtr document =
        conn_document_parse(bytes, length, reader->file, reader->problems);
    if (document)
        read_document(reader, document, &kinds[kind]);
}

/* What stands in a file instead; NULL: what is on disk. */
static const struct conn_override *find_other(const struct conn_reader *reader, const char *file)
{
    for (size_t i = 0; i < reader->other_count; i++)
        if (reader->others[i].file && strcmp(reader->others[i].file, file) == 0)
            return &reader->others[i];
    return NULL;
}

/* True when the file's root was read, be it with faults; the name is taken over. */
static bool read_file(struct conn_reader *reader, char *name, const struct kind *kind)
{
    size_t first = reader->problems->count;
    if (!(reader->file = keep_name(reader, name)))
        return false;
    const struct conn_override *other = find_other(reader, reader->file);
    _cleanup_(xmlFreeDocp) xmlDocPtr document =
        other
            ? conn_document_parse(other->text, strlen(other->text), reader->file, reader->problems)
            : conn_document_read(reader->file, reader->problems);
    bool known = document && read_document(reader, document, kind);
    conn_problems_sort(reader->problems, first);
    return known;
}

static bool has_end(const char *name, const char *end)
{
    size_t length = strlen(name), wanted = strlen(end);
    return length > wanted && strcmp(name + length - wanted, end) == 0;
}

/* What editors leave behind, and hidden files: nobody means these to be read. */
static bool is_left_behind(const char *name)
{
    return *name == '.' || *name == '#' || has_end(name, "~") || has_end(name, ".bak") ||
           has_end(name, ".swp");
}

static void warn_stray(struct conn_reader *reader, const char *folder, const char *name)
{
    struct error error;
    char file[512];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    error_set(&error, EX_CONFIG, "This is not read: connectors are in files that end in .xml");
    error_cure(&error, "rename it, or move it out of this folder");
    complain(reader, file, true, &error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *path_in(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static size_t find_name(const struct conn_strings *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i], name) != 0)
        i++;
    return i;
}

/* A file that is not in the folder yet comes, one that is not to be there goes. */
static void change_names(struct conn_reader *reader, const struct conn_override *other,
                         struct conn_strings *names)
{
    size_t at = find_name(names, other->file);
    bool known = at < names->count;
    if (known && !other->text) {
        free(names->items[at]);
        memmove(names->items + at, names->items + at + 1,
                (--names->count - at) * sizeof *names->items);
    } else if (!known && other->text) {
        char **slot = conn_append(&names->items, &names->count, sizeof *slot);
        if (!slot || !(*slot = strdup(other->file))) {
            names->count -= slot != NULL;
            complain_memory(reader, other->file);
        }
    }
}

static void apply_others(struct conn_reader *reader, const char *folder, struct conn_strings *names)
{
    size_t length = strlen(folder);
    for (size_t i = 0; i < reader->other_count; i++) {
        const char *file = reader->others[i].file;
        if (file && strncmp(file, folder, length) == 0 && file[length] == '/')
            change_names(reader, &reader->others[i], names);
    }
}

/* The full names of the *.xml files of a folder (NULL: it is not there), in order. */
static void list_folder(struct conn_reader *reader, DIR *directory, const char *folder,
                        struct conn_strings *names)
{
    struct error error;
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (is_left_behind(entry->d_name))
            continue;
        if (!has_end(entry->d_name, ".xml")) {
            warn_stray(reader, folder, entry->d_name);
            continue;
        }
        if (names->count == FILES_MAXIMUM) {
            error_set(&error, EX_CONFIG, "There are more than %d files", FILES_MAXIMUM);
            error_cure(&error, "a gateway is not made for so many connectors; divide them");
            complain(reader, folder, false, &error);
            break;
        }
        char **slot = conn_append(&names->items, &names->count, sizeof *slot);
        if (!slot || !(*slot = path_in(folder, entry->d_name))) {
            names->count -= slot != NULL;
            complain_memory(reader, folder);
            break;
        }
    }
    apply_others(reader, folder, names);
    if (names->count)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
}

static DIR *open_folder(struct conn_reader *reader, const char *folder)
{
    struct error error;
    DIR *directory = opendir(folder);
    if (directory)
        return directory;
    bool missing = errno == ENOENT;
    error_set_errno(&error, EX_CONFIG, errno, "The folder cannot be read");
    error_cure(&error, missing ? "make it, and put one connector into it for each way of the mail"
                               : "see its owner and mode");
    complain(reader, folder, missing, &error);
    return NULL;
}

/* True when every connector in it could at least be parsed. */
static bool read_folder(struct conn_reader *reader, const struct kind *kind)
{
    struct conn_strings names = {0};
    size_t first = reader->problems->count;
    bool whole = true;
    _cleanup_free_ char *folder = path_in(reader->config->directory, kind->folder);
    if (!folder) {
        complain_memory(reader, kind->folder);
        return false;
    }
    _cleanup_(closedirp) DIR *directory = open_folder(reader, folder);
    if (!directory && reader->problems->count != first && !reader->problems->items[first].warning)
        return false;
    list_folder(reader, directory, folder, &names);
    for (size_t i = 0; i < names.count; i++)
        whole &= read_file(reader, names.items[i], kind);
    free(names.items);
    return whole;
}

static char *absolute_path(const char *path)
{
    if (*path == '/')
        return strdup(path);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    return here ? path_in(here, path) : NULL;
}

struct conn_config *conn_config_new(const char *directory)
{
    _cleanup_(conn_config_freep) struct conn_config *config = calloc(1, sizeof *config);
    if (!config)
        return NULL;
    config->drain_timeout = 30000;
    config->limits = conn_default_limits;
    config->directory = absolute_path(directory);
    config->control_socket = strdup("/run/postern/control.sock");
    config->state_directory = strdup(POSTERN_LOCALSTATEDIR "/lib/postern");
    if (!config->directory || !config->control_socket || !config->state_directory)
        return NULL;
    return TAKE_PTR(config);
}

/* What is read is judged as a whole also where it has errors: all of them are told at once. */
static void make_index(struct conn_reader *reader)
{
    struct error error;
    if (conn_index_new(reader->config, &reader->config->index, &error) < 0)
        complain(reader, reader->config->directory, false, &error);
    else
        conn_give_advice(reader);
    conn_problems_sort_files(reader->problems, &reader->config->files);
}

static void read_all(struct conn_reader *reader)
{
    char *gateway = path_in(reader->config->directory, "postern.xml");
    reader->gateway_lost = !read_file(reader, gateway, &kinds[CONN_KIND_GATEWAY]);
    reader->inbound_lost = !read_folder(reader, &kinds[CONN_KIND_INBOUND]);
    read_folder(reader, &kinds[CONN_KIND_OUTBOUND]);
    for (size_t i = 0; i < reader->config->inbound_count; i++)
        conn_limits_complete(&reader->config->inbound[i].limits, &reader->config->limits);
    make_index(reader);
    conn_reader_clear(reader);
}

int conn_load_with_files(const char *directory, const struct conn_override *others, size_t count,
                         struct conn_config **ret, struct conn_problems *problems)
{
    _cleanup_(conn_config_freep) struct conn_config *config = conn_config_new(directory);
    struct conn_reader reader = {.config = config,
                                 .problems = problems,
                                 .others = others,
                                 .other_count = count,
                                 .look_at_files = true,
                                 .inbound_names = {.fold = true},
                                 .outbound_names = {.fold = true}};
    *problems = (struct conn_problems){0};
    if (!config) {
        complain_memory(&reader, directory);
        return -EX_CONFIG;
    }
    read_all(&reader);
    if (problems->errors)
        return -EX_CONFIG;
    *ret = TAKE_PTR(config);
    return 0;
}

int conn_load_with(const char *directory, const char *file, const char *text,
                   struct conn_config **ret, struct conn_problems *problems)
{
    const struct conn_override other = {file, text};
    return conn_load_with_files(directory, &other, 1, ret, problems);
}

int conn_load(const char *directory, struct conn_config **ret, struct conn_problems *problems)
{
    return conn_load_with_files(directory, NULL, 0, ret, problems);
}
