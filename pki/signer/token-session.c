/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sessions and the one login of a token. See token.h. */
#include <string.h>

#include "pki/base/log.h"
#include "pki/signer/pin.h"
#include "pki/signer/token.h"

static bool same_file(const struct pki_wire_file *a, const struct pki_wire_file *b)
{
    return a->inode == b->inode && a->size == b->size && a->modified == b->modified;
}

static int refuse_pin(const struct token *token, const struct pin *pin, struct outcome *outcome,
                      struct error *error)
{
    outcome->pin_refused = true;
    outcome->refused = pin->file;
    pin_refused_before(error);
    return error_where(error, "%s", token->label);
}

/* What the token says of its PIN before we spend a try. */
static int check_flags(const struct token *token, CK_RV *rv, struct error *error)
{
    CK_TOKEN_INFO info;
    *rv = token->module->functions->C_GetTokenInfo(token->slot, &info);
    if (*rv != CKR_OK)
        return ckr_error(error, *rv, "C_GetTokenInfo");
    if (info.flags & CKF_USER_PIN_LOCKED) {
        error_set(error, EX_CONFIG, "The token's PIN is locked");
        return error_cure(error, "let the token's security officer unlock the PIN");
    }
    if (info.flags & CKF_USER_PIN_FINAL_TRY) {
        error_set(error, EX_CONFIG,
                  "The token's PIN has one last try, and Postern leaves it alone");
        return error_cure(error, "log in once by hand with the right PIN, which gives the tries "
                                 "back, and write it into the file that PinSource names");
    }
    return 0;
}

/* One C_Login with a PIN that was not refused before. With module->login. */
static int try_pin(const struct token *token, CK_SESSION_HANDLE session, CK_USER_TYPE user,
                   struct pin *pin, CK_RV *rv, struct outcome *outcome, struct error *error)
{
    *rv = token->module->functions->C_Login(session, user, (CK_UTF8CHAR_PTR)pin->text, pin->length);
    if (*rv == CKR_OK || *rv == CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    ckr_error(error, *rv, "C_Login");
    error_where(error, "%s", token->label);
    if (ckr_class(*rv) == CKR_CLASS_PIN) {
        pin_remember_refused(pin, token->identity);
        outcome->pin_refused = true;
        outcome->refused = pin->file; /* posternd logs it, and hands it back after a restart */
    }
    return -error->code;
}

static int login(const struct token *token, CK_SESSION_HANDLE session, CK_USER_TYPE user,
                 const struct pki_wire_file *refused, CK_RV *rv, struct outcome *outcome,
                 struct error *error)
{
    _cleanup_(pin_wipe) struct pin pin;
    *rv = CKR_OK;
    int result = pin_read(token->pin_source, &pin, error);
    if (result < 0)
        return result;
    pthread_mutex_lock(&token->module->login);
    if (same_file(&pin.file, refused) || pin_was_refused(&pin, token->identity))
        result = refuse_pin(token, &pin, outcome, error);
    else
        result = check_flags(token, rv, error);
    if (result == 0)
        result = try_pin(token, session, user, &pin, rv, outcome, error);
    pthread_mutex_unlock(&token->module->login);
    return result;
}

int session_login(struct token *token, struct session *session, CK_USER_TYPE user, CK_RV *rv,
                  struct outcome *outcome, struct error *error)
{
    if (!token->pin_source) {
        error_set(error, EX_CONFIG, "The key wants a PIN before each signature");
        return error_cure(error, "name the PIN of the token with PinSource");
    }
    pthread_mutex_lock(&token->lock);
    struct pki_wire_file refused = token->refused;
    pthread_mutex_unlock(&token->lock);
    return login(token, session->handle, user, &refused, rv, outcome, error);
}

uint64_t token_epoch(struct token *token)
{
    return (uint64_t)token->module->starts << 32 | token->generation;
}

/* With token->lock, like all that follow. */
static void close_session(struct token *token, struct session *session)
{
    /* A handle from before C_Finalize names nothing, or somebody else's session. */
    if (session->open && session->epoch >> 32 == token->module->starts)
        token->module->functions->C_CloseSession(session->handle);
    session->open = false;
}

static unsigned count_open(const struct token *token)
{
    unsigned open = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(token->session); i++)
        open += token->session[i].open;
    return open;
}

static CK_RV open_session(struct token *token, struct session *session)
{
    bool last = session->open && session->epoch == token_epoch(token) && count_open(token) == 1;
    close_session(token, session);
    if (last)
        token->generation++; /* the token logs out with it, and forgets the handles of keys */
    CK_RV rv = token->module->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                       &session->handle);
    if (rv == CKR_OK) {
        session->open = true;
        session->spoiled = false;
        session->epoch = token_epoch(token);
    }
    return rv;
}

/* A session that is free and good, else a free place for one (a stale session's before another's),
 * else NULL. */
static struct session *find_session(struct token *token)
{
    struct session *stale = NULL, *empty = NULL;
    uint64_t epoch = token_epoch(token);
    for (unsigned i = 0; i < ARRAY_SIZE(token->session); i++) {
        struct session *session = &token->session[i];
        if (session->busy)
            continue;
        if (session->open && session->epoch == epoch && !session->spoiled)
            return session;
        if (session->open)
            stale = session;
        else if (!empty)
            empty = session;
    }
    return stale ? stale : count_open(token) < token->limit ? empty : NULL;
}

/* The token gives fewer sessions than we asked for: those that we have must do. */
static void shrink(struct token *token, unsigned open)
{
    struct log log;
    token->limit = open;
    log_event(&log, LOG_EVENT_RESOURCES, "The token %s gives no more than %u sessions",
              token->label, open);
    log_text(&log, "token", token->label);
    log_number(&log, "sessions", open);
    log_number(&log, "wanted", token->wanted);
    log_end(&log);
}

/* Ends: each refusal leaves fewer sessions open, and the last is told to the caller. */
static CK_RV find_or_open(struct token *token, struct session **ret)
{
    for (;;) {
        struct session *session = find_session(token);
        if (!session) {
            pthread_cond_wait(&token->freed, &token->lock);
            continue;
        }
        CK_RV rv = CKR_OK;
        if (!session->open || session->spoiled || session->epoch != token_epoch(token))
            rv = open_session(token, session);
        if (rv == CKR_OK) {
            session->busy = true;
            *ret = session;
            return rv;
        }
        unsigned open = count_open(token);
        if (rv != CKR_SESSION_COUNT || !open)
            return rv;
        shrink(token, open);
    }
}

static int ensure_login(struct token *token, struct session *session, CK_RV *rv,
                        struct outcome *outcome, struct error *error)
{
    if (!(token->info.flags & CKF_LOGIN_REQUIRED) || !token->pin_source ||
        token->login_epoch == session->epoch)
        return 0;
    token->logged_in = false;
    int result = login(token, session->handle, CKU_USER, &token->refused, rv, outcome, error);
    if (result == 0) {
        token->login_epoch = session->epoch;
        token->logged_in = true;
    }
    return result;
}

int session_take(struct token *token, struct session **ret, CK_RV *rv, struct outcome *outcome,
                 struct error *error)
{
    struct session *session = NULL;
    int result;
    pthread_mutex_lock(&token->lock);
    *rv = find_or_open(token, &session);
    if (*rv != CKR_OK) {
        result = ckr_error(error, *rv, "C_OpenSession");
    } else {
        result = ensure_login(token, session, rv, outcome, error);
        if (result < 0)
            session->busy = false;
        else
            *ret = session;
    }
    if (result < 0)
        pthread_cond_signal(&token->freed);
    pthread_mutex_unlock(&token->lock);
    return result < 0 ? error_where(error, "%s", token->label) : 0;
}

void session_give(struct token *token, struct session *session)
{
    pthread_mutex_lock(&token->lock);
    session->busy = false;
    pthread_cond_signal(&token->freed);
    pthread_mutex_unlock(&token->lock);
}

void sessions_close(struct token *token)
{
    pthread_mutex_lock(&token->lock);
    for (unsigned i = 0; i < ARRAY_SIZE(token->session); i++)
        if (!token->session[i].busy)
            close_session(token, &token->session[i]);
    token->login_epoch = 0;
    token->logged_in = false;
    pthread_mutex_unlock(&token->lock);
}
