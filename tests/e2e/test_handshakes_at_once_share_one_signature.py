# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "TLS sessions resumed, so that most messages cost no handshake and no signature"; also when
many sessions begin at once, before there is anything to resume."""

import pytest

from harness.cloud import drop, silence
from harness.waiting import wait_until

SESSIONS = 4


def begin(gateway):
    """A client up to DATA, whose answer needs a connection to the cloud."""
    client = gateway.client()
    client.ehlo()
    client.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@far.example>\r\nDATA\r\n")
    return client


def finish(client):
    while (code := client.reply()) != 354:
        assert code == 250
    assert client.content(b"together\r\n") == 250


def asked(far, count):
    """So many connections have been told to begin TLS."""
    return sum("STARTTLS" in connection.commands for connection in far.connections) >= count


def when_asked(far, count, then=None):
    """Holds a handshake back until so many wait for it; the action of a step."""

    def act(connection):
        wait_until(lambda: asked(far, count), f"{count} sessions")
        return then and then(connection)

    return act


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_others_wait_for_the_ticket_of_the_first(line, version):
    gateway, far = line(
        gateway={"Workers": 1}, cloud_options={"minimum": version, "maximum": version}
    )
    far.once("HANDSHAKE", when_asked(far, SESSIONS))
    for client in [begin(gateway) for _ in range(SESSIONS)]:
        finish(client)
    resumed = sorted(connection.resumed for connection in far.connections)
    assert resumed == [False] + [True] * (SESSIONS - 1)
    assert all(connection.certificate for connection in far.connections)


def test_they_go_on_by_themselves_when_the_first_fails(line):
    gateway, far = line(gateway={"Workers": 1})
    far.once("HANDSHAKE", when_asked(far, 3, drop))
    clients = [begin(gateway) for _ in range(3)]
    codes = []
    for client in clients:
        codes.append(client.reply())
        while codes[-1] == 250:
            codes[-1] = client.reply()
    assert sorted(reply.code for reply in codes) == [354, 354, 454]


def test_they_do_not_wait_for_ever_when_the_first_hangs(line):
    gateway, far = line(gateway={"Workers": 1})
    far.once("HANDSHAKE", silence)
    stuck = begin(gateway)
    wait_until(lambda: asked(far, 1), "the first")
    finish(begin(gateway))
    assert len(far.messages) == 1
    stuck.abort()


def test_one_who_waits_may_leave(line):
    gateway, far = line(gateway={"Workers": 1})
    far.once("HANDSHAKE", when_asked(far, 3))
    clients = [begin(gateway)]
    wait_until(lambda: asked(far, 1), "the first")
    leaving = begin(gateway)
    wait_until(lambda: asked(far, 2), "the second")
    leaving.abort()
    clients.append(begin(gateway))
    for client in clients:
        finish(client)
    assert len(far.messages) == 2
