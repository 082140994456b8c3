/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that grow at the end and are taken from the front, with a maximum from birth.
 *
 * A buffer is a value in its owner, zeroed by buffer_init(); it allocates when the first byte comes
 * and gives the memory back with buffer_release(), so that an idle session costs nothing. Nothing
 * here is safe to share between threads. */
#ifndef POSTERN_PKI_BASE_BUFFER_H
#define POSTERN_PKI_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *memory;
    size_t start, end; /* the bytes are memory[start … end) */
    size_t size, maximum;
};

void buffer_init(struct buffer *buffer, size_t maximum);
/* Frees the memory, keeps the maximum: the buffer may be used again. */
void buffer_release(struct buffer *buffer);

static inline char *buffer_bytes(const struct buffer *buffer)
{
    return buffer->memory + buffer->start;
}
static inline size_t buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* 0, -EMSGSIZE past the maximum, or -ENOMEM; on failure nothing was added. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);
int buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `length` more bytes at the returned place (NULL: as the failures above); after filling it
 * buffer_extend() says how many were really written. */
char *buffer_reserve(struct buffer *buffer, size_t length);
void buffer_extend(struct buffer *buffer, size_t length);
/* Forgets `length` bytes at the front. */
void buffer_consume(struct buffer *buffer, size_t length);

#endif
