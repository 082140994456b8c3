/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * peer-list and peer-show, shaped as gateway/control/shapes.h says. Main thread. */
#include <stdio.h>
#include <string.h>

#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/peers.h"

enum { PREFIX_MINIMUM = 4, SHOWN_MAXIMUM = 128 };

/* "tenant" is both, "inbound/tenant" and "outbound/tenant" are one. NULL: any. */
static bool is_of(const struct ledger_entry *entry, const char *connector)
{
    const char *direction = ledger_direction_name(entry->seen.direction);
    size_t length = strlen(direction);
    if (!connector || strcmp(entry->seen.connector, connector) == 0)
        return true;
    return strncmp(connector, direction, length) == 0 && connector[length] == '/' &&
           strcmp(entry->seen.connector, connector + length + 1) == 0;
}

static void add_words(json_t *object, const struct ledger_entry *entry)
{
    char xml[1400] = "";
    if (entry->seen.pair_decides)
        pki_peer_record_xml(&entry->seen.record, xml, sizeof xml);
    json_object_set_new(object, "xml", xml[0] ? control_text(xml) : json_null());
}

/* What stands in the file, without what is for us alone, and with what is counted from today. */
static json_t *peer_object(const struct ledger *ledger, const struct ledger_entry *entry, bool all)
{
    static const char *const ours[] = {"pair", "cut", "ever_accepted", "expiry_named"};
    static const char *const long_ones[] = {"names", "reason", "cure"};
    time_t now = time(NULL);
    json_t *object = ledger_entry_json(entry);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        json_object_del(object, ours[i]);
    for (size_t i = 0; !all && i < ARRAY_SIZE(long_ones); i++)
        json_object_del(object, long_ones[i]);
    if (all)
        add_words(object, entry);
    json_object_set_new(object, "expires_in_days", json_integer(ledger_days_left(entry, now)));
    json_object_set_new(object, "expiring", json_boolean(ledger_is_expiring(ledger, entry, now)));
    return object;
}

void peer_list(void *context, struct control_request *request, const json_t *arguments)
{
    const struct ledger *ledger = peers_ledger(((struct daemon *)context)->peers);
    const char *connector = json_string_value(json_object_get(arguments, "connector"));
    json_t *list = json_array();
    for (unsigned i = 0; i < ledger->count; i++)
        if (is_of(ledger->entries[i], connector))
            json_array_append_new(list, peer_object(ledger, ledger->entries[i], false));
    control_answer(request, json_pack("{s:o}", "peers", list));
}

/* Upper case, without the colons that OpenSSL writes. False: it is no fingerprint's beginning. */
static bool read_prefix(const char *text, char *prefix, size_t size)
{
    size_t used = 0;
    for (; text && *text; text++) {
        if (*text == ':')
            continue;
        char digit = *text >= 'a' && *text <= 'f' ? (char)(*text - 'a' + 'A') : *text;
        if (!strchr("0123456789ABCDEF", digit) || used + 1 >= size)
            return false;
        prefix[used++] = digit;
    }
    prefix[used] = '\0';
    return used >= PREFIX_MINIMUM;
}

static void no_prefix(struct control_request *request, const char *text)
{
    struct error error;
    error_set(&error, EX_DATAERR, "\"%.80s\" is not the beginning of a fingerprint",
              text ? text : "");
    error_cure(&error, "give at least %d of the hexadecimal digits that posternctl peer list shows",
               PREFIX_MINIMUM);
    control_fail(request, &error);
}

static void not_one(struct control_request *request, const char *prefix, bool none)
{
    struct error error;
    if (none)
        error_set(&error, EX_DATAERR,
                  "No peer presented a certificate whose fingerprint begins "
                  "with %s",
                  prefix);
    else
        error_set(&error, EX_DATAERR, "Several certificates have fingerprints that begin with %s",
                  prefix);
    error_cure(&error, none ? "posternctl peer list shows those that were; a connector that was "
                              "named must have been the one"
                            : "give more of its digits");
    control_fail(request, &error);
}

void peer_show(void *context, struct control_request *request, const json_t *arguments)
{
    const struct ledger *ledger = peers_ledger(((struct daemon *)context)->peers);
    const char *text = json_string_value(json_object_get(arguments, "name"));
    const char *connector = json_string_value(json_object_get(arguments, "connector"));
    const char *fingerprint = NULL;
    char prefix[65];
    if (!read_prefix(text, prefix, sizeof prefix)) {
        no_prefix(request, text);
        return;
    }
    json_auto_t *list = json_array();
    for (unsigned i = 0; i < ledger->count && json_array_size(list) < SHOWN_MAXIMUM; i++) {
        const struct ledger_entry *entry = ledger->entries[i];
        const char *found = entry->seen.record.fingerprint;
        if (strncmp(found, prefix, strlen(prefix)) != 0 || !is_of(entry, connector))
            continue;
        if (fingerprint && strcmp(fingerprint, found) != 0) {
            not_one(request, prefix, false);
            return;
        }
        fingerprint = found;
        json_array_append_new(list, peer_object(ledger, entry, true));
    }
    if (fingerprint)
        control_answer(request, json_pack("{s:O}", "peers", list));
    else
        not_one(request, prefix, true);
}
