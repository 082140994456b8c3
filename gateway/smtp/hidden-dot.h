/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A line of message data that is a dot to whoever drops NUL octets: NULs, one dot, and perhaps more
 * NULs. It is no end of data (RFC 5321 4.5.2), and the encoder need not stuff it; but servers that
 * drop NUL before they look take it for one, and what follows it for commands. NUL has no place in
 * mail that is sent with DATA (RFC 6152 3, RFC 5322 4), so nobody misses what is refused for this.
 *
 * Fed with the message's own bytes, as the decoder of data.h gives them, in pieces of any size. No
 * I/O, no allocation; costs one memchr where there is no NUL. */
#ifndef POSTERN_GATEWAY_SMTP_HIDDEN_DOT_H
#define POSTERN_GATEWAY_SMTP_HIDDEN_DOT_H

#include <stdbool.h>
#include <stddef.h>

enum smtp_hidden_dot_state {
    SMTP_HIDDEN_DOT_LINE_START, /* 0, so that a zeroed one is ready for use */
    SMTP_HIDDEN_DOT_NULS,       /* the line has only NULs so far */
    SMTP_HIDDEN_DOT_DOT,        /* and one dot */
    SMTP_HIDDEN_DOT_NONE        /* the line is another */
};
struct smtp_hidden_dot {
    enum smtp_hidden_dot_state state;
};

/* True when such a line has ended, or has come up to its CR, in this piece: it must not go on. */
bool smtp_hidden_dot_feed(struct smtp_hidden_dot *watch, const char *bytes, size_t length);

#endif
