/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See parameters.h. */
#include "gateway/smtp/parameters.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct value {
    const char *text; /* NULL: no "=" came */
    size_t length;
};

bool smtp_parse_number(const char *text, size_t length, uint64_t *ret)
{
    uint64_t value = 0;
    if (!length || length > 20)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *ret = value;
    return true;
}

static bool is_word(struct value value, const char *word)
{
    return value.text && strlen(word) == value.length &&
           strncasecmp(value.text, word, value.length) == 0;
}

static void copy_value(char *to, struct value value)
{
    memcpy(to, value.text, value.length);
    to[value.length] = '\0';
}

/* --- xtext --- */

/* RFC 3461 4: hexchar = "+" and two upper-case digits. -1: it is none. */
static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

bool smtp_xtext_is_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '=')
            return false;
        if (text[i] != '+')
            continue;
        if (length - i < 3)
            return false;
        int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
        if (high < 2 || low < 0 || high * 16 + low > 0x7e)
            return false; /* a control character, or past ASCII */
        i += 2;
    }
    return true;
}

/* --- MAIL --- */

static enum smtp_syntax take_size(struct value value, struct smtp_mail *mail)
{
    if (!value.text || !smtp_parse_number(value.text, value.length, &mail->size))
        return SMTP_SYNTAX_WRONG;
    mail->has_size = true;
    return SMTP_SYNTAX_OK;
}

static enum smtp_syntax take_body(struct value value, struct smtp_mail *mail)
{
    if (is_word(value, "7BIT"))
        mail->body = SMTP_BODY_7BIT;
    else if (is_word(value, "8BITMIME"))
        mail->body = SMTP_BODY_8BITMIME;
    else if (is_word(value, "BINARYMIME"))
        mail->body = SMTP_BODY_BINARYMIME;
    else
        return SMTP_SYNTAX_PARAMETER;
    return SMTP_SYNTAX_OK;
}

static enum smtp_syntax take_ret(struct value value, struct smtp_mail *mail)
{
    mail->ret_full = is_word(value, "FULL");
    return mail->ret_full || is_word(value, "HDRS") ? SMTP_SYNTAX_OK : SMTP_SYNTAX_WRONG;
}

static enum smtp_syntax take_envid(struct value value, struct smtp_mail *mail)
{
    if (!value.text || !value.length || value.length > SMTP_ENVID_MAXIMUM ||
        !smtp_xtext_is_valid(value.text, value.length))
        return SMTP_SYNTAX_WRONG;
    copy_value(mail->envid, value);
    return SMTP_SYNTAX_OK;
}

static enum smtp_syntax take_flag(struct value value, struct smtp_mail *mail)
{
    (void)mail;
    return value.text ? SMTP_SYNTAX_WRONG : SMTP_SYNTAX_OK;
}

/* A domain; Exchange writes no other. */
static enum smtp_syntax take_xoorg(struct value value, struct smtp_mail *mail)
{
    if (!value.text || !value.length || value.length > SMTP_DOMAIN_MAXIMUM)
        return SMTP_SYNTAX_WRONG;
    for (size_t i = 0; i < value.length; i++)
        if (!isalnum((unsigned char)value.text[i]) && !strchr("-._", value.text[i]))
            return SMTP_SYNTAX_WRONG;
    copy_value(mail->xoorg, value);
    return SMTP_SYNTAX_OK;
}

/* --- RCPT --- */

static unsigned notify_bit(struct value value)
{
    return is_word(value, "NEVER")     ? SMTP_NOTIFY_NEVER
           : is_word(value, "SUCCESS") ? SMTP_NOTIFY_SUCCESS
           : is_word(value, "FAILURE") ? SMTP_NOTIFY_FAILURE
           : is_word(value, "DELAY")   ? SMTP_NOTIFY_DELAY
                                       : 0;
}

/* RFC 3461 4.1: NEVER stands alone; the others come in any order, each once. */
static enum smtp_syntax take_notify(struct value value, struct smtp_recipient *recipient)
{
    unsigned seen = 0;
    while (value.text) {
        const char *comma = memchr(value.text, ',', value.length);
        struct value word = {value.text, comma ? (size_t)(comma - value.text) : value.length};
        unsigned bit = notify_bit(word);
        if (!bit || (seen & bit))
            return SMTP_SYNTAX_WRONG;
        seen |= bit;
        value.length -= word.length + (comma != NULL);
        value.text = comma ? comma + 1 : NULL;
    }
    if (!seen || ((seen & SMTP_NOTIFY_NEVER) && seen != SMTP_NOTIFY_NEVER))
        return SMTP_SYNTAX_WRONG;
    recipient->notify = seen;
    return SMTP_SYNTAX_OK;
}

/* RFC 3461 4.2: the type of an address, and the address as xtext. */
static enum smtp_syntax take_orcpt(struct value value, struct smtp_recipient *recipient)
{
    if (!value.text || value.length > SMTP_ORCPT_MAXIMUM)
        return SMTP_SYNTAX_WRONG;
    const char *semicolon = memchr(value.text, ';', value.length);
    size_t type = semicolon ? (size_t)(semicolon - value.text) : 0;
    if (!type || type + 1 == value.length)
        return SMTP_SYNTAX_WRONG;
    for (size_t i = 0; i < type; i++)
        if (!isalnum((unsigned char)value.text[i]) && value.text[i] != '-')
            return SMTP_SYNTAX_WRONG;
    if (!smtp_xtext_is_valid(semicolon + 1, value.length - type - 1))
        return SMTP_SYNTAX_WRONG;
    copy_value(recipient->orcpt, value);
    return SMTP_SYNTAX_OK;
}

/* RFC 4954 5: who first handed the message in, as the client has it. We know better: it goes no
 * further, which is as good as "<>". */
static enum smtp_syntax take_auth(struct value value, struct smtp_mail *mail)
{
    (void)mail;
    bool nobody = value.text && value.length == 2 && memcmp(value.text, "<>", 2) == 0;
    return nobody || (value.text && value.length && value.length <= SMTP_ORCPT_MAXIMUM &&
                      smtp_xtext_is_valid(value.text, value.length))
               ? SMTP_SYNTAX_OK
               : SMTP_SYNTAX_WRONG;
}

/* --- both --- */

static const struct {
    const char *name;
    unsigned bit;
    enum smtp_syntax (*mail)(struct value value, struct smtp_mail *mail);
    enum smtp_syntax (*rcpt)(struct value value, struct smtp_recipient *recipient);
} parameters[] = {
    {"AUTH", SMTP_PARAMETER_AUTH, take_auth, NULL},
    {"BODY", SMTP_PARAMETER_BODY, take_body, NULL},
    {"ENVID", SMTP_PARAMETER_ENVID, take_envid, NULL},
    {"NOTIFY", SMTP_PARAMETER_NOTIFY, NULL, take_notify},
    {"ORCPT", SMTP_PARAMETER_ORCPT, NULL, take_orcpt},
    {"REQUIRETLS", SMTP_PARAMETER_REQUIRETLS, take_flag, NULL},
    {"RET", SMTP_PARAMETER_RET, take_ret, NULL},
    {"SIZE", SMTP_PARAMETER_SIZE, take_size, NULL},
    {"SMTPUTF8", SMTP_PARAMETER_SMTPUTF8, take_flag, NULL},
    {"XOORG", SMTP_PARAMETER_XOORG, take_xoorg, NULL},
};

/* Parts name and value; the number of the parameter in the table, or -1. */
static int find_parameter(const char *text, size_t length, struct value *ret)
{
    const char *equals = memchr(text, '=', length);
    struct value name = {text, equals ? (size_t)(equals - text) : length};
    *ret = (struct value){NULL, 0};
    if (equals)
        *ret = (struct value){equals + 1, length - name.length - 1};
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
        if (is_word(name, parameters[i].name))
            return (int)i;
    return -1;
}

enum smtp_syntax smtp_mail_parameter(const char *text, size_t length, struct smtp_mail *mail)
{
    struct value value;
    int found = find_parameter(text, length, &value);
    if (found < 0 || !parameters[found].mail)
        return SMTP_SYNTAX_PARAMETER;
    if (mail->given & parameters[found].bit)
        return SMTP_SYNTAX_WRONG;
    mail->given |= parameters[found].bit;
    return parameters[found].mail(value, mail);
}

enum smtp_syntax smtp_rcpt_parameter(const char *text, size_t length,
                                     struct smtp_recipient *recipient)
{
    struct value value;
    int found = find_parameter(text, length, &value);
    if (found < 0 || !parameters[found].rcpt)
        return SMTP_SYNTAX_PARAMETER;
    if (recipient->given & parameters[found].bit)
        return SMTP_SYNTAX_WRONG;
    recipient->given |= parameters[found].bit;
    return parameters[found].rcpt(value, recipient);
}

/* --- writing --- */

struct writer {
    char *at, *end;
};

static void put(struct writer *writer, bool wanted, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(struct writer *writer, bool wanted, const char *format, ...)
{
    va_list arguments;
    if (!wanted)
        return;
    va_start(arguments, format);
    int length = vsnprintf(writer->at, (size_t)(writer->end - writer->at), format, arguments);
    va_end(arguments);
    if (length > 0 && length < writer->end - writer->at)
        writer->at += length;
    *writer->at = '\0'; /* half a parameter is none */
}

void smtp_mail_parameters(const struct smtp_mail *mail, unsigned wanted,
                          char text[SMTP_MAIL_PARAMETERS_MAXIMUM])
{
    static const char *const bodies[] = {"", "7BIT", "8BITMIME", "BINARYMIME"};
    struct writer writer = {text, text + SMTP_MAIL_PARAMETERS_MAXIMUM};
    wanted &= mail->given;
    *text = '\0';
    put(&writer, wanted & SMTP_PARAMETER_SIZE, " SIZE=%llu", (unsigned long long)mail->size);
    put(&writer, wanted & SMTP_PARAMETER_BODY, " BODY=%s", bodies[mail->body]);
    put(&writer, wanted & SMTP_PARAMETER_SMTPUTF8, " SMTPUTF8");
    put(&writer, wanted & SMTP_PARAMETER_RET, " RET=%s", mail->ret_full ? "FULL" : "HDRS");
    put(&writer, wanted & SMTP_PARAMETER_ENVID, " ENVID=%s", mail->envid);
    put(&writer, wanted & SMTP_PARAMETER_REQUIRETLS, " REQUIRETLS");
    put(&writer, wanted & SMTP_PARAMETER_XOORG, " XOORG=%s", mail->xoorg);
}

void smtp_rcpt_parameters(const struct smtp_recipient *recipient, unsigned wanted,
                          char text[SMTP_RCPT_PARAMETERS_MAXIMUM])
{
    static const char *const words[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
    struct writer writer = {text, text + SMTP_RCPT_PARAMETERS_MAXIMUM};
    char separator = '=';
    wanted &= recipient->given;
    *text = '\0';
    put(&writer, wanted & SMTP_PARAMETER_NOTIFY, " NOTIFY");
    for (unsigned i = 0; (wanted & SMTP_PARAMETER_NOTIFY) && i < 4; i++) {
        if (!(recipient->notify & 1u << i))
            continue;
        put(&writer, true, "%c%s", separator, words[i]);
        separator = ',';
    }
    put(&writer, wanted & SMTP_PARAMETER_ORCPT, " ORCPT=%s", recipient->orcpt);
}
