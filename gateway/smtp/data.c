/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See data.h. */
#include "gateway/smtp/data.h"

#include <ctype.h>
#include <string.h>

#include "gateway/smtp/scan.h"

/* --- decoding --- */

void smtp_data_start(struct smtp_data_decoder *decoder)
{
    *decoder = (struct smtp_data_decoder){.state = SMTP_DATA_LINE_START,
                                          .line_maximum = SMTP_DATA_LINE_MAXIMUM};
}

/* One call's worth: `clean` is where the bytes begin that were seen and not yet given on. */
struct run {
    struct smtp_data_decoder *decoder;
    const char *at, *end, *clean;
    smtp_data_sink *sink;
    void *context;
    bool stopped;
};

static void emit(struct run *run, const char *bytes, size_t length)
{
    if (length && !run->stopped && run->sink && run->sink(run->context, bytes, length) < 0)
        run->stopped = true;
}

/* Gives on what is seen so far; the next clean byte is at `from`. */
static void flush_clean(struct run *run, const char *from)
{
    emit(run, run->clean, (size_t)(run->at - run->clean));
    run->clean = from;
}

/* Everything up to `end` is given on, then a line end for what stands there; a dot that follows is
 * a byte like others. */
static enum smtp_data_result end_line_anew(struct run *run, const char *end)
{
    emit(run, run->clean, (size_t)(end - run->clean));
    emit(run, "\r\n", 2);
    run->clean = run->at;
    run->decoder->state = SMTP_DATA_LINE;
    run->decoder->line_length = 0;
    return SMTP_DATA_MORE;
}

/* Inside a line: on to its LF, with both line ends checked on the way. */
static enum smtp_data_result scan_line(struct run *run)
{
    size_t left = (size_t)(run->end - run->at);
    const char *newline = memchr(run->at, '\n', left);
    const char *stop = newline ? newline : run->end;
    const char *cr = memchr(run->at, '\r', (size_t)(stop - run->at));
    struct smtp_data_decoder *decoder = run->decoder;

    decoder->line_length += (size_t)((cr ? cr : stop) - run->at);
    if (decoder->line_length > decoder->line_maximum - 2) {
        run->at = cr ? cr : stop;
        decoder->line_length = 0;
        decoder->state = SMTP_DATA_LINE;
        return SMTP_DATA_LONG_LINE;
    }
    if (cr) {
        /* Held back, for it may be the piece's last byte; the clean run goes on past it if not. */
        run->at = cr + 1;
        decoder->state = SMTP_DATA_CR;
    } else if (newline) {
        run->at = newline + 1;
        if (decoder->normalizes)
            return end_line_anew(run, newline);
        decoder->state = SMTP_DATA_LINE;
        return SMTP_DATA_BARE_LF;
    } else {
        run->at = run->end;
        decoder->state = SMTP_DATA_LINE;
    }
    return SMTP_DATA_MORE;
}

/* A CR without LF. Of two in a row the first goes, for devices that end lines with CR CR LF. */
static enum smtp_data_result normalize_cr(struct run *run, bool cr_in_this_piece)
{
    const char *end = run->at - cr_in_this_piece;
    if (*run->at != '\r')
        return end_line_anew(run, end);
    emit(run, run->clean, (size_t)(end - run->clean));
    run->clean = run->at++;
    return SMTP_DATA_MORE;
}

static enum smtp_data_result expect_lf(struct run *run, bool cr_in_this_piece)
{
    if (*run->at != '\n') {
        if (run->decoder->normalizes)
            return normalize_cr(run, cr_in_this_piece);
        run->decoder->state = SMTP_DATA_LINE;
        return SMTP_DATA_BARE_CR;
    }
    if (!cr_in_this_piece)
        emit(run, "\r", 1);
    run->at++;
    run->decoder->state = SMTP_DATA_LINE_START;
    run->decoder->line_length = 0;
    return SMTP_DATA_MORE;
}

static enum smtp_data_result start_line(struct run *run)
{
    if (*run->at != '.')
        return scan_line(run);
    /* A stuffed dot, or the end: either way it is not of the message. */
    flush_clean(run, run->at + 1);
    run->at++;
    run->decoder->state = SMTP_DATA_DOT;
    return SMTP_DATA_MORE;
}

static enum smtp_data_result after_dot(struct run *run)
{
    if (*run->at != '\r') {
        run->clean = run->at;
        return scan_line(run);
    }
    run->at++;
    run->clean = run->at;
    run->decoder->state = SMTP_DATA_DOT_CR;
    return SMTP_DATA_MORE;
}

static enum smtp_data_result after_dot_cr(struct run *run)
{
    if (*run->at != '\n') {
        if (run->decoder->normalizes)
            return end_line_anew(run, run->clean);
        run->decoder->state = SMTP_DATA_LINE;
        return SMTP_DATA_BARE_CR;
    }
    run->at++;
    run->clean = run->at;
    run->decoder->state = SMTP_DATA_END;
    return SMTP_DATA_FINISHED;
}

/* Past blocks in which there is nothing to decide. A CR that came in an earlier piece is held back
 * still and has to be given on by expect_lf(). */
static void skip_plain(struct run *run, const char *start)
{
    struct smtp_data_decoder *decoder = run->decoder;
    struct smtp_scan scan = {.line_start = decoder->state == SMTP_DATA_LINE_START,
                             .after_cr = decoder->state == SMTP_DATA_CR,
                             .line_length = decoder->line_length};
    if (decoder->state > SMTP_DATA_CR || (scan.after_cr && run->at == start))
        return;
    size_t plain =
        smtp_scan_plain(&scan, run->at, (size_t)(run->end - run->at), decoder->line_maximum);
    if (!plain)
        return;
    run->at += plain;
    decoder->line_length = scan.line_length - scan.after_cr;
    decoder->state = scan.after_cr     ? SMTP_DATA_CR
                     : scan.line_start ? SMTP_DATA_LINE_START
                                       : SMTP_DATA_LINE;
}

static enum smtp_data_result step(struct run *run, const char *start)
{
    switch (run->decoder->state) {
    case SMTP_DATA_LINE_START:
        return start_line(run);
    case SMTP_DATA_LINE:
        return scan_line(run);
    case SMTP_DATA_CR:
        return expect_lf(run, run->at > start);
    case SMTP_DATA_DOT:
        return after_dot(run);
    case SMTP_DATA_DOT_CR:
        return after_dot_cr(run);
    case SMTP_DATA_END:
        break;
    }
    return SMTP_DATA_FINISHED;
}

enum smtp_data_result smtp_data_decode(struct smtp_data_decoder *decoder, const char *bytes,
                                       size_t length, size_t *taken, smtp_data_sink *sink,
                                       void *context)
{
    struct run run = {decoder, bytes, bytes + length, bytes, sink, context, false};
    enum smtp_data_result result = SMTP_DATA_MORE;
    while (result == SMTP_DATA_MORE && run.at < run.end && !run.stopped) {
        skip_plain(&run, bytes);
        if (run.at < run.end)
            result = step(&run, bytes);
    }
    /* A CR at the very end waits for its LF in the next piece. */
    const char *clean_end = run.at;
    if (decoder->state == SMTP_DATA_CR && clean_end > run.clean)
        clean_end--;
    if (result == SMTP_DATA_MORE)
        emit(&run, run.clean, (size_t)(clean_end - run.clean));
    *taken = (size_t)(run.at - bytes);
    return result;
}

/* --- encoding --- */

void smtp_data_encode_start(struct smtp_data_encoder *encoder)
{
    encoder->line_start = true;
}

int smtp_data_encode(struct smtp_data_encoder *encoder, const char *bytes, size_t length,
                     smtp_data_sink *sink, void *context)
{
    const char *end = bytes + length, *given = bytes, *dot = bytes;
    int result = 0;
    if (!length)
        return 0;
    while ((dot = memchr(dot, '.', (size_t)(end - dot)))) {
        if (dot == bytes ? encoder->line_start : dot[-1] == '\n') {
            /* The dot itself goes out with the next run, so it stands there twice. */
            if ((result = sink(context, given, (size_t)(dot - given))) < 0 ||
                (result = sink(context, ".", 1)) < 0)
                return result;
            given = dot;
        }
        if (++dot == end)
            break;
    }
    encoder->line_start = end[-1] == '\n';
    return sink(context, given, (size_t)(end - given));
}

const char *smtp_data_end(const struct smtp_data_encoder *encoder)
{
    return encoder->line_start ? ".\r\n" : "\r\n.\r\n";
}

/* --- header --- */

static const char received[] = "received:";

void smtp_header_start(struct smtp_header_watch *watch)
{
    *watch = (struct smtp_header_watch){.matching = true, .line_start = true};
}

/* One byte at the start of a line or while a name still matches. */
static void watch_byte(struct smtp_header_watch *watch, char byte)
{
    if (byte == '\n') {
        watch->in_body = watch->line_start;
        watch->line_start = watch->matching = true;
        watch->column = 0;
        return;
    }
    if (byte == '\r')
        return;
    watch->line_start = false;
    if (!watch->matching)
        return;
    if (tolower((unsigned char)byte) == received[watch->column]) {
        if (received[++watch->column] == '\0') {
            watch->received++;
            watch->matching = false;
        }
    } else if (!((byte == ' ' || byte == '\t') && watch->column == sizeof received - 2)) {
        watch->matching = false;
    }
}

void smtp_header_feed(struct smtp_header_watch *watch, const char *bytes, size_t length)
{
    const char *at = bytes, *end = bytes + length;
    while (at < end && !watch->in_body) {
        if (!watch->matching) {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            if (!newline)
                return;
            at = newline;
        }
        watch_byte(watch, *at++);
    }
}
