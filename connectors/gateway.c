/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * postern.xml: its tables, the readers that only it needs, and what ties its parts together. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "connectors/credentials.h"
#include "connectors/limits.h"
#include "connectors/readers.h"
#include "connectors/rules.h"
#include "connectors/select.h"
#include "connectors/tables.h"
#include "connectors/uri.h"
#include "connectors/values.h"
#include "pki/identity.h"
#include "pki/peer.h"

enum { DAY = 24 * 60 * 60 * 1000 };

static int read_listener(struct conn_reader *reader, const struct conn_field *field,
                         const char *text, void *target, struct error *error)
{
    struct conn_listener *listener = target;
    int result =
        conn_parse_address(field->name, text, &listener->socket_address, &listener->length, error);
    return result < 0 ? result : conn_read_string(reader, field, text, &listener->address, error);
}

static int read_metrics(struct conn_reader *reader, const struct conn_field *field,
                        const char *text, void *target, struct error *error)
{
    struct sockaddr_storage address;
    socklen_t length;
    int result = conn_parse_address(field->name, text, &address, &length, error);
    return result < 0 ? result : conn_read_string(reader, field, text, target, error);
}

static int read_token_uri(struct conn_reader *reader, const struct conn_field *field,
                          const char *text, void *target, struct error *error)
{
    int result = conn_uri_check(field->name, text, false, error);
    return result < 0 ? result : conn_read_string(reader, field, text, target, error);
}

/* A path, or a file: URI with an absolute one (RFC 8089). */
static int read_file_uri(struct conn_reader *reader, const struct conn_field *field,
                         const char *text, void *target, struct error *error)
{
    if (strncasecmp(text, "file:", 5) != 0)
        return conn_read_path(reader, field, text, target, error);
    if (text[5] == '/')
        return conn_read_string(reader, field, text, target, error);
    error_set(error, EX_DATAERR, "%s '%.200s' has no absolute path behind file:", field->name,
              text);
    return error_cure(error, "write file:/… with the whole path, or the path alone");
}

/* That, or the name of a credential, which the signer's unit gets from systemd. */
static int read_pin_source(struct conn_reader *reader, const struct conn_field *field,
                           const char *text, void *target, struct error *error)
{
    const char *name = text + 11;
    if (strncmp(text, "credential:", 11) != 0)
        return read_file_uri(reader, field, text, target, error);
    if (*name && strlen(name) <= 255 && !strpbrk(name, "/: ") && strcmp(name, ".") != 0 &&
        strcmp(name, "..") != 0)
        return conn_read_string(reader, field, text, target, error);
    error_set(error, EX_DATAERR, "%s '%.200s' names no credential", field->name, text);
    return error_cure(error, "write credential: and the name that LoadCredential= has in "
                             "postern-signer@.service, such as credential:hsm-pin");
}

static int read_key(struct conn_reader *reader, const struct conn_field *field, const char *text,
                    void *target, struct error *error)
{
    if (!conn_uri_is_pkcs11(text))
        return read_file_uri(reader, field, text, target, error);
    int result = conn_uri_check(field->name, text, true, error);
    return result < 0 ? result : conn_read_string(reader, field, text, target, error);
}

/* A socket's path has room in a sockaddr_un, or it can never be bound. */
static int read_socket(struct conn_reader *reader, const struct conn_field *field, const char *text,
                       void *target, struct error *error)
{
    int result = conn_read_path(reader, field, text, target, error);
    if (result < 0 || strlen(*(char **)target) < sizeof((struct sockaddr_un *)0)->sun_path)
        return result;
    error_set(error, EX_DATAERR, "%s is longer than the %zu bytes that the system allows",
              field->name, sizeof((struct sockaddr_un *)0)->sun_path - 1);
    return error_cure(error, "choose a shorter path, such as /run/postern/control.sock");
}

static bool same_address(const struct conn_listener *a, const struct conn_listener *b)
{
    return a->length && a->length == b->length &&
           memcmp(&a->socket_address, &b->socket_address, a->length) == 0;
}

/* Of either family: the port stands at the same place. */
static bool has_port(const struct conn_listener *listener)
{
    struct sockaddr_in address;
    memcpy(&address, &listener->socket_address, sizeof address);
    return address.sin_port != 0;
}

static void finish_listener(struct conn_reader *reader, const xmlNode *node, void *object)
{
    const struct conn_listener *listener = object, *first = reader->config->listeners;
    struct error error;
    if (!listener->length)
        return;
    if (!has_port(listener)) {
        error_set(&error, EX_CONFIG, "The system will choose the port of the listener '%s'",
                  listener->address);
        error_cure(&error, "write the port, such as %.80s", "0.0.0.0:25");
        conn_complain(reader, node, true, &error);
        return;
    }
    for (const struct conn_listener *other = first; other < listener; other++)
        if (same_address(other, listener)) {
            error_set(&error, EX_CONFIG, "The listener '%s' stands twice; the first is on line %d",
                      listener->address, other->place.line);
            error_cure(&error, "take one out");
            conn_complain(reader, node, false, &error);
            return;
        }
}

static void finish_token(struct conn_reader *reader, const xmlNode *node, void *object)
{
    struct conn_token *token = object;
    if (!token->sessions)
        token->sessions = 4;
    if (!token->timeout)
        token->timeout = 5000;
    struct conn_named_list tokens =
        *CONN_NAMED("Token", reader->config->tokens, reader->config->token_count);
    tokens.exact = true;
    conn_check_unique(reader, node, &tokens);
}

/* The child of that name on a line; else the element itself. */
static const xmlNode *find_line(const xmlNode *node, const char *name, int line)
{
    for (const xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && xmlGetLineNo(child) == line &&
            strcmp((const char *)child->name, name) == 0)
            return child;
    return node;
}

static void check_chain(struct conn_reader *reader, const xmlNode *node,
                        const struct conn_certificate *certificate)
{
    char warning[384] = "";
    struct error found, error;
    const char *name = certificate->name ? certificate->name : "";
    if (pki_chain_check(certificate->chain, warning, sizeof warning, &found) < 0) {
        error_set(&error, EX_CONFIG, "The chain of certificate '%s' cannot be used: %s", name,
                  found.what);
        error_where(&error, "%s", found.where);
        error_cure(&error, "%s",
                   found.cure[0] ? found.cure
                                 : "put a PEM file there, the "
                                   "certificate first, then its issuers");
        conn_complain(reader, node, false, &error);
    } else if (warning[0]) {
        error_set(&error, EX_CONFIG, "The chain of certificate '%s': %s", name, warning);
        error_cure(&error,
                   "renew the certificate, or complete its chain, before mail depends on it");
        conn_complain(reader, node, true, &error);
    }
}

/* The same place twice would be taken for a spare that there is not. */
static void check_keys(struct conn_reader *reader, const xmlNode *node,
                       const struct conn_certificate *certificate)
{
    struct error error;
    if (certificate->key_count > CONN_KEYS_MAXIMUM) {
        error_set(&error, EX_CONFIG, "The certificate '%s' has %zu Key elements; %d are the most",
                  certificate->name ? certificate->name : "", certificate->key_count,
                  CONN_KEYS_MAXIMUM);
        error_cure(&error, "keep those that mail should depend on");
        conn_complain(reader, node, false, &error);
    }
    for (size_t i = 1; i < certificate->key_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct conn_key *one = &certificate->keys[k], *other = &certificate->keys[i];
            if (!one->uri || !other->uri || strcmp(one->uri, other->uri) != 0)
                continue;
            error_set(&error, EX_CONFIG, "The Key '%.200s' stands twice; the first is on line %d",
                      other->uri, one->place.line);
            error_cure(&error, "name another place of the same key, or take one out");
            conn_complain(reader, find_line(node, "Key", other->place.line), false, &error);
        }
}

/* Two that watch the same directory would both take what one of them is meant to. */
static void check_watch(struct conn_reader *reader, const xmlNode *node,
                        const struct conn_certificate *certificate)
{
    const struct conn_certificate *first = reader->config->certificates;
    const xmlNode *watch = conn_find_child(node, "Watch");
    struct error error;
    for (const struct conn_certificate *other = first; other < certificate; other++) {
        if (!certificate->watch || !other->watch || strcmp(certificate->watch, other->watch) != 0)
            continue;
        error_set(&error, EX_CONFIG, "The certificates '%s' and '%s' watch the same directory",
                  other->name ? other->name : "", certificate->name ? certificate->name : "");
        error_cure(&error, "give each a directory of its own");
        conn_complain(reader, watch ? watch : node, false, &error);
        return;
    }
}

static void finish_certificate(struct conn_reader *reader, const xmlNode *node, void *object)
{
    const struct conn_config *config = reader->config;
    const struct conn_certificate *certificate = object;
    const xmlNode *chain = conn_find_child(node, "Chain");
    conn_check_unique(reader, node,
                      CONN_NAMED("Certificate", config->certificates, config->certificate_count));
    check_keys(reader, node, certificate);
    check_watch(reader, node, certificate);
    if (certificate->chain && reader->look_at_files)
        check_chain(reader, chain ? chain : node, certificate);
}

static void finish_anchors(struct conn_reader *reader, const xmlNode *node, void *object)
{
    const struct conn_config *config = reader->config;
    const struct conn_anchors *anchors = object;
    struct error found, error;
    X509_STORE *store = NULL;
    conn_check_unique(reader, node,
                      CONN_NAMED("TrustAnchors", config->anchors, config->anchors_count));
    if (!anchors->path || !reader->look_at_files)
        return;
    if (pki_anchors_load(anchors->path, &store, &found) == 0) {
        X509_STORE_free(store);
        return;
    }
    error_set(&error, EX_CONFIG, "The trust anchors '%s' cannot be used: %s",
              anchors->name ? anchors->name : "", found.what);
    error_where(&error, "%s", found.where);
    error_cure(&error, "%s",
               found.cure[0] ? found.cure : "put a PEM file of CA certificates there");
    conn_complain(reader, node, false, &error);
}

static void finish_lists(struct conn_reader *reader, const xmlNode *node, void *object)
{
    const struct conn_config *config = reader->config;
    const struct conn_lists *lists = object;
    struct error found, error;
    struct pki_revocation *revocation = NULL;
    conn_check_unique(reader, node,
                      CONN_NAMED("RevocationLists", config->lists, config->lists_count));
    if (!lists->path || !reader->look_at_files)
        return;
    if (pki_revocation_open(lists->path, &revocation, &found) == 0) {
        pki_revocation_unref(revocation);
        return;
    }
    error_set(&error, EX_CONFIG, "The revocation lists '%s' cannot be used: %s",
              lists->name ? lists->name : "", found.what);
    error_where(&error, "%s", found.where);
    error_cure(&error, "%s",
               found.cure[0] ? found.cure : "put a CRL there, or a directory of them");
    conn_complain(reader, node, false, &error);
}

static void finish_credentials(struct conn_reader *reader, const xmlNode *node, void *object)
{
    const struct conn_config *config = reader->config;
    struct conn_credentials *credentials = object;
    struct error found, error;
    conn_check_unique(reader, node,
                      CONN_NAMED("Credentials", config->credentials, config->credentials_count));
    if (!credentials->path || !reader->look_at_files ||
        conn_credentials_read(credentials, &found) == 0)
        return;
    error_set(&error, EX_CONFIG, "The credentials '%s' cannot be used: %s",
              credentials->name ? credentials->name : "", found.what);
    error_where(&error, "%s", found.where);
    error_cure(&error, "%s",
               found.cure[0] ? found.cure
                             : "put a file there with a line 'name:hash' for each user");
    conn_complain(reader, node, false, &error);
}

/* `line` is of a Key, in one of the certificates. */
static const xmlNode *find_key_node(const xmlNode *gateway, int line)
{
    for (const xmlNode *child = gateway->children; child; child = child->next) {
        const xmlNode *key = find_line(child, "Key", line);
        if (key != child)
            return key;
    }
    return gateway;
}

static void tie_to_token(struct conn_reader *reader, const xmlNode *gateway,
                         const struct conn_certificate *certificate, struct conn_key *key)
{
    struct error error;
    if (!key->uri || !conn_uri_is_pkcs11(key->uri))
        return;
    key->token = conn_token_of(reader->config, key->uri);
    if (key->token)
        return;
    error_set(&error, EX_CONFIG,
              "The key of certificate '%s' lies on none of the Token elements, so it is looked for "
              "without a login",
              certificate->name ? certificate->name : "");
    error_cure(&error, "write the same token=… into the Uri of a Token and into the Key");
    conn_complain(reader, find_key_node(gateway, key->place.line), true, &error);
}

/* An address, with a port where it is not 53. The resolver has room for three. */
static int read_dns_server(struct conn_reader *reader, const struct conn_field *field,
                           const char *text, void *target, struct error *error)
{
    struct conn_binding *server = target;
    bool with_port = *text == '[' ? strchr(text, ']') && strstr(text, "]:")
                                  : strchr(text, ':') && strchr(text, ':') == strrchr(text, ':');
    bool six = *text != '[' && strchr(text, ':') && !with_port;
    char whole[100];
    snprintf(whole, sizeof whole, with_port ? "%.80s" : six ? "[%.80s]:53" : "%.80s:53", text);
    if (reader->config->dns_server_count > CONN_DNS_SERVERS_MAXIMUM) {
        error_set(error, EX_DATAERR, "ExternalDNSServers has more than %d servers",
                  CONN_DNS_SERVERS_MAXIMUM);
        return error_cure(error, "keep the nearest");
    }
    if (conn_parse_address(field->name, whole, &server->socket_address, &server->length, error) ==
        0)
        return conn_read_string(reader, field, text, &server->address, error);
    error_set(error, EX_DATAERR, "%s '%.80s' is not an IP address", field->name, text);
    return error_cure(error, "write it like 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:53");
}

static void finish_gateway(struct conn_reader *reader, const xmlNode *node, void *object)
{
    struct conn_config *config = object;
    for (size_t i = 0; i < config->certificate_count; i++)
        for (size_t k = 0; k < config->certificates[i].key_count; k++)
            tie_to_token(reader, node, &config->certificates[i], &config->certificates[i].keys[k]);
    conn_apply_gateway_rules(reader, node);
}

static const struct conn_field balancers_fields[] = {
    {"Range", CONN_MANY | CONN_REQUIRED, conn_read_range,
     CONN_LIST(conn_listener, balancers, balancer_count), .example = "<Range>10.1.0.9</Range>"},
};
static const struct conn_section balancers_section = {CONN_FIELDS(balancers_fields), CONN_NO_PLACE};

static const struct conn_field listener_fields[] = {
    {"Address", CONN_ATTRIBUTE | CONN_REQUIRED, read_listener, .example = "Address=\"0.0.0.0:25\""},
    {"ImplicitTls", CONN_ATTRIBUTE, conn_read_boolean, CONN_IN(conn_listener, implicit_tls),
     .example = "ImplicitTls=\"true\""},
    {"ProxyProtocol", 0, .section = &balancers_section},
};
static const struct conn_section listener_section = {
    CONN_FIELDS(listener_fields), offsetof(struct conn_listener, place), finish_listener};

static const struct conn_field token_fields[] = {
    {"Uri", CONN_ATTRIBUTE | CONN_REQUIRED, read_token_uri, CONN_IN(conn_token, uri),
     .example = "Uri=\"pkcs11:token=postern\""},
    {"PinSource", CONN_ATTRIBUTE, read_pin_source, CONN_IN(conn_token, pin_source),
     .example = "PinSource=\"credential:hsm-pin\""},
    {"Module", CONN_ATTRIBUTE, conn_read_path, CONN_IN(conn_token, module),
     .example = "Module=\"/usr/lib/vendor/pkcs11.so\""},
    {"Sessions", CONN_ATTRIBUTE, conn_read_number, CONN_IN(conn_token, sessions), .least = 1,
     .most = 256, .example = "Sessions=\"4\""},
    {"RequestTimeOut", CONN_ATTRIBUTE, conn_read_duration, CONN_IN(conn_token, timeout),
     .least = 100, .most = 300000, .example = "RequestTimeOut=\"00:00:05\""},
};
static const struct conn_section token_section = {CONN_FIELDS(token_fields),
                                                  offsetof(struct conn_token, place), finish_token};

static const struct conn_field key_fields[] = {
    {"Key", CONN_TEXT | CONN_REQUIRED, read_key, CONN_IN(conn_key, uri),
     .example = "<Key>pkcs11:token=postern;object=hybrid;type=private</Key>"},
};
static const struct conn_section key_section = {CONN_FIELDS(key_fields),
                                                offsetof(struct conn_key, place)};

static const struct conn_field certificate_fields[] = {
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(conn_certificate, name),
     .example = "Name=\"hybrid\""},
    {"Chain", CONN_REQUIRED, conn_read_path, CONN_IN(conn_certificate, chain),
     .example = "<Chain>certificates/hybrid.pem</Chain>"},
    {"Key", CONN_MANY | CONN_REQUIRED, .section = &key_section,
     CONN_LIST(conn_certificate, keys, key_count),
     .example = "<Key>pkcs11:token=postern;object=hybrid;type=private</Key>"},
    {"Watch", 0, conn_read_path, CONN_IN(conn_certificate, watch),
     .example = "<Watch>/var/lib/postern/incoming/hybrid</Watch>"},
};
static const struct conn_section certificate_section = {
    CONN_FIELDS(certificate_fields), offsetof(struct conn_certificate, place), finish_certificate};

static const struct conn_field anchors_fields[] = {
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(conn_anchors, name),
     .example = "Name=\"public\""},
    {"The path", CONN_TEXT | CONN_REQUIRED, conn_read_path, CONN_IN(conn_anchors, path),
     .example = "<TrustAnchors Name=\"public\">/etc/ssl/certs/ca-certificates.crt</TrustAnchors>"},
};
static const struct conn_section anchors_section = {
    CONN_FIELDS(anchors_fields), offsetof(struct conn_anchors, place), finish_anchors};

static const struct conn_field lists_fields[] = {
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(conn_lists, name),
     .example = "Name=\"public\""},
    {"The path", CONN_TEXT | CONN_REQUIRED, conn_read_path, CONN_IN(conn_lists, path),
     .example = "<RevocationLists Name=\"public\">/var/lib/postern/crls</RevocationLists>"},
};
static const struct conn_section lists_section = {CONN_FIELDS(lists_fields),
                                                  offsetof(struct conn_lists, place), finish_lists};

static const struct conn_field credentials_fields[] = {
    {"Name", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_name, CONN_IN(conn_credentials, name),
     .example = "Name=\"devices\""},
    {"The path", CONN_TEXT | CONN_REQUIRED, conn_read_path, CONN_IN(conn_credentials, path),
     .example = "<Credentials Name=\"devices\">/etc/postern/devices.users</Credentials>"},
};
static const struct conn_section credentials_section = {
    CONN_FIELDS(credentials_fields), offsetof(struct conn_credentials, place), finish_credentials};

static const struct conn_field control_fields[] = {
    {"Socket", CONN_ATTRIBUTE | CONN_REQUIRED, read_socket, CONN_IN(conn_config, control_socket),
     .example = "Socket=\"/run/postern/control.sock\""},
};
static const struct conn_section control_section = {CONN_FIELDS(control_fields), CONN_NO_PLACE};

static const struct conn_field metrics_fields[] = {
    {"Address", CONN_ATTRIBUTE | CONN_REQUIRED, read_metrics, CONN_IN(conn_config, metrics_address),
     .example = "Address=\"127.0.0.1:9625\""},
};
static const struct conn_section metrics_section = {CONN_FIELDS(metrics_fields), CONN_NO_PLACE};

static const struct conn_field queue_fields[] = {
    {"Directory", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_path,
     CONN_IN(conn_config, queue_directory), .example = "Directory=\"/var/spool/postern\""},
};
static const struct conn_section queue_section = {CONN_FIELDS(queue_fields), CONN_NO_PLACE};

static const struct conn_field state_fields[] = {
    {"Directory", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_path,
     CONN_IN(conn_config, state_directory), .example = "Directory=\"/var/lib/postern\""},
};
static const struct conn_section state_section = {CONN_FIELDS(state_fields), CONN_NO_PLACE};

static const struct conn_field accepted_domains_fields[] = {
    {"Domain", CONN_MANY | CONN_REQUIRED, conn_read_domain,
     CONN_STRINGS(conn_config, accepted_domains), .most = CONN_DOMAIN_PATTERN,
     .example = "<Domain>contoso.com</Domain>"},
};
static const struct conn_section accepted_domains_section = {CONN_FIELDS(accepted_domains_fields),
                                                             CONN_NO_PLACE};

static const struct conn_field dns_servers_fields[] = {
    {"Server", CONN_MANY | CONN_REQUIRED, read_dns_server,
     CONN_LIST(conn_config, dns_servers, dns_server_count),
     .example = "<Server>192.0.2.53</Server>"},
};
static const struct conn_section dns_servers_section = {CONN_FIELDS(dns_servers_fields),
                                                        CONN_NO_PLACE};

static const struct conn_field gateway_fields[] = {
    {"HostName", CONN_ATTRIBUTE | CONN_REQUIRED, conn_read_domain, CONN_IN(conn_config, host_name),
     .most = CONN_DOMAIN_PLAIN, .example = "HostName=\"gw.contoso.com\""},
    {"Workers", CONN_ATTRIBUTE, conn_read_number, CONN_IN(conn_config, workers), .most = 256,
     .example = "Workers=\"4\""},
    {"DrainTimeOut", CONN_ATTRIBUTE, conn_read_duration, CONN_IN(conn_config, drain_timeout),
     .most = DAY, .example = "DrainTimeOut=\"00:00:30\""},
    CONN_LIMIT_FIELDS(CONN_ATTRIBUTE, conn_config),
    {"AcceptedDomains", 0, .section = &accepted_domains_section},
    {"ExternalDNSServers", 0, .section = &dns_servers_section},
    {"Listener", CONN_MANY, .section = &listener_section,
     CONN_LIST(conn_config, listeners, listener_count)},
    {"Token", CONN_MANY, .section = &token_section, CONN_LIST(conn_config, tokens, token_count)},
    {"Certificate", CONN_MANY, .section = &certificate_section,
     CONN_LIST(conn_config, certificates, certificate_count)},
    {"TrustAnchors", CONN_MANY, .section = &anchors_section,
     CONN_LIST(conn_config, anchors, anchors_count)},
    {"RevocationLists", CONN_MANY, .section = &lists_section,
     CONN_LIST(conn_config, lists, lists_count)},
    {"Credentials", CONN_MANY, .section = &credentials_section,
     CONN_LIST(conn_config, credentials, credentials_count)},
    {"Control", 0, .section = &control_section},
    {"Metrics", 0, .section = &metrics_section},
    {"Queue", 0, .section = &queue_section},
    {"State", 0, .section = &state_section},
};
const struct conn_section conn_gateway_section = {CONN_FIELDS(gateway_fields), CONN_NO_PLACE,
                                                  finish_gateway};
