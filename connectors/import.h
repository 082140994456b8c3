/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Connectors of Exchange, as Export-Clixml wrote them, made into connectors of Postern, and an
 * account of every property: what became of it, and why.
 *
 * Postern stands between, so that directions change: a Send connector towards the cloud and the
 * tenant's inbound connector become outbound connectors; a Receive connector and the tenant's
 * outbound connector become inbound ones. Nothing is written here. Results belong to the caller;
 * any thread. */
#ifndef POSTERN_CONNECTORS_IMPORT_H
#define POSTERN_CONNECTORS_IMPORT_H

#include "connectors/clixml.h"
#include "connectors/model.h"

enum { CONN_IMPORT_OBJECTS_MAXIMUM = 1000, CONN_IMPORT_VALUE_MAXIMUM = 1024 };

enum conn_import_kind {
    CONN_IMPORT_SEND,
    CONN_IMPORT_RECEIVE,
    CONN_IMPORT_TENANT_INBOUND,
    CONN_IMPORT_TENANT_OUTBOUND,
    CONN_IMPORT_OTHER /* no connector: it has no rows, and becomes nothing */
};
const char *conn_import_kind_name(enum conn_import_kind kind); /* "Send connector" */

enum conn_import_outcome { CONN_IMPORT_TAKEN, CONN_IMPORT_CHANGED, CONN_IMPORT_LEFT_OUT };
const char *conn_import_outcome_name(enum conn_import_outcome outcome); /* "left out" */

struct conn_import_row {
    char *property, *value; /* as Exchange has them; a long value is cut */
    enum conn_import_outcome outcome;
    char *becomes, *why; /* "TlsSettings DomainValidation"; either may be NULL */
};

struct conn_import_object {
    enum conn_import_kind kind;
    int line;
    char *exchange_name; /* what the object is called there */
    bool inbound;        /* which of Postern's two it becomes */
    char *name, *file;   /* Postern's; "outbound/tenant.xml"; NULL with CONN_IMPORT_OTHER */
    char *xml;
    bool enabled;
    struct conn_import_row *rows; /* every property, in the order of the file, once */
    size_t row_count;
    struct conn_strings needs; /* what it lacks, for which it is not enabled */
    struct conn_strings notes; /* what an administrator should know besides */
    char *suggestion;          /* a connector for the other leg of the way, as XML; NULL: none */
};

struct conn_import {
    struct conn_import_object *objects;
    size_t count;
};

struct conn_import_options {
    const struct conn_config *config; /* names are looked up in it; may be NULL */
    const char *certificate, *trust_anchors, *smart_host; /* NULL: chosen here */
};

/* EX_DATAERR: there is no connector in it, or far too many; EX_OSERR. */
int conn_import(const struct conn_clixml *document, const struct conn_import_options *options,
                struct conn_import **ret, struct error *error);
struct conn_import *conn_import_free(struct conn_import *import);
DEFINE_CLEANUP(struct conn_import *, conn_import_free)

#endif
