/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: which certificates peers presented to which connector, when, and what was said to
 * them.
 *
 * An entry is for one certificate and one connector in one direction. At most 512 entries a
 * connector and 1024 in all are kept; where there is no room, one goes that was never accepted
 * before one that was (or strangers could make us forget the peers we know), and of these the one
 * seen longest ago.
 *
 * Everything here belongs to one thread at a time: the main thread keeps the ledger; what is to be
 * written down is copied, and written on another. */
#ifndef POSTERN_GATEWAY_LEDGER_H
#define POSTERN_GATEWAY_LEDGER_H

#include <jansson.h>

#include "gateway/ledger/sightings.h"

enum {
    LEDGER_MAXIMUM = 1024,
    LEDGER_CONNECTOR_MAXIMUM = 512,
    LEDGER_EXPIRING_DAYS = 14,
    LEDGER_DAY = 24 * 60 * 60 /* seconds */
};

struct ledger_entry {
    struct ledger_sighting seen; /* the last one; first, last and count are of all */
    bool ever_accepted;          /* or passed by ReportOnly */
    time_t expiry_named;         /* when it was last said that it is about to expire; 0: never */
};

struct ledger {
    struct ledger_entry *entries[LEDGER_MAXIMUM]; /* in the order of their first sight */
    unsigned count;
    bool dirty;  /* changed since it was written down */
    bool urgent; /* by more than a count: a new entry, or another verdict */
};

struct ledger *ledger_new(void); /* NULL: no memory */
struct ledger *ledger_free(struct ledger *ledger);
DEFINE_CLEANUP(struct ledger *, ledger_free)
struct ledger *ledger_copy(const struct ledger *ledger); /* NULL: no memory */

/* Takes a sighting. *ret_new_pair: its subject and issuer were never presented to this connector
 * before, as far as is remembered. NULL: no memory. */
struct ledger_entry *ledger_take(struct ledger *ledger, const struct ledger_sighting *sighting,
                                 bool *ret_new_pair);

/* Whole days until it expires, rounded down; negative afterwards. */
int ledger_days_left(const struct ledger_entry *entry, time_t now);
/* True when the peer still uses it, as far as is known, and has fewer than 14 days left for
 * another: accepted, not expired yet, and no successor (same connector and subject, expires later)
 * was seen after it. */
bool ledger_is_expiring(const struct ledger *ledger, const struct ledger_entry *entry, time_t now);

/* An entry as JSON, for the file and for posternctl, as shapes.h has it. NULL: no memory. */
json_t *ledger_entry_json(const struct ledger_entry *entry);
/* And back; -EX_DATAERR when it is not of that form, and says what is wrong. */
int ledger_entry_read(const json_t *object, struct ledger_entry *ret, struct error *error);

/* --- the file (ledger-file.c); these block --- */

/* Writes it to `path`: beside it first, synced, then renamed. EX_IOERR, EX_OSERR, EX_NOPERM. */
int ledger_write(const struct ledger *ledger, const char *path, struct error *error);
/* Reads what ledger_write() wrote, into an empty ledger. No file is no failure. A file that is
 * damaged, or was changed by hand (it bears a digest), is renamed to PATH.set-aside: -EX_DATAERR.
 */
int ledger_read(struct ledger *ledger, const char *path, struct error *error);

#endif
