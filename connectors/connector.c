/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See connector.h. */
#include "connectors/connector.h"

#include <string.h>

#include "connectors/readers.h"
#include "connectors/suites.h"
#include "connectors/tables.h"
#include "connectors/values.h"
#include "connectors/vocabulary.h"
#include "pki/names.h"

/* The words of a field with names are written over an enum, whatever the enum is. */
_Static_assert(sizeof(enum conn_tls_settings) == sizeof(unsigned), "enums are as wide as unsigned");
_Static_assert(sizeof(enum pki_peer_eku) == sizeof(unsigned), "enums are as wide as unsigned");
_Static_assert(sizeof(enum pki_revocation_check) == sizeof(unsigned),
               "enums are as wide as unsigned");

int conn_read_certificate(struct conn_reader *reader, const struct conn_field *field,
                          const char *text, void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("Certificate", config->certificates, config->certificate_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

int conn_read_anchors(struct conn_reader *reader, const struct conn_field *field, const char *text,
                      void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("TrustAnchors", config->anchors, config->anchors_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

int conn_read_lists(struct conn_reader *reader, const struct conn_field *field, const char *text,
                    void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("RevocationLists", config->lists, config->lists_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

int conn_read_credentials(struct conn_reader *reader, const struct conn_field *field,
                          const char *text, void *target, struct error *error)
{
    const struct conn_config *config = reader->config;
    if (reader->gateway_lost)
        return 0;
    const void *found =
        conn_find_named(CONN_NAMED("Credentials", config->credentials, config->credentials_count),
                        field->name, text, error);
    memcpy(target, &found, sizeof found);
    return found ? 0 : -error->code;
}

int conn_read_cipher_suite(struct conn_reader *reader, const struct conn_field *field,
                           const char *text, void *target, struct error *error)
{
    (void)reader;
    return conn_find_cipher_suite(field->name, text, target, error);
}

int conn_read_group(struct conn_reader *reader, const struct conn_field *field, const char *text,
                    void *target, struct error *error)
{
    (void)reader;
    return conn_find_group(field->name, text, target, error);
}

/* PeerCertificates Mode: true is ReportOnly. */
int conn_read_mode(struct conn_reader *reader, const struct conn_field *field, const char *text,
                   void *target, struct error *error)
{
    unsigned word;
    (void)reader;
    int result = conn_parse_word(field->name, text, conn_mode_names, &word, error);
    if (result == 0)
        *(bool *)target = word;
    return result;
}

static int fail_distinguished_name(const char *label, const char *text, const struct error *found,
                                   struct error *error)
{
    error_set(error, EX_DATAERR, "%s '%.200s' is not a distinguished name: %s", label, text,
              found->what);
    error_where(error, "%s", found->where);
    return error_cure(error, "%s",
                      found->cure[0] ? found->cure
                                     : "write it like CN=mail.contoso.com, O=Contoso, "
                                       "C=US, and \\, for a comma in a value");
}

static int read_distinguished_name(struct conn_reader *reader, const struct conn_field *field,
                                   const char *text, void *target, struct error *error)
{
    struct error found;
    (void)reader;
    if (pki_name_parse(text, target, &found) < 0)
        return fail_distinguished_name(field->name, text, &found, error);
    return 0;
}

/* A Peer's own text: <I>issuer<S>subject, as Exchange shows it. */
static int read_exchange_pair(struct conn_reader *reader, const struct conn_field *field,
                              const char *text, void *target, struct error *error)
{
    struct pki_peer_pair *pair = target;
    struct error found;
    (void)reader;
    if (pair->subject || pair->issuer) {
        error_set(error, EX_DATAERR, "Peer holds the text '%.100s' beside its elements", text);
        return error_cure(error, "write <Subject> and <Issuer>, or Exchange's text, but not both");
    }
    if (pki_name_parse_exchange(text, &pair->issuer, &pair->subject, &found) == 0)
        return 0;
    error_set(error, EX_DATAERR, "%s '%.200s' cannot be read: %s", field->name, text, found.what);
    return error_cure(error,
                      "write &lt;I>issuer&lt;S>subject as Exchange shows it, or <Subject> and "
                      "<Issuer>");
}

static void finish_peer(struct conn_reader *reader, const xmlNode *node, void *object)
{
    struct error error;
    (void)object;
    for (xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE ||
            (child->type == XML_TEXT_NODE && !xmlIsBlankNode(child)))
            return;
    error_set(&error, EX_CONFIG, "Peer is empty, and would accept any certificate");
    error_cure(&error, "give it <Subject>, <Issuer>, or both");
    conn_complain(reader, node, false, &error);
}

/* After the rules, which speak of what was declared. */
void conn_complete_lists(struct conn_reader *reader, const xmlNode *node,
                         struct conn_tls_lists *lists, enum conn_tls_version minimum)
{
    struct error error;
    if (conn_tls_lists_complete(lists, minimum, &error) < 0)
        conn_complain(reader, node, false, &error);
}

static const struct conn_field peer_fields[] = {
    {"Subject", 0, read_distinguished_name, CONN_IN(pki_peer_pair, subject),
     .example = "<Subject>CN=mail.contoso.com, O=Contoso, C=US</Subject>"},
    {"Issuer", 0, read_distinguished_name, CONN_IN(pki_peer_pair, issuer),
     .example = "<Issuer>CN=Contoso CA, O=Contoso, C=US</Issuer>"},
    {"The text of Peer", CONN_TEXT, read_exchange_pair,
     .example = "<Peer>&lt;I>CN=Contoso CA&lt;S>CN=mail.contoso.com</Peer>"},
};
const struct conn_section conn_peer_section = {CONN_FIELDS(peer_fields), CONN_NO_PLACE,
                                               finish_peer};
