/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What bundle.c, bundle-inspect.c and bundle-tenant.c share. Inside pki/ only. */
#ifndef POSTERN_PKI_BUNDLE_PRIVATE_H
#define POSTERN_PKI_BUNDLE_PRIVATE_H

#include "pki/bundle.h"

struct pki_bundle {
    X509 *leaf;
    pki_x509_stack *intermediates;
    X509 *root;           /* that the bundle held, or NULL */
    pki_x509_stack *rest; /* no part of the chain */
};

bool pki_bundle_issued(X509 *certificate, X509 *issuer);
bool pki_bundle_is_root(X509 *certificate);

#endif
