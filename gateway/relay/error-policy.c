/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See error-policy.h. */
#include "gateway/relay/error-policy.h"

#include "pki/base/log.h"

/* The class that a refusal is turned into; 0: it stays. */
static int wanted_class(unsigned policies, enum error_source source, const struct smtp_reply *reply)
{
    int class = smtp_reply_class(reply);
    if (source == ERROR_FROM_DNS)
        return class == 5 && policies & CONN_ERRORS_DOWNGRADE_DNS ? 4 : 0;
    if (class == 5 && policies & CONN_ERRORS_DOWNGRADE_CUSTOM)
        return 4;
    return class == 4 && reply->code != 421 && policies & CONN_ERRORS_UPGRADE_CUSTOM ? 5 : 0;
}

/* Codes that are not known in the other class become its plainest. */
static int translate(int code, int class)
{
    static const int known[] = {450, 451, 452, 454, 455, 550, 551, 552, 554, 555};
    int other = class * 100 + code % 100;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == other)
            return other;
    return class == 4 ? 450 : 550;
}

static void change(const struct smtp_reply *reply, int class, struct smtp_reply *ret)
{
    smtp_reply_copy(ret, reply);
    ret->code = translate(reply->code, class);
    /* RFC 2034: each line may begin with the status. */
    for (char *line = ret->text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (line[0] == '0' + smtp_reply_class(reply) && line[1] == '.')
            line[0] = (char)('0' + class);
}

const struct smtp_reply *error_policy_apply(const struct conn_outbound *outbound,
                                            enum error_source source, const char *host,
                                            const struct smtp_reply *reply, struct smtp_reply *room)
{
    struct log log;
    int class = wanted_class(outbound->error_policies, source, reply);
    if (!class)
        return reply;
    change(reply, class, room);
    log_event(&log, LOG_EVENT_REPLY_CHANGED, "ErrorPolicies of connector %s made %d of %d",
              outbound->name, room->code, reply->code);
    log_text(&log, "outbound", outbound->name);
    log_text(&log, "host", host);
    log_number(&log, "original-code", reply->code);
    log_text(&log, "original-reply", reply->text);
    log_number(&log, "code", room->code);
    log_text(&log, "reply", room->text);
    log_end(&log);
    return room;
}
