/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The names of hosts in a certificate, as text: whose connectors may be meant by it. What the names
 * are worth the verdict says (peer.h). Any thread. */
#ifndef POSTERN_PKI_PEER_HOSTS_H
#define POSTERN_PKI_PEER_HOSTS_H

#include <openssl/x509.h>
#include <stddef.h>

/* The DNS names of subjectAltName and every CN, at most `maximum`; what holds a NUL is left out.
 * The number, or -1 without memory. pki_peer_hosts_free() frees them. */
long pki_peer_hosts(X509 *leaf, size_t maximum, char ***ret);
void pki_peer_hosts_free(char **hosts, size_t count);

#endif
