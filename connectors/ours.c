/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See ours.h. */
#include "connectors/ours.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pki/bundle.h"
#include "pki/names.h"

int conn_ours_read(const struct conn_certificate *certificate, struct conn_ours *ret,
                   struct error *error)
{
    _cleanup_(pki_bundle_freep) struct pki_bundle *bundle = NULL;
    _cleanup_free_ struct pki_tenant_side *side = calloc(1, sizeof *side);
    if (!side)
        return error_set(error, EX_OSERR, "There is no memory left");
    int result = pki_bundle_read(certificate->chain, NULL, &bundle, error);
    if (result < 0)
        return result;
    pki_bundle_tenant_side(bundle, NULL, side);
    snprintf(ret->names, sizeof ret->names, "%s", side->sender_names);
    snprintf(ret->exchange, sizeof ret->exchange, "%s", side->send_connector_after);
    return 0;
}

/* The next of the names into `name`; false: there is none. */
static bool next_name(const char **at, char *name, size_t size)
{
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " ");
    snprintf(name, size, "%.*s", (int)length, *at);
    *at += length;
    return length > 0;
}

void conn_ours_name(const struct conn_ours *ours, char *name, size_t size)
{
    char first[256] = "";
    const char *at = ours->names;
    name[0] = '\0';
    while (next_name(&at, name, size)) {
        if (!strchr(name, '*'))
            return;
        if (!first[0])
            snprintf(first, sizeof first, "%s", name);
    }
    snprintf(name, size, "%s", first);
}

static bool meets(const char *name, const char *wanted)
{
    size_t length = strlen(name), end;
    if (strcasecmp(name, wanted) == 0)
        return true;
    if (strncmp(wanted, "*.", 2) == 0) {
        end = strlen(wanted + 1);
        return length > end && strcasecmp(name + length - end, wanted + 1) == 0;
    }
    const char *dot = strchr(wanted, '.');
    return strncmp(name, "*.", 2) == 0 && dot && strcasecmp(name + 1, dot) == 0;
}

bool conn_ours_has_name(const struct conn_ours *ours, const char *wanted)
{
    char name[256];
    const char *at = ours->names;
    while (next_name(&at, name, sizeof name))
        if (meets(name, wanted))
            return true;
    return false;
}

bool conn_ours_is(const struct conn_ours *ours, const char *exchange_text)
{
    _cleanup_(X509_NAME_freep) X509_NAME *issuer = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *our_issuer = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *our_subject = NULL;
    struct error error;
    return pki_name_parse_exchange(exchange_text, &issuer, &subject, &error) == 0 &&
           pki_name_parse_exchange(ours->exchange, &our_issuer, &our_subject, &error) == 0 &&
           pki_name_equal(issuer, our_issuer) && pki_name_equal(subject, our_subject);
}
