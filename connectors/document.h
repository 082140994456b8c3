/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * From a file, or bytes, to an XML tree that holds nothing dangerous.
 *
 * At most 1 MiB, UTF-8, no NUL, no DOCTYPE (so no entity but the five of XML), no nesting deeper
 * than the vocabulary could ever need; nothing else is opened while parsing, neither file nor
 * network. What is wrong goes to the problems. The loading thread only. */
#ifndef POSTERN_CONNECTORS_DOCUMENT_H
#define POSTERN_CONNECTORS_DOCUMENT_H

#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xmlversion.h>

#include "connectors/load.h"

enum { CONN_FILE_MAXIMUM = 1 << 20, CONN_DEPTH_MAXIMUM = 16 };

/* libxml2 made the error constant that it hands to a handler in 2.12. */
#if LIBXML_VERSION >= 21200
#define conn_xml_error const xmlError
#else
#define conn_xml_error xmlError
#endif

/* The tree (xmlFreeDoc is the caller's), or NULL when at least one problem was added. */
xmlDoc *conn_document_read(const char *file, struct conn_problems *problems);
xmlDoc *conn_document_parse(const char *bytes, size_t length, const char *file,
                            struct conn_problems *problems);

#endif
