/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The form of names, in subjectAltName and in name constraints, and what follows of it.
 *
 * RFC 5280 4.2.1.6 and 4.2.1.10 say what a name must look like; OpenSSL compares whatever is there.
 * Where the form cannot be right, nobody can say what a comparison means, and the certificate is
 * refused. */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/peer-private.h"

enum { DNS_MAXIMUM = 253, LABEL_MAXIMUM = 63 };

DEFINE_CLEANUP(NAME_CONSTRAINTS *, NAME_CONSTRAINTS_free)

struct text {
    const char *bytes;
    size_t length;
};

static struct text text_of(const ASN1_STRING *string)
{
    return (struct text){(const char *)ASN1_STRING_get0_data(string),
                         (size_t)ASN1_STRING_length(string)};
}

static struct text text_from(struct text text, size_t start)
{
    return (struct text){text.bytes + start, text.length - start};
}

/* --- one name --- */

bool pki_is_label(const char *bytes, size_t length)
{
    if (length < 1 || length > LABEL_MAXIMUM || bytes[0] == '-' || bytes[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] >= 0x80 ||
            (!isalnum((unsigned char)bytes[i]) && bytes[i] != '-'))
            return false;
    return true;
}

bool pki_is_host(const char *bytes, size_t length)
{
    size_t start = 0;
    bool letter = false;
    if (length < 1 || length > DNS_MAXIMUM)
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && bytes[i] != '.')
            continue;
        if (!pki_is_label(bytes + start, i - start))
            return false;
        letter = false;
        for (size_t j = start; j < i; j++)
            letter |= !isdigit((unsigned char)bytes[j]);
        start = i + 1;
    }
    return letter;
}

static bool is_host(struct text name)
{
    return pki_is_host(name.bytes, name.length);
}

/* A wildcard is a whole label, the left-most (RFC 9525 6.3). */
static bool is_presented_host(struct text name)
{
    bool wildcard = name.length > 2 && name.bytes[0] == '*' && name.bytes[1] == '.';
    return is_host(wildcard ? text_from(name, 2) : name);
}

/* A mailbox of RFC 2821: a local part of printable ASCII, one @ (but for a quoted one), and a host.
 */
static bool is_mailbox(struct text name)
{
    const char *at = memrchr(name.bytes, '@', name.length);
    size_t local = at ? (size_t)(at - name.bytes) : 0;
    if (local < 1 || local > 64 || !is_host(text_from(name, local + 1)))
        return false;
    bool quoted = local > 2 && name.bytes[0] == '"' && name.bytes[local - 1] == '"';
    for (size_t i = 0; i < local; i++) {
        unsigned char byte = (unsigned char)name.bytes[i];
        if (byte < ' ' || byte > '~' ||
            (!quoted && (byte == ' ' || strchr("@<>()[],;:\\\"", byte))))
            return false;
    }
    return true;
}

static bool is_octets(const ASN1_STRING *string, size_t one, size_t other)
{
    size_t length = (size_t)ASN1_STRING_length(string);
    return length == one || length == other;
}

/* An absolute URI: a scheme, a colon, and ASCII without spaces. */
static bool is_uri(struct text name)
{
    const char *colon = memchr(name.bytes, ':', name.length);
    if (!colon || colon == name.bytes || !isalpha((unsigned char)name.bytes[0]))
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (name.bytes[i] <= ' ' || name.bytes[i] > '~')
            return false;
    return true;
}

static const char *find_name_fault(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        return is_presented_host(text_of(name->d.dNSName))
                   ? NULL
                   : "has a DNS name in its subjectAltName that is none (RFC 5280 4.2.1.6)";
    case GEN_EMAIL:
        return is_mailbox(text_of(name->d.rfc822Name))
                   ? NULL
                   : "has an e-mail address in its subjectAltName that is none";
    case GEN_IPADD:
        return is_octets(name->d.iPAddress, 4, 16)
                   ? NULL
                   : "has an IP address in its subjectAltName that is none";
    case GEN_URI:
        return is_uri(text_of(name->d.uniformResourceIdentifier))
                   ? NULL
                   : "has a URI in its subjectAltName that is none";
    default:
        return NULL;
    }
}

/* --- constraints --- */

/* An address and a mask: ones, then zeros. */
static bool is_network(const ASN1_STRING *string)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    size_t half = (size_t)ASN1_STRING_length(string) / 2;
    bool ended = false;
    if (!is_octets(string, 8, 32))
        return false;
    for (size_t bit = 0; bit < half * 8; bit++) {
        bool one = bytes[half + bit / 8] & (0x80 >> (bit % 8));
        if (one && ended)
            return false;
        ended |= !one;
    }
    return true;
}

/* A mailbox, a host, or all hosts of a domain with a dot before it. */
static bool is_mail_constraint(struct text base)
{
    if (memchr(base.bytes, '@', base.length))
        return is_mailbox(base);
    return base.length == 0 || is_host(base.bytes[0] == '.' ? text_from(base, 1) : base);
}

static bool is_uri_constraint(struct text base)
{
    return base.length == 0 || is_host(base.bytes[0] == '.' ? text_from(base, 1) : base);
}

static const char *find_base_fault(const GENERAL_NAME *base)
{
    bool right = true;
    struct text text;
    switch (base->type) {
    case GEN_DNS:
        text = text_of(base->d.dNSName);
        right = text.length == 0 || is_host(text);
        break;
    case GEN_EMAIL:
        right = is_mail_constraint(text_of(base->d.rfc822Name));
        break;
    case GEN_URI:
        right = is_uri_constraint(text_of(base->d.uniformResourceIdentifier));
        break;
    case GEN_IPADD:
        right = is_network(base->d.iPAddress);
        break;
    default:
        break;
    }
    return right ? NULL : "has a name constraint that is not of the form of RFC 5280 4.2.1.10";
}

static const char *find_subtree_fault(const GENERAL_SUBTREE *subtree)
{
    if (subtree->maximum || (subtree->minimum && ASN1_INTEGER_get(subtree->minimum) != 0))
        return "has a name constraint with a minimum or maximum";
    return find_base_fault(subtree->base);
}

static const char *find_constraints_fault(const NAME_CONSTRAINTS *constraints)
{
    STACK_OF(GENERAL_SUBTREE) *
        lists[] = {constraints->permittedSubtrees, constraints->excludedSubtrees};
    const char *fault = NULL;
    int count = 0;
    for (size_t list = 0; list < ARRAY_SIZE(lists); list++) {
        for (int i = 0; i < sk_GENERAL_SUBTREE_num(lists[list]) && !fault; i++, count++)
            fault = find_subtree_fault(sk_GENERAL_SUBTREE_value(lists[list], i));
        if (lists[list] && sk_GENERAL_SUBTREE_num(lists[list]) == 0)
            fault = "has an empty list of name constraints";
    }
    return fault || count ? fault : "has name constraints without any in them";
}

void pki_judge_form(struct pki_path *path, const struct pki_place *place)
{
    const char *fault = NULL;
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(place->certificate, NID_subject_alt_name, NULL, NULL);
    _cleanup_(NAME_CONSTRAINTS_freep) NAME_CONSTRAINTS *constraints =
        X509_get_ext_d2i(place->certificate, NID_name_constraints, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !fault; i++)
        fault = find_name_fault(sk_GENERAL_NAME_value(names, i));
    if (constraints && !fault)
        fault = find_constraints_fault(constraints);
    if (fault)
        pki_path_fault(path, PKI_CHECK_CONSTRAINTS, X509_V_ERR_APPLICATION_VERIFICATION, fault,
                       place);
    ERR_clear_error();
}

/* --- wildcards, and how much there is to compare --- */

/* True when the wildcard's one label can be filled in so that the name falls into the subtree. */
static bool wildcard_reaches(struct text name, struct text subtree)
{
    const char *dot = memchr(subtree.bytes, '.', subtree.length);
    if (name.length < 3 || name.bytes[0] != '*' || name.bytes[1] != '.' || !dot)
        return false;
    size_t rest = subtree.length - (size_t)(dot - subtree.bytes);
    return rest == name.length - 1 && strncasecmp(dot, name.bytes + 1, rest) == 0;
}

/* OpenSSL compares a wildcard with an excluded subtree as if `*` were a label like others, so that
 * *.example.com passes where secret.example.com is excluded (the class of CVE-2025-61727). */
static bool wildcard_is_excluded(const NAME_CONSTRAINTS *constraints, const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, i)->base;
        for (int j = 0; base->type == GEN_DNS && j < sk_GENERAL_NAME_num(names); j++) {
            const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, j);
            if (name->type == GEN_DNS &&
                wildcard_reaches(text_of(name->d.dNSName), text_of(base->d.dNSName)))
                return true;
        }
    }
    return false;
}

/* A list that is not there has -1. */
static unsigned at_least_one(int count)
{
    return count > 0 ? (unsigned)count : 1;
}

static bool judge_pair(struct pki_judgement *judgement, struct pki_path *path,
                       const NAME_CONSTRAINTS *constraints, const struct pki_place *place)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(place->certificate, NID_subject_alt_name, NULL, NULL);
    unsigned subtrees = at_least_one(sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees)) +
                        at_least_one(sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees));
    unsigned count =
        at_least_one(X509_NAME_entry_count(X509_get_subject_name(place->certificate))) +
        at_least_one(sk_GENERAL_NAME_num(names));
    if (count > PKI_COMPARISONS_MAXIMUM / subtrees ||
        (judgement->comparisons += count * subtrees) > 4 * PKI_COMPARISONS_MAXIMUM) {
        pki_path_fault(path, PKI_CHECK_CONSTRAINTS, X509_V_ERR_APPLICATION_VERIFICATION,
                       "has too many names, or stands under too many name constraints, to be "
                       "compared",
                       place);
        return false;
    }
    if (wildcard_is_excluded(constraints, names))
        pki_path_fault(path, PKI_CHECK_CONSTRAINTS, X509_V_ERR_EXCLUDED_VIOLATION, NULL, place);
    return true;
}

/* Every certificate below a CA with constraints. OpenSSL compares the rest of the names. */
bool pki_judge_constraints(struct pki_judgement *judgement, struct pki_path *path)
{
    bool few = true;
    for (int i = 1; i < sk_X509_num(path->chain); i++) {
        _cleanup_(NAME_CONSTRAINTS_freep) NAME_CONSTRAINTS *constraints =
            X509_get_ext_d2i(sk_X509_value(path->chain, i), NID_name_constraints, NULL, NULL);
        for (int j = 0; constraints && few && j < i; j++) {
            struct pki_place place = {.certificate = sk_X509_value(path->chain, j), .depth = j};
            few = judge_pair(judgement, path, constraints, &place);
        }
    }
    ERR_clear_error();
    return few;
}
