/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See certificates-private.h: a change goes from step to step, and stops at the first that fails.
 * What it had written down by then goes again. */
#include <stdlib.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/daemon/certificates-private.h"

const struct cert_verb cert_verb_stage = {"stage", {CERT_ADMIT, CERT_STAGE, CERT_END}};
const struct cert_verb cert_verb_import = {"import", {CERT_ADMIT, CERT_STAGE, CERT_END}};
const struct cert_verb cert_verb_test = {"test", {CERT_NEXT, CERT_TEST, CERT_END}};
const struct cert_verb cert_verb_activate = {"activate", {CERT_NEXT, CERT_ACTIVATE, CERT_END}};
const struct cert_verb cert_verb_schedule = {"activate", {CERT_NEXT, CERT_SCHEDULE, CERT_END}};
const struct cert_verb cert_verb_unschedule = {"rollback", {CERT_UNSCHEDULE, CERT_END}};
const struct cert_verb cert_verb_rollback = {"rollback", {CERT_ROLLBACK, CERT_END}};
const struct cert_verb cert_verb_rotate = {"rotate",
                                           {CERT_ADMIT, CERT_TEST, CERT_ACTIVATE, CERT_END}};

static void run_step(struct cert_change *change);

static enum cert_step step_of(const struct cert_change *change)
{
    return change->verb->steps[change->step];
}

/* --- beginning and end --- */

static int not_now(const struct certificates *certificates, struct error *error)
{
    const struct cert_change *other = certificates->change;
    if (other)
        error_set(error, EX_TEMPFAIL, "Certificate %s is being changed (%s)",
                  pki_rotation_name(other->rotation), other->verb->name);
    else
        error_set(error, EX_TEMPFAIL,
                  certificates->daemon->stop ? "posternd is stopping"
                                             : "A new configuration is being taken up");
    return error_cure(error, "say it again in a moment");
}

static int find_certificate(const struct conn_config *config, const char *name, size_t *index,
                            struct error *error)
{
    for (size_t i = 0; i < config->certificate_count; i++)
        if (strcmp(config->certificates[i].name, name) == 0) {
            *index = i;
            return 0;
        }
    error_set(error, EX_DATAERR, "There is no certificate \"%.100s\" in force", name);
    return error_cure(error, "posternctl cert list names those there are; a new one is declared in "
                             "postern.xml and taken up by posternctl reload");
}

/* The way back is open while a next hop is waited for, which may take minutes: nothing is written
 * in a test. What was tested comes to nothing then. */
static bool overtake(struct certificates *certificates, const struct cert_verb *verb)
{
    struct cert_change *other = certificates->change;
    if (verb->steps[0] != CERT_ROLLBACK || !other || step_of(other) != CERT_TEST ||
        certificates->parked)
        return false;
    other->overtaken = true;
    certificates->parked = other;
    certificates->change = NULL;
    return true;
}

int cert_change_new(struct certificates *certificates, const struct cert_verb *verb,
                    const char *name, struct cert_change **ret, struct error *error)
{
    struct daemon *daemon = certificates->daemon;
    size_t index = 0;
    int result = find_certificate(daemon->snapshot->config, name, &index, error);
    if (result < 0)
        return result;
    if (daemon->reload || daemon->stop || (certificates->change && !overtake(certificates, verb)))
        return not_now(certificates, error);
    struct cert_change *change = calloc(1, sizeof *change);
    if (!change)
        return error_set(error, EX_OSERR, "Out of memory");
    change->certificates = certificates;
    change->verb = verb;
    change->snapshot = snapshot_ref(daemon->snapshot);
    change->index = index;
    change->rotation = change->snapshot->rotations[index].rotation;
    change->connectors = json_array();
    *ret = change;
    return 0;
}

struct cert_change *cert_change_free(struct cert_change *change)
{
    if (!change)
        return NULL;
    pki_candidate_clear(&change->candidate);
    json_decref(change->connectors);
    json_decref(change->shown);
    snapshot_unref(change->snapshot);
    free(change->chain);
    free(change->key);
    free(change->recipient);
    free(change);
    return NULL;
}

void cert_tell(struct cert_change *change, const char *step, const char *connector,
               const char *outcome, const char *detail, const char *cure)
{
    if (!change->request)
        return;
    control_progress(change->request,
                     json_pack("{s:s, s:o, s:s, s:o, s:o}", "step", step, "connector",
                               control_text(connector), "outcome", outcome, "detail",
                               control_text(detail ? detail : ""), "cure",
                               control_text(cure && *cure ? cure : NULL)));
}

/* What is to be done on the other side, before the activation as often as not. */
static void tell_tenant(struct cert_change *change)
{
    char lines[PKI_TENANT_LINES][PKI_TENANT_LINE_SIZE];
    unsigned count = pki_tenant_side_lines(&change->admission.side, lines);
    for (unsigned i = 0; i < count; i++)
        cert_tell(change, "tenant", NULL, "note", lines[i], NULL);
}

static json_t *tenant_object(const struct cert_change *change)
{
    const struct pki_tenant_side *side = &change->admission.side;
    if (!change->admission.has_side)
        return NULL;
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o}", "sender_names",
                     control_text(side->sender_names), "sender_name_changes",
                     side->sender_name_changes, "send_connector_before",
                     control_text(side->send_connector_before), "send_connector_after",
                     control_text(side->send_connector_after), "tlsa_before",
                     control_text(side->tlsa_before), "tlsa_after", control_text(side->tlsa_after));
}

static void answer(struct cert_change *change)
{
    if (change->asker)
        change->asker->done(change->asker, change->result, &change->error);
    if (!change->request)
        return;
    if (change->result < 0)
        control_fail_with(change->request, &change->error,
                          json_pack("{s:O}", "connectors", change->connectors));
    else
        control_answer(change->request,
                       json_pack("{s:s, s:s, s:O, s:O*, s:o*}", "verb", change->verb->name,
                                 "outcome", "passed", "connectors", change->connectors,
                                 "certificate", change->shown, "tenant_side",
                                 tenant_object(change)));
}

static void end(struct cert_change *change)
{
    struct certificates *certificates = change->certificates;
    if (certificates->change == change)
        certificates->change = NULL;
    if (certificates->parked == change)
        certificates->parked = NULL;
    answer(change);
    cert_change_free(change);
    cert_schedule_look(certificates);
    daemon_reload_waiting(certificates->daemon);
}

/* --- on the pool --- */

static int with_surroundings(struct cert_change *change,
                             int (*work)(struct cert_change *, const struct pki_surroundings *))
{
    const struct daemon *daemon = change->certificates->daemon;
    struct snapshot_surroundings surroundings;
    int result = snapshot_surroundings(change->snapshot, change->index, daemon->library,
                                       daemon->signer, &surroundings, &change->error);
    if (result == 0)
        result = work(change, &surroundings.surroundings);
    snapshot_surroundings_clear(&surroundings);
    return result;
}

static int admit(struct cert_change *change, const struct pki_surroundings *surroundings)
{
    return pki_rotation_admit(change->rotation, surroundings, change->chain, change->length,
                              change->key, change->from, &change->candidate, &change->admission,
                              &change->error);
}

static int open_next(struct cert_change *change, const struct pki_surroundings *surroundings)
{
    int result =
        pki_rotation_next(change->rotation, surroundings, &change->candidate, &change->error);
    return result < 0 ? result : pki_identity_self_test(change->candidate.identity, &change->error);
}

static int roll_back(struct cert_change *change, const struct pki_surroundings *surroundings)
{
    return pki_rotation_rollback(change->rotation, surroundings, &change->error);
}

static int work_on(struct cert_change *change, enum cert_step step)
{
    switch (step) {
    case CERT_ADMIT:
        return with_surroundings(change, admit);
    case CERT_NEXT:
        return with_surroundings(change, open_next);
    case CERT_ROLLBACK:
        return with_surroundings(change, roll_back);
    case CERT_STAGE:
        return pki_rotation_stage(change->rotation, &change->candidate, &change->error);
    case CERT_ACTIVATE:
        return pki_rotation_activate(change->rotation, &change->candidate, &change->error);
    case CERT_SCHEDULE:
        return pki_rotation_schedule(change->rotation, change->at, &change->error);
    case CERT_UNSCHEDULE:
        return pki_rotation_schedule(change->rotation, 0, &change->error);
    default:
        change->shown = cert_object(change->snapshot, change->index);
        return 0;
    }
}

static void work(struct offload_job *job)
{
    struct cert_change *change = container_of(job, struct cert_change, job);
    offload_wait_begin(); /* disks and tokens */
    change->result = work_on(change, step_of(change));
    offload_wait_end();
}

static void forget(struct offload_job *job)
{
    struct cert_change *change = container_of(job, struct cert_change, job);
    struct error error;
    pki_rotation_forget(change->rotation);
    if (change->due)
        (void)pki_rotation_schedule(change->rotation, 0, &error); /* else it fails again */
}

/* --- on the main thread --- */

static void forgotten(struct offload_job *job)
{
    end(container_of(job, struct cert_change, job));
}

static void fail(struct cert_change *change)
{
    struct daemon *daemon = change->certificates->daemon;
    int code = change->error.code;
    change->due &= code != EX_TEMPFAIL && code != EX_UNAVAILABLE; /* those are tried again */
    cert_log_failure(change);
    /* Of what was admitted nothing stays; when not even that can be done, the next change does it.
     */
    if ((change->verb->steps[0] != CERT_ADMIT && !change->due) ||
        offload_submit(daemon->offload, daemon->loop, &change->job, forget, forgotten) < 0)
        end(change);
}

static void tell_findings(struct cert_change *change)
{
    for (unsigned i = 0; i < change->admission.found.count; i++) {
        const struct pki_finding *finding = &change->admission.found.finding[i];
        cert_tell(change, "chain", NULL, finding->refusal ? "failed" : "warning", finding->what,
                  finding->cure);
    }
}

/* What a step has done, in words. */
static void tell_step(struct cert_change *change, enum cert_step step)
{
    static const struct {
        const char *step, *detail;
    } words[] = {
        [CERT_ADMIT] = {"key", "the key is there, and signs what the certificate verifies"},
        [CERT_NEXT] = {"self-test", "the key signs what the next certificate verifies"},
        [CERT_STAGE] = {"stage", "it is the next certificate"},
        [CERT_ACTIVATE] = {"activate", "every handshake from now on presents it"},
        [CERT_ROLLBACK] = {"rollback", "the previous certificate is the active one again"},
        [CERT_SCHEDULE] = {"schedule", "the time is kept, also across a restart"},
        [CERT_UNSCHEDULE] = {"rollback", "the activation that was set for later is taken back"},
        [CERT_END] = {NULL, NULL},
    };
    if (step == CERT_ADMIT) {
        tell_findings(change);
        cert_tell(change, "chain", NULL, "passed", "the chain is complete and in force", NULL);
        tell_tenant(change);
    }
    if (words[step].step)
        cert_tell(change, words[step].step, NULL, "passed", words[step].detail, NULL);
}

/* Who has been switched away from is met nowhere again: not in a pool, not in a cache. */
static void forget_everywhere(struct cert_change *change)
{
    struct error error;
    (void)daemon_forget_identity(change->certificates->daemon, pki_rotation_name(change->rotation),
                                 &error); /* without memory they go when they are met */
}

/* Whoever asked has left, or thought better of it: nothing is switched behind their back. */
static bool is_abandoned(const struct cert_change *change)
{
    return step_of(change) != CERT_END && change->verb->steps[change->step + 1] == CERT_ACTIVATE &&
           change->request && !control_is_wanted(change->request);
}

static int give_up(struct cert_change *change)
{
    error_set(&change->error, EX_TEMPFAIL,
              change->overtaken ? "A rollback came meanwhile" : "Whoever asked has left");
    return error_cure(&change->error, "say it again, if it is still wanted");
}

void cert_step_done(struct cert_change *change, int result)
{
    enum cert_step step = step_of(change);
    if (change->certificates->closing)
        return; /* certificates_free() answers */
    if (result == 0 && (change->overtaken || is_abandoned(change)))
        result = give_up(change);
    change->result = result;
    if (result < 0) {
        if (step == CERT_ADMIT)
            tell_findings(change);
        fail(change);
        return;
    }
    if (step == CERT_END) {
        end(change);
        return;
    }
    if (step == CERT_ACTIVATE || step == CERT_ROLLBACK)
        forget_everywhere(change);
    cert_log_step(change, step);
    tell_step(change, step);
    change->step++;
    run_step(change);
}

static void worked(struct offload_job *job)
{
    struct cert_change *change = container_of(job, struct cert_change, job);
    cert_step_done(change, change->result);
}

static void run_step(struct cert_change *change)
{
    struct daemon *daemon = change->certificates->daemon;
    if (step_of(change) == CERT_TEST) {
        cert_test_begin(change);
        return;
    }
    if (offload_submit(daemon->offload, daemon->loop, &change->job, work, worked) == 0)
        return;
    if (step_of(change) == CERT_END) { /* it is done, and only not shown */
        cert_step_done(change, 0);
        return;
    }
    error_set(&change->error, EX_TEMPFAIL, "Too much is running already");
    error_cure(&change->error, "say it again in a moment");
    cert_step_done(change, -EX_TEMPFAIL);
}

void cert_change_begin(struct cert_change *change)
{
    change->certificates->change = change;
    run_step(change);
}
