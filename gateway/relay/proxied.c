/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session that came through a load balancer: for whom. Only a balancer that postern.xml names is
 * asked, so that nobody else can borrow an address. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/net/proxy.h"
#include "gateway/relay/session-private.h"

static void take_address(struct session *session, const struct sockaddr_storage *client)
{
    memcpy(session->balancer, session->peer, sizeof session->balancer);
    session->address = *client;
    session_describe_peer(session);
}

/* Nothing behind the header may be read here: it may belong to TLS. So it is looked at where it
 * lies, and then taken to its last byte. */
void session_take_proxy(struct session *session)
{
    char *bytes = session->worker->scratch;
    int fd = session->stream.watch.fd;
    struct sockaddr_storage client;
    size_t taken = 0;
    ssize_t count = recv(fd, bytes, PROXY_BLOCK_MAXIMUM, MSG_PEEK | MSG_DONTWAIT);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR))
            session_abort(session);
        return;
    }
    enum proxy_result result = proxy_parse(bytes, (size_t)count, &taken, &client);
    if (result == PROXY_MORE)
        return;
    if (result == PROXY_WRONG || recv(fd, bytes, taken, MSG_DONTWAIT) != (ssize_t)taken) {
        report_violation(session, "the balancer sent no PROXY header that can be read");
        session_abort(session);
        return;
    }
    if (result == PROXY_ADDRESS)
        take_address(session, &client);
    session_open_up(session);
}
