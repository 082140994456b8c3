/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of tokens beside signatures: what is on them, where a key is, a new key. See
 * signer.h. Callers' threads; nothing here outlives its call. */
#include <openssl/rand.h>
#include <string.h>

#include "pki/client.h"

enum { DEADLINE_MINIMUM = 60000, DEADLINE_FACTOR = 12, RANDOM_ID = 20 };

static unsigned sessions_of(const struct pki_key_source *source)
{
    return source->sessions ? source->sessions : 4;
}

static unsigned timeout_of(const struct pki_key_source *source)
{
    unsigned timeout = source->timeout ? source->timeout : CLIENT_TIMEOUT_DEFAULT;
    return timeout > 3600000 ? 3600000 : timeout;
}

int pki_token_list(struct pki_signer *signer, const struct pki_key_source *source, pki_found *found,
                   void *context, struct error *error)
{
    struct pki_key_source place = *source;
    place.key = source->token;
    struct question question = {.message = {.type = PKI_WIRE_LIST,
                                            .list = {.sessions = sessions_of(source),
                                                     .timeout = timeout_of(source),
                                                     .token = source->token,
                                                     .module = source->module,
                                                     .pin_source = source->pin_source}},
                                .source = source,
                                .milliseconds = client_patience(source),
                                .answer = {.found = found, .context = context}};
    question.refused = &question.message.list.refused;
    return signer_ask(signer, &place, &question, error);
}

/* --- where a key is -------------------------------------------------------------------------- */

/* Called with the client's lock. */
static void keep_uri(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                     const char *text)
{
    char **ret = context;
    (void)kind, (void)logged_in, (void)text;
    if (!*ret)
        *ret = strdup(uri);
}

/* 1: it is there, and *ret_uri says how it is named; 0: it is not. */
static int find_in(struct pki_signer *signer, const struct pki_key_source *source,
                   struct pki_wire_bytes public_key, char **ret_uri, struct error *error)
{
    char *uri = NULL;
    struct question question = {.message = {.type = PKI_WIRE_FIND,
                                            .find = {.sessions = sessions_of(source),
                                                     .timeout = timeout_of(source),
                                                     .uri = source->key,
                                                     .token = source->token,
                                                     .module = source->module,
                                                     .pin_source = source->pin_source,
                                                     .public_key = public_key}},
                                .source = source,
                                .milliseconds = client_patience(source),
                                .answer = {.found = keep_uri, .context = &uri}};
    question.refused = &question.message.find.refused;
    int result = signer_ask(signer, source, &question, error);
    if (result < 0) {
        free(uri);
        return result;
    }
    *ret_uri = uri;
    return uri != NULL;
}

static int encode_key(EVP_PKEY *public_key, uint8_t der[PKI_WIRE_PUBLIC_KEY_MAXIMUM],
                      size_t *length, struct error *error)
{
    uint8_t *at = der;
    int size = pki_algorithms_of(public_key) ? i2d_PUBKEY(public_key, NULL) : 0;
    if (size <= 0 || size > PKI_WIRE_PUBLIC_KEY_MAXIMUM) {
        error_set(error, EX_CONFIG, "The certificate's key is of no type that Postern knows");
        return error_cure(error, "use a certificate for an RSA, EC or Ed25519 key");
    }
    *length = (size_t)i2d_PUBKEY(public_key, &at);
    return 0;
}

static int fail_nowhere(const struct pki_key_source *sources, size_t count, struct error *error)
{
    error_set(error, EX_CONFIG,
              count > 1 ? "The certificate's private key is in none of the %zu places that were "
                          "looked through"
                        : "The certificate's private key is not there",
              count);
    error_cure(error, "have the certificate issued for a request that was made with a key there "
                      "(posternctl cert request), or bring the key there");
    return error_where(error, "%s", sources[0].key);
}

int pki_key_find(struct pki_signer *signer, const struct pki_key_source *sources, size_t count,
                 EVP_PKEY *public_key, size_t *ret_index, char **ret_uri, struct error *error)
{
    uint8_t der[PKI_WIRE_PUBLIC_KEY_MAXIMUM];
    struct pki_wire_bytes bytes = {.at = der};
    struct error one;
    bool failed = false;
    if (!count)
        return error_set(error, EX_USAGE, "No place was named to look for a key in");
    int result = encode_key(public_key, der, &bytes.length, error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++) {
        result = find_in(signer, &sources[i], bytes, ret_uri, &one);
        if (result > 0) {
            *ret_index = i;
            return 0;
        }
        if (result < 0 && !failed)
            *error = one;
        failed |= result < 0;
    }
    return failed ? -error->code : fail_nowhere(sources, count, error);
}

/* --- a new key ------------------------------------------------------------------------------- */

static unsigned deadline_of(const struct pki_key_source *source, const struct pki_key_order *order)
{
    unsigned timeout = timeout_of(source);
    if (order->deadline)
        return order->deadline;
    return timeout > DEADLINE_MINIMUM / DEADLINE_FACTOR ? timeout * DEADLINE_FACTOR
                                                        : DEADLINE_MINIMUM;
}

static int check_order(const struct pki_key_source *source, const struct pki_key_order *order,
                       struct error *error)
{
    size_t length = order->label ? strlen(order->label) : 0;
    if (!source->token)
        return error_set(error, EX_USAGE, "Only a token makes keys, and none is named");
    if (!length || length > PKI_LABEL_MAXIMUM || (order->id && order->id_length > PKI_ID_MAXIMUM))
        return error_set(error, EX_USAGE,
                         "The label of a key has between 1 and %d bytes, its id at most %d",
                         PKI_LABEL_MAXIMUM, PKI_ID_MAXIMUM);
    if (!order->type || order->type >= PKI_KEY_TYPE_END)
        return error_set(error, EX_USAGE, "No kind of key is named");
    return 0;
}

/* The signer has said nothing: nobody knows how far the token came. */
static int fail_unheard(const struct pki_key_order *order, struct error *error)
{
    struct error plain = *error;
    error_set(error, plain.code ? plain.code : EX_TEMPFAIL,
              "%s; whether the token has made the key %s all the same is not known", plain.what,
              order->label);
    error_where(error, "%s", plain.where);
    return error_cure(error, "see with posternctl hsm list whether it is there, delete it with the "
                             "HSM's own tool if so, and ask again");
}

static int decode_key(const uint8_t *der, size_t length, const struct pki_key_order *order,
                      EVP_PKEY **ret, struct error *error)
{
    const uint8_t *at = der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)length);
    if (key && at == der + length && pki_algorithms_of(key)) {
        *ret = key;
        return 0;
    }
    EVP_PKEY_free(key);
    return error_set(error, EX_PROTOCOL,
                     "The token has made the key %s, but its public half cannot be read",
                     order->label);
}

int pki_key_generate(struct pki_signer *signer, const struct pki_key_source *source,
                     const struct pki_key_order *order, EVP_PKEY **ret_public_key, char **ret_uri,
                     struct error *error)
{
    uint8_t random[RANDOM_ID], der[PKI_WIRE_PUBLIC_KEY_MAXIMUM];
    char uri[PKI_WIRE_TEXT_MAXIMUM + 1];
    size_t length = sizeof der;
    int result = check_order(source, order, error);
    if (result == 0 && RAND_bytes(random, sizeof random) != 1)
        result = error_set(error, EX_TEMPFAIL, "There are no random bytes to name a key by");
    if (result < 0)
        return result;
    struct pki_key_source place = *source;
    place.key = source->token;
    struct pki_wire_bytes id = {random, sizeof random};
    if (order->id && order->id_length)
        id = (struct pki_wire_bytes){order->id, order->id_length};
    struct question question = {.message = {.type = PKI_WIRE_GENERATE,
                                            .generate = {.type = order->type,
                                                         .sessions = sessions_of(source),
                                                         .timeout = timeout_of(source),
                                                         .token = source->token,
                                                         .module = source->module,
                                                         .pin_source = source->pin_source,
                                                         .label = order->label,
                                                         .id = id}},
                                .source = source,
                                .milliseconds = deadline_of(source, order),
                                .answer = {.signature = der, .length = &length, .uri = uri}};
    question.refused = &question.message.generate.refused;
    result = signer_ask(signer, &place, &question, error);
    if (result < 0)
        return question.sent && !question.answer.answered ? fail_unheard(order, error) : result;
    result = decode_key(der, length, order, ret_public_key, error);
    if (result == 0 && !(*ret_uri = strdup(uri))) {
        EVP_PKEY_free(*ret_public_key);
        result = error_set(error, EX_OSERR, "Out of memory, after the token has made the key %s",
                           order->label);
    }
    return result;
}
