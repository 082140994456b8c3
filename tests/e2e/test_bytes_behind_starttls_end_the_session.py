# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "bytes after STARTTLS in the same segment (dropped, with the session)". Threats C5
(CVE-2011-0411): "plaintext commands after STARTTLS executed inside TLS"."""

import pytest

from harness.client import Closed


@pytest.mark.parametrize(
    "behind",
    [b"EHLO evil.example\r\n", b"MAIL FROM:<x@contoso.com>\r\n", b"NOOP\r\n" * 50, b"R", b"\r\n"],
)
def test_the_session_ends_and_nothing_was_obeyed(plain, behind):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.send(b"STARTTLS\r\n" + behind)
    with pytest.raises(Closed):
        reply = client.reply()
        assert reply.code in (220, 501, 503, 554)
        if reply == 220:
            client.handshake()
            client.ehlo()
        client.reply()
    event = gateway.wait_for("protocol-violation")
    assert event["session"] and "STARTTLS" in event.line
    assert not far.connections


def test_without_them_it_is_fine(plain):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.send(b"START", b"TLS", b"\r\n")
    assert client.reply() == 220
    client.handshake()
    client.ehlo()
    assert client.message() == 250


def test_what_was_said_before_tls_is_forgotten(plain):
    """RFC 3207 4.2: "The server MUST discard any knowledge obtained from the client"."""
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo("liar.example")
    client.command("MAIL FROM:<before@contoso.com>")
    reply = client.command("STARTTLS")
    if reply == 220:
        client.handshake()
        assert client.command("RCPT TO:<bob@example.com>") == 503
        assert client.command("MAIL FROM:<alice@contoso.com>") == 503, "EHLO comes first, again"
    else:
        assert reply == 503


def test_starttls_inside_tls_is_refused(plain):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.starttls()
    assert "STARTTLS" not in client.ehlo()
    assert client.command("STARTTLS") == 503
    assert client.message() == 250


def test_starttls_with_a_parameter_is_refused(plain):
    """RFC 3207 4: "501 Syntax error (no parameters allowed)"."""
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    assert client.command("STARTTLS now") == 501


def test_rubbish_instead_of_a_handshake_ends_the_session_alone(plain):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    assert client.command("STARTTLS") == 220
    client.send(b"MAIL FROM:<alice@contoso.com>\r\n" * 20)
    while not client.closed_by_peer():
        pass
    assert gateway.wait_for("tls-failed")["session"]
    assert gateway.send() == 250


def test_half_a_command_does_not_survive_tls(plain):
    """Threats C6b (CVE-2020-28018): half a command in TLS, shutdown, the rest in plain text."""
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.starttls()
    client.ehlo()
    client.send(b"MAIL FROM:<alice@cont")
    try:
        client.socket = client.socket.unwrap()
        client.send(b"oso.com>\r\n", b"STARTTLS\r\n")
        assert client.closed_by_peer()
    except (OSError, Closed):
        pass
    assert gateway.send() == 250
