# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Smuggling: every end-of-data trick in the published collections is tried against us between
a strict and a lenient far end (Postfix, Exim, OpenSMTPD) and no second message ever comes out"."""

import pytest

from harness import xml
from harness.client import Client, Closed
from harness.pki import ENDPOINT, ENDPOINT_NAMES
from harness.relays import RELAYS, taken
from harness.smuggling import ENDINGS, LINES, wire
from harness.waiting import wait_until

SERVERS = {
    "Postfix, strict": ("Postfix", {"bare_newline": "yes"}),
    "Postfix, as before 2023": ("Postfix", {"bare_newline": "no"}),
    "Exim": ("Exim", {}),
    "OpenSMTPD": ("OpenSMTPD", {}),
}


@pytest.fixture
def server(request, pki, postern, cloud):
    """The server of that name with a sink behind it: (server, sink)."""
    name, more = SERVERS[request.param]
    credential = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, kind="RSA:2048")
    sink = cloud(trust=None)
    made = RELAYS[name](credential, pki.root.anchors, sink.host, **more)
    yield made, sink
    made.stop()


def attempt(client, content, pieces):
    """Whether the message was taken; what came behind it must not have been, so far as we are told."""
    client.ehlo()
    if pieces is in_one_chunk:
        client.command("MAIL FROM:<alice@contoso.com>")
        client.command("RCPT TO:<bob@example.com>")
    else:
        client.envelope()
    try:
        client.send(*pieces(content))
    except Closed:
        pass  # refused before all of it was sent
    reply = client.reply()
    try:
        while client.command("NOOP") != 250:
            pass
        client.send(b"QUIT\r\n")
        while not client.closed_by_peer():
            pass
    except Closed:
        pass
    return reply == 250


def at_once(content):
    return (content,)


def byte_by_byte(content):
    return (content[at : at + 1] for at in range(len(content)))


def in_one_chunk(content):
    return (b"BDAT %d LAST\r\n" % len(content) + content,)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_every_trick_gives_one_message_or_none(server, postern):
    far, sink = server
    gateway = postern(
        xml.inbound(TlsCertificateName="hybrid"), xml.outbound(hosts=[far.host]))
    with gateway.client() as client:
        chunking = "CHUNKING" in client.ehlo()
    expected = 0
    for trick in ENDINGS + LINES:
        for pieces in (at_once, byte_by_byte, *([in_one_chunk] if chunking else [])):
            for secure in (False, True):
                with gateway.client() as client:
                    if secure:
                        client.ehlo()
                        client.starttls()
                    was_taken = attempt(client, wire(trick), pieces)
                # A chunk has no end to be mistaken; what is in it is the next hop's affair.
                assert not (was_taken and trick in ENDINGS) or pieces is in_one_chunk, trick
                expected += was_taken
    assert gateway.send(b"Subject: the last\r\n\r\n") == 250
    expected += 1
    wait_until(lambda: len(sink.messages) >= expected, f"{expected} messages")
    assert taken(far) == expected == len(sink.messages)
    assert not any("smuggled" in message.mail for message in sink.messages)


@pytest.mark.parametrize("server", ["Postfix, as before 2023"], indirect=True)
def test_the_lenient_server_takes_the_bait_without_us(server):
    """Else the test above would show nothing."""
    far, sink = server
    took = []
    for trick in (b"\n.\n", b"\n.\r\n", b"\r\n.\n"):
        with Client(("127.0.0.1", far.port)) as client:
            before = taken(far)
            attempt(client, wire(trick), at_once)
            wait_until(lambda: taken(far) > before, "the first of them")
            took.append(taken(far) - before)
    wait_until(lambda: len(sink.messages) >= sum(took), "all of them")
    assert any("smuggled" in message.mail for message in sink.messages), took
