/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A PKCS#11 token as a store, and the ladder by which it comes back. See token.h.
 *
 * A signature is an attempt: locate the token, take a session (which logs in once an epoch), have
 * the key found and proved in this epoch, sign, verify. An attempt that failed with a code of the
 * class "lost" climbs one rung and is made once more: the first rung gives up all sessions, the
 * second finalizes and initializes the module. The rungs are a table; when the last has not helped,
 * the token rests for a while that grows, and answers at once until then; the rung after these, a
 * new process, is posternd's, who is told what was tried in vain. The signature itself is asked of
 * the token twice at most: when that has failed too, the rungs that are left serve the next one. */
#include <stdio.h>
#include <string.h>

#include "pki/base/clock.h"
#include "pki/base/log.h"
#include "pki/signer/token.h"

enum { BACKOFF_FIRST = 100, BACKOFF_LIMIT = 5000, SIGN_TRIES = 2 };

/* An attempt, and the epoch in which it was made: another thread may have recovered since. */
struct work {
    struct token *token;
    const char *where;
    const struct looking *looking; /* instead of using a key, or NULL */
    struct attempt attempt;
    uint64_t epoch;
    struct module *module;
    enum pki_algorithm algorithm; /* 0: only find and prove the key */
    unsigned tries;               /* of the signature itself */
    struct bytes data;
    uint8_t *signature;
    size_t *length;
};

/* A step is told with its cause when it is the first of its kind since the token worked: a night
 * without it is no thousand lines. */
static void log_recovery(const struct work *work, enum pki_recovery step, const struct error *error)
{
    struct log log;
    struct token *token = work->token;
    pthread_mutex_lock(&token->lock);
    bool again = token->told & 1u << step;
    token->told |= 1u << step;
    pthread_mutex_unlock(&token->lock);
    log_event(&log, again ? LOG_EVENT_DEBUG : LOG_EVENT_TOKEN_RECOVERY,
              "The token was lost; trying to recover it by step: %s", pki_recovery_name(step));
    log_text(&log, "token", token->label);
    log_text(&log, "key", work->where);
    log_text(&log, "step", pki_recovery_name(step));
    log_error(&log, error);
    log_end(&log);
}

/* Finding the token anew initialises a module that answers nothing, which is a step of the ladder
 * too when the token was there before. */
static int locate(struct work *work, struct error *error)
{
    struct token *token = work->token;
    struct outcome *outcome = work->attempt.outcome, found = {0};
    struct error cause = {.what = "The module did not find the token"};
    pthread_mutex_lock(&token->lock);
    bool known = token->module;
    pthread_mutex_unlock(&token->lock);
    int result = token_locate(token, &found, error);
    if (known && found.recovery && !(outcome->recovery & found.recovery))
        log_recovery(work, PKI_RECOVERY_MODULE, result < 0 ? error : &cause);
    outcome->recovery |= found.recovery;
    outcome_progress(outcome);
    return result;
}

static int use_key(struct work *work, struct error *error)
{
    struct attempt *attempt = &work->attempt;
    int result = key_ensure(attempt, error);
    attempt->ensured = result == 0;
    if (result < 0 || !work->algorithm)
        return result;
    work->tries++;
    return key_sign(attempt, work->algorithm, work->data, work->signature, work->length, error);
}

static int run_inside(struct work *work, struct error *error)
{
    struct attempt *attempt = &work->attempt;
    size_t room = work->length ? *work->length : 0;
    int result =
        session_take(work->token, &attempt->session, &attempt->rv, attempt->outcome, error);
    if (result < 0)
        return result;
    outcome_progress(attempt->outcome);
    result = work->looking ? token_look_through(work->token, attempt->session, work->looking,
                                                &attempt->rv, error)
                           : use_key(work, error);
    if (result < 0 && work->length)
        *work->length = room;
    session_give(work->token, attempt->session);
    return result;
}

/* `work->attempt.rv` tells afterwards whether the ladder may help. */
static int run_attempt(struct work *work, struct error *error)
{
    struct token *token = work->token;
    work->attempt.rv = CKR_OK;
    work->attempt.ensured = false;
    int result = locate(work, error); /* which restarts a module that needs it */
    if (result < 0)
        return result;
    pthread_mutex_lock(&token->lock);
    work->module = token->module;
    pthread_mutex_unlock(&token->lock);
    result = module_enter(work->module, error);
    if (result < 0)
        return result;
    pthread_mutex_lock(&token->lock);
    work->epoch = token_epoch(token);
    pthread_mutex_unlock(&token->lock);
    result = run_inside(work, error);
    module_leave(work->module);
    return result;
}

/* With the token's lock: has another thread recovered it since this attempt began? Then its work
 * is not done, counted and told a second time. */
static bool is_renewed(const struct work *work)
{
    return token_epoch(work->token) != work->epoch;
}

void token_renew(struct token *token, uint64_t epoch)
{
    pthread_mutex_lock(&token->lock);
    if (token_epoch(token) == epoch) {
        token->generation++;
        token->limit = token->wanted;
        token->located = false; /* it may be in another slot by now */
        token->logged_in = false;
    }
    pthread_mutex_unlock(&token->lock);
}

static void renew_sessions(struct work *work)
{
    token_renew(work->token, work->epoch);
}

static void restart_module(struct work *work)
{
    struct error error;
    renew_sessions(work);
    /* When this fails the attempt that follows will say so. */
    module_restart(work->module, (uint32_t)(work->epoch >> 32), &error);
}

/* From the cheapest to the dearest. */
static const struct rung {
    enum pki_recovery step;
    void (*climb)(struct work *work);
} ladder[] = {
    {PKI_RECOVERY_SESSION, renew_sessions},
    {PKI_RECOVERY_MODULE, restart_module},
};

static void climb(struct work *work, const struct rung *rung, const struct error *error)
{
    struct token *token = work->token;
    pthread_mutex_lock(&token->lock);
    bool renewed = is_renewed(work);
    pthread_mutex_unlock(&token->lock);
    if (renewed)
        return;
    log_recovery(work, rung->step, error);
    rung->climb(work);
    work->attempt.outcome->recovery |= 1u << rung->step;
    outcome_progress(work->attempt.outcome);
}

/* No call of the token's failed, or one that no recovery mends. */
static bool is_lost(const struct attempt *attempt)
{
    return attempt->rv != CKR_OK && ckr_class(attempt->rv) == CKR_CLASS_LOST;
}

/* After a rung. A signature that has had its tries has failed, whatever comes of the token. */
static int run_again(struct work *work, int failed, struct error *error)
{
    struct error ignored;
    enum pki_algorithm algorithm = work->algorithm;
    if (work->tries < SIGN_TRIES)
        return run_attempt(work, error);
    work->algorithm = 0;
    run_attempt(work, &ignored);
    work->algorithm = algorithm;
    return failed;
}

static int run_with_ladder(struct work *work, struct error *error)
{
    int result = run_attempt(work, error);
    for (size_t i = 0; result < 0 && is_lost(&work->attempt) && i < ARRAY_SIZE(ladder); i++) {
        climb(work, &ladder[i], error);
        result = run_again(work, result, error);
    }
    return result;
}

/* After the whole ladder: rest. A token that was not found at all rests as well. */
static void rest(struct token *token, const struct error *error)
{
    pthread_mutex_lock(&token->lock);
    token->retry_at = clock_milliseconds() + backoff_wait(&token->backoff);
    token->last_error = *error;
    pthread_mutex_unlock(&token->lock);
}

static bool is_resting(struct token *token, struct error *error)
{
    pthread_mutex_lock(&token->lock);
    bool resting = token->retry_at > clock_milliseconds();
    if (resting)
        *error = token->last_error;
    pthread_mutex_unlock(&token->lock);
    return resting;
}

static void end_rest(struct token *token)
{
    pthread_mutex_lock(&token->lock);
    token->retry_at = 0;
    token->told = 0;
    backoff_reset(&token->backoff);
    pthread_mutex_unlock(&token->lock);
}

static int finish(struct work *work, int result, struct error *error)
{
    struct token *token = work->token;
    if (result == 0) {
        end_rest(token);
    } else if (is_lost(&work->attempt) || result == -EX_UNAVAILABLE) {
        error->code = EX_TEMPFAIL; /* it was there before, so it may be there again */
        rest(token, error);
        result = -EX_TEMPFAIL;
    }
    return result;
}

static void tell_algorithms(struct token_key *key, struct outcome *outcome)
{
    pthread_mutex_lock(&key->lock);
    outcome->algorithms = key->algorithms;
    pthread_mutex_unlock(&key->lock);
}

static int sign(struct store_key *base, enum pki_algorithm algorithm, struct bytes data,
                uint8_t *signature, size_t *length, struct outcome *outcome, struct error *error)
{
    struct token_key *key = (struct token_key *)base;
    struct work work = {.token = key->token,
                        .where = key->where,
                        .attempt = {.key = key, .outcome = outcome},
                        .algorithm = algorithm,
                        .data = data,
                        .signature = signature,
                        .length = length};
    outcome->lost = is_resting(key->token, error);
    if (outcome->lost)
        return -error->code;
    int result = finish(&work, run_with_ladder(&work, error), error);
    outcome->lost = result < 0 && !work.attempt.ensured;
    tell_algorithms(key, outcome);
    return result;
}

static void close_key(struct store_key *base)
{
    struct token_key *key = (struct token_key *)base;
    struct token *token = key->token;
    struct error error;
    pthread_mutex_lock(&token->lock);
    bool last = --token->keys == 0;
    struct module *module = token->module;
    pthread_mutex_unlock(&token->lock);
    if (last && module && module_enter(module, &error) == 0) {
        sessions_close(token);
        module_leave(module);
    }
    p11_kit_uri_free(key->uri);
    EVP_PKEY_free(key->public_key);
    pthread_mutex_destroy(&key->lock);
    free(key->where);
    free(key);
}

/* With the lock: a PIN that posternd knows was refused, by this process or one before it. */
static void note_refused(struct token *token, const struct pki_wire_file *refused)
{
    if (refused->inode)
        token->refused = *refused;
}

static int new_key(struct token *token, const struct key_request *request, struct token_key **ret,
                   struct error *error)
{
    _cleanup_(free_uri) P11KitUri *uri = NULL;
    int result = parse_uri(request->uri, &uri, error);
    if (result < 0)
        return result;
    struct token_key *key = calloc(1, sizeof *key);
    char *where = strdup(request->uri);
    if (!key || !where) {
        free(key);
        free(where);
        return error_set(error, EX_OSERR, "Out of memory");
    }
    key->base.store = &token->base;
    key->token = token;
    key->uri = TAKE_PTR(uri);
    key->where = where;
    key->timeout = request->timeout;
    EVP_PKEY_up_ref(request->public_key);
    key->public_key = request->public_key;
    pthread_mutex_init(&key->lock, NULL);
    pthread_mutex_lock(&token->lock);
    token->keys++;
    if (request->sessions > token->wanted)
        token->wanted = token->limit = request->sessions;
    note_refused(token, &request->refused);
    pthread_mutex_unlock(&token->lock);
    *ret = key;
    return 0;
}

static void copy_padded(char *to, size_t size, const unsigned char *from, size_t length)
{
    snprintf(to, size, "%.*s", (int)p11_kit_space_strlen(from, length), (const char *)from);
}

static void fill_report(struct token_key *key, struct key_report *report)
{
    struct token *token = key->token;
    const CK_TOKEN_INFO *info = &token->info;
    pthread_mutex_lock(&token->lock);
    report->algorithms = key->algorithms;
    report->sessions = token->limit;
    report->logged_in = token->logged_in;
    snprintf(report->uri, sizeof report->uri, "%s", key->uri_found);
    copy_padded(report->token, sizeof report->token, info->label, sizeof info->label);
    copy_padded(report->manufacturer, sizeof report->manufacturer, info->manufacturerID,
                sizeof info->manufacturerID);
    copy_padded(report->model, sizeof report->model, info->model, sizeof info->model);
    copy_padded(report->serial, sizeof report->serial, info->serialNumber,
                sizeof info->serialNumber);
    snprintf(report->module, sizeof report->module, "%s", token->module->path);
    pthread_mutex_unlock(&token->lock);
    key_note(key, report);
}

static int open_key(struct store *store, const struct key_request *request, struct store_key **ret,
                    struct key_report *report, struct outcome *outcome, struct error *error)
{
    struct token_key *key = NULL;
    int result = new_key((struct token *)store, request, &key, error);
    if (result < 0)
        return result;
    struct work work = {
        .token = key->token, .where = key->where, .attempt = {.key = key, .outcome = outcome}};
    result = run_with_ladder(&work, error);
    if (result < 0) {
        error_where(error, "%s", key->where);
        close_key(&key->base);
        return result;
    }
    end_rest(key->token);
    fill_report(key, report);
    *ret = &key->base;
    return 0;
}

/* Looking loses nothing by a second attempt, and a token that restarted is found again by it. */
static int list(struct store *store, const struct pki_wire_file *refused, store_found *found,
                void *context, struct outcome *outcome, struct error *error)
{
    const struct looking looking = {.found = found, .context = context};
    struct token *token = (struct token *)store;
    struct work work = {.token = token, .looking = &looking, .attempt = {.outcome = outcome}};
    pthread_mutex_lock(&token->lock);
    note_refused(token, refused);
    pthread_mutex_unlock(&token->lock);
    int result = run_with_ladder(&work, error);
    if (result == 0)
        end_rest(token);
    return result;
}

static void free_store(struct store *store)
{
    struct token *token = (struct token *)store;
    p11_kit_uri_free(token->token_uri);
    p11_kit_uri_free(token->key_uri);
    pthread_mutex_destroy(&token->locating);
    pthread_mutex_destroy(&token->lock);
    pthread_cond_destroy(&token->freed);
    free(token->module_path);
    free(token->pin_source);
    free(token);
}

/* What the request does not say, a URI may. */
static const char *either(const char *given, const char *(*get)(const P11KitUri *),
                          const struct token *token)
{
    const char *text = given;
    if (!text && token->token_uri)
        text = get(token->token_uri);
    return text ? text : get(token->key_uri);
}

static int parse_uris(struct token *token, const struct key_request *request, struct error *error)
{
    int result = parse_uri(request->uri, &token->key_uri, error);
    if (result == 0 && request->token)
        result = parse_uri(request->token, &token->token_uri, error);
    return result;
}

static int copy_sources(struct token *token, const struct key_request *request, struct error *error)
{
    const char *module = either(request->module, p11_kit_uri_get_module_path, token);
    const char *pin_source = either(request->pin_source, p11_kit_uri_get_pin_source, token);
    token->module_path = module ? strdup(module) : NULL;
    token->pin_source = pin_source ? strdup(pin_source) : NULL;
    if ((module && !token->module_path) || (pin_source && !token->pin_source))
        return error_set(error, EX_OSERR, "Out of memory");
    return 0;
}

int token_store_new(struct store **ret, const struct key_request *request, struct error *error)
{
    static const struct store_operations operations = {.open = open_key,
                                                       .sign = sign,
                                                       .close = close_key,
                                                       .list = list,
                                                       .generate = token_generate,
                                                       .free = free_store};
    struct token *token = calloc(1, sizeof *token);
    if (!token)
        return error_set(error, EX_OSERR, "Out of memory");
    token->base.operations = &operations;
    token->backoff = (struct backoff){.first = BACKOFF_FIRST, .limit = BACKOFF_LIMIT};
    token->generation = 1;
    token->wanted = token->limit = request->sessions; /* the first may look, and open no key */
    pthread_mutex_init(&token->locating, NULL);
    pthread_mutex_init(&token->lock, NULL);
    pthread_cond_init(&token->freed, NULL);
    int result = parse_uris(token, request, error);
    if (result == 0)
        result = copy_sources(token, request, error);
    if (result < 0)
        free_store(&token->base);
    else
        *ret = &token->base;
    return result;
}

/* The token's part of a URI, in p11-kit's one spelling, with its pin-source. */
static int format_token(const char *text, char **ret, struct error *error)
{
    _cleanup_(free_uri) P11KitUri *uri = NULL;
    _cleanup_free_ char *token = NULL;
    int result = parse_uri(text, &uri, error);
    if (result < 0)
        return result;
    const char *pin = p11_kit_uri_get_pin_source(uri), *module = p11_kit_uri_get_module_path(uri);
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_MODULE, &token) !=
            P11_KIT_URI_OK ||
        asprintf(ret, "%s|%s|%s", token, pin ? pin : "", module ? module : "") < 0)
        return error_set(error, EX_OSERR, "Out of memory");
    return 0;
}

int token_store_name(const struct key_request *request, char **ret, struct error *error)
{
    _cleanup_free_ char *key = NULL, *token = NULL;
    int result = format_token(request->uri, &key, error);
    if (result == 0 && request->token)
        result = format_token(request->token, &token, error);
    if (result < 0)
        return result;
    if (asprintf(ret, "%s\n%s\n%s\n%s", key, token ? token : "",
                 request->module ? request->module : "",
                 request->pin_source ? request->pin_source : "") < 0)
        return error_set(error, EX_OSERR, "Out of memory");
    return 0;
}
