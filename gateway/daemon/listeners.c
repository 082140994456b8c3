/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See listeners.h. */
#include "gateway/daemon/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "connectors/address.h"

enum { BACKLOG = 1024 };

static void describe(struct listener *listener)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *four = (const struct sockaddr_in *)&listener->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&listener->address;
    if (listener->address.ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(listener->text, sizeof listener->text, "%s:%u", host, ntohs(four->sin_port));
    } else if (listener->address.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        snprintf(listener->text, sizeof listener->text, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        snprintf(listener->text, sizeof listener->text, "a socket of systemd's");
    }
}

int listeners_inherit(struct listeners *listeners, struct error *error)
{
    int count = sd_listen_fds(1), one = 1;
    if (count < 0)
        return error_set_errno(error, EX_OSERR, -count, "Cannot read what systemd passed");
    if (count > LISTENERS_MAXIMUM)
        return error_set(error, EX_CONFIG, "systemd passed %d sockets; %d are the most", count,
                         LISTENERS_MAXIMUM);
    for (int i = 0; i < count; i++) {
        struct listener *listener = &listeners->items[listeners->count];
        socklen_t length = sizeof listener->address;
        int fd = SD_LISTEN_FDS_START + i;
        *listener = (struct listener){.fd = fd, .inherited = true};
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
            getsockname(fd, (struct sockaddr *)&listener->address, &length) < 0 ||
            fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            return error_set(error, EX_CONFIG,
                             "Descriptor %d that systemd passed is no listening stream socket", fd);
        describe(listener);
        /* Not on a UNIX socket; a refusal costs latency only. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        listeners->count++;
    }
    return 0;
}

static const struct listener *find(const struct listeners *listeners,
                                   const struct sockaddr_storage *address)
{
    for (unsigned i = 0; i < listeners->count; i++)
        if (conn_same_address(&listeners->items[i].address, address))
            return &listeners->items[i];
    return NULL;
}

static int open_one(const struct conn_listener *wanted, struct listener *ret, struct error *error)
{
    int one = 1;
    int fd = socket(wanted->socket_address.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(error, EX_OSERR, errno, "Cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* what it accepts inherits it */
    if (wanted->socket_address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&wanted->socket_address, wanted->length) == 0 &&
        listen(fd, BACKLOG) == 0) {
        *ret = (struct listener){.fd = fd, .address = wanted->socket_address};
        describe(ret);
        return 0;
    }
    int number = errno;
    close(fd);
    error_set_errno(error, number == EACCES ? EX_NOPERM : EX_UNAVAILABLE, number,
                    "Cannot listen on %s", wanted->address);
    error_where(error, "%s:%d", wanted->place.file, wanted->place.line);
    if (number == EADDRINUSE)
        return error_cure(error, "see who has it: ss -ltnp");
    if (number == EACCES)
        return error_cure(error, "let systemd open it (posternd.socket), or grant "
                                 "CAP_NET_BIND_SERVICE");
    return error_cure(error, "check that the address is one of this machine's: ip address");
}

int listeners_open(const struct listeners *present, const struct conn_config *config,
                   struct listeners *ret, struct error *error)
{
    int result = 0;
    *ret = (struct listeners){.count = 0};
    for (unsigned i = 0; i < present->count; i++)
        if (present->items[i].inherited)
            ret->items[ret->count++] = present->items[i];
    for (size_t i = 0; result == 0 && i < config->listener_count; i++) {
        const struct conn_listener *wanted = &config->listeners[i];
        const struct listener *known = find(present, &wanted->socket_address);
        if (find(ret, &wanted->socket_address))
            continue;
        if (ret->count == LISTENERS_MAXIMUM)
            result = error_set(error, EX_CONFIG, "More than %d listeners", LISTENERS_MAXIMUM);
        else if (known)
            ret->items[ret->count++] = *known;
        else if ((result = open_one(wanted, &ret->items[ret->count], error)) == 0)
            ret->count++;
    }
    if (result == 0 && !ret->count) {
        result = error_set(error, EX_CONFIG, "There is nothing to listen on");
        error_cure(error, "add <Listener Address=\"0.0.0.0:25\"/> to postern.xml");
    }
    if (result < 0)
        listeners_close(ret, present);
    return result;
}

void listeners_close(struct listeners *listeners, const struct listeners *keep)
{
    for (unsigned i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        bool kept = listener->inherited;
        for (unsigned k = 0; keep && k < keep->count; k++)
            kept |= keep->items[k].fd == listener->fd;
        if (!kept)
            close(listener->fd);
    }
    listeners->count = 0;
}

unsigned listeners_descriptors(const struct listeners *listeners, int fds[LISTENERS_MAXIMUM])
{
    for (unsigned i = 0; i < listeners->count; i++)
        fds[i] = listeners->items[i].fd;
    return listeners->count;
}
