/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stapled OCSP response (RFC 6960, RFC 6066 8): by whom it is signed, for which certificate, and
 * for how long. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>

#include "pki/peer-private.h"

enum { STAPLE_MAXIMUM = 64 << 10, SKEW_SECONDS = 300 };

DEFINE_CLEANUP(OCSP_RESPONSE *, OCSP_RESPONSE_free)
DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)

/* NULL and *whole when it is one: then the responder had no answer. */
static OCSP_BASICRESP *parse(const struct pki_peer_evidence *evidence, bool *whole)
{
    const unsigned char *at = evidence->staple;
    *whole = false;
    if (evidence->staple_length > STAPLE_MAXIMUM)
        return NULL;
    _cleanup_(OCSP_RESPONSE_freep) OCSP_RESPONSE *response =
        d2i_OCSP_RESPONSE(NULL, &at, (long)evidence->staple_length);
    if (!response || at != evidence->staple + evidence->staple_length)
        return NULL;
    *whole = OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL;
    return *whole ? NULL : OCSP_response_get1_basic(response);
}

/* By the issuer itself, or by one to whom it gave a certificate for that (OCSPSigning); OpenSSL
 * verifies that one up to the issuer, which is all the trust there is here. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer, time_t now)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *issuers = sk_X509_new_null();
    bool ready = store && issuers && sk_X509_push(issuers, issuer) &&
                 X509_STORE_add_cert(store, issuer) &&
                 X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
    if (ready) {
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), now);
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), 2);
    }
    bool valid = ready && pki_algorithm_is_strong(OCSP_resp_get0_tbs_sigalg(basic)) &&
                 OCSP_basic_verify(basic, issuers, store, OCSP_TRUSTOTHER) == 1;
    sk_X509_free(issuers);
    return valid;
}

/* The answer for this certificate, whatever digest its number was made with. */
static OCSP_SINGLERESP *find_answer(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *answer = OCSP_resp_get0(basic, i);
        OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(answer);
        ASN1_OBJECT *algorithm = NULL;
        OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, theirs);
        const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
        OCSP_CERTID *ours = digest ? OCSP_cert_to_id(digest, certificate, issuer) : NULL;
        bool same = ours && OCSP_id_cmp(ours, theirs) == 0;
        OCSP_CERTID_free(ours);
        if (same)
            return answer;
    }
    return NULL;
}

static bool is_current(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *to, time_t now)
{
    return from && to && ASN1_TIME_cmp_time_t(from, now + SKEW_SECONDS) <= 0 &&
           ASN1_TIME_cmp_time_t(to, now - SKEW_SECONDS) >= 0 && ASN1_TIME_compare(from, to) <= 0;
}

static enum pki_status read_answer(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer,
                                   time_t now, const char **ret_words)
{
    ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
    OCSP_SINGLERESP *answer = find_answer(basic, certificate, issuer);
    *ret_words = "was sent with a stapled OCSP response for another certificate";
    if (!answer)
        return PKI_STATUS_BAD_STAPLE;
    int status = OCSP_single_get0_status(answer, NULL, NULL, &from, &to);
    *ret_words = "was sent with a stapled OCSP response that has run out, or is not in force yet";
    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return PKI_STATUS_REVOKED;
    if (!is_current(from, to, now))
        return PKI_STATUS_BAD_STAPLE;
    *ret_words = "the stapled OCSP response does not know the certificate";
    return status == V_OCSP_CERTSTATUS_GOOD ? PKI_STATUS_GOOD : PKI_STATUS_UNKNOWN;
}

enum pki_status pki_staple_status(const struct pki_peer_evidence *evidence, X509 *issuer,
                                  time_t now, const char **ret_words)
{
    bool whole;
    *ret_words = NULL;
    if (!evidence->staple || !evidence->staple_length)
        return PKI_STATUS_UNKNOWN;
    _cleanup_(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = parse(evidence, &whole);
    enum pki_status status = PKI_STATUS_BAD_STAPLE;
    if (whole) {
        *ret_words = "the stapled OCSP response says that there is none";
        status = PKI_STATUS_UNKNOWN;
    } else if (!basic) {
        *ret_words = "was sent with a stapled OCSP response that cannot be read";
    } else if (!is_signed(basic, issuer, now)) {
        *ret_words =
            "was sent with a stapled OCSP response that is not signed by its CA, or by whom "
            "that CA has entrusted with it";
    } else {
        status = read_answer(basic, evidence->leaf, issuer, now, ret_words);
    }
    ERR_clear_error();
    return status;
}
