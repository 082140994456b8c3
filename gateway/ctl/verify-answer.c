/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify.h: a time out of a question, and a verdict as JSON. */
#include <stdio.h>
#include <string.h>

#include "gateway/control/wire.h"
#include "gateway/ctl/verify.h"

static bool read_offset(const char *text, long *seconds)
{
    int hours, minutes, end = 0;
    *seconds = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return true;
    if ((*text != '+' && *text != '-') ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || end != 5 || text[6] ||
        hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *seconds = (hours * 60L + minutes) * 60 * (*text == '-' ? -1 : 1);
    return true;
}

bool verify_time(const char *text, time_t *ret)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    long offset;
    if (!rest || rest != text + 10 || !strchr("Tt ", *rest) || !*rest)
        return false;
    const char *clock = rest + 1;
    rest = strptime(clock, "%H:%M:%S", &parts);
    if (!rest || rest != clock + 8)
        return false;
    if (*rest == '.') {
        size_t digits = strspn(rest + 1, "0123456789");
        if (!digits)
            return false;
        rest += 1 + digits;
    }
    if (!read_offset(rest, &offset))
        return false;
    int day = parts.tm_mday;
    time_t seconds = timegm(&parts);
    if (parts.tm_mday != day || seconds - offset <= 0)
        return false; /* the 30th of February has become another day */
    *ret = seconds - offset;
    return true;
}

static json_t *list_checks(const struct pki_peer_verdict *verdict)
{
    json_auto_t *list = json_array();
    for (unsigned check = PKI_CHECK_PRESENTED; list && check < PKI_CHECK_END; check++)
        if (json_array_append_new(list, json_pack("{s:s, s:s}", "check",
                                                  pki_check_name((enum pki_check)check), "outcome",
                                                  pki_outcome_name(verdict->outcomes[check]))) < 0)
            return NULL;
    return json_incref(list);
}

static json_t *text_or_null(const char *text)
{
    return *text ? control_text(text) : json_null();
}

json_t *verify_object(const struct pki_peer_verdict *verdict)
{
    bool failed = verdict->failed != PKI_CHECK_NONE;
    return json_pack(
        "{s:b, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "accepted",
        verdict->accepted, "outcome", verdict->accepted ? "accepted" : "refused", "failed",
        failed ? json_string(pki_check_name(verdict->failed)) : json_null(), "would_refuse",
        verdict->would_refuse, "reason", text_or_null(verdict->reason), "cure",
        text_or_null(verdict->cure), "checks", list_checks(verdict), "subject",
        text_or_null(verdict->subject), "issuer", text_or_null(verdict->issuer), "serial",
        text_or_null(verdict->serial), "expires", text_or_null(verdict->expires), "names",
        text_or_null(verdict->names), "fingerprint", text_or_null(verdict->fingerprint),
        "revocation", text_or_null(verdict->revocation));
}
