/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * cert request: a new key on the identity's token, or the present one, and a certificate request
 * signed with it. See cert.h.
 *
 * What is asked is read and checked on the main thread, before any key is made; the rest is one job
 * on the offload pool, which has the order to itself until it is done. The snapshot is held until
 * the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connectors/uri.h"
#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/daemon/cert.h"
#include "pki/names.h"
#include "pki/pem.h"
#include "pki/request.h"

enum { NAMES_SIZE = 32 * 1024 };

struct order {
    struct offload_job base;
    struct control_request *request;
    struct pki_signer *signer;
    struct pki_library *library;
    struct snapshot *snapshot; /* counted */
    const struct conn_certificate *certificate;
    struct pki_rotation *rotation; /* the snapshot's */
    X509 *present;               /* counted, and so is its key: of the version in force */
    struct pki_key *present_key;
    const struct conn_key *place; /* where a new key is made; NULL: the present key is taken */
    enum pki_key_type type;
    char label[PKI_LABEL_MAXIMUM + 1];
    X509_NAME *subject;
    char names_text[NAMES_SIZE]; /* what `names` points into, unless they were given */
    const char *names[PKI_REQUEST_NAMES_MAXIMUM];
    size_t name_count;
    json_t *given; /* counted: the names that were given */
    /* What came of it. */
    struct error error;
    int result;
    char *pem, *uri;
    EVP_PKEY *public_key;
};

static void free_order(struct order *order)
{
    snapshot_unref(order->snapshot);
    X509_free(order->present);
    pki_key_unref(order->present_key);
    X509_NAME_free(order->subject);
    json_decref(order->given);
    EVP_PKEY_free(order->public_key);
    free(order->pem);
    free(order->uri);
    free(order);
}

/* --- on the pool ------------------------------------------------------------------------------ */

static struct pki_key_source place_source(const struct conn_key *place)
{
    const struct conn_token *token = place->token;
    return (struct pki_key_source){.token = token ? token->uri : place->uri,
                                   .module = token ? token->module : NULL,
                                   .pin_source = token ? token->pin_source : NULL,
                                   .sessions = token ? token->sessions : 0,
                                   .timeout = token ? token->timeout : 0};
}

static int sign_request(struct order *order, struct pki_key *key, struct error *error)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *pair = NULL;
    const struct pki_request request = {.subject = order->subject,
                                        .names = order->names,
                                        .name_count = order->name_count,
                                        .usages = true};
    int result = pki_library_private_key(order->library, order->public_key, key, &pair, error);
    if (result == 0)
        result = pki_request_make(order->library, &request, pair, pki_key_algorithms(key),
                                  &order->pem, error);
    return result;
}

/* The key is on the token, whatever comes now. */
static int sign_with_new_key(struct order *order, struct error *error)
{
    struct pki_key_source source = place_source(order->place);
    struct pki_key *key = NULL;
    source.key = order->uri;
    offload_wait_begin();
    int result = pki_key_open(order->signer, &source, order->public_key, false, &key, error);
    offload_wait_end();
    if (result == 0)
        result = sign_request(order, key, error);
    pki_key_unref(key);
    if (result == 0)
        return 0;
    struct error plain = *error;
    error_set(error, plain.code,
              "The token has made the key %s, but no request was signed with it: %s", order->label,
              plain.what);
    error_where(error, "%s", order->uri);
    return error_cure(error, "delete the key with the HSM's own tool, mend that, and ask again");
}

static int use_new_key(struct order *order, struct error *error)
{
    const struct pki_key_source source = place_source(order->place);
    const struct pki_key_order wanted = {.type = order->type, .label = order->label};
    offload_wait_begin();
    int result =
        pki_key_generate(order->signer, &source, &wanted, &order->public_key, &order->uri, error);
    offload_wait_end();
    return result < 0 ? result : sign_with_new_key(order, error);
}

/* Where the store says that the key in force is, or else postern.xml. */
static char *present_uri(const struct order *order)
{
    struct pki_facts facts = {0};
    struct error ignored;
    bool known = pki_rotation_facts(order->rotation, PKI_ROLE_ACTIVE, &facts, &ignored) > 0 &&
                 facts.keys && facts.keys[0];
    char *uri = known ? strndup(facts.keys, strcspn(facts.keys, "\n"))
                      : strdup(order->certificate->keys[0].uri);
    pki_facts_clear(&facts);
    return uri;
}

static int use_present_key(struct order *order, struct error *error)
{
    EVP_PKEY *key = X509_get0_pubkey(order->present);
    EVP_PKEY_up_ref(key);
    order->public_key = key;
    order->uri = present_uri(order);
    if (!order->uri)
        return error_set(error, EX_OSERR, "Out of memory");
    return sign_request(order, order->present_key, error);
}

static void run(struct offload_job *base)
{
    struct order *order = (struct order *)base;
    order->result =
        order->place ? use_new_key(order, &order->error) : use_present_key(order, &order->error);
}

/* --- on the main thread: the answer ------------------------------------------------------------
 */

static json_t *notes(const struct order *order)
{
    char text[512];
    json_t *array = json_array();
    if (order->place && order->certificate->key_count > 1) {
        snprintf(
            text, sizeof text,
            "the certificate has %zu Key elements, and the new key is on the first token alone; "
            "bring it to the others with the HSM's own replication before it is activated",
            order->certificate->key_count);
        json_array_append_new(array, control_text(text));
    }
    if (EVP_PKEY_is_a(order->public_key, "ED25519"))
        json_array_append_new(array,
                              control_text("public CAs issue no certificates for Ed25519 keys, "
                                           "and Exchange Online takes none"));
    if (!order->place)
        json_array_append_new(array,
                              control_text("the key is the one in use: a certificate for it can "
                                           "be renewed, but the key stays as old as it is"));
    return array;
}

static json_t *answer_object(const struct order *order)
{
    char type[64], subject[1024], next[256];
    json_t *names = json_array();
    for (size_t i = 0; i < order->name_count; i++)
        json_array_append_new(names, control_text(order->names[i]));
    snprintf(next, sizeof next, "posternctl cert stage %.128s FILE", order->certificate->name);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "name",
                     control_text(order->certificate->name), "pem", control_text(order->pem), "key",
                     control_text(order->uri), "label",
                     order->place ? control_text(order->label) : json_null(), "type",
                     control_text(pki_key_type_text(order->public_key, type, sizeof type)),
                     "reused", !order->place, "subject",
                     control_text(pki_name_text(order->subject, subject, sizeof subject)), "names",
                     names, "notes", notes(order), "next", control_text(next));
}

static void done(struct offload_job *base)
{
    struct order *order = (struct order *)base;
    if (order->result < 0)
        control_fail(order->request, &order->error);
    else
        control_answer(order->request, answer_object(order));
    free_order(order);
}

/* --- on the main thread: what is asked ---------------------------------------------------------
 */

static int choose_certificate(struct order *order, const json_t *arguments, struct error *error)
{
    const struct conn_config *config = order->snapshot->config;
    const char *name = json_string_value(json_object_get(arguments, "name"));
    for (size_t i = 0; name && i < config->certificate_count; i++) {
        if (strcmp(config->certificates[i].name, name) != 0)
            continue;
        order->certificate = &config->certificates[i];
        order->rotation = order->snapshot->rotations[i].rotation;
        order->present = pki_identity_certificate_ref(order->snapshot->identities[i]);
        order->present_key = pki_identity_key_ref(order->snapshot->identities[i]);
        return 0;
    }
    error_set(error, EX_DATAERR, "There is no certificate \"%.100s\" in force", name ? name : "");
    return error_cure(error, "posternctl hsm list names those there are");
}

static int choose_type(struct order *order, const char *name, struct error *error)
{
    EVP_PKEY *present = X509_get0_pubkey(order->present);
    order->type = name ? pki_key_type_by_name(name) : pki_key_type_like(present);
    if (!name && !order->type)
        order->type = PKI_KEY_EC_P256;
    if (order->type)
        return 0;
    error_set(error, EX_USAGE, "\"%.40s\" is no kind of key that can be made", name);
    return error_cure(error, "rsa:2048, rsa:3072, rsa:4096, ec:p256, ec:p384 or ed25519");
}

/* A name that is not there yet: the second of the order is in it. */
static void make_label(struct order *order)
{
    struct tm parts;
    time_t now = time(NULL);
    char moment[32];
    gmtime_r(&now, &parts);
    strftime(moment, sizeof moment, "%Y%m%d-%H%M%S", &parts);
    snprintf(order->label, sizeof order->label, "%.90s-%s", order->certificate->name, moment);
}

static int choose_key(struct order *order, const json_t *arguments, struct error *error)
{
    const char *algorithm = json_string_value(json_object_get(arguments, "algorithm"));
    const char *name = order->certificate->name;
    if (json_is_true(json_object_get(arguments, "reuse_key"))) {
        if (!algorithm)
            return 0;
        error_set(error, EX_USAGE,
                  "--reuse-key takes the present key as it is, so that no "
                  "--algorithm can be chosen");
        return error_cure(error, "leave one of the two out");
    }
    for (size_t i = 0; i < order->certificate->key_count && !order->place; i++)
        if (conn_uri_is_pkcs11(order->certificate->keys[i].uri))
            order->place = &order->certificate->keys[i];
    if (!order->place) {
        error_set(
            error, EX_CONFIG,
            "The key of the certificate %.100s is in a file, and Postern writes no private key "
            "into files",
            name);
        return error_cure(error,
                          "take the present key with --reuse-key, or make one: openssl genpkey "
                          "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out NEW.key, have a "
                          "certificate issued for it, then posternctl cert import");
    }
    make_label(order);
    return choose_type(order, algorithm, error);
}

static int choose_subject(struct order *order, const json_t *arguments, struct error *error)
{
    const char *text = json_string_value(json_object_get(arguments, "subject"));
    if (text)
        return pki_name_parse(text, &order->subject, error);
    order->subject = X509_NAME_dup(X509_get_subject_name(order->present));
    return order->subject ? 0 : error_set(error, EX_OSERR, "Out of memory");
}

static int add_name(struct order *order, const char *name, struct error *error)
{
    if (order->name_count == PKI_REQUEST_NAMES_MAXIMUM)
        return error_set(error, EX_DATAERR, "A request has at most %d names",
                         PKI_REQUEST_NAMES_MAXIMUM);
    order->names[order->name_count++] = name;
    return 0;
}

static int choose_names(struct order *order, json_t *given, struct error *error)
{
    size_t i;
    json_t *name;
    char *rest = NULL;
    int result = 0;
    order->given = json_incref(given);
    json_array_foreach(given, i, name) if (result == 0) result =
        add_name(order, json_string_value(name) ? json_string_value(name) : "", error);
    if (json_array_size(given) || result < 0)
        return result;
    pki_certificate_names(order->present, order->names_text, NAMES_SIZE);
    for (char *one = strtok_r(order->names_text, " ", &rest); one && result == 0;
         one = strtok_r(NULL, " ", &rest))
        result = add_name(order, one, error);
    return result;
}

static int read_order(struct order *order, const json_t *arguments, struct error *error)
{
    int result = choose_certificate(order, arguments, error);
    if (result == 0)
        result = choose_key(order, arguments, error);
    if (result == 0)
        result = choose_subject(order, arguments, error);
    if (result == 0)
        result = choose_names(order, json_object_get(arguments, "names"), error);
    if (result < 0)
        return result;
    const struct pki_request request = {
        .subject = order->subject, .names = order->names, .name_count = order->name_count};
    return pki_request_check(&request, error);
}

void cert_request(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    struct order *order = calloc(1, sizeof *order);
    struct error error;
    if (!order) {
        error_set(&error, EX_OSERR, "Out of memory");
        control_fail(request, &error);
        return;
    }
    order->request = request;
    order->signer = daemon->signer;
    order->library = daemon->library;
    order->snapshot = snapshot_ref(daemon->snapshot);
    int result = read_order(order, arguments, &error);
    if (result == 0 && offload_submit(daemon->offload, daemon->loop, &order->base, run, done) == 0)
        return;
    if (result == 0) {
        error_set(&error, EX_TEMPFAIL, "Too much is running already");
        error_cure(&error, "try again in a moment");
    }
    control_fail(request, &error);
    free_order(order);
}
