/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where a token is: which module, which slot (RFC 7512). See token.h. */
#include <stdio.h>
#include <string.h>

#include "pki/signer/token.h"

enum { SLOTS_MAXIMUM = 256, NAMES_LENGTH = 300 };

int parse_uri(const char *text, P11KitUri **ret, struct error *error)
{
    P11KitUri *uri = p11_kit_uri_new();
    if (!uri)
        return error_set(error, EX_OSERR, "Out of memory");
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
    const char *problem = NULL;
    if (result != P11_KIT_URI_OK)
        problem = p11_kit_uri_message(result);
    else if (p11_kit_uri_any_unrecognized(uri))
        problem = "it has an attribute that is not known";
    else if (p11_kit_uri_get_pin_value(uri))
        problem = "it holds a PIN itself";
    if (!problem) {
        *ret = uri;
        return 0;
    }
    p11_kit_uri_free(uri);
    /* The text is not repeated here: there may be a PIN in it. */
    error_set(error, EX_CONFIG, "A PKCS#11 URI cannot be used: %s", problem);
    return error_cure(error, "write it as RFC 7512 says, such as "
                             "pkcs11:token=NAME;object=KEY;type=private, and the PIN into a file");
}

void free_uri(P11KitUri **uri)
{
    p11_kit_uri_free(*uri);
}

/* One search: the token that fits, and what was seen on the way. */
struct search {
    struct token *token;
    unsigned fitting;
    bool ambiguous;
    struct module *module;
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
    char names[NAMES_LENGTH]; /* of tokens that did not fit */
    bool restarted;           /* a module was initialised anew for this */
    struct error failure;     /* of a module that could not be asked; code 0: none */
};

static void note_name(struct search *search, const CK_TOKEN_INFO *info)
{
    size_t used = strlen(search->names);
    snprintf(search->names + used, sizeof search->names - used, "%s%.*s", used ? ", " : "",
             (int)p11_kit_space_strlen(info->label, sizeof info->label), (const char *)info->label);
}

static bool fits(const struct token *token, const CK_INFO *module, const CK_SLOT_INFO *slot,
                 const CK_TOKEN_INFO *info)
{
    const P11KitUri *uris[] = {token->key_uri, token->token_uri};
    for (size_t i = 0; i < ARRAY_SIZE(uris); i++)
        if (uris[i] && !(p11_kit_uri_match_module_info(uris[i], module) &&
                         p11_kit_uri_match_slot_info(uris[i], slot) &&
                         p11_kit_uri_match_token_info(uris[i], info)))
            return false;
    return true;
}

/* The same token seen through two modules is one token. */
static bool same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return memcmp(a->label, b->label, sizeof a->label) == 0 &&
           memcmp(a->manufacturerID, b->manufacturerID, sizeof a->manufacturerID) == 0 &&
           memcmp(a->model, b->model, sizeof a->model) == 0 &&
           memcmp(a->serialNumber, b->serialNumber, sizeof a->serialNumber) == 0;
}

static void look_at_slot(struct search *search, struct module *module, const CK_INFO *module_info,
                         CK_SLOT_ID slot)
{
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;
    if (module->functions->C_GetSlotInfo(slot, &slot_info) != CKR_OK ||
        module->functions->C_GetTokenInfo(slot, &info) != CKR_OK ||
        !(info.flags & CKF_TOKEN_INITIALIZED))
        return;
    if (!fits(search->token, module_info, &slot_info, &info)) {
        note_name(search, &info);
        return;
    }
    if (search->fitting && !same_token(&info, &search->info))
        search->ambiguous = true;
    if (search->fitting++)
        return;
    search->module = module;
    search->slot = slot;
    search->info = info;
}

static CK_RV look_at_slots(struct search *search, struct module *module)
{
    CK_SLOT_ID slots[SLOTS_MAXIMUM];
    CK_ULONG count = SLOTS_MAXIMUM;
    CK_INFO info;
    CK_RV rv = module->functions->C_GetInfo(&info);
    if (rv == CKR_OK)
        rv = module->functions->C_GetSlotList(CK_TRUE, slots, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        look_at_slot(search, module, &info, slots[i]);
    return rv;
}

/* A module that cannot even list its slots is initialised anew and asked once more: nobody who uses
 * it can lose anything by that. */
static void look_at_module(struct search *search, struct module *module)
{
    CK_RV rv = CKR_OK;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        if (module_enter(module, &search->failure) < 0)
            return;
        rv = look_at_slots(search, module);
        uint32_t starts = module->starts;
        module_leave(module);
        if (rv == CKR_OK)
            return;
        search->restarted = true;
        if (module_restart(module, starts, &search->failure) < 0)
            return;
    }
    ckr_error(&search->failure, rv, "C_GetSlotList");
    error_where(&search->failure, "%s", module->path);
}

/* Some modules see only the tokens that were there when they were initialised. One in which nobody
 * else has a token may be initialised again to find those that came later. */
static void look_again(struct search *search, struct module *module)
{
    struct token *token = search->token;
    unsigned own = token->module == module;
    if (__atomic_load_n(&module->tokens, __ATOMIC_ACQUIRE) > own)
        return;
    search->restarted = true;
    if (module_restart(module, module->starts, &search->failure) < 0)
        return;
    look_at_module(search, module);
}

/* The modules in which the token may be. */
static int list_modules(struct token *token, struct module *list[MODULES_MAXIMUM], unsigned *count,
                        struct error *error)
{
    *count = 1;
    list[0] = token->module;
    if (token->module)
        return 0;
    if (token->module_path)
        return module_for_path(token->module_path, list, error);
    const char *name = p11_kit_uri_get_module_name(token->key_uri);
    unsigned all = modules_registered(list);
    *count = 0;
    for (unsigned i = 0; i < all; i++)
        if (!name || (list[i]->name && strcmp(list[i]->name, name) == 0))
            list[(*count)++] = list[i];
    return 0;
}

static int fail_search(const struct search *search, struct error *error)
{
    if (search->ambiguous) {
        error_set(error, EX_CONFIG, "The URI fits more than one token");
        return error_cure(error, "name the one token by its serial= in the URI");
    }
    if (search->failure.code) {
        *error = search->failure;
        return -error->code;
    }
    error_set(error, EX_UNAVAILABLE, "No token fits the URI%s%s",
              search->names[0] ? "; there is only: " : ", and there is no other", search->names);
    return error_cure(error, "compare token= in the URI with `p11tool --list-tokens`, and name the "
                             "vendor's module with Module where p11-kit does not know it");
}

static int search_token(struct search *search, struct error *error)
{
    struct module *list[MODULES_MAXIMUM];
    unsigned count;
    int result = list_modules(search->token, list, &count, error);
    if (result < 0)
        return result;
    for (unsigned i = 0; i < count; i++)
        look_at_module(search, list[i]);
    for (unsigned i = 0; i < count && !search->fitting; i++)
        look_again(search, list[i]);
    return search->fitting && !search->ambiguous ? 0 : fail_search(search, error);
}

/* The texts are written only when they change: other threads may read them meanwhile. */
static void keep_info(struct token *token, const CK_TOKEN_INFO *info)
{
    if (token->label[0] && same_token(info, &token->info))
        return;
    token->info = *info;
    snprintf(token->label, sizeof token->label, "%.*s",
             (int)p11_kit_space_strlen(info->label, sizeof info->label), (const char *)info->label);
    snprintf(token->identity, sizeof token->identity, "%.32s|%.16s|%.16s|%.32s",
             (const char *)info->manufacturerID, (const char *)info->model,
             (const char *)info->serialNumber, (const char *)info->label);
}

static void keep_found(struct token *token, const struct search *search)
{
    pthread_mutex_lock(&token->lock);
    if (!token->module)
        __atomic_add_fetch(&search->module->tokens, 1, __ATOMIC_ACQ_REL);
    token->module = search->module;
    token->slot = search->slot;
    keep_info(token, &search->info);
    token->located = true;
    pthread_mutex_unlock(&token->lock);
}

int token_locate(struct token *token, struct outcome *outcome, struct error *error)
{
    struct search search = {.token = token};
    int result = 0;
    pthread_mutex_lock(&token->locating);
    pthread_mutex_lock(&token->lock);
    bool located = token->located;
    pthread_mutex_unlock(&token->lock);
    if (!located) {
        result = search_token(&search, error);
        if (result == 0)
            keep_found(token, &search);
        if (search.restarted)
            outcome->recovery |= 1u << PKI_RECOVERY_MODULE;
    }
    pthread_mutex_unlock(&token->locating);
    return result;
}
