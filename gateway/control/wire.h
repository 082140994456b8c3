/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What both ends of the control socket must agree on: limits, and how errors and text look in JSON.
 *
 * Used by control.c in posternd and by client.c in posternctl. Pure functions, any thread. What the
 * single answers hold is in shapes.h. */
#ifndef POSTERN_GATEWAY_CONTROL_WIRE_H
#define POSTERN_GATEWAY_CONTROL_WIRE_H

#include <jansson.h>

#include "pki/base/buffer.h"
#include "pki/base/error.h"

enum {
    CONTROL_LINE_MAXIMUM = 64 * 1024,         /* bytes of a request, its line end included */
    CONTROL_ANSWER_MAXIMUM = 4 * 1024 * 1024, /* bytes of an answer: a list may be long */
};

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD, so that a name cut in the middle of
 * a character or a rude reply of a next hop never spoils a whole answer. NULL becomes JSON's null.
 * NULL when memory is short. The reference is the caller's. */
json_t *control_text(const char *text);
/* The same, and null for a text that is NULL or empty. */
json_t *control_text_or_null(const char *text);

/* {"code":78,"what":"…","where":"…","cure":"…"}; all four are always there. NULL: memory is short.
 */
json_t *control_error_object(const struct error *error);

/* The way back: fills `error` and returns -error->code, which is made one of sysexits.h when it is
 * not. An object that lacks "what" is told as such. */
int control_error_read(const json_t *object, struct error *error);

/* Appends the object as one line. 0, -EMSGSIZE past the buffer's maximum, -ENOMEM (also for NULL);
 * on failure nothing was added. */
int control_put_line(struct buffer *buffer, const json_t *object);

#endif
