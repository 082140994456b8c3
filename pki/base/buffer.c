/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See buffer.h. */
#include "pki/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->memory);
    buffer_init(buffer, buffer->maximum);
}

/* 0 when `length` more bytes fit behind the end, after moving or growing what is there. */
static int make_room(struct buffer *buffer, size_t length)
{
    size_t held = buffer_length(buffer);
    if (length > buffer->maximum || held > buffer->maximum - length)
        return -EMSGSIZE;
    if (buffer->size - buffer->end >= length)
        return 0;
    if (buffer->size >= held + length && buffer->start >= held) {
        memcpy(buffer->memory, buffer_bytes(buffer), held);
    } else {
        size_t size = buffer->size ? buffer->size : SMALLEST;
        while (size < held + length)
            size *= 2;
        if (size > buffer->maximum)
            size = buffer->maximum;
        char *memory = malloc(size);
        if (!memory)
            return -ENOMEM;
        if (held)
            memcpy(memory, buffer_bytes(buffer), held);
        free(buffer->memory);
        buffer->memory = memory;
        buffer->size = size;
    }
    buffer->start = 0;
    buffer->end = held;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    int result = make_room(buffer, length);
    if (result < 0 || !length)
        return result;
    memcpy(buffer->memory + buffer->end, bytes, length);
    buffer->end += length;
    return 0;
}

int buffer_print(struct buffer *buffer, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return -EMSGSIZE;
    return buffer_append(buffer, text, (size_t)length);
}

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    if (make_room(buffer, length) < 0)
        return NULL;
    return buffer->memory + buffer->end;
}

void buffer_extend(struct buffer *buffer, size_t length)
{
    buffer->end += length;
}

void buffer_consume(struct buffer *buffer, size_t length)
{
    buffer->start += length;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}
