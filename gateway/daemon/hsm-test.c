/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * hsm test: signatures with a certificate's key, counted and timed, over the same way that TLS
 * takes. See hsm.h.
 *
 * One certificate after the other; for each, as many jobs on the offload pool as its token takes
 * signatures at a time. Jobs share `taken` and `failures`, which are atomic; everything else
 * belongs to the main thread while none of them runs. The snapshot is held until the answer. */
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/daemon/hsm.h"
#include "pki/base/clock.h"

enum { COUNT_DEFAULT = 100, COUNT_MAXIMUM = 10000, JOBS_MAXIMUM = 16, DATA_LENGTH = 64 };

struct hsm_job {
    struct offload_job base;
    struct hsm_test *test;
    struct error error; /* of its last failure */
    bool failed;
};

struct hsm_test {
    struct daemon *daemon;
    struct control_request *request;
    struct snapshot *snapshot; /* counted */
    size_t next, last;         /* certificates that are still to be tested */
    unsigned certificates;
    bool passed;
    unsigned count;
    /* of the certificate that is tested now */
    const struct conn_certificate *certificate;
    struct pki_key *key; /* counted */
    enum pki_algorithm algorithm;
    unsigned taken, failures; /* atomic */
    unsigned jobs, running;
    int64_t started;
    struct hsm_job job[JOBS_MAXIMUM];
    uint32_t latency[COUNT_MAXIMUM]; /* microseconds, by signature; 0: it failed */
};

static void begin_certificate(struct hsm_test *test);

/* --- on the pool --- */

static int sign_once(const struct hsm_test *test, struct error *error)
{
    uint8_t data[DATA_LENGTH], signature[PKI_SIGNATURE_MAXIMUM];
    size_t length = sizeof signature, size = pki_algorithm_info(test->algorithm)->digest_length;
    if (!size)
        size = sizeof data;
    if (RAND_bytes(data, (int)size) != 1)
        return error_set(error, EX_TEMPFAIL, "There are no random bytes to sign");
    offload_wait_begin();
    int result = test->key->operations->sign(test->key, test->algorithm, data, size, signature,
                                             &length, error);
    offload_wait_end();
    return result;
}

static void make_signatures(struct offload_job *base)
{
    struct hsm_job *job = (struct hsm_job *)base;
    struct hsm_test *test = job->test;
    unsigned number;
    while ((number = __atomic_fetch_add(&test->taken, 1, __ATOMIC_RELAXED)) < test->count) {
        int64_t before = clock_microseconds();
        if (sign_once(test, &job->error) < 0) {
            job->failed = true;
            __atomic_add_fetch(&test->failures, 1, __ATOMIC_RELAXED);
            continue;
        }
        int64_t taken = clock_microseconds() - before;
        test->latency[number] = taken < 1 ? 1 : taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
    }
}

/* --- on the main thread --- */

static void finish(struct hsm_test *test)
{
    control_answer(test->request,
                   json_pack("{s:s, s:I, s:I}", "outcome", test->passed ? "passed" : "failed",
                             "certificates", (json_int_t)test->certificates, "count",
                             (json_int_t)test->count));
    snapshot_unref(test->snapshot);
    free(test);
}

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Those that failed are zero, and sorted to the front. */
static uint32_t percentile(const struct hsm_test *test, unsigned percent)
{
    unsigned made = test->count - test->failures;
    return made ? test->latency[test->failures + (made * percent + 99) / 100 - 1] : 0;
}

static const struct error *last_failure(const struct hsm_test *test)
{
    for (unsigned i = 0; i < test->jobs; i++)
        if (test->job[i].failed)
            return &test->job[i].error;
    return NULL;
}

/* The place that signatures are asked of at this moment. */
static json_t *active_key(const struct hsm_test *test)
{
    struct pki_signer_status status;
    struct pki_key_status *keys = calloc(HSM_KEYS_MAXIMUM, sizeof *keys);
    json_t *text = NULL;
    unsigned count =
        keys ? pki_signer_status(test->daemon->signer, &status, keys, HSM_KEYS_MAXIMUM) : 0;
    for (unsigned i = 0; i < count && i < HSM_KEYS_MAXIMUM && !text; i++)
        if (keys[i].active &&
            pki_identity_has_key(test->snapshot->identities[test->next - 1], keys[i].key))
            text = control_text(keys[i].key);
    free(keys);
    return text ? text : control_text(test->certificate->keys[0].uri);
}

static json_t *report(struct hsm_test *test)
{
    const struct error *failure = last_failure(test);
    int64_t elapsed = clock_microseconds() - test->started;
    unsigned made = test->count - test->failures;
    qsort(test->latency, test->count, sizeof test->latency[0], compare);
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:o, s:o}", "certificate",
        control_text(test->certificate->name), "key", active_key(test), "algorithm",
        pki_algorithm_info(test->algorithm)->name, "outcome", failure ? "failed" : "passed",
        "signatures", (json_int_t)made, "failures", (json_int_t)test->failures, "at_a_time",
        (json_int_t)test->jobs, "milliseconds", (json_int_t)(elapsed / 1000), "per_second",
        (double)made * 1e6 / (double)(elapsed > 0 ? elapsed : 1), "median_microseconds",
        (json_int_t)percentile(test, 50), "p99_microseconds", (json_int_t)percentile(test, 99),
        "error", control_text_or_null(failure ? failure->what : NULL), "cure",
        control_text_or_null(failure ? failure->cure : NULL));
}

static void job_done(struct offload_job *base)
{
    struct hsm_test *test = ((struct hsm_job *)base)->test;
    if (--test->running)
        return;
    if (test->failures)
        test->passed = false;
    test->certificates++;
    control_progress(test->request, report(test));
    test->key = pki_key_unref(test->key);
    begin_certificate(test);
}

/* What TLS would like best of what was proved; without that, of what the key's type can. */
static enum pki_algorithm choose_algorithm(const struct hsm_test *test,
                                           const struct pki_identity *identity)
{
    static const enum pki_algorithm preferred[] = {PKI_RSA_PSS_SHA256, PKI_ECDSA_SHA256,
                                                   PKI_ECDSA_SHA384,   PKI_ECDSA_SHA512,
                                                   PKI_ED25519,        PKI_RSA_PKCS1_SHA256};
    uint32_t proved = pki_key_algorithms(test->key);
    if (!proved) {
        X509 *leaf = pki_identity_certificate_ref(identity);
        proved = pki_algorithms_of(X509_get0_pubkey(leaf));
        X509_free(leaf);
    }
    for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
        if (proved & 1u << preferred[i])
            return preferred[i];
    return PKI_RSA_PKCS1_SHA256;
}

static unsigned jobs_for(const struct hsm_test *test)
{
    const struct conn_token *token = test->certificate->keys[0].token;
    unsigned jobs = token ? token->sessions : 4;
    jobs = jobs > JOBS_MAXIMUM ? JOBS_MAXIMUM : jobs;
    return jobs > test->count ? test->count : jobs;
}

/* -EAGAIN only when not even one job could be submitted. */
static int submit_jobs(struct hsm_test *test)
{
    int result = 0;
    for (unsigned i = 0; i < test->jobs && result == 0; i++) {
        test->job[i].test = test;
        test->job[i].failed = false;
        result = offload_submit(test->daemon->offload, test->daemon->loop, &test->job[i].base,
                                make_signatures, job_done);
        test->running += result == 0;
    }
    return test->running ? 0 : result;
}

static void fail_test(struct hsm_test *test, const struct error *error)
{
    control_fail(test->request, error);
    pki_key_unref(test->key);
    snapshot_unref(test->snapshot);
    free(test);
}

static void begin_certificate(struct hsm_test *test)
{
    struct error error;
    if (test->daemon->stop) {
        error_set(&error, EX_TEMPFAIL, "posternd is stopping");
        fail_test(test, &error);
        return;
    }
    if (test->next == test->last || !control_is_wanted(test->request)) {
        finish(test);
        return;
    }
    const struct pki_identity *identity = test->snapshot->identities[test->next];
    test->certificate = &test->snapshot->config->certificates[test->next++];
    test->key = pki_identity_key_ref(identity);
    test->algorithm = choose_algorithm(test, identity);
    test->taken = test->failures = test->running = 0;
    test->jobs = jobs_for(test);
    memset(test->latency, 0, sizeof test->latency);
    test->started = clock_microseconds();
    if (submit_jobs(test) == 0)
        return;
    error_set(&error, EX_TEMPFAIL, "Too much is running already");
    error_cure(&error, "try again in a moment");
    fail_test(test, &error);
}

static int choose_certificates(struct hsm_test *test, const json_t *arguments, struct error *error)
{
    const struct conn_config *config = test->snapshot->config;
    const char *name = json_string_value(json_object_get(arguments, "name"));
    test->last = config->certificate_count;
    if (!name)
        return 0;
    for (size_t i = 0; i < config->certificate_count; i++) {
        if (strcmp(config->certificates[i].name, name) != 0)
            continue;
        test->next = i;
        test->last = i + 1;
        return 0;
    }
    error_set(error, EX_DATAERR, "There is no certificate \"%.100s\" in force", name);
    return error_cure(error, "posternctl hsm status names those there are");
}

static int choose_count(struct hsm_test *test, const json_t *arguments, struct error *error)
{
    const json_t *count = json_object_get(arguments, "count");
    json_int_t number = count ? json_integer_value(count) : COUNT_DEFAULT;
    if (number < 1 || number > COUNT_MAXIMUM) {
        error_set(error, EX_USAGE, "The count is a number between 1 and %d", COUNT_MAXIMUM);
        return error_cure(error, "posternctl hsm test --count %d", COUNT_DEFAULT);
    }
    test->count = (unsigned)number;
    return 0;
}

void hsm_test(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    struct hsm_test *test = calloc(1, sizeof *test);
    struct error error;
    int result = 0;
    if (!test) {
        error_set(&error, EX_OSERR, "Out of memory");
        control_fail(request, &error);
        return;
    }
    test->daemon = daemon;
    test->request = request;
    test->snapshot = snapshot_ref(daemon->snapshot);
    test->passed = true;
    result = choose_certificates(test, arguments, &error);
    if (result == 0)
        result = choose_count(test, arguments, &error);
    if (result == 0) {
        begin_certificate(test);
        return;
    }
    fail_test(test, &error);
}
