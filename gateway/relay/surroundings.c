/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See snapshot.h: from what the administrator declared to what pki wants to know of it, and what
 * becomes of a certificate when a snapshot comes into force. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "connectors/select.h"
#include "gateway/relay/snapshot.h"
#include "pki/base/log.h"

static struct pki_key_source source_on(const struct conn_token *token, const char *key)
{
    return (struct pki_key_source){.key = key,
                                   .token = token ? token->uri : NULL,
                                   .module = token ? token->module : NULL,
                                   .pin_source = token ? token->pin_source : NULL,
                                   .sessions = token ? token->sessions : 0,
                                   .timeout = token ? token->timeout : 0};
}

static void place_key(void *context, const char *key, struct pki_key_source *ret)
{
    *ret = source_on(conn_token_of(context, key), key);
}

int snapshot_surroundings(const struct snapshot *snapshot, size_t certificate,
                          struct pki_library *library, struct pki_signer *signer,
                          struct snapshot_surroundings *ret, struct error *error)
{
    const struct conn_config *config = snapshot->config;
    const struct conn_certificate *declared = &config->certificates[certificate];
    *ret = (struct snapshot_surroundings){.tokens =
                                              calloc(config->token_count + 1, sizeof *ret->tokens)};
    if (!ret->tokens)
        return error_set(error, EX_OSERR, "Out of memory");
    for (size_t i = 0; i < config->token_count; i++)
        ret->tokens[i] = source_on(&config->tokens[i], config->tokens[i].uri);
    for (size_t i = 1; i < declared->key_count; i++)
        ret->others[i - 1] = source_on(declared->keys[i].token, declared->keys[i].uri);
    ret->source = (struct pki_identity_source){
        .name = declared->name,
        .chain = declared->chain,
        .key = source_on(declared->keys[0].token, declared->keys[0].uri),
        .others = ret->others,
        .other_count = declared->key_count - 1};
    ret->surroundings = (struct pki_surroundings){.library = library,
                                                  .signer = signer,
                                                  .state_directory = config->state_directory,
                                                  .configured = &ret->source,
                                                  .tokens = ret->tokens,
                                                  .token_count = config->token_count,
                                                  .place = place_key,
                                                  .context = snapshot->config};
    return 0;
}

void snapshot_surroundings_clear(struct snapshot_surroundings *surroundings)
{
    free(surroundings->tokens);
    surroundings->tokens = NULL;
}

/* --- coming into force --- */

void snapshot_take_up(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->config->certificate_count; i++)
        pki_loaded_take_up(&snapshot->rotations[i]);
}

static void log_new_chain(const struct conn_certificate *certificate,
                          const struct pki_loaded *loaded)
{
    struct log log;
    log_event(&log, LOG_EVENT_CERTIFICATE_FILE_WINS,
              "Certificate %s: the Chain file holds another certificate than before, which is the "
              "active one now; what was active is the previous one",
              certificate->name);
    log_text(&log, "certificate", certificate->name);
    log_text(&log, "file", certificate->chain);
    log_text(&log, "fingerprint", loaded->base);
    log_format(&log, "cure", "if that was not meant: posternctl cert rollback %s",
               certificate->name);
    log_end(&log);
}

static void settle(const struct conn_certificate *certificate, struct pki_loaded *loaded)
{
    struct error error;
    struct log log;
    if (loaded->taken == PKI_TAKEN_NEW_CHAIN)
        log_new_chain(certificate, loaded);
    if (pki_loaded_settle(loaded, &error) == 0)
        return;
    log_event(&log, LOG_EVENT_CERTIFICATE_STORE,
              "Certificate %s is presented, but could not be written down: %s", certificate->name,
              error.what);
    log_text(&log, "certificate", certificate->name);
    log_error(&log, &error);
    log_end(&log);
}

void snapshot_settle(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->config->certificate_count; i++)
        settle(&snapshot->config->certificates[i], &snapshot->rotations[i]);
}
