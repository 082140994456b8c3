/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See values.h: addresses, ranges of them, domains, and hosts with ports. */
#include "connectors/domain.h"
#include "connectors/values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

/* Either family into the one form; *bits (may be NULL) is where its mask begins: 96 or 0. */
static bool read_address(const char *text, struct in6_addr *ret, unsigned *bits)
{
    struct in_addr four;
    if (inet_pton(AF_INET6, text, ret) == 1) {
        if (bits)
            *bits = 0;
        return true;
    }
    if (inet_pton(AF_INET, text, &four) != 1)
        return false;
    *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret->s6_addr + 12, &four, sizeof four);
    if (bits)
        *bits = 96;
    return true;
}

static int fail_range(const char *label, const char *text, const char *reason, struct error *error)
{
    error_set(error, EX_DATAERR, "%s '%.100s' is not a range of addresses: %s", label, text,
              reason);
    return error_cure(error, "write an address (10.1.0.5), a network (10.20.0.0/16), or the first "
                             "and last address (10.1.0.5-10.1.0.9); IPv6 likewise");
}

/* Sets every bit from `prefix` on in range->last; false when range->first has one of them. */
static bool apply_mask(struct conn_range *range, unsigned prefix)
{
    for (unsigned bit = prefix; bit < 128; bit++) {
        unsigned char mask = (unsigned char)(0x80 >> (bit % 8));
        if (range->first.s6_addr[bit / 8] & mask)
            return false;
        range->last.s6_addr[bit / 8] |= mask;
    }
    return true;
}

static int read_network(const char *label, const char *text, char *slash, struct conn_range *ret,
                        struct error *error)
{
    struct conn_range range;
    unsigned base;
    uint64_t prefix;
    struct error ignored;
    *slash = '\0';
    bool known = read_address(text, &range.first, &base);
    *slash = '/';
    if (!known)
        return fail_range(label, text, "what stands before the / is no address", error);
    if (conn_parse_number(label, slash + 1, &prefix, &ignored) < 0 || prefix > 128 - base)
        return fail_range(label, text,
                          base ? "the mask of an IPv4 network is a number from 0 to 32"
                               : "the mask of an IPv6 network is a number from 0 to 128",
                          error);
    range.last = range.first;
    if (!apply_mask(&range, base + (unsigned)prefix))
        return fail_range(label, text,
                          "the address has bits set behind the mask, so one of the two is wrong",
                          error);
    *ret = range;
    return 0;
}

static char *trim(char *text)
{
    text += strspn(text, " ");
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ')
        text[--length] = '\0';
    return text;
}

static int read_ends(const char *label, const char *text, char *copy, char *dash,
                     struct conn_range *ret, struct error *error)
{
    struct conn_range range;
    unsigned first_bits, last_bits;
    *dash = '\0';
    if (!read_address(trim(copy), &range.first, &first_bits) ||
        !read_address(trim(dash + 1), &range.last, &last_bits))
        return fail_range(label, text, "one of the two is no address", error);
    if (first_bits != last_bits)
        return fail_range(label, text, "one end is IPv4 and the other IPv6", error);
    if (memcmp(&range.first, &range.last, sizeof range.first) > 0)
        return fail_range(label, text, "the first address comes after the last", error);
    *ret = range;
    return 0;
}

int conn_parse_range(const char *label, const char *text, struct conn_range *ret,
                     struct error *error)
{
    char copy[128];
    if (strlen(text) >= sizeof copy)
        return fail_range(label, text, "it is too long", error);
    strcpy(copy, text);
    char *slash = strchr(copy, '/'), *dash = strchr(copy, '-');
    if (slash)
        return read_network(label, copy, slash, ret, error);
    if (dash)
        return read_ends(label, text, copy, dash, ret, error);
    struct conn_range range;
    if (!read_address(copy, &range.first, NULL))
        return fail_range(label, text, "it is no address", error);
    range.last = range.first;
    *ret = range;
    return 0;
}

/* NULL when the text is a domain name of RFC 1123 (with '_' let through, which some hosts have),
 * else what is wrong with it. */
static const char *find_domain_fault(const char *text)
{
    size_t label = 0, length = strlen(text);
    bool letter = false;
    if (!length || length > CONN_DOMAIN_MAXIMUM)
        return length ? "it is longer than 253 characters" : "it is empty";
    for (const char *at = text;; at++) {
        if (*at == '.' || !*at) {
            if (!label || label > 63 || at[-1] == '-')
                return "a part between its dots is empty, longer than 63 characters, or ends in -";
            if (!*at)
                return letter ? NULL : "its last part is a number, and it is no address";
            label = 0;
            letter = false;
            continue;
        }
        if ((unsigned char)*at >= 0x80)
            return "an international name stands here in its ASCII form (xn--…) alone";
        if (!isalnum((unsigned char)*at) && *at != '_' && (*at != '-' || !label))
            return "it holds a character that a domain cannot have";
        letter = letter || !isdigit((unsigned char)*at);
        label++;
    }
}

/* Why a pattern is none; what follows "*." must be a domain. */
static const char *find_pattern_fault(const char *text, bool pattern, bool any)
{
    if (strcmp(text, "*") == 0)
        return any ? NULL : "* alone cannot stand here";
    if (strncmp(text, "*.", 2) == 0)
        return pattern ? find_domain_fault(text + 2) : "it cannot have a * here";
    if (strchr(text, '*'))
        return "a * can stand only for the whole beginning, as in *.contoso.com";
    return find_domain_fault(text);
}

static char *copy_lower(const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static int fail_memory(struct error *error)
{
    return error_set(error, EX_OSERR, "there is no memory left");
}

int conn_parse_domain(const char *label, const char *text, bool pattern, bool any, char **ret,
                      struct error *error)
{
    char room[CONN_DOMAIN_ROOM];
    const char *ascii = conn_domain_ascii(text, room);
    const char *fault = ascii ? find_pattern_fault(ascii, pattern, any)
                              : "it is no international name that has an ASCII form";
    if (fault) {
        error_set(error, EX_DATAERR, "%s '%.200s' is not a domain: %s", label, text, fault);
        if (strncmp(text, "smtp:", 5) == 0 || strchr(text, ';'))
            return error_cure(error, "write the domain alone, without Exchange's smtp: and ;cost");
        return error_cure(error, "write it like contoso.com%s%s",
                          pattern ? " or *.contoso.com" : "", any ? ", or * for all" : "");
    }
    char *domain = copy_lower(ascii);
    if (!domain)
        return fail_memory(error);
    *ret = domain;
    return 0;
}

/* Splits "host:port" or "[address]:port" in place; *port is NULL when there is none. */
static bool split_port(char *text, char **host, char **port)
{
    *host = text;
    *port = NULL;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        *host = text + 1;
        *port = end[1] ? end + 2 : NULL;
        *end = '\0';
        return true;
    }
    char *colon = strchr(text, ':');
    if (colon && !strchr(colon + 1, ':')) { /* more than one: IPv6 without brackets and port */
        *colon = '\0';
        *port = colon + 1;
    }
    return true;
}

static bool read_port(const char *text, bool zero, uint16_t *ret)
{
    uint64_t value = 25;
    struct error ignored;
    if (text && (conn_parse_number("", text, &value, &ignored) < 0 || value > 65535))
        return false;
    if (!value && !zero)
        return false;
    *ret = (uint16_t)value;
    return true;
}

static int fail_host(const char *label, const char *text, const char *reason, struct error *error)
{
    error_set(error, EX_DATAERR, "%s '%.200s' is not a host: %s", label, text, reason);
    return error_cure(error, "write mail.contoso.com, mail.contoso.com:25, 10.1.0.5:25 or "
                             "[2001:db8::5]:25");
}

int conn_parse_host(const char *label, const char *text, struct conn_host *ret, struct error *error)
{
    char copy[300], *name, *port;
    uint16_t number;
    struct in6_addr address;
    if (strlen(text) >= sizeof copy)
        return fail_host(label, text, "it is too long", error);
    strcpy(copy, text);
    if (!split_port(copy, &name, &port))
        return fail_host(label, text, "its brackets do not hold an address", error);
    if (!read_port(port, false, &number))
        return fail_host(label, text, "a port is a number from 1 to 65535", error);
    bool literal = read_address(name, &address, NULL);
    if (*text == '[' && !literal)
        return fail_host(label, text, "its brackets do not hold an address", error);
    const char *fault = literal ? NULL : find_domain_fault(name);
    if (fault)
        return fail_host(label, text, fault, error);
    char *lower = copy_lower(name);
    if (!lower)
        return fail_memory(error);
    *ret = (struct conn_host){.name = lower, .port = number};
    return 0;
}

static int fail_address(const char *label, const char *text, struct error *error)
{
    error_set(error, EX_DATAERR, "%s '%.100s' is not an address with a port", label, text);
    return error_cure(error, "write 0.0.0.0:25 for every IPv4 address of this machine, [::]:25 for "
                             "IPv6, or one address with its port");
}

int conn_parse_address(const char *label, const char *text, struct sockaddr_storage *ret,
                       socklen_t *ret_length, struct error *error)
{
    char copy[128], *host, *port;
    uint16_t number;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (strlen(text) >= sizeof copy)
        return fail_address(label, text, error);
    strcpy(copy, text);
    if (!split_port(copy, &host, &port) || !read_port(port, true, &number))
        return fail_address(label, text, error);
    four.sin_port = six.sin6_port = htons(number);
    bool is_four = inet_pton(AF_INET, host, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
        return fail_address(label, text, error);
    *ret = (struct sockaddr_storage){0};
    *ret_length = is_four ? sizeof four : sizeof six;
    memcpy(ret, is_four ? (void *)&four : (void *)&six, *ret_length);
    return 0;
}
