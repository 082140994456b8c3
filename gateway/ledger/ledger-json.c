/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Entries as JSON and back, by one table: a text has its place and its size, a time is RFC 3339.
 * What comes from the file is believed no more than what comes from a stranger. */
#include "gateway/ledger/ledger.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/control/wire.h"

enum { RULES_MAXIMUM = 64 }; /* more than pki_check_name() knows, now or later */

struct text_field {
    const char *key;
    size_t offset, size;
};
#define TEXT(key, member)                                                                          \
    {                                                                                              \
        key, offsetof(struct ledger_entry, member), sizeof(((struct ledger_entry *)0)->member)     \
    }
static const struct text_field texts[] = {
    TEXT("connector", seen.connector),
    TEXT("subject", seen.record.subject),
    TEXT("issuer", seen.record.issuer),
    TEXT("serial", seen.record.serial),
    TEXT("fingerprint", seen.record.fingerprint),
    TEXT("spki", seen.record.spki),
    TEXT("pair", seen.record.pair),
    TEXT("names", seen.record.names),
    TEXT("eku", seen.record.eku),
    TEXT("place", seen.place),
    TEXT("reason", seen.reason),
    TEXT("cure", seen.cure),
};

struct time_field {
    const char *key;
    size_t offset;
};
static const struct time_field times[] = {
    {"not_before", offsetof(struct ledger_entry, seen.record.not_before)},
    {"not_after", offsetof(struct ledger_entry, seen.record.not_after)},
    {"first_seen", offsetof(struct ledger_entry, seen.first)},
    {"last_seen", offsetof(struct ledger_entry, seen.last)},
    {"expiry_named", offsetof(struct ledger_entry, expiry_named)},
};

struct flag_field {
    const char *key;
    size_t offset;
};
static const struct flag_field flags[] = {
    {"cut", offsetof(struct ledger_entry, seen.record.cut)},
    {"pair_decides", offsetof(struct ledger_entry, seen.pair_decides)},
    {"ever_accepted", offsetof(struct ledger_entry, ever_accepted)},
};

/* --- to JSON --- */

static json_t *time_text(time_t time)
{
    char text[32];
    struct tm parts;
    if (time == 0 || !gmtime_r(&time, &parts) ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return json_null();
    return json_string(text);
}

json_t *ledger_entry_json(const struct ledger_entry *entry)
{
    const char *base = (const char *)entry;
    json_auto_t *object =
        json_pack("{s:s, s:s, s:s, s:I}", "direction", ledger_direction_name(entry->seen.direction),
                  "verdict", ledger_verdict_name(entry->seen.verdict), "rule",
                  pki_check_name(entry->seen.rule), "count", (json_int_t)entry->seen.count);
    bool failed = !object;
    for (size_t i = 0; !failed && i < ARRAY_SIZE(texts); i++)
        failed =
            json_object_set_new(object, texts[i].key, control_text(base + texts[i].offset)) < 0;
    for (size_t i = 0; !failed && i < ARRAY_SIZE(times); i++) {
        time_t time;
        memcpy(&time, base + times[i].offset, sizeof time);
        failed = json_object_set_new(object, times[i].key, time_text(time)) < 0;
    }
    for (size_t i = 0; !failed && i < ARRAY_SIZE(flags); i++) {
        const bool *flag = (const bool *)(base + flags[i].offset);
        failed = json_object_set_new(object, flags[i].key, json_boolean(*flag)) < 0;
    }
    return failed ? NULL : json_incref(object);
}

/* --- from JSON --- */

static int wrong(struct error *error, const char *key)
{
    return error_set(error, EX_DATAERR, "\"%s\" of an entry is not what it should be", key);
}

static bool read_time(const json_t *value, time_t *ret)
{
    struct tm parts = {0};
    const char *text = json_string_value(value);
    if (json_is_null(value)) {
        *ret = 0;
        return true;
    }
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts) : NULL;
    if (!end || *end)
        return false;
    *ret = timegm(&parts);
    return true;
}

static bool read_word(const json_t *object, const char *key, unsigned count,
                      const char *(*name)(unsigned), unsigned *ret)
{
    const char *text = json_string_value(json_object_get(object, key));
    for (unsigned i = 0; text && i < count; i++)
        if (strcmp(text, name(i)) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static const char *direction_at(unsigned i)
{
    return ledger_direction_name((enum ledger_direction)i);
}

static const char *verdict_at(unsigned i)
{
    return ledger_verdict_name((enum ledger_verdict)i);
}

static const char *rule_at(unsigned i)
{
    return pki_check_name((enum pki_check)i);
}

static bool is_digest(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789ABCDEF") == 64;
}

/* Text that was cut in the middle of a character when it was written is longer now. */
static bool read_text(const json_t *value, char *text, size_t size)
{
    const char *found = json_string_value(value);
    if (!found || json_string_length(value) != strlen(found))
        return false;
    snprintf(text, size, "%s", found);
    return true;
}

static int read_fields(const json_t *object, struct ledger_entry *entry, struct error *error)
{
    char *base = (char *)entry;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!read_text(json_object_get(object, texts[i].key), base + texts[i].offset,
                       texts[i].size))
            return wrong(error, texts[i].key);
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        time_t time;
        if (!read_time(json_object_get(object, times[i].key), &time))
            return wrong(error, times[i].key);
        memcpy(base + times[i].offset, &time, sizeof time);
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        const json_t *flag = json_object_get(object, flags[i].key);
        if (!json_is_boolean(flag))
            return wrong(error, flags[i].key);
        *(bool *)(base + flags[i].offset) = json_is_true(flag);
    }
    return 0;
}

int ledger_entry_read(const json_t *object, struct ledger_entry *ret, struct error *error)
{
    struct ledger_entry entry = {.expiry_named = 0};
    unsigned direction, verdict, rule;
    const json_t *count = json_object_get(object, "count");
    if (!read_word(object, "direction", LEDGER_OUTBOUND + 1, direction_at, &direction))
        return wrong(error, "direction");
    if (!read_word(object, "verdict", LEDGER_REFUSED + 1, verdict_at, &verdict))
        return wrong(error, "verdict");
    if (!read_word(object, "rule", RULES_MAXIMUM, rule_at, &rule) ||
        strcmp(rule_at(rule), rule_at(RULES_MAXIMUM)) == 0) /* "unknown" */
        return wrong(error, "rule");
    if (!json_is_integer(count) || json_integer_value(count) < 1)
        return wrong(error, "count");
    int result = read_fields(object, &entry, error);
    if (result < 0)
        return result;
    if (!is_digest(entry.seen.record.fingerprint) || !is_digest(entry.seen.record.spki) ||
        !is_digest(entry.seen.record.pair))
        return wrong(error, "fingerprint");
    entry.seen.direction = (enum ledger_direction)direction;
    entry.seen.verdict = (enum ledger_verdict)verdict;
    entry.seen.rule = (enum pki_check)rule;
    entry.seen.count = (uint64_t)json_integer_value(count);
    *ret = entry;
    return 0;
}
