/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * BDAT from a client (RFC 3030): each chunk's bytes are taken by their count, also those that
 * nobody wants, so that not one of them is ever read as a command. See session-private.h.
 *
 * Before the first chunk's bytes are looked at the next hop is asked for its leave, where it needs
 * to be; each chunk but the last is answered once it is on its way, and the last by the next hop.
 */
#include "gateway/relay/session-private.h"

#include <stdlib.h>

/* The reply to a chunk that was thrown away: its text begins with the code. */
static void refuse_chunk(struct session *session)
{
    const char *text = session->chunk.refused;
    session->chunk.refused = NULL;
    session->state = SESSION_COMMAND;
    session_reply(session, atoi(text), "%s", text + 4);
    session_count_error(session);
}

static void check_end(struct transaction *transaction)
{
    if (transaction->refused || transaction->mail.body == SMTP_BODY_BINARYMIME)
        return;
    enum smtp_data_result result = smtp_chunk_end(&transaction->lines);
    if (result != SMTP_DATA_MORE)
        content_violation(transaction, result);
}

/* All its bytes are there. */
static void end_chunk(struct session *session)
{
    struct transaction *transaction = session->transaction;
    if (session->chunk.refused) {
        refuse_chunk(session);
        return;
    }
    session->state = SESSION_COMMAND;
    if (session->chunk.last)
        check_end(transaction);
    if (session->dead)
        return;
    if (session->chunk.last || transaction->refused || transaction->failed) {
        transaction_message_ended(transaction);
        return;
    }
    courier_flush(transaction->courier);
    session_reply(session, 250, "2.0.0 Chunk taken");
}

/* From here on the state is SESSION_CHUNK as long as bytes are to come. */
static void begin_chunk(struct session *session)
{
    session->state = SESSION_CHUNK;
    if (!session->chunk.left)
        end_chunk(session);
}

void chunks_begin(struct session *session)
{
    begin_chunk(session);
}

void chunks_refused(struct transaction *transaction, const struct smtp_reply *reply)
{
    struct session *session = transaction->session;
    transaction_keep_refusal(transaction, reply);
    if (!session->dead)
        begin_chunk(session);
}

/* NULL: it is wanted. */
static const char *find_refusal(const struct session *session)
{
    const struct transaction *transaction = session->transaction;
    if (!transaction)
        return "503 5.5.1 Say MAIL first";
    return transaction->accepted ? NULL : "554 5.5.1 No valid recipients";
}

void chunks_bdat(struct session *session, const char *arguments, size_t length)
{
    struct transaction *transaction = session->transaction;
    struct smtp_chunk chunk;
    if (!smtp_parse_chunk(arguments, length, &chunk)) {
        /* What follows may be a message or commands, and nobody knows how much of it. */
        report_violation(session, "BDAT came without a length that can be counted");
        session_reply(session, 501, "5.5.4 Syntax: BDAT length [LAST]");
        session_finish(session);
        return;
    }
    session->chunk.left = chunk.size;
    session->chunk.last = chunk.last;
    session->chunk.refused = find_refusal(session);
    if (session->chunk.refused || transaction->chunked) {
        begin_chunk(session);
        return;
    }
    transaction->chunked = true;
    transaction_data(session);
}

static void take_bytes(struct transaction *transaction, const char *bytes, size_t length)
{
    if (!transaction->refused && transaction->mail.body != SMTP_BODY_BINARYMIME) {
        enum smtp_data_result result = smtp_chunk_check(&transaction->lines, bytes, length);
        if (result != SMTP_DATA_MORE)
            content_violation(transaction, result);
    }
    if (!transaction->session->dead)
        content_take(transaction, bytes, length);
}

size_t chunks_take(struct session *session, const char *bytes, size_t length)
{
    size_t count = length < session->chunk.left ? length : (size_t)session->chunk.left;
    if (!session->chunk.refused)
        take_bytes(session->transaction, bytes, count);
    session->chunk.left -= count;
    if (!session->dead && session->transaction)
        limits_data_came(session, count);
    if (!session->dead && !session->chunk.left)
        end_chunk(session);
    return count;
}
