/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl doctor on what is around the gateway: names, next hops, and the clock. See doctor.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "gateway/control/shapes.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/doctor.h"
#include "pki/base/cleanup.h"

enum {
    HOSTS_MAXIMUM = 64, /* that are called; each may take as long as the following */
    CONNECT_MILLISECONDS = 5000,
    VALIDATION_SECONDS = 630, /* as long as a server may take for a reply */
};

/* The addresses of a name, for the port; NULL with an error that getaddrinfo() gives. */
static struct addrinfo *resolve(const char *host, unsigned port, int *ret_error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    *ret_error = getaddrinfo(host, service, &hints, &found);
    return *ret_error ? NULL : found;
}

static void judge_name(struct doctor *doctor, const char *name, const char *host, bool needed)
{
    char text[200];
    int failure, count = 0;
    struct addrinfo *found = resolve(host, 25, &failure);
    for (struct addrinfo *one = found; one; one = one->ai_next)
        count++;
    if (found)
        freeaddrinfo(found);
    if (count)
        snprintf(text, sizeof text, "it is found, with %d address%s", count,
                 count == 1 ? "" : "es");
    else
        snprintf(text, sizeof text, "it is not found: %s", gai_strerror(failure));
    if (count)
        doctor_well(doctor, name, host, text);
    else if (needed)
        doctor_fail(doctor, name, host, EX_UNAVAILABLE, text,
                    "mend the name in the connector, or see /etc/resolv.conf and the name servers");
    else
        doctor_warn(doctor, name, host, text,
                    "servers may look for the name that we say in EHLO: publish an address of "
                    "HostName, or choose a name that has one");
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* True when an earlier connector, or an earlier host of this one, has named the same host. */
static bool was_seen(const struct conn_config *config, size_t connector, size_t host, bool port)
{
    const struct conn_host *this = &config->outbound[connector].hosts[host];
    for (size_t i = 0; i <= connector; i++)
        for (size_t k = 0; k < config->outbound[i].host_count; k++) {
            const struct conn_host *other = &config->outbound[i].hosts[k];
            if (other == this)
                return false;
            if (config->outbound[i].enabled && strcmp(other->name, this->name) == 0 &&
                (!port || other->port == this->port))
                return true;
        }
    return false;
}

void doctor_check_dns(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    size_t asked = 0;
    if (!config)
        return;
    judge_name(doctor, name, config->host_name, false);
    for (size_t i = 0; i < config->outbound_count; i++)
        for (size_t k = 0; config->outbound[i].enabled && k < config->outbound[i].host_count; k++) {
            const char *host = config->outbound[i].hosts[k].name;
            if (!is_address(host) && !was_seen(config, i, k, false) && asked++ < HOSTS_MAXIMUM)
                judge_name(doctor, name, host, true);
        }
}

/* 0, or what stood in the way as errno has it. */
static int call(const struct addrinfo *address)
{
    _cleanup_close_ int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd poll_for = {.fd = fd, .events = POLLOUT};
    int failure = 0;
    socklen_t length = sizeof failure;
    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&poll_for, 1, CONNECT_MILLISECONDS) <= 0)
        return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0)
        return errno;
    return failure;
}

static void judge_host(struct doctor *doctor, const char *name,
                       const struct conn_outbound *outbound, const struct conn_host *host)
{
    char subject[300], text[260];
    int failure, answer = 0;
    struct addrinfo *found = resolve(host->name, host->port, &failure);
    if (!found)
        return; /* "dns" has told */
    snprintf(subject, sizeof subject, strchr(host->name, ':') ? "[%s]:%u" : "%s:%u", host->name,
             host->port);
    for (struct addrinfo *one = found; one; one = one->ai_next)
        if ((answer = call(one)) == 0)
            break;
    freeaddrinfo(found);
    if (answer == 0) {
        snprintf(text, sizeof text, "it can be reached, for outbound connector %.128s",
                 outbound->name);
        doctor_well(doctor, name, subject, text);
        return;
    }
    snprintf(text, sizeof text, "it cannot be reached for outbound connector %.100s: %.60s",
             outbound->name, strerror(answer));
    doctor_fail(doctor, name, subject, EX_UNAVAILABLE, text,
                answer == ECONNREFUSED
                    ? "see whether the server runs, and the port"
                    : "see the route and the firewalls: outgoing TCP to this port "
                      "must be open");
}

void doctor_check_smart_hosts(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    size_t called = 0, left = 0;
    char text[80];
    for (size_t i = 0; config && i < config->outbound_count; i++)
        for (size_t k = 0; config->outbound[i].enabled && k < config->outbound[i].host_count; k++) {
            if (was_seen(config, i, k, true))
                continue;
            if (called++ < HOSTS_MAXIMUM)
                judge_host(doctor, name, &config->outbound[i], &config->outbound[i].hosts[k]);
            else
                left++;
        }
    if (!left)
        return;
    snprintf(text, sizeof text, "%zu more were not called", left);
    doctor_warn(doctor, name, "smart hosts", text,
                "posternctl outbound validate, for each connector");
}

static void judge_connector(struct doctor *doctor, const char *name, const char *connector)
{
    struct error error;
    char text[700], cure[500];
    json_auto_t *result = NULL;
    if (ctl_query_with(doctor->arguments, CONTROL_OUTBOUND_VALIDATE,
                       json_pack("{s:s}", "name", connector), VALIDATION_SECONDS, &result,
                       &error) < 0) {
        doctor_fail(doctor, name, connector, error.code, error.what, error.cure);
        return;
    }
    if (strcmp(text_of(result, "outcome"), "passed") == 0) {
        snprintf(text, sizeof text, "its next hop %.200s takes our connection, %.20s",
                 text_of(result, "host"),
                 has_text(result, "tls_version") ? text_of(result, "tls_version") : "without TLS");
        doctor_well(doctor, name, connector, text);
        return;
    }
    snprintf(text, sizeof text, "mail would not go: step %.40s failed: %.500s",
             text_of(result, "failed_step"), text_of(result, "detail"));
    snprintf(cure, sizeof cure, "%s",
             has_text(result, "cure") ? text_of(result, "cure") : "posternctl outbound validate");
    doctor_fail(doctor, name, connector, EX_UNAVAILABLE, text, cure);
}

/* As mail would go, up to EHLO behind TLS. Those whose next hop depends on the recipient cannot be
 * tried without one. */
void doctor_check_outbound(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    size_t tried = 0;
    for (size_t i = 0; doctor->status && config && i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        if (outbound->enabled && outbound->host_count && tried++ < HOSTS_MAXIMUM)
            judge_connector(doctor, name, outbound->name);
    }
}

/* What the kernel knows of its clock; chrony, ntpd and timesyncd all tell it. */
void doctor_check_clock(struct doctor *doctor, const char *name)
{
    struct timex state = {0};
    int answer = adjtimex(&state);
    if (answer < 0)
        doctor_warn(doctor, name, "system clock", "nobody tells whether it is right",
                    "timedatectl status");
    else if (answer == TIME_ERROR || (state.status & STA_UNSYNC))
        doctor_warn(doctor, name, "system clock",
                    "it is not synchronised; certificates are judged by it",
                    "run chrony or systemd-timesyncd: timedatectl set-ntp true");
    else
        doctor_well(doctor, name, "system clock", "it is synchronised");
}
