/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See firewall.h. */
#include "gateway/smtp/firewall.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void smtp_firewall_start(struct smtp_firewall *firewall)
{
    firewall->state = FIREWALL_START;
    firewall->line_start = true;
}

/* --- names --- */

/* Fields by the beginning of their name; a whole name ends with the colon. */
static const char *const guarded[] = {
    "x-ms-exchange-organization-",
    "x-ms-exchange-forest-",
    "x-ms-exchange-crosspremises-",
    "x-originatororg:",
};
static const char originator_name[] = "x-originatororg:";

/* What a lax reader might skip, or read as nothing. */
static bool counts(char byte)
{
    return (unsigned char)byte > ' ' && byte != 0x7f;
}

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

static enum match match_name(const struct smtp_firewall *firewall)
{
    enum match best = MATCH_NO;
    for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
        size_t length = strlen(guarded[i]);
        size_t common = length < firewall->name_length ? length : firewall->name_length;
        if (memcmp(guarded[i], firewall->name, common) != 0)
            continue;
        if (firewall->name_length >= length)
            return MATCH_YES;
        best = MATCH_MAYBE;
    }
    return best;
}

/* --- one field --- */

struct way {
    struct smtp_firewall *firewall;
    smtp_data_sink *sink;
    void *context;
};

static int pass(struct way *way, const char *bytes, size_t length)
{
    return length ? way->sink(way->context, bytes, length) : 0;
}

static int release_held(struct way *way)
{
    size_t length = way->firewall->held_length;
    way->firewall->held_length = 0;
    return pass(way, way->firewall->held, length);
}

/* The name for the log is what is known of it: up to the colon, or to where it was decided. */
static void note_removed(struct smtp_firewall *firewall)
{
    char name[SMTP_FIREWALL_NAME];
    size_t length = firewall->name_length;
    if (length && firewall->name[length - 1] == ':')
        length--;
    snprintf(name, sizeof name, "%.*s", (int)length, firewall->name);
    firewall->removed++;
    for (unsigned i = 0; i < firewall->name_count; i++)
        if (strcmp(firewall->names[i], name) == 0)
            return;
    if (firewall->name_count < SMTP_FIREWALL_REMOVED)
        memcpy(firewall->names[firewall->name_count++], name, sizeof name);
}

/* The name goes on being gathered behind the match, so that the log has it whole. */
static bool is_name_whole(const struct smtp_firewall *firewall)
{
    return firewall->name[firewall->name_length - 1] == ':' ||
           firewall->name_length == sizeof firewall->name - 1;
}

/* MATCH_MAYBE: blanks made the name so long that nobody knows what others read in it. */
static int decide(struct way *way, enum match match)
{
    struct smtp_firewall *firewall = way->firewall;
    firewall->is_originator =
        match == MATCH_YES && firewall->name_length >= sizeof originator_name - 1 &&
        memcmp(firewall->name, originator_name, sizeof originator_name - 1) == 0;
    firewall->value_length = 0;
    firewall->value_spoilt = false;
    bool drops = match == MATCH_MAYBE || (match == MATCH_YES && firewall->removes);
    firewall->state = drops ? FIREWALL_DROP : FIREWALL_PASS;
    if (firewall->state == FIREWALL_PASS)
        return release_held(way);
    note_removed(firewall);
    firewall->held_length = 0;
    return 0;
}

/* Blanks at the ends go; within, they spoil it: no domain has any. */
static void add_to_value(struct smtp_firewall *firewall, char byte)
{
    if (!counts(byte)) {
        if (firewall->value_length && byte != '\r' && byte != '\n' &&
            firewall->value[firewall->value_length - 1] != ' ' &&
            firewall->value_length < sizeof firewall->value - 1)
            firewall->value[firewall->value_length++] = ' ';
        return;
    }
    if (firewall->value_length == sizeof firewall->value - 1) {
        firewall->value_spoilt = true;
        return;
    }
    firewall->value[firewall->value_length++] = (char)tolower((unsigned char)byte);
}

/* The field is over. */
static int finish_field(struct way *way)
{
    struct smtp_firewall *firewall = way->firewall;
    int result = 0;
    if (firewall->is_originator && firewall->originator) {
        if (firewall->value_length && firewall->value[firewall->value_length - 1] == ' ')
            firewall->value_length--;
        firewall->value[firewall->value_spoilt ? 0 : firewall->value_length] = '\0';
        result = firewall->originator(way->context, firewall->value);
    }
    firewall->is_originator = false;
    return result;
}

/* --- bytes --- */

static int take_name_byte(struct way *way, char byte)
{
    struct smtp_firewall *firewall = way->firewall;
    firewall->held[firewall->held_length++] = byte;
    if (counts(byte) && firewall->name_length < sizeof firewall->name - 1)
        firewall->name[firewall->name_length++] = (char)tolower((unsigned char)byte);
    enum match match = firewall->name_length ? match_name(firewall) : MATCH_MAYBE;
    if (match == MATCH_NO || (match == MATCH_YES && is_name_whole(firewall)))
        return decide(way, match);
    if (firewall->held_length < sizeof firewall->held)
        return 0;
    bool blank = !firewall->name_length && firewall->held[0] == ' ';
    return decide(way, blank ? MATCH_NO : match);
}

/* A line without a colon is no field; but one that begins as a guarded one does goes with it. */
static int decide_without_colon(struct way *way)
{
    bool guarded_beginning = way->firewall->name_length && match_name(way->firewall) == MATCH_YES;
    return decide(way, guarded_beginning ? MATCH_YES : MATCH_NO);
}

/* The first byte of a line: a fold goes on with the field, all else ends it. */
static int start_line(struct way *way, char byte)
{
    struct smtp_firewall *firewall = way->firewall;
    bool fold = (byte == ' ' || byte == '\t') && firewall->state != FIREWALL_START;
    int result = 0;
    if (fold)
        return 0;
    firewall->loose |= firewall->state != FIREWALL_START && !firewall->colon;
    firewall->colon = false;
    if (firewall->state == FIREWALL_NAME)
        result = decide_without_colon(way);
    if (result == 0)
        result = finish_field(way);
    firewall->state = FIREWALL_NAME;
    firewall->held_length = firewall->name_length = 0;
    if (byte != '\r' && !firewall->loose && ++firewall->fields > firewall->count_maximum) {
        firewall->fault = SMTP_FIREWALL_TOO_MANY;
        return -1;
    }
    return result;
}

/* The decoder gives lines that end with CRLF and in no other way; an empty one ends the header. */
static int take_byte(struct way *way, char byte)
{
    struct smtp_firewall *firewall = way->firewall;
    int result = 0;
    bool first = firewall->line_start;
    if (first && (result = start_line(way, byte)) < 0)
        return result;
    if (!firewall->loose && ++firewall->size > firewall->size_maximum) {
        firewall->fault = SMTP_FIREWALL_TOO_LARGE;
        return -1;
    }
    firewall->colon |= byte == ':';
    firewall->line_start = byte == '\n';
    if (first && byte == '\r') {
        firewall->in_body = true;
        return pass(way, &byte, 1);
    }
    if (firewall->is_originator)
        add_to_value(firewall, byte);
    if (firewall->state == FIREWALL_NAME)
        return take_name_byte(way, byte);
    return firewall->state == FIREWALL_PASS ? pass(way, &byte, 1) : 0;
}

/* How far the bytes are neither a line's first nor a name's, and nobody needs to see each. */
static size_t find_run(const struct smtp_firewall *firewall, const char *at, const char *end)
{
    if (firewall->line_start || firewall->is_originator ||
        (firewall->state != FIREWALL_PASS && firewall->state != FIREWALL_DROP))
        return 0;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t run = (size_t)((newline ? newline : end) - at);
    uint64_t left = firewall->loose ? run : firewall->size_maximum - firewall->size;
    return run < left ? run : (size_t)left;
}

int smtp_firewall_feed(struct smtp_firewall *firewall, const char *bytes, size_t length,
                       smtp_data_sink *sink, void *context)
{
    struct way way = {firewall, sink, context};
    const char *at = bytes, *end = bytes + length;
    while (at < end) {
        size_t run = firewall->in_body ? (size_t)(end - at) : find_run(firewall, at, end);
        int result = 0;
        if (!run) {
            result = take_byte(&way, *at++);
        } else {
            if (!firewall->in_body && !firewall->loose)
                firewall->size += run;
            if (!firewall->in_body && !firewall->colon)
                firewall->colon = memchr(at, ':', run);
            if (firewall->in_body || firewall->state == FIREWALL_PASS)
                result = pass(&way, at, run);
            at += run;
        }
        if (result < 0)
            return result;
    }
    return 0;
}

int smtp_firewall_end(struct smtp_firewall *firewall, smtp_data_sink *sink, void *context)
{
    struct way way = {firewall, sink, context};
    if (firewall->in_body)
        return 0;
    int result = 0;
    if (firewall->state == FIREWALL_NAME)
        result = decide_without_colon(&way);
    firewall->in_body = true;
    return result < 0 ? result : finish_field(&way);
}
