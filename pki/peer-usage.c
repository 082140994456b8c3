/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a certificate may be used for: key usage and extended key usage, of the leaf and of its CAs.
 */
#include <openssl/x509v3.h>

#include "pki/peer-private.h"

/* Purposes that must not stand beside serverAuth (CA/Browser Forum 7.1.2.7.10). */
enum { NOT_BESIDE_SERVER = XKU_CODE_SIGN | XKU_SMIME | XKU_TIMESTAMP | XKU_OCSP_SIGN | XKU_ANYEKU };

/* The whole chain for one purpose. OpenSSL would take Netscape's and Microsoft's old usages for
 * serverAuth: the leaf must name the usage itself when it names any. */
static bool fits(const struct pki_path *path, int purpose, uint32_t usage)
{
    X509 *leaf = sk_X509_value(path->chain, 0);
    for (int i = 0; i < sk_X509_num(path->chain); i++)
        if (X509_check_purpose(sk_X509_value(path->chain, i), purpose, i > 0) != 1)
            return false;
    return !(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) ||
           (X509_get_extended_key_usage(leaf) & usage);
}

bool pki_path_fits_server(const struct pki_path *path)
{
    return fits(path, X509_PURPOSE_SSL_SERVER, XKU_SSL_SERVER);
}

static const char *find_leaf_fault(X509 *leaf, bool as_server)
{
    int critical = -1;
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
    EXTENDED_KEY_USAGE_free(usages);
    if (critical < 0)
        return NULL;
    uint32_t flags = X509_get_extended_key_usage(leaf);
    if (critical == 1)
        return "has a critical extended key usage (CA/Browser Forum 7.1.2.7.6)";
    if (flags & XKU_ANYEKU)
        return "has anyExtendedKeyUsage, and may be used for anything";
    if (as_server && (flags & NOT_BESIDE_SERVER))
        return "may sign code, mail, time stamps or OCSP responses, and is a server's (CA/Browser "
               "Forum 7.1.2.7.10)";
    return NULL;
}

void pki_judge_usage(const struct pki_judgement *judgement, struct pki_path *path)
{
    enum pki_peer_eku eku = judgement->policy->eku;
    struct pki_place place = {.certificate = judgement->leaf};
    bool server = eku != PKI_EKU_CLIENT && pki_path_fits_server(path);
    bool client = eku != PKI_EKU_SERVER && fits(path, X509_PURPOSE_SSL_CLIENT, XKU_SSL_CLIENT);
    const char *fault = find_leaf_fault(judgement->leaf, server && !client);
    if (fault)
        pki_path_fault(path, PKI_CHECK_USAGE, X509_V_ERR_APPLICATION_VERIFICATION, fault, &place);
    else if (!server && !client)
        pki_path_fault(path, PKI_CHECK_USAGE, X509_V_ERR_INVALID_PURPOSE, NULL, &place);
}
