/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the import's tables share: values of properties, and the properties that several kinds have.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/import-private.h"
#include "connectors/ours.h"
#include "connectors/values.h"
#include "pki/names.h"
#include "pki/bundle.h"

/* --- values --- */

const char *conn_import_text(const struct conn_clixml_value *value)
{
    const struct conn_clixml_value *found = conn_clixml_follow(value), *at = NULL;
    const char *item = found && found->is_list ? conn_import_next(found, &at) : NULL;
    if (item)
        return item;
    return found && found->text && !found->is_list ? found->text : "";
}

const char *conn_import_find(const struct conn_import_work *work, const char *name)
{
    return conn_import_text(conn_clixml_find(work->source, name));
}

bool conn_import_is_true(const struct conn_import_work *work, const char *name)
{
    return strcasecmp(conn_import_find(work, name), "true") == 0;
}

const char *conn_import_next(const struct conn_clixml_value *list,
                             const struct conn_clixml_value **at)
{
    const struct conn_clixml_value *found = conn_clixml_follow(list);
    if (!found)
        return NULL;
    if (!found->is_list) {
        bool first = !*at && found->text && found->text[0];
        *at = found;
        return first ? found->text : NULL;
    }
    /* An item is looked at and not into: a list in a list would have no end when it is a circle. */
    for (*at = *at ? (*at)->next : found->items; *at; *at = (*at)->next) {
        const struct conn_clixml_value *item = conn_clixml_follow(*at);
        if (item->text && item->text[0])
            return item->text;
    }
    return NULL;
}

bool conn_import_space(const char *text, char *domain, size_t size, unsigned *cost)
{
    const char *colon = strchr(text, ':');
    unsigned long value = 1;
    if (colon && strncasecmp(text, "smtp:", 5) != 0)
        return false;
    snprintf(domain, size, "%s", colon ? colon + 1 : text);
    char *semicolon = strchr(domain, ';');
    if (semicolon) {
        *semicolon = '\0';
        value = strtoul(semicolon + 1, NULL, 10);
    }
    *cost = value < 1 ? 1 : value > 100 ? 100 : (unsigned)value;
    return true;
}

/* --- properties of several kinds --- */

void conn_import_name(struct conn_import_work *work, const struct conn_import_property *property)
{
    const char *name = work->object->name;
    char becomes[160];
    (void)property;
    snprintf(becomes, sizeof becomes, "Name \"%s\"", name);
    if (strcmp(conn_import_text(work->value), name) == 0)
        conn_import_tell(work, CONN_IMPORT_TAKEN, becomes, NULL);
    else
        conn_import_tell(work, CONN_IMPORT_CHANGED, becomes,
                         "names are printable ASCII without ( ) < > \\ \", and each stands for one "
                         "connector");
}

void conn_import_enabled(struct conn_import_work *work, const struct conn_import_property *property)
{
    bool enabled = strcasecmp(conn_import_text(work->value), "true") == 0;
    (void)property;
    work->object->enabled = enabled;
    conn_draft_put(&work->draft, "Enabled", NULL, enabled ? "true" : "false");
    conn_import_tell(work, CONN_IMPORT_TAKEN, enabled ? "Enabled true" : "Enabled false", NULL);
}

static void take_as(struct conn_import_work *work, const char *element, const char *text)
{
    char becomes[CONN_IMPORT_VALUE_MAXIMUM];
    conn_draft_put(&work->draft, element, NULL, text);
    snprintf(becomes, sizeof becomes, "%s %s", element, text);
    conn_import_tell(work, CONN_IMPORT_TAKEN, becomes, NULL);
}

static bool is_nothing(struct conn_import_work *work)
{
    if (conn_import_text(work->value)[0])
        return false;
    conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "it is empty");
    return true;
}

void conn_import_boolean(struct conn_import_work *work, const struct conn_import_property *property)
{
    if (!is_nothing(work))
        take_as(work, property->element,
                strcasecmp(conn_import_text(work->value), "true") == 0 ? "true" : "false");
}

void conn_import_comment(struct conn_import_work *work, const struct conn_import_property *property)
{
    char comment[1000];
    const char *text = conn_import_text(work->value);
    (void)property;
    if (is_nothing(work))
        return;
    size_t length = strlen(text) < sizeof comment ? strlen(text) : sizeof comment - 1;
    while (length < strlen(text) && length && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    snprintf(comment, sizeof comment, "%.*s", (int)length, text);
    conn_draft_put(&work->draft, "Comment", NULL, comment);
    if (length == strlen(text) && !strpbrk(text, "\r\n\t"))
        conn_import_tell(work, CONN_IMPORT_TAKEN, "Comment", NULL);
    else if (length == strlen(text))
        conn_import_tell(work, CONN_IMPORT_CHANGED, "Comment", "it is one line here");
    else
        conn_import_tell(work, CONN_IMPORT_CHANGED, "Comment", "it was cut to %zu bytes", length);
}

static bool is_unlimited(struct conn_import_work *work)
{
    if (strcasecmp(conn_import_text(work->value), "Unlimited") != 0)
        return false;
    conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                     "no limit of its own: what postern.xml says holds");
    return true;
}

/* A parsed value: within bounds it is taken as it stands. */
static void take_within(struct conn_import_work *work, const struct conn_import_property *property,
                        int result, uint64_t value, const struct error *error)
{
    if (result < 0)
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "it cannot be read: %s", error->what);
    else if (value < property->least || value > property->most)
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                         "it is out of the bounds of %s: Postern's default holds",
                         property->element);
    else
        take_as(work, property->element, conn_import_text(work->value));
}

void conn_import_size(struct conn_import_work *work, const struct conn_import_property *property)
{
    struct error error;
    uint64_t size = 0;
    if (!is_nothing(work) && !is_unlimited(work)) {
        int result = conn_parse_size(property->name, conn_import_text(work->value), &size, &error);
        take_within(work, property, result, size, &error);
    }
}

void conn_import_number(struct conn_import_work *work, const struct conn_import_property *property)
{
    struct error error;
    uint64_t number = 0;
    if (!is_nothing(work) && !is_unlimited(work)) {
        int result =
            conn_parse_number(property->name, conn_import_text(work->value), &number, &error);
        take_within(work, property, result, number, &error);
    }
}

void conn_import_duration(struct conn_import_work *work,
                          const struct conn_import_property *property)
{
    struct error error;
    uint64_t time = 0;
    if (!is_nothing(work) && !is_unlimited(work)) {
        int result =
            conn_parse_duration(property->name, conn_import_text(work->value), &time, &error);
        take_within(work, property, result, time, &error);
    }
}

void conn_import_fqdn(struct conn_import_work *work, const struct conn_import_property *property)
{
    (void)property;
    if (!is_nothing(work))
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                         "it is the Exchange server's own name; Postern says its HostName, or what "
                         "<Fqdn> of the connector says");
}

void conn_import_cloud_services(struct conn_import_work *work,
                                const struct conn_import_property *property)
{
    (void)property;
    if (conn_import_is_true(work, work->property))
        take_as(work, "CloudServicesMailEnabled", "true");
    else
        conn_import_tell(work, CONN_IMPORT_TAKEN, "no CloudServicesMailEnabled",
                         "false is the default");
}

/* --- our certificate, and whom to trust --- */

static const struct conn_certificate *find_certificate(const struct conn_config *config,
                                                       const char *name, const char *exchange_text)
{
    _cleanup_free_ struct conn_ours *ours = calloc(1, sizeof *ours);
    for (size_t i = 0; ours && config && i < config->certificate_count; i++) {
        struct error error;
        if (conn_ours_read(&config->certificates[i], ours, &error) < 0)
            continue;
        if ((name && *name && conn_ours_has_name(ours, name)) ||
            (exchange_text && *exchange_text && conn_ours_is(ours, exchange_text)))
            return &config->certificates[i];
    }
    return config && config->certificate_count == 1 ? &config->certificates[0] : NULL;
}

void conn_import_certificate(struct conn_import_work *work, const char *empty, const char *why)
{
    char becomes[160];
    if (!conn_import_text(work->value)[0])
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "%s", empty);
    if (!work->certificate)
        return conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL,
                                "no certificate of postern.xml stands for it");
    snprintf(becomes, sizeof becomes, "TlsCertificateName %s", work->certificate);
    conn_import_tell(work, CONN_IMPORT_CHANGED, becomes, "%s", why);
}

void conn_import_choose_certificate(struct conn_import_work *work, const char *name,
                                    const char *exchange_text)
{
    const struct conn_certificate *found = NULL;
    work->certificate = work->options->certificate;
    if (!work->certificate &&
        (found = find_certificate(work->options->config, name, exchange_text)))
        work->certificate = found->name;
    if (work->certificate)
        conn_draft_put(&work->draft, "TlsCertificateName", NULL, work->certificate);
    else
        conn_import_need(work,
                         "TlsCertificateName: nothing says which <Certificate> of postern.xml is "
                         "meant; name it with --certificate NAME");
}

const char *conn_import_anchors(const struct conn_import_work *work)
{
    const struct conn_config *config = work->options->config;
    if (work->options->trust_anchors || !config || config->anchors_count != 1)
        return work->options->trust_anchors;
    return config->anchors[0].name;
}

bool conn_import_put_anchors(struct conn_import_work *work)
{
    const char *name = conn_import_anchors(work);
    if (name)
        conn_draft_put(&work->draft, "TrustAnchors", NULL, name);
    else
        conn_import_need(work, "TrustAnchors: nothing says which <TrustAnchors> of postern.xml to "
                               "trust; name it with --trust-anchors NAME");
    return name != NULL;
}

void conn_import_put_settings(struct conn_import_work *work)
{
    if (work->settings >= CONN_TLS_CERTIFICATE_VALIDATION && !conn_import_put_anchors(work))
        work->settings = CONN_TLS_ENCRYPTION_ONLY;
    conn_draft_put(&work->draft, "TlsSettings", NULL, conn_tls_settings_name(work->settings));
}

void conn_import_put_pair(struct conn_import_work *work, struct conn_draft *draft, const char *text)
{
    _cleanup_(X509_NAME_freep) X509_NAME *issuer = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    struct error error;
    if (pki_name_parse_exchange(text, &issuer, &subject, &error) == 0)
        conn_draft_put(draft, "PeerCertificates", "Peer", text);
    else
        conn_import_note(work, "PeerCertificates has no '%s': %s", text, error.what);
}
