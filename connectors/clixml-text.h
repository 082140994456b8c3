/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The text of a Clixml file: its encoding, and the escapes in its strings. Pure, any thread. */
#ifndef POSTERN_CONNECTORS_CLIXML_TEXT_H
#define POSTERN_CONNECTORS_CLIXML_TEXT_H

#include <stddef.h>

#include "pki/base/error.h"

/* UTF-8 without BOM, from the heap, ended by NUL and with none inside. UTF-16 is known by its BOM,
 * or by the NUL beside the first '<'. EX_DATAERR with the offset of what is no text. */
int conn_clixml_decode(const char *bytes, size_t length, char **ret, size_t *ret_length,
                       struct error *error);

/* How many bytes of the text are its XML declaration, which names an encoding that it has no more.
 */
size_t conn_clixml_prologue(const char *text, size_t length);

/* _xHHHH_, which stands for a UTF-16 unit that XML could not hold, in place: [MS-PSRP] 2.2.5.3.2.
 * What makes no character, and NUL, becomes U+FFFD. */
void conn_clixml_unescape(char *text);

#endif
