# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The harness against itself, without Postern: what the other tests trust must be true."""

import pytest

from harness.client import Client, Closed
from harness.cloud import after, drop
from harness.waiting import wait_until


def open_client(far, pki, **versions):
    client = Client(("127.0.0.1", far.port))
    client.ehlo()
    client.handshake_reply = client.starttls(certificate=pki.gateway, **versions)
    client.ehlo()
    return client


def test_a_message_is_recorded_with_certificate_and_version(pki, cloud):
    far = cloud()
    with open_client(far, pki, maximum="1.2") as client:
        assert client.message(b"Received: by me\r\n folded\r\n\r\n.dot\r\n") == (250, "2.0.0")
    assert far.last.content == b"Received: by me\r\n folded\r\n\r\n.dot\r\n"
    assert far.last.raw.endswith(b"\r\n..dot\r\n.\r\n")
    assert far.last.header == ("Received: by me folded", b"\r\n.dot\r\n")
    assert far.last.connection.certificate == pki.gateway.der
    assert far.last.connection.tls_version == "TLSv1.2"
    assert far.clear == ["EHLO client.example", "STARTTLS"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_resumed_session_is_seen_as_one(pki, cloud, version):
    far = cloud()
    with open_client(far, pki, minimum=version, maximum=version) as first:
        first.message()
        session, context = first.socket.session, first.context
    with Client(("127.0.0.1", far.port)) as second:
        second.ehlo()
        second.starttls(session=session, context=context)
        second.ehlo()
    assert [connection.resumed for connection in far.connections] == [False, True]


def test_a_client_without_certificate_gets_nowhere(pki, cloud):
    far = cloud()
    with Client(("127.0.0.1", far.port)) as client:
        client.ehlo()
        with pytest.raises(Closed):
            client.starttls()
            client.ehlo()


def test_a_script_replaces_replies_and_drops(pki, cloud):
    far = cloud(trust=None)
    far.once("MAIL", "451-4.3.0 one\n451 4.3.0 two")
    far.on(".", after("250 2.0.0 Yes", drop))
    with Client(("127.0.0.1", far.port)) as client:
        client.ehlo()
        assert client.command("MAIL FROM:<>").lines == ["4.3.0 one", "4.3.0 two"]
        assert client.message() == 250
        assert client.closed_by_peer()


def test_a_message_cut_short_is_not_complete(cloud):
    far = cloud(trust=None)
    with Client(("127.0.0.1", far.port)) as client:
        client.ehlo()
        client.envelope()
        client.send(b"Subject: half\r\n.", b".\r\n")
        wait_until(lambda: far.seen and far.seen[0].size == 19, "the half")
    far.rest()
    assert far.seen[0].content == b"Subject: half\r\n.\r\n" and not far.messages
