/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an administrator reads when a peer is refused: what came, what was expected, what to do.
 *
 * Text is cut to fit its buffer in the verdict; only the XML that is offered for copying is whole
 * or left out. Names from certificates are escaped by pki_name_text(). */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pki/names-private.h"
#include "pki/names.h"
#include "pki/peer-private.h"

enum { NAME_SIZE = 224 };

/* Adds to what stands in `text`; cut to fit. */
static void add(char *text, size_t size, const char *format, va_list arguments)
{
    size_t used = strnlen(text, size);
    if (used < size)
        vsnprintf(text + used, size - used, format, arguments);
}

void pki_reason(struct pki_judgement *judgement, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(judgement->verdict->reason, sizeof judgement->verdict->reason, format, arguments);
    va_end(arguments);
}

void pki_cure(struct pki_judgement *judgement, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(judgement->verdict->cure, sizeof judgement->verdict->cure, format, arguments);
    va_end(arguments);
}

static void describe_serial(X509 *leaf, char *text, size_t size)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    snprintf(text, size, "%s", hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

void pki_describe_certificate(struct pki_judgement *judgement)
{
    struct pki_peer_verdict *verdict = judgement->verdict;
    X509 *leaf = judgement->leaf;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    pki_name_text(X509_get_subject_name(leaf), verdict->subject, sizeof verdict->subject);
    pki_name_text(X509_get_issuer_name(leaf), verdict->issuer, sizeof verdict->issuer);
    describe_serial(leaf, verdict->serial, sizeof verdict->serial);
    pki_time_text(X509_get0_notAfter(leaf), verdict->expires, sizeof verdict->expires);
    pki_certificate_names(leaf, verdict->names, sizeof verdict->names);
    if (X509_digest(leaf, EVP_sha256(), digest, &length))
        for (unsigned i = 0; i < length && 2 * i + 2 < sizeof verdict->fingerprint; i++)
            snprintf(verdict->fingerprint + (size_t)2 * i, 3, "%02X", digest[i]);
}

void pki_introduce(struct pki_judgement *judgement)
{
    char subject[NAME_SIZE], issuer[NAME_SIZE];
    X509 *leaf = judgement->leaf;
    pki_name_text(X509_get_subject_name(leaf), subject, sizeof subject);
    pki_name_text(X509_get_issuer_name(leaf), issuer, sizeof issuer);
    pki_reason(judgement, "The certificate %s (issued by %s, serial %s, valid until %s) ",
               subject[0] ? subject : "without a subject", issuer, judgement->verdict->serial,
               judgement->verdict->expires);
}

void pki_explain_presented(struct pki_judgement *judgement)
{
    pki_reason(judgement, "The other side presented no certificate");
    if (judgement->policy->eku == PKI_EKU_SERVER)
        pki_cure(judgement, "see that it is really a mail server with STARTTLS that answers there");
    else
        pki_cure(judgement,
                 "let it present a client certificate, or let another inbound connector, "
                 "without TlsSenderCertificateName, admit it");
}

/* What OpenSSL calls an error of the chain, what it means here, and what helps. %s: the subject and
 * the issuer of the certificate that the error is about. */
enum chain_cure {
    CURE_ANCHOR,
    CURE_SELF_SIGNED,
    CURE_FORGED,
    CURE_ISSUE_ANEW,
    CURE_CONSTRAINT,
    CURE_CONFIGURE
};

static const struct {
    int code;
    enum chain_cure cure;
    const char *words;
} chain_errors[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CURE_ANCHOR,
     "leads to no trust anchor: the issuer of one certificate is missing"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CURE_ANCHOR,
     "leads to no trust anchor: the issuer of one certificate is missing"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CURE_ANCHOR,
     "leads to no trust anchor: its issuer is missing"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CURE_ANCHOR,
     "leads to a root that is none of the trust anchors"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CURE_SELF_SIGNED,
     "has signed itself, and is none of the trust anchors"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, CURE_FORGED,
     "has a chain with a wrong signature: someone else uses the name of a CA"},
    {X509_V_ERR_INVALID_CA, CURE_ISSUE_ANEW,
     "was issued by a certificate that is no CA's, or not of the form of one"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, CURE_ISSUE_ANEW,
     "was issued by a certificate that may not sign certificates"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, CURE_CONSTRAINT,
     "stands deeper under a CA than that CA's path length allows"},
    {X509_V_ERR_PERMITTED_VIOLATION, CURE_CONSTRAINT,
     "has a name that the name constraints of its CA do not permit"},
    {X509_V_ERR_EXCLUDED_VIOLATION, CURE_CONSTRAINT,
     "has a name that the name constraints of its CA exclude"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, CURE_ISSUE_ANEW,
     "has too weak a key (RSA needs 2048 bits, EC 224)"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, CURE_ISSUE_ANEW, "stands under a CA with too weak a key"},
    {X509_V_ERR_CA_MD_TOO_WEAK, CURE_ISSUE_ANEW,
     "has a chain signed with too weak a digest (SHA-1, MD5)"},
};

static void explain_chain_cure(struct pki_judgement *judgement, enum chain_cure cure,
                               const char *culprit, const char *issuer)
{
    switch (cure) {
    case CURE_ANCHOR:
        pki_cure(judgement,
                 "let the other side send all its intermediate certificates, or add the root "
                 "above %s to the file of TrustAnchors",
                 issuer);
        return;
    case CURE_SELF_SIGNED:
        pki_cure(judgement,
                 "when the other side confirms the SHA-256 fingerprint %s, add this "
                 "certificate to the file of TrustAnchors",
                 judgement->verdict->fingerprint);
        return;
    case CURE_FORGED:
        pki_cure(judgement,
                 "accept nothing; ask the other side which certificate it presents (what came "
                 "has the SHA-256 fingerprint %s), and look at the way there",
                 judgement->verdict->fingerprint);
        return;
    case CURE_CONSTRAINT:
        pki_cure(judgement,
                 "the other side needs a certificate from a CA that may issue for its name");
        return;
    case CURE_CONFIGURE:
        pki_cure(judgement, "name a file with root certificates in TrustAnchors");
        return;
    default:
        pki_cure(judgement,
                 "the certificate %s must be issued anew, in the form that RFC 5280 wants; of "
                 "an old root take the successor that its owner offers",
                 culprit);
    }
}

/* A rule of RFC 5280 that OpenSSL names, as it names it. */
static const char *rule_words(int code, enum chain_cure *cure)
{
    for (size_t i = 0; i < ARRAY_SIZE(chain_errors); i++)
        if (chain_errors[i].code == code) {
            *cure = chain_errors[i].cure;
            return chain_errors[i].words;
        }
    *cure = CURE_ISSUE_ANEW;
    return NULL;
}

/* "stands under CN=…, which " where the fault is not the leaf's own. */
static void place_fault(struct pki_judgement *judgement, const struct pki_fault *fault)
{
    char name[NAME_SIZE];
    if (fault->depth > 0 && fault->certificate)
        pki_reason(judgement, "stands under %s, which ",
                   pki_name_text(X509_get_subject_name(fault->certificate), name, sizeof name));
}

static void tell_culprit(struct pki_judgement *judgement, const struct pki_fault *fault,
                         enum chain_cure cure)
{
    char culprit[NAME_SIZE] = "", issuer[NAME_SIZE] = "";
    if (fault->certificate) {
        pki_name_text(X509_get_subject_name(fault->certificate), culprit, sizeof culprit);
        pki_name_text(X509_get_issuer_name(fault->certificate), issuer, sizeof issuer);
        if (fault->depth > 0 && !fault->words)
            pki_reason(judgement, "; this is about %s, issued by %s, certificate %d of the chain",
                       culprit, issuer, fault->depth + 1);
    }
    explain_chain_cure(judgement, cure, culprit, issuer);
}

void pki_explain_fault(struct pki_judgement *judgement, enum pki_check check)
{
    const struct pki_fault *fault = &judgement->path.faults[check];
    enum chain_cure cure;
    const char *words = rule_words(fault->code, &cure);
    pki_introduce(judgement);
    if (fault->words) {
        place_fault(judgement, fault);
        pki_reason(judgement, "%s", fault->words);
    } else if (words) {
        pki_reason(judgement, "%s", words);
    } else {
        pki_reason(judgement, "breaks a rule of RFC 5280: %s",
                   X509_verify_cert_error_string(fault->code));
    }
    tell_culprit(judgement, fault, cure);
}

void pki_explain_chain(struct pki_judgement *judgement)
{
    if (judgement->policy->anchors) {
        pki_explain_fault(judgement, PKI_CHECK_CHAIN);
        return;
    }
    pki_introduce(judgement);
    pki_reason(judgement, "cannot be verified: there are no trust anchors");
    explain_chain_cure(judgement, CURE_CONFIGURE, "", "");
}

void pki_explain_constraints(struct pki_judgement *judgement)
{
    pki_explain_fault(judgement, PKI_CHECK_CONSTRAINTS);
}

void pki_explain_strength(struct pki_judgement *judgement)
{
    pki_explain_fault(judgement, PKI_CHECK_STRENGTH);
}

void pki_explain_dates(struct pki_judgement *judgement)
{
    char time[32];
    const struct pki_fault *fault = &judgement->path.faults[PKI_CHECK_DATES];
    X509 *certificate = fault->certificate ? fault->certificate : judgement->leaf;
    bool expired = fault->code == X509_V_ERR_CERT_HAS_EXPIRED;
    if (!expired && fault->code != X509_V_ERR_CERT_NOT_YET_VALID) {
        pki_explain_fault(judgement, PKI_CHECK_DATES);
        return;
    }
    pki_time_text(expired ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate),
                  time, sizeof time);
    pki_introduce(judgement);
    place_fault(judgement, fault);
    pki_reason(judgement, expired ? "has expired on %s" : "is not valid before %s", time);
    pki_cure(judgement, "see that this machine's clock is right; then the other side must %s",
             expired ? "renew the certificate" : "wait, or present its former certificate");
}

void pki_explain_usage(struct pki_judgement *judgement)
{
    static const char *const usages[] = {[PKI_EKU_SERVER] = "a TLS server (serverAuth)",
                                         [PKI_EKU_CLIENT] = "a TLS client (clientAuth)",
                                         [PKI_EKU_CLIENT_OR_SERVER] =
                                             "a TLS client or server (clientAuth, serverAuth)"};
    enum pki_peer_eku eku = judgement->policy->eku;
    if (judgement->path.faults[PKI_CHECK_USAGE].words) {
        pki_explain_fault(judgement, PKI_CHECK_USAGE);
        return;
    }
    pki_introduce(judgement);
    pki_reason(judgement,
               "or one of the CAs above it may not be used for %s: its key usages or extended "
               "key usages say so",
               usages[eku]);
    if (eku == PKI_EKU_CLIENT && pki_path_fits_server(&judgement->path))
        pki_cure(judgement,
                 "it is good for a server: public CAs issue no more clientAuth, so write "
                 "<ClientEku>ClientOrServerAuth</ClientEku> into the inbound connector");
    else
        pki_cure(judgement, "the other side needs a certificate with that usage");
}

void pki_explain_revocation(struct pki_judgement *judgement)
{
    const struct pki_fault *fault = &judgement->path.faults[PKI_CHECK_REVOCATION];
    pki_introduce(judgement);
    if (fault->code == X509_V_ERR_CERT_REVOKED) {
        place_fault(judgement, fault);
        pki_reason(judgement, "has been revoked by its CA");
        pki_cure(judgement, "accept nothing; ask the other side whether it knows, and for its new "
                            "certificate");
    } else if (fault->words) {
        pki_reason(judgement, "%s", fault->words);
        pki_cure(judgement,
                 "the other side's server must fetch a new response from its CA; look at "
                 "its OCSP stapling, and at the clocks of both machines");
    } else {
        pki_reason(judgement, "may be revoked, nobody knows: %s", judgement->path.revocation);
        pki_cure(judgement,
                 "see that a list of every CA of the chain is in the RevocationLists of "
                 "this connector and in force, or that the other side staples; "
                 "<CertificateRevocationCheck>SoftFail</CertificateRevocationCheck> lets "
                 "pass what is not known");
    }
}
