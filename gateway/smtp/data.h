/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Message data: what a client sends between 354 and CRLF.CRLF, and how it is framed again for the next
 * hop (RFC 5321 2.3.8, 4.5.2).
 *
 * The decoder takes wire bytes in pieces of any size and gives the message's own bytes, without the
 * dots that were stuffed and without the end mark. It is strict: a CR without LF, a LF without CR and a
 * line past the maximum are errors, and only CRLF.CRLF ends the data, for anything laxer lets one
 * message be read as two by somebody further on. Where it is told to normalise, a CR or LF alone ends a
 * line of the message, but never begins or ends the end mark, and no dot behind it is taken away: a
 * false end of data becomes text, which the encoder stuffs. The encoder stuffs dots anew into whatever it is
 * given. Between them lies the message as it is; nothing is copied from wire to wire.
 *
 * No I/O, no allocation. */
#ifndef POSTERN_GATEWAY_SMTP_DATA_H
#define POSTERN_GATEWAY_SMTP_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMTP_DATA_LINE_MAXIMUM = 64 * 1024, /* bytes of a line, CRLF included, by default. RFC 5321 wants
                                           1000; mail with longer lines exists and is carried */
};

enum smtp_data_state {
    SMTP_DATA_LINE_START,
    SMTP_DATA_LINE,
    SMTP_DATA_CR,       /* a CR that was held back: LF must follow */
    SMTP_DATA_DOT,      /* the first byte of the line was a dot, held back */
    SMTP_DATA_DOT_CR,   /* and a CR came behind it */
    SMTP_DATA_END
};

struct smtp_data_decoder {
    enum smtp_data_state state;
    size_t line_length;
    size_t line_maximum; /* may be set after smtp_data_start(), and: */
    bool normalizes;     /* a CR or LF alone becomes CRLF, and CR CR LF one line end */
};

enum smtp_data_result {
    SMTP_DATA_MORE,      /* all bytes are taken, the end is still to come */
    SMTP_DATA_FINISHED,  /* CRLF.CRLF: what follows it was not taken */
    SMTP_DATA_BARE_CR,
    SMTP_DATA_BARE_LF,
    SMTP_DATA_LONG_LINE
};

/* Called with pieces of the message in order. A negative value stops the decoder. */
typedef int smtp_data_sink(void *context, const char *bytes, size_t length);

void smtp_data_start(struct smtp_data_decoder *decoder);

/* `*taken` is how many bytes were read. After an error the decoder can go on (to find the end of what
 * is to be thrown away) when it is fed the rest. */
enum smtp_data_result smtp_data_decode(struct smtp_data_decoder *decoder, const char *bytes,
                                       size_t length, size_t *taken, smtp_data_sink *sink,
                                       void *context);

struct smtp_data_encoder {
    bool line_start; /* the next byte begins a line */
};
void smtp_data_encode_start(struct smtp_data_encoder *encoder);
/* Gives the wire's bytes to `sink`; returns what the sink returned, or 0. */
int smtp_data_encode(struct smtp_data_encoder *encoder, const char *bytes, size_t length,
                     smtp_data_sink *sink, void *context);
/* The end mark, with the CRLF that a last line without one needs in front of it. */
const char *smtp_data_end(const struct smtp_data_encoder *encoder);

/* Watches the header go by, to count Received fields (RFC 5321 6.3). Fed by the decoder's sink. */
struct smtp_header_watch {
    bool in_body;
    unsigned column; /* of the field name matched so far; past its length: no match */
    bool matching, line_start;
    unsigned received;
};
void smtp_header_start(struct smtp_header_watch *watch);
void smtp_header_feed(struct smtp_header_watch *watch, const char *bytes, size_t length);

#endif
