/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See wire.h. Each message is a table of fields, and encoding and decoding are one walk over it
 * each, so that the two cannot disagree. */
#include "pki/wire.h"

#include <stdbool.h>
#include <string.h>

enum kind { KIND_END, KIND_8, KIND_32, KIND_64, KIND_TEXT, KIND_BYTES };

/* Numbers are between minimum and maximum, so are the lengths of text and bytes. */
struct field {
    enum kind kind;
    size_t offset;
    uint64_t minimum, maximum;
};

enum { FIELDS_MAXIMUM = 16 };

#define EVERY_STEP ((1u << PKI_RECOVERY_END) - 1)
#define EVERY_ALGORITHM ((1u << PKI_ALGORITHM_END) - 1)
#define AT(member) offsetof(struct pki_wire_message, member)
#define FILE_FIELDS(member)                                                                        \
    {KIND_64, AT(member.inode), 0, UINT64_MAX}, {KIND_64, AT(member.size), 0, UINT64_MAX},         \
    {                                                                                              \
        KIND_64, AT(member.modified), 0, UINT64_MAX                                                \
    }
#define TEXT(member, minimum, maximum)                                                             \
    {                                                                                              \
        KIND_TEXT, AT(member), minimum, maximum                                                    \
    }

static const struct field messages[PKI_WIRE_END][FIELDS_MAXIMUM] = {
    [PKI_WIRE_HELLO] = {{KIND_32, AT(hello.version), 1, UINT32_MAX},
                        {KIND_32, AT(hello.process), 0, INT32_MAX}},
    [PKI_WIRE_OPEN] = {{KIND_32, AT(open.key), 1, UINT32_MAX},
                       {KIND_32, AT(open.sessions), 1, 256},
                       {KIND_32, AT(open.timeout), 1, 3600000},
                       FILE_FIELDS(open.refused),
                       TEXT(open.uri, 1, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(open.token, 0, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(open.module, 0, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(open.pin_source, 0, PKI_WIRE_TEXT_MAXIMUM),
                       {KIND_BYTES, AT(open.public_key), 1, PKI_WIRE_PUBLIC_KEY_MAXIMUM}},
    [PKI_WIRE_OPENED] = {{KIND_32, AT(opened.key), 1, UINT32_MAX},
                         {KIND_32, AT(opened.algorithms), 2, EVERY_ALGORITHM},
                         {KIND_32, AT(opened.sessions), 1, 256},
                         {KIND_8, AT(opened.logged_in), 0, 1},
                         {KIND_8, AT(opened.recovery), 0, EVERY_STEP},
                         TEXT(opened.token, 0, 127),
                         TEXT(opened.module, 0, 255),
                         TEXT(opened.manufacturer, 0, 63),
                         TEXT(opened.model, 0, 63),
                         TEXT(opened.serial, 0, 31),
                         TEXT(opened.note, 0, 639),
                         TEXT(opened.cure, 0, 383)},
    [PKI_WIRE_CLOSE] = {{KIND_32, AT(close.key), 1, UINT32_MAX}},
    [PKI_WIRE_SIGN] = {{KIND_32, AT(sign.key), 1, UINT32_MAX},
                       {KIND_8, AT(sign.algorithm), 1, PKI_ALGORITHM_END - 1},
                       {KIND_BYTES, AT(sign.data), 1, PKI_MESSAGE_MAXIMUM}},
    [PKI_WIRE_SIGNED] = {{KIND_8, AT(signature.recovery), 0, EVERY_STEP},
                         {KIND_32, AT(signature.algorithms), 2, EVERY_ALGORITHM},
                         {KIND_BYTES, AT(signature.signature), 1, PKI_SIGNATURE_MAXIMUM}},
    [PKI_WIRE_FAILED] = {{KIND_8, AT(failed.code), EX_USAGE, EX_CONFIG},
                         {KIND_8, AT(failed.recovery), 0, EVERY_STEP},
                         {KIND_8, AT(failed.lost), 0, 1},
                         {KIND_8, AT(failed.pin_refused), 0, 1},
                         {KIND_32, AT(failed.algorithms), 0, EVERY_ALGORITHM},
                         FILE_FIELDS(failed.refused),
                         TEXT(failed.what, 1, 639),
                         TEXT(failed.where, 0, 255),
                         TEXT(failed.cure, 0, 383)},
    [PKI_WIRE_LIST] = {{KIND_32, AT(list.sessions), 1, 256},
                       {KIND_32, AT(list.timeout), 1, 3600000},
                       FILE_FIELDS(list.refused),
                       TEXT(list.token, 1, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(list.module, 0, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(list.pin_source, 0, PKI_WIRE_TEXT_MAXIMUM)},
    [PKI_WIRE_FOUND] = {{KIND_8, AT(found.kind), 1, PKI_FOUND_END - 1},
                        {KIND_8, AT(found.logged_in), 0, 1},
                        TEXT(found.uri, 0, PKI_WIRE_TEXT_MAXIMUM),
                        TEXT(found.text, 0, 639)},
    [PKI_WIRE_LISTED] = {{KIND_32, AT(listed.count), 0, 1000}},
    [PKI_WIRE_FIND] = {{KIND_32, AT(find.sessions), 1, 256},
                       {KIND_32, AT(find.timeout), 1, 3600000},
                       FILE_FIELDS(find.refused),
                       TEXT(find.uri, 1, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(find.token, 0, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(find.module, 0, PKI_WIRE_TEXT_MAXIMUM),
                       TEXT(find.pin_source, 0, PKI_WIRE_TEXT_MAXIMUM),
                       {KIND_BYTES, AT(find.public_key), 1, PKI_WIRE_PUBLIC_KEY_MAXIMUM}},
    [PKI_WIRE_GENERATE] = {{KIND_8, AT(generate.type), 1, PKI_KEY_TYPE_END - 1},
                           {KIND_32, AT(generate.sessions), 1, 256},
                           {KIND_32, AT(generate.timeout), 1, 3600000},
                           FILE_FIELDS(generate.refused),
                           TEXT(generate.token, 1, PKI_WIRE_TEXT_MAXIMUM),
                           TEXT(generate.module, 0, PKI_WIRE_TEXT_MAXIMUM),
                           TEXT(generate.pin_source, 0, PKI_WIRE_TEXT_MAXIMUM),
                           TEXT(generate.label, 1, PKI_LABEL_MAXIMUM),
                           {KIND_BYTES, AT(generate.id), 1, PKI_ID_MAXIMUM}},
    [PKI_WIRE_GENERATED] = {TEXT(generated.uri, 1, PKI_WIRE_TEXT_MAXIMUM),
                            {KIND_BYTES, AT(generated.public_key), 1, PKI_WIRE_PUBLIC_KEY_MAXIMUM}},
};

static const char *const recovery_names[] = {"none", "session", "module", "process"};

const char *pki_recovery_name(enum pki_recovery recovery)
{
    return recovery < PKI_RECOVERY_END ? recovery_names[recovery] : "unknown";
}

static unsigned number_width(enum kind kind)
{
    return kind == KIND_8 ? 1 : kind == KIND_32 ? 4 : kind == KIND_64 ? 8 : 2;
}

static bool within(uint64_t number, const struct field *field)
{
    return number >= field->minimum && number <= field->maximum;
}

/* Writing. After the first failure nothing more is written. */
struct writer {
    uint8_t *at;
    size_t room;
    bool failed;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t length)
{
    if (writer->failed || length > writer->room) {
        writer->failed = true;
        return;
    }
    if (length)
        memcpy(writer->at, bytes, length);
    writer->at += length;
    writer->room -= length;
}

static void put_number(struct writer *writer, uint64_t number, unsigned width)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    put_bytes(writer, bytes, width);
}

static void put_field(struct writer *writer, const struct field *field, const char *from)
{
    const struct pki_wire_bytes *bytes = (const void *)from;
    const char *text;
    uint64_t number = 0;
    switch (field->kind) {
    case KIND_TEXT:
        memcpy(&text, from, sizeof text);
        number = text ? strlen(text) : 0;
        put_number(writer, number, number_width(KIND_TEXT));
        put_bytes(writer, text ? text : "", (size_t)number + 1);
        break;
    case KIND_BYTES:
        number = bytes->length;
        put_number(writer, number, number_width(KIND_BYTES));
        put_bytes(writer, bytes->at, bytes->length);
        break;
    default: /* one byte on the wire is a uint32_t in the struct */
        memcpy(&number, from, field->kind == KIND_64 ? 8 : 4);
        put_number(writer, number, number_width(field->kind));
    }
    if (!within(number, field))
        writer->failed = true;
}

int pki_wire_encode(const struct pki_wire_message *message, uint8_t *packet, size_t size)
{
    struct writer writer = {.at = packet, .room = size};
    if (message->type < PKI_WIRE_HELLO || message->type >= PKI_WIRE_END)
        return -EX_DATAERR;
    put_number(&writer, message->type, 1);
    put_number(&writer, message->id, 4);
    for (const struct field *field = messages[message->type]; field->kind; field++)
        put_field(&writer, field, (const char *)message + field->offset);
    return writer.failed ? -EX_DATAERR : (int)(size - writer.room);
}

/* Reading. After the first failure everything is zero. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static const uint8_t *get_bytes(struct reader *reader, size_t length)
{
    if (reader->failed || length > reader->left) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += length;
    reader->left -= length;
    return bytes;
}

static uint64_t get_number(struct reader *reader, unsigned width)
{
    const uint8_t *bytes = get_bytes(reader, width);
    uint64_t number = 0;
    for (unsigned i = 0; bytes && i < width; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static const char *get_text(struct reader *reader, size_t length)
{
    const uint8_t *bytes = get_bytes(reader, length + 1);
    if (bytes && (bytes[length] || memchr(bytes, 0, length)))
        reader->failed = true;
    return (const char *)bytes;
}

static void get_field(struct reader *reader, const struct field *field, char *to)
{
    uint64_t number = get_number(reader, number_width(field->kind));
    if (!within(number, field)) {
        reader->failed = true;
        return;
    }
    if (field->kind == KIND_TEXT) {
        const char *text = get_text(reader, (size_t)number);
        memcpy(to, &text, sizeof text);
    } else if (field->kind == KIND_BYTES) {
        struct pki_wire_bytes bytes = {.length = (size_t)number};
        bytes.at = get_bytes(reader, bytes.length);
        memcpy(to, &bytes, sizeof bytes);
    } else if (field->kind == KIND_64) {
        memcpy(to, &number, sizeof number);
    } else {
        uint32_t narrow = (uint32_t)number;
        memcpy(to, &narrow, sizeof narrow);
    }
}

int pki_wire_decode(const uint8_t *packet, size_t length, struct pki_wire_message *message)
{
    struct reader reader = {.at = packet, .left = length};
    *message = (struct pki_wire_message){0};
    if (length > PKI_WIRE_MAXIMUM)
        return -EX_PROTOCOL;
    uint64_t type = get_number(&reader, 1);
    message->id = (uint32_t)get_number(&reader, 4);
    if (type < PKI_WIRE_HELLO || type >= PKI_WIRE_END)
        return -EX_PROTOCOL;
    message->type = (enum pki_wire_type)type;
    for (const struct field *field = messages[type]; field->kind && !reader.failed; field++)
        get_field(&reader, field, (char *)message + field->offset);
    return reader.failed || reader.left ? -EX_PROTOCOL : 0;
}
