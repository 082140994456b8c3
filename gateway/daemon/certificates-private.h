/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the files of certificates.h share: a change, which is a list of steps, each on the offload
 * pool or (the test) on the main thread. */
#ifndef POSTERN_GATEWAY_CERTIFICATES_PRIVATE_H
#define POSTERN_GATEWAY_CERTIFICATES_PRIVATE_H

#include "gateway/daemon/certificates.h"
#include "gateway/daemon/validate.h"

enum { CERT_CHAIN_MAXIMUM = 40 * 1024 }; /* bytes; in base64 they fit into one request */

struct cert_watch;

struct certificates {
    struct daemon *daemon;
    struct cert_change *change; /* under way, or NULL */
    struct cert_change
        *parked;           /* its test goes on, and it comes to nothing: a rollback came; or NULL */
    bool closing;          /* posternd ends: a change goes no further */
    struct loop_timer due; /* cert-schedule.c */
    int64_t due_pause;     /* seconds since 1970: not before that again */
    struct loop_watch inotify; /* cert-watch.c */
    struct loop_timer scan;
    struct cert_watch *watches;
    size_t watch_count;
    struct cert_scan *scanning; /* a job of the pool's, or NULL */
};

enum cert_step {
    CERT_ADMIT,    /* the chain is judged, its key found and tested */
    CERT_STAGE,    /* it becomes next */
    CERT_NEXT,     /* what is next is opened */
    CERT_TEST,     /* every outbound connector that uses the certificate */
    CERT_ACTIVATE, /* the switch */
    CERT_SCHEDULE,
    CERT_UNSCHEDULE,
    CERT_ROLLBACK,
    CERT_END
};
enum { CERT_STEPS_MAXIMUM = 5 }; /* CERT_END is behind the last, at least once */

/* What a verb is. */
struct cert_verb {
    const char *name; /* "rotate" */
    enum cert_step steps[CERT_STEPS_MAXIMUM];
};
extern const struct cert_verb cert_verb_stage, cert_verb_import, cert_verb_test, cert_verb_activate,
    cert_verb_schedule, cert_verb_unschedule, cert_verb_rollback, cert_verb_rotate;

struct cert_change;

/* Who asked, when it was no client of the control socket. Called once; frees itself. */
struct cert_asker {
    void (*done)(struct cert_asker *asker, int result, const struct error *error);
};

struct cert_change {
    struct certificates *certificates;
    struct control_request *request; /* NULL: */
    struct cert_asker *asker;
    bool overtaken; /* parked */
    bool due;       /* its time has come: what can never work is not tried again */
    const struct cert_verb *verb;
    unsigned step;
    struct snapshot *snapshot;     /* counted */
    size_t index;                  /* of the certificate in it */
    struct pki_rotation *rotation; /* the snapshot's */
    /* given */
    unsigned char *chain;
    size_t length;
    char *key, *recipient;
    char from[PKI_STORE_FROM_MAXIMUM];
    int64_t at;
    /* of the step under way */
    struct offload_job job;
    int result;
    struct error error;
    struct pki_admission admission;
    /* of the whole */
    struct pki_candidate candidate;
    json_t *connectors; /* what the test said of each */
    json_t *shown;      /* the certificate as it is in the end */
    /* cert-test.c */
    struct validate_client client;
    size_t outbound;
    size_t validation_recipient; /* of the connector's, when nobody named one */
    unsigned tested, failed;
};

/* --- cert-change.c --- */

/* A change that has nothing to do yet; -EX_DATAERR: there is no such certificate; -EX_TEMPFAIL:
 * another change, or a reload, is under way. */
int cert_change_new(struct certificates *certificates, const struct cert_verb *verb,
                    const char *name, struct cert_change **ret, struct error *error);
struct cert_change *cert_change_free(struct cert_change *change); /* one that has not begun */
DEFINE_CLEANUP(struct cert_change *, cert_change_free)
/* Takes the change over; whoever asked is answered in any case. */
void cert_change_begin(struct cert_change *change);
/* A step that is not on the pool has ended, with its error in the change. */
void cert_step_done(struct cert_change *change, int result);
/* One thing more that whoever watches wants to know. The texts are copied; `connector` and `cure`
 * may be NULL. */
void cert_tell(struct cert_change *change, const char *step, const char *connector,
               const char *outcome, const char *detail, const char *cure);

/* --- cert-test.c --- */

void cert_test_begin(struct cert_change *change);

/* --- cert-show.c --- */

/* The certificate as gateway/control/shapes.h has it. Reads the disk. NULL: no memory. */
json_t *cert_object(const struct snapshot *snapshot, size_t index);
json_t *cert_time(int64_t seconds); /* null for 0 */

/* --- cert-log.c --- */

/* The event of a step that has succeeded, if it has one; and of a change that has failed. */
void cert_log_step(const struct cert_change *change, enum cert_step step);
void cert_log_failure(const struct cert_change *change);

/* --- cert-schedule.c --- */

/* Looks when the next activation is due. */
void cert_schedule_look(struct certificates *certificates);

/* --- cert-watch.c --- */

void cert_watch_configured(struct certificates *certificates);
void cert_watch_free(struct certificates *certificates);

#endif
