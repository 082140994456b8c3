# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Devices that break the RFC in the usual harmless ways … are served where the connector says
so"; BareLinefeed; TLS 1.0 and HELO for their own addresses, "while the cloud side stays at 1.2"."""

import pytest

from harness import xml
from harness.client import Closed

DEVICE, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def gateway(postern, cloud):
    far = cloud()
    made = postern(
        xml.inbound(
            "devices", SenderIPAddresses=[DEVICE], TlsMinimumVersion="1.0", LenientSyntax=True,
            BareLinefeed="Normalize",
        ),
        xml.inbound("others", SenderIPAddresses=[OTHER]),
        xml.tenant(far),
    )
    made.far = far
    return made


@pytest.mark.parametrize("hello", ["HELO", "HELO my_printer", "HELO 127.0.0.2", "EHLO floor 3", "EHLO (x)"])
@pytest.mark.parametrize("sender", ["FROM:a@contoso.com", "FROM: a@contoso.com", "from : < a@contoso.com >"])
def test_a_device_is_understood(gateway, hello, sender):
    client = gateway.client(source=DEVICE)
    assert client.command(hello) == 250
    assert client.command(f"MAIL {sender}") == 250
    assert client.command("RCPT TO : b@example.com") == 250
    assert client.command("DATA") == 354
    assert client.content(b"Subject: scan\r\n\r\nx\r\n") == 250
    assert "<a@contoso.com>" in gateway.far.last.mail
    assert "<b@example.com>" in gateway.far.last.recipients[0]


@pytest.mark.parametrize("line", ["HELO", "EHLO (x)"])
def test_another_is_held_to_the_rfc_at_hello(gateway, line):
    assert gateway.client(source=OTHER).command(line) == 501


@pytest.mark.parametrize("line", ["MAIL FROM:a@contoso.com", "MAIL FROM :<a@contoso.com>"])
def test_another_is_held_to_the_rfc_at_mail(gateway, line):
    client = gateway.client(source=OTHER)
    client.ehlo()
    assert client.command(line) == 501


def test_line_ends_are_mended(gateway):
    client = gateway.client(source=DEVICE)
    client.ehlo()
    client.envelope()
    client.send(b"Subject: scan\n\none\ntwo\rthree\n.\nfour\n.\r\nfive\r\r\nsix\r\n.\r\n")
    assert client.reply() == 250
    body = b"Subject: scan\r\n\r\none\r\ntwo\r\nthree\r\n.\r\nfour\r\n.\r\nfive\r\nsix\r\n"
    assert gateway.far.last.rest == body
    assert len(gateway.far.messages) == 1


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_another_is_refused_for_them(gateway, end):
    client = gateway.client(source=OTHER)
    client.ehlo()
    client.envelope()
    client.send(b"Subject: scan" + end + b"x\r\n.\r\n")
    assert client.reply() == (554, "5.6.0")


def test_nul_is_carried_as_any_byte(gateway):
    """RFC 5321 4.1.1.4: "The mail data may contain any of the 128 ASCII character codes"."""
    client = gateway.client(source=OTHER)
    client.ehlo()
    assert client.message(b"Subject: x\r\n\r\na\0b\r\n") == 250
    assert gateway.far.last.rest.endswith(b"\r\na\0b\r\n")


def test_a_device_with_tls_1_0_and_nobody_else(gateway):
    old = {"minimum": "1.0", "maximum": "1.0"}
    client = gateway.client(source=DEVICE)
    client.ehlo()
    client.starttls(**old)
    client.command("HELO my_printer")
    assert client.message() == 250
    assert client.socket.version() == "TLSv1"
    assert gateway.far.last.connection.tls_version in ("TLSv1.2", "TLSv1.3")
    other = gateway.client(source=OTHER)
    other.ehlo()
    with pytest.raises(Closed):
        other.starttls(**old)
