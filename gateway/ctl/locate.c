/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See locate.h. */
#include "gateway/ctl/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pki/base/cleanup.h"

enum {
    XML_SIZE_MAXIMUM = 1024 * 1024, /* bytes; what conn_load() bears too */
    XML_DEPTH_MAXIMUM = 64,
};

DEFINE_CLEANUP(xmlDoc *, xmlFreeDoc)
DEFINE_CLEANUP(xmlChar *, xmlFree)

/* The whole file, its length in *length; NULL with errno. The caller frees. */
static char *read_file(const char *path, int *length)
{
    struct stat status;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return NULL;
    if (!S_ISREG(status.st_mode) || status.st_size > XML_SIZE_MAXIMUM) {
        errno = EFBIG;
        return NULL;
    }
    _cleanup_free_ char *bytes = malloc(XML_SIZE_MAXIMUM);
    ssize_t got = 0, used = 0;
    while (bytes && used < XML_SIZE_MAXIMUM &&
           (got = read(fd, bytes + used, (size_t)(XML_SIZE_MAXIMUM - used))) > 0)
        used += got;
    if (!bytes || got < 0)
        return NULL;
    *length = (int)used;
    return TAKE_PTR(bytes);
}

/* The first Control element, at any depth: in a file with a tag left open it may have sunk. */
static bool find_control(xmlNode *node, char *path, size_t size, int depth)
{
    for (; node && depth < XML_DEPTH_MAXIMUM; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (xmlStrEqual(node->name, BAD_CAST "Control")) {
            _cleanup_(xmlFreep) xmlChar *value = xmlGetNoNsProp(node, BAD_CAST "Socket");
            if (value && *value && strlen((const char *)value) < size) {
                snprintf(path, size, "%s", (const char *)value);
                return true;
            }
        }
        if (find_control(node->children, path, size, depth + 1))
            return true;
    }
    return false;
}

/* True when the file names a socket. *broken: it is not well-formed, and was read as far as it
 * goes. */
static bool scan(const char *bytes, int length, char *path, size_t size, bool *broken)
{
    int calm = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    _cleanup_(xmlFreeDocp) xmlDoc *document =
        xmlReadMemory(bytes, length, "postern.xml", NULL, calm);
    *broken = !document;
    if (!document)
        document = xmlReadMemory(bytes, length, "postern.xml", NULL, calm | XML_PARSE_RECOVER);
    return document && find_control(xmlDocGetRootElement(document), path, size, 0);
}

static int tell_unreadable(int number, const char *file, const char *directory, struct error *error)
{
    int code = number == EACCES || number == EPERM ? EX_NOPERM : EX_CONFIG;
    if (number == ENOENT)
        error_set(error, code, "There is no postern.xml in %s", directory);
    else
        error_set_errno(error, code, number, "Cannot read %s", file);
    return error_cure(error, "%s, or name the control socket with --socket PATH",
                      code == EX_NOPERM ? "sudo" : "--config with the folder of the gateway");
}

int ctl_locate_socket(const char *directory, char *path, size_t size, struct error *error)
{
    bool named = directory, broken = false;
    char file[4096];
    int length = 0;
    directory = named ? directory : POSTERN_SYSCONFDIR "/postern";
    snprintf(path, size, "%s", CTL_DEFAULT_SOCKET);
    if (snprintf(file, sizeof file, "%s/postern.xml", directory) >= (int)sizeof file)
        return error_set(error, EX_CONFIG, "The name of the folder is too long");
    _cleanup_free_ char *bytes = read_file(file, &length);
    if (!bytes)
        return named ? tell_unreadable(errno, file, directory, error) : 0;
    if (scan(bytes, length, path, size, &broken) || !broken || !named)
        return 0;
    error_set(error, EX_CONFIG, "%s is broken, and where its control socket is cannot be read",
              file);
    return error_cure(error, "--socket PATH; posternctl config check %s shows what is broken",
                      directory);
}
