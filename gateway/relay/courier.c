/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See courier.h. What is said to the next hop is a script: RSET where the connection needs it,
 * MAIL, a RCPT for each recipient, DATA. `sent` and `answered` walk along it, `sent` ahead as far
 * as PIPELINING allows. When a connection is replaced, both go back to the start. */
#include "gateway/relay/courier.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/relay/demands.h"
#include "gateway/relay/framing.h"
#include "gateway/relay/error-policy.h"
#include "gateway/relay/pool.h"
#include "gateway/smtp/quote.h"

enum {
    TIMEOUT_MAIL = 300000, /* RFC 5321 4.5.3.2, milliseconds */
    TIMEOUT_RCPT = 300000,
    TIMEOUT_DATA = 120000,
    TIMEOUT_BLOCK = 180000,
    TIMEOUT_FINAL = 600000,
    RECIPIENTS_TEXT_MAXIMUM = 1024 * 1024
};

enum line { LINE_RSET, LINE_MAIL, LINE_RCPT, LINE_DATA };

struct script_line {
    enum line line;
    bool accepted;    /* RCPT: the next hop took it before; it has to again */
    uint32_t address; /* RCPT: where in `addresses` */
};

enum phase {
    PHASE_ENVELOPE, /* until 354 */
    PHASE_CONTENT,  /* message data goes out */
    PHASE_END_SENT, /* the final reply is awaited */
    PHASE_DONE      /* it came */
};

struct courier {
    struct hop_owner owner;
    struct worker *worker;
    struct snapshot *snapshot;
    const struct conn_outbound *outbound;
    struct courier_client *client;
    struct hop *hop;
    bool hop_ready;
    bool hop_lost; /* and nobody has been told yet */
    bool replaced; /* the one replacement was made */
    bool waiting;  /* the client waits for an answer */
    enum phase phase;
    struct smtp_mail mail;
    struct framing framing; /* from PHASE_CONTENT on */
    struct buffer
        addresses; /* for each recipient the address and its parameters, each ended by NUL */
    struct script_line *script;
    size_t length, room, sent, answered;
    struct smtp_reply
        *verdict;            /* of the transaction: MAIL refused, no connection, lost in the data */
    struct loop_timer later; /* answers from memory */
    enum hop_kind kind;
    const struct smtp_advice *advice; /* on its last reply; NULL: that was no refusal, or ours */
    int64_t started, ready_at, accepted_at;
};

static void on_ready(struct hop_owner *owner);
static void on_failed(struct hop_owner *owner, const struct smtp_reply *reply);
static void on_replied(struct hop_owner *owner, const struct smtp_reply *reply);
static void on_lost(struct hop_owner *owner, const struct error *error);
static void on_drained(struct hop_owner *owner);

static int64_t now(const struct courier *courier)
{
    return loop_now(courier->worker->loop);
}

/* --- answering --- */

static void answer(struct courier *courier, const struct smtp_reply *reply)
{
    if (!courier->waiting)
        return;
    struct smtp_reply copy; /* the client may end us, and the reply with us */
    smtp_reply_copy(&copy, reply);
    courier->waiting = false;
    courier->client->answered(courier->client, &copy);
}

static void answer_verdict(struct loop_timer *timer)
{
    struct courier *courier = container_of(timer, struct courier, later);
    static const struct smtp_reply no_memory = {
        .code = 451, .length = 25, .text = "4.3.0 Resources exhausted"};
    static const struct smtp_reply go_on = {.code = 354, .length = 0, .text = ""};
    answer(courier, courier->verdict                  ? courier->verdict
                    : courier->phase == PHASE_CONTENT ? &go_on
                                                      : &no_memory);
}

static void answer_later(struct courier *courier)
{
    loop_set_timer(courier->worker->loop, &courier->later, 0, answer_verdict);
}

static void resume_client(struct loop_timer *timer)
{
    struct courier *courier = container_of(timer, struct courier, later);
    courier->client->drained(courier->client);
}

/* Never from inside a reply: the client reads into the memory in which the next one may lie. */
static void resume_later(struct courier *courier)
{
    loop_set_timer(courier->worker->loop, &courier->later, 0, resume_client);
}

/* From here on every question has this answer. */
static void settle(struct courier *courier, const struct smtp_reply *reply)
{
    if (!courier->verdict)
        courier->verdict = malloc(sizeof *courier->verdict);
    if (courier->verdict)
        smtp_reply_copy(courier->verdict, reply);
}

static void settle_lost(struct courier *courier, const char *what)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 451, "4.4.2 %s: %.300s", hop_host(courier->hop), what);
    courier->advice = NULL;
    settle(courier, &reply);
}

/* --- the script --- */

static int add_line(struct courier *courier, enum line line, uint32_t address)
{
    if (courier->length == courier->room) {
        size_t room = courier->room ? courier->room * 2 : 4;
        struct script_line *script = realloc(courier->script, room * sizeof *script);
        if (!script)
            return -1;
        courier->script = script;
        courier->room = room;
    }
    courier->script[courier->length++] = (struct script_line){.line = line, .address = address};
    return 0;
}

/* Parameters go on only where the next hop offers them. */
static void say_mail(struct courier *courier)
{
    char parameters[SMTP_MAIL_PARAMETERS_MAXIMUM];
    smtp_mail_parameters(&courier->mail, demands_passed_on(courier->hop), parameters);
    hop_command(courier->hop, TIMEOUT_MAIL, "MAIL FROM:<%s>%s", courier->mail.path.address,
                parameters);
}

static void say_rcpt(struct courier *courier, const struct script_line *line)
{
    const char *address = buffer_bytes(&courier->addresses) + line->address;
    hop_command(courier->hop, TIMEOUT_RCPT, "RCPT TO:<%s>%s", address,
                courier->hop->offers.dsn ? address + strlen(address) + 1 : "");
}

/* The next hop takes data from here on. */
static void begin_content(struct courier *courier)
{
    courier->phase = PHASE_CONTENT;
    courier->accepted_at = now(courier);
    framing_begin(&courier->framing, &courier->hop->offers);
}

/* With BDAT there is nothing to say before the first chunk, and nothing to wait for. */
static void say_data(struct courier *courier)
{
    if (!courier->hop->offers.chunking) {
        hop_command(courier->hop, TIMEOUT_DATA, "DATA");
        return;
    }
    courier->answered++;
    begin_content(courier);
    answer_later(courier);
}

static void say(struct courier *courier, const struct script_line *line)
{
    switch (line->line) {
    case LINE_RSET:
        hop_command(courier->hop, TIMEOUT_MAIL, "RSET");
        break;
    case LINE_MAIL:
        say_mail(courier);
        break;
    case LINE_RCPT:
        say_rcpt(courier, line);
        break;
    case LINE_DATA:
        say_data(courier);
        break;
    }
}

/* DATA waits for every answer before it: only an accepted recipient makes it worth saying. */
static bool may_say(const struct courier *courier)
{
    if (courier->sent == courier->length)
        return false;
    if (courier->sent == courier->answered)
        return true;
    return courier->hop->offers.pipelining && courier->script[courier->sent].line != LINE_DATA;
}

static void say_more(struct courier *courier)
{
    bool said = false;
    for (; may_say(courier); said = true)
        say(courier, &courier->script[courier->sent++]);
    if (said)
        hop_flush(courier->hop);
}

/* What this hop cannot keep is refused before anything is said to it. */
static bool refuse_demands(struct courier *courier)
{
    struct smtp_reply reply;
    if (demands_are_met(courier->hop, &courier->mail, &reply))
        return false;
    settle(courier, &reply);
    answer_later(courier);
    return true;
}

static void begin_transaction(struct courier *courier)
{
    courier->sent = courier->answered = 0;
    if (refuse_demands(courier))
        return;
    /* The script begins with RSET; a fresh connection has no use for it. */
    if (!courier->hop->needs_reset)
        courier->sent = courier->answered = 1;
    courier->hop->needs_reset = true;
    say_more(courier);
}

/* --- the connection --- */

/* All recipients of a transaction are in the domain of the first. */
static const char *domain_of(const struct courier *courier, char *text, size_t size)
{
    return hop_domain_of(courier->outbound, buffer_bytes(&courier->addresses), text, size);
}

static void dial(struct courier *courier)
{
    char text[DNS_NAME_MAXIMUM];
    courier->hop_ready = courier->hop_lost = false;
    courier->hop =
        hop_dial(courier->worker, courier->snapshot, courier->outbound, &courier->owner);
    if (courier->hop && hop_route_to(courier->hop, domain_of(courier, text, sizeof text)) < 0) {
        hop_close(courier->hop, false);
        courier->hop = NULL;
    }
    if (!courier->hop)
        answer_later(courier); /* without a verdict: resources exhausted */
}

static void get_hop(struct courier *courier)
{
    char text[DNS_NAME_MAXIMUM];
    courier->hop = pool_take(courier->worker->pool, courier->snapshot, courier->outbound,
                             domain_of(courier, text, sizeof text), &courier->owner);
    if (!courier->hop) {
        dial(courier);
        return;
    }
    courier->hop_ready = true;
    courier->kind = HOP_POOLED;
    courier->ready_at = now(courier);
    begin_transaction(courier);
}

/* True when the transaction is said again over a new connection. Only before the message's data,
 * only once, and only for a connection that had served before or that nobody was waiting on. */
static bool replace(struct courier *courier)
{
    if (courier->phase != PHASE_ENVELOPE || courier->replaced || courier->verdict ||
        (courier->hop->kind != HOP_POOLED && courier->sent > courier->answered))
        return false;
    courier->replaced = true;
    hop_close(courier->hop, false);
    dial(courier);
    return true;
}

static void on_ready(struct hop_owner *owner)
{
    struct courier *courier = container_of(owner, struct courier, owner);
    courier->hop_ready = true;
    courier->kind = courier->hop->kind;
    courier->ready_at = now(courier);
    begin_transaction(courier);
}

static void on_failed(struct hop_owner *owner, const struct smtp_reply *reply)
{
    struct courier *courier = container_of(owner, struct courier, owner);
    settle(courier, reply);
    answer(courier, reply);
}

static void on_lost(struct hop_owner *owner, const struct error *error)
{
    struct courier *courier = container_of(owner, struct courier, owner);
    if (courier->waiting && replace(courier))
        return;
    courier->hop_lost = true;
    if (courier->waiting || courier->phase != PHASE_ENVELOPE) {
        hop_log_failure(courier->hop, error);
        if (!courier->verdict)
            settle_lost(courier, error->what);
        /* While content goes out the client asks at its end; tell it now that nobody takes more. */
        if (courier->waiting)
            answer_verdict(&courier->later);
        else
            courier->client->drained(courier->client);
    }
}

static void on_drained(struct hop_owner *owner)
{
    struct courier *courier = container_of(owner, struct courier, owner);
    if (courier->phase == PHASE_CONTENT) {
        hop_watch_progress(courier->hop, TIMEOUT_BLOCK);
        courier->client->drained(courier->client);
    }
}

/* --- replies --- */

static bool everything_answered(const struct courier *courier)
{
    return courier->answered == courier->length;
}

static void mail_answered(struct courier *courier, const struct smtp_reply *reply)
{
    if (smtp_reply_class(reply) == 2)
        return;
    settle(courier, reply);
}

static void rcpt_answered(struct courier *courier, struct script_line *line,
                          const struct smtp_reply *reply)
{
    bool accepted = smtp_reply_class(reply) == 2;
    if (line->accepted && !accepted) {
        struct smtp_reply lost;
        smtp_reply_set(&lost, 451,
                       "4.4.2 %s: the connection was replaced and a recipient is now refused",
                       hop_host(courier->hop));
        settle(courier, &lost);
    }
    line->accepted = accepted;
}

static void data_answered(struct courier *courier, const struct smtp_reply *reply)
{
    if (reply->code != 354)
        return;
    begin_content(courier);
    /* The final reply may come early, as a refusal does. */
    hop_expect_reply(courier->hop, TIMEOUT_BLOCK);
    hop_watch_progress(courier->hop, TIMEOUT_BLOCK);
}

static void envelope_replied(struct courier *courier, const struct smtp_reply *reply)
{
    struct script_line *line = &courier->script[courier->answered++];
    enum line kind = line->line;
    if (kind == LINE_MAIL)
        mail_answered(courier, reply);
    else if (kind == LINE_RCPT)
        rcpt_answered(courier, line, reply);
    else if (kind == LINE_DATA)
        data_answered(courier, reply);
    if (courier->verdict && courier->sent == courier->answered) {
        answer(courier, courier->verdict);
        return;
    }
    if (!everything_answered(courier)) {
        say_more(courier);
        return;
    }
    /* A recipient that was refused is not said again if the connection is replaced. */
    if ((kind == LINE_RCPT && smtp_reply_class(reply) != 2) ||
        (kind == LINE_DATA && courier->phase == PHASE_ENVELOPE))
        courier->sent = courier->answered = --courier->length;
    answer(courier, reply);
}

/* True when this was the reply to a chunk that has others behind it. */
static bool chunk_replied(struct courier *courier, const struct smtp_reply *reply)
{
    struct framing *framing = &courier->framing;
    if (!framing->chunks)
        return false;
    framing->unanswered--;
    if (smtp_reply_class(reply) != 2 || (framing->finished && !framing->unanswered))
        return false;
    if (framing_go_on(framing, courier->hop, TIMEOUT_FINAL) < 0)
        courier->hop->stream.broken = true;
    hop_flush(courier->hop);
    if (courier->phase == PHASE_CONTENT && !framing->pipelining)
        resume_later(courier);
    return true;
}

static void message_replied(struct courier *courier, const struct smtp_reply *reply)
{
    bool early = courier->phase == PHASE_CONTENT;
    if (chunk_replied(courier, reply))
        return;
    courier->phase = early ? PHASE_CONTENT : PHASE_DONE;
    courier->hop->messages++;
    if (early && smtp_reply_class(reply) == 2)
        settle_lost(courier, "it accepted the message before its end");
    else
        settle(courier, reply);
    if (early)
        resume_later(courier);
    else
        answer(courier, reply);
}

/* RFC 5321 4.3.2: 354 answers DATA and nothing else, 2xx everything else. Who answers otherwise has
 * lost count, and what he says of this message may be about another. */
static bool fits(const struct courier *courier, const struct smtp_reply *reply)
{
    bool to_data =
        courier->phase == PHASE_ENVELOPE && courier->script[courier->answered].line == LINE_DATA;
    int class = smtp_reply_class(reply);
    return class >= 4 || (to_data ? reply->code == 354 : class == 2);
}

static void on_replied(struct hop_owner *owner, const struct smtp_reply *reply)
{
    struct courier *courier = container_of(owner, struct courier, owner);
    if (!fits(courier, reply)) {
        struct error error;
        error_set(&error, EX_PROTOCOL,
                  "it answered \"%d %.200s\", which is no answer to what was said", reply->code,
                  reply->text);
        courier->hop->stream.broken = true;
        on_lost(owner, &error);
        return;
    }
    /* 421 to a warm connection's first words: it was about to close. */
    if (reply->code == 421 && courier->waiting && courier->hop->kind == HOP_POOLED &&
        replace(courier))
        return;
    courier->advice = smtp_advice(reply);
    struct smtp_reply room, quoted; /* the sender is to see who spoke */
    reply = error_policy_apply(courier->outbound, ERROR_FROM_NEXT_HOP, hop_host(courier->hop),
                               reply, &room);
    smtp_reply_quote(&quoted, reply, hop_host(courier->hop));
    if (courier->phase == PHASE_ENVELOPE)
        envelope_replied(courier, &quoted);
    else
        message_replied(courier, &quoted);
}

/* --- what the session asks --- */

struct courier *courier_new(struct worker *worker, struct snapshot *snapshot,
                            const struct conn_outbound *outbound, const struct smtp_mail *mail,
                            struct courier_client *client)
{
    struct courier *courier = calloc(1, sizeof *courier);
    if (!courier)
        return NULL;
    courier->owner = (struct hop_owner){.ready = on_ready,
                                        .failed = on_failed,
                                        .replied = on_replied,
                                        .lost = on_lost,
                                        .drained = on_drained};
    courier->worker = worker;
    courier->snapshot = snapshot;
    courier->outbound = outbound;
    courier->client = client;
    courier->mail = *mail;
    courier->started = loop_now(worker->loop);
    buffer_init(&courier->addresses, RECIPIENTS_TEXT_MAXIMUM);
    if (add_line(courier, LINE_RSET, 0) < 0 || add_line(courier, LINE_MAIL, 0) < 0) {
        free(courier->script);
        free(courier);
        return NULL;
    }
    return courier;
}

/* The new line is in the script: says it, over whatever connection there is or will be. */
static void proceed(struct courier *courier)
{
    courier->waiting = true;
    if (courier->verdict)
        answer_later(courier);
    else if (!courier->hop)
        get_hop(courier);
    else if (!courier->hop_lost)
        say_more(courier);
    else if (!replace(courier)) {
        settle_lost(courier, "the connection was lost");
        answer_later(courier);
    }
}

static int add_address(struct courier *courier, const struct smtp_recipient *recipient)
{
    char parameters[SMTP_RCPT_PARAMETERS_MAXIMUM];
    const char *address = recipient->path.address;
    smtp_rcpt_parameters(recipient, SMTP_PARAMETERS_DSN, parameters);
    if (buffer_append(&courier->addresses, address, strlen(address) + 1) < 0)
        return -1;
    return buffer_append(&courier->addresses, parameters, strlen(parameters) + 1);
}

void courier_recipient(struct courier *courier, const struct smtp_recipient *recipient)
{
    uint32_t offset = (uint32_t)buffer_length(&courier->addresses);
    courier->waiting = true;
    if (add_address(courier, recipient) < 0 || add_line(courier, LINE_RCPT, offset) < 0) {
        answer_later(courier); /* resources exhausted */
        return;
    }
    proceed(courier);
}

void courier_data(struct courier *courier)
{
    courier->waiting = true;
    if (add_line(courier, LINE_DATA, 0) < 0)
        answer_later(courier);
    else
        proceed(courier);
}

static const char *address_domain(const char *address)
{
    const char *at = strrchr(address, '@');
    return at ? at + 1 : "";
}

/* Whether a transaction's recipients already have this domain; `ret_others` is how many more they
 * have.
 */
static bool has_domain(const struct courier *courier, const char *domain, unsigned *ret_others)
{
    const char *bytes = buffer_bytes(&courier->addresses);
    unsigned others = 0;
    for (size_t i = 0; i < courier->length; i++) {
        const struct script_line *line = &courier->script[i];
        const char *own = line->line == LINE_RCPT ? address_domain(bytes + line->address) : NULL;
        bool seen = !own;
        if (own && strcasecmp(own, domain) == 0)
            return true;
        for (size_t j = 0; !seen && j < i; j++)
            seen = courier->script[j].line == LINE_RCPT &&
                   strcasecmp(own, address_domain(bytes + courier->script[j].address)) == 0;
        others += !seen;
    }
    *ret_others = others;
    return false;
}

bool courier_takes_another(const struct courier *courier, const char *domain)
{
    unsigned recipients = 0, others = 0;
    if (!courier->hop || !courier->hop_ready)
        return true;
    const struct smtp_offers *offers = &courier->hop->offers;
    for (size_t i = 0; i < courier->length; i++)
        recipients += courier->script[i].line == LINE_RCPT;
    if (offers->rcpt_maximum && recipients >= offers->rcpt_maximum)
        return false;
    return !recipients || !offers->rcpt_domain_maximum || has_domain(courier, domain, &others) ||
           others < offers->rcpt_domain_maximum;
}

int courier_write(struct courier *courier, const char *bytes, size_t length)
{
    if (courier->verdict || courier->hop_lost)
        return -1;
    return framing_write(&courier->framing, courier->hop, bytes, length);
}

size_t courier_unsent(const struct courier *courier)
{
    if (!courier->hop)
        return 0;
    return stream_unsent(&courier->hop->stream) + framing_backlog(&courier->framing);
}

uint64_t courier_size_maximum(const struct courier *courier)
{
    return courier->hop_ready ? courier->hop->offers.size_maximum : 0;
}

void courier_flush(struct courier *courier)
{
    if (courier->verdict || courier->hop_lost)
        return;
    hop_flush(courier->hop);
    hop_watch_progress(courier->hop, TIMEOUT_BLOCK);
}

/* The reply to data is expected since 354; only its time begins anew. */
static void await_final_reply(struct courier *courier)
{
    if (courier->framing.chunks)
        return;
    courier->hop->replies_awaited--;
    hop_expect_reply(courier->hop, TIMEOUT_FINAL);
}

void courier_finish(struct courier *courier)
{
    courier->waiting = true;
    if (!courier->verdict && framing_end(&courier->framing, courier->hop, TIMEOUT_FINAL) < 0)
        settle_lost(courier, "the connection was lost");
    if (courier->verdict) {
        answer_later(courier);
        return;
    }
    courier->phase = PHASE_END_SENT;
    hop_flush(courier->hop);
    await_final_reply(courier);
    if (courier->hop->stream.broken)
        hop_flush(courier->hop);
}

void courier_report(const struct courier *courier, struct courier_report *ret)
{
    int64_t ready = courier->ready_at ? courier->ready_at : now(courier);
    *ret = (struct courier_report){.hop = courier->hop,
                                   .kind = courier->kind,
                                   .advice = courier->advice,
                                   .hop_milliseconds = ready - courier->started,
                                   .mail_milliseconds =
                                       courier->accepted_at ? courier->accepted_at - ready : 0};
}

/* Nothing of a message is on the connection, or all of one, and nothing is awaited. */
static bool is_reusable(const struct courier *courier)
{
    const struct hop *hop = courier->hop;
    if (!courier->hop_ready || courier->hop_lost || hop->stream.broken || hop->replies_awaited)
        return false;
    if (courier->verdict && courier->verdict->code == 421)
        return false;
    return courier->phase == PHASE_ENVELOPE || courier->phase == PHASE_DONE;
}

void courier_end(struct courier *courier)
{
    loop_cancel_timer(courier->worker->loop, &courier->later);
    if (courier->hop && is_reusable(courier)) {
        if (courier->phase == PHASE_DONE)
            courier->hop->needs_reset = false;
        pool_put(courier->worker->pool, courier->hop);
    } else if (courier->hop) {
        hop_close(courier->hop, false);
    }
    framing_release(&courier->framing);
    buffer_release(&courier->addresses);
    free(courier->script);
    free(courier->verdict);
    free(courier);
}
