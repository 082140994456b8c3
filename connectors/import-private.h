/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the import share: a table for each kind of object says what becomes of each
 * property. Inside connectors/ only. */
#ifndef POSTERN_CONNECTORS_IMPORT_PRIVATE_H
#define POSTERN_CONNECTORS_IMPORT_PRIVATE_H

#include <stdint.h>

#include "connectors/draft.h"
#include "connectors/import.h"

/* One object under way. */
struct conn_import_work {
    const struct conn_import_options *options;
    struct conn_import *import; /* what was made before it */
    struct conn_import_object *object;
    const struct conn_clixml_value *source;
    struct conn_draft draft, suggestion;
    bool inbound_suggestion;
    const char *suggestion_name;     /* NULL: there is none */
    enum conn_tls_settings settings; /* of an outbound connector */
    const char *certificate;         /* ours, by name; NULL: none */
    bool failed;                     /* memory */
    /* The property that is being looked at. */
    const char *property;
    const struct conn_clixml_value *value;
};

struct conn_import_property {
    const char *name;
    /* Adds exactly one row. NULL: left out, and `why`. */
    void (*take)(struct conn_import_work *work, const struct conn_import_property *property);
    const char *element, *why;
    uint64_t least, most;
};

struct conn_import_table {
    bool inbound;
    /* What needs more than one property, before the rows; and after them. May be NULL. */
    void (*begin)(struct conn_import_work *work);
    void (*finish)(struct conn_import_work *work);
    const struct conn_import_property *properties;
    size_t count;
};
extern const struct conn_import_table conn_import_send, conn_import_receive,
    conn_import_tenant_inbound, conn_import_tenant_outbound;

/* --- telling --- */

/* The row of the property at hand; `becomes` may be NULL. */
void conn_import_tell(struct conn_import_work *work, enum conn_import_outcome outcome,
                      const char *becomes, const char *why, ...)
    __attribute__((format(printf, 4, 5)));
void conn_import_need(struct conn_import_work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void conn_import_note(struct conn_import_work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- values --- */

/* What a value says, "" for none; a list says its first item. Never NULL. */
const char *conn_import_text(const struct conn_clixml_value *value);
/* What a value says, for people: a list with commas between; cut to fit. */
void conn_import_show(const struct conn_clixml_value *value, char *text, size_t size);
/* The text of a property of the object, "" for none. */
const char *conn_import_find(const struct conn_import_work *work, const char *name);
bool conn_import_is_true(const struct conn_import_work *work, const char *name);
/* The items of a list that say something, or a scalar as a list of itself. *at begins NULL; the
 * text, or NULL at the end. */
const char *conn_import_next(const struct conn_clixml_value *list,
                             const struct conn_clixml_value **at);
/* "smtp:*.contoso.com;10" in parts; false: of another kind than SMTP. `domain` in lower case. */
bool conn_import_space(const char *text, char *domain, size_t size, unsigned *cost);

/* --- what the tables use --- */

/* TlsCertificateName: which Certificate of ours it became, and `why`; `empty`: what none means. */
void conn_import_certificate(struct conn_import_work *work, const char *empty, const char *why);
/* Puts <I>issuer<S>subject into PeerCertificates, if it can be read; else a note. */
void conn_import_put_pair(struct conn_import_work *work, struct conn_draft *draft,
                          const char *text);

typedef void conn_import_take(struct conn_import_work *work,
                              const struct conn_import_property *property);
conn_import_take conn_import_name, conn_import_enabled, conn_import_boolean, conn_import_comment,
    conn_import_size, conn_import_number, conn_import_duration, conn_import_fqdn,
    conn_import_cloud_services;

/* Which Certificate of ours: --certificate, else one of that name or that is `exchange_text`, else
 * the only one; NULL, and a need, when there is none. Either may be NULL. */
void conn_import_choose_certificate(struct conn_import_work *work, const char *name,
                                    const char *exchange_text);
/* --trust-anchors, else the only TrustAnchors there are; NULL: nothing says which. */
const char *conn_import_anchors(const struct conn_import_work *work);
/* Puts TrustAnchors; false, and a need, when nothing says which. */
bool conn_import_put_anchors(struct conn_import_work *work);
/* Puts TlsSettings, and what it takes: see `work->settings`, which is lowered where that is
 * lacking.
 */
void conn_import_put_settings(struct conn_import_work *work);

#define CONN_IMPORT_SIZE(name, element, least, most)                                               \
    {                                                                                              \
        name, conn_import_size, element, NULL, least, most                                         \
    }

#endif
