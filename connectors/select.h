/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which inbound connector admits a sender, and which outbound connector takes a recipient.
 *
 * Pure functions over the model and its index (index.h), so that a choice takes as long among ten
 * thousand connectors as among ten; no sockets, no allocation but for a domain that is not ASCII,
 * any thread. explain.h says why a connector was chosen or was not, from the same rules. */
#ifndef POSTERN_CONNECTORS_SELECT_H
#define POSTERN_CONNECTORS_SELECT_H

#include <sys/socket.h>

#include "connectors/domain.h"
#include "connectors/index.h"
#include "connectors/model.h"

/* What is known of a client when it says MAIL. */
struct conn_client {
    const struct sockaddr *address;
    bool tls;
    enum conn_tls_version tls_version; /* when tls, and: */
    unsigned cipher_suite;             /* the code of TLS */
    int group;                         /* as SSL_get_negotiated_group() says; 0: none */
    bool cipher_unknown;               /* neither is known: they count as fitting (explain) */
    /* The verdict on the client's certificate under connector i, or NULL when none was asked;
     * called only for connectors with sender_certificate_names. */
    const struct pki_peer_verdict *(*verdict)(const void *context,
                                              const struct conn_inbound *inbound);
    const void *context;
    /* What its certificate can be asked for by name: none when it has none. NULL: not known, and
     * every connector with sender_certificate_names that takes the address is asked. */
    const struct conn_names *names;
    const struct conn_credentials *credentials; /* proved with AUTH; NULL: none */
    const char *sender_domain;                  /* lower case; "" for the null sender */
};

enum conn_condition { /* the condition that did not hold */
                      CONN_CONDITION_NONE,
                      CONN_CONDITION_ADDRESS,
                      CONN_CONDITION_TLS, /* RequireTls, and there is none */
                      CONN_CONDITION_TLS_VERSION,
                      CONN_CONDITION_CIPHER_SUITE, /* TlsCipherSuites, TlsGroups */
                      CONN_CONDITION_CERTIFICATE,
                      CONN_CONDITION_CREDENTIALS, /* Credentials, and no such AUTH */
                      CONN_CONDITION_SENDER_DOMAIN
};
const char *conn_condition_name(enum conn_condition condition);

/* True when the client's address may use the connector: what is known at accept. */
bool conn_inbound_takes_address(const struct conn_inbound *inbound, const struct sockaddr *address);

/* The first enabled connector whose every condition holds; NULL: none, and then *closest (may be
 * NULL itself) is the connector that came furthest of those that were looked at, and *condition
 * what stopped it there. Of connectors that ask for a certificate which is not the client's only
 * the first CONN_CLOSEST_MAXIMUM are looked at. */
enum { CONN_CLOSEST_MAXIMUM = 16 };
const struct conn_inbound *conn_inbound_choose(const struct conn_config *config,
                                               const struct conn_client *client,
                                               const struct conn_inbound **closest,
                                               enum conn_condition *condition);

/* One that has everything go via the premises (RouteAllMessagesViaOnPremises) before any other; then
 * by scope that names the inbound connector before one without scope, then exact domain, then the
 * longest *.domain (which does not match the domain itself, unless it is one of AddressSpaces), then
 * "*"; then by the lower cost; then by file order. NULL: none. `domain` is lower case; where it is
 * not ASCII it is compared by its A-labels. */
const struct conn_outbound *conn_outbound_choose(const struct conn_config *config,
                                                 const struct conn_inbound *inbound,
                                                 const char *domain);
/* The same, and by which of its claims. False: none. */
bool conn_outbound_claim(const struct conn_config *config, const struct conn_inbound *inbound,
                         const char *domain, struct conn_claim *ret);

/* The connector in TestMode that would have taken the recipient before the others; NULL: none would.
 * conn_outbound_choose() never chooses one. */
const struct conn_outbound *conn_outbound_trial(const struct conn_config *config,
                                                const struct conn_inbound *inbound,
                                                const char *domain);

/* The Token whose URI says most of those that the key's URI fits, the first of equals: where the
 * key is, and the PIN for it. NULL: none fits, or `key` is no PKCS#11 URI. */
const struct conn_token *conn_token_of(const struct conn_config *config, const char *key);

#endif
