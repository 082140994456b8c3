/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the administrator declared: plain data, made by load.h, never changed afterwards.
 *
 * Names are Exchange's own where Exchange has one; postern.xml(5) explains each. Everything belongs
 * to the struct conn_config and lives as long; text is UTF-8, domains are lower case. Times are
 * milliseconds, sizes bytes. `line` is where an element began, for messages. Readable on any
 * thread. */
#ifndef POSTERN_CONNECTORS_MODEL_H
#define POSTERN_CONNECTORS_MODEL_H

#include <netinet/in.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki/base/cleanup.h"
#include "pki/peer.h"

/* Where something was declared. */
struct conn_place {
    const char *file;
    int line;
};

struct conn_strings {
    char **items;
    size_t count;
};

/* An address of our own, to listen on or to call from. */
struct conn_binding {
    char *address; /* as written */
    struct sockaddr_storage socket_address;
    socklen_t length;
};

struct conn_listener {
    char *address; /* "0.0.0.0:25", "[::1]:2525" as written */
    struct sockaddr_storage socket_address;
    socklen_t length;
    bool implicit_tls; /* ImplicitTls, default false: TLS from the first byte (RFC 8314) */
    struct conn_range *balancers; /* ProxyProtocol: who says for whom it connects; none: nobody */
    size_t balancer_count;
    struct conn_place place;
};

struct conn_token {
    char *uri, *pin_source, *module; /* the last two may be NULL */
    unsigned sessions;               /* Sessions, default 4 */
    unsigned timeout;                /* RequestTimeOut, default 5000 ms */
    struct conn_place place;
};

struct conn_key {
    char *uri;                      /* a PKCS#11 URI, "file:/…" or a path */
    const struct conn_token *token; /* the Token whose URI the key's URI fits (RFC 7512 attributes
                                       of the token all equal in the key's), or NULL */
    struct conn_place place;
};

enum { CONN_KEYS_MAXIMUM = 8 };

struct conn_certificate {
    char *name, *chain;    /* chain: a path */
    struct conn_key *keys; /* Key, at least one: where the key is, in the order of preference */
    size_t key_count;
    char *watch; /* Watch: a directory whose new chain files are rotated to; NULL: none */
    struct conn_place place;
};

struct conn_anchors {
    char *name, *path;
    struct conn_place place;
};

/* RevocationLists of postern.xml: a file or a directory. */
struct conn_lists {
    char *name, *path;
    struct conn_place place;
};

/* Credentials of postern.xml: see credentials.h. */
struct conn_user {
    char *name, *hash;
    unsigned line;
};
struct conn_credentials {
    char *name, *path;
    struct conn_user *users; /* by name */
    size_t user_count;
    struct conn_place place;
};

/* Both ends included. IPv4 is held as IPv4-mapped IPv6, so that one comparison serves both; a range
 * whose first end is IPv6 takes no IPv4 client, whatever its last end is ("::/0"). */
struct conn_range {
    struct in6_addr first, last;
};

enum conn_tls_version { CONN_TLS_1_0, CONN_TLS_1_1, CONN_TLS_1_2, CONN_TLS_1_3 };

/* TlsCipherSuites and TlsGroups in their order, as indices into the tables of suites.h. In a
 * configuration that was loaded neither is empty: what was not declared has the defaults. */
struct conn_tls_lists {
    unsigned *suites;
    size_t suite_count;
    unsigned *groups;
    size_t group_count;
};

enum { CONN_UNLIMITED = UINT32_MAX }; /* of a number that may be "Unlimited" */

/* Bounds on a client and on what it sends. Those of a connector that were not declared are the
 * gateway's, once everything is read. Before a connector is known (until MAIL, as a rule) the
 * gateway's hold. */
struct conn_limits {
    uint64_t message_size;        /* MaxMessageSize, default 256 MB */
    uint64_t header_size;         /* MaxHeaderSize, default 256 KB */
    unsigned header_count;        /* MaxHeaderCount, default 1000 fields */
    unsigned line_length;         /* MaxLineLength, default 65536 bytes of message data, CRLF too */
    unsigned hop_count;           /* MaxHopCount, default 60 Received fields */
    unsigned recipients;          /* MaxRecipientsPerMessage, default 1000 */
    unsigned protocol_errors;     /* MaxProtocolErrors, default 20 in a session */
    unsigned junk_commands;       /* MaxJunkCommands, default 100 in a session without a message */
    unsigned sessions;            /* MaxInboundConnection, default 20000 */
    unsigned sessions_per_source; /* MaxInboundConnectionPerSource, default Unlimited */
    unsigned message_rate;        /* MessageRateLimit, messages a minute of an address, default
                                     Unlimited */
    unsigned transfer_rate;       /* MinimumTransferRate, bytes a second, default 0: none */
    unsigned inactivity_timeout;  /* ConnectionInactivityTimeOut, default 300000 ms */
    unsigned connection_timeout;  /* ConnectionTimeOut, of a whole session, default 86400000 ms */
};

/* ConnectorType. OnPremises: the other side is our own organisation. */
enum conn_type { CONN_TYPE_PARTNER, CONN_TYPE_ON_PREMISES };

/* BareLinefeed: what becomes of a CR or LF alone in message data. */
enum conn_bare_linefeed { CONN_BARE_LINEFEED_REJECT, CONN_BARE_LINEFEED_NORMALIZE };

/* Direct: streamed through, nothing stored. Queued is in the vocabulary, and refused until the
 * queue exists. */
enum conn_delivery { CONN_DELIVERY_DIRECT, CONN_DELIVERY_QUEUED };

struct conn_inbound {
    char *name;
    size_t index;              /* in conn_config.inbound */
    bool enabled;              /* Enabled, default true */
    char *comment;             /* Comment, or NULL */
    struct conn_range *ranges; /* SenderIPAddresses; none: any address */
    size_t range_count;
    struct conn_strings
        sender_domains; /* SenderDomains: "contoso.com", "*.contoso.com", "*"; none: any.
                           A null sender passes when the connector has other proof */
    bool require_tls;
    enum conn_tls_version tls_minimum; /* default 1.2 */
    struct conn_tls_lists tls_lists;
    const struct conn_certificate
        *certificate; /* TlsCertificateName, or NULL: the gateway chooses */
    struct conn_strings
        sender_certificate_names;         /* TlsSenderCertificateName; none: no certificate asked */
    bool common_name_fallback;            /* CommonNameFallback, default false */
    const struct conn_anchors *anchors;   /* needed with the former */
    enum pki_revocation_check revocation; /* CertificateRevocationCheck, default SoftFail */
    const struct conn_lists *lists;       /* RevocationLists, or NULL */
    enum pki_peer_eku client_eku;         /* ClientEku, default ClientAuth */
    struct pki_peer_pair *pairs;          /* PeerCertificates */
    size_t pair_count;
    bool pairs_report_only;
    struct conn_strings originator_organizations; /* OriginatorOrganizations; not enforced yet */
    enum conn_delivery delivery;                  /* Delivery, default Direct */
    enum conn_type connector_type;                /* ConnectorType, default Partner */
    bool restrict_to_certificate;                 /* RestrictDomainsToCertificate */
    bool restrict_to_addresses;                   /* RestrictDomainsToIPAddresses */
    bool cloud_services_mail;                     /* CloudServicesMailEnabled */
    bool treat_as_internal;                       /* TreatMessagesAsInternal */
    const struct conn_credentials *credentials; /* Credentials: AUTH is asked for; NULL: it is not */
    bool allow_open_relay;                  /* AllowOpenRelay: anyone, to anywhere, is meant */
    bool lenient_syntax;                    /* LenientSyntax: of old devices */
    enum conn_bare_linefeed bare_linefeed;  /* BareLinefeed, default Reject */
    struct conn_strings associated_domains; /* AssociatedAcceptedDomains; none: all */
    struct conn_binding *bindings;          /* Bindings: of our listeners; none: all */
    size_t binding_count;
    char *fqdn; /* Fqdn, or NULL: HostName */
    struct conn_limits limits;
    struct conn_place place;
};

struct conn_host {
    char *name; /* DNS name or address literal without brackets */
    uint16_t port;
};

/* AddressSpaces: "smtp:*.contoso.com;10". */
struct conn_address_space {
    char *domain;  /* "contoso.com", "*.contoso.com", "*" */
    unsigned cost; /* 1 to 100, the smaller is preferred */
};

/* ErrorPolicies, or-ed. */
enum {
    CONN_ERRORS_DOWNGRADE_DNS = 1,    /* DowngradeDnsFailures: 5xx of name resolution become 4xx */
    CONN_ERRORS_DOWNGRADE_CUSTOM = 2, /* DowngradeCustomFailures: the next hop's 5xx become 4xx */
    CONN_ERRORS_UPGRADE_CUSTOM = 4    /* UpgradeCustomFailures: the next hop's 4xx become 5xx */
};

enum conn_tls_settings {
    CONN_TLS_NONE,
    CONN_TLS_OPPORTUNISTIC,
    CONN_TLS_ENCRYPTION_ONLY,
    CONN_TLS_CERTIFICATE_VALIDATION,
    CONN_TLS_DOMAIN_VALIDATION
};
/* The word of the vocabulary for a value; never NULL. */
const char *conn_tls_settings_name(enum conn_tls_settings settings);
const char *conn_tls_version_name(enum conn_tls_version version); /* "1.2" */
const char *conn_client_eku_name(enum pki_peer_eku eku);
const char *conn_delivery_name(enum conn_delivery delivery);
const char *conn_revocation_name(enum pki_revocation_check revocation);

struct conn_outbound {
    char *name;
    size_t index;                /* in conn_config.outbound */
    bool enabled;                /* Enabled, default true */
    char *comment;               /* Comment, or NULL */
    struct conn_inbound **scope; /* InboundConnectors; none: every one */
    size_t scope_count;
    struct conn_strings recipient_domains; /* "contoso.com", "*.contoso.com", "*" */
    struct conn_host *hosts;               /* SmartHosts, in order */
    size_t host_count;
    unsigned
        port; /* Port, default 25: of hosts without one of their own, and of those in MX records */
    enum conn_tls_settings tls_settings; /* default Opportunistic */
    enum conn_tls_version tls_minimum;   /* default 1.2 */
    struct conn_tls_lists tls_lists;
    struct conn_strings tls_domains; /* TlsDomain */
    const struct conn_certificate
        *certificate;          /* TlsCertificateName: what we present; NULL: nothing */
    bool common_name_fallback; /* CommonNameFallback, default false */
    const struct conn_anchors *anchors;
    enum pki_revocation_check revocation; /* CertificateRevocationCheck, default SoftFail */
    const struct conn_lists *lists;       /* RevocationLists, or NULL */
    struct pki_peer_pair *pairs;
    size_t pair_count;
    bool pairs_report_only;
    bool cloud_services_mail;                  /* CloudServicesMailEnabled; not enforced yet */
    enum conn_type connector_type;             /* ConnectorType, default Partner */
    bool all_accepted_domains;                 /* AllAcceptedDomains */
    struct conn_address_space *address_spaces; /* AddressSpaces */
    size_t address_space_count;
    bool use_mx_record;                        /* UseMXRecord, default false */
    bool route_via_premises;                   /* RouteAllMessagesViaOnPremises */
    bool test_mode;                            /* TestMode */
    struct conn_strings validation_recipients; /* ValidationRecipients: mail addresses */
    uint64_t maximum_message_size;             /* MaxMessageSize; 0: the inbound side's alone */
    char *fqdn;                                /* Fqdn, or NULL: HostName */
    struct conn_binding *source_addresses;     /* SourceIPAddress, at most one of a family */
    size_t source_address_count;
    unsigned error_policies;          /* ErrorPolicies, CONN_ERRORS_… or-ed; 0: Default */
    unsigned messages_per_connection; /* SmtpMaxMessagesPerConnection, default 20; 0: no limit */
    unsigned inactivity_timeout;      /* ConnectionInactivityTimeOut, default 600000 ms: the longest
                                         wait for the next hop in any step */
    struct conn_place place;
};

enum { CONN_DNS_SERVERS_MAXIMUM = 3 };

struct conn_index;

struct conn_config {
    char *directory;           /* absolute; relative paths in the files begin here */
    struct conn_strings files; /* every file that was read, in that order */
    char *host_name;           /* lower case */
    unsigned workers;          /* Workers; 0: one a processor */
    unsigned drain_timeout;    /* DrainTimeOut, default 30000 ms */
    struct conn_limits limits;
    struct conn_strings accepted_domains; /* AcceptedDomains: those of our own organisation */
    struct conn_binding *dns_servers; /* ExternalDNSServers, at most three; none: the system's */
    size_t dns_server_count;
    struct conn_listener *listeners;
    size_t listener_count;
    struct conn_token *tokens;
    size_t token_count;
    struct conn_certificate *certificates;
    size_t certificate_count;
    struct conn_anchors *anchors;
    size_t anchors_count;
    struct conn_lists *lists;
    size_t lists_count;
    struct conn_credentials *credentials;
    size_t credentials_count;
    char *control_socket;         /* Control Socket, default /run/postern/control.sock */
    char *metrics_address;        /* NULL: none */
    char *queue_directory;        /* NULL: none */
    char *state_directory;        /* default LOCALSTATEDIR/lib/postern */
    struct conn_inbound *inbound; /* in the order of selection: by file name */
    size_t inbound_count;
    struct conn_outbound *outbound;
    size_t outbound_count;
    struct conn_index *index; /* index.h; NULL before everything is read */
};

struct conn_config *conn_config_free(struct conn_config *config);
DEFINE_CLEANUP(struct conn_config *, conn_config_free)

#endif
