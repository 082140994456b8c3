/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing the commands of a client: the bytes are one line. Whatever is accepted must be text that
 * can be put into a command, a header and a log as it stands, and must be accepted again and give
 * the same. An entry for libFuzzer:
 *
 *     clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz-smtp-command.c \
 *         gateway/smtp/command.c gateway/smtp/parameters.c -o fuzz-smtp-command
 *     ./fuzz-smtp-command -dict=tests/fuzz/smtp-command.dict tests/fuzz/smtp-command
 *
 * The unit tests replay the corpus through it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/parameters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

/* Ended inside its array, and of printable ASCII: `first` is the least byte that may stand there. With
 * `utf8` what is past ASCII may stand there too. */
static void expect_text(const char *text, size_t size, char first, bool utf8)
{
    size_t length = strnlen(text, size);
    expect(length < size);
    for (size_t i = 0; i < length; i++)
        expect((text[i] >= first && text[i] < 0x7f) || (utf8 && (unsigned char)text[i] >= 0x80));
}

static void expect_path(const struct smtp_path *path)
{
    expect_text(path->address, sizeof path->address, ' ', path->utf8); /* a quoted local part may hold spaces */
    expect_text(path->domain, sizeof path->domain, '!', path->utf8);
    size_t address = strlen(path->address), domain = strlen(path->domain);
    expect(domain <= address);
    for (size_t i = 0; i < domain; i++) {
        char byte = path->address[address - domain + i];
        expect(path->domain[i] == (byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte));
    }
}

static void try_mail(const char *arguments, size_t length)
{
    struct smtp_mail mail, again;
    char text[SMTP_COMMAND_MAXIMUM];
    if (smtp_parse_mail(arguments, length, &mail) != SMTP_SYNTAX_OK)
        return;
    expect_path(&mail.path);
    char parameters[SMTP_MAIL_PARAMETERS_MAXIMUM];
    smtp_mail_parameters(&mail, ~0u, parameters);
    int written = snprintf(text, sizeof text, "FROM:<%s>%s", mail.path.address, parameters);
    expect(written > 0 && (size_t)written < sizeof text);
    expect(smtp_parse_mail(text, (size_t)written, &again) == SMTP_SYNTAX_OK);
    expect(strcmp(mail.path.address, again.path.address) == 0);
    expect(strcmp(mail.path.domain, again.path.domain) == 0);
    expect(again.size == mail.size && again.given == mail.given && again.body == mail.body);
    expect(again.ret_full == mail.ret_full && strcmp(again.envid, mail.envid) == 0);
    expect(strcmp(again.xoorg, mail.xoorg) == 0);
}

static void try_rcpt(const char *arguments, size_t length)
{
    struct smtp_recipient recipient, again;
    char text[SMTP_COMMAND_MAXIMUM], parameters[SMTP_RCPT_PARAMETERS_MAXIMUM];
    if (smtp_parse_recipient(arguments, length, &recipient) != SMTP_SYNTAX_OK)
        return;
    expect_path(&recipient.path);
    expect(recipient.path.address[0]);
    smtp_rcpt_parameters(&recipient, ~0u, parameters);
    int written = snprintf(text, sizeof text, "TO:<%s>%s", recipient.path.address, parameters);
    expect(written > 0 && (size_t)written < sizeof text);
    expect(smtp_parse_recipient(text, (size_t)written, &again) == SMTP_SYNTAX_OK);
    expect(strcmp(recipient.path.address, again.path.address) == 0);
    expect(strcmp(recipient.path.domain, again.path.domain) == 0);
    expect(recipient.notify == again.notify && strcmp(recipient.orcpt, again.orcpt) == 0);
}

static void try_hello(const char *arguments, size_t length)
{
    if (!smtp_hello_is_valid(arguments, length))
        return;
    expect(length && length <= SMTP_DOMAIN_MAXIMUM);
    for (size_t i = 0; i < length; i++)
        expect(arguments[i] > ' ' && arguments[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data, *arguments = NULL;
    size_t length = 0;
    if (size > SMTP_COMMAND_MAXIMUM)
        return 0;
    enum smtp_verb verb = smtp_verb(line, size, &arguments, &length);
    expect(verb <= SMTP_FOREIGN && length <= size);
    expect(!size || (arguments >= line && arguments + length <= line + size));
    try_hello(arguments, length);
    try_mail(arguments, length);
    try_rcpt(arguments, length);
    return 0;
}
