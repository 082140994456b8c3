/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See command.h. */
#include "gateway/smtp/parameters.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- verbs --- */

#define VERB(word, verb)                                                                           \
    {                                                                                              \
        word, sizeof word - 1, verb                                                                \
    }
static const struct {
    const char *word;
    size_t length;
    enum smtp_verb verb;
} verbs[] = {
    VERB("EHLO", SMTP_EHLO),           VERB("HELO", SMTP_HELO),     VERB("MAIL", SMTP_MAIL),
    VERB("RCPT", SMTP_RCPT),           VERB("DATA", SMTP_DATA),     VERB("RSET", SMTP_RSET),
    VERB("NOOP", SMTP_NOOP),           VERB("QUIT", SMTP_QUIT),     VERB("VRFY", SMTP_VRFY),
    VERB("HELP", SMTP_HELP),           VERB("BDAT", SMTP_BDAT),     VERB("AUTH", SMTP_AUTH),
    VERB("STARTTLS", SMTP_STARTTLS),   VERB("GET", SMTP_FOREIGN),   VERB("POST", SMTP_FOREIGN),
    VERB("PUT", SMTP_FOREIGN),         VERB("HEAD", SMTP_FOREIGN),  VERB("CONNECT", SMTP_FOREIGN),
    VERB("OPTIONS", SMTP_FOREIGN),     VERB("PRI", SMTP_FOREIGN),   VERB("HOST:", SMTP_FOREIGN),
    VERB("USER-AGENT:", SMTP_FOREIGN), VERB("PROXY", SMTP_FOREIGN),
};

enum smtp_verb smtp_verb(const char *line, size_t length, const char **arguments,
                         size_t *arguments_length)
{
    const char *space = length ? memchr(line, ' ', length) : NULL;
    size_t word = space ? (size_t)(space - line) : length, at = word;
    while (at < length && line[at] == ' ')
        at++;
    while (length > at && line[length - 1] == ' ')
        length--;
    *arguments = line + at;
    *arguments_length = length - at;
    if (word > 4 && strncasecmp(line, "SSH-", 4) == 0)
        return SMTP_FOREIGN; /* the version stands in the same word */
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].length == word && strncasecmp(line, verbs[i].word, word) == 0)
            return verbs[i].verb;
    return SMTP_UNKNOWN;
}

/* --- characters --- */

static bool is_atext(char byte)
{
    return isalnum((unsigned char)byte) || (byte && strchr("!#$%&'*+-/=?^_`{|}~", byte));
}

static bool is_graphic(char byte)
{
    return byte > 0x20 && byte < 0x7f;
}

bool smtp_hello_is_valid(const char *text, size_t length)
{
    if (!length || length > SMTP_DOMAIN_MAXIMUM)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_graphic(text[i]) || strchr("()<>@,;\\\"", text[i]))
            return false;
    return true;
}

/* --- addresses --- */

/* A cursor over the arguments; `end` is not read. */
struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *cursor, char byte)
{
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* RFC 3629: the length of the character that begins here, 0 when it is none. Overlong forms,
 * surrogates and the controls of ISO 6429 that lie past ASCII are none. */
static size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    size_t length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || (size_t)(end - at) < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    if ((byte[0] == 0xc2 && byte[1] < 0xa0) || (byte[0] == 0xe0 && byte[1] < 0xa0) ||
        (byte[0] == 0xed && byte[1] > 0x9f) || (byte[0] == 0xf0 && byte[1] < 0x90) ||
        (byte[0] == 0xf4 && byte[1] > 0x8f))
        return 0;
    return length;
}

/* Past one character beyond ASCII, if one stands there. */
static bool skip_utf8(struct cursor *cursor)
{
    size_t length = cursor->at < cursor->end ? utf8_length(cursor->at, cursor->end) : 0;
    cursor->at += length;
    return length > 0;
}

static bool take_atext(struct cursor *cursor)
{
    if (cursor->at == cursor->end || !(is_atext(*cursor->at) || *cursor->at == '.'))
        return false;
    cursor->at++;
    return true;
}

/* "local" or "quo ted", up to the '@' or the end of the path. */
static bool skip_local_part(struct cursor *cursor)
{
    const char *start = cursor->at;
    if (take(cursor, '"')) {
        while (cursor->at < cursor->end && *cursor->at != '"') {
            if (skip_utf8(cursor))
                continue;
            if (*cursor->at == '\\')
                cursor->at++;
            if (cursor->at == cursor->end || *cursor->at < 0x20 || *cursor->at >= 0x7f)
                return false;
            cursor->at++;
        }
        return take(cursor, '"') && cursor->at - start <= 64;
    }
    while (take_atext(cursor) || skip_utf8(cursor))
        ;
    return cursor->at > start && cursor->at - start <= 64;
}

static bool is_label_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '_';
}

static bool is_label(const char *start, const char *end)
{
    return end > start && end - start <= 63 && *start != '-' && end[-1] != '-';
}

/* RFC 5321 4.1.3: "[192.0.2.1]" or "[IPv6:2001:db8::1]"; other tags are nobody's. */
static bool is_address_literal(const char *text, size_t length)
{
    static const char tag[] = "IPv6:";
    char address[INET6_ADDRSTRLEN + 1];
    struct in6_addr number;
    bool six = length > sizeof tag - 1 && strncasecmp(text, tag, sizeof tag - 1) == 0;
    size_t skip = six ? sizeof tag - 1 : 0;
    if (length - skip >= sizeof address)
        return false;
    memcpy(address, text + skip, length - skip);
    address[length - skip] = '\0';
    return inet_pton(six ? AF_INET6 : AF_INET, address, &number) == 1;
}

/* A domain of labels that are not empty and neither begin nor end with a hyphen, or an address
 * literal in brackets. */
static bool skip_domain(struct cursor *cursor)
{
    const char *start = cursor->at;
    if (take(cursor, '[')) {
        while (cursor->at < cursor->end &&
               (isalnum((unsigned char)*cursor->at) || (*cursor->at && strchr(".:-", *cursor->at))))
            cursor->at++;
        return take(cursor, ']') && is_address_literal(start + 1, (size_t)(cursor->at - start) - 2);
    }
    const char *label = start;
    while (cursor->at < cursor->end) {
        if (skip_utf8(cursor))
            continue;
        if (*cursor->at == '.' && is_label(label, cursor->at))
            label = cursor->at + 1;
        else if (!is_label_byte(*cursor->at))
            break;
        cursor->at++;
    }
    return is_label(label, cursor->at) && cursor->at - start <= SMTP_DOMAIN_MAXIMUM;
}

/* "@one,@two:" in front of an address: accepted and dropped (RFC 5321 appendix C). */
static bool skip_source_route(struct cursor *cursor)
{
    if (!take(cursor, '@'))
        return true;
    while (skip_domain(cursor)) {
        if (take(cursor, ':'))
            return true;
        if (!take(cursor, ',') || !take(cursor, '@'))
            return false;
    }
    return false;
}

static void copy_lower(char *to, const char *from, const char *end)
{
    for (; from < end; from++)
        *to++ = (char)tolower((unsigned char)*from);
    *to = '\0';
}

/* What stands between the brackets. A recipient may have no domain only as "postmaster". */
static bool parse_address(struct cursor *cursor, struct smtp_path *ret)
{
    if (!skip_source_route(cursor))
        return false;
    const char *start = cursor->at, *domain;
    if (!skip_local_part(cursor))
        return false;
    ret->domain[0] = '\0';
    if (take(cursor, '@')) {
        domain = cursor->at;
        if (!skip_domain(cursor))
            return false;
        copy_lower(ret->domain, domain, cursor->at);
    }
    if (cursor->at - start > SMTP_PATH_MAXIMUM)
        return false;
    memcpy(ret->address, start, (size_t)(cursor->at - start));
    ret->address[cursor->at - start] = '\0';
    for (const char *at = start; at < cursor->at; at++)
        ret->utf8 |= (unsigned char)*at >= 0x80;
    return ret->domain[0] || strcasecmp(ret->address, "postmaster") == 0;
}

/* "FROM:" or "TO:", then "<path>"; spaces after the colon are borne. */
static enum smtp_syntax parse_path(struct cursor *cursor, const char *keyword, bool may_be_empty,
                                   struct smtp_path *ret)
{
    size_t length = strlen(keyword);
    if ((size_t)(cursor->end - cursor->at) < length ||
        strncasecmp(cursor->at, keyword, length) != 0)
        return SMTP_SYNTAX_WRONG;
    cursor->at += length;
    while (take(cursor, ' '))
        ;
    if (!take(cursor, '<'))
        return SMTP_SYNTAX_WRONG;
    *ret = (struct smtp_path){0};
    if (may_be_empty && take(cursor, '>'))
        return SMTP_SYNTAX_OK;
    if (!parse_address(cursor, ret) || !take(cursor, '>'))
        return SMTP_SYNTAX_ADDRESS;
    return SMTP_SYNTAX_OK;
}

/* --- parameters --- */

typedef enum smtp_syntax take_parameter(const char *text, size_t length, void *context);

/* Each parameter is one run of graphic characters behind at least one space. */
static enum smtp_syntax parse_parameters(struct cursor *cursor, take_parameter *take_one,
                                         void *context)
{
    while (cursor->at < cursor->end) {
        if (!take(cursor, ' '))
            return SMTP_SYNTAX_WRONG;
        while (take(cursor, ' '))
            ;
        const char *start = cursor->at;
        while (cursor->at < cursor->end && is_graphic(*cursor->at))
            cursor->at++;
        if (cursor->at == start)
            return SMTP_SYNTAX_WRONG;
        enum smtp_syntax result = take_one(start, (size_t)(cursor->at - start), context);
        if (result != SMTP_SYNTAX_OK)
            return result;
    }
    return SMTP_SYNTAX_OK;
}

static enum smtp_syntax take_mail_parameter(const char *text, size_t length, void *context)
{
    return smtp_mail_parameter(text, length, context);
}

static enum smtp_syntax take_rcpt_parameter(const char *text, size_t length, void *context)
{
    return smtp_rcpt_parameter(text, length, context);
}

enum smtp_syntax smtp_parse_mail(const char *arguments, size_t length, struct smtp_mail *ret)
{
    struct cursor cursor = {arguments, arguments + length};
    *ret = (struct smtp_mail){0};
    enum smtp_syntax result = parse_path(&cursor, "FROM:", true, &ret->path);
    return result == SMTP_SYNTAX_OK ? parse_parameters(&cursor, take_mail_parameter, ret) : result;
}

enum smtp_syntax smtp_parse_recipient(const char *arguments, size_t length,
                                      struct smtp_recipient *ret)
{
    struct cursor cursor = {arguments, arguments + length};
    *ret = (struct smtp_recipient){0};
    enum smtp_syntax result = parse_path(&cursor, "TO:", false, &ret->path);
    return result == SMTP_SYNTAX_OK ? parse_parameters(&cursor, take_rcpt_parameter, ret) : result;
}

enum smtp_syntax smtp_parse_rcpt(const char *arguments, size_t length, struct smtp_path *ret)
{
    struct smtp_recipient recipient;
    enum smtp_syntax result = smtp_parse_recipient(arguments, length, &recipient);
    if (result == SMTP_SYNTAX_OK && recipient.given)
        result = SMTP_SYNTAX_PARAMETER;
    if (result == SMTP_SYNTAX_OK && recipient.path.utf8)
        result = SMTP_SYNTAX_ADDRESS;
    if (result == SMTP_SYNTAX_OK)
        *ret = recipient.path;
    return result;
}
