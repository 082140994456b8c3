/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How much of a certificate's lifetime is left, and how urgent that makes its renewal.
 *
 * One place for the log, `status`, `cert list` and `doctor`. Two measures: the fraction of the
 * lifetime that is past, and the days that are left. A certificate of at most
 * PKI_LIFETIME_SHORT_DAYS is judged by fraction alone: one of 47 days would else be complained of
 * for most of its life. Times are seconds since 1970, UTC. Pure functions, any thread. */
#ifndef POSTERN_PKI_LIFETIME_H
#define POSTERN_PKI_LIFETIME_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "pki/identity.h"

enum {
    PKI_LIFETIME_WARNING_PERCENT = 67, /* past: two thirds */
    PKI_LIFETIME_WARNING_DAYS = 30,    /* fewer are left */
    PKI_LIFETIME_ERROR_DAYS = 7,
    PKI_LIFETIME_SHORT_DAYS = 60,    /* at most: judged by fraction alone */
    PKI_LIFETIME_SHORT_PERCENT = 90, /* past: an error for those */
};

/* In the order in which they come. */
enum pki_lifetime_stage {
    PKI_LIFETIME_EARLY, /* not valid yet */
    PKI_LIFETIME_FINE,
    PKI_LIFETIME_TWO_THIRDS, /* two thirds are past */
    PKI_LIFETIME_WEEKS,      /* fewer than 30 days are left */
    PKI_LIFETIME_DAYS,       /* fewer than 7 days are left, or 9/10 of a short lifetime are past */
    PKI_LIFETIME_EXPIRED
};
/* "not-yet-valid", "fine", "two-thirds-past", "under-30-days", "urgent", "expired" */
const char *pki_lifetime_stage_name(enum pki_lifetime_stage stage);

enum pki_severity { PKI_SEVERITY_OK, PKI_SEVERITY_WARNING, PKI_SEVERITY_ERROR };
const char *pki_severity_name(enum pki_severity severity); /* "ok", "warning", "error" */

struct pki_lifetime {
    time_t begins, ends;
    int64_t seconds_left; /* negative: expired */
    int64_t days_left;    /* whole days, rounded towards minus infinity */
    unsigned percent;     /* of the lifetime that is past, 0 to 100 */
    enum pki_lifetime_stage stage;
    enum pki_severity severity;
};

/* By its dates. `now`: 0 for the present. */
void pki_lifetime_between(time_t begins, time_t ends, time_t now, struct pki_lifetime *ret);
/* A certificate whose dates cannot be read counts as expired. */
void pki_lifetime_of(const X509 *certificate, time_t now, struct pki_lifetime *ret);
/* Of the certificate of the chain that fares worst, the leaf or an intermediate: a chain lives as
 * long as its shortest-lived part. `subject` (may be NULL) gets that certificate's name. */
void pki_lifetime_of_identity(const struct pki_identity *identity, time_t now,
                              struct pki_lifetime *ret, char *subject, size_t size);
/* The same for a chain in a file; EX_CONFIG as pki_chain_check(). */
int pki_lifetime_of_chain_file(const char *path, time_t now, struct pki_lifetime *ret,
                               char *subject, size_t size, struct error *error);
/* Of a file of trust anchors, those that have expired: their number, and the subject of the first.
 * EX_CONFIG as pki_anchors_load(). */
int pki_lifetime_of_anchors_file(const char *path, time_t now, size_t *count, size_t *expired,
                                 char *subject, size_t size, struct error *error);

/* Whether it is time to speak of it (again): once a stage, and once a day while it is not well.
 * `told`: the stage when it was last spoken of, at `when` (0: never). */
bool pki_lifetime_is_due(const struct pki_lifetime *lifetime, enum pki_lifetime_stage told,
                         time_t when, time_t now);

/* "expires on 2027-01-31T08:00:00Z, in 27 days; 71 % of its lifetime are past"; returns text. */
const char *pki_lifetime_text(const struct pki_lifetime *lifetime, char *text, size_t size);
/* What to do at this stage, a sentence without its full stop; "" when nothing is to be done. */
const char *pki_lifetime_cure(enum pki_lifetime_stage stage);

#endif
