/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See dns.h. Each question has a resolver state of its own on the stack; an answer has at most 64
 * KB (TCP's own bound) and is walked by the C library's parser, which looks at every length. */
#include "gateway/net/dns.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    ANSWER_MAXIMUM = 65535,
    SECONDS_LEAST = 30,
    SECONDS_MOST = 3600,
    TRY_SECONDS = 3, /* for the first answer; the resolver doubles it for the second try */
    TRIES = 2
};

struct answer {
    unsigned char *bytes;
    ns_msg message;
    unsigned seconds; /* the least of all records that were used */
};

bool dns_name_is_host(const char *name)
{
    size_t length = 0;
    for (; name[length]; length++)
        if (!isalnum((unsigned char)name[length]) && !strchr("-_.", name[length]))
            return false;
    return length > 0 && length < DNS_NAME_MAXIMUM - 1 && name[0] != '.';
}

/* --- asking --- */

/* The library keeps IPv4 servers in nsaddr_list, and others beside it where that has no family. */
static void set_servers(struct __res_state *state, const struct dns_servers *servers)
{
    if (!servers->count)
        return;
    for (unsigned i = 0; i < MAXNS; i++) {
        free(state->_u._ext.nsaddrs[i]);
        state->_u._ext.nsaddrs[i] = NULL;
        state->_u._ext.nssocks[i] = -1;
    }
    state->nscount = (int)servers->count;
    state->_u._ext.nscount = 0;
    for (unsigned i = 0; i < servers->count; i++) {
        memset(&state->nsaddr_list[i], 0, sizeof state->nsaddr_list[i]);
        if (servers->addresses[i].four.sin_family == AF_INET) {
            state->nsaddr_list[i] = servers->addresses[i].four;
            continue;
        }
        state->_u._ext.nsaddrs[i] = malloc(sizeof servers->addresses[i].six);
        if (state->_u._ext.nsaddrs[i])
            *state->_u._ext.nsaddrs[i] = servers->addresses[i].six;
    }
}

static enum dns_outcome explain(const char *name, const char *type, int reason, struct error *error)
{
    if (reason == HOST_NOT_FOUND) {
        error_set(error, EX_UNAVAILABLE, "There is no domain %s in the DNS", name);
        error_cure(error, "look at how the address is written: host -t %s %s", type, name);
        return DNS_NO_DOMAIN;
    }
    if (reason == NO_DATA) {
        error_set(error, EX_UNAVAILABLE, "%s has no %s record in the DNS", name, type);
        error_cure(error, "ask whoever keeps the domain: host -t %s %s", type, name);
        return DNS_UNUSABLE;
    }
    error_set(error, EX_TEMPFAIL,
              "The DNS did not say what %s record %s has: no answer in time, or "
              "the server failed",
              type, name);
    error_cure(error,
               "ask from this machine: host -t %s %s; see ExternalDNSServers of postern.xml, "
               "or /etc/resolv.conf",
               type, name);
    return DNS_TEMPORARY;
}

static enum dns_outcome fail_memory(struct error *error)
{
    error_set(error, EX_OSERR, "Out of memory");
    return DNS_TEMPORARY;
}

/* On success the answer's bytes are the caller's to free. */
static enum dns_outcome ask(const struct dns_servers *servers, const char *name, ns_type type,
                            const char *type_name, struct answer *ret, struct error *error)
{
    struct __res_state state = {0};
    unsigned char *bytes = malloc(ANSWER_MAXIMUM);
    if (!bytes)
        return fail_memory(error);
    if (res_ninit(&state) < 0) {
        free(bytes);
        return explain(name, type_name, TRY_AGAIN, error);
    }
    state.retrans = TRY_SECONDS;
    state.retry = TRIES;
    set_servers(&state, servers);
    int length = res_nquery(&state, name, ns_c_in, type, bytes, ANSWER_MAXIMUM);
    int reason = state.res_h_errno;
    res_nclose(&state);
    *ret = (struct answer){.bytes = bytes, .seconds = SECONDS_MOST};
    if (length > 0 && length <= ANSWER_MAXIMUM && ns_initparse(bytes, length, &ret->message) == 0)
        return DNS_FOUND;
    free(bytes);
    ret->bytes = NULL;
    return explain(name, type_name, length < 0 ? reason : TRY_AGAIN, error);
}

/* The record of that number in the answer section; false at the end, or where it makes no sense. */
static bool read_record(struct answer *answer, int number, ns_rr *ret)
{
    return number < ns_msg_count(answer->message, ns_s_an) &&
           ns_parserr(&answer->message, ns_s_an, number, ret) == 0;
}

static void count_seconds(struct answer *answer, const ns_rr *record)
{
    if (ns_rr_ttl(*record) < answer->seconds)
        answer->seconds = ns_rr_ttl(*record);
}

static unsigned clamp(unsigned seconds)
{
    return seconds < SECONDS_LEAST  ? SECONDS_LEAST
           : seconds > SECONDS_MOST ? SECONDS_MOST
                                    : seconds;
}

/* --- mail hosts --- */

static bool read_mail_host(struct answer *answer, const ns_rr *record, struct dns_mail_host *ret)
{
    const unsigned char *data = ns_rr_rdata(*record);
    const unsigned char *begin = ns_msg_base(answer->message), *end = ns_msg_end(answer->message);
    if (ns_rr_type(*record) != ns_t_mx || ns_rr_rdlen(*record) < 3 ||
        dn_expand(begin, end, data + 2, ret->name, sizeof ret->name) < 0)
        return false;
    ret->preference = (uint16_t)(data[0] << 8 | data[1]);
    for (char *at = ret->name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return true;
}

static void insert_host(struct dns_route *route, const struct dns_mail_host *host)
{
    unsigned at = route->count;
    while (at > 0 && route->hosts[at - 1].preference > host->preference)
        at--;
    if (at == DNS_HOSTS_MAXIMUM)
        return;
    unsigned moved = route->count < DNS_HOSTS_MAXIMUM ? route->count - at : route->count - at - 1;
    memmove(&route->hosts[at + 1], &route->hosts[at], moved * sizeof *route->hosts);
    route->hosts[at] = *host;
    if (route->count < DNS_HOSTS_MAXIMUM)
        route->count++;
}

/* Our own name and what is no better. */
static bool cut_at_ourselves(struct dns_route *route, const char *own)
{
    unsigned at = 0;
    while (at < route->count && strcmp(route->hosts[at].name, own) != 0)
        at++;
    if (at == route->count)
        return false;
    while (at > 0 && route->hosts[at - 1].preference == route->hosts[at].preference)
        at--;
    route->count = at;
    return true;
}

static void be_implicit(const char *domain, struct dns_route *ret)
{
    ret->implicit = true;
    ret->count = 1;
    ret->hosts[0].preference = 0;
    strcpy(ret->hosts[0].name, domain);
}

static enum dns_outcome fail_null(const char *domain, struct error *error)
{
    error_set(error, EX_UNAVAILABLE, "%s takes no mail: its MX record says so (RFC 7505)", domain);
    error_cure(error, "write to another address");
    return DNS_NULL_MX;
}

static enum dns_outcome fail_unusable(const char *domain, bool ourselves, struct error *error)
{
    if (ourselves) {
        error_set(error, EX_UNAVAILABLE,
                  "The MX records of %s name this gateway first: its mail would come back", domain);
        error_cure(error, "give the domain a connector with SmartHosts");
    } else {
        error_set(error, EX_UNAVAILABLE, "No MX record of %s names a host", domain);
        error_cure(error, "ask whoever keeps the domain: host -t MX %s", domain);
    }
    return DNS_UNUSABLE;
}

static enum dns_outcome judge_route(const char *domain, const char *own, bool null, unsigned seen,
                                    struct dns_route *route, struct error *error)
{
    if (null && seen == 1)
        return fail_null(domain, error);
    if (!seen) { /* nothing but an alias that leads to no MX */
        be_implicit(domain, route);
        return DNS_FOUND;
    }
    bool ourselves = cut_at_ourselves(route, own);
    return route->count ? DNS_FOUND : fail_unusable(domain, ourselves, error);
}

static enum dns_outcome read_route(struct answer *answer, const char *domain, const char *own,
                                   struct dns_route *route, struct error *error)
{
    unsigned seen = 0;
    bool null = false;
    ns_rr record;
    for (int i = 0; read_record(answer, i, &record); i++) {
        struct dns_mail_host host;
        if (!read_mail_host(answer, &record, &host))
            continue;
        seen++;
        count_seconds(answer, &record);
        null = null || !*host.name || strcmp(host.name, ".") == 0;
        if (dns_name_is_host(host.name))
            insert_host(route, &host);
    }
    return judge_route(domain, own, null, seen, route, error);
}

enum dns_outcome dns_mail_hosts(const struct dns_servers *servers, const char *domain,
                                const char *own, struct dns_route *ret, unsigned *ret_seconds,
                                struct error *error)
{
    struct answer answer;
    struct dns_route route = {0};
    if (!dns_name_is_host(domain)) {
        error_set(error, EX_UNAVAILABLE, "%.200s is no domain that has MX records", domain);
        error_cure(error, "write to an address with a domain");
        return DNS_NO_DOMAIN;
    }
    enum dns_outcome outcome = ask(servers, domain, ns_t_mx, "MX", &answer, error);
    if (outcome == DNS_UNUSABLE) { /* the domain is there, and has no MX */
        be_implicit(domain, ret);
        *ret_seconds = SECONDS_LEAST;
        return DNS_FOUND;
    }
    if (outcome != DNS_FOUND)
        return outcome;
    outcome = read_route(&answer, domain, own, &route, error);
    free(answer.bytes);
    if (outcome == DNS_FOUND) {
        *ret = route;
        *ret_seconds = clamp(answer.seconds);
    }
    return outcome;
}

void dns_shuffle(struct dns_route *route)
{
    uint32_t random[DNS_HOSTS_MAXIMUM] = {0};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0)
        return; /* the order of the answer is an order too */
    for (unsigned i = 1; i < route->count; i++) {
        unsigned first = i;
        while (first > 0 && route->hosts[first - 1].preference == route->hosts[i].preference)
            first--;
        unsigned other = first + random[i] % (i - first + 1);
        struct dns_mail_host host = route->hosts[i];
        route->hosts[i] = route->hosts[other];
        route->hosts[other] = host;
    }
}

/* --- addresses --- */

static bool read_address(const ns_rr *record, struct sockaddr_storage *ret)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    memset(ret, 0, sizeof *ret);
    if (ns_rr_type(*record) == ns_t_a && ns_rr_rdlen(*record) == sizeof four.sin_addr) {
        memcpy(&four.sin_addr, ns_rr_rdata(*record), sizeof four.sin_addr);
        memcpy(ret, &four, sizeof four);
        return true;
    }
    if (ns_rr_type(*record) != ns_t_aaaa || ns_rr_rdlen(*record) != sizeof six.sin6_addr)
        return false;
    memcpy(&six.sin6_addr, ns_rr_rdata(*record), sizeof six.sin6_addr);
    memcpy(ret, &six, sizeof six);
    return true;
}

/* Appends to `ret`, up to `room` in all. */
static enum dns_outcome ask_addresses(const struct dns_servers *servers, const char *name,
                                      bool alias, ns_type type, struct sockaddr_storage *ret,
                                      unsigned room, unsigned *count, unsigned *seconds,
                                      struct error *error)
{
    struct answer answer;
    ns_rr record;
    bool is_alias = false;
    unsigned before = *count;
    const char *type_name = type == ns_t_a ? "A" : "AAAA";
    enum dns_outcome outcome = ask(servers, name, type, type_name, &answer, error);
    if (outcome != DNS_FOUND)
        return outcome;
    for (int i = 0; *count < room && read_record(&answer, i, &record); i++) {
        is_alias = is_alias || ns_rr_type(record) == ns_t_cname;
        if (read_address(&record, &ret[*count])) {
            count_seconds(&answer, &record);
            ++*count;
        }
    }
    if (answer.seconds < *seconds)
        *seconds = answer.seconds;
    free(answer.bytes);
    if (is_alias && !alias) {
        *count = before;
        error_set(error, EX_UNAVAILABLE, "%s is an alias, and an MX record may not name one", name);
        error_cure(error, "whoever keeps the domain has to name the host itself (RFC 2181 10.3)");
        return DNS_UNUSABLE;
    }
    return *count > before ? DNS_FOUND : explain(name, type_name, NO_DATA, error);
}

enum dns_outcome dns_addresses(const struct dns_servers *servers, const char *name, bool alias,
                               struct sockaddr_storage *ret, unsigned room, unsigned *ret_count,
                               unsigned *ret_seconds, struct error *error)
{
    unsigned count = 0, seconds = SECONDS_MOST;
    struct error first;
    enum dns_outcome six =
        ask_addresses(servers, name, alias, ns_t_aaaa, ret, room / 2, &count, &seconds, &first);
    enum dns_outcome four = six == DNS_NO_DOMAIN ? six
                                                 : ask_addresses(servers, name, alias, ns_t_a, ret,
                                                                 room, &count, &seconds, error);
    if (count) {
        *ret_count = count;
        *ret_seconds = clamp(seconds);
        return DNS_FOUND;
    }
    if (six == DNS_TEMPORARY || six == DNS_NO_DOMAIN) {
        *error = first;
        return six;
    }
    return four;
}
