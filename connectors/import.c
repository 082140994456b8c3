/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See import.h: from the objects of a file to connectors and rows. */
#include "connectors/import.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connectors/import-private.h"
#include "connectors/read.h"

static const char directory_only[] =
    "it describes the object in Exchange's directory, not the way of the mail";

/* What every object of Exchange has. */
static const struct conn_import_property common[] = {
    {"Name", conn_import_name, NULL, NULL, 0, 0},
    {"AdminDisplayName", NULL, NULL, directory_only, 0, 0},
    {"DistinguishedName", NULL, NULL, directory_only, 0, 0},
    {"ExchangeObjectId", NULL, NULL, directory_only, 0, 0},
    {"ExchangeVersion", NULL, NULL, directory_only, 0, 0},
    {"Guid", NULL, NULL, directory_only, 0, 0},
    {"Id", NULL, NULL, directory_only, 0, 0},
    {"Identity", NULL, NULL, directory_only, 0, 0},
    {"IsValid", NULL, NULL, directory_only, 0, 0},
    {"ObjectCategory", NULL, NULL, directory_only, 0, 0},
    {"ObjectClass", NULL, NULL, directory_only, 0, 0},
    {"ObjectState", NULL, NULL, directory_only, 0, 0},
    {"OrganizationalUnitRoot", NULL, NULL, directory_only, 0, 0},
    {"OrganizationId", NULL, NULL, directory_only, 0, 0},
    {"OriginatingServer", NULL, NULL, directory_only, 0, 0},
    {"WhenChanged", NULL, NULL, directory_only, 0, 0},
    {"WhenChangedUTC", NULL, NULL, directory_only, 0, 0},
    {"WhenCreated", NULL, NULL, directory_only, 0, 0},
    {"WhenCreatedUTC", NULL, NULL, directory_only, 0, 0},
    {"PSComputerName", NULL, NULL, "PowerShell added it: where the command ran", 0, 0},
    {"PSShowComputerName", NULL, NULL, "PowerShell added it: where the command ran", 0, 0},
    {"RunspaceId", NULL, NULL, "PowerShell added it: where the command ran", 0, 0},
    {"SerializationData", NULL, NULL, "PowerShell's own binary form, which is never decoded", 0, 0},
};

/* How each kind is known: by the end of a type's name, or, where only a bag of properties was
 * exported, by one that no other kind has. */
static const struct {
    const char *type, *mark, *name;
    const struct conn_import_table *table;
} kinds[] = {
    [CONN_IMPORT_SEND] = {"SmtpSendConnectorConfig", "AddressSpaces", "Send connector",
                          &conn_import_send},
    [CONN_IMPORT_RECEIVE] = {"ReceiveConnector", "RemoteIPRanges", "Receive connector",
                             &conn_import_receive},
    [CONN_IMPORT_TENANT_INBOUND] = {"TenantInboundConnector", "TlsSenderCertificateName",
                                    "the tenant's inbound connector", &conn_import_tenant_inbound},
    [CONN_IMPORT_TENANT_OUTBOUND] = {"TenantOutboundConnector", "RouteAllMessagesViaOnPremises",
                                     "the tenant's outbound connector",
                                     &conn_import_tenant_outbound},
    [CONN_IMPORT_OTHER] = {NULL, NULL, "no connector", NULL},
};

const char *conn_import_kind_name(enum conn_import_kind kind)
{
    return kinds[kind].name;
}

const char *conn_import_outcome_name(enum conn_import_outcome outcome)
{
    static const char *const names[] = {"taken", "changed", "left out"};
    return names[outcome];
}

static enum conn_import_kind kind_of(const struct conn_clixml_value *object)
{
    for (size_t i = 0; object->types && i < object->types->count; i++) {
        const char *type = object->types->names[i] ? object->types->names[i] : "";
        const char *dot = strrchr(type, '.');
        for (unsigned kind = 0; kind < CONN_IMPORT_OTHER; kind++)
            if (strcmp(dot ? dot + 1 : type, kinds[kind].type) == 0)
                return (enum conn_import_kind)kind;
    }
    for (unsigned kind = 0; kind < CONN_IMPORT_OTHER; kind++)
        if (conn_clixml_find(object, kinds[kind].mark))
            return (enum conn_import_kind)kind;
    return CONN_IMPORT_OTHER;
}

/* --- telling --- */

void conn_import_show(const struct conn_clixml_value *value, char *text, size_t size)
{
    const struct conn_clixml_value *at = NULL, *found = conn_clixml_follow(value);
    const char *item;
    size_t used = 0;
    text[0] = '\0';
    if (!found)
        return;
    if (found->kind == CONN_CLIXML_OPAQUE)
        snprintf(text, size, "(not read)");
    else if (!found->is_list)
        snprintf(text, size, "%s", conn_import_text(found));
    else
        while ((item = conn_import_next(found, &at)) && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", item);
}

void conn_import_tell(struct conn_import_work *work, enum conn_import_outcome outcome,
                      const char *becomes, const char *why, ...)
{
    char value[CONN_IMPORT_VALUE_MAXIMUM], reason[1024] = "";
    struct conn_import_object *object = work->object;
    struct conn_import_row *row = conn_append(&object->rows, &object->row_count, sizeof *row);
    va_list arguments;
    va_start(arguments, why);
    if (why)
        vsnprintf(reason, sizeof reason, why, arguments);
    va_end(arguments);
    if (!row) {
        work->failed = true;
        return;
    }
    conn_import_show(work->value, value, sizeof value);
    row->outcome = outcome;
    row->property = strdup(work->property);
    row->value = strdup(value);
    row->becomes = becomes ? strdup(becomes) : NULL;
    row->why = why ? strdup(reason) : NULL;
    work->failed |=
        !row->property || !row->value || (becomes && !row->becomes) || (why && !row->why);
}

static void add_sentence(struct conn_import_work *work, struct conn_strings *list,
                         const char *format, va_list arguments)
{
    char *text = NULL;
    char **slot = vasprintf(&text, format, arguments) < 0
                      ? NULL
                      : conn_append(&list->items, &list->count, sizeof *slot);
    if (slot)
        *slot = text;
    else
        work->failed = true;
}

void conn_import_need(struct conn_import_work *work, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_sentence(work, &work->object->needs, format, arguments);
    va_end(arguments);
}

void conn_import_note(struct conn_import_work *work, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_sentence(work, &work->object->notes, format, arguments);
    va_end(arguments);
}

/* --- one object --- */

static const struct conn_import_property *find_in(const struct conn_import_property *properties,
                                                  size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

static bool is_told(const struct conn_import_object *object, const char *property)
{
    for (size_t i = 0; i < object->row_count; i++)
        if (object->rows[i].property && strcasecmp(object->rows[i].property, property) == 0)
            return true;
    return false;
}

static void take_property(struct conn_import_work *work, const struct conn_import_table *table)
{
    const struct conn_import_property *property =
        find_in(table->properties, table->count, work->property);
    if (!property)
        property = find_in(common, ARRAY_SIZE(common), work->property);
    if (is_told(work->object, work->property))
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "it stands in the object twice");
    else if (!property)
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "Postern does not know this property");
    else if (property->take)
        property->take(work, property);
    else
        conn_import_tell(work, CONN_IMPORT_LEFT_OUT, NULL, "%s", property->why);
}

static void take_properties(struct conn_import_work *work, const struct conn_import_table *table)
{
    const struct conn_clixml_value *lists[] = {work->source->properties, work->source->extras};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        for (const struct conn_clixml_value *value = lists[i]; value; value = value->next) {
            work->property = value->name ? value->name : "(no name)";
            work->value = value;
            take_property(work, table);
        }
}

/* What is not enabled for what it lacks is told at Enabled too. */
static void settle_enabled(struct conn_import_work *work)
{
    struct conn_import_object *object = work->object;
    if (!object->needs.count || !object->enabled)
        return;
    object->enabled = false;
    conn_draft_drop(&work->draft, "Enabled");
    conn_draft_put(&work->draft, "Enabled", NULL, "false");
    for (size_t i = 0; i < object->row_count; i++) {
        struct conn_import_row *row = &object->rows[i];
        if (!row->property || strcasecmp(row->property, "Enabled") != 0)
            continue;
        free(row->becomes);
        free(row->why);
        row->outcome = CONN_IMPORT_CHANGED;
        row->becomes = strdup("Enabled false");
        row->why = strdup("something is lacking, see below");
        work->failed |= !row->becomes || !row->why;
    }
}

/* --- names --- */

static bool is_taken(const struct conn_import_work *work, const char *name, const char *file)
{
    for (size_t i = 0; i < work->import->count; i++) {
        const struct conn_import_object *other = &work->import->objects[i];
        if (other == work->object || !other->name || other->inbound != work->object->inbound)
            continue;
        if (strcasecmp(other->name, name) == 0 || (file && strcasecmp(other->file, file) == 0))
            return true;
    }
    return false;
}

/* See conn_check_name(). */
static void clean_name(const char *name, char *clean, size_t size)
{
    size_t used = 0;
    for (; *name && used < size - 1; name++) {
        unsigned char byte = (unsigned char)*name;
        if (byte >= 0x80 && byte < 0xc0)
            continue; /* one character was one sign already */
        clean[used++] = byte < ' ' || byte > 0x7e || strchr("()<>\\\"", byte) ? '-' : (char)byte;
    }
    while (used && clean[used - 1] == ' ')
        used--;
    clean[used] = '\0';
    memmove(clean, clean + strspn(clean, " "), used + 1 - strspn(clean, " "));
}

static void make_file(const struct conn_import_work *work, const char *name, char *file,
                      size_t size)
{
    char stem[128];
    size_t used = 0;
    for (; *name && used < sizeof stem - 1; name++)
        if (isalnum((unsigned char)*name) || *name == '_')
            stem[used++] = (char)tolower((unsigned char)*name);
        else if (used && stem[used - 1] != '-')
            stem[used++] = '-';
    while (used && stem[used - 1] == '-')
        used--;
    stem[used] = '\0';
    snprintf(file, size, "%s/%s.xml", work->object->inbound ? "inbound" : "outbound",
             used ? stem : "connector");
}

/* Receive connectors of several servers often have one name: the server's tells them apart. */
static void choose_name(struct conn_import_work *work)
{
    char base[100], name[128], file[192];
    const char *server = conn_import_find(work, "Server");
    clean_name(conn_import_find(work, "Name"), base, sizeof base);
    if (!base[0])
        clean_name(conn_import_text(work->source), base, sizeof base);
    if (!base[0])
        snprintf(base, sizeof base, "connector");
    snprintf(name, sizeof name, "%s", base);
    make_file(work, name, file, sizeof file);
    if (is_taken(work, name, file) && server[0]) {
        char both[100];
        snprintf(name, sizeof name, "%.60s %.39s", server, base);
        clean_name(name, both, sizeof both);
        snprintf(base, sizeof base, "%s", both);
        snprintf(name, sizeof name, "%s", base);
        make_file(work, name, file, sizeof file);
    }
    for (unsigned i = 2; is_taken(work, name, file) && i <= CONN_IMPORT_OBJECTS_MAXIMUM + 1; i++) {
        snprintf(name, sizeof name, "%s %u", base, i);
        make_file(work, name, file, sizeof file);
    }
    work->object->name = strdup(name);
    work->object->file = strdup(file);
    work->failed |= !work->object->name || !work->object->file;
}

static void make_connector(struct conn_import_work *work, const struct conn_import_table *table)
{
    struct conn_import_object *object = work->object;
    object->inbound = table->inbound;
    object->enabled = true;
    choose_name(work);
    if (work->failed)
        return;
    if (table->begin)
        table->begin(work);
    take_properties(work, table);
    if (table->finish)
        table->finish(work);
    settle_enabled(work);
    object->xml = conn_draft_xml(&work->draft, object->inbound, object->name);
    if (work->suggestion_name)
        object->suggestion =
            conn_draft_xml(&work->suggestion, work->inbound_suggestion, work->suggestion_name);
    work->failed |= !object->xml || (work->suggestion_name && !object->suggestion);
}

static int import_object(struct conn_import *import, const struct conn_clixml_value *source,
                         const struct conn_import_options *options, struct error *error)
{
    if (import->count == CONN_IMPORT_OBJECTS_MAXIMUM)
        return error_set(error, EX_DATAERR, "There are more than %d objects in the file",
                         CONN_IMPORT_OBJECTS_MAXIMUM);
    struct conn_import_object *object =
        conn_append(&import->objects, &import->count, sizeof *object);
    if (!object)
        return error_set(error, EX_OSERR, "There is no memory left");
    struct conn_import_work work = {
        .options = options, .import = import, .object = object, .source = source};
    object->kind = kind_of(source);
    object->line = source->line;
    object->exchange_name =
        strdup(conn_import_find(&work, "Name")[0] ? conn_import_find(&work, "Name")
                                                  : conn_import_text(source));
    work.failed = !object->exchange_name;
    if (object->kind != CONN_IMPORT_OTHER && !work.failed)
        make_connector(&work, kinds[object->kind].table);
    conn_draft_clear(&work.draft);
    conn_draft_clear(&work.suggestion);
    return work.failed ? error_set(error, EX_OSERR, "There is no memory left") : 0;
}

static int import_list(struct conn_import *import, const struct conn_clixml_value *first,
                       const struct conn_import_options *options, struct error *error)
{
    int result = 0;
    for (const struct conn_clixml_value *value = first; value && result == 0; value = value->next)
        if (conn_clixml_follow(value)->kind == CONN_CLIXML_OBJECT)
            result = import_object(import, conn_clixml_follow(value), options, error);
    return result;
}

int conn_import(const struct conn_clixml *document, const struct conn_import_options *options,
                struct conn_import **ret, struct error *error)
{
    _cleanup_(conn_import_freep) struct conn_import *import = calloc(1, sizeof *import);
    const struct conn_clixml_value *first = conn_clixml_first(document);
    if (!import)
        return error_set(error, EX_OSERR, "There is no memory left");
    /* -InputObject with an array makes one object of it, a list. */
    if (first && first->kind == CONN_CLIXML_OBJECT && first->is_list && !first->properties)
        first = first->items;
    int result = import_list(import, first, options, error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < import->count; i++)
        if (import->objects[i].kind != CONN_IMPORT_OTHER) {
            *ret = TAKE_PTR(import);
            return 0;
        }
    error_set(error, EX_DATAERR, "There is no connector in the file");
    return error_cure(error, "export one with Get-SendConnector, Get-ReceiveConnector, "
                             "Get-InboundConnector or Get-OutboundConnector | Export-Clixml");
}

static void free_strings(struct conn_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
}

static void clear_object(struct conn_import_object *object)
{
    for (size_t i = 0; i < object->row_count; i++) {
        free(object->rows[i].property);
        free(object->rows[i].value);
        free(object->rows[i].becomes);
        free(object->rows[i].why);
    }
    free(object->rows);
    free_strings(&object->needs);
    free_strings(&object->notes);
    free(object->exchange_name);
    free(object->name);
    free(object->file);
    free(object->xml);
    free(object->suggestion);
}

struct conn_import *conn_import_free(struct conn_import *import)
{
    for (size_t i = 0; import && i < import->count; i++)
        clear_object(&import->objects[i]);
    if (import)
        free(import->objects);
    free(import);
    return NULL;
}
