/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a validation tells: each step with its outcome, and of a failure the likely cause and the
 * cure; from the catalogue of replies where the next hop said why, else by the step. On the
 * worker's thread. */
#include <stdio.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/daemon/validate-private.h"
#include "pki/names.h"

static void replace(json_t **member, json_t *value)
{
    json_decref(*member);
    *member = value;
}

/* --- steps --- */

struct told {
    const char *step, *outcome, *detail, *cause, *cure;
    int64_t milliseconds;
};

/* `more` (taken over, may be NULL) has the members that this step alone has. */
static void tell(struct validation *validation, const struct told *told, json_t *more)
{
    const struct hop *hop = validation->hop;
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "step", told->step, "outcome", told->outcome,
        "milliseconds", (json_int_t)told->milliseconds, "detail", control_text(told->detail),
        "cause", control_text_or_null(told->cause), "cure", control_text_or_null(told->cure),
        "host", control_text(hop_host(hop)), "address", control_text_or_null(hop->address_text));
    if (object && more)
        json_object_update(object, more);
    json_decref(more);
    validate_tell(validation, object);
}

static void tell_failed(struct validation *validation, enum hop_step step,
                        const struct error *error, int64_t milliseconds)
{
    const struct hop *hop = validation->hop;
    const struct smtp_advice *advice = validate_advise(hop, step, error);
    /* Mail would go on without TLS here, and so does the validation. */
    bool borne = hop->without_tls && (step == HOP_STARTTLS || step == HOP_HANDSHAKE);
    const char *cure = error->cure[0] ? error->cure : advice->cure;
    if (!borne)
        validate_set_fault(validation, hop_step_name(step),
                           validate_classify(hop, step, error, advice), error->what, advice->cause,
                           cure);
    tell(validation,
         &(struct told){hop_step_name(step), borne ? "warning" : "failed", error->what,
                        advice->cause, cure, milliseconds},
         NULL);
}

/* What EHLO offers, a line each, without the greeting. */
static json_t *offer_list(const struct smtp_reply *reply)
{
    json_t *list = json_array();
    const char *at = reply ? strchr(reply->text, '\n') : NULL;
    while (at) {
        size_t length = strcspn(at + 1, "\n");
        json_array_append_new(list, json_stringn(at + 1, length));
        at = at[1 + length] ? at + 1 + length : NULL;
    }
    return list;
}

static void describe_offers(const json_t *offers, char *text, size_t size)
{
    size_t used = 0, i;
    json_t *offer;
    snprintf(text, size, "offers nothing");
    json_array_foreach(offers, i, offer) if (used < size) used += (size_t)snprintf(
        text + used, size - used, "%s%s", i ? ", " : "offers ", json_string_value(offer));
}

static bool is_refused(const struct tls_peer *peer)
{
    return peer->verdict && !peer->verdict->accepted;
}

static const char *describe_certificate(const struct validation *validation,
                                        const struct tls_peer *peer)
{
    bool have = validation->identity || validation->outbound->certificate;
    if (is_refused(peer)) /* we broke off before it could come to that */
        return "not sent, for theirs was refused";
    return !peer->certificate_asked ? "not asked for"
           : have                   ? "asked for and sent"
                                    : "asked for, and there is none to send";
}

static void describe_route(const struct hop *hop, char *text, size_t size)
{
    const struct dns_route *route = hop->route;
    size_t used = 0;
    for (unsigned i = 0; route && i < route->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s (%u)", i ? ", " : "",
                                 route->hosts[i].name, route->hosts[i].preference);
    if (route && route->implicit)
        snprintf(text, size, "%s has no MX record, so that it is its own mail host", hop->domain);
}

static void describe(const struct validation *validation, enum hop_step step, char *text,
                     size_t size)
{
    const struct hop *hop = validation->hop;
    SSL *ssl = hop->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    text[0] = '\0';
    if (step == HOP_ROUTE)
        describe_route(hop, text, size);
    else if (step == HOP_RESOLVE)
        snprintf(text, size, "%s has %u address%s", hop_host(hop), hop->addresses.count,
                 hop->addresses.count == 1 ? "" : "es");
    else if (step == HOP_CONNECT)
        snprintf(text, size, "%s", hop->address_text);
    else if (step == HOP_EHLO || step == HOP_EHLO_TLS)
        describe_offers(validation->offers, text, size);
    else if (step == HOP_HANDSHAKE && peer)
        snprintf(text, size, "%s, %s, group %s, our certificate %s", tls_version_name(ssl),
                 tls_cipher_name(ssl), *tls_group_name(ssl) ? tls_group_name(ssl) : "none",
                 describe_certificate(validation, peer));
    else if (hop->heard)
        snprintf(text, size, "%d %.300s", hop->heard->code, hop->heard->text);
}

static json_t *handshake_members(const struct validation *validation)
{
    SSL *ssl = validation->hop->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    if (!peer)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:o}", "tls_version",
                     control_text_or_null(tls_version_name(ssl)), "cipher",
                     control_text_or_null(tls_cipher_name(ssl)), "group",
                     control_text_or_null(tls_group_name(ssl)), "certificate_asked",
                     is_refused(peer) ? json_null() : json_boolean(peer->certificate_asked));
}

static json_t *members_of(const struct validation *validation, enum hop_step step)
{
    if (step == HOP_HANDSHAKE)
        return handshake_members(validation);
    if (step == HOP_EHLO || step == HOP_EHLO_TLS)
        return json_pack("{s:O}", "offers", validation->offers);
    return NULL;
}

/* --- the verdict, which is a step of its own for the administrator --- */

static json_t *check_list(const struct pki_peer_verdict *verdict)
{
    json_t *list = json_array();
    for (unsigned check = PKI_CHECK_PRESENTED; check < PKI_CHECK_END; check++) {
        enum pki_outcome outcome = verdict->outcomes[check];
        bool borne = outcome == PKI_OUTCOME_FAILED && verdict->accepted;
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "check", pki_check_name(check), "outcome",
                                        borne ? "warning" : pki_outcome_name(outcome)));
    }
    return list;
}

static json_t *peer_object(const struct pki_peer_verdict *verdict)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "subject", control_text(verdict->subject),
                     "issuer", control_text(verdict->issuer), "names", control_text(verdict->names),
                     "serial", control_text(verdict->serial), "fingerprint",
                     control_text(verdict->fingerprint), "expires", control_text(verdict->expires));
}

static void tell_verdict(struct validation *validation, const struct tls_peer *peer)
{
    const struct pki_peer_verdict *verdict = peer->verdict;
    char text[sizeof verdict->subject + sizeof verdict->issuer + 64];
    bool plain = verdict->accepted && !verdict->would_refuse;
    snprintf(text, sizeof text, "%s, issued by %s", verdict->subject, verdict->issuer);
    replace(&validation->peer, peer_object(verdict));
    replace(&validation->checks, check_list(verdict));
    if (!verdict->accepted)
        validate_set_fault(validation, "verdict", VALIDATE_THEIR_IDENTITY, verdict->reason, "",
                           verdict->cure);
    tell(validation,
         &(struct told){"verdict",
                        plain               ? "passed"
                        : verdict->accepted ? "warning"
                                            : "failed",
                        plain ? text : verdict->reason, NULL, plain ? NULL : verdict->cure, 0},
         json_pack("{s:O}", "checks", validation->checks));
}

/* --- dialing --- */

static void forget_former(struct validation *validation)
{
    replace(&validation->peer, NULL);
    replace(&validation->checks, NULL);
    replace(&validation->offers, NULL);
    replace(&validation->reply, NULL);
}

static json_t *reply_object(const struct smtp_reply *reply)
{
    char status[16];
    return json_pack("{s:i, s:o, s:o}", "code", reply->code, "status",
                     control_text_or_null(smtp_enhanced_status(reply, status, sizeof status)),
                     "text", control_text(reply->text));
}

void validate_tell_dialing(struct validation *validation, enum hop_step step,
                           const struct error *error, int64_t milliseconds)
{
    const struct hop *hop = validation->hop;
    const struct tls_peer *peer = step == HOP_HANDSHAKE ? tls_peer(hop->stream.ssl) : NULL;
    bool judged = peer && peer->presented && peer->verdict;
    char text[1024];
    if (step <= HOP_CONNECT)
        forget_former(validation);
    if (error && hop->heard)
        replace(&validation->reply, reply_object(hop->heard));
    if (step == HOP_EHLO || step == HOP_EHLO_TLS)
        replace(&validation->offers, offer_list(error ? NULL : hop->heard));
    if (error && !(judged && is_refused(peer))) {
        tell_failed(validation, step, error, milliseconds);
        return;
    }
    describe(validation, step, text, sizeof text);
    tell(validation, &(struct told){hop_step_name(step), "passed", text, NULL, NULL, milliseconds},
         members_of(validation, step));
    if (judged)
        tell_verdict(validation, peer);
}

void validate_tell_clear(struct validation *validation)
{
    const struct hop *hop = validation->hop;
    if (hop->stream.ssl || hop->without_tls)
        return; /* TLS it is, or the failure of it has been told */
    bool none = validation->outbound->tls_settings == CONN_TLS_NONE;
    tell(validation,
         &(struct told){"starttls", none ? "skipped" : "warning",
                        none ? "TlsSettings is None: mail crosses in the clear"
                             : "it does not offer STARTTLS: mail crosses in the clear",
                        none ? NULL : validate_step_advice(HOP_STARTTLS)->cause,
                        none
                            ? NULL
                            : "set TlsSettings to EncryptionOnly or more if mail must not cross in "
                              "the clear",
                        0},
         NULL);
}

/* --- the mail part --- */

void validate_tell_reply(struct validation *validation, const char *step,
                         const struct smtp_reply *reply, bool passed, int64_t milliseconds)
{
    static const struct smtp_advice unknown = {
        .cause = "The next hop gives its reason in its reply",
        .cure = "read the reply, and see the log of the next hop, or ask its administrator"};
    const struct smtp_advice *advice = smtp_advice(reply);
    char text[600];
    int class = smtp_reply_class(reply);
    snprintf(text, sizeof text, "%d %.560s", reply->code, reply->text);
    replace(&validation->reply, reply_object(reply));
    if (!advice)
        advice = &unknown;
    if (!passed)
        validate_set_fault(validation, step,
                           advice->identity ? VALIDATE_OUR_IDENTITY
                           : class == 5     ? VALIDATE_REFUSED
                           : class == 4     ? VALIDATE_TEMPORARY
                                            : VALIDATE_PROTOCOL,
                           text, advice->cause, advice->cure);
    tell(validation,
         &(struct told){step, passed ? "passed" : "failed", text, passed ? NULL : advice->cause,
                        passed ? NULL : advice->cure, milliseconds},
         json_pack("{s:O}", "reply", validation->reply));
}

void validate_tell_lost(struct validation *validation, const char *step, const struct error *error,
                        int64_t milliseconds)
{
    const struct smtp_advice *advice = validate_advise(validation->hop, HOP_READY, error);
    validate_set_fault(validation, step,
                       error->code == EX_TEMPFAIL || error->code == EX_IOERR ? VALIDATE_TEMPORARY
                                                                             : VALIDATE_PROTOCOL,
                       error->what, advice->cause, advice->cure);
    tell(validation,
         &(struct told){step, "failed", error->what, advice->cause, advice->cure, milliseconds},
         NULL);
}

/* --- the result --- */

static json_t *sent_certificate(const struct validation *validation, const struct tls_peer *peer)
{
    bool have = validation->identity || validation->outbound->certificate;
    SSL *ssl = validation->hop->stream.ssl;
    X509 *sent = ssl && have && peer && peer->certificate_asked ? SSL_get_certificate(ssl) : NULL;
    char text[512];
    if (!sent)
        return json_null();
    return control_text(pki_name_text(X509_get_subject_name(sent), text, sizeof text));
}

static json_t *tls_members(const struct validation *validation)
{
    SSL *ssl = validation->hop->stream.ssl;
    const struct tls_peer *peer = tls_peer(ssl);
    return json_pack("{s:o, s:o, s:o, s:b, s:b, s:o}", "tls_version",
                     control_text_or_null(ssl ? tls_version_name(ssl) : NULL), "cipher",
                     control_text_or_null(ssl ? tls_cipher_name(ssl) : NULL), "group",
                     control_text_or_null(ssl ? tls_group_name(ssl) : NULL), "resumed",
                     peer && peer->resumed, "certificate_asked", peer && peer->certificate_asked,
                     "certificate_sent", sent_certificate(validation, peer));
}

static json_t *fault_members(const struct validate_fault *fault)
{
    bool failed = fault->step;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "outcome", failed ? "failed" : "passed",
                     "failed_step", control_text_or_null(fault->step), "failure",
                     failed ? json_string(validate_failure_name(fault->failure)) : json_null(),
                     "detail", failed ? control_text_or_null(fault->what) : json_null(), "cause",
                     failed ? control_text_or_null(fault->cause) : json_null(), "cure",
                     failed ? control_text_or_null(fault->cure) : json_null());
}

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

json_t *validate_result(const struct validation *validation)
{
    const struct hop *hop = validation->hop;
    bool mail = validation->recipient[0];
    json_t *result = fault_members(&validation->fault);
    json_t *tls = tls_members(validation);
    json_t *more = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "host", control_text(hop_host(hop)),
        "address", control_text_or_null(hop->address_text), "peer", or_null(validation->peer),
        "checks", or_null(validation->checks), "offers", or_null(validation->offers), "reply",
        or_null(validation->reply), "sender", mail ? control_text(validation->sender) : json_null(),
        "recipient", mail ? control_text(validation->recipient) : json_null(), "sent",
        mail && validation->send && !validation->fault.step);
    bool whole = result && tls && more && json_object_update(result, tls) == 0 &&
                 json_object_update(result, more) == 0;
    json_decref(tls);
    json_decref(more);
    if (whole)
        return result;
    json_decref(result);
    return NULL;
}
