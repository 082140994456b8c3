/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header of a message on its way through: bounded, and without the fields by which the servers
 * of one Exchange organisation trust each other, where the way does not lead between two of them.
 *
 * X-MS-Exchange-Organization-*, X-MS-Exchange-Forest-*, X-MS-Exchange-CrossPremises-* and
 * X-OriginatorOrg. A field is known by its name in any case, with spaces, tabs and control
 * characters anywhere in it, and with folds before its colon; it goes with all its lines. Fed by
 * the decoder's sink, in pieces of any size; holds back no more than a name. What X-OriginatorOrg
 * says is kept, whether the field passes or not. No I/O, no allocation, any thread. */
#ifndef POSTERN_GATEWAY_SMTP_FIREWALL_H
#define POSTERN_GATEWAY_SMTP_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/smtp/data.h"

enum {
    SMTP_FIREWALL_HELD = 256,  /* bytes of a field before its name is decided */
    SMTP_FIREWALL_REMOVED = 8, /* names that are kept for the log */
    SMTP_FIREWALL_NAME = 64,
    SMTP_FIREWALL_ORGANIZATION = 256
};

enum smtp_firewall_fault {
    SMTP_FIREWALL_OK,
    SMTP_FIREWALL_TOO_LARGE, /* more than size_maximum bytes */
    SMTP_FIREWALL_TOO_MANY   /* more than count_maximum fields */
};

struct smtp_firewall {
    /* set before the first byte */
    bool removes;
    uint64_t size_maximum;
    unsigned count_maximum;
    /* of one X-OriginatorOrg field, trimmed and in lower case; "" when it is longer than any can
     * be. A negative value stops. */
    int (*originator)(void *context, const char *organization);

    /* read afterwards */
    enum smtp_firewall_fault fault;
    bool in_body;
    unsigned fields, removed;
    char names[SMTP_FIREWALL_REMOVED][SMTP_FIREWALL_NAME]; /* of what was removed, each once */
    unsigned name_count;

    /* the machine's own */
    enum { FIREWALL_START, FIREWALL_NAME, FIREWALL_PASS, FIREWALL_DROP } state;
    bool line_start, after_cr, is_originator;
    bool colon; /* the line has one so far, or goes on with a field that has */
    bool loose; /* a line was no field: others may read the body from there, so nothing is bounded
                   any more; what is guarded is removed up to the empty line all the same */
    uint64_t size;
    char held[SMTP_FIREWALL_HELD];
    size_t held_length;
    char name[SMTP_FIREWALL_NAME]; /* lower case, without what does not count */
    size_t name_length;
    char value[SMTP_FIREWALL_ORGANIZATION];
    size_t value_length;
    bool value_spoilt;
};

void smtp_firewall_start(struct smtp_firewall *firewall);

/* What passes goes to `sink`. Returns what the sink or originator() returned when that was
 * negative, -1 at a fault, or 0; after a negative value nothing more may be fed. */
int smtp_firewall_feed(struct smtp_firewall *firewall, const char *bytes, size_t length,
                       smtp_data_sink *sink, void *context);
/* The message is over: what was held back goes out, and a header without a body ends. */
int smtp_firewall_end(struct smtp_firewall *firewall, smtp_data_sink *sink, void *context);

#endif
